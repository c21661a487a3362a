/**
 * The common part of the hashers. A pepper is prepared once as an algorithm's key, and a label says which pepper made a hash
 * (decision 0014).
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import { HasherError } from "../../ApiKeyError.ts"
import { ApiKeyHasher, type ConfiguredPepper, label, type SealingKeys, splitLabel } from "../../ApiKeyHasher.ts"
import * as Pepper from "../../hasher/Pepper.ts"
import * as PepperCheck from "./pepperCheck.ts"
import { ofPeppers } from "./sealingKeys.ts"

/** The peppers of a ring as keys of type `K`. */
interface Keys<K> {
  /** The sealing keys that are derived from the same peppers. */
  readonly sealing: SealingKeys
  readonly ring: Pepper.PepperRing
  readonly currentId: string
  readonly current: K
  readonly byId: ReadonlyMap<string, K>
}

export type Keyring<K> = Effect.Effect<Keys<K>, HasherError>

/** A way to hash under a key of type `K`. Its hash strings and schemes bear no label. */
export interface Algorithm<K, Parsed> {
  /** Makes the key of a pepper's bytes. */
  readonly prepare: (pepper: Uint8Array) => K
  /** The scheme of the hashes that `hash` makes. */
  readonly scheme: string
  /** Whether the hash string, or its scheme with a `$`, is of this algorithm. */
  readonly supports: (hash: string) => boolean
  readonly threads?: number
  readonly hash: (secret: Redacted.Redacted, key: K) => Effect.Effect<string, HasherError>
  /** Judges the whole string before any hashing is done. The string is one that `supports` accepts. */
  readonly parse: (hash: string) => Result.Result<Parsed, HasherError>
  readonly verify: (secret: Redacted.Redacted, parsed: Parsed, key: K) => Effect.Effect<boolean, HasherError>
}

/** Hashes under one pepper, whose hashes bear no label. */
export const layer = <K, Parsed>(
  algorithm: Algorithm<K, Parsed>,
  options: Pepper.PepperOptions,
): Layer.Layer<ApiKeyHasher, Pepper.PepperTooShort> =>
  Layer.effect(
    ApiKeyHasher,
    Effect.map(Pepper.toBytes(options), (bytes) => {
      const current = algorithm.prepare(bytes)
      const ring = { current: { id: "", value: options.pepper ?? Pepper.builtIn.value }, older: [] }
      const keys = { ring, sealing: ofPeppers(ring), currentId: "", current, byId: new Map([["", current]]) }
      // Suspended, as inspecting an effect shows the values in it.
      return {
        ...hasher(
          Effect.sync(() => keys),
          algorithm,
        ),
        currentScheme: Effect.succeed(label(keys.currentId, algorithm.scheme)),
      }
    }),
  )

/** Hashes under the peppers of a ring. */
export const layerPeppers = <K, Parsed>(algorithm: Algorithm<K, Parsed>): Layer.Layer<ApiKeyHasher, Pepper.PepperError, Pepper.Peppers> =>
  Layer.effect(
    ApiKeyHasher,
    Effect.map(fromPeppers(algorithm.prepare), (keyring) => hasher(keyring, algorithm)),
  )

/** The keys of the service's ring, which is read at each use. */
export const fromPeppers = Effect.fnUntraced(function* <K>(
  prepare: (pepper: Uint8Array) => K,
): Effect.fn.Return<Keyring<K>, Pepper.PepperError, Pepper.Peppers> {
  const peppers = yield* Pepper.Peppers
  let prepared: ReadonlyMap<string, K> = new Map()
  const keysOf = (ring: Pepper.PepperRing) => {
    const entry = ({ id, value }: Pepper.Pepper) => {
      const text = Redacted.value(value)
      return { id, text, key: prepared.get(text) ?? prepare(Buffer.from(text, "utf8")) }
    }
    const current = entry(ring.current)
    const entries = [current, ...ring.older.map(entry)]
    // The keys of peppers that left the ring are dropped.
    prepared = new Map(entries.map(({ text, key }) => [text, key]))
    return {
      ring,
      sealing: ofPeppers(ring),
      currentId: current.id,
      current: current.key,
      byId: new Map(entries.map(({ id, key }) => [id, key])),
    }
  }
  let latest = keysOf(yield* Effect.flatMap(peppers.ring, Pepper.checkRing))
  return peppers.ring.pipe(
    Effect.flatMap((ring) =>
      ring === latest.ring ? Effect.succeed(latest) : Effect.map(Pepper.checkRing(ring), () => (latest = keysOf(ring))),
    ),
    Effect.mapError((cause) => new HasherError({ reason: "Failed", cause })),
  )
})

const hasher = <K, Parsed>(keyring: Keyring<K>, algorithm: Algorithm<K, Parsed>): ApiKeyHasher["Service"] => ({
  ...(algorithm.threads !== undefined && { threads: algorithm.threads }),
  hash: (secret) =>
    Effect.flatMap(keyring, ({ currentId, current }) =>
      Effect.map(algorithm.hash(secret, current), (hash) => Redacted.make(label(currentId, hash), { label: "hash" })),
    ),
  // Suspended, lest inspecting the effect show the hash.
  verify: (secret, hash) =>
    Effect.suspend(() => {
      const { pepper, inner } = splitLabel(Redacted.value(hash))
      // An unsupported algorithm is reported before a missing pepper, as another hasher may have that pepper.
      if (!algorithm.supports(inner)) return unsupported
      const parsed = algorithm.parse(inner)
      if (Result.isFailure(parsed)) return Effect.fail(parsed.failure)
      return Effect.flatMap(keyring, ({ byId }) => {
        const key = byId.get(pepper)
        return key === undefined
          ? Effect.fail(new HasherError({ reason: "MissingPepper", pepperId: pepper }))
          : algorithm.verify(secret, parsed.success, key)
      })
    }),
  currentScheme: Effect.suspend(() => Effect.map(keyring, ({ currentId }) => label(currentId, algorithm.scheme))),
  sealingKeys: Effect.suspend(() => Effect.map(keyring, ({ sealing }) => sealing)),
  missingPepper: (scheme) => {
    const { pepper, inner } = splitLabel(scheme)
    if (!algorithm.supports(`${inner}$`)) return unsupported
    return Effect.map(keyring, ({ byId }) => (byId.has(pepper) ? undefined : pepper))
  },
  // Suspended, lest inspecting the effect show the ring.
  peppers: Effect.suspend(() =>
    Effect.map(keyring, ({ ring }) =>
      [ring.current, ...ring.older].map((pepper) => ({
        ...describe(pepper, nameOf(algorithm.scheme)),
        isCurrent: pepper === ring.current,
      })),
    ),
  ),
})

/** The scheme without its parameters, such as `$argon2id`. */
const nameOf = (scheme: string): string => /^\$[^$]*/.exec(scheme)?.[0] ?? ""

const describe = ({ id, value }: Pepper.Pepper, name: string): Omit<ConfiguredPepper, "isCurrent"> => {
  const bytes = () => Buffer.from(Redacted.value(value), "utf8")
  return {
    id,
    start: label(id, name),
    isBuiltIn: Redacted.value(value) === Redacted.value(Pepper.builtIn.value),
    makeCheck: Effect.suspend(() => PepperCheck.make(bytes())),
    matches: (check) => PepperCheck.matches(bytes(), check),
  }
}

const unsupported = Effect.suspend(() => Effect.fail(new HasherError({ reason: "UnsupportedHash" })))
