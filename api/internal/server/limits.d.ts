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

declare const InvalidLimit_base: Schema.Class<
  InvalidLimit,
  Schema.TaggedStruct<
    "InvalidLimit",
    {
      readonly limit: Schema.String
      readonly reason: Schema.String
    }
  >,
  import("effect/Cause").YieldableError
>

export declare class InvalidLimit extends InvalidLimit_base {
  get message(): string
}
