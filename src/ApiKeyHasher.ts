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
    /**
     * Whether `hash` would now write a string with the same {@link scheme}: the same algorithm, parameters and pepper. "Now" is as of the
     * latest `hash`, `verify` or `pepperIds`, each of which looks which peppers there are. Says nothing of the secret.
     */
    readonly isCurrent?: (hash: Redacted.Redacted) => boolean
    /** The ids of the peppers it can check now, `""` for the unlabelled one. Absent where a pepper means nothing. */
    readonly pepperIds?: Effect.Effect<ReadonlySet<string>>
  }
>()("effect-api-key/ApiKeyHasher") {}

/**
 * Writes with the first hasher and checks with all: a hash string that one of them doesn't support goes to the next. Which one checks
 * follows from the hash string alone.
 *
 * `isCurrent` is the first's, `threads` the most of any, and `pepperIds` what all can check that have peppers.
 * @category constructors
 * @since 0.1.0
 */
export const several = (first: ApiKeyHasher["Service"], ...others: ReadonlyArray<ApiKeyHasher["Service"]>): ApiKeyHasher["Service"] => {
  const all = [first, ...others]
  const { isCurrent } = first
  const pepperIds = all.flatMap((hasher) => hasher.pepperIds ?? [])
  return {
    hash: (secret) => first.hash(secret),
    verify: (secret, hash) =>
      others.reduce(
        (tried, next) =>
          Effect.catchIf(
            tried,
            ({ reason }) => reason === "UnsupportedHash",
            () => next.verify(secret, hash),
          ),
        first.verify(secret, hash),
      ),
    threads: Math.max(...all.map(({ threads = 1 }) => threads)),
    ...(isCurrent !== undefined && { isCurrent }),
    ...(pepperIds.length > 0 && {
      pepperIds: Effect.map(Effect.all(pepperIds), ([ids = new Set<string>(), ...more]) =>
        more.reduce((common: ReadonlySet<string>, other) => new Set(Array.from(common).filter((id) => other.has(id))), ids),
      ),
    }),
  }
}

/**
 * As {@link several}, of layers: the first one writes, all check.
 * @category layers
 * @since 0.1.0
 */
export const layerSeveral = <
  First extends Layer.Layer<ApiKeyHasher, unknown, unknown>,
  Others extends ReadonlyArray<Layer.Layer<ApiKeyHasher, unknown, unknown>>,
>(
  first: First,
  ...others: Others
): Layer.Layer<ApiKeyHasher, Layer.Error<First | Others[number]>, Layer.Services<First | Others[number]>> => {
  const build = (layer: First | Others[number]) =>
    // A type parameter hides its own parameters; these are what the two helpers read from it.
    Effect.map(
      Layer.build(layer as Layer.Layer<ApiKeyHasher, Layer.Error<First | Others[number]>, Layer.Services<First | Others[number]>>),
      Context.get(ApiKeyHasher),
    )
  return Layer.effect(
    ApiKeyHasher,
    Effect.gen(function* () {
      const service = yield* build(first)
      return several(service, ...(yield* Effect.forEach(others, build)))
    }),
  )
}

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
      isCurrent: (hash) => Redacted.value(hash).startsWith(ephemeralPrefix),
    }
  }),
).pipe(Layer.provide(Layer.provideMerge(Mac.layerWebCrypto, layerWebCrypto)))

const ephemeralPrefix = "$hmac-sha256-ephemeral$"

/**
 * What is said of a hash string without showing it: all but its salt and tag, for example `$argon2id$v=19$m=19456,t=2,p=1` or, under a
 * labelled pepper, `$pepper=2026a$2b$12`.
 *
 * That is all but the last segment, or the last two of Argon2 and of `$legacy-django$`. A string without `$` gives `""`.
 * @category hash strings
 * @since 0.1.0
 */
export const scheme = (hash: string): string => {
  const { pepper, inner } = splitLabel(hash)
  const start = withoutLastSegment(inner)
  return label(pepper, /^(?:\$legacy-fastapi)?\$argon2|^\$legacy-django\$/.test(inner) ? withoutLastSegment(start) : start)
}

/**
 * The parts of a {@link scheme}, for people. `pepper` is the pepper's id, `""` for the unlabelled one, and `null` where a pepper means
 * nothing: hashes that another system made (`$legacy-…`) and ephemeral ones.
 * @category hash strings
 * @since 0.1.0
 */
export const parseScheme = (
  scheme: string,
): { readonly algorithm: string; readonly parameters: string; readonly pepper: string | null } => {
  const { pepper, inner } = splitLabel(scheme)
  const bcrypt = /^\$(2[aby])\$(\d\d)$/.exec(inner)
  if (bcrypt !== null) return { algorithm: "bcrypt", parameters: `${bcrypt[1]},cost=${bcrypt[2]}`, pepper }
  const [algorithm = "", ...parameters] = inner.split("$").slice(1)
  const hasNone = pepper === "" && (algorithm.startsWith("legacy-") || algorithm === "hmac-sha256-ephemeral")
  return { algorithm, parameters: parameters.join(","), pepper: hasNone ? null : pepper }
}

/**
 * Writes a pepper's id in front of a hash string: `$pepper=2026a$argon2id$…`. The unlabelled pepper's (`""`) stay as they are.
 * @category hash strings
 * @since 0.1.0
 */
export const label = (pepper: string, hash: string): string => (pepper === "" ? hash : `${labelStart}${pepper}${hash}`)

/**
 * What {@link label} put together. A string without a label, or with a broken one, is all `inner`.
 * @category hash strings
 * @since 0.1.0
 */
export const splitLabel = (hash: string): { readonly pepper: string; readonly inner: string } => {
  // Bounded, so that a string of any length is judged at once.
  const pepper = hash.startsWith(labelStart)
    ? /^[A-Za-z0-9_-]{1,32}(?=\$|$)/.exec(hash.slice(labelStart.length, labelStart.length + 33))?.[0]
    : undefined
  return pepper === undefined ? { pepper: "", inner: hash } : { pepper, inner: hash.slice(labelStart.length + pepper.length) }
}

const labelStart = "$pepper="

const withoutLastSegment = (text: string): string => text.slice(0, Math.max(0, text.lastIndexOf("$")))
