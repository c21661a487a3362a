import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Exit, Fiber, Layer, Metric, Redacted } from "effect"
import { TestClock } from "effect/testing"
import { ApiKeyHasher } from "../src/ApiKeyHasher.ts"
import * as ApiKeyMetrics from "../src/ApiKeyMetrics.ts"
import * as Repository from "../src/ApiKeyRepository.ts"
import * as ApiKeys from "../src/ApiKeys.ts"
import * as ApiKeyToken from "../src/ApiKeyToken.ts"

const guess = (token: Redacted.Redacted, number: number) => {
  const text = Redacted.value(token)
  const body = text.slice(0, -12) + number.toString().padStart(6, "0")
  return body + ApiKeyToken.checksum(body)
}

const invented = (number: number) => {
  const body = `ak-${number.toString(16).padStart(16, "0")}-${"x".repeat(58)}`
  return body + ApiKeyToken.checksum(body)
}

/** A hasher whose hashes take 20 ms of the test's clock each, but for those that layers do to begin with. */
const withSlowHasher = <A, E>(
  options: ApiKeys.HashingOptions,
  test: (apiKeys: ApiKeys.ApiKeys["Service"], state: { readonly order: Array<string>; most: number }) => Effect.Effect<A, E>,
) => {
  const state = { order: new Array<string>(), most: 0, running: 0, isSlow: false }
  const work = Effect.suspend(() => {
    state.most = Math.max(state.most, ++state.running)
    return Effect.ensuring(
      state.isSlow ? Effect.sleep("20 millis") : Effect.void,
      Effect.sync(() => state.running--),
    )
  })
  const hasher = Layer.succeed(ApiKeyHasher, {
    hash: (secret) => Effect.as(work, Redacted.make(`plain ${Redacted.value(secret)}`)),
    verify: (secret, hash) =>
      Effect.map(work, () => {
        state.order.push(Redacted.value(secret))
        return Redacted.value(hash) === `plain ${Redacted.value(secret)}`
      }),
  })
  return Effect.gen(function* () {
    const apiKeys = yield* ApiKeys.ApiKeys
    state.order.length = 0
    return yield* test(
      {
        ...apiKeys,
        create: (input) =>
          Effect.ensuring(
            Effect.andThen(
              Effect.sync(() => (state.isSlow = false)),
              apiKeys.create(input),
            ),
            Effect.sync(() => (state.isSlow = true)),
          ),
      },
      state,
    )
  }).pipe(
    Effect.provide(
      ApiKeys.layerWith({ hashing: { permits: 2, ...options } }).pipe(Layer.provide([hasher, Layer.fresh(Repository.layerMemory)])),
    ),
  )
}

const fork = <A, E>(effect: Effect.Effect<A, E>) => Effect.forkChild(Effect.exit(effect), { startImmediately: true })
const tagsOf = <A, E extends { readonly _tag: string }>(exits: ReadonlyArray<Exit.Exit<A, E>>) =>
  Effect.forEach(exits, (exit) => Effect.match(exit, { onSuccess: () => "good", onFailure: ({ _tag }) => _tag }))

describe("Hashing", () => {
  it.effect("goes on within the permits, and what waits too long or finds no room is refused as Overloaded", () =>
    withSlowHasher({ queue: 50, maxWait: "200 millis" }, (apiKeys, state) =>
      Effect.gen(function* () {
        yield* apiKeys.create({ name: "k" })
        const fibers = yield* Effect.forEach(
          Array.from({ length: 100 }, (_, i) => invented(i)),
          (token) => fork(apiKeys.verify(token)),
        )
        assert.strictEqual((yield* Metric.value(ApiKeyMetrics.hashesInFlight)).value, 2)
        yield* TestClock.adjust("1 second")
        const tags = yield* tagsOf(yield* Effect.forEach(fibers, Fiber.join))
        assert.strictEqual(state.most, 2)
        // 2 at once and 48 without room; of the 50 that wait, two each 20 ms until 200 ms are over.
        const refused = tags.filter((tag) => tag === "Overloaded").length
        assert.isAtLeast(refused, 48 + 50 - 20)
        assert.isAtMost(refused, 48 + 50 - 18)
        assert.strictEqual(tags.filter((tag) => tag === "NotFound").length, 100 - refused)
        assert.strictEqual((yield* Metric.value(ApiKeyMetrics.hashesInFlight)).value, 0)
      }),
    ).pipe(Effect.provideService(Metric.MetricRegistry, new Map())),
  )

  it.effect("says when to try again, and isn't remembered as a refusal", () =>
    withSlowHasher({ queue: 0, maxWait: "1500 millis" }, (apiKeys) =>
      Effect.gen(function* () {
        const { token } = yield* apiKeys.create({ name: "k" })
        yield* Effect.forEach([1, 2], (number) => fork(apiKeys.verify(invented(number))))
        assert.deepInclude(yield* Effect.flip(apiKeys.verify(token)), { _tag: "Overloaded", retryAfterSeconds: 2 })
        yield* TestClock.adjust("20 millis")
        const again = yield* fork(apiKeys.verify(token))
        yield* TestClock.adjust("20 millis")
        assert.isTrue(Exit.isSuccess(yield* Fiber.join(again)))
      }),
    ),
  )

  it.effect("of invented key ids leaves a holder of a good key its turn, and warm ones alone", () =>
    withSlowHasher({ queue: 1_000 }, (apiKeys) =>
      Effect.gen(function* () {
        const warm = yield* apiKeys.create({ name: "warm" })
        const cold = yield* apiKeys.create({ name: "cold" })
        const warming = yield* fork(apiKeys.verify(warm.token))
        yield* TestClock.adjust("20 millis")
        yield* Fiber.join(warming)
        yield* Effect.forEach(
          Array.from({ length: 1_500 }, (_, i) => invented(i)),
          (token) => fork(apiKeys.verify(token)),
        )
        // Without any time going by.
        yield* apiKeys.verify(warm.token)
        const holder = yield* fork(apiKeys.verify(cold.token))
        yield* TestClock.adjust("40 millis")
        assert.isTrue(Exit.isSuccess(holder.pollUnsafe() ?? Exit.die("still waiting")))
      }),
    ),
  )

  it.effect("of guesses at some keys leaves the holder of another its turn, even when they have filled the queue", () =>
    withSlowHasher({ queue: 100 }, (apiKeys) =>
      Effect.gen(function* () {
        const victim = yield* apiKeys.create({ name: "victim" })
        const other = yield* apiKeys.create({ name: "other" })
        const guesses = yield* Effect.forEach(
          Array.from({ length: 150 }, (_, i) => guess(victim.token, i)),
          (token) => fork(apiKeys.verify(token)),
        )
        const holder = yield* fork(apiKeys.verify(other.token))
        yield* TestClock.adjust("40 millis")
        assert.isTrue(Exit.isSuccess(holder.pollUnsafe() ?? Exit.die("still waiting")))
        yield* TestClock.adjust("10 seconds")
        const tags = yield* tagsOf(yield* Effect.forEach(guesses, Fiber.join))
        // 48 found no room, and one more made some for the holder.
        assert.strictEqual(tags.filter((tag) => tag === "Overloaded").length, 49)
        assert.strictEqual(tags.filter((tag) => tag === "InvalidSecret").length, 101)
      }),
    ),
  )

  it.effect("never locks the holder of a warm key out, whatever others guess at its key id", () =>
    withSlowHasher({ queue: 10 }, (apiKeys) =>
      Effect.gen(function* () {
        const { token } = yield* apiKeys.create({ name: "k" })
        const first = yield* fork(apiKeys.verify(token))
        yield* TestClock.adjust("20 millis")
        yield* Fiber.join(first)
        for (let minute = 0; minute < 5; minute++) {
          yield* Effect.forEach(
            Array.from({ length: 50 }, (_, i) => guess(token, minute * 50 + i)),
            (wrong) => fork(apiKeys.verify(wrong)),
          )
          // Its time over, its record is read again; its secret needn't be hashed again, so it needs no turn.
          yield* apiKeys.verify(token)
          yield* TestClock.adjust("1 minute")
        }
      }),
    ),
  )

  it.effect("gives up its place when its caller does, and passes a turn on that came too late", () =>
    withSlowHasher({ permits: 1, queue: 10 }, (apiKeys, state) =>
      Effect.gen(function* () {
        const { token } = yield* apiKeys.create({ name: "k" })
        yield* fork(apiKeys.verify(invented(1)))
        const waiting = yield* Effect.forEach([2, 3, 4], (number) =>
          Effect.forkChild(apiKeys.verify(invented(number)), { startImmediately: true }),
        )
        for (const fiber of waiting) yield* Fiber.interrupt(fiber)
        const holder = yield* fork(apiKeys.verify(token))
        yield* TestClock.adjust("40 millis")
        assert.isTrue(Exit.isSuccess(holder.pollUnsafe() ?? Exit.die("still waiting")))
        assert.strictEqual(state.order.length, 2)
      }),
    ),
  )

  it.effect("of new keys waits as long as it takes", () =>
    Effect.gen(function* () {
      const gate = yield* Deferred.make<void>()
      let isOpen = true
      const hasher = Layer.succeed(ApiKeyHasher, {
        hash: () => Effect.as(isOpen ? Effect.void : Deferred.await(gate), Redacted.make("x")),
        verify: () => Effect.succeed(true),
      })
      yield* Effect.gen(function* () {
        const apiKeys = yield* ApiKeys.ApiKeys
        isOpen = false
        const fibers = yield* Effect.forEach(Array.from({ length: 50 }), () => fork(apiKeys.create({ name: "k" })))
        yield* TestClock.adjust("1 hour")
        yield* Deferred.succeed(gate, undefined)
        const exits = yield* Effect.forEach(fibers, Fiber.join)
        assert.isTrue(exits.every(Exit.isSuccess))
      }).pipe(
        Effect.provide(
          ApiKeys.layerWith({ hashing: { permits: 1, queue: 1 } }).pipe(Layer.provide([hasher, Layer.fresh(Repository.layerMemory)])),
        ),
      )
    }),
  )

  it.effect("of rotated keys stays within the permits too", () =>
    withSlowHasher({}, (apiKeys, state) =>
      Effect.gen(function* () {
        const keys = yield* Effect.replicateEffect(apiKeys.create({ name: "k" }), 10)
        state.most = 0
        const fibers = yield* Effect.forEach(keys, ({ apiKey }) => fork(apiKeys.rotate(apiKey.id)))
        yield* TestClock.adjust("1 second")
        const exits = yield* Effect.forEach(fibers, Fiber.join)
        assert.isTrue(exits.every(Exit.isSuccess))
        assert.strictEqual(state.most, 2)
      }),
    ),
  )

  it.effect("refuses bounds that make no sense", () =>
    Effect.gen(function* () {
      for (const hashing of [{ permits: 0 }, { permits: 1.5 }, { queue: -1 }, { maxWait: "Infinity" }] as const) {
        const error = yield* Effect.flip(withSlowHasher(hashing, () => Effect.void))
        assert.strictEqual(error._tag, "InvalidOptions")
      }
    }),
  )
})
