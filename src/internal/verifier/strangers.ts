/** Bounds the look-ups that strangers cause, so that connections of the store stay free for tokens with a good seal. */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Semaphore from "effect/Semaphore"
import { Overloaded } from "../../ApiKeyError.ts"

export interface Strangers {
  /** Runs the look-up as soon as there is room. */
  readonly run: <A, E>(lookUp: Effect.Effect<A, E>) => Effect.Effect<A, E | Overloaded>
}

/** How many look-ups at a time: fewer than a pool has connections. */
const permits = 8
/** How many may wait. */
const queue = 1_024

export const make = (maxWait: Duration.Duration): Strangers => {
  const semaphore = Semaphore.makeUnsafe(permits)
  const overloaded = Effect.fail(new Overloaded({ retryAfterSeconds: Math.max(1, Math.ceil(Duration.toSeconds(maxWait))) }))
  let present = 0
  const leave = Effect.sync(() => {
    present--
  })
  return {
    run: <A, E>(lookUp: Effect.Effect<A, E>) =>
      Effect.uninterruptibleMask((restore): Effect.Effect<A, E | Overloaded> => {
        if (present >= permits + queue) return overloaded
        present++
        return Effect.ensuring(restore(semaphore.withPermit(lookUp)), leave)
      }),
  }
}
