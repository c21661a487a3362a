/** The options of the verification cache, with their defaults. */
import type { Options } from "../../VerificationCache.ts"
import { toMillis } from "../time/millis.ts"

export interface Settings {
  readonly entries: number
  readonly bytes: number
  /** In milliseconds. */
  readonly timeToLive: number
  readonly refusals: number
  /** In milliseconds. */
  readonly refusalTimeToLive: number
}

/** Fills in the defaults. */
export const settings = (options: Options | "off" = {}): Settings => {
  if (options === "off") return { entries: 0, bytes: 0, timeToLive: 0, refusals: 0, refusalTimeToLive: 0 }
  const timeToLive = toMillis(options.timeToLive ?? "60 seconds")
  return {
    entries: options.entries ?? 100_000,
    bytes: options.bytes ?? 128 * 1_024 * 1_024,
    timeToLive,
    refusals: options.refusals ?? 10_000,
    refusalTimeToLive: Math.min(timeToLive, toMillis(options.refusalTimeToLive ?? "5 seconds")),
  }
}
