// Stores and migrations: a table of your own, the package's migrations among an application's, and nodes that hear of each other.
// Here on a database in memory; on PostgreSQL `PgClient.layer` takes the place of `Pglite.layer`, and `layerPostgres` that of `layerPglite`.
// Run it with `npm run build && npx node examples/stores.ts`.
import { Console, Effect, Layer } from "effect"
import { ApiKeys } from "effect-api-key"
import * as Hmac from "effect-api-key/hasher/Hmac"
import * as Invalidation from "effect-api-key/sql/Invalidation"
import * as Migrations from "effect-api-key/sql/Migrations"
import * as Pglite from "effect-api-key/sql/Pglite"
import * as SqlRepository from "effect-api-key/sql/SqlRepository"
import { Migrator, SqlClient } from "effect/sql"

// 1. A table by itself: the package runs its own migrations.
const partners = { schema: "partners", table: "keys" }
const ownTable = Effect.gen(function* () {
  yield* Console.log((yield* Migrations.migrate(partners)).length > 0) // => true
  // Those that ran already don't run again.
  yield* Console.log((yield* Migrations.migrate(partners)).length) // => 0
})

// 2. Among an application's: each gets the next number that is free there, and keeps it.
const users = SqlClient.SqlClient.use((sql) => Effect.asVoid(sql`CREATE TABLE users (id text PRIMARY KEY)`))
const keys = Migrations.migrations()
const appMigrations = Migrator.make({})({
  loader: Migrator.fromRecord({
    "0001_users": users,
    "0002_api_keys": keys["0001_create_api_keys"],
    "0003_announce_api_keys": keys["0002_announce_changes"],
    "0004_rotate_api_keys": keys["0003_rotate_tokens"],
    "0005_note_deactivated_api_keys": keys["0004_note_deactivation"],
    "0006_remember_reports_of_api_keys": keys["0006_remember_reports"],
    "0007_note_peppers_of_api_keys": keys["0008_note_peppers"],
    "0008_keep_policies_of_api_keys": keys["0009_keep_policies"],
    "0009_note_seals_of_api_keys": keys["0010_note_seals"],
    "0010_index_kinds_of_api_keys": keys["0011_index_kinds"],
    "0011_index_idle_timeouts_of_api_keys": keys["0012_index_idle_timeouts"],
    "0012_keep_meters_of_api_keys": keys["0013_keep_meters"],
  }),
})
const amongOthers = Effect.gen(function* () {
  const missing = yield* Effect.flip(Migrations.check())
  yield* Console.log(missing._tag) // => MissingMigrations
  yield* appMigrations
  yield* Migrations.check()
})

// The repository and the nodes' channel are of the same table.
const keysOf = (table: Migrations.TableOptions) =>
  ApiKeys.layer.pipe(
    Layer.provide([SqlRepository.layerWith(table), Invalidation.layerPglite(table), Hmac.layerConfig]),
    Layer.provide(Migrations.layerCheck(table)),
  )

// A key and what it is for are there together, or neither is.
const signUp = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  const apiKeys = yield* ApiKeys.ApiKeys
  const create = apiKeys.create({ name: "first key", ownerId: "acme" })
  yield* sql.withTransaction(Effect.andThen(sql`INSERT INTO users (id) VALUES ('acme')`, create))
  yield* sql.withTransaction(Effect.andThen(create, sql`INSERT INTO users (id) VALUES ('acme')`)).pipe(Effect.ignore)
  yield* Console.log(yield* apiKeys.count()) // => 1
})

const program = Effect.gen(function* () {
  yield* ownTable
  yield* amongOthers
  yield* Effect.provide(signUp, keysOf({}))
  const inPartners = yield* ApiKeys.ApiKeys.use((apiKeys) => apiKeys.count()).pipe(Effect.provide(keysOf(partners)))
  yield* Console.log(inPartners) // => 0
})

await Effect.runPromise(Effect.provide(program, Pglite.layer()))
