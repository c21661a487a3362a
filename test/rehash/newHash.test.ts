import { assert, describe, it } from "@effect/vitest"
import { DateTime, Deferred, Effect, Fiber, Metric, Option, Redacted, type Scope } from "effect"
import { TestClock } from "effect/testing"
import { HasherError, RepositoryError } from "../../src/ApiKeyError.ts"
import * as ApiKeyMetrics from "../../src/ApiKeyMetrics.ts"
import * as Hmac from "../../src/hasher/Hmac.ts"
import { delivered, settled, tagOf, wrongSecret } from "../support/nodes.ts"
import {
  type Hasher,
  old,
  next,
  ringOf,
  build,
  hmac,
  unknownToken,
  until,
  withSetting,
  each,
  storedOf,
  schemeOf,
  oldScheme,
  newScheme,
  afterPepper,
} from "./support.ts"

describe("A new hash", () => {
  each("is made once for many who come at the same time", (setting) =>
    Effect.gen(function* () {
      const { apiKey, token, a, b } = yield* afterPepper(setting)
      const many = Array.from({ length: 50 }, (_, index) => (index % 2 === 0 ? a : b).verify(token))
      yield* Effect.all(many, { concurrency: "unbounded", discard: true })
      yield* delivered
      assert.strictEqual(setting.instruments.replaced, 1)
      assert.strictEqual((yield* Metric.value(ApiKeyMetrics.rehashes)).count, 1)
      assert.strictEqual(schemeOf((yield* storedOf(setting, apiKey)).hash), newScheme)
      yield* Effect.all(many, { concurrency: "unbounded", discard: true })
      yield* delivered
      assert.strictEqual(setting.instruments.replaced, 1)
      // Who lost the race tried once.
      assert.isAtMost(setting.instruments.attempts, a === b ? 1 : 2)
    }),
  )

  each("leaves alone what changed meanwhile", (setting) =>
    Effect.gen(function* () {
      const hasher = yield* hmac(old)
      const create = setting.before(hasher, (apiKeys) => apiKeys.create({ name: "k" }))
      const [updated, rotated, twice, deleted] = [yield* create, yield* create, yield* create, yield* create]
      const { a, b } = yield* setting.start(yield* hmac(next, old))
      const gate = yield* Deferred.make<void>()
      setting.instruments.beforeReplace = Deferred.await(gate)
      for (const { token } of [updated, rotated, twice, deleted]) yield* a.verify(token)
      yield* settled
      yield* b.update(updated.apiKey.id, { name: "new" })
      const second = yield* b.rotate(rotated.apiKey.id)
      const tokens = [yield* b.rotate(twice.apiKey.id), yield* b.rotate(twice.apiKey.id, { ifPrevious: "end" })] as const
      const untouched = yield* storedOf(setting, twice.apiKey)
      yield* b.delete(deleted.apiKey.id)
      yield* Deferred.succeed(gate, undefined)
      yield* delivered
      assert.strictEqual(setting.instruments.attempts, 4)
      assert.strictEqual(setting.instruments.replaced, 2)
      const afterUpdate = yield* storedOf(setting, updated.apiKey)
      assert.deepInclude(afterUpdate.apiKey, { name: "new", version: 2 })
      assert.strictEqual(schemeOf(afterUpdate.hash), newScheme)
      const afterRotation = yield* storedOf(setting, rotated.apiKey)
      assert.strictEqual(afterRotation.apiKey.keyId, second.apiKey.keyId)
      assert.strictEqual(schemeOf(afterRotation.previousHash), newScheme)
      assert.deepStrictEqual(yield* storedOf(setting, twice.apiKey), untouched)
      assert.isTrue(Option.isNone(yield* setting.repository.findById(deleted.apiKey.id)))
      for (const node of [a, b]) {
        assert.deepInclude(yield* node.verify(updated.token), { usedToken: "current" })
        assert.deepInclude(yield* node.verify(rotated.token), { usedToken: "previous" })
        assert.deepInclude(yield* node.verify(second.token), { usedToken: "current" })
        assert.deepInclude(yield* node.verify(tokens[0].token), { usedToken: "previous" })
        assert.deepInclude(yield* node.verify(tokens[1].token), { usedToken: "current" })
        for (const { token } of [twice, deleted]) assert.strictEqual(yield* tagOf(node.verify(token)), "NotFound")
      }
    }),
  )

  each("that comes while the key is being rotated doesn't break either token", (setting) =>
    Effect.gen(function* () {
      const { apiKey, token, a, b } = yield* afterPepper(setting)
      // Between what the rotation reads and what it writes.
      setting.instruments.beforeRotate = Effect.andThen(Effect.orDie(a.verify(token)), settled)
      const rotated = yield* b.rotate(apiKey.id)
      assert.strictEqual(setting.instruments.replaced, 1)
      // The new one goes with its token.
      assert.strictEqual(schemeOf((yield* storedOf(setting, apiKey)).previousHash), newScheme)
      setting.instruments.beforeRotate = Effect.void
      for (let time = 0; time < 2; time++) {
        yield* delivered
        for (const node of [a, b]) {
          assert.deepInclude(yield* node.verify(token), { usedToken: "previous" })
          assert.deepInclude(yield* node.verify(rotated.token), { usedToken: "current" })
        }
        yield* TestClock.adjust("61 seconds")
      }
    }),
  )

  each("isn't made of what a pepper made that was taken out meanwhile", (setting) =>
    Effect.gen(function* () {
      const peppers = { ring: ringOf(next, old) }
      const created = yield* setting.before(yield* hmac(old), (apiKeys) => apiKeys.create({ name: "k" }))
      const before = yield* storedOf(setting, created.apiKey)
      const { a } = yield* setting.start(yield* build(Hmac.layerPeppers, peppers))
      const gate = yield* Deferred.make<void>()
      setting.instruments.beforeHash = Deferred.await(gate)
      assert.strictEqual(yield* tagOf(a.verify(created.token)), "good")
      yield* settled
      peppers.ring = ringOf(next)
      yield* Deferred.succeed(gate, undefined)
      yield* delivered
      assert.strictEqual(setting.instruments.hashes, 1)
      assert.strictEqual(setting.instruments.attempts, 0)
      assert.deepStrictEqual(yield* storedOf(setting, created.apiKey), before)
    }),
  )

  each("is made at most three times an hour on a node, where others put back what they know", (setting) =>
    Effect.gen(function* () {
      const { apiKey, token, a } = yield* afterPepper(setting)
      const first = yield* storedOf(setting, apiKey)
      const rounds = (count: number) =>
        Effect.repeat(
          Effect.gen(function* () {
            yield* a.verify(token, { maxAge: 0 })
            yield* settled
            const { hash } = yield* storedOf(setting, apiKey)
            yield* setting.repository.replaceHash(apiKey.id, hash, first.hash)
            yield* TestClock.adjust("1 minute")
          }),
          { times: count - 1 },
        )
      yield* rounds(10)
      assert.strictEqual(setting.instruments.replaced, 3)
      yield* TestClock.adjust("1 hour")
      yield* rounds(10)
      assert.strictEqual(setting.instruments.replaced, 6)
    }),
  )

  each("is left to others who were quicker", (setting) =>
    Effect.gen(function* () {
      const { apiKey, token, a } = yield* afterPepper(setting)
      const { hash } = yield* storedOf(setting, apiKey)
      // One is under way, and another key's waits.
      const other = yield* setting.before(yield* hmac(old), (apiKeys) => apiKeys.create({ name: "k" }))
      const gate = yield* Deferred.make<void>()
      setting.instruments.beforeReplace = Deferred.await(gate)
      for (const each of [other.token, token]) yield* a.verify(each)
      yield* settled
      assert.strictEqual(setting.instruments.hashes, 1)
      yield* setting.repository.replaceHash(apiKey.id, hash, Redacted.make(`${newScheme}$x`))
      yield* Deferred.succeed(gate, undefined)
      yield* delivered
      assert.strictEqual(Redacted.value((yield* storedOf(setting, apiKey)).hash), `${newScheme}$x`)
      assert.strictEqual(setting.instruments.replaced, 1)
    }),
  )

  each("isn't made any more where the ring was turned back meanwhile", (setting) =>
    Effect.gen(function* () {
      const peppers = { ring: ringOf(next, old) }
      const keys = yield* setting.before(yield* hmac(old), (apiKeys) => Effect.replicateEffect(apiKeys.create({ name: "k" }), 2))
      const { a } = yield* setting.start(yield* build(Hmac.layerPeppers, peppers))
      const gate = yield* Deferred.make<void>()
      setting.instruments.beforeReplace = Deferred.await(gate)
      for (const { token } of keys) yield* a.verify(token)
      yield* settled
      peppers.ring = ringOf(old, next)
      yield* Deferred.succeed(gate, undefined)
      yield* delivered
      assert.strictEqual(setting.instruments.hashes, 1)
    }),
  )

  each("is made although one before is never written", (setting) =>
    Effect.gen(function* () {
      const { token, a } = yield* afterPepper(setting)
      const other = yield* setting.before(yield* hmac(old), (apiKeys) => apiKeys.create({ name: "k" }))
      setting.instruments.beforeReplace = Effect.never
      yield* a.verify(token)
      yield* settled
      setting.instruments.beforeReplace = Effect.void
      yield* a.verify(other.token)
      yield* TestClock.adjust("10 seconds")
      yield* settled
      assert.strictEqual(schemeOf((yield* storedOf(setting, other.apiKey)).hash), newScheme)
    }),
  )

  // A hash takes 50 ms, and one runs at a time.
  it.effect.each(["v1", "v2"] as const)("is made after those that callers wait for: %s", (now) =>
    withSetting(1, {}, (setting) =>
      Effect.gen(function* () {
        let running = 0
        let most = 0
        const work = Effect.suspend(() => {
          most = Math.max(most, ++running)
          return Effect.ensuring(
            Effect.sleep("50 millis"),
            Effect.sync(() => running--),
          )
        })
        const slow = (id: string): Hasher => ({
          hash: (secret) => Effect.as(work, Redacted.make(`$${id}$${Redacted.value(secret)}`)),
          verify: (secret, hash) => Effect.as(work, Redacted.value(hash).endsWith(`$${Redacted.value(secret)}`)),
        })
        const later = <A, E>(effect: Effect.Effect<A, E, Scope.Scope>) =>
          Effect.gen(function* () {
            const fiber = yield* Effect.forkScoped(effect)
            yield* TestClock.adjust("20 seconds")
            return yield* Fiber.join(fiber)
          })
        const create = setting.before(slow("v1"), (apiKeys) =>
          Effect.all(
            Array.from({ length: 39 }, () => apiKeys.create({ name: "k" })),
            { concurrency: "unbounded" },
          ),
        )
        const keys = yield* later(create)
        const { a } = yield* later(setting.start(slow(now), { hashing: { permits: 1 } }))
        const verify = Effect.all(
          keys.map(({ token }) => tagOf(a.verify(token))),
          { concurrency: "unbounded" },
        )
        most = 0
        // As many as there is time for, until the last would give up.
        assert.deepStrictEqual(new Set(yield* later(verify)), new Set(["good"]))
        assert.strictEqual(setting.instruments.replaced, now === "v1" ? 0 : 39)
        assert.strictEqual(most, 1)
      }),
    ),
  )

  each("that can't be made or kept fails nobody, and is tried again at the next use", (setting) =>
    Effect.gen(function* () {
      const { apiKey, token, a, b } = yield* afterPepper(setting)
      const { instruments } = setting
      const again = { maxAge: 0 }
      const away = new RepositoryError({ operation: "replace a hash", isRetryable: true, cause: undefined })
      for (const failure of [Effect.fail(away), Effect.die("broken")]) {
        instruments.beforeReplace = failure
        const { attempts } = instruments
        for (const node of [a, b]) {
          assert.strictEqual(yield* tagOf(node.verify(token, again)), "good")
          yield* settled
        }
        assert.strictEqual(instruments.attempts, attempts + 2)
      }
      instruments.beforeReplace = Effect.void
      instruments.beforeHash = Effect.fail(new HasherError({ reason: "Failed" }))
      const { attempts } = instruments
      assert.strictEqual(yield* tagOf(a.verify(token, again)), "good")
      yield* settled
      assert.strictEqual(instruments.attempts, attempts)
      assert.strictEqual(schemeOf((yield* storedOf(setting, apiKey)).hash), oldScheme)
      instruments.beforeHash = Effect.void
      assert.strictEqual(yield* tagOf(a.verify(token, again)), "good")
      yield* settled
      assert.strictEqual(schemeOf((yield* storedOf(setting, apiKey)).hash), newScheme)
    }),
  )

  each("waits with a hundred others, and those beyond have their turn at their next use", (setting) =>
    Effect.gen(function* () {
      const { instruments, repository } = setting
      const keys = yield* setting.before(yield* hmac(old), (apiKeys) => Effect.replicateEffect(apiKeys.create({ name: "k" }), 150))
      const { a } = yield* setting.start(yield* hmac(next, old))
      const gate = yield* Deferred.make<void>()
      instruments.beforeReplace = Deferred.await(gate)
      for (const { token } of keys) assert.strictEqual(yield* tagOf(a.verify(token)), "good")
      yield* settled
      assert.strictEqual(instruments.attempts, 1)
      yield* Deferred.succeed(gate, undefined)
      yield* until(
        "those that wait are done",
        Effect.sync(() => instruments.replaced >= 100),
      )
      yield* Effect.repeat(settled, { times: 30 })
      // A hundred that wait, and the one under way if it was taken before the others came.
      assert.isAtMost(instruments.replaced, 101)
      yield* TestClock.adjust("61 seconds")
      for (const { token } of keys) assert.strictEqual(yield* tagOf(a.verify(token)), "good")
      yield* until(
        "all are done",
        Effect.sync(() => instruments.replaced >= 150),
      )
      assert.deepStrictEqual(yield* repository.countSchemes(yield* DateTime.now), [{ scheme: newScheme, previousScheme: null, count: 150 }])
    }),
  )

  each("is made for the previous token too", (setting) =>
    Effect.gen(function* () {
      const { first, second } = yield* setting.before(yield* hmac(old), (apiKeys) =>
        Effect.gen(function* () {
          const first = yield* apiKeys.create({ name: "k" })
          return { first, second: yield* apiKeys.rotate(first.apiKey.id) }
        }),
      )
      const { a, b } = yield* setting.start(yield* hmac(next, old))
      const schemes = Effect.map(storedOf(setting, first.apiKey), ({ hash, previousHash }) => [schemeOf(hash), schemeOf(previousHash)])
      assert.deepInclude(yield* b.verify(first.token), { usedToken: "previous" })
      yield* settled
      assert.deepStrictEqual(yield* schemes, [oldScheme, newScheme])
      assert.deepInclude(yield* a.verify(second.token), { usedToken: "current" })
      yield* delivered
      assert.deepStrictEqual(yield* schemes, [newScheme, newScheme])
      for (const node of [a, b]) {
        assert.deepInclude(yield* node.verify(first.token), { usedToken: "previous" })
        assert.deepInclude(yield* node.verify(second.token), { usedToken: "current" })
      }
      assert.strictEqual(setting.instruments.replaced, 2)
    }),
  )

  each("is never made of a wrong secret", (setting) =>
    Effect.gen(function* () {
      const { apiKey, token, a, b } = yield* afterPepper(setting)
      const before = yield* storedOf(setting, apiKey)
      for (const node of [a, b]) {
        assert.strictEqual(yield* tagOf(node.verify(wrongSecret(token))), "InvalidSecret")
        assert.strictEqual(yield* tagOf(node.verify(unknownToken(1))), "NotFound")
        assert.strictEqual(yield* tagOf(node.verify("garbage")), "MalformedToken")
      }
      yield* settled
      assert.deepInclude(setting.instruments, { hashes: 0, attempts: 0 })
      assert.deepStrictEqual(yield* storedOf(setting, apiKey), before)
    }),
  )

  // Nothing is hashed for a token that is known to be right, so nobody looks at the ring.
  it.effect("follows a ring that changes, although nothing else is hashed", () =>
    withSetting(1, {}, (setting) =>
      Effect.gen(function* () {
        const peppers = { ring: ringOf(old) }
        const { a } = yield* setting.start(yield* build(Hmac.layerPeppers, peppers))
        const { apiKey, token } = yield* a.create({ name: "k" })
        yield* a.verify(token)
        peppers.ring = ringOf(next, old)
        for (let minute = 0; minute < 10; minute++) {
          yield* TestClock.adjust("61 seconds")
          yield* a.verify(token)
          yield* settled
        }
        assert.strictEqual(schemeOf((yield* storedOf(setting, apiKey)).hash), newScheme)
      }),
    ),
  )

  // The interruption ends what makes the hashes, for good.
  it.effect("is made although one before was interrupted", () =>
    withSetting(1, {}, (setting) =>
      Effect.gen(function* () {
        const { apiKey, token, a } = yield* afterPepper(setting)
        setting.instruments.beforeReplace = Effect.interrupt
        yield* a.verify(token)
        yield* settled
        assert.strictEqual(setting.instruments.attempts, 1)
        setting.instruments.beforeReplace = Effect.void
        yield* a.verify(token, { maxAge: 0 })
        yield* settled
        assert.strictEqual(schemeOf((yield* storedOf(setting, apiKey)).hash), newScheme)
      }),
    ),
  )

  each("follows a ring that changes while the service runs", (setting) =>
    Effect.gen(function* () {
      const peppers = { ring: ringOf(old) }
      const { a, b } = yield* setting.start(yield* build(Hmac.layerPeppers, peppers))
      const { apiKey, token } = yield* a.create({ name: "k" })
      yield* delivered
      for (const node of [a, b]) yield* node.verify(token)
      peppers.ring = ringOf(next, old)
      yield* TestClock.adjust("61 seconds")
      // What is hashed shows the hasher its peppers.
      yield* a.hashReport
      for (const node of [a, b]) assert.strictEqual(yield* tagOf(node.verify(token)), "good")
      yield* delivered
      assert.strictEqual(schemeOf((yield* storedOf(setting, apiKey)).hash), newScheme)
      assert.strictEqual(setting.instruments.replaced, 1)
      peppers.ring = ringOf(next)
      yield* TestClock.adjust("61 seconds")
      for (const node of [a, b]) {
        assert.strictEqual(yield* tagOf(node.verify(token)), "good")
        // The decoy's pepper is gone.
        for (const number of [1, 1, 2]) assert.strictEqual(yield* tagOf(node.verify(unknownToken(number))), "NotFound")
        assert.strictEqual(yield* tagOf(node.verify(wrongSecret(token))), "InvalidSecret")
      }
    }),
  )
})
