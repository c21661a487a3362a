/**
 * Spends units from leases. A use whose units are here costs no I/O. Other uses wait for a lease, together: a node has one request for a meter at a
 * time, and sends the requests for many meters at once.
 *
 * A lease adapts to the rate of use: it has about the units of a second, or of the short time of a rate limit's lease. Units that nobody uses go
 * back after a second, and when the service ends.
 */
import * as Clock from "effect/Clock"
import type * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import type * as Scope from "effect/Scope"
import { RepositoryError } from "../../ApiKeyError.ts"
import { type LeaseAnswer, type LeaseRequest, type Meters, MetersError } from "../../Meters.ts"
import * as Counter from "./counter.ts"
import type { Held } from "./held.ts"

export interface Dependencies {
  readonly meters: Meters["Service"]
  /** The name of this node, which no other one has. */
  readonly node: string
  /** The most units of surplus in a lease. */
  readonly maxUnits: number
  /** The longest lease of a rate limit. */
  readonly rateLeaseMillis: number
  /** Called for each use that is let through uncounted. */
  readonly uncounted: () => void
}

export interface Leases {
  /** In milliseconds of the monotonic clock, in parts whose sums with windows are exact. */
  readonly monotonicNow: () => number
  /** The store's time, in milliseconds since 1970. */
  readonly storeNow: () => number
  /**
   * Spends the units of each meter, or of none. Fails with the first meter that lacks units. Units that are here are spent at once, which gives an
   * `Exit`.
   */
  readonly spend: (helds: ReadonlyArray<Held>, units: number) => Effect.Effect<void, Held | RepositoryError>
  /** Gives units back that were spent from the given leases. */
  readonly unspend: (helds: ReadonlyArray<Held>, leases: ReadonlyArray<number>, units: number) => void
}

/** The meters of a statement, and the statements at a time. */
const maxBatch = 500
const maxRunning = 2

/** The longest lease of a quota. */
const maxLeaseMillis = 10_000

/** The time in which the store has to answer. After a failure nobody waits for the store until it answers again. */
const patience = Duration.seconds(1)
const probeMillis = 1_000

/** How long a denial holds at most. Meanwhile other nodes may give units back. */
const denialMillis = 250

/** A use is given up if others take the units for so long. */
const contentionMillis = 2_000

/** The time that a lease of a quota should last, and how many units the first one has beyond its use. */
const leaseTime = 1_000
const firstSurplus = 16

/** Units that aren't used for so long go back. They are looked for each second. */
const idleMillis = 3_000
const sweepMillis = 1_000

/** A refill by another node, or a wrong clock, makes an answer stale. */
const maxStale = 6

export const make = Effect.fnUntraced(function* ({
  meters,
  node,
  maxUnits,
  rateLeaseMillis,
  uncounted,
}: Dependencies): Effect.fn.Return<Leases, never, Scope.Scope> {
  const context = yield* Effect.context<never>()
  const clock = yield* Clock.Clock
  const monotonicNow = (): number => Math.floor((Number(clock.monotonicTimeNanosUnsafe()) / 1_000_000) * 1_024) / 1_024

  /** The store's time less the monotonic time. */
  let storeOffset: number | undefined
  const storeNow = (): number => (storeOffset === undefined ? clock.currentTimeMillisUnsafe() : monotonicNow() + storeOffset)

  let turn = 0
  /** The latest times of answers, in milliseconds. */
  let latency = 0
  const queue = new Set<Held>()
  /** The meters with units that may go back. */
  const holding = new Set<Held>()
  const running = new Set<Fiber.Fiber<void>>()
  /** When the store is asked next, while it is away. */
  let probeAt: number | undefined

  const write = (held: Held): LeaseRequest => {
    const now = monotonicNow()
    const wantsUnits = held.waiting > 0 || held.wantsMore
    if (wantsUnits) held.pace = held.leased > 0 ? paceOf(held, now) : Math.min(maxUnits, held.source.rate === undefined ? firstSurplus : 0)
    if (held.source.rate !== undefined || now >= held.endsAt) held.end()
    held.leaseMillis = leaseOf(held)
    const { source, unspent, owed, lost, waiting, least, answer } = held
    // Time goes on, so a stale answer's time is a surer one than that of the clock here.
    const time = held.staleAnswers > 0 && answer !== undefined ? answer.now : storeNow()
    const request: LeaseRequest = {
      meter: held.meter,
      rule: source.ruleAt(time, answer?.at, held.leaseMillis),
      node,
      turn: ++turn,
      lost,
      unspent,
      owed,
      least,
      waiting,
      surplus: wantsUnits && meters.scope !== "memory" ? held.pace : 0,
    }
    held.isSent = true
    held.unspent = 0
    held.owed = 0
    held.waiting = 0
    held.least = 0
    held.wantsMore = false
    held.askedAt = now
    return request
  }

  /** A lease of a rate limit is a small part of the window, unless the answers of the store take longer. */
  const leaseOf = ({ source: { rate } }: Held): number =>
    rate === undefined ? maxLeaseMillis : Math.min(rate.window, rateLeaseMillis, Math.max(rate.window / 64, 4 * latency))

  const paceOf = ({ leased, units, leasedAt, leaseMillis, pace, source }: Held, now: number): number => {
    const spent = leased - units
    const time = source.rate === undefined ? leaseTime : leaseMillis
    const wanted = Math.round((spent * time) / Math.max(0.1, now - leasedAt))
    return Math.min(maxUnits, wanted, 4 * Math.max(pace, spent))
  }

  const read = (held: Held, request: LeaseRequest, answer: LeaseAnswer): void => {
    const { rule, unspent, owed, least, waiting } = request
    const { askedAt, source } = held
    // The clocks disagree, and nothing was done.
    if (answer.isStale && held.staleAnswers >= maxStale) return fail(held, request)
    const isOtherPeriod = held.answer !== undefined && held.answer.at !== answer.at
    held.answer = answer
    storeOffset = answer.now - askedAt
    held.isSent = false
    if (answer.isStale) {
      held.staleAnswers++
      held.unspent += unspent
      held.owed += owed
      expect(held, waiting, least)
      queue.add(held)
      return
    }
    held.staleAnswers = 0
    held.lost = 0
    if (rule._tag === "Quota" && isOtherPeriod) {
      held.end()
      held.unspent = 0
    }
    if (answer.granted > 0) {
      held.units += answer.granted
      held.leased = held.units
      held.leasedAt = askedAt
      held.endsAt = askedAt + held.leaseMillis
      if (rule._tag === "Quota") {
        if (rule.end !== null) held.endsAt = Math.min(held.endsAt, askedAt + rule.end - answer.now)
        held.low = held.leased >= 8 ? held.leased >> 2 : -1
      }
      holding.add(held)
    }
    const now = monotonicNow()
    latency = Math.max(now - askedAt, latency * 0.9)
    // Otherwise the next lease is longer.
    held.isLate =
      source.rate !== undefined &&
      now >= held.endsAt &&
      answer.granted > 0 &&
      held.leaseMillis >= Math.min(source.rate.window, rateLeaseMillis)
    const isDenied = answer.granted < waiting
    const denied = rule._tag === "Quota" ? (rule.end ?? Number.POSITIVE_INFINITY) - answer.now : Math.max(1, answer.waitMillis)
    held.deniedUntil = isDenied ? askedAt + Math.min(denialMillis, denied) : now
    land(held)
  }

  const fail = (held: Held, { turn, owed }: LeaseRequest): void => {
    held.isSent = false
    held.staleAnswers = 0
    if (held.lost === 0) held.lost = turn
    // The units may have been charged. Charged twice is better than never.
    held.owed += owed
    land(held)
  }

  const land = (held: Held): void => {
    const { flight } = held
    held.flight = undefined
    if (flight !== undefined) Deferred.doneUnsafe(flight, Exit.void)
    // Others may have asked since the request was sent.
    if (held.waiting > 0 || held.wantsMore) enqueue(held)
  }

  /** Asks for a batch of the queue. A meter whose request is under way isn't in the queue. */
  const ask = Effect.suspend(() => {
    const asked: Array<Held> = []
    for (const held of queue) {
      if (asked.length === maxBatch) break
      queue.delete(held)
      asked.push(held)
    }
    const requests = asked.map(write)
    const each = (change: (held: Held, request: LeaseRequest, index: number) => void) =>
      // There is a request for each meter.
      asked.forEach((held, index) => change(held, requests[index]!, index))
    return meters.lease(requests).pipe(
      Effect.timeoutOrElse({
        duration: patience,
        orElse: () => Effect.fail(new MetersError({ cause: new Error("The store of meters doesn't answer") })),
      }),
      Effect.matchCauseEffect({
        onSuccess: (answers) =>
          Effect.suspend(() => {
            const wasAway = probeAt !== undefined
            probeAt = undefined
            each((held, request, index) => {
              const answer = answers[index]
              if (answer === undefined) fail(held, request)
              else read(held, request, answer)
            })
            return wasAway ? Effect.logInfo("The store of meters answers again") : Effect.void
          }),
        onFailure: (cause) =>
          Effect.suspend(() => {
            const wasAway = probeAt !== undefined
            probeAt = monotonicNow() + probeMillis
            each(fail)
            return wasAway ? Effect.void : Effect.logError("The store of meters fails, or doesn't answer", cause)
          }),
      }),
    )
  })

  const drain = Effect.yieldNow.pipe(
    Effect.andThen(Effect.whileLoop({ while: () => queue.size > 0, body: () => ask, step: () => undefined })),
    // The statements aren't part of whatever asked first.
    Effect.withTracerEnabled(false),
  )
  /** How old the answer to a look may be. */
  const freshMillis = meters.scope === "memory" ? 0 : leaseTime
  const runFork = Effect.runForkWith(context)

  const enqueue = (held: Held): void => {
    if (held.isSent) return
    queue.add(held)
    if (running.size >= maxRunning) return
    const fiber = runFork(drain)
    running.add(fiber)
    fiber.addObserver(() => running.delete(fiber))
  }

  /** Notes a use that waits for the next request. */
  const expect = (held: Held, units: number, least: number): void => {
    held.least = held.waiting === 0 ? least : Math.min(held.least, least)
    held.waiting += units
  }

  /** Asks a store that answers at once. */
  const askAtOnce = (held: Held, units: number): void => {
    for (let tries = 0; tries <= maxStale; tries++) {
      if (held.waiting === 0) expect(held, units, units)
      const request = write(held)
      const answered = meters.lease([request])
      // An exit of the effect has its result.
      const [answer] = Exit.isExit(answered) && Exit.isSuccess(answered) ? (answered.value as ReadonlyArray<LeaseAnswer>) : []
      if (answer === undefined) return fail(held, request)
      read(held, request, answer)
      queue.delete(held)
      if (!answer.isStale) return
    }
  }

  const has = (held: Held, units: number, now: number): boolean => {
    held.lastUse = now
    if (held.units > 0 && now >= held.endsAt) held.end()
    if (units === 0) return held.answer !== undefined && now - held.askedAt < freshMillis
    return held.units >= units
  }

  const take = (held: Held, units: number): void => {
    held.units -= units
    if (held.units > held.low || held.isSent) return
    held.low = -1
    held.wantsMore = true
    enqueue(held)
  }

  const isDenied = ({ answer, deniedUntil, units: here }: Held, units: number, now: number): boolean =>
    meters.scope !== "memory" && answer !== undefined && now < deniedUntil && units > answer.remaining + here

  const localOf = (held: Held): NonNullable<Held["local"]> => {
    const { answer, source, pace } = held
    if (held.local !== undefined) return held.local
    const holders = Math.max(1, answer?.holders ?? 1)
    const { limit, window, algorithm } = source.rate ?? {
      limit: Math.max(1, pace) * holders,
      window: leaseTime,
      algorithm: "bucket" as const,
    }
    const counter = Counter.make({ limit: Math.max(1, Math.floor(limit / holders)), window, algorithm })
    const budget = source.rate !== undefined ? Number.POSITIVE_INFINITY : Math.floor((answer?.remaining ?? 0) / holders)
    return (held.local = { counter, budget })
  }

  /** What a use without the store comes to. */
  const withoutStore = (held: Held, units: number, now: number): "open" | "local" | "closed" | "refused" => {
    const { whenUnavailable } = held.source
    if (whenUnavailable !== "local") return whenUnavailable
    // The share of this node isn't known.
    if (held.answer === undefined && held.source.rate === undefined) return "closed"
    const { counter, budget } = localOf(held)
    return units <= budget && counter.waitFor(units, now) === 0 ? "local" : "refused"
  }

  const isAway = (held: Held, now: number): boolean => {
    if (probeAt === undefined) return false
    if (now >= probeAt) {
      probeAt = now + probeMillis
      expect(held, 1, 1)
      enqueue(held)
    }
    return true
  }

  /** Spends, or says whom to wait for. */
  const attempt = (
    helds: ReadonlyArray<Held>,
    units: number,
    hasWaited: boolean,
  ): Exit.Exit<void, Held | RepositoryError> | ReadonlyArray<Held> => {
    const now = monotonicNow()
    const awaited: Array<Held> = []
    let away: Map<Held, "open" | "local"> | undefined
    for (const held of helds) {
      if (has(held, units, now)) {
        held.local = undefined
        continue
      }
      if (isDenied(held, units, now)) return refuse(held)
      if (meters.scope === "memory") {
        askAtOnce(held, units)
        if (held.answer === undefined || held.units < units) return held.answer === undefined ? Exit.fail(unavailable()) : refuse(held)
      } else if (isAway(held, now) || (hasWaited && (held.lost > 0 || held.isLate))) {
        const how = withoutStore(held, units, now)
        if (how === "closed") return Exit.fail(unavailable())
        if (how === "refused") return Exit.fail(held)
        away = (away ?? new Map<Held, "open" | "local">()).set(held, how)
      } else awaited.push(held)
    }
    if (awaited.length > 0) return awaited
    for (const held of helds) {
      const how = away?.get(held)
      if (how === undefined) take(held, units)
      else if (how === "open") uncounted()
      else {
        const local = localOf(held)
        local.counter.take(units, now)
        local.budget -= units
        held.owed += units
      }
    }
    return Exit.void
  }

  /** What was leased for the use, but isn't enough, may be of use to another node. */
  const refuse = (held: Held): Exit.Exit<never, Held> => {
    if (held.units > 0 && !held.isSent && meters.scope === "shared") {
      held.end()
      enqueue(held)
    }
    return Exit.fail(held)
  }

  const join = (held: Held, units: number): Deferred.Deferred<void> => {
    const flight = (held.flight ??= Deferred.makeUnsafe<void>())
    // A request that was sent before the use doesn't ask for it. The next one does if the answer isn't enough.
    if (!held.isSent) {
      expect(held, units, units)
      enqueue(held)
    }
    return flight
  }

  const wait = (
    helds: ReadonlyArray<Held>,
    units: number,
    awaited: ReadonlyArray<Held>,
    until: number,
  ): Effect.Effect<void, Held | RepositoryError> => {
    if (monotonicNow() > until) return Exit.fail(unavailable())
    const flights = awaited.map((held) => join(held, units))
    return Effect.flatMap(Effect.forEach(flights, Deferred.await, { discard: true }), () => {
      const outcome = attempt(helds, units, true)
      return Exit.isExit(outcome) ? outcome : wait(helds, units, outcome, until)
    })
  }

  const spend: Leases["spend"] = (helds, units) => {
    const outcome = attempt(helds, units, false)
    if (Exit.isExit(outcome)) return outcome
    return Effect.contextWith((context: Context.Context<never>) =>
      meters.isBlocked?.(context) === true ? Exit.fail(blocked()) : wait(helds, units, outcome, monotonicNow() + contentionMillis),
    )
  }

  const sweep = Effect.sync(() => {
    const now = monotonicNow()
    for (const held of holding) {
      if (held.isSent || (now < held.endsAt && now - held.lastUse < idleMillis)) continue
      held.end()
      if (held.unspent > 0 && probeAt === undefined) enqueue(held)
      else if (held.units === 0) holding.delete(held)
    }
  })

  const giveAllBack = Effect.gen(function* () {
    yield* Effect.forEach(running, Fiber.await, { discard: true })
    for (const held of holding) {
      held.end()
      held.wantsMore = false
      held.waiting = 0
      if (held.unspent > 0) queue.add(held)
    }
    yield* Effect.whileLoop({ while: () => queue.size > 0 && probeAt === undefined, body: () => ask, step: () => undefined })
  })

  if (meters.scope !== "memory") {
    yield* Effect.addFinalizer(() => Effect.ignore(Effect.timeout(giveAllBack, "3 seconds")))
    yield* Effect.forkScoped(Effect.forever(Effect.andThen(Effect.sleep(sweepMillis), sweep)))
  }

  return {
    monotonicNow,
    storeNow,
    spend,
    unspend: (helds, leases, units) =>
      helds.forEach((held, index) => {
        if (held.lease !== leases[index] || units === 0) return
        held.units += units
        if (meters.scope !== "memory") return
        // Nothing is held beyond a use.
        held.end()
        askAtOnce(held, 0)
      }),
  }
})

const unavailable = (): RepositoryError =>
  new RepositoryError({ operation: "take units of a meter", isRetryable: true, cause: new Error("The store of meters doesn't answer") })

const blocked = (): RepositoryError =>
  new RepositoryError({
    operation: "take units of a meter",
    isRetryable: false,
    cause: new Error("A transaction has the store's only connection"),
  })
