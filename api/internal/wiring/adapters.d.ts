declare const AdapterOptionMissing_base: Schema.Class<
  AdapterOptionMissing,
  Schema.TaggedStruct<
    "AdapterOptionMissing",
    {
      readonly adapter: Schema.String
      readonly variable: Schema.String
      readonly expected: Schema.String
    }
  >,
  import("effect/Cause").YieldableError
>

export declare class AdapterOptionMissing extends AdapterOptionMissing_base {
  get message(): string
}
