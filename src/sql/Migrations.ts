/**
 * Creates the table of API keys and the triggers that announce its changes. {@link layer} runs the migrations when the program starts.
 * {@link migrations} is for an application that runs ours together with its own.
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { map } from "effect/Record"
import * as Migrator from "effect/sql/Migrator"
import { SqlClient } from "effect/sql/SqlClient"
import type { SqlError } from "effect/sql/SqlError"
import { type MigrationName, statements } from "../internal/sql/migrations.ts"
import { findUnmigrated, isMountedElsewhere, logOf, type MissingMigrations } from "../internal/sql/unmigrated.ts"
import { type InvalidIdentifier, resolve, type Table, type TableOptions } from "../internal/sql/table.ts"

export { InvalidIdentifier, type TableOptions } from "../internal/sql/table.ts"
export { MissingMigrations } from "../internal/sql/unmigrated.ts"

/** @category models @since 0.1.0 */
export type Migration = Effect.Effect<void, SqlError | InvalidIdentifier, SqlClient>

/**
 * The migrations as data, for `Migrator.fromRecord`.
 *
 * Effect's migrator skips numbers below the last number that ran. An application with migrations of its own gives each of ours the next free
 * number:
 *
 * ```ts
 * import { Effect } from "effect"
 * import * as Migrations from "effect-api-key/sql/Migrations"
 * import { Migrator, SqlClient } from "effect/sql"
 *
 * const users = SqlClient.SqlClient.use((sql) => Effect.asVoid(sql`CREATE TABLE users (id text PRIMARY KEY)`))
 *
 * const loader = Migrator.fromRecord({
 *   "0001_users": users,
 *   "0002_api_keys": Migrations.migrations()["0001_create_api_keys"],
 *   "0003_announce_api_keys": Migrations.migrations()["0002_announce_changes"],
 *   "0004_rotate_api_keys": Migrations.migrations()["0003_rotate_tokens"],
 *   "0005_note_deactivated_api_keys": Migrations.migrations()["0004_note_deactivation"],
 *   "0006_remember_reports_of_api_keys": Migrations.migrations()["0006_remember_reports"],
 *   "0007_note_peppers_of_api_keys": Migrations.migrations()["0008_note_peppers"],
 *   "0008_keep_policies_of_api_keys": Migrations.migrations()["0009_keep_policies"],
 *   "0009_note_seals_of_api_keys": Migrations.migrations()["0010_note_seals"],
 *   "0010_index_kinds_of_api_keys": Migrations.migrations()["0011_index_kinds"],
 *   "0011_index_idle_timeouts_of_api_keys": Migrations.migrations()["0012_index_idle_timeouts"],
 *   "0012_keep_meters_of_api_keys": Migrations.migrations()["0013_keep_meters"],
 * })
 * ```
 *
 * The schema has to exist then. {@link check} fails if one of them hasn't run.
 *
 * `0001_create_api_keys` makes the table. All text is collated "C", so the database's locale changes nothing. Each look-up and each sort order
 * has an index, except a search for part of a name. No index of PostgreSQL's own serves such a search, so every key that passes the other
 * filters is read. `pg_trgm` isn't required, as many databases don't allow the extension.
 *
 * `0002_announce_changes` makes the triggers that announce every committed change by `NOTIFY`, also a change by hand in psql. The table
 * `<table>_nodes`, in which nodes register, comes with the same migration. A change of `last_used_at` alone isn't announced, and neither are
 * changes while triggers are disabled. `NOTIFY` makes transactions that change keys commit one at a time. Such transactions can't be prepared
 * for a commit in two phases.
 *
 * `0003_rotate_tokens` adds the columns of a previous token, and announces changes by its key id too. Nodes of the version before go on working
 * afterwards, but don't know previous tokens: rotate once all nodes are new. The table is locked while an index over it is built, a second
 * for some million keys.
 *
 * `0004_note_deactivation` adds the time and reason of a deactivation.
 *
 * `0006_remember_reports` makes the table `<table>_reports` of the reports of leaks that were carried out. A report that is sent again must not
 * end a key that was activated since. The table grows by a row for each leaked token of a report, and no row is deleted.
 *
 * `0008_note_peppers` makes the table `<table>_peppers`, which recognises the peppers of the hashes.
 *
 * `0009_keep_policies` adds the column `policies`. From then on changes of all columns but `last_used_at` and `previous_last_used_at` are
 * announced, also of columns that an application adds. Nodes of the version before go on working afterwards, but ignore policies. Give the first
 * key a policy once all nodes are new.
 *
 * `0010_note_seals` adds the ids of the keys that sealed a record's tokens. Nodes of the version before go on working beside it.
 *
 * `0011_index_kinds` makes two indexes, by which a start learns what hashes and seals there are without reading each key. Changes wait while they are
 * built, some 8 seconds for a million keys. `CREATE INDEX CONCURRENTLY` with the same names, `<table>_kind_idx` and `<table>_previous_kind_idx`, may
 * build them before, and no change waits. Without them a start reads each key, as before.
 *
 * `0012_index_idle_timeouts` makes an index of keys with the policy `idleTimeout`, by which `upcoming` finds the keys that become idle. Other keys
 * have no entry in it. Changes wait while the table is read once. Without the index `upcoming` reads each key.
 *
 * `0013_keep_meters` makes the tables `<table>_meters` and `<table>_meter_changes`, and the function `<table>_lease`. They keep the balances of
 * quotas, and those of rate limits, which nodes of this version share. A program whose role isn't the owner of the tables needs SELECT, INSERT,
 * UPDATE and DELETE on both. Nodes of the version before go on working beside it, but count rate limits by themselves, and refuse keys with quotas.
 * @category migrations
 * @since 0.1.0
 */
export const migrations = (options: TableOptions = {}): Readonly<Record<MigrationName, Migration>> =>
  map(statements, (each) => run(options, each))

/**
 * Runs the migrations that haven't run yet, in one transaction, and gives their numbers and names.
 *
 * The migrations are counted in `effect_api_key_migrations`, or in `<table>_migrations` for another table than `api_keys`. A missing schema is
 * created. Nodes that start together wait for each other.
 *
 * A table without that list means that an application runs the migrations among its own. Then none is run here, and missing ones fail with a
 * `MigrationError` of the kind `BadState`, which names them.
 * @category migrations
 * @since 0.1.0
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import * as Migrations from "effect-api-key/sql/Migrations"
 *
 * // In a step of the deployment, by a user who may create tables.
 * const program = Migrations.migrate().pipe(Effect.tap((ran) => Effect.logInfo(`${ran.length} migrations have run`)))
 * ```
 */
export const migrate = (
  options: TableOptions = {},
): Effect.Effect<ReadonlyArray<readonly [id: number, name: string]>, Migrator.MigrationError | SqlError | InvalidIdentifier, SqlClient> =>
  Effect.gen(function* () {
    const { table, schema } = yield* resolve(options)
    // The application's client may rename tables and columns.
    const sql = (yield* SqlClient).withoutTransforms()
    const run = Migrator.make({})({
      loader: Migrator.fromRecord(migrations(options)),
      table: schema === undefined ? logOf(options, table) : `${schema}.${logOf(options, table)}`,
    }).pipe(Effect.provideService(SqlClient, sql))
    return yield* sql.withTransaction(
      Effect.gen(function* () {
        yield* sql`SELECT pg_advisory_xact_lock(hashtext('effect-api-key migrations'))`
        if (schema !== undefined) yield* createSchema(sql, schema)
        if (!(yield* isMountedElsewhere(options))) return yield* run
        yield* Effect.catchTag(check(options), "MissingMigrations", (missing) =>
          Effect.fail(new Migrator.MigrationError({ kind: "BadState", message: missing.message, cause: missing })),
        )
        return []
      }),
    )
  })

/**
 * {@link migrate}, before the layers that depend on the table.
 * @category layers
 * @since 0.1.0
 */
export const layer = (options: TableOptions = {}): Layer.Layer<never, Migrator.MigrationError | SqlError | InvalidIdentifier, SqlClient> =>
  Layer.effectDiscard(migrate(options))

/**
 * Fails if the database lacks a table or column that a migration makes, and names both. `SqlRepository`'s layers check the database when built.
 * The function is for an earlier check, such as in a test of the application's own migrations.
 *
 * ```ts
 * import { Layer } from "effect"
 * import * as Migrations from "effect-api-key/sql/Migrations"
 * import * as SqlRepository from "effect-api-key/sql/SqlRepository"
 * import type { SqlClient } from "effect/sql"
 *
 * declare const appMigrations: Layer.Layer<never, never, SqlClient.SqlClient>
 *
 * const live = SqlRepository.layer.pipe(Layer.provide(Migrations.layerCheck()), Layer.provide(appMigrations))
 * ```
 *
 * Removed indexes and triggers aren't found: `effect-api-key doctor` finds them.
 * @category migrations
 * @since 0.1.0
 */
export const check = (options: TableOptions = {}): Effect.Effect<void, MissingMigrations | SqlError | InvalidIdentifier, SqlClient> =>
  Effect.flatMap(findUnmigrated(options), (missing) => (missing === undefined ? Effect.void : Effect.fail(missing)))

/**
 * {@link check}, before the layers that depend on the tables.
 * @category layers
 * @since 0.1.0
 */
export const layerCheck = (options: TableOptions = {}): Layer.Layer<never, MissingMigrations | SqlError | InvalidIdentifier, SqlClient> =>
  Layer.effectDiscard(check(options))

// `CREATE SCHEMA IF NOT EXISTS` asks for the right to create schemas even where it does nothing.
const createSchema = (sql: SqlClient, schema: string): Effect.Effect<void, SqlError> =>
  Effect.flatMap(sql`SELECT 1 FROM pg_namespace WHERE nspname = ${schema}`, (found) =>
    found.length > 0 ? Effect.void : Effect.asVoid(sql`CREATE SCHEMA IF NOT EXISTS ${sql.literal(`"${schema}"`)}`),
  )

const run = (options: TableOptions, statements: (names: Table) => ReadonlyArray<string>): Migration =>
  Effect.gen(function* () {
    const names = yield* resolve(options)
    const sql = (yield* SqlClient).withoutTransforms()
    for (const statement of statements(names)) yield* sql`${sql.literal(statement)}`
  })
