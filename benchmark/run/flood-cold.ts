// Good keys that the cache doesn't hold are verified while invented tokens arrive, with Argon2id: their seals tell them from those that were issued,
// so that they are neither looked up nor hashed.
import { availableParallelism } from "node:os"
import { Effect } from "effect"
import { ApiKeys } from "../../src/ApiKeys.ts"
import { emit } from "../figure.ts"
import { type Contender, measure, share } from "../measure.ts"
import { flood } from "../support/assault.ts"
import { createKeys, layerMemoryArgon2 } from "../support/keys.ts"
import { invent, Tokens } from "../support/tokens.ts"

const concurrency = availableParallelism()

const program = Effect.gen(function* () {
  const apiKeys = yield* ApiKeys
  const tokens = new Tokens(yield* createKeys(20))
  const invented = Array.from({ length: 100_000 }, invent)
  let next = 0
  // All tokens are found to be sealed by then.
  yield* Effect.sleep("3 seconds")
  const run = (count: number) =>
    Effect.runPromise(Effect.forEach(Array(count).keys(), (index) => apiKeys.verify(tokens.at(index)), { concurrency, discard: true }))
  const outcomes = new Map<number, string>()
  const under = (perSecond: number): Contender => {
    const assault = flood(() => apiKeys.verify(invented[next++ % invented.length]!), perSecond)
    return {
      before: async () => {
        tokens.renew()
        assault.start()
        await Effect.runPromise(Effect.sleep("100 millis"))
      },
      run,
      after: async () => {
        await assault.stop()
        outcomes.set(perSecond, Array.from(assault.outcomes, ([outcome, count]) => `${count} ${outcome}`).join(", "))
      },
    }
  }
  const rates = yield* Effect.promise(() =>
    measure(
      { "in peace": { before: tokens.renew, run }, "under 1,000": under(1_000), "under 20,000": under(20_000) },
      { milliseconds: 1_000 },
    ),
  )
  for (const [name, perSecond, atLeast] of [
    ["under 1,000", 1_000, 0.9],
    ["under 20,000", 20_000, 0.6],
  ] as const) {
    emit({
      benchmark: "flood-cold",
      name: `cold \`verify\` ${name} invented tokens a second, of peace`,
      unit: "share",
      target: { atLeast },
      ...share(rates, name, "in peace"),
      note: `Argon2id, cache off, ${concurrency} in flight; a round's invented tokens ended as: ${outcomes.get(perSecond)}`,
    })
  }
})

await Effect.runPromise(Effect.provide(program, layerMemoryArgon2({ cache: "off" })))
