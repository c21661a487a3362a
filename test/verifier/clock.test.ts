import { assert, describe, it } from "@effect/vitest"
import { Clock, DateTime, Duration, Effect, Fiber } from "effect"
import { TestClock } from "effect/testing"
import { ApiKey } from "../../src/ApiKey.ts"
import * as Repository from "../../src/ApiKeyRepository.ts"
import { unknownToken, withKeys, tagOf } from "./support.ts"

describe("A wall clock that is set", () => {
  /** Time passes by the test's clock; the wall clock shows what it was set to. */
  const withWallClock = <A, E>(
    test: (...args: [...Parameters<Parameters<typeof withKeys>[0]>, set: (skew: Duration.Input) => void]) => Effect.Effect<A, E>,
  ) =>
    Clock.clockWith((clock) => {
      let skew = 0
      const currentTimeMillisUnsafe = () => clock.currentTimeMillisUnsafe() + skew
      const wall = { ...clock, currentTimeMillisUnsafe, currentTimeMillis: Effect.sync(currentTimeMillisUnsafe) }
      const set = (input: Duration.Input) => {
        skew = Duration.toMillis(Duration.fromInputUnsafe(input))
      }
      return withKeys((...args) => test(...args, set)).pipe(Effect.provideService(Clock.Clock, wall))
    })

  const deactivateUnheard = (repository: Repository.ApiKeyRepository["Service"], { id }: ApiKey) =>
    Effect.flatMap(DateTime.now, (at) => repository.update(id, { isActive: false }, { at }))

  it.effect("to and fro doesn't prolong what is remembered", () =>
    withWallClock((apiKeys, instruments, repository, set) =>
      Effect.gen(function* () {
        const { apiKey, token } = yield* apiKeys.create({ name: "k" })
        yield* apiKeys.verify(token)
        yield* deactivateUnheard(repository, apiKey)
        for (let seconds = 5; seconds <= 600; seconds += 5) {
          yield* TestClock.adjust("5 seconds")
          // The entry's age is 59 seconds or half a second, whatever time has passed.
          set(Duration.seconds((seconds % 10 === 0 ? 0.5 : 59) - seconds))
          const tag = yield* tagOf(apiKeys.verify(token))
          if (seconds > 60) assert.strictEqual(tag, "Inactive", `after ${seconds} seconds`)
        }
        assert.isAtLeast(instruments.lookUps, 10)
      }),
    ),
  )

  it.effect("right again doesn't leave what was read ahead of time to be used later", () =>
    withWallClock((apiKeys, _, repository, set) =>
      Effect.gen(function* () {
        const other = yield* apiKeys.create({ name: "other" })
        // The second is ahead for less time than lies between two looks at the clock.
        for (const ahead of ["1 minute", "100 millis"] as const) {
          const { apiKey, token } = yield* apiKeys.create({ name: "k" })
          yield* apiKeys.verify(other.token)
          yield* TestClock.adjust("300 millis")
          set("1 hour")
          yield* apiKeys.verify(token)
          yield* TestClock.adjust(ahead)
          set(0)
          yield* deactivateUnheard(repository, apiKey)
          yield* TestClock.adjust("1 hour")
          assert.strictEqual(yield* tagOf(apiKeys.verify(token)), "Inactive")
        }
      }),
    ),
  )

  it.effect("back doesn't revive what was over, from one moment to the next", () =>
    withWallClock((apiKeys, instruments, repository, set) =>
      Effect.gen(function* () {
        const { apiKey, token } = yield* apiKeys.create({ name: "k" })
        const other = yield* apiKeys.create({ name: "other" })
        yield* apiKeys.verify(token)
        yield* deactivateUnheard(repository, apiKey)
        yield* TestClock.adjust("50 seconds")
        yield* apiKeys.verify(other.token)
        yield* TestClock.adjust("50500 millis")
        set("-1 minute")
        assert.strictEqual(yield* tagOf(apiKeys.verify(token)), "Inactive")
        // Also when nothing was remembered any more for long.
        yield* apiKeys.activate(apiKey.id)
        yield* apiKeys.verify(token)
        yield* deactivateUnheard(repository, apiKey)
        yield* TestClock.adjust("1 hour")
        set("-1 hour")
        assert.strictEqual(yield* tagOf(apiKeys.verify(token)), "Inactive")
        // And from then on it is remembered by the new time.
        yield* TestClock.adjust("2 seconds")
        yield* apiKeys.verify(other.token)
        instruments.lookUps = 0
        yield* TestClock.adjust("30 seconds")
        yield* apiKeys.verify(other.token)
        assert.strictEqual(instruments.lookUps, 0)
      }),
    ),
  )

  it.effect("back bit by bit prolongs it by a second at most", () =>
    withWallClock((apiKeys, _, repository, set) =>
      Effect.gen(function* () {
        const { apiKey, token } = yield* apiKeys.create({ name: "k" })
        yield* apiKeys.verify(token)
        yield* deactivateUnheard(repository, apiKey)
        for (let millis = 0; millis <= 61_200; millis += 100) {
          // By a tenth of what passes.
          set(-millis / 10)
          yield* TestClock.adjust("100 millis")
        }
        assert.strictEqual(yield* tagOf(apiKeys.verify(token)), "Inactive")
      }),
    ),
  )

  it.effect("back at the end prolongs it by a second at most", () =>
    withWallClock((apiKeys, _, repository, set) =>
      Effect.gen(function* () {
        yield* Effect.flip(apiKeys.verify(unknownToken(1)))
        yield* TestClock.adjust("2 seconds")
        const { apiKey, token } = yield* apiKeys.create({ name: "k" })
        yield* apiKeys.verify(token)
        yield* deactivateUnheard(repository, apiKey)
        yield* TestClock.adjust("59800 millis")
        set("-1500 millis")
        yield* TestClock.adjust("1300 millis")
        assert.strictEqual(yield* tagOf(apiKeys.verify(token)), "Inactive")
      }),
    ),
  )

  it.effect("back doesn't prolong a refusal", () =>
    withWallClock((apiKeys, instruments, __, set) =>
      Effect.gen(function* () {
        yield* Effect.flip(apiKeys.verify(unknownToken(1)))
        for (let seconds = 1; seconds <= 7; seconds++) {
          yield* TestClock.adjust("1 second")
          set(Duration.seconds(-seconds))
          yield* Effect.flip(apiKeys.verify(unknownToken(1)))
        }
        assert.isAtLeast(instruments.lookUps, 2)
      }),
    ),
  )

  it.effect("back lets nobody who asks the store join a look-up from before", () =>
    withWallClock((apiKeys, instruments, repository, set) =>
      Effect.gen(function* () {
        const { apiKey, token } = yield* apiKeys.create({ name: "k" })
        const other = yield* apiKeys.create({ name: "other" })
        yield* apiKeys.verify(other.token)
        yield* TestClock.adjust("990 millis")
        instruments.afterRead = Effect.sleep("300 millis")
        const early = yield* Effect.forkChild(tagOf(apiKeys.verify(token)), { startImmediately: true })
        yield* deactivateUnheard(repository, apiKey)
        // So little that it goes unnoticed.
        set("-50 millis")
        const last = yield* Effect.forkChild(apiKeys.verify(other.token, { maxAge: 0 }), { startImmediately: true })
        const late = yield* Effect.forkChild(tagOf(apiKeys.verify(token, { maxAge: 0 })), { startImmediately: true })
        yield* TestClock.adjust("990 millis")
        yield* Fiber.join(last)
        assert.deepStrictEqual([yield* Fiber.join(early), yield* Fiber.join(late)], ["good", "Inactive"])

        // Nor is an answer from what seems the future young enough.
        instruments.afterRead = Effect.void
        yield* Effect.ignore(apiKeys.verify(token, { maxAge: 0 }))
        yield* repository.update(apiKey.id, { isActive: true }, { at: yield* DateTime.now })
        set("-90 millis")
        // The clock is looked at.
        yield* TestClock.adjust("20 millis")
        assert.strictEqual(yield* tagOf(apiKeys.verify(token, { maxAge: 0 })), "good")
      }),
    ),
  )
})
