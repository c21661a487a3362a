/**
 * Creates the table of API keys and what tells every node of its changes. {@link layer} does it when the program starts;
 * {@link migrations} is for an application that runs the migrations together with its own.
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
 * Effect's migrator counts in whole numbers and passes over those below the last one that ran, so an application with migrations of
 * its own gives each of these the next free number:
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
 * })
 * ```
 *
 * The schema has to exist then. {@link check} tells whether all of them are there.
 *
 * `0001_create_api_keys` makes the table. All text is collated "C", so the database's locale changes nothing. Each look-up and each sort order has
 * an index, except a search for part of a name: no index of PostgreSQL's own serves it, so it reads every key that passes the other
 * filters. `pg_trgm` isn't required, as it often isn't allowed.
 *
 * `0002_announce_changes` makes the triggers that tell the nodes of every change, one by hand in psql too, with `NOTIFY` once it is
 * committed; and the table `<table>_nodes`, in which nodes register. A change of nothing but `last_used_at` isn't told. Transactions
 * that change keys commit one at a time from then on, and can't be prepared for a commit in two phases: so it is with `NOTIFY`. What
 * is done while triggers are disabled isn't told.
 *
 * `0003_rotate_tokens` adds what a record knows of its previous token, and tells changes by that token's key id too. Nodes of the version
 * before go on working afterwards, but don't know previous tokens: rotate once all are new. While it builds an index over the whole table,
 * a second for some million keys, nobody reads or writes it.
 *
 * `0004_note_deactivation` adds when and why a key was deactivated.
 *
 * `0006_remember_reports` makes the table `<table>_reports` of the reports of leaks that were carried out, lest one that is sent again end a
 * key that was activated since. It grows by a row for each leaked token of a report, and nothing is deleted from it.
 *
 * `0008_note_peppers` makes the table `<table>_peppers`, by which a pepper is known again that hashes were made under.
 *
 * `0009_keep_policies` adds the column `policies`. Changes of any column but `last_used_at` and `previous_last_used_at` are told from then on,
 * of one that an application adds too. Nodes of the version before go on working afterwards, but know no policies and let keys with some through: give
 * the first key a policy once all are new.
 * @category migrations
 * @since 0.1.0
 */
export const migrations = (options: TableOptions = {}): Readonly<Record<MigrationName, Migration>> =>
  map(statements, (each) => run(options, each))

/**
 * Runs the migrations that haven't run yet, in one transaction, and gives those that did.
 *
 * They are counted in `effect_api_key_migrations`, or in `<table>_migrations` for another table than `api_keys`. The schema is created
 * if it is missing. Nodes that start together wait for each other.
 *
 * Where the table is there without that list, an application runs the migrations among its own: nothing is run then, and a database that
 * lacks what some of them make is a `MigrationError` of the kind `BadState`, which names them.
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
 * {@link migrate}, before what depends on the table starts.
 * @category layers
 * @since 0.1.0
 */
export const layer = (options: TableOptions = {}): Layer.Layer<never, Migrator.MigrationError | SqlError | InvalidIdentifier, SqlClient> =>
  Layer.effectDiscard(migrate(options))

/**
 * Fails if the database lacks a table or column that a migration makes, and names both. `SqlRepository`'s layers look by themselves when they
 * are built; this is for a look before that, in a test of the application's own migrations say.
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
 * Indexes and triggers that somebody has taken away aren't looked for: `effect-api-key doctor` does that.
 * @category migrations
 * @since 0.1.0
 */
export const check = (options: TableOptions = {}): Effect.Effect<void, MissingMigrations | SqlError | InvalidIdentifier, SqlClient> =>
  Effect.flatMap(findUnmigrated(options), (missing) => (missing === undefined ? Effect.void : Effect.fail(missing)))

/**
 * {@link check}, before what depends on the tables starts.
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
