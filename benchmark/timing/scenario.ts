// One scenario of `../timing.ts`: <hasher> <repository> <off|cold|warm>.
import { Console, Effect, Layer } from "effect"
import * as ApiKeyRepository from "../../src/ApiKeyRepository.ts"
import * as ApiKeys from "../../src/ApiKeys.ts"
import { median } from "../measure.ts"
import { createKeys, layerArgon2, layerHmac } from "../support/keys.ts"
import { makeDatabase } from "../support/postgres.ts"
import { guess, invent, keyIdOf } from "../support/tokens.ts"
import { largestT } from "./welch.ts"

const [hasher, store, temperature] = process.argv.slice(2)
const isSlow = hasher === "argon2"
/** Of each class. */
const samples = isSlow ? 1_500 : store === "postgres" ? 10_000 : 40_000
const warmUp = samples / 10
/** A cold key is one that nobody has asked for yet, so each is used once; warm ones are used again and again. */
const keys = temperature === "cold" ? samples + warmUp : isSlow ? 50 : 1_000

const classes = ["unknown", "unknown again", "wrong secret"] as const
type Class = (typeof classes)[number]

const program = Effect.gen(function* () {
  const apiKeys = yield* ApiKeys.ApiKeys
  const tokens = yield* createKeys(keys)
  const times: Record<Class, Array<number>> = { unknown: [], "unknown again": [], "wrong secret": [] }
  let used = 0
  for (let sample = -warmUp; sample < samples; sample++) {
    // Every class comes once in each turn, in an order of chance.
    const order = classes.toSorted(() => Math.random() - 0.5)
    for (const which of order) {
      const token = tokens[which === "wrong secret" ? used++ % tokens.length : Math.floor(Math.random() * tokens.length)]!
      // Before each sample, whatever its class, lest what precedes it tell them apart.
      if (temperature === "warm") yield* apiKeys.verify(token)
      const tried = which === "wrong secret" ? guess(keyIdOf(token)) : invent()
      const start = process.hrtime.bigint()
      const refused = yield* Effect.flip(apiKeys.verify(tried))
      const elapsed = Number(process.hrtime.bigint() - start)
      if (refused._tag !== (which === "wrong secret" ? "InvalidSecret" : "NotFound")) return yield* refused
      if (sample >= 0) times[which].push(elapsed)
    }
  }
  const noise = largestT(times.unknown, times["unknown again"])
  const t = largestT(times.unknown, times["wrong secret"])
  const microseconds = classes.map((which) => `${which} ${(median(times[which]) / 1_000).toFixed(2)} µs`).join(", ")
  const verdict = Math.abs(t) <= Math.max(4.5, Math.abs(noise)) ? "below the noise" : "A DIFFERENCE"
  yield* Console.log(
    `${hasher}, ${store}, ${temperature} key: t = ${t.toFixed(2)} (noise ${noise.toFixed(2)}, ${samples} samples each): ${verdict}\n  medians: ${microseconds}`,
  )
})

const repository = store === "postgres" ? makeDatabase().layer : ApiKeyRepository.layerMemory
const layer = ApiKeys.layerWith(temperature === "off" ? { cache: "off" } : {}).pipe(
  Layer.provide([isSlow ? layerArgon2 : layerHmac, repository]),
)

await Effect.runPromise(Effect.provide(program, layer))
