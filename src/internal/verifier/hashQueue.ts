/**
 * Bounds how many secrets are hashed at a time, and who waits for it.
 *
 * Those whose token bears a good seal come before all strangers, with one permit more. Of the others, those who give a known key id and those
 * who give an unknown one wait in lanes of their own, and take turns; within the lane of known ones the key ids take turns. So neither a flood of invented key ids nor one of guesses at some keys keeps the holder of another from
 * being verified. A lane holds so many and no more; a known key id that has fewer waiting takes the place of the last of the one that has
 * most. Secrets of new keys, which no stranger asks for, have a lane that takes all and in which they wait as long as it takes: where
 * they wait, each other turn of good seals is theirs. What nobody waits for comes last: it has its turn when all lanes are empty.
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { Overloaded } from "../../ApiKeyError.ts"

/** Whether the token bears a good seal, or else whether there is a record with the key id. */
export type LaneName = "sealed" | "known" | "unknown"

export interface HashQueue {
  /**
   * Runs `hash` as soon as there is room. Once it runs it isn't interrupted, as what computes in another thread can't be stopped and would
   * be hashed beyond the bound.
   */
  readonly run: <A, E>(lane: LaneName, keyId: string, hash: Effect.Effect<A, E>) => Effect.Effect<A, E | Overloaded>
  /** The same for the secret of a new key. */
  readonly runNew: <A, E>(hash: Effect.Effect<A, E>) => Effect.Effect<A, E>
  /** The same for what nobody waits for. */
  readonly runLast: <A, E>(hash: Effect.Effect<A, E>) => Effect.Effect<A, E>
  readonly inFlight: () => number
}

export interface HashQueueOptions {
  readonly permits: number
  /** How many may wait in each lane. */
  readonly queue: number
  readonly maxWait: Duration.Duration
}

/** One core and one thread of libuv's pool are what a thread of a hash needs; another of the pool is left to others. */
export const defaultPermits = (threads: number): number => {
  const cores = globalThis.navigator?.hardwareConcurrency ?? 4
  // Read as libuv reads it, which takes what isn't a number for 1.
  const poolSize = Number.parseInt(globalThis.process?.env["UV_THREADPOOL_SIZE"] ?? "4", 10) || 1
  return Math.max(1, Math.min(Math.floor(cores / Math.max(1, threads)), poolSize - 1))
}

/** About as many as are hashed within `maxWait` with costly parameters: more would only wait for nothing. */
export const defaultQueue = (permits: number): number => 64 * permits

/** Permits that no stranger can take, beyond those for all. */
const reserved = 1

export const make = ({ permits, queue, maxWait }: HashQueueOptions): HashQueue => {
  let inFlight = 0
  const lanes = { sealed: new Lane(queue), known: new Lane(queue), unknown: new Lane(queue) }
  const laneOfNew = new Lane(Number.POSITIVE_INFINITY)
  const lastLane = new Lane(Number.POSITIVE_INFINITY)
  /** Whether the last permit went to a good seal while new keys waited. */
  let newIsNext = false
  /** Whose turn it is comes first. The first lane and the last take no turns here. */
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
    // The permit goes on to who waits, in a task of its own: hashes that never pause would pile up on the stack.
    queueMicrotask(next.admit)
  }

  // One callback for both outcomes, so that a permit can't be handed to who has just given up.
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
        // One may have become free since it was looked for: a fiber may pause in between.
        admit()
        return Effect.sync(() => {
          timer?.interruptUnsafe()
          // It was its turn already, so the permit goes on. Who was refused has none.
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
  /** It isn't in the lane any more, as it was its turn. */
  hasPermit: boolean
  readonly admit: () => void
  readonly refuse: () => void
}

/** Hashes that wait, by key id, in the order of the key ids' turns. */
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

  /** The next in turn. */
  shift(): Waiter | undefined {
    for (const [keyId, waiters] of this.waiting) {
      // No list is empty.
      const next = waiters.shift()
      this.waiting.delete(keyId)
      if (waiters.length > 0) this.waiting.set(keyId, waiters)
      this.size--
      return next
    }
    return undefined
  }

  /** Whether it was still waiting. */
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
