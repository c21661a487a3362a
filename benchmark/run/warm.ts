// A good token that was seen before, verified again and again in one fiber: against the least that such a check can do.
import { Effect } from "effect"
import { ApiKeys } from "../../src/ApiKeys.ts"
import { emit } from "../figure.ts"
import { measure, share } from "../measure.ts"
import { makeFloor } from "../support/floor.ts"
import { createKeys, layerMemory } from "../support/keys.ts"
import { inOneFiber } from "../support/loop.ts"
import { shuffle, Tokens } from "../support/tokens.ts"

const count = 100_000

const program = Effect.gen(function* () {
  const apiKeys = yield* ApiKeys
  const list = shuffle(yield* createKeys(count))
  const tokens = new Tokens(list)
  const check = makeFloor(list)
  const rates = yield* Effect.promise(() =>
    measure(
      {
        verify: { before: tokens.renew, run: (count) => inOneFiber(count, (index) => apiKeys.verify(tokens.at(index))) },
        floor: {
          before: tokens.renew,
          run: (count) => {
            for (let index = 0; index < count; index++) if (!check(tokens.at(index))) throw new Error("The floor refused a good token")
          },
        },
      },
      { maximum: count },
    ),
  )
  emit({
    benchmark: "warm",
    name: "warm `verify`, of SHA-256 + Map + compare",
    unit: "share",
    target: { atLeast: 0.5 },
    ...share(rates, "verify", "floor"),
    note: "100,000 keys in random order, one fiber",
  })
})

await Effect.runPromise(Effect.provide(program, layerMemory()))
