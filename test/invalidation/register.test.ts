import { assert, describe, it } from "@effect/vitest"
import { Cause, DateTime, Deferred, Effect, Exit, Fiber, Option, Scope } from "effect"
import { TestClock } from "effect/testing"
import { RepositoryError } from "../../src/ApiKeyError.ts"
import { withCluster, delivered, begin, tagOf, startPair } from "./support.ts"

describe("Nodes and their register:", () => {
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

  it.effect("don't keep a refusal from before the register knew them", () =>
    withCluster(({ start, hub, store, repository }) =>
      Effect.gen(function* () {
        const a = yield* start("a")
        const { token } = yield* a.create({ name: "k" })
        hub.state.beforeRegistering = (name) => (name === "b" ? Effect.sleep("50 millis") : Effect.void)
        const b = yield* start("b", "10 millis")
        // As if the key came in while it is looked up, which the node doesn't hear.
        store.findByKeyId = () => Effect.as(Effect.sleep("100 millis"), Option.none())
        const verifying = yield* begin(tagOf(b.verify(token)))
        yield* TestClock.adjust("200 millis")
        assert.strictEqual(yield* Fiber.join(verifying), "NotFound")
        store.findByKeyId = repository.findByKeyId
        assert.strictEqual(yield* tagOf(b.verify(token)), "good")
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
    withCluster((cluster) =>
      Effect.gen(function* () {
        const { hub } = cluster
        const { a, b, apiKey, token } = yield* startPair(cluster)
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
    withCluster((cluster) =>
      Effect.gen(function* () {
        const { hub } = cluster
        const { a, apiKey } = yield* startPair(cluster)
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
