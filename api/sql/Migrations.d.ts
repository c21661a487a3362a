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

// internal/sql/migrations.d.ts
export declare const statements: {
  readonly "0001_create_api_keys": typeof createApiKeys
  readonly "0002_announce_changes": typeof announceChanges
  readonly "0003_rotate_tokens": typeof rotateTokens
  readonly "0004_note_deactivation": typeof noteDeactivation
  readonly "0006_remember_reports": typeof rememberReports
  readonly "0008_note_peppers": typeof notePeppers
  readonly "0009_keep_policies": typeof keepPolicies
}

export type MigrationName = keyof typeof statements

// internal/sql/migrations/0001_create_api_keys.d.ts
export declare const createApiKeys: ({ table, qualified }: Table) => ReadonlyArray<string>

// internal/sql/migrations/0002_announce_changes.d.ts
export declare const announceChanges: ({ table, qualified, nodes, tell }: Table) => ReadonlyArray<string>

// internal/sql/migrations/0003_rotate_tokens.d.ts
export declare const rotateTokens: ({ table, qualified, tell }: Table) => ReadonlyArray<string>

// internal/sql/migrations/0004_note_deactivation.d.ts
export declare const noteDeactivation: ({ qualified }: Table) => ReadonlyArray<string>

// internal/sql/migrations/0006_remember_reports.d.ts
export declare const rememberReports: ({ reports }: Table) => ReadonlyArray<string>

// internal/sql/migrations/0008_note_peppers.d.ts
export declare const notePeppers: ({ peppers }: Table) => ReadonlyArray<string>

// internal/sql/migrations/0009_keep_policies.d.ts
export declare const keepPolicies: ({ table, qualified, tell }: Table) => ReadonlyArray<string>

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

export interface Table {
  readonly table: string
  readonly schema: string | undefined
  readonly qualified: string
  readonly nodes: string
  readonly reports: string
  readonly peppers: string
  readonly tell: string
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
