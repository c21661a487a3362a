/**
 * HMAC-SHA-256 keyed with the pepper: verification in microseconds instead of tens of milliseconds.
 *
 * A secret of ours has 345 random bits, so nobody guesses it from its hash, however fast the hash is, even with the pepper in hand. What a
 * slow hash adds is protection for secrets with little randomness: keys that users chose or that another system made. Don't use this one
 * for those. If pepper and table both leak, whoever holds them can test candidates at full speed, which is hopeless against 345 bits, and
 * can forge a row for a token of their own if they can also write the table, as with any other hasher.
 * @since 0.1.0
 */
import { hash } from "node:crypto"
import type * as Config from "effect/Config"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import { HasherError } from "../ApiKeyError.ts"
import type { ApiKeyHasher } from "../ApiKeyHasher.ts"
import { startsWithDigest } from "../internal/hash/digest.ts"
import * as Keyring from "../internal/hasher/keyring.ts"
import * as Pepper from "./Pepper.ts"

/**
 * Hashes with HMAC-SHA-256 under the pepper.
 * @category layers
 * @since 0.1.0
 * @example
 * ```ts
 * import { Redacted } from "effect"
 * import * as Hmac from "effect-api-key/hasher/Hmac"
 *
 * const pepper = Redacted.make("at least 16 random bytes")
 * const hasher = Hmac.layer({ pepper })
 * ```
 */
export const layer = (options: Pepper.PepperOptions = {}): Layer.Layer<ApiKeyHasher, Pepper.PepperTooShort> =>
  Keyring.layer(algorithm, options)

/**
 * As {@link layer}, under the peppers of a ring.
 * @category layers
 * @since 0.1.0
 */
export const layerPeppers: Layer.Layer<ApiKeyHasher, Pepper.PepperError, Pepper.Peppers> = Layer.suspend(() =>
  Keyring.layerPeppers(algorithm),
)

/**
 * As {@link layerPeppers}, with the peppers from `API_KEY_PEPPERS`, `API_KEY_PEPPERS_FILE` and `API_KEY_PEPPER`.
 * @category layers
 * @since 0.1.0
 */
export const layerConfig: Layer.Layer<ApiKeyHasher, Pepper.PepperError | Config.ConfigError> = Layer.provide(
  layerPeppers,
  Pepper.layerConfig,
)

const ownScheme = "$hmac-sha256$v=1"
const start = `${ownScheme}$`

/** The blocks that HMAC puts before the message, and before the digest of both (RFC 2104 §2): all that it takes from the key. */
interface Pads {
  readonly inner: Uint8Array
  readonly outer: Uint8Array
}

const blockSize = 64

const toPads = (pepper: Uint8Array): Pads => {
  const key = new Uint8Array(blockSize)
  key.set(pepper.length > blockSize ? hash("sha256", pepper, "buffer") : pepper)
  return { inner: key.map((byte) => byte ^ 0x36), outer: key.map((byte) => byte ^ 0x5c) }
}

/**
 * HMAC by two digests. Node's own makes and frees an object of OpenSSL for each, even with its key prepared, and a cold verification took 4 %
 * longer with it.
 */
const sign = (secret: Redacted.Redacted, { inner, outer }: Pads): string => {
  const message = Buffer.concat([inner, Buffer.from(Redacted.value(secret), "utf8")])
  const digest = Buffer.from(hash("sha256", message, "binary"), "latin1")
  return hash("sha256", Buffer.concat([outer, digest]), "base64url")
}

/** 32 bytes in base64url, without bits that decoding would pass over. */
const tagPattern = /^[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]$/

const algorithm: Keyring.Algorithm<Pads, string> = {
  prepare: toPads,
  threads: 0,
  scheme: ownScheme,
  hash: (secret, pads) => Effect.sync(() => start + sign(secret, pads)),
  supports: (hash) => hash.startsWith("$hmac-sha256$"),
  parse: (hash) => {
    const tag = hash.slice(start.length)
    return hash.startsWith(start) && tagPattern.test(tag) ? Result.succeed(tag) : Result.fail(new HasherError({ reason: "MalformedHash" }))
  },
  verify: (secret, tag, pads) => Effect.sync(() => startsWithDigest(tag, sign(secret, pads))),
}
