import { assert, describe, it } from "@effect/vitest"
import { Cause, Clock, DateTime, Deferred, Duration, Effect, Exit, Fiber, Layer, Logger, Metric, Queue, Scope } from "effect"
import { SqlClient } from "effect/sql/SqlClient"
import { TestClock } from "effect/testing"
import type { KeyId } from "../src/ApiKey.ts"
import { RepositoryError } from "../src/ApiKeyError.ts"
import { layerEphemeral } from "../src/ApiKeyHasher.ts"
import { ApiKeyInvalidation, InvalidationError } from "../src/ApiKeyInvalidation.ts"
import * as ApiKeyMetrics from "../src/ApiKeyMetrics.ts"
import * as Repository from "../src/ApiKeyRepository.ts"
import * as ApiKeys from "../src/ApiKeys.ts"
import * as Pglite from "../src/sql/Pglite.ts"
import * as Migrations from "../src/sql/Migrations.ts"
import * as SqlRepository from "../src/sql/SqlRepository.ts"

/** A channel that nodes share, whose connections can be cut, or go silent, and whose register can be slow, or lost. */
const makeHub = (clock: Clock.Clock) => {
  const listeners = new Map<string, Queue.Queue<string, InvalidationError>>()
  const now = () => clock.currentTimeMillisUnsafe()
  /** The nodes, and until when they live. */
  const live = new Map<string, number>()
  const published: Array<string> = []
  const silent = new Set<string>()
  const state = {
    isDown: false,
    beforeAnswer: Effect.void as Effect.Effect<void>,
    /** Before a node is registered. */
    beforeRegistering: (_: string): Effect.Effect<void, InvalidationError> => Effect.void,
    isLost: (_name: string, _message: string): boolean => false,
    registerBegan: Number.NEGATIVE_INFINITY,
  }
  const away = (operation: string) => new InvalidationError({ operation, cause: "down" })
  const connect = (name: string): ApiKeyInvalidation["Service"] => {
    const whileUp = <A>(operation: string, run: () => A) =>
      Effect.suspend(() => (state.isDown ? Effect.fail(away(operation)) : Effect.sync(run)))
    return {
      announcesWrites: false,
      publish: (message) =>
        Effect.andThen(
          Effect.suspend(() => (message.startsWith("confirmed") ? state.beforeAnswer : Effect.void)),
          Effect.suspend(() =>
            state.isLost(name, message)
              ? Effect.fail(away("publish"))
              : whileUp("publish", () => {
                  published.push(message)
                  for (const [listener, queue] of listeners) if (!silent.has(listener)) Queue.offerUnsafe(queue, message)
                }),
          ),
        ),
      subscribe: Effect.andThen(
        whileUp("subscribe", () => undefined),
        Effect.acquireRelease(
          Effect.tap(Queue.unbounded<string, InvalidationError>(), (queue) => Effect.sync(() => listeners.set(name, queue))),
          () => Effect.sync(() => listeners.delete(name)),
        ),
      ),
      register: (node, lease) =>
        Effect.andThen(
          Effect.suspend(() => state.beforeRegistering(name)),
          whileUp("register", () => void live.set(node, now() + Duration.toMillis(lease))),
        ),
      unregister: (node) => whileUp("unregister", () => void live.delete(node)),
      nodes: whileUp("nodes", () => Array.from(live).flatMap(([node, until]) => (until > now() ? [node] : []))),
      registerAge: whileUp("registerAge", () => Duration.millis(now() - state.registerBegan)),
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
  /** As when what holds it is emptied. */
  const loseRegister = Effect.sync(() => {
    live.clear()
    state.registerBegan = now()
  })
  return { connect, cut, breakDown, restore, loseRegister, silent, state, live, published }
}

interface Cluster {
  readonly hub: ReturnType<typeof makeHub>
  readonly lookUps: { count: number }
  readonly repository: Repository.ApiKeyRepository["Service"]
  /** What was logged, but for details. */
  readonly logged: ReadonlyArray<string>
  /** What nodes ask, which may be made slow, or to fail. */
  readonly store: { -readonly [K in "findByKeyId" | "update"]: Repository.ApiKeyRepository["Service"][K] }
  /** Starts a node, which lives as long as the scope. */
  readonly start: (nodeName: string, wait?: Duration.Input) => Effect.Effect<ApiKeys.ApiKeys["Service"], never, Scope.Scope>
}

const withCluster = <A, E>(test: (cluster: Cluster) => Effect.Effect<A, E, Scope.Scope>) => {
  const logged: Array<string> = []
  const details: Array<string> = []
  const logger = Logger.make(({ cause, logLevel, message }) => {
    const [text] = Array.isArray(message) ? message : [message]
    logged.push(`${logLevel}: ${String(text)}`)
    details.push(`${String(text)} ${Cause.pretty(cause)}`)
  })
  return Effect.gen(function* () {
    const hub = makeHub(yield* Clock.Clock)
    const lookUps = { count: 0 }
    const repository = yield* Repository.ApiKeyRepository
    const store: Cluster["store"] = { findByKeyId: repository.findByKeyId, update: repository.update }
    const services = Layer.mergeAll(
      Layer.succeed(Repository.ApiKeyRepository, {
        ...repository,
        update: (...change) => store.update(...change),
        findByKeyId: (keyId: KeyId) =>
          Effect.andThen(
            Effect.sync(() => lookUps.count++),
            Effect.suspend(() => store.findByKeyId(keyId)),
          ),
      }),
      Layer.succeedContext(yield* Layer.build(layerEphemeral)),
    )
    const start = (nodeName: string, wait: Duration.Input = "1 second") =>
      Effect.gen(function* () {
        const node = ApiKeys.layerWith({ nodeName }).pipe(
          Layer.provide([services, Layer.succeed(ApiKeyInvalidation, hub.connect(nodeName))]),
          Layer.orDie,
        )
        const context = yield* Layer.build(node)
        yield* TestClock.adjust(wait)
        return yield* Effect.provide(ApiKeys.ApiKeys, context)
      })
    const result = yield* test({ hub, lookUps, repository, logged, store, start })
    // A node may be the only one, and must not be told of others when it loses its database.
    for (const detail of details) assert.notMatch(detail, /other nodes/i)
    return result
  }).pipe(
    Effect.scoped,
    Effect.provide(Layer.merge(Layer.fresh(Repository.layerMemory), Logger.layer([logger]))),
    Effect.provideService(Metric.MetricRegistry, new Map()),
  )
}

/** Gives the nodes time to take what was published. */
const delivered = TestClock.adjust("1 millis")

const outage = "Warn: Changes made elsewhere aren't heard, so each request asks the database"
const recovery = "Info: Changes made elsewhere are heard again"

/** Runs an effect beside the test. */
const begin = <A, E>(effect: Effect.Effect<A, E>) => Effect.forkChild(effect, { startImmediately: true })

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
    withCluster(({ start, hub }) =>
      Effect.gen(function* () {
        const a = yield* start("a")
        const b = yield* start("b")
        const { apiKey, token } = yield* a.create({ name: "k" })
        yield* b.verify(token)
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

  it.effect("have applied what they confirm, even if they weren't told of it before", () =>
    withCluster(({ start, hub }) =>
      Effect.gen(function* () {
        const a = yield* start("a")
        const b = yield* start("b")
        const { apiKey, token } = yield* a.create({ name: "k" })
        yield* b.verify(token)
        hub.state.isLost = (name, message) => name === "a" && /^(changed|doubtful|settled) /.test(message)
        yield* a.deactivate(apiKey.id, { confirmWithin: "1 second" })
        assert.strictEqual(yield* tagOf(b.verify(token)), "Inactive")
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

        hub.silent.clear()
        yield* hub.cut
        const alone = yield* begin(Effect.flip(a.activate(apiKey.id, { confirmWithin: "2 seconds" })))
        yield* TestClock.adjust("1999 millis")
        assert.isUndefined(alone.pollUnsafe())
        yield* TestClock.adjust("1 millis")
        assert.deepInclude(yield* Fiber.join(alone), { _tag: "Unconfirmed", nodes: [] })
        assert.strictEqual((yield* a.get(apiKey.id)).isActive, true)
      }),
    ),
  )

  it.effect("are asked again, for as long as there is time, when they couldn't be", () =>
    withCluster(({ start, hub }) =>
      Effect.gen(function* () {
        const a = yield* start("a")
        const b = yield* start("b")
        const { apiKey, token } = yield* a.create({ name: "k" })
        yield* b.verify(token)
        hub.state.isLost = (name, message) => name === "a" && /^(changed|confirm) /.test(message)
        const confirming = yield* begin(a.deactivate(apiKey.id, { confirmWithin: "10 seconds" }))
        yield* TestClock.adjust("5 seconds")
        assert.isUndefined(confirming.pollUnsafe())
        hub.state.isLost = () => false
        yield* TestClock.adjust("1 second")
        yield* Fiber.join(confirming)
        assert.strictEqual(yield* tagOf(b.verify(token)), "Inactive")
        hub.state.isDown = true
        const later = yield* begin(a.activate(apiKey.id, { confirmWithin: "10 seconds" }))
        yield* TestClock.adjust("1 second")
        yield* hub.restore
        yield* TestClock.adjust("1 second")
        yield* Fiber.join(later)
      }),
    ),
  )

  it.effect("answer each of several that ask at once", () =>
    withCluster(({ start }) =>
      Effect.gen(function* () {
        const a = yield* start("a")
        yield* start("b")
        const keys = yield* Effect.forEach(Array.from({ length: 20 }), () => a.create({ name: "k" }))
        const confirming = yield* begin(
          Effect.forEach(keys, ({ apiKey }) => a.deactivate(apiKey.id, { confirmWithin: "5 seconds" }), { concurrency: "unbounded" }),
        )
        // Before any is asked again.
        yield* TestClock.adjust("400 millis")
        yield* Effect.repeat(Effect.yieldNow, { times: 200 })
        assert.isDefined(confirming.pollUnsafe())
      }),
    ),
  )

  it.effect("confirm as soon as they are registered, however soon they are asked", () =>
    withCluster(({ start, hub }) =>
      Effect.gen(function* () {
        const b = yield* start("b")
        const { apiKey } = yield* b.create({ name: "k" })
        hub.state.beforeRegistering = () => Effect.sleep("50 millis")
        const a = yield* start("a", 0)
        const confirming = yield* begin(a.deactivate(apiKey.id, { confirmWithin: "5 seconds" }))
        yield* TestClock.adjust("49 millis")
        assert.isUndefined(confirming.pollUnsafe())
        yield* TestClock.adjust("150 millis")
        assert.isDefined(confirming.pollUnsafe())
      }),
    ),
  )

  it.effect("don't keep what they read before the register knew them", () =>
    withCluster(({ start, hub, store, repository }) =>
      Effect.gen(function* () {
        const a = yield* start("a")
        const { apiKey, token } = yield* a.create({ name: "k" })
        hub.state.beforeRegistering = (name) => (name === "b" ? Effect.sleep("50 millis") : Effect.void)
        const b = yield* start("b", "10 millis")
        store.findByKeyId = (keyId) => Effect.tap(repository.findByKeyId(keyId), () => Effect.sleep("100 millis"))
        const verifying = yield* begin(tagOf(b.verify(token)))
        yield* delivered
        // Not told, and confirmed by all that there are.
        hub.state.isLost = (name, message) => name === "a" && /^(changed|doubtful|settled) /.test(message)
        yield* a.deactivate(apiKey.id, { confirmWithin: "5 seconds" })
        yield* TestClock.adjust("200 millis")
        yield* Fiber.join(verifying)
        store.findByKeyId = repository.findByKeyId
        assert.strictEqual(yield* tagOf(b.verify(token)), "Inactive")
      }),
    ),
  )

  it.effect("let nobody join a look-up that they began before the register knew them", () =>
    withCluster(({ start, hub, store, repository }) =>
      Effect.gen(function* () {
        const a = yield* start("a")
        const { apiKey, token } = yield* a.create({ name: "k" })
        hub.state.beforeRegistering = (name) => (name === "b" ? Effect.sleep("50 millis") : Effect.void)
        // It doesn't hear yet.
        hub.silent.add("b")
        const b = yield* start("b", "10 millis")
        store.findByKeyId = (keyId) => Effect.tap(repository.findByKeyId(keyId), () => Effect.sleep("1 second"))
        const early = yield* begin(tagOf(b.verify(token)))
        yield* delivered
        // Confirmed by all that there are.
        yield* a.deactivate(apiKey.id, { confirmWithin: "5 seconds" })
        hub.silent.delete("b")
        yield* TestClock.adjust("200 millis")
        const late = yield* begin(tagOf(b.verify(token)))
        store.findByKeyId = repository.findByKeyId
        yield* TestClock.adjust("1 second")
        assert.deepStrictEqual(yield* Effect.forEach([early, late], Fiber.join), ["good", "Inactive"])
      }),
    ),
  )

  it.effect("stay in the register for longer than they use what they remember", () =>
    withCluster(({ start, hub }) =>
      Effect.gen(function* () {
        const a = yield* start("a")
        const b = yield* start("b")
        const { apiKey, token } = yield* a.create({ name: "k" })
        yield* b.verify(token)
        // It hangs, so that the node doesn't learn of it.
        hub.state.beforeRegistering = (name) => (name === "b" ? Effect.never : Effect.void)
        hub.silent.add("b")
        // To just before its lease ends, which began a second ago.
        yield* TestClock.adjust("8990 millis")
        const confirming = yield* begin(Effect.flip(a.deactivate(apiKey.id, { confirmWithin: "1 second" })))
        yield* delivered
        assert.strictEqual(yield* tagOf(b.verify(token)), "good")
        yield* TestClock.adjust("1 second")
        assert.strictEqual((yield* Fiber.join(confirming))._tag, "Unconfirmed")
      }),
    ),
  )

  it.effect(
    "aren't taken for all nodes when the register was lost, until those it has forgotten have stopped using what they remember",
    () =>
      withCluster(({ start, hub }) =>
        Effect.gen(function* () {
          const b = yield* start("b")
          const { apiKey, token } = yield* b.create({ name: "k" })
          yield* b.verify(token)
          // `b` goes on with what there was before, and `a` has never heard it.
          hub.silent.add("b")
          hub.state.isLost = (name) => name === "b"
          hub.state.beforeRegistering = (name) => (name === "b" ? Effect.never : Effect.void)
          const a = yield* start("a")
          yield* hub.loseRegister
          yield* TestClock.adjust("2 seconds")
          assert.strictEqual(hub.live.size, 1)
          const impatient = yield* begin(Effect.flip(a.update(apiKey.id, { name: "n" }, { confirmWithin: "5 seconds" })))
          const patient = yield* begin(a.deactivate(apiKey.id, { confirmWithin: "9 seconds" }))
          yield* TestClock.adjust("5 seconds")
          assert.deepInclude(yield* Fiber.join(impatient), { _tag: "Unconfirmed", nodes: [] })
          assert.isUndefined(patient.pollUnsafe())
          assert.strictEqual(yield* tagOf(b.verify(token)), "good")
          yield* TestClock.adjust("4 seconds")
          yield* Fiber.join(patient)
          assert.strictEqual(yield* tagOf(b.verify(token)), "Inactive")
        }),
      ),
  )

  it.effect("that have vanished from the register are asked until it has forgotten them, and they what they remembered", () =>
    withCluster(({ start, hub }) =>
      Effect.gen(function* () {
        const a = yield* start("a")
        const b = yield* start("b")
        const { apiKey, token } = yield* b.create({ name: "k" })
        yield* b.verify(token)
        // As when Redis is split: each side goes on, and forgets those of the other.
        hub.silent.add("b")
        hub.state.isLost = (name) => name === "b"
        hub.state.beforeRegistering = (name) => (name === "b" ? Effect.never : Effect.void)
        yield* TestClock.adjust("28 seconds")
        assert.strictEqual(hub.live.size, 2)
        const confirm = (change: Effect.Effect<unknown, { readonly _tag: string; readonly nodes?: ReadonlyArray<string> }>) =>
          Effect.gen(function* () {
            const confirming = yield* begin(Effect.exit(change))
            yield* TestClock.adjust("2 seconds")
            return yield* Fiber.join(confirming)
          })
        const within = { confirmWithin: "2 seconds" } as const
        for (const [at, change] of [
          [30, a.deactivate(apiKey.id, within)],
          [87, a.activate(apiKey.id, within)],
        ] as const) {
          const exit = yield* confirm(change)
          assert.isTrue(Exit.isFailure(exit), `at ${at}`)
          if (Exit.isFailure(exit)) assert.match(JSON.stringify(Cause.squash(exit.cause)), /"Unconfirmed".*"nodes":\["b-/)
          yield* TestClock.adjust("55 seconds")
        }
        assert.isTrue(Exit.isSuccess(yield* confirm(a.deactivate(apiKey.id, within))))
      }),
    ),
  )

  it.effect("that stop are waited for no longer", () =>
    withCluster(({ start, hub }) =>
      Effect.gen(function* () {
        const a = yield* start("a")
        const scope = yield* Scope.make()
        yield* Scope.provide(start("b"), scope)
        const { apiKey } = yield* a.create({ name: "k" })
        hub.silent.add("b")
        const confirming = yield* begin(a.deactivate(apiKey.id, { confirmWithin: "30 seconds" }))
        yield* TestClock.adjust("1 second")
        assert.isUndefined(confirming.pollUnsafe())
        yield* Scope.close(scope, Exit.void)
        yield* delivered
        yield* Fiber.join(confirming)
        yield* a.activate(apiKey.id, { confirmWithin: "1 second" })
      }),
    ),
  )

  it.effect("hear of a change of which it isn't known whether it was made, nor of which key id", () =>
    withCluster(({ start, store, repository, lookUps }) =>
      Effect.gen(function* () {
        const a = yield* start("a")
        const b = yield* start("b")
        const { apiKey, token } = yield* b.create({ name: "k" })
        const other = yield* b.create({ name: "other" })
        yield* b.verify(token)
        yield* b.verify(other.token)
        const begun = yield* Deferred.make<void>()
        const ended = yield* Deferred.make<void>()
        store.findByKeyId = (keyId) =>
          Effect.tap(repository.findByKeyId(keyId), () => Effect.andThen(Deferred.succeed(begun, undefined), Deferred.await(ended)))
        const verifying = yield* begin(tagOf(a.verify(token)))
        yield* Deferred.await(begun)
        store.update = (...change) =>
          Effect.andThen(
            repository.update(...change),
            Effect.fail(new RepositoryError({ operation: "update", isRetryable: true, cause: "the answer was lost" })),
          )
        assert.strictEqual(yield* tagOf(a.deactivate(apiKey.id)), "RepositoryError")
        yield* Deferred.succeed(ended, undefined)
        yield* delivered
        // What was under way here, and what is remembered there.
        assert.strictEqual(yield* Fiber.join(verifying), "Inactive")
        assert.strictEqual(yield* tagOf(b.verify(token)), "Inactive")
        lookUps.count = 0
        yield* b.verify(other.token)
        assert.strictEqual(lookUps.count, 0)
      }),
    ),
  )

  it.effect("tell of what they couldn't when they stop", () =>
    withCluster(({ start, hub }) =>
      Effect.gen(function* () {
        const b = yield* start("b")
        const { apiKey, token } = yield* b.create({ name: "k" })
        yield* b.verify(token)
        yield* Effect.scoped(
          Effect.gen(function* () {
            const a = yield* start("a")
            hub.state.isLost = (name) => name === "a"
            yield* a.deactivate(apiKey.id)
            hub.state.isLost = () => false
          }),
        )
        yield* delivered
        assert.strictEqual(yield* tagOf(b.verify(token)), "Inactive")
      }),
    ),
  )

  it.effect("leave the register when they stop, and ask the database from then on", () =>
    withCluster(({ start, hub, repository }) =>
      Effect.gen(function* () {
        const scope = yield* Scope.make()
        const a = yield* Scope.provide(start("a"), scope)
        const { apiKey, token } = yield* a.create({ name: "k" })
        yield* a.verify(token)
        yield* Scope.close(scope, Exit.void)
        yield* repository.update(apiKey.id, { isActive: false }, { at: yield* DateTime.now })
        assert.strictEqual(yield* tagOf(a.verify(token)), "Inactive")
        yield* start("b")
        assert.deepStrictEqual(
          Array.from(hub.live.keys(), (name) => name.replace(/-.*/, "")),
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
        for (const message of ["", "changed", "changed a b", "rotated 1 2 3", "confirm x", "confirm x y z", "doubtful", "\u0000"]) {
          lookUps.count = 0
          yield* Effect.orDie(hub.connect("stranger").publish(message))
          yield* delivered
          yield* a.verify(token)
          assert.strictEqual(lookUps.count, 1, message)
        }
        // Unless it says that it needn't be understood.
        lookUps.count = 0
        yield* Effect.orDie(hub.connect("stranger").publish("?loads 1 2 3"))
        yield* delivered
        yield* a.verify(token)
        assert.strictEqual(lookUps.count, 0)
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
