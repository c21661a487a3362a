/**
 * Issues, verifies and manages API keys. Provide {@link layer} with a hasher and a repository, or {@link layerMemory} for first
 * steps, and call the methods of {@link ApiKeys}.
 * @since 0.1.0
 */
import * as Clock from "effect/Clock"
import type * as Config from "effect/Config"
import * as Digest from "effect/crypto/Digest"
import { layerWebCrypto, SecureRandom } from "effect/crypto/SecureRandom"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Hex from "effect/encoding/Hex"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { type BuiltInPepper, HasherError, type MissingPeppers, type OtherPeppers, type UnsealedTokens } from "./ApiKeyError.ts"
import { ApiKeyHasher, layerEphemeral, scheme, several } from "./ApiKeyHasher.ts"
import { ApiKeyInvalidation } from "./ApiKeyInvalidation.ts"
import * as Repository from "./ApiKeyRepository.ts"
import { ApiKeySeals } from "./ApiKeySeals.ts"
import type * as ApiKeyToken from "./ApiKeyToken.ts"
import * as Changes from "./internal/keys/changes.ts"
import { readOptions } from "./internal/keys/configuration.ts"
import * as Confirm from "./internal/keys/confirm.ts"
import * as Create from "./internal/keys/create.ts"
import * as Find from "./internal/keys/find.ts"
import * as HashReport from "./internal/keys/hashReport.ts"
import * as Import from "./internal/keys/import.ts"
import * as Invalidation from "./internal/keys/invalidation.ts"
import * as Mint from "./internal/keys/mint.ts"
import type { Options } from "./internal/keys/model.ts"
import {
  decodeCache,
  decodeFormat,
  decodeHashing,
  decodeLastUsedInterval,
  decodeLifetimes,
  decodeLimits,
  decodeMeters,
  decodePolicies,
  decodeNodeName,
  type InvalidOptions,
} from "./internal/keys/options.ts"
import { observe } from "./internal/keys/observe.ts"
import * as OwnerBounds from "./internal/keys/ownerBounds.ts"
import { requireSeals } from "./internal/keys/requireSeals.ts"
import * as QuotaChanges from "./internal/keys/quotas.ts"
import * as Revoke from "./internal/keys/revoke.ts"
import * as Policies from "./internal/keys/policies.ts"
import * as Rotate from "./internal/keys/rotate.ts"
import { RunsOnce } from "./internal/keys/runsOnce.ts"
import * as SealReport from "./internal/keys/sealReport.ts"
import * as Sealing from "./internal/keys/sealing.ts"
import { ApiKeys } from "./internal/keys/service.ts"
import { searchUpcoming, upcoming } from "./internal/keys/upcoming.ts"
import * as Update from "./internal/keys/update.ts"
import * as Upkeep from "./internal/keys/upkeep.ts"
import { allowedIps } from "./internal/limits/allowedIps.ts"
import * as IdleTimeout from "./internal/limits/idleTimeout.ts"
import * as Leases from "./internal/limits/leases.ts"
import * as MemoryMeters from "./internal/meters/memoryMeters.ts"
import * as Quotas from "./internal/limits/quotas.ts"
import * as RateLimits from "./internal/limits/rateLimits.ts"
import * as SharedLimits from "./internal/limits/sharedLimits.ts"
import * as Doubts from "./internal/nodes/doubts.ts"
import * as Nodes from "./internal/nodes/nodes.ts"
import * as MemoryReports from "./internal/record/memoryReports.ts"
import { checkPeppers, notePeppers, refuseBuiltIn } from "./internal/record/peppers.ts"
import type * as CacheSettings from "./internal/verifier/cacheSettings.ts"
import * as VerifyCounts from "./internal/verifier/counts.ts"
import * as HashQueue from "./internal/verifier/hashQueue.ts"
import * as LastUsed from "./internal/verifier/lastUsed.ts"
import { withRecall } from "./internal/verifier/recall.ts"
import * as Rehash from "./internal/verifier/rehash.ts"
import * as Standings from "./internal/verifier/standing.ts"
import * as Strangers from "./internal/verifier/strangers.ts"
import * as Verifier from "./internal/verifier/verifier.ts"
import type { LegacyTokens } from "./LegacyTokens.ts"
import { Meters } from "./Meters.ts"
import * as RateLimit from "./RateLimit.ts"

export type {
  CreateInput,
  UpdateInput,
  Created,
  Filter,
  SearchInput,
  RotateOptions,
  SearchUpcomingInput,
  Upcoming,
  UpcomingOptions,
  UpcomingPage,
  Revoked,
  RevokeOptions,
  HashUsage,
  SealUsage,
  IfVersion,
  ConfirmWithin,
  ExportOptions,
  DeactivateOptions,
  HashingOptions,
  Options,
} from "./internal/keys/model.ts"
export { InvalidOptions } from "./internal/keys/options.ts"
export { ApiKeys } from "./internal/keys/service.ts"
export type { Verified, VerifyOptions } from "./internal/verifier/model.ts"

/**
 * The service over the hasher and repository provided, with options.
 *
 * The build fails with
 * - `InvalidTokenConfig` for a bad prefix or separator;
 * - `InvalidOptions` for options that make no sense, or `maxKeysPerOwner` over a store that can't keep it;
 * - `HasherError` if the hasher can't check its own hashes;
 * - `BuiltInPepper` if the hasher has the built-in pepper, and the store outlives the program;
 * - `OtherPeppers` if a pepper isn't the one that keys in the store were made under;
 * - `UnsealedTokens` if required seals would end tokens that work;
 * - `MissingPeppers` if hashes need a pepper that isn't configured. While the store can't be read, a warning takes its place.
 * @category layers
 * @since 0.1.0
 */
export const layerWith = (
  options: Options,
): Layer.Layer<
  ApiKeys,
  ApiKeyToken.InvalidTokenConfig | InvalidOptions | HasherError | MissingPeppers | OtherPeppers | BuiltInPepper | UnsealedTokens,
  ApiKeyHasher | Repository.ApiKeyRepository
> => Layer.effect(ApiKeys, make(options))

/**
 * The service over the hasher and repository provided, with default options.
 * @category layers
 * @since 0.1.0
 * @example
 * ```ts
 * import { Effect, Layer, Redacted } from "effect"
 * import { ApiKeys } from "effect-api-key"
 * import * as Argon2 from "effect-api-key/hasher/Argon2"
 * import * as Pglite from "effect-api-key/sql/Pglite"
 *
 * const live = ApiKeys.layer.pipe(
 *   Layer.provide([Argon2.layer({ pepper: Redacted.make("from your secret store") }), Pglite.layerPglite({ dataDir: "keys" })]),
 * )
 * const verify = (token: string) =>
 *   ApiKeys.ApiKeys.use((apiKeys) => apiKeys.verify(token, { scopes: ["invoices:read"] })).pipe(Effect.provide(live))
 * ```
 */
export const layer: Layer.Layer<
  ApiKeys,
  HasherError | MissingPeppers | OtherPeppers | BuiltInPepper,
  ApiKeyHasher | Repository.ApiKeyRepository
> = Layer.suspend(() =>
  // The defaults are valid.
  Layer.catchTag(layerWith({}), ["InvalidTokenConfig", "InvalidOptions", "UnsealedTokens"], (error) =>
    Layer.effectContext(Effect.die(error)),
  ),
)

/**
 * {@link layerConfig} with adapters of other systems and kinds of policies, which configuration alone can't hold.
 * @category layers
 * @since 0.1.0
 * @example
 * ```ts
 * import { ApiKeys } from "effect-api-key"
 * import * as Unkey from "effect-api-key/legacy/Unkey"
 *
 * const layer = ApiKeys.layerConfigWith({ legacy: [Unkey.make({ prefix: "shop_" })] })
 * ```
 */
export const layerConfigWith = (
  given: Pick<Options, "legacy" | "policies">,
): Layer.Layer<
  ApiKeys,
  | ApiKeyToken.InvalidTokenConfig
  | InvalidOptions
  | HasherError
  | MissingPeppers
  | OtherPeppers
  | BuiltInPepper
  | UnsealedTokens
  | Config.ConfigError,
  ApiKeyHasher | Repository.ApiKeyRepository
> => Layer.unwrap(Effect.map(readOptions, (options) => layerWith({ ...options, ...given })))

/**
 * The service of {@link layerWith}, with its options from configuration. Issuing: `API_KEY_PREFIX`, `API_KEY_SEPARATOR`,
 * `API_KEY_DEFAULT_LIFETIME` and `API_KEY_MAXIMUM_LIFETIME` (times such as `90 days` or `30d`),
 * `API_KEY_MAX_KEYS_PER_OWNER`. Age of tokens: `API_KEY_MAXIMUM_AGE` and
 * `API_KEY_REFUSE_AGED` (`true`). Limits: `API_KEY_LIMITS`, `API_KEY_OWNER_LIMITS`, `API_KEY_LEASE_UNITS`, `API_KEY_RATE_LEASE` and
 * `API_KEY_SHARE_LIMITS` (`true` or `false`). Peppers: `API_KEY_ACCEPT_MISSING_PEPPERS` and `API_KEY_ACCEPT_BUILT_IN_PEPPER` (`true`). Seals:
 * `API_KEY_SEAL_RULE` (`preferred` or `required`) and `API_KEY_REFUSE_UNSEALED` (`true`). Verification: `API_KEY_CACHE` (`on` or `off`),
 * `API_KEY_CACHE_ENTRIES`, `API_KEY_CACHE_BYTES`, `API_KEY_CACHE_TIME_TO_LIVE`, `API_KEY_HASHING_PERMITS`, `API_KEY_HASHING_QUEUE`,
 * `API_KEY_HASHING_MAX_WAIT`, `API_KEY_LAST_USED_INTERVAL`, `API_KEY_TELEMETRY` and `API_KEY_NODE_NAME`.
 * @category layers
 * @since 0.1.0
 */
export const layerConfig: Layer.Layer<
  ApiKeys,
  | ApiKeyToken.InvalidTokenConfig
  | InvalidOptions
  | HasherError
  | MissingPeppers
  | OtherPeppers
  | BuiltInPepper
  | UnsealedTokens
  | Config.ConfigError,
  ApiKeyHasher | Repository.ApiKeyRepository
> = Layer.suspend(() => layerConfigWith({}))

/**
 * The service in memory, with {@link layerEphemeral} as its hasher and with options: for tests of an app that has some.
 *
 * Fails with `InvalidTokenConfig` for a bad prefix or separator, and with `InvalidOptions` for options that make no sense.
 * @example
 * ```ts
 * import { ApiKeys } from "effect-api-key"
 *
 * const layer = ApiKeys.layerMemoryWith({ token: { prefix: "acme" }, maximumLifetime: "90 days" })
 * ```
 * @category layers
 * @since 0.1.0
 */
export const layerMemoryWith = (options: Options): Layer.Layer<ApiKeys, ApiKeyToken.InvalidTokenConfig | InvalidOptions> =>
  // The ephemeral hasher always hashes; a failure would mean a runtime without WebCrypto.
  Layer.catchTag(layerWith(options), ["HasherError", "MissingPeppers", "OtherPeppers", "BuiltInPepper", "UnsealedTokens"], (error) =>
    Layer.effectContext(Effect.die(error)),
  ).pipe(Layer.provide([layerEphemeral, Repository.layerMemory]))

/**
 * {@link layerMemoryWith} the default options: for tests and first steps.
 * @category layers
 * @since 0.1.0
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import { ApiKeys } from "effect-api-key"
 *
 * const program = Effect.gen(function* () {
 *   const apiKeys = yield* ApiKeys.ApiKeys
 *   const { token } = yield* apiKeys.create({ name: "robot" })
 *   return yield* apiKeys.verify(token)
 * })
 * await Effect.runPromise(Effect.provide(program, ApiKeys.layerMemory))
 * ```
 */
export const layerMemory: Layer.Layer<ApiKeys> = Layer.suspend(() =>
  // The defaults are valid.
  Layer.catchTag(layerMemoryWith({}), ["InvalidTokenConfig", "InvalidOptions"], (error) => Layer.effectContext(Effect.die(error))),
)

/**
 * The service of {@link layerWith} as a value, over the hasher and repository of the context. The service works as long as the scope is open. A
 * second space of keys in a program is a second service with its own repository, under the program's own tag.
 * @category constructors
 * @since 0.1.0
 * @example
 * ```ts
 * import { ApiKeyRepository, ApiKeys } from "effect-api-key"
 * import { layerEphemeral } from "effect-api-key/ApiKeyHasher"
 * import { Context, Effect, Layer } from "effect"
 *
 * class PartnerKeys extends Context.Service<PartnerKeys, ApiKeys.ApiKeys["Service"]>()("app/PartnerKeys") {}
 *
 * const layerPartnerKeys = Layer.effect(PartnerKeys, ApiKeys.make({ token: { prefix: "partner" } })).pipe(
 *   Layer.provide([layerEphemeral, Layer.fresh(ApiKeyRepository.layerMemory)]),
 * )
 *
 * const layer = Layer.merge(ApiKeys.layerMemory, layerPartnerKeys)
 * ```
 */
export const make = (
  options: Options,
): Effect.Effect<
  ApiKeys["Service"],
  ApiKeyToken.InvalidTokenConfig | InvalidOptions | HasherError | MissingPeppers | OtherPeppers | BuiltInPepper | UnsealedTokens,
  ApiKeyHasher | Repository.ApiKeyRepository | Scope.Scope
> => Effect.provide(build(options), [layerWebCrypto, Digest.layerWebCrypto])

const build = Effect.fnUntraced(function* (options: Options) {
  const { legacy = [], acceptMissingPeppers = false, telemetry = "counters" } = options
  const hasher = withLegacy(yield* ApiKeyHasher, legacy)
  const repository = yield* Repository.ApiKeyRepository
  const random = yield* SecureRandom
  const clock = yield* Clock.Clock
  const format = yield* decodeFormat(options)
  const lifetimes = yield* decodeLifetimes(options)
  const writes = yield* OwnerBounds.make(repository, options)
  const { defaultLimits, ownerLimits } = yield* decodeLimits(options)
  const meters =
    Option.getOrUndefined(yield* Effect.serviceOption(Meters)) ??
    repository.meters ??
    MemoryMeters.make(() => clock.currentTimeMillisUnsafe())
  const { shareLimits, ...leasing } = yield* decodeMeters(options)
  const leases = yield* Leases.make({
    meters,
    node: Hex.encode(yield* random.randomBytes(8)),
    ...leasing,
    uncounted: () => counts.uncounted++,
  })
  const limits =
    meters.scope === "shared" && shareLimits
      ? SharedLimits.make({ leases, always: ownerLimits })
      : RateLimits.make({ clock, always: ownerLimits })
  const lastUsedInterval = yield* decodeLastUsedInterval(options)
  const policies = yield* decodePolicies(options, [
    allowedIps,
    limits,
    Quotas.make(leases),
    IdleTimeout.make({ lastUsedInterval, unwritten: (keyId) => lastUsed.unwritten(keyId) }),
  ])
  const generate = Effect.provideService(format.generate, SecureRandom, random)

  // The decoy is checked if no record is found, so an unknown key id costs as much as a wrong secret.
  const { secret: decoySecret } = yield* generate
  const decoy = yield* hasher.hash(decoySecret)
  // A hasher may refuse its own hashes, because of its bounds for example. The build fails then, not the first request.
  if (!(yield* hasher.verify(decoySecret, decoy))) return yield* new HasherError({ reason: "Failed" })
  const currentScheme = hasher.currentScheme ?? Effect.succeed(scheme(Redacted.value(decoy)))

  const hashing = yield* decodeHashing(options.hashing ?? {}, hasher.threads ?? 1)
  const hashQueue = HashQueue.make(hashing)
  const hash = (secret: Redacted.Redacted) => hashQueue.runNew(hasher.hash(secret))
  if (options.acceptBuiltInPepper !== true) yield* refuseBuiltIn(repository, hasher)
  yield* checkPeppers(repository, hasher, acceptMissingPeppers)
  yield* notePeppers(repository, hasher)
  const sealingKeys = yield* Sealing.combine(Option.getOrUndefined(yield* Effect.serviceOption(ApiKeySeals)), hasher)
  const counts = yield* VerifyCounts.register({
    hashesInFlight: hashQueue.inFlight,
    cacheEntries: () => verification.cacheSize(),
    isInTouch: () => nodes.isInTouch(clock.currentTimeMillisUnsafe()),
  })
  const cache = yield* decodeCache(options.cache)
  const channel = yield* Effect.serviceOption(ApiKeyInvalidation)
  const node = Option.isNone(channel) ? "" : `${yield* decodeNodeName(options)}-${Hex.encode(yield* random.randomBytes(6))}`

  const listener = {
    changed: (keyId: string) => {
      verification.changed(keyId)
      standings?.changed(keyId)
    },
    recordChanged: (id: string) => {
      verification.recordChanged(id)
      // The record's key ids aren't known.
      standings?.everythingChanged()
    },
    everythingChanged: () => {
      verification.everythingChanged()
      standings?.everythingChanged()
    },
  }
  const doubts: Doubts.Doubts = yield* Doubts.make({
    node,
    listener,
    tell: (message) => nodes.tell(message),
    isChanging: repository.transaction?.isChanging ?? (() => Effect.succeed(false)),
  })
  const changes = yield* Changes.make(
    repository,
    Invalidation.make({
      doubts,
      ...listener,
      tell: (message) => nodes.tell(message),
    }),
  )
  const upkeep = Upkeep.make(repository, changes)
  const rehash = yield* Rehash.make(upkeep.replaceHash, hasher, currentScheme, hashQueue)
  const standings =
    sealingKeys === undefined
      ? undefined
      : Standings.make({
          format,
          sealingKeys,
          repository,
          rule: options.seals,
          mayRevive: doubts.mayRevive,
          // Without a channel, other nodes' changes aren't heard.
          isInTouch: Option.isSome(channel) || repository.isExclusive === true ? (now) => nodes.isInTouch(now) : () => false,
        })
  if (options.seals === "required") yield* requireSeals(repository, standings && sealingKeys, options.refuseUnsealed === true)
  const lastUsed = yield* LastUsed.make(upkeep.touch, lastUsedInterval)
  const verification = Verifier.make({
    repository,
    hasher,
    currentScheme,
    hashQueue,
    decoy: { secret: decoySecret, hash: decoy },
    format,
    cache,
    lastUsed,
    counts,
    legacy,
    maximumAge: Duration.toMillis(lifetimes.refusedAge),
    policies,
    defaults: defaultLimits === undefined && ownerLimits.length === 0 ? null : { [RateLimit.kind]: defaultLimits ?? [] },
    rehash,
    standings,
    strangers: Strangers.make(hashing.maxWait),
    doubts,
  })
  yield* Effect.forkScoped(verification.watchClock)
  yield* Effect.forkScoped(doubts.watch)
  const nodes = Option.isNone(channel)
    ? Nodes.alone()
    : yield* Nodes.make(
        Nodes.withRegister(channel.value, repository.nodeRegister),
        node,
        {
          ...listener,
          trust: (from, until) => {
            verification.trust(from, until)
            standings?.touched()
          },
          doubtful: doubts.doubtful,
          settled: doubts.settled,
        },
        rememberedByNodes(cache),
      )

  if (!(yield* RunsOnce)) {
    yield* Effect.forkScoped(Sealing.warnOfMissing(repository, sealingKeys, options.seals))
    if (standings !== undefined) yield* Effect.forkScoped(standings.watch)
  }

  const checkPolicies = Policies.make(policies)
  const mint = Mint.make({ format, generate, sealingKeys })
  const confirm = Confirm.make(repository.transaction, nodes)
  const { deactivateRecord, ...updates } = Update.make({ repository, writes, changes, confirm, lifetimes, checkPolicies })
  const { endPrevious, ...rotations } = Rotate.make({
    repository,
    changes,
    confirm,
    format,
    mint,
    hash,
    refusedAge: lifetimes.refusedAge,
  })
  const timed: ApiKeys["Service"]["verify"] =
    telemetry === "counters"
      ? withRecall(verification.verify, verification.recall)
      : (token, options) => observe(verification.verify(token, options))

  return ApiKeys.of({
    create: Create.make({ writes, changes, lifetimes, format, mint, hash, random, checkPolicies }),
    verify: telemetry === "traces" ? (token, options) => Effect.withSpan(timed(token, options), "ApiKeys.verify") : timed,
    isToken: verification.isToken,
    keyIdsOf: verification.keyIdsOf,
    ...Find.make({ repository, isToken: verification.isToken }),
    hashReport: yield* HashReport.make({ repository, currentScheme }),
    sealReport: yield* SealReport.make({ repository, sealingKeys }),
    ...QuotaChanges.make({ repository, meters, storeNow: leases.storeNow }),
    ...updates,
    ...rotations,
    revoke: Revoke.make({
      prove: verification.prove,
      reports: repository.reports ?? MemoryReports.make(),
      digests: yield* Digest.Digest,
      endPrevious,
      deactivate: deactivateRecord,
    }),
    upcoming: (options) =>
      Stream.withSpan(upcoming(repository, { ...options, maximumAge: options.maximumAge ?? lifetimes.maximumAge }), "ApiKeys.upcoming"),
    searchUpcoming: Effect.fn("ApiKeys.searchUpcoming")((input) =>
      searchUpcoming(repository, { ...input, maximumAge: input.maximumAge ?? lifetimes.maximumAge }),
    ),
    isInTouch: Effect.map(Clock.currentTimeMillis, (now) => nodes.isInTouch(now)),
    import: Import.make({ repository, changes, hasher, hashQueue, secret: decoySecret, acceptMissingPeppers }),
  })
})

/** The application's hasher, joined with the adapters of other systems, which only check. */
const withLegacy = (hasher: ApiKeyHasher["Service"], legacy: ReadonlyArray<LegacyTokens>): ApiKeyHasher["Service"] =>
  several(hasher, ...legacy.map(({ verify }) => ({ hash: hasher.hash, verify })))

/** Other nodes keep records as long as this one, or as long as the default. The leeway allows for clocks that run apart. */
const rememberedByNodes = ({ timeToLive }: CacheSettings.Settings): Duration.Duration =>
  Duration.sum(Duration.max(Duration.millis(timeToLive), Duration.seconds(60)), Duration.seconds(10))
