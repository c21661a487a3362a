/** How many statements look-ups take. */
import { assert, it } from "@effect/vitest"
import { Effect, Fiber, Latch, Option, Stream } from "effect"
import type { KeyId } from "../../src/ApiKey.ts"
import { ApiKeyRepository } from "../../src/ApiKeyRepository.ts"
import { layerStubDatabase } from "../support/stubDatabase.ts"

/** An empty database that notes what it is asked, and answers when it may. */
const noting = (asked: Array<ReadonlyArray<unknown>>, mayAnswer: Latch.Latch) => {
  const execute = (_sql: string, [ids]: ReadonlyArray<unknown>) => {
    asked.push(Array.isArray(ids) ? ids : [ids])
    return Effect.as(mayAnswer.await, [])
  }
  return layerStubDatabase(execute, Stream.empty)
}

// 16 hex digits are what the brand stands for.
const keyIds = Array.from({ length: 64 }, (_, index) => index.toString(16).padStart(16, "0") as KeyId)
const [first, second] = [keyIds[0]!, keyIds[1]!]

it.effect("a look-up alone is one statement at once, and those that come meanwhile are one together", () =>
  Effect.gen(function* () {
    const asked: Array<ReadonlyArray<unknown>> = []
    const mayAnswer = Latch.makeUnsafe(false)
    yield* ApiKeyRepository.use((repository) =>
      Effect.gen(function* () {
        const alone = yield* Effect.forkChild(repository.findByKeyId(first), { startImmediately: true })
        assert.deepStrictEqual(asked, [[first]])
        const others = yield* Effect.forkChild(Effect.forEach(keyIds.slice(1), repository.findByKeyId, { concurrency: "unbounded" }), {
          startImmediately: true,
        })
        while (asked.length < 2) yield* Effect.yieldNow
        yield* mayAnswer.open
        assert.deepStrictEqual(yield* Fiber.join(alone), Option.none())
        assert.lengthOf(yield* Fiber.join(others), 63)
        assert.deepStrictEqual(asked, [[first], keyIds.slice(1)])
        yield* repository.findByKeyId(second)
        assert.deepStrictEqual(asked.at(-1), [second])
      }),
    ).pipe(Effect.provide(noting(asked, mayAnswer)))
  }),
)

it.effect("a look-up that was given up keeps no other waiting", () =>
  Effect.gen(function* () {
    const asked: Array<ReadonlyArray<unknown>> = []
    const mayAnswer = Latch.makeUnsafe(false)
    yield* ApiKeyRepository.use((repository) =>
      Effect.gen(function* () {
        const given = yield* Effect.forkChild(repository.findByKeyId(first), { startImmediately: true })
        yield* Fiber.interrupt(given)
        yield* Effect.forkChild(repository.findByKeyId(second), { startImmediately: true })
        assert.deepStrictEqual(asked, [[first], [second]])
      }),
    ).pipe(Effect.provide(noting(asked, mayAnswer)))
  }),
)
