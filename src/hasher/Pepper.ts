/**
 * A pepper is a secret of the server that goes into every hash and lives outside the database: who steals the table alone can't test
 * guesses.
 *
 * One is enough, in `API_KEY_PEPPER` or as an option of a hasher's `layer`. To change it later there is a ring of them, {@link Peppers}: the
 * current one hashes, and the older ones check what they hashed. Each has an id, which is stored in front of the hash; the id isn't secret.
 * @since 0.1.0
 */
import * as Config from "effect/Config"
import * as Context from "effect/Context"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import * as Ring from "../internal/hasher/ring.ts"

/** How short a pepper may be, in bytes of UTF-8. @category models @since 0.1.0 */
export const minimumBytes: number = Ring.minimumBytes

/** @category models @since 0.1.0 */
export interface PepperOptions {
  /** At least 16 bytes of UTF-8, random. Without it a built-in one is used, which protects nothing: with a warning, and where keys are kept for good only if it is accepted. */
  readonly pepper?: Redacted.Redacted | undefined
}

/** @category models @since 0.1.0 */
export interface Pepper {
  /** 1 to 32 of `A-Z a-z 0-9 _ -`, or `""` for the one whose hashes bear no label. Stored with each hash. */
  readonly id: string
  /** At least 16 bytes of UTF-8, random. */
  readonly value: Redacted.Redacted
}

/** The pepper that new hashes are made with, and those that old hashes need. @category models @since 0.1.0 */
export interface PepperRing {
  readonly current: Pepper
  readonly older: ReadonlyArray<Pepper>
}

/**
 * The built-in pepper, which anybody can read: what hashed when none was configured. As an older one it lets those hashes be left behind.
 * @category models
 * @since 0.1.0
 */
export const builtIn: Pepper = { id: "", value: Redacted.make("effect-api-key: built-in pepper, protects nothing", { label: "pepper" }) }

// None of these shows a word of the configuration, not even an id: where somebody wrote `value:id`, the id is the secret.

/** A pepper is shorter than {@link minimumBytes}. @category errors @since 0.1.0 */
export class PepperTooShort extends Schema.TaggedError<PepperTooShort>()("PepperTooShort", {
  actualBytes: Schema.Int,
  /** In a ring: which one, counted from 1 on, the current one first. */
  position: Schema.optionalKey(Schema.Int),
}) {
  override get message(): string {
    const which = this.position === undefined ? "The pepper" : `Pepper ${this.position} of the ring`
    return `${which} has ${this.actualBytes} bytes; it needs at least ${minimumBytes} (API_KEY_PEPPER, openssl rand -base64 32)`
  }
}

/** The peppers don't make a ring. @category errors @since 0.1.0 */
export class InvalidPeppers extends Schema.TaggedError<InvalidPeppers>()("InvalidPeppers", {
  reason: Schema.Literals(["Malformed", "InvalidId", "DuplicateId", "DuplicateValue", "Empty", "TwoSources"]),
  /** Which one, counted from 1 on, the current one first; lines that are blank or comments don't count. */
  position: Schema.optionalKey(Schema.Int),
}) {
  override get message(): string {
    const which = `Pepper ${this.position} of the ring`
    switch (this.reason) {
      case "Malformed":
        return `${which} must be written id:value, or built-in, or API_KEY_PEPPER if that is set`
      case "InvalidId":
        return `${which} needs an id of 1 to 32 letters, digits, _ or -`
      case "DuplicateId":
        return `${which} has the id of one before it (API_KEY_PEPPER and the built-in one are both without an id)`
      case "DuplicateValue":
        return `${which} has the value of one before it, so changing from one to the other would change nothing`
      case "Empty":
        return "There is no pepper: API_KEY_PEPPERS, or the file that API_KEY_PEPPERS_FILE names, has no line. It is written id:value, the value at least 16 random bytes (openssl rand -base64 32)"
      case "TwoSources":
        return "API_KEY_PEPPERS and API_KEY_PEPPERS_FILE are both set: keep one"
    }
  }
}

/** The peppers couldn't be read, so they aren't known. `reason` is shown to the operator. @category errors @since 0.1.0 */
export class PeppersUnavailable extends Schema.TaggedError<PeppersUnavailable>()("PeppersUnavailable", { reason: Schema.String }) {
  override get message(): string {
    return `The peppers can't be read: ${this.reason}`
  }
}

/** Why there is no ring. @category errors @since 0.1.0 */
export type PepperError = PepperTooShort | InvalidPeppers | PeppersUnavailable

/**
 * The ring of peppers. Hashers read it for each hash that they make or check, so it may change while they run; what they prepare of a
 * pepper they keep for as long as it is in the ring.
 *
 * In a service of one's own, `ring` should cost nothing and give the same object until something changes: {@link layerReloading} does that
 * over anything that is slower.
 * @category services
 * @since 0.1.0
 */
export class Peppers extends Context.Service<
  Peppers,
  {
    readonly ring: Effect.Effect<PepperRing, PepperError>
    /** Reads the peppers again, where they come from somewhere. If that fails, the ring stays as it is and a warning is logged. */
    readonly reload?: Effect.Effect<void>
  }
>()("effect-api-key/Peppers") {}

/**
 * Gives the ring back if it is sound: every id and value of the right form, and none of them twice.
 * @category constructors
 * @since 0.1.0
 */
export const checkRing = Effect.fnUntraced(function* (ring: PepperRing): Effect.fn.Return<PepperRing, PepperTooShort | InvalidPeppers> {
  const fault = Ring.findFault(ring, /^[A-Za-z0-9_-]{0,32}$/)
  if (fault === undefined) return ring
  const { position } = fault
  return fault.reason === "TooShort"
    ? yield* new PepperTooShort({ actualBytes: fault.actualBytes, position })
    : yield* new InvalidPeppers({ reason: fault.reason, position })
})

/**
 * The pepper in `API_KEY_PEPPER`, if there is one.
 * @category config
 * @since 0.1.0
 */
export const config: Config.Config<PepperOptions> = Config.option(Config.Redacted("API_KEY_PEPPER")).pipe(
  Config.map((pepper) => ({ pepper: Option.getOrUndefined(pepper) })),
)

/**
 * Reads the ring from the configuration; a file is read anew each time.
 *
 * - `API_KEY_PEPPERS`: the peppers as `id:value`, separated by commas, the current one first.
 * - `API_KEY_PEPPERS_FILE`: instead of it, a file with one a line; blank lines and lines that begin with `#` don't count.
 * - `API_KEY_PEPPER`: the one without a label, and the last of the ring; the only one if neither of the others is set.
 *
 * In a list, `API_KEY_PEPPER` stands for that variable's, which gives it another place, and `built-in` for {@link builtIn}, which is also
 * what there is if nothing is set.
 * @category config
 * @since 0.1.0
 */
export const loadConfig: Effect.Effect<PepperRing, PepperError | Config.ConfigError> = Effect.gen(function* () {
  const { source, value } = yield* Config.all({
    source: Ring.source("API_KEY_PEPPERS", "API_KEY_PEPPERS_FILE"),
    value: Config.option(Config.Redacted("API_KEY_PEPPER")),
  })
  const unlabelled = Option.getOrUndefined(Option.map(value, (value): Pepper => ({ id: "", value })))
  const items = (yield* readItems(source)) ?? [unlabelled === undefined ? "built-in" : "API_KEY_PEPPER"]
  const named = yield* Effect.forEach(items, (item, index): Effect.Effect<Pepper, InvalidPeppers> => {
    if (item === "built-in") return Effect.succeed(builtIn)
    if (item === "API_KEY_PEPPER" && unlabelled !== undefined) return Effect.succeed(unlabelled)
    const pepper = Ring.parseItem(item, "pepper")
    return pepper === undefined ? Effect.fail(new InvalidPeppers({ reason: "Malformed", position: index + 1 })) : Effect.succeed(pepper)
  })
  const [current, ...older] = unlabelled === undefined || named.includes(unlabelled) ? named : [...named, unlabelled]
  // Of a file without a pepper.
  if (current === undefined || items.length === 0) return yield* new InvalidPeppers({ reason: "Empty" })
  return yield* checkRing({ current, older })
})

const readItems = (source: Ring.Source) =>
  Ring.readItems(source).pipe(
    Effect.catchTags({
      TwoSources: () => Effect.fail(new InvalidPeppers({ reason: "TwoSources" })),
      Unreadable: ({ code }) => Effect.fail(new PeppersUnavailable({ reason: `the file in API_KEY_PEPPERS_FILE (${code})` })),
    }),
  )

/**
 * A ring that stays as it is.
 * @category layers
 * @since 0.1.0
 */
export const layerRing = (ring: PepperRing): Layer.Layer<Peppers, PepperTooShort | InvalidPeppers> => Layer.effect(Peppers, fixed(ring))

/**
 * The ring that {@link loadConfig} reads, once.
 * @category layers
 * @since 0.1.0
 */
export const layerConfig: Layer.Layer<Peppers, PepperError | Config.ConfigError> = Layer.effect(
  Peppers,
  Effect.flatMap(loadConfig, (ring) => fixed(ring)),
)

/**
 * A ring that is loaded, from a key management service say, before the layer is there, and again at an interval and by {@link reload}.
 *
 * If the first load fails, so does the layer. If a later one fails or gives an unsound ring, the last sound one stays and a warning is
 * logged, which names the error's tag but shows nothing else of an error that isn't ours, lest it quote what it couldn't read. Loads don't
 * overlap; one that may hang should have a timeout of its own.
 * @category layers
 * @since 0.1.0
 * @example
 * ```ts
 * import { Layer } from "effect"
 * import * as Hmac from "effect-api-key/hasher/Hmac"
 * import * as Pepper from "effect-api-key/hasher/Pepper"
 *
 * const peppers = Pepper.layerReloading({ load: Pepper.loadConfig, every: "1 minute" })
 * const hasher = Hmac.layerPeppers.pipe(Layer.provide(peppers))
 * ```
 */
export const layerReloading = <E, R>(options: {
  readonly load: Effect.Effect<PepperRing, E, R>
  /** How long to wait between two loads. */
  readonly every: Duration.Input
}): Layer.Layer<Peppers, E | PepperTooShort | InvalidPeppers, Exclude<R, Scope.Scope>> =>
  Layer.effect(
    Peppers,
    Effect.gen(function* () {
      const { latest, reload } = yield* Ring.reloading({
        load: Effect.flatMap(options.load, checkRing),
        every: options.every,
        layer: "Pepper.layerReloading",
        subject: "The peppers",
        isOwn,
      })
      yield* warnOfBuiltIn(yield* latest)
      return { ring: latest, reload }
    }),
  )

/**
 * Reads the peppers again, where they come from somewhere ({@link layerReloading}).
 * @category combinators
 * @since 0.1.0
 */
export const reload: Effect.Effect<void, never, Peppers> = Peppers.use((peppers) => peppers.reload ?? Effect.void)

/**
 * Gives the pepper's bytes. Without a pepper it gives the built-in one and logs a warning, once each time it runs: each layer runs it once.
 * @category constructors
 * @since 0.1.0
 */
export const toBytes = Effect.fnUntraced(function* ({ pepper }: PepperOptions): Effect.fn.Return<Uint8Array, PepperTooShort> {
  const value = pepper ?? builtIn.value
  yield* warnOfBuiltIn({ current: { id: "", value }, older: [] })
  const bytes = Buffer.from(Redacted.value(value), "utf8")
  return bytes.length < minimumBytes ? yield* new PepperTooShort({ actualBytes: bytes.length }) : bytes
})

const fixed = Effect.fnUntraced(function* (ring: PepperRing): Effect.fn.Return<Peppers["Service"], PepperTooShort | InvalidPeppers> {
  yield* checkRing(ring)
  yield* warnOfBuiltIn(ring)
  return { ring: Effect.succeed(ring) }
})

const warnOfBuiltIn = ({ current }: PepperRing): Effect.Effect<void> =>
  Redacted.value(current.value) === Redacted.value(builtIn.value)
    ? Effect.logWarning(
        "No pepper is configured, so API keys are hashed with a built-in one that anybody can read. Set API_KEY_PEPPER to at least 16 random bytes, for example from: openssl rand -base64 32",
      )
    : Effect.void

const isOwn = (error: unknown): error is PepperError =>
  error instanceof PepperTooShort || error instanceof InvalidPeppers || error instanceof PeppersUnavailable
