import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import type * as Migrator from "effect/sql/Migrator"
import * as SqlClient from "effect/sql/SqlClient"
import * as SqlError from "effect/sql/SqlError"
import type { ApiKeyRepository } from "../ApiKeyRepository.ts"
import { type DataDirProblem } from "../internal/sql/dataDir.ts"
import { PgliteClient } from "../internal/sql/PgliteClient.ts"
import * as SqlRepository from "./SqlRepository.ts"
export { DamagedDataDir, type DataDirProblem, DataDirUnusable, ForeignDataDir } from "../internal/sql/dataDir.ts"
export { type Notification, PgliteClient } from "../internal/sql/PgliteClient.ts"
declare const DataDirLocked_base: Schema.Class<
  DataDirLocked,
  Schema.TaggedStruct<
    "DataDirLocked",
    {
      readonly dataDir: Schema.String
    }
  >,
  import("effect/Cause").YieldableError
>
export declare class DataDirLocked extends DataDirLocked_base {
  get message(): string
}
declare const PgliteUnavailable_base: Schema.Class<
  PgliteUnavailable,
  Schema.TaggedStruct<
    "PgliteUnavailable",
    {
      readonly cause: Schema.Defect
    }
  >,
  import("effect/Cause").YieldableError
>
export declare class PgliteUnavailable extends PgliteUnavailable_base {
  get message(): string
}
export type PgliteError = DataDirLocked | DataDirProblem | PgliteUnavailable
export interface PgliteOptions {
  readonly dataDir?: string | undefined
}
export declare const layer: (options?: PgliteOptions) => Layer.Layer<PgliteClient | SqlClient.SqlClient, PgliteError>
export declare const layerPglite: (
  options?: PgliteOptions,
) => Layer.Layer<ApiKeyRepository, PgliteError | SqlError.SqlError | Migrator.MigrationError | SqlRepository.MissingMigrations>
