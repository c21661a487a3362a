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
