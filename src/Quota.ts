/**
 * Quotas: how many units a key may spend, and how its balance is filled up again, on the calendar of a time zone.
 *
 * A quota is JSON. A key holds a list of them, each with a name of its own: start with {@link Quotas}.
 * @since 0.1.0
 */
import * as DateTime from "effect/DateTime"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"

/**
 * The largest number of units, 10¹⁵. JavaScript counts to 9 · 10¹⁵ without a gap, so a sum of nine such numbers is still exact.
 * @category models
 * @since 0.1.0
 */
export const maxUnits = 1_000_000_000_000_000

/** The kind of the policy that holds a record's quotas. @category constants @since 0.1.0 */
export const kind = "quotas"

/** How many quotas a key can hold. @category models @since 0.1.0 */
export const maxQuotas = 16

const Units = Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: maxUnits }))

/**
 * The name of a quota: 1 to 32 characters, `[a-z][a-z0-9_-]*`.
 * @category schemas
 * @since 0.1.0
 */
export const QuotaName: Schema.Codec<string> = Schema.String.check(
  Schema.isPattern(/^[a-z][a-z0-9_-]{0,31}$/u, { expected: "a name such as monthly" }),
).annotate({ examples: ["monthly"] })

/**
 * The name of a time zone in the IANA database, such as `Europe/Berlin`, that this process knows. Offsets such as `+02:00` are no names.
 * @category schemas
 * @since 0.1.0
 */
export const TimeZone: Schema.Codec<string> = Schema.String.check(
  Schema.isMaxLength(64),
  Schema.isPattern(/^[A-Za-z][A-Za-z0-9_+-]*(?:\/[A-Za-z0-9_+-]+)*$/u, { expected: "the name of a time zone such as Europe/Berlin" }),
)
  .annotate({ examples: ["Europe/Berlin"] })
  .check(Schema.makeFilter((name) => Option.isSome(DateTime.zoneMakeNamed(name)) || "is no time zone that is known here"))

/**
 * When and how a balance is refilled.
 *
 * - `every`: a refill happens where the local clock of the time zone begins an hour, a day, a week (on Monday) or a month.
 * - `timeZone`: default UTC.
 * - `mode`: `fill`, the default, has the balance rise to the quota's amount. `add` adds the amount, up to `ceiling`.
 * - `ceiling`: required with `add`, so no unused key gathers units for ever; at least the amount. `fill` has none.
 *
 * A refill takes nothing away: a balance above the amount, or the ceiling, stays as it is.
 * @category schemas
 * @since 0.1.0
 */
export const Refill = Schema.Struct({
  every: Schema.Literals(["hour", "day", "week", "month"]),
  timeZone: Schema.optionalKey(TimeZone),
  mode: Schema.optionalKey(Schema.Literals(["fill", "add"])),
  ceiling: Schema.optionalKey(Units),
}).check(
  Schema.makeFilter(({ mode, ceiling }) => {
    if ((mode === "add") === (ceiling !== undefined)) return undefined
    return { path: ["ceiling"], issue: mode === "add" ? "is required with the mode add" : "is of the mode add alone" }
  }),
)
/** @since 0.1.0 */
export type Refill = typeof Refill.Type

/**
 * A quota of a key.
 *
 * - `amount`: the units of a new balance, and of a refill; 0 to {@link maxUnits}. A quota of 0 units refuses each use.
 * - `refill`: without it, spent units don't come back.
 * - `per`: whether the balance is the key's own (`key`, the default), or one for all keys of its owner with a quota of this name (`owner`).
 * - `whenUnavailable`: what happens to a use while the store of balances doesn't answer. `closed`, the default, refuses it; `open` lets it
 *   through uncounted; `local` counts it on this node alone.
 * @category schemas
 * @since 0.1.0
 * @example
 * ```ts
 * import { Schema } from "effect"
 * import { Quota } from "effect-api-key"
 *
 * const decode = Schema.decodeUnknownSync(Quota.Quota, { onExcessProperty: "error" })
 *
 * // 1,000 units, and again 1,000 at the beginning of each month in Berlin.
 * decode({ name: "monthly", amount: 1_000, refill: { every: "month", timeZone: "Europe/Berlin" } })
 * // 10 units more each hour, up to 50, shared by the keys of an owner.
 * decode({ name: "burst", amount: 10, refill: { every: "hour", mode: "add", ceiling: 50 }, per: "owner" })
 * ```
 */
export const Quota = Schema.Struct({
  name: QuotaName,
  amount: Units,
  refill: Schema.optionalKey(Refill),
  per: Schema.optionalKey(Schema.Literals(["key", "owner"])),
  whenUnavailable: Schema.optionalKey(Schema.Literals(["open", "closed", "local"])),
}).check(
  Schema.makeFilter(({ amount, refill }) =>
    refill?.ceiling === undefined || refill.ceiling >= amount
      ? undefined
      : { path: ["refill", "ceiling"], issue: `must be at least the amount, ${amount}` },
  ),
)
/** @since 0.1.0 */
export type Quota = typeof Quota.Type

/**
 * The quotas of a key: 1 to {@link maxQuotas}, no two of one name. A use has to be within each of them.
 * @category schemas
 * @since 0.1.0
 */
export const Quotas = Schema.Array(Quota).check(
  Schema.isMinLength(1),
  Schema.isMaxLength(maxQuotas),
  Schema.makeFilter((quotas) => {
    const again = quotas.findIndex(({ name }, index) => quotas.findIndex((other) => other.name === name) < index)
    return again === -1 ? undefined : { path: [again, "name"], issue: "must differ from the names of the other quotas" }
  }),
)
/** @since 0.1.0 */
export type Quotas = typeof Quotas.Type

/**
 * A change of a quota's balance by hand.
 *
 * - `topUp`: more units at once, beyond the amount too. They aren't lost at a refill.
 * - `takeBack`: fewer units, down to 0. Units that nodes have leased, those of about a second, can't be taken back.
 * - `refund`: units of uses that didn't count come back, at most up to the quota's amount.
 * - `requestId`: names the change, so that it is made once even if it is sent again. The store remembers it for 30 days.
 * @category schemas
 * @since 0.1.0
 */
export const QuotaChange = Schema.Struct({
  quota: QuotaName,
  change: Schema.Literals(["topUp", "takeBack", "refund"]),
  units: Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: maxUnits })),
  requestId: Schema.String.check(
    Schema.isPattern(/^[\x21-\x7e]{1,128}$/u, { expected: "1 to 128 visible characters of ASCII, such as an id of the payment" }),
  ),
}).annotate({ identifier: "QuotaChange" })
/** @since 0.1.0 */
export type QuotaChange = typeof QuotaChange.Type

/**
 * The outcome of a {@link QuotaChange}.
 * @category schemas
 * @since 0.1.0
 */
export const QuotaChanged = Schema.Struct({
  /** The units by which the balance changed: fewer than asked for where a bound was met. */
  units: Schema.Int,
  remaining: Schema.Int,
  /** Whether the change was made before, under the same request id. */
  isRepeated: Schema.Boolean,
}).annotate({ identifier: "QuotaChanged" })
/** @since 0.1.0 */
export type QuotaChanged = typeof QuotaChanged.Type

/**
 * Reads quotas as the command line states them: `monthly=1000/month,daily=50/day@Europe/Berlin`. The text has a name, the amount, and with a
 * refill its period and time zone. `burst=10/hour:add:50` adds 10 units an hour, up to the ceiling 50. Gives the message of what is wrong.
 * @category constructors
 * @since 0.1.0
 * @example
 * ```ts
 * import { Quota } from "effect-api-key"
 * import { Result } from "effect"
 *
 * Result.getOrThrow(Quota.parse("monthly=1000/month")) // => [{ name: "monthly", amount: 1000, refill: { every: "month" } }]
 * ```
 */
export const parse = (text: string): Result.Result<Quotas, string> => {
  const quotas = text.split(",").map((part) => {
    const [, name, amount, every, timeZone, ceiling] = quotaText.exec(part.trim()) ?? []
    const refill = {
      every,
      ...(timeZone !== undefined && { timeZone }),
      ...(ceiling !== undefined && { mode: "add", ceiling: Number(ceiling) }),
    }
    return { name, amount: Number(amount), ...(every !== undefined && { refill }) }
  })
  return Result.mapError(
    Schema.decodeUnknownResult(Quotas)(quotas),
    () =>
      "must be quotas such as monthly=1000/month,daily=50/day@Europe/Berlin: a name, units, and if they come back an hour, day, week or month, with a time zone",
  )
}

const quotaText = /^([^=]*)=(\d{1,16})(?:\/([a-z]+)(?:@([^:]*))?(?::add:(\d{1,16}))?)?$/

/**
 * The text that {@link parse} reads.
 * @category formatting
 * @since 0.1.0
 * @example
 * ```ts
 * import { Quota } from "effect-api-key"
 *
 * Quota.format([{ name: "daily", amount: 50, refill: { every: "day", timeZone: "Europe/Berlin" } }]) // => "daily=50/day@Europe/Berlin"
 * ```
 */
export const format = (quotas: Quotas): string =>
  quotas
    .map(({ name, amount, refill }) => {
      if (refill === undefined) return `${name}=${amount}`
      const { every, timeZone, ceiling } = refill
      return `${name}=${amount}/${every}${timeZone === undefined ? "" : `@${timeZone}`}${ceiling === undefined ? "" : `:add:${ceiling}`}`
    })
    .join(",")
