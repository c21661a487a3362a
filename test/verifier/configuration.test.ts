import { assert, describe, it } from "@effect/vitest"
import { ConfigProvider, Effect, Fiber, Layer, Metric, Tracer } from "effect"
import { TestClock } from "effect/testing"
import * as ApiKeyMetrics from "../../src/ApiKeyMetrics.ts"
import * as ApiKeys from "../../src/ApiKeys.ts"
import { tracerInto } from "../support/spans.ts"
import { unknownToken, type Instruments, makeInstruments, layerInstrumented, withKeys, tagOf } from "./support.ts"

describe("Configuration", () => {
  const withEnv = <A, E>(
    env: Record<string, string>,
    test: (apiKeys: ApiKeys.ApiKeys["Service"], instruments: Instruments) => Effect.Effect<A, E>,
  ) => {
    const instruments = makeInstruments()
    return Effect.flatMap(ApiKeys.ApiKeys, (apiKeys) => test(apiKeys, instruments)).pipe(
      Effect.provide(ApiKeys.layerConfig.pipe(Layer.provide(layerInstrumented(instruments)))),
      Effect.provide(ConfigProvider.layer(ConfigProvider.fromEnv({ env }))),
    )
  }

  /** Look-ups for three keys that are verified in turn, twice, and once more 30 seconds later. */
  const lookUpsWith = (env: Record<string, string>) =>
    withEnv(env, (apiKeys, instruments) =>
      Effect.gen(function* () {
        const keys = yield* Effect.replicateEffect(apiKeys.create({ name: "k" }), 3)
        for (const { token } of [...keys, ...keys]) yield* apiKeys.verify(token)
        yield* TestClock.adjust("30 seconds")
        for (const { token } of keys) yield* apiKeys.verify(token)
        return instruments.lookUps
      }),
    )

  it.effect("says whether, how much and how long is remembered", () =>
    Effect.gen(function* () {
      assert.strictEqual(yield* lookUpsWith({}), 3)
      assert.strictEqual(yield* lookUpsWith({ API_KEY_CACHE: "off" }), 9)
      assert.strictEqual(yield* lookUpsWith({ API_KEY_CACHE: "on" }), 3)
      assert.strictEqual(yield* lookUpsWith({ API_KEY_CACHE_ENTRIES: "0" }), 9)
      assert.isAbove(yield* lookUpsWith({ API_KEY_CACHE_ENTRIES: "2" }), 3)
      assert.isAbove(yield* lookUpsWith({ API_KEY_CACHE_BYTES: "1500" }), 3)
      assert.strictEqual(yield* lookUpsWith({ API_KEY_CACHE_TIME_TO_LIVE: "30 seconds" }), 6)
    }),
  )

  it.effect("says how much is hashed at a time, how many wait, and for how long", () =>
    Effect.gen(function* () {
      /** What becomes of five strangers at once whose hashes take a second each. */
      const tagsWith = (env: Record<string, string>) =>
        withEnv(env, (apiKeys, instruments) =>
          Effect.gen(function* () {
            instruments.beforeHash = Effect.sleep("1 second")
            const strangers = yield* Effect.forEach([1, 2, 3, 4, 5], (number) =>
              Effect.forkChild(tagOf(apiKeys.verify(unknownToken(number))), { startImmediately: true }),
            )
            yield* TestClock.adjust("10 seconds")
            const tags = yield* Effect.forEach(strangers, Fiber.join)
            return tags.filter((tag) => tag === "NotFound").length
          }),
        )
      const env = { API_KEY_HASHING_PERMITS: "1", API_KEY_HASHING_MAX_WAIT: "1 minute" }
      assert.strictEqual(yield* tagsWith(env), 5)
      assert.strictEqual(yield* tagsWith({ ...env, API_KEY_HASHING_QUEUE: "1" }), 2)
      assert.strictEqual(yield* tagsWith({ ...env, API_KEY_HASHING_QUEUE: "1", API_KEY_HASHING_PERMITS: "3" }), 4)
      assert.strictEqual(yield* tagsWith({ ...env, API_KEY_HASHING_MAX_WAIT: "2500 millis" }), 3)
    }),
  )

  it.effect("says how often uses are written, and what is told", () =>
    withEnv({ API_KEY_LAST_USED_INTERVAL: "1 minute", API_KEY_TELEMETRY: "metrics" }, (apiKeys, instruments) =>
      Effect.gen(function* () {
        yield* TestClock.adjust("1 millis")
        yield* apiKeys.verify((yield* apiKeys.create({ name: "k" })).token)
        // Jittered by a fifth.
        yield* TestClock.adjust("45 seconds")
        assert.lengthOf(instruments.touched, 0)
        yield* TestClock.adjust("30 seconds")
        assert.lengthOf(instruments.touched, 1)
        assert.strictEqual((yield* Metric.value(ApiKeyMetrics.duration)).count, 1)
      }),
    ).pipe(Effect.provideService(Metric.MetricRegistry, new Map())),
  )
})

describe("Telemetry", () => {
  const withRegistry = Effect.provideService(Metric.MetricRegistry, new Map())

  it.effect("counts hits, misses and failures by tag", () =>
    withKeys((apiKeys, instruments) =>
      Effect.gen(function* () {
        const { token } = yield* apiKeys.create({ name: "k" })
        yield* apiKeys.verify(token)
        yield* apiKeys.verify(token)
        yield* Effect.ignore(apiKeys.verify("nonsense"))
        yield* Effect.ignore(apiKeys.verify(token, { scopes: ["a"] }))
        // One that is refused, and again from memory.
        instruments.beforeRead = Effect.sleep("2 seconds")
        const refused = yield* Effect.forkChild(Effect.ignore(apiKeys.verify(unknownToken(1))), { startImmediately: true })
        yield* TestClock.adjust("2 seconds")
        yield* Fiber.join(refused)
        instruments.beforeRead = Effect.void
        yield* Effect.ignore(apiKeys.verify(unknownToken(1)))
        const count = (metric: Metric.Counter<number>) => Effect.map(Metric.value(metric), (state) => state.count)
        assert.strictEqual(yield* count(ApiKeyMetrics.hits), 3)
        assert.strictEqual(yield* count(ApiKeyMetrics.misses), 2)
        assert.strictEqual(yield* count(ApiKeyMetrics.failures("MalformedToken")), 1)
        assert.strictEqual(yield* count(ApiKeyMetrics.failures("InsufficientScope")), 1)
        assert.strictEqual(yield* count(ApiKeyMetrics.failures("Expired")), 0)
        assert.strictEqual(yield* count(ApiKeyMetrics.failures("NotFound")), 2)
        // In milliseconds.
        assert.deepInclude(yield* Metric.value(ApiKeyMetrics.coldDuration), { count: 2, sum: 2_000 })
        assert.strictEqual((yield* Metric.value(ApiKeyMetrics.duration)).count, 0)
        assert.strictEqual((yield* Metric.value(ApiKeyMetrics.hashesInFlight)).value, 0)
        assert.strictEqual((yield* Metric.value(ApiKeyMetrics.cacheEntries)).value, 1)
      }),
    ).pipe(withRegistry),
  )

  it.effect("sums up the services of a program, and drops what is in the memory of those that have ended", () =>
    withKeys((first) =>
      Effect.gen(function* () {
        const verifyTwice = (apiKeys: ApiKeys.ApiKeys["Service"]) =>
          Effect.flatMap(apiKeys.create({ name: "k" }), ({ token }) => Effect.repeat(apiKeys.verify(token), { times: 1 }))
        const told = Effect.all([
          Effect.map(Metric.value(ApiKeyMetrics.hits), ({ count }) => count),
          Effect.map(Metric.value(ApiKeyMetrics.misses), ({ count }) => count),
          Effect.map(Metric.value(ApiKeyMetrics.cacheEntries), ({ value }) => value),
          Effect.map(Metric.value(ApiKeyMetrics.inTouch), ({ value }) => value),
        ])
        yield* verifyTwice(first)
        assert.deepStrictEqual(yield* told, [1, 1, 1, 1])
        yield* withKeys((second) =>
          Effect.andThen(
            verifyTwice(second),
            Effect.map(told, (both) => assert.deepStrictEqual(both, [2, 2, 2, 1])),
          ),
        )
        assert.deepStrictEqual(yield* told, [2, 2, 1, 1])
        // They only grow.
        assert.isTrue((yield* Metric.value(ApiKeyMetrics.hits)).incremental)
      }),
    ).pipe(Effect.provideService(Metric.MetricRegistry, new Map())),
  )

  it.effect("tells of look-ups by spans, and of warm verifications when asked to", () =>
    Effect.gen(function* () {
      const spans: Array<Tracer.NativeSpan> = []
      const twice = (apiKeys: ApiKeys.ApiKeys["Service"]) =>
        Effect.gen(function* () {
          const { token } = yield* apiKeys.create({ name: "k" })
          spans.length = 0
          yield* apiKeys.verify(token)
          yield* apiKeys.verify(token)
          return spans.map(({ name }) => name)
        })
      const byDefault = yield* withKeys(twice).pipe(Effect.withTracer(tracerInto(spans)))
      assert.deepStrictEqual(byDefault, ["ApiKeys.lookUp"])
      assert.match(String(spans[0]?.attributes.get("api_key.key_id")), /^[0-9a-f]{16}$/)
      const traced = yield* withKeys(twice, { telemetry: "traces" }).pipe(Effect.withTracer(tracerInto(spans)))
      assert.deepStrictEqual(traced, ["ApiKeys.verify", "ApiKeys.lookUp", "ApiKeys.verify"])
      assert.strictEqual((yield* Metric.value(ApiKeyMetrics.duration)).count, 2)
    }).pipe(Effect.provideService(Metric.MetricRegistry, new Map())),
  )
})
