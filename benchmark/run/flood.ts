// Good keys are verified while 1,000 tokens a second arrive whose key ids don't exist. Each has to cost what a wrong secret costs, so they
// keep the queue of hashes full.
//
// Threads are on cores as in `guesses.ts`.
import { Effect } from "effect"
import { ApiKeys } from "../../src/ApiKeys.ts"
import { emit } from "../figure.ts"
import { share } from "../measure.ts"
import { flood, measureUnder } from "../support/assault.ts"
import { createKeys, layerMemoryArgon2 } from "../support/keys.ts"
import { invent, Tokens } from "../support/tokens.ts"

const program = Effect.gen(function* () {
  const apiKeys = yield* ApiKeys
  const tokens = new Tokens(yield* createKeys(100))
  const invented = Array.from({ length: 100_000 }, invent)
  let next = 0
  const assault = flood(() => apiKeys.verify(invented[next++ % invented.length]!), 1_000)
  const { rates, note } = yield* measureUnder(assault, tokens, 2_500)
  emit({
    benchmark: "flood",
    name: "warm `verify` during 1,000 unknown key ids a second, of peace",
    unit: "share",
    target: { atLeast: 0.7 },
    ...share(rates, "under assault", "in peace"),
    note,
  })
})

await Effect.runPromise(Effect.provide(program, layerMemoryArgon2()))
