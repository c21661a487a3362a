/** Remembers the latest reports of leaks in memory. */
import * as Effect from "effect/Effect"
import { addBounded } from "../collection/bounded.ts"
import type { ReportSupport } from "./contract.ts"

const maxReports = 10_000

export const make = (): ReportSupport => {
  const known = new Set<string>()
  return {
    isKnown: (report) => Effect.sync(() => known.has(report)),
    remember: (report) => Effect.sync(() => addBounded(known, maxReports, report)),
  }
}
