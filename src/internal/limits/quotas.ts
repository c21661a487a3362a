/** The policy `quotas`: balances of units, filled up again on a calendar. */
import * as DateTime from "effect/DateTime"
import { QuotaExceeded } from "../../ApiKeyError.ts"
import * as KeyPolicy from "../../KeyPolicy.ts"
import type { QuotaRule } from "../../Meters.ts"
import { kind, type Quota, Quotas } from "../../Quota.ts"
import { keyIdOf } from "../record/previousToken.ts"
import { withoutStack } from "../schema/withoutStack.ts"
import * as Calendar from "./calendar.ts"
import type { Held } from "./held.ts"
import type { Leases } from "./leases.ts"
import * as Metered from "./metered.ts"
import { unitsOf } from "./rateLimits.ts"

/** More units than any balance has. */
const all = 9_000_000_000_000_000

export const make = (leases: Leases): KeyPolicy.KeyPolicy => {
  const refuse = (
    subject: KeyPolicy.Subject,
    of: ReadonlyArray<Metered.Metered>,
    helds: ReadonlyArray<Held>,
    units: number,
    now: number,
  ): QuotaExceeded => {
    const limits = Metered.statesOf(of, helds, now)
    // There is a meter for each quota. A refill may not be enough either.
    const lacking = limits.flatMap(({ name, limit, remaining }, index) =>
      remaining >= units ? [] : [{ name, limit, refillAt: units > limit ? Number.POSITIVE_INFINITY : helds[index]!.refillAt(now) }],
    )
    const last = lacking.reduce(
      (last, each) => (each.refillAt > last.refillAt ? each : last),
      lacking[0] ?? { name: "", limit: 0, refillAt: 0 },
    )
    const fields = {
      keyId: keyIdOf(subject),
      name: last.name,
      amount: last.limit,
      refillsAt: Number.isFinite(last.refillAt) ? DateTime.makeUnsafe(last.refillAt) : null,
      violated: lacking.map(({ name }) => name),
      limits,
    }
    return withoutStack(() => new QuotaExceeded(fields, { disableChecks: true }))
  }
  const { take } = Metered.make(leases, refuse)

  return KeyPolicy.make({
    kind,
    schema: Quotas,
    compile: (quotas) => {
      const of = quotas.map(compile)
      return { meter: (subject, use) => take(of, subject, unitsOf(use)) }
    },
  })
}

export const compile = (quota: Quota): Metered.Metered => {
  const { name, amount, refill, per = "key", whenUnavailable = "closed" } = quota
  const compiled = Calendar.compile(quota)
  const { every, timeZone = "UTC", mode = "fill" } = refill ?? { every: "never" }
  return {
    name,
    limit: amount,
    whenUnavailable,
    rate: undefined,
    windowSeconds: null,
    place: `quota ${name}`,
    // Keys whose quotas of a name are refilled at other times don't share one.
    shared: per === "owner" ? `quota ${name} ${every} ${timeZone} ${mode}` : undefined,
    ruleAt: (storeNow, at) => ruleAt(compiled, storeNow, at),
  }
}

/** The rule of the period that holds the store's time, for a balance that was last refilled at `at`. */
export const ruleAt = (compiled: Calendar.CompiledQuota, storeNow: number, at: number | undefined): QuotaRule => {
  const { amount, refill } = compiled.quota
  if (refill === undefined) return { _tag: "Quota", amount, begin: null, end: null, known: null, add: 0, ceiling: amount }
  const { begin, end } = Calendar.periodAt(compiled, storeNow)
  if (refill.ceiling === undefined) return { _tag: "Quota", amount, begin, end, known: null, add: all, ceiling: amount }
  const isKnown = at !== undefined && Number.isFinite(at)
  const add = isKnown ? Math.min(all, amount * Calendar.boundariesBetween(compiled, at, storeNow)) : 0
  // Without a known refill the balance must have been refilled for this period already, or be new.
  return { _tag: "Quota", amount, begin, end, known: isKnown ? at : begin, add, ceiling: refill.ceiling }
}
