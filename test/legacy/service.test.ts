/** What the service makes of other systems' tokens, where somebody hostile has a hand in it. */
import { hashSync } from "@node-rs/bcrypt"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Redacted, Stream } from "effect"
import { layerEphemeral } from "../../src/ApiKeyHasher.ts"
import * as Repository from "../../src/ApiKeyRepository.ts"
import * as ApiKeys from "../../src/ApiKeys.ts"
import { encodeLine } from "../../src/ApiKeyTransfer.ts"
import * as Hmac from "../../src/hasher/Hmac.ts"
import * as FastapiApiKey from "../../src/legacy/FastapiApiKey.ts"
import * as Sha256 from "../../src/legacy/Sha256.ts"
import { makeStoredApiKey } from "../../src/testing/fixtures.ts"
import { createHash } from "node:crypto"

const layer = (options: ApiKeys.Options, lookUps = { count: 0 }) =>
  ApiKeys.layerWith(options).pipe(
    Layer.provide(layerEphemeral),
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
