import { assert, describe, it } from "@effect/vitest"
import { Cause, DateTime, Effect, Fiber, Layer, Logger, Metric } from "effect"
import { SqlClient } from "effect/sql/SqlClient"
import { TestClock } from "effect/testing"
import { layerEphemeral } from "../../src/ApiKeyHasher.ts"
import { InvalidationError } from "../../src/ApiKeyInvalidation.ts"
import * as ApiKeyMetrics from "../../src/ApiKeyMetrics.ts"
import * as ApiKeys from "../../src/ApiKeys.ts"
import * as Pglite from "../../src/sql/Pglite.ts"
import * as Migrations from "../../src/sql/Migrations.ts"
import * as SqlRepository from "../../src/sql/SqlRepository.ts"
import { withCluster, delivered, tagOf, startPair } from "./support.ts"

const outage = "Warn: Changes made elsewhere aren't heard, so each request asks the database"

const recovery = "Info: Changes made elsewhere are heard again"

describe("Nodes", () => {
  it.effect("hear each other's changes, and of keys that they have called unknown", () =>
    withCluster(({ start, lookUps, repository }) =>
      Effect.gen(function* () {
        const a = yield* start("a")
        const b = yield* start("b")
        const { apiKey, token } = yield* a.create({ name: "k", scopes: ["x"] })
        yield* delivered
        yield* b.verify(token)
        yield* b.verify(token)
        assert.strictEqual(lookUps.count, 1)
        for (const [change, scopes, tag] of [
          [a.deactivate(apiKey.id), [], "Inactive"],
          [a.activate(apiKey.id), [], "good"],
          [a.update(apiKey.id, { scopes: [] }), ["x"], "InsufficientScope"],
          [a.update(apiKey.id, { expiresAt: yield* DateTime.now }), [], "Expired"],
          [a.delete(apiKey.id), [], "NotFound"],
        ] as const) {
          const stored = yield* repository.findById(apiKey.id)
          yield* change
          yield* delivered
          assert.strictEqual(yield* tagOf(b.verify(token, { scopes })), tag)
          if (tag !== "NotFound" || stored._tag === "None") continue
          yield* repository.insert(stored.value)
          yield* a.update(apiKey.id, { expiresAt: null })
          yield* delivered
          assert.strictEqual(yield* tagOf(b.verify(token)), "good")
        }
      }),
    ),
  )

  it.effect("ask the database while they can't hear, tell of the outage once, and cache again afterwards", () =>
    withCluster(({ start, hub, lookUps, repository, logged }) =>
      Effect.gen(function* () {
        const a = yield* start("a")
        assert.deepStrictEqual(logged, [])
        const { apiKey, token } = yield* a.create({ name: "k" })
        yield* a.verify(token)
        yield* hub.cut
        yield* delivered
        // From the first moment on, although its last heartbeat isn't old.
        lookUps.count = 0
        yield* a.verify(token)
        yield* a.verify(token)
        assert.strictEqual(lookUps.count, 2)
        yield* TestClock.adjust("10 seconds")
        assert.deepStrictEqual(logged, [outage])
        // Unheard, as by a node that can't tell.
        yield* repository.update(apiKey.id, { isActive: false }, { at: yield* DateTime.now })
        assert.strictEqual(yield* tagOf(a.verify(token)), "Inactive")
        yield* repository.update(apiKey.id, { isActive: true }, { at: yield* DateTime.now })
        assert.strictEqual(yield* tagOf(a.verify(token)), "good")
        assert.strictEqual((yield* Metric.value(ApiKeyMetrics.outages)).count, 1)
        yield* hub.restore
        lookUps.count = 0
        yield* a.verify(token)
        yield* a.verify(token)
        assert.strictEqual(lookUps.count, 1)
        assert.strictEqual((yield* Metric.value(ApiKeyMetrics.outages)).count, 1)
        assert.deepStrictEqual(logged, [outage, recovery])
        yield* hub.cut
        yield* delivered
        yield* hub.restore
        assert.strictEqual((yield* Metric.value(ApiKeyMetrics.outages)).count, 2)
        assert.deepStrictEqual(logged, [outage, recovery, outage, recovery])
      }),
    ),
  )

  it.effect("tell of an outage that they began with, and of none when they stop", () =>
    withCluster(({ start, hub, lookUps, logged }) =>
      Effect.gen(function* () {
        hub.state.beforeRegistering = () => Effect.fail(new InvalidationError({ operation: "register", cause: "denied" }))
        yield* Effect.scoped(
          Effect.gen(function* () {
            const a = yield* start("a", 0)
            const { token } = yield* a.create({ name: "k" })
            for (const wait of ["0 millis", "10 minutes"] as const) {
              yield* TestClock.adjust(wait)
              lookUps.count = 0
              yield* a.verify(token)
              yield* a.verify(token)
              assert.strictEqual(lookUps.count, 2, wait)
            }
            assert.strictEqual((yield* Metric.value(ApiKeyMetrics.outages)).count, 1)
            assert.deepStrictEqual(logged, [outage])
            hub.state.beforeRegistering = () => Effect.void
            yield* TestClock.adjust("1 second")
            assert.deepStrictEqual(logged, [outage, recovery])
          }),
        )
        assert.strictEqual((yield* Metric.value(ApiKeyMetrics.outages)).count, 1)
        assert.deepStrictEqual(logged, [outage, recovery])
      }),
    ),
  )

  it.effect("notice a connection that has gone silent by their own heartbeat", () =>
    withCluster(({ start, hub, repository }) =>
      Effect.gen(function* () {
        const a = yield* start("a")
        const { apiKey, token } = yield* a.create({ name: "k" })
        yield* a.verify(token)
        hub.silent.add("a")
        yield* repository.update(apiKey.id, { isActive: false }, { at: yield* DateTime.now })
        yield* TestClock.adjust("5 seconds")
        assert.strictEqual(yield* tagOf(a.verify(token)), "good")
        // Those of others say nothing of when it heard last.
        hub.silent.delete("a")
        for (let count = 1; count <= 10; count++) yield* Effect.orDie(hub.connect("stranger").publish(`beat stranger ${count}`))
        hub.silent.add("a")
        yield* TestClock.adjust("5 seconds")
        assert.strictEqual(yield* tagOf(a.verify(token)), "Inactive")
        yield* TestClock.adjust("20 seconds")
        assert.strictEqual((yield* Metric.value(ApiKeyMetrics.outages)).count, 1)
      }),
    ),
  )

  it.effect("don't go on without hearing when their clock is set back", () =>
    withCluster(({ start, hub, repository }) =>
      Effect.gen(function* () {
        yield* TestClock.setTime(7_200_000)
        const a = yield* start("a")
        const { apiKey, token } = yield* a.create({ name: "k" })
        yield* a.verify(token)
        hub.silent.add("a")
        yield* TestClock.setTime(3_600_000)
        yield* a.verify(token)
        yield* repository.update(apiKey.id, { isActive: false }, { at: yield* DateTime.now })
        assert.strictEqual(yield* tagOf(a.verify(token)), "Inactive")
      }),
    ),
  )

  it.effect("listen anew whatever ended their connection", () =>
    Effect.forEach([Cause.fail(new InvalidationError({ operation: "listen", cause: "x" })), Cause.die("x"), Cause.interrupt()], (cause) =>
      withCluster(({ start, hub, lookUps }) =>
        Effect.gen(function* () {
          const a = yield* start("a")
          const { token } = yield* a.create({ name: "k" })
          yield* hub.breakDown(cause)
          yield* TestClock.adjust("5 seconds")
          lookUps.count = 0
          yield* a.verify(token)
          yield* a.verify(token)
          assert.strictEqual(lookUps.count, 1)
        }),
      ),
    ),
  )

  it.effect("hear of changes while an answer of theirs doesn't get through", () =>
    withCluster(({ start, hub }) =>
      Effect.gen(function* () {
        const a = yield* start("a")
        const b = yield* start("b")
        const first = yield* a.create({ name: "k" })
        const second = yield* a.create({ name: "k" })
        yield* b.verify(second.token)
        hub.state.beforeAnswer = Effect.sleep("4 seconds")
        const confirming = yield* Effect.forkChild(Effect.exit(a.deactivate(first.apiKey.id, { confirmWithin: "3 seconds" })), {
          startImmediately: true,
        })
        yield* delivered
        yield* a.deactivate(second.apiKey.id)
        yield* delivered
        assert.strictEqual(yield* tagOf(b.verify(second.token)), "Inactive")
        yield* TestClock.adjust("3 seconds")
        yield* Fiber.join(confirming)
      }),
    ),
  )

  it.effect("tell, when they can again, of what they couldn't", () =>
    withCluster((cluster) =>
      Effect.gen(function* () {
        const { hub } = cluster
        const { a, b, apiKey, token } = yield* startPair(cluster)
        // Nor what is to make up for it, until later.
        hub.state.isLost = (name, message) => name === "a" && !message.startsWith("beat")
        yield* a.deactivate(apiKey.id)
        yield* TestClock.adjust("5 seconds")
        assert.strictEqual(yield* tagOf(b.verify(token)), "good")
        hub.state.isLost = () => false
        yield* TestClock.adjust("3 seconds")
        assert.include(hub.published, "everything")
        assert.strictEqual(yield* tagOf(b.verify(token)), "Inactive")
      }),
    ),
  )
})

describe("A node without others", () => {
  it.effect("confirms by itself, and says so once, as others may have been forgotten", () => {
    const logged: Array<unknown> = []
    const logger = Logger.make(({ message }) => void logged.push(message))
    return Effect.gen(function* () {
      const apiKeys = yield* ApiKeys.ApiKeys
      const { apiKey } = yield* apiKeys.create({ name: "k" })
      yield* apiKeys.update(apiKey.id, { name: "n" })
      assert.deepStrictEqual(logged, [])
      yield* apiKeys.deactivate(apiKey.id, { confirmWithin: "1 second" })
      yield* apiKeys.delete(apiKey.id, { confirmWithin: "1 second" })
      assert.strictEqual(logged.length, 1)
      assert.include(String(logged[0]), "ApiKeyInvalidation")
    }).pipe(Effect.provide(Layer.merge(ApiKeys.layerMemory, Logger.layer([logger]))))
  })
})

describe("In a transaction of the caller's", () => {
  const withDatabase = <A, E>(test: (apiKeys: ApiKeys.ApiKeys["Service"], sql: SqlClient) => Effect.Effect<A, E>) =>
    Effect.gen(function* () {
      return yield* test(yield* ApiKeys.ApiKeys, yield* SqlClient)
    }).pipe(
      Effect.provide(
        ApiKeys.layer.pipe(
          Layer.provide([layerEphemeral, SqlRepository.layer]),
          Layer.provideMerge(Migrations.layer().pipe(Layer.provideMerge(Pglite.layer()))),
        ),
      ),
    )

  it.effect("nothing is cached that may be undone, and a change counts from its commit on", () =>
    withDatabase((apiKeys, sql) =>
      Effect.gen(function* () {
        const undone = yield* Effect.flip(
          sql.withTransaction(
            Effect.gen(function* () {
              const { token } = yield* apiKeys.create({ name: "k" })
              yield* apiKeys.verify(token)
              return yield* Effect.fail(token)
            }),
          ),
        )
        assert.isFalse("_tag" in undone)
        if ("_tag" in undone) return
        assert.strictEqual(yield* tagOf(apiKeys.verify(undone)), "NotFound")

        const { apiKey, token } = yield* apiKeys.create({ name: "k" })
        yield* sql.withTransaction(
          Effect.gen(function* () {
            yield* apiKeys.deactivate(apiKey.id)
            assert.strictEqual(yield* tagOf(apiKeys.verify(token)), "Inactive")
            assert.deepInclude(yield* Effect.flip(apiKeys.activate(apiKey.id, { confirmWithin: "1 second" })), { _tag: "Unconfirmed" })
            yield* apiKeys.deactivate(apiKey.id)
          }),
        )
        assert.strictEqual(yield* tagOf(apiKeys.verify(token)), "Inactive")
      }),
    ),
  )
})
