/**
 * The policy `limits`: rate limits that this node keeps by itself, in memory.
 *
 * The units of all limits of a key are taken together, or none is: the counters are asked and changed in one step, without a wait. The code runs
 * at each use of a limited key, so it has no iterators, and the way to give units back is made when it is asked for.
 */
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type { ApiKey } from "../../ApiKey.ts"
import { RateLimited } from "../../ApiKeyError.ts"
import * as KeyPolicy from "../../KeyPolicy.ts"
import { kind, type LimitState, type RateLimit, RateLimits } from "../../RateLimit.ts"
import { keyIdOf } from "../record/previousToken.ts"
import { withoutStack } from "../schema/withoutStack.ts"
import * as Counter from "./counter.ts"
import { IdleMap } from "./idleMap.ts"

/** A limit of the compiled policy. */
interface Limit extends Counter.Limit {
  readonly name: string
  readonly windowSeconds: number
  /** The name by which a key's counter is found again when its limits change. A key's own limit and the service's may have one name. */
  readonly place: string
  /** The name of the counter that an owner's keys share. Keys that have different limits of a name don't share one. */
  readonly shared: string | undefined
}

type Limits = ReadonlyArray<Limit>

/** The counters of a key, one for each of its limits. */
interface OfKey {
  readonly limits: Limits
  readonly counters: Counters
}

type Counters = ReadonlyArray<Counter.Counter>

export interface Dependencies {
  readonly clock: Clock.Clock
  /** The limits of every key beside its own. */
  readonly always: ReadonlyArray<RateLimit>
}

export const make = ({ clock, always }: Dependencies): KeyPolicy.KeyPolicy => {
  const keys = new IdleMap<OfKey>(({ counters }, now) => counters.every((counter) => counter.resetAfter(now) === 0))
  const owners = new IdleMap<Counter.Counter>((counter, now) => counter.resetAfter(now) === 0)
  // In parts of a millisecond whose sums with windows are exact: a wait of an hour isn't rounded up to one of an hour and a second.
  const monotonicNow = (): number => Math.floor((Number(clock.monotonicTimeNanosUnsafe()) / 1_000_000) * 1_024) / 1_024

  const countersOf = (limits: Limits, isShared: boolean, { id, ownerId }: ApiKey, now: number): Counters => {
    let known = keys.get(id)
    if (known === undefined || known.limits !== limits) {
      known = { limits, counters: limits.map((limit) => succeed(limit, known, now)) }
      keys.set(id, known)
    }
    if (!isShared || ownerId === null) return known.counters
    return known.counters.map((counter, index) => {
      // There is a limit for each counter.
      const limit = limits[index]!
      return limit.shared === undefined ? counter : ofOwner(`${limit.shared} ${ownerId}`, limit)
    })
  }

  const ofOwner = (name: string, limit: Limit): Counter.Counter => {
    const known = owners.get(name)
    if (known !== undefined) return known
    const made = Counter.make(limit)
    owners.set(name, made)
    return made
  }

  const take = (limits: Limits, isShared: boolean, subject: KeyPolicy.Subject, units: number): Exit.Exit<KeyPolicy.Taken, RateLimited> => {
    const now = monotonicNow()
    // Here none of the counters is in use. One that is asked for may be idle until its units are taken.
    keys.dropIdle(now)
    owners.dropIdle(now)
    const counters = countersOf(limits, isShared, subject.apiKey, now)
    // The indices lie within the lists.
    for (let index = 0; index < counters.length; index++) {
      if (counters[index]!.waitFor(units, now) > 0) return Exit.fail(refuse(subject, limits, counters, units, now))
    }
    for (let index = 0; index < counters.length; index++) counters[index]!.take(units, now)
    return Exit.succeed(new Units(statesOf(limits, counters, now), counters, units, now, monotonicNow))
  }

  return KeyPolicy.make({
    kind,
    schema: RateLimits,
    compile: (given) => {
      const limits = [...given.map(compile("own")), ...always.map(compile("all"))]
      const isShared = limits.some(({ shared }) => shared !== undefined)
      return limits.length === 0 ? {} : { meter: (subject, use) => take(limits, isShared, subject, unitsOf(use)) }
    },
  })
}

/** The units that a use has taken. */
class Units implements KeyPolicy.Taken {
  readonly limits: ReadonlyArray<LimitState>
  private readonly counters: Counters
  private readonly units: number
  private readonly takenAt: number
  private readonly monotonicNow: () => number

  constructor(limits: ReadonlyArray<LimitState>, counters: Counters, units: number, takenAt: number, monotonicNow: () => number) {
    this.limits = limits
    this.counters = counters
    this.units = units
    this.takenAt = takenAt
    this.monotonicNow = monotonicNow
  }

  get giveBack(): Effect.Effect<void> {
    return Effect.sync(() => {
      for (const counter of this.counters) counter.giveBack(this.units, this.takenAt, this.monotonicNow())
    })
  }
}

/** The counter of a key's limit. A changed limit counts the uses so far as if they were made now, so that the change frees none of them. */
const succeed = (limit: Limit, before: OfKey | undefined, now: number): Counter.Counter => {
  const known = before?.counters[before.limits.findIndex(({ place }) => place === limit.place)]
  if (known !== undefined && isSame(known.of, limit)) return known
  const counter = Counter.make(limit)
  if (known !== undefined) counter.take(Math.min(limit.limit, known.of.limit - known.remaining(now)), now)
  return counter
}

const compile =
  (source: "own" | "all") =>
  ({ name, limit, window, algorithm = "window", per = "key" }: RateLimit): Limit => {
    const millis = Duration.toMillis(window)
    return {
      name,
      limit,
      window: millis,
      windowSeconds: millis / 1_000,
      algorithm,
      place: `${source} ${name}`,
      shared: per === "owner" ? `${source} ${name} ${limit}/${millis} ${algorithm}` : undefined,
    }
  }

const isSame = (a: Counter.Limit, b: Counter.Limit): boolean => a.limit === b.limit && a.window === b.window && a.algorithm === b.algorithm

/** A number that isn't one of units is more than any limit allows. */
export const unitsOf = ({ cost, countsAsUse }: KeyPolicy.Presented): number => {
  if (cost === undefined) return countsAsUse === false ? 0 : 1
  return Number.isSafeInteger(cost) && cost >= 0 ? cost : Number.POSITIVE_INFINITY
}

const statesOf = (limits: Limits, counters: Counters, now: number): ReadonlyArray<LimitState> => {
  const states: Array<LimitState> = []
  for (let index = 0; index < limits.length; index++) {
    // There is a counter for each limit.
    const [limit, counter] = [limits[index]!, counters[index]!]
    states.push({
      name: limit.name,
      limit: limit.limit,
      windowSeconds: limit.windowSeconds,
      remaining: counter.remaining(now),
      resetAfterMillis: exact(counter.resetAfter(now)),
    })
  }
  return states
}

/** Without the errors of sums of the clock's times, which would make one more of a whole number of milliseconds or seconds. */
const exact = (millis: number): number => Math.round(millis * 1e5) / 1e5

const refuse = (subject: KeyPolicy.Subject, limits: Limits, counters: Counters, units: number, now: number): RateLimited => {
  // There is a counter for each limit.
  const waits = limits.map(({ name, limit }, index) => ({ name, limit, wait: counters[index]!.waitFor(units, now) }))
  const longest = waits.reduce((longest, each) => (each.wait > longest.wait ? each : longest))
  const fields = {
    keyId: keyIdOf(subject),
    name: longest.name,
    limit: longest.limit,
    retryAfter: Number.isFinite(longest.wait) ? Duration.millis(Math.max(1, Math.ceil(exact(longest.wait)))) : null,
    violated: waits.flatMap(({ name, wait }) => (wait > 0 ? [name] : [])),
    limits: statesOf(limits, counters, now),
  }
  return withoutStack(() => new RateLimited(fields, { disableChecks: true }))
}
