/** Listeners in transactions of a real PostgreSQL: what they write is there exactly if the change is. */
import * as PgClient from "@effect/sql-pg/PgClient"
import { assert, describe, layer as describeWith } from "@effect/vitest"
import { Cause, Context, Effect, Exit, Fiber, Layer, type Redacted, Tracer } from "effect"
import { SqlClient } from "effect/sql"
import { TestClock } from "effect/testing"
import type { ApiKey, ApiKeyId } from "../../src/ApiKey.ts"
import { RepositoryError } from "../../src/ApiKeyError.ts"
import * as ApiKeyEvents from "../../src/ApiKeyEvents.ts"
import { layerEphemeral } from "../../src/ApiKeyHasher.ts"
import * as ApiKeys from "../../src/ApiKeys.ts"
import * as Migrations from "../../src/sql/Migrations.ts"
import * as SqlRepository from "../../src/sql/SqlRepository.ts"
import { eventsSuite } from "../eventsSuite.ts"
import { tagOf } from "../support/nodes.ts"
import { layerPostgres, startPostgres } from "../support/postgres.ts"
import { startProxy } from "../support/postgresProxy.ts"
import { tracerInto } from "../support/spans.ts"

eventsSuite(
  "PostgreSQL",
  Layer.merge(
    layerEphemeral,
    Layer.fresh(SqlRepository.layer).pipe(Layer.provideMerge(Migrations.layer()), Layer.provide(layerPostgres())),
  ).pipe(Layer.orDie),
)

class Database extends Context.Service<Database, { readonly url: Redacted.Redacted }>()("test/events/Database") {}
const database = Layer.effect(
  Database,
  Effect.gen(function* () {
    const url = yield* startPostgres()
    const client = PgClient.layer({ url })
    yield* Layer.build(Migrations.layer().pipe(Layer.provide(client)))
    yield* Effect.provide(
      SqlClient.SqlClient.use((sql) => sql`CREATE TABLE audit (id serial, key uuid, tag text, actor text, version int)`),
      client,
    )
    return { url }
  }),
)

type Event = ApiKeyEvents.ApiKeyEvent

/** The service over a connection that can be cut, with a listener that writes into the same database. */
const start = Effect.fnUntraced(function* (listener: (sql: SqlClient.SqlClient) => ApiKeyEvents.Listener) {
  const { url } = yield* Database
  const proxy = yield* startProxy(url)
  const client = yield* Layer.build(Layer.fresh(PgClient.layer({ url: proxy.url, maxConnections: 4 })))
  const sql = Context.get(client, SqlClient.SqlClient)
  const context = yield* Layer.build(
    Layer.fresh(ApiKeys.layerWith({ lastUsedInterval: "1 hour" })).pipe(
      Layer.provide([layerEphemeral, Layer.fresh(SqlRepository.layer), ApiKeyEvents.layer(Effect.succeed(listener(sql)))]),
      Layer.provide(Layer.succeedContext(client)),
    ),
  )
  const audited = (id: ApiKeyId) =>
    Effect.map(sql<{ tag: string; version: number | null }>`SELECT tag, version FROM audit WHERE key = ${id} ORDER BY id`, (rows) =>
      rows.map(({ tag, version }) => [tag, version] as const),
    )
  return { apiKeys: Context.get(context, ApiKeys.ApiKeys), sql, proxy, audited }
})

const toRepositoryError = (cause: unknown) => new RepositoryError({ operation: "audit", isRetryable: true, cause })

/** Notes each event, and fails after having written where it is told to. */
const audit =
  (fails: (event: Event) => boolean = () => false) =>
  (sql: SqlClient.SqlClient): ApiKeyEvents.Listener => ({
    inTransaction: (events) =>
      Effect.forEach(
        events,
        (event) =>
          Effect.gen(function* () {
            if (event._tag === "KeysUsed") return
            const { _tag: actor } = yield* ApiKeyEvents.CurrentActor
            const version = "after" in event ? event.after.version : null
            yield* sql`INSERT INTO audit (key, tag, actor, version) VALUES (${event.id}, ${event._tag}, ${actor}, ${version})`
            if (fails(event)) return yield* toRepositoryError("no")
          }),
        { discard: true },
      ).pipe(Effect.catchTag("SqlError", (error) => Effect.fail(toRepositoryError(error)))),
  })

const versionOf = ({ version }: ApiKey) => version

describe("A listener in the transaction", () => {
  describeWith(database)((it) => {
    it.effect("undoes the change by failing, and nothing is heard of it", () =>
      Effect.gen(function* () {
        const heard: Array<Event> = []
        let isFailing = false
        const { apiKeys, audited } = yield* start((sql) => ({
          ...audit(() => isFailing)(sql),
          afterCommit: (events) => Effect.sync(() => void heard.push(...events)),
        }))
        const { apiKey, token } = yield* apiKeys.create({ name: "k" })
        const { id } = apiKey
        yield* apiKeys.rotate(id)
        isFailing = true
        const before = yield* apiKeys.get(id)
        const changes: ReadonlyArray<Effect.Effect<unknown, { readonly _tag: string }>> = [
          apiKeys.create({ name: "no", ownerId: "nobody" }),
          apiKeys.update(id, { name: "no" }),
          apiKeys.deactivate(id),
          apiKeys.rotate(id, { ifPrevious: "end" }),
          apiKeys.endGrace(id),
          apiKeys.revoke(token, { reason: "leaked" }),
          apiKeys.delete(id),
        ]
        for (const change of changes) assert.strictEqual(yield* tagOf(change), "RepositoryError")
        assert.deepStrictEqual(yield* apiKeys.get(id), before)
        assert.strictEqual(yield* apiKeys.count({ ownerId: "nobody" }), 0)
        assert.deepStrictEqual(yield* audited(id), [
          ["KeyCreated", 1],
          ["KeyRotated", 2],
        ])
        assert.deepStrictEqual(
          heard.map(({ _tag }) => _tag),
          ["KeyCreated", "KeyRotated"],
        )
        isFailing = false
        yield* apiKeys.deactivate(id)
        assert.strictEqual(yield* tagOf(apiKeys.verify(token)), "Inactive")
      }),
    )

    it.effect("undoes the change by taking too long", () =>
      Effect.gen(function* () {
        let isHanging = false
        const { apiKeys } = yield* start(() => ({ inTransaction: () => (isHanging ? Effect.never : Effect.void) }))
        const { apiKey } = yield* apiKeys.create({ name: "k" })
        isHanging = true
        const changing = yield* Effect.forkChild(tagOf(apiKeys.update(apiKey.id, { name: "no" })))
        for (let turn = 0; turn < 200 && changing.pollUnsafe() === undefined; turn++)
          yield* Effect.andThen(TestClock.adjust("1 seconds"), pause)
        assert.strictEqual(yield* Fiber.join(changing), "RepositoryError")
        isHanging = false
        assert.strictEqual((yield* apiKeys.update(apiKey.id, { name: "other" })).version, 2)
      }),
    )

    it.effect("is undone with a transaction of the caller's, and heard of after its commit", () =>
      Effect.gen(function* () {
        const heard: Array<Event> = []
        let isFailing = false
        const { apiKeys, sql, audited } = yield* start((sql) => ({
          ...audit(() => isFailing)(sql),
          afterCommit: (events) => Effect.sync(() => void heard.push(...events)),
        }))
        const { apiKey } = yield* apiKeys.create({ name: "k" })
        const { id } = apiKey
        heard.length = 0
        const rolledBack = sql.withTransaction(Effect.andThen(apiKeys.update(id, { name: "no" }), Effect.fail("no")))
        assert.isTrue(Exit.isFailure(yield* Effect.exit(rolledBack)))
        assert.deepStrictEqual([heard, (yield* apiKeys.get(id)).name], [[], "k"])
        // What fails within is undone alone.
        yield* sql.withTransaction(
          Effect.gen(function* () {
            yield* apiKeys.update(id, { name: "first" })
            isFailing = true
            assert.strictEqual(yield* tagOf(apiKeys.update(id, { name: "second" })), "RepositoryError")
            isFailing = false
            yield* apiKeys.deactivate(id)
            assert.deepStrictEqual(heard, [])
          }),
        )
        assert.deepStrictEqual(
          heard.map((event) => [event._tag, "after" in event && versionOf(event.after)]),
          [
            ["KeyUpdated", 2],
            ["KeyDeactivated", 3],
          ],
        )
        const { name, isActive } = yield* apiKeys.get(id)
        assert.deepStrictEqual([name, isActive], ["first", false])
        assert.deepStrictEqual(yield* audited(id), [
          ["KeyCreated", 1],
          ["KeyUpdated", 2],
          ["KeyDeactivated", 3],
        ])
      }),
    )

    it.effect("has written exactly if the change took place, where the answer to the commit is lost too", () =>
      Effect.gen(function* () {
        const heard: Array<Event> = []
        // By another node, as a connection that has committed once sends that as the name of a statement.
        const { apiKey } = yield* (yield* start(audit())).apiKeys.create({ name: "k" })
        const { id } = apiKey
        const { apiKeys, sql, proxy, audited } = yield* start((sql) => ({
          ...audit()(sql),
          afterCommit: (events) => Effect.sync(() => void heard.push(...events)),
        }))
        proxy.loseAnswersTo = "COMMIT"
        assert.strictEqual(yield* tagOf(apiKeys.update(id, { name: "lost" })), "RepositoryError")
        proxy.loseAnswersTo = undefined
        assert.strictEqual((yield* apiKeys.get(id)).name, "lost")
        assert.deepStrictEqual(yield* audited(id), [
          ["KeyCreated", 1],
          ["KeyUpdated", 2],
        ])
        const exit = yield* Effect.exit(
          sql.withTransaction(
            Effect.andThen(
              apiKeys.update(id, { name: "lost too" }),
              Effect.sync(() => void (proxy.loseAnswersTo = "COMMIT")),
            ),
          ),
        )
        proxy.loseAnswersTo = undefined
        assert.isTrue(Exit.isFailure(exit) && !Cause.hasInterruptsOnly(exit.cause))
        assert.strictEqual((yield* apiKeys.get(id)).name, "lost too")
        assert.deepStrictEqual((yield* audited(id)).slice(2), [["KeyUpdated", 3]])
        // Nobody knows of the answers, so nobody is told.
        assert.deepStrictEqual(heard, [])
      }),
    )

    it.effect("is told what the record was before, whoever changes it at the same time", () =>
      Effect.gen(function* () {
        const heard: Array<Event> = []
        const { apiKeys } = yield* start(() => ({ inTransaction: (events) => Effect.sync(() => void heard.push(...events)) }))
        const { apiKey } = yield* apiKeys.create({ name: "k" })
        heard.length = 0
        yield* Effect.forEach(
          Array.from({ length: 20 }, (_, index) => index),
          (index) => apiKeys.update(apiKey.id, { name: `n${index}` }),
          {
            concurrency: "unbounded",
            discard: true,
          },
        )
        assert.strictEqual(heard.length, 20)
        let latest = apiKey
        for (const event of heard) {
          assert(event._tag === "KeyUpdated")
          assert.deepStrictEqual(event.before, latest)
          latest = event.after
        }
      }),
    )
  })
})

describe("Without a listener in the transaction", () => {
  describeWith(database)((it) => {
    it.effect("a change takes the statements that it took, and one that is heard reads the record before", () =>
      Effect.gen(function* () {
        const count = Effect.fnUntraced(function* (listener: ApiKeyEvents.Listener) {
          const { apiKeys } = yield* start(() => listener)
          const { apiKey } = yield* apiKeys.create({ name: "k" })
          const spans: Array<Tracer.NativeSpan> = []
          yield* Effect.withTracer(apiKeys.update(apiKey.id, { name: "other" }), tracerInto(spans))
          return spans.filter(({ attributes }) => attributes.has("db.query.text")).length
        })
        assert.deepStrictEqual(
          [yield* count({}), yield* count({ afterCommit: () => Effect.void }), yield* count({ inTransaction: () => Effect.void })],
          [2, 2, 3],
        )
      }),
    )
  })
})

/** By the machine's clock, as a database answers. */
const pause = Effect.promise(() => new Promise<void>((resolve) => setTimeout(resolve, 10)))
