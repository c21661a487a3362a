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
import { schemePattern } from "./internal/hash/schemePattern.ts"
import type { SealingKey, SealingKeys } from "./internal/token/seal.ts"

export type { SealingKey, SealingKeys }

/**
 * A pepper that a hasher is configured with, by what tells it from others. The pepper's value stays in the hasher.
 * @category models
 * @since 0.1.0
 */
export interface ConfiguredPepper {
  /** The pepper's id, `""` for the pepper without a label. */
  readonly id: string
  /** The beginning of each hash and each {@link scheme} under the pepper, algorithm included: `$argon2id`, `$pepper=2026a$hmac-sha256`. */
  readonly start: string
  /** Whether new hashes are made under the pepper. */
  readonly isCurrent: boolean
  /** Whether the pepper is the built-in one, which is public. */
  readonly isBuiltIn: boolean
  /** A value to keep beside the hashes, by which the pepper is known again. A guess at the pepper by it costs tens of milliseconds. */
  readonly makeCheck: Effect.Effect<string, HasherError>
  /** Whether a value of `makeCheck` was made of this pepper. */
  readonly matches: (check: string) => Effect.Effect<boolean, HasherError>
}

/**
 * Hashes secrets and checks them against hash strings that describe themselves (PHC string format where one exists).
 *
 * `verify` gives `false` only for a wrong secret, in constant time. A hash string that can't be judged is a `HasherError`.
 * @category services
 * @since 0.1.0
 */
export class ApiKeyHasher extends Context.Service<
  ApiKeyHasher,
  {
    readonly hash: (secret: Redacted.Redacted) => Effect.Effect<Redacted.Redacted, HasherError>
    readonly verify: (secret: Redacted.Redacted, hash: Redacted.Redacted) => Effect.Effect<boolean, HasherError>
    /**
     * The number of threads that a hash keeps busy, which bounds the hashes that run at a time. Default: 1. With 0 a hash is computed at once,
     * in the calling thread, and waits for no turn.
     */
    readonly threads?: number
    /**
     * The {@link scheme} of the hashes that `hash` writes now: algorithm, parameters and pepper. The scheme is read at each look-up, so reading
     * should cost nothing. Default: the scheme of the first hash that the service makes.
     */
    readonly currentScheme?: Effect.Effect<string, HasherError>
    /**
     * The id of the missing pepper that hashes of this {@link scheme} need, `""` for the unlabelled pepper. The value is `undefined` if no
     * pepper is missing. Fails with `UnsupportedHash` for another hasher's scheme, as `verify` does. Without `missingPepper` no pepper counts as
     * missing.
     */
    readonly missingPepper?: (scheme: string) => Effect.Effect<string | undefined, HasherError>
    /**
     * The peppers that are configured now, the current one first. Without `peppers` the service can't compare them with the peppers of the
     * stored hashes.
     */
    readonly peppers?: Effect.Effect<ReadonlyArray<ConfiguredPepper>, HasherError>
    /**
     * The sealing keys derived from the peppers. The keys are read often, so reading should cost nothing. Without `sealingKeys` and without a
     * layer of `ApiKeySeals`, tokens bear no seal.
     */
    readonly sealingKeys?: Effect.Effect<SealingKeys, HasherError>
  }
>()("effect-api-key/ApiKeyHasher") {}

/**
 * Writes with the first hasher and checks with all. A hash string that a hasher doesn't support goes to the next. The hash string alone decides
 * which hasher checks.
 *
 * `currentScheme` and `sealingKeys` are the first hasher's; `threads` is the highest number of all. `missingPepper` asks the hasher that checks;
 * `peppers` lists the peppers of all.
 * @category constructors
 * @since 0.1.0
 */
export const several = (first: ApiKeyHasher["Service"], ...others: ReadonlyArray<ApiKeyHasher["Service"]>): ApiKeyHasher["Service"] => {
  const all = [first, ...others]
  const { currentScheme } = first
  /** Asks the hashers in order, until one supports the hash or scheme. */
  const ask = <A>(question: (hasher: ApiKeyHasher["Service"]) => Effect.Effect<A, HasherError>): Effect.Effect<A, HasherError> =>
    others.reduce((asked, next) => Effect.catchIf(asked, isUnsupported, () => question(next)), question(first))
  return {
    hash: (secret) => first.hash(secret),
    verify: (secret, hash) => ask((hasher) => hasher.verify(secret, hash)),
    threads: Math.max(...all.map(({ threads = 1 }) => threads)),
    ...(currentScheme !== undefined && { currentScheme }),
    ...(all.some(({ missingPepper }) => missingPepper !== undefined) && {
      missingPepper: (scheme: string) =>
        ask(({ missingPepper }) => missingPepper?.(scheme) ?? Effect.fail(new HasherError({ reason: "UnsupportedHash" }))),
    }),
    ...(all.some(({ peppers }) => peppers !== undefined) && {
      peppers: Effect.map(
        Effect.forEach(all, ({ peppers }) => peppers ?? Effect.succeed([])),
        (each) => each.flatMap((peppers, index) => (index === 0 ? peppers : peppers.map((pepper) => ({ ...pepper, isCurrent: false })))),
      ),
    }),
    ...(first.sealingKeys !== undefined && { sealingKeys: first.sealingKeys }),
  }
}

const isUnsupported = ({ reason }: HasherError): boolean => reason === "UnsupportedHash"

/**
 * Joins the hashers of several layers, as {@link several} does: the first one writes, all check.
 * @category layers
 * @since 0.1.0
 * @example
 * ```ts
 * import { ApiKeyHasher } from "effect-api-key"
 * import * as Argon2 from "effect-api-key/hasher/Argon2"
 * import * as Bcrypt from "effect-api-key/hasher/Bcrypt"
 *
 * // New hashes are of Argon2id; those of bcrypt work on, and are made anew as their tokens come by.
 * const hasher = ApiKeyHasher.layerSeveral(Argon2.layerConfig(), Bcrypt.layerConfig())
 * ```
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
 * HMAC-SHA-256 under a random key that lives as long as the layer. The hash is fast and sound, but can't be checked after a restart.
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
      currentScheme: Effect.succeed(scheme(ephemeralPrefix)),
    }
  }),
).pipe(Layer.provide(Layer.provideMerge(Mac.layerWebCrypto, layerWebCrypto)))

const ephemeralPrefix = "$hmac-sha256-ephemeral$"

/**
 * The algorithm and parameters of a hash string, without the hash itself. Examples: `$argon2id$v=19$m=19456,t=2,p=1`, and `$pepper=2026a$2b$12`
 * under a labelled pepper.
 *
 * The scheme is the first segment, or two behind `$legacy-…`, and the following segments that are a number or `x=y`. The last segment is never
 * part of the scheme. A string that doesn't begin with `$` gives `""`.
 * @category hash strings
 * @since 0.1.0
 */
export const scheme = (hash: string): string => {
  const { pepper, inner } = splitLabel(hash)
  return label(pepper, schemeStart.exec(inner)?.[0] ?? "")
}

const schemeStart = new RegExp(schemePattern)

/**
 * The parts of a {@link scheme}, for people. `pepper` is the pepper's id, `""` for the unlabelled one. `pepper` is `null` for hashes without
 * peppers: those of other systems (`$legacy-…`) and ephemeral ones.
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
 * The two parts that {@link label} put together. A string without a label, or with a broken one, is all `inner`.
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
