/**
 * Bounds the number of secrets that are hashed at a time, and orders the hashes that wait.
 *
 * Each hash waits in a lane. Tokens with a good seal go before all others, and have one permit more. Tokens with a known key id have a
 * lane, and tokens with an unknown one another. The two lanes take turns. Within a lane the key ids take turns. So a flood of invented key
 * ids doesn't keep the holder of a key from being verified. A flood of guesses at some keys doesn't either.
 *
 * A lane has a limit. In a full lane, a key id with few waiting hashes takes a place from the key id with most. Secrets of new keys have a
 * lane without a limit, and wait as long as it takes. This lane takes turns with the two others, and gets every other turn of good seals.
 * Hashes for which no caller waits come last, when all lanes are empty.
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { Overloaded } from "../../ApiKeyError.ts"

/** The lane of a token: `sealed` with a good seal, else by whether its key id has a record. */
export type LaneName = "sealed" | "known" | "unknown"

export interface HashQueue {
  /**
   * Runs `hash` as soon as there is room. A running hash isn't interrupted. A computation in another thread can't be stopped, and would go
   * on beyond the bound.
   */
  readonly run: <A, E>(lane: LaneName, keyId: string, hash: Effect.Effect<A, E>) => Effect.Effect<A, E | Overloaded>
  /** As `run`, for the secret of a new key. */
  readonly runNew: <A, E>(hash: Effect.Effect<A, E>) => Effect.Effect<A, E>
  /** As `run`, for a hash for which no caller waits. */
  readonly runLast: <A, E>(hash: Effect.Effect<A, E>) => Effect.Effect<A, E>
  readonly inFlight: () => number
}

export interface HashQueueOptions {
  readonly permits: number
  /** The number of hashes that may wait in each lane. */
  readonly queue: number
  readonly maxWait: Duration.Duration
}

/** Each thread of a hash needs a core. A hash takes a thread of libuv's pool, of which one is left to other work. */
export const defaultPermits = (threads: number): number => {
  const cores = globalThis.navigator?.hardwareConcurrency ?? 4
  // Read as libuv reads it, which takes a text that is no number for 1.
  const poolSize = Number.parseInt(globalThis.process?.env["UV_THREADPOOL_SIZE"] ?? "4", 10) || 1
  return Math.max(1, Math.min(Math.floor(cores / Math.max(1, threads)), poolSize - 1))
}

/** About the number of hashes that are done within `maxWait` with costly parameters. Further ones would wait in vain. */
export const defaultQueue = (permits: number): number => 64 * permits

/** The permits beyond those for all, which only a token with a good seal gets. */
const reserved = 1

export const make = ({ permits, queue, maxWait }: HashQueueOptions): HashQueue => {
  let inFlight = 0
  const lanes = { sealed: new Lane(queue), known: new Lane(queue), unknown: new Lane(queue) }
  const laneOfNew = new Lane(Number.POSITIVE_INFINITY)
  const lastLane = new Lane(Number.POSITIVE_INFINITY)
  /** Whether the last permit went to a good seal while new keys waited. */
  let newIsNext = false
  /** The lanes that take turns, the next one first. The lane of good seals and the last lane take no turns. */
  const turns = [lanes.known, lanes.unknown, laneOfNew]
  const overloaded = Effect.fail(new Overloaded({ retryAfterSeconds: Math.max(1, Math.ceil(Duration.toSeconds(maxWait))) }))

  const isFree = (lane: Lane): boolean => inFlight < (lane === lanes.sealed ? permits + reserved : permits)

  const nextLane = (): Lane | undefined => {
    if (lanes.sealed.size > 0) {
      if (!isFree(lanes.sealed)) return undefined
      newIsNext = laneOfNew.size > 0 && !newIsNext
      return laneOfNew.size > 0 && !newIsNext ? laneOfNew : lanes.sealed
    }
    if (!isFree(lastLane)) return undefined
    const lane = turns.find(({ size }) => size > 0)
    if (lane !== undefined) turns.push(...turns.splice(turns.indexOf(lane), 1))
    return lane ?? lastLane
  }

  const release = (): void => {
    inFlight--
    admit()
  }

  const admit = (): void => {
    const next = nextLane()?.shift()
    if (next === undefined) return
    inFlight++
    next.hasPermit = true
    // The permit goes to the next waiter in a task of its own. Hashes that never pause would pile up on the stack.
    queueMicrotask(next.admit)
  }

  // One callback for both outcomes, so that a waiter that has just given up gets no permit.
  const wait = <E>(lane: Lane, keyId: string, refusal: Effect.Effect<never, E>, atMost?: Duration.Duration) =>
    Effect.withFiber<void, E>((fiber) =>
      Effect.callback((resume) => {
        const settle = (outcome: Effect.Effect<void, E>): void => {
          timer?.interruptUnsafe()
          resume(outcome)
        }
        const waiter: Waiter = { keyId, hasPermit: false, admit: () => settle(Effect.void), refuse: () => settle(refusal) }
        const giveUp = Effect.sync(() => {
          if (lane.remove(waiter)) waiter.refuse()
        })
        const timer = atMost === undefined ? undefined : Effect.runForkWith(fiber.context)(Effect.andThen(Effect.sleep(atMost), giveUp))
        lane.push(waiter)
        // A permit may have become free since the check, as a fiber may pause in between.
        admit()
        return Effect.sync(() => {
          timer?.interruptUnsafe()
          // A waiter that had its turn passes its permit on. A refused waiter has none.
          if (!lane.remove(waiter) && waiter.hasPermit) release()
        })
      }),
    )

  const whenAdmitted = <A, E, F>(lane: Lane, hash: Effect.Effect<A, E>, admission: () => Effect.Effect<void, F>) =>
    Effect.uninterruptibleMask((restore): Effect.Effect<A, E | F> => {
      const released = Effect.onExit(hash, () => {
        release()
        return Effect.void
      })
      if (!isFree(lane)) return Effect.andThen(restore(admission()), released)
      inFlight++
      return released
    })

  return {
    run: (lane, keyId, hash) => whenAdmitted(lanes[lane], hash, () => wait(lanes[lane], keyId, overloaded, maxWait)),
    runNew: (hash) => whenAdmitted(laneOfNew, hash, () => wait(laneOfNew, "", Effect.never)),
    runLast: (hash) => whenAdmitted(lastLane, hash, () => wait(lastLane, "", Effect.never)),
    inFlight: () => inFlight,
  }
}

interface Waiter {
  readonly keyId: string
  /** Whether its turn has come, so that it isn't in the lane any more. */
  hasPermit: boolean
  readonly admit: () => void
  readonly refuse: () => void
}

/** The hashes that wait, by key id, in the order of the key ids' turns. */
class Lane {
  private readonly waiting = new Map<string, Array<Waiter>>()
  private readonly capacity: number
  size = 0

  constructor(capacity: number) {
    this.capacity = capacity
  }

  push(waiter: Waiter): void {
    const ours = this.waiting.get(waiter.keyId)
    if (this.size >= this.capacity) {
      const longest = this.longest()
      const last = longest !== undefined && longest.length > (ours?.length ?? 0) + 1 ? longest.at(-1) : undefined
      if (last === undefined) return waiter.refuse()
      this.remove(last)
      last.refuse()
    }
    this.size++
    if (ours === undefined) this.waiting.set(waiter.keyId, [waiter])
    else ours.push(waiter)
  }

  /** Removes the waiter whose turn it is. */
  shift(): Waiter | undefined {
    for (const [keyId, waiters] of this.waiting) {
      // No list is empty, so there is one.
      const next = waiters.shift()
      this.waiting.delete(keyId)
      if (waiters.length > 0) this.waiting.set(keyId, waiters)
      this.size--
      return next
    }
    return undefined
  }

  /** Whether the waiter was still in the lane. */
  remove(waiter: Waiter): boolean {
    const ours = this.waiting.get(waiter.keyId)
    if (ours === undefined) return false
    const index = ours.indexOf(waiter)
    if (index < 0) return false
    ours.splice(index, 1)
    if (ours.length === 0) this.waiting.delete(waiter.keyId)
    this.size--
    return true
  }

  private longest(): Array<Waiter> | undefined {
    let longest: Array<Waiter> | undefined
    for (const waiters of this.waiting.values()) {
      if (longest === undefined || waiters.length > longest.length) longest = waiters
    }
    return longest
  }
}
