// How fast each hasher verifies, as a share of the bare function that it calls, measured in turns in the same run: `npm run bench`.
import { createHmac, createSecretKey, randomBytes, argon2 as nodeArgon2 } from "node:crypto"
import { Console, Effect, type Layer, Redacted } from "effect"
import { ApiKeyHasher } from "../src/ApiKeyHasher.ts"
import * as Argon2 from "../src/hasher/Argon2.ts"
import * as Argon2Node from "../src/hasher/Argon2Node.ts"
import * as Hmac from "../src/hasher/Hmac.ts"

const pepper = Redacted.make(randomBytes(32).toString("hex"))
const secret = Redacted.make(randomBytes(32).toString("hex"))
const key = createSecretKey(Buffer.from(Redacted.value(pepper)))

const bareArgon2 = () =>
  new Promise<void>((resolve) =>
    nodeArgon2(
      "argon2id",
      {
        message: Redacted.value(secret),
        nonce: "0123456789abcdef",
        secret: Redacted.value(pepper),
        tagLength: 32,
        memory: 19_456,
        passes: 2,
        parallelism: 1,
      },
      () => resolve(),
    ),
  )
const bareHmac = async () => void createHmac("sha256", key).update(Redacted.value(secret)).digest()

/** Runs a second. */
const rate = async (run: () => Promise<unknown>, rounds: number): Promise<number> => {
  const start = performance.now()
  for (let round = 0; round < rounds; round++) await run()
  return (rounds / (performance.now() - start)) * 1_000
}
const median = (values: ReadonlyArray<number>): number => values.toSorted((a, b) => a - b)[values.length >> 1] ?? Number.NaN

const compare = (name: string, layer: Layer.Layer<ApiKeyHasher, unknown>, bare: () => Promise<unknown>, rounds: number) =>
  Effect.gen(function* () {
    const hasher = yield* ApiKeyHasher
    const hash = yield* hasher.hash(secret)
    const verify = () => Effect.runPromise(hasher.verify(secret, hash))
    const pairs: Array<readonly [number, number]> = []
    for (let pair = 0; pair < 7; pair++) {
      pairs.push([yield* Effect.promise(() => rate(verify, rounds)), yield* Effect.promise(() => rate(bare, rounds))])
    }
    const share = median(pairs.map(([ours, floor]) => ours / floor))
    yield* Console.log(
      `${name.padEnd(12)} ${median(pairs.map(([ours]) => ours))
        .toFixed(0)
        .padStart(8)} a second, ${share.toFixed(2)} of the bare function`,
    )
  }).pipe(Effect.provide(layer))

await Effect.runPromise(
  Effect.all([
    compare("Argon2", Argon2.layer({ pepper }), bareArgon2, 40),
    compare("Argon2Node", Argon2Node.layer({ pepper }), bareArgon2, 40),
    compare("Hmac", Hmac.layer({ pepper }), bareHmac, 20_000),
  ]),
)
