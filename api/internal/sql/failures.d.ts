declare const StoreFailure_base: Schema.Class<
  StoreFailure,
  Schema.TaggedStruct<
    "StoreFailure",
    {
      readonly reason: Schema.String
      readonly sqlState: Schema.NullOr<Schema.String>
      readonly description: Schema.String
    }
  >,
  import("effect/Cause").YieldableError
>

export declare class StoreFailure extends StoreFailure_base {
  get message(): string
}
