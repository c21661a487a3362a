import { assert, it } from "@effect/vitest"
import { Effect } from "effect"
import { layerMeters, metersSimulation, type MeterStatistics, simulateMeters } from "../src/testing.ts"

metersSimulation("a store in memory", layerMeters)

/** How often each thing happens at least in 10,000 steps, lest their answers prove little. */
const enough: Partial<MeterStatistics> = {
  granted: 1_000,
  refused: 1_000,
  failed: 50,
  interrupted: 60,
  lostAnswers: 5,
  repeated: 30,
  late: 15,
  crashes: 5,
  stops: 5,
  changes: 5,
}

it.effect("A simulation of meters comes to all that it is about, and twice to the same", () =>
  Effect.gen(function* () {
    const seeds = Array.from({ length: 10 }, (_, index) => 5_000 + index)
    const run = Effect.provide(
      Effect.forEach(seeds, (seed) => simulateMeters({ seed, steps: 1_000 })),
      layerMeters,
    )
    const first = yield* run
    assert.deepStrictEqual(yield* run, first)
    for (const [what, least] of Object.entries(enough)) {
      assert.isAtLeast(
        // The names are those of statistics.
        first.reduce((sum, statistics) => sum + statistics[what as keyof MeterStatistics], 0),
        least,
        what,
      )
    }
  }),
)
