import type * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"

/** Makes a clock that is ahead of another by some milliseconds. */
export const makeAhead = (clock: Clock.Clock, millis: number): Clock.Clock => {
  const nanos = BigInt(millis) * 1_000_000n
  const currentTimeMillisUnsafe = (): number => clock.currentTimeMillisUnsafe() + millis
  const currentTimeNanosUnsafe = (): bigint => clock.currentTimeNanosUnsafe() + nanos
  return {
    currentTimeMillisUnsafe,
    currentTimeMillis: Effect.sync(currentTimeMillisUnsafe),
    currentTimeNanosUnsafe,
    currentTimeNanos: Effect.sync(currentTimeNanosUnsafe),
    monotonicTimeNanosUnsafe: () => clock.monotonicTimeNanosUnsafe(),
    monotonicTimeNanos: clock.monotonicTimeNanos,
    sleep: (duration) => clock.sleep(duration),
  }
}
