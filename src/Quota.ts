/**
 * Quotas: how many units a key may spend, and how its balance is filled up again, on the calendar of a time zone.
 *
 * A quota is JSON. A key holds a list of them, each with a name of its own: start with {@link Quotas}.
 * @since 0.1.0
 */
import * as DateTime from "effect/DateTime"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"

/**
 * The largest number of units, 10¹⁵. JavaScript counts to 9 · 10¹⁵ without a gap, so a sum of nine such numbers is still exact.
 * @category models
 * @since 0.1.0
 */
export const maxUnits = 1_000_000_000_000_000

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
