import * as HttpApi from "effect/http-api/HttpApi"
import * as HttpApiGroup from "effect/http-api/HttpApiGroup"
import * as Layer from "effect/Layer"
import { ApiKeys } from "../ApiKeys.ts"
import * as Context from "effect/Context"
import * as HttpApiMiddleware from "effect/http-api/HttpApiMiddleware"
import * as HttpApiSecurity from "effect/http-api/HttpApiSecurity"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as ApiKeyModel from "../ApiKey.ts"
import { ScopeSet } from "../Scope.ts"
import * as Schema from "effect/Schema"
import * as HttpApiError from "effect/http-api/HttpApiError"
import * as HttpRouter from "effect/http/HttpRouter"
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
declare class InvalidRequestProblem extends InvalidRequestProblem_base {}
declare const MissingApiKeyProblem_base: HttpApiError.ProblemClass<
  MissingApiKeyProblem,
  "MissingApiKeyProblem",
  "urn:effect-api-key:problem:missing-api-key",
  401,
  {},
  {}
>
declare class MissingApiKeyProblem extends MissingApiKeyProblem_base {}
declare const InvalidTokenProblem_base: HttpApiError.ProblemClass<
  InvalidTokenProblem,
  "InvalidTokenProblem",
  "urn:effect-api-key:problem:invalid-token",
  401,
  {},
  {}
>
declare class InvalidTokenProblem extends InvalidTokenProblem_base {}
declare const InactiveProblem_base: HttpApiError.ProblemClass<
  InactiveProblem,
  "InactiveProblem",
  "urn:effect-api-key:problem:inactive",
  401,
  {},
  {}
>
declare class InactiveProblem extends InactiveProblem_base {}
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
declare class ExpiredProblem extends ExpiredProblem_base {}
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
declare class InsufficientScopeProblem extends InsufficientScopeProblem_base {}
declare const ServiceUnavailableProblem_base: HttpApiError.ProblemClass<
  ServiceUnavailableProblem,
  "ServiceUnavailableProblem",
  "urn:effect-api-key:problem:service-unavailable",
  503,
  {},
  {}
>
declare class ServiceUnavailableProblem extends ServiceUnavailableProblem_base {}
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
declare class OverloadedProblem extends OverloadedProblem_base {}
declare const CurrentApiKey_base: Context.ServiceClass<CurrentApiKey, "effect-api-key/http/CurrentApiKey", ApiKeyModel.ApiKey>
declare class CurrentApiKey extends CurrentApiKey_base {}
declare const OptionalApiKey_base: Context.ServiceClass<
  OptionalApiKey,
  "effect-api-key/http/OptionalApiKey",
  Option.Option<ApiKeyModel.ApiKey>
>
declare class OptionalApiKey extends OptionalApiKey_base {}
declare const ApiKeyAuth_base: HttpApiMiddleware.ServiceClass<
  ApiKeyAuth,
  "effect-api-key/http/ApiKeyAuth",
  {
    requires: never
    provides: CurrentApiKey
    error: readonly [
      typeof InvalidRequestProblem,
      typeof MissingApiKeyProblem,
      typeof InvalidTokenProblem,
      typeof InactiveProblem,
      typeof ExpiredProblem,
      typeof InsufficientScopeProblem,
      typeof ServiceUnavailableProblem,
      typeof OverloadedProblem,
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
      typeof InvalidRequestProblem,
      typeof MissingApiKeyProblem,
      typeof InvalidTokenProblem,
      typeof InactiveProblem,
      typeof ExpiredProblem,
      typeof InsufficientScopeProblem,
      typeof ServiceUnavailableProblem,
      typeof OverloadedProblem,
    ],
    never
  >
>
declare class ApiKeyAuth extends ApiKeyAuth_base {
  static layerClient(token: Redacted.Redacted, place?: string): Layer.Layer<HttpApiMiddleware.ForClient<ApiKeyAuth>>
}
declare const OptionalApiKeyAuth_base: HttpApiMiddleware.ServiceClass<
  OptionalApiKeyAuth,
  "effect-api-key/http/OptionalApiKeyAuth",
  {
    requires: never
    provides: OptionalApiKey
    error: readonly [
      typeof InvalidRequestProblem,
      typeof MissingApiKeyProblem,
      typeof InvalidTokenProblem,
      typeof InactiveProblem,
      typeof ExpiredProblem,
      typeof InsufficientScopeProblem,
      typeof ServiceUnavailableProblem,
      typeof OverloadedProblem,
    ]
    clientError: never
    requiredForClient: false
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
    OptionalApiKey,
    readonly [
      typeof InvalidRequestProblem,
      typeof MissingApiKeyProblem,
      typeof InvalidTokenProblem,
      typeof InactiveProblem,
      typeof ExpiredProblem,
      typeof InsufficientScopeProblem,
      typeof ServiceUnavailableProblem,
      typeof OverloadedProblem,
    ],
    never
  >
>
declare class OptionalApiKeyAuth extends OptionalApiKeyAuth_base {}
interface AuthOptions {
  readonly realm?: string | undefined
}
export declare const layerAuth: (options?: AuthOptions) => Layer.Layer<ApiKeyAuth | OptionalApiKeyAuth, never, ApiKeys>
export declare const layerRedactedHeaders: <Id extends string, Groups extends HttpApiGroup.Constraint>(
  api: HttpApi.HttpApi<Id, Groups>,
) => Layer.Layer<never>
declare const RequestProblems_base: HttpApiMiddleware.ServiceClass<
  RequestProblems,
  "effect-api-key/http/RequestProblems",
  {
    requires: never
    provides: never
    error: readonly [typeof InvalidRequestProblem, typeof ServiceUnavailableProblem]
    clientError: never
    requiredForClient: false
    security: never
  },
  HttpApiMiddleware.HttpApiMiddleware<never, readonly [typeof InvalidRequestProblem, typeof ServiceUnavailableProblem], never>
>
declare class RequestProblems extends RequestProblems_base {}
export declare const layerHandlers: <ApiId extends string, Groups extends HttpApiGroup.Constraint>(
  api: HttpApi.HttpApi<ApiId, Groups>,
) => Layer.Layer<HttpApiGroup.Service<ApiId, "apiKeys">, never, ApiKeys | ApiKeyAuth | RequestProblems>
interface SigningKey {
  readonly identifier: string
  readonly publicKey: string
}
interface LeakOptions {
  readonly signingKeys?: ReadonlyArray<SigningKey> | undefined
  readonly onReport?: "end" | "log" | undefined
  readonly revokeByPossession?: boolean | undefined
  readonly revocationsPerSecond?: number | undefined
}
declare const InvalidSigningKey_base: Schema.Class<
  InvalidSigningKey,
  Schema.TaggedStruct<
    "InvalidSigningKey",
    {
      readonly identifier: Schema.String
    }
  >,
  import("effect/Cause").YieldableError
>
export declare class InvalidSigningKey extends InvalidSigningKey_base {
  get message(): string
}
export declare const layerLeaks: <ApiId extends string, Groups extends HttpApiGroup.Constraint>(
  api: HttpApi.HttpApi<ApiId, Groups>,
  options?: LeakOptions,
) => Layer.Layer<HttpApiGroup.Service<ApiId, "leaks">, InvalidSigningKey, ApiKeys | RequestProblems>
export declare const layerRequestProblems: Layer.Layer<RequestProblems>
export declare const layerProblems: Layer.Layer<never, never, HttpRouter.HttpRouter>
export declare const layerMethodNotAllowed: <Id extends string, Groups extends HttpApiGroup.Constraint>(
  api: HttpApi.HttpApi<Id, Groups>,
  others?: Readonly<Record<`/${string}`, ReadonlyArray<string>>>,
) => Layer.Layer<never, never, HttpRouter.HttpRouter>
export type { AuthOptions, LeakOptions, SigningKey }
