import { createHash } from "node:crypto"
import { getHeapSnapshot, setFlagsFromString } from "node:v8"
import { runInNewContext } from "node:vm"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Metric, Option, Redacted, Schema } from "effect"
import { TestClock } from "effect/testing"
import * as ApiKeyMetrics from "../../src/ApiKeyMetrics.ts"
import * as Repository from "../../src/ApiKeyRepository.ts"
import * as ApiKeys from "../../src/ApiKeys.ts"
import * as Hmac from "../../src/hasher/Hmac.ts"
import * as KeyPolicy from "../../src/KeyPolicy.ts"
import { wrongSecret, unknownToken, withKeys, tagOf } from "./support.ts"

const collectGarbage = (): void => {
  setFlagsFromString("--expose-gc")
  // Only a new context has it.
  runInNewContext("gc")()
}

describe("Eviction", () => {
  it.effect("keeps the busy keys through a flood of others", () =>
    withKeys(
      (apiKeys, instruments) =>
        Effect.gen(function* () {
          const create = (count: number) => Effect.replicateEffect(apiKeys.create({ name: "k" }), count)
          const busy = yield* create(10)
          const flood = yield* create(1_000)
          for (const { token } of [...busy, ...busy]) yield* apiKeys.verify(token)
          instruments.lookUps = 0
          for (const [index, { token }] of flood.entries()) {
            yield* apiKeys.verify(token)
            yield* apiKeys.verify(busy[index % busy.length]!.token)
          }
          // The busy ones took no more than their first look-up again.
          assert.isAtMost(instruments.lookUps, flood.length + 2 * busy.length)
          assert.isAtMost((yield* Metric.value(ApiKeyMetrics.cacheEntries)).value, 50)
        }),
      { cache: { entries: 50 } },
    ).pipe(Effect.provideService(Metric.MetricRegistry, new Map())),
  )

  it.effect("isn't put off by guesses", () =>
    withKeys(
      (apiKeys, instruments) =>
        Effect.gen(function* () {
          const [guessed, busy, last] = [
            yield* apiKeys.create({ name: "a" }),
            yield* apiKeys.create({ name: "b" }),
            yield* apiKeys.create({ name: "c" }),
          ]
          for (const { token } of [guessed, busy, busy]) yield* apiKeys.verify(token)
          for (let i = 0; i < 10; i++) yield* Effect.ignore(apiKeys.verify(wrongSecret(guessed.token, i)))
          yield* apiKeys.verify(last.token)
          instruments.lookUps = 0
          yield* apiKeys.verify(busy.token)
          assert.strictEqual(instruments.lookUps, 0)
          yield* apiKeys.verify(guessed.token)
          assert.strictEqual(instruments.lookUps, 1)
        }),
      { cache: { entries: 2 } },
    ),
  )

  it.effect("lets go of a record although its last use waits to be written", () =>
    withKeys(
      (apiKeys) =>
        Effect.gen(function* () {
          // Uses are written once in the beginning, and then after the interval.
          yield* TestClock.adjust("1 millis")
          const metadata = { text: "x".repeat(4_000) }
          const tooLarge = yield* apiKeys.create({ name: "k", metadata: { text: "x".repeat(8_000) } })
          const verifyWeakly = ({ token }: ApiKeys.Created) => Effect.map(apiKeys.verify(token), ({ apiKey }) => new WeakRef(apiKey))
          const evicted = [
            yield* verifyWeakly(tooLarge),
            yield* verifyWeakly(yield* apiKeys.create({ name: "k", metadata })),
            yield* verifyWeakly(yield* apiKeys.create({ name: "k", metadata })),
          ]
          const kept = yield* verifyWeakly(yield* apiKeys.create({ name: "k", metadata }))
          yield* Effect.promise(() => new Promise((resolve) => setImmediate(resolve)))
          collectGarbage()
          assert.deepStrictEqual(
            evicted.map((record) => record.deref()),
            [undefined, undefined, undefined],
          )
          assert.isDefined(kept.deref())
          yield* TestClock.adjust("15 seconds")
          assert.isNotNull((yield* apiKeys.get(tooLarge.apiKey.id)).lastUsedAt)
          assert.strictEqual(yield* apiKeys.count({ neverUsed: true }), 0)
        }),
      { cache: { bytes: 25_000 } },
    ),
  )

  it.effect("keeps to the bytes allowed, and passes over what is too large for them", () =>
    withKeys(
      (apiKeys, instruments) =>
        Effect.gen(function* () {
          const small = yield* apiKeys.create({ name: "k" })
          const large = yield* apiKeys.create({ name: "k", metadata: { text: "x".repeat(8_000) } })
          for (const { token } of [small, large, small, large, small]) yield* apiKeys.verify(token)
          assert.strictEqual(instruments.lookUps, 3)
        }),
      { cache: { bytes: 10_000 } },
    ),
  )

  const everywhere = KeyPolicy.make({ kind: "networks", schema: Schema.Array(Schema.String), compile: () => ({}) })

  it.effect("counts each part of a record that takes memory", () =>
    withKeys(
      (apiKeys, instruments) =>
        Effect.gen(function* () {
          const long = "x".repeat(128)
          const scopes = Array.from({ length: 9 }, (_, index) => `s${index}`)
          const isKept = (token: Redacted.Redacted) =>
            Effect.gen(function* () {
              instruments.lookUps = 0
              yield* apiKeys.verify(token)
              yield* apiKeys.verify(token)
              return instruments.lookUps === 1
            })
          const small = yield* apiKeys.create({ name: "k" })
          assert.isTrue(yield* isKept(small.token))
          for (const part of [
            { name: long },
            { name: "k", description: long },
            { name: "k", ownerId: long },
            { name: "k", scopes },
            { name: "k", metadata: { text: long } },
            { name: "k", policies: { networks: [long] } },
          ]) {
            const { token } = yield* apiKeys.create(part)
            assert.isFalse(yield* isKept(token), Object.keys(part).join(" "))
          }
          yield* apiKeys.rotate(small.apiKey.id)
          assert.isFalse(yield* isKept(small.token))
        }),
      { cache: { bytes: 900 }, policies: [everywhere] },
    ),
  )
})

describe("What is remembered", () => {
  /** Tokens with that prefix in the whole heap, each once. */
  const tokensInMemory = async (prefix: string): Promise<number> => {
    const found = new Set<string>()
    let rest = ""
    for await (const chunk of getHeapSnapshot()) {
      const text = rest + String(chunk)
      // As numbers, lest they be found themselves.
      for (const { index } of text.matchAll(new RegExp(`${prefix}-[0-9a-f]{16}-[0-9A-Za-z]{64}`, "g"))) {
        found.add(
          createHash("sha256")
            .update(text.slice(index, index + prefix.length + 82))
            .digest("hex"),
        )
      }
      rest = text.slice(-200)
    }
    return found.size
  }

  it.live("holds no token, and keeps none in memory", () =>
    Effect.gen(function* () {
      const apiKeys = yield* ApiKeys.ApiKeys
      for (let i = 0; i < 200; i++) {
        const { token } = yield* apiKeys.create({ name: "k" })
        yield* apiKeys.verify(token)
        yield* Effect.flip(apiKeys.verify(wrongSecret(token)))
        yield* Effect.flip(apiKeys.verify(unknownToken(i, "heap")))
      }
      // Those seen last may be held by the engine for a while.
      assert.isBelow(yield* Effect.promise(() => tokensInMemory("heap")), 10)
    }).pipe(
      Effect.provide(
        ApiKeys.layerWith({ token: { prefix: "heap" } }).pipe(
          Layer.provide([Hmac.layer({ pepper: Redacted.make("at least sixteen bytes") }), Layer.fresh(Repository.layerMemory)]),
        ),
      ),
    ),
  )
})

describe("Records in memory", () => {
  const anywhere = KeyPolicy.make({ kind: "networks", schema: Schema.Array(Schema.String), compile: () => ({}) })

  it.effect("share what many have alike, and nothing else", () =>
    withKeys(
      (apiKeys) =>
        Effect.gen(function* () {
          const remember = (input: Omit<ApiKeys.CreateInput, "name">) =>
            Effect.gen(function* () {
              const { token } = yield* apiKeys.create({ ...input, name: "k" })
              return (yield* apiKeys.verify(token)).apiKey
            })
          const rememberTwice = (input: Omit<ApiKeys.CreateInput, "name">) => Effect.all([remember(input), remember(input)])

          const scoped = yield* rememberTwice({ scopes: ["ab", "c"] })
          assert.strictEqual(scoped[0].scopes, scoped[1].scopes)
          assert.strictEqual((yield* remember({ scopes: ["a", "bc"] })).scopes.join(" "), "a bc")
          assert.strictEqual(scoped[0].metadata, scoped[1].metadata)

          const short = yield* rememberTwice({ policies: { networks: ["192.0.2.0/24"] } })
          assert.strictEqual(short[0].policies, short[1].policies)
          const atMost = { networks: ["x".repeat(512 - JSON.stringify({ networks: [""] }).length)] }
          const longest = yield* rememberTwice({ policies: atMost })
          assert.strictEqual(longest[0].policies, longest[1].policies)
          const longer = yield* rememberTwice({ policies: { networks: [`${atMost.networks[0]}x`] } })
          assert.notStrictEqual(longer[0].policies, longer[1].policies)
          assert.isTrue(Object.isFrozen(longer[0].policies))

          const metadata = { nothing: null, list: [null, 1, { text: "x" }], map: { flag: false } }
          const described = yield* rememberTwice({ metadata })
          assert.deepStrictEqual(described[0].metadata, metadata)
          assert.notStrictEqual(described[0].metadata, described[1].metadata)
        }),
      { policies: [anywhere] },
    ),
  )
})

describe("A refused token", () => {
  it.effect("costs one hash, not one a request, for a few seconds", () =>
    withKeys((apiKeys, instruments) =>
      Effect.gen(function* () {
        const { token } = yield* apiKeys.create({ name: "k" })
        for (const [refused, tag] of [
          [wrongSecret(token), "InvalidSecret"],
          [unknownToken(1), "NotFound"],
        ] as const) {
          instruments.lookUps = instruments.hashes = 0
          for (let i = 0; i < 10; i++) assert.strictEqual(yield* tagOf(apiKeys.verify(refused)), tag)
          assert.deepInclude(instruments, { lookUps: 1, hashes: 1 })
          yield* TestClock.adjust("5 seconds")
          assert.strictEqual(yield* tagOf(apiKeys.verify(refused)), tag)
          assert.deepInclude(instruments, { lookUps: 2, hashes: 2 })
        }
      }),
    ),
  )

  it.effect("works at once when its key is created a moment later", () =>
    withKeys((apiKeys, _, repository) =>
      Effect.gen(function* () {
        const { apiKey, token } = yield* apiKeys.create({ name: "k" })
        const stored = Option.getOrThrow(yield* repository.findById(apiKey.id))
        yield* apiKeys.delete(apiKey.id)
        assert.strictEqual(yield* tagOf(apiKeys.verify(token)), "NotFound")
        yield* repository.insert(stored)
        yield* apiKeys.activate(apiKey.id)
        assert.strictEqual(yield* tagOf(apiKeys.verify(token)), "good")
      }),
    ),
  )

  it.effect("is looked up again for whoever asks the store", () =>
    withKeys((apiKeys, _, repository) =>
      Effect.gen(function* () {
        const { apiKey, token } = yield* apiKeys.create({ name: "k" })
        const stored = Option.getOrThrow(yield* repository.findById(apiKey.id))
        yield* apiKeys.delete(apiKey.id)
        assert.strictEqual(yield* tagOf(apiKeys.verify(token)), "NotFound")
        // Unheard, as by another node.
        yield* repository.insert(stored)
        assert.strictEqual(yield* tagOf(apiKeys.verify(token)), "NotFound")
        assert.strictEqual(yield* tagOf(apiKeys.verify(token, { maxAge: 0 })), "good")
      }),
    ),
  )

  it.effect("is remembered no longer than a good one", () =>
    withKeys(
      (apiKeys, instruments) =>
        Effect.gen(function* () {
          yield* tagOf(apiKeys.verify(unknownToken(1)))
          yield* TestClock.adjust("1999 millis")
          yield* tagOf(apiKeys.verify(unknownToken(1)))
          assert.strictEqual(instruments.lookUps, 1)
          yield* TestClock.adjust("1 millis")
          yield* tagOf(apiKeys.verify(unknownToken(1)))
          assert.strictEqual(instruments.lookUps, 2)
        }),
      { cache: { timeToLive: "2 seconds" } },
    ),
  )

  it.effect("is remembered in bounded memory", () =>
    withKeys(
      (apiKeys, instruments) =>
        Effect.gen(function* () {
          for (let i = 0; i < 30; i++) yield* Effect.ignore(apiKeys.verify(unknownToken(i)))
          instruments.hashes = 0
          for (let i = 20; i < 30; i++) yield* Effect.ignore(apiKeys.verify(unknownToken(i)))
          assert.strictEqual(instruments.hashes, 0)
          yield* Effect.ignore(apiKeys.verify(unknownToken(0)))
          assert.strictEqual(instruments.hashes, 1)
        }),
      { cache: { refusals: 10 } },
    ),
  )
})
