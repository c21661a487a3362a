/** The three ways in which a flood of invented tokens kept holders of good keys waiting (docs/guides/security.md, "The seal"). */
import { assert, describe, it } from "@effect/vitest"
import { Context, Deferred, Effect, Fiber, Layer, Redacted } from "effect"
import { createHmac } from "node:crypto"
import { ApiKeySeals } from "../../src/ApiKeySeals.ts"
import * as ApiKeys from "../../src/ApiKeys.ts"
import * as ApiKeyToken from "../../src/ApiKeyToken.ts"
import { settled } from "../support/nodes.ts"
import { type Instruments, layerInstrumented, makeInstruments } from "./support.ts"

const permits = 2
const queue = 8
/** More guesses than strangers' look-ups and hashes have places. */
const flood = 1_200
/** Strangers' look-ups: under way, and waiting. */
const [lookUps, waitingLookUps] = [8, 1_024]

/** A token of the right form for the key id, other in each round. */
const guess = (keyId: string, round: number, number: number): string => {
  const body = `ak-${keyId}-${`${round}${number.toString().padStart(6, "0")}`.padEnd(58, "x")}`
  return body + ApiKeyToken.checksum(body)
}

interface Keys {
  readonly victim: string
  readonly others: ReadonlyArray<string>
}
const numbers = Array.from({ length: flood }, (_, number) => number)
const ways: Readonly<Record<string, (keys: Keys, round: number) => ReadonlyArray<string>>> = {
  "Guesses at random key ids": (_, round) =>
    numbers.map((number) => guess(`${round}${number.toString(16).padStart(15, "0")}`, round, number)),
  "Guesses at one key id": ({ victim }, round) => numbers.map((number) => guess(victim, round, number)),
  "One guess each at many known key ids": ({ victim, others }, round) =>
    [victim, ...others].slice(0, flood).map((keyId, number) => guess(keyId, round, number)),
}

const seals = Layer.succeed(ApiKeySeals, {
  keys: Effect.succeed({
    current: {
      id: "test.0123456789abcdef",
      code: (text: string) => createHmac("sha256", "a sealing key of a test").update(text, "latin1").digest("binary").slice(0, 8),
    },
    older: [],
  }),
})

interface Node {
  readonly apiKeys: ApiKeys.ApiKeys["Service"]
  /** Makes a key whose token has no seal. */
  readonly createUnsealed: Effect.Effect<ApiKeys.Created, unknown>
  readonly work: Instruments
  readonly ask: (token: string | Redacted.Redacted) => Effect.Effect<string>
}

const withNode = <A, E>(rule: "required" | "preferred", test: (node: Node) => Effect.Effect<A, E>) => {
  const work = makeInstruments()
  return Effect.gen(function* () {
    const start = (options: ApiKeys.Options) => Effect.map(Layer.build(ApiKeys.layerWith(options)), Context.get(ApiKeys.ApiKeys))
    // The place for one refusal shows whether a refusal is remembered.
    const apiKeys = yield* start({ seals: rule, hashing: { permits, queue }, cache: { refusals: 1 } })
    const createUnsealed = Effect.flatMap(start({ token: { ...ApiKeyToken.defaultFormat } }), (before) => before.create({ name: "before" }))
    const services = yield* Effect.context<Effect.Services<typeof createUnsealed>>()
    yield* test({
      apiKeys,
      work,
      createUnsealed: Effect.provide(createUnsealed, services),
      ask: (token) =>
        Effect.match(apiKeys.verify(token), {
          onSuccess: () => "good",
          onFailure: (error) => (error._tag === "MalformedToken" ? error.reason : error._tag),
        }),
    })
  }).pipe(Effect.scoped, Effect.provide([layerInstrumented(work), seals]))
}

const createMany = ({ apiKeys }: Node) =>
  Effect.map(Effect.replicateEffect(apiKeys.create({ name: "other" }), flood), (keys) => keys.map(({ apiKey }) => apiKey.keyId))

const count = (outcomes: ReadonlyArray<string>, tag: string): number => outcomes.filter((outcome) => outcome === tag).length

/** What the answer is by now: `none` while it is waited for. */
const answerSoFar = (asking: Effect.Effect<string>) =>
  Effect.gen(function* () {
    let answer = "none"
    yield* Effect.forkChild(Effect.map(asking, (outcome) => (answer = outcome)))
    yield* settled
    return answer
  })

for (const [way, guesses] of Object.entries(ways)) {
  describe(way, () => {
    it.effect("cost neither a look-up, nor a hash, nor memory where seals are required", () =>
      withNode("required", (node) =>
        Effect.gen(function* () {
          const { apiKeys, work, ask } = node
          const { token, apiKey } = yield* apiKeys.create({ name: "holder" })
          const keys = { victim: apiKey.keyId, others: yield* createMany(node) }
          const ended = yield* apiKeys.create({ name: "ended" })
          yield* apiKeys.delete(ended.apiKey.id)
          work.lookUps = work.hashes = 0
          assert.strictEqual(yield* ask(ended.token), "NotFound")
          assert.deepInclude(work, { lookUps: 1, hashes: 1 })
          const outcomes = yield* Effect.forEach(guesses(keys, 1), ask)
          assert.strictEqual(count(outcomes, "seal"), flood)
          assert.deepInclude(work, { lookUps: 1, hashes: 1 })
          assert.strictEqual(yield* ask(token), "good")
          assert.deepInclude(work, { lookUps: 2, hashes: 2 })
          // The flood has put neither the refusal nor the key out of memory.
          yield* Effect.forEach(guesses(keys, 2), ask)
          assert.strictEqual(yield* ask(ended.token), "NotFound")
          assert.strictEqual(yield* ask(token), "good")
          assert.deepInclude(work, { lookUps: 2, hashes: 2 })
        }),
      ),
    )

    it.effect("hold up no look-up and no hash of a good seal where seals are preferred", () =>
      withNode("preferred", (node) =>
        Effect.gen(function* () {
          const { apiKeys, work, ask } = node
          const holder = yield* apiKeys.create({ name: "holder" })
          const second = yield* apiKeys.create({ name: "holder" })
          const unsealed = yield* node.createUnsealed
          const others = yield* createMany(node)
          const begin = (keyId: string, round: number) => {
            const outcomes: Array<string> = []
            const asking = Effect.forEach(
              guesses({ victim: keyId, others }, round),
              (token) => Effect.map(ask(token), (outcome) => void outcomes.push(outcome)),
              { concurrency: "unbounded", discard: true },
            )
            return Effect.map(Effect.forkChild(asking), (fiber) => ({ outcomes, fiber }))
          }
          work.lookUps = work.hashes = 0

          // A store that answers no stranger.
          const store = yield* Deferred.make<void>()
          work.beforeRead = Deferred.await(store)
          const looking = yield* begin(holder.apiKey.keyId, 1)
          yield* settled
          assert.strictEqual(work.lookUps, lookUps)
          assert.deepStrictEqual(looking.outcomes, Array<string>(flood - lookUps - waitingLookUps).fill("Overloaded"))
          work.beforeRead = Effect.void
          assert.strictEqual(yield* answerSoFar(ask(holder.token)), "good")
          yield* Deferred.succeed(store, undefined)
          yield* Fiber.join(looking.fiber)
          assert.strictEqual(count(looking.outcomes, "Overloaded"), flood - lookUps - waitingLookUps)

          // A hasher that is done with no stranger's secret.
          const hasher = yield* Deferred.make<void>()
          work.hashes = 0
          work.beforeHash = Deferred.await(hasher)
          const hashing = yield* begin(second.apiKey.keyId, 2)
          yield* Effect.repeat(settled, { times: 50 })
          assert.strictEqual(work.hashes, permits)
          assert.deepStrictEqual(hashing.outcomes, Array<string>(flood - permits - queue).fill("Overloaded"))
          work.beforeHash = Effect.void
          assert.strictEqual(yield* answerSoFar(ask(second.token)), "good")
          // The flood does hold up a token without a seal.
          assert.include(["none", "Overloaded"], yield* answerSoFar(ask(unsealed.token)))
          yield* Deferred.succeed(hasher, undefined)
          yield* Fiber.join(hashing.fiber)
          assert.strictEqual(yield* ask(unsealed.token), "good")
        }),
      ),
    )
  })
}
