/**
 * bcrypt through `@node-rs/bcrypt`, for programs that must use it.
 *
 * bcrypt cuts its input at 72 bytes and at NUL. So the secret is first hashed with HMAC-SHA-256 under the pepper. The result, 44 characters
 * of base64, is the input of bcrypt.
 * @since 0.1.0
 */
import { createHmac, createSecretKey, type KeyObject } from "node:crypto"
import * as bcrypt from "@node-rs/bcrypt"
import type * as Config from "effect/Config"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import { HasherError } from "../ApiKeyError.ts"
import type { ApiKeyHasher } from "../ApiKeyHasher.ts"
import { defaultMaximumCost, parse } from "../internal/hasher/bcryptHash.ts"
import * as Keyring from "../internal/hasher/keyring.ts"
import * as Pepper from "./Pepper.ts"

/** @category models @since 0.1.0 */
export interface Options extends Pepper.PepperOptions {
  /** For new hashes: the logarithm of the rounds, 4 to 31. Default: 12. */
  readonly cost?: number | undefined
  /** The highest cost that a stored hash may ask for; `cost` itself is always allowed. Default: 15. */
  readonly maximumCost?: number | undefined
}

/**
 * Hashes with bcrypt (`$2b$`), and checks `$2a$`, `$2b$` and `$2y$`.
 * @category layers
 * @since 0.1.0
 * @example
 * ```ts
 * import { Redacted } from "effect"
 * import * as Bcrypt from "effect-api-key/hasher/Bcrypt"
 *
 * const pepper = Redacted.make("at least 16 random bytes")
 * const hasher = Bcrypt.layer({ pepper, cost: 12 })
 * ```
 */
export const layer = (options: Options = {}): Layer.Layer<ApiKeyHasher, Pepper.PepperTooShort> => Keyring.layer(algorithm(options), options)

/**
 * As {@link layer}, under the peppers of a ring.
 * @category layers
 * @since 0.1.0
 */
export const layerPeppers = (options: Omit<Options, "pepper"> = {}): Layer.Layer<ApiKeyHasher, Pepper.PepperError, Pepper.Peppers> =>
  Keyring.layerPeppers(algorithm(options))

/**
 * As {@link layerPeppers}, with the peppers from `API_KEY_PEPPERS`, `API_KEY_PEPPERS_FILE` and `API_KEY_PEPPER`.
 * @category layers
 * @since 0.1.0
 */
export const layerConfig = (options: Omit<Options, "pepper"> = {}): Layer.Layer<ApiKeyHasher, Pepper.PepperError | Config.ConfigError> =>
  Layer.provide(layerPeppers(options), Pepper.layerConfig)

const algorithm = (options: Omit<Options, "pepper">): Keyring.Algorithm<KeyObject, string> => {
  const { cost: ownCost = 12 } = options
  // A hasher that refused its own hashes would lock every new key out.
  const maximumCost = Math.max(options.maximumCost ?? defaultMaximumCost, ownCost)
  const prehash = (secret: Redacted.Redacted, key: KeyObject) =>
    createHmac("sha256", key).update(Redacted.value(secret), "utf8").digest("base64")
  return {
    prepare: createSecretKey,
    scheme: `$2b$${String(ownCost).padStart(2, "0")}`,
    hash: (secret, key) => attempt((signal) => bcrypt.hash(prehash(secret, key), { cost: ownCost, version: "2b", signal })),
    supports: (hash) => /^\$2[aby]\$/.test(hash),
    parse: (hash) => Result.mapError(parse(hash, maximumCost), (reason) => new HasherError({ reason })),
    verify: (secret, hash, key) => attempt((signal) => bcrypt.verify(prehash(secret, key), hash, { signal })),
  }
}

// The addon computes in libuv's pool and answers an abort at once.
const attempt = <A>(run: (signal: AbortSignal) => Promise<A>): Effect.Effect<A, HasherError> =>
  Effect.tryPromise({ try: run, catch: (cause) => new HasherError({ reason: "Failed", cause }) })
