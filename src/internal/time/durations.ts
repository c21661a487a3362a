/** Durations as text: one grammar for flags, the environment and HTTP. */
import * as Duration from "effect/Duration"

const units: Readonly<Record<string, number>> = {
  ms: 1,
  milli: 1,
  millisecond: 1,
  s: 1_000,
  sec: 1_000,
  second: 1_000,
  m: 60_000,
  min: 60_000,
  minute: 60_000,
  h: 3_600_000,
  hour: 3_600_000,
  d: 86_400_000,
  day: 86_400_000,
  w: 604_800_000,
  week: 604_800_000,
  y: 31_536_000_000,
  year: 31_536_000_000,
}

const maxMillis = 100 * 31_536_000_000

/**
 * Reads `30d`, `12h`, `1d12h`, `90 minutes` and `0`: whole numbers with units, from the largest unit to the smallest. The longest duration
 * is 100 years.
 */
export const parseDuration = (text: string): Duration.Duration | undefined => {
  if (text.length > 64) return undefined
  // `6M` means months, which have no fixed length. In lower case it would be minutes.
  if (/\d ?M(?![A-Za-z])/.test(text)) return undefined
  const compact = text.toLowerCase()
  if (compact === "0") return Duration.zero
  if (!/^\d{1,13} ?[a-z]+(?: ?\d{1,13} ?[a-z]+)*$/.test(compact)) return undefined
  let millis = 0
  let previous = Infinity
  for (const [, count = "", name = ""] of compact.matchAll(/(\d+) ?([a-z]+)/g)) {
    const unit = Object.hasOwn(units, name) ? units[name] : units[name.replace(/s$/, "")]
    // `5m 1h` and `30d30d` are as likely slips as sums.
    if (unit === undefined || unit >= previous) return undefined
    millis += Number(count) * unit
    previous = unit
  }
  return millis <= maxMillis ? Duration.millis(millis) : undefined
}

/** A text that {@link parseDuration} reads. Parts of a millisecond are cut off, and more than 100 years become 100. */
export const formatDuration = (duration: Duration.Duration): string =>
  `${Math.min(maxMillis, Math.max(0, Math.floor(Duration.toMillis(duration))))} millis`
