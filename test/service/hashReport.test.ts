import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Fiber, Latch, Layer } from "effect"
import { RepositoryError } from "../../src/ApiKeyError.ts"
import { layerEphemeral } from "../../src/ApiKeyHasher.ts"
import * as Repository from "../../src/ApiKeyRepository.ts"
import * as ApiKeys from "../../src/ApiKeys.ts"

const Transaction = Context.Reference<boolean>("test/Transaction", { defaultValue: () => false })

/** The service on a store whose scans are counted, and wait. */
const start = Effect.gen(function* () {
  const repository = yield* Effect.provide(Repository.ApiKeyRepository, Layer.fresh(Repository.layerMemory))
  const latch = yield* Latch.make()
  const begun = yield* Latch.make()
  const scans = { begun: 0, ended: 0, fails: false }
  const slow: Repository.ApiKeyRepository["Service"] = {
    ...repository,
    transaction: { isOpen: (context) => Context.get(context, Transaction), run: (effect) => effect, afterCommit: (effect) => effect },
    countSchemes: (at) =>
      Effect.gen(function* () {
        scans.begun++
        yield* begun.open
        yield* latch.await
        scans.ended++
        if (scans.fails) return yield* new RepositoryError({ operation: "count", isRetryable: true, cause: "down" })
        return yield* repository.countSchemes(at)
      }),
  }
  const context = yield* Layer.build(
    Layer.fresh(ApiKeys.layer).pipe(Layer.provide([layerEphemeral, Layer.succeed(Repository.ApiKeyRepository, slow)])),
  )
  const keys = Context.get(context, ApiKeys.ApiKeys)
  // The start of the service counts once more.
  const before = scans.begun
  begun.closeUnsafe()
  return { keys, scans, begun, release: latch.open, hold: latch.close, count: () => scans.begun - before }
})

describe("The report of hashes", () => {
  it.live("is one scan for all callers at the same time, and another one afterwards", () =>
    Effect.gen(function* () {
      const { keys, begun, release, count } = yield* start
      yield* keys.create({ name: "k" })
      const callers = yield* Effect.forEach(Array.from({ length: 100 }), () => Effect.forkChild(keys.hashReport))
      yield* begun.await
      yield* release
      const reports = yield* Effect.forEach(callers, Fiber.join)
      assert.strictEqual(count(), 1)
      assert.deepStrictEqual(new Set(reports.map((report) => report.map(({ count }) => count).join())), new Set(["1"]))
      yield* keys.create({ name: "l" })
      assert.deepStrictEqual(
        (yield* keys.hashReport).map(({ count }) => count),
        [2],
      )
      assert.strictEqual(count(), 2)
    }).pipe(Effect.scoped),
  )

  it.live("goes on for the others when the first caller leaves, and ends when all have", () =>
    Effect.gen(function* () {
      const { keys, scans, begun, release, hold, count } = yield* start
      const first = yield* Effect.forkChild(keys.hashReport)
      yield* begun.await
      const second = yield* Effect.forkChild(keys.hashReport)
      yield* Effect.sleep("10 millis")
      yield* Fiber.interrupt(first)
      yield* release
      assert.deepStrictEqual(yield* Fiber.join(second), [])
      assert.strictEqual(count(), 1)
      yield* hold
      const { ended } = scans
      begun.closeUnsafe()
      const alone = yield* Effect.forkChild(keys.hashReport)
      yield* begun.await
      yield* Fiber.interrupt(alone)
      yield* release
      yield* Effect.sleep("10 millis")
      assert.strictEqual(scans.ended, ended)
    }).pipe(Effect.scoped),
  )

  it.live("remembers no failure, and shares nothing with a transaction", () =>
    Effect.gen(function* () {
      const { keys, scans, begun, release, hold, count } = yield* start
      yield* release
      scans.fails = true
      assert.strictEqual((yield* Effect.flip(keys.hashReport))._tag, "RepositoryError")
      scans.fails = false
      assert.deepStrictEqual(yield* keys.hashReport, [])
      assert.strictEqual(count(), 2)
      yield* hold
      begun.closeUnsafe()
      const outside = yield* Effect.forkChild(keys.hashReport)
      yield* begun.await
      const inside = yield* Effect.forkChild(Effect.provideService(keys.hashReport, Transaction, true))
      // Only a scan of its own comes to the fourth.
      yield* Effect.repeat(Effect.sleep("1 millis"), { until: () => count() === 4 })
      yield* release
      yield* Effect.forEach([outside, inside], Fiber.join)
    }).pipe(Effect.scoped),
  )
})
