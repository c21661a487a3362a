import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Logger, Redacted, Stream } from "effect"
import { TestClock } from "effect/testing"
import { HasherError, RepositoryError } from "../../src/ApiKeyError.ts"
import { ApiKeyHasher, several } from "../../src/ApiKeyHasher.ts"
import * as Repository from "../../src/ApiKeyRepository.ts"
import * as Bcrypt from "../../src/hasher/Bcrypt.ts"
import * as Hmac from "../../src/hasher/Hmac.ts"
import * as Keypal from "../../src/legacy/Keypal.ts"
import * as PrefixedApiKey from "../../src/legacy/PrefixedApiKey.ts"
import type { LegacyTokens } from "../../src/LegacyTokens.ts"
import { delivered, settings, settled, tagOf, wrongSecret } from "../support/nodes.ts"
import {
  type Hasher,
  pepper,
  old,
  next,
  ringOf,
  build,
  hmac,
  unknownToken,
  until,
  type Setting,
  startOne,
  withSetting,
  each,
  storedOf,
  schemeOf,
  oldScheme,
  newScheme,
  insertRow,
  hex,
  rowOf,
  shop,
} from "./support.ts"

describe("A pepper that was taken out", () => {
  each("lets nobody in any more when what was cached is over, and its hashes stay as they are", (setting) =>
    Effect.gen(function* () {
      const peppers = { ring: ringOf(old) }
      const { a, b } = yield* setting.start(yield* build(Hmac.layerPeppers, peppers))
      const { apiKey, token } = yield* a.create({ name: "k" })
      yield* delivered
      for (const node of [a, b]) assert.strictEqual(yield* tagOf(node.verify(token)), "good")
      peppers.ring = ringOf(next)
      yield* TestClock.adjust("61 seconds")
      for (let time = 0; time < 2; time++) {
        for (const node of [a, b]) {
          assert.deepInclude(yield* Effect.flip(node.verify(token)), { _tag: "HasherError", reason: "MissingPepper", pepperId: "2025" })
        }
        yield* settled
      }
      assert.strictEqual(schemeOf((yield* storedOf(setting, apiKey)).hash), oldScheme)
      assert.strictEqual(setting.instruments.attempts, 0)
      peppers.ring = ringOf(next, old)
      for (const node of [a, b]) assert.strictEqual(yield* tagOf(node.verify(token)), "good")
    }),
  )

  each("keeps the service from starting while hashes need it, and says how many", (setting) =>
    Effect.gen(function* () {
      const unlabelled = pepper("")
      yield* setting.before(yield* hmac(unlabelled), (apiKeys) => apiKeys.create({ name: "k" }))
      yield* setting.before(yield* hmac(old, unlabelled), (apiKeys) =>
        Effect.gen(function* () {
          for (let number = 0; number < 2; number++) yield* apiKeys.create({ name: "k" })
          // A key counts once, in its grace too.
          yield* apiKeys.rotate((yield* apiKeys.create({ name: "k" })).apiKey.id, { grace: "1 hour" })
          yield* apiKeys.rotate((yield* apiKeys.create({ name: "k" })).apiKey.id, { grace: 0 })
          yield* apiKeys.rotate((yield* apiKeys.create({ name: "k" })).apiKey.id, { grace: 0, graceFrom: "firstUse" })
        }),
      )
      yield* setting.before(yield* hmac(next, old, unlabelled), (apiKeys) => apiKeys.create({ name: "k" }))
      yield* insertRow(setting, shop, rowOf("shop_3"))
      const missing = yield* Effect.flip(setting.start(yield* hmac(next)))
      assert.strictEqual(missing._tag, "MissingPeppers")
      if (missing._tag !== "MissingPeppers") return
      assert.sameDeepMembers(
        Array.from(missing.peppers, ({ id, count }) => ({ id, count })),
        [
          { id: "", count: 1 },
          { id: "2025", count: 5 },
        ],
      )
      assert.include(missing.message, "5 under 2025")
      assert.include(missing.message, "1 without a label (API_KEY_PEPPER)")
      for (const { value } of [unlabelled, old, next]) assert.notInclude(missing.message, Redacted.value(value))
      const one = yield* Effect.flip(setting.start(yield* hmac(next, old)))
      assert.deepInclude(one, { _tag: "MissingPeppers", peppers: [{ id: "", count: 1 }] })
      assert.strictEqual(yield* tagOf(setting.start(yield* hmac(next, old, unlabelled))), "good")
    }),
  )

  each("makes the keys that need it fail, where that is accepted, and comes back with it", (setting) =>
    Effect.gen(function* () {
      const left = yield* setting.before(yield* hmac(old), (apiKeys) => apiKeys.create({ name: "k" }))
      const peppers = { ring: ringOf(next) }
      const lines: Array<string> = []
      const logger = Logger.layer([Logger.make(({ logLevel, message }) => void lines.push(`${logLevel} ${String(message)}`))])
      const starting = setting.start(yield* build(Hmac.layerPeppers, peppers), { acceptMissingPeppers: true })
      const { a, b } = yield* Effect.provide(starting, logger)
      // Two of each node: a sealing key went with the pepper.
      assert.lengthOf(lines, a === b ? 2 : 4)
      assert.match(lines[0] ?? "", /^Warn .*1 under 2025/)
      assert.match(lines.at(-1) ?? "", /^Warn .*, ~2025\.[0-9a-f]{16} \(1\): they go on working/)
      const fine = yield* a.create({ name: "k" })
      yield* delivered
      for (const node of [a, b]) {
        assert.strictEqual(yield* tagOf(node.verify(fine.token)), "good")
        for (const token of [left.token, wrongSecret(left.token), left.token]) {
          const error = yield* Effect.flip(node.verify(token))
          assert.deepInclude(error, { _tag: "HasherError", reason: "MissingPepper", pepperId: "2025" })
        }
        assert.strictEqual(yield* tagOf(node.verify(unknownToken(1))), "NotFound")
      }
      peppers.ring = ringOf(next, old)
      for (const node of [a, b]) assert.strictEqual(yield* tagOf(node.verify(left.token)), "good")
      yield* delivered
      assert.strictEqual(schemeOf((yield* storedOf(setting, left.apiKey)).hash), newScheme)
    }),
  )

  // The first knows one pepper, the other one another, or none.
  const custom: Hasher = {
    hash: (secret) => Effect.succeed(Redacted.make(`$custom$v=1$${Redacted.value(secret)}`)),
    verify: (secret, hash) =>
      Redacted.value(hash).startsWith("$custom$")
        ? Effect.succeed(Redacted.value(hash).endsWith(`$${Redacted.value(secret)}`))
        : Effect.fail(new HasherError({ reason: "UnsupportedHash" })),
  }
  describe("is none where another hasher can check what needs it", () => {
    it.effect.each([
      ["with a pepper of its own", Bcrypt.layer({ pepper: old.value, cost: 4 })],
      ["without any", Layer.succeed(ApiKeyHasher, custom)],
    ] as const)("%s", ([, layer]) =>
      withSetting(1, {}, (setting) =>
        Effect.gen(function* () {
          const other = yield* build(layer, { ring: ringOf(old) })
          const { apiKey, token } = yield* setting.before(other, (apiKeys) => apiKeys.create({ name: "k" }))
          const line = yield* setting.before(other, (apiKeys) => Stream.mkString(apiKeys.export({ hashes: true })))
          const { a } = yield* setting.start(several(yield* hmac(next), other))
          yield* a.delete(apiKey.id)
          const events = yield* Stream.runCollect(a.import(Stream.make(JSON.parse(line))))
          assert.deepInclude(events.at(-1), { inserted: 1, refused: 0 })
          assert.strictEqual(yield* tagOf(a.verify(token)), "good")
          yield* until(
            "it is replaced",
            Effect.map(Effect.orDie(storedOf(setting, apiKey)), ({ hash }) => schemeOf(hash) === newScheme),
          )
        }),
      ),
    )
  })

  it.effect("doesn't keep the service from starting while the store can't be read", () =>
    Effect.gen(function* () {
      const repository = yield* Repository.ApiKeyRepository
      const away = new RepositoryError({ operation: "count", isRetryable: true, cause: undefined })
      yield* startOne({}, yield* hmac(next), { ...repository, countSchemes: () => Effect.fail(away) })
    }).pipe(Effect.scoped, Effect.provide(Repository.layerMemory)),
  )
})

describe("A token of another system", () => {
  each("is warm from its second use on", (setting) =>
    Effect.gen(function* () {
      const { instruments } = setting
      const apiKey = yield* insertRow(setting, shop, rowOf("shop_4"))
      const { a } = yield* setting.start(yield* hmac(next), { legacy: [shop] })
      assert.deepStrictEqual((yield* a.verify("shop_4")).apiKey, apiKey)
      yield* delivered
      // Once more for the new hash.
      yield* a.verify("shop_4")
      instruments.lookUps = instruments.checks = 0
      for (let time = 0; time < 3; time++) yield* a.verify(Redacted.make("shop_4"))
      const isCached = instruments.lookUps === 0
      assert.deepInclude(instruments, isCached ? { lookUps: 0, checks: 0 } : { lookUps: 3, checks: 3 })
      yield* a.deactivate(apiKey.id)
      assert.strictEqual(yield* tagOf(a.verify("shop_4")), "Inactive")
    }),
  )

  each("that isn't one is malformed, at no cost", (setting) =>
    Effect.gen(function* () {
      yield* insertRow(setting, shop, rowOf("shop_5"))
      const { a } = yield* setting.start(yield* hmac(next), { legacy: [shop] })
      yield* a.verify("shop_5")
      yield* delivered
      yield* a.verify("shop_5")
      setting.instruments.lookUps = setting.instruments.checks = 0
      const malformed = ["", "garbage", "SHOP_5", "shop_\ud800", "shop_5\udfff", `shop_${"x".repeat(600)}`, unknownToken(1).slice(0, -1)]
      for (const token of malformed)
        for (let time = 0; time < 2; time++) assert.strictEqual(yield* tagOf(a.verify(token)), "MalformedToken", token)
      assert.deepInclude(setting.instruments, { lookUps: 0, checks: 0 })
    }),
  )

  each("isn't mistaken for one with an unpaired surrogate, though both have one digest", (setting) =>
    Effect.gen(function* () {
      yield* insertRow(setting, shop, rowOf("shop_\ufffd"))
      const { a } = yield* setting.start(yield* hmac(next), { legacy: [shop] })
      for (let time = 0; time < 3; time++) {
        assert.strictEqual(yield* tagOf(a.verify("shop_\ufffd")), "good")
        assert.strictEqual(yield* tagOf(a.verify("shop_\ud800")), "MalformedToken")
        yield* delivered
      }
    }),
  )

  describe("that nobody has", () => {
    it.effect.each(settings)("costs a look-up and no hash, and is remembered: %s", ([, count, options]) =>
      withSetting(count, options, (setting) =>
        Effect.gen(function* () {
          const { a } = yield* setting.start(yield* hmac(next), { legacy: [shop] })
          for (let time = 0; time < 3; time++) assert.strictEqual(yield* tagOf(a.verify("shop_6")), "NotFound")
          const expected = options.cache === "off" ? 3 : 1
          assert.deepInclude(setting.instruments, { lookUps: expected, checks: 0, hashes: 0 })
        }),
      ),
    )
  })

  each("that can't be checked just now isn't refused for it", (setting) =>
    Effect.gen(function* () {
      let isDown = true
      const failing: LegacyTokens = {
        ...shop,
        verify: (...args) => (isDown ? Effect.fail(new HasherError({ reason: "Failed" })) : shop.verify(...args)),
      }
      yield* insertRow(setting, shop, rowOf("shop_12"))
      const { a } = yield* setting.start(yield* hmac(next), { legacy: [failing] })
      assert.strictEqual(yield* tagOf(a.verify("shop_12")), "HasherError")
      isDown = false
      assert.strictEqual(yield* tagOf(a.verify("shop_12")), "good")
    }),
  )

  each("works at once where it is imported, and elsewhere when the refusal is forgotten", (setting) =>
    Effect.gen(function* () {
      const { a, b } = yield* setting.start(yield* hmac(next), { legacy: [shop] })
      for (const node of [a, b]) assert.strictEqual(yield* tagOf(node.verify("shop_10")), "NotFound")
      const events = yield* Stream.runCollect(a.import(Stream.make(rowOf("shop_10")), { from: shop }))
      assert.deepInclude(events.at(-1), { _tag: "Progress", read: 1, inserted: 1, refused: 0 })
      assert.strictEqual(yield* tagOf(a.verify("shop_10")), "good")
      yield* TestClock.adjust("5 seconds")
      assert.strictEqual(yield* tagOf(b.verify("shop_10")), "good")
    }),
  )

  each("works as soon as it is heard that it came in", (setting) =>
    Effect.gen(function* () {
      const { a, b } = yield* setting.start(yield* hmac(next), { legacy: [shop] })
      for (const node of [a, b]) assert.strictEqual(yield* tagOf(node.verify("shop_7")), "NotFound")
      const apiKey = yield* insertRow(setting, shop, rowOf("shop_7"))
      // Any change of the record tells of it.
      yield* b.activate(apiKey.id)
      yield* delivered
      for (const node of [a, b]) assert.strictEqual(yield* tagOf(node.verify("shop_7")), "good")
    }),
  )

  each("goes on through a rotation, for as long as the grace", (setting) =>
    Effect.gen(function* () {
      const apiKey = yield* insertRow(setting, shop, rowOf("shop_8"))
      const { a, b } = yield* setting.start(yield* hmac(next), { legacy: [shop] })
      for (const node of [a, b]) yield* node.verify("shop_8")
      const rotated = yield* a.rotate(apiKey.id, { grace: "1 hour" })
      assert.match(Redacted.value(rotated.token), /^ak-[0-9a-f]{16}-[0-9A-Za-z]{64}$/)
      yield* delivered
      for (const node of [a, b]) {
        assert.deepInclude(yield* node.verify("shop_8"), { usedToken: "previous" })
        assert.deepInclude(yield* node.verify(rotated.token), { usedToken: "current" })
      }
      yield* TestClock.adjust("1 hour")
      for (const node of [a, b]) assert.strictEqual(yield* tagOf(node.verify("shop_8")), "Expired")
    }),
  )

  // What two systems could have issued: the first makes something else of it, and the record is the second's.
  const both = [PrefixedApiKey.make({ prefix: "shop", columns: { expiresAt: null, isActive: null } }), shop]
  const verifyThrice = (name: string) =>
    Effect.fnUntraced(function* (setting: Setting) {
      yield* insertRow(setting, shop, rowOf(name))
      const { a, b } = yield* setting.start(yield* hmac(next), { legacy: both })
      const answers: Array<string> = []
      for (let time = 0; time < 3; time++) {
        for (const node of [a, b]) answers.push(yield* tagOf(node.verify(name)))
        yield* delivered
      }
      assert.deepStrictEqual(new Set(answers), new Set(["good"]))
    })

  it.effect("of either of two systems works each time without a cache", () => withSetting(2, { cache: "off" }, verifyThrice("shop_ab_cd")))

  // The refusal of the first candidate is remembered for the token as a whole.
  it.effect("of either of two systems works each time with the cache", () => withSetting(1, {}, verifyThrice("shop_ab_cd")))

  it.effect("is hashed anew as the system reads it that it is of, although another reads it too", () =>
    withSetting(1, {}, (setting) =>
      Effect.gen(function* () {
        const { instruments } = setting
        const apiKey = yield* insertRow(setting, shop, rowOf("shop_11"))
        const misreading: LegacyTokens = {
          ...shop,
          parse: (token) => shop.parse(token).map((candidate) => ({ ...candidate, secret: Redacted.make("misread") })),
        }
        const hasher = yield* hmac(next)
        const { a } = yield* setting.start(hasher, { legacy: [misreading, shop] })
        instruments.beforeReplace = Effect.fail(new RepositoryError({ operation: "replace", isRetryable: true, cause: "down" }))
        yield* a.verify("shop_11")
        yield* delivered
        instruments.beforeReplace = Effect.void
        // Read again, although what it proved is remembered.
        yield* a.verify("shop_11", { maxAge: 0 })
        yield* delivered
        assert.isTrue(yield* hasher.verify(Redacted.make("shop_11"), (yield* storedOf(setting, apiKey)).hash))
      }),
    ),
  )

  // Both kinds of hash bear the same label, and the first system calls the second one's wrong.
  it.effect("is checked by the system that it is of", () =>
    withSetting(1, {}, (setting) =>
      Effect.gen(function* () {
        const salt = Redacted.make("salt")
        const salted = Keypal.make({ salt })
        yield* insertRow(setting, salted, {
          id: "1",
          keyHash: hex(`shop_9${hex("salt")}`),
          name: "k",
          enabled: true,
          revokedAt: null,
          expiresAt: null,
        })
        const { a } = yield* setting.start(yield* hmac(next), { legacy: [shop, salted] })
        assert.strictEqual(yield* tagOf(a.verify("shop_9")), "good")
      }),
    ),
  )
})
