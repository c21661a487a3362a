declare const InvalidOptions_base: Schema.Class<
  InvalidOptions,
  Schema.TaggedStruct<
    "InvalidOptions",
    {
      readonly reason: Schema.String
    }
  >,
  import("effect/Cause").YieldableError
>

export declare class InvalidOptions extends InvalidOptions_base {
  get message(): string
}
