import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as ApiKeyMetrics from "../../ApiKeyMetrics.ts"

/** Measures how long a verification took, whether it succeeded or not. */
export const observe = <A, E>(verify: Effect.Effect<A, E>): Effect.Effect<A, E> =>
  Effect.withFiber((fiber) => {
    const clock = fiber.getRef(Clock.Clock)
    const begun = clock.monotonicTimeNanosUnsafe()
    return Effect.ensuring(
      verify,
      Effect.sync(() => ApiKeyMetrics.duration.updateUnsafe(Number(clock.monotonicTimeNanosUnsafe() - begun) / 1e6, fiber.context)),
    )
  })
