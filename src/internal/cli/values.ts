import * as DateTime from "effect/DateTime"
import * as Duration from "effect/Duration"
import * as Option from "effect/Option"
import * as Durations from "../time/durations.ts"
import * as Instants from "../time/instants.ts"

/** Reads `30d`, `12h`, `1d12h`, `90 minutes`. */
export const parseDuration = (text: string): Option.Option<Duration.Duration> =>
  Option.fromUndefinedOr(Durations.parseDuration(text.trim()))

/** Reads `2027-01-31`, `2027-01-31T12:00Z` and the like. Without a zone it is UTC, without a time the day's beginning. */
export const parseInstant = (text: string): Option.Option<DateTime.Utc> =>
  Option.map(Option.fromUndefinedOr(Instants.parseInstant(text.trim(), { withoutZone: true })), DateTime.makeUnsafe)

/** An instant, or a distance from now. */
export type Moment = DateTime.Utc | Duration.Duration

export const parseMoment = (text: string): Option.Option<Moment> =>
  Option.orElse(parseInstant(text), (): Option.Option<Moment> => parseDuration(text))

/** Gives the instant. A distance counts from `now`, forward (`1`) or back (`-1`). */
export const resolveMoment = (moment: Moment, now: DateTime.Utc, direction: 1 | -1): DateTime.Utc =>
  DateTime.isDateTime(moment) ? moment : DateTime.add(now, { milliseconds: direction * Duration.toMillis(moment) })
