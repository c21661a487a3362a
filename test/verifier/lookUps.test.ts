/** How look-ups go: what they cost, what they make of odd stores, and what is kept of those in a transaction. */
import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Fiber, Layer, Option, Redacted, Result } from "effect"
import { TestClock } from "effect/testing"
import { type ApiKeyId, KeyId } from "../../src/ApiKey.ts"
import { HasherError, InvalidInput, RepositoryError } from "../../src/ApiKeyError.ts"
import * as Repository from "../../src/ApiKeyRepository.ts"
import * as ApiKeys from "../../src/ApiKeys.ts"
import type { Candidate, LegacyTokens } from "../../src/LegacyTokens.ts"
import { layerInstrumented, makeInstruments, tagOf, unknownToken, withKeys, wrongSecret } from "./support.ts"

/** A system whose tokens begin with `old-`, and are read as `read` has it. */
const systemOf = (read: (token: string) => ReadonlyArray<Candidate>): LegacyTokens => ({
  name: "theirs",
  parse: (token) => (token.startsWith("old-") ? read(token) : []),
  verify: (secret, hash) => Effect.succeed(Redacted.value(hash) === `$legacy-theirs$plain ${Redacted.value(secret)}`),
  readRow: () => Result.fail(new InvalidInput({ field: "", reason: "" })),
})

const keyIdAt = (index: number) => KeyId.make(String(index).padStart(16, "0"))

describe("A look-up", () => {
  it.effect("checks a wrong secret once, although the key changes meanwhile", () =>
    withKeys((apiKeys, instruments) =>
      Effect.gen(function* () {
        const { apiKey, token } = yield* apiKeys.create({ name: "k" })
        instruments.afterRead = Effect.suspend(() =>
          instruments.lookUps < 3 ? Effect.orDie(Effect.asVoid(apiKeys.update(apiKey.id, { name: "n" }))) : Effect.void,
        )
        assert.strictEqual(yield* tagOf(apiKeys.verify(wrongSecret(token))), "InvalidSecret")
        assert.deepInclude(instruments, { lookUps: 3, hashes: 1 })
      }),
    ),
  )

  it.effect("lets nobody in by the record of another key, or by a previous token without a hash", () =>
    withKeys((apiKeys, instruments, repository) =>
      Effect.gen(function* () {
        const { apiKey, token } = yield* apiKeys.create({ name: "k" })
        const rotated = yield* apiKeys.rotate(apiKey.id)
        const stored = Option.getOrThrow(yield* repository.findById(apiKey.id))
        const other = yield* apiKeys.create({ name: "other" })
        const stranger = Option.getOrThrow(yield* repository.findById(other.apiKey.id))
        const verify = (which: Redacted.Redacted) => tagOf(apiKeys.verify(which, { maxAge: 0 }))
        // The secret matches each hash that is given: only the key id tells them apart.
        const hash = (of: Redacted.Redacted) => Redacted.make(`plain ${Redacted.value(of).slice(-64)}`)
        for (const [presented, answer, tag] of [
          [token, stored, "good"],
          [rotated.token, stored, "good"],
          [token, { ...stranger, hash: hash(token) }, "NotFound"],
          [other.token, { ...stored, hash: hash(other.token), previousHash: hash(other.token) }, "NotFound"],
          [token, { ...stored, previousHash: null }, "NotFound"],
        ] as const) {
          instruments.answer = () => Option.some(answer)
          assert.strictEqual(yield* verify(presented), tag)
        }
      }),
    ),
  )

  it.effect("leaves the depth of stack traces as it was, and its refusals without one", () =>
    withKeys((apiKeys) =>
      Effect.gen(function* () {
        const before = Error.stackTraceLimit
        try {
          Error.stackTraceLimit = 7
          const refusal = yield* Effect.flip(apiKeys.verify(unknownToken(1)))
          assert.strictEqual(Error.stackTraceLimit, 7)
          assert.notInclude(refusal.stack ?? "", "\n    at ")
        } finally {
          Error.stackTraceLimit = before
        }
      }),
    ),
  )

  it.effect("isn't waited for by a caller who wants a later answer, and whose secret is known to be right", () =>
    withKeys((apiKeys, instruments) =>
      Effect.gen(function* () {
        const { token } = yield* apiKeys.create({ name: "k" })
        yield* apiKeys.verify(token)
        const lookUpFor = (seconds: number, maxAge: number) =>
          Effect.suspend(() => {
            instruments.afterRead = Effect.sleep(seconds * 1_000)
            return Effect.forkChild(apiKeys.verify(token, { maxAge }), { startImmediately: true })
          })
        const haveEnded = (...fibers: ReadonlyArray<Fiber.Fiber<unknown, unknown>>) =>
          fibers.map((fiber) => fiber.pollUnsafe() !== undefined)
        instruments.lookUps = 0
        const first = yield* lookUpFor(3, 0)
        yield* TestClock.adjust("1 second")
        const second = yield* lookUpFor(1, 0)
        yield* TestClock.adjust("1 second")
        assert.deepStrictEqual(haveEnded(first, second), [false, true])
        const third = yield* lookUpFor(4, 0)
        yield* TestClock.adjust("1 second")
        // The end of an earlier one leaves a later one to be joined.
        assert.deepStrictEqual(haveEnded(first, third), [true, false])
        const joining = yield* lookUpFor(9, 2_000)
        yield* TestClock.adjust("3 seconds")
        assert.deepStrictEqual(haveEnded(third, joining), [true, true])
        assert.strictEqual(instruments.lookUps, 3)
      }),
    ),
  )
})

describe("A token of another system", () => {
  const seconds = (lookUps: number) => ({ lookUps, took: 1_000 })
  const timed = <A, E>(instruments: { lookUps: number }, effect: Effect.Effect<A, E>) =>
    Effect.gen(function* () {
      instruments.lookUps = 0
      const fiber = yield* Effect.forkChild(effect, { startImmediately: true })
      let took = 0
      while (fiber.pollUnsafe() === undefined && took < 60_000) {
        yield* TestClock.adjust("500 millis")
        took += 500
      }
      yield* Fiber.join(fiber)
      return { lookUps: instruments.lookUps, took }
    })

  it.effect("is looked for in eight records at most, at once", () =>
    withKeys(
      (apiKeys, instruments) =>
        Effect.gen(function* () {
          instruments.beforeRead = Effect.sleep("1 second")
          assert.deepStrictEqual(yield* timed(instruments, tagOf(apiKeys.verify("old-1"))), seconds(8))
          // One decoy for all of them.
          assert.strictEqual(instruments.hashes, 1)
          instruments.beforeRead = Effect.void
          assert.strictEqual(yield* tagOf(apiKeys.verify("old-1")), "NotFound")
          assert.strictEqual(instruments.lookUps, 8)
        }),
      {
        legacy: [systemOf((token) => Array.from({ length: 10 }, (_, index) => ({ keyId: keyIdAt(index), secret: Redacted.make(token) })))],
      },
    ),
  )

  it.effect("that is longer than any token is none", () =>
    withKeys(
      (apiKeys, instruments) =>
        Effect.gen(function* () {
          const ofLength = (length: number) => tagOf(apiKeys.verify("old-".padEnd(length, "x")))
          assert.strictEqual(yield* ofLength(512), "NotFound")
          instruments.lookUps = 0
          assert.strictEqual(yield* ofLength(513), "MalformedToken")
          assert.strictEqual(instruments.lookUps, 0)
        }),
      { legacy: [systemOf((token) => [{ keyId: keyIdAt(1), secret: Redacted.make(token) }])] },
    ),
  )

  it.effect("is let in to a key by the secret alone that it has for that key", () =>
    withKeys(
      (apiKeys, _, repository) =>
        Effect.gen(function* () {
          const stored = Option.getOrThrow(yield* repository.findById((yield* apiKeys.create({ name: "k" })).apiKey.id))
          yield* repository.delete(stored.apiKey.id)
          const withHash = (keyId: KeyId, secret: string) =>
            repository.insert({ ...stored, apiKey: { ...stored.apiKey, keyId }, hash: Redacted.make(`plain ${secret}`) })
          yield* withHash(keyIdAt(0), "secret 1")
          assert.strictEqual(yield* tagOf(apiKeys.verify("old-1")), "InvalidSecret")
          yield* repository.delete(stored.apiKey.id)
          yield* withHash(keyIdAt(1), "secret 1")
          assert.strictEqual(yield* tagOf(apiKeys.verify("old-2", { maxAge: 0 })), "good")
        }),
      { legacy: [systemOf(() => [0, 1].map((index) => ({ keyId: keyIdAt(index), secret: Redacted.make(`secret ${index}`) })))] },
    ),
  )

  it.effect("isn't refused, now or later, because of a record that can't be read or checked", () => {
    const system = systemOf((token) => [0, 1].map((index) => ({ keyId: keyIdAt(index), secret: Redacted.make(`${index} ${token}`) })))
    let isBroken = true
    const verify: LegacyTokens["verify"] = (secret, hash) =>
      isBroken && Redacted.value(secret).startsWith("0") ? Effect.fail(new HasherError({ reason: "Failed" })) : system.verify(secret, hash)
    return withKeys(
      (apiKeys, instruments, repository) =>
        Effect.gen(function* () {
          const stored = Option.getOrThrow(yield* repository.findById((yield* apiKeys.create({ name: "k" })).apiKey.id))
          yield* repository.delete(stored.apiKey.id)
          for (const index of [0, 1]) {
            const apiKey = { ...stored.apiKey, keyId: keyIdAt(index), id: (stored.apiKey.id.slice(0, -1) + index) as ApiKeyId }
            yield* repository.insert({ ...stored, apiKey, hash: Redacted.make(`$legacy-theirs$plain ${index} old-${index}`) })
          }
          const tag = (token: string) => tagOf(apiKeys.verify(token))
          instruments.failure = new RepositoryError({ operation: "look up", isRetryable: true, cause: "down" })
          assert.strictEqual(yield* tag("old-1"), "RepositoryError")
          instruments.failure = undefined
          // The other record is enough for a good token, and not for a refusal.
          assert.strictEqual(yield* tag("old-1"), "good")
          assert.deepStrictEqual([yield* tag("old-0"), yield* tag("old-2")], ["HasherError", "HasherError"])
          isBroken = false
          assert.deepStrictEqual([yield* tag("old-0"), yield* tag("old-2")], ["good", "InvalidSecret"])
        }),
      { legacy: [{ ...system, verify }] },
    )
  })

  it.effect("that two systems read alike is checked once by our own hash", () => {
    const system = systemOf((token) => [{ keyId: keyIdAt(1), secret: Redacted.make(token) }])
    return withKeys(
      (apiKeys, instruments, repository) =>
        Effect.gen(function* () {
          const stored = Option.getOrThrow(yield* repository.findById((yield* apiKeys.create({ name: "k" })).apiKey.id))
          yield* repository.delete(stored.apiKey.id)
          yield* repository.insert({ ...stored, apiKey: { ...stored.apiKey, keyId: keyIdAt(1) } })
          assert.strictEqual(yield* tagOf(apiKeys.verify("old-1")), "InvalidSecret")
          assert.strictEqual(instruments.hashes, 1)
        }),
      { legacy: [system, { ...system, name: "others" }] },
    )
  })
})

describe("A text", () => {
  const secret = Redacted.make("s")

  it.effect("is told for a token, and by its key ids, without a look-up", () =>
    withKeys(
      (apiKeys, instruments) =>
        Effect.gen(function* () {
          const { apiKey, token } = yield* apiKeys.create({ name: "k" })
          for (const [text, keyIds] of [
            [token, [apiKey.keyId]],
            [Redacted.value(token), [apiKey.keyId]],
            ["old-1", [keyIdAt(1), keyIdAt(2)]],
            ["nonsense", []],
          ] as const) {
            assert.deepStrictEqual(apiKeys.keyIdsOf(text), Array.from(keyIds))
            assert.strictEqual(apiKeys.isToken(text), keyIds.length > 0)
          }
          assert.strictEqual(instruments.lookUps, 0)
        }),
      { legacy: [systemOf(() => [1, 2].map((index) => ({ keyId: keyIdAt(index), secret })))] },
    ),
  )

  it.effect("that ends its key is proven by the store, and isn't used by it", () =>
    withKeys((apiKeys, _, repository) =>
      Effect.gen(function* () {
        const { apiKey, token } = yield* apiKeys.create({ name: "k" })
        yield* apiKeys.revoke(token, { reason: "leaked" })
        yield* TestClock.adjust("15 seconds")
        assert.isNull((yield* apiKeys.get(apiKey.id)).lastUsedAt)
        const other = yield* apiKeys.create({ name: "other" })
        yield* apiKeys.verify(other.token)
        // Unheard, as by another node.
        yield* repository.delete(other.apiKey.id)
        assert.strictEqual(yield* tagOf(apiKeys.verify(other.token)), "good")
        assert.strictEqual(yield* tagOf(apiKeys.revoke(other.token, { reason: "leaked" })), "NotFound")
      }),
    ),
  )
})

describe("In a transaction", () => {
  const InTransaction = Context.Reference<boolean>("test/InTransaction", { defaultValue: () => false })
  const inTransaction = Effect.provideService(InTransaction, true)
  let reading = 0
  let most = 0

  const withTransactions = <A, E>(
    test: (apiKeys: ApiKeys.ApiKeys["Service"], instruments: ReturnType<typeof makeInstruments>) => Effect.Effect<A, E>,
    options: ApiKeys.Options = {},
  ) => {
    const instruments = makeInstruments()
    const layer = Layer.effect(
      Repository.ApiKeyRepository,
      Effect.map(Repository.ApiKeyRepository, (repository) => ({
        ...repository,
        findByKeyId: (keyId: KeyId) =>
          Effect.suspend(() => {
            most = Math.max(most, ++reading)
            return Effect.ensuring(
              Effect.andThen(Effect.yieldNow, repository.findByKeyId(keyId)),
              Effect.sync(() => reading--),
            )
          }),
        transaction: {
          isOpen: (context: Context.Context<never>) => Context.get(context, InTransaction),
          run: <B, E2, R>(effect: Effect.Effect<B, E2, R>) => effect,
          afterCommit: (effect: Effect.Effect<void>) => effect,
        },
      })),
    ).pipe(Layer.provideMerge(layerInstrumented(instruments)))
    return Effect.flatMap(ApiKeys.ApiKeys, (apiKeys) => test(apiKeys, instruments)).pipe(
      Effect.provide(ApiKeys.layerWith(options).pipe(Layer.provide(layer))),
    )
  }

  it.effect("what was read, or wasn't found, is neither remembered nor shared", () =>
    withTransactions((apiKeys, instruments) =>
      Effect.gen(function* () {
        const { token } = yield* apiKeys.create({ name: "k" })
        for (const [presented, tag] of [
          [token, "good"],
          [unknownToken(1), "NotFound"],
          [wrongSecret(token), "InvalidSecret"],
        ] as const) {
          instruments.lookUps = 0
          const verify = tagOf(apiKeys.verify(presented))
          const tags = yield* Effect.all([inTransaction(verify), inTransaction(verify)], { concurrency: 2 })
          assert.deepStrictEqual([...tags, yield* inTransaction(verify)], [tag, tag, tag])
          assert.strictEqual(instruments.lookUps, 3)
          assert.deepStrictEqual([yield* verify, yield* verify], [tag, tag])
          assert.strictEqual(instruments.lookUps, 4)
        }
      }),
    ),
  )

  it.effect("the records of a token of another system are read one after the other, as there is one connection", () =>
    withTransactions(
      (apiKeys, instruments) =>
        Effect.gen(function* () {
          const verify = Effect.suspend(() => {
            most = 0
            return Effect.map(tagOf(apiKeys.verify("old-1")), (tag) => [tag, most, instruments.lookUps])
          })
          assert.deepStrictEqual(yield* inTransaction(verify), ["NotFound", 1, 3])
          assert.deepStrictEqual(yield* inTransaction(verify), ["NotFound", 1, 6])
          assert.deepStrictEqual(yield* verify, ["NotFound", 3, 9])
          assert.deepStrictEqual(yield* verify, ["NotFound", 0, 9])
        }),
      { legacy: [systemOf((token) => [0, 1, 2].map((index) => ({ keyId: keyIdAt(index), secret: Redacted.make(token) })))] },
    ),
  )
})
