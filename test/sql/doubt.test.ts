/** Changes whose answer is lost, on nodes that share a real PostgreSQL and hear of changes from each other alone. */
import * as PgClient from "@effect/sql-pg/PgClient"
import { assert, describe, layer as describeWith } from "@effect/vitest"
import { Cause, Context, Deferred, Effect, Exit, Fiber, Layer, Schedule, type Redacted } from "effect"
import { SqlClient } from "effect/sql"
import { TestClock } from "effect/testing"
import type { ApiKeyId, KeyId } from "../../src/ApiKey.ts"
import { RepositoryError } from "../../src/ApiKeyError.ts"
import { layerEphemeral } from "../../src/ApiKeyHasher.ts"
import { ApiKeyRepository } from "../../src/ApiKeyRepository.ts"
import * as ApiKeyEvents from "../../src/ApiKeyEvents.ts"
import * as ApiKeys from "../../src/ApiKeys.ts"
import * as Migrations from "../../src/sql/Migrations.ts"
import * as SqlRepository from "../../src/sql/SqlRepository.ts"
import { delivered, makeHub, tagOf } from "../support/nodes.ts"
import { startPostgres } from "../support/postgres.ts"
import { startProxy } from "../support/postgresProxy.ts"

class Database extends Context.Service<Database, { readonly url: Redacted.Redacted }>()("test/Database") {}
const database = Layer.effect(
  Database,
  Effect.gen(function* () {
    const url = yield* startPostgres()
    yield* Layer.build(Migrations.layer().pipe(Layer.provide(PgClient.layer({ url }))))
    return { url }
  }),
)

/** A clock of the machine's, as PostgreSQL's is. */
const pause = (millis: number) => Effect.promise(() => new Promise<void>((resolve) => setTimeout(resolve, millis)))

/** Waits, by the machine's clock, for what the database says. */
const eventually = <E, R>(condition: Effect.Effect<boolean, E, R>) =>
  Effect.repeat(Effect.andThen(pause(20), condition), { until: (holds) => holds, schedule: Schedule.recurs(1_000) })

/** Two nodes; the first one's connections can be cut. */
const startWith = Effect.fnUntraced(function* (listener: ApiKeyEvents.Listener) {
  const { url } = yield* Database
  const proxy = yield* startProxy(url)
  const shared = yield* Layer.build(Layer.mergeAll(layerEphemeral, makeHub()))
  const lookUps = { a: 0, b: 0 }
  const node = Effect.fnUntraced(function* (name: "a" | "b", url: Redacted.Redacted) {
    const client = yield* Layer.build(Layer.fresh(PgClient.layer({ url, maxConnections: 4 })))
    const repository = Layer.effect(
      ApiKeyRepository,
      Effect.map(ApiKeyRepository, (repository) => ({
        ...repository,
        findByKeyId: (keyId: KeyId) => Effect.suspend(() => (lookUps[name]++, repository.findByKeyId(keyId))),
      })),
    ).pipe(Layer.provide(Layer.fresh(SqlRepository.layer)))
    const context = yield* Layer.build(
      Layer.fresh(ApiKeys.layerWith({ nodeName: name, cache: { timeToLive: "1 hour" }, lastUsedInterval: "1 hour" })).pipe(
        Layer.provideMerge(repository),
        Layer.provide(ApiKeyEvents.layer(Effect.succeed(listener))),
        Layer.provide(Layer.succeedContext(Context.merge(client, shared))),
      ),
    )
    return {
      apiKeys: Context.get(context, ApiKeys.ApiKeys),
      repository: Context.get(context, ApiKeyRepository),
      sql: Context.get(client, SqlClient.SqlClient),
    }
  })
  const [a, b] = [yield* node("a", proxy.url), yield* node("b", url)]
  yield* delivered
  const ask = (token: Redacted.Redacted) => Effect.all([tagOf(a.apiKeys.verify(token)), tagOf(b.apiKeys.verify(token))])
  /** Whether both remember it. */
  const remember = Effect.fnUntraced(function* (token: Redacted.Redacted) {
    yield* ask(token)
    const before = { ...lookUps }
    yield* ask(token)
    return lookUps.a === before.a && lookUps.b === before.b
  })
  // By the second one: a connection that has committed once sends that as the name of a statement, which the proxy doesn't know.
  const { apiKey, token } = yield* b.apiKeys.create({ name: "k" })
  yield* delivered
  assert.isTrue(yield* remember(token))
  /** Holds the record's lock until it is told to end. */
  const lock = Effect.gen(function* () {
    const [held, end] = [yield* Deferred.make<void>(), yield* Deferred.make<void>()]
    const holding = yield* Effect.forkChild(
      b.sql.withTransaction(
        b.sql`SELECT FROM api_keys WHERE id = ${apiKey.id} FOR UPDATE`.pipe(
          Effect.andThen(Deferred.succeed(held, undefined)),
          Effect.andThen(Deferred.await(end)),
        ),
      ),
    )
    yield* Deferred.await(held)
    return Effect.andThen(Deferred.succeed(end, undefined), Fiber.await(holding))
  })
  const isWaiting = b.sql`SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock'`.pipe(Effect.map((rows) => rows.length > 0))
  return { a, b, proxy, apiKey, token, ask, remember, lock, isWaiting, lookUps }
})

const start = startWith({})
const startHeard = startWith({ inTransaction: () => Effect.void, afterCommit: () => Effect.void })

/** What it ends as doesn't matter, but that it does. */
const attempt = <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.exit(effect)

const kinds = {
  deactivate: (keys: ApiKeys.ApiKeys["Service"], id: ApiKeyId) => keys.deactivate(id),
  delete: (keys: ApiKeys.ApiKeys["Service"], id: ApiKeyId) => keys.delete(id),
  rotate: (keys: ApiKeys.ApiKeys["Service"], id: ApiKeyId) => keys.rotate(id, { grace: 0 }),
}
const refusals = { deactivate: "Inactive", delete: "NotFound", rotate: "Expired" }

describe("A change whose answer is lost", () => {
  describeWith(database)((it) => {
    for (const kind of ["deactivate", "delete", "rotate"] as const) {
      const refused = refusals[kind]

      // One of them with listeners, within the transaction and after it.
      it.effect(`${kind}: counts as made, in a transaction of the caller's too`, () =>
        Effect.gen(function* () {
          const { a, proxy, apiKey, token, ask } = yield* kind === "deactivate" ? startHeard : start
          const written = yield* Deferred.make<void>()
          const changing = yield* Effect.forkChild(
            attempt(
              a.sql.withTransaction(
                kinds[kind](a.apiKeys, apiKey.id).pipe(
                  Effect.andThen(Deferred.succeed(written, undefined)),
                  Effect.andThen(Effect.sleep("1 seconds")),
                ),
              ),
            ),
          )
          yield* Deferred.await(written)
          yield* delivered
          // Somebody asks between the write and its commit.
          assert.deepStrictEqual(yield* ask(token), ["good", "good"])
          proxy.loseAnswersTo = "COMMIT"
          yield* TestClock.adjust("1 seconds")
          assert.isTrue(Exit.isFailure(yield* Fiber.join(changing)))
          proxy.loseAnswersTo = undefined
          assert.deepStrictEqual(yield* ask(token), [refused, refused])
        }),
      )

      it.effect(`${kind}: counts as made, in one of its own`, () =>
        Effect.gen(function* () {
          const { a, proxy, apiKey, token, ask } = yield* kind === "deactivate" ? startHeard : start
          proxy.loseAnswersTo = "COMMIT"
          assert.strictEqual(yield* tagOf<unknown, { readonly _tag: string }, never>(kinds[kind](a.apiKeys, apiKey.id)), "RepositoryError")
          proxy.loseAnswersTo = undefined
          yield* delivered
          assert.deepStrictEqual(yield* ask(token), [refused, refused])
        }),
      )
    }

    it.effect("by which it waits for a lock is undone, and is remembered as it was when that is sure", () =>
      Effect.gen(function* () {
        const { a, proxy, apiKey, token, ask, remember, lock, isWaiting } = yield* start
        const release = yield* lock
        const changing = yield* Effect.forkChild(attempt(a.apiKeys.deactivate(apiKey.id)))
        yield* eventually(isWaiting)
        yield* proxy.cut
        assert.isTrue(Exit.isFailure(yield* Fiber.join(changing)))
        assert.deepStrictEqual(yield* ask(token), ["good", "good"])
        assert.isFalse(yield* remember(token))
        yield* release
        yield* eventually(Effect.map(isWaiting, (is) => !is))
        assert.deepStrictEqual(yield* ask(token), ["good", "good"])
        yield* eventually(Effect.andThen(TestClock.adjust("1 seconds"), remember(token)))
        assert.deepStrictEqual(yield* ask(token), ["good", "good"])
      }),
    )

    it.effect("in a transaction that goes on is in doubt until that has ended, however long it takes", () =>
      Effect.gen(function* () {
        const { a, b, apiKey, token, ask, remember } = yield* start
        const ending = yield* Deferred.make<void>()
        const written = yield* Deferred.make<void>()
        // A transaction of which the node hears nothing more, as another client goes on with it.
        const holding = yield* Effect.forkChild(
          b.sql.withTransaction(
            b.sql`UPDATE api_keys SET is_active = FALSE, deactivated_at = now(), deactivation_reason = 'manual', version = version + 1 WHERE id = ${apiKey.id}`.pipe(
              Effect.andThen(Deferred.succeed(written, undefined)),
              Effect.andThen(Deferred.await(ending)),
            ),
          ),
        )
        yield* Deferred.await(written)
        assert.isTrue(yield* a.repository.transaction?.isChanging?.(apiKey.id) ?? Effect.succeed(false))
        const failing = yield* Effect.forkChild(attempt(a.sql.withTransaction(a.apiKeys.update(apiKey.id, { name: "other" }))))
        yield* eventually(Effect.map(b.sql`SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock'`, (rows) => rows.length > 0))
        yield* b.sql`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE wait_event_type = 'Lock'`
        assert.isTrue(Exit.isFailure(yield* Fiber.join(failing)))
        for (let minute = 0; minute < 3; minute++) {
          for (let second = 0; second < 60; second += 2) yield* Effect.andThen(TestClock.adjust("2 seconds"), pause(5))
          assert.isFalse(yield* remember(token))
          assert.deepStrictEqual(yield* ask(token), ["good", "good"])
        }
        yield* Deferred.succeed(ending, undefined)
        yield* Fiber.join(holding)
        assert.deepStrictEqual(yield* ask(token), ["Inactive", "Inactive"])
        assert.isFalse(yield* a.repository.transaction?.isChanging?.(apiKey.id) ?? Effect.succeed(true))
        yield* eventually(Effect.andThen(TestClock.adjust("1 seconds"), remember(token)))
        assert.deepStrictEqual(yield* ask(token), ["Inactive", "Inactive"])
      }),
    )

    it.effect("may be that of a record that an older transaction has inserted, and nobody else sees", () =>
      Effect.gen(function* () {
        const { a, b } = yield* start
        const [inserted, end] = [yield* Deferred.make<ApiKeyId>(), yield* Deferred.make<void>()]
        const holding = yield* Effect.forkChild(
          b.sql.withTransaction(
            b.apiKeys.create({ name: "new" }).pipe(
              Effect.andThen(({ apiKey }) => Deferred.succeed(inserted, apiKey.id)),
              Effect.andThen(Deferred.await(end)),
            ),
          ),
        )
        const id = yield* Deferred.await(inserted)
        const isChanging = a.repository.transaction?.isChanging?.(id) ?? Effect.die("there is no such member")
        // It began after what is asked about.
        assert.isFalse(yield* isChanging)
        // Another role isn't told when it began.
        yield* b.sql`CREATE ROLE looker`
        yield* b.sql`GRANT SELECT, UPDATE ON api_keys TO looker`
        const asOther = a.sql.withTransaction(Effect.andThen(a.sql`SET LOCAL ROLE looker`, isChanging))
        assert.isTrue(yield* asOther)
        yield* Deferred.succeed(end, undefined)
        yield* Fiber.join(holding)
        assert.isFalse(yield* asOther)
      }),
    )

    it.effect("because the transaction was rolled back is remembered again", () =>
      Effect.gen(function* () {
        const { a, apiKey, token, ask, remember } = yield* start
        const rolledBack = yield* attempt(a.sql.withTransaction(Effect.andThen(a.apiKeys.deactivate(apiKey.id), Effect.fail("no"))))
        assert.isTrue(Exit.isFailure(rolledBack))
        yield* delivered
        assert.deepStrictEqual(yield* ask(token), ["good", "good"])
        assert.isFalse(yield* remember(token))
        yield* eventually(Effect.andThen(TestClock.adjust("1 seconds"), remember(token)))
        assert.deepStrictEqual(yield* ask(token), ["good", "good"])
      }),
    )

    it.effect("isn't the one that a listener undid, which is remembered as it was at once", () =>
      Effect.gen(function* () {
        let refusal: Effect.Effect<void, RepositoryError> = Effect.void
        const { a, apiKey, token, remember } = yield* startWith({ inTransaction: () => refusal })
        const refused = Effect.fail(new RepositoryError({ operation: "audit", isRetryable: false, cause: "no" }))
        for (refusal of [refused, Effect.die("broken")]) {
          for (const change of Object.values(kinds)) {
            const changing: Effect.Effect<unknown, unknown> = change(a.apiKeys, apiKey.id)
            assert.isTrue(Exit.isFailure(yield* attempt(changing)))
            yield* delivered
            assert.isTrue(yield* remember(token))
            // By a savepoint, within a transaction that is committed.
            yield* a.sql.withTransaction(attempt(changing))
            yield* delivered
            assert.isTrue(yield* remember(token))
          }
        }
      }),
    )

    it.effect("is that of a listener's refusal too, where nothing confirms the rollback", () =>
      Effect.gen(function* () {
        let refusal: Effect.Effect<void, RepositoryError> = Effect.void
        const { a, proxy, apiKey, token, ask, remember } = yield* startWith({ inTransaction: () => refusal })
        refusal = Effect.fail(new RepositoryError({ operation: "audit", isRetryable: false, cause: "no" }))
        proxy.loseAnswersTo = "ROLLBACK"
        assert.strictEqual(yield* tagOf(a.apiKeys.deactivate(apiKey.id)), "RepositoryError")
        proxy.loseAnswersTo = undefined
        yield* delivered
        assert.deepStrictEqual(yield* ask(token), ["good", "good"])
        assert.isFalse(yield* remember(token))
      }),
    )

    it.effect("was bounded by the library: a write waits for a lock for 10 s at most, or for less if the session says so", () =>
      Effect.gen(function* () {
        const { a, apiKey, lock, remember, token } = yield* start
        const release = yield* lock
        const begun = performance.now()
        const error = yield* Effect.flip(a.apiKeys.deactivate(apiKey.id))
        assert.isAtLeast(performance.now() - begun, 9_000)
        assert.instanceOf(error, RepositoryError)
        assert.include(Cause.pretty(Cause.fail(error)), "StatementTimeout")
        yield* delivered
        assert.isFalse(yield* remember(token))
        const narrow = yield* Effect.exit(
          a.sql.withTransaction(Effect.andThen(a.sql`SET LOCAL statement_timeout = '50ms'`, a.apiKeys.deactivate(apiKey.id))),
        )
        assert.isTrue(Exit.isFailure(narrow))
        yield* release
        // The session is left as it was.
        const [row] = yield* a.sql<{ setting: string }>`SELECT current_setting('statement_timeout') AS setting`
        assert.strictEqual(row?.setting, "0")
      }),
    )
  })
})
