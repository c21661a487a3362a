/** Changes without an answer: how long they are waited for, and what others are told meanwhile. */
import { assert, describe, it } from "@effect/vitest"
import { Clock, Effect } from "effect"
import { TestClock } from "effect/testing"
import type { ApiKeyId } from "../src/ApiKey.ts"
import { RepositoryError } from "../src/ApiKeyError.ts"
import * as Doubts from "../src/internal/nodes/doubts.ts"

// Ids as they are written.
const idOf = (index: number) => `01985d2c-6a00-7c3e-9f1b-${String(index).padStart(12, "0")}` as ApiKeyId

const away = Effect.fail(new RepositoryError({ operation: "look", isRetryable: true, cause: "away" }))

const start = Effect.fnUntraced(function* (options: Partial<Pick<Doubts.Dependencies, "tell" | "isChanging">> = {}) {
  const clock = yield* Clock.Clock
  const told: Array<{ readonly at: number; readonly message: string }> = []
  const applied: Array<string> = []
  const doubts = yield* Doubts.make({
    node: "a",
    listener: {
      changed: (keyId) => void applied.push(keyId),
      recordChanged: (id) => void applied.push(id),
      everythingChanged: () => void applied.push("everything"),
    },
    tell: (message) => Effect.sync(() => void told.push({ at: clock.currentTimeMillisUnsafe(), message })),
    isChanging: () => Effect.succeed(false),
    ...options,
  })
  yield* Effect.forkChild(doubts.watch)
  const leave = (index: number) => Effect.flatMap(doubts.begin(idOf(index), false), ({ leaveUnsafe }) => leaveUnsafe())
  const pass = (seconds: number) => Effect.repeat(TestClock.adjust("1 seconds"), { times: seconds - 1 })
  return { doubts, told, applied, leave, pass }
})

describe("A change without an answer", () => {
  it.effect("ends after 30 seconds, and what was read of the record is void then", () =>
    Effect.gen(function* () {
      const { doubts, applied, leave, pass } = yield* start()
      yield* leave(1)
      yield* pass(29)
      assert.isTrue(doubts.has(idOf(1)))
      applied.length = 0
      yield* pass(3)
      assert.isFalse(doubts.has(idOf(1)))
      assert.isTrue(doubts.isEmpty())
      assert.deepStrictEqual(applied, [idOf(1)])
    }),
  )

  it.effect("is told of again in time although the database doesn't answer", () =>
    Effect.gen(function* () {
      const { told, leave, pass } = yield* start({ isChanging: () => Effect.never })
      for (let index = 0; index < 100; index++) yield* leave(index)
      yield* pass(120)
      for (let index = 0; index < 100; index++) {
        const times = [...told.filter(({ message }) => message.includes(idOf(index))).map(({ at }) => at), 120_000]
        for (const [turn, at] of times.entries()) assert.isAtMost(at - (times[turn - 1] ?? 0), 7_000)
      }
    }),
  )

  it.effect("stands for those of the same record before it", () =>
    Effect.gen(function* () {
      const { doubts, told, leave, pass } = yield* start({ isChanging: () => away })
      for (let turn = 0; turn < 60; turn++) {
        yield* leave(1)
        yield* pass(10)
      }
      assert.isTrue(doubts.has(idOf(1)))
      told.length = 0
      yield* pass(60)
      assert.isAtMost(told.length, 12)
    }),
  )

  it.effect("ends also where the channel has a defect", () =>
    Effect.gen(function* () {
      const { doubts, leave, pass } = yield* start({ tell: () => Effect.die("broken") })
      yield* leave(1)
      yield* pass(33)
      assert.isFalse(doubts.has(idOf(1)))
    }),
  )

  it.effect("ends, and is told of, also when the wall clock was set back", () =>
    Effect.gen(function* () {
      const clock = yield* Clock.Clock
      let behind = 0
      const set = Effect.provideService(start(), Clock.Clock, {
        ...clock,
        currentTimeMillisUnsafe: () => clock.currentTimeMillisUnsafe() - behind,
        currentTimeNanosUnsafe: () => clock.currentTimeNanosUnsafe() - BigInt(behind) * 1_000_000n,
        monotonicTimeNanosUnsafe: () => clock.monotonicTimeNanosUnsafe(),
        sleep: (duration) => clock.sleep(duration),
      })
      const { doubts, told, leave, pass } = yield* set
      yield* leave(1)
      behind = 3_600_000
      told.length = 0
      yield* pass(20)
      assert.isAtLeast(told.length, 3)
      yield* pass(13)
      assert.isFalse(doubts.has(idOf(1)))
    }),
  )

  it.effect("of another node goes on as long as the database says so", () =>
    Effect.gen(function* () {
      let isChanging = true
      const { doubts, pass } = yield* start({ isChanging: () => Effect.sync(() => isChanging) })
      doubts.doubtful(idOf(1), "b/1", false)
      yield* pass(120)
      assert.isTrue(doubts.has(idOf(1)))
      isChanging = false
      yield* pass(2)
      assert.isTrue(doubts.isEmpty())
    }),
  )

  it.effect("ends also where telling of it takes for ever", () =>
    Effect.gen(function* () {
      const { doubts, pass } = yield* start({ tell: () => Effect.never })
      const { settleUnsafe, leaveUnsafe } = yield* doubts.begin(idOf(1), false)
      yield* Effect.forkChild(leaveUnsafe())
      assert.isTrue(doubts.has(idOf(1)))
      yield* Effect.forkChild(settleUnsafe(undefined))
      assert.isFalse(doubts.has(idOf(1)))
      yield* Effect.flatMap(doubts.begin(idOf(2), false), (doubt) => Effect.forkChild(doubt.leaveUnsafe()))
      yield* pass(45)
      assert.isTrue(doubts.isEmpty())
    }),
  )

  it.effect("of another node is dropped 30 seconds after it was heard of, and by its end at once", () =>
    Effect.gen(function* () {
      const { doubts, applied, pass } = yield* start()
      doubts.doubtful(idOf(1), "b/1", false)
      doubts.doubtful(idOf(2), "b/2", false)
      doubts.settled(idOf(2), "b/2", ["k2"])
      assert.deepStrictEqual([doubts.has(idOf(1)), doubts.has(idOf(2))], [true, false])
      assert.deepStrictEqual(applied, ["k2"])
      yield* pass(20)
      doubts.doubtful(idOf(1), "b/1", false)
      yield* pass(20)
      assert.isTrue(doubts.has(idOf(1)))
      yield* pass(12)
      assert.isFalse(doubts.has(idOf(1)))
      assert.deepStrictEqual(applied, ["k2", idOf(1)])
    }),
  )

  it.effect("puts everything in doubt where there are more than fit, and no longer than they do", () =>
    Effect.gen(function* () {
      const { doubts, applied, pass } = yield* start()
      for (let index = 0; index < 10_001; index++) doubts.doubtful(idOf(index), `b/${index}`, false)
      assert.isTrue(doubts.has(idOf(20_000)))
      yield* pass(33)
      assert.isTrue(doubts.isEmpty())
      assert.isFalse(doubts.has(idOf(20_000)))
      assert.include(applied, "everything")
    }),
  )

  it.effect("is its own to know: its messages that come back say nothing", () =>
    Effect.gen(function* () {
      const { doubts, told } = yield* start()
      const { settleUnsafe } = yield* doubts.begin(idOf(1), false)
      yield* settleUnsafe([])
      const [first] = told
      const [, id = "", change = ""] = first?.message.split(" ") ?? []
      assert.strictEqual(id, idOf(1))
      doubts.doubtful(idOf(1), change, false)
      assert.isTrue(doubts.isEmpty())
    }),
  )
})
