/**
 * bcrypt through `@node-rs/bcrypt`, for those who must. The secret is hashed with HMAC-SHA-256 under the pepper first, and that in base64
 * (44 characters) is what bcrypt sees, since bcrypt cuts its input at 72 bytes and at NUL.
 * @since 0.1.0
 */
import { createHmac, createSecretKey } from "node:crypto"
import * as bcrypt from "@node-rs/bcrypt"
import type * as Config from "effect/Config"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import { HasherError } from "../ApiKeyError.ts"
import { ApiKeyHasher } from "../ApiKeyHasher.ts"
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
 */
export const layer = (options: Options = {}): Layer.Layer<ApiKeyHasher, Pepper.PepperTooShort> =>
  Layer.effect(
    ApiKeyHasher,
    Effect.map(Pepper.toBytes(options), (pepper) => {
      const { cost: ownCost = 12 } = options
      // A hasher that refused what it wrote itself would lock every new key out.
      const maximumCost = Math.max(options.maximumCost ?? 15, ownCost)
      const key = createSecretKey(pepper)
      const prehash = (secret: Redacted.Redacted) => createHmac("sha256", key).update(Redacted.value(secret), "utf8").digest("base64")
      return ApiKeyHasher.of({
        hash: (secret) =>
          Effect.map(
            attempt((signal) => bcrypt.hash(prehash(secret), { cost: ownCost, version: "2b", signal })),
            (hash) => Redacted.make(hash, { label: "hash" }),
          ),
        verify: (secret, hash) => {
          const text = Redacted.value(hash)
          if (!/^\$2[aby]\$/.test(text)) return Effect.fail(new HasherError({ reason: "UnsupportedHash" }))
          const cost = pattern.exec(text)?.[1]
          if (cost === undefined || Number(cost) < 4) return Effect.fail(new HasherError({ reason: "MalformedHash" }))
          if (Number(cost) > maximumCost) return Effect.fail(new HasherError({ reason: "ParametersOutOfBounds" }))
          return attempt((signal) => bcrypt.verify(prehash(secret), text, { signal }))
        },
      })
    }),
  )

/**
 * As {@link layer}, with the pepper from `API_KEY_PEPPER`.
 * @category layers
 * @since 0.1.0
 */
export const layerConfig = (options: Omit<Options, "pepper"> = {}): Layer.Layer<ApiKeyHasher, Pepper.PepperTooShort | Config.ConfigError> =>
  Layer.unwrap(Effect.map(Pepper.config, (pepper) => layer({ ...options, ...pepper })))

// 22 characters of salt and 31 of hash; the last of each carries fewer than six bits, and the rest of it is zero. The addon calls a hash
// with other bits there wrong, when it is broken.
const pattern = /^\$2[aby]\$(\d\d)\$[./A-Za-z0-9]{21}[.Oeu][./A-Za-z0-9]{30}[.CGKOSWaeimquy26]$/

// The addon computes in libuv's pool and answers an abort at once.
const attempt = <A>(run: (signal: AbortSignal) => Promise<A>): Effect.Effect<A, HasherError> =>
  Effect.tryPromise({ try: run, catch: (cause) => new HasherError({ reason: "Failed", cause }) })
