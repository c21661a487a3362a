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
    readonly reason: Schema.optionalKey<Schema.Literal<"idle">>
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

declare const IpNotAllowedProblem_base: HttpApiError.ProblemClass<
  IpNotAllowedProblem,
  "IpNotAllowedProblem",
  "urn:effect-api-key:problem:ip-not-allowed",
  403,
  {},
  {}
>

export declare class IpNotAllowedProblem extends IpNotAllowedProblem_base {}

declare const RateLimitedProblem_base: HttpApiError.ProblemClass<
  RateLimitedProblem,
  "RateLimitedProblem",
  "https://iana.org/assignments/http-problem-types#quota-exceeded",
  429,
  {
    readonly "violated-policies": Schema.$Array<Schema.String>
    readonly retryAt: Schema.NullOr<Schema.Codec<import("effect/DateTime").Utc, string, never, never>>
  },
  {}
>

export declare class RateLimitedProblem extends RateLimitedProblem_base {}

declare const QuotaSpentProblem_base: HttpApiError.ProblemClass<
  QuotaSpentProblem,
  "QuotaSpentProblem",
  "urn:effect-api-key:problem:quota-spent",
  403,
  {
    readonly "violated-policies": Schema.$Array<Schema.String>
  },
  {}
>

export declare class QuotaSpentProblem extends QuotaSpentProblem_base {}

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

declare const TooManyKeysProblem_base: HttpApiError.ProblemClass<
  TooManyKeysProblem,
  "TooManyKeysProblem",
  "urn:effect-api-key:problem:too-many-keys",
  409,
  {
    readonly ownerId: Schema.String
    readonly maximum: Schema.Int
  },
  {}
>

export declare class TooManyKeysProblem extends TooManyKeysProblem_base {}

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
