/** The seal of tokens: what it covers, who makes it, and what a record keeps of it. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Option, Redacted, Result, Schema, Stream } from "effect"
import { createHmac, hkdfSync, scryptSync } from "node:crypto"
import { ApiKeyRepository, layerMemory } from "../src/ApiKeyRepository.ts"
import type { ApiKeyId } from "../src/ApiKey.ts"
import * as ApiKeys from "../src/ApiKeys.ts"
import * as ApiKeyToken from "../src/ApiKeyToken.ts"
import * as Hmac from "../src/hasher/Hmac.ts"
import * as Pepper from "../src/hasher/Pepper.ts"
import { hmac, toPads } from "../src/internal/hash/hmac.ts"
import { ofPeppers } from "../src/internal/hasher/sealingKeys.ts"
import { sealedBy, sealOf } from "../src/internal/token/seal.ts"

const pepper = (id: string): Pepper.Pepper => ({ id, value: Redacted.make(`${id}: a pepper of a test of seals`) })

const layerOf = (current: Pepper.Pepper, ...older: ReadonlyArray<Pepper.Pepper>) =>
  ApiKeys.layer.pipe(
    Layer.provide(Hmac.layerPeppers),
    Layer.provide(Pepper.layerRing({ current, older })),
    Layer.provideMerge(Layer.fresh(layerMemory)),
  )

/** Base 62 by arithmetic of any size, as the format's description says. */
const toBase62 = (bytes: Buffer): string => {
  const alphabet = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
  let value = bytes.readBigUInt64BE()
  let digits = ""
  for (let index = 0; index < 11; index++) {
    digits = alphabet[Number(value % 62n)] + digits
    value /= 62n
  }
  return digits
}

const stored = (id: ApiKeyId) =>
  Effect.gen(function* () {
    const { findById } = yield* ApiKeyRepository
    const found = Option.getOrThrow(yield* findById(id))
    return { sealId: found.sealId, previousSealId: found.previousSealId }
  })

describe("The seal of a token", () => {
  it.effect("is the HMAC of all before it, by a key of the pepper's, and the checksum comes after it", () =>
    Effect.gen(function* () {
      const apiKeys = yield* ApiKeys.ApiKeys
      const options = { N: 2 ** 15, r: 8, p: 1, maxmem: 2 ** 26 }
      const root = scryptSync(Redacted.value(pepper("a").value), "effect-api-key: the root of a sealing key", 32, options)
      const key = Buffer.from(hkdfSync("sha256", root, "", "effect-api-key seal 1", 32))
      for (let count = 0; count < 50; count++) {
        const { token, apiKey } = yield* apiKeys.create({ name: "k" })
        const text = Redacted.value(token)
        const sealed = text.slice(0, -17)
        assert.strictEqual(text.length, 84)
        assert.strictEqual(sealed.length, "ak-".length + 16 + 1 + 47)
        assert.strictEqual(text.slice(-17, -6), toBase62(createHmac("sha256", key).update(sealed).digest().subarray(0, 8)))
        assert.isTrue(Result.isSuccess(ApiKeyToken.parse(text)))
        assert.strictEqual(apiKey.hint, text.slice(-10, -6))
        assert.strictEqual((yield* apiKeys.verify(token)).apiKey.id, apiKey.id)
      }
    }).pipe(Effect.provide(layerOf(pepper("a")))),
  )

  it.prop(
    "is good as a plain HMAC has it, for any text and any characters in its place",
    [
      Schema.Array(Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 0xffff }))).check(Schema.isMaxLength(300)),
      Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 10 })),
      Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 0xffff })),
    ],
    ([codes, place, code]) => {
      const key = Buffer.alloc(32, "a key of a test")
      const pads = toPads(key)
      const keys = { current: { id: "a", code: (text: string) => hmac(text, pads, "binary").slice(0, 8) }, older: [] }
      // Unpaired surrogates too.
      const text = String.fromCharCode(...codes)
      const seal = toBase62(createHmac("sha256", key).update(text, "utf8").digest().subarray(0, 8))
      assert.strictEqual(sealOf(text, keys.current), seal)
      const mutate = (code: number) => seal.slice(0, place) + String.fromCharCode(code) + seal.slice(place + 1)
      const original = seal.charCodeAt(place)
      // The last ones have the same low bits as the right character.
      for (const other of [code, code % 128, original ^ 1, original + 0x100, original + 0x8000]) {
        assert.strictEqual(sealedBy(text, mutate(other), keys), other === original ? "a" : undefined)
      }
      for (const other of [seal.slice(0, place), `${seal}0`, `0${seal}`, seal.slice(1), "", "z".repeat(11)]) {
        assert.isUndefined(sealedBy(text, other, keys))
      }
    },
  )

  it("has no second spelling of more than 64 bits", () => {
    const keyOf = (bytes: ReadonlyArray<number>) => ({ current: { id: "a", code: () => String.fromCharCode(...bytes) }, older: [] })
    const zero = keyOf([0, 0, 0, 0, 0, 0, 0, 0])
    const most = keyOf([255, 255, 255, 255, 255, 255, 255, 255])
    assert.strictEqual(sealOf("", zero.current), "00000000000")
    assert.strictEqual(sealOf("", most.current), "LygHa16AHYF")
    // 2 to the power of 64, and one less.
    assert.isUndefined(sealedBy("", "LygHa16AHYG", zero))
    assert.strictEqual(sealedBy("", "LygHa16AHYF", most), "a")
    // A code that is too short is no seal's.
    assert.isUndefined(sealedBy("", "00000000000", keyOf([0, 0, 0, 0])))
  })

  it("is good under any key of the ring, and under no other text or key", () => {
    const keys = ofPeppers({ current: pepper("a"), older: [pepper("b")] })
    const others = ofPeppers({ current: { ...pepper("c"), id: "a" }, older: [] })
    const [older] = keys.older
    assert.strictEqual(sealedBy("text", sealOf("text", keys.current), keys), keys.current.id)
    assert.strictEqual(sealedBy("text", sealOf("text", older!), keys), older!.id)
    assert.isUndefined(sealedBy("texts", sealOf("text", keys.current), keys))
    assert.isUndefined(sealedBy("text", sealOf("text", others.current), keys))
    assert.isUndefined(sealedBy("text", "", keys))
    // One label may stand for two keys, but one id doesn't.
    assert.notStrictEqual(others.current.id, keys.current.id)
  })

  it("isn't made good by the built-in pepper beside others, as anybody has that", () => {
    const alone = ofPeppers({ current: Pepper.builtIn, older: [] })
    const beside = ofPeppers({ current: pepper("a"), older: [Pepper.builtIn] })
    assert.isUndefined(sealedBy("text", sealOf("text", alone.current), beside))
  })

  it.effect("is kept by the id of its key, that of the token before it too", () =>
    Effect.gen(function* () {
      const apiKeys = yield* ApiKeys.ApiKeys
      const { apiKey } = yield* apiKeys.create({ name: "k" })
      const { sealId } = yield* stored(apiKey.id)
      assert.match(sealId ?? "", /^~a\.[0-9a-f]{16}$/)
      const rotated = yield* apiKeys.rotate(apiKey.id)
      assert.deepStrictEqual(yield* stored(apiKey.id), { sealId, previousSealId: sealId })
      assert.strictEqual((yield* apiKeys.verify(rotated.token)).apiKey.id, apiKey.id)
      // An export takes them along, beside the hashes.
      const [line = ""] = yield* Stream.runCollect(apiKeys.export({ hashes: true }))
      assert.include(line, `"sealId":"${sealId}","previousSealId":"${sealId}"`)
    }).pipe(Effect.provide(layerOf(pepper("a")))),
  )

  it.effect("isn't on tokens of a format of one's own", () =>
    Effect.gen(function* () {
      const apiKeys = yield* ApiKeys.ApiKeys
      const { apiKey, token } = yield* apiKeys.create({ name: "k" })
      assert.deepStrictEqual(yield* stored(apiKey.id), { sealId: null, previousSealId: null })
      assert.strictEqual((yield* apiKeys.verify(token)).apiKey.id, apiKey.id)
    }).pipe(
      Effect.provide(
        ApiKeys.layerWith({ token: { ...ApiKeyToken.defaultFormat } }).pipe(
          Layer.provide(Hmac.layer({ pepper: pepper("a").value })),
          Layer.provideMerge(Layer.fresh(layerMemory)),
        ),
      ),
    ),
  )

  it.effect("says nothing of whether a token works: one that was made without works on", () =>
    Effect.gen(function* () {
      const repository = yield* ApiKeyRepository
      const store = Layer.succeed(ApiKeyRepository, repository)
      const withPepper = (id: string) =>
        ApiKeys.layer.pipe(
          Layer.provide([
            Hmac.layerPeppers.pipe(
              Layer.provide(
                Pepper.layerRing({ current: pepper(id), older: [pepper("a"), pepper("b")].filter((other) => other.id !== id) }),
              ),
            ),
            store,
          ]),
        )
      const { token, apiKey } = yield* ApiKeys.ApiKeys.use((apiKeys) => apiKeys.create({ name: "k" })).pipe(Effect.provide(withPepper("a")))
      assert.strictEqual(
        (yield* ApiKeys.ApiKeys.use((apiKeys) => apiKeys.verify(token)).pipe(Effect.provide(withPepper("b")))).apiKey.id,
        apiKey.id,
      )
    }).pipe(Effect.provide(Layer.fresh(layerMemory))),
  )
})
