import { assert, describe, it } from "@effect/vitest"
import { DateTime, Effect, Exit, Fiber, Scheduler } from "effect"
import { TestClock } from "effect/testing"
import { RepositoryError } from "../../src/ApiKeyError.ts"
import { type Instruments, withKeys, tagOf } from "./support.ts"

/** How little a fiber gets done at a time: so many operations. */
const shares = Array.from({ length: Number(process.env["SHARES"] ?? 40) }, (_, index) => index + 3)

describe("A cold key", () => {
  const heldUp = (instruments: Instruments, which: "beforeRead" | "afterRead" | "beforeHash") =>
    Effect.sync(() => {
      instruments[which] = Effect.sleep("1 second")
    })

  it.effect("that many ask for costs one look-up and one hash", () =>
    withKeys((apiKeys, instruments) =>
      Effect.gen(function* () {
        const { token } = yield* apiKeys.create({ name: "k" })
        yield* heldUp(instruments, "beforeHash")
        const fibers = yield* Effect.forEach(Array.from({ length: 100 }), () => Effect.forkChild(apiKeys.verify(token)))
        yield* TestClock.adjust("1 second")
        const answers = yield* Effect.forEach(fibers, Fiber.join)
        assert.strictEqual(new Set(answers.map(({ apiKey }) => apiKey.id)).size, 1)
        assert.deepInclude(instruments, { lookUps: 1, hashes: 1 })
      }),
    ),
  )

  it.effect("is verified for the others when one of them, the first even, gives up", () =>
    withKeys((apiKeys, instruments) =>
      Effect.gen(function* () {
        const { token } = yield* apiKeys.create({ name: "k" })
        yield* heldUp(instruments, "beforeRead")
        const first = yield* Effect.forkChild(apiKeys.verify(token), { startImmediately: true })
        const second = yield* Effect.forkChild(apiKeys.verify(token), { startImmediately: true })
        yield* Fiber.interrupt(first)
        yield* TestClock.adjust("1 second")
        assert.isTrue(Exit.isSuccess(yield* Fiber.await(second)))
        assert.strictEqual(instruments.lookUps, 1)
      }),
    ),
  )

  it.effect("is verified, and followed, however little a fiber gets done at a time", () =>
    Effect.forEach(
      shares,
      (operations) =>
        withKeys((apiKeys, instruments) =>
          Effect.gen(function* () {
            const briefly = Effect.provideService(Scheduler.MaxOpsBeforeYield, operations)
            const { apiKey, token } = yield* apiKeys.create({ name: "k" })
            instruments.afterRead = Effect.yieldNow
            const first = yield* Effect.forkChild(apiKeys.verify(token), { startImmediately: true })
            const second = yield* Effect.forkChild(briefly(tagOf(apiKeys.verify(token))), { startImmediately: true })
            first.interruptUnsafe()
            assert.strictEqual(yield* Fiber.join(second), "good")
            instruments.afterRead = Effect.void

            for (let turns = 1; turns < 30; turns++) {
              yield* apiKeys.activate(apiKey.id)
              const verifying = yield* Effect.forkChild(briefly(tagOf(apiKeys.verify(token))), { startImmediately: true })
              for (let turn = 0; turn < turns; turn++) yield* Effect.yieldNow
              yield* apiKeys.deactivate(apiKey.id)
              yield* Fiber.join(verifying)
              assert.strictEqual(yield* tagOf(apiKeys.verify(token)), "Inactive", `${operations} operations, ${turns} turns`)
            }
          }),
        ),
      { discard: true },
    ),
  )

  it.effect("is verified for the one who asked first when another gives up, however little a fiber gets done at a time", () =>
    Effect.forEach(
      shares,
      (operations) =>
        withKeys((apiKeys, instruments) =>
          Effect.gen(function* () {
            const { token } = yield* apiKeys.create({ name: "k" })
            instruments.afterRead = Effect.yieldNow
            const verify = Effect.provideService(tagOf(apiKeys.verify(token)), Scheduler.MaxOpsBeforeYield, operations)
            const first = yield* Effect.forkChild(verify, { startImmediately: true })
            const second = yield* Effect.forkChild(apiKeys.verify(token), { startImmediately: true })
            second.interruptUnsafe()
            assert.strictEqual(yield* Fiber.join(first), "good", `${operations} operations`)
          }),
        ),
      { discard: true },
    ),
  )

  it.effect("that everybody gave up on isn't looked up any further", () =>
    withKeys((apiKeys, instruments) =>
      Effect.gen(function* () {
        const { token } = yield* apiKeys.create({ name: "k" })
        let givenUp = 0
        instruments.beforeRead = Effect.onInterrupt(Effect.never, () => Effect.sync(() => givenUp++))
        const callers = yield* Effect.replicateEffect(Effect.forkChild(apiKeys.verify(token), { startImmediately: true }), 2)
        yield* Fiber.interrupt(callers[0]!)
        assert.strictEqual(givenUp, 0)
        yield* Fiber.interrupt(callers[1]!)
        assert.deepStrictEqual([givenUp, instruments.lookUps, instruments.hashes], [1, 1, 0])
      }),
    ),
  )

  it.effect("that everybody gave up on is looked up again by the next", () =>
    withKeys((apiKeys, instruments) =>
      Effect.gen(function* () {
        const { token } = yield* apiKeys.create({ name: "k" })
        yield* heldUp(instruments, "beforeHash")
        const first = yield* Effect.forkChild(apiKeys.verify(token), { startImmediately: true })
        yield* Fiber.interrupt(first)
        // The hash can't be stopped and still runs, but isn't waited for.
        yield* TestClock.adjust("500 millis")
        const second = yield* Effect.forkChild(apiKeys.verify(token), { startImmediately: true })
        yield* TestClock.adjust("1 second")
        assert.isDefined(second.pollUnsafe())
        assert.isTrue(Exit.isSuccess(yield* Fiber.await(second)))
      }),
    ),
  )

  for (const moment of ["beforeRead", "afterRead", "beforeHash"] as const) {
    it.effect(`that is changed while it is looked up is answered by the change, and never cached without it (${moment})`, () =>
      withKeys((apiKeys, instruments) =>
        Effect.gen(function* () {
          const { apiKey, token } = yield* apiKeys.create({ name: "k" })
          yield* heldUp(instruments, moment)
          const early = yield* Effect.forkChild(tagOf(apiKeys.verify(token)), { startImmediately: true })
          yield* TestClock.adjust("500 millis")
          yield* apiKeys.deactivate(apiKey.id)
          const late = yield* Effect.forkChild(tagOf(apiKeys.verify(token)), { startImmediately: true })
          yield* TestClock.adjust("10 seconds")
          assert.strictEqual(yield* Fiber.join(late), "Inactive")
          assert.strictEqual(yield* Fiber.join(early), "Inactive")
          assert.strictEqual(yield* tagOf(apiKeys.verify(token)), "Inactive")
        }),
      ),
    )
  }

  it.effect("that changes again and again is answered by what was read last, which isn't kept", () =>
    withKeys((apiKeys, instruments) =>
      Effect.gen(function* () {
        const { apiKey, token } = yield* apiKeys.create({ name: "k" })
        instruments.afterRead = Effect.suspend(() =>
          Effect.orDie(Effect.asVoid(apiKeys.update(apiKey.id, { isActive: instruments.lookUps < 10 }))),
        )
        assert.strictEqual(yield* tagOf(apiKeys.verify(token)), "good")
        assert.strictEqual(instruments.lookUps, 10)
        instruments.afterRead = Effect.void
        assert.strictEqual(yield* tagOf(apiKeys.verify(token)), "Inactive")
        assert.strictEqual(instruments.lookUps, 11)
      }),
    ),
  )

  it.effect("that expires while it is looked up has expired", () =>
    withKeys((apiKeys, instruments) =>
      Effect.gen(function* () {
        const expiresAt = DateTime.add(yield* DateTime.now, { milliseconds: 500 })
        const { token } = yield* apiKeys.create({ name: "k", expiresAt })
        yield* heldUp(instruments, "afterRead")
        const verifying = yield* Effect.forkChild(tagOf(apiKeys.verify(token)), { startImmediately: true })
        yield* TestClock.adjust("1 second")
        assert.strictEqual(yield* Fiber.join(verifying), "Expired")
      }),
    ),
  )

  it.effect("is tried again after a failure of the store", () =>
    withKeys((apiKeys, instruments) =>
      Effect.gen(function* () {
        const { token } = yield* apiKeys.create({ name: "k" })
        instruments.failure = new RepositoryError({ operation: "look up", isRetryable: true, cause: "down" })
        assert.strictEqual(yield* tagOf(apiKeys.verify(token)), "RepositoryError")
        instruments.failure = undefined
        assert.strictEqual(yield* tagOf(apiKeys.verify(token)), "good")
      }),
    ),
  )

  it.effect("whose look-up takes longer than an answer holds isn't answered by one from before", () =>
    withKeys(
      (apiKeys, instruments, repository) =>
        Effect.gen(function* () {
          const { apiKey, token } = yield* apiKeys.create({ name: "k" })
          yield* heldUp(instruments, "afterRead")
          const early = yield* Effect.forkChild(tagOf(apiKeys.verify(token)), { startImmediately: true })
          // Unheard, as by another node.
          yield* repository.update(apiKey.id, { isActive: false }, { at: yield* DateTime.now })
          yield* TestClock.adjust("500 millis")
          const late = yield* Effect.forkChild(tagOf(apiKeys.verify(token)), { startImmediately: true })
          yield* TestClock.adjust("10 seconds")
          assert.deepStrictEqual(yield* Effect.forEach([early, late], Fiber.join), ["good", "Inactive"])
        }),
      { cache: { timeToLive: "500 millis" } },
    ),
  )

  it.effect("asked for anew doesn't take a look-up that began before", () =>
    withKeys((apiKeys, instruments, repository) =>
      Effect.gen(function* () {
        const { apiKey, token } = yield* apiKeys.create({ name: "k" })
        yield* heldUp(instruments, "afterRead")
        const early = yield* Effect.forkChild(tagOf(apiKeys.verify(token)), { startImmediately: true })
        // Unheard, as by another node.
        yield* repository.update(apiKey.id, { isActive: false }, { at: yield* DateTime.now })
        const late = yield* Effect.forkChild(tagOf(apiKeys.verify(token, { maxAge: 0 })), { startImmediately: true })
        const later = yield* Effect.forkChild(tagOf(apiKeys.verify(token, { maxAge: 0 })), { startImmediately: true })
        yield* TestClock.adjust("10 seconds")
        assert.deepStrictEqual(yield* Effect.forEach([early, late, later], Fiber.join), ["good", "Inactive", "Inactive"])
        assert.strictEqual(instruments.hashes, 1)
      }),
    ),
  )
})
