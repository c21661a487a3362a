import * as Metric from "effect/Metric"
import { type VerifyError } from "./ApiKeyError.ts"
export declare const hits: Metric.Counter<number>
export declare const misses: Metric.Counter<number>
export declare const failures: (tag: FailureTag) => Metric.Counter<number>
export type FailureTag = VerifyError["_tag"]
export declare const failureTags: ReadonlyArray<FailureTag>
export declare const coldDuration: Metric.Histogram<number>
export declare const duration: Metric.Histogram<number>
export declare const hashesInFlight: Metric.Gauge<number>
export declare const rehashes: Metric.Counter<number>
export declare const uncounted: Metric.Counter<number>
export declare const cacheEntries: Metric.Gauge<number>
export declare const outages: Metric.Counter<number>
export declare const inTouch: Metric.Gauge<number>
