import type * as Config from "effect/Config"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import { type BuiltInPepper, HasherError, type MissingPeppers, type OtherPeppers, type UnsealedTokens } from "./ApiKeyError.ts"
import { ApiKeyHasher } from "./ApiKeyHasher.ts"
import * as Repository from "./ApiKeyRepository.ts"
import type * as ApiKeyToken from "./ApiKeyToken.ts"
import type { Options } from "./internal/keys/model.ts"
import { type InvalidOptions } from "./internal/keys/options.ts"
import { ApiKeys } from "./internal/keys/service.ts"
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
  SealUsage,
  IfVersion,
  ConfirmWithin,
  ExportOptions,
  DeactivateOptions,
  HashingOptions,
  Options,
} from "./internal/keys/model.ts"
export { InvalidOptions } from "./internal/keys/options.ts"
export { ApiKeys } from "./internal/keys/service.ts"
export type { Verified, VerifyOptions } from "./internal/verifier/model.ts"
export declare const layerWith: (
  options: Options,
) => Layer.Layer<
  ApiKeys,
  ApiKeyToken.InvalidTokenConfig | InvalidOptions | HasherError | MissingPeppers | OtherPeppers | BuiltInPepper | UnsealedTokens,
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
  | ApiKeyToken.InvalidTokenConfig
  | InvalidOptions
  | HasherError
  | MissingPeppers
  | OtherPeppers
  | BuiltInPepper
  | UnsealedTokens
  | Config.ConfigError,
  ApiKeyHasher | Repository.ApiKeyRepository
>
export declare const layerConfig: Layer.Layer<
  ApiKeys,
  | ApiKeyToken.InvalidTokenConfig
  | InvalidOptions
  | HasherError
  | MissingPeppers
  | OtherPeppers
  | BuiltInPepper
  | UnsealedTokens
  | Config.ConfigError,
  ApiKeyHasher | Repository.ApiKeyRepository
>
export declare const layerMemoryWith: (options: Options) => Layer.Layer<ApiKeys, ApiKeyToken.InvalidTokenConfig | InvalidOptions>
export declare const layerMemory: Layer.Layer<ApiKeys>
export declare const make: (
  options: Options,
) => Effect.Effect<
  ApiKeys["Service"],
  ApiKeyToken.InvalidTokenConfig | InvalidOptions | HasherError | MissingPeppers | OtherPeppers | BuiltInPepper | UnsealedTokens,
  ApiKeyHasher | Repository.ApiKeyRepository | Scope.Scope
>
