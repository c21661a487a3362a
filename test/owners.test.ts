/** The bound on an owner's keys in memory, and how a program starts with it. */
import { assert, describe, it } from "@effect/vitest"
import { ConfigProvider, Effect, Exit, Layer } from "effect"
import { layerEphemeral } from "../src/ApiKeyHasher.ts"
import { ApiKeyRepository, layerMemory } from "../src/ApiKeyRepository.ts"
import * as ApiKeys from "../src/ApiKeys.ts"
import { newOwner, ownersSuite } from "./ownersSuite.ts"

ownersSuite("memory", Layer.fresh(layerMemory), ApiKeyRepository)

describe("A program with maxKeysPerOwner", () => {
  const start = (options: ApiKeys.Options, repository = layerMemory) =>
    Effect.exit(Effect.scoped(Layer.build(ApiKeys.layerWith(options)))).pipe(
      Effect.provide([layerEphemeral, Layer.fresh(repository)]),
      Effect.map((exit) => (Exit.isSuccess(exit) ? "good" : String(exit.cause))),
    )

  it.effect("doesn't start over a store that can't keep it", () =>
    Effect.gen(function* () {
      const without = Layer.effect(
        ApiKeyRepository,
        Effect.map(ApiKeyRepository, ({ ownerBounds: _, ...repository }) => repository),
      ).pipe(Layer.provide(layerMemory))
      for (const maxKeysPerOwner of [5, () => 5]) {
        const failure = yield* start({ maxKeysPerOwner }, without)
        assert.include(failure, "InvalidOptions")
        assert.include(failure, "maxKeysPerOwner needs a repository that keeps it, with ownerBounds")
      }
      assert.strictEqual(yield* start({}, without), "good")
    }),
  )

  it.effect("doesn't start with a number that makes no sense", () =>
    Effect.gen(function* () {
      for (const maxKeysPerOwner of [-1, 2.5, NaN, -Infinity, 2 ** 60]) {
        assert.include(yield* start({ maxKeysPerOwner }), "maxKeysPerOwner must be a whole number, at least 0, or Infinity")
      }
      for (const maxKeysPerOwner of [0, 1, Infinity]) assert.strictEqual(yield* start({ maxKeysPerOwner }), "good")
    }),
  )

  it.effect("reads it from API_KEY_MAX_KEYS_PER_OWNER", () =>
    Effect.gen(function* () {
      const create = (env: Readonly<Record<string, string>>) =>
        Effect.gen(function* () {
          const keys = yield* ApiKeys.ApiKeys
          const ownerId = newOwner()
          yield* keys.create({ name: "k", ownerId })
          yield* keys.create({ name: "k", ownerId })
        }).pipe(
          Effect.provide(ApiKeys.layerConfig),
          Effect.provide([layerEphemeral, Layer.fresh(layerMemory), ConfigProvider.layer(ConfigProvider.fromUnknown(env))]),
          Effect.match({ onSuccess: () => "good", onFailure: String }),
        )
      assert.strictEqual(yield* create({}), "good")
      assert.match(yield* create({ API_KEY_MAX_KEYS_PER_OWNER: "1" }), /has as many API keys as it may have \(1\)/)
      assert.match(yield* create({ API_KEY_MAX_KEYS_PER_OWNER: "many" }), /API_KEY_MAX_KEYS_PER_OWNER|whole number/)
    }),
  )
})
