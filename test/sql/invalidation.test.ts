/** The nodes connected through the database, and what its triggers tell them. */
import * as PgClient from "@effect/sql-pg/PgClient"
import { assert, describe, it } from "@effect/vitest"
import { Context, DateTime, Duration, Effect, Exit, Fiber, Layer, Option, Queue, Redacted, Scope, String } from "effect"
import { Migrator, SqlClient } from "effect/sql"
import { TestClock } from "effect/testing"
import { KeyId } from "../../src/ApiKey.ts"
import { ApiKeyInvalidation } from "../../src/ApiKeyInvalidation.ts"
import { ApiKeyRepository } from "../../src/ApiKeyRepository.ts"
import * as Invalidation from "../../src/sql/Invalidation.ts"
import * as Migrations from "../../src/sql/Migrations.ts"
import * as Pglite from "../../src/sql/Pglite.ts"
import * as SqlRepository from "../../src/sql/SqlRepository.ts"
import { makeStoredApiKey } from "../../src/testing.ts"
import { announcementSuite, invalidationSuite, layerChannels } from "../invalidationSuite.ts"
import { layerPostgres, startServer } from "../support/postgres.ts"

const table = `keys_${crypto.randomUUID().replaceAll("-", "")}`
const options = { table }
const otherOptions = { table: `other_${table.slice(5)}` }

const migrated = Layer.mergeAll(Migrations.layer(options), Migrations.layer(otherOptions))
const dropped = Layer.effectDiscard(
  Effect.gen(function* () {
    const sql = yield* SqlClient.SqlClient
    yield* Effect.addFinalizer(() =>
      Effect.forEach([table, otherOptions.table], (name) =>
        Effect.orDie(
          Effect.gen(function* () {
            for (const suffix of ["", "_nodes", "_reports", "_peppers", "_meters", "_meter_changes", "_migrations"])
              yield* sql`DROP TABLE IF EXISTS ${sql.literal(`"${name}${suffix}"`)}`
            for (const suffix of ["_tell", "_lease"]) yield* sql`DROP FUNCTION IF EXISTS ${sql.literal(`"${name}${suffix}"`)}`
          }),
        ),
      ),
    )
  }),
)
const repository = SqlRepository.layerWith(options)

const cutPostgres = Effect.gen(function* () {
  const sql = yield* PgClient.PgClient
  const cut = yield* sql`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'LISTEN "effect_api_key_%'`
  assert.isAtLeast(cut.length, 1)
})

const flood = Effect.fnUntraced(function* (count: number) {
  const sql = yield* SqlClient.SqlClient
  return yield* sql`SELECT count(pg_notify('effect_api_key_' || ${`"${table}"`}::regclass::oid, 'changed ' || i))
    FROM generate_series(1, ${count}::int) i`
})

const postgres = layerChannels(Invalidation.layerPostgres(options), Invalidation.layerPostgres(otherOptions), flood, cutPostgres).pipe(
  Layer.merge(repository),
  Layer.provideMerge(migrated),
  Layer.provideMerge(dropped),
)
const pglite = layerChannels(Invalidation.layerPglite(options), Invalidation.layerPglite(otherOptions), flood).pipe(
  Layer.merge(repository),
  Layer.provideMerge(migrated),
  Layer.provideMerge(Pglite.layer()),
)

const servers = { PostgreSQL: layerPostgres() }
const databaseUrl = process.env["TEST_DATABASE_URL"]
if (databaseUrl !== undefined) {
  Object.assign(servers, { "the PostgreSQL of TEST_DATABASE_URL": PgClient.layer({ url: Redacted.make(databaseUrl) }) })
}
for (const [name, server] of Object.entries(servers)) {
  invalidationSuite(name, Layer.provide(postgres, Layer.fresh(server)))
  announcementSuite(name, table, Layer.provideMerge(postgres, Layer.fresh(server)))
}
invalidationSuite("PGlite", pglite, { hasConnections: false })
announcementSuite("PGlite", table, pglite)

const unmigrated: Record<string, Layer.Layer<ApiKeyInvalidation | SqlClient.SqlClient, unknown>> = {
  PostgreSQL: Layer.provideMerge(Invalidation.layerPostgres(), layerPostgres()),
  PGlite: Layer.provideMerge(Invalidation.layerPglite(), Pglite.layer()),
}
for (const [name, database] of Object.entries(unmigrated)) {
  describe(`Announcing through ${name}`, () => {
    it.effect("comes to a table that has keys already", () =>
      Effect.gen(function* () {
        const sql = yield* SqlClient.SqlClient
        const { publish, register, subscribe } = yield* ApiKeyInvalidation
        const { "0001_create_api_keys": first } = Migrations.migrations()
        const log = { table: "effect_api_key_migrations" }
        yield* Migrator.make({})({ ...log, loader: Migrator.fromRecord({ "0001_create_api_keys": first }) })
        const key = makeStoredApiKey()
        const { id, keyId, createdAt } = key.apiKey
        yield* sql`INSERT INTO api_keys (id, key_id, hash, prefix, name, name_lower, scopes, metadata, is_active, created_at, updated_at, hint, version)
          VALUES (${id}::uuid, ${keyId}, 'hash', 'ak', 'key', 'key', '{}', '{}', TRUE, ${DateTime.toDateUtc(createdAt)}, ${DateTime.toDateUtc(createdAt)}, 'abcd', 1)`
        assert.strictEqual((yield* Effect.flip(register("a", Duration.hours(1))))._tag, "InvalidationError")

        const later = Object.keys(Migrations.migrations()).slice(1)
        assert.deepStrictEqual(
          (yield* Migrations.migrate()).map(([number, name]) => `${number.toString().padStart(4, "0")}_${name}`),
          later,
        )
        assert.deepStrictEqual(yield* Migrations.migrate(), [])
        const heard = yield* subscribe
        const { findByKeyId, update } = Context.get(yield* Layer.build(SqlRepository.layer), ApiKeyRepository)
        assert.deepStrictEqual(
          Option.map(yield* findByKeyId(key.apiKey.keyId), ({ apiKey }) => apiKey),
          Option.some(key.apiKey),
        )
        yield* update(key.apiKey.id, { name: "new" }, { at: key.apiKey.createdAt })
        yield* publish("end")
        assert.deepStrictEqual(yield* Queue.takeN(heard, 2), [`changed ${key.apiKey.keyId}`, "end"])
      }).pipe(Effect.scoped, Effect.provide(database)),
    )

    it.effect("clears the register of nodes that are long gone", () =>
      Effect.gen(function* () {
        const sql = yield* SqlClient.SqlClient
        const { nodes, register } = yield* ApiKeyInvalidation
        yield* Migrations.migrate()
        yield* sql`INSERT INTO api_keys_nodes VALUES ('gone', now() - interval '2 hours'), ('late', now() - interval '1 minute'),
          ('b', now() - interval '2 hours')`
        yield* register("b", Duration.seconds(3600))
        assert.deepStrictEqual(yield* sql`SELECT node FROM api_keys_nodes ORDER BY node`, [{ node: "b" }, { node: "late" }])
        assert.deepStrictEqual(
          yield* sql`SELECT live_until - now() BETWEEN '59 minutes' AND '1 hour' AS hour FROM api_keys_nodes WHERE node = 'b'`,
          [{ hour: true }],
        )
        assert.deepStrictEqual(yield* nodes, ["b"])
      }).pipe(Effect.scoped, Effect.provide(database)),
    )
  })
}

describe("A transaction of the caller's", () => {
  it.effect("has no part in what is told through PostgreSQL", () =>
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient
      const { nodes, publish, register, subscribe, unregister } = yield* ApiKeyInvalidation
      // Nor before anybody listens, when it is said over the pool.
      yield* Effect.flip(sql.withTransaction(Effect.andThen(register("b", Duration.hours(1)), Effect.fail("no"))))
      assert.deepStrictEqual(yield* nodes, ["b"])
      const heard = yield* subscribe
      const rolledBack = yield* Effect.flip(
        sql.withTransaction(
          Effect.gen(function* () {
            yield* publish("everything")
            assert.strictEqual(yield* Queue.take(heard), "everything")
            yield* register("a", Duration.hours(1))
            yield* unregister("b")
            assert.deepStrictEqual(yield* nodes, ["a"])
            const inside = yield* subscribe
            yield* publish("changed a")
            assert.strictEqual(yield* Queue.take(inside), "changed a")
            // What fails here doesn't abort the transaction.
            yield* Effect.flip(publish("too long".repeat(1000)))
            yield* sql`SELECT 1`
            return yield* Effect.fail("no")
          }),
        ),
      )
      assert.deepStrictEqual<unknown>(rolledBack, "no")
      assert.deepStrictEqual(yield* nodes, ["a"])
    }).pipe(
      Effect.scoped,
      Effect.provide(Layer.provideMerge(Invalidation.layerPostgres(), Layer.provideMerge(Migrations.layer(), layerPostgres()))),
    ),
  )

  it.effect("isn't waited for on PGlite, where it has the only session", () =>
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient
      const { nodes, publish, register, subscribe, unregister } = yield* ApiKeyInvalidation
      yield* sql.withTransaction(
        Effect.gen(function* () {
          for (const attempt of [publish("everything"), register("a", Duration.hours(1)), unregister("a"), nodes, subscribe]) {
            assert.strictEqual((yield* Effect.flip(attempt))._tag, "InvalidationError")
          }
        }),
      )
      assert.deepStrictEqual(yield* nodes, [])
    }).pipe(
      Effect.scoped,
      Effect.provide(Layer.provideMerge(Invalidation.layerPglite(), Layer.provideMerge(Migrations.layer(), Pglite.layer()))),
    ),
  )
})

describe("A database that is away", () => {
  it.effect("is noticed by those who listen, and by those who speak; when it is back, all is as before", () =>
    Effect.gen(function* () {
      const server = yield* startServer()
      yield* Effect.gen(function* () {
        const { nodes, publish, register, subscribe } = yield* ApiKeyInvalidation
        yield* register("a", Duration.hours(1))
        yield* Effect.scoped(
          Effect.gen(function* () {
            const heard = yield* subscribe
            yield* publish("changed a")
            // On a busy machine the server could stop before it delivers.
            yield* TestClock.withLive(Effect.repeat(Effect.delay(Queue.size(heard), "10 millis"), { until: (size) => size > 0 }))
            yield* server.stop
            assert.strictEqual(yield* Queue.take(heard), "changed a")
            assert.strictEqual((yield* Effect.flip(Queue.take(heard))).operation, "listen")
          }),
        )
        for (const attempt of [publish("everything"), nodes, Effect.scoped(subscribe)]) {
          assert.strictEqual((yield* Effect.flip(attempt))._tag, "InvalidationError")
        }
        yield* server.start
        const heard = yield* subscribe
        yield* publish("changed b")
        assert.strictEqual(yield* Queue.take(heard), "changed b")
        assert.deepStrictEqual(yield* nodes, ["a"])
      }).pipe(
        Effect.scoped,
        Effect.provide(
          Layer.provideMerge(Invalidation.layerPostgres(), Layer.provideMerge(Migrations.layer(), PgClient.layer({ url: server.url }))),
        ),
      )
    }),
  )

  it.effect("is given up after five seconds when it doesn't answer", () =>
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient
      const { publish } = yield* ApiKeyInvalidation
      yield* Migrations.migrate()
      // Both connections of the pool are taken.
      const waiting = yield* Effect.scoped(
        Effect.gen(function* () {
          yield* sql.reserve
          yield* sql.reserve
          const fiber = yield* Effect.forkChild(Effect.flip(publish("everything")))
          yield* TestClock.adjust("4999 millis")
          assert.isUndefined(fiber.pollUnsafe())
          yield* TestClock.adjust("1 millis")
          return yield* Fiber.join(fiber)
        }),
      )
      assert.deepInclude(waiting, { _tag: "InvalidationError", operation: "publish" })
      yield* publish("everything")
    }).pipe(Effect.scoped, Effect.provide(Layer.provideMerge(Invalidation.layerPostgres(), layerPostgres({ maxConnections: 2 })))),
  )
})

describe("A connection that has gone silent", () => {
  /** Stops the server's side of the connection whose last statement is like this, until the scope closes. */
  const silence = (statement: string) =>
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient
      const [found, ...more] = yield* sql<{ readonly pid: number }>`SELECT pid FROM pg_stat_activity
        WHERE pid <> pg_backend_pid() AND query LIKE ${statement}`
      assert.isDefined(found)
      assert.lengthOf(more, 0)
      yield* Effect.acquireRelease(
        Effect.sync(() => process.kill(found.pid, "SIGSTOP")),
        () => Effect.sync(() => process.kill(found.pid, "SIGCONT")),
      )
    })
  const silenceListener = silence('LISTEN "effect_api_key_%')
  const silenceSpeaker = silence("SELECT pg_notify(%")
  const timed = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
    Effect.suspend(() => {
      const start = performance.now()
      return Effect.map(effect, (result) => [result, performance.now() - start] as const)
    })

  it.live("is given up after five seconds, keeps nobody waiting who closes it, and takes nothing from the pool", () =>
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient
      const { publish, subscribe } = yield* ApiKeyInvalidation
      yield* Migrations.migrate()
      yield* Effect.scoped(
        Effect.gen(function* () {
          const scope = yield* Scope.make()
          const heard = yield* Scope.provide(subscribe, scope)
          yield* publish("changed a")
          assert.strictEqual(yield* Queue.take(heard), "changed a")
          yield* silenceSpeaker
          const [error, took] = yield* timed(Effect.flip(publish("changed b")))
          assert.strictEqual(error.operation, "publish")
          assert.isTrue(took > 4_900 && took < 6_500, `${took}`)
          const [, closing] = yield* timed(Scope.close(scope, Exit.void))
          assert.isBelow(closing, 500)
        }),
      )
      yield* Effect.scoped(
        Effect.gen(function* () {
          const scope = yield* Scope.make()
          yield* Scope.provide(subscribe, scope)
          yield* publish("changed b")
          yield* silenceListener
          yield* silenceSpeaker
          const publishing = yield* Effect.forkChild(publish("changed c"), { startImmediately: true })
          const [, interrupting] = yield* timed(Fiber.interrupt(publishing))
          assert.isBelow(interrupting, 500)
          const [, closing] = yield* timed(Scope.close(scope, Exit.void))
          assert.isBelow(closing, 500)
          yield* sql`SELECT 1`
        }),
      )
      const heard = yield* subscribe
      yield* publish("changed d")
      assert.strictEqual(yield* Queue.take(heard), "changed d")
    }).pipe(Effect.scoped, Effect.provide(Layer.provideMerge(Invalidation.layerPostgres(), layerPostgres({ maxConnections: 1 })))),
  )

  it.effect("isn't thought of a pool that is busy", () =>
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient
      const { nodes, publish, register, subscribe } = yield* ApiKeyInvalidation
      yield* Migrations.migrate()
      const heard = yield* subscribe
      yield* sql.reserve
      yield* register("a", Duration.hours(1))
      yield* publish("changed a")
      assert.strictEqual(yield* Queue.take(heard), "changed a")
      assert.deepStrictEqual(yield* nodes, ["a"])
    }).pipe(Effect.scoped, Effect.provide(Layer.provideMerge(Invalidation.layerPostgres(), layerPostgres({ maxConnections: 1 })))),
  )
})

describe("Names", () => {
  it.effect("that aren't identifiers are refused", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(Effect.scoped(Layer.build(Invalidation.layerPostgres({ table: 'a"b' }))))
      assert.strictEqual(error._tag, "InvalidIdentifier")
    }).pipe(Effect.scoped, Effect.provide(PgClient.layer({}))),
  )

  it.effect("are found by the search path too, and those of another schema aren't heard", () =>
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient
      const channelOf = (options?: Invalidation.TableOptions) =>
        Effect.map(Layer.build(Invalidation.layerPostgres(options)), (context) => Context.get(context, ApiKeyInvalidation))
      yield* sql`CREATE SCHEMA other`
      for (const schema of ["public", "other"]) yield* Migrations.migrate({ schema })
      const found = yield* channelOf()
      const named = yield* channelOf({ schema: "public" })
      const other = yield* channelOf({ schema: "other" })
      const [one, two, three] = [yield* found.subscribe, yield* named.subscribe, yield* other.subscribe]
      const key = makeStoredApiKey()
      const { insert } = Context.get(yield* Layer.build(SqlRepository.layerWith({ schema: "public" })), ApiKeyRepository)
      yield* insert(key)
      for (const { publish } of [found, other]) yield* publish("end")
      const changed = `changed ${key.apiKey.keyId}`
      assert.deepStrictEqual(yield* Queue.takeN(one, 2), [changed, "end"])
      assert.deepStrictEqual(yield* Queue.takeN(two, 2), [changed, "end"])
      assert.strictEqual(yield* Queue.take(three), "end")
    }).pipe(Effect.scoped, Effect.provide(layerPostgres())),
  )

  it.effect("may be as long as they may be, and in any schema", () =>
    Effect.gen(function* () {
      const place = { schema: "S".repeat(63), table: "T".repeat(40) }
      yield* Migrations.migrate(place)
      const program = Effect.gen(function* () {
        const key = makeStoredApiKey({ keyId: KeyId.make("~".repeat(128)) })
        const { nodes, register, subscribe } = yield* ApiKeyInvalidation
        const { insert } = yield* ApiKeyRepository
        const heard = yield* subscribe
        yield* insert(key)
        assert.strictEqual(yield* Queue.take(heard), `changed ${"~".repeat(128)}`)
        yield* register("a", Duration.hours(1))
        assert.deepStrictEqual(yield* nodes, ["a"])
      })
      yield* Effect.provide(Effect.scoped(program), [Invalidation.layerPostgres(place), SqlRepository.layerWith(place)])
    }).pipe(
      Effect.scoped,
      Effect.provide(layerPostgres({ transformQueryNames: String.camelToSnake, transformResultNames: String.snakeToCamel })),
    ),
  )
})
