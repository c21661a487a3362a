import { assert, describe, it } from "@effect/vitest"
import { Arbitrary, DateTime, Schema } from "effect"
import {
  boundariesBetween,
  type Balance,
  type CompiledQuota,
  compile,
  periodAt,
  refilled,
  unspent,
} from "../../src/internal/limits/calendar.ts"
import { latestMillis } from "../../src/internal/time/instants.ts"
import type { Refill } from "../../src/Quota.ts"

const hour = 3_600_000
const day = 24 * hour
const everies = ["hour", "day", "week", "month"] as const
type Every = (typeof everies)[number]

/** Zones that change at midnight, by half hours, over the date line, twice a year and never. */
const zones = [
  "UTC",
  "Europe/Berlin",
  "America/New_York",
  "America/Sao_Paulo",
  "America/St_Johns",
  "America/Havana",
  "America/Santiago",
  "America/Caracas",
  "Africa/Cairo",
  "Africa/Casablanca",
  "Asia/Beirut",
  "Asia/Colombo",
  "Asia/Kathmandu",
  "Asia/Kolkata",
  "Asia/Pyongyang",
  "Australia/Lord_Howe",
  "Antarctica/Troll",
  "Pacific/Apia",
  "Pacific/Chatham",
  "Pacific/Kiritimati",
  "Pacific/Kwajalein",
  "Pacific/Norfolk",
]

/** Moments at which clocks were, or will be, set in a way of their own; most properties look near them. */
const moments = [
  "1993-08-21T12:00Z", // Kwajalein skips a day.
  "1994-12-31T10:00Z", // Kiritimati skips a day.
  "2006-04-14T18:30Z", // Colombo goes back by half an hour, from 0:30.
  "2010-11-07T02:31Z", // St. John's goes back at a minute past midnight.
  "2011-12-30T10:00Z", // Samoa skips a day.
  "2015-08-14T15:00Z", // Pyongyang goes back by half an hour.
  "2016-05-01T07:00Z", // Caracas goes forward by half an hour.
  "2018-02-18T02:00Z", // São Paulo goes back at midnight.
  "2018-11-04T03:00Z", // São Paulo leaps over midnight.
  "2019-10-05T15:00Z", // Norfolk Island, once half an hour off, has summer time.
  "2026-03-29T01:00Z",
  "2026-10-25T01:00Z",
  "2026-04-04T15:00Z", // Lord Howe Island goes back by half an hour.
  "2026-10-03T15:30Z", // Lord Howe Island goes forward by half an hour.
  "2028-02-29T00:00Z",
].map((text) => Date.parse(text))

const between = (minimum: number, maximum: number) => Arbitrary.schema(Schema.Int.check(Schema.isBetween({ minimum, maximum })))
const millis = Arbitrary.flatMap(Arbitrary.schema(Schema.Boolean), (anywhere) =>
  anywhere
    ? between(Date.UTC(1990, 0, 1), Date.UTC(2060, 0, 1))
    : Arbitrary.flatMap(Arbitrary.schema(Schema.Literals(moments)), (moment) => between(moment - 2 * day, moment + 2 * day)),
)
const timeZone = Arbitrary.schema(Schema.Literals(zones))
const every = Arbitrary.schema(Schema.Literals(everies))

const quotaOf = (refill: Refill, amount = 10): CompiledQuota => compile({ name: "quota", amount, refill })

const iso = (at: number): string => new Date(at).toISOString().replace(":00.000Z", "Z")

/** The periods from the one that holds an instant on, each found by the end of the one before. */
const periodsFrom = (quota: CompiledQuota, at: number, count: number) => {
  const periods = [quota.locate(at)]
  for (let { end } = quota.locate(at); periods.length < count; end = periods.at(-1)?.end ?? end) periods.push(quota.locate(end))
  return periods
}

/** The minutes that periods last, from the one that holds the instant on. */
const minutes = (refill: Refill, at: string, count: number): ReadonlyArray<number> =>
  periodsFrom(quotaOf(refill), Date.parse(at), count).map(({ begin, end }) => (end - begin) / 60_000)

const begins = (refill: Refill, at: string, count: number): ReadonlyArray<string> =>
  periodsFrom(quotaOf(refill), Date.parse(at), count).map(({ begin }) => iso(begin))

describe("a period", () => {
  const options = { arbitrary: { runs: 400 } }

  it.prop(
    "holds its instant, and borders on its neighbours",
    { every, timeZone, at: millis },
    ({ at, ...refill }) => {
      const { locate } = quotaOf(refill)
      const period = locate(at)
      assert.isTrue(period.begin <= at && at < period.end)
      for (const inside of [period.begin, period.end - 1]) assert.deepStrictEqual(locate(inside), period)
      const [previous, next] = [locate(period.begin - 1), locate(period.end)]
      assert.deepStrictEqual([previous.end, next.begin], [period.begin, period.end])
      assert.deepStrictEqual([previous.ordinal + 1, next.ordinal - 1], [period.ordinal, period.ordinal])
    },
    options,
  )

  it.prop(
    "is never earlier than that of an earlier instant",
    { every, timeZone, one: millis, other: millis },
    ({ one, other, ...refill }) => {
      const { locate } = quotaOf(refill)
      const [earlier, later] = [locate(Math.min(one, other)), locate(Math.max(one, other))]
      assert.isTrue(earlier.ordinal <= later.ordinal)
      assert.strictEqual(earlier.begin < later.begin, earlier.ordinal < later.ordinal)
    },
    options,
  )

  it.prop(
    "begins where the local clock shows its beginning, or leaps over it, for the first time",
    { every, timeZone, at: millis },
    ({ at, ...refill }) => {
      const { begin } = quotaOf(refill).locate(at)
      const parts = (instant: number) => DateTime.toParts(DateTime.makeZonedUnsafe(instant, { timeZone: refill.timeZone }))
      const { year, month, day, weekDay, hour, minute } = parts(begin)
      const before = parts(begin - 1)
      const unit = { hour: hour + 24 * day, day, week: day, month }[refill.every]
      const unitBefore = { hour: before.hour + 24 * before.day, day: before.day, week: before.day, month: before.month }[refill.every]
      assert.isTrue(unit !== unitBefore || minute === 0)
      // A leap over a midnight goes by two hours at most, or by a whole day.
      if (refill.every !== "hour") assert.isBelow(hour, 2)
      if (refill.every === "week") assert.strictEqual(weekDay, 1)
      if (refill.every === "month") assert.deepStrictEqual([day, before.month % 12], [1, month - 1])
      assert.isTrue(Date.UTC(year, month - 1, day) >= Date.UTC(before.year, before.month - 1, before.day))
    },
    options,
  )

  it.prop(
    "doesn't drift: the n-th from here is the one that the calendar says",
    { every: Arbitrary.schema(Schema.Literals(["day", "week", "month"])), at: millis, n: between(0, 2_000) },
    ({ every, at, n }) => {
      // The clock of New York changes at 2 o'clock, so each of its days has a midnight.
      const quota = quotaOf({ every, timeZone: "America/New_York" })
      const { begin } = quota.locate(at)
      const anchor = DateTime.makeZonedUnsafe(begin, { timeZone: "America/New_York" })
      const nth = DateTime.toEpochMillis(DateTime.add(anchor, { [`${every}s`]: n }))
      assert.strictEqual(quota.locate(nth).begin, nth)
      assert.strictEqual(boundariesBetween(quota, at, nth), n)
      assert.strictEqual(boundariesBetween(quota, at, nth - 1), Math.max(0, n - 1))
    },
  )

  it.prop("is counted as by walking from one to the next", { every, timeZone, at: millis, n: between(1, 60) }, ({ at, n, ...refill }) => {
    const quota = quotaOf(refill)
    const last = periodsFrom(quota, at, n + 1).at(-1) ?? quota.locate(at)
    assert.strictEqual(boundariesBetween(quota, at, last.begin), n)
    assert.strictEqual(boundariesBetween(quota, at, last.begin - 1), n - 1)
    assert.strictEqual(boundariesBetween(quota, last.begin, at), 0)
  })

  it("is counted as fast over 8,000 years as over one", () => {
    const count = (every: Every) => boundariesBetween(quotaOf({ every }), 0, latestMillis)
    assert.deepStrictEqual(everies.map(count), [70_389_527, 2_932_896, 418_985, 96_359])
    for (const timeZone of zones) {
      for (const every of everies) {
        const started = performance.now()
        assert.approximately(boundariesBetween(quotaOf({ every, timeZone }), 0, latestMillis), count(every), 25)
        assert.isBelow(performance.now() - started, 1_000)
      }
    }
  })

  it("never ends without a refill", () => {
    const quota = compile({ name: "once", amount: 3 })
    assert.deepStrictEqual(periodAt(quota, 0), { begin: -Infinity, end: Infinity, ordinal: 0 })
    assert.strictEqual(boundariesBetween(quota, 0, latestMillis), 0)
  })

  it("is remembered while it lasts", () => {
    let searches = 0
    const { locate, ...rest } = quotaOf({ every: "day", timeZone: "Europe/Berlin" })
    const quota: CompiledQuota = {
      ...rest,
      locate: (at) => {
        searches += 1
        return locate(at)
      },
    }
    const at = Date.parse("2026-10-25T12:00Z")
    const period = periodAt(quota, at)
    assert.strictEqual(periodAt(quota, at + hour), period)
    const next = periodAt(quota, period.end)
    // Nodes look back at the period before, where balances were left.
    assert.strictEqual(boundariesBetween(quota, at, next.end - 1), 1)
    assert.strictEqual(periodAt(quota, next.begin), next)
    assert.strictEqual(searches, 2)
  })
})

describe("the calendar", () => {
  it("has months of each length, and leap days", () => {
    const days = (year: number) => minutes({ every: "month" }, `${year}-01-15T00:00Z`, 12).map((length) => length / 1_440)
    assert.deepStrictEqual(days(2026), [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31])
    assert.deepStrictEqual(
      [2000, 2024, 2028, 2100, 2400].map((year) => days(year)[1]),
      [29, 29, 29, 28, 29],
    )
    assert.deepStrictEqual(begins({ every: "day" }, "2028-02-28T23:59Z", 3), [
      "2028-02-28T00:00Z",
      "2028-02-29T00:00Z",
      "2028-03-01T00:00Z",
    ])
  })

  it("has weeks that begin on Monday, at local midnight", () => {
    assert.deepStrictEqual(begins({ every: "week" }, "2026-11-29T23:59Z", 2), ["2026-11-23T00:00Z", "2026-11-30T00:00Z"])
    assert.deepStrictEqual(begins({ every: "week", timeZone: "Europe/Berlin" }, "2026-10-25T12:00Z", 2), [
      "2026-10-18T22:00Z",
      "2026-10-25T23:00Z",
    ])
  })

  it("has days of 23 and of 25 hours, each hour with 60 minutes", () => {
    const timeZone = "Europe/Berlin"
    assert.deepStrictEqual(minutes({ every: "day", timeZone }, "2026-03-28T12:00Z", 3), [1_440, 1_380, 1_440])
    assert.deepStrictEqual(minutes({ every: "day", timeZone }, "2026-10-24T12:00Z", 3), [1_440, 1_500, 1_440])
    assert.deepStrictEqual(new Set(minutes({ every: "hour", timeZone }, "2026-10-24T22:00Z", 25)), new Set([60]))
    const hours = quotaOf({ every: "hour", timeZone })
    assert.strictEqual(boundariesBetween(hours, Date.parse("2026-03-28T23:00Z"), Date.parse("2026-03-29T22:00Z")), 23)
    assert.strictEqual(boundariesBetween(hours, Date.parse("2026-10-24T22:00Z"), Date.parse("2026-10-25T23:00Z")), 25)
    assert.deepStrictEqual(minutes({ every: "month", timeZone }, "2026-03-15T00:00Z", 1), [31 * 1_440 - 60])
  })

  it("has hours of 30 and of 90 minutes where clocks are set by half an hour", () => {
    const refill: Refill = { every: "hour", timeZone: "Australia/Lord_Howe" }
    // At 2:00 (+11:00) the clock goes back to 1:30 (+10:30).
    assert.deepStrictEqual(begins(refill, "2026-04-04T14:00Z", 3), ["2026-04-04T14:00Z", "2026-04-04T15:30Z", "2026-04-04T16:30Z"])
    // At 2:00 (+10:30) the clock goes forward to 2:30 (+11:00).
    assert.deepStrictEqual(begins(refill, "2026-10-03T14:30Z", 3), ["2026-10-03T14:30Z", "2026-10-03T15:30Z", "2026-10-03T16:00Z"])
    // At 0:30 (+06:00) the clock goes back to 0:00 (+05:30): midnight comes twice, and begins an hour once.
    const colombo: Refill = { every: "hour", timeZone: "Asia/Colombo" }
    assert.deepStrictEqual(begins(colombo, "2006-04-14T17:00Z", 3), ["2006-04-14T17:00Z", "2006-04-14T18:00Z", "2006-04-14T19:30Z"])
    const aYear = boundariesBetween(quotaOf(refill), Date.parse("2026-01-01T00:00Z"), Date.parse("2027-01-01T00:00Z"))
    assert.strictEqual(aYear, 365 * 24)
  })

  it("has hours of zones that are half an hour off", () => {
    assert.deepStrictEqual(begins({ every: "hour", timeZone: "Asia/Kolkata" }, "2026-01-01T00:29Z", 2), [
      "2025-12-31T23:30Z",
      "2026-01-01T00:30Z",
    ])
    assert.deepStrictEqual(begins({ every: "day", timeZone: "Asia/Kathmandu" }, "2026-01-01T00:00Z", 1), ["2025-12-31T18:15Z"])
  })

  it("begins a day at the leap over its midnight, and once where midnight comes twice", () => {
    const timeZone = "America/Sao_Paulo"
    assert.deepStrictEqual(begins({ every: "day", timeZone }, "2018-11-03T12:00Z", 3), [
      "2018-11-03T03:00Z",
      "2018-11-04T03:00Z",
      "2018-11-05T02:00Z",
    ])
    assert.deepStrictEqual(minutes({ every: "day", timeZone }, "2018-02-17T12:00Z", 2), [1_500, 1_440])
    // The clock of St. John's showed midnight, and a minute later 23:01 of the day before.
    assert.deepStrictEqual(begins({ every: "day", timeZone: "America/St_Johns" }, "2010-11-06T12:00Z", 3), [
      "2010-11-06T02:30Z",
      "2010-11-07T02:30Z",
      "2010-11-08T03:30Z",
    ])
    assert.deepStrictEqual(begins({ every: "day", timeZone: "America/St_Johns" }, "2010-11-07T03:00Z", 1), ["2010-11-07T02:30Z"])
  })

  it("has no period for a day that is skipped", () => {
    const refill: Refill = { every: "day", timeZone: "Pacific/Apia" }
    assert.deepStrictEqual(begins(refill, "2011-12-29T12:00Z", 3), ["2011-12-29T10:00Z", "2011-12-30T10:00Z", "2011-12-31T10:00Z"])
    const december = boundariesBetween(quotaOf(refill), Date.parse("2011-12-01T10:00Z"), Date.parse("2011-12-31T10:00Z"))
    assert.strictEqual(december, 30)
    assert.strictEqual(
      DateTime.formatIsoDate(DateTime.makeZonedUnsafe(Date.parse("2011-12-30T10:00Z"), { timeZone: "Pacific/Apia" })),
      "2011-12-31",
    )
  })
})

describe("a balance", () => {
  const at = Date.parse("2026-01-31T12:00Z")
  const february = Date.parse("2026-02-01T00:00Z")

  it("is filled up at the boundary itself", () => {
    const quota = quotaOf({ every: "month" })
    const state: Balance = { balance: 3, at }
    assert.strictEqual(refilled(quota, state, february - 1), state)
    assert.deepStrictEqual(refilled(quota, state, february), { balance: 10, at: february })
    assert.deepStrictEqual(refilled(quota, state, Date.parse("2031-07-09T00:00Z")), { balance: 10, at: Date.parse("2031-07-01T00:00Z") })
    assert.deepStrictEqual(unspent(quota, at), { balance: 10, at: Date.parse("2026-01-01T00:00Z") })
  })

  it("is added to, up to the ceiling", () => {
    const quota = quotaOf({ every: "day", mode: "add", ceiling: 25 })
    const after = (days: number, balance = 2) => refilled(quota, { balance, at }, february + (days - 1) * day).balance
    assert.deepStrictEqual(
      [0, 1, 2, 3, 1_000].map((days) => after(days)),
      [2, 12, 22, 25, 25],
    )
    assert.strictEqual(after(1, -4), 6)
  })

  it("keeps what is above the amount or the ceiling", () => {
    for (const refill of [{ every: "month" }, { every: "month", mode: "add", ceiling: 10 }] as const)
      assert.deepStrictEqual(refilled(quotaOf(refill), { balance: 40, at }, february), { balance: 40, at: february })
  })

  it("stays what it is without a refill", () => {
    const quota = compile({ name: "once", amount: 3 })
    const state = { ...unspent(quota, at), balance: 1 }
    assert.strictEqual(refilled(quota, state, latestMillis), state)
  })

  const steps = Arbitrary.array(between(-40 * day, 60 * day), { minLength: 1, maxLength: 12 })

  it.prop(
    "has each refill once, also when the clock is set back",
    { every, timeZone, start: millis, steps },
    ({ start, steps, ...refill }) => {
      const quota = quotaOf({ ...refill, mode: "add", ceiling: 1_000_000_000 }, 1)
      let state: Balance = { balance: 0, at: start }
      let latest = start
      let now = start
      for (const step of steps) {
        now += step
        latest = Math.max(latest, now)
        const next = refilled(quota, state, now)
        assert.isTrue(next.at >= state.at && next.at <= latest)
        assert.strictEqual(refilled(quota, next, now), next)
        assert.strictEqual(next.balance, boundariesBetween(quotaOf(refill), start, latest))
        state = next
      }
    },
  )

  it.prop(
    "is the same whether it was looked at in between or not",
    { every, timeZone, start: millis, steps, balance: between(-20, 60), mode: Arbitrary.schema(Schema.Literals(["fill", "add"])) },
    ({ start, steps, balance, mode, ...refill }) => {
      const quota = quotaOf({ ...refill, mode, ...(mode === "add" ? { ceiling: 45 } : {}) })
      let state: Balance = { balance, at: start }
      let now = start
      for (const step of steps) {
        now += Math.abs(step)
        state = refilled(quota, state, now)
      }
      assert.deepStrictEqual(refilled(quotaOf(quota.quota.refill ?? refill), { balance, at: start }, now), state)
    },
  )
})
