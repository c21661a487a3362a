import * as Layer from "effect/Layer"
import { SqlClient } from "effect/sql/SqlClient"
import { ApiKeyRepository } from "../ApiKeyRepository.ts"
import * as Schema from "effect/Schema"
interface TableOptions {
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
export declare const layerWith: (options: TableOptions) => Layer.Layer<ApiKeyRepository, InvalidIdentifier | MissingMigrations, SqlClient>
export declare const layer: Layer.Layer<ApiKeyRepository, MissingMigrations, SqlClient>
export type { TableOptions }
