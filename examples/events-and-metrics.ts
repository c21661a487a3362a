// What happens to keys, as events for a log of your own, and what verification does, as metrics.
// Run it with `npm run build && npx node examples/events-and-metrics.ts`.
import { Console, Effect, Layer, Metric, Redacted, Schema } from "effect"
import { ApiKeyEvents, ApiKeyMetrics, ApiKeys } from "effect-api-key"

// A log of lines of JSON. What must not be lost is written by `inTransaction`, which can undo the change.
const lines: Array<string> = []
const encode = Schema.encodeEffect(Schema.toCodecJson(ApiKeyEvents.ApiKeyEvent))
const log = ApiKeyEvents.layer(
  Effect.succeed({
    afterCommit: (events) =>
      Effect.forEach(events, (event) => Effect.map(Effect.orDie(encode(event)), (json) => lines.push(JSON.stringify(json))), {
        discard: true,
      }),
  }),
)

const events = Effect.gen(function* () {
  const apiKeys = yield* ApiKeys.ApiKeys
  // Who did it is known where the request comes in.
  const asAda = Effect.provideService(ApiKeyEvents.CurrentActor, { _tag: "Application", name: "ada" })
  const { apiKey, token } = yield* asAda(apiKeys.create({ name: "robot", scopes: ["jobs:*"] }))
  yield* asAda(apiKeys.update(apiKey.id, { description: "sweeps at night" }))
  yield* apiKeys.deactivate(apiKey.id, { reason: "leaked" })
  for (const { _tag, actor, fields = [] } of lines.map((line) => JSON.parse(line))) {
    yield* Console.log(_tag, "by", actor.name ?? "the program", ...fields)
  }
  // => KeyCreated by ada
  // => KeyUpdated by ada description
  // => KeyDeactivated by the program
  yield* Console.log(lines.some((line) => line.includes(Redacted.value(token)))) // => false
})

// With `PrometheusMetrics` or `Otlp` of Effect they are exported; here they are read.
const metrics = Effect.gen(function* () {
  const apiKeys = yield* ApiKeys.ApiKeys
  const { token } = yield* apiKeys.create({ name: "robot" })
  for (let use = 0; use < 3; use++) yield* apiKeys.verify(token)
  yield* Effect.flip(apiKeys.verify(token, { scopes: ["jobs:run"] }))

  const { count: hits } = yield* Metric.value(ApiKeyMetrics.hits)
  const { count: misses } = yield* Metric.value(ApiKeyMetrics.misses)
  const { count: refused } = yield* Metric.value(ApiKeyMetrics.failures("InsufficientScope"))
  yield* Console.log({ hits, misses, refused }) // => { hits: 3, misses: 1, refused: 1 }

  const { count: timed } = yield* Metric.value(ApiKeyMetrics.duration)
  const { count: cold } = yield* Metric.value(ApiKeyMetrics.coldDuration)
  yield* Console.log({ timed, cold }) // => { timed: 4, cold: 1 }

  const gauges = { entries: ApiKeyMetrics.cacheEntries, hashing: ApiKeyMetrics.hashesInFlight, inTouch: ApiKeyMetrics.inTouch }
  for (const [name, gauge] of Object.entries(gauges)) yield* Console.log(name, (yield* Metric.value(gauge)).value)
  // => entries 1
  // => hashing 0
  // => inTouch 1
  for (const counter of [ApiKeyMetrics.rehashes, ApiKeyMetrics.outages, ApiKeyMetrics.uncounted])
    yield* Console.log(counter.id, (yield* Metric.value(counter)).count)
  // => api_key_rehashes 0
  // => api_key_invalidation_outages 0
  // => api_key_uncounted_uses 0
})

const layer = ApiKeys.layerMemoryWith({ telemetry: "metrics" })
await Effect.runPromise(Effect.provide(events, layer.pipe(Layer.provide(log))))
await Effect.runPromise(Effect.provide(metrics, layer))
