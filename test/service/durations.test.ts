/** Durations that TypeScript hasn't checked: a typed failure, before anything is changed, and no defect. */
import { assert, describe, it } from "@effect/vitest"
import { Cause, ConfigProvider, Effect, Exit, Layer, Redacted, Stream } from "effect"
import * as ApiKeyRepository from "../../src/ApiKeyRepository.ts"
import type { KeyId } from "../../src/ApiKey.ts"
import { layerEphemeral } from "../../src/ApiKeyHasher.ts"
import * as ApiKeys from "../../src/ApiKeys.ts"
import * as Pepper from "../../src/hasher/Pepper.ts"
import * as Client from "../../src/http/client.ts"
import * as ApiKeyServer from "../../src/server.ts"

/** As a caller without TypeScript gives it. */
const soon = "soon" as never

/** What fails, as text. Defects fail the test. */
const failureOf = <A, E extends { readonly _tag: string; readonly message: string }, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.match(effect, { onSuccess: () => "good", onFailure: ({ _tag, message }) => `${_tag}: ${message}` })

describe("A duration that is none", () => {
  it.effect("fails the build of the service, of its client and of the server, by the name of its option", () =>
    Effect.gen(function* () {
      const build = <E extends { readonly _tag: string; readonly message: string }>(layer: Layer.Layer<ApiKeys.ApiKeys, E>) =>
        failureOf(Effect.scoped(Layer.build(Layer.fresh(layer))))
      const expected = "must be a duration, such as 30 seconds"
      for (const name of ["defaultLifetime", "maximumLifetime", "maximumAge", "lastUsedInterval"] as const)
        assert.strictEqual(yield* build(ApiKeys.layerMemoryWith({ [name]: soon })), `InvalidOptions: ${name} ${expected}`)
      for (const lastUsedInterval of ["-1 seconds", "Infinity"] as const)
        assert.strictEqual(
          yield* build(ApiKeys.layerMemoryWith({ lastUsedInterval })),
          "InvalidOptions: lastUsedInterval must be at least 0, and finite",
        )
      assert.strictEqual(
        yield* build(ApiKeys.layerMemoryWith({ hashing: { maxWait: soon } })),
        `InvalidOptions: hashing.maxWait ${expected}`,
      )
      for (const name of ["timeToLive", "refusalTimeToLive"] as const)
        assert.strictEqual(
          yield* build(ApiKeys.layerMemoryWith({ cache: { [name]: soon } })),
          `InvalidOptions: cache.${name} must be finite and at least 0`,
        )
      const server = { url: "https://keys.example.com", token: Redacted.make("no") }
      assert.strictEqual(yield* build(Client.layerFetch({ ...server, answerWithin: soon })), `InvalidOptions: answerWithin ${expected}`)
      assert.strictEqual(
        yield* build(Client.layerFetch({ ...server, maxAnswerSize: soon })),
        "InvalidOptions: maxAnswerSize must be a size, such as 16 MiB",
      )
    }),
  )

  it.effect("fails the start of the server, before it opens a database, as other limits that are none do", () =>
    Effect.gen(function* () {
      const start = (limits: Partial<ApiKeyServer.Limits>) =>
        Effect.scoped(Layer.build(Layer.fresh(ApiKeyServer.layerWith({ limits })))).pipe(
          Effect.provide(ConfigProvider.layer(ConfigProvider.fromUnknown({}))),
          Effect.flip,
          Effect.map((error) => (error instanceof ApiKeyServer.InvalidLimit ? error.message : error)),
        )
      for (const name of ["headerTime", "requestTime", "responseTime", "keepAliveTime"] as const)
        assert.strictEqual(yield* start({ [name]: soon }), `limits.${name} must be a duration, such as 30 seconds`)
      for (const [name, value] of [
        ["bodyBytes", -1],
        ["headerBytes", Number.NaN],
        ["urlLength", 0.5],
      ] as const)
        assert.strictEqual(yield* start({ [name]: value }), `limits.${name} must be a whole number and more than 0`)
      for (const name of ["connections", "requests", "requestsPerConnection"] as const)
        assert.strictEqual(yield* start({ [name]: Number.NaN }), `limits.${name} must be at least 1`)
      const reloading = Pepper.layerReloading({ load: Effect.succeed({ current: Pepper.builtIn, older: [] }), every: soon })
      const exit = yield* Effect.exit(Effect.scoped(Layer.build(reloading)))
      assert.include(Exit.isFailure(exit) ? Cause.pretty(exit.cause) : "", "`every` of Pepper.layerReloading must be a duration")
    }),
  )

  it.effect("is InvalidInput of a method, which changes nothing", () =>
    Effect.gen(function* () {
      const apiKeys = yield* ApiKeys.ApiKeys
      const { apiKey } = yield* apiKeys.create({ name: "k" })
      const { id } = apiKey
      const confirm = { confirmWithin: soon }
      const attempts = [
        ["confirmWithin", apiKeys.update(id, { name: "other" }, confirm)],
        ["confirmWithin", apiKeys.activate(id, confirm)],
        ["confirmWithin", apiKeys.deactivate(id, confirm)],
        ["confirmWithin", apiKeys.rotate(id, confirm)],
        ["confirmWithin", apiKeys.endGrace(id, confirm)],
        ["confirmWithin", apiKeys.delete(id, confirm)],
        ["grace", apiKeys.rotate(id, { grace: soon })],
        ["within", Stream.runDrain(apiKeys.upcoming({ within: soon }))],
        ["within", apiKeys.searchUpcoming({ within: soon })],
        ["maximumAge", apiKeys.searchUpcoming({ within: "1 day", maximumAge: soon })],
      ] as const
      for (const [field, attempt] of attempts) {
        const failing: Effect.Effect<unknown, { readonly _tag: string; readonly message: string }> = attempt
        assert.strictEqual(yield* failureOf(failing), `InvalidInput: ${field}: must be a duration, such as 30 seconds`)
      }
      assert.deepStrictEqual(yield* apiKeys.get(id), apiKey)
    }).pipe(Effect.provide(ApiKeys.layerMemory)),
  )

  it.effect("as the age of an answer asks the store each time", () => {
    let lookUps = 0
    const counted = Layer.effect(
      ApiKeyRepository.ApiKeyRepository,
      Effect.map(ApiKeyRepository.ApiKeyRepository, (repository) => ({
        ...repository,
        findByKeyId: (keyId: KeyId) => Effect.suspend(() => (lookUps++, repository.findByKeyId(keyId))),
      })),
    ).pipe(Layer.provide(Layer.fresh(ApiKeyRepository.layerMemory)))
    return Effect.gen(function* () {
      const apiKeys = yield* ApiKeys.ApiKeys
      const { token } = yield* apiKeys.create({ name: "k" })
      for (let turn = 0; turn < 3; turn++) yield* apiKeys.verify(token, { maxAge: soon })
      assert.strictEqual(lookUps, 3)
    }).pipe(Effect.provide(Layer.fresh(ApiKeys.layer).pipe(Layer.provide([layerEphemeral, counted]))))
  })
})
