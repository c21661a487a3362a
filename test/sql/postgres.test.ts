/** The repository on real PostgreSQL, through the client an application would have. */
import { inspect } from "node:util"
import * as PgClient from "@effect/sql-pg/PgClient"
import { assert, describe, layer as describeWith, it } from "@effect/vitest"
import { DateTime, Effect, Exit, Layer, Option, Redacted, Stream, String } from "effect"
import { Migrator, SqlClient, Statement } from "effect/sql"
import { TestConsole } from "effect/testing"
import { ApiKeyRepository, type Filter, type Sort } from "../../src/ApiKeyRepository.ts"
import * as Migrations from "../../src/sql/Migrations.ts"
import * as SqlRepository from "../../src/sql/SqlRepository.ts"
import { makeStoredApiKey, repositoryContract } from "../../src/testing.ts"
import { layerDropSchema, layerPostgres, randomSchema, startPostgres } from "../support/postgres.ts"

const migrated = SqlRepository.layer.pipe(Layer.provideMerge(Migrations.layer()))

repositoryContract("PostgreSQL", migrated.pipe(Layer.provide(layerPostgres())))

// An application that writes camelCase, on a table of another name in a schema that isn't there yet.
const place = { schema: "Keys", table: "issued_keys" }
repositoryContract(
  "PostgreSQL with the application's transforms",
  SqlRepository.layerWith(place).pipe(
    Layer.provide(Migrations.layer(place)),
    Layer.provide(layerPostgres({ transformQueryNames: String.camelToSnake, transformResultNames: String.snakeToCamel })),
  ),
)

// ICU's order isn't that of bytes.
repositoryContract(
  "PostgreSQL with a German collation",
  migrated.pipe(Layer.provide(Layer.unwrap(Effect.map(startPostgres({ locale: "de-DE" }), (url) => PgClient.layer({ url }))))),
)

// Each changes what a literal, an array or an instant written as text means.
const oddSettings = {
  standard_conforming_strings: "off",
  escape_string_warning: "off",
  backslash_quote: "off",
  array_nulls: "off",
  transform_null_equals: "on",
  DateStyle: "SQL, DMY",
  IntervalStyle: "sql_standard",
  TimeZone: "Asia/Kathmandu",
  timezone_abbreviations: "India",
  bytea_output: "escape",
  extra_float_digits: "-15",
  quote_all_identifiers: "on",
}
const layerOdd = Layer.unwrap(
  Effect.gen(function* () {
    const url = yield* startPostgres()
    yield* Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient
      for (const [name, value] of Object.entries(oddSettings)) {
        yield* sql`ALTER DATABASE postgres SET ${sql.literal(name)} = ${sql.literal(`'${value}'`)}`
      }
    }).pipe(Effect.provide(PgClient.layer({ url })))
    return PgClient.layer({ url })
  }),
)
repositoryContract("PostgreSQL with odd settings", migrated.pipe(Layer.provide(layerOdd)))

const databaseUrl = process.env["TEST_DATABASE_URL"]
if (databaseUrl !== undefined) {
  const options = { schema: randomSchema() }
  repositoryContract(
    "the PostgreSQL of TEST_DATABASE_URL",
    SqlRepository.layerWith(options).pipe(
      Layer.provide(Migrations.layer(options)),
      Layer.provide(layerDropSchema(options.schema)),
      Layer.provide(PgClient.layer({ url: Redacted.make(databaseUrl) })),
    ),
  )
}

describeWith(migrated.pipe(Layer.provideMerge(layerPostgres())))("SqlRepository on PostgreSQL", (it) => {
  it.effect("joins the application's transaction, which a taken key id doesn't abort", () =>
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient
      const repository = yield* ApiKeyRepository
      const taken = makeStoredApiKey()
      const first = makeStoredApiKey()
      const second = makeStoredApiKey()
      yield* repository.insert(taken)

      const rolledBack = yield* Effect.exit(sql.withTransaction(Effect.andThen(repository.insert(first), Effect.fail("no"))))
      assert.isTrue(Exit.isFailure(rolledBack))
      assert.isTrue(Option.isNone(yield* repository.findById(first.apiKey.id)))

      yield* sql.withTransaction(
        Effect.gen(function* () {
          assert.strictEqual(
            (yield* Effect.flip(repository.insert(makeStoredApiKey({ keyId: taken.apiKey.keyId }))))._tag,
            "DuplicateKeyId",
          )
          yield* repository.insert(second)
        }),
      )
      assert.isTrue(Option.isSome(yield* repository.findById(second.apiKey.id)))
    }),
  )

  it.effect("tells nothing of a hash in its errors", () =>
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient
      const repository = yield* ApiKeyRepository
      const key = makeStoredApiKey({ hash: "top-secret-hash" })
      yield* repository.insert(key)
      const again = makeStoredApiKey({ id: key.apiKey.id, hash: "top-secret-hash" })
      yield* sql`ALTER TABLE api_keys ADD CONSTRAINT nosy CHECK (hash <> 'other-secret-hash')`
      const unreadable = makeStoredApiKey({ hash: "top-secret-hash" })
      yield* repository.insert(unreadable)
      yield* sql`UPDATE api_keys SET key_id = 'not visible ' || chr(10) WHERE id = ${unreadable.apiKey.id}::uuid`
      const errors = [
        yield* Effect.flip(repository.insert(again)),
        yield* Effect.flip(repository.insert(makeStoredApiKey({ hash: "other-secret-hash" }))),
        yield* Effect.flip(repository.findById(unreadable.apiKey.id)),
      ]
      for (const error of errors) {
        assert.deepInclude(error, { _tag: "RepositoryError", isRetryable: false })
        assert.notInclude(inspect(error, { depth: 20, showHidden: true }), "secret-hash")
      }
      yield* sql`DELETE FROM api_keys WHERE id = ${unreadable.apiKey.id}::uuid`
      yield* sql`ALTER TABLE api_keys DROP CONSTRAINT nosy`
    }),
  )

  it.effect("finds an index for each look-up and each page among 100,000 keys", () =>
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient
      const repository = yield* ApiKeyRepository
      yield* sql`INSERT INTO api_keys (id, key_id, hash, prefix, name, name_lower, owner_id, scopes, metadata, is_active,
          expires_at, created_at, updated_at, last_used_at, hint, version)
        SELECT ('0191' || lpad(to_hex(i), 8, '0') || '7000' || '8000' || lpad(to_hex(i), 12, '0'))::uuid, 'bulk' || i, 'h', 'ak', 'name ' || i % 5000,
          'name ' || i % 5000, 'owner ' || i % 1000, ARRAY['s:' || i % 2000], '{}', true,
          CASE WHEN i % 3 = 0 THEN NULL ELSE timestamptz '2026-01-01Z' + i % 9000 * interval '1 minute' END,
          timestamptz '2026-01-01Z' + i % 50000 * interval '1 second', timestamptz '2026-01-01Z',
          CASE WHEN i % 3 = 1 THEN NULL ELSE timestamptz '2026-01-01Z' + i % 7000 * interval '1 minute' END, 'abcd', 1
        FROM generate_series(1, 100000) AS i`
      yield* sql`UPDATE api_keys SET policies = jsonb_build_object('idleTimeout', extract(second FROM created_at)::int || ' days') WHERE created_at < '2026-01-01T00:01Z'`
      yield* sql`ANALYZE api_keys`

      /** The plans of what an operation runs, without running the count of a page's total, which reads all that match. */
      const plansOf = <A, E>(operation: Effect.Effect<A, E>) =>
        Effect.gen(function* () {
          const statements: Array<Statement.Statement<unknown>> = []
          yield* operation.pipe(
            Effect.provideService(Statement.CurrentTransformer, (statement) =>
              Effect.sync(() => {
                statements.push(statement)
                return statement
              }),
            ),
          )
          const plans: Array<string> = []
          for (const statement of statements) {
            const [text, params] = statement.compile()
            const rows = yield* sql.unsafe<{ readonly "QUERY PLAN": string }>(`EXPLAIN ${text}`, params)
            plans.push(rows.map((row) => row["QUERY PLAN"]).join("\n"))
          }
          return plans.join("\n")
        })

      const some = (yield* repository.search({
        filter: { ownerId: "owner 7" },
        sort: { by: "createdAt", order: "asc" },
        limit: 1,
        page: { _tag: "Offset", offset: 0 },
      })).items[0]
      if (some === undefined) return assert.fail("no keys")

      const find = (filter: Filter) => plansOf(repository.count(filter))
      assert.match(yield* plansOf(repository.findById(some.id)), /api_keys_pkey/)
      assert.match(yield* plansOf(repository.findByKeyId(some.keyId)), /api_keys_key_id_key[^]*api_keys_previous_idx/)
      assert.match(yield* find({ startsWith: "0191b" }), /api_keys_key_id_key[^]*api_keys_previous_idx[^]*api_keys_pkey/)
      assert.match(yield* find({ ownerId: "owner 7" }), /api_keys_owner_idx/)
      assert.match(yield* find({ scopes: ["s:7"] }), /api_keys_scopes_idx/)
      assert.match(yield* plansOf(repository.touch([{ id: some.id, keyId: some.keyId, lastUsedAt: some.createdAt }])), /api_keys_pkey/)

      const indexes = {
        createdAt: { asc: "created_idx", desc: "created_idx" },
        tokenCreatedAt: { asc: "token_idx", desc: "token_idx" },
        name: { asc: "name_idx", desc: "name_idx" },
        lastUsedAt: { asc: "last_used_asc_idx", desc: "last_used_desc_idx" },
        expiresAt: { asc: "expires_asc_idx", desc: "expires_desc_idx" },
      } as const
      for (const by of ["createdAt", "name", "lastUsedAt", "expiresAt", "tokenCreatedAt"] as const) {
        for (const order of ["asc", "desc"] as const) {
          const sort: Sort = { by, order }
          const index = new RegExp(`Index Scan (Backward )?using api_keys_${indexes[by][order]}`)
          const offset = { filter: {}, sort, limit: 50, page: { _tag: "Offset", offset: 0 } } as const
          assert.match(yield* plansOf(repository.search(offset)), index)
          const { nextCursor } = yield* repository.search(offset)
          const plan = yield* plansOf(repository.search({ ...offset, page: { _tag: "Cursor", cursor: nextCursor ?? "" } }))
          assert.match(plan, index)
          assert.notMatch(plan, /Seq Scan/)
          const streamed = yield* plansOf(Stream.runDrain(Stream.take(repository.stream({}, sort), 501)))
          assert.notMatch(streamed, /Seq Scan/)
        }
      }
      const becomingIdle = {
        filter: {
          isActive: true,
          idleAfter: DateTime.makeUnsafe("2026-02-01T00:00:00Z"),
          idleBefore: DateTime.makeUnsafe("2026-03-01T00:00:00Z"),
        },
        sort: { by: "idleAt", order: "asc" },
        limit: 5,
      } as const
      for (let cursor = "", pages = 0; pages < 3; pages++) {
        const page = { ...becomingIdle, page: { _tag: "Cursor", cursor } } as const
        const plan = yield* plansOf(repository.search(page))
        assert.match(plan, /Index Scan using api_keys_idle_idx/)
        assert.notMatch(plan, /Seq Scan/)
        cursor = (yield* repository.search(page)).nextCursor ?? ""
        assert.notStrictEqual(cursor, "")
      }
      assert.match(
        yield* plansOf(
          repository.search({
            filter: { ownerId: "owner 7" },
            sort: { by: "createdAt", order: "desc" },
            limit: 50,
            page: { _tag: "Offset", offset: 0 },
          }),
        ),
        /Index Scan Backward using api_keys_owner_idx/,
      )
    }),
  )
})

describe("Migrations on PostgreSQL", () => {
  it.effect("runs once when many nodes start together", () =>
    Effect.gen(function* () {
      const url = yield* startPostgres()
      const node = Layer.fresh(PgClient.layer({ url }))
      for (const options of [{}, { schema: "one_more" }, { table: "other_keys" }, { schema: "one_more", table: "other_keys" }]) {
        const runs = yield* Effect.forEach(
          Array.from({ length: 5 }),
          () => Effect.provide(Migrations.migrate(options), node, { local: true }),
          {
            concurrency: "unbounded",
          },
        )
        assert.deepStrictEqual(runs.flat(), [
          [1, "create_api_keys"],
          [2, "announce_changes"],
          [3, "rotate_tokens"],
          [4, "note_deactivation"],
          [6, "remember_reports"],
          [8, "note_peppers"],
          [9, "keep_policies"],
          [10, "note_seals"],
          [11, "index_kinds"],
          [12, "index_idle_timeouts"],
          [13, "keep_meters"],
        ])
      }
    }),
  )

  it.effect("leaves nothing of an attempt that failed", () =>
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient
      yield* sql`CREATE TABLE api_keys (mine int)`
      assert.strictEqual((yield* Effect.flip(Migrations.migrate()))._tag, "MigrationError")
      yield* sql`DROP TABLE api_keys`
      assert.strictEqual((yield* Migrations.migrate()).length, Object.keys(Migrations.migrations()).length)
    }).pipe(Effect.provide(layerPostgres())),
  )

  it.effect("are looked for when the repository is built, and named where an application mounts too few", () =>
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient
      const build = Effect.scoped(Layer.build(SqlRepository.layer))
      const none = yield* Effect.flip(build)
      assert.strictEqual(none._tag, "MissingMigrations")
      assert.match(none.message, /^There is no table "api_keys"/)

      const all = Migrations.migrations()
      const mount = (count: number) =>
        Migrator.make({})({
          loader: Migrator.fromRecord(
            Object.fromEntries(Object.entries(all).flatMap(([name, run], index) => (index < count ? [[name, run]] : []))),
          ),
          table: "app_migrations",
        })
      const names = Object.keys(all)
      for (let count = 1; count < names.length; count++) {
        yield* mount(count)
        const missing = yield* Effect.flip(build)
        assert.deepStrictEqual(
          missing.migrations.map(({ name }) => name),
          // Without indexes some things are slower, so the repository doesn't insist on them.
          names.slice(count).filter((name) => name !== "0011_index_kinds" && name !== "0012_index_idle_timeouts"),
        )
        assert.deepStrictEqual(yield* Effect.flip(Migrations.check()), missing)
        const failed = yield* Effect.flip(Migrations.migrate())
        assert.deepInclude(failed, { _tag: "MigrationError", kind: "BadState", message: missing.message })
      }
      assert.include((yield* Effect.flip(build)).message, names.at(-1) ?? "")
      yield* mount(names.length)
      yield* sql`DROP INDEX api_keys_kind_idx`
      yield* build
      yield* Migrations.check()
      assert.deepStrictEqual(yield* Migrations.migrate(), [])
      assert.lengthOf(yield* sql`SELECT FROM pg_class WHERE relname = 'effect_api_key_migrations'`, 0)

      yield* sql`ALTER TABLE api_keys DROP COLUMN deactivation_reason`
      assert.deepStrictEqual((yield* Effect.flip(build)).migrations, [
        { name: "0004_note_deactivation", columns: ["api_keys.deactivation_reason"] },
      ])
    }).pipe(Effect.provide(layerPostgres({ transformResultNames: String.snakeToCamel }))),
  )

  it.effect("aren't missed where the database can't be asked", () =>
    Effect.gen(function* () {
      const url = Redacted.make("postgres://nobody@127.0.0.1:1/none")
      yield* Effect.scoped(Layer.build(SqlRepository.layer.pipe(Layer.provide(PgClient.layer({ url })))))
      assert.include((yield* TestConsole.logLines).join("\n"), "Could not look whether the migrations")
    }),
  )

  it.effect("refuses names that aren't identifiers", () =>
    Effect.gen(function* () {
      for (const options of [
        { table: 'a"b' },
        { table: "" },
        { table: "1a" },
        { table: "a".repeat(41) },
        { schema: "a.b" },
        { schema: "é" },
      ]) {
        assert.strictEqual((yield* Effect.flip(Migrations.migrate(options)))._tag, "InvalidIdentifier")
        const build = Effect.flip(Effect.scoped(Layer.build(SqlRepository.layerWith(options))))
        assert.strictEqual((yield* build)._tag, "InvalidIdentifier")
      }
    }).pipe(Effect.provide(PgClient.layer({}))),
  )
})
