/** Counts verifications in plain numbers, which metrics read. Updating a metric costs more than a warm verification. */
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Metric from "effect/Metric"
import type * as Scope from "effect/Scope"
import * as ApiKeyMetrics from "../../ApiKeyMetrics.ts"

export interface Counts {
  hits: number
  misses: number
  uncounted: number
  readonly failures: Record<ApiKeyMetrics.FailureTag, number>
}

interface Gauges {
  readonly hashesInFlight: () => number
  readonly cacheEntries: () => number
  readonly isInTouch: () => boolean
}

interface Registered {
  readonly counts: Counts
  readonly gauges: Set<Gauges>
}

// Services that share a registry share its series. A second registration would replace the first.
const registries = new WeakMap<Metric.MetricRegistry, Registered>()

export const register = Effect.fnUntraced(function* (gauges: Gauges): Effect.fn.Return<Counts, never, Scope.Scope> {
  const context = yield* Effect.context<never>()
  const registry = yield* Metric.MetricRegistry
  const registered = registries.get(registry) ?? registerSeries(context)
  registries.set(registry, registered)
  yield* Effect.acquireRelease(
    Effect.sync(() => registered.gauges.add(gauges)),
    () => Effect.sync(() => registered.gauges.delete(gauges)),
  )
  return registered.counts
})

const registerSeries = (context: Context.Context<never>): Registered => {
  const gauges = new Set<Gauges>()
  // The object has an entry for each tag.
  const failures = Object.fromEntries(ApiKeyMetrics.failureTags.map((tag) => [tag, 0])) as Counts["failures"]
  const counts: Counts = { hits: 0, misses: 0, uncounted: 0, failures }
  const counter = (metric: Metric.Counter<number>, count: () => number): void => {
    Metric.registerUnsafe(metric, context, { get: () => ({ count: count(), incremental: true }), ...unused })
  }
  const gauge = (metric: Metric.Gauge<number>, read: () => number): void => {
    Metric.registerUnsafe(metric, context, { get: () => ({ value: read() }), ...unused })
  }
  const sumOf = (read: (source: Gauges) => number): number => Array.from(gauges, read).reduce((sum, value) => sum + value, 0)
  counter(ApiKeyMetrics.hits, () => counts.hits)
  counter(ApiKeyMetrics.misses, () => counts.misses)
  counter(ApiKeyMetrics.uncounted, () => counts.uncounted)
  for (const tag of ApiKeyMetrics.failureTags) counter(ApiKeyMetrics.failures(tag), () => failures[tag])
  gauge(ApiKeyMetrics.hashesInFlight, () => sumOf((source) => source.hashesInFlight()))
  gauge(ApiKeyMetrics.cacheEntries, () => sumOf((source) => source.cacheEntries()))
  gauge(ApiKeyMetrics.inTouch, () => (Array.from(gauges).every((source) => source.isInTouch()) ? 1 : 0))
  return { counts, gauges }
}

const unused = { update: () => undefined, modify: () => undefined }
