// A warm `verify` run by itself, as a program without Effect calls it: against running nothing that way, and against the floor of `warm.ts`
// run that way.
import { Effect } from "effect"
import { ApiKeys } from "../../src/ApiKeys.ts"
import { emit } from "../figure.ts"
import { measure, share } from "../measure.ts"
import { makeFloor } from "../support/floor.ts"
import { createKeys, layerMemory } from "../support/keys.ts"
import { shuffle, Tokens } from "../support/tokens.ts"

const count = 100_000

const program = Effect.gen(function* () {
  const apiKeys = yield* ApiKeys
  const list = shuffle(yield* createKeys(count))
  const tokens = new Tokens(list)
  const check = makeFloor(list)
  const nothing = Effect.succeed(0)
  const rates = yield* Effect.promise(() =>
    measure(
      {
        verify: {
          before: tokens.renew,
          run: async (count) => {
            for (let index = 0; index < count; index++) await Effect.runPromise(apiKeys.verify(tokens.at(index)))
          },
        },
        floor: {
          before: tokens.renew,
          run: async (count) => {
            for (let index = 0; index < count; index++) await Effect.runPromise(Effect.sync(() => check(tokens.at(index))))
          },
        },
        nothing: {
          before: tokens.renew,
          run: async (count) => {
            for (let index = 0; index < count; index++) await Effect.runPromise(nothing)
          },
        },
      },
      { maximum: count },
    ),
  )
  emit({
    benchmark: "promise",
    name: "warm `verify` by `Effect.runPromise`, of running nothing",
    unit: "share",
    target: { atLeast: 0.7 },
    ...share(rates, "verify", "nothing"),
    note: "100,000 keys in random order",
  })
  emit({
    benchmark: "promise",
    name: "warm `verify` by `Effect.runPromise`, of the floor run so",
    unit: "share",
    ...share(rates, "verify", "floor"),
    note: "for comparison: SHA-256 + Map + compare within `Effect.sync`",
  })
})

await Effect.runPromise(Effect.provide(program, layerMemory()))
