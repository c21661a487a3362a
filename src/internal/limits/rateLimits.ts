/**
 * The policy `limits`: rate limits that this node keeps by itself, in memory.
 *
 * The units of all limits of a key are taken together, or none is: the counters are asked and changed in one step, without a wait.
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

/** A limit of the compiled policy. */
interface Limit extends Counter.Limit {
  readonly name: string
  readonly isOwners: boolean
}

/** The counters of one key, or of one owner, by name. */
type Counters = Map<string, Kept>

interface Kept {
  readonly limit: Counter.Limit
  readonly counter: Counter.Counter
}

/** How many subjects are kept before those without a use in their windows are looked for. */
const firstSweep = 1_024

export interface Dependencies {
  readonly clock: Clock.Clock
  /** The limits of every key beside its own. */
  readonly always: ReadonlyArray<RateLimit>
}

export const make = ({ clock, always }: Dependencies): KeyPolicy.KeyPolicy => {
  const kept = new Map<string, Counters>()
  let nextSweep = firstSweep

  const sweep = (now: number): void => {
    for (const [subject, counters] of kept) {
      let isIdle = true
      for (const { counter } of counters.values()) isIdle &&= counter.resetAfter(now) === 0
      if (isIdle) kept.delete(subject)
    }
    nextSweep = Math.max(firstSweep, 2 * kept.size)
  }

  const countersOf = (subject: string, now: number): Counters => {
    const known = kept.get(subject)
    if (known !== undefined) return known
    if (kept.size >= nextSweep) sweep(now)
    const made: Counters = new Map()
    kept.set(subject, made)
    return made
  }

  const counterOf = (limit: Limit, { id, ownerId }: ApiKey, now: number): Counter.Counter => {
    // Ids of records are UUIDs, so no owner's subject is one of them.
    const isShared = limit.isOwners && ownerId !== null
    const counters = countersOf(isShared ? `owner ${ownerId}` : id, now)
    // Keys of an owner that have different limits of a name don't share one.
    const name = isShared ? `${limit.name} ${limit.limit}/${limit.window} ${limit.algorithm}` : limit.name
    const known = counters.get(name)
    if (known !== undefined && isSame(known.limit, limit)) return known.counter
    const counter = Counter.make(limit)
    // The uses under the limit as it was count as if they were made now, so that a change of the limit frees none.
    if (known !== undefined) counter.take(Math.min(limit.limit, known.limit.limit - known.counter.remaining(now)), now)
    counters.set(name, { limit, counter })
    return counter
  }

  const take = (limits: ReadonlyArray<Limit>, subject: KeyPolicy.Subject, units: number): Exit.Exit<KeyPolicy.Taken, RateLimited> => {
    const { apiKey } = subject
    const now = Number(clock.monotonicTimeNanosUnsafe()) / 1_000_000
    const counters = limits.map((limit) => counterOf(limit, apiKey, now))
    let mustWait = false
    for (const counter of counters) mustWait ||= counter.waitFor(units, now) > 0
    if (mustWait) return Exit.fail(refuse(subject, limits, counters, units, now))
    for (const counter of counters) counter.take(units, now)
    return Exit.succeed({
      limits: statesOf(limits, counters, now),
      giveBack: Effect.sync(() => {
        const later = Number(clock.monotonicTimeNanosUnsafe()) / 1_000_000
        for (const counter of counters) counter.giveBack(units, now, later)
      }),
    })
  }

  return KeyPolicy.make({
    kind,
    schema: RateLimits,
    compile: (given) => {
      const limits = [...given, ...always].map(compile)
      return limits.length === 0 ? {} : { meter: (subject, use) => take(limits, subject, unitsOf(use)) }
    },
  })
}

const compile = ({ name, limit, window, algorithm = "window", per = "key" }: RateLimit): Limit => ({
  name,
  limit,
  window: Duration.toMillis(window),
  algorithm,
  isOwners: per === "owner",
})

const isSame = (a: Counter.Limit, b: Counter.Limit): boolean => a.limit === b.limit && a.window === b.window && a.algorithm === b.algorithm

/** A number that isn't one of units is more than any limit allows. */
export const unitsOf = ({ cost, countsAsUse }: KeyPolicy.Presented): number => {
  if (cost === undefined) return countsAsUse === false ? 0 : 1
  return Number.isSafeInteger(cost) && cost >= 0 ? cost : Number.POSITIVE_INFINITY
}

const statesOf = (limits: ReadonlyArray<Limit>, counters: ReadonlyArray<Counter.Counter>, now: number): ReadonlyArray<LimitState> =>
  limits.map(({ name, limit, window }, index) => {
    // There is a counter for each limit.
    const counter = counters[index]!
    return {
      name,
      limit,
      windowSeconds: window / 1_000,
      remaining: counter.remaining(now),
      resetAfterMillis: counter.resetAfter(now),
    }
  })

const refuse = (
  subject: KeyPolicy.Subject,
  limits: ReadonlyArray<Limit>,
  counters: ReadonlyArray<Counter.Counter>,
  units: number,
  now: number,
): RateLimited => {
  // There is a counter for each limit.
  const waits = limits.map(({ name, limit }, index) => ({ name, limit, wait: counters[index]!.waitFor(units, now) }))
  const longest = waits.reduce((longest, each) => (each.wait > longest.wait ? each : longest))
  const fields = {
    keyId: keyIdOf(subject),
    name: longest.name,
    limit: longest.limit,
    retryAfter: Number.isFinite(longest.wait) ? Duration.millis(Math.ceil(longest.wait)) : null,
    violated: waits.flatMap(({ name, wait }) => (wait > 0 ? [name] : [])),
    limits: statesOf(limits, counters, now),
  }
  return withoutStack(() => new RateLimited(fields, { disableChecks: true }))
}
