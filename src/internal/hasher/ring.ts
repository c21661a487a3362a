/** A ring of secrets, the current one first: how it is read from the configuration, checked, and loaded again while the program runs. */
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

/** Whether two rings say the same. */
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

/** In bytes of UTF-8. */
export const minimumBytes = 16

// A fault has no word of the configuration, not even an id: in `value:id` the id is the secret.

/** The first entry that is unsound, counted from 1 on. */
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
    // A value under two ids would let what it made be relabelled, and a change from one to the other would only look like one.
    if (values.has(value)) return { reason: "DuplicateValue", position }
    ids.add(id)
    values.add(value)
  }
  return undefined
}

/** Where a ring is configured: in a variable, or in the file that another one names. */
export interface Source {
  readonly list: Option.Option<Redacted.Redacted>
  readonly file: Option.Option<Redacted.Redacted>
}

export const source = (list: string, file: string): Config.Config<Source> =>
  Config.all({ list: Config.option(Config.Redacted(list)), file: Config.option(Config.Redacted(file)) })

export class TwoSources extends Schema.TaggedError<TwoSources>()("TwoSources", {}) {}

/** The file can't be read. The whole error has its path, which is a secret if somebody mistook one variable for the other. */
export class Unreadable extends Schema.TaggedError<Unreadable>()("Unreadable", { code: Schema.String }) {}

/** The items as they are written; `undefined` where no ring is configured. A file is read anew each time. */
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
    try: (signal) => readFile(path, { encoding: "utf8", signal }),
    catch: (cause) => new Unreadable({ code: cause instanceof Error && "code" in cause ? String(cause.code) : "unknown" }),
  }).pipe(
    Effect.map((text) =>
      text
        .split("\n")
        .map((line) => line.trim())
        .filter((line) => line !== "" && !line.startsWith("#")),
    ),
  )
}

/** The entry of an item `id:value`; `undefined` of anything else. */
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
 * Loads a ring once, and then again at an interval until the scope closes. A later load that fails leaves what there is, and a warning is logged. It shows
 * the message of errors that `isOwn` knows, and of others the tag alone, lest they quote
 * what they couldn't read. As long as the ring says the same it is the same object.
 */
export const reloading = Effect.fnUntraced(function* <A extends Ring | undefined, E, R>(options: {
  readonly load: Effect.Effect<A, E, R>
  readonly every: Duration.Input
  /** The layer that is given `every`. */
  readonly layer: string
  /** What is loaded, at the beginning of a sentence. */
  readonly subject: string
  readonly isOwn: (error: unknown) => error is Error
}): Effect.fn.Return<Reloading<A>, E, Exclude<R, Scope.Scope> | Scope.Scope> {
  const context = yield* Effect.context<Exclude<R, Scope.Scope>>()
  const load = options.load.pipe(Effect.scoped, Effect.provideContext(context))
  const semaphore = yield* Semaphore.make(1)
  // Text that isn't checked by TypeScript fails the build: a fiber that fails later would leave the ring as it is, unnoticed.
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
