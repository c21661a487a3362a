/**
 * The uses of a rate limit, counted in memory. Times are in milliseconds of a clock that never runs backwards.
 *
 * A counter never errs to the caller's favour. `waitFor` and `take` belong together, without another use between them.
 */

export interface Counter {
  readonly of: Limit
  /** The time until so many units may be taken: 0 for now, infinite for more units than the limit. */
  readonly waitFor: (units: number, now: number) => number
  readonly take: (units: number, now: number) => void
  /** Takes units back that were taken at `then`. */
  readonly giveBack: (units: number, then: number, now: number) => void
  /** The units that may be taken now. */
  readonly remaining: (now: number) => number
  /** The time until more units may be taken; 0 if none are taken. */
  readonly resetAfter: (now: number) => number
}

export interface Limit {
  readonly limit: number
  /** In milliseconds. */
  readonly window: number
  readonly algorithm: "window" | "bucket"
}

/** Up to so many units, single uses are counted. */
export const maxExact = 64

export const make = (limit: Limit): Counter =>
  limit.algorithm === "bucket" ? new Bucket(limit) : limit.limit <= maxExact ? new Uses(limit) : new Parts(limit)

/** A wait that is shorter, in milliseconds, comes of rounding. */
const leastWait = 1e-6

/** The units of a bucket that is refilled evenly: the generic cell rate algorithm. */
class Bucket implements Counter {
  readonly of: Limit
  private readonly window: number
  private readonly limit: number
  /** The time for which a unit is missing from the bucket. */
  private readonly interval: number
  /** When the bucket is full again. */
  private fullAt = Number.NEGATIVE_INFINITY
  private lastTake = Number.NEGATIVE_INFINITY

  constructor(of: Limit) {
    const { limit, window } = of
    this.of = of
    this.limit = limit
    this.window = window
    this.interval = window / limit
  }

  waitFor(units: number, now: number): number {
    if (units > this.limit) return Number.POSITIVE_INFINITY
    const wait = Math.max(this.fullAt, now) + units * this.interval - this.window - now
    return wait < leastWait ? 0 : wait
  }

  take(units: number, now: number): void {
    this.fullAt = Math.max(this.fullAt, now) + units * this.interval
    this.lastTake = now
  }

  giveBack(units: number, then: number): void {
    // Units that were refilled before a later use aren't given back, as without these units the bucket may have been full by then.
    this.fullAt -= Math.max(0, units * this.interval - (this.lastTake - then))
  }

  remaining(now: number): number {
    const left = Math.max(0, Math.floor((this.window - Math.max(0, this.fullAt - now)) / this.interval))
    // The division may round down to a whole number what the wait rounds up.
    return this.waitFor(left + 1, now) === 0 ? left + 1 : left
  }

  resetAfter(now: number): number {
    const left = this.remaining(now)
    return left >= this.limit ? 0 : this.waitFor(left + 1, now)
  }
}

/** The times of the single uses, of which those within the window count. */
class Uses implements Counter {
  readonly of: Limit
  private readonly limit: number
  private readonly window: number
  /** In order, at most as many as the limit. */
  private readonly times: Array<number> = []

  constructor(of: Limit) {
    this.of = of
    this.limit = of.limit
    this.window = of.window
  }

  private forget(now: number): void {
    const { times, window } = this
    // The list has a first time.
    while (times.length > 0 && times[0]! + window <= now) times.shift()
  }

  waitFor(units: number, now: number): number {
    if (units > this.limit) return Number.POSITIVE_INFINITY
    this.forget(now)
    const lacking = this.times.length + units - this.limit
    return lacking <= 0 ? 0 : this.times[lacking - 1]! + this.window - now
  }

  take(units: number, now: number): void {
    for (let unit = 0; unit < units; unit++) this.times.push(now)
  }

  giveBack(units: number, then: number): void {
    const last = this.times.lastIndexOf(then)
    if (last >= 0) this.times.splice(last - units + 1, units)
  }

  remaining(now: number): number {
    this.forget(now)
    return this.limit - this.times.length
  }

  resetAfter(now: number): number {
    this.forget(now)
    const [oldest] = this.times
    return oldest === undefined ? 0 : oldest + this.window - now
  }
}

/** The parts of a window. One more is counted, as the oldest one may lie within the window in part. */
const parts = 32
const counted = parts + 1

/** The number of uses in each part of the window. A part counts whole as long as any of it lies within the window. */
class Parts implements Counter {
  readonly of: Limit
  private readonly limit: number
  /** The length of a part. */
  private readonly length: number
  /** A ring of the counts, the part `n` at `n % counted`. */
  private readonly counts: Array<number> = Array<number>(counted).fill(0)
  private newest = Number.NEGATIVE_INFINITY
  /** When the newest part ends. */
  private end = Number.NEGATIVE_INFINITY
  private sum = 0
  /** The first part with uses, if there are any. */
  private oldest = 0

  constructor(of: Limit) {
    this.of = of
    this.limit = of.limit
    this.length = of.window / parts
  }

  /** So that the parts of the window before the first one have numbers too. */
  private partAt(time: number): number {
    return Math.floor(time / this.length) + counted
  }

  private at(part: number): number {
    // The ring has a count for each remainder.
    return this.counts[part % counted]!
  }

  private forget(now: number): void {
    if (now < this.end) return
    const part = this.partAt(now)
    for (let next = Math.max(this.newest + 1, part - parts); next <= part; next++) {
      this.sum -= this.at(next)
      this.counts[next % counted] = 0
    }
    this.newest = part
    this.end = (part - parts) * this.length
    this.findOldest()
  }

  private findOldest(): void {
    if (this.sum === 0) return
    this.oldest = Math.max(this.oldest, this.newest - parts)
    while (this.at(this.oldest) === 0) this.oldest++
  }

  waitFor(units: number, now: number): number {
    if (units > this.limit) return Number.POSITIVE_INFINITY
    this.forget(now)
    const lacking = this.sum + units - this.limit
    if (lacking <= 0) return 0
    let part = this.oldest
    for (let gone = this.at(part); gone < lacking; gone += this.at(part)) part++
    return this.waitUntilGone(part, now)
  }

  /** The time until a part is counted no more. */
  private waitUntilGone(part: number, now: number): number {
    // The part that begins then has a number that is greater by `counted`, as numbers are greater than parts of time.
    return part * this.length - now
  }

  take(units: number, now: number): void {
    this.forget(now)
    if (this.sum === 0) this.oldest = this.newest
    this.counts[this.newest % counted]! += units
    this.sum += units
  }

  giveBack(units: number, then: number, now: number): void {
    this.forget(now)
    const part = this.partAt(then)
    if (part + counted <= this.newest) return
    this.counts[part % counted]! -= units
    this.sum -= units
    this.findOldest()
  }

  remaining(now: number): number {
    this.forget(now)
    return this.limit - this.sum
  }

  resetAfter(now: number): number {
    this.forget(now)
    return this.sum === 0 ? 0 : this.waitUntilGone(this.oldest, now)
  }
}
