/** When keys were last used: what is collected, and how it is written. */
import { assert, describe, it } from "@effect/vitest"
import { Duration, Clock, Deferred, Effect, Exit, Fiber, Random, Scope } from "effect"
import { TestClock } from "effect/testing"
import { RepositoryError } from "../src/ApiKeyError.ts"
import { toMoment } from "../src/internal/time/moment.ts"
import * as LastUsed from "../src/internal/verifier/lastUsed.ts"
import { makeStoredApiKey } from "../src/testing.ts"

const { apiKey } = makeStoredApiKey()
const { apiKey: other } = makeStoredApiKey()

const makeUse = (key = 0): LastUsed.Use => ({
  id: apiKey.id,
  // What is written here is never read.
  keyId: (key === 0 ? apiKey.keyId : key.toString(16).padStart(16, "0")) as LastUsed.Use["keyId"],
  beginsGrace: false,
  lastUsedAt: toMoment(0),
  isPending: false,
})

const away = new RepositoryError({ operation: "touch", isRetryable: true, cause: "away" })

interface Written {
  readonly at: number
  readonly uses: ReadonlyArray<number>
  /** The records whose graces may begin by these uses. */
  readonly beginning: ReadonlyArray<string>
}

/** Collects for a store that fails, or takes its time, as `answer` has it. */
const withStore = <A, E>(
  test: (setting: {
    readonly record: LastUsed.LastUsed["record"]
    readonly written: ReadonlyArray<Written>
    readonly store: { answer: Effect.Effect<void, RepositoryError> }
    readonly close: Effect.Effect<void>
  }) => Effect.Effect<A, E>,
) =>
  Effect.gen(function* () {
    const clock = yield* Clock.Clock
    const written: Array<Written> = []
    const store = { answer: Effect.void as Effect.Effect<void, RepositoryError> }
    const scope = yield* Scope.make()
    const { record } = yield* LastUsed.make(
      (uses, beginning) =>
        Effect.suspend(() =>
          Effect.map(store.answer, () => {
            written.push({ at: clock.currentTimeMillisUnsafe(), uses: uses.map((use) => use.lastUsedAt.epochMilliseconds), beginning })
          }),
        ),
      Duration.seconds(10),
    ).pipe(Scope.provide(scope))
    yield* TestClock.adjust("1 millis")
    return yield* test({ record, written, store, close: Scope.close(scope, Exit.void) })
  }).pipe(Random.withSeed(1))

/** As long as a use may take to be written. */
const interval = TestClock.adjust("12 seconds")

describe("When keys were last used", () => {
  it.effect("is the newest instant of each, whichever look-up it belongs to and in whichever order they come", () =>
    withStore(({ record, written }) =>
      Effect.gen(function* () {
        const [first, second] = [makeUse(), makeUse()]
        record(first, 300)
        record(first, 100)
        record(second, 200)
        yield* interval
        assert.deepStrictEqual(
          written.map(({ uses }) => uses),
          [[300]],
        )
        record(second, 50)
        yield* interval
        // The store moves nothing back; here nothing is either.
        assert.deepStrictEqual(written.at(-1)?.uses, [300])
      }),
    ),
  )

  it.effect("is written no sooner than after an interval, however long there was nothing to write", () =>
    withStore(({ record, written }) =>
      Effect.gen(function* () {
        yield* TestClock.adjust("7 seconds")
        const use = makeUse()
        record(use, 7_000)
        assert.isTrue(use.isPending)
        // The interval less a fifth.
        yield* TestClock.adjust("7900 millis")
        assert.lengthOf(written, 0)
        yield* interval
        assert.lengthOf(written, 1)
        assert.isFalse(use.isPending)
      }),
    ),
  )

  it.effect("comes with the records whose graces may begin by it, each once", () =>
    withStore(({ record, written }) =>
      Effect.gen(function* () {
        record(makeUse(), 1)
        for (const key of [1, 2]) record({ ...makeUse(key), id: other.id, beginsGrace: true }, 2)
        yield* interval
        assert.deepStrictEqual(
          written.map(({ uses, beginning }) => [uses, beginning]),
          [[[1, 2, 2], [other.id]]],
        )
      }),
    ),
  )

  it.effect("waits for the next batch when one fails", () =>
    withStore(({ record, written, store }) =>
      Effect.gen(function* () {
        store.answer = Effect.fail(away)
        record(makeUse(), 100)
        yield* interval
        store.answer = Effect.void
        yield* interval
        assert.deepStrictEqual(
          written.map(({ uses }) => uses),
          [[100]],
        )
      }),
    ),
  )

  it.effect("isn't lost when a batch fails whose key is held by another look-up meanwhile", () =>
    withStore(({ record, written, store, close }) =>
      Effect.gen(function* () {
        const gate = yield* Deferred.make<void>()
        store.answer = Effect.andThen(Deferred.await(gate), Effect.fail(away))
        const [before, after] = [makeUse(), makeUse()]
        record(before, 100)
        yield* interval
        record(after, 12_000)
        store.answer = Effect.void
        yield* Deferred.succeed(gate, undefined)
        yield* interval
        record(after, 50_000)
        yield* close
        assert.deepStrictEqual(
          written.map(({ uses }) => uses),
          [[12_000], [50_000]],
        )
      }),
    ),
  )

  it.effect("is written in statements of 10,000 keys, all of them in one interval", () =>
    withStore(({ record, written }) =>
      Effect.gen(function* () {
        for (let key = 1; key <= 20_001; key++) record(makeUse(key), key)
        yield* interval
        assert.deepStrictEqual(
          written.map(({ uses }) => uses.length),
          [10_000, 10_000, 1],
        )
        assert.strictEqual(new Set(written.flatMap(({ uses }) => uses)).size, 20_001)
        // And no statement for no key.
        for (let key = 1; key <= 10_000; key++) record(makeUse(key), 30_000)
        yield* interval
        assert.lengthOf(written, 4)
      }),
    ),
  )

  it.effect("is written at intervals that differ", () =>
    withStore(({ record, written }) =>
      Effect.gen(function* () {
        const use = makeUse()
        for (let second = 0; second < 200; second++) {
          record(use, second)
          yield* TestClock.adjust("1 second")
        }
        const pauses = written.slice(1).map(({ at }, index) => at - (written[index]?.at ?? 0))
        // From the first use after a write, which comes within a second.
        for (const pause of pauses) assert.isTrue(pause >= 8_000 && pause <= 13_000, `${pause}`)
        assert.isAbove(new Set(pauses).size, 5)
      }),
    ),
  )

  it.effect("is remembered of 100,000 keys at most while it can't be written", () =>
    withStore(({ record, written, store, close }) =>
      Effect.gen(function* () {
        store.answer = Effect.fail(away)
        const uses = Array.from({ length: 100_002 }, (_, key) => makeUse(key + 1))
        for (const use of uses) record(use, 1)
        yield* interval
        // By other look-ups too.
        for (let key = 1; key <= uses.length; key++) record(makeUse(key), 2)
        store.answer = Effect.void
        yield* close
        assert.strictEqual(written.flatMap(({ uses }) => uses).length, 100_000)
        assert.isTrue(written.every(({ uses }) => uses.every((at) => at === 2)))
      }),
    ),
  )

  it.effect("keeps nobody waiting for more than five seconds at shutdown", () =>
    withStore(({ record, store, close }) =>
      Effect.gen(function* () {
        store.answer = Effect.never
        record(makeUse(), 1)
        const closing = yield* Effect.forkChild(close, { startImmediately: true })
        yield* TestClock.adjust("4999 millis")
        assert.isUndefined(closing.pollUnsafe())
        yield* TestClock.adjust("1 millis")
        yield* Fiber.join(closing)
      }),
    ),
  )
})
