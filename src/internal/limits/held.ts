/** The units of a meter that this node holds, and what it knows of the meter. Times are in milliseconds of the monotonic clock. */
import type * as Deferred from "effect/Deferred"
import type { LeaseAnswer, QuotaRule, RateRule } from "../../Meters.ts"
import type * as Counter from "./counter.ts"

export type WhenUnavailable = "open" | "closed" | "local"

/** A quota or rate limit, as the policies of keys state it. */
export interface Source {
  readonly name: string
  /** The units of a full balance. */
  readonly limit: number
  readonly whenUnavailable: WhenUnavailable
  /** The rate limit, whose leases are single grants of a short time. */
  readonly rate: Counter.Limit | undefined
  /** The rule at the store's time, for a balance that was last refilled at `at`, or for a lease of the given time. */
  readonly ruleAt: (storeNow: number, at: number | undefined, leaseMillis: number) => QuotaRule | RateRule
}

export class Held {
  readonly meter: string
  source: Source
  /** The units that may be spent until `endsAt`. */
  units = 0
  endsAt = Number.NEGATIVE_INFINITY
  /** More units are asked for ahead when fewer are left. */
  low = -1
  /** Changes when the units of before have left. */
  lease = 0
  lastUse: number
  /** The units that go back with the next request, and those that were spent while the store was away. */
  unspent = 0
  owed = 0
  /** The first of the latest requests whose answers were lost; 0 if the latest one was answered. */
  lost = 0
  /** The request that is being made, and those that wait for it. */
  flight: Deferred.Deferred<void> | undefined = undefined
  isSent = false
  waiting = 0
  least = 0
  wantsMore = false
  staleAnswers = 0
  /** The units of the last grant, its time, and the units of surplus that are asked for. */
  leased = 0
  leasedAt = 0
  pace = 0
  /** The time of the lease that is asked for. */
  leaseMillis = 0
  /** Whether the last grant arrived when its time, the longest, was over. */
  isLate = false
  /** The last answer, and when its question was sent. */
  answer: LeaseAnswer | undefined = undefined
  askedAt = 0
  /** Until then the store isn't asked for more than `answer.remaining`. */
  deniedUntil = Number.NEGATIVE_INFINITY
  /** The uses that are counted here alone while the store is away. */
  local: { readonly counter: Counter.Counter; budget: number } | undefined = undefined

  constructor(meter: string, source: Source, now: number) {
    this.meter = meter
    this.source = source
    this.lastUse = now
  }

  /** The units of a lease that has ended go back with the next request. */
  end(): void {
    this.unspent += this.units
    this.units = 0
    this.low = -1
    this.lease++
  }

  /** A changed limit ends the lease. */
  change(source: Source): void {
    if (this.source === source) return
    this.source = source
    this.deniedUntil = Number.NEGATIVE_INFINITY
    this.end()
  }

  get isIdle(): boolean {
    return this.units === 0 && this.unspent === 0 && this.owed === 0 && !this.isSent && this.flight === undefined
  }

  get remaining(): number {
    return this.units + (this.answer?.remaining ?? 0)
  }

  /** The time until a rate limit has more units; that of a quota until its refill, or infinite. */
  resetAfter(now: number): number {
    const { answer, source } = this
    if (answer === undefined || this.remaining >= source.limit) return 0
    if (source.rate !== undefined) return Math.max(0, this.askedAt + answer.resetMillis - now)
    return Math.max(1, this.refillAt(now) - (answer.now + (now - this.askedAt)))
  }

  /** When a quota is refilled, in milliseconds since 1970; infinite if it isn't, or isn't known. */
  refillAt(now: number): number {
    const { answer, source } = this
    if (answer === undefined) return Number.POSITIVE_INFINITY
    const rule = source.ruleAt(answer.now + (now - this.askedAt), answer.at, 0)
    return rule._tag === "Quota" && rule.end !== null ? rule.end : Number.POSITIVE_INFINITY
  }

  /** The time until a rate limit has so many units, as far as the last answer tells; infinite for more units than the limit. */
  waitFor(units: number, now: number): number {
    const { answer, source } = this
    if (units > source.limit) return Number.POSITIVE_INFINITY
    if (answer === undefined || units <= this.remaining) return 0
    return Math.max(1, this.askedAt + Math.max(answer.waitMillis, answer.resetMillis) - now)
  }
}
