import * as Context from "effect/Context"
import * as Layer from "effect/Layer"
import type { Repository } from "./internal/record/contract.ts"
export type {
  Bulk,
  Changes,
  EndedPrevious,
  Filter,
  LookUps,
  NextToken,
  NodeRegister,
  Page,
  PepperNote,
  PepperSupport,
  Queries,
  Records,
  ReportSupport,
  SchemeCount,
  Search,
  Sort,
  Supports,
  Taken,
  TransactionSupport,
  Upkeep,
  Use,
} from "./internal/record/contract.ts"
export { defaultSort } from "./internal/record/contract.ts"
declare const ApiKeyRepository_base: Context.ServiceClass<ApiKeyRepository, "effect-api-key/ApiKeyRepository", Repository>
export declare class ApiKeyRepository extends ApiKeyRepository_base {}
export declare const layerMemory: Layer.Layer<ApiKeyRepository>

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

export declare const defaultSort: Sort

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

export interface Repository extends LookUps, Records, Queries, Bulk, Upkeep, Supports {}

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
