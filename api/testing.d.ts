export * as arbitraries from "./internal/testing/arbitraries.ts"
export { makeStoredApiKey } from "./internal/testing/fixtures.ts"
export { bulkContract, type BulkStore } from "./internal/testing/contract/bulk.ts"
export { lookUpsContract, type LookUpsStore } from "./internal/testing/contract/lookUps.ts"
export { queriesContract, type QueriesStore } from "./internal/testing/contract/queries.ts"
export { recordsContract, type RecordsStore } from "./internal/testing/contract/records.ts"
export type { FacetContract } from "./internal/testing/contract/suite.ts"
export { supportsContract } from "./internal/testing/contract/supports.ts"
export { upkeepContract, type UpkeepStore } from "./internal/testing/contract/upkeep.ts"
export { repositoryContract } from "./internal/testing/repositoryContract.ts"
export {
  simulate,
  SimulationFailure,
  type SimulationOptions,
  type Statistics,
  verificationSimulation,
} from "./internal/testing/simulation.ts"
export { layerMemory, layerMemoryWith } from "./ApiKeys.ts"
export { layerEphemeral as layerHasher } from "./ApiKeyHasher.ts"
export { layerMemory as layerRepository } from "./ApiKeyRepository.ts"

// internal/record/contract.d.ts
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

export interface Search {
  readonly filter: Filter
  readonly sort: Sort
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

export interface NextToken {
  readonly keyId: KeyId
  readonly prefix: string
  readonly hint: string
  readonly hash: Redacted.Redacted
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
  readonly stream: (filter: Filter, sort?: Sort) => Stream.Stream<ApiKey, RepositoryError>
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
}

export interface Supports {
  readonly transaction?: TransactionSupport
  readonly reports?: ReportSupport
  readonly peppers?: PepperSupport
  readonly nodeRegister?: NodeRegister
}

// internal/record/fields.d.ts
type Setter = "service" | "application" | "faces"

export declare const fields: {
  readonly id: {
    readonly column: {
      readonly name: "id"
      readonly kind: "uuid"
      readonly isNullable: false
      readonly since: "0001_create_api_keys"
      readonly key: "PRIMARY KEY"
    }
    readonly create: "service"
    readonly update: "nobody"
    readonly isSortable: false
    readonly filter: "none"
  }
  readonly keyId: {
    readonly column: {
      readonly name: "key_id"
      readonly kind: "text"
      readonly isNullable: false
      readonly since: "0001_create_api_keys"
      readonly key: "UNIQUE"
    }
    readonly create: "service"
    readonly update: "nobody"
    readonly isSortable: false
    readonly filter: "none"
  }
  readonly prefix: {
    readonly column: {
      readonly name: "prefix"
      readonly kind: "text"
      readonly isNullable: false
      readonly since: "0001_create_api_keys"
    }
    readonly create: "service"
    readonly update: "nobody"
    readonly isSortable: false
    readonly filter: "none"
  }
  readonly name: {
    readonly column: {
      readonly name: "name"
      readonly kind: "text"
      readonly isNullable: false
      readonly since: "0001_create_api_keys"
      readonly lowerCase: "name_lower"
    }
    readonly create: "faces"
    readonly update: "faces"
    readonly isSortable: true
    readonly filter: "none"
  }
  readonly description: {
    readonly column: {
      readonly name: "description"
      readonly kind: "text"
      readonly isNullable: true
      readonly since: "0001_create_api_keys"
    }
    readonly create: "faces"
    readonly update: "faces"
    readonly isSortable: false
    readonly filter: "none"
  }
  readonly ownerId: {
    readonly column: {
      readonly name: "owner_id"
      readonly kind: "text"
      readonly isNullable: true
      readonly since: "0001_create_api_keys"
    }
    readonly create: "faces"
    readonly update: "faces"
    readonly isSortable: false
    readonly filter: "value"
  }
  readonly scopes: {
    readonly column: {
      readonly name: "scopes"
      readonly kind: "texts"
      readonly isNullable: false
      readonly since: "0001_create_api_keys"
    }
    readonly create: "faces"
    readonly update: "faces"
    readonly isSortable: false
    readonly filter: "none"
  }
  readonly metadata: {
    readonly column: {
      readonly name: "metadata"
      readonly kind: "json"
      readonly isNullable: false
      readonly since: "0001_create_api_keys"
    }
    readonly create: "faces"
    readonly update: "faces"
    readonly isSortable: false
    readonly filter: "none"
  }
  readonly policies: {
    readonly column: {
      readonly name: "policies"
      readonly kind: "json"
      readonly isNullable: true
      readonly since: "0009_keep_policies"
    }
    readonly create: "application"
    readonly update: "application"
    readonly whenAbsent: null
    readonly isSortable: false
    readonly filter: "none"
  }
  readonly isActive: {
    readonly column: {
      readonly name: "is_active"
      readonly kind: "flag"
      readonly isNullable: false
      readonly since: "0001_create_api_keys"
    }
    readonly create: "faces"
    readonly update: "application"
    readonly isSortable: false
    readonly filter: "value"
  }
  readonly deactivatedAt: {
    readonly column: {
      readonly name: "deactivated_at"
      readonly kind: "instant"
      readonly isNullable: true
      readonly since: "0004_note_deactivation"
    }
    readonly create: "service"
    readonly update: "service"
    readonly isKeptWhileInactive: true
    readonly isSortable: false
    readonly filter: "none"
  }
  readonly deactivationReason: {
    readonly column: {
      readonly name: "deactivation_reason"
      readonly kind: "text"
      readonly isNullable: true
      readonly since: "0004_note_deactivation"
    }
    readonly create: "service"
    readonly update: "service"
    readonly isKeptWhileInactive: true
    readonly isSortable: false
    readonly filter: "none"
  }
  readonly expiresAt: {
    readonly column: {
      readonly name: "expires_at"
      readonly kind: "instant"
      readonly isNullable: true
      readonly since: "0001_create_api_keys"
    }
    readonly create: "faces"
    readonly update: "faces"
    readonly isSortable: true
    readonly filter: "range"
  }
  readonly createdAt: {
    readonly column: {
      readonly name: "created_at"
      readonly kind: "instant"
      readonly isNullable: false
      readonly since: "0001_create_api_keys"
    }
    readonly create: "service"
    readonly update: "nobody"
    readonly isSortable: true
    readonly filter: "range"
  }
  readonly updatedAt: {
    readonly column: {
      readonly name: "updated_at"
      readonly kind: "instant"
      readonly isNullable: false
      readonly since: "0001_create_api_keys"
    }
    readonly create: "service"
    readonly update: "nobody"
    readonly isSortable: false
    readonly filter: "none"
  }
  readonly lastUsedAt: {
    readonly column: {
      readonly name: "last_used_at"
      readonly kind: "instant"
      readonly isNullable: true
      readonly since: "0001_create_api_keys"
      readonly isUse: true
    }
    readonly create: "service"
    readonly update: "nobody"
    readonly isSortable: true
    readonly filter: "range"
  }
  readonly hint: {
    readonly column: {
      readonly name: "hint"
      readonly kind: "text"
      readonly isNullable: false
      readonly since: "0001_create_api_keys"
    }
    readonly create: "service"
    readonly update: "nobody"
    readonly isSortable: false
    readonly filter: "none"
  }
  readonly version: {
    readonly column: {
      readonly name: "version"
      readonly kind: "integer"
      readonly isNullable: false
      readonly since: "0001_create_api_keys"
    }
    readonly create: "service"
    readonly update: "nobody"
    readonly isSortable: false
    readonly filter: "none"
  }
  readonly rotatedAt: {
    readonly column: {
      readonly name: "rotated_at"
      readonly kind: "instant"
      readonly isNullable: true
      readonly since: "0003_rotate_tokens"
    }
    readonly create: "service"
    readonly update: "nobody"
    readonly isSortable: false
    readonly filter: "none"
  }
}

export type FieldName = keyof typeof fields

type NameWhere<Key extends "create" | "update" | "isSortable" | "filter", Value> = {
  readonly [Name in FieldName]: (typeof fields)[Name][Key] extends Value ? Name : never
}[FieldName]

export declare const isKeptWhileInactive: (name: FieldName) => boolean

export type ChangedField = NameWhere<"update", Setter>

export type ValueField = NameWhere<"filter", "value">

export type SortField = NameWhere<"isSortable", true> | "tokenCreatedAt"

export type RangeField = NameWhere<"filter", "range"> | "tokenCreatedAt"

type Stem<Name> = Name extends `${infer Start}At` ? Start : never

export type Bound = `${Stem<RangeField>}${"After" | "Before"}`

// internal/testing/arbitraries.d.ts
export declare const apiKeyId: Arbitrary.Arbitrary<ApiKeyId>

export declare const keyId: Arbitrary.Arbitrary<KeyId>

export declare const scopes: Arbitrary.Arbitrary<ReadonlyArray<Scope>>

export declare const instant: Arbitrary.Arbitrary<DateTime.Utc>

export declare const storedApiKey: Arbitrary.Arbitrary<StoredApiKey>

// internal/testing/contract/bulk.d.ts
export interface BulkStore extends Bulk, Pick<Records, "insert" | "rotate" | "delete">, Pick<LookUps, "findById"> {}

export declare const bulkContract: FacetContract<BulkStore>

// internal/testing/contract/lookUps.d.ts
export interface LookUpsStore extends LookUps, Pick<Records, "insert" | "delete"> {}

export declare const lookUpsContract: FacetContract<LookUpsStore>

// internal/testing/contract/queries.d.ts
export interface QueriesStore extends Queries, Pick<Records, "insert" | "rotate" | "delete"> {}

export declare const queriesContract: FacetContract<QueriesStore>

// internal/testing/contract/records.d.ts
export interface RecordsStore extends Records, LookUps {}

export declare const recordsContract: FacetContract<RecordsStore>

// internal/testing/contract/suite.d.ts
export type FacetContract<Store> = <E>(name: string, store: Effect.Effect<Store, E, Scope>) => void

// internal/testing/contract/supports.d.ts
export declare const supportsContract: FacetContract<Supports>

// internal/testing/contract/upkeep.d.ts
export interface UpkeepStore extends Upkeep, Pick<Records, "insert" | "rotate" | "update">, Pick<LookUps, "findById"> {}

export declare const upkeepContract: FacetContract<UpkeepStore>

// internal/testing/fixtures.d.ts
export declare const makeStoredApiKey: (
  overrides?: Partial<ApiKey> & {
    readonly hash?: string
    readonly previousHash?: string
  },
) => StoredApiKey

// internal/testing/repositoryContract.d.ts
export declare const repositoryContract: <E>(name: string, layer: Layer.Layer<ApiKeyRepository, E>) => void

// internal/testing/simulation.d.ts
export interface SimulationOptions {
  readonly seed?: number | undefined
  readonly steps?: number | undefined
}

export declare const verificationSimulation: <E>(name: string, layer: Layer.Layer<ApiKeyRepository, E>, options?: SimulationOptions) => void

export declare const simulate: ({
  seed,
  steps,
}: {
  readonly seed: number
  readonly steps: number
}) => Effect.Effect<Statistics, SimulationFailure, ApiKeyRepository>

// internal/testing/simulation/outcome.d.ts
declare const SimulationFailure_base: Schema.Class<
  SimulationFailure,
  Schema.TaggedStruct<
    "SimulationFailure",
    {
      readonly seed: Schema.Int
      readonly steps: Schema.Int
      readonly step: Schema.Int
      readonly reason: Schema.String
      readonly history: Schema.$Array<Schema.String>
    }
  >,
  import("effect/Cause").YieldableError
>

export declare class SimulationFailure extends SimulationFailure_base {
  get message(): string
}

export interface Statistics {
  steps: number
  granted: number
  refused: number
  outdated: number
  outOfTouch: number
  changes: number
  confirmed: number
  unconfirmed: number
  interrupted: number
  rotations: number
  settled: number
  endedGraces: number
  revoked: number
  grantedPrevious: number
  expiredPrevious: number
  forgotten: number
  restarts: number
  lostAnswers: number
  lateWrites: number
  lostRegisters: number
  splits: number
  failed: number
}
