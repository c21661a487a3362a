/**
 * Argon2id through `node:crypto`, on Node 24.7 and later. It needs no native addon, and its hash strings are the same as those of
 * `effect-api-key/hasher/Argon2`.
 * @since 0.1.0
 */
import * as crypto from "node:crypto"
import type * as Config from "effect/Config"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import { HasherError } from "../ApiKeyError.ts"
import type { ApiKeyHasher } from "../ApiKeyHasher.ts"
import * as Argon2id from "../internal/hasher/argon2id.ts"
import * as Keyring from "../internal/hasher/keyring.ts"
import * as Pepper from "./Pepper.ts"

export type { Options, Parameters } from "../internal/hasher/argon2id.ts"

/** This runtime has no `argon2` in `node:crypto`. @category errors @since 0.1.0 */
export class Argon2Unavailable extends Schema.TaggedError<Argon2Unavailable>()("Argon2Unavailable", {}) {
  override get message(): string {
    return "node:crypto has no argon2 before Node 24.7: use a newer Node, or effect-api-key/hasher/Argon2 with the package argon2"
  }
}

/**
 * Hashes with Argon2id.
 * @category layers
 * @since 0.1.0
 * @example
 * ```ts
 * import { Redacted } from "effect"
 * import * as Argon2Node from "effect-api-key/hasher/Argon2Node"
 *
 * const pepper = Redacted.make("at least 16 random bytes")
 * const hasher = Argon2Node.layer({ pepper })
 * ```
 */
export const layer = (options: Argon2id.Options = {}): Layer.Layer<ApiKeyHasher, Pepper.PepperTooShort | Argon2Unavailable> =>
  Layer.provide(Keyring.layer(Argon2id.algorithm(computeTag, options), options), available)

/**
 * As {@link layer}, under the peppers of a ring.
 * @category layers
 * @since 0.1.0
 */
export const layerPeppers = (
  options: Omit<Argon2id.Options, "pepper"> = {},
): Layer.Layer<ApiKeyHasher, Pepper.PepperError | Argon2Unavailable, Pepper.Peppers> =>
  Layer.provide(Keyring.layerPeppers(Argon2id.algorithm(computeTag, options)), available)

/**
 * As {@link layerPeppers}, with the peppers from `API_KEY_PEPPERS`, `API_KEY_PEPPERS_FILE` and `API_KEY_PEPPER`.
 * @category layers
 * @since 0.1.0
 */
export const layerConfig = (
  options: Omit<Argon2id.Options, "pepper"> = {},
): Layer.Layer<ApiKeyHasher, Pepper.PepperError | Argon2Unavailable | Config.ConfigError> =>
  Layer.provide(layerPeppers(options), Pepper.layerConfig)

const available: Layer.Layer<never, Argon2Unavailable> = Layer.effectDiscard(
  Effect.suspend(() =>
    // Older runtimes lack the function that the types promise.
    (crypto.argon2 as typeof crypto.argon2 | undefined) === undefined ? Effect.fail(new Argon2Unavailable()) : Effect.void,
  ),
)

// Node computes in libuv's pool. An interrupted fiber ends at once, but its computation runs on, and the result is dropped.
const computeTag: Argon2id.ComputeTag = ({ secret, pepper, salt, length, parameters }) =>
  Effect.tryPromise({
    try: () =>
      new Promise<Buffer>((resolve, reject) => {
        crypto.argon2("argon2id", { message: secret, nonce: salt, secret: pepper, tagLength: length, ...parameters }, (error, tag) =>
          error === null || error === undefined ? resolve(tag) : reject(error),
        )
      }),
    catch: (cause) => new HasherError({ reason: "Failed", cause }),
  })
