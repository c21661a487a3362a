/**
 * Shares look-ups. Callers with the same token wait for one look-up and one hash, their flight. It goes on as long as one of them waits.
 */
import * as Cause from "effect/Cause"
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import type { Credential } from "./credential.ts"
import type { Found } from "./entry.ts"
import type { LookUp, LookUpError } from "./lookUp.ts"
import type { Memory } from "./memory.ts"
import type { Doubts } from "../nodes/doubts.ts"
import type { Standing } from "./standing.ts"

export interface Flights {
  /** The record from the store, by a flight that is recent enough or by a new one. */
  readonly board: (
    credential: Credential,
    standing: Standing | undefined,
    digest: string,
    now: number,
    maxAge: number,
    context: Context.Context<never>,
  ) => Effect.Effect<Found, LookUpError>
}

export interface Dependencies {
  readonly lookUp: LookUp
  readonly memory: Memory
  readonly doubts: Pick<Doubts, "isEmpty">
}

interface Flight {
  readonly fiber: Fiber.Fiber<Found, LookUpError>
  /** The token's digest and the key id. A token of another format may be looked for under several key ids. */
  readonly name: string
  readonly startedAt: number
  readonly generation: number
  waiting: number
}

export const make = ({ lookUp, memory, doubts }: Dependencies): Flights => {
  const { trust, generations } = memory
  const flights = new Map<string, Flight>()

  const board: Flights["board"] = (credential, standing, digest, now, maxAge, context) => {
    const name = digest + credential.keyId
    // Any other flight that is found later began after the call.
    const before = flights.get(name)
    // A flight looks again after a change. The generation is compared too, as a change may come between its last look and its end. A
    // record that was read out of touch with the others may have changed since, unheard.
    const isRecent = (flight: Flight): boolean =>
      flight.generation === generations.of(credential.keyId) &&
      // A flight doesn't know its record yet, so none is joined while any record is in doubt.
      (flight !== before || (doubts.isEmpty() && trust.isInTouch(flight.startedAt) && trust.isYoung(flight.startedAt, now, maxAge)))
    const attempt = (): Effect.Effect<Found, LookUpError> => {
      const current = flights.get(name)
      // The caller who began the flight may have left it just before it was joined.
      if (current !== undefined && isRecent(current)) {
        return Effect.catchCause(
          join(() => current),
          (cause) => (Cause.hasInterruptsOnly(cause) ? attempt() : Effect.failCause(cause)),
        )
      }
      // A flight whose hash is under way is waited for, so that the hash isn't computed twice.
      if (current !== undefined && memory.provenHash(digest, credential.keyId) === undefined) {
        return Effect.matchCauseEffect(
          join(() => current),
          { onFailure: attempt, onSuccess: attempt },
        )
      }
      return join(() => start(name, credential, standing, digest, now, context))
    }
    return attempt()
  }

  const start = (
    name: string,
    credential: Credential,
    standing: Standing | undefined,
    digest: string,
    startedAt: number,
    context: Context.Context<never>,
  ): Flight => {
    const generation = generations.of(credential.keyId)
    const fiber = Effect.runForkWith(context)(lookUp(credential, standing, digest, context))
    const flight: Flight = { fiber, name, startedAt, generation, waiting: 0 }
    flights.set(name, flight)
    fiber.addObserver(() => leave(flight))
    return flight
  }

  const leave = (flight: Flight): void => {
    if (flights.get(flight.name) === flight) flights.delete(flight.name)
  }

  // A caller counts as waiting at once. Its fiber may pause before it waits, and the last other caller may give up meanwhile.
  const join = (choose: () => Flight): Effect.Effect<Found, LookUpError> =>
    Effect.callback((resume) => {
      const flight = choose()
      flight.waiting++
      const stopWatching = flight.fiber.addObserver(resume)
      return Effect.sync(() => {
        stopWatching()
        if (--flight.waiting > 0) return
        // The interruption waits for a running hash. Until then no caller may join the flight, which will end as interrupted.
        leave(flight)
        flight.fiber.interruptUnsafe()
      })
    })

  return { board }
}
