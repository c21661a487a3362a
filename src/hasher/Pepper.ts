/**
 * A pepper is a secret of the server that goes into every hash and lives outside the database: who steals the table alone can't test
 * guesses.
 * @since 0.1.0
 */
import * as Config from "effect/Config"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"

/** How short a pepper may be, in bytes of UTF-8. @category models @since 0.1.0 */
export const minimumBytes = 16

/** The pepper is shorter than {@link minimumBytes}, so the layer wasn't built. @category errors @since 0.1.0 */
export class PepperTooShort extends Schema.TaggedError<PepperTooShort>()("PepperTooShort", { actualBytes: Schema.Int }) {
  override get message(): string {
    return `The pepper has ${this.actualBytes} bytes; it needs at least ${minimumBytes} (API_KEY_PEPPER, openssl rand -base64 32)`
  }
}

/** @category models @since 0.1.0 */
export interface PepperOptions {
  /** At least 16 bytes of UTF-8, random. Without it a built-in one is used, which protects nothing, and a warning is logged. */
  readonly pepper?: Redacted.Redacted | undefined
}

/**
 * The pepper in `API_KEY_PEPPER`, if there is one.
 * @category config
 * @since 0.1.0
 */
export const config: Config.Config<PepperOptions> = Config.option(Config.Redacted("API_KEY_PEPPER")).pipe(
  Config.map((pepper) => ({ pepper: Option.getOrUndefined(pepper) })),
)

/**
 * Gives the pepper's bytes. Without a pepper it gives the built-in one and logs a warning, once each time it runs: each layer runs it once.
 * @category constructors
 * @since 0.1.0
 */
export const toBytes = Effect.fnUntraced(function* ({ pepper }: PepperOptions): Effect.fn.Return<Buffer, PepperTooShort> {
  if (pepper === undefined) {
    yield* Effect.logWarning(
      "No pepper is configured, so API keys are hashed with a built-in one that anybody can read. Set API_KEY_PEPPER to at least 16 random bytes, for example from: openssl rand -base64 32",
    )
    return Buffer.from("effect-api-key: built-in pepper, protects nothing", "utf8")
  }
  const bytes = Buffer.from(Redacted.value(pepper), "utf8")
  return bytes.length < minimumBytes ? yield* new PepperTooShort({ actualBytes: bytes.length }) : bytes
})
