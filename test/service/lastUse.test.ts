import { assert, describe, it } from "@effect/vitest"
import { DateTime, Effect, Layer } from "effect"
import { TestClock } from "effect/testing"
import { RepositoryError } from "../../src/ApiKeyError.ts"
import { layerEphemeral } from "../../src/ApiKeyHasher.ts"
import * as Repository from "../../src/ApiKeyRepository.ts"
import * as ApiKeys from "../../src/ApiKeys.ts"

describe("The last use", () => {
  it.effect("writes lastUsedAt at intervals and when the layer closes, keeping what the store refused", () =>
    Effect.gen(function* () {
      const repository = yield* Repository.ApiKeyRepository
      let down = false
      const flaky = Layer.succeed(Repository.ApiKeyRepository, {
        ...repository,
        touch: (uses) =>
          Effect.suspend(() =>
            down ? Effect.fail(new RepositoryError({ operation: "touch", isRetryable: true, cause: "down" })) : repository.touch(uses),
          ),
      })
      const { id, first } = yield* Effect.gen(function* () {
        const apiKeys = yield* ApiKeys.ApiKeys
        const { apiKey, token } = yield* apiKeys.create({ name: "k" })
        yield* TestClock.adjust("1 second")
        const first = (yield* apiKeys.verify(token), yield* DateTime.now)
        down = true
        yield* TestClock.adjust("12 seconds")
        assert.isNull((yield* apiKeys.get(apiKey.id)).lastUsedAt)
        down = false
        yield* TestClock.adjust("12 seconds")
        assert.deepStrictEqual((yield* apiKeys.get(apiKey.id)).lastUsedAt, first)
        yield* apiKeys.verify(token)
        return { id: apiKey.id, first }
      }).pipe(Effect.provide(ApiKeys.layer.pipe(Layer.provide([flaky, layerEphemeral])), { local: true }))
      const stored = yield* repository.findById(id)
      assert.isTrue(stored._tag === "Some" && DateTime.isGreaterThan(stored.value.apiKey.lastUsedAt!, first))
    }).pipe(Effect.provide(Layer.fresh(Repository.layerMemory))),
  )

  it.effect("writes lastUsedAt once an interval, even when keys are used while it is written", () =>
    Effect.gen(function* () {
      const repository = yield* Repository.ApiKeyRepository
      let statements = 0
      let use: Effect.Effect<unknown> = Effect.void
      const busy = Layer.succeed(Repository.ApiKeyRepository, {
        ...repository,
        // Bounded, so that a writer without a pause fails the test instead of hanging it.
        touch: (uses) => Effect.tap(repository.touch(uses), () => (statements++ < 100 ? use : Effect.void)),
      })
      yield* Effect.gen(function* () {
        const apiKeys = yield* ApiKeys.ApiKeys
        const { token } = yield* apiKeys.create({ name: "k" })
        use = Effect.orDie(apiKeys.verify(token))
        yield* use
        yield* TestClock.adjust("12 seconds")
        assert.strictEqual(statements, 1)
        yield* TestClock.adjust("60 seconds")
        assert.isAtMost(statements, 9)
        use = Effect.void
      }).pipe(Effect.provide(ApiKeys.layer.pipe(Layer.provide([busy, layerEphemeral])), { local: true }))
    }).pipe(Effect.provide(Layer.fresh(Repository.layerMemory))),
  )

  it.effect("keeps a batch whose writing was interrupted or died, and writes it when the layer closes", () =>
    Effect.gen(function* () {
      const repository = yield* Repository.ApiKeyRepository
      let attempts = 0
      const stuck = Layer.succeed(Repository.ApiKeyRepository, {
        ...repository,
        touch: (uses) =>
          Effect.suspend(() => {
            attempts++
            if (attempts === 1) return Effect.die("a driver's bug")
            return attempts === 2 ? Effect.never : repository.touch(uses)
          }),
      })
      const id = yield* Effect.gen(function* () {
        const apiKeys = yield* ApiKeys.ApiKeys
        const { apiKey, token } = yield* apiKeys.create({ name: "k" })
        yield* apiKeys.verify(token)
        yield* TestClock.adjust("12 seconds")
        yield* TestClock.adjust("12 seconds")
        assert.strictEqual(attempts, 2)
        return apiKey.id
      }).pipe(Effect.provide(ApiKeys.layer.pipe(Layer.provide([stuck, layerEphemeral])), { local: true }))
      const stored = yield* repository.findById(id)
      assert.isTrue(stored._tag === "Some" && stored.value.apiKey.lastUsedAt !== null)
    }).pipe(Effect.provide(Layer.fresh(Repository.layerMemory))),
  )
})
