import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Migrator from "effect/sql/Migrator"
import { SqlClient } from "effect/sql/SqlClient"
import { SqlError } from "effect/sql/SqlError"
import * as Schema from "effect/Schema"
declare const columnsMade: {
  readonly "0001_create_api_keys": {
    readonly "": {
      readonly id: "uuid PRIMARY KEY"
      readonly key_id: 'text COLLATE "C" NOT NULL UNIQUE'
      readonly hash: 'text COLLATE "C" NOT NULL'
      readonly prefix: 'text COLLATE "C" NOT NULL'
      readonly name: 'text COLLATE "C" NOT NULL'
      readonly name_lower: 'text COLLATE "C" NOT NULL'
      readonly description: 'text COLLATE "C"'
      readonly owner_id: 'text COLLATE "C"'
      readonly scopes: 'text[] COLLATE "C" NOT NULL'
      readonly metadata: "jsonb NOT NULL"
      readonly is_active: "boolean NOT NULL"
      readonly expires_at: "timestamptz(3)"
      readonly created_at: "timestamptz(3) NOT NULL"
      readonly updated_at: "timestamptz(3) NOT NULL"
      readonly last_used_at: "timestamptz(3)"
      readonly hint: 'text COLLATE "C" NOT NULL'
      readonly version: "integer NOT NULL"
    }
  }
  readonly "0002_announce_changes": {
    readonly _nodes: {
      readonly node: 'text COLLATE "C" PRIMARY KEY'
      readonly live_until: "timestamptz NOT NULL"
    }
  }
  readonly "0003_rotate_tokens": {
    readonly "": {
      readonly rotated_at: "timestamptz(3)"
      readonly previous_key_id: 'text COLLATE "C"'
      readonly previous_hash: 'text COLLATE "C"'
      readonly previous_hint: 'text COLLATE "C"'
      readonly previous_expires_at: "timestamptz(3)"
      readonly previous_grace_seconds: "integer"
      readonly previous_last_used_at: "timestamptz(3)"
    }
  }
  readonly "0004_note_deactivation": {
    readonly "": {
      readonly deactivated_at: "timestamptz(3)"
      readonly deactivation_reason: 'text COLLATE "C"'
    }
  }
  readonly "0006_remember_reports": {
    readonly _reports: {
      readonly report: 'text COLLATE "C" PRIMARY KEY'
      readonly handled_at: "timestamptz(3) NOT NULL"
    }
  }
  readonly "0008_note_peppers": {
    readonly _peppers: {
      readonly start: 'text COLLATE "C" PRIMARY KEY'
      readonly value: 'text COLLATE "C" NOT NULL'
      readonly is_assumed: "boolean NOT NULL"
      readonly noted_at: "timestamptz(3) NOT NULL"
    }
  }
}
type MigrationName = keyof typeof columnsMade
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
