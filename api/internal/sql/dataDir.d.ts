declare const ForeignDataDir_base: Schema.Class<
  ForeignDataDir,
  Schema.TaggedStruct<
    "ForeignDataDir",
    {
      readonly dataDir: Schema.String
      readonly entries: Schema.$Array<Schema.String>
    }
  >,
  import("effect/Cause").YieldableError
>

export declare class ForeignDataDir extends ForeignDataDir_base {
  get found(): string
  get advice(): string
  get message(): string
}

declare const DamagedDataDir_base: Schema.Class<
  DamagedDataDir,
  Schema.TaggedStruct<
    "DamagedDataDir",
    {
      readonly dataDir: Schema.String
      readonly reason: Schema.String
      readonly otherVersion: Schema.optionalKey<Schema.String>
    }
  >,
  import("effect/Cause").YieldableError
>

export declare class DamagedDataDir extends DamagedDataDir_base {
  get found(): string
  get advice(): string
  get message(): string
}

declare const DataDirUnusable_base: Schema.Class<
  DataDirUnusable,
  Schema.TaggedStruct<
    "DataDirUnusable",
    {
      readonly dataDir: Schema.String
      readonly reason: Schema.String
    }
  >,
  import("effect/Cause").YieldableError
>

export declare class DataDirUnusable extends DataDirUnusable_base {
  get found(): string
  get advice(): string
  get message(): string
}

export type DataDirProblem = ForeignDataDir | DamagedDataDir | DataDirUnusable
