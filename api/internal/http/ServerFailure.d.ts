declare const ServerUnreachable_base: Schema.Class<
  ServerUnreachable,
  Schema.TaggedStruct<
    "ServerUnreachable",
    {
      readonly url: Schema.String
      readonly reason: Schema.String
    }
  >,
  import("effect/Cause").YieldableError
>

export declare class ServerUnreachable extends ServerUnreachable_base {
  get message(): string
}

declare const UnexpectedAnswer_base: Schema.Class<
  UnexpectedAnswer,
  Schema.TaggedStruct<
    "UnexpectedAnswer",
    {
      readonly url: Schema.String
      readonly reason: Schema.String
    }
  >,
  import("effect/Cause").YieldableError
>

export declare class UnexpectedAnswer extends UnexpectedAnswer_base {
  get message(): string
}

declare const Unauthorized_base: Schema.Class<
  Unauthorized,
  Schema.TaggedStruct<
    "Unauthorized",
    {
      readonly url: Schema.String
      readonly tokenName: Schema.String
      readonly reason: Schema.String
    }
  >,
  import("effect/Cause").YieldableError
>

export declare class Unauthorized extends Unauthorized_base {
  get message(): string
}

declare const Forbidden_base: Schema.Class<
  Forbidden,
  Schema.TaggedStruct<
    "Forbidden",
    {
      readonly tokenName: Schema.String
      readonly reason: Schema.Literals<
        readonly ["InsufficientScope", "ScopeNotHeld", "PreviousToken", "PolicyRefused", "IpNotAllowed", "QuotaSpent"]
      >
      readonly scopes: Schema.$Array<Schema.String>
    }
  >,
  import("effect/Cause").YieldableError
>

export declare class Forbidden extends Forbidden_base {
  get message(): string
}

declare const TooManyRequests_base: Schema.Class<
  TooManyRequests,
  Schema.TaggedStruct<
    "TooManyRequests",
    {
      readonly tokenName: Schema.String
      readonly limits: Schema.$Array<Schema.String>
      readonly retryAt: Schema.NullOr<Schema.DateTimeUtc>
    }
  >,
  import("effect/Cause").YieldableError
>

export declare class TooManyRequests extends TooManyRequests_base {
  get message(): string
}

declare const ServerUnavailable_base: Schema.Class<
  ServerUnavailable,
  Schema.TaggedStruct<
    "ServerUnavailable",
    {
      readonly url: Schema.String
    }
  >,
  import("effect/Cause").YieldableError
>

export declare class ServerUnavailable extends ServerUnavailable_base {
  get message(): string
}

export declare const ServerFailure: Schema.Union<
  readonly [
    typeof ServerUnreachable,
    typeof UnexpectedAnswer,
    typeof Unauthorized,
    typeof Forbidden,
    typeof TooManyRequests,
    typeof ServerUnavailable,
    typeof Overloaded,
  ]
>
export type ServerFailure = typeof ServerFailure.Type

export declare const isServerFailure: (error: unknown) => error is ServerFailure
