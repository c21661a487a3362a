import { layer as describeWith } from "@effect/vitest"
import * as Config from "effect/Config"
import * as Effect from "effect/Effect"
import type * as Layer from "effect/Layer"
import * as Random from "effect/Random"
import * as References from "effect/References"
import * as TestClock from "effect/testing/TestClock"
import type { ApiKeyRepository } from "../../ApiKeyRepository.ts"
import { runHistory } from "./simulation/history.ts"
import type { SimulationFailure, Statistics } from "./simulation/outcome.ts"

export { SimulationFailure, type Statistics } from "./simulation/outcome.ts"

/**
 * The seed and the length of a simulation.
 * @category models
 * @since 0.1.0
 */
export interface SimulationOptions {
  /** The seed of the first history. The same seed gives the same history. Default: `SIMULATION_SEED`, or 1. */
  readonly seed?: number | undefined
  /** The number of operations. Default: `SIMULATION_STEPS`, or 100,000. */
  readonly steps?: number | undefined
}

/** A simulation runs as histories of this length, each with its own seed, so that a failing history is short. */
const stepsOfEpisode = 2_000

/**
 * Tests that nodes on one store verify as promised under all faults of the channel between them.
 *
 * In random histories, nodes verify, change and rotate keys, are cut off and restarted. A model of the keys says which answers are allowed.
 *
 * Only the test's clock advances, so minutes of a history take a second. The store may hold other keys. The keys of the simulation are deleted at
 * its end.
 * @category tests
 * @since 0.1.0
 */
export const verificationSimulation = <E>(name: string, layer: Layer.Layer<ApiKeyRepository, E>, options: SimulationOptions = {}): void => {
  describeWith(layer)(`Verification on nodes that share ${name}`, (it) => {
    it.effect(
      "never answers by what can't be true any more",
      () =>
        Effect.gen(function* () {
          const seed = options.seed ?? (yield* Config.Int("SIMULATION_SEED").pipe(Config.withDefault(1)))
          const steps = options.steps ?? (yield* Config.Int("SIMULATION_STEPS").pipe(Config.withDefault(100_000)))
          for (let done = 0; done < steps; done += stepsOfEpisode) {
            yield* simulate({ seed: seed + done / stepsOfEpisode, steps: Math.min(stepsOfEpisode, steps - done) })
          }
        }),
      { timeout: 24 * 60 * 60 * 1_000 },
    )
  })
}

/**
 * Runs one history on the clock of the test, which is set to 0. So earlier runs don't influence the history.
 * @category tests
 * @since 0.1.0
 */
export const simulate = ({
  seed,
  steps,
}: {
  readonly seed: number
  readonly steps: number
}): Effect.Effect<Statistics, SimulationFailure, ApiKeyRepository> =>
  TestClock.setTime(0).pipe(
    Effect.andThen(Effect.scoped(runHistory(seed, steps))),
    Random.withSeed(seed),
    // Nodes that are cut off would flood the log.
    Effect.provideService(References.MinimumLogLevel, "None"),
  )
