/**
 * A pepper is a secret of the server, which goes into every hash and lives outside the database. A thief of the table alone can't test
 * guesses.
 *
 * One pepper is enough, in `API_KEY_PEPPER` or as an option of a hasher's `layer`. A ring of peppers, {@link Peppers}, lets the pepper
 * change later. The current pepper makes new hashes, and each older one checks the hashes that it made. Each pepper has an id, which is
 * stored in front of the hash and isn't secret.
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

/** The least length of a pepper, in bytes of UTF-8. @category models @since 0.1.0 */
export const minimumBytes: number = Ring.minimumBytes

/** @category models @since 0.1.0 */
export interface PepperOptions {
  /**
   * At least 16 bytes of UTF-8, random. Without it the built-in pepper is used, which protects nothing, and a warning is logged. Where keys
   * are kept for good, `acceptBuiltInPepper` of `ApiKeys` must allow the built-in pepper.
   */
  readonly pepper?: Redacted.Redacted | undefined
}

/** @category models @since 0.1.0 */
export interface Pepper {
  /** 1 to 32 of `A-Z a-z 0-9 _ -`, stored with each hash. `""` is the id of a pepper whose hashes bear no label. */
  readonly id: string
  /** At least 16 bytes of UTF-8, random. */
  readonly value: Redacted.Redacted
}

/** The pepper that makes new hashes, and the older ones that stored hashes need. @category models @since 0.1.0 */
export interface PepperRing {
  readonly current: Pepper
  readonly older: ReadonlyArray<Pepper>
}

/**
 * The built-in pepper, which anybody can read. It is used if no pepper is configured. As an older pepper of a ring it checks the hashes
 * that it made, until they are replaced.
 * @category models
 * @since 0.1.0
 */
export const builtIn: Pepper = { id: "", value: Redacted.make("effect-api-key: built-in pepper, protects nothing", { label: "pepper" }) }

// The errors show no word of the configuration, not even an id. In an item written as `value:id` by mistake, the id is the secret.

const inRing = (position: number | undefined): string =>
  `Pepper ${position} of the ring (API_KEY_PEPPERS or API_KEY_PEPPERS_FILE, and API_KEY_PEPPER)`

/** A pepper is shorter than {@link minimumBytes}. @category errors @since 0.1.0 */
export class PepperTooShort extends Schema.TaggedError<PepperTooShort>()("PepperTooShort", {
  actualBytes: Schema.Int,
  /** The pepper's place in a ring, counted from 1. The current pepper is the first. */
  position: Schema.optionalKey(Schema.Int),
}) {
  override get message(): string {
    const needs = `has ${this.actualBytes} bytes; it needs at least ${minimumBytes}`
    return this.position === undefined
      ? `The pepper ${needs} (API_KEY_PEPPER, openssl rand -base64 32)`
      : `${inRing(this.position)} ${needs} (openssl rand -base64 32)`
  }
}

/** The peppers don't make a ring. @category errors @since 0.1.0 */
export class InvalidPeppers extends Schema.TaggedError<InvalidPeppers>()("InvalidPeppers", {
  reason: Schema.Literals(["Malformed", "InvalidId", "DuplicateId", "DuplicateValue", "Empty", "TwoSources"]),
  /** The pepper's place in the ring, counted from 1. The current pepper is the first, and blank lines and comments don't count. */
  position: Schema.optionalKey(Schema.Int),
}) {
  override get message(): string {
    const which = inRing(this.position)
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
 * The ring of peppers. Hashers read it for each hash that they make or check, so it may change while they run. A hasher prepares each
 * pepper once, and keeps the result as long as the pepper is in the ring.
 *
 * In a service of your own, `ring` should cost nothing, and give the same object until the peppers change. {@link layerReloading} makes
 * such a service from a slower source.
 * @category services
 * @since 0.1.0
 */
export class Peppers extends Context.Service<
  Peppers,
  {
    readonly ring: Effect.Effect<PepperRing, PepperError>
    /** Reads the peppers again, if they have a source. If that fails, the ring stays as it is and a warning is logged. */
    readonly reload?: Effect.Effect<void>
  }
>()("effect-api-key/Peppers") {}

/**
 * Gives the ring back if it is sound: every id and value has the right form, and none occurs twice.
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
 * Reads the ring from the configuration. A file is read anew each time.
 *
 * - `API_KEY_PEPPERS`: the peppers as `id:value`, separated by commas, the current one first.
 * - `API_KEY_PEPPERS_FILE`: instead of it, a file with one pepper a line. Blank lines and lines that begin with `#` don't count.
 * - `API_KEY_PEPPER`: the pepper without a label. It is the last of the ring, or the only one if neither of the others is set.
 *
 * In a list, the item `API_KEY_PEPPER` stands for that variable's pepper, which gives it another place. The item `built-in` stands for
 * {@link builtIn}. If nothing is set, the ring is {@link builtIn} alone.
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
  // A file without a pepper is an error, even if `API_KEY_PEPPER` is set.
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
 * The ring of {@link loadConfig}, which is read once.
 * @category layers
 * @since 0.1.0
 */
export const layerConfig: Layer.Layer<Peppers, PepperError | Config.ConfigError> = Layer.effect(
  Peppers,
  Effect.flatMap(loadConfig, (ring) => fixed(ring)),
)

/**
 * A ring from a source such as a key management service. It is loaded before the layer is there, and again at an interval and by
 * {@link reload}.
 *
 * If the first load fails, so does the layer. If a later load fails or gives an unsound ring, the last sound ring stays, and a warning is
 * logged. Of an error other than {@link PepperError} the warning shows the tag alone, as its text may quote a secret. Loads don't overlap.
 * A load that may hang should have a timeout of its own.
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
  /** The wait between two loads. */
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
 * Reads the peppers again, if they have a source ({@link layerReloading}).
 * @category combinators
 * @since 0.1.0
 */
export const reload: Effect.Effect<void, never, Peppers> = Peppers.use((peppers) => peppers.reload ?? Effect.void)

/**
 * Gives the pepper's bytes. Without a pepper it gives those of the built-in one, and logs a warning each time it runs. Each layer runs it
 * once.
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
