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
  Unconfirmed,
  VerifyError,
  VersionConflict,
} from "../../ApiKeyError.ts"
import type * as Repository from "../../ApiKeyRepository.ts"
import type * as ApiKeyTransfer from "../../ApiKeyTransfer.ts"
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
 * `verify` checks, in this order: the token's form and checksum, that the key exists, its secret, that it is active, its expiry, its
 * scopes. An unknown key id costs the same hashing as a wrong secret. It never writes the record.
 *
 * Ids and key ids are taken as text, and instants as {@link Model.InstantInput}: other values fail with `InvalidInput`.
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
     * others. While it is `false`, each verification asks the store, so that none answers by a record that has changed.
     */
    readonly isInTouch: Effect.Effect<boolean>
    /** How many hashes there are of each algorithm, parameters and pepper. It reads the whole table, once for callers at the same time. */
    readonly hashReport: Effect.Effect<ReadonlyArray<HashUsage>, RepositoryError | HasherError>
    /**
     * How many tokens that work each sealing key has sealed, and how many have no seal; those of other systems don't count. A key that isn't among
     * them can be taken out of its ring. It reads the whole table, once for callers at the same time.
     */
    readonly sealReport: Effect.Effect<ReadonlyArray<SealUsage>, RepositoryError | HasherError>
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
