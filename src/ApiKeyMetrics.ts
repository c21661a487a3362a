/**
 * Metrics of verification. Read them with `Metric.value`, or export them with `PrometheusMetrics` or `Otlp`. {@link duration} isn't kept by
 * default; the cost of the others is too small to measure.
 * @since 0.1.0
 */
import * as Metric from "effect/Metric"
import { type VerifyError, verifyErrorTags } from "./ApiKeyError.ts"

/** Verifications answered from memory alone, good or refused. Metric name: `api_key_verify_hits`. @category metrics @since 0.1.0 */
export const hits: Metric.Counter<number> = Metric.counter("api_key_verify_hits", {
  description: "Verifications answered from memory",
  incremental: true,
})

/**
 * Verifications that had to ask the store; simultaneous ones share an answer. Metric name: `api_key_verify_misses`.
 * @category metrics
 * @since 0.1.0
 */
export const misses: Metric.Counter<number> = Metric.counter("api_key_verify_misses", {
  description: "Verifications that asked the store",
  incremental: true,
})

/**
 * Verifications that failed with the error of this tag. Metric name: `api_key_verify_failures`, with the attribute `tag`.
 * @category metrics
 * @since 0.1.0
 */
export const failures = (tag: FailureTag): Metric.Counter<number> =>
  Metric.counter("api_key_verify_failures", { description: "Verifications that failed", incremental: true, attributes: { tag } })

/** @category models @since 0.1.0 */
export type FailureTag = VerifyError["_tag"]

/** Every tag that `verify` fails with. @category models @since 0.1.0 */
export const failureTags: ReadonlyArray<FailureTag> = verifyErrorTags

const milliseconds = [0.1, 0.25, 0.5, 1, 2.5, 5, 10, 25, 50, 100, 250, 500, 1_000, 2_500]

/**
 * The duration of a look-up and its hash, in milliseconds. Metric name: `api_key_verify_cold_duration`.
 * @category metrics
 * @since 0.1.0
 */
export const coldDuration: Metric.Histogram<number> = Metric.histogram("api_key_verify_cold_duration", {
  description: "Milliseconds that a look-up and its hash took",
  boundaries: milliseconds,
})

/**
 * The duration of each verification, warm ones too, in milliseconds; kept only with `telemetry` at `"metrics"` or `"traces"`. Metric name:
 * `api_key_verify_duration`.
 * @category metrics
 * @since 0.1.0
 */
export const duration: Metric.Histogram<number> = Metric.histogram("api_key_verify_duration", {
  description: "Milliseconds that a verification took",
  boundaries: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, ...milliseconds],
})

/** Secrets that are being hashed just now. Metric name: `api_key_hashes_in_flight`. @category metrics @since 0.1.0 */
export const hashesInFlight: Metric.Gauge<number> = Metric.gauge("api_key_hashes_in_flight", { description: "Secrets being hashed" })

/** Hashes replaced by current ones, as their secrets came by. Metric name: `api_key_rehashes`. @category metrics @since 0.1.0 */
export const rehashes: Metric.Counter<number> = Metric.counter("api_key_rehashes", {
  description: "Hashes replaced by current ones",
  incremental: true,
})

/**
 * Uses that were let through without being counted, as the store of meters didn't answer. Metric name: `api_key_uncounted_uses`.
 * @category metrics
 * @since 0.1.0
 */
export const uncounted: Metric.Counter<number> = Metric.counter("api_key_uncounted_uses", {
  description: "Uses let through uncounted",
  incremental: true,
})

/** Keys in the cache. Metric name: `api_key_cache_entries`. @category metrics @since 0.1.0 */
export const cacheEntries: Metric.Gauge<number> = Metric.gauge("api_key_cache_entries", { description: "Keys in the cache" })

/**
 * The number of times that this node stopped hearing other nodes' changes, or began without hearing them. The cache isn't used meanwhile. Metric
 * name: `api_key_invalidation_outages`.
 * @category metrics
 * @since 0.1.0
 */
export const outages: Metric.Counter<number> = Metric.counter("api_key_invalidation_outages", {
  description: "Times that changes made elsewhere weren't heard any more, or from the beginning",
  incremental: true,
})

/**
 * 1 while this node hears other nodes' changes, and so answers from memory. 0 while changes aren't heard, so each request asks the store. 1
 * without a layer of `ApiKeyInvalidation`. Of several services in one process the worst counts. Metric name: `api_key_invalidation_in_touch`.
 * @category metrics
 * @since 0.1.0
 */
export const inTouch: Metric.Gauge<number> = Metric.gauge("api_key_invalidation_in_touch", {
  description: "1 while changes made elsewhere are heard",
})
