/**
 * Argon2id through the `argon2` package: the default choice. The pepper is Argon2's own secret input.
 *
 * Needs the package `argon2`. On Node 24.7 and later, `effect-api-key/hasher/Argon2Node` does the same without it. Each module checks the
 * other's hashes.
 * @since 0.1.0
 */
import argon2 from "argon2"
import type * as Config from "effect/Config"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { HasherError } from "../ApiKeyError.ts"
import type { ApiKeyHasher } from "../ApiKeyHasher.ts"
import * as Argon2id from "../internal/hasher/argon2id.ts"
import * as Keyring from "../internal/hasher/keyring.ts"
import * as Pepper from "./Pepper.ts"

export type { Options, Parameters } from "../internal/hasher/argon2id.ts"

/**
 * Hashes with Argon2id.
 * @category layers
 * @since 0.1.0
 * @example
 * ```ts
 * import { Redacted } from "effect"
 * import * as Argon2 from "effect-api-key/hasher/Argon2"
 *
 * const pepper = Redacted.make("at least 16 random bytes")
 * const hasher = Argon2.layer({ pepper })
 * ```
 */
export const layer = (options: Argon2id.Options = {}): Layer.Layer<ApiKeyHasher, Pepper.PepperTooShort> =>
  Keyring.layer(Argon2id.algorithm(computeTag, options), options)

/**
 * As {@link layer}, under the peppers of a ring.
 * @category layers
 * @since 0.1.0
 */
export const layerPeppers = (
  options: Omit<Argon2id.Options, "pepper"> = {},
): Layer.Layer<ApiKeyHasher, Pepper.PepperError, Pepper.Peppers> => Keyring.layerPeppers(Argon2id.algorithm(computeTag, options))

/**
 * As {@link layerPeppers}, with the peppers from `API_KEY_PEPPERS`, `API_KEY_PEPPERS_FILE` and `API_KEY_PEPPER`.
 * @category layers
 * @since 0.1.0
 */
export const layerConfig = (
  options: Omit<Argon2id.Options, "pepper"> = {},
): Layer.Layer<ApiKeyHasher, Pepper.PepperError | Config.ConfigError> => Layer.provide(layerPeppers(options), Pepper.layerConfig)

// The addon computes in libuv's pool. An interrupted fiber ends at once, but its computation runs on, and the result is dropped.
const computeTag: Argon2id.ComputeTag = ({ secret, pepper, salt, length, parameters }) =>
  Effect.tryPromise({
    try: () =>
      // The addon's types ask for buffers.
      argon2.hash(Buffer.from(secret), {
        raw: true,
        type: argon2.argon2id,
        version: 0x13,
        secret: Buffer.from(pepper),
        salt: Buffer.from(salt),
        hashLength: length,
        memoryCost: parameters.memory,
        timeCost: parameters.passes,
        parallelism: parameters.parallelism,
      }),
    catch: (cause) => new HasherError({ reason: "Failed", cause }),
  })
