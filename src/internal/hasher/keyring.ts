/** What the hashers share: the key that each makes of a pepper, prepared once, and the label that says which pepper a hash is of. */
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
  /** Of the same ring. */
  readonly sealing: SealingKeys
  readonly ring: Pepper.PepperRing
  readonly currentId: string
  readonly current: K
  readonly byId: ReadonlyMap<string, K>
}

export type Keyring<K> = Effect.Effect<Keys<K>, HasherError>

/** A way to hash under a key of type `K`. Hash strings and schemes are without their label here. */
export interface Algorithm<K, Parsed> {
  /** Makes the key of a pepper's bytes. */
  readonly prepare: (pepper: Uint8Array) => K
  /** Of what `hash` gives. */
  readonly scheme: string
  /** Whether the hash string, or its scheme with a `$`, is of this algorithm. */
  readonly supports: (hash: string) => boolean
  readonly threads?: number
  readonly hash: (secret: Redacted.Redacted, key: K) => Effect.Effect<string, HasherError>
  /** Judges the whole string, which is supported, before any work is done for it. */
  readonly parse: (hash: string) => Result.Result<Parsed, HasherError>
  readonly verify: (secret: Redacted.Redacted, parsed: Parsed, key: K) => Effect.Effect<boolean, HasherError>
}

/** Hashes under a pepper without a label, alone. */
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
      // Suspended, since inspecting an effect shows what it is made of.
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

/** The ring of the service, as it is at each use. */
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
    // Those that left the ring are forgotten.
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
  // Suspended, lest inspecting it show the hash.
  verify: (secret, hash) =>
    Effect.suspend(() => {
      const { pepper, inner } = splitLabel(Redacted.value(hash))
      // First of all whether it is ours: another hasher may have the pepper that is missing here.
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
  // Suspended, lest inspecting it show the ring.
  peppers: Effect.suspend(() =>
    Effect.map(keyring, ({ ring }) =>
      [ring.current, ...ring.older].map((pepper) => ({
        ...describe(pepper, nameOf(algorithm.scheme)),
        isCurrent: pepper === ring.current,
      })),
    ),
  ),
})

/** Its beginning without parameters: `$argon2id`. */
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
