declare const MissingMigrations_base: Schema.Class<
  MissingMigrations,
  Schema.TaggedStruct<
    "MissingMigrations",
    {
      readonly table: Schema.String
      readonly migrations: Schema.$Array<
        Schema.Struct<{
          readonly name: Schema.String
          readonly columns: Schema.$Array<Schema.String>
        }>
      >
      readonly count: Schema.Int
    }
  >,
  import("effect/Cause").YieldableError
>

export declare class MissingMigrations extends MissingMigrations_base {
  get message(): string
}
