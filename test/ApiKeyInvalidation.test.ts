import { assert, describe, it } from "@effect/vitest"
import { Cause, DateTime, Effect, Fiber, Layer, Metric, Queue, type Scope } from "effect"
import { SqlClient } from "effect/sql/SqlClient"
import { TestClock } from "effect/testing"
import type { KeyId } from "../src/ApiKey.ts"
import { layerEphemeral } from "../src/ApiKeyHasher.ts"
import { ApiKeyInvalidation, InvalidationError } from "../src/ApiKeyInvalidation.ts"
import * as ApiKeyMetrics from "../src/ApiKeyMetrics.ts"
import * as Repository from "../src/ApiKeyRepository.ts"
import * as ApiKeys from "../src/ApiKeys.ts"
import * as Pglite from "../src/sql/Pglite.ts"
import * as Migrations from "../src/sql/Migrations.ts"
import * as SqlRepository from "../src/sql/SqlRepository.ts"

/** A channel that nodes share, whose connections can be cut, or go silent. */
const makeHub = () => {
  const listeners = new Map<string, Queue.Queue<string, InvalidationError>>()
  const live = new Set<string>()
  const published: Array<string> = []
  const silent = new Set<string>()
  const state = { isDown: false, isHanging: false, beforeAnswer: Effect.void as Effect.Effect<void> }
  const away = (operation: string) => new InvalidationError({ operation, cause: "down" })
  const connect = (name: string): ApiKeyInvalidation["Service"] => {
    const whileUp = <A>(operation: string, run: () => A) =>
      Effect.suspend(() => (state.isDown ? Effect.fail(away(operation)) : Effect.sync(run)))
    return {
      announcesWrites: false,
      publish: (message) =>
        Effect.andThen(
          Effect.suspend(() => (message.startsWith("confirmed") ? state.beforeAnswer : Effect.void)),
          whileUp("publish", () => {
            published.push(message)
            for (const [listener, queue] of listeners) if (!silent.has(listener)) Queue.offerUnsafe(queue, message)
          }),
        ),
      subscribe: Effect.andThen(
        whileUp("subscribe", () => undefined),
        Effect.acquireRelease(
          Effect.tap(Queue.unbounded<string, InvalidationError>(), (queue) => Effect.sync(() => listeners.set(name, queue))),
          () => Effect.suspend(() => (state.isHanging ? Effect.never : Effect.sync(() => listeners.delete(name)))),
        ),
      ),
      register: (node) => whileUp("register", () => void live.add(node)),
      unregister: (node) => whileUp("unregister", () => void live.delete(node)),
      nodes: whileUp("nodes", () => Array.from(live)),
    }
  }
  const cut = Effect.sync(() => {
    state.isDown = true
    for (const queue of listeners.values()) Queue.failCauseUnsafe(queue, Cause.fail(away("listen")))
  })
  const breakDown = (cause: Cause.Cause<InvalidationError>) =>
    Effect.sync(() => {
      for (const queue of listeners.values()) Queue.failCauseUnsafe(queue, cause)
    })
  const restore = Effect.andThen(
    Effect.sync(() => {
      state.isDown = false
    }),
    TestClock.adjust("1 second"),
  )
  return { connect, cut, breakDown, restore, silent, state, live, published }
}

interface Cluster {
  readonly hub: ReturnType<typeof makeHub>
  readonly lookUps: { count: number }
  readonly repository: Repository.ApiKeyRepository["Service"]
  /** Starts a node, which lives as long as the scope. */
  readonly start: (nodeName: string) => Effect.Effect<ApiKeys.ApiKeys["Service"], never, Scope.Scope>
}

const withCluster = <A, E>(test: (cluster: Cluster) => Effect.Effect<A, E, Scope.Scope>) =>
  Effect.gen(function* () {
    const hub = makeHub()
    const lookUps = { count: 0 }
    const repository = yield* Repository.ApiKeyRepository
    const services = Layer.mergeAll(
      Layer.succeed(Repository.ApiKeyRepository, {
        ...repository,
        findByKeyId: (keyId: KeyId) =>
          Effect.andThen(
            Effect.sync(() => lookUps.count++),
            repository.findByKeyId(keyId),
          ),
      }),
      Layer.succeedContext(yield* Layer.build(layerEphemeral)),
    )
    const start = (nodeName: string) =>
      Effect.gen(function* () {
        const node = ApiKeys.layerWith({ nodeName }).pipe(
          Layer.provide([services, Layer.succeed(ApiKeyInvalidation, hub.connect(nodeName))]),
          Layer.orDie,
        )
        const context = yield* Layer.build(node)
        yield* TestClock.adjust("1 second")
        return yield* Effect.provide(ApiKeys.ApiKeys, context)
      })
    return yield* test({ hub, lookUps, repository, start })
  }).pipe(Effect.scoped, Effect.provide(Layer.fresh(Repository.layerMemory)), Effect.provideService(Metric.MetricRegistry, new Map()))

/** Gives the nodes time to take what was published. */
const delivered = TestClock.adjust("1 millis")

const tagOf = <A, E extends { readonly _tag: string }>(effect: Effect.Effect<A, E>) =>
  Effect.match(effect, { onSuccess: () => "good", onFailure: ({ _tag }) => _tag })

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
    withCluster(({ start, hub, lookUps, repository }) =>
      Effect.gen(function* () {
        const a = yield* start("a")
        const { apiKey, token } = yield* a.create({ name: "k" })
        yield* a.verify(token)
        yield* hub.cut
        yield* TestClock.adjust("10 seconds")
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
        yield* TestClock.adjust("5 seconds")
        assert.strictEqual(yield* tagOf(a.verify(token)), "Inactive")
        yield* TestClock.adjust("20 seconds")
        assert.strictEqual((yield* Metric.value(ApiKeyMetrics.outages)).count, 1)
      }),
    ),
  )

  it.effect("listen anew while a connection that has gone silent can't even be closed", () =>
    withCluster(({ start, hub, lookUps }) =>
      Effect.gen(function* () {
        const a = yield* start("a")
        const { token } = yield* a.create({ name: "k" })
        hub.silent.add("a")
        hub.state.isHanging = true
        yield* TestClock.adjust("15 seconds")
        assert.strictEqual((yield* Metric.value(ApiKeyMetrics.outages)).count, 1)
        hub.silent.delete("a")
        yield* TestClock.adjust("15 seconds")
        lookUps.count = 0
        yield* a.verify(token)
        yield* a.verify(token)
        assert.strictEqual(lookUps.count, 1)
        hub.state.isHanging = false
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
    withCluster(({ start, hub }) =>
      Effect.gen(function* () {
        const a = yield* start("a")
        const b = yield* start("b")
        const { apiKey, token } = yield* a.create({ name: "k" })
        // `a` alone is cut off: its publishing fails, and `b` goes on hearing.
        yield* b.verify(token)
        yield* hub.cut
        yield* a.deactivate(apiKey.id)
        yield* hub.restore
        yield* TestClock.adjust("3 seconds")
        assert.include(hub.published, "everything")
        assert.strictEqual(yield* tagOf(b.verify(token)), "Inactive")
      }),
    ),
  )

  it.effect("confirm a change when each has applied it", () =>
    withCluster(({ start }) =>
      Effect.gen(function* () {
        const a = yield* start("a")
        const b = yield* start("b")
        const { apiKey, token } = yield* a.create({ name: "k" })
        yield* b.verify(token)
        const confirmWithin = "1 second"
        yield* a.deactivate(apiKey.id, { confirmWithin })
        assert.strictEqual(yield* tagOf(b.verify(token)), "Inactive")
        yield* b.activate(apiKey.id, { confirmWithin })
        assert.strictEqual(yield* tagOf(a.verify(token)), "good")
        yield* a.update(apiKey.id, { name: "n" }, { confirmWithin })
        yield* a.delete(apiKey.id, { confirmWithin })
        assert.strictEqual(yield* tagOf(b.verify(token)), "NotFound")
      }),
    ),
  )

  it.effect("are named when they haven't confirmed, and the change stands", () =>
    withCluster(({ start, hub }) =>
      Effect.gen(function* () {
        const a = yield* start("a")
        yield* start("b")
        yield* start("c")
        const { apiKey, token } = yield* a.create({ name: "k" })
        hub.silent.add("b")
        const waiting = yield* Effect.forkChild(Effect.flip(a.deactivate(apiKey.id, { confirmWithin: "2 seconds" })), {
          startImmediately: true,
        })
        yield* TestClock.adjust("2 seconds")
        const error = yield* Fiber.join(waiting)
        assert.strictEqual(error._tag, "Unconfirmed")
        if (error._tag !== "Unconfirmed") return
        assert.strictEqual(error.id, apiKey.id)
        assert.strictEqual(error.nodes.length, 1)
        assert.isTrue(error.nodes[0]?.startsWith("b-"))
        assert.strictEqual(yield* tagOf(a.verify(token)), "Inactive")

        // A register that has lost the node that asks has lost others too.
        hub.silent.clear()
        hub.live.clear()
        assert.deepInclude(yield* Effect.flip(a.update(apiKey.id, { name: "n" }, { confirmWithin: "2 seconds" })), {
          _tag: "Unconfirmed",
          nodes: [],
        })

        yield* hub.cut
        assert.deepInclude(yield* Effect.flip(a.activate(apiKey.id, { confirmWithin: "2 seconds" })), { _tag: "Unconfirmed", nodes: [] })
        assert.strictEqual((yield* a.get(apiKey.id)).isActive, true)
      }),
    ),
  )

  it.effect("leave the register when they stop", () =>
    withCluster(({ start, hub }) =>
      Effect.gen(function* () {
        yield* Effect.scoped(start("a"))
        yield* start("b")
        assert.deepStrictEqual(
          Array.from(hub.live, (name) => name.replace(/-.*/, "")),
          ["b"],
        )
      }),
    ),
  )

  it.effect("take what they don't understand for any change", () =>
    withCluster(({ start, hub, lookUps }) =>
      Effect.gen(function* () {
        const a = yield* start("a")
        const { token } = yield* a.create({ name: "k" })
        yield* a.verify(token)
        for (const message of ["", "changed", "changed a b", "rotated 1 2 3", "confirm x", "\u0000"]) {
          lookUps.count = 0
          yield* Effect.orDie(hub.connect("stranger").publish(message))
          yield* delivered
          yield* a.verify(token)
          assert.strictEqual(lookUps.count, 1, message)
        }
      }),
    ),
  )
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
