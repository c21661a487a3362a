/** Bounds the look-ups that strangers cause, so that connections of the store stay free for tokens with a good seal. */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Semaphore from "effect/Semaphore"
import { Overloaded } from "../../ApiKeyError.ts"

export interface Strangers {
  /** Runs the look-up as soon as there is room, which is waited for so long and no longer. */
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

  const takeTurn = <A, E>(lookUp: Effect.Effect<A, E>): Effect.Effect<A, E | Overloaded> =>
    Effect.suspend(() => {
      let hasBegun = false
      const inTurn = semaphore.withPermit(
        Effect.suspend(() => {
          hasBegun = true
          return lookUp
        }),
      )
      // The race ends the wait itself, not only its caller's, so that no permit goes to a look-up that was given up.
      const tooLong = Effect.flatMap(Effect.sleep(maxWait), () => (hasBegun ? Effect.never : overloaded))
      return Effect.raceFirst(inTurn, tooLong)
    })

  return {
    run: <A, E>(lookUp: Effect.Effect<A, E>) =>
      Effect.uninterruptibleMask((restore): Effect.Effect<A, E | Overloaded> => {
        if (present >= permits + queue) return overloaded
        present++
        const isFree = present <= permits
        return Effect.ensuring(restore(isFree ? semaphore.withPermit(lookUp) : takeTurn(lookUp)), leave)
      }),
  }
}
