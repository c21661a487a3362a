// Good keys are verified while 1,000 tokens a second arrive whose key ids don't exist. Each has to cost what a wrong secret costs, so they
// keep the queue of hashes full.
//
// Threads are on cores as in `guesses.ts`.
import { Effect } from "effect"
import { ApiKeys } from "../../src/ApiKeys.ts"
import { emit } from "../figure.ts"
import { measure, share } from "../measure.ts"
import { flood } from "../support/assault.ts"
import { createKeys, layerMemoryArgon2 } from "../support/keys.ts"
import { inOneFiber } from "../support/loop.ts"
import { separateThreads } from "../support/threads.ts"
import { invent, Tokens } from "../support/tokens.ts"

const program = Effect.gen(function* () {
  const apiKeys = yield* ApiKeys
  const tokens = new Tokens(yield* createKeys(100))
  const isSeparate = separateThreads()
  yield* Effect.promise(() => inOneFiber(tokens.count, (index) => apiKeys.verify(tokens.at(index))))
  const invented = Array.from({ length: 100_000 }, invent)
  let next = 0
  const assault = flood(() => apiKeys.verify(invented[next++ % invented.length]!), 1_000)
  const run = (count: number) => inOneFiber(count, (index) => apiKeys.verify(tokens.at(index)))
  const seen: Array<string> = []
  const rates = yield* Effect.promise(() =>
    measure(
      {
        "under the flood": {
          before: async () => {
            tokens.renew()
            assault.start()
            await Effect.runPromise(Effect.sleep("100 millis"))
          },
          run,
          after: async () => {
            await assault.stop()
            seen.push(Array.from(assault.outcomes, ([outcome, count]) => `${count} ${outcome}`).join(", "))
          },
        },
        "in peace": { before: tokens.renew, run },
      },
      { milliseconds: 2_500 },
    ),
  )
  emit({
    benchmark: "flood",
    name: "warm `verify` during 1,000 unknown key ids a second, of peace",
    unit: "share",
    target: { atLeast: 0.7 },
    ...share(rates, "under the flood", "in peace"),
    note: `Argon2id${isSeparate ? " on the other core" : ""}; a round's flood ended as: ${seen.at(-1)}`,
  })
})

await Effect.runPromise(Effect.provide(program, layerMemoryArgon2()))
