import { Effect } from "effect"
import { ApiKeys } from "../../src/ApiKeys.ts"
import { emit } from "../figure.ts"
import { type Contender, measure, share } from "../measure.ts"
import { createKeys, layerMemory } from "../support/keys.ts"
import { inOneFiber } from "../support/loop.ts"
import { shuffle, Tokens } from "../support/tokens.ts"

/** As many as keypal's cache holds, so that every peer verifies as many keys. */
export const keyCount = 10_000

/** Compares warm `verify` with a peer's check, each in a loop of the kind that it is made for. */
export const against = (peer: string, check: Contender, atLeast: number | undefined, note: string): Promise<void> =>
  Effect.gen(function* () {
    const apiKeys = yield* ApiKeys
    const tokens = new Tokens(shuffle(yield* createKeys(keyCount)))
    const verify: Contender = { before: tokens.renew, run: (count) => inOneFiber(count, (index) => apiKeys.verify(tokens.at(index))) }
    // One pass over the keys doesn't take long, so there are more rounds.
    const rates = yield* Effect.promise(() => measure({ verify, peer: check }, { maximum: keyCount, rounds: 25 }))
    const { value, spread, rates: medians } = share(rates, "verify", "peer")
    emit({
      benchmark: peer,
      name: `warm \`verify\`, of ${peer}`,
      unit: "times",
      target: atLeast === undefined ? undefined : { atLeast },
      value,
      spread,
      rates: { verify: medians.verify ?? Number.NaN, [peer]: medians.peer ?? Number.NaN },
      note,
    })
  }).pipe(Effect.provide(layerMemory()), Effect.runPromise)
