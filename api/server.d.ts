import type * as Config from "effect/Config"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type { MigrationError } from "effect/sql/Migrator"
import type { SqlError } from "effect/sql/SqlError"
import * as ApiKeys from "./ApiKeys.ts"
import * as Pepper from "./hasher/Pepper.ts"
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
export { defaultLimits, type Limits, TooFewRequests } from "./internal/server/limits.ts"
export { MissingPackage } from "./internal/wiring/loadPackage.ts"
export { RedisUnavailable } from "./internal/wiring/storage.ts"
export { PepperRequired } from "./internal/wiring/settings.ts"
export { SigningKeysUnreadable } from "./internal/server/leakOptions.ts"
export { routes, routesWith, type RoutesOptions } from "./internal/server/routes.ts"
export interface Options {
  readonly limits?: Partial<Limits> | undefined
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
  | ApiKeys.InvalidOptions
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
  | import("./internal/server/leakOptions.ts").SigningKeysUnreadable
  | SqlError
  | import("./internal/server/limits.ts").TooFewRequests
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
  | ApiKeys.InvalidOptions
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
  | import("./internal/server/leakOptions.ts").SigningKeysUnreadable
  | SqlError
  | import("./internal/server/limits.ts").TooFewRequests
  | import("./sql/Pglite.ts").DataDirProblem
  | (import("./internal/wiring/adapters.ts").AdapterOptionMissing | Config.ConfigError | MissingPackage)
  | Pepper.PepperError,
  never
>

// internal/http/ApiKeyAuth.d.ts
declare const CurrentApiKey_base: Context.ServiceClass<CurrentApiKey, "effect-api-key/http/CurrentApiKey", ApiKeyModel.ApiKey>

export declare class CurrentApiKey extends CurrentApiKey_base {}

declare const ApiKeyAuth_base: HttpApiMiddleware.ServiceClass<
  ApiKeyAuth,
  "effect-api-key/http/ApiKeyAuth",
  {
    requires: never
    provides: CurrentApiKey
    error: readonly [
      typeof Problem.InvalidRequestProblem,
      typeof Problem.MissingApiKeyProblem,
      typeof Problem.InvalidTokenProblem,
      typeof Problem.InactiveProblem,
      typeof Problem.ExpiredProblem,
      typeof Problem.InsufficientScopeProblem,
      typeof Problem.PolicyRefusedProblem,
      typeof Problem.ServiceUnavailableProblem,
      typeof Problem.OverloadedProblem,
    ]
    clientError: never
    requiredForClient: true
    security: {
      bearer: HttpApiSecurity.Http
      apiKey: HttpApiSecurity.ApiKey
    }
  },
  HttpApiMiddleware.HttpApiMiddlewareSecurity<
    {
      bearer: HttpApiSecurity.Http
      apiKey: HttpApiSecurity.ApiKey
    },
    CurrentApiKey,
    readonly [
      typeof Problem.InvalidRequestProblem,
      typeof Problem.MissingApiKeyProblem,
      typeof Problem.InvalidTokenProblem,
      typeof Problem.InactiveProblem,
      typeof Problem.ExpiredProblem,
      typeof Problem.InsufficientScopeProblem,
      typeof Problem.PolicyRefusedProblem,
      typeof Problem.ServiceUnavailableProblem,
      typeof Problem.OverloadedProblem,
    ],
    never
  >
>

export declare class ApiKeyAuth extends ApiKeyAuth_base {
  static layerClient(token: Redacted.Redacted, place?: string): Layer.Layer<HttpApiMiddleware.ForClient<ApiKeyAuth>>
}

// internal/http/ApiKeysGroup.d.ts
declare const RequestProblems_base: HttpApiMiddleware.ServiceClass<
  RequestProblems,
  "effect-api-key/http/RequestProblems",
  {
    requires: never
    provides: never
    error: readonly [typeof Problem.InvalidRequestProblem, typeof Problem.ServiceUnavailableProblem]
    clientError: never
    requiredForClient: false
    security: never
  },
  HttpApiMiddleware.HttpApiMiddleware<
    never,
    readonly [typeof Problem.InvalidRequestProblem, typeof Problem.ServiceUnavailableProblem],
    never
  >
>

export declare class RequestProblems extends RequestProblems_base {}

declare const ApiKeysGroup_base: HttpApiGroup.HttpApiGroup<
  "apiKeys",
  | HttpApiEndpoint.HttpApiEndpoint<
      "activate",
      "POST",
      "/api-keys/:id/activate",
      Schema.toCodecStringTree<
        Schema.Struct<{
          id: Schema.brand<Schema.String, "ApiKeyId">
        }>
      >,
      Schema.toCodecStringTree<
        Schema.Struct<{
          confirmWithin: Schema.optionalKey<Schema.decodeTo<Schema.Duration, Schema.String, never, never>>
        }>
      >,
      never,
      Schema.toCodecStringTree<
        Schema.Struct<{
          "if-match": Schema.optionalKey<Schema.String>
          "if-none-match": Schema.optionalKey<Schema.String>
        }>
      >,
      HttpApiSchema.WithHeaders<
        Schema.toCodecJson<typeof Model.ApiKey>,
        Schema.toCodecStringTree<
          Schema.Struct<{
            etag: Schema.String
          }>
        >
      >,
      Schema.toCodecJson<
        | typeof Problem.InvalidRequestProblem
        | typeof Problem.PolicyRefusedProblem
        | typeof Problem.ScopeNotHeldProblem
        | typeof Problem.NotFoundProblem
        | typeof Problem.VersionConflictProblem
        | typeof Problem.ServiceUnavailableProblem
        | typeof Problem.UnconfirmedProblem
      >,
      ApiKeyAuth | RequestProblems,
      never
    >
  | HttpApiEndpoint.HttpApiEndpoint<
      "count",
      "GET",
      "/api-keys/count",
      never,
      Schema.toCodecStringTree<
        Schema.Struct<{
          ownerId: Schema.optionalKey<Schema.Codec<string, string, never, never>>
          isActive: Schema.optionalKey<Schema.decodeTo<Schema.Boolean, Schema.Literals<readonly ["true", "false"]>, never, never>>
          scopes: Schema.optionalKey<import("../../Scope.ts").ScopeSet>
          name: Schema.optionalKey<Schema.Codec<string, string, never, never>>
          keyId: Schema.optionalKey<Schema.brand<Schema.String, "KeyId">>
          startsWith: Schema.optionalKey<Schema.brand<Schema.String, "KeyId">>
          neverUsed: Schema.optionalKey<Schema.decodeTo<Schema.Boolean, Schema.Literals<readonly ["true", "false"]>, never, never>>
          expired: Schema.optionalKey<Schema.decodeTo<Schema.Boolean, Schema.Literals<readonly ["true", "false"]>, never, never>>
          createdAfter: Schema.optionalKey<Schema.Codec<import("effect/DateTime").Utc, string, never, never>>
          createdBefore: Schema.optionalKey<Schema.Codec<import("effect/DateTime").Utc, string, never, never>>
          expiresAfter: Schema.optionalKey<Schema.Codec<import("effect/DateTime").Utc, string, never, never>>
          expiresBefore: Schema.optionalKey<Schema.Codec<import("effect/DateTime").Utc, string, never, never>>
          lastUsedAfter: Schema.optionalKey<Schema.Codec<import("effect/DateTime").Utc, string, never, never>>
          lastUsedBefore: Schema.optionalKey<Schema.Codec<import("effect/DateTime").Utc, string, never, never>>
          tokenCreatedAfter: Schema.optionalKey<Schema.Codec<import("effect/DateTime").Utc, string, never, never>>
          tokenCreatedBefore: Schema.optionalKey<Schema.Codec<import("effect/DateTime").Utc, string, never, never>>
        }>
      >,
      never,
      never,
      Schema.toCodecJson<
        Schema.Struct<{
          readonly count: Schema.Int
        }>
      >,
      Schema.toCodecJson<typeof Problem.InvalidRequestProblem | typeof Problem.ServiceUnavailableProblem>,
      ApiKeyAuth | RequestProblems,
      never
    >
  | HttpApiEndpoint.HttpApiEndpoint<
      "create",
      "POST",
      "/api-keys/",
      never,
      never,
      Schema.toCodecJson<
        Schema.Struct<{
          readonly description: Schema.optionalKey<Schema.NullOr<Schema.Codec<string, string, never, never>>>
          readonly ownerId: Schema.optionalKey<Schema.NullOr<Schema.Codec<string, string, never, never>>>
          readonly scopes: Schema.optionalKey<import("../../Scope.ts").ScopeSet>
          readonly metadata: Schema.optionalKey<Schema.Codec<Schema.JsonObject, Schema.JsonObject, never, never>>
          readonly isActive: Schema.optionalKey<Schema.Boolean>
          readonly expiresAt: Schema.optionalKey<Schema.NullOr<Schema.Codec<import("effect/DateTime").Utc, string, never, never>>>
          readonly name: Schema.Codec<string, string, never, never>
        }>
      >,
      never,
      HttpApiSchema.WithHeaders<
        Schema.toCodecJson<
          Schema.Struct<{
            readonly apiKey: typeof Model.ApiKey
            readonly token: Schema.RedactedFromValue<Schema.String>
          }>
        >,
        Schema.toCodecStringTree<
          Schema.Struct<{
            etag: Schema.String
            location: Schema.String
            "cache-control": Schema.String
          }>
        >
      >,
      Schema.toCodecJson<
        | typeof Problem.InvalidRequestProblem
        | typeof Problem.BodyTooLargeProblem
        | typeof Problem.UnsupportedMediaTypeProblem
        | typeof Problem.PolicyRefusedProblem
        | typeof Problem.ScopeNotHeldProblem
        | typeof Problem.ServiceUnavailableProblem
      >,
      ApiKeyAuth | RequestProblems,
      never
    >
  | HttpApiEndpoint.HttpApiEndpoint<
      "deactivate",
      "POST",
      "/api-keys/:id/deactivate",
      Schema.toCodecStringTree<
        Schema.Struct<{
          id: Schema.brand<Schema.String, "ApiKeyId">
        }>
      >,
      Schema.toCodecStringTree<
        Schema.Struct<{
          confirmWithin: Schema.optionalKey<Schema.decodeTo<Schema.Duration, Schema.String, never, never>>
          reason: Schema.optionalKey<Schema.Literals<readonly ["manual", "leaked", "possession"]>>
        }>
      >,
      never,
      Schema.toCodecStringTree<
        Schema.Struct<{
          "if-match": Schema.optionalKey<Schema.String>
          "if-none-match": Schema.optionalKey<Schema.String>
        }>
      >,
      HttpApiSchema.WithHeaders<
        Schema.toCodecJson<typeof Model.ApiKey>,
        Schema.toCodecStringTree<
          Schema.Struct<{
            etag: Schema.String
          }>
        >
      >,
      Schema.toCodecJson<
        | typeof Problem.InvalidRequestProblem
        | typeof Problem.NotFoundProblem
        | typeof Problem.VersionConflictProblem
        | typeof Problem.ServiceUnavailableProblem
        | typeof Problem.UnconfirmedProblem
      >,
      ApiKeyAuth | RequestProblems,
      never
    >
  | HttpApiEndpoint.HttpApiEndpoint<
      "delete",
      "DELETE",
      "/api-keys/:id",
      Schema.toCodecStringTree<
        Schema.Struct<{
          id: Schema.brand<Schema.String, "ApiKeyId">
        }>
      >,
      Schema.toCodecStringTree<
        Schema.Struct<{
          confirmWithin: Schema.optionalKey<Schema.decodeTo<Schema.Duration, Schema.String, never, never>>
        }>
      >,
      never,
      Schema.toCodecStringTree<
        Schema.Struct<{
          "if-match": Schema.optionalKey<Schema.String>
          "if-none-match": Schema.optionalKey<Schema.String>
        }>
      >,
      Schema.toCodecJson<HttpApiSchema.NoContent>,
      Schema.toCodecJson<
        | typeof Problem.InvalidRequestProblem
        | typeof Problem.NotFoundProblem
        | typeof Problem.VersionConflictProblem
        | typeof Problem.ServiceUnavailableProblem
        | typeof Problem.UnconfirmedProblem
      >,
      ApiKeyAuth | RequestProblems,
      never
    >
  | HttpApiEndpoint.HttpApiEndpoint<
      "endGrace",
      "POST",
      "/api-keys/:id/end-grace",
      Schema.toCodecStringTree<
        Schema.Struct<{
          id: Schema.brand<Schema.String, "ApiKeyId">
        }>
      >,
      Schema.toCodecStringTree<
        Schema.Struct<{
          confirmWithin: Schema.optionalKey<Schema.decodeTo<Schema.Duration, Schema.String, never, never>>
        }>
      >,
      never,
      Schema.toCodecStringTree<
        Schema.Struct<{
          "if-match": Schema.optionalKey<Schema.String>
          "if-none-match": Schema.optionalKey<Schema.String>
        }>
      >,
      HttpApiSchema.WithHeaders<
        Schema.toCodecJson<typeof Model.ApiKey>,
        Schema.toCodecStringTree<
          Schema.Struct<{
            etag: Schema.String
          }>
        >
      >,
      Schema.toCodecJson<
        | typeof Problem.InvalidRequestProblem
        | typeof Problem.InactiveProblem
        | typeof Problem.ExpiredProblem
        | typeof Problem.InsufficientScopeProblem
        | typeof Problem.NotFoundProblem
        | typeof Problem.VersionConflictProblem
        | typeof Problem.PreviousTokenProblem
        | typeof Problem.ServiceUnavailableProblem
        | typeof Problem.UnconfirmedProblem
      >,
      ApiKeyAuth | RequestProblems,
      never
    >
  | HttpApiEndpoint.HttpApiEndpoint<
      "get",
      "GET",
      "/api-keys/:id",
      Schema.toCodecStringTree<
        Schema.Struct<{
          id: Schema.brand<Schema.String, "ApiKeyId">
        }>
      >,
      never,
      never,
      Schema.toCodecStringTree<
        Schema.Struct<{
          "if-match": Schema.optionalKey<Schema.String>
          "if-none-match": Schema.optionalKey<Schema.String>
        }>
      >,
      HttpApiSchema.WithHeaders<
        Schema.toCodecJson<typeof Model.ApiKey>,
        Schema.toCodecStringTree<
          Schema.Struct<{
            etag: Schema.String
          }>
        >
      >,
      Schema.toCodecJson<
        | HttpApiSchema.asNoContent<typeof Problem.NotModified>
        | typeof Problem.InvalidRequestProblem
        | typeof Problem.NotFoundProblem
        | typeof Problem.VersionConflictProblem
        | typeof Problem.ServiceUnavailableProblem
      >,
      ApiKeyAuth | RequestProblems,
      never
    >
  | HttpApiEndpoint.HttpApiEndpoint<
      "hashReport",
      "GET",
      "/api-keys/hash-report",
      never,
      never,
      never,
      never,
      Schema.toCodecJson<
        Schema.$Array<
          Schema.Struct<{
            readonly algorithm: Schema.String
            readonly parameters: Schema.String
            readonly pepper: Schema.NullOr<Schema.String>
            readonly count: Schema.Int
            readonly isCurrent: Schema.Boolean
          }>
        >
      >,
      Schema.toCodecJson<typeof Problem.InvalidRequestProblem | typeof Problem.ServiceUnavailableProblem>,
      ApiKeyAuth | RequestProblems,
      never
    >
  | HttpApiEndpoint.HttpApiEndpoint<
      "revoke",
      "POST",
      "/api-keys/revoke",
      never,
      never,
      Schema.toCodecJson<
        Schema.Struct<{
          readonly token: Schema.RedactedFromValue<Schema.String>
          readonly reason: Schema.Literals<readonly ["manual", "leaked", "possession"]>
          readonly report: Schema.optionalKey<Schema.String>
        }>
      >,
      never,
      Schema.toCodecJson<
        Schema.Union<
          readonly [
            Schema.Struct<{
              readonly valid: Schema.Literal<true>
              readonly apiKey: typeof Model.ApiKey
              readonly usedToken: Schema.Literals<readonly ["current", "previous"]>
              readonly isEnded: Schema.Boolean
            }>,
            Schema.Struct<{
              readonly valid: Schema.Literal<false>
              readonly error: Schema.Union<
                readonly [
                  typeof import("../../ApiKeyError.ts").MalformedToken,
                  typeof import("../../ApiKeyError.ts").NotFound,
                  typeof import("../../ApiKeyError.ts").InvalidSecret,
                  typeof import("../../ApiKeyError.ts").Inactive,
                  typeof import("../../ApiKeyError.ts").Expired,
                  typeof import("../../ApiKeyError.ts").InsufficientScope,
                  typeof import("../../ApiKeyError.ts").PolicyRefused,
                ]
              >
            }>,
          ]
        >
      >,
      Schema.toCodecJson<
        | typeof Problem.InvalidRequestProblem
        | typeof Problem.BodyTooLargeProblem
        | typeof Problem.UnsupportedMediaTypeProblem
        | typeof Problem.NotFoundProblem
        | typeof Problem.ServiceUnavailableProblem
        | typeof Problem.OverloadedProblem
      >,
      ApiKeyAuth | RequestProblems,
      never
    >
  | HttpApiEndpoint.HttpApiEndpoint<
      "rotate",
      "POST",
      "/api-keys/:id/rotate",
      Schema.toCodecStringTree<
        Schema.Struct<{
          id: Schema.brand<Schema.String, "ApiKeyId">
        }>
      >,
      Schema.toCodecStringTree<
        Schema.Struct<{
          confirmWithin: Schema.optionalKey<Schema.decodeTo<Schema.Duration, Schema.String, never, never>>
        }>
      >,
      Schema.toCodecJson<
        Schema.Struct<{
          readonly graceSeconds: Schema.optionalKey<Schema.Int>
          readonly graceFrom: Schema.optionalKey<Schema.Literals<readonly ["now", "firstUse"]>>
          readonly ifPrevious: Schema.optionalKey<Schema.Literals<readonly ["end", "refuse"]>>
        }>
      >,
      Schema.toCodecStringTree<
        Schema.Struct<{
          "if-match": Schema.optionalKey<Schema.String>
          "if-none-match": Schema.optionalKey<Schema.String>
        }>
      >,
      HttpApiSchema.WithHeaders<
        Schema.toCodecJson<
          Schema.Struct<{
            readonly apiKey: typeof Model.ApiKey
            readonly token: Schema.RedactedFromValue<Schema.String>
          }>
        >,
        Schema.toCodecStringTree<
          Schema.Struct<{
            etag: Schema.String
            "cache-control": Schema.String
          }>
        >
      >,
      Schema.toCodecJson<
        | typeof Problem.InvalidRequestProblem
        | typeof Problem.BodyTooLargeProblem
        | typeof Problem.UnsupportedMediaTypeProblem
        | typeof Problem.InactiveProblem
        | typeof Problem.ExpiredProblem
        | typeof Problem.InsufficientScopeProblem
        | typeof Problem.PolicyRefusedProblem
        | typeof Problem.ScopeNotHeldProblem
        | typeof Problem.NotFoundProblem
        | typeof Problem.VersionConflictProblem
        | typeof Problem.GraceRunningProblem
        | typeof Problem.PreviousTokenProblem
        | typeof Problem.ServiceUnavailableProblem
        | typeof Problem.UnconfirmedProblem
      >,
      ApiKeyAuth | RequestProblems,
      never
    >
  | HttpApiEndpoint.HttpApiEndpoint<
      "search",
      "GET",
      "/api-keys/",
      never,
      Schema.toCodecStringTree<
        Schema.Struct<{
          ownerId: Schema.optionalKey<Schema.Codec<string, string, never, never>>
          isActive: Schema.optionalKey<Schema.decodeTo<Schema.Boolean, Schema.Literals<readonly ["true", "false"]>, never, never>>
          scopes: Schema.optionalKey<import("../../Scope.ts").ScopeSet>
          name: Schema.optionalKey<Schema.Codec<string, string, never, never>>
          keyId: Schema.optionalKey<Schema.brand<Schema.String, "KeyId">>
          startsWith: Schema.optionalKey<Schema.brand<Schema.String, "KeyId">>
          neverUsed: Schema.optionalKey<Schema.decodeTo<Schema.Boolean, Schema.Literals<readonly ["true", "false"]>, never, never>>
          expired: Schema.optionalKey<Schema.decodeTo<Schema.Boolean, Schema.Literals<readonly ["true", "false"]>, never, never>>
          sort: Schema.optionalKey<
            Schema.Literals<
              ("-createdAt" | "-expiresAt" | "-lastUsedAt" | "-name" | "-tokenCreatedAt" | import("../record/fields.ts").SortField)[]
            >
          >
          limit: Schema.optionalKey<Schema.decodeTo<Schema.Int, Schema.String, never, never>>
          offset: Schema.optionalKey<Schema.decodeTo<Schema.Int, Schema.String, never, never>>
          cursor: Schema.optionalKey<Schema.String>
          createdAfter: Schema.optionalKey<Schema.Codec<import("effect/DateTime").Utc, string, never, never>>
          createdBefore: Schema.optionalKey<Schema.Codec<import("effect/DateTime").Utc, string, never, never>>
          expiresAfter: Schema.optionalKey<Schema.Codec<import("effect/DateTime").Utc, string, never, never>>
          expiresBefore: Schema.optionalKey<Schema.Codec<import("effect/DateTime").Utc, string, never, never>>
          lastUsedAfter: Schema.optionalKey<Schema.Codec<import("effect/DateTime").Utc, string, never, never>>
          lastUsedBefore: Schema.optionalKey<Schema.Codec<import("effect/DateTime").Utc, string, never, never>>
          tokenCreatedAfter: Schema.optionalKey<Schema.Codec<import("effect/DateTime").Utc, string, never, never>>
          tokenCreatedBefore: Schema.optionalKey<Schema.Codec<import("effect/DateTime").Utc, string, never, never>>
        }>
      >,
      never,
      never,
      Schema.toCodecJson<
        Schema.Struct<{
          readonly items: Schema.$Array<typeof Model.ApiKey>
          readonly total: Schema.NullOr<Schema.Int>
          readonly offset: Schema.NullOr<Schema.Int>
          readonly limit: Schema.Int
          readonly nextCursor: Schema.NullOr<Schema.String>
        }>
      >,
      Schema.toCodecJson<typeof Problem.InvalidRequestProblem | typeof Problem.ServiceUnavailableProblem>,
      ApiKeyAuth | RequestProblems,
      never
    >
  | HttpApiEndpoint.HttpApiEndpoint<
      "upcoming",
      "GET",
      "/api-keys/upcoming",
      never,
      Schema.toCodecStringTree<
        Schema.Struct<{
          within: Schema.decodeTo<Schema.Duration, Schema.String, never, never>
          maximumAge: Schema.optionalKey<Schema.decodeTo<Schema.Duration, Schema.String, never, never>>
          limit: Schema.optionalKey<Schema.decodeTo<Schema.Int, Schema.String, never, never>>
          cursor: Schema.optionalKey<Schema.String>
        }>
      >,
      never,
      never,
      Schema.toCodecJson<
        Schema.Struct<{
          readonly items: Schema.$Array<
            Schema.Struct<{
              readonly apiKey: typeof Model.ApiKey
              readonly reason: Schema.Literals<readonly ["expires", "comesOfAge"]>
              readonly at: Schema.Codec<import("effect/DateTime").Utc, string, never, never>
            }>
          >
          readonly nextCursor: Schema.NullOr<Schema.String>
        }>
      >,
      Schema.toCodecJson<typeof Problem.InvalidRequestProblem | typeof Problem.ServiceUnavailableProblem>,
      ApiKeyAuth | RequestProblems,
      never
    >
  | HttpApiEndpoint.HttpApiEndpoint<
      "update",
      "PATCH",
      "/api-keys/:id",
      Schema.toCodecStringTree<
        Schema.Struct<{
          id: Schema.brand<Schema.String, "ApiKeyId">
        }>
      >,
      Schema.toCodecStringTree<
        Schema.Struct<{
          confirmWithin: Schema.optionalKey<Schema.decodeTo<Schema.Duration, Schema.String, never, never>>
        }>
      >,
      Schema.toCodecJson<
        Schema.Struct<{
          readonly name: Schema.optionalKey<Schema.Codec<string, string, never, never>>
          readonly description: Schema.optionalKey<Schema.NullOr<Schema.Codec<string, string, never, never>>>
          readonly ownerId: Schema.optionalKey<Schema.NullOr<Schema.Codec<string, string, never, never>>>
          readonly scopes: Schema.optionalKey<import("../../Scope.ts").ScopeSet>
          readonly metadata: Schema.optionalKey<Schema.Codec<Schema.JsonObject, Schema.JsonObject, never, never>>
          readonly expiresAt: Schema.optionalKey<Schema.NullOr<Schema.Codec<import("effect/DateTime").Utc, string, never, never>>>
        }>
      >,
      Schema.toCodecStringTree<
        Schema.Struct<{
          "if-match": Schema.optionalKey<Schema.String>
          "if-none-match": Schema.optionalKey<Schema.String>
        }>
      >,
      HttpApiSchema.WithHeaders<
        Schema.toCodecJson<typeof Model.ApiKey>,
        Schema.toCodecStringTree<
          Schema.Struct<{
            etag: Schema.String
          }>
        >
      >,
      Schema.toCodecJson<
        | typeof Problem.InvalidRequestProblem
        | typeof Problem.BodyTooLargeProblem
        | typeof Problem.UnsupportedMediaTypeProblem
        | typeof Problem.PolicyRefusedProblem
        | typeof Problem.ScopeNotHeldProblem
        | typeof Problem.NotFoundProblem
        | typeof Problem.VersionConflictProblem
        | typeof Problem.ServiceUnavailableProblem
        | typeof Problem.UnconfirmedProblem
      >,
      ApiKeyAuth | RequestProblems,
      never
    >
  | HttpApiEndpoint.HttpApiEndpoint<
      "verify",
      "POST",
      "/api-keys/verify",
      never,
      never,
      Schema.toCodecJson<
        Schema.Struct<{
          readonly token: Schema.RedactedFromValue<Schema.String>
          readonly scopes: Schema.optionalKey<import("../../Scope.ts").ScopeSet>
          readonly maxAge: Schema.optionalKey<Schema.decodeTo<Schema.Duration, Schema.String, never, never>>
          readonly countsAsUse: Schema.optionalKey<Schema.Boolean>
        }>
      >,
      never,
      HttpApiSchema.WithHeaders<
        Schema.toCodecJson<
          Schema.Union<
            readonly [
              Schema.Struct<{
                readonly valid: Schema.Literal<true>
                readonly apiKey: typeof Model.ApiKey
                readonly usedToken: Schema.Literals<readonly ["current", "previous"]>
                readonly checkedAt: Schema.Codec<import("effect/DateTime").Utc, string, never, never>
              }>,
              Schema.Struct<{
                readonly valid: Schema.Literal<false>
                readonly error: Schema.Union<
                  readonly [
                    typeof import("../../ApiKeyError.ts").MalformedToken,
                    typeof import("../../ApiKeyError.ts").NotFound,
                    typeof import("../../ApiKeyError.ts").InvalidSecret,
                    typeof import("../../ApiKeyError.ts").Inactive,
                    typeof import("../../ApiKeyError.ts").Expired,
                    typeof import("../../ApiKeyError.ts").InsufficientScope,
                    typeof import("../../ApiKeyError.ts").PolicyRefused,
                  ]
                >
              }>,
            ]
          >
        >,
        Schema.toCodecStringTree<
          Schema.Struct<{
            "cache-control": Schema.String
          }>
        >
      >,
      Schema.toCodecJson<
        | typeof Problem.InvalidRequestProblem
        | typeof Problem.BodyTooLargeProblem
        | typeof Problem.UnsupportedMediaTypeProblem
        | typeof Problem.ServiceUnavailableProblem
        | typeof Problem.OverloadedProblem
      >,
      ApiKeyAuth | RequestProblems,
      never
    >,
  false
>

export declare class ApiKeysGroup extends ApiKeysGroup_base {}

// internal/http/LeaksGroup.d.ts
declare const LeaksGroup_base: HttpApiGroup.HttpApiGroup<
  "leaks",
  | HttpApiEndpoint.HttpApiEndpoint<
      "report",
      "POST",
      "/leaks/",
      never,
      never,
      Schema.toCodecJson<
        Schema.$Array<
          Schema.Struct<{
            readonly token: Schema.RedactedFromValue<Schema.String>
            readonly type: Schema.optionalKey<Schema.NullOr<Schema.String>>
            readonly url: Schema.optionalKey<Schema.NullOr<Schema.String>>
            readonly source: Schema.optionalKey<Schema.NullOr<Schema.String>>
          }>
        >
      >,
      Schema.toCodecStringTree<
        Schema.Struct<{
          "github-public-key-identifier": Schema.optionalKey<Schema.String>
          "github-public-key-signature": Schema.optionalKey<Schema.String>
        }>
      >,
      Schema.toCodecJson<
        Schema.$Array<
          Schema.Struct<{
            readonly token_hash: Schema.String
            readonly token_type: Schema.String
            readonly label: Schema.Literals<readonly ["true_positive", "false_positive"]>
          }>
        >
      >,
      Schema.toCodecJson<
        | typeof Problem.InvalidRequestProblem
        | typeof Problem.BodyTooLargeProblem
        | typeof Problem.InvalidSignatureProblem
        | typeof Problem.NotOfferedProblem
        | typeof Problem.ServiceUnavailableProblem
        | typeof Problem.OverloadedProblem
      >,
      RequestProblems,
      never
    >
  | HttpApiEndpoint.HttpApiEndpoint<
      "revoke",
      "POST",
      "/leaks/revoke",
      never,
      never,
      Schema.toCodecJson<
        Schema.Struct<{
          readonly token: Schema.RedactedFromValue<Schema.String>
        }>
      >,
      never,
      Schema.toCodecJson<
        Schema.Struct<{
          readonly accepted: Schema.Literal<true>
        }>
      >,
      Schema.toCodecJson<
        | typeof Problem.InvalidRequestProblem
        | typeof Problem.BodyTooLargeProblem
        | typeof Problem.UnsupportedMediaTypeProblem
        | typeof Problem.NotOfferedProblem
        | typeof Problem.OverloadedProblem
      >,
      RequestProblems,
      never
    >,
  false
>

export declare class LeaksGroup extends LeaksGroup_base {}

// internal/http/Problem.d.ts
declare const InvalidRequestProblem_base: HttpApiError.ProblemClass<
  InvalidRequestProblem,
  "InvalidRequestProblem",
  "urn:effect-api-key:problem:invalid-request",
  400,
  {
    readonly errors: Schema.optionalKey<
      Schema.$Array<
        Schema.Struct<{
          readonly path: Schema.$Array<Schema.Union<readonly [Schema.String, Schema.Number]>>
          readonly message: Schema.String
        }>
      >
    >
  },
  {}
>

export declare class InvalidRequestProblem extends InvalidRequestProblem_base {}

declare const NotModified_base: Schema.Class<NotModified, Schema.TaggedStruct<"NotModified", {}>, import("effect/Cause").YieldableError>

export declare class NotModified extends NotModified_base {}

export declare const NotModifiedNoContent: HttpApiSchema.asNoContent<typeof NotModified>

declare const BodyTooLargeProblem_base: HttpApiError.ProblemClass<
  BodyTooLargeProblem,
  "BodyTooLargeProblem",
  "urn:effect-api-key:problem:body-too-large",
  413,
  {},
  {}
>

export declare class BodyTooLargeProblem extends BodyTooLargeProblem_base {}

declare const UnsupportedMediaTypeProblem_base: HttpApiError.ProblemClass<
  UnsupportedMediaTypeProblem,
  "UnsupportedMediaTypeProblem",
  "urn:effect-api-key:problem:unsupported-media-type",
  415,
  {},
  {}
>

export declare class UnsupportedMediaTypeProblem extends UnsupportedMediaTypeProblem_base {}

declare const MissingApiKeyProblem_base: HttpApiError.ProblemClass<
  MissingApiKeyProblem,
  "MissingApiKeyProblem",
  "urn:effect-api-key:problem:missing-api-key",
  401,
  {},
  {}
>

export declare class MissingApiKeyProblem extends MissingApiKeyProblem_base {}

declare const InvalidTokenProblem_base: HttpApiError.ProblemClass<
  InvalidTokenProblem,
  "InvalidTokenProblem",
  "urn:effect-api-key:problem:invalid-token",
  401,
  {},
  {}
>

export declare class InvalidTokenProblem extends InvalidTokenProblem_base {}

declare const InactiveProblem_base: HttpApiError.ProblemClass<
  InactiveProblem,
  "InactiveProblem",
  "urn:effect-api-key:problem:inactive",
  401,
  {},
  {}
>

export declare class InactiveProblem extends InactiveProblem_base {}

declare const ExpiredProblem_base: HttpApiError.ProblemClass<
  ExpiredProblem,
  "ExpiredProblem",
  "urn:effect-api-key:problem:expired",
  401,
  {
    readonly expiresAt: Schema.Codec<import("effect/DateTime").Utc, string, never, never>
  },
  {}
>

export declare class ExpiredProblem extends ExpiredProblem_base {}

declare const InsufficientScopeProblem_base: HttpApiError.ProblemClass<
  InsufficientScopeProblem,
  "InsufficientScopeProblem",
  "urn:effect-api-key:problem:insufficient-scope",
  403,
  {
    readonly required: ScopeSet
  },
  {}
>

export declare class InsufficientScopeProblem extends InsufficientScopeProblem_base {}

declare const PolicyRefusedProblem_base: HttpApiError.ProblemClass<
  PolicyRefusedProblem,
  "PolicyRefusedProblem",
  "urn:effect-api-key:problem:policy-refused",
  403,
  {
    readonly policy: Schema.String
    readonly reason: Schema.String
  },
  {}
>

export declare class PolicyRefusedProblem extends PolicyRefusedProblem_base {}

declare const ScopeNotHeldProblem_base: HttpApiError.ProblemClass<
  ScopeNotHeldProblem,
  "ScopeNotHeldProblem",
  "urn:effect-api-key:problem:scope-not-held",
  403,
  {
    readonly scopes: ScopeSet
  },
  {}
>

export declare class ScopeNotHeldProblem extends ScopeNotHeldProblem_base {}

declare const NotFoundProblem_base: HttpApiError.ProblemClass<
  NotFoundProblem,
  "NotFoundProblem",
  "urn:effect-api-key:problem:not-found",
  404,
  {
    readonly id: Schema.String
  },
  {}
>

export declare class NotFoundProblem extends NotFoundProblem_base {}

declare const VersionConflictProblem_base: HttpApiError.ProblemClass<
  VersionConflictProblem,
  "VersionConflictProblem",
  "urn:effect-api-key:problem:version-conflict",
  412,
  {
    readonly id: Schema.String
    readonly actual: Schema.Int
    readonly expected: Schema.optionalKey<Schema.Int>
  },
  {}
>

export declare class VersionConflictProblem extends VersionConflictProblem_base {}

declare const GraceRunningProblem_base: HttpApiError.ProblemClass<
  GraceRunningProblem,
  "GraceRunningProblem",
  "urn:effect-api-key:problem:grace-running",
  409,
  {
    readonly id: Schema.String
    readonly expiresAt: Schema.NullOr<Schema.Codec<import("effect/DateTime").Utc, string, never, never>>
  },
  {}
>

export declare class GraceRunningProblem extends GraceRunningProblem_base {}

declare const PreviousTokenProblem_base: HttpApiError.ProblemClass<
  PreviousTokenProblem,
  "PreviousTokenProblem",
  "urn:effect-api-key:problem:previous-token",
  403,
  {},
  {}
>

export declare class PreviousTokenProblem extends PreviousTokenProblem_base {}

declare const InvalidSignatureProblem_base: HttpApiError.ProblemClass<
  InvalidSignatureProblem,
  "InvalidSignatureProblem",
  "urn:effect-api-key:problem:invalid-signature",
  403,
  {},
  {}
>

export declare class InvalidSignatureProblem extends InvalidSignatureProblem_base {}

declare const NotOfferedProblem_base: HttpApiError.ProblemClass<
  NotOfferedProblem,
  "NotOfferedProblem",
  "urn:effect-api-key:problem:not-offered",
  404,
  {},
  {}
>

export declare class NotOfferedProblem extends NotOfferedProblem_base {}

declare const ServiceUnavailableProblem_base: HttpApiError.ProblemClass<
  ServiceUnavailableProblem,
  "ServiceUnavailableProblem",
  "urn:effect-api-key:problem:service-unavailable",
  503,
  {},
  {}
>

export declare class ServiceUnavailableProblem extends ServiceUnavailableProblem_base {}

declare const OverloadedProblem_base: HttpApiError.ProblemClass<
  OverloadedProblem,
  "OverloadedProblem",
  "urn:effect-api-key:problem:overloaded",
  503,
  {
    readonly retryAfterSeconds: Schema.Int
  },
  {}
>

export declare class OverloadedProblem extends OverloadedProblem_base {}

declare const UnconfirmedProblem_base: HttpApiError.ProblemClass<
  UnconfirmedProblem,
  "UnconfirmedProblem",
  "urn:effect-api-key:problem:unconfirmed",
  504,
  {
    readonly id: Schema.String
    readonly nodes: Schema.$Array<Schema.String>
    readonly token: Schema.optionalKey<Schema.RedactedFromValue<Schema.String>>
  },
  {}
>

export declare class UnconfirmedProblem extends UnconfirmedProblem_base {}

// internal/http/credentials.d.ts
export interface CredentialOptions {
  readonly accept?: ReadonlyArray<string> | undefined
  readonly foreignAuthorization?: "ignore" | "refuse" | undefined
}

// internal/server/address.d.ts
declare const AddressUnavailable_base: Schema.Class<
  AddressUnavailable,
  Schema.TaggedStruct<
    "AddressUnavailable",
    {
      readonly reason: Schema.String
    }
  >,
  import("effect/Cause").YieldableError
>

export declare class AddressUnavailable extends AddressUnavailable_base {
  get message(): string
}

// internal/server/api.d.ts
declare const ProtectedGroup_base: HttpApiGroup.HttpApiGroup<
  "protected",
  HttpApiEndpoint.HttpApiEndpoint<
    "get",
    "GET",
    "/protected",
    never,
    never,
    never,
    never,
    Schema.toCodecJson<
      Schema.Struct<{
        readonly message: Schema.String
        readonly apiKey: typeof ApiKey
      }>
    >,
    never,
    ApiKeyAuth,
    never
  >,
  false
>

declare class ProtectedGroup extends ProtectedGroup_base {}

declare const ServerApi_base: HttpApi.HttpApi<"effect-api-key-server", typeof ApiKeysGroup | typeof LeaksGroup | typeof ProtectedGroup>

export declare class ServerApi extends ServerApi_base {}

// internal/server/leakOptions.d.ts
declare const SigningKeysUnreadable_base: Schema.Class<
  SigningKeysUnreadable,
  Schema.TaggedStruct<
    "SigningKeysUnreadable",
    {
      readonly reason: Schema.String
    }
  >,
  import("effect/Cause").YieldableError
>

export declare class SigningKeysUnreadable extends SigningKeysUnreadable_base {
  get message(): string
}

// internal/server/limits.d.ts
export interface Limits {
  readonly bodyBytes: number
  readonly headerBytes: number
  readonly urlLength: number
  readonly headerTime: Duration.Input
  readonly requestTime: Duration.Input
  readonly responseTime: Duration.Input
  readonly keepAliveTime: Duration.Input
  readonly connections: number
  readonly requests: number
  readonly requestsPerConnection: number
}

export declare const defaultLimits: Limits

declare const TooFewRequests_base: Schema.Class<
  TooFewRequests,
  Schema.TaggedStruct<
    "TooFewRequests",
    {
      readonly requests: Schema.Number
      readonly hashing: Schema.Number
    }
  >,
  import("effect/Cause").YieldableError
>

export declare class TooFewRequests extends TooFewRequests_base {
  get message(): string
}

// internal/server/routes.d.ts
export interface RoutesOptions {
  readonly leaks?: LeakOptions | undefined
  readonly credentials?: CredentialOptions | undefined
}

type Needs = HttpRouter.HttpRouter | ApiKeys | ApiKeyRepository | Layer.Services<ReturnType<typeof HttpApiBuilder.layer<string, never>>>

export declare const routesWith: (options: RoutesOptions) => Layer.Layer<never, InvalidSigningKey, Needs>

export declare const routes: Layer.Layer<never, never, Needs>

// internal/wiring/adapters.d.ts
declare const AdapterOptionMissing_base: Schema.Class<
  AdapterOptionMissing,
  Schema.TaggedStruct<
    "AdapterOptionMissing",
    {
      readonly adapter: Schema.String
      readonly variable: Schema.String
      readonly expected: Schema.String
    }
  >,
  import("effect/Cause").YieldableError
>

export declare class AdapterOptionMissing extends AdapterOptionMissing_base {
  get message(): string
}

// internal/wiring/databaseUrl.d.ts
declare const DatabaseUnavailable_base: Schema.Class<
  DatabaseUnavailable,
  Schema.TaggedStruct<
    "DatabaseUnavailable",
    {
      readonly found: Schema.String
      readonly advice: Schema.String
    }
  >,
  import("effect/Cause").YieldableError
>

export declare class DatabaseUnavailable extends DatabaseUnavailable_base {
  get message(): string
}

// internal/wiring/embedded.d.ts
declare const DataDirError_base: Schema.Class<
  DataDirError,
  Schema.TaggedStruct<
    "DataDirError",
    {
      readonly reason: Schema.String
    }
  >,
  import("effect/Cause").YieldableError
>

export declare class DataDirError extends DataDirError_base {
  get message(): string
}

// internal/wiring/loadPackage.d.ts
declare const MissingPackage_base: Schema.Class<
  MissingPackage,
  Schema.TaggedStruct<
    "MissingPackage",
    {
      readonly reason: Schema.String
    }
  >,
  import("effect/Cause").YieldableError
>

export declare class MissingPackage extends MissingPackage_base {
  get message(): string
  orElse(advice: string): MissingPackage
}

// internal/wiring/settings.d.ts
declare const PepperRequired_base: Schema.Class<
  PepperRequired,
  Schema.TaggedStruct<"PepperRequired", {}>,
  import("effect/Cause").YieldableError
>

export declare class PepperRequired extends PepperRequired_base {
  get message(): string
}

// internal/wiring/storage.d.ts
declare const RedisUnavailable_base: Schema.Class<
  RedisUnavailable,
  Schema.TaggedStruct<
    "RedisUnavailable",
    {
      readonly reason: Schema.String
    }
  >,
  import("effect/Cause").YieldableError
>

export declare class RedisUnavailable extends RedisUnavailable_base {
  get message(): string
}
