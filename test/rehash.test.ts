/** Changes of algorithm, parameters and pepper, and keys of other systems: each hash is made anew when its token comes by. */
import { createHash } from "node:crypto"
import { assert, describe, it } from "@effect/vitest"
import { DateTime, Deferred, Effect, Fiber, Layer, Logger, Metric, Option, Redacted, type Scope, Stream } from "effect"
import { TestClock } from "effect/testing"
import { ApiKey, type KeyId, StoredApiKey } from "../src/ApiKey.ts"
import { HasherError, RepositoryError } from "../src/ApiKeyError.ts"
import { ApiKeyHasher, scheme, several } from "../src/ApiKeyHasher.ts"
import * as ApiKeyMetrics from "../src/ApiKeyMetrics.ts"
import * as Repository from "../src/ApiKeyRepository.ts"
import * as ApiKeys from "../src/ApiKeys.ts"
import * as ApiKeyToken from "../src/ApiKeyToken.ts"
import * as Bcrypt from "../src/hasher/Bcrypt.ts"
import * as Hmac from "../src/hasher/Hmac.ts"
import * as Pepper from "../src/hasher/Pepper.ts"
import * as Keypal from "../src/legacy/Keypal.ts"
import * as PrefixedApiKey from "../src/legacy/PrefixedApiKey.ts"
import * as Sha256 from "../src/legacy/Sha256.ts"
import type { LegacyTokens } from "../src/LegacyTokens.ts"
import { delivered, makeHub, settings, settled, tagOf, wrongSecret } from "./support/nodes.ts"

type Node = ApiKeys.ApiKeys["Service"]
type Hasher = ApiKeyHasher["Service"]

const pepper = (id: string): Pepper.Pepper => ({ id, value: Redacted.make(`the pepper with the id ${id}, random`) })
const old = pepper("2025")
const next = pepper("2026")
const ringOf = (current: Pepper.Pepper, ...older: ReadonlyArray<Pepper.Pepper>): Pepper.PepperRing => ({ current, older })

const build = (layer: Layer.Layer<ApiKeyHasher, unknown, Pepper.Peppers>, peppers: { ring: Pepper.PepperRing }) =>
  layer.pipe(
    Layer.provide(Layer.succeed(Pepper.Peppers, { ring: Effect.sync(() => peppers.ring) })),
    Layer.build,
    Effect.flatMap((context) => Effect.provide(ApiKeyHasher, context)),
    Effect.orDie,
  )
const hmac = (...peppers: readonly [Pepper.Pepper, ...ReadonlyArray<Pepper.Pepper>]) =>
  build(Hmac.layerPeppers, { ring: ringOf(...peppers) })
const bcrypt = (cost: number) => build(Bcrypt.layerPeppers({ cost }), { ring: ringOf(old) })

const unknownToken = (number: number) => {
  const body = `ak-${number.toString(16).padStart(16, "0")}-${"x".repeat(58)}`
  return body + ApiKeyToken.checksum(body)
}

/** Until what other threads compute is there. */
const until = (what: string, isSo: Effect.Effect<boolean>) =>
  Effect.gen(function* () {
    for (let turn = 0; turn < 200_000; turn++) {
      if (yield* isSo) return
      yield* Effect.promise(() => new Promise((resolve) => setImmediate(resolve)))
    }
    assert.fail(`Waited in vain until ${what}`)
  })

interface Instruments {
  lookUps: number
  /** Secrets that were checked. */
  checks: number
  /** Secrets that were hashed. */
  hashes: number
  attempts: number
  replaced: number
  /** Waited for before a hash is replaced, and before a token is. */
  beforeReplace: Effect.Effect<void, RepositoryError>
  beforeRotate: Effect.Effect<void>
  beforeHash: Effect.Effect<void, HasherError>
}

interface Setting {
  readonly repository: Repository.ApiKeyRepository["Service"]
  readonly instruments: Instruments
  /** Starts nodes, which live as long as the test. */
  readonly start: (
    hasher: Hasher,
    options?: ApiKeys.Options,
  ) => Effect.Effect<{ readonly a: Node; readonly b: Node }, Effect.Error<ReturnType<typeof startOne>>, Scope.Scope>
  /** Runs with the service as it was before. */
  readonly before: <A, E>(hasher: Hasher, use: (apiKeys: Node) => Effect.Effect<A, E>) => Effect.Effect<A, E>
}

const startOne = (options: ApiKeys.Options, hasher: Hasher, repository: Repository.ApiKeyRepository["Service"]) =>
  ApiKeys.layerWith(options).pipe(
    Layer.provide([Layer.succeed(ApiKeyHasher, hasher), Layer.succeed(Repository.ApiKeyRepository, repository)]),
    Layer.fresh,
    Layer.build,
    Effect.flatMap((context) => Effect.provide(ApiKeys.ApiKeys, context)),
  )

const withSetting = <A, E>(count: number, common: ApiKeys.Options, test: (setting: Setting) => Effect.Effect<A, E, Scope.Scope>) =>
  Effect.gen(function* () {
    yield* TestClock.setTime(1_800_000_000_000)
    const repository = yield* Repository.ApiKeyRepository
    const instruments: Instruments = {
      lookUps: 0,
      checks: 0,
      hashes: 0,
      attempts: 0,
      replaced: 0,
      beforeReplace: Effect.void,
      beforeRotate: Effect.void,
      beforeHash: Effect.void,
    }
    const observed: typeof repository = {
      ...repository,
      findByKeyId: (keyId: KeyId) =>
        Effect.suspend(() => {
          instruments.lookUps++
          return repository.findByKeyId(keyId)
        }),
      rotate: (...args) =>
        Effect.andThen(
          Effect.suspend(() => instruments.beforeRotate),
          repository.rotate(...args),
        ),
      replaceHash: (...args) =>
        Effect.suspend(() => {
          instruments.attempts++
          return instruments.beforeReplace
        }).pipe(
          Effect.andThen(repository.replaceHash(...args)),
          Effect.tap((isReplaced) => Effect.sync(() => void (instruments.replaced += isReplaced ? 1 : 0))),
        ),
    }
    const observe = (hasher: Hasher): Hasher => ({
      ...hasher,
      hash: (secret) =>
        Effect.suspend(() => {
          instruments.hashes++
          return Effect.andThen(instruments.beforeHash, hasher.hash(secret))
        }),
      verify: (secret, hash) =>
        Effect.suspend(() => {
          instruments.checks++
          return hasher.verify(secret, hash)
        }),
    })
    const hub = makeHub()
    return yield* test({
      repository,
      instruments,
      start: (hasher, options = {}) =>
        Effect.gen(function* () {
          const node = startOne({ ...common, ...options }, observe(hasher), observed)
          const a = yield* count === 1 ? node : Effect.provide(node, hub)
          const b = count === 1 ? a : yield* Effect.provide(node, hub)
          yield* TestClock.adjust("1 second")
          instruments.lookUps = instruments.checks = instruments.hashes = 0
          return { a, b }
        }),
      before: (hasher, use) => Effect.scoped(Effect.flatMap(Effect.orDie(startOne({}, hasher, repository)), use)),
    })
  }).pipe(Effect.scoped, Effect.provide(Layer.fresh(Repository.layerMemory)), Effect.provideService(Metric.MetricRegistry, new Map()))

const each = (name: string, test: (setting: Setting) => Effect.Effect<void, unknown, Scope.Scope>) =>
  describe(name, () => {
    it.effect.each(settings)("%s", ([, count, options]) => withSetting(count, options, test))
  })

const storedOf = ({ repository }: Setting, { id }: ApiKey) => Effect.map(repository.findById(id), Option.getOrThrow)
const schemeOf = (hash: Redacted.Redacted | null) => (hash === null ? null : scheme(Redacted.value(hash)))
const oldScheme = "$pepper=2025$hmac-sha256$v=1"
const newScheme = "$pepper=2026$hmac-sha256$v=1"

/** A record of another system, as it comes in. */
const insertRow = ({ repository }: Setting, system: Pick<LegacyTokens, "readRow">, row: Readonly<Record<string, unknown>>) =>
  Effect.gen(function* () {
    const { hash, ...record } = yield* Effect.fromResult(system.readRow(row))
    const apiKey = new ApiKey({
      ...record,
      policies: null,
      deactivatedAt: null,
      deactivationReason: null,
      version: 1,
      rotatedAt: null,
      previous: null,
    })
    yield* repository.insert(new StoredApiKey({ apiKey, hash, previousHash: null }))
    return apiKey
  })
const hex = (text: string) => createHash("sha256").update(text).digest("hex")
const rowOf = (token: string) => ({ id: token, key_hash: hex(token), name: "k", expires_at: null, revoked_at: null })
const shop = Sha256.make({ prefix: "shop_" })

/** From what to what, and the scheme of the new hashes. */
const moves: ReadonlyArray<{
  readonly name: string
  readonly make: (
    setting: Setting,
  ) => Effect.Effect<{ readonly apiKey: ApiKey; readonly token: string | Redacted.Redacted }, unknown, Scope.Scope>
  readonly hasher: Effect.Effect<Hasher, never, Scope.Scope>
  readonly scheme: string
}> = [
  {
    name: "another pepper",
    make: ({ before }) => Effect.flatMap(hmac(old), (hasher) => before(hasher, (apiKeys) => apiKeys.create({ name: "k" }))),
    hasher: hmac(next, old),
    scheme: newScheme,
  },
  {
    name: "another algorithm",
    make: ({ before }) => Effect.flatMap(bcrypt(4), (hasher) => before(hasher, (apiKeys) => apiKeys.create({ name: "k" }))),
    hasher: Effect.zipWith(hmac(next, old), bcrypt(4), (first, second) => several(first, second)),
    scheme: newScheme,
  },
  {
    name: "other parameters",
    make: ({ before }) => Effect.flatMap(bcrypt(4), (hasher) => before(hasher, (apiKeys) => apiKeys.create({ name: "k" }))),
    hasher: bcrypt(5),
    scheme: "$pepper=2025$2b$05",
  },
  {
    name: "another system",
    make: (setting) => Effect.map(insertRow(setting, shop, rowOf("shop_1")), (apiKey) => ({ apiKey, token: "shop_1" })),
    hasher: hmac(next, old),
    scheme: newScheme,
  },
]

describe.each(moves)("A hash of $name", ({ make, hasher, scheme }) => {
  each("becomes a current one behind the back of who uses the token first, and works on", (setting) =>
    Effect.gen(function* () {
      const { instruments, repository } = setting
      const { apiKey, token } = yield* make(setting)
      const before = yield* storedOf(setting, apiKey)
      const { a, b } = yield* setting.start(yield* hasher, { legacy: [shop] })
      const gate = yield* Deferred.make<void>()
      instruments.beforeReplace = Deferred.await(gate)
      // It is held up, and the caller isn't.
      assert.deepStrictEqual((yield* a.verify(token)).apiKey, apiKey)
      yield* until(
        "it is about to be replaced",
        Effect.sync(() => instruments.attempts === 1),
      )
      assert.strictEqual(yield* tagOf(b.verify(token)), "good")
      assert.deepStrictEqual(yield* storedOf(setting, apiKey), before)
      yield* Deferred.succeed(gate, undefined)
      yield* until(
        "it is replaced",
        Effect.map(Effect.orDie(storedOf(setting, apiKey)), ({ hash }) => schemeOf(hash) === scheme),
      )
      yield* delivered
      // Nothing but the hash has changed.
      assert.deepStrictEqual((yield* storedOf(setting, apiKey)).apiKey, before.apiKey)
      for (const wait of [0, 0, 61_000]) {
        yield* TestClock.adjust(wait)
        for (const node of [a, b]) assert.deepInclude(yield* node.verify(token), { usedToken: "current" })
      }
      yield* settled
      assert.strictEqual(instruments.replaced, 1)
      assert.strictEqual((yield* Metric.value(ApiKeyMetrics.rehashes)).count, 1)
      assert.deepStrictEqual(
        (yield* repository.countSchemes(yield* DateTime.now)).map(({ count }) => count),
        [1],
      )
    }),
  )
})

/** A key of the old pepper, and nodes that have the new one too. */
const afterPepper = (setting: Setting, options: ApiKeys.Options = {}) =>
  Effect.gen(function* () {
    const created = yield* setting.before(yield* hmac(old), (apiKeys) => apiKeys.create({ name: "k" }))
    return { ...created, ...(yield* setting.start(yield* hmac(next, old), options)) }
  })

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

describe("The report of hashes", () => {
  each("counts them by kind, before and after", (setting) =>
    Effect.gen(function* () {
      const { apiKey, token, a } = yield* afterPepper(setting)
      const rotated = yield* a.rotate(apiKey.id, { grace: "1 hour" })
      yield* a.create({ name: "k" })
      yield* insertRow(setting, shop, rowOf("shop_2"))
      const kind = { algorithm: "hmac-sha256", parameters: "v=1" }
      const legacy = { algorithm: "legacy-sha256", parameters: "", pepper: null, count: 1, isCurrent: false }
      const sorted = Effect.map(a.hashReport, (report) =>
        report.toSorted((one, other) => (String(one.pepper) < String(other.pepper) ? -1 : 1)),
      )
      assert.deepStrictEqual(yield* sorted, [
        { ...kind, pepper: "2025", count: 1, isCurrent: false },
        { ...kind, pepper: "2026", count: 2, isCurrent: true },
        legacy,
      ])
      yield* a.verify(token)
      yield* settled
      assert.deepStrictEqual(yield* sorted, [{ ...kind, pepper: "2026", count: 3, isCurrent: true }, legacy])
      // The hash of a token that has ended is needed no more.
      yield* TestClock.adjust("1 hour")
      assert.deepStrictEqual(yield* sorted, [{ ...kind, pepper: "2026", count: 2, isCurrent: true }, legacy])
      assert.strictEqual(yield* tagOf(a.verify(rotated.token)), "good")
    }),
  )
})

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
      // Of each node.
      assert.lengthOf(lines, a === b ? 1 : 2)
      assert.match(lines[0] ?? "", /^Warn .*1 under 2025/)
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
