// A key that the cache doesn't hold, with Argon2id, as many in flight as there are cores: against the bare function, as many in flight.
import { argon2 } from "node:crypto"
import { availableParallelism } from "node:os"
import { Effect, Redacted } from "effect"
import { ApiKeys } from "../../src/ApiKeys.ts"
import { emit } from "../figure.ts"
import { measure, share } from "../measure.ts"
import { createKeys, layerMemoryArgon2, pepper } from "../support/keys.ts"
import { Tokens } from "../support/tokens.ts"

const concurrency = availableParallelism()

const program = Effect.gen(function* () {
  const apiKeys = yield* ApiKeys
  const tokens = new Tokens(yield* createKeys(20))
  const together = <E>(count: number, body: (index: number) => Effect.Effect<unknown, E>) =>
    Effect.runPromise(Effect.forEach(Array(count).keys(), body, { concurrency, discard: true }))
  const rates = yield* Effect.promise(() =>
    measure(
      {
        verify: { before: tokens.renew, run: (count) => together(count, (index) => apiKeys.verify(tokens.at(index))) },
        "bare function": { before: tokens.renew, run: (count) => together(count, () => bare) },
      },
      { milliseconds: 1_000 },
    ),
  )
  emit({
    benchmark: "cold-argon2",
    name: "cold `verify` with Argon2id, of the bare function",
    unit: "share",
    target: { atLeast: 0.95 },
    ...share(rates, "verify", "bare function"),
    note: `cache off, ${concurrency} in flight`,
  })
})

const bare = Effect.promise(
  () =>
    new Promise<Buffer>((resolve, reject) => {
      argon2(
        "argon2id",
        {
          message: Buffer.alloc(64, "x"),
          nonce: Buffer.alloc(16, "y"),
          secret: Buffer.from(Redacted.value(pepper)),
          tagLength: 32,
          memory: 19_456,
          passes: 2,
          parallelism: 1,
        },
        (error, tag) => (error === null || error === undefined ? resolve(tag) : reject(error)),
      )
    }),
)

await Effect.runPromise(Effect.provide(program, layerMemoryArgon2({ cache: "off" })))
