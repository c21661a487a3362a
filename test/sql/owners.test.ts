/** The bound on an owner's keys in PostgreSQL and PGlite, in transactions of the caller's too. */
import * as PgClient from "@effect/sql-pg/PgClient"
import { assert, describe, it, layer as describeWith } from "@effect/vitest"
import { Cause, Context, Deferred, Effect, Exit, Fiber, Layer, Redacted } from "effect"
import { SqlClient } from "effect/sql"
import { RepositoryError } from "../../src/ApiKeyError.ts"
import type * as ApiKeys from "../../src/ApiKeys.ts"
import { ApiKeyRepository } from "../../src/ApiKeyRepository.ts"
import * as Migrations from "../../src/sql/Migrations.ts"
import * as Pglite from "../../src/sql/Pglite.ts"
import * as SqlRepository from "../../src/sql/SqlRepository.ts"
import { newOwner, outcomesOf, ownersSuite, serviceOver } from "../ownersSuite.ts"
import { startPgbouncer, whyWithout } from "../support/pooler.ts"
import { startPostgres } from "../support/postgres.ts"
import { startProxy } from "../support/postgresProxy.ts"

ownersSuite(
  "PGlite",
  Layer.fresh(Pglite.layer()).pipe(
    Layer.tap((context) => Effect.provide(Migrations.migrate(), context)),
    Layer.orDie,
  ),
  Effect.map(Layer.build(Layer.fresh(SqlRepository.layer)), Context.get(ApiKeyRepository)).pipe(Effect.orDie),
)

class Database extends Context.Service<Database, { readonly url: Redacted.Redacted }>()("test/owners/Database") {}
const database = Layer.effect(
  Database,
  Effect.gen(function* () {
    const url = yield* startPostgres()
    yield* Effect.provide(Migrations.migrate(), PgClient.layer({ url }))
    return { url }
  }),
).pipe(Layer.orDie)

const connect = (url: Redacted.Redacted) =>
  Effect.map(
    Layer.build(Layer.fresh(SqlRepository.layer).pipe(Layer.provideMerge(Layer.fresh(PgClient.layer({ url, maxConnections: 8 }))))),
    (context) => ({ repository: Context.get(context, ApiKeyRepository), sql: Context.get(context, SqlClient.SqlClient) }),
  ).pipe(Effect.orDie)

ownersSuite(
  "PostgreSQL",
  database,
  Effect.flatMap(Database, ({ url }) => Effect.map(connect(url), ({ repository }) => repository)),
)

const startOn = (url: Redacted.Redacted, options: ApiKeys.Options) =>
  Effect.gen(function* () {
    const { repository, sql } = yield* connect(url)
    return { keys: yield* serviceOver(repository, options), sql }
  })

const start = (options: ApiKeys.Options) => Effect.flatMap(Database, ({ url }) => startOn(url, options))

describeWith(database, { excludeTestServices: true })("maxKeysPerOwner in a transaction of the caller's", (it) => {
  it.effect("holds until the transaction has ended, and is free again if it is rolled back", () =>
    Effect.gen(function* () {
      const one = yield* start({ maxKeysPerOwner: 1 })
      const two = yield* start({ maxKeysPerOwner: 1 })
      for (const [ending, expected] of [
        [Effect.void, "TooManyKeys"],
        [Effect.fail("no" as const), "good"],
      ] as const) {
        const ownerId = newOwner()
        const [created, end] = [yield* Deferred.make<void>(), yield* Deferred.make<void>()]
        const transaction = one.sql.withTransaction(
          Effect.gen(function* () {
            yield* one.keys.create({ name: "k", ownerId })
            yield* Deferred.succeed(created, undefined)
            yield* Deferred.await(end)
            yield* ending
          }),
        )
        const holding = yield* Effect.forkChild(Effect.exit(transaction))
        yield* Deferred.await(created)
        const waiting = yield* Effect.forkChild(outcomesOf([two.keys.create({ name: "k", ownerId })]))
        // Another owner's key doesn't wait.
        yield* two.keys.create({ name: "k", ownerId: newOwner() })
        yield* Effect.sleep("200 millis")
        assert.isUndefined(waiting.pollUnsafe())
        yield* Deferred.succeed(end, undefined)
        yield* Fiber.join(holding)
        assert.deepStrictEqual(yield* Fiber.join(waiting), { [expected]: 1 })
        assert.strictEqual(yield* two.keys.count({ ownerId }), 1)
      }
    }),
  )

  it.effect("sees what the transaction has done, and fails without ending it", () =>
    Effect.gen(function* () {
      const { keys, sql } = yield* start({ maxKeysPerOwner: 2 })
      const ownerId = newOwner()
      const { apiKey } = yield* keys.create({ name: "k", ownerId })
      const create = Effect.map(keys.create({ name: "k", ownerId }), () => "good")
      const tags = yield* sql.withTransaction(
        Effect.gen(function* () {
          const first = yield* create
          const second = yield* Effect.flip(create)
          yield* keys.delete(apiKey.id)
          return [first, second._tag, yield* create]
        }),
      )
      assert.deepStrictEqual(tags, ["good", "TooManyKeys", "good"])
      assert.strictEqual(yield* keys.count({ ownerId }), 2)
    }),
  )

  it.effect("isn't kept by a guess where a count would be old: such a level is refused", () =>
    Effect.gen(function* () {
      const { keys, sql } = yield* start({ maxKeysPerOwner: 5 })
      const ownerId = newOwner()
      const { apiKey } = yield* keys.create({ name: "k" })
      for (const level of ["REPEATABLE READ", "SERIALIZABLE"]) {
        const within = <A, E>(effect: Effect.Effect<A, E>) =>
          Effect.provideService(sql.withTransaction(effect), SqlClient.BeginTransaction, `BEGIN ISOLATION LEVEL ${level}`)
        const changes: ReadonlyArray<Effect.Effect<unknown, unknown>> = [
          keys.create({ name: "k", ownerId }),
          keys.update(apiKey.id, { ownerId }),
        ]
        for (const change of changes) {
          const error = yield* Effect.flip(within(change))
          if (!(error instanceof RepositoryError)) return assert.fail(String(error))
          assert.isFalse(error.isRetryable)
          assert.include(String(error.cause), `A transaction of the level ${level.toLowerCase()} doesn't see the keys`)
        }
        // What adds no key to an owner goes on.
        yield* within(keys.create({ name: "k" }))
        yield* within(keys.update(apiKey.id, { ownerId: null, name: level }))
      }
      assert.strictEqual(yield* keys.count({ ownerId }), 0)
    }),
  )

  it.effect("fails one of two that wait for each other, and may be tried again", () =>
    Effect.gen(function* () {
      const { keys, sql } = yield* start({ maxKeysPerOwner: 5 })
      const [a, b] = [newOwner(), newOwner()]
      const [first, second] = [yield* Deferred.make<void>(), yield* Deferred.make<void>()]
      const createBoth = (ids: readonly [string, string], mine: Deferred.Deferred<void>, others: Deferred.Deferred<void>) =>
        sql.withTransaction(
          Effect.gen(function* () {
            yield* keys.create({ name: "k", ownerId: ids[0] })
            yield* Deferred.succeed(mine, undefined)
            yield* Deferred.await(others)
            yield* keys.create({ name: "k", ownerId: ids[1] })
          }),
        )
      const exits = yield* Effect.all([Effect.exit(createBoth([a, b], first, second)), Effect.exit(createBoth([b, a], second, first))], {
        concurrency: "unbounded",
      })
      const failed = exits.flatMap((exit) => (Exit.isFailure(exit) ? [Cause.squash(exit.cause)] : []))
      assert.strictEqual(failed.length, 1)
      assert.deepInclude({ ...(failed[0] as object) }, { _tag: "RepositoryError", isRetryable: true })
      yield* createBoth([b, a], second, first)
      for (const ownerId of [a, b]) assert.strictEqual(yield* keys.count({ ownerId }), 2)
    }),
  )
})

const many = Array.from({ length: 16 })

describeWith(database, { excludeTestServices: true })("maxKeysPerOwner", (it) => {
  it.effect("counts what is there, also after answers were lost", () =>
    Effect.gen(function* () {
      const { url } = yield* Database
      const proxy = yield* startProxy(url)
      const { keys } = yield* startOn(proxy.url, { maxKeysPerOwner: 3 })
      const { keys: others } = yield* start({ maxKeysPerOwner: 3 })
      const ownerId = newOwner()
      const create = keys.create({ name: "k", ownerId })
      proxy.loseAnswersTo = "COMMIT"
      assert.deepStrictEqual(yield* outcomesOf([create]), { RepositoryError: 1 })
      proxy.loseAnswersTo = undefined
      assert.strictEqual(yield* others.count({ ownerId }), 1)
      assert.deepStrictEqual(yield* outcomesOf(many.map(() => others.create({ name: "k", ownerId }))), { good: 2, TooManyKeys: 14 })
    }),
  )

  it.effect("holds where sessions begin on another level", () =>
    Effect.gen(function* () {
      const url = yield* startPostgres()
      yield* Effect.gen(function* () {
        const sql = yield* SqlClient.SqlClient
        yield* Migrations.migrate()
        yield* sql`ALTER DATABASE postgres SET default_transaction_isolation = 'repeatable read'`
      }).pipe(Effect.provide(Layer.fresh(PgClient.layer({ url }))))
      const { keys } = yield* startOn(url, { maxKeysPerOwner: 5 })
      const ownerId = newOwner()
      assert.deepStrictEqual(yield* outcomesOf(many.map(() => keys.create({ name: "k", ownerId }))), { good: 5, TooManyKeys: 11 })
    }),
  )

  it.effect("tells which field the store's encoding can't hold", () =>
    Effect.gen(function* () {
      const { url } = yield* Database
      yield* Effect.provide(
        Effect.flatMap(SqlClient.SqlClient, (sql) => sql`CREATE DATABASE latin ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0`),
        PgClient.layer({ url }),
      )
      const latin = Redacted.make(Redacted.value(url).replace(/postgres$/, "latin"))
      yield* Effect.provide(Migrations.migrate(), Layer.fresh(PgClient.layer({ url: latin })))
      const { keys } = yield* startOn(latin, { maxKeysPerOwner: 5 })
      const error = yield* Effect.flip(keys.create({ name: "k", ownerId: "€" }))
      assert.deepInclude({ ...error }, { _tag: "InvalidInput", field: "ownerId" })
    }),
  )
})

describe("maxKeysPerOwner behind PgBouncer", () => {
  it.effect.skipIf(whyWithout !== undefined)("holds where transactions share connections", () =>
    Effect.gen(function* () {
      const database = yield* startPostgres()
      yield* Effect.provide(Migrations.migrate(), PgClient.layer({ url: database }))
      const url = yield* startPgbouncer(database, "transaction")
      const open = Effect.map(
        Layer.build(Layer.fresh(SqlRepository.layer).pipe(Layer.provide(Layer.fresh(PgClient.layer({ url, prepare: false }))))),
        Context.get(ApiKeyRepository),
      )
      const services = yield* Effect.all([open, open].map((each) => Effect.flatMap(each, (to) => serviceOver(to, { maxKeysPerOwner: 5 }))))
      const ownerId = newOwner()
      const creates = many.flatMap((_, index) =>
        services.slice(index % 2, (index % 2) + 1).map((keys) => keys.create({ name: "k", ownerId })),
      )
      assert.deepStrictEqual(yield* outcomesOf(creates), { good: 5, TooManyKeys: 11 })
    }).pipe(Effect.scoped),
  )
})
