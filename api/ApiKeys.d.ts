import type * as Config from "effect/Config"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type * as Model from "./ApiKey.ts"
import {
  type ApiKeyNotFound,
  type BuiltInPepper,
  type GraceRunning,
  HasherError,
  type InvalidCursor,
  type InvalidInput,
  type MissingPeppers,
  type NotFound,
  type OtherPeppers,
  type RepositoryError,
  type Unconfirmed,
  type VerifyError,
  type VersionConflict,
} from "./ApiKeyError.ts"
import { ApiKeyHasher } from "./ApiKeyHasher.ts"
import * as Repository from "./ApiKeyRepository.ts"
import type * as ApiKeyToken from "./ApiKeyToken.ts"
import type * as ApiKeyTransfer from "./ApiKeyTransfer.ts"
import type {
  ConfirmWithin,
  CreateInput,
  Created,
  DeactivateOptions,
  ExportOptions,
  Filter,
  HashUsage,
  IfVersion,
  Options,
  Revoked,
  RevokeOptions,
  RotateOptions,
  SearchInput,
  SearchUpcomingInput,
  Upcoming,
  UpcomingOptions,
  UpcomingPage,
  UpdateInput,
} from "./internal/keys/model.ts"
import { type InvalidOptions } from "./internal/keys/options.ts"
import type { Verified, VerifyOptions } from "./internal/verifier/model.ts"
export type {
  CreateInput,
  UpdateInput,
  Created,
  Filter,
  SearchInput,
  RotateOptions,
  SearchUpcomingInput,
  Upcoming,
  UpcomingOptions,
  UpcomingPage,
  Revoked,
  RevokeOptions,
  HashUsage,
  IfVersion,
  ConfirmWithin,
  ExportOptions,
  DeactivateOptions,
  HashingOptions,
  Options,
} from "./internal/keys/model.ts"
export { InvalidOptions } from "./internal/keys/options.ts"
export type { Verified, VerifyOptions } from "./internal/verifier/model.ts"
declare const ApiKeys_base: Context.ServiceClass<
  ApiKeys,
  "effect-api-key/ApiKeys",
  {
    readonly create: (input: CreateInput) => Effect.Effect<Created, InvalidInput | RepositoryError | HasherError>
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
    ) => Effect.Effect<Model.ApiKey, InvalidInput | ApiKeyNotFound | VersionConflict | RepositoryError | Unconfirmed>
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
    readonly upcoming: (options: UpcomingOptions) => Stream.Stream<Upcoming, InvalidInput | RepositoryError>
    readonly searchUpcoming: (input: SearchUpcomingInput) => Effect.Effect<UpcomingPage, InvalidInput | InvalidCursor | RepositoryError>
    readonly isInTouch: Effect.Effect<boolean>
    readonly hashReport: Effect.Effect<ReadonlyArray<HashUsage>, RepositoryError | HasherError>
    readonly import: <E, R>(
      rows: Stream.Stream<unknown, E, R>,
      options?: ApiKeyTransfer.ImportOptions,
    ) => Stream.Stream<ApiKeyTransfer.ImportEvent, E | InvalidInput | RepositoryError, R>
    readonly export: (options?: ExportOptions) => Stream.Stream<string, InvalidInput | RepositoryError>
  }
>
export declare class ApiKeys extends ApiKeys_base {}
export declare const layerWith: (
  options: Options,
) => Layer.Layer<
  ApiKeys,
  ApiKeyToken.InvalidTokenConfig | InvalidOptions | HasherError | MissingPeppers | OtherPeppers | BuiltInPepper,
  ApiKeyHasher | Repository.ApiKeyRepository
>
export declare const layer: Layer.Layer<
  ApiKeys,
  HasherError | MissingPeppers | OtherPeppers | BuiltInPepper,
  ApiKeyHasher | Repository.ApiKeyRepository
>
export declare const layerConfigWith: (
  given: Pick<Options, "legacy" | "policies">,
) => Layer.Layer<
  ApiKeys,
  ApiKeyToken.InvalidTokenConfig | InvalidOptions | HasherError | MissingPeppers | OtherPeppers | BuiltInPepper | Config.ConfigError,
  ApiKeyHasher | Repository.ApiKeyRepository
>
export declare const layerConfig: Layer.Layer<
  ApiKeys,
  ApiKeyToken.InvalidTokenConfig | InvalidOptions | HasherError | MissingPeppers | OtherPeppers | BuiltInPepper | Config.ConfigError,
  ApiKeyHasher | Repository.ApiKeyRepository
>
export declare const layerMemoryWith: (options: Options) => Layer.Layer<ApiKeys, ApiKeyToken.InvalidTokenConfig | InvalidOptions>
export declare const layerMemory: Layer.Layer<ApiKeys>
export declare const make: (
  options: Options,
) => Effect.Effect<
  ApiKeys["Service"],
  ApiKeyToken.InvalidTokenConfig | InvalidOptions | HasherError | MissingPeppers | OtherPeppers | BuiltInPepper,
  ApiKeyHasher | Repository.ApiKeyRepository | Scope.Scope
>

// internal/keys/model.d.ts
type Given<Value> = Value extends DateTime.Utc ? Model.InstantInput : Value extends ReadonlyArray<string> ? ReadonlyArray<string> : Value

type Optional<Name extends CreateField | UpdateField> = {
  readonly [Field in Name]?: Given<Model.ApiKey[Field]> | undefined
}

export interface CreateInput extends Optional<Exclude<CreateField, "name">> {
  readonly name: string
}

export type UpdateInput = Optional<UpdateField>

export interface Created {
  readonly apiKey: Model.ApiKey
  readonly token: Redacted.Redacted
}

type InstantBounds = {
  readonly [Name in Bound]?: Model.InstantInput | undefined
}

export interface Filter extends Omit<Repository.Filter, "expired" | "keyId" | Bound>, InstantBounds {
  readonly keyId?: string | undefined
  readonly expired?: boolean | undefined
}

export interface SearchInput extends Filter {
  readonly sort?: Repository.Sort | undefined
  readonly limit?: number | undefined
  readonly offset?: number | undefined
  readonly cursor?: string | undefined
}

export interface RotateOptions extends IfVersion, ConfirmWithin {
  readonly grace?: Duration.Input | undefined
  readonly graceFrom?: "now" | "firstUse" | undefined
  readonly ifPrevious?: "end" | "refuse" | undefined
}

export interface Upcoming {
  readonly apiKey: Model.ApiKey
  readonly reason: "expires" | "comesOfAge"
  readonly at: DateTime.Utc
}

export interface UpcomingOptions {
  readonly within: Duration.Input
  readonly maximumAge?: Duration.Input | undefined
}

export interface SearchUpcomingInput extends UpcomingOptions {
  readonly limit?: number | undefined
  readonly cursor?: string | undefined
}

export interface UpcomingPage {
  readonly items: ReadonlyArray<Upcoming>
  readonly nextCursor: string | null
}

export interface Revoked {
  readonly apiKey: Model.ApiKey
  readonly usedToken: Model.UsedToken
  readonly isEnded: boolean
}

export interface RevokeOptions {
  readonly reason: Model.DeactivationReason
  readonly report?: string | undefined
}

export interface HashUsage {
  readonly algorithm: string
  readonly parameters: string
  readonly pepper: string | null
  readonly count: number
  readonly isCurrent: boolean
}

export interface IfVersion {
  readonly ifVersion?: number | undefined
}

export interface ConfirmWithin {
  readonly confirmWithin?: Duration.Input | undefined
}

export interface ExportOptions {
  readonly hashes?: boolean | undefined
  readonly filter?: Filter | undefined
}

export interface DeactivateOptions {
  readonly reason?: Model.DeactivationReason | undefined
}

export interface HashingOptions {
  readonly permits?: number | undefined
  readonly queue?: number | undefined
  readonly maxWait?: Duration.Input | undefined
}

export interface Options {
  readonly token?: ApiKeyToken.TokenConfig | ApiKeyToken.TokenFormat | undefined
  readonly defaultLifetime?: Duration.Input | undefined
  readonly maximumLifetime?: Duration.Input | undefined
  readonly maximumAge?: Duration.Input | undefined
  readonly refuseAged?: boolean | undefined
  readonly legacy?: ReadonlyArray<LegacyTokens> | undefined
  readonly policies?: ReadonlyArray<KeyPolicy> | undefined
  readonly acceptMissingPeppers?: boolean | undefined
  readonly acceptBuiltInPepper?: boolean | undefined
  readonly lastUsedInterval?: Duration.Input | undefined
  readonly cache?: VerificationCache.Options | "off" | undefined
  readonly hashing?: HashingOptions | undefined
  readonly telemetry?: "counters" | "metrics" | "traces" | undefined
  readonly nodeName?: string | undefined
}

// internal/keys/options.d.ts
declare const InvalidOptions_base: Schema.Class<
  InvalidOptions,
  Schema.TaggedStruct<
    "InvalidOptions",
    {
      readonly reason: Schema.String
    }
  >,
  import("effect/Cause").YieldableError
>

export declare class InvalidOptions extends InvalidOptions_base {
  get message(): string
}

// internal/record/fields.d.ts
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

export type CreateField = NameWhere<"create", "application" | "faces">

export type UpdateField = NameWhere<"update", "application" | "faces">

export type RangeField = NameWhere<"filter", "range"> | "tokenCreatedAt"

type Stem<Name> = Name extends `${infer Start}At` ? Start : never

export type Bound = `${Stem<RangeField>}${"After" | "Before"}`

// internal/verifier/model.d.ts
export interface VerifyOptions {
  readonly scopes?: ReadonlyArray<string> | undefined
  readonly maxAge?: Duration.Input | undefined
  readonly countsAsUse?: boolean | undefined
}

export interface Verified {
  readonly apiKey: ApiKey
  readonly usedToken: UsedToken
  readonly checkedAt: DateTime.Utc
}
