/** The inputs and results of the service, apart from records. `ApiKeys` exports them. */
import type * as DateTime from "effect/DateTime"
import type * as Duration from "effect/Duration"
import type * as Redacted from "effect/Redacted"
import type * as Model from "../../ApiKey.ts"
import type * as Repository from "../../ApiKeyRepository.ts"
import type * as ApiKeyToken from "../../ApiKeyToken.ts"
import type { KeyPolicy } from "../../KeyPolicy.ts"
import type { LegacyTokens } from "../../LegacyTokens.ts"
import type { Bound, CreateField, UpdateField } from "../record/fields.ts"
import type * as VerificationCache from "../../VerificationCache.ts"

/** A field's value as a caller may give it. */
type Given<Value> = Value extends DateTime.Utc ? Model.InstantInput : Value extends ReadonlyArray<string> ? ReadonlyArray<string> : Value

type Optional<Name extends CreateField | UpdateField> = { readonly [Field in Name]?: Given<Model.ApiKey[Field]> | undefined }

/**
 * What a new key is made from. `expiresAt` left out means the default lifetime, `null` means for ever; another field that is left out is
 * empty, and `isActive` is true.
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

/** As the repository's filter, with `expired` judged at the moment of the call. @category models @since 0.1.0 */
export interface Filter extends Omit<Repository.Filter, "expired" | "keyId" | Bound>, InstantBounds {
  readonly keyId?: string | undefined
  readonly expired?: boolean | undefined
}

/**
 * The page to read, by `offset` (default 0) or by the `cursor` of the page before (empty for the first page). A page by offset has the total, which
 * the store counts each time. A page by cursor takes as long on a large table as on a small one. `limit` is 1 to 200, 50 unless given.
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
  /** How long the token so far works on: 0 to 90 days, in whole seconds rounded up, and not beyond the key's own expiry. Default: 24 hours. */
  readonly grace?: Duration.Input | undefined
  /**
   * From when on the grace counts: from now, or from the new token's first use, as it is noted (within `lastUsedInterval`). Default: `now`.
   */
  readonly graceFrom?: "now" | "firstUse" | undefined
  /** What becomes of the token before that, if it still works: `end` ends it at once, `refuse` fails with `GraceRunning`. Default: `refuse`. */
  readonly ifPrevious?: "end" | "refuse" | undefined
}

/**
 * A key that is about to stop working, or to need a new token: when its expiry comes, or when its token comes of age.
 * @category models
 * @since 0.1.0
 */
export interface Upcoming {
  readonly apiKey: Model.ApiKey
  readonly reason: "expires" | "comesOfAge"
  readonly at: DateTime.Utc
}

/**
 * How far ahead to look for keys that are about to stop working: up to 36,500 days.
 * @category models
 * @since 0.1.0
 */
export interface UpcomingOptions {
  readonly within: Duration.Input
  /** When a token comes of age. Default: the service's `maximumAge`; without one, only keys that expire are told of. */
  readonly maximumAge?: Duration.Input | undefined
}

/** As {@link UpcomingOptions}, page by page. `limit` is 1 to 200, 50 unless given. @category models @since 0.1.0 */
export interface SearchUpcomingInput extends UpcomingOptions {
  readonly limit?: number | undefined
  /** `nextCursor` of the page before. Default: empty, for the first page. */
  readonly cursor?: string | undefined
}

/** @category models @since 0.1.0 */
export interface UpcomingPage {
  readonly items: ReadonlyArray<Upcoming>
  /** Leads to the next page; `null` on the last one. */
  readonly nextCursor: string | null
}

/** The end of a token that was presented for it. @category models @since 0.1.0 */
export interface Revoked {
  readonly apiKey: Model.ApiKey
  /** `"previous"`: only the grace was ended, and the key's current token works on. */
  readonly usedToken: Model.UsedToken
  /** `false`: the report was carried out before, and the token works again since, so it was left alone. */
  readonly isEnded: boolean
}

/** How a token that was presented is ended. @category models @since 0.1.0 */
export interface RevokeOptions {
  readonly reason: Model.DeactivationReason
  /**
   * What tells one report of a leak from all others, such as a digest of it. A report ends a token once: sent again, it doesn't undo that
   * somebody has activated the key since. Default: none, and the token is ended whenever it works.
   */
  readonly report?: string | undefined
}

/** How many hashes there are of one kind. @category models @since 0.1.0 */
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

/** How many tokens that work one key has sealed. @category models @since 0.1.0 */
export interface SealUsage {
  /** The key's label (that of a pepper after `~`) and a digest of its value; `null` for tokens without a seal. */
  readonly sealId: string | null
  readonly count: number
  /** Whether the key is in the ring, so that these seals are good. One that isn't is still needed. */
  readonly isConfigured: boolean
  /** Whether it seals new tokens. */
  readonly isCurrent: boolean
}

/** Only if the record is still at this version. @category models @since 0.1.0 */
export interface IfVersion {
  readonly ifVersion?: number | undefined
}

/**
 * To return only when every live node has said that it applied the change, or fail with `Unconfirmed` after that time; the change stands
 * either way. In a transaction of the caller's it fails at once, as no node can see the change before the commit.
 *
 * Without a layer of `ApiKeyInvalidation` a node knows of no others: it succeeds at once, whatever other nodes there are, and logs a warning
 * the first time.
 * @category models
 * @since 0.1.0
 */
export interface ConfirmWithin {
  readonly confirmWithin?: Duration.Input | undefined
}

/** Which keys are exported, and whether with their hashes. @category models @since 0.1.0 */
export interface ExportOptions {
  /** An export with hashes is as secret as the table, and only it can be imported. Default: no. */
  readonly hashes?: boolean | undefined
  /** Default: all. */
  readonly filter?: Filter | undefined
}

/** Why a key is deactivated, for the record. Default: `manual`. @category models @since 0.1.0 */
export interface DeactivateOptions {
  readonly reason?: Model.DeactivationReason | undefined
}

/**
 * How much hashing may go on, and wait.
 * @category models
 * @since 0.1.0
 */
export interface HashingOptions {
  /**
   * Secrets hashed at a time. Default: the number of cores, divided by the threads that a hash takes. At least one thread of libuv's pool
   * (`UV_THREADPOOL_SIZE`, 4 unless set) stays free, as file reads and name look-ups share the pool with the hashers.
   */
  readonly permits?: number | undefined
  /**
   * How many may wait, of those with a known key id and of those with an unknown one. Default: 64 for each permit. Whoever bounds the
   * requests that are worked on allows for more than twice that many, lest those that wait leave no place for others.
   */
  readonly queue?: number | undefined
  /** How long one may wait before it fails with `Overloaded`. Default: 2 seconds. */
  readonly maxWait?: Duration.Input | undefined
}

/**
 * How keys are issued and verified.
 * @category models
 * @since 0.1.0
 */
export interface Options {
  /** The token format, or the prefix and separator of ours. Default: `ak` and `-`. */
  readonly token?: ApiKeyToken.TokenConfig | ApiKeyToken.TokenFormat | undefined
  /** How long a key lives whose creator doesn't say. Default: for ever. */
  readonly defaultLifetime?: Duration.Input | undefined
  /** How long a key may live at most, from its creation. Default: without limit. */
  readonly maximumLifetime?: Duration.Input | undefined
  /** How old a token should grow, from its creation or the key's last rotation: see `upcoming`. Default: without limit. */
  readonly maximumAge?: Duration.Input | undefined
  /** Whether a token that is older than `maximumAge` is refused, with `Expired`. Default: no. */
  readonly refuseAged?: boolean | undefined
  /**
   * Systems whose tokens work too, tried in this order when a token isn't of our format: see `effect-api-key/legacy/*`. Their keys come in by
   * `import`, and get a hash of ours at their first use.
   */
  readonly legacy?: ReadonlyArray<LegacyTokens> | undefined
  /** The kinds of policies that records may hold: see `KeyPolicy`. A key with another kind is refused. Default: none. */
  readonly policies?: ReadonlyArray<KeyPolicy> | undefined
  /** Whether to start although hashes need a pepper that isn't configured, whose keys then fail with `HasherError`. Default: no. */
  readonly acceptMissingPeppers?: boolean | undefined
  /**
   * Whether to start although new keys are hashed with the built-in pepper, which anybody can read, in a store that outlives the program. For
   * trials. Default: no.
   */
  readonly acceptBuiltInPepper?: boolean | undefined
  /** How often `lastUsedAt` is written, in one statement for all keys. Default: 10 seconds. */
  readonly lastUsedInterval?: Duration.Input | undefined
  /** What verification remembers. Default: 100,000 keys for 60 seconds each, {@link VerificationCache.Options}. */
  readonly cache?: VerificationCache.Options | "off" | undefined
  readonly hashing?: HashingOptions | undefined
  /**
   * Whether a token of our format without a good seal is looked up, after all others (`"preferred"`), or refused as `MalformedToken` without a look-up or a
   * hash (`"required"`). Default: `"required"` as long as each token that works is known to be sealed by a configured key, else `"preferred"`.
   */
  readonly seals?: "preferred" | "required" | undefined
  /** Whether to start with `seals: "required"` although it refuses tokens that work. Default: no. */
  readonly refuseUnsealed?: boolean | undefined
  /**
   * What is told of each verification, on top of the counters of `ApiKeyMetrics` and the spans of look-ups: `"metrics"` adds how long it
   * took, `"traces"` also a span, warm ones included. Default: `"counters"`, as both cost more than a warm verification itself.
   */
  readonly telemetry?: "counters" | "metrics" | "traces" | undefined
  /** Names this node to people, in `Unconfirmed` say; a random part is added. `[A-Za-z0-9._-]`, up to 64 characters. Default: `node`. */
  readonly nodeName?: string | undefined
}
