/**
 * What can be measured of verification, as metrics of Effect: read them with `Metric.value`, or export them with `PrometheusMetrics` or
 * `Otlp`. All are kept by default except {@link duration}, as they cost nothing worth measuring.
 * @since 0.1.0
 */
import * as Metric from "effect/Metric"
import { type VerifyError, verifyErrorTags } from "./ApiKeyError.ts"

/** Verifications answered from memory alone, good or refused. Its name is `api_key_verify_hits`. @category metrics @since 0.1.0 */
export const hits: Metric.Counter<number> = Metric.counter("api_key_verify_hits", {
  description: "Verifications answered from memory",
  incremental: true,
})

/**
 * Verifications that had to ask the store; those that arrive together share one answer. Its name is `api_key_verify_misses`.
 * @category metrics
 * @since 0.1.0
 */
export const misses: Metric.Counter<number> = Metric.counter("api_key_verify_misses", {
  description: "Verifications that asked the store",
  incremental: true,
})

/**
 * Verifications that failed with the error of this tag. Its name is `api_key_verify_failures`, its attribute `tag`.
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
 * How long a look-up and its hash took, in milliseconds. Its name is `api_key_verify_cold_duration`.
 * @category metrics
 * @since 0.1.0
 */
export const coldDuration: Metric.Histogram<number> = Metric.histogram("api_key_verify_cold_duration", {
  description: "Milliseconds that a look-up and its hash took",
  boundaries: milliseconds,
})

/**
 * How long each verification took, warm ones too, in milliseconds; kept only with `telemetry` at `"metrics"` or `"traces"`. Its name is
 * `api_key_verify_duration`.
 * @category metrics
 * @since 0.1.0
 */
export const duration: Metric.Histogram<number> = Metric.histogram("api_key_verify_duration", {
  description: "Milliseconds that a verification took",
  boundaries: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, ...milliseconds],
})

/** Secrets that are being hashed just now. Its name is `api_key_hashes_in_flight`. @category metrics @since 0.1.0 */
export const hashesInFlight: Metric.Gauge<number> = Metric.gauge("api_key_hashes_in_flight", { description: "Secrets being hashed" })

/** Hashes replaced by current ones, as their secrets came by. Its name is `api_key_rehashes`. @category metrics @since 0.1.0 */
export const rehashes: Metric.Counter<number> = Metric.counter("api_key_rehashes", {
  description: "Hashes replaced by current ones",
  incremental: true,
})

/** Keys in the cache. Its name is `api_key_cache_entries`. @category metrics @since 0.1.0 */
export const cacheEntries: Metric.Gauge<number> = Metric.gauge("api_key_cache_entries", { description: "Keys in the cache" })

/**
 * How often this node stopped hearing what is changed elsewhere, or began so, and so without the use of its cache. Its name is
 * `api_key_invalidation_outages`.
 * @category metrics
 * @since 0.1.0
 */
export const outages: Metric.Counter<number> = Metric.counter("api_key_invalidation_outages", {
  description: "Times that changes made elsewhere weren't heard any more, or from the beginning",
  incremental: true,
})

/**
 * 1 while this node hears what is changed elsewhere, and so answers from memory; 0 while it doesn't, and asks the store for each request. 1 where
 * no layer of `ApiKeyInvalidation` connects it to others. Of several services in one process the worst counts. Its name is
 * `api_key_invalidation_in_touch`.
 * @category metrics
 * @since 0.1.0
 */
export const inTouch: Metric.Gauge<number> = Metric.gauge("api_key_invalidation_in_touch", {
  description: "1 while changes made elsewhere are heard",
})
