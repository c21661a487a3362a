declare const ApiKeys_base: Context.ServiceClass<
  ApiKeys,
  "effect-api-key/ApiKeys",
  {
    readonly create: (input: CreateInput) => Effect.Effect<Created, InvalidInput | TooManyKeys | RepositoryError | HasherError>
    readonly verify: (token: string | Redacted.Redacted, options?: VerifyOptions) => Effect.Effect<Verified, VerifyError>
    readonly isToken: (token: string | Redacted.Redacted) => boolean
    readonly keyIdsOf: (token: string | Redacted.Redacted) => ReadonlyArray<Model.KeyId>
    readonly get: (id: string) => Effect.Effect<Model.ApiKey, InvalidInput | ApiKeyNotFound | RepositoryError>
    readonly getByKeyId: (keyId: string) => Effect.Effect<Model.ApiKey, InvalidInput | NotFound | RepositoryError>
    readonly search: (input?: SearchInput) => Effect.Effect<Repository.Page, InvalidInput | InvalidCursor | RepositoryError>
    readonly count: (filter?: Filter) => Effect.Effect<number, InvalidInput | RepositoryError>
    readonly stream: (filter?: Filter) => Stream.Stream<Model.ApiKey, InvalidInput | RepositoryError>
    readonly update: (
      id: string,
      input: UpdateInput,
      options?: IfVersion & ConfirmWithin,
    ) => Effect.Effect<Model.ApiKey, InvalidInput | TooManyKeys | ApiKeyNotFound | VersionConflict | RepositoryError | Unconfirmed>
    readonly activate: (
      id: string,
      options?: IfVersion & ConfirmWithin,
    ) => Effect.Effect<Model.ApiKey, InvalidInput | ApiKeyNotFound | VersionConflict | RepositoryError | Unconfirmed>
    readonly deactivate: (
      id: string,
      options?: IfVersion & ConfirmWithin & DeactivateOptions,
    ) => Effect.Effect<Model.ApiKey, InvalidInput | ApiKeyNotFound | VersionConflict | RepositoryError | Unconfirmed>
    readonly delete: (
      id: string,
      options?: IfVersion & ConfirmWithin,
    ) => Effect.Effect<void, InvalidInput | ApiKeyNotFound | VersionConflict | RepositoryError | Unconfirmed>
    readonly rotate: (
      id: string,
      options?: RotateOptions,
    ) => Effect.Effect<
      Created,
      InvalidInput | ApiKeyNotFound | VersionConflict | GraceRunning | RepositoryError | HasherError | Unconfirmed
    >
    readonly endGrace: (
      id: string,
      options?: IfVersion & ConfirmWithin,
    ) => Effect.Effect<Model.ApiKey, InvalidInput | ApiKeyNotFound | VersionConflict | RepositoryError | Unconfirmed>
    readonly revoke: (token: string | Redacted.Redacted, options: RevokeOptions) => Effect.Effect<Revoked, VerifyError | ApiKeyNotFound>
    readonly quotas: (id: string) => Effect.Effect<ReadonlyArray<LimitState>, InvalidInput | ApiKeyNotFound | RepositoryError>
    readonly changeQuota: (id: string, change: QuotaChange) => Effect.Effect<QuotaChanged, InvalidInput | ApiKeyNotFound | RepositoryError>
    readonly upcoming: (options: UpcomingOptions) => Stream.Stream<Upcoming, InvalidInput | RepositoryError>
    readonly searchUpcoming: (input: SearchUpcomingInput) => Effect.Effect<UpcomingPage, InvalidInput | InvalidCursor | RepositoryError>
    readonly isInTouch: Effect.Effect<boolean>
    readonly hashReport: Effect.Effect<ReadonlyArray<HashUsage>, RepositoryError | HasherError>
    readonly sealReport: Effect.Effect<ReadonlyArray<SealUsage>, RepositoryError | HasherError>
    readonly import: <E, R>(
      rows: Stream.Stream<unknown, E, R>,
      options?: ApiKeyTransfer.ImportOptions,
    ) => Stream.Stream<ApiKeyTransfer.ImportEvent, E | InvalidInput | RepositoryError, R>
    readonly export: (options?: ExportOptions) => Stream.Stream<string, InvalidInput | RepositoryError>
  }
>

export declare class ApiKeys extends ApiKeys_base {}
