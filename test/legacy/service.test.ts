/** What the service makes of other systems' tokens, where somebody hostile has a hand in it. */
import { hashSync } from "@node-rs/bcrypt"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Redacted, Stream } from "effect"
import { ApiKeyHasher, layerEphemeral } from "../../src/ApiKeyHasher.ts"
import * as Repository from "../../src/ApiKeyRepository.ts"
import * as ApiKeys from "../../src/ApiKeys.ts"
import { encodeLine } from "../../src/ApiKeyTransfer.ts"
import * as Hmac from "../../src/hasher/Hmac.ts"
import * as BetterAuth from "../../src/legacy/BetterAuth.ts"
import * as Django from "../../src/legacy/Django.ts"
import * as FastapiApiKey from "../../src/legacy/FastapiApiKey.ts"
import * as Keypal from "../../src/legacy/Keypal.ts"
import * as PrefixedApiKey from "../../src/legacy/PrefixedApiKey.ts"
import * as Sha256 from "../../src/legacy/Sha256.ts"
import * as Unkey from "../../src/legacy/Unkey.ts"
import { makeStoredApiKey } from "../../src/internal/testing/fixtures.ts"
import type { LegacyTokens } from "../../src/LegacyTokens.ts"
import { createHash } from "node:crypto"
import django from "./fixtures/django.json" with { type: "json" }
import fastapi from "./fixtures/fastapi.json" with { type: "json" }

const layer = (options: ApiKeys.Options, lookUps = { count: 0 }, hashes = { count: 0 }) =>
  ApiKeys.layerWith(options).pipe(
    Layer.provide(
      Layer.effect(
        ApiKeyHasher,
        Effect.map(ApiKeyHasher, (hasher) => ({
          ...hasher,
          verify: (...args: Parameters<typeof hasher.verify>) =>
            Effect.suspend(() => {
              hashes.count++
              return hasher.verify(...args)
            }),
        })),
      ).pipe(Layer.provide(layerEphemeral)),
    ),
    Layer.provide(
      Layer.effect(
        Repository.ApiKeyRepository,
        Effect.map(Repository.ApiKeyRepository, (repository) => ({
          ...repository,
          findByKeyId: (...args: Parameters<typeof repository.findByKeyId>) => {
            lookUps.count++
            return repository.findByKeyId(...args)
          },
        })),
      ).pipe(Layer.provide(Layer.fresh(Repository.layerMemory))),
    ),
  )

const tagOf = <A, E extends { readonly _tag: string }>(effect: Effect.Effect<A, E>) =>
  Effect.match(effect, { onSuccess: () => "good", onFailure: ({ _tag }) => _tag })

describe("A hash that more than one secret matches", () => {
  it.live("isn't replaced by that of a variant, which would keep the owner out", () => {
    const pepper = "super-secret-pepper"
    const secret = "s".repeat(64)
    const row = {
      id: "0b8a2f0e-6f8a-4a50-9a0f-3a6c1c1f7f11",
      name: "k",
      description: "",
      is_active: true,
      expires_at: null,
      created_at: "2025-01-01T00:00:00Z",
      last_used_at: null,
      key_id: "5555555555555555",
      key_hash: hashSync(Buffer.from(secret + pepper).subarray(0, 72), { cost: 4 }),
    }
    const system = FastapiApiKey.make({ pepper: Redacted.make(pepper), prefix: "old" })
    return Effect.gen(function* () {
      const apiKeys = yield* ApiKeys.ApiKeys
      const events = yield* Stream.runCollect(apiKeys.import(Stream.make(row), { from: system }))
      assert.deepInclude(events.at(-1), { inserted: 1, refused: 0 })
      const token = `old-5555555555555555-${secret}`
      assert.strictEqual(yield* tagOf(apiKeys.verify(`${token}${pepper.slice(0, 8)}`)), "good")
      yield* Effect.sleep("200 millis")
      assert.strictEqual(yield* tagOf(apiKeys.verify(token)), "good")
      assert.deepStrictEqual(
        (yield* apiKeys.hashReport).map(({ algorithm }) => algorithm),
        ["legacy-fastapi"],
      )
    }).pipe(Effect.provide(layer({ legacy: [system] })))
  })

  it.live("isn't that of a token with NUL, which HMAC and bcrypt take for the end", () => {
    const fastapiSystem = FastapiApiKey.make({ pepper: Redacted.make(""), bcrypt: "concatenated" })
    const bcrypted = { ...fastapi[0]!.row, key_id: "5555", key_hash: hashSync("short", { cost: 4 }), is_active: true, expires_at: null }
    const cases = [
      [Django.make(), django[1]!.row, django[1]!.token, `${django[1]!.token}\0`],
      [fastapiSystem, bcrypted, "ak-5555-short", "ak-5555-short\0short"],
    ] as const
    return Effect.forEach(cases, ([system, row, token, variant]) =>
      Effect.gen(function* () {
        const apiKeys = yield* ApiKeys.ApiKeys
        yield* Stream.runDrain(apiKeys.import(Stream.make(row), { from: system }))
        assert.strictEqual(yield* tagOf(apiKeys.verify(variant)), "MalformedToken")
        yield* Effect.sleep("100 millis")
        assert.strictEqual(yield* tagOf(apiKeys.verify(token)), "good")
      }).pipe(Effect.provide(layer({ legacy: [system] }))),
    )
  })
})

describe("A bcrypt hash of before 1.2", () => {
  const secretOf = (length: number, end = "") => "x".repeat(length - end.length) + end
  const exactness = (secret: string, pepper: string) => {
    const system = FastapiApiKey.make({ pepper: Redacted.make(pepper) })
    const hash = hashSync(Buffer.from(secret + pepper).subarray(0, 72), { cost: 4 })
    return system.isExact!(Redacted.make(secret), Redacted.make(`$legacy-fastapi${hash}`))
  }

  it.live("is of this very secret if bcrypt saw its end", () =>
    Effect.gen(function* () {
      const pepper = "super-secret-pepper"
      for (const [secret, expected] of [
        [secretOf(40), true],
        [secretOf(64), true],
        [secretOf(71), true],
        [secretOf(72), false],
        [secretOf(100), false],
        // A shorter one, followed by the pepper, could look the same.
        [secretOf(64, "sup"), false],
        [secretOf(71, pepper), false],
        [secretOf(64, "sub"), true],
      ] as const) {
        assert.strictEqual(yield* exactness(secret, pepper), expected, secret)
      }
      assert.isTrue(yield* exactness(secretOf(71), ""))
      assert.isFalse(yield* exactness(secretOf(72), ""))
    }),
  )

  it.live("whose secret bcrypt cut is looked at once, and works on", () => {
    const pepper = "pepper"
    let looks = 0
    const system = FastapiApiKey.make({ pepper: Redacted.make(pepper), prefix: "old" })
    const counting: LegacyTokens = { ...system, isExact: (...args) => Effect.suspend(() => (looks++, system.isExact!(...args))) }
    const secret = secretOf(80)
    const key_hash = hashSync(Buffer.from(secret + pepper).subarray(0, 72), { cost: 4 })
    return Effect.gen(function* () {
      const apiKeys = yield* ApiKeys.ApiKeys
      const row = { ...fastapi[0]!.row, key_id: "5555", key_hash, is_active: true, expires_at: null }
      yield* Stream.runDrain(apiKeys.import(Stream.make(row), { from: counting }))
      for (let time = 0; time < 5; time++) {
        yield* apiKeys.verify(`old-5555-${secret}`, { maxAge: 0 })
        yield* Effect.sleep("30 millis")
      }
      assert.strictEqual(looks, 1)
    }).pipe(Effect.provide(layer({ legacy: [counting] })))
  })
})

describe("Strangers' tokens", () => {
  it.effect("don't push good ones of another system out of memory", () => {
    const lookUps = { count: 0 }
    const system = Sha256.make()
    return Effect.gen(function* () {
      const apiKeys = yield* ApiKeys.ApiKeys
      const row = { hash: createHash("sha256").update("their-token").digest("hex"), name: "k", expires_at: null, revoked: false }
      yield* Stream.runDrain(apiKeys.import(Stream.make(row), { from: system }))
      yield* apiKeys.verify("their-token")
      for (let stranger = 0; stranger < 50; stranger++) assert.strictEqual(yield* tagOf(apiKeys.verify(`junk-${stranger}`)), "NotFound")
      lookUps.count = 0
      yield* apiKeys.verify("their-token")
      assert.strictEqual(lookUps.count, 0)
    }).pipe(Effect.provide(layer({ legacy: [system], cache: { entries: 10 } }, lookUps)))
  })
})

describe("A token that nobody has", () => {
  const fastapi = FastapiApiKey.make({ pepper: Redacted.make("p"), separator: "_", prefix: ["ak", "ak_a", "ak_a_b", "ak_a_b_c"] })
  const salted = ["a", "b", "c", "d"].map((salt) => Keypal.make({ salt: Redacted.make(salt) }))
  const cases: ReadonlyArray<readonly [string, ReadonlyArray<LegacyTokens>, string, number, number]> = [
    ["of no system", [], "garbage", 0, 0],
    ["found by its digest", [Sha256.make()], "garbage", 1, 0],
    ["with one digest for all", [Sha256.make(), Unkey.make(), BetterAuth.make()], "garbage", 1, 0],
    ["with several digests", [Sha256.make(), ...salted], "garbage", 5, 0],
    ["with several key ids", [fastapi], "ak_a_b_c_d_e", 4, 1],
    ["of all of them", [fastapi, PrefixedApiKey.make({ prefix: "ak" }), Sha256.make(), ...salted], "ak_a_b_c_d_e", 8, 1],
    // As many as are looked for, and no more.
    ["of too many systems", Array.from({ length: 20 }, (_, index) => Keypal.make({ salt: Redacted.make(`${index}`) })), "garbage", 8, 0],
  ]

  it.effect.each(cases)("costs so many look-ups and no more than one hash: %s", ([, legacy, token, expectedLookUps, expectedHashes]) => {
    const [lookUps, hashes] = [{ count: 0 }, { count: 0 }]
    return Effect.gen(function* () {
      const apiKeys = yield* ApiKeys.ApiKeys
      lookUps.count = hashes.count = 0
      assert.strictEqual(yield* tagOf(apiKeys.verify(token)), legacy.length === 0 ? "MalformedToken" : "NotFound")
      assert.deepStrictEqual([lookUps.count, hashes.count], [expectedLookUps, expectedHashes])
      // The refusal is remembered.
      yield* tagOf(apiKeys.verify(token))
      assert.deepStrictEqual([lookUps.count, hashes.count], [expectedLookUps, expectedHashes])
    }).pipe(Effect.provide(layer({ legacy }, lookUps, hashes)))
  })

  it.effect("but names a key of another system is refused like any other", () => {
    const forerunner = FastapiApiKey.make({ pepper: Redacted.make("p"), separator: "_", prefix: "old" })
    const sha256 = Sha256.make()
    return Effect.gen(function* () {
      const apiKeys = yield* ApiKeys.ApiKeys
      const hash = createHash("sha256").update("their-token").digest("hex")
      yield* Stream.runDrain(apiKeys.import(Stream.make({ hash, expires_at: null, active: true }), { from: sha256 }))
      const [apiKey] = yield* Stream.runCollect(apiKeys.stream())
      assert.strictEqual(yield* tagOf(apiKeys.verify(`old_${apiKey?.keyId}_guess`)), "InvalidSecret")
      assert.strictEqual(yield* tagOf(apiKeys.verify("their-token")), "good")
    }).pipe(Effect.provide(layer({ legacy: [forerunner, sha256] })))
  })
})

describe("A token of ours", () => {
  it.effect("is none of another system's in another spelling", () =>
    Effect.gen(function* () {
      const apiKeys = yield* ApiKeys.ApiKeys
      const token = Redacted.value((yield* apiKeys.create({ name: "native" })).token)
      assert.strictEqual(yield* tagOf(apiKeys.verify(token.replace(/^ak-/, "ak_v1-"))), "MalformedToken")
      assert.strictEqual(yield* tagOf(apiKeys.verify(token)), "good")
      const wrong = `${token.slice(0, -1)}${token.endsWith("0") ? "1" : "0"}`
      assert.strictEqual(yield* tagOf(apiKeys.verify(wrong)), "InvalidSecret")
    }).pipe(Effect.provide(layer({ legacy: [FastapiApiKey.make({ pepper: Redacted.make("p") })] }))),
  )
})

describe("A row with a previous token that never ends", () => {
  it.effect("lets nobody in by it", () =>
    Effect.gen(function* () {
      const apiKeys = yield* ApiKeys.ApiKeys
      const repository = yield* Repository.ApiKeyRepository
      const { apiKey, token } = yield* apiKeys.create({ name: "k" })
      const { keyId, ...next } = makeStoredApiKey().apiKey
      const endless = {
        keyId,
        prefix: "ak",
        hint: next.hint,
        hash: Redacted.make("$x$y"),
        sealId: null,
        previous: { expiresAt: null, graceSeconds: null },
      }
      yield* repository.rotate(apiKey.id, endless, { at: apiKey.createdAt, ifVersion: 1 })
      assert.strictEqual(yield* tagOf(apiKeys.verify(token)), "Expired")
      // Nor does it keep the key from being rotated.
      assert.strictEqual(yield* tagOf(apiKeys.rotate(apiKey.id)), "good")
    }).pipe(Effect.provide(ApiKeys.layer.pipe(Layer.provide(layerEphemeral), Layer.provideMerge(Layer.fresh(Repository.layerMemory))))),
  )
})

describe("A hostile file", () => {
  const importing = (line: string) =>
    Effect.gen(function* () {
      const apiKeys = yield* ApiKeys.ApiKeys
      const [event] = yield* Stream.runCollect(apiKeys.import(Stream.make(JSON.parse(line))))
      return event
    }).pipe(
      Effect.provide(
        ApiKeys.layer.pipe(Layer.provide([Hmac.layer({ pepper: Redacted.make("p".repeat(32)) }), Layer.fresh(Repository.layerMemory)])),
      ),
    )

  it.effect("brings no token that never ends", () =>
    Effect.gen(function* () {
      const stored = makeStoredApiKey({ hash: "$hmac-sha256$v=1$AAAA", previousHash: "$hmac-sha256$v=1$BBBB" })
      const line = JSON.parse(encodeLine(stored)) as { apiKey: Record<string, unknown> }
      line.apiKey["previous"] = { keyId: "other", hint: "hint", expiresAt: null, graceSeconds: null, lastUsedAt: null }
      line.apiKey["rotatedAt"] = "2026-01-01T00:00:00.000Z"
      const event = yield* importing(JSON.stringify({ ...line, previousHash: "$hmac-sha256$v=1$BBBB" }))
      assert.deepInclude(event, { _tag: "Refused", field: "apiKey.previous.expiresAt" })
    }),
  )

  it.effect("brings no hash whose pepper would keep the service from starting", () =>
    Effect.gen(function* () {
      const event = yield* importing(encodeLine(makeStoredApiKey({ hash: "$pepper=elsewhere$hmac-sha256$v=1$AAAA" })))
      assert.deepInclude(event, { _tag: "Refused", field: "hash" })
      assert.deepInclude(yield* importing(encodeLine(makeStoredApiKey({ hash: "$hmac-sha256$v=1$AAAA" }))), { inserted: 1 })
    }),
  )
})
