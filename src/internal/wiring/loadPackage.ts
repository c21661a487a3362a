/** Optional packages, loaded where they are needed. */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"

/** The configuration needs a package that isn't installed, or that can't be loaded. @category errors @since 0.1.0 */
export class MissingPackage extends Schema.TaggedError<MissingPackage>()("MissingPackage", { reason: Schema.String }) {
  override get message(): string {
    return this.reason
  }
  /** The same error with further advice. */
  orElse(advice: string): MissingPackage {
    return new MissingPackage({ reason: `${this.reason}; ${advice}` })
  }
}

const isMissing = (cause: unknown): boolean =>
  cause instanceof Error && "code" in cause && (cause.code === "ERR_MODULE_NOT_FOUND" || cause.code === "MODULE_NOT_FOUND")

/** Imports a module that needs `packages`. The message of a failure begins with `feature`. */
export const loadPackage = <A>(feature: string, packages: string, run: () => Promise<A>): Effect.Effect<A, MissingPackage> =>
  Effect.tryPromise({
    try: run,
    catch: (cause) =>
      new MissingPackage({
        reason: isMissing(cause)
          ? `${feature} needs a package that isn't installed: npm install ${packages}`
          : `${feature} can't be loaded: ${(cause instanceof Error ? cause.message : String(cause)).split("\n")[0]}`,
      }),
  })
