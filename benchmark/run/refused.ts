// Tokens that are refused without hashing, invented ones among them as all are sealed, and a wrong secret that comes again: against good tokens in the same loop.
import { Effect } from "effect"
import { ApiKeys } from "../../src/ApiKeys.ts"
import { emit } from "../figure.ts"
import { type Contender, measure, share } from "../measure.ts"
import { createKeys, layerMemory } from "../support/keys.ts"
import { inOneFiber, settled } from "../support/loop.ts"
import { guess, invent, keyIdOf, mistype, shuffle, Tokens } from "../support/tokens.ts"

const count = 10_000

const program = Effect.gen(function* () {
  const apiKeys = yield* ApiKeys
  const list = shuffle(yield* createKeys(count))
  // All tokens are found to be sealed by then.
  yield* Effect.sleep("3 seconds")
  const contender = (tokens: Tokens): Contender => ({
    before: tokens.renew,
    run: (count) => inOneFiber(count, (index) => settled(apiKeys.verify(tokens.at(index)))),
  })
  const malformed = new Tokens(list.map((token, index) => (index % 2 === 0 ? `xx${token.slice(2)}` : `${token.slice(0, -1)}!`)))
  const rates = yield* Effect.promise(() =>
    measure(
      {
        good: contender(new Tokens(list)),
        malformed: contender(malformed),
        "mistyped token": contender(new Tokens(list.map(mistype))),
        "mistyped unknown": contender(new Tokens(list.map(invent).map(mistype))),
        invented: contender(new Tokens(list.map(invent))),
        "wrong secret again": contender(new Tokens(list.slice(0, 1_000).map((token) => guess(keyIdOf(token))))),
      },
      { maximum: count },
    ),
  )
  for (const [refused, atLeast] of [
    ["malformed", 1],
    ["mistyped token", 1],
    ["mistyped unknown", 1],
    ["invented", 0.5],
    ["wrong secret again", 0.3],
  ] as const) {
    emit({
      benchmark: "refused",
      name: `${refused}, of a good token`,
      unit: "share",
      target: { atLeast },
      ...share(rates, refused, "good"),
      note: refused === "wrong secret again" ? "one wrong secret for each of 1,000 keys, HMAC hasher" : "10,000 tokens",
    })
  }
})

await Effect.runPromise(Effect.provide(program, layerMemory()))
