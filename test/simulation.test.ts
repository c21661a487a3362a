import { assert, it } from "@effect/vitest"
import { Effect } from "effect"
import * as Pglite from "../src/sql/Pglite.ts"
import { layerRepository, simulate, type Statistics, verificationSimulation } from "../src/testing.ts"

verificationSimulation("a store in memory", layerRepository)
verificationSimulation("PGlite", Pglite.layerPglite(), { steps: 2_000 })

/** How often each thing happens at least in 5,000 steps, lest their answers prove little. */
const enough: Partial<Statistics> = {
  granted: 1_000,
  refused: 1_000,
  outdated: 30,
  outOfTouch: 300,
  changes: 300,
  confirmed: 10,
  unconfirmed: 10,
  interrupted: 20,
  rotations: 50,
  settled: 10,
  endedGraces: 5,
  revoked: 5,
  grantedPrevious: 50,
  expiredPrevious: 50,
  forgotten: 30,
  restarts: 1,
  lostAnswers: 5,
  lateWrites: 5,
  lostRegisters: 1,
  splits: 1,
  refusedByPolicy: 100,
  unknownPolicies: 20,
  refusedUnsealed: 10,
  grantedUnsealed: 50,
  changedRings: 3,
  heard: 200,
}

it.effect("A simulation comes to all that it is about, and twice to the same", () =>
  Effect.gen(function* () {
    const seeds = Array.from({ length: 10 }, (_, index) => 5_000 + index)
    const run = Effect.forEach(seeds, (seed) => simulate({ seed, steps: 500 }))
    const first = yield* run
    assert.deepStrictEqual(yield* run, first)
    for (const [what, least] of Object.entries(enough)) {
      assert.isAtLeast(
        // The names are those of statistics.
        first.reduce((sum, statistics) => sum + statistics[what as keyof Statistics], 0),
        least,
        what,
      )
    }
  }).pipe(Effect.provide(layerRepository)),
)
