// A key's holder verifies while others guess secrets for that very key id, as many at once as the queue of hashes holds.
//
// The holder's loop has the main thread, on a core of its own; Argon2id has libuv's pool, on the other core. So what is measured is what
// guesses cost the main thread (parsing, queueing, failing) and the memory bus, and whether the holder ever waits behind them.
import { availableParallelism } from "node:os"
import { Effect } from "effect"
import { ApiKeys } from "../../src/ApiKeys.ts"
import { emit } from "../figure.ts"
import { measure, share } from "../measure.ts"
import { keepBusy } from "../support/assault.ts"
import { createKeys, layerMemoryArgon2 } from "../support/keys.ts"
import { inOneFiber } from "../support/loop.ts"
import { separateThreads } from "../support/threads.ts"
import { guess, keyIdOf, Tokens } from "../support/tokens.ts"

/** The default queue and permits: as many as can wait and be hashed at once. */
const inFlight = 1_000 + availableParallelism()

const program = Effect.gen(function* () {
  const apiKeys = yield* ApiKeys
  const [token = ""] = yield* createKeys(1)
  const isSeparate = separateThreads()
  const tokens = new Tokens(Array<string>(10_000).fill(token))
  const guesses = Array.from({ length: 100_000 }, () => guess(keyIdOf(token)))
  const run = (count: number) => inOneFiber(count, (index) => apiKeys.verify(tokens.at(index)))
  // What is measured is a holder whose key is known; the first guesses would keep a new one waiting.
  yield* Effect.promise(() => run(1))
  let next = 0
  const assault = keepBusy(() => apiKeys.verify(guesses[next++ % guesses.length]!), inFlight)
  const seen: Array<string> = []
  const rates = yield* Effect.promise(() =>
    measure(
      {
        "under guesses": {
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
      { milliseconds: 1_500 },
    ),
  )
  emit({
    benchmark: "guesses",
    name: "holder's `verify` while others guess at its key, of peace",
    unit: "share",
    target: { atLeast: 0.9 },
    ...share(rates, "under guesses", "in peace"),
    note: `Argon2id${isSeparate ? " on the other core" : ""}; ${inFlight} guesses in flight; a round's guesses ended as: ${seen.at(-1)}`,
  })
})

await Effect.runPromise(Effect.provide(program, layerMemoryArgon2()))
