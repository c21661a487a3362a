import * as DateTime from "effect/DateTime"
import * as Schema from "effect/Schema"
import { ScopeSet } from "./Scope.ts"
declare const MissingApiKey_base: Schema.Class<
  MissingApiKey,
  Schema.TaggedStruct<"MissingApiKey", {}>,
  import("effect/Cause").YieldableError
>
export declare class MissingApiKey extends MissingApiKey_base {
  get message(): string
}
declare const MalformedToken_base: Schema.Class<
  MalformedToken,
  Schema.TaggedStruct<
    "MalformedToken",
    {
      readonly reason: Schema.Literals<readonly ["length", "format", "prefix", "checksum", "seal"]>
      readonly expected: Schema.optionalKey<Schema.String>
    }
  >,
  import("effect/Cause").YieldableError
>
export declare class MalformedToken extends MalformedToken_base {
  get message(): string
}
declare const NotFound_base: Schema.Class<
  NotFound,
  Schema.TaggedStruct<
    "NotFound",
    {
      readonly keyId: Schema.brand<Schema.String, "KeyId">
    }
  >,
  import("effect/Cause").YieldableError
>
export declare class NotFound extends NotFound_base {
  get message(): string
}
declare const InvalidSecret_base: Schema.Class<
  InvalidSecret,
  Schema.TaggedStruct<
    "InvalidSecret",
    {
      readonly keyId: Schema.brand<Schema.String, "KeyId">
    }
  >,
  import("effect/Cause").YieldableError
>
export declare class InvalidSecret extends InvalidSecret_base {
  get message(): string
}
declare const Inactive_base: Schema.Class<
  Inactive,
  Schema.TaggedStruct<
    "Inactive",
    {
      readonly keyId: Schema.brand<Schema.String, "KeyId">
    }
  >,
  import("effect/Cause").YieldableError
>
export declare class Inactive extends Inactive_base {
  get message(): string
}
declare const Expired_base: Schema.Class<
  Expired,
  Schema.TaggedStruct<
    "Expired",
    {
      readonly keyId: Schema.brand<Schema.String, "KeyId">
      readonly expiresAt: Schema.Codec<DateTime.Utc, string, never, never>
      readonly reason: Schema.optionalKey<Schema.Literal<"idle">>
    }
  >,
  import("effect/Cause").YieldableError
>
export declare class Expired extends Expired_base {
  get message(): string
}
declare const InsufficientScope_base: Schema.Class<
  InsufficientScope,
  Schema.TaggedStruct<
    "InsufficientScope",
    {
      readonly keyId: Schema.brand<Schema.String, "KeyId">
      readonly required: ScopeSet
      readonly granted: ScopeSet
      readonly previous: Schema.optionalKey<
        Schema.Struct<{
          readonly replacedAt: Schema.Codec<DateTime.Utc, string, never, never>
          readonly expiresAt: Schema.NullOr<Schema.Codec<DateTime.Utc, string, never, never>>
        }>
      >
    }
  >,
  import("effect/Cause").YieldableError
>
export declare class InsufficientScope extends InsufficientScope_base {
  get message(): string
}
declare const PolicyRefused_base: Schema.Class<
  PolicyRefused,
  Schema.TaggedStruct<
    "PolicyRefused",
    {
      readonly keyId: Schema.brand<Schema.String, "KeyId">
      readonly kind: Schema.String
      readonly reason: Schema.String
    }
  >,
  import("effect/Cause").YieldableError
>
export declare class PolicyRefused extends PolicyRefused_base {
  get message(): string
}
declare const IpNotAllowed_base: Schema.Class<
  IpNotAllowed,
  Schema.TaggedStruct<
    "IpNotAllowed",
    {
      readonly keyId: Schema.brand<Schema.String, "KeyId">
    }
  >,
  import("effect/Cause").YieldableError
>
export declare class IpNotAllowed extends IpNotAllowed_base {
  get message(): string
}
declare const RateLimited_base: Schema.Class<
  RateLimited,
  Schema.TaggedStruct<
    "RateLimited",
    {
      readonly keyId: Schema.brand<Schema.String, "KeyId">
      readonly name: Schema.String
      readonly limit: Schema.Int
      readonly retryAfter: Schema.NullOr<Schema.DurationFromMillis>
      readonly violated: Schema.$Array<Schema.String>
      readonly limits: Schema.$Array<
        Schema.Struct<{
          readonly name: Schema.String
          readonly limit: Schema.Int
          readonly windowSeconds: Schema.NullOr<Schema.Int>
          readonly remaining: Schema.Int
          readonly resetAfterMillis: Schema.NullOr<Schema.Finite>
        }>
      >
    }
  >,
  import("effect/Cause").YieldableError
>
export declare class RateLimited extends RateLimited_base {
  get message(): string
}
declare const QuotaExceeded_base: Schema.Class<
  QuotaExceeded,
  Schema.TaggedStruct<
    "QuotaExceeded",
    {
      readonly keyId: Schema.brand<Schema.String, "KeyId">
      readonly name: Schema.String
      readonly amount: Schema.Int
      readonly refillsAt: Schema.NullOr<Schema.Codec<DateTime.Utc, string, never, never>>
      readonly violated: Schema.$Array<Schema.String>
      readonly limits: Schema.$Array<
        Schema.Struct<{
          readonly name: Schema.String
          readonly limit: Schema.Int
          readonly windowSeconds: Schema.NullOr<Schema.Int>
          readonly remaining: Schema.Int
          readonly resetAfterMillis: Schema.NullOr<Schema.Finite>
        }>
      >
    }
  >,
  import("effect/Cause").YieldableError
>
export declare class QuotaExceeded extends QuotaExceeded_base {
  get message(): string
}
declare const UnknownPolicy_base: Schema.Class<
  UnknownPolicy,
  Schema.TaggedStruct<
    "UnknownPolicy",
    {
      readonly keyId: Schema.brand<Schema.String, "KeyId">
      readonly kinds: Schema.$Array<Schema.String>
    }
  >,
  import("effect/Cause").YieldableError
>
export declare class UnknownPolicy extends UnknownPolicy_base {
  get message(): string
}
declare const ApiKeyNotFound_base: Schema.Class<
  ApiKeyNotFound,
  Schema.TaggedStruct<
    "ApiKeyNotFound",
    {
      readonly id: Schema.brand<Schema.String, "ApiKeyId">
    }
  >,
  import("effect/Cause").YieldableError
>
export declare class ApiKeyNotFound extends ApiKeyNotFound_base {
  get message(): string
}
declare const VersionConflict_base: Schema.Class<
  VersionConflict,
  Schema.TaggedStruct<
    "VersionConflict",
    {
      readonly id: Schema.brand<Schema.String, "ApiKeyId">
      readonly expected: Schema.Int
      readonly actual: Schema.Int
    }
  >,
  import("effect/Cause").YieldableError
>
export declare class VersionConflict extends VersionConflict_base {
  get message(): string
}
declare const DuplicateKeyId_base: Schema.Class<
  DuplicateKeyId,
  Schema.TaggedStruct<
    "DuplicateKeyId",
    {
      readonly keyId: Schema.brand<Schema.String, "KeyId">
    }
  >,
  import("effect/Cause").YieldableError
>
export declare class DuplicateKeyId extends DuplicateKeyId_base {
  get message(): string
}
declare const InvalidInput_base: Schema.Class<
  InvalidInput,
  Schema.TaggedStruct<
    "InvalidInput",
    {
      readonly field: Schema.String
      readonly reason: Schema.String
    }
  >,
  import("effect/Cause").YieldableError
>
export declare class InvalidInput extends InvalidInput_base {
  get message(): string
}
declare const UnstorableText_base: Schema.Class<
  UnstorableText,
  Schema.TaggedStruct<
    "UnstorableText",
    {
      readonly character: Schema.String
    }
  >,
  import("effect/Cause").YieldableError
>
export declare class UnstorableText extends UnstorableText_base {
  get message(): string
}
declare const InvalidCursor_base: Schema.Class<
  InvalidCursor,
  Schema.TaggedStruct<"InvalidCursor", {}>,
  import("effect/Cause").YieldableError
>
export declare class InvalidCursor extends InvalidCursor_base {
  get message(): string
}
declare const RepositoryError_base: Schema.Class<
  RepositoryError,
  Schema.TaggedStruct<
    "RepositoryError",
    {
      readonly operation: Schema.String
      readonly isRetryable: Schema.Boolean
      readonly cause: Schema.Defect
    }
  >,
  import("effect/Cause").YieldableError
>
export declare class RepositoryError extends RepositoryError_base {
  get message(): string
}
declare const HasherError_base: Schema.Class<
  HasherError,
  Schema.TaggedStruct<
    "HasherError",
    {
      readonly reason: Schema.Literals<readonly ["UnsupportedHash", "MalformedHash", "ParametersOutOfBounds", "MissingPepper", "Failed"]>
      readonly pepperId: Schema.optionalKey<Schema.String>
      readonly cause: Schema.optionalKey<Schema.Defect>
    }
  >,
  import("effect/Cause").YieldableError
>
export declare class HasherError extends HasherError_base {
  get message(): string
}
declare const Overloaded_base: Schema.Class<
  Overloaded,
  Schema.TaggedStruct<
    "Overloaded",
    {
      readonly retryAfterSeconds: Schema.Int
    }
  >,
  import("effect/Cause").YieldableError
>
export declare class Overloaded extends Overloaded_base {
  get message(): string
}
declare const Unconfirmed_base: Schema.Class<
  Unconfirmed,
  Schema.TaggedStruct<
    "Unconfirmed",
    {
      readonly id: Schema.brand<Schema.String, "ApiKeyId">
      readonly nodes: Schema.$Array<Schema.String>
      readonly token: Schema.optionalKey<Schema.Redacted<Schema.String>>
    }
  >,
  import("effect/Cause").YieldableError
>
export declare class Unconfirmed extends Unconfirmed_base {
  get message(): string
}
declare const GraceRunning_base: Schema.Class<
  GraceRunning,
  Schema.TaggedStruct<
    "GraceRunning",
    {
      readonly id: Schema.brand<Schema.String, "ApiKeyId">
      readonly expiresAt: Schema.NullOr<Schema.Codec<DateTime.Utc, string, never, never>>
    }
  >,
  import("effect/Cause").YieldableError
>
export declare class GraceRunning extends GraceRunning_base {
  get message(): string
}
declare const TooManyKeys_base: Schema.Class<
  TooManyKeys,
  Schema.TaggedStruct<
    "TooManyKeys",
    {
      readonly ownerId: Schema.String
      readonly maximum: Schema.Int
    }
  >,
  import("effect/Cause").YieldableError
>
export declare class TooManyKeys extends TooManyKeys_base {
  get message(): string
}
declare const MissingPeppers_base: Schema.Class<
  MissingPeppers,
  Schema.TaggedStruct<
    "MissingPeppers",
    {
      readonly peppers: Schema.$Array<
        Schema.Struct<{
          readonly id: Schema.String
          readonly count: Schema.Int
        }>
      >
    }
  >,
  import("effect/Cause").YieldableError
>
export declare class MissingPeppers extends MissingPeppers_base {
  get message(): string
}
declare const UnsealedTokens_base: Schema.Class<
  UnsealedTokens,
  Schema.TaggedStruct<
    "UnsealedTokens",
    {
      readonly count: Schema.Int
    }
  >,
  import("effect/Cause").YieldableError
>
export declare class UnsealedTokens extends UnsealedTokens_base {
  get message(): string
}
declare const BuiltInPepper_base: Schema.Class<
  BuiltInPepper,
  Schema.TaggedStruct<"BuiltInPepper", {}>,
  import("effect/Cause").YieldableError
>
export declare class BuiltInPepper extends BuiltInPepper_base {
  get found(): string
  get advice(): string
  get message(): string
}
declare const OtherPeppers_base: Schema.Class<
  OtherPeppers,
  Schema.TaggedStruct<
    "OtherPeppers",
    {
      readonly peppers: Schema.$Array<
        Schema.Struct<{
          readonly id: Schema.String
          readonly start: Schema.String
          readonly count: Schema.Int
          readonly isAssumed: Schema.Boolean
        }>
      >
    }
  >,
  import("effect/Cause").YieldableError
>
export declare class OtherPeppers extends OtherPeppers_base {
  get found(): string
  get advice(): string
  get message(): string
}
declare const failures: readonly [typeof RepositoryError, typeof HasherError, typeof Overloaded]
export declare const InvalidKey: Schema.Union<
  readonly [
    typeof MalformedToken,
    typeof NotFound,
    typeof InvalidSecret,
    typeof Inactive,
    typeof Expired,
    typeof InsufficientScope,
    typeof IpNotAllowed,
    typeof PolicyRefused,
    typeof RateLimited,
    typeof QuotaExceeded,
  ]
>
export type InvalidKey = typeof InvalidKey.Type
export type VerifyError = InvalidKey | InstanceType<(typeof failures)[number]>
export declare const refusalTags: ReadonlyArray<InvalidKey["_tag"]>
export declare const verifyErrorTags: ReadonlyArray<VerifyError["_tag"]>
export declare const isUnknownPolicy: (error: unknown) => error is RepositoryError
export declare const isRefusal: <E>(error: E) => error is E & InvalidKey
export {}
