import type * as Config from "effect/Config"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type { MigrationError } from "effect/sql/Migrator"
import type { SqlError } from "effect/sql/SqlError"
import * as ApiKeys from "./ApiKeys.ts"
import type { KeyPolicy } from "./KeyPolicy.ts"
import * as Pepper from "./hasher/Pepper.ts"
import * as Seals from "./hasher/Seals.ts"
import * as Invalidation from "./sql/Invalidation.ts"
import type { MissingMigrations } from "./sql/SqlRepository.ts"
import { type Limits } from "./internal/server/limits.ts"
import type { DatabaseUnavailable } from "./internal/wiring/databaseUrl.ts"
import type { MissingPackage } from "./internal/wiring/loadPackage.ts"
import { type RedisUnavailable } from "./internal/wiring/storage.ts"
export { ServerApi } from "./internal/server/api.ts"
export { AdapterOptionMissing } from "./internal/wiring/adapters.ts"
export { AddressUnavailable } from "./internal/server/address.ts"
export { DatabaseUnavailable } from "./internal/wiring/databaseUrl.ts"
export { DataDirError } from "./internal/wiring/embedded.ts"
export { defaultLimits, InvalidLimit, type Limits, TooFewRequests } from "./internal/server/limits.ts"
export { MissingPackage } from "./internal/wiring/loadPackage.ts"
export { RedisUnavailable } from "./internal/wiring/storage.ts"
export { PepperRequired } from "./internal/wiring/settings.ts"
export { SigningKeysUnreadable } from "./internal/server/leakOptions.ts"
export { routes, routesWith, type RoutesOptions } from "./internal/server/routes.ts"
export interface Options {
  readonly limits?: Partial<Limits> | undefined
  readonly policies?: ReadonlyArray<KeyPolicy> | undefined
  readonly onFirstKey?: ((created: ApiKeys.Created, url: string) => Effect.Effect<void>) | undefined
}
export declare const layerWith: (
  options: Options,
) => Layer.Layer<
  | import("effect/http/Etag").Generator
  | import("effect/http/HttpPlatform").HttpPlatform
  | import("effect/http/HttpServer").HttpServer
  | import("@effect/platform-node/NodeServices").NodeServices,
  | import("./internal/server/address.ts").AddressUnavailable
  | import("./ApiKeyError.ts").BuiltInPepper
  | import("./internal/wiring/embedded.ts").DataDirError
  | import("./sql/Pglite.ts").DataDirLocked
  | DatabaseUnavailable
  | import("./ApiKeyError.ts").HasherError
  | Invalidation.InvalidIdentifier
  | import("./ApiKeyError.ts").InvalidInput
  | import("./internal/server/limits.ts").InvalidLimit
  | ApiKeys.InvalidOptions
  | Seals.InvalidSeals
  | import("./http/implementation.ts").InvalidSigningKey
  | import("./ApiKeyToken.ts").InvalidTokenConfig
  | MigrationError
  | MissingMigrations
  | import("./ApiKeyError.ts").MissingPeppers
  | import("./ApiKeyError.ts").OtherPeppers
  | import("./internal/wiring/settings.ts").PepperRequired
  | import("./sql/Pglite.ts").PgliteUnavailable
  | RedisUnavailable
  | import("./ApiKeyError.ts").RepositoryError
  | Seals.SealsUnavailable
  | import("./internal/server/leakOptions.ts").SigningKeysUnreadable
  | SqlError
  | import("./internal/server/limits.ts").TooFewRequests
  | import("./ApiKeyError.ts").TooManyKeys
  | import("./ApiKeyError.ts").UnsealedTokens
  | import("./sql/Pglite.ts").DataDirProblem
  | (import("./internal/wiring/adapters.ts").AdapterOptionMissing | Config.ConfigError | MissingPackage)
  | Pepper.PepperError,
  never
>
export declare const layer: Layer.Layer<
  | import("effect/http/Etag").Generator
  | import("effect/http/HttpPlatform").HttpPlatform
  | import("effect/http/HttpServer").HttpServer
  | import("@effect/platform-node/NodeServices").NodeServices,
  | import("./internal/server/address.ts").AddressUnavailable
  | import("./ApiKeyError.ts").BuiltInPepper
  | import("./internal/wiring/embedded.ts").DataDirError
  | import("./sql/Pglite.ts").DataDirLocked
  | DatabaseUnavailable
  | import("./ApiKeyError.ts").HasherError
  | Invalidation.InvalidIdentifier
  | import("./ApiKeyError.ts").InvalidInput
  | import("./internal/server/limits.ts").InvalidLimit
  | ApiKeys.InvalidOptions
  | Seals.InvalidSeals
  | import("./http/implementation.ts").InvalidSigningKey
  | import("./ApiKeyToken.ts").InvalidTokenConfig
  | MigrationError
  | MissingMigrations
  | import("./ApiKeyError.ts").MissingPeppers
  | import("./ApiKeyError.ts").OtherPeppers
  | import("./internal/wiring/settings.ts").PepperRequired
  | import("./sql/Pglite.ts").PgliteUnavailable
  | RedisUnavailable
  | import("./ApiKeyError.ts").RepositoryError
  | Seals.SealsUnavailable
  | import("./internal/server/leakOptions.ts").SigningKeysUnreadable
  | SqlError
  | import("./internal/server/limits.ts").TooFewRequests
  | import("./ApiKeyError.ts").TooManyKeys
  | import("./ApiKeyError.ts").UnsealedTokens
  | import("./sql/Pglite.ts").DataDirProblem
  | (import("./internal/wiring/adapters.ts").AdapterOptionMissing | Config.ConfigError | MissingPackage)
  | Pepper.PepperError,
  never
>
