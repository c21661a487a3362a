/**
 * Issues, verifies and manages API keys. Provide {@link layer} with a hasher and a repository, or {@link layerMemory} for first
 * steps, and call the methods of {@link ApiKeys}.
 * @since 0.1.0
 */
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Config from "effect/Config"
import * as Context from "effect/Context"
import * as Digest from "effect/crypto/Digest"
import { layerWebCrypto, SecureRandom } from "effect/crypto/SecureRandom"
import * as DateTime from "effect/DateTime"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Hex from "effect/encoding/Hex"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import * as Model from "./ApiKey.ts"
import {
  ApiKeyNotFound,
  type BuiltInPepper,
  type DuplicateKeyId,
  GraceRunning,
  HasherError,
  type InvalidCursor,
  InvalidInput,
  MissingPeppers,
  NotFound,
  type OtherPeppers,
  RepositoryError,
  UnstorableText,
  Unconfirmed,
  type VerifyError,
  VersionConflict,
} from "./ApiKeyError.ts"
import { ApiKeyHasher, layerEphemeral, parseScheme, scheme, several } from "./ApiKeyHasher.ts"
import { ApiKeyInvalidation } from "./ApiKeyInvalidation.ts"
import * as ApiKeyMetrics from "./ApiKeyMetrics.ts"
import * as Repository from "./ApiKeyRepository.ts"
import * as ApiKeyTransfer from "./ApiKeyTransfer.ts"
import * as ApiKeyToken from "./ApiKeyToken.ts"
import * as CacheSettings from "./internal/verifier/cacheSettings.ts"
import * as Doubts from "./internal/nodes/doubts.ts"
import * as HashQueue from "./internal/verifier/hashQueue.ts"
import { importKeys } from "./internal/keys/import.ts"
import { decodeCreate, decodeFilter, decodeId, decodeKeyId, decodeUpdate } from "./internal/keys/input.ts"
import * as Message from "./internal/nodes/message.ts"
import * as LastUsed from "./internal/verifier/lastUsed.ts"
import * as MemoryReports from "./internal/record/memoryReports.ts"
import * as Nodes from "./internal/nodes/nodes.ts"
import { checkPeppers, missingPepper, notePeppers, refuseBuiltIn } from "./internal/record/peppers.ts"
import * as Rehash from "./internal/verifier/rehash.ts"
import * as Rotation from "./internal/keys/rotation.ts"
import type {
  ConfirmWithin,
  CreateInput,
  Created,
  DeactivateOptions,
  ExportOptions,
  Filter,
  HashingOptions,
  HashUsage,
  IfVersion,
  Options,
  Revoked,
  RevokeOptions,
  RotateOptions,
  SearchInput,
  SearchUpcomingInput,
  Upcoming,
  UpcomingOptions,
  UpcomingPage,
  UpdateInput,
} from "./internal/keys/model.ts"
import type { Verified, VerifyOptions } from "./internal/verifier/model.ts"
import { isLifetime, searchUpcoming, upcoming } from "./internal/keys/upcoming.ts"
import * as Variable from "./internal/config/variable.ts"
import * as Verifier from "./internal/verifier/verifier.ts"
import * as VerifyCounts from "./internal/verifier/counts.ts"
import type { LegacyTokens } from "./LegacyTokens.ts"
import type * as VerificationCache from "./VerificationCache.ts"

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
  IfVersion,
  ConfirmWithin,
  ExportOptions,
  DeactivateOptions,
  HashingOptions,
  Options,
} from "./internal/keys/model.ts"
export type { Verified, VerifyOptions } from "./internal/verifier/model.ts"

/** The options each other, or a lifetime makes no sense. @category errors @since 0.1.0 */
export class InvalidOptions extends Schema.TaggedError<InvalidOptions>()("InvalidOptions", { reason: Schema.String }) {
  override get message(): string {
    return this.reason
  }
}

/**
 * The service.
 *
 * `verify` checks, in this order: the token's form and checksum, that the key exists, its secret, that it is active, its expiry, its
 * scopes. An unknown key id costs the same hashing as a wrong secret. It never writes the record.
 *
 * Ids and key ids are taken as text, and instants as {@link Model.InstantInput}: what can't be one fails with `InvalidInput`.
 * @category services
 * @since 0.1.0
 */
export class ApiKeys extends Context.Service<
  ApiKeys,
  {
    /** Issues a key. It is durable when this returns, unless the caller's own transaction rolls back. */
    readonly create: (input: CreateInput) => Effect.Effect<Created, InvalidInput | RepositoryError | HasherError>
    /** Gives the record of a token that is good and whose key holds all of `scopes`. */
    readonly verify: (token: string | Redacted.Redacted, options?: VerifyOptions) => Effect.Effect<Verified, VerifyError>
    /** Whether the text has a token's form, ours or a legacy one. Nothing is looked up, so it says nothing of whether it works. */
    readonly isToken: (token: string | Redacted.Redacted) => boolean
    /**
     * The key ids that the text stands for as a token: one if it is of our format, and possibly several of a legacy one. None if it has no
     * token's form. Nothing is looked up.
     */
    readonly keyIdsOf: (token: string | Redacted.Redacted) => ReadonlyArray<Model.KeyId>
    readonly get: (id: string) => Effect.Effect<Model.ApiKey, InvalidInput | ApiKeyNotFound | RepositoryError>
    /** The record that a key id leads to: that of its current token, or of the previous one, whether that still works or not. */
    readonly getByKeyId: (keyId: string) => Effect.Effect<Model.ApiKey, InvalidInput | NotFound | RepositoryError>
    readonly search: (input?: SearchInput) => Effect.Effect<Repository.Page, InvalidInput | InvalidCursor | RepositoryError>
    readonly count: (filter?: Filter) => Effect.Effect<number, InvalidInput | RepositoryError>
    /** Every key that matches, newest first, read in batches. */
    readonly stream: (filter?: Filter) => Stream.Stream<Model.ApiKey, InvalidInput | RepositoryError>
    readonly update: (
      id: string,
      input: UpdateInput,
      options?: IfVersion & ConfirmWithin,
    ) => Effect.Effect<Model.ApiKey, InvalidInput | ApiKeyNotFound | VersionConflict | RepositoryError | Unconfirmed>
    readonly activate: (
      id: string,
      options?: IfVersion & ConfirmWithin,
    ) => Effect.Effect<Model.ApiKey, InvalidInput | ApiKeyNotFound | VersionConflict | RepositoryError | Unconfirmed>
    /** Ends the key until it is activated. One that is inactive already keeps when and why it was deactivated. */
    readonly deactivate: (
      id: string,
      options?: IfVersion & ConfirmWithin & DeactivateOptions,
    ) => Effect.Effect<Model.ApiKey, InvalidInput | ApiKeyNotFound | VersionConflict | RepositoryError | Unconfirmed>
    readonly delete: (
      id: string,
      options?: IfVersion & ConfirmWithin,
    ) => Effect.Effect<void, InvalidInput | ApiKeyNotFound | VersionConflict | RepositoryError | Unconfirmed>
    /**
     * Replaces the key's token. The record stays, with a new key id and hint; the token so far works on until its grace ends, and is refused
     * as `Expired` then. One token before the current one is kept, not more. Where it isn't confirmed in time, the new token is in `Unconfirmed`.
     */
    readonly rotate: (
      id: string,
      options?: RotateOptions,
    ) => Effect.Effect<
      Created,
      InvalidInput | ApiKeyNotFound | VersionConflict | GraceRunning | RepositoryError | HasherError | Unconfirmed
    >
    /** Ends the previous token at once. Where none works any more it changes nothing, but is confirmed all the same. */
    readonly endGrace: (
      id: string,
      options?: IfVersion & ConfirmWithin,
    ) => Effect.Effect<Model.ApiKey, InvalidInput | ApiKeyNotFound | VersionConflict | RepositoryError | Unconfirmed>
    /**
     * Ends the token that somebody presents, if it works: deactivates its key, or ends its grace if it is the previous one. Asks the store;
     * fails as `verify` does if the token doesn't work. Presenting it is no use of it. The token is judged again if its key changes meanwhile:
     * one that a rotation has just replaced ends alone, and its key's new token works on.
     */
    readonly revoke: (token: string | Redacted.Redacted, options: RevokeOptions) => Effect.Effect<Revoked, VerifyError | ApiKeyNotFound>
    /**
     * Keys that expire within a time from now, then those whose tokens come of age (`maximumAge`, here or of the service) within it: up to
     * 36,500 days each. Those that have expired or are inactive don't work as it is, and aren't among them.
     */
    readonly upcoming: (options: UpcomingOptions) => Stream.Stream<Upcoming, InvalidInput | RepositoryError>
    /** The same, page by page. */
    readonly searchUpcoming: (input: SearchUpcomingInput) => Effect.Effect<UpcomingPage, InvalidInput | InvalidCursor | RepositoryError>
    /**
     * Whether this node hears what is changed elsewhere, and so answers from memory: `true` where no layer of `ApiKeyInvalidation` connects it to
     * others. While it is `false`, each verification asks the store, so that none answers by what has been changed.
     */
    readonly isInTouch: Effect.Effect<boolean>
    /** How many hashes there are of each algorithm, parameters and pepper. It reads the whole table. */
    readonly hashReport: Effect.Effect<ReadonlyArray<HashUsage>, RepositoryError | HasherError>
    /**
     * Keeps keys of another database or system, batch by batch, and tells of each row that it refused and, after each batch, how far it has
     * come. A key whose id is there already is left as it is, so that an import may be run again; one whose key id belongs to another
     * record is refused. See `ApiKeyTransfer` for the rows. Fails with `InvalidInput` for `skip` and `batchSize` that make no sense.
     */
    readonly import: <E, R>(
      rows: Stream.Stream<unknown, E, R>,
      options?: ApiKeyTransfer.ImportOptions,
    ) => Stream.Stream<ApiKeyTransfer.ImportEvent, E | InvalidInput | RepositoryError, R>
    /** Keys as lines of JSON, each with its end, oldest first: `ApiKeyTransfer.ExportedKey`. */
    readonly export: (options?: ExportOptions) => Stream.Stream<string, InvalidInput | RepositoryError>
  }
>()("effect-api-key/ApiKeys") {}

/**
 * The service over the hasher and repository provided, with options.
 *
 * Fails with `InvalidTokenConfig` for a bad prefix or separator, with `InvalidOptions` for lifetimes that make no sense, with `HasherError` if
 * the hasher can't check what it hashes, with `BuiltInPepper` if it hashes with the built-in pepper for a store that outlives the program, with
 * `OtherPeppers` if a pepper isn't the one that keys in the store were made under, and with `MissingPeppers` if hashes need a pepper that isn't configured (which
 * nobody can tell, and a warning says, as long as the store can't be read).
 * @category layers
 * @since 0.1.0
 */
export const layerWith = (
  options: Options,
): Layer.Layer<
  ApiKeys,
  ApiKeyToken.InvalidTokenConfig | InvalidOptions | HasherError | MissingPeppers | OtherPeppers | BuiltInPepper,
  ApiKeyHasher | Repository.ApiKeyRepository
> => Layer.effect(ApiKeys, make(options)).pipe(Layer.provide([layerWebCrypto, Digest.layerWebCrypto]))

/**
 * The service over the hasher and repository provided, with default options.
 * @category layers
 * @since 0.1.0
 */
export const layer: Layer.Layer<
  ApiKeys,
  HasherError | MissingPeppers | OtherPeppers | BuiltInPepper,
  ApiKeyHasher | Repository.ApiKeyRepository
> = Layer.suspend(() =>
  // The defaults are valid.
  Layer.catchTag(layerWith({}), ["InvalidTokenConfig", "InvalidOptions"], (error) => Layer.effectContext(Effect.die(error))),
)

/**
 * {@link layerConfig} with adapters of other systems, which configuration alone can't hold.
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
export const layerConfigWith = ({
  legacy,
}: Pick<Options, "legacy">): Layer.Layer<
  ApiKeys,
  ApiKeyToken.InvalidTokenConfig | InvalidOptions | HasherError | MissingPeppers | OtherPeppers | BuiltInPepper | Config.ConfigError,
  ApiKeyHasher | Repository.ApiKeyRepository
> => Layer.unwrap(Effect.map(readOptions, (options) => layerWith({ ...options, legacy })))

/**
 * As {@link layerWith}, from configuration. How keys are issued: `API_KEY_PREFIX`, `API_KEY_SEPARATOR`, `API_KEY_DEFAULT_LIFETIME` and
 * `API_KEY_MAXIMUM_LIFETIME` (times such as `90 days` or `30d`). How old their tokens grow: `API_KEY_MAXIMUM_AGE` and `API_KEY_REFUSE_AGED`
 * (`true`). Whether a pepper may be missing, or the built-in one: `API_KEY_ACCEPT_MISSING_PEPPERS` and `API_KEY_ACCEPT_BUILT_IN_PEPPER` (`true`). How they are verified: `API_KEY_CACHE` (`on` or `off`), `API_KEY_CACHE_ENTRIES`,
 * `API_KEY_CACHE_BYTES`, `API_KEY_CACHE_TIME_TO_LIVE`, `API_KEY_HASHING_PERMITS`, `API_KEY_HASHING_QUEUE`, `API_KEY_HASHING_MAX_WAIT`,
 * `API_KEY_LAST_USED_INTERVAL`, `API_KEY_TELEMETRY` and `API_KEY_NODE_NAME`.
 * @category layers
 * @since 0.1.0
 */
export const layerConfig: Layer.Layer<
  ApiKeys,
  ApiKeyToken.InvalidTokenConfig | InvalidOptions | HasherError | MissingPeppers | OtherPeppers | BuiltInPepper | Config.ConfigError,
  ApiKeyHasher | Repository.ApiKeyRepository
> = Layer.suspend(() => layerConfigWith({}))

const readOptions: Effect.Effect<Options, Config.ConfigError> = Effect.gen(function* () {
  const prefix = yield* Config.option(Config.String("API_KEY_PREFIX"))
  const separator = yield* Config.option(Variable.word("API_KEY_SEPARATOR", ["-", "_", ".", "~", ":"]))
  const cacheSwitch = yield* optional(Variable.word("API_KEY_CACHE", ["on", "off"]))
  const cache = {
    entries: yield* optional(Variable.whole("API_KEY_CACHE_ENTRIES")),
    bytes: yield* optional(Variable.whole("API_KEY_CACHE_BYTES")),
    timeToLive: yield* optional(Variable.duration("API_KEY_CACHE_TIME_TO_LIVE")),
  }
  return {
    token: {
      ...(Option.isSome(prefix) ? { prefix: prefix.value } : {}),
      ...(Option.isSome(separator) ? { separator: separator.value } : {}),
    },
    defaultLifetime: yield* optional(Variable.duration("API_KEY_DEFAULT_LIFETIME")),
    maximumLifetime: yield* optional(Variable.duration("API_KEY_MAXIMUM_LIFETIME")),
    maximumAge: yield* optional(Variable.duration("API_KEY_MAXIMUM_AGE")),
    refuseAged: yield* optional(Variable.flag("API_KEY_REFUSE_AGED")),
    acceptMissingPeppers: yield* optional(Variable.flag("API_KEY_ACCEPT_MISSING_PEPPERS")),
    acceptBuiltInPepper: yield* optional(Variable.flag("API_KEY_ACCEPT_BUILT_IN_PEPPER")),
    lastUsedInterval: yield* optional(Variable.duration("API_KEY_LAST_USED_INTERVAL")),
    cache: cacheSwitch === "off" ? "off" : cache,
    hashing: {
      permits: yield* optional(Variable.whole("API_KEY_HASHING_PERMITS")),
      queue: yield* optional(Variable.whole("API_KEY_HASHING_QUEUE")),
      maxWait: yield* optional(Variable.duration("API_KEY_HASHING_MAX_WAIT")),
    },
    telemetry: yield* optional(Variable.word("API_KEY_TELEMETRY", ["counters", "metrics", "traces"])),
    nodeName: yield* optional(Config.String("API_KEY_NODE_NAME")),
  }
})

const optional = <A>(config: Config.Config<A>): Config.Config<A | undefined> => Config.map(Config.option(config), Option.getOrUndefined)

/**
 * The service in memory, with {@link layerEphemeral} as its hasher and with options: for tests of an app that has some.
 *
 * Fails with `InvalidTokenConfig` for a bad prefix or separator, and with `InvalidOptions` for what makes no sense.
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
  // Its hasher always hashes; a failure would mean a runtime without WebCrypto.
  Layer.catchTag(layerWith(options), ["HasherError", "MissingPeppers", "OtherPeppers", "BuiltInPepper"], (error) =>
    Layer.effectContext(Effect.die(error)),
  ).pipe(Layer.provide([layerEphemeral, Repository.layerMemory]))

/**
 * {@link layerMemoryWith} the default options: for tests and first steps.
 * @category layers
 * @since 0.1.0
 */
export const layerMemory: Layer.Layer<ApiKeys> = Layer.suspend(() =>
  // The defaults are valid.
  Layer.catchTag(layerMemoryWith({}), ["InvalidTokenConfig", "InvalidOptions"], (error) => Layer.effectContext(Effect.die(error))),
)

const insertAttempts = 5

/** Whether a write is sure not to have taken place, as the store has said why not. */
const isRefused = (cause: Cause.Cause<{ readonly _tag: string }>): boolean =>
  cause.reasons.every((reason) => Cause.isFailReason(reason) && reason.error._tag !== "RepositoryError")

/** A text that the store's encoding can't hold fails the same way again, so it is the caller's to change. */
const refuseUnstorable =
  (fields: object) =>
  <E>(error: E): E | InvalidInput => {
    const cause = error instanceof RepositoryError ? error.cause : undefined
    if (!(cause instanceof UnstorableText)) return error
    const { character } = cause
    const [field = "input"] = Object.entries(fields).find(([, value]) => holds(value, character)) ?? []
    return new InvalidInput({ field, reason: `the store's encoding can't hold ${JSON.stringify(character)}` })
  }

const holds = (value: unknown, character: string): boolean =>
  typeof value === "string" ? value.includes(character) : isPlain(value) && (JSON.stringify(value) ?? "").includes(character)

const isPlain = (value: unknown): boolean => typeof value === "object" && value !== null

const activity = (isActive: boolean, at: DateTime.Utc, reason: Model.DeactivationReason = "manual") => ({
  isActive,
  deactivatedAt: isActive ? null : at,
  deactivationReason: isActive ? null : reason,
})

/** The application's hasher, and those of other systems, which only check. */
const withLegacy = (hasher: ApiKeyHasher["Service"], legacy: ReadonlyArray<LegacyTokens>): ApiKeyHasher["Service"] =>
  several(hasher, ...legacy.map(({ verify }) => ({ hash: hasher.hash, verify })))

const make = Effect.fnUntraced(function* (options: Options) {
  const { legacy = [] } = options
  const hasher = withLegacy(yield* ApiKeyHasher, legacy)
  const repository = yield* Repository.ApiKeyRepository
  const random = yield* SecureRandom
  const digests = yield* Digest.Digest
  const reports = repository.reports ?? MemoryReports.make()
  const { token: tokenOption = {} } = options
  const format = "parse" in tokenOption ? tokenOption : yield* Effect.fromResult(ApiKeyToken.make(tokenOption))
  const defaultLifetime = options.defaultLifetime === undefined ? undefined : Duration.fromInputUnsafe(options.defaultLifetime)
  const maximumLifetime = options.maximumLifetime === undefined ? undefined : Duration.fromInputUnsafe(options.maximumLifetime)
  const maximumAge = options.maximumAge === undefined ? undefined : Duration.fromInputUnsafe(options.maximumAge)
  for (const lifetime of [defaultLifetime, maximumLifetime, maximumAge]) {
    if (lifetime !== undefined && !isLifetime(lifetime)) {
      return yield* new InvalidOptions({ reason: "A lifetime or age must be more than 0 and at most 36,500 days" })
    }
  }
  if (options.refuseAged === true && maximumAge === undefined) {
    return yield* new InvalidOptions({ reason: "refuseAged refuses nobody without a maximumAge" })
  }
  if (defaultLifetime !== undefined && maximumLifetime !== undefined && Duration.isGreaterThan(defaultLifetime, maximumLifetime)) {
    return yield* new InvalidOptions({ reason: "The default lifetime must not be longer than the maximum" })
  }
  const generate = Effect.provideService(format.generate, SecureRandom, random)

  // Checked when there is no record, so that an unknown key id costs what a wrong secret costs.
  const { secret: decoySecret } = yield* generate
  const decoy = yield* hasher.hash(decoySecret)
  // A hasher that can't check its own hashes, because of its bounds say, shows itself now and not at the first request.
  if (!(yield* hasher.verify(decoySecret, decoy))) return yield* new HasherError({ reason: "Failed" })
  const currentScheme = hasher.currentScheme ?? Effect.succeed(scheme(Redacted.value(decoy)))

  const hashQueue = HashQueue.make(yield* decodeHashing(options.hashing ?? {}, hasher.threads ?? 1))
  if (options.acceptBuiltInPepper !== true) yield* refuseBuiltIn(repository, hasher)
  yield* checkPeppers(repository, hasher, options.acceptMissingPeppers ?? false)
  yield* notePeppers(repository, hasher)
  const refusedAge = options.refuseAged === true && maximumAge !== undefined ? maximumAge : Duration.infinity
  const clock = yield* Clock.Clock
  const counts = yield* VerifyCounts.register({
    hashesInFlight: hashQueue.inFlight,
    cacheEntries: () => verification.cacheSize(),
    isInTouch: () => nodes.isInTouch(clock.currentTimeMillisUnsafe()),
  })
  const cache = yield* decodeCache(options.cache)
  const invalidation = yield* Effect.serviceOption(ApiKeyInvalidation)
  const nodeName = Option.isNone(invalidation) ? "" : yield* nameNode(options.nodeName, random)

  const { transaction } = repository
  const isInTransaction = (context: Context.Context<never>): boolean => transaction?.isOpen(context) === true

  const doubts: Doubts.Doubts = yield* Doubts.make({
    node: nodeName,
    listener: {
      changed: (keyId) => verification.changed(keyId),
      recordChanged: (id) => verification.recordChanged(id),
      everythingChanged: () => verification.everythingChanged(),
    },
    tell: (message) => nodes.tell(message),
    isChanging: transaction?.isChanging ?? (() => Effect.succeed(false)),
  })

  /** Makes a new key known: here before this returns, and to the other nodes, when it can be seen. */
  const announce = (apiKey: Model.ApiKey): Effect.Effect<void> =>
    Effect.forEach(
      Model.keyIdsOf(apiKey),
      (keyId) => {
        const applyHere = Effect.sync(() => verification.changed(keyId))
        const makeKnown = Effect.andThen(applyHere, nodes.tell(Message.changed(keyId)))
        // That there was none may have been read, and kept, until the commit.
        return transaction === undefined ? makeKnown : Effect.andThen(applyHere, transaction.afterCommit(makeKnown))
      },
      { discard: true },
    )

  /** The same of a write for many, outside of any transaction, which gives those that were changed: those in `ids`, and possibly others. */
  const changingAll = <E>(ids: ReadonlyArray<Model.ApiKeyId>, write: Effect.Effect<ReadonlyArray<Model.ApiKey>, E>) =>
    Effect.suspend(() => {
      let telling: ReadonlyArray<Effect.Effect<void>> = []
      return Effect.acquireUseRelease(
        Effect.forEach(ids, (id) => Effect.map(doubts.begin(id), (doubt) => [id, doubt] as const)),
        () => write,
        (begun, exit) =>
          Effect.sync(() => {
            // Those that are left are told of again by and by.
            if (Exit.isFailure(exit)) {
              // Each would look through all that is remembered.
              if (begun.length <= 16) return begun.forEach(([, doubt]) => void doubt.leaveUnsafe())
              begun.forEach(([, doubt]) => doubt.waitUnsafe())
              return verification.everythingChanged()
            }
            const own = new Map(begun)
            const changed = new Map(exit.value.map((apiKey) => [apiKey.id, Model.keyIdsOf(apiKey)]))
            const others = exit.value.filter(({ id }) => !own.has(id))
            telling = [...begun.map(([id, doubt]) => doubt.settleUnsafe(changed.get(id) ?? [])), ...others.map(announce)]
          }),
      ).pipe(
        // Outside of what can't be interrupted: a channel that is out takes seconds for each.
        Effect.tap(() => Effect.forEach(telling, (tell) => tell, { concurrency: 16, discard: true })),
      )
    })

  const rehash = yield* Rehash.make(repository, hasher, currentScheme, hashQueue)
  const verification = Verifier.make({
    repository,
    hasher,
    currentScheme,
    hashQueue,
    decoy: { secret: decoySecret, hash: decoy },
    format,
    cache,
    lastUsed: yield* LastUsed.make(repository, options.lastUsedInterval ?? "10 seconds", changingAll),
    counts,
    legacy,
    maximumAge: Duration.toMillis(refusedAge),
    rehash,
    doubts,
  })
  yield* Effect.forkScoped(verification.watchClock)
  yield* Effect.forkScoped(doubts.watch)
  const nodes = Option.isNone(invalidation)
    ? Nodes.alone()
    : yield* Nodes.make(
        Nodes.withRegister(invalidation.value, repository.nodeRegister),
        nodeName,
        { ...verification, doubtful: doubts.doubtful, settled: doubts.settled },
        rememberedByNodes(cache),
      )

  /**
   * A write and its announcement are one. Whoever gives up on it leaves it to end by itself, lest it take place and nobody hear of it. In a
   * transaction of the caller's it ends with that.
   */
  const changing = <E extends { readonly _tag: string }>(
    id: Model.ApiKeyId,
    write: Effect.Effect<Model.ApiKey, E>,
    keyIdsOf: (written: Model.ApiKey) => ReadonlyArray<Model.KeyId> = Model.keyIdsOf,
  ) =>
    Effect.contextWith((context: Context.Context<never>) => {
      const isOpen = isInTransaction(context)
      const whole = Effect.acquireUseRelease(
        doubts.begin(id),
        () => write,
        (doubt, exit) =>
          Effect.suspend(() => {
            const isFailure = Exit.isFailure(exit)
            if (isFailure && isRefused(exit.cause)) return doubt.settleUnsafe([])
            if (isFailure && !isOpen) return doubt.leaveUnsafe()
            const settle = Effect.suspend(() => doubt.settleUnsafe(isFailure ? undefined : keyIdsOf(exit.value)))
            if (!isOpen || transaction === undefined) return settle
            // Nobody learns of a commit whose answer is lost, nor of one that is undone.
            doubt.waitUnsafe()
            return transaction.afterCommit(settle)
          }),
      )
      return isOpen ? whole : Effect.flatMap(Effect.forkDetach(whole, { startImmediately: true }), Fiber.join)
    })

  const confirmChange = (
    apiKey: Model.ApiKey,
    { confirmWithin }: ConfirmWithin = {},
    keyIds: ReadonlyArray<Model.KeyId> = Model.keyIdsOf(apiKey),
  ): Effect.Effect<Model.ApiKey, Unconfirmed> =>
    Effect.contextWith((context: Context.Context<never>) => {
      if (confirmWithin === undefined) return Effect.succeed(apiKey)
      return isInTransaction(context)
        ? Effect.fail(new Unconfirmed({ id: apiKey.id, nodes: [] }))
        : Effect.as(
            Effect.forEach(keyIds, (keyId) => nodes.confirm(apiKey.id, keyId, Duration.fromInputUnsafe(confirmWithin)), {
              concurrency: "unbounded",
              discard: true,
            }),
            apiKey,
          )
    })

  const checkLifetime = (createdAt: DateTime.Utc, expiresAt: DateTime.Utc | null): Effect.Effect<void, InvalidInput> => {
    if (maximumLifetime === undefined) return Effect.void
    return expiresAt !== null && DateTime.isLessThanOrEqualTo(expiresAt, DateTime.addDuration(createdAt, maximumLifetime))
      ? Effect.void
      : Effect.fail(new InvalidInput({ field: "expiresAt", reason: `a key lives at most ${Duration.format(maximumLifetime)}` }))
  }

  const expiryFor = Effect.fnUntraced(function* (now: DateTime.Utc, asked: DateTime.Utc | null | undefined) {
    const lifetime = defaultLifetime ?? maximumLifetime
    if (asked === undefined) return lifetime === undefined ? null : DateTime.addDuration(now, lifetime)
    if (asked !== null && DateTime.isLessThanOrEqualTo(asked, now)) {
      return yield* new InvalidInput({ field: "expiresAt", reason: "lies in the past" })
    }
    return asked
  })

  const insert = Effect.fnUntraced(function* (record: Omit<Model.ApiKey, "keyId" | "prefix" | "hint">) {
    let taken: DuplicateKeyId | undefined
    for (let attempt = 0; attempt < insertAttempts; attempt++) {
      const { prefix } = format
      const parts = { ...(yield* generate), prefix }
      const { keyId, secret } = parts
      const apiKey = new Model.ApiKey({ ...record, keyId, prefix, hint: format.hint(secret) })
      const hash = yield* hashQueue.runNew(hasher.hash(secret))
      taken = yield* repository.insert(new Model.StoredApiKey({ apiKey, hash, previousHash: null })).pipe(
        Effect.as(undefined),
        Effect.catchTag("DuplicateKeyId", (error) => Effect.succeed(error)),
        Effect.mapError(refuseUnstorable(record)),
      )
      if (taken === undefined) {
        // Somebody may have been told that there is no such key: before it was committed, or of a format whose tokens can be foreseen.
        yield* announce(apiKey)
        return { apiKey, token: format.format(parts) }
      }
    }
    return yield* new RepositoryError({ operation: "find a free key id", isRetryable: true, cause: taken })
  })

  /**
   * Whoever refused these key ids as unknown looks again: this node now, others when a trigger tells them of each, or within
   * `refusalTimeToLive`.
   */
  const noticeInserted = (keys: ReadonlyArray<Model.StoredApiKey>): Effect.Effect<void> => {
    const keyIds = keys.flatMap(({ apiKey }) => Model.keyIdsOf(apiKey))
    const notice = Effect.sync(() => keyIds.forEach(verification.changed))
    return transaction === undefined ? notice : Effect.andThen(notice, transaction.afterCommit(notice))
  }

  const insertMany = (keys: ReadonlyArray<Model.StoredApiKey>) =>
    Effect.onExit(repository.insertMany(keys), (exit) =>
      // One that failed on its way may have taken place all the same.
      noticeInserted(Exit.isSuccess(exit) ? keys.filter((_, index) => exit.value[index] === true) : keys),
    )

  const rotation = Rotation.make({
    repository,
    format,
    generate,
    hash: (secret) => hashQueue.runNew(hasher.hash(secret)),
    changing,
    refusedAge,
  })

  /** A hash that nobody can check, imported unnoticed, would keep the service from starting again. */
  const whyNotImported = Effect.fnUntraced(function* (hash: Redacted.Redacted, { from, unknownHashes }: ApiKeyTransfer.ImportOptions) {
    // Peppers that can't be read now say nothing against it.
    const pepper = yield* Effect.orElseSucceed(missingPepper(hasher, scheme(Redacted.value(hash))), () => undefined)
    if (pepper !== undefined && options.acceptMissingPeppers !== true) {
      return `It needs a pepper that isn't configured (${pepper || "the one without a label"})`
    }
    // A system's rows are read by who can check its hashes.
    if (from !== undefined || unknownHashes === "accept") return undefined
    return yield* Effect.match(hashQueue.runNew(hasher.verify(decoySecret, hash)), {
      onSuccess: () => undefined,
      onFailure: ({ reason }) => (reason === "UnsupportedHash" ? "No hasher and no adapter can check it" : undefined),
    })
  })

  /** An inactive key keeps when and why it became so, as an inquiry into a leak needs that. */
  const deactivateOnce = Effect.fnUntraced(function* (
    id: Model.ApiKeyId,
    { reason, ifVersion }: DeactivateOptions & IfVersion,
  ): Effect.fn.Return<Model.ApiKey, ApiKeyNotFound | VersionConflict | RepositoryError> {
    const stored = Option.getOrUndefined(yield* repository.findById(id))?.apiKey
    if (stored?.isActive === false) {
      const { version } = stored
      if (ifVersion === undefined || ifVersion === version) return stored
      return yield* new VersionConflict({ id, expected: ifVersion, actual: version })
    }
    const at = yield* DateTime.now
    return yield* repository.update(id, activity(false, at, reason), { at, ifVersion })
  })

  const deactivate = (id: Model.ApiKeyId, options: DeactivateOptions & IfVersion) => changing(id, deactivateOnce(id, options))

  const { telemetry = "counters" } = options
  const timed: ApiKeys["Service"]["verify"] =
    telemetry === "counters" ? verification.verify : (token, options) => observe(verification.verify(token, options))

  return ApiKeys.of({
    create: Effect.fn("ApiKeys.create")(function* (input) {
      const fields = yield* decodeCreate(input)
      const now = yield* DateTime.now
      const expiresAt = yield* expiryFor(now, fields.expiresAt)
      yield* checkLifetime(now, expiresAt)
      const created = yield* insert({
        // `uuidV7` gives what the brand stands for.
        id: (yield* random.uuidV7()) as Model.ApiKeyId,
        name: fields.name,
        description: fields.description ?? null,
        ownerId: fields.ownerId ?? null,
        scopes: fields.scopes ?? [],
        metadata: fields.metadata ?? {},
        ...activity(fields.isActive ?? true, now),
        expiresAt,
        createdAt: now,
        updatedAt: now,
        lastUsedAt: null,
        version: 1,
        rotatedAt: null,
        previous: null,
      })
      yield* Effect.annotateCurrentSpan({ "api_key.id": created.apiKey.id, "api_key.key_id": created.apiKey.keyId })
      return created
    }),
    isToken: verification.isToken,
    keyIdsOf: verification.keyIdsOf,
    verify: telemetry === "traces" ? (token, options) => Effect.withSpan(timed(token, options), "ApiKeys.verify") : timed,
    get: Effect.fn("ApiKeys.get")(function* (text) {
      const id = yield* decodeId(text)
      const stored = yield* repository.findById(id)
      return Option.isSome(stored) ? stored.value.apiKey : yield* new ApiKeyNotFound({ id })
    }),
    getByKeyId: Effect.fn("ApiKeys.getByKeyId")(function* (text) {
      const keyId = yield* decodeKeyId(text, verification.isToken)
      const stored = yield* repository.findByKeyId(keyId)
      return Option.isSome(stored) ? stored.value.apiKey : yield* new NotFound({ keyId })
    }),
    search: Effect.fn("ApiKeys.search")(function* ({ sort, limit = 50, offset, cursor, ...filter } = {}) {
      if (!Number.isInteger(limit) || limit < 1 || limit > 200) {
        return yield* new InvalidInput({ field: "limit", reason: "must be 1 to 200" })
      }
      if (offset !== undefined && (!Number.isSafeInteger(offset) || offset < 0)) {
        return yield* new InvalidInput({ field: "offset", reason: "must be a whole number, at least 0" })
      }
      if (offset !== undefined && cursor !== undefined) {
        return yield* new InvalidInput({ field: "cursor", reason: "can't be combined with offset" })
      }
      const decoded = yield* decodeFilter(filter)
      const page = cursor === undefined ? ({ _tag: "Offset", offset: offset ?? 0 } as const) : ({ _tag: "Cursor", cursor } as const)
      return yield* Effect.mapError(
        repository.search({ filter: decoded, sort: sort ?? Repository.defaultSort, limit, page }),
        refuseUnstorable(decoded),
      )
    }),
    count: Effect.fn("ApiKeys.count")(function* (filter = {}) {
      const decoded = yield* decodeFilter(filter)
      return yield* Effect.mapError(repository.count(decoded), refuseUnstorable(decoded))
    }),
    stream: (filter = {}) =>
      Stream.unwrap(
        Effect.map(decodeFilter(filter), (decoded) => Stream.mapError(repository.stream(decoded), refuseUnstorable(decoded))),
      ).pipe(Stream.withSpan("ApiKeys.stream")),
    update: Effect.fn("ApiKeys.update")(function* (text, input, { ifVersion, confirmWithin } = {}) {
      const id = yield* decodeId(text)
      yield* Effect.annotateCurrentSpan("api_key.id", id)
      const changes = yield* decodeUpdate(input)
      if (changes.expiresAt !== undefined && maximumLifetime !== undefined) {
        const current = yield* repository.findById(id)
        if (Option.isSome(current)) yield* checkLifetime(current.value.apiKey.createdAt, changes.expiresAt)
      }
      const { isActive, ...others } = changes
      const at = yield* DateTime.now
      const all = isActive === undefined ? others : { ...others, ...activity(isActive, at) }
      const updated = yield* changing(id, Effect.mapError(repository.update(id, all, { at, ifVersion }), refuseUnstorable(all)))
      return yield* confirmChange(updated, { confirmWithin })
    }),
    activate: Effect.fn("ApiKeys.activate")(function* (text, options) {
      const id = yield* decodeId(text)
      const at = yield* DateTime.now
      const activated = yield* changing(id, repository.update(id, activity(true, at), { at, ifVersion: options?.ifVersion }))
      return yield* confirmChange(activated, options)
    }),
    deactivate: Effect.fn("ApiKeys.deactivate")(function* (text, options = {}) {
      const id = yield* decodeId(text)
      return yield* confirmChange(yield* deactivate(id, options), options)
    }),
    delete: Effect.fn("ApiKeys.delete")(function* (text, options) {
      const id = yield* decodeId(text)
      yield* confirmChange(yield* changing(id, repository.delete(id, options)), options)
    }),
    rotate: Effect.fn("ApiKeys.rotate")(function* (text, options = {}) {
      const id = yield* decodeId(text)
      yield* Effect.annotateCurrentSpan("api_key.id", id)
      const { created, keyIds } = yield* rotation.rotate(id, options)
      yield* confirmChange(created.apiKey, options, keyIds).pipe(
        // Nobody else has it.
        Effect.mapError(({ id, nodes }) => new Unconfirmed({ id, nodes, token: created.token })),
      )
      return created
    }),
    endGrace: Effect.fn("ApiKeys.endGrace")(function* (text, options) {
      const id = yield* decodeId(text)
      return yield* confirmChange(yield* rotation.endGrace(id, { ifVersion: options?.ifVersion }), options)
    }),
    revoke: Effect.fn("ApiKeys.revoke")(function* (token, { reason, report }) {
      const digest = report === undefined ? undefined : yield* digests.digestHex(Digest.sha256, new TextEncoder().encode(report))
      const nameFor = (keyId: Model.KeyId) => `${digest} ${keyId}`
      const remember = (keyId: Model.KeyId) =>
        digest === undefined ? Effect.void : Effect.flatMap(DateTime.now, (at) => reports.remember(nameFor(keyId), at))
      // Each turn ends only what it has judged: a rotation in between makes the token the previous one.
      const revokeOnce = Effect.gen(function* () {
        const { apiKey, usedToken } = yield* verification.verify(token, { maxAge: 0, countsAsUse: false })
        const { id, version: ifVersion, previous } = apiKey
        const keyId = usedToken === "previous" && previous !== null ? previous.keyId : apiKey.keyId
        // After the key was read: one that was activated since is at another version.
        if (digest !== undefined && (yield* reports.isKnown(nameFor(keyId)))) return { apiKey, usedToken, isEnded: false }
        const ended = yield* usedToken === "previous" ? rotation.endGrace(id, { keyId }) : deactivate(id, { reason, ifVersion })
        yield* remember(keyId)
        return { apiKey: ended, usedToken, isEnded: true }
      })
      // Where the token had ended already, the report has told no news, and tells none when it is sent again.
      return yield* Effect.tapError(Rotation.again(revokeOnce), (error) =>
        error._tag === "Inactive" || error._tag === "Expired" ? remember(error.keyId) : Effect.void,
      )
    }),
    upcoming: (options) =>
      Stream.withSpan(upcoming(repository, { ...options, maximumAge: options.maximumAge ?? maximumAge }), "ApiKeys.upcoming"),
    searchUpcoming: Effect.fn("ApiKeys.searchUpcoming")((input) =>
      searchUpcoming(repository, { ...input, maximumAge: input.maximumAge ?? maximumAge }),
    ),
    isInTouch: Effect.map(Clock.currentTimeMillis, (now) => nodes.isInTouch(now)),
    hashReport: Effect.gen(function* () {
      const current = yield* currentScheme
      const counts = new Map<string, number>()
      for (const { scheme, previousScheme, count } of yield* repository.countSchemes(yield* DateTime.now)) {
        for (const each of previousScheme === null ? [scheme] : [scheme, previousScheme]) counts.set(each, (counts.get(each) ?? 0) + count)
      }
      return Array.from(counts, ([scheme, count]) => ({ ...parseScheme(scheme), count, isCurrent: scheme === current }))
    }).pipe(Effect.withSpan("ApiKeys.hashReport")),
    import: (rows, options = {}) => importKeys(rows, options, { findTaken: repository.findTaken, insertMany, whyNot: whyNotImported }),
    export: ({ hashes = false, filter = {} } = {}) =>
      Stream.unwrap(
        Effect.map(decodeFilter(filter), (decoded) =>
          hashes
            ? Stream.map(repository.streamStored(decoded), ApiKeyTransfer.encodeLine)
            : Stream.map(repository.stream(decoded, { by: "createdAt", order: "asc" }), ApiKeyTransfer.encodeLine),
        ),
      ).pipe(Stream.withSpan("ApiKeys.export", { attributes: { "api_key.hashes": hashes } })),
  })
})

/** How long a verification took, whether it succeeded or not. */
const observe = <A, E>(verify: Effect.Effect<A, E>): Effect.Effect<A, E> =>
  Effect.withFiber((fiber) => {
    const clock = fiber.getRef(Clock.Clock)
    const begun = clock.monotonicTimeNanosUnsafe()
    return Effect.ensuring(
      verify,
      Effect.sync(() => ApiKeyMetrics.duration.updateUnsafe(Number(clock.monotonicTimeNanosUnsafe() - begun) / 1e6, fiber.context)),
    )
  })

const decodeHashing = Effect.fnUntraced(function* (
  options: HashingOptions,
  threads: number,
): Effect.fn.Return<HashQueue.HashQueueOptions, InvalidOptions> {
  const { permits = HashQueue.defaultPermits(threads), queue = HashQueue.defaultQueue(permits), maxWait = "2 seconds" } = options
  const decoded = { permits, queue, maxWait: Duration.fromInputUnsafe(maxWait) }
  if (!Number.isInteger(decoded.permits) || decoded.permits < 1)
    return yield* new InvalidOptions({ reason: "hashing.permits must be at least 1" })
  if (!Number.isInteger(queue) || queue < 0) return yield* new InvalidOptions({ reason: "hashing.queue must be a whole number" })
  if (!Duration.isFinite(decoded.maxWait)) return yield* new InvalidOptions({ reason: "hashing.maxWait must be finite" })
  return decoded
})

const decodeCache = (options: VerificationCache.Options | "off" | undefined): Effect.Effect<CacheSettings.Settings, InvalidOptions> => {
  const settings = CacheSettings.settings(options)
  const wrong = Object.entries(settings).find(([, value]) => !(Number.isFinite(value) && value >= 0))
  return wrong === undefined
    ? Effect.succeed(settings)
    : Effect.fail(new InvalidOptions({ reason: `cache.${wrong[0]} must be finite and at least 0` }))
}

/** Nodes share their configuration, and one that doesn't has the default most likely. With a leeway, as clocks don't run alike. */
const rememberedByNodes = ({ timeToLive }: CacheSettings.Settings): Duration.Duration =>
  Duration.sum(Duration.max(Duration.millis(timeToLive), Duration.seconds(60)), Duration.seconds(10))

const nameNode = Effect.fnUntraced(function* (
  name: string = "node",
  random: SecureRandom["Service"],
): Effect.fn.Return<string, InvalidOptions> {
  if (!/^[A-Za-z0-9._-]{1,64}$/.test(name)) return yield* new InvalidOptions({ reason: "nodeName must match [A-Za-z0-9._-]{1,64}" })
  return `${name}-${Hex.encode(yield* random.randomBytes(6))}`
})
