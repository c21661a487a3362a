/** The interface of a repository, facet by facet. `ApiKeyRepository` exports the types. */
import type * as Context from "effect/Context"
import type * as DateTime from "effect/DateTime"
import type * as Duration from "effect/Duration"
import type * as Effect from "effect/Effect"
import type * as Option from "effect/Option"
import type * as Redacted from "effect/Redacted"
import type * as Stream from "effect/Stream"
import type { ApiKey, ApiKeyId, KeyId, PreviousToken, StoredApiKey } from "../../ApiKey.ts"
import type { ApiKeyNotFound, DuplicateKeyId, InvalidCursor, RepositoryError, TooManyKeys, VersionConflict } from "../../ApiKeyError.ts"
import type { Meters } from "../../Meters.ts"
import type { Bound, ChangedField, SortField, StoreSortField, ValueField } from "./fields.ts"

type ValueFilter = { readonly [Name in ValueField]?: NonNullable<ApiKey[Name]> | undefined }
type RangeFilter = { readonly [Name in Bound]?: DateTime.Utc | undefined }

/**
 * The condition on the keys of a search. Every given field must hold. `…After` is inclusive, `…Before` is exclusive. `tokenCreated…` bounds the
 * time at which the current token was made: the key's last rotation, or else its creation. `idle…` bounds the time at which the key becomes idle
 * (`IdleTimeout.idleAt`), which keys without an idle timeout don't have.
 * @category models
 * @since 0.1.0
 */
export interface Filter extends ValueFilter, RangeFilter {
  /** Scopes that the key has, each to the letter: `*` isn't expanded. */
  readonly scopes?: ReadonlyArray<string> | undefined
  /** A substring of the name, in any letter case (Unicode's simple lower case). `%` and `_` mean themselves. */
  readonly name?: string | undefined
  /** The key id of the current token or of the previous one. */
  readonly keyId?: KeyId | undefined
  /** The beginning of the id (in lower case), or of the key id of the current or the previous token. Visible ASCII characters. */
  readonly startsWith?: string | undefined
  /** `true`: the key has never been used. `false`: the key has been used. */
  readonly neverUsed?: boolean | undefined
  /** `is`: whether the key has expired at the moment `at`. */
  readonly expired?: { readonly is: boolean; readonly at: DateTime.Utc } | undefined
}

/**
 * The order of a search. Ties are broken by id, in the same direction. Keys without the instant come last, in either direction. Names compare as
 * their UTF-8 bytes.
 * @category models
 * @since 0.1.0
 */
export interface Sort {
  /** `tokenCreatedAt`: the time at which the current token was made. */
  readonly by: SortField
  readonly order: "asc" | "desc"
}

/**
 * The order of a store's search: {@link Sort}, or by `idleAt`, the time at which a key becomes idle. The service sorts by `idleAt` only with a
 * filter of both `idle…` bounds, so an index of keys with an idle timeout is enough.
 * @category models
 * @since 0.1.0
 */
export interface StoreSort extends Pick<Sort, "order"> {
  readonly by: StoreSortField
}

/** Newest first. @category models @since 0.1.0 */
export const defaultSort: Sort = { by: "createdAt", order: "desc" }

/**
 * A search for one page. A page by `offset` comes with the total. A page by `cursor` follows the page that gave the cursor, and counts nothing.
 * The empty cursor gives the first page.
 * @category models
 * @since 0.1.0
 */
export interface Search {
  readonly filter: Filter
  readonly sort: StoreSort
  /** 1 to 200. */
  readonly limit: number
  readonly page: { readonly _tag: "Offset"; readonly offset: number } | { readonly _tag: "Cursor"; readonly cursor: string }
}

/** @category models @since 0.1.0 */
export interface Page {
  readonly items: ReadonlyArray<ApiKey>
  /** The number of keys that match in all; `null` on a page by cursor. */
  readonly total: number | null
  /** The cursor of the next page; `null` on the last page. */
  readonly nextCursor: string | null
}

/** The fields to set; a field left out stays as it is. @category models @since 0.1.0 */
export type Changes = { readonly [Name in ChangedField]?: ApiKey[Name] | undefined }

/**
 * Transactions that callers open. A record read in a transaction may be undone, so the record isn't cached. A change in a transaction counts from
 * the commit on, so other nodes are told then.
 * @category models
 * @since 0.1.0
 */
export interface TransactionSupport {
  /** Whether a fiber with this context is inside a transaction of this store. */
  readonly isOpen: (context: Context.Context<never>) => boolean
  /**
   * Runs the effect in a transaction, whose writes the effect's failure undoes. Within the caller's transaction, the caller's other writes stand.
   * The statements of a transaction of its own are bounded like single writes.
   *
   * `run` fails with the effect's own failure, the same object, only after a confirmed rollback. The change then counts as undone. Any other
   * failure is a `RepositoryError`, which leaves the change in doubt.
   */
  readonly run: <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E | RepositoryError, R>
  /**
   * Reads the record, and keeps others from changing it until the transaction has ended. Listeners in the transaction hear of the record as it was
   * before the change, which `lock` reads. Without `lock`, the record is read unlocked.
   */
  readonly lock?: (id: ApiKeyId) => Effect.Effect<Option.Option<ApiKey>, RepositoryError>
  /** Runs the effect after the caller's transaction has committed, or at once without a transaction. */
  readonly afterCommit: (effect: Effect.Effect<void>) => Effect.Effect<void>
  /**
   * Whether a transaction that hasn't ended may still change the record, or insert a record that isn't there. The service asks 30 seconds after a
   * change whose answer was lost, and then each second. Until the answer is `false`, each request looks the record up (decision 0029). Without
   * `isChanging`, the change counts as ended after 30 seconds.
   */
  readonly isChanging?: (id: ApiKeyId) => Effect.Effect<boolean, RepositoryError>
}

/**
 * The reports of leaks that were carried out. Each report is a text of up to 256 visible ASCII characters and spaces. The store keeps the reports
 * for as long as the keys. A forgotten report can be sent again, as its signature has no time (decision 0034).
 * @category models
 * @since 0.1.0
 */
export interface ReportSupport {
  readonly isKnown: (report: string) => Effect.Effect<boolean, RepositoryError>
  /** A report that is known already keeps its time. */
  readonly remember: (report: string, at: DateTime.Utc) => Effect.Effect<void, RepositoryError>
}

/** A note by which a pepper of hashes in the store is known again. @category models @since 0.1.0 */
export interface PepperNote {
  /** The beginning of hashes under the pepper: `ConfiguredPepper.start` of the hasher. At most 64 visible ASCII characters. */
  readonly start: string
  /** `ConfiguredPepper.makeCheck` of the hasher. At most 256 visible ASCII characters. */
  readonly check: string
  /** Whether hashes with that beginning were there before the note. The pepper of those hashes may have been another one. */
  readonly isAssumed: boolean
}

/**
 * The notes of the peppers that hashes in the store were made under (decision 0040). The notes last as long as the keys, and a backup restores
 * both together.
 * @category models
 * @since 0.1.0
 */
export interface PepperSupport {
  readonly read: Effect.Effect<ReadonlyArray<PepperNote>, RepositoryError>
  /** A beginning that is noted already keeps its note. */
  readonly note: (note: PepperNote, at: DateTime.Utc) => Effect.Effect<void, RepositoryError>
}

/**
 * The register of the nodes that use the store. Each node has a lease by a clock that all nodes share. A channel's own register may be lost, or be
 * split with the channel, as in Redis. Confirmations ask the store's register instead, which has every node that can read a key (decision 0032).
 * @category models
 * @since 0.1.0
 */
export interface NodeRegister {
  /**
   * Counts a node as live for the time of the lease. Each node calls `register` every two seconds, outside of any transaction. A call must not
   * wait for long.
   */
  readonly register: (node: string, lease: Duration.Duration) => Effect.Effect<void, RepositoryError>
  readonly unregister: (node: string) => Effect.Effect<void, RepositoryError>
  /** The nodes that are live now. */
  readonly nodes: Effect.Effect<ReadonlyArray<string>, RepositoryError>
}

/** A use of a key by the token with this key id. @category models @since 0.1.0 */
export interface Use {
  readonly id: ApiKeyId
  readonly keyId: KeyId
  readonly lastUsedAt: DateTime.Utc
}

/** A record that keeps another one from being inserted. The fields also tell whether the two are the same record. @category models @since 0.1.0 */
export interface Taken {
  readonly id: ApiKeyId
  /** The key id of the current token, then of the previous token. */
  readonly keyIds: ReadonlyArray<KeyId>
  readonly rotatedAt: DateTime.Utc | null
  /** The hash of the current token. */
  readonly hash: Redacted.Redacted
}

/** The number of keys with hashes of these schemes. `ApiKeyHasher.scheme` gives the scheme of a hash. @category models @since 0.1.0 */
export interface SchemeCount {
  readonly scheme: string
  /** The scheme of the previous token's hash; `null` if no previous token works. */
  readonly previousScheme: string | null
  readonly count: number
}

/** The number of tokens that the sealing key with this id has sealed. @category models @since 0.1.0 */
export interface SealCount {
  /** `null`: tokens without a seal. */
  readonly sealId: string | null
  readonly count: number
}

/** The new token of a rotation. `previous` tells how long the replaced token works on. @category models @since 0.1.0 */
export interface NextToken {
  readonly keyId: KeyId
  readonly prefix: string
  readonly hint: string
  readonly hash: Redacted.Redacted
  /** The id of the sealing key; `null` for a token without a seal. */
  readonly sealId: string | null
  readonly previous: Pick<PreviousToken, "expiresAt" | "graceSeconds">
}

/** A record, and whether the call ended its previous token. @category models @since 0.1.0 */
export interface EndedPrevious {
  readonly apiKey: ApiKey
  /** `false` if there was nothing to end. */
  readonly isEnded: boolean
}

/**
 * Finds one record. A key id is compared byte by byte. The key ids of the current and of the previous token both lead to the record.
 * @category facets
 * @since 0.1.0
 */
export interface LookUps {
  readonly findById: (id: ApiKeyId) => Effect.Effect<Option.Option<StoredApiKey>, RepositoryError>
  readonly findByKeyId: (keyId: KeyId) => Effect.Effect<Option.Option<StoredApiKey>, RepositoryError>
}

/**
 * Writes one record. No two records share a key id.
 *
 * `update` sets the fields in `changes`, sets `updatedAt` to `at`, and adds 1 to `version`. All other fields stay. An `updatedAt` that has reached
 * the end of the previous token stays at or after that end (decision 0022). With `isActive: false`, a record that is inactive already keeps its
 * `deactivatedAt` and `deactivationReason`.
 *
 * With `ifVersion`, a record at another version isn't changed. `delete` gives the deleted record.
 * @category facets
 * @since 0.1.0
 */
export interface Records {
  readonly insert: (key: StoredApiKey) => Effect.Effect<void, DuplicateKeyId | RepositoryError>
  readonly update: (
    id: ApiKeyId,
    changes: Changes,
    options: { readonly at: DateTime.Utc; readonly ifVersion?: number | undefined },
  ) => Effect.Effect<ApiKey, ApiKeyNotFound | VersionConflict | RepositoryError>
  /**
   * Puts the new token in the place of the current token, which becomes the previous token. The previous token keeps the hash and the seal id that
   * the store has at that moment. Its `lastUsedAt` becomes `null`. `rotatedAt` and `updatedAt` become `at`, and `version` grows by 1.
   */
  readonly rotate: (
    id: ApiKeyId,
    token: NextToken,
    options: { readonly at: DateTime.Utc; readonly ifVersion: number },
  ) => Effect.Effect<ApiKey, ApiKeyNotFound | VersionConflict | DuplicateKeyId | RepositoryError>
  /**
   * Ends the previous token if it works at `at`. With `keyId`, only a previous token with that key id is ended. `updatedAt` and the token's
   * `expiresAt` become `at`, its `graceSeconds` becomes `null`, and `version` grows by 1. Gives the record as it is after the call. With
   * `ifVersion`, a record at another version fails with `VersionConflict`, even with nothing to end.
   *
   * A previous token works until the clock or the record's `updatedAt` reaches its `expiresAt` (decision 0022). Without `expiresAt`, a previous
   * token works only if it has `graceSeconds`.
   */
  readonly endPrevious: (
    id: ApiKeyId,
    options: { readonly at: DateTime.Utc; readonly keyId?: KeyId | undefined; readonly ifVersion?: number | undefined },
  ) => Effect.Effect<EndedPrevious, ApiKeyNotFound | VersionConflict | RepositoryError>
  readonly delete: (
    id: ApiKeyId,
    options?: { readonly ifVersion?: number | undefined },
  ) => Effect.Effect<ApiKey, ApiKeyNotFound | VersionConflict | RepositoryError>
}

/**
 * Finds many records.
 * @category facets
 * @since 0.1.0
 */
export interface Queries {
  readonly search: (search: Search) => Effect.Effect<Page, InvalidCursor | RepositoryError>
  readonly count: (filter: Filter) => Effect.Effect<number, RepositoryError>
  readonly stream: (filter: Filter, sort?: StoreSort) => Stream.Stream<ApiKey, RepositoryError>
}

/**
 * Writes and reads many records with their hashes.
 * @category facets
 * @since 0.1.0
 */
export interface Bulk {
  /**
   * Inserts, in one statement, the records whose id and key ids are free. Gives for each record, in the same order, whether it was inserted. Of
   * several records with one id or key id, the first is inserted.
   */
  readonly insertMany: (keys: ReadonlyArray<StoredApiKey>) => Effect.Effect<ReadonlyArray<boolean>, RepositoryError>
  /** The records in the store with the id or a key id of a given record. A key id may be the current or the previous token's, on either side. */
  readonly findTaken: (keys: ReadonlyArray<StoredApiKey>) => Effect.Effect<ReadonlyArray<Taken>, RepositoryError>
  /** Like `stream`, oldest first, with the hashes. */
  readonly streamStored: (filter: Filter) => Stream.Stream<StoredApiKey, RepositoryError>
}

/**
 * Keeps the uses and the hashes of records up to date. These writes don't count as changes, so `version` and `updatedAt` stay.
 *
 * `touch` moves `lastUsedAt` forward, never back. A use of the previous token since the rotation also moves that token's `lastUsedAt`. A grace may
 * wait for the first use of the current token since the rotation, which settles it. The previous token then ends `graceSeconds` after that use,
 * and `graceSeconds` becomes `null`. The end is no later than the end set before, and no later than the key's `expiresAt`. `touch` changes nothing
 * else, and passes over unknown ids.
 * @category facets
 * @since 0.1.0
 */
export interface Upkeep {
  /** Gives the records whose grace was settled. */
  readonly touch: (uses: ReadonlyArray<Use>) => Effect.Effect<ReadonlyArray<ApiKey>, RepositoryError>
  /**
   * Replaces the hash `from` of the current or the previous token by `to`. Gives `false` if no token of the record has the hash `from`. Nothing
   * else changes, except for a hash that began with `$legacy-`. Its token needs no seal, so the token's seal id becomes `other` (decision 0073).
   */
  readonly replaceHash: (id: ApiKeyId, from: Redacted.Redacted, to: Redacted.Redacted) => Effect.Effect<boolean, RepositoryError>
  /** The number of keys with each pair of schemes. A previous token counts only if it works at `at`. */
  readonly countSchemes: (at: DateTime.Utc) => Effect.Effect<ReadonlyArray<SchemeCount>, RepositoryError>
  /**
   * The number of tokens that each sealing key has sealed. Only tokens that work at `at` count, and only those of keys that are active and not
   * expired. Tokens of other systems, whose hash begins with `$legacy-`, don't count.
   */
  readonly countSeals: (at: DateTime.Utc) => Effect.Effect<ReadonlyArray<SealCount>, RepositoryError>
}

/** The kinds of a store's tokens. @category models @since 0.1.0 */
export interface TokenKinds {
  /** The scheme of each hash, current or previous, even of a token that doesn't work. */
  readonly schemes: ReadonlySet<string>
  /** The seal id of each token that may work; `null` for tokens without a seal. Tokens of other systems may be left out. */
  readonly sealIds: ReadonlySet<string | null>
}

/**
 * Tells the kinds of tokens at a cost that doesn't grow with the number of tokens, by an index say. A kind may be named that no token has any
 * more. No kind is left out (decision 0076).
 * @category facets
 * @since 0.1.0
 */
export interface KindSupport {
  /** `undefined` if the kinds can't be told at that cost. All tokens are counted then. */
  readonly read: Effect.Effect<TokenKinds | undefined, RepositoryError>
  /**
   * Whether a hash has one of these schemes. The hash of a previous token counts only if the token works at `at`. Reads no further than the first
   * such hash.
   */
  readonly haveSchemes: (schemes: ReadonlySet<string>, at: DateTime.Utc) => Effect.Effect<boolean, RepositoryError>
  /** Whether a token that `countSeals` counts has one of these seal ids. Reads no further than the first such token. */
  readonly haveSeals: (sealIds: ReadonlySet<string | null>, at: DateTime.Utc) => Effect.Effect<boolean, RepositoryError>
}

/**
 * Writes a record only while its owner has fewer than `maximum` records, and fails with `TooManyKeys` otherwise. Each record of the owner
 * counts, expired and inactive ones too. The bound holds under concurrent calls on all nodes that use the store.
 *
 * `maximum` is a whole number, at least 0. Both methods are those of {@link Records} apart from the bound. A decorator of `Records` decorates
 * these methods too.
 * @category facets
 * @since 0.1.0
 */
export interface OwnerBoundSupport {
  /** A record without an owner isn't bounded. */
  readonly insert: (key: StoredApiKey, maximum: number) => Effect.Effect<void, TooManyKeys | DuplicateKeyId | RepositoryError>
  /** Only a record that gets another owner is bounded, so a record of an owner with too many can still be changed. */
  readonly update: (
    id: ApiKeyId,
    changes: Changes,
    options: { readonly at: DateTime.Utc; readonly ifVersion?: number | undefined; readonly maximum: number },
  ) => Effect.Effect<ApiKey, TooManyKeys | ApiKeyNotFound | VersionConflict | RepositoryError>
}

/**
 * Parts that only some stores have.
 * @category facets
 * @since 0.1.0
 */
export interface Supports {
  /** For a store whose caller can open transactions. */
  readonly transaction?: TransactionSupport
  /** For a store that remembers the reports of leaks. Without `reports`, each node remembers the latest 10,000 in memory. */
  readonly reports?: ReportSupport
  /**
   * For a store that outlives the program. A pepper other than the noted one keeps `ApiKeys` from being built. Without `peppers`, a changed pepper
   * goes unnoticed.
   */
  readonly peppers?: PepperSupport
  /** For a store that registers the nodes. Without `nodeRegister`, the channel's register is the only one. */
  readonly nodeRegister?: NodeRegister
  /** For a store of many keys. Without `kinds`, each start counts all keys. */
  readonly kinds?: KindSupport
  /** For a store that can bound the number of an owner's keys. Without `ownerBounds`, `maxKeysPerOwner` keeps `ApiKeys` from being built. */
  readonly ownerBounds?: OwnerBoundSupport
  /** For a store that keeps balances of units. Without `meters`, quotas are kept in memory, and are full again when the program starts. */
  readonly meters?: Meters["Service"]
  /**
   * Whether the store lies in the program's own memory, so that no other program changes it. A node hears of other programs' new tokens only over
   * a channel. With `isExclusive` or a channel, the seals of the known tokens may be a reason to refuse other tokens (`ApiKeys.Options.seals`).
   */
  readonly isExclusive?: boolean
}

/** All facets. @category facets @since 0.1.0 */
export interface Repository extends LookUps, Records, Queries, Bulk, Upkeep, Supports {}
