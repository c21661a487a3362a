/**
 * Decides by time whether an earlier answer of the store still counts. It counts while this node hears of changes, and while the wall clock
 * goes forward.
 *
 * Ages are told by the wall clock alone, as it is read at each verification.
 */
import type * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Latch from "effect/Latch"

export interface Trust {
  /** Whether a change made at `at` is sure to be heard. Times are milliseconds. */
  readonly isInTouch: (at: number) => boolean
  /** Whether remembered answers may be used at all. */
  readonly isTrusted: (now: number) => boolean
  /** Whether an answer of the store from `at` may be used, and is younger than `maxAge`. */
  readonly isYoung: (at: number, now: number, maxAge: number) => boolean
  /** Reads the wall clock, and finds out whether it was set back. */
  readonly readClock: (clock: Clock.Clock) => number
  /** Called when an answer was remembered by this clock, which is watched from then on. */
  readonly watch: (clock: Clock.Clock) => void
  /** Sets the span (its end exclusive) in which changes are sure to be heard. Outside of it no remembered answer is used. */
  readonly trust: (from: number, until: number) => void
  /** Looks at the clock each second, as long as a remembered answer is young enough to be used. */
  readonly watchClock: Effect.Effect<never>
}

/** The interval of looking at the clock, in milliseconds. Until the next look, a clock that was set back may prolong remembered answers. */
const checkInterval = 1_000
/** The step back of the wall clock that is tolerated, in milliseconds. The two clocks aren't read at once, and don't run quite alike. */
const tolerance = 100

/** `onSetBack` is called when the wall clock was set back. Ages by it no longer hold. */
export const make = (timeToLive: number, onSetBack: () => void): Trust => {
  let trustedFrom = Number.NEGATIVE_INFINITY
  let trustedUntil = Number.POSITIVE_INFINITY
  /** The time that the clock gave when it was last read. */
  let noted = Number.NEGATIVE_INFINITY
  /** The later one of `trustedFrom` and `noted`. */
  let earliest = Number.NEGATIVE_INFINITY
  /** The highest difference between the wall clock and the monotonic clock. */
  let ahead = Number.NEGATIVE_INFINITY
  let watched: Clock.Clock | undefined
  let checks = 0
  /** Closed while no remembered answer is young enough to be used. */
  const isRemembering = Latch.makeUnsafe()

  // A clock that was set back since it was last read says nothing of ages, until it is read again.
  const isTrusted = (now: number): boolean => now >= earliest && now < trustedUntil

  const readClock = (clock: Clock.Clock): number => {
    const now = clock.currentTimeMillisUnsafe()
    const offset = now - Number(clock.monotonicTimeNanosUnsafe()) / 1e6
    // The offset is compared with the highest one. Compared with the last one, many small steps back would go unseen.
    if (offset < ahead - tolerance) {
      onSetBack()
      ahead = offset
    } else if (offset > ahead) ahead = offset
    noted = now
    earliest = Math.max(trustedFrom, noted)
    return now
  }

  const check = Effect.sync(() => {
    if (watched !== undefined) readClock(watched)
    // By now every remembered answer is too old.
    if (++checks * checkInterval > timeToLive + checkInterval) isRemembering.closeUnsafe()
  })

  return {
    isInTouch: (at) => at >= trustedFrom && at < trustedUntil,
    isTrusted,
    isYoung: (at, now, maxAge) => {
      // An age is negative for a moment after the clock was set back a little. `maxAge: 0` accepts no age.
      const age = now - at
      return age >= 0 && age < timeToLive && age < maxAge && isTrusted(now)
    },
    readClock,
    watch: (clock) => {
      // The callers' clock is watched, as their times are compared.
      watched = clock
      checks = 0
      isRemembering.openUnsafe()
    },
    trust: (from, until) => {
      trustedFrom = from
      trustedUntil = until
      earliest = Math.max(trustedFrom, noted)
    },
    watchClock: Effect.forever(Effect.andThen(isRemembering.await, Effect.andThen(check, Effect.sleep(checkInterval)))),
  }
}
