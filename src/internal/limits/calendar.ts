/**
 * The periods of a quota's refills, by the calendar of a time zone, and what they make of a balance. Pure: instants are given, in milliseconds
 * since 1970.
 *
 * **What begins a period.** A period begins at the first instant at which the local clock has reached the period's beginning. So each instant
 * lies in one period, and periods only go forward, whatever the clock of the zone does:
 *
 * - Where the clock leaps over a midnight, the day begins at the leap. A day that is skipped as a whole (Samoa, 2011-12-30) is no period.
 * - Where the clock is set back over a midnight, or over a whole day, the day has begun already, and doesn't begin again.
 * - Weeks begin on Monday.
 *
 * **Hours** begin where the local clock shows a full hour. Where it is set by whole hours, each hour lasts 60 minutes: a day of 25 hours has 25
 * refills, one of 23 hours has 23. Where it is set by half an hour (Lord Howe), the rule for days holds: an hour that the clock returns to doesn't
 * begin again, and lasts 90 minutes; an hour of which half is leapt over lasts 30. So each hour on the clock has one refill there.
 *
 * Each beginning is computed from its place in the calendar, never from the one before, so nothing drifts.
 */
import * as DateTime from "effect/DateTime"
import type { Quota, Refill } from "../../Quota.ts"

/** A period between refills: from `begin` on, until before `end`. */
export interface Period {
  readonly begin: number
  readonly end: number
  /** The place of the period: the next one has the next number. Numbers of one calendar compare, others don't. */
  readonly ordinal: number
}

/**
 * What is left of a quota, with all refills up to `at`, which is any instant of the period. An instant goes on meaning the same if the quota's
 * refill is changed later, which an ordinal doesn't.
 */
export interface Balance {
  readonly balance: number
  readonly at: number
}

/** A quota with its calendar. It remembers two periods; apart from that it doesn't change. */
export interface CompiledQuota {
  readonly quota: Quota
  /** Finds the period that holds an instant. */
  readonly locate: (at: number) => Period
  current: Period
  previous: Period
}

/** Compiles a quota. All keys with the same quota can share the result. */
export const compile = (quota: Quota): CompiledQuota => ({
  quota,
  locate: quota.refill === undefined ? () => always : calendar(quota.refill),
  current: none,
  previous: none,
})

/** The period that holds the present. It is remembered: within the period, the next call costs two comparisons. */
export const periodAt = (quota: CompiledQuota, now: number): Period => {
  if (holds(quota.current, now)) return quota.current
  const found = recall(quota, now)
  quota.previous = quota.current
  quota.current = found
  return found
}

/** How many periods begin after `from`, up to `until` and at it. None if `until` is earlier. The work doesn't grow with the distance. */
export const boundariesBetween = (quota: CompiledQuota, from: number, until: number): number =>
  Math.max(0, recall(quota, until).ordinal - recall(quota, from).ordinal)

/** The balance of a key that has spent nothing yet. */
export const unspent = (quota: CompiledQuota, now: number): Balance => ({ balance: quota.quota.amount, at: periodAt(quota, now).begin })

/**
 * The balance after the refills up to `now`. The same object if there was none. A clock that is set back refills nothing, and on its way forward
 * again nothing for a second time: `at` never decreases. A refill never takes units away.
 */
export const refilled = (quota: CompiledQuota, state: Balance, now: number): Balance => {
  if (now <= state.at || (now < quota.current.end && state.at >= quota.current.begin)) return state
  const { begin, ordinal } = periodAt(quota, now)
  if (state.at >= begin) return state
  const { amount, refill } = quota.quota
  const filled =
    refill?.ceiling === undefined ? amount : Math.min(refill.ceiling, state.balance + amount * (ordinal - recall(quota, state.at).ordinal))
  return { balance: Math.max(state.balance, filled), at: begin }
}

/** The one period of a quota without refill. */
const always: Period = { begin: -Infinity, end: Infinity, ordinal: 0 }

/** A period that holds no instant. */
const none: Period = { begin: Infinity, end: -Infinity, ordinal: 0 }

const holds = ({ begin, end }: Period, at: number): boolean => begin <= at && at < end

/** A period that is remembered, or found anew without being remembered. */
const recall = ({ current, previous, locate }: CompiledQuota, at: number): Period => {
  if (holds(current, at)) return current
  return holds(previous, at) ? previous : locate(at)
}

const hour = 3_600_000
const day = 24 * hour

/** A unit of the calendar on the local clock, whose time is written as if it were UTC. */
interface Unit {
  readonly ordinalOf: (local: number) => number
  readonly beginOf: (ordinal: number) => number
}

const ofLength = (length: number, first = 0): Unit => ({
  ordinalOf: (local) => Math.floor((local - first) / length),
  beginOf: (ordinal) => first + ordinal * length,
})

const units: Readonly<Record<Refill["every"], Unit>> = {
  hour: ofLength(hour),
  day: ofLength(day),
  // 1970-01-05 was a Monday.
  week: ofLength(7 * day, 4 * day),
  month: {
    ordinalOf: (local) => {
      const date = new Date(local)
      return (date.getUTCFullYear() - 1970) * 12 + date.getUTCMonth()
    },
    beginOf: (ordinal) => Date.UTC(1970, ordinal),
  },
}

/** How far the local clock is ahead of UTC at an instant, in milliseconds. */
type Offset = (at: number) => number

const offsetOf = (timeZone: string): Offset => {
  if (timeZone === "UTC") return () => 0
  const zone = DateTime.zoneMakeNamedUnsafe(timeZone)
  return (at) => DateTime.zonedOffset(DateTime.makeZonedUnsafe(at, { timeZone: zone }))
}

/**
 * An offset of a zone is compared with the offset at this instant. So a change of a zone's offset for good, from half an hour off, may begin an hour
 * early or late: once on Norfolk Island in 2015, and in no other zone since 1997. Days, weeks and months don't depend on it.
 */
const reference = Date.UTC(2026, 0, 1)

const calendar = ({ every, timeZone = "UTC" }: Refill): ((at: number) => Period) => {
  const unit = units[every]
  const offset = offsetOf(timeZone)
  const usual = offset(reference)
  // Full hours are the same with and without the whole hours of an offset's change. The rest, less than an hour, moves them.
  const clock: Offset =
    every === "hour"
      ? (at) => {
          const now = offset(at)
          return now - Math.trunc((now - usual) / hour) * hour
        }
      : offset
  // A zone changes its offset by less than 12 hours, unless it changes sides of the date line and skips a day.
  const skippedDays = (at: number): number => (every === "day" ? Math.round((offset(at) - usual) / day) : 0)

  return (at) => {
    let place = unit.ordinalOf(at + clock(at))
    let end = firstAt(clock, unit.beginOf(place + 1))
    // The clock was set back, from a later period, or the next day is skipped.
    while (end <= at) end = firstAt(clock, unit.beginOf(++place + 1))
    const begin = firstAt(clock, unit.beginOf(place))
    return { begin, end, ordinal: place - skippedDays(begin) }
  }
}

/** The first instant at which the local clock shows `local` or a later time. */
const firstAt = (clock: Offset, local: number): number => {
  // No offset reaches 24 hours, and no zone changes its offset twice in two days.
  let before = local - day
  let after = local + day
  const earlier = clock(before)
  const later = clock(after)
  const sooner = local - earlier
  if (earlier === later) return sooner
  while (after - before > 1) {
    const middle = Math.floor((before + after) / 2)
    if (clock(middle) === earlier) before = middle
    else after = middle
  }
  return sooner < after ? sooner : Math.max(after, local - later)
}
