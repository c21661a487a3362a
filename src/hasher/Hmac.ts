/**
 * HMAC-SHA-256 keyed with the pepper: verification in microseconds instead of tens of milliseconds.
 *
 * This library's secrets have at least 280 random bits. Nobody can guess such a secret from a fast hash, even with the pepper. A slow hash
 * protects secrets with little randomness: keys chosen by users or made by another system. Don't use this hasher for those.
 *
 * If pepper and table both leak, a thief can test candidates at full speed, which is hopeless against 280 bits. A thief with write access
 * to the table can also forge a row, as with any other hasher.
 * @since 0.1.0
 */
import type * as Config from "effect/Config"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import { HasherError } from "../ApiKeyError.ts"
import type { ApiKeyHasher } from "../ApiKeyHasher.ts"
import { startsWithDigest } from "../internal/hash/digest.ts"
import { hmac, type Pads, toPads } from "../internal/hash/hmac.ts"
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

const sign = (secret: Redacted.Redacted, pads: Pads): string => hmac(Redacted.value(secret), pads, "base64url")

/** 32 bytes in base64url. The last character's two unused bits must be zero, as a decoder would ignore them. */
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
