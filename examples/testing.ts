// no-run: vitest runs it, in a project of your own as `keys.test.ts`.
// The testing kit: an application's test in memory, a property of the domain, and the contract of a store of your own.
import { assert, describe, it, layer } from "@effect/vitest"
import { Context, DateTime, Effect, Layer, Schema } from "effect"
import { ApiKey, ApiKeyError, ApiKeyRepository, ApiKeys } from "effect-api-key"
import * as Testing from "effect-api-key/testing"
import { TestClock } from "effect/testing"

// The whole service in memory, on the clock of the test.
layer(Testing.layerMemory)("whatever strangers send", (it) => {
  it.effect.prop("is refused", { text: Schema.String }, ({ text }) =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(ApiKeys.ApiKeys.use((apiKeys) => apiKeys.verify(text)))
      assert.isTrue(ApiKeyError.isRefusal(error))
    }),
  )
})

// The same with options.
const live = Testing.layerMemoryWith({ token: { prefix: "shop" }, maximumLifetime: "90 days" })
layer(live)("an application's keys", (it) => {
  it.effect("end after 90 days", () =>
    Effect.gen(function* () {
      const apiKeys = yield* ApiKeys.ApiKeys
      const { token } = yield* apiKeys.create({ name: "robot" })
      yield* apiKeys.verify(token)
      yield* TestClock.adjust("90 days")
      assert.strictEqual((yield* Effect.flip(apiKeys.verify(token)))._tag, "Expired")
    }),
  )
})

describe("what an application makes of records", () => {
  it.effect.prop("survives JSON", { key: Testing.arbitraries.storedApiKey }, ({ key: { apiKey } }) =>
    Effect.gen(function* () {
      const json = yield* Schema.encodeEffect(Schema.toCodecJson(ApiKey.ApiKey))(apiKey)
      assert.deepStrictEqual(yield* Schema.decodeUnknownEffect(Schema.toCodecJson(ApiKey.ApiKey))(json), apiKey)
    }),
  )

  it.effect("tells keys that have expired", () =>
    Effect.sync(() => {
      const expiresAt = DateTime.makeUnsafe("2027-01-01T00:00:00Z")
      const { apiKey } = Testing.makeStoredApiKey({ name: "old", expiresAt })
      assert.strictEqual(ApiKey.status(apiKey, expiresAt), "expired")
    }),
  )
})

// A store with records in it, behind the service: `layerHasher` takes microseconds a hash.
const withRecord = Layer.effectDiscard(ApiKeyRepository.ApiKeyRepository.use((repository) => repository.insert(Testing.makeStoredApiKey())))
const service = ApiKeys.layer.pipe(Layer.provide([Testing.layerHasher, withRecord]), Layer.provide(Layer.fresh(Testing.layerRepository)))
layer(service)("a service over records that were there", (it) => {
  it.effect("finds them", () =>
    Effect.gen(function* () {
      assert.strictEqual(yield* ApiKeys.ApiKeys.use((apiKeys) => apiKeys.count()), 1)
    }),
  )
})

// A store of your own is tested facet by facet while it grows; `repositoryContract` runs all of these, and `supportsContract` with them.
const open = Effect.map(Layer.build(Layer.fresh(Testing.layerRepository)), Context.get(ApiKeyRepository.ApiKeyRepository))
Testing.lookUpsContract("my store", open)
Testing.recordsContract("my store", open)
Testing.queriesContract("my store", open)
Testing.bulkContract("my store", open)
Testing.upkeepContract("my store", open)
Testing.supportsContract("my store", open)
