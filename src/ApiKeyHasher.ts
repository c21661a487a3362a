/**
 * Turns secrets into hash strings and checks them. The layers are in `effect-api-key/hasher/*`; Argon2id is the default choice.
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Mac from "effect/crypto/Mac"
import { layerWebCrypto, SecureRandom } from "effect/crypto/SecureRandom"
import * as Effect from "effect/Effect"
import * as Base64Url from "effect/encoding/Base64Url"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import { HasherError } from "./ApiKeyError.ts"

/**
 * Hashes secrets and checks them against hash strings that describe themselves (PHC string format where one exists).
 *
 * `verify` gives `false` only for a wrong secret, in constant time; a hash string that it can't judge is a `HasherError`.
 * @category services
 * @since 0.1.0
 */
export class ApiKeyHasher extends Context.Service<
  ApiKeyHasher,
  {
    readonly hash: (secret: Redacted.Redacted) => Effect.Effect<Redacted.Redacted, HasherError>
    readonly verify: (secret: Redacted.Redacted, hash: Redacted.Redacted) => Effect.Effect<boolean, HasherError>
    /** How many threads one hash keeps busy, from which follows how many run at a time. Default: 1. */
    readonly threads?: number
  }
>()("effect-api-key/ApiKeyHasher") {}

/**
 * HMAC-SHA-256 under a random key that lives as long as the layer: fast and sound, but a hash means nothing after a restart.
 *
 * For tests and first steps, together with an in-memory repository.
 * @category layers
 * @since 0.1.0
 */
export const layerEphemeral: Layer.Layer<ApiKeyHasher> = Layer.effect(
  ApiKeyHasher,
  Effect.gen(function* () {
    const mac = yield* Mac.Mac
    const { randomBytes } = yield* SecureRandom
    const key = yield* Effect.orDie(Mac.key(Mac.hmacSha256, yield* randomBytes(32)))
    const bytesOf = (secret: Redacted.Redacted) => new TextEncoder().encode(Redacted.value(secret))
    const failed = Effect.mapError((cause: unknown) => new HasherError({ reason: "Failed", cause }))
    return {
      hash: (secret) =>
        mac.sign(key, bytesOf(secret)).pipe(
          Effect.map((tag) => Redacted.make(`${ephemeralPrefix}${Base64Url.encode(tag)}`, { label: "hash" })),
          failed,
        ),
      verify: (secret, hash) => {
        const text = Redacted.value(hash)
        if (!text.startsWith(ephemeralPrefix)) return Effect.fail(new HasherError({ reason: "UnsupportedHash" }))
        const tag = Base64Url.decode(text.slice(ephemeralPrefix.length))
        if (Result.isFailure(tag) || tag.success.length !== 32) return Effect.fail(new HasherError({ reason: "MalformedHash" }))
        return failed(mac.verify(key, tag.success, bytesOf(secret)))
      },
    }
  }),
).pipe(Layer.provide(Layer.provideMerge(Mac.layerWebCrypto, layerWebCrypto)))

const ephemeralPrefix = "$hmac-sha256-ephemeral$"
