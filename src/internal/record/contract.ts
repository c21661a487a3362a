/** A repository of keys, facet by facet. `ApiKeyRepository` exports it. */
import type * as Context from "effect/Context"
import type * as DateTime from "effect/DateTime"
import type * as Duration from "effect/Duration"
import type * as Effect from "effect/Effect"
import type * as Option from "effect/Option"
import type * as Redacted from "effect/Redacted"
import type * as Stream from "effect/Stream"
import type { ApiKey, ApiKeyId, KeyId, PreviousToken, StoredApiKey } from "../../ApiKey.ts"
import type { ApiKeyNotFound, DuplicateKeyId, InvalidCursor, RepositoryError, VersionConflict } from "../../ApiKeyError.ts"
import type { Bound, ChangedField, SortField, ValueField } from "./fields.ts"

type ValueFilter = { readonly [Name in ValueField]?: NonNullable<ApiKey[Name]> | undefined }
type RangeFilter = { readonly [Name in Bound]?: DateTime.Utc | undefined }

/**
 * Which keys a search is about. Every field given must hold. Instants: `After` is inclusive, `Before` exclusive. `tokenCreated` is when the
 * current token was made: at the key's last rotation, or with the key.
 * @category models
 * @since 0.1.0
 */
export interface Filter extends ValueFilter, RangeFilter {
  /** Each of these is among the key's scopes, to the letter: `*` isn't expanded. */
  readonly scopes?: ReadonlyArray<string> | undefined
  /** A substring of the name, in any letter case (Unicode's simple lower case). `%` and `_` mean themselves. */
  readonly name?: string | undefined
  /** The key id of the current token or of the previous one. */
  readonly keyId?: KeyId | undefined
  /** The beginning of the id (in lower case), or of a key id: the current token's or the previous one's. Visible ASCII characters. */
  readonly startsWith?: string | undefined
  /** `true`: has never been used. `false`: has. */
  readonly neverUsed?: boolean | undefined
  /** Expired, or not, at the moment `at`. */
  readonly expired?: { readonly is: boolean; readonly at: DateTime.Utc } | undefined
}

/**
 * Ties are broken by id, in the same direction. Keys without the instant come last, in either direction. Names compare as their
 * UTF-8 bytes.
 * @category models
 * @since 0.1.0
 */
export interface Sort {
  /** `tokenCreatedAt`: when the current token was made. */
  readonly by: SortField
  readonly order: "asc" | "desc"
}

/** Newest first. @category models @since 0.1.0 */
export const defaultSort: Sort = { by: "createdAt", order: "desc" }

/**
 * A page of a search: by `offset` with the total, or after a `cursor` from the page before, without counting. The empty cursor gives the
 * first page.
 * @category models
 * @since 0.1.0
 */
export interface Search {
  readonly filter: Filter
  readonly sort: Sort
  /** 1 to 200. */
  readonly limit: number
  readonly page: { readonly _tag: "Offset"; readonly offset: number } | { readonly _tag: "Cursor"; readonly cursor: string }
}

/** @category models @since 0.1.0 */
export interface Page {
  readonly items: ReadonlyArray<ApiKey>
  /** How many keys match in all; `null` on a page by cursor. */
  readonly total: number | null
  /** Leads to the next page; `null` on the last one. */
  readonly nextCursor: string | null
}

/** The fields to set; a field left out stays as it is. @category models @since 0.1.0 */
export type Changes = { readonly [Name in ChangedField]?: ApiKey[Name] | undefined }

/**
 * What is read in a transaction may be undone, and what is written counts when it ends: so the first isn't cached, and the second is made known
 * then.
 * @category models
 * @since 0.1.0
 */
export interface TransactionSupport {
  /** Whether a fiber with this context is inside a transaction of this store. */
  readonly isOpen: (context: Context.Context<never>) => boolean
  /**
   * Runs the effect in a transaction, which its failure undoes: within the caller's, of which then nothing else is undone, or in one of its own, whose
   * statements are bounded as those of single writes are.
   *
   * The effect's failure is passed on, the same object, only where the rollback was confirmed: the change counts as undone then. Otherwise it fails with
   * a `RepositoryError` of its own, and the change is in doubt.
   */
  readonly run: <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E | RepositoryError, R>
  /**
   * The record, which nobody else changes until the transaction has ended. It is asked where a listener in the transaction hears of a change, so that
   * it is told what the record was before. Without it the record is read unlocked.
   */
  readonly lock?: (id: ApiKeyId) => Effect.Effect<Option.Option<ApiKey>, RepositoryError>
  /** Runs the effect after the caller's transaction has committed, or now when there is none. */
  readonly afterCommit: (effect: Effect.Effect<void>) => Effect.Effect<void>
  /**
   * Whether a transaction that hasn't ended may still change the record, or insert it if it isn't there. It is asked of a change whose answer was lost, 30
   * seconds after it and then each second, and until it says no the record is looked up for each request. Without it such a change counts as ended by then.
   */
  readonly isChanging?: (id: ApiKeyId) => Effect.Effect<boolean, RepositoryError>
}

/**
 * The reports that were carried out, each a text of up to 256 visible ASCII characters and spaces. Kept for as long as the keys are: a report
 * that is forgotten can be sent again, as its signature has no time.
 * @category models
 * @since 0.1.0
 */
export interface ReportSupport {
  readonly isKnown: (report: string) => Effect.Effect<boolean, RepositoryError>
  /** A report that is known already keeps its time. */
  readonly remember: (report: string, at: DateTime.Utc) => Effect.Effect<void, RepositoryError>
}

/** How one knows a pepper again that hashes in the store were made under. @category models @since 0.1.0 */
export interface PepperNote {
  /** The beginning of hashes under it: `ConfiguredPepper.start` of the hasher. At most 64 visible ASCII characters. */
  readonly start: string
  /** `ConfiguredPepper.makeCheck` of the hasher. At most 256 visible ASCII characters. */
  readonly check: string
  /** Whether there were hashes with that beginning already, so that it isn't known whether they were made under it. */
  readonly isAssumed: boolean
}

/**
 * The peppers that hashes in the store were made under. Kept for as long as the keys are, and restored with them.
 * @category models
 * @since 0.1.0
 */
export interface PepperSupport {
  readonly read: Effect.Effect<ReadonlyArray<PepperNote>, RepositoryError>
  /** A beginning that is noted already keeps its note. */
  readonly note: (note: PepperNote, at: DateTime.Utc) => Effect.Effect<void, RepositoryError>
}

/**
 * The register of the nodes that use the store, each with its lease, by a clock that all of them share. Where what connects the nodes may lose
 * its own register, or be split so that each part has one (as Redis may), confirmations ask this one: every node that can read a key is in it.
 * @category models
 * @since 0.1.0
 */
export interface NodeRegister {
  /** Counts a node as live for that long. It is asked every two seconds, outside of any transaction, and doesn't wait for long. */
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

/** The part of a record that keeps another one from being inserted, and tells whether the two are one. @category models @since 0.1.0 */
export interface Taken {
  readonly id: ApiKeyId
  /** The current token's, and then the previous one's. */
  readonly keyIds: ReadonlyArray<KeyId>
  readonly rotatedAt: DateTime.Utc | null
  /** Of the current token. */
  readonly hash: Redacted.Redacted
}

/** How many keys have hashes of these schemes, as `ApiKeyHasher.scheme` gives them. @category models @since 0.1.0 */
export interface SchemeCount {
  readonly scheme: string
  /** The scheme of the previous token's hash; `null` if no such token works. */
  readonly previousScheme: string | null
  readonly count: number
}

/** How many tokens the key with this id has sealed. @category models @since 0.1.0 */
export interface SealCount {
  /** `null`: tokens without a seal. */
  readonly sealId: string | null
  readonly count: number
}

/** A token that takes the place of a record's, and how long that one works on. @category models @since 0.1.0 */
export interface NextToken {
  readonly keyId: KeyId
  readonly prefix: string
  readonly hint: string
  readonly hash: Redacted.Redacted
  /** The id of the key that sealed it; `null` for a token without a seal. */
  readonly sealId: string | null
  readonly previous: Pick<PreviousToken, "expiresAt" | "graceSeconds">
}

/** A record, and whether its previous token was ended just now. @category models @since 0.1.0 */
export interface EndedPrevious {
  readonly apiKey: ApiKey
  /** `false` where there was nothing to end. */
  readonly isEnded: boolean
}

/**
 * Finds one record. A key id is compared byte by byte, and leads to a record whether it is the current token's or the previous one's.
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
 * `update` sets `updatedAt` to `at`, though not to before the end of a previous token that it had passed, adds 1 to `version`, and touches no field
 * that isn't in `changes`. With `isActive: false`, a record that is inactive already keeps its `deactivatedAt` and `deactivationReason`. With
 * `ifVersion`, a record at another version is left alone. `delete` gives the record that it deleted.
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
   * Puts the token in the place of the record's, which becomes the previous one: with its hash and `sealId` as they are in the store then, and not
   * used since. `rotatedAt` and `updatedAt` become `at`, and `version` grows by 1.
   */
  readonly rotate: (
    id: ApiKeyId,
    token: NextToken,
    options: { readonly at: DateTime.Utc; readonly ifVersion: number },
  ) => Effect.Effect<ApiKey, ApiKeyNotFound | VersionConflict | DuplicateKeyId | RepositoryError>
  /**
   * Ends the previous token if it works at `at`, and has the key id `keyId` if that is given: its `expiresAt` and `updatedAt` become `at`, and
   * `version` grows by 1. Gives the record as it is then, and whether it was changed. With `ifVersion`, a record at another version is left alone, and
   * fails with `VersionConflict` also where there is nothing to end.
   *
   * A previous token works until its `expiresAt`, but no longer once `updatedAt` has reached that; with neither `expiresAt` nor
   * `graceSeconds` it doesn't.
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
  readonly stream: (filter: Filter, sort?: Sort) => Stream.Stream<ApiKey, RepositoryError>
}

/**
 * Writes and reads many records with their hashes.
 * @category facets
 * @since 0.1.0
 */
export interface Bulk {
  /** Inserts those whose id and key ids are free, in one statement, and gives whether it did, in the same order. The first of several wins. */
  readonly insertMany: (keys: ReadonlyArray<StoredApiKey>) => Effect.Effect<ReadonlyArray<boolean>, RepositoryError>
  /** The records that have the id of one of these, or one of its key ids, in whichever place. */
  readonly findTaken: (keys: ReadonlyArray<StoredApiKey>) => Effect.Effect<ReadonlyArray<Taken>, RepositoryError>
  /** As `stream`, oldest first, with the hashes. */
  readonly streamStored: (filter: Filter) => Stream.Stream<StoredApiKey, RepositoryError>
}

/**
 * Keeps records up to date beside their owners' changes: uses and hashes, which don't count as changes.
 *
 * `touch` moves `lastUsedAt` forward, never back, and that of the previous token if its key id was used since the rotation. The first use of the
 * current token since a rotation whose grace waits for it settles the grace: `expiresAt` of the previous token, not after what it was or the key's
 * own. It changes nothing else; ids it doesn't know are passed over.
 * @category facets
 * @since 0.1.0
 */
export interface Upkeep {
  /** Gives the records whose grace it settled. */
  readonly touch: (uses: ReadonlyArray<Use>) => Effect.Effect<ReadonlyArray<ApiKey>, RepositoryError>
  /** Puts `to` in the place of `from`, of whichever token it is the hash, if it still is; gives whether it did. Nothing else changes, but that the seal id of a token becomes `other` whose hash began with `$legacy-`: it needs no seal. */
  readonly replaceHash: (id: ApiKeyId, from: Redacted.Redacted, to: Redacted.Redacted) => Effect.Effect<boolean, RepositoryError>
  /** How many keys there are with each pair of schemes; of previous tokens only those count that work at `at`. */
  readonly countSchemes: (at: DateTime.Utc) => Effect.Effect<ReadonlyArray<SchemeCount>, RepositoryError>
  /**
   * How many tokens each sealing key has sealed, of those that work at `at`: current ones, and previous ones that work, of keys that are active and
   * not expired. Tokens of other systems, whose hash begins with `$legacy-`, aren't counted.
   */
  readonly countSeals: (at: DateTime.Utc) => Effect.Effect<ReadonlyArray<SealCount>, RepositoryError>
}

/** The kinds of a store's tokens. @category models @since 0.1.0 */
export interface TokenKinds {
  /** Each scheme of a hash, current or previous, whether its token works or not. */
  readonly schemes: ReadonlySet<string>
  /** Each seal id of a token that may work; `null`: tokens without a seal. Tokens of other systems may be left out. */
  readonly sealIds: ReadonlySet<string | null>
}

/**
 * Tells kinds of tokens at a cost that doesn't grow with their number, such as by an index. Kinds may be named that no token has any more; none is
 * left out.
 * @category facets
 * @since 0.1.0
 */
export interface KindSupport {
  /** `undefined` where they can't be told at that cost. All tokens are counted then. */
  readonly read: Effect.Effect<TokenKinds | undefined, RepositoryError>
  /** Whether a hash has one of these schemes; of previous tokens only those count that work at `at`. Reads no further than the first one. */
  readonly haveSchemes: (schemes: ReadonlySet<string>, at: DateTime.Utc) => Effect.Effect<boolean, RepositoryError>
  /** Whether a token that `countSeals` counts has one of these seal ids. Reads no further than the first one. */
  readonly haveSeals: (sealIds: ReadonlySet<string | null>, at: DateTime.Utc) => Effect.Effect<boolean, RepositoryError>
}

/**
 * Parts that only some stores have.
 * @category facets
 * @since 0.1.0
 */
export interface Supports {
  /** For a store whose caller can open transactions. */
  readonly transaction?: TransactionSupport
  /** For a store that remembers the reports of leaks. Without it each node remembers the latest 10,000 in memory. */
  readonly reports?: ReportSupport
  /**
   * For a store that outlives the program. A pepper that isn't the one noted in it then keeps `ApiKeys` from being built. Without it nobody can tell.
   */
  readonly peppers?: PepperSupport
  /** For a store that registers the nodes. Without it their channel's register is the only one. */
  readonly nodeRegister?: NodeRegister
  /** For a store of many keys. Without it a start counts them all. */
  readonly kinds?: KindSupport
  /**
   * Whether the store lies in the program's own memory, so that nobody else changes it. Without it, and without a channel, the seals that the store's
   * tokens bear are no reason to refuse others (`ApiKeys.Options.seals`).
   */
  readonly isExclusive?: boolean
}

/** All facets. @category facets @since 0.1.0 */
export interface Repository extends LookUps, Records, Queries, Bulk, Upkeep, Supports {}
