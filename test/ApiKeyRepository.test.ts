import { assert, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { ApiKeyRepository, layerMemory } from "../src/ApiKeyRepository.ts"
import { makeStoredApiKey, repositoryContract } from "../src/testing.ts"

repositoryContract("memory", Layer.fresh(layerMemory))

it.effect("a fresh memory is empty", () =>
  Effect.gen(function* () {
    const count = ApiKeyRepository.use((repository) => repository.count({}))
    const insertAndCount = Effect.andThen(
      ApiKeyRepository.use((repository) => repository.insert(makeStoredApiKey())),
      count,
    )
    assert.strictEqual(yield* Effect.provide(insertAndCount, Layer.fresh(layerMemory)), 1)
    assert.strictEqual(yield* Effect.provide(count, Layer.fresh(layerMemory)), 0)
  }),
)
