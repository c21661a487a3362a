/** The tag of the service and its members, apart from what carries them out: `ApiKeys` over HTTP loads this alone. */
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import type * as Redacted from "effect/Redacted"
import type * as Stream from "effect/Stream"
import type * as Model from "../../ApiKey.ts"
import type {
  ApiKeyNotFound,
  GraceRunning,
  HasherError,
  InvalidCursor,
  InvalidInput,
  NotFound,
  RepositoryError,
  TooManyKeys,
  Unconfirmed,
  VerifyError,
  VersionConflict,
} from "../../ApiKeyError.ts"
import type * as Repository from "../../ApiKeyRepository.ts"
import type * as ApiKeyTransfer from "../../ApiKeyTransfer.ts"
import type { QuotaChange, QuotaChanged } from "../../Quota.ts"
import type { LimitState } from "../../RateLimit.ts"
import type { Verified, VerifyOptions } from "../verifier/model.ts"
import type {
  ConfirmWithin,
  CreateInput,
  Created,
  DeactivateOptions,
  ExportOptions,
  Filter,
  HashUsage,
  IfVersion,
  Revoked,
  RevokeOptions,
  RotateOptions,
  SealUsage,
  SearchInput,
  SearchUpcomingInput,
  Upcoming,
  UpcomingOptions,
  UpcomingPage,
  UpdateInput,
} from "./model.ts"

/**
 * The service.
 *
 * `verify` checks in this order: the token's form and checksum, the key's existence, secret, status, expiry and scopes. An unknown key id costs
 * the same hashing as a wrong secret. `verify` doesn't wait for a write of the record.
 *
 * Ids and key ids are given as text, and instants as {@link Model.InstantInput}: other values fail with `InvalidInput`.
 * @category services
 * @since 0.1.0
 */
export class ApiKeys extends Context.Service<
  ApiKeys,
  {
    /**
     * Issues a key. The key is durable when `create` returns, unless the caller's own transaction rolls back. Fails with `TooManyKeys` if the
     * owner has `maxKeysPerOwner` keys already.
     */
    readonly create: (input: CreateInput) => Effect.Effect<Created, InvalidInput | TooManyKeys | RepositoryError | HasherError>
    /** Gives the record of a token that is good and whose key holds all of `scopes`. */
    readonly verify: (token: string | Redacted.Redacted, options?: VerifyOptions) => Effect.Effect<Verified, VerifyError>
    /**
     * Whether the text has the form of a token, of the service's format or a legacy one. The store isn't asked, so a token of that form may not
     * work.
     */
    readonly isToken: (token: string | Redacted.Redacted) => boolean
    /**
     * The key ids that the text stands for as a token. A token of the service's format has a single key id; a legacy token may have several. A
     * text without a token's form has none. The store isn't asked.
     */
    readonly keyIdsOf: (token: string | Redacted.Redacted) => ReadonlyArray<Model.KeyId>
    readonly get: (id: string) => Effect.Effect<Model.ApiKey, InvalidInput | ApiKeyNotFound | RepositoryError>
    /** The record with the key id of its current or previous token. The previous token may have ended. */
    readonly getByKeyId: (keyId: string) => Effect.Effect<Model.ApiKey, InvalidInput | NotFound | RepositoryError>
    readonly search: (input?: SearchInput) => Effect.Effect<Repository.Page, InvalidInput | InvalidCursor | RepositoryError>
    readonly count: (filter?: Filter) => Effect.Effect<number, InvalidInput | RepositoryError>
    /** Every key that matches, newest first, read in batches. */
    readonly stream: (filter?: Filter) => Stream.Stream<Model.ApiKey, InvalidInput | RepositoryError>
    /** Changes the given fields. Another owner must have fewer than `maxKeysPerOwner` keys; `TooManyKeys` otherwise. */
    readonly update: (
      id: string,
      input: UpdateInput,
      options?: IfVersion & ConfirmWithin,
    ) => Effect.Effect<Model.ApiKey, InvalidInput | TooManyKeys | ApiKeyNotFound | VersionConflict | RepositoryError | Unconfirmed>
    readonly activate: (
      id: string,
      options?: IfVersion & ConfirmWithin,
    ) => Effect.Effect<Model.ApiKey, InvalidInput | ApiKeyNotFound | VersionConflict | RepositoryError | Unconfirmed>
    /** Ends the key until it is activated. A key that is inactive already keeps the time and reason of its deactivation. */
    readonly deactivate: (
      id: string,
      options?: IfVersion & ConfirmWithin & DeactivateOptions,
    ) => Effect.Effect<Model.ApiKey, InvalidInput | ApiKeyNotFound | VersionConflict | RepositoryError | Unconfirmed>
    readonly delete: (
      id: string,
      options?: IfVersion & ConfirmWithin,
    ) => Effect.Effect<void, InvalidInput | ApiKeyNotFound | VersionConflict | RepositoryError | Unconfirmed>
    /**
     * Replaces the key's token. The record stays, with a new key id and hint. The replaced token works on until its grace ends, and is refused
     * as `Expired` then. The record keeps a single previous token. If nodes don't confirm in time, the new token is in `Unconfirmed`.
     */
    readonly rotate: (
      id: string,
      options?: RotateOptions,
    ) => Effect.Effect<
      Created,
      InvalidInput | ApiKeyNotFound | VersionConflict | GraceRunning | RepositoryError | HasherError | Unconfirmed
    >
    /**
     * Ends the previous token at once. Without a working previous token the record is unchanged, but `confirmWithin` is honoured all the same.
     */
    readonly endGrace: (
      id: string,
      options?: IfVersion & ConfirmWithin,
    ) => Effect.Effect<Model.ApiKey, InvalidInput | ApiKeyNotFound | VersionConflict | RepositoryError | Unconfirmed>
    /**
     * Ends the presented token: deactivates the key of a current token, or ends the grace of a previous token. Asks the store; fails as `verify`
     * does if the token doesn't work. Presenting the token doesn't count as a use. The token is judged again if its key changes meanwhile. A
     * token that a rotation has just replaced ends alone, and the new token works on.
     */
    readonly revoke: (token: string | Redacted.Redacted, options: RevokeOptions) => Effect.Effect<Revoked, VerifyError | ApiKeyNotFound>
    /**
     * What is left of the key's quotas, in the order of the record. Units that nodes have leased don't count as left. An owner's quota is told by
     * each of the owner's keys that have it.
     */
    readonly quotas: (id: string) => Effect.Effect<ReadonlyArray<LimitState>, InvalidInput | ApiKeyNotFound | RepositoryError>
    /**
     * Adds units to a quota of the key, takes some back, or refunds some: `Quota.QuotaChange`. The change takes part in no transaction of the
     * caller's. A change that may have been made, as the answer was lost, is sent again under its request id.
     */
    readonly changeQuota: (id: string, change: QuotaChange) => Effect.Effect<QuotaChanged, InvalidInput | ApiKeyNotFound | RepositoryError>
    /**
     * Keys that expire `within` a time from now, then keys whose tokens come of age within that time, then keys that become idle within it unless
     * they are used. The age is `maximumAge`, of the options or of the service. Both durations are at most 36,500 days. Expired and inactive
     * keys are left out, as they don't work.
     */
    readonly upcoming: (options: UpcomingOptions) => Stream.Stream<Upcoming, InvalidInput | RepositoryError>
    /** The keys of `upcoming`, page by page. */
    readonly searchUpcoming: (input: SearchUpcomingInput) => Effect.Effect<UpcomingPage, InvalidInput | InvalidCursor | RepositoryError>
    /**
     * Whether this node hears of changes on other nodes, and so answers from memory. The value is `true` without a layer of
     * `ApiKeyInvalidation`. While the value is `false`, each verification asks the store, so no changed record is answered from memory.
     */
    readonly isInTouch: Effect.Effect<boolean>
    /** The number of hashes of each algorithm, parameters and pepper. The report reads the whole table, once for callers at the same time. */
    readonly hashReport: Effect.Effect<ReadonlyArray<HashUsage>, RepositoryError | HasherError>
    /**
     * The number of working tokens for each sealing key, and of those without a seal. Tokens of other systems don't count. A key that isn't in
     * the report can be taken out of its ring. The report reads the whole table, once for callers at the same time.
     */
    readonly sealReport: Effect.Effect<ReadonlyArray<SealUsage>, RepositoryError | HasherError>
    /**
     * Imports keys of another database or system in batches. The stream has an event for each refused row, and the progress after each batch. An
     * import may be run again, as keys that are present are left alone. A row is refused if its key id belongs to another record. See
     * `ApiKeyTransfer` for the rows. Fails with `InvalidInput` if `skip` or `batchSize` is out of range.
     */
    readonly import: <E, R>(
      rows: Stream.Stream<unknown, E, R>,
      options?: ApiKeyTransfer.ImportOptions,
    ) => Stream.Stream<ApiKeyTransfer.ImportEvent, E | InvalidInput | RepositoryError, R>
    /** Keys as lines of JSON, each with its end, oldest first: `ApiKeyTransfer.ExportedKey`. */
    readonly export: (options?: ExportOptions) => Stream.Stream<string, InvalidInput | RepositoryError>
  }
>()("effect-api-key/ApiKeys") {}
