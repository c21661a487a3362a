/**
 * The arithmetic of a meter's balance. The stores in SQL and in Redis do the same in their own languages; this is the model of both.
 *
 * **Quotas** keep the units that were used, not those that are left. So a changed amount counts at once, nodes that know another amount don't make
 * units, and units that were added by hand are uses below 0.
 *
 * **Windows** count units in parts of a 64th of the window. A unit may be spent until its lease ends, and is counted in the part in which that is. It
 * counts until a whole window has passed after that part.
 *
 * **Buckets** are refilled evenly (the generic cell rate algorithm). A full bucket begins to be refilled when the lease ends, as the units may be
 * spent that late. So in any time at most the bucket's units and those refilled meanwhile are spent.
 */
import type { Adjusted, Adjustment, LeaseAnswer, LeaseRequest, QuotaRule, RateRule } from "./contract.ts"

export interface Balance {
  used: number
  /** Of a quota: when it was last refilled. Of a bucket: when it is full again. */
  at: number | undefined
  /** Of a bucket: when it was full for the last time. */
  fullAt: number
  /** Of a window: the units of each part from `first` on, up to the last part with any. */
  parts: Array<number>
  first: number
  holders: Map<string, Holder>
}

/** The latest lease of a node. */
interface Holder {
  readonly turn: number
  readonly granted: number
  /** The part of a window, or the time of the lease. */
  readonly place: number
  /** When the node counts no more, if it doesn't ask again. */
  readonly until: number
}

/** The parts of a window. The part that is left by the window's end counts beside them. */
export const parts = 64

/** How long a node counts as a holder, in milliseconds. */
export const holding = 30_000

export const empty = (): Balance => ({ used: 0, at: undefined, fullAt: Number.NEGATIVE_INFINITY, parts: [], first: 0, holders: new Map() })

export const lease = (balance: Balance, request: LeaseRequest, now: number): LeaseAnswer => {
  const { rule, node, turn } = request
  const isStale = rule._tag === "Quota" && !refill(balance, rule, now)
  if (rule._tag === "Window") shift(balance, rule, now)
  for (const [name, { until }] of balance.holders) if (until <= now) balance.holders.delete(name)
  const before = balance.holders.get(node)
  let granted = 0
  if (before !== undefined && turn <= before.turn) granted = turn === before.turn ? before.granted : 0
  else if (!isStale) {
    const lost = before !== undefined && request.lost > 0 && before.turn >= request.lost ? before.granted : 0
    const back = before === undefined ? 0 : request.unspent + lost
    if (before !== undefined && back > 0) giveBack(balance, rule, back, before.place)
    if (request.owed > 0) take(balance, rule, request.owed, now)
    granted = grant(request, remainingOf(balance, rule, now), holdersOf(balance, node) + 1)
    if (granted > 0) take(balance, rule, granted, now)
    const place = rule._tag === "Window" ? placeOf(balance, rule, now) : now
    if (granted + back + request.owed > 0) balance.holders.set(node, { turn, granted, place, until: now + holding })
  }
  return {
    granted,
    remaining: Math.max(0, remainingOf(balance, rule, now)),
    holders: holdersOf(balance, node) + 1,
    at: (rule._tag === "Quota" ? balance.at : undefined) ?? Number.NEGATIVE_INFINITY,
    now,
    waitMillis: rule._tag === "Quota" ? 0 : waitFor(balance, rule, request.least, now),
    resetMillis: rule._tag === "Quota" ? 0 : resetAfter(balance, rule, now),
    isStale,
  }
}

/** The other nodes with units. */
const holdersOf = ({ holders }: Balance, node: string): number => {
  let count = 0
  for (const [name, { granted }] of holders) if (name !== node && granted > 0) count++
  return count
}

/** Nobody is given a surplus out of what others may need: at most a quarter of the rest, divided by the nodes. */
const grant = ({ least, waiting, surplus }: LeaseRequest, remaining: number, nodes: number): number => {
  const enough = Math.min(waiting, remaining)
  if (remaining <= 0 || enough < least) return 0
  return enough + Math.min(surplus, Math.floor((remaining - enough) / (4 * nodes)))
}

/** Refills a quota for its current period. `false`: the rule isn't of this period, or doesn't know the last refill. */
const refill = (balance: Balance, rule: QuotaRule, now: number): boolean => {
  const { amount, begin, end, known, add, ceiling } = rule
  if ((begin !== null && now < begin) || (end !== null && now >= end)) return false
  const at = balance.at
  if (begin === null || at === undefined || at === Number.NEGATIVE_INFINITY) {
    // The balance is new, or had no refill before.
    if (at === undefined || begin !== null) balance.at = begin ?? Number.NEGATIVE_INFINITY
    return true
  }
  if (at >= begin) return true
  if (known !== null && known !== at) return false
  balance.used = Math.min(balance.used, Math.max(amount - ceiling, balance.used - add))
  balance.at = begin
  // Leases end with the period.
  balance.holders.clear()
  return true
}

const remainingOf = (balance: Balance, rule: QuotaRule | RateRule, now: number): number => {
  if (rule._tag === "Quota") return rule.amount - balance.used
  if (rule._tag === "Window") return rule.limit - sumOf(balance)
  const { limit, windowMillis } = rule
  return Math.floor(((windowMillis - Math.max(0, fullAfter(balance, now) - now)) * limit) / windowMillis + tolerance)
}

/** Quotients of whole numbers come out a little too small. */
const tolerance = 1e-9

const sumOf = ({ parts }: Balance): number => parts.reduce((sum, units) => sum + units, 0)

const fullAfter = ({ at }: Balance, now: number): number => Math.max(at ?? Number.NEGATIVE_INFINITY, now)

const take = (balance: Balance, rule: QuotaRule | RateRule, units: number, now: number): void => {
  if (rule._tag === "Quota") balance.used += units
  else if (rule._tag === "Window") {
    const index = placeOf(balance, rule, now) - balance.first
    while (balance.parts.length <= index) balance.parts.push(0)
    balance.parts[index]! += units
  } else {
    const { limit, windowMillis, leaseMillis } = rule
    if ((balance.at ?? Number.NEGATIVE_INFINITY) < now + leaseMillis) {
      balance.at = now + leaseMillis
      balance.fullAt = now
    }
    balance.at = fullAfter(balance, now) + (units * windowMillis) / limit
  }
}

const giveBack = (balance: Balance, rule: QuotaRule | RateRule, units: number, place: number): void => {
  if (rule._tag === "Quota") balance.used -= units
  else if (rule._tag === "Window") {
    const index = place - balance.first
    const there = balance.parts[index]
    if (there !== undefined) balance.parts[index] = Math.max(0, there - units)
  } else if (place >= balance.fullAt && balance.at !== undefined) balance.at -= (units * rule.windowMillis) / rule.limit
}

const partAt = ({ windowMillis }: RateRule, time: number): number => Math.floor((time * parts) / windowMillis)

/** The part in which a lease ends. With a clock that is set back, no part is before that of the present. */
const placeOf = ({ first }: Balance, rule: RateRule, now: number): number => Math.max(first + parts, partAt(rule, now + rule.leaseMillis))

/** Forgets the parts that have left the window. */
const shift = (balance: Balance, rule: RateRule, now: number): void => {
  const first = partAt(rule, now) - parts
  if (first <= balance.first) return
  balance.parts.splice(0, first - balance.first)
  balance.first = first
}

const waitFor = (balance: Balance, rule: RateRule, units: number, now: number): number => {
  const { limit, windowMillis } = rule
  if (rule._tag === "Bucket") return Math.max(0, fullAfter(balance, now) + (units * windowMillis) / limit - windowMillis - now)
  return untilFree(balance, rule, sumOf(balance) + units - limit, now)
}

/** The time until so many counted units have left the window. */
const untilFree = ({ parts: units, first }: Balance, { windowMillis }: RateRule, lacking: number, now: number): number => {
  if (lacking <= 0) return 0
  let gone = 0
  const index = units.findIndex((each) => (gone += each) >= lacking)
  return index === -1 ? windowMillis : ((first + index + parts + 1) * windowMillis) / parts - now
}

const resetAfter = (balance: Balance, rule: RateRule, now: number): number => {
  if (rule._tag === "Window") return untilFree(balance, rule, Math.min(1, sumOf(balance)), now)
  const remaining = remainingOf(balance, rule, now)
  return remaining >= rule.limit ? 0 : waitFor(balance, rule, remaining + 1, now)
}

/** A change by hand. `known` is the change that the request's name stands for already. */
export const adjust = (
  balance: Balance,
  { rule, kind, units }: Adjustment,
  known: { readonly kind: string; readonly units: number; readonly applied: number } | undefined,
  now: number,
): Adjusted => {
  const isStale = !refill(balance, rule, now)
  const answer = (outcome: Adjusted["outcome"], applied: number): Adjusted => ({
    outcome,
    units: applied,
    remaining: Math.max(0, rule.amount - balance.used),
    at: balance.at ?? Number.NEGATIVE_INFINITY,
    now,
  })
  if (known !== undefined) {
    return known.kind === kind && known.units === units ? answer("repeated", known.applied) : answer("conflict", 0)
  }
  if (isStale) return answer("stale", 0)
  const { used } = balance
  if (kind === "refund") balance.used = Math.min(used, Math.max(0, used - units))
  else if (units >= 0) balance.used = used - units
  else balance.used = Math.max(used, Math.min(rule.amount, used - units))
  return answer("done", used - balance.used)
}
