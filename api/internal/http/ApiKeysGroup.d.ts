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

export declare const make: <const Prefix extends `/${string}`>(
  prefix: Prefix,
) => HttpApiGroup.HttpApiGroup<
  "apiKeys",
  | HttpApiEndpoint.HttpApiEndpoint<
      "activate",
      "POST",
      `${Prefix}/:id/activate`,
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
      "changeQuota",
      "POST",
      `${Prefix}/:id/change-quota`,
      Schema.toCodecStringTree<
        Schema.Struct<{
          id: Schema.brand<Schema.String, "ApiKeyId">
        }>
      >,
      never,
      Schema.toCodecJson<
        Schema.Struct<{
          readonly quota: Schema.Codec<string, string, never, never>
          readonly change: Schema.Literals<readonly ["topUp", "takeBack", "refund"]>
          readonly units: Schema.Int
          readonly requestId: Schema.String
        }>
      >,
      never,
      Schema.toCodecJson<
        Schema.Struct<{
          readonly units: Schema.Int
          readonly remaining: Schema.Int
          readonly isRepeated: Schema.Boolean
        }>
      >,
      Schema.toCodecJson<
        | typeof Problem.InvalidRequestProblem
        | typeof Problem.BodyTooLargeProblem
        | typeof Problem.UnsupportedMediaTypeProblem
        | typeof Problem.PolicyRefusedProblem
        | typeof Problem.ScopeNotHeldProblem
        | typeof Problem.NotFoundProblem
        | typeof Problem.ServiceUnavailableProblem
      >,
      ApiKeyAuth | RequestProblems,
      never
    >
  | HttpApiEndpoint.HttpApiEndpoint<
      "count",
      "GET",
      `${Prefix}/count`,
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
          idleAfter: Schema.optionalKey<Schema.Codec<import("effect/DateTime").Utc, string, never, never>>
          idleBefore: Schema.optionalKey<Schema.Codec<import("effect/DateTime").Utc, string, never, never>>
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
      `${Prefix}/`,
      never,
      never,
      Schema.toCodecJson<
        Schema.Struct<{
          readonly description: Schema.optionalKey<Schema.NullOr<Schema.Codec<string, string, never, never>>>
          readonly ownerId: Schema.optionalKey<Schema.NullOr<Schema.Codec<string, string, never, never>>>
          readonly scopes: Schema.optionalKey<import("../../Scope.ts").ScopeSet>
          readonly metadata: Schema.optionalKey<Schema.Codec<Schema.JsonObject, Schema.JsonObject, never, never>>
          readonly policies: Schema.optionalKey<Schema.NullOr<Schema.Codec<Schema.JsonObject, Schema.JsonObject, never, never>>>
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
        | typeof Problem.TooManyKeysProblem
        | typeof Problem.ServiceUnavailableProblem
      >,
      ApiKeyAuth | RequestProblems,
      never
    >
  | HttpApiEndpoint.HttpApiEndpoint<
      "deactivate",
      "POST",
      `${Prefix}/:id/deactivate`,
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
      `${Prefix}/:id`,
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
      `${Prefix}/:id/end-grace`,
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
      `${Prefix}/:id`,
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
      `${Prefix}/hash-report`,
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
      "quotas",
      "GET",
      `${Prefix}/:id/quotas`,
      Schema.toCodecStringTree<
        Schema.Struct<{
          id: Schema.brand<Schema.String, "ApiKeyId">
        }>
      >,
      never,
      never,
      never,
      Schema.toCodecJson<
        Schema.$Array<
          Schema.Struct<{
            readonly name: Schema.String
            readonly limit: Schema.Int
            readonly windowSeconds: Schema.NullOr<Schema.Int>
            readonly remaining: Schema.Int
            readonly resetAfterMillis: Schema.NullOr<Schema.Finite>
          }>
        >
      >,
      Schema.toCodecJson<typeof Problem.InvalidRequestProblem | typeof Problem.NotFoundProblem | typeof Problem.ServiceUnavailableProblem>,
      ApiKeyAuth | RequestProblems,
      never
    >
  | HttpApiEndpoint.HttpApiEndpoint<
      "revoke",
      "POST",
      `${Prefix}/revoke`,
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
                  typeof import("../../ApiKeyError.ts").IpNotAllowed,
                  typeof import("../../ApiKeyError.ts").PolicyRefused,
                  typeof import("../../ApiKeyError.ts").RateLimited,
                  typeof import("../../ApiKeyError.ts").QuotaExceeded,
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
      `${Prefix}/:id/rotate`,
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
      "sealReport",
      "GET",
      `${Prefix}/seal-report`,
      never,
      never,
      never,
      never,
      Schema.toCodecJson<
        Schema.$Array<
          Schema.Struct<{
            readonly sealId: Schema.NullOr<Schema.String>
            readonly count: Schema.Int
            readonly isConfigured: Schema.Boolean
            readonly isCurrent: Schema.Boolean
          }>
        >
      >,
      Schema.toCodecJson<typeof Problem.InvalidRequestProblem | typeof Problem.ServiceUnavailableProblem>,
      ApiKeyAuth | RequestProblems,
      never
    >
  | HttpApiEndpoint.HttpApiEndpoint<
      "search",
      "GET",
      `${Prefix}/`,
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
          idleAfter: Schema.optionalKey<Schema.Codec<import("effect/DateTime").Utc, string, never, never>>
          idleBefore: Schema.optionalKey<Schema.Codec<import("effect/DateTime").Utc, string, never, never>>
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
      `${Prefix}/upcoming`,
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
              readonly reason: Schema.Literals<readonly ["expires", "comesOfAge", "idle"]>
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
      `${Prefix}/:id`,
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
          readonly policies: Schema.optionalKey<Schema.NullOr<Schema.Codec<Schema.JsonObject, Schema.JsonObject, never, never>>>
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
        | typeof Problem.TooManyKeysProblem
        | typeof Problem.ServiceUnavailableProblem
        | typeof Problem.UnconfirmedProblem
      >,
      ApiKeyAuth | RequestProblems,
      never
    >
  | HttpApiEndpoint.HttpApiEndpoint<
      "verify",
      "POST",
      `${Prefix}/verify`,
      never,
      never,
      Schema.toCodecJson<
        Schema.Struct<{
          readonly token: Schema.RedactedFromValue<Schema.String>
          readonly scopes: Schema.optionalKey<import("../../Scope.ts").ScopeSet>
          readonly maxAge: Schema.optionalKey<Schema.decodeTo<Schema.Duration, Schema.String, never, never>>
          readonly countsAsUse: Schema.optionalKey<Schema.Boolean>
          readonly cost: Schema.optionalKey<Schema.Int>
          readonly address: Schema.optionalKey<Schema.String>
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
                readonly limits: Schema.optionalKey<
                  Schema.$Array<
                    Schema.Struct<{
                      readonly name: Schema.String
                      readonly limit: Schema.Int
                      readonly windowSeconds: Schema.NullOr<Schema.Int>
                      readonly remaining: Schema.Int
                      readonly resetAfterMillis: Schema.NullOr<Schema.Finite>
                    }>
                  >
                >
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
                    typeof import("../../ApiKeyError.ts").IpNotAllowed,
                    typeof import("../../ApiKeyError.ts").PolicyRefused,
                    typeof import("../../ApiKeyError.ts").RateLimited,
                    typeof import("../../ApiKeyError.ts").QuotaExceeded,
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
      "changeQuota",
      "POST",
      "/api-keys/:id/change-quota",
      Schema.toCodecStringTree<
        Schema.Struct<{
          id: Schema.brand<Schema.String, "ApiKeyId">
        }>
      >,
      never,
      Schema.toCodecJson<
        Schema.Struct<{
          readonly quota: Schema.Codec<string, string, never, never>
          readonly change: Schema.Literals<readonly ["topUp", "takeBack", "refund"]>
          readonly units: Schema.Int
          readonly requestId: Schema.String
        }>
      >,
      never,
      Schema.toCodecJson<
        Schema.Struct<{
          readonly units: Schema.Int
          readonly remaining: Schema.Int
          readonly isRepeated: Schema.Boolean
        }>
      >,
      Schema.toCodecJson<
        | typeof Problem.InvalidRequestProblem
        | typeof Problem.BodyTooLargeProblem
        | typeof Problem.UnsupportedMediaTypeProblem
        | typeof Problem.PolicyRefusedProblem
        | typeof Problem.ScopeNotHeldProblem
        | typeof Problem.NotFoundProblem
        | typeof Problem.ServiceUnavailableProblem
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
          idleAfter: Schema.optionalKey<Schema.Codec<import("effect/DateTime").Utc, string, never, never>>
          idleBefore: Schema.optionalKey<Schema.Codec<import("effect/DateTime").Utc, string, never, never>>
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
          readonly policies: Schema.optionalKey<Schema.NullOr<Schema.Codec<Schema.JsonObject, Schema.JsonObject, never, never>>>
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
        | typeof Problem.TooManyKeysProblem
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
      "quotas",
      "GET",
      "/api-keys/:id/quotas",
      Schema.toCodecStringTree<
        Schema.Struct<{
          id: Schema.brand<Schema.String, "ApiKeyId">
        }>
      >,
      never,
      never,
      never,
      Schema.toCodecJson<
        Schema.$Array<
          Schema.Struct<{
            readonly name: Schema.String
            readonly limit: Schema.Int
            readonly windowSeconds: Schema.NullOr<Schema.Int>
            readonly remaining: Schema.Int
            readonly resetAfterMillis: Schema.NullOr<Schema.Finite>
          }>
        >
      >,
      Schema.toCodecJson<typeof Problem.InvalidRequestProblem | typeof Problem.NotFoundProblem | typeof Problem.ServiceUnavailableProblem>,
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
                  typeof import("../../ApiKeyError.ts").IpNotAllowed,
                  typeof import("../../ApiKeyError.ts").PolicyRefused,
                  typeof import("../../ApiKeyError.ts").RateLimited,
                  typeof import("../../ApiKeyError.ts").QuotaExceeded,
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
      "sealReport",
      "GET",
      "/api-keys/seal-report",
      never,
      never,
      never,
      never,
      Schema.toCodecJson<
        Schema.$Array<
          Schema.Struct<{
            readonly sealId: Schema.NullOr<Schema.String>
            readonly count: Schema.Int
            readonly isConfigured: Schema.Boolean
            readonly isCurrent: Schema.Boolean
          }>
        >
      >,
      Schema.toCodecJson<typeof Problem.InvalidRequestProblem | typeof Problem.ServiceUnavailableProblem>,
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
          idleAfter: Schema.optionalKey<Schema.Codec<import("effect/DateTime").Utc, string, never, never>>
          idleBefore: Schema.optionalKey<Schema.Codec<import("effect/DateTime").Utc, string, never, never>>
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
              readonly reason: Schema.Literals<readonly ["expires", "comesOfAge", "idle"]>
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
          readonly policies: Schema.optionalKey<Schema.NullOr<Schema.Codec<Schema.JsonObject, Schema.JsonObject, never, never>>>
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
        | typeof Problem.TooManyKeysProblem
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
          readonly cost: Schema.optionalKey<Schema.Int>
          readonly address: Schema.optionalKey<Schema.String>
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
                readonly limits: Schema.optionalKey<
                  Schema.$Array<
                    Schema.Struct<{
                      readonly name: Schema.String
                      readonly limit: Schema.Int
                      readonly windowSeconds: Schema.NullOr<Schema.Int>
                      readonly remaining: Schema.Int
                      readonly resetAfterMillis: Schema.NullOr<Schema.Finite>
                    }>
                  >
                >
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
                    typeof import("../../ApiKeyError.ts").IpNotAllowed,
                    typeof import("../../ApiKeyError.ts").PolicyRefused,
                    typeof import("../../ApiKeyError.ts").RateLimited,
                    typeof import("../../ApiKeyError.ts").QuotaExceeded,
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

export type ApiKeysProblems = ProblemsOf<typeof ApiKeysGroup>

export type ApiKeysProblem = ApiKeysProblems[keyof ApiKeysProblems]

export type ProblemsOf<Group> = {
  readonly [Endpoint in HttpApiGroup.Endpoints<Group> as Endpoint["identifier"]]: HttpApiEndpoint.Errors<Endpoint>
}

declare const ApiKeysApi_base: HttpApi.HttpApi<"effect-api-key", typeof ApiKeysGroup>

export declare class ApiKeysApi extends ApiKeysApi_base {}
