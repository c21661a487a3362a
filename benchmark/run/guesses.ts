// A key's holder verifies while others guess secrets for that very key id, as many at once as the queue of hashes holds.
//
// The holder's loop has the main thread, on a core of its own; Argon2id has libuv's pool, on the other core. So what is measured is what
// guesses cost the main thread (parsing, queueing, failing) and the memory bus, and whether the holder ever waits behind them.
import { Effect } from "effect"
import { ApiKeyHasher } from "../../src/ApiKeyHasher.ts"
import { ApiKeys } from "../../src/ApiKeys.ts"
import { defaultPermits, defaultQueue } from "../../src/internal/verifier/hashQueue.ts"
import { emit } from "../figure.ts"
import { share } from "../measure.ts"
import { keepBusy, measureUnder } from "../support/assault.ts"
import { createKeys, layerMemoryArgon2 } from "../support/keys.ts"
import { guess, keyIdOf, Tokens } from "../support/tokens.ts"

const program = Effect.gen(function* () {
  const apiKeys = yield* ApiKeys
  // More would be refused at once, and only show what so many calls cost.
  const permits = defaultPermits((yield* ApiKeyHasher).threads ?? 1)
  const inFlight = permits + defaultQueue(permits)
  const [token = ""] = yield* createKeys(1)
  const tokens = new Tokens(Array<string>(10_000).fill(token))
  const guesses = Array.from({ length: 100_000 }, () => guess(keyIdOf(token)))
  let next = 0
  const assault = keepBusy(() => apiKeys.verify(guesses[next++ % guesses.length]!), inFlight)
  const { rates, note } = yield* measureUnder(assault, tokens, 1_500)
  emit({
    benchmark: "guesses",
    name: "holder's `verify` while others guess at its key, of peace",
    unit: "share",
    target: { atLeast: 0.9 },
    ...share(rates, "under assault", "in peace"),
    note: `${note}; ${inFlight} guesses in flight`,
  })
})

await Effect.runPromise(Effect.provide(program, layerMemoryArgon2()))
