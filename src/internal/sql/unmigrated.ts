/** Finds tables and columns that the database lacks because some migrations haven't run. */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { SqlClient } from "effect/sql/SqlClient"
import type { SqlError } from "effect/sql/SqlError"
import { madeColumns } from "./definitions.ts"
import { migrationNames } from "./migrations.ts"
import { type InvalidIdentifier, qualify, resolve, type TableOptions } from "./table.ts"

/**
 * The database lacks tables or columns of migrations, named as `table.column`. The database has fallen behind this version, or the application
 * doesn't run all migrations.
 * @category errors
 * @since 0.1.0
 */
export class MissingMigrations extends Schema.TaggedError<MissingMigrations>()("MissingMigrations", {
  table: Schema.String,
  migrations: Schema.Array(Schema.Struct({ name: Schema.String, columns: Schema.Array(Schema.String) })),
  /** The number of migrations that make columns. */
  count: Schema.Int,
}) {
  override get message(): string {
    const names = this.migrations.map(({ name, columns }) => `${name} (${columns.join(", ")})`)
    return this.migrations.length === this.count
      ? `There is no table ${this.table} for API keys: run Migrations.migrate or effect-api-key migrate, or mount all of Migrations.migrations() among your own`
      : `The database lacks what migrations of effect-api-key make: ${names.join("; ")}. Run Migrations.migrate or effect-api-key migrate (with --repair if they have run, and a table was dropped since), or mount them among your own`
  }
}

export const findUnmigrated = (
  options: TableOptions = {},
): Effect.Effect<MissingMigrations | undefined, SqlError | InvalidIdentifier, SqlClient> =>
  Effect.gen(function* () {
    const { table, schema, qualified } = yield* resolve(options)
    const sql = (yield* SqlClient).withoutTransforms()
    const made = madeColumns.map((column) => ({ ...column, relation: qualify(schema, table + column.table) }))
    const rows = yield* sql<{ position: number }>`
      SELECT position::int4 AS position
      FROM unnest(${made.map(({ relation }) => relation)}::text[], ${made.map(({ name }) => name)}::text[])
        WITH ORDINALITY AS made (relation, name, position)
      WHERE NOT EXISTS (
        SELECT FROM pg_attribute WHERE attrelid = to_regclass(made.relation) AND attname = made.name AND attnum > 0 AND NOT attisdropped
      )`
    if (rows.length === 0) return undefined
    const positions = new Set(rows.map(({ position }) => position - 1))
    const missing = made.filter((_, position) => positions.has(position))
    const migrations = migrationNames.flatMap((name) => {
      const columns = missing.flatMap((column) => (column.since === name ? [`${table}${column.table}.${column.name}`] : []))
      return columns.length === 0 ? [] : [{ name, columns }]
    })
    return new MissingMigrations({
      table: qualified,
      migrations,
      count: new Set(made.map(({ since }) => since)).size,
    })
  })

/** The table in which the migrations that ran are counted. */
export const logOf = (options: TableOptions, table: string): string =>
  options.table === undefined ? "effect_api_key_migrations" : `${table}_migrations`

/**
 * Whether the table of keys is there without the list of its migrations. An application that runs our migrations among its own has no such list.
 */
export const isMountedElsewhere = (options: TableOptions = {}): Effect.Effect<boolean, SqlError | InvalidIdentifier, SqlClient> =>
  Effect.gen(function* () {
    const { table, schema, qualified } = yield* resolve(options)
    const sql = (yield* SqlClient).withoutTransforms()
    const [found] = yield* sql<{ is_mounted: boolean }>`
      SELECT to_regclass(${qualified}) IS NOT NULL AND to_regclass(${qualify(schema, logOf(options, table))}) IS NULL AS is_mounted`
    return found?.is_mounted === true
  })
