import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Migrator from "effect/sql/Migrator"
import { SqlClient } from "effect/sql/SqlClient"
import { SqlError } from "effect/sql/SqlError"
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
interface Table {
  readonly table: string
  readonly schema: string | undefined
  readonly qualified: string
  readonly nodes: string
  readonly reports: string
  readonly peppers: string
  readonly tell: string
}
declare const announceChanges: ({ table, qualified, nodes, tell }: Table) => ReadonlyArray<string>
declare const createApiKeys: ({ table, qualified }: Table) => ReadonlyArray<string>
declare const keepPolicies: ({ table, qualified, tell }: Table) => ReadonlyArray<string>
declare const noteDeactivation: ({ qualified }: Table) => ReadonlyArray<string>
declare const notePeppers: ({ peppers }: Table) => ReadonlyArray<string>
declare const rememberReports: ({ reports }: Table) => ReadonlyArray<string>
declare const rotateTokens: ({ table, qualified, tell }: Table) => ReadonlyArray<string>
declare const statements: {
  readonly "0001_create_api_keys": typeof createApiKeys
  readonly "0002_announce_changes": typeof announceChanges
  readonly "0003_rotate_tokens": typeof rotateTokens
  readonly "0004_note_deactivation": typeof noteDeactivation
  readonly "0006_remember_reports": typeof rememberReports
  readonly "0008_note_peppers": typeof notePeppers
  readonly "0009_keep_policies": typeof keepPolicies
}
type MigrationName = keyof typeof statements
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
export type { TableOptions }
