import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import { TestClock } from "effect/testing"
import { withCluster, begin, tagOf, startPair } from "./support.ts"

describe("Nodes, asked for a confirmation,", () => {
  it.effect("confirm a change when each has applied it", () =>
    withCluster((cluster) =>
      Effect.gen(function* () {
        const { a, b, apiKey, token } = yield* startPair(cluster)
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
    withCluster((cluster) =>
      Effect.gen(function* () {
        const { hub } = cluster
        const { a, b, apiKey, token } = yield* startPair(cluster)
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
    withCluster((cluster) =>
      Effect.gen(function* () {
        const { hub } = cluster
        const { a, b, apiKey, token } = yield* startPair(cluster)
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
})
