import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Option, Redacted, Result } from "effect"
import { TestClock } from "effect/testing"
import { ApiKey, type ApiKeyId, KeyId } from "../../src/ApiKey.ts"
import { InvalidInput } from "../../src/ApiKeyError.ts"
import * as ApiKeyToken from "../../src/ApiKeyToken.ts"
import type { LegacyTokens } from "../../src/LegacyTokens.ts"
import { withKeys, tagOf } from "./support.ts"

describe("A format of one's own", () => {
  it.effect("whose tokens can be foreseen has them work as soon as there are keys", () => {
    const format = Result.getOrThrow(ApiKeyToken.make())
    let keys = 0
    const generate = Effect.map(format.generate, ({ secret }) => ({
      prefix: "f",
      keyId: KeyId.make((++keys).toString().padStart(16, "0")),
      secret: Redacted.make("x".repeat(Redacted.value(secret).length - 6)),
    }))
    // Without a checksum, so that the secret needn't be computed.
    const parse = (token: string) =>
      Result.succeed({ prefix: "f", keyId: KeyId.make(token.slice(2, 18)), secret: Redacted.make(token.slice(19)) })
    return withKeys(
      (apiKeys) =>
        Effect.gen(function* () {
          const { token } = yield* apiKeys.create({ name: "k" })
          const next = Redacted.value(token).replace(/[0-9]{16}/, (keyId) => (Number(keyId) + 1).toString().padStart(16, "0"))
          assert.strictEqual(yield* tagOf(apiKeys.verify(next)), "NotFound")
          assert.strictEqual(Redacted.value((yield* apiKeys.create({ name: "next" })).token), next)
          assert.strictEqual(yield* tagOf(apiKeys.verify(next)), "good")
        }),
      {
        token: {
          ...format,
          prefix: "f",
          generate,
          parse,
          keyIdOf: (token) => token.slice(2, 18),
          format: ({ keyId, secret }) => Redacted.make(`f-${keyId}-${Redacted.value(secret)}`),
        },
      },
    )
  })

  it.effect("that takes unpaired surrogates has no token mistaken for another with the same digest", () => {
    const format: ApiKeyToken.TokenFormat = {
      prefix: "my",
      parse: (token) => Result.succeed({ prefix: "my", keyId: KeyId.make("1"), secret: Redacted.make(token) }),
      format: ({ secret }) => secret,
      generate: Effect.succeed({ prefix: "my", keyId: KeyId.make("1"), secret: Redacted.make("my\ufffd") }),
      hint: () => "",
    }
    return withKeys(
      (apiKeys) =>
        Effect.gen(function* () {
          const { token } = yield* apiKeys.create({ name: "k" })
          for (let time = 0; time < 2; time++) {
            assert.strictEqual(yield* tagOf(apiKeys.verify(token)), "good")
            assert.strictEqual(yield* tagOf(apiKeys.verify("my\ud800")), "InvalidSecret")
          }
        }),
      { token: format },
    )
  })

  it.effect("that throws makes a token malformed", () => {
    const keyIdOf = (token: string) => token.split("-")[1]!.toLowerCase()
    return withKeys(
      (apiKeys) =>
        Effect.gen(function* () {
          const { token } = yield* apiKeys.create({ name: "k" })
          for (let time = 0; time < 2; time++) {
            assert.strictEqual(yield* tagOf(apiKeys.verify("garbage")), "MalformedToken")
            assert.strictEqual(yield* tagOf(apiKeys.verify(token)), "good")
          }
        }),
      { token: { ...Result.getOrThrow(ApiKeyToken.make()), keyIdOf } },
    )
  })
})

describe("A token of another system", () => {
  const keyIds = [KeyId.make("1111111111111111"), KeyId.make("2222222222222222")] as const

  const system: LegacyTokens = {
    name: "theirs",
    // As if it couldn't be told whose it is.
    parse: (token) => (token.startsWith("old-") ? keyIds.map((keyId) => ({ keyId, secret: Redacted.make(token) })) : []),
    verify: (secret, hash) => Effect.succeed(Redacted.value(hash) === `plain ${Redacted.value(secret)}`),
    readRow: () => Result.fail(new InvalidInput({ field: "", reason: "" })),
  }

  it.effect("that isn't that of one key isn't refused for it when it is that of another", () => {
    return withKeys(
      (apiKeys, _, repository) =>
        Effect.gen(function* () {
          const stored = Option.getOrThrow(yield* repository.findById((yield* apiKeys.create({ name: "k" })).apiKey.id))
          yield* repository.delete(stored.apiKey.id)
          for (const [index, keyId] of keyIds.entries()) {
            yield* repository.insert({
              ...stored,
              apiKey: new ApiKey({ ...stored.apiKey, keyId, id: (stored.apiKey.id.slice(0, -1) + index) as ApiKeyId }),
              hash: Redacted.make(`plain old-${index}`),
            })
          }
          assert.strictEqual((yield* apiKeys.verify("old-1")).apiKey.keyId, keyIds[1])
          // Which makes it be looked for again.
          yield* apiKeys.update((yield* apiKeys.verify("old-1")).apiKey.id, { name: "changed" })
          assert.strictEqual(yield* tagOf(apiKeys.verify("old-1")), "good")
          assert.strictEqual(yield* tagOf(apiKeys.verify("old-2")), "InvalidSecret")
        }),
      { legacy: [system] },
    )
  })

  it.effect("that has our shape isn't mistaken for one whose digest it shares", () => {
    const keyId = keyIds[0]
    const shaped: LegacyTokens = { ...system, parse: (token) => [{ keyId, secret: Redacted.make(token) }] }
    const [good, other] = ["\ufffd", "\ud800"].map((end) => `ak-${keyId}-${"x".repeat(63)}${end}`)
    return withKeys(
      (apiKeys, _, repository) =>
        Effect.gen(function* () {
          const stored = Option.getOrThrow(yield* repository.findById((yield* apiKeys.create({ name: "k" })).apiKey.id))
          yield* repository.delete(stored.apiKey.id)
          yield* repository.insert({ ...stored, apiKey: new ApiKey({ ...stored.apiKey, keyId }), hash: Redacted.make(`plain ${good}`) })
          for (let time = 0; time < 2; time++) {
            assert.strictEqual(yield* tagOf(apiKeys.verify(good!)), "good")
            assert.strictEqual(yield* tagOf(apiKeys.verify(other!)), "InvalidSecret")
          }
          // Nor is its refusal that of the other one.
          yield* apiKeys.activate(stored.apiKey.id)
          assert.strictEqual(yield* tagOf(apiKeys.verify(other!)), "InvalidSecret")
          assert.strictEqual(yield* tagOf(apiKeys.verify(good!)), "good")
        }),
      { legacy: [shaped] },
    )
  })

  it.effect("that comes in while it is looked for elsewhere too isn't refused for long", () =>
    withKeys(
      (apiKeys, instruments, repository) =>
        Effect.gen(function* () {
          const stored = Option.getOrThrow(yield* repository.findById((yield* apiKeys.create({ name: "k" })).apiKey.id))
          yield* repository.delete(stored.apiKey.id)
          let reads = 0
          instruments.afterRead = Effect.suspend(() => (++reads === 2 ? Effect.sleep("1 second") : Effect.void))
          const early = yield* Effect.forkChild(tagOf(apiKeys.verify("old-1")), { startImmediately: true })
          yield* TestClock.adjust("500 millis")
          // Under the key id that was looked for first, and for which the second look-up doesn't look again.
          const apiKey = new ApiKey({ ...stored.apiKey, keyId: keyIds[0] })
          yield* repository.insert({ ...stored, apiKey, hash: Redacted.make("plain old-1") })
          yield* apiKeys.activate(apiKey.id)
          yield* TestClock.adjust("1 second")
          assert.strictEqual(yield* Fiber.join(early), "NotFound")
          assert.strictEqual(yield* tagOf(apiKeys.verify("old-1")), "good")
        }),
      { legacy: [system] },
    ),
  )
})
