// Good tokens of keys with policies, seen before, verified again and again in one fiber: against those of keys without policies.
import { Effect, Redacted } from "effect"
import { ApiKeys } from "../../src/ApiKeys.ts"
import { emit } from "../figure.ts"
import { measure, share } from "../measure.ts"
import { layerMemory } from "../support/keys.ts"
import { inOneFiber } from "../support/loop.ts"
import { shuffle, Tokens } from "../support/tokens.ts"

const count = 10_000

// Wide enough that no use of the benchmark is refused.
const limits = [
  { name: "burst", limit: 1_000_000, window: "1 minute" },
  { name: "daily", limit: 1_000_000_000, window: "1 day", algorithm: "bucket" },
] as const

const createTokens = (policies: { readonly limits: typeof limits } | null) =>
  Effect.gen(function* () {
    const apiKeys = yield* ApiKeys
    const tokens: Array<string> = []
    for (let index = 0; index < count; index++) {
      const { token } = yield* apiKeys.create({ name: `key ${index}`, ownerId: "acme", scopes: ["invoices:read"], policies })
      tokens.push(Redacted.value(token))
    }
    return new Tokens(shuffle(tokens))
  })

const program = Effect.gen(function* () {
  const apiKeys = yield* ApiKeys
  const [plain, limited] = [yield* createTokens(null), yield* createTokens({ limits })]
  const verify = (tokens: Tokens) => ({
    before: tokens.renew,
    run: (count: number) => inOneFiber(count, (index) => apiKeys.verify(tokens.at(index))),
  })
  const rates = yield* Effect.promise(() => measure({ limited: verify(limited), plain: verify(plain) }))
  emit({
    benchmark: "policies",
    name: "warm `verify` of a key with two rate limits, of one without",
    unit: "share",
    target: { atLeast: 0.6 },
    ...share(rates, "limited", "plain"),
    note: "10,000 keys each, a window and a bucket in memory, one fiber",
  })
})

await Effect.runPromise(Effect.provide(program, layerMemory()))
