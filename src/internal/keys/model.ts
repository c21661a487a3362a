/** The inputs and results of the service, apart from records. `ApiKeys` exports them. */
import type * as DateTime from "effect/DateTime"
import type * as Duration from "effect/Duration"
import type * as Redacted from "effect/Redacted"
import type * as Model from "../../ApiKey.ts"
import type * as Repository from "../../ApiKeyRepository.ts"
import type * as ApiKeyToken from "../../ApiKeyToken.ts"
import type { KeyPolicy } from "../../KeyPolicy.ts"
import type { LegacyTokens } from "../../LegacyTokens.ts"
import type { RateLimit } from "../../RateLimit.ts"
import type { Bound, CreateField, UpdateField } from "../record/fields.ts"
import type * as VerificationCache from "../../VerificationCache.ts"

/** A field's value as a caller may give it. */
type Given<Value> = Value extends DateTime.Utc ? Model.InstantInput : Value extends ReadonlyArray<string> ? ReadonlyArray<string> : Value

type Optional<Name extends CreateField | UpdateField> = { readonly [Field in Name]?: Given<Model.ApiKey[Field]> | undefined }

/**
 * The fields of a new key. Without `expiresAt` the key has the default lifetime; with `null` the key never expires. `isActive` is `true` unless
 * given; the other fields are empty unless given.
 * @category models
 * @since 0.1.0
 */
export interface CreateInput extends Optional<Exclude<CreateField, "name">> {
  readonly name: string
}

/** The fields to change; a field that is left out stays. @category models @since 0.1.0 */
export type UpdateInput = Optional<UpdateField>

/** A new key, and its token, which can't be had again. @category models @since 0.1.0 */
export interface Created {
  readonly apiKey: Model.ApiKey
  readonly token: Redacted.Redacted
}

type InstantBounds = { readonly [Name in Bound]?: Model.InstantInput | undefined }

/** The repository's filter, with `expired` judged at the moment of the call. @category models @since 0.1.0 */
export interface Filter extends Omit<Repository.Filter, "expired" | "keyId" | Bound>, InstantBounds {
  readonly keyId?: string | undefined
  readonly expired?: boolean | undefined
}

/**
 * The page to read, by `offset` (default 0) or by `cursor`. The cursor comes from the page before, and is empty for the first page. A page by
 * offset has the total, which the store counts each time. A page by cursor takes as long on a large table as on a small one. `limit` is 1 to
 * 200, 50 unless given.
 * @category models
 * @since 0.1.0
 */
export interface SearchInput extends Filter {
  readonly sort?: Repository.Sort | undefined
  readonly limit?: number | undefined
  readonly offset?: number | undefined
  readonly cursor?: string | undefined
}

/**
 * How a key's token is replaced.
 * @category models
 * @since 0.1.0
 */
export interface RotateOptions extends IfVersion, ConfirmWithin {
  /**
   * The time for which the replaced token works on: 0 to 90 days, in whole seconds, rounded up. The key's own expiry ends the grace earlier.
   * Default: 24 hours.
   */
  readonly grace?: Duration.Input | undefined
  /** The start of the grace: now, or the first use of the new token. The first use is noted within `lastUsedInterval`. Default: `now`. */
  readonly graceFrom?: "now" | "firstUse" | undefined
  /** The fate of an older token in its grace: `end` ends the token at once, `refuse` fails with `GraceRunning`. Default: `refuse`. */
  readonly ifPrevious?: "end" | "refuse" | undefined
}

/**
 * A key that expires soon, whose token comes of age soon, or that becomes idle soon if it isn't used. An expired key stops working, and so does an
 * idle one; a token of age needs a rotation.
 * @category models
 * @since 0.1.0
 */
export interface Upcoming {
  readonly apiKey: Model.ApiKey
  readonly reason: "expires" | "comesOfAge" | "idle"
  readonly at: DateTime.Utc
}

/**
 * The time ahead to look for keys that are about to stop working: up to 36,500 days.
 * @category models
 * @since 0.1.0
 */
export interface UpcomingOptions {
  readonly within: Duration.Input
  /** The age at which a token comes of age. Default: the service's `maximumAge`; without it, no key is listed for its age. */
  readonly maximumAge?: Duration.Input | undefined
}

/** The page of {@link UpcomingOptions} to read. `limit` is 1 to 200, 50 unless given. @category models @since 0.1.0 */
export interface SearchUpcomingInput extends UpcomingOptions {
  readonly limit?: number | undefined
  /** `nextCursor` of the page before. Default: empty, for the first page. */
  readonly cursor?: string | undefined
}

/** @category models @since 0.1.0 */
export interface UpcomingPage {
  readonly items: ReadonlyArray<Upcoming>
  /** The cursor of the next page; `null` on the last page. */
  readonly nextCursor: string | null
}

/** The result of `revoke`. @category models @since 0.1.0 */
export interface Revoked {
  readonly apiKey: Model.ApiKey
  /** `"previous"`: only the grace was ended, and the key's current token works on. */
  readonly usedToken: Model.UsedToken
  /** `false` if the report was carried out before and the token works again; the token is left alone then. */
  readonly isEnded: boolean
}

/** The reason for ending the presented token, and the report that asks for the end. @category models @since 0.1.0 */
export interface RevokeOptions {
  readonly reason: Model.DeactivationReason
  /**
   * A text that identifies the report of a leak, such as its digest. A report ends a token once: a repeated report leaves a key alone that was
   * activated since. Default: none, so each call ends a working token.
   */
  readonly report?: string | undefined
}

/** The number of hashes of a kind. @category models @since 0.1.0 */
export interface HashUsage {
  /** For example `argon2id`. */
  readonly algorithm: string
  /** For example `v=19,m=19456,t=2,p=1`. */
  readonly parameters: string
  /** The pepper's id, `""` for the one without a label, `null` where a pepper means nothing. */
  readonly pepper: string | null
  readonly count: number
  /** Whether new hashes are of this kind. */
  readonly isCurrent: boolean
}

/** The number of working tokens that a key has sealed. @category models @since 0.1.0 */
export interface SealUsage {
  /** The key's label and a digest of its value; `null` for tokens without a seal. The label of a pepper follows `~`. */
  readonly sealId: string | null
  readonly count: number
  /** Whether the key is in the ring, so that these seals are good. A key outside of the ring is still needed. */
  readonly isConfigured: boolean
  /** Whether the key seals new tokens. */
  readonly isCurrent: boolean
}

/** The version that the record must still have; another version fails with `VersionConflict`. @category models @since 0.1.0 */
export interface IfVersion {
  readonly ifVersion?: number | undefined
}

/**
 * The time to wait until every live node confirms the change; `Unconfirmed` after that. The change stands either way. In the caller's
 * transaction the call fails at once, as no node sees the change before the commit.
 *
 * Without a layer of `ApiKeyInvalidation` a node knows of no other nodes. The call succeeds at once, whether other nodes exist or not; the first
 * such call logs a warning.
 * @category models
 * @since 0.1.0
 */
export interface ConfirmWithin {
  readonly confirmWithin?: Duration.Input | undefined
}

/** The keys to export, with or without their hashes. @category models @since 0.1.0 */
export interface ExportOptions {
  /** An export with hashes is as secret as the table. Only an export with hashes can be imported. Default: no. */
  readonly hashes?: boolean | undefined
  /** Default: all. */
  readonly filter?: Filter | undefined
}

/** The reason for deactivating a key, kept in the record. Default: `manual`. @category models @since 0.1.0 */
export interface DeactivateOptions {
  readonly reason?: Model.DeactivationReason | undefined
}

/**
 * The bounds of hashing: hashes at a time, and hashes that wait.
 * @category models
 * @since 0.1.0
 */
export interface HashingOptions {
  /**
   * Secrets hashed at a time. Default: the number of cores, divided by the threads that a hash takes. At least one thread of libuv's pool
   * (`UV_THREADPOOL_SIZE`, 4 unless set) stays free. File reads and name look-ups share the pool with the hashers.
   */
  readonly permits?: number | undefined
  /**
   * The number of hashes that may wait, counted apart for known and for unknown key ids. Default: 64 for each permit. A bound on concurrent
   * requests should exceed twice this number. Otherwise waiting hashes leave no place for other requests.
   */
  readonly queue?: number | undefined
  /** The time that a hash may wait before the call fails with `Overloaded`. Default: 2 seconds. */
  readonly maxWait?: Duration.Input | undefined
}

/**
 * The options of meters, which keep quotas, and rate limits on several nodes.
 * @category models
 * @since 0.1.0
 */
export interface MeterOptions {
  /** The most units of a meter that this node takes ahead of their use, and that a crash can lose. Default: 1,000. */
  readonly maxUnits?: number | undefined
  /** The longest time for which units of a rate limit are taken ahead. At most 10 seconds. Default: 200 milliseconds. */
  readonly rateLease?: Duration.Input | undefined
  /** Whether nodes with a shared store of meters keep rate limits together. Otherwise each node keeps them by itself. Default: yes. */
  readonly shareLimits?: boolean | undefined
}

/**
 * The options of issuing and verifying keys.
 * @category models
 * @since 0.1.0
 */
export interface Options {
  /** A token format, or the prefix and separator of the built-in format. Default: `ak` and `-`. */
  readonly token?: ApiKeyToken.TokenConfig | ApiKeyToken.TokenFormat | undefined
  /** The lifetime of a key that is created without `expiresAt`. Default: `maximumLifetime`; without it, for ever. */
  readonly defaultLifetime?: Duration.Input | undefined
  /** The longest lifetime of a key, from its creation. Default: without limit. */
  readonly maximumLifetime?: Duration.Input | undefined
  /**
   * The number of keys that an owner may have, for all owners or by the owner. `create` beyond the number fails with `TooManyKeys`, and so does an
   * `update` that moves a key to the owner. Each record of the owner counts: expired keys, which can be prolonged, and inactive ones, which can be
   * activated again. Keys without an owner don't count, and an import isn't bounded, but its keys count. A number that is lowered ends no key. The
   * function is called for each such call. Default: `Infinity`, without bound.
   */
  readonly maxKeysPerOwner?: number | ((ownerId: string) => number) | undefined
  /** The age at which a token should be replaced, from its creation or the last rotation: see `upcoming`. Default: without limit. */
  readonly maximumAge?: Duration.Input | undefined
  /** Whether a token that is older than `maximumAge` is refused, with `Expired`. Default: no. */
  readonly refuseAged?: boolean | undefined
  /**
   * Other systems whose tokens work too, tried in this order when a token isn't of the service's format. The adapters are in
   * `effect-api-key/legacy/*`. Keys of other systems come in by `import`, and get a hash of the service's hasher at their first use.
   */
  readonly legacy?: ReadonlyArray<LegacyTokens> | undefined
  /** The rate limits of keys without limits of their own. Default: none. */
  readonly defaultLimits?: ReadonlyArray<typeof RateLimit.Encoded> | undefined
  /** The rate limits that all keys of an owner share, beside those of the single keys. `per` is `owner` whatever is given. Default: none. */
  readonly ownerLimits?: ReadonlyArray<typeof RateLimit.Encoded> | undefined
  readonly meters?: MeterOptions | undefined
  /**
   * The kinds of policies that records may hold beside those of the package: see `KeyPolicy`. A key with another kind of policy is refused.
   * Default: none.
   */
  readonly policies?: ReadonlyArray<KeyPolicy> | undefined
  /** Whether to start although hashes need a pepper that isn't configured, whose keys then fail with `HasherError`. Default: no. */
  readonly acceptMissingPeppers?: boolean | undefined
  /**
   * Whether to start with the built-in pepper on a store that outlives the program. The built-in pepper is public, so the option is for trials.
   * Default: no.
   */
  readonly acceptBuiltInPepper?: boolean | undefined
  /**
   * The interval at which `lastUsedAt` is written, in one statement for all keys. It is the same on all nodes, as idle timeouts are judged by it.
   * Default: 10 seconds.
   */
  readonly lastUsedInterval?: Duration.Input | undefined
  /** The bounds of the keys that verification remembers: {@link VerificationCache.Options}. Default: 100,000 keys for 60 seconds each. */
  readonly cache?: VerificationCache.Options | "off" | undefined
  readonly hashing?: HashingOptions | undefined
  /**
   * The treatment of a token of the service's format without a good seal. `"preferred"` looks the token up, after all others. `"required"`
   * refuses the token as `MalformedToken`, without a look-up or a hash. Default: `"required"` as long as each working token is known to be
   * sealed by a configured key, else `"preferred"`.
   */
  readonly seals?: "preferred" | "required" | undefined
  /** Whether to start with `seals: "required"` although tokens that work are refused by that. Default: no. */
  readonly refuseUnsealed?: boolean | undefined
  /**
   * The telemetry of each verification, on top of the counters of `ApiKeyMetrics` and the spans of look-ups. `"metrics"` adds the duration;
   * `"traces"` adds the duration and a span, also for warm verifications. Default: `"counters"`, as both others cost more than a warm
   * verification itself.
   */
  readonly telemetry?: "counters" | "metrics" | "traces" | undefined
  /**
   * The name of this node for people, such as in `Unconfirmed`; a random part is added. Up to 64 characters of `[A-Za-z0-9._-]`. Default:
   * `node`.
   */
  readonly nodeName?: string | undefined
}
