import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Migrator from "effect/sql/Migrator"
import { SqlClient } from "effect/sql/SqlClient"
import type { SqlError } from "effect/sql/SqlError"
import { type MigrationName } from "../internal/sql/migrations.ts"
import { type MissingMigrations } from "../internal/sql/unmigrated.ts"
import { type InvalidIdentifier, type TableOptions } from "../internal/sql/table.ts"
export { InvalidIdentifier, type TableOptions } from "../internal/sql/table.ts"
export { MissingMigrations } from "../internal/sql/unmigrated.ts"
export type Migration = Effect.Effect<void, SqlError | InvalidIdentifier, SqlClient>
export declare const migrations: (options?: TableOptions) => Readonly<Record<MigrationName, Migration>>
export declare const migrate: (
  options?: TableOptions,
) => Effect.Effect<ReadonlyArray<readonly [id: number, name: string]>, Migrator.MigrationError | SqlError | InvalidIdentifier, SqlClient>
export declare const layer: (
  options?: TableOptions,
) => Layer.Layer<never, Migrator.MigrationError | SqlError | InvalidIdentifier, SqlClient>
export declare const check: (options?: TableOptions) => Effect.Effect<void, MissingMigrations | SqlError | InvalidIdentifier, SqlClient>
export declare const layerCheck: (options?: TableOptions) => Layer.Layer<never, MissingMigrations | SqlError | InvalidIdentifier, SqlClient>
