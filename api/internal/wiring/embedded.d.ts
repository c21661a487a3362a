declare const DataDirError_base: Schema.Class<
  DataDirError,
  Schema.TaggedStruct<
    "DataDirError",
    {
      readonly reason: Schema.String
    }
  >,
  import("effect/Cause").YieldableError
>

export declare class DataDirError extends DataDirError_base {
  get message(): string
}
