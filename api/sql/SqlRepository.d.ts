import * as Layer from "effect/Layer"
import { SqlClient } from "effect/sql/SqlClient"
import { ApiKeyRepository } from "../ApiKeyRepository.ts"
import { type InvalidIdentifier, type TableOptions } from "../internal/sql/table.ts"
import { type MissingMigrations } from "../internal/sql/unmigrated.ts"
export { StoreFailure } from "../internal/sql/failures.ts"
export { InvalidIdentifier, type TableOptions } from "../internal/sql/table.ts"
export { MissingMigrations } from "../internal/sql/unmigrated.ts"
export declare const layerWith: (options: TableOptions) => Layer.Layer<ApiKeyRepository, InvalidIdentifier | MissingMigrations, SqlClient>
export declare const layer: Layer.Layer<ApiKeyRepository, MissingMigrations, SqlClient>

// internal/sql/failures.d.ts
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

// internal/sql/table.d.ts
export interface TableOptions {
  readonly table?: string | undefined
  readonly schema?: string | undefined
}

declare const InvalidIdentifier_base: Schema.Class<
  InvalidIdentifier,
  Schema.TaggedStruct<
    "InvalidIdentifier",
    {
      readonly identifier: Schema.String
    }
  >,
  import("effect/Cause").YieldableError
>

export declare class InvalidIdentifier extends InvalidIdentifier_base {
  get message(): string
}

// internal/sql/unmigrated.d.ts
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
