/** A ring of secrets, the current one first. It is read from the configuration, checked, and loaded again while the program runs. */
import { isUtf8 } from "node:buffer"
import { readFile } from "node:fs/promises"
import * as Cause from "effect/Cause"
import * as Config from "effect/Config"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import * as Semaphore from "effect/Semaphore"

export interface Entry {
  readonly id: string
  readonly value: Redacted.Redacted
}

export interface Ring {
  readonly current: Entry
  readonly older: ReadonlyArray<Entry>
}

/** Whether two rings have the same ids and values, in the same order. */
export const isSame = (a: Ring, b: Ring): boolean => {
  const others = [b.current, ...b.older]
  return (
    others.length === 1 + a.older.length &&
    [a.current, ...a.older].every(({ id, value }, index) => {
      const other = others[index]
      return other !== undefined && id === other.id && Redacted.value(value) === Redacted.value(other.value)
    })
  )
}

/** The least length of a secret, in bytes of UTF-8. */
export const minimumBytes = 16

// A fault has no word of the configuration, not even an id. In an item written as `value:id` by mistake, the id is the secret.

/** The first unsound entry of a ring. The current entry has position 1. */
export type Fault =
  | { readonly reason: "InvalidId" | "DuplicateId" | "DuplicateValue"; readonly position: number }
  | { readonly reason: "TooShort"; readonly position: number; readonly actualBytes: number }

export const findFault = ({ current, older }: Ring, idPattern: RegExp): Fault | undefined => {
  const ids = new Set<string>()
  const values = new Set<string>()
  for (const [index, { id, value: redacted }] of [current, ...older].entries()) {
    const position = index + 1
    const value = Redacted.value(redacted)
    if (!idPattern.test(id)) return { reason: "InvalidId", position }
    const actualBytes = Buffer.byteLength(value, "utf8")
    if (actualBytes < minimumBytes) return { reason: "TooShort", position, actualBytes }
    if (ids.has(id)) return { reason: "DuplicateId", position }
    // With one value under two ids, a hash would be valid under either label. A change from one id to the other would change nothing.
    if (values.has(value)) return { reason: "DuplicateValue", position }
    ids.add(id)
    values.add(value)
  }
  return undefined
}

/** The places in which a ring is configured: a variable, or the file that another variable names. */
export interface Source {
  readonly list: Option.Option<Redacted.Redacted>
  readonly file: Option.Option<Redacted.Redacted>
}

export const source = (list: string, file: string): Config.Config<Source> =>
  Config.all({ list: Config.option(Config.Redacted(list)), file: Config.option(Config.Redacted(file)) })

export class TwoSources extends Schema.TaggedError<TwoSources>()("TwoSources", {}) {}

/** The file can't be read. Only the error's code is kept. Its path is a secret if the two variables were mixed up. */
export class Unreadable extends Schema.TaggedError<Unreadable>()("Unreadable", { code: Schema.String }) {}

/** The items as they are written, or `undefined` where no ring is configured. A file is read anew each time. */
export const readItems = ({ list, file }: Source): Effect.Effect<ReadonlyArray<string> | undefined, TwoSources | Unreadable> => {
  if (Option.isSome(list) && Option.isSome(file)) return Effect.fail(new TwoSources())
  if (Option.isSome(list)) {
    return Effect.succeed(
      Redacted.value(list.value)
        .split(",")
        .map((item) => item.trim()),
    )
  }
  if (Option.isNone(file)) return Effect.undefined
  const path = Redacted.value(file.value)
  return Effect.tryPromise({
    try: (signal) => readFile(path, { signal }),
    catch: (cause) => new Unreadable({ code: cause instanceof Error && "code" in cause ? String(cause.code) : "unknown" }),
  }).pipe(
    // Raw random bytes would become replacement characters, and lose most of their randomness.
    Effect.filterOrFail(isUtf8, () => new Unreadable({ code: "not UTF-8" })),
    Effect.map((bytes) =>
      bytes
        .toString("utf8")
        .split("\n")
        .map((line) => line.trim())
        .filter((line) => line !== "" && !line.startsWith("#")),
    ),
  )
}

/** The entry of an item `id:value`, or `undefined` for any other text. */
export const parseItem = (item: string, label: string): Entry | undefined => {
  const colon = item.indexOf(":")
  return colon < 1 ? undefined : { id: item.slice(0, colon).trim(), value: Redacted.make(item.slice(colon + 1).trim(), { label }) }
}

/** The ring that was loaded last, and the way to load it now. */
export interface Reloading<A> {
  readonly latest: Effect.Effect<A>
  readonly reload: Effect.Effect<void>
}

/**
 * Loads a ring once, and then again at an interval until the scope closes. If a later load fails, the ring stays, and a warning is logged.
 * The warning shows the message of an error that `isOwn` knows. Of other errors it shows the tag alone, as their text may quote a secret.
 * As long as the ring has the same content, it is the same object.
 */
export const reloading = Effect.fnUntraced(function* <A extends Ring | undefined, E, R>(options: {
  readonly load: Effect.Effect<A, E, R>
  readonly every: Duration.Input
  /** The layer that takes `every`, as an error message names it. */
  readonly layer: string
  /** The plural that begins a log message, such as `The peppers`. */
  readonly subject: string
  readonly isOwn: (error: unknown) => error is Error
}): Effect.fn.Return<Reloading<A>, E, Exclude<R, Scope.Scope> | Scope.Scope> {
  const context = yield* Effect.context<Exclude<R, Scope.Scope>>()
  const load = options.load.pipe(Effect.scoped, Effect.provideContext(context))
  const semaphore = yield* Semaphore.make(1)
  // A text that TypeScript hasn't checked fails the build of the layer. In the fiber such a failure would go unnoticed, and the ring
  // would never change.
  const every = Option.getOrUndefined(Duration.fromInput(options.every))
  if (every === undefined) return yield* Effect.die(new TypeError(`\`every\` of ${options.layer} must be a duration, such as 1 minute`))
  let latest = yield* load
  const reload = load.pipe(
    Effect.map((loaded) => {
      if (latest === undefined || loaded === undefined || !isSame(latest, loaded)) latest = loaded
    }),
    Effect.catchCause((cause) =>
      Effect.logWarning(
        `${options.subject} couldn't be loaded again, so those from before stay in use: ${describe(Cause.squash(cause), options.isOwn)}`,
      ),
    ),
    semaphore.withPermit,
  )
  yield* Effect.forkScoped(Effect.forever(Effect.andThen(Effect.sleep(every), reload)))
  return { latest: Effect.sync(() => latest), reload }
})

const describe = (error: unknown, isOwn: (error: unknown) => error is Error): string => {
  if (isOwn(error)) return error.message
  if (typeof error !== "object" || error === null) return typeof error
  return "_tag" in error ? String(error._tag) : error.constructor.name
}
