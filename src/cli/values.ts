import * as DateTime from "effect/DateTime"
import * as Duration from "effect/Duration"
import * as Option from "effect/Option"

const units: Readonly<Record<string, number>> = {
  ms: 1,
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

/** Reads `30d`, `12h`, `1d12h`, `90 minutes`: whole numbers with units, up to 100 years. */
export const parseDuration = (text: string): Option.Option<Duration.Duration> => {
  // Who writes `6M` means months, which have no one length, and would get minutes.
  if (/\d ?M(?![A-Za-z])/.test(text)) return Option.none()
  const compact = text.trim().toLowerCase()
  if (compact.length > 64 || !/^(?:\d{1,9} ?[a-z]+ ?)+$/.test(`${compact}`))
    return compact === "0" ? Option.some(Duration.zero) : Option.none()
  let millis = 0
  for (const [, count = "", name = ""] of compact.matchAll(/(\d+) ?([a-z]+)/g)) {
    const unit = units[name] ?? units[name.replace(/s$/, "")]
    if (unit === undefined) return Option.none()
    millis += Number(count) * unit
  }
  return millis <= 100 * 31_536_000_000 ? Option.some(Duration.millis(millis)) : Option.none()
}

/** Reads `2027-01-31`, `2027-01-31T12:00Z` and the like. Without a zone it is UTC, without a time the day's beginning. */
export const parseInstant = (text: string): Option.Option<DateTime.Utc> => {
  const match = /^(\d{4}-\d{2}-\d{2})(?:[T ](\d{2}:\d{2}(?::\d{2}(?:\.\d{1,3})?)?)(Z|[+-]\d{2}:\d{2})?)?$/i.exec(text.trim())
  if (match === null) return Option.none()
  const [, day = "", time = "00:00", zone = "Z"] = match
  // JavaScript takes February 30 for March 2.
  const date = new Date(`${day}T00:00Z`)
  if (Number.isNaN(date.getTime()) || date.toISOString().slice(0, 10) !== day) return Option.none()
  return DateTime.make(`${day}T${time}${zone.toUpperCase()}`).pipe(Option.map(DateTime.toUtc))
}

/** An instant, or how far it is from now. */
export type Moment = DateTime.Utc | Duration.Duration

export const parseMoment = (text: string): Option.Option<Moment> =>
  Option.orElse(parseInstant(text), (): Option.Option<Moment> => parseDuration(text))

/** From `now` on (`1`) or back (`-1`). */
export const resolveMoment = (moment: Moment, now: DateTime.Utc, direction: 1 | -1): DateTime.Utc =>
  DateTime.isDateTime(moment) ? moment : DateTime.add(now, { milliseconds: direction * Duration.toMillis(moment) })
