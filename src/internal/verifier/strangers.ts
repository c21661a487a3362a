/** Bounds the look-ups that strangers cause, so that connections of the store stay free for tokens with a good seal. */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Semaphore from "effect/Semaphore"
import { Overloaded } from "../../ApiKeyError.ts"

export interface Strangers {
  /** Runs the look-up as soon as there is room. The wait for room has a limit. */
  readonly run: <A, E>(lookUp: Effect.Effect<A, E>) => Effect.Effect<A, E | Overloaded>
}

/** The number of look-ups at a time, which is less than the connections of a pool. */
const permits = 8
/** The number of look-ups that may wait. */
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
      // The race ends the wait for the permit itself. So no permit goes to a look-up that was given up.
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
