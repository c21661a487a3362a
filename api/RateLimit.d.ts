import * as Duration from "effect/Duration"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
export declare const kind = "limits"
export declare const maxLimit = 1000000000
export declare const maxLimits = 16
export declare const LimitName: Schema.String
export declare const RateLimit: Schema.Struct<{
  readonly name: Schema.String
  readonly limit: Schema.Int
  readonly window: Schema.Codec<Duration.Duration, string, never, never>
  readonly algorithm: Schema.optionalKey<Schema.Literals<readonly ["window", "bucket"]>>
  readonly per: Schema.optionalKey<Schema.Literals<readonly ["key", "owner"]>>
  readonly whenUnavailable: Schema.optionalKey<Schema.Literals<readonly ["open", "closed", "local"]>>
}>
export type RateLimit = typeof RateLimit.Type
export declare const RateLimits: Schema.$Array<
  Schema.Struct<{
    readonly name: Schema.String
    readonly limit: Schema.Int
    readonly window: Schema.Codec<Duration.Duration, string, never, never>
    readonly algorithm: Schema.optionalKey<Schema.Literals<readonly ["window", "bucket"]>>
    readonly per: Schema.optionalKey<Schema.Literals<readonly ["key", "owner"]>>
    readonly whenUnavailable: Schema.optionalKey<Schema.Literals<readonly ["open", "closed", "local"]>>
  }>
>
export interface LimitState extends Schema.Schema.Type<typeof LimitState> {}
export declare const LimitState: Schema.Struct<{
  readonly name: Schema.String
  readonly limit: Schema.Int
  readonly windowSeconds: Schema.NullOr<Schema.Int>
  readonly remaining: Schema.Int
  readonly resetAfterMillis: Schema.NullOr<Schema.Finite>
}>
export declare const parse: (text: string) => Result.Result<ReadonlyArray<typeof RateLimit.Encoded>, string>
export declare const format: (limits: ReadonlyArray<typeof RateLimit.Encoded>) => string
