/**
 * A ring of keys that seal tokens, apart from the peppers: `API_KEY_SEALS`, or a file.
 *
 * The current key seals new tokens, and the seals of older keys stay good. So a key stays in the ring as long as tokens with its seal are
 * in use. `sealReport` of `ApiKeys` counts those tokens. The ids aren't secret.
 * @since 0.1.0
 */
import * as Config from "effect/Config"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import { ApiKeySeals, type SealingKey, type SealingKeys } from "../ApiKeySeals.ts"
import * as Ring from "../internal/hasher/ring.ts"
import { make } from "../internal/hasher/sealingKeys.ts"

/** @category models @since 0.1.0 */
export interface SealKey {
  /** 1 to 32 of `A-Z a-z 0-9 _ -`. Kept with each token that the key sealed. */
  readonly id: string
  /** At least 16 bytes of UTF-8, random. */
  readonly value: Redacted.Redacted
}

/** The key that seals new tokens, and the keys of older seals. @category models @since 0.1.0 */
export interface SealRing {
  readonly current: SealKey
  readonly older: ReadonlyArray<SealKey>
}

// The errors show no word of the configuration, not even an id. In an item written as `value:id` by mistake, the id is the secret.

/** The sealing keys don't make a ring. @category errors @since 0.1.0 */
export class InvalidSeals extends Schema.TaggedError<InvalidSeals>()("InvalidSeals", {
  reason: Schema.Literals(["Malformed", "InvalidId", "DuplicateId", "DuplicateValue", "TooShort", "Empty", "TwoSources"]),
  /** The key's place in the ring, counted from 1. The current key is the first, and blank lines and comments don't count. */
  position: Schema.optionalKey(Schema.Int),
  /** The length of a key that is too short. */
  actualBytes: Schema.optionalKey(Schema.Int),
}) {
  override get message(): string {
    const which = `Sealing key ${this.position} of the ring (API_KEY_SEALS or API_KEY_SEALS_FILE)`
    switch (this.reason) {
      case "Malformed":
        return `${which} must be written id:value`
      case "InvalidId":
        return `${which} needs an id of 1 to 32 letters, digits, _ or -`
      case "DuplicateId":
        return `${which} has the id of one before it`
      case "DuplicateValue":
        return `${which} has the value of one before it, so changing from one to the other would change nothing`
      case "TooShort":
        return `${which} has ${this.actualBytes} bytes; it needs at least ${Ring.minimumBytes} (openssl rand -base64 32)`
      case "Empty":
        return "There is no sealing key: the file that API_KEY_SEALS_FILE names has no line. It is written id:value, the value at least 16 random bytes (openssl rand -base64 32)"
      case "TwoSources":
        return "API_KEY_SEALS and API_KEY_SEALS_FILE are both set: keep one"
    }
  }
}

/** The sealing keys couldn't be read, so they aren't known. `reason` is shown to the operator. @category errors @since 0.1.0 */
export class SealsUnavailable extends Schema.TaggedError<SealsUnavailable>()("SealsUnavailable", { reason: Schema.String }) {
  override get message(): string {
    return `The sealing keys can't be read: ${this.reason}`
  }
}

/**
 * Gives the ring back if it is sound: every id and value has the right form, and none occurs twice.
 * @category constructors
 * @since 0.1.0
 */
export const checkRing = Effect.fnUntraced(function* (ring: SealRing): Effect.fn.Return<SealRing, InvalidSeals> {
  const fault = Ring.findFault(ring, /^[A-Za-z0-9_-]{1,32}$/)
  return fault === undefined ? ring : yield* new InvalidSeals(fault)
})

/**
 * Reads the ring from the configuration, or gives `undefined` if neither variable is set. A file is read anew each time.
 *
 * - `API_KEY_SEALS`: the keys as `id:value`, separated by commas, the current one first.
 * - `API_KEY_SEALS_FILE`: instead of it, a file with one key a line. Blank lines and lines that begin with `#` don't count.
 * @category config
 * @since 0.1.0
 */
export const loadConfig: Effect.Effect<SealRing | undefined, InvalidSeals | SealsUnavailable | Config.ConfigError> = Effect.gen(
  function* () {
    const items = yield* readItems
    if (items === undefined) return undefined
    const [current, ...older] = yield* Effect.forEach(items, (item, index): Effect.Effect<SealKey, InvalidSeals> => {
      const key = Ring.parseItem(item, "sealing key")
      return key === undefined ? Effect.fail(new InvalidSeals({ reason: "Malformed", position: index + 1 })) : Effect.succeed(key)
    })
    return current === undefined ? yield* new InvalidSeals({ reason: "Empty" }) : yield* checkRing({ current, older })
  },
)

const readItems = Effect.gen(function* () {
  return yield* Ring.readItems(yield* Ring.source("API_KEY_SEALS", "API_KEY_SEALS_FILE"))
}).pipe(
  Effect.catchTags({
    TwoSources: () => Effect.fail(new InvalidSeals({ reason: "TwoSources" })),
    Unreadable: ({ code }) => Effect.fail(new SealsUnavailable({ reason: `the file in API_KEY_SEALS_FILE (${code})` })),
  }),
)

/**
 * A ring that stays as it is.
 * @category layers
 * @since 0.1.0
 */
export const layerRing = (ring: SealRing): Layer.Layer<ApiKeySeals, InvalidSeals> =>
  Layer.effect(ApiKeySeals, Effect.map(checkRing(ring), fixed))

/**
 * The ring of {@link loadConfig}, which is read once.
 * @category layers
 * @since 0.1.0
 */
export const layerConfig: Layer.Layer<ApiKeySeals, InvalidSeals | SealsUnavailable | Config.ConfigError> = Layer.effect(
  ApiKeySeals,
  Effect.map(loadConfig, (ring) => fixed(ring)),
)

/**
 * A ring from a source such as a key management service. It is loaded before the layer is there, and again at an interval and by
 * {@link reload}. A load that gives `undefined` says that there is no ring.
 *
 * If the first load fails, so does the layer. If a later load fails or gives an unsound ring, the last sound ring stays, and a warning is
 * logged. Of an error of another module the warning shows the tag alone, as its text may quote a secret. Loads don't overlap. A load that
 * may hang should have a timeout of its own.
 * @category layers
 * @since 0.1.0
 * @example
 * ```ts
 * import * as Seals from "effect-api-key/hasher/Seals"
 *
 * const seals = Seals.layerReloading({ load: Seals.loadConfig, every: "1 minute" })
 * ```
 */
export const layerReloading = <E, R>(options: {
  readonly load: Effect.Effect<SealRing | undefined, E, R>
  /** The wait between two loads. */
  readonly every: Duration.Input
}): Layer.Layer<ApiKeySeals, E | InvalidSeals, Exclude<R, Scope.Scope>> =>
  Layer.effect(
    ApiKeySeals,
    Effect.gen(function* () {
      const toKeys = prepare()
      const { latest, reload } = yield* Ring.reloading({
        load: Effect.flatMap(options.load, (ring) => (ring === undefined ? Effect.undefined : checkRing(ring))),
        every: options.every,
        layer: "Seals.layerReloading",
        subject: "The sealing keys",
        isOwn: (error) => error instanceof InvalidSeals || error instanceof SealsUnavailable,
      })
      return { keys: Effect.map(latest, toKeys), reload }
    }),
  )

/**
 * Reads the sealing keys again, if they have a source ({@link layerReloading}).
 * @category combinators
 * @since 0.1.0
 */
export const reload: Effect.Effect<void, never, ApiKeySeals> = ApiKeySeals.use((seals) => seals.reload ?? Effect.void)

// Suspended, as inspecting an effect shows the values in it.
const fixed = (ring: SealRing | undefined): ApiKeySeals["Service"] => {
  const keys = prepare()(ring)
  return { keys: Effect.sync(() => keys) }
}

/** Makes the sealing keys of a ring, once as long as the ring is the same object. */
const prepare = (): ((ring: SealRing | undefined) => SealingKeys | undefined) => {
  let latest: { readonly ring: SealRing; readonly keys: SealingKeys } | undefined
  return (ring) => {
    if (ring === undefined) return undefined
    if (latest?.ring !== ring) latest = { ring, keys: { current: keyOf(ring.current), older: ring.older.map(keyOf) } }
    return latest.keys
  }
}

const keyOf = ({ id, value }: SealKey): SealingKey => make(id, Buffer.from(Redacted.value(value), "utf8"))
