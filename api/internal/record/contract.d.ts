type ValueFilter = {
  readonly [Name in ValueField]?: NonNullable<ApiKey[Name]> | undefined
}

type RangeFilter = {
  readonly [Name in Bound]?: DateTime.Utc | undefined
}

export interface Filter extends ValueFilter, RangeFilter {
  readonly scopes?: ReadonlyArray<string> | undefined
  readonly name?: string | undefined
  readonly keyId?: KeyId | undefined
  readonly startsWith?: string | undefined
  readonly neverUsed?: boolean | undefined
  readonly expired?:
    | {
        readonly is: boolean
        readonly at: DateTime.Utc
      }
    | undefined
}

export interface Sort {
  readonly by: SortField
  readonly order: "asc" | "desc"
}

export interface StoreSort extends Pick<Sort, "order"> {
  readonly by: StoreSortField
}

export declare const defaultSort: Sort

export interface Search {
  readonly filter: Filter
  readonly sort: StoreSort
  readonly limit: number
  readonly page:
    | {
        readonly _tag: "Offset"
        readonly offset: number
      }
    | {
        readonly _tag: "Cursor"
        readonly cursor: string
      }
}

export interface Page {
  readonly items: ReadonlyArray<ApiKey>
  readonly total: number | null
  readonly nextCursor: string | null
}

export type Changes = {
  readonly [Name in ChangedField]?: ApiKey[Name] | undefined
}

export interface TransactionSupport {
  readonly isOpen: (context: Context.Context<never>) => boolean
  readonly run: <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E | RepositoryError, R>
  readonly lock?: (id: ApiKeyId) => Effect.Effect<Option.Option<ApiKey>, RepositoryError>
  readonly afterCommit: (effect: Effect.Effect<void>) => Effect.Effect<void>
  readonly isChanging?: (id: ApiKeyId) => Effect.Effect<boolean, RepositoryError>
}

export interface ReportSupport {
  readonly isKnown: (report: string) => Effect.Effect<boolean, RepositoryError>
  readonly remember: (report: string, at: DateTime.Utc) => Effect.Effect<void, RepositoryError>
}

export interface PepperNote {
  readonly start: string
  readonly check: string
  readonly isAssumed: boolean
}

export interface PepperSupport {
  readonly read: Effect.Effect<ReadonlyArray<PepperNote>, RepositoryError>
  readonly note: (note: PepperNote, at: DateTime.Utc) => Effect.Effect<void, RepositoryError>
}

export interface NodeRegister {
  readonly register: (node: string, lease: Duration.Duration) => Effect.Effect<void, RepositoryError>
  readonly unregister: (node: string) => Effect.Effect<void, RepositoryError>
  readonly nodes: Effect.Effect<ReadonlyArray<string>, RepositoryError>
}

export interface Use {
  readonly id: ApiKeyId
  readonly keyId: KeyId
  readonly lastUsedAt: DateTime.Utc
}

export interface Taken {
  readonly id: ApiKeyId
  readonly keyIds: ReadonlyArray<KeyId>
  readonly rotatedAt: DateTime.Utc | null
  readonly hash: Redacted.Redacted
}

export interface SchemeCount {
  readonly scheme: string
  readonly previousScheme: string | null
  readonly count: number
}

export interface SealCount {
  readonly sealId: string | null
  readonly count: number
}

export interface NextToken {
  readonly keyId: KeyId
  readonly prefix: string
  readonly hint: string
  readonly hash: Redacted.Redacted
  readonly sealId: string | null
  readonly previous: Pick<PreviousToken, "expiresAt" | "graceSeconds">
}

export interface EndedPrevious {
  readonly apiKey: ApiKey
  readonly isEnded: boolean
}

export interface LookUps {
  readonly findById: (id: ApiKeyId) => Effect.Effect<Option.Option<StoredApiKey>, RepositoryError>
  readonly findByKeyId: (keyId: KeyId) => Effect.Effect<Option.Option<StoredApiKey>, RepositoryError>
}

export interface Records {
  readonly insert: (key: StoredApiKey) => Effect.Effect<void, DuplicateKeyId | RepositoryError>
  readonly update: (
    id: ApiKeyId,
    changes: Changes,
    options: {
      readonly at: DateTime.Utc
      readonly ifVersion?: number | undefined
    },
  ) => Effect.Effect<ApiKey, ApiKeyNotFound | VersionConflict | RepositoryError>
  readonly rotate: (
    id: ApiKeyId,
    token: NextToken,
    options: {
      readonly at: DateTime.Utc
      readonly ifVersion: number
    },
  ) => Effect.Effect<ApiKey, ApiKeyNotFound | VersionConflict | DuplicateKeyId | RepositoryError>
  readonly endPrevious: (
    id: ApiKeyId,
    options: {
      readonly at: DateTime.Utc
      readonly keyId?: KeyId | undefined
      readonly ifVersion?: number | undefined
    },
  ) => Effect.Effect<EndedPrevious, ApiKeyNotFound | VersionConflict | RepositoryError>
  readonly delete: (
    id: ApiKeyId,
    options?: {
      readonly ifVersion?: number | undefined
    },
  ) => Effect.Effect<ApiKey, ApiKeyNotFound | VersionConflict | RepositoryError>
}

export interface Queries {
  readonly search: (search: Search) => Effect.Effect<Page, InvalidCursor | RepositoryError>
  readonly count: (filter: Filter) => Effect.Effect<number, RepositoryError>
  readonly stream: (filter: Filter, sort?: StoreSort) => Stream.Stream<ApiKey, RepositoryError>
}

export interface Bulk {
  readonly insertMany: (keys: ReadonlyArray<StoredApiKey>) => Effect.Effect<ReadonlyArray<boolean>, RepositoryError>
  readonly findTaken: (keys: ReadonlyArray<StoredApiKey>) => Effect.Effect<ReadonlyArray<Taken>, RepositoryError>
  readonly streamStored: (filter: Filter) => Stream.Stream<StoredApiKey, RepositoryError>
}

export interface Upkeep {
  readonly touch: (uses: ReadonlyArray<Use>) => Effect.Effect<ReadonlyArray<ApiKey>, RepositoryError>
  readonly replaceHash: (id: ApiKeyId, from: Redacted.Redacted, to: Redacted.Redacted) => Effect.Effect<boolean, RepositoryError>
  readonly countSchemes: (at: DateTime.Utc) => Effect.Effect<ReadonlyArray<SchemeCount>, RepositoryError>
  readonly countSeals: (at: DateTime.Utc) => Effect.Effect<ReadonlyArray<SealCount>, RepositoryError>
}

export interface TokenKinds {
  readonly schemes: ReadonlySet<string>
  readonly sealIds: ReadonlySet<string | null>
}

export interface KindSupport {
  readonly read: Effect.Effect<TokenKinds | undefined, RepositoryError>
  readonly haveSchemes: (schemes: ReadonlySet<string>, at: DateTime.Utc) => Effect.Effect<boolean, RepositoryError>
  readonly haveSeals: (sealIds: ReadonlySet<string | null>, at: DateTime.Utc) => Effect.Effect<boolean, RepositoryError>
}

export interface OwnerBoundSupport {
  readonly insert: (key: StoredApiKey, maximum: number) => Effect.Effect<void, TooManyKeys | DuplicateKeyId | RepositoryError>
  readonly update: (
    id: ApiKeyId,
    changes: Changes,
    options: {
      readonly at: DateTime.Utc
      readonly ifVersion?: number | undefined
      readonly maximum: number
    },
  ) => Effect.Effect<ApiKey, TooManyKeys | ApiKeyNotFound | VersionConflict | RepositoryError>
}

export interface Supports {
  readonly transaction?: TransactionSupport
  readonly reports?: ReportSupport
  readonly peppers?: PepperSupport
  readonly nodeRegister?: NodeRegister
  readonly kinds?: KindSupport
  readonly ownerBounds?: OwnerBoundSupport
  readonly meters?: Meters["Service"]
  readonly isExclusive?: boolean
}

export interface Repository extends LookUps, Records, Queries, Bulk, Upkeep, Supports {}
