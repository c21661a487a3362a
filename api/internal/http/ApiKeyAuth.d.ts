declare const CurrentApiKey_base: Context.ServiceClass<CurrentApiKey, "effect-api-key/http/CurrentApiKey", ApiKeyModel.ApiKey>

export declare class CurrentApiKey extends CurrentApiKey_base {}

declare const OptionalApiKey_base: Context.ServiceClass<
  OptionalApiKey,
  "effect-api-key/http/OptionalApiKey",
  Option.Option<ApiKeyModel.ApiKey>
>

export declare class OptionalApiKey extends OptionalApiKey_base {}

export declare const UsedToken: Context.Reference<ApiKeyModel.UsedToken>

export declare const authProblems: readonly [
  typeof Problem.InvalidRequestProblem,
  typeof Problem.MissingApiKeyProblem,
  typeof Problem.InvalidTokenProblem,
  typeof Problem.InactiveProblem,
  typeof Problem.ExpiredProblem,
  typeof Problem.InsufficientScopeProblem,
  typeof Problem.IpNotAllowedProblem,
  typeof Problem.PolicyRefusedProblem,
  typeof Problem.RateLimitedProblem,
  typeof Problem.QuotaSpentProblem,
  typeof Problem.ServiceUnavailableProblem,
  typeof Problem.OverloadedProblem,
]

export type AuthProblem = (typeof authProblems)[number]["Type"]

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
      typeof Problem.IpNotAllowedProblem,
      typeof Problem.PolicyRefusedProblem,
      typeof Problem.RateLimitedProblem,
      typeof Problem.QuotaSpentProblem,
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
      typeof Problem.IpNotAllowedProblem,
      typeof Problem.PolicyRefusedProblem,
      typeof Problem.RateLimitedProblem,
      typeof Problem.QuotaSpentProblem,
      typeof Problem.ServiceUnavailableProblem,
      typeof Problem.OverloadedProblem,
    ],
    never
  >
>

export declare class ApiKeyAuth extends ApiKeyAuth_base {
  static layerClient(token: Redacted.Redacted, place?: string): Layer.Layer<HttpApiMiddleware.ForClient<ApiKeyAuth>>
}

declare const OptionalApiKeyAuth_base: HttpApiMiddleware.ServiceClass<
  OptionalApiKeyAuth,
  "effect-api-key/http/OptionalApiKeyAuth",
  {
    requires: never
    provides: OptionalApiKey
    error: readonly [
      typeof Problem.InvalidRequestProblem,
      typeof Problem.MissingApiKeyProblem,
      typeof Problem.InvalidTokenProblem,
      typeof Problem.InactiveProblem,
      typeof Problem.ExpiredProblem,
      typeof Problem.InsufficientScopeProblem,
      typeof Problem.IpNotAllowedProblem,
      typeof Problem.PolicyRefusedProblem,
      typeof Problem.RateLimitedProblem,
      typeof Problem.QuotaSpentProblem,
      typeof Problem.ServiceUnavailableProblem,
      typeof Problem.OverloadedProblem,
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
      typeof Problem.InvalidRequestProblem,
      typeof Problem.MissingApiKeyProblem,
      typeof Problem.InvalidTokenProblem,
      typeof Problem.InactiveProblem,
      typeof Problem.ExpiredProblem,
      typeof Problem.InsufficientScopeProblem,
      typeof Problem.IpNotAllowedProblem,
      typeof Problem.PolicyRefusedProblem,
      typeof Problem.RateLimitedProblem,
      typeof Problem.QuotaSpentProblem,
      typeof Problem.ServiceUnavailableProblem,
      typeof Problem.OverloadedProblem,
    ],
    never
  >
>

export declare class OptionalApiKeyAuth extends OptionalApiKeyAuth_base {}

export declare const acceptCredentials: (options: CredentialOptions) => <A extends HttpApi.Constraint>(self: A) => A

export declare const requireScopes: (
  ...scopes: ReadonlyArray<string>
) => <A extends HttpApi.Constraint | HttpApiGroup.Constraint | HttpApiEndpoint.Constraint>(self: A) => A

export declare const requiredScopes: (options: {
  readonly endpoint: HttpApiEndpoint.Top
  readonly group: HttpApiGroup.Top
}) => ReadonlyArray<Scope.Scope>

export declare const assertProtected: <Id extends string, Groups extends HttpApiGroup.Constraint>(api: HttpApi.HttpApi<Id, Groups>) => void
