declare const DatabaseUnavailable_base: Schema.Class<
  DatabaseUnavailable,
  Schema.TaggedStruct<
    "DatabaseUnavailable",
    {
      readonly found: Schema.String
      readonly advice: Schema.String
    }
  >,
  import("effect/Cause").YieldableError
>

export declare class DatabaseUnavailable extends DatabaseUnavailable_base {
  get message(): string
}
