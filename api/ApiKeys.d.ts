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
