/** Remembers reports of leaks in memory: the latest of them. */
import * as Effect from "effect/Effect"
import type { ReportSupport } from "./contract.ts"

const maxReports = 10_000

export const make = (): ReportSupport => {
  const known = new Set<string>()
  return {
    isKnown: (report) => Effect.sync(() => known.has(report)),
    remember: (report) =>
      Effect.sync(() => {
        known.add(report)
        const [oldest] = known.size > maxReports ? known : []
        if (oldest !== undefined) known.delete(oldest)
      }),
  }
}
