import { assert, it } from "@effect/vitest"
import { Effect } from "effect"
import * as Pglite from "../src/sql/Pglite.ts"
import { layerRepository, simulate, verificationSimulation } from "../src/testing.ts"

verificationSimulation("a store in memory", layerRepository)
verificationSimulation("PGlite", Pglite.layerPglite(), { steps: 2_000 })

it.effect("A simulation comes to all that it is about, and twice to the same", () =>
  Effect.gen(function* () {
    const seeds = Array.from({ length: 10 }, (_, index) => 2_000 + index)
    const run = Effect.forEach(seeds, (seed) => simulate({ seed, steps: 500 }))
    const first = yield* run
    assert.deepStrictEqual(yield* run, first)
    for (const what of [
      "granted",
      "refused",
      "outdated",
      "outOfTouch",
      "changes",
      "confirmed",
      "unconfirmed",
      "restarts",
      "lostAnswers",
      "lateWrites",
      "lostRegisters",
      "splits",
    ] as const) {
      assert.isAbove(
        first.reduce((sum, statistics) => sum + statistics[what], 0),
        0,
        what,
      )
    }
  }).pipe(Effect.provide(layerRepository)),
)
