import { inspect } from "node:util"
import { assert, describe, it } from "@effect/vitest"
import { Context, DateTime, Duration, Effect, Layer, Logger, Redacted, References, Result, Schema, Stream, Tracer } from "effect"
import { TestClock } from "effect/testing"
import { ApiKey, KeyId, StoredApiKey } from "../../src/ApiKey.ts"
import { DuplicateKeyId, InvalidInput } from "../../src/ApiKeyError.ts"
import { ApiKeyHasher, layerEphemeral } from "../../src/ApiKeyHasher.ts"
import * as Repository from "../../src/ApiKeyRepository.ts"
import * as ApiKeys from "../../src/ApiKeys.ts"
import * as ApiKeyToken from "../../src/ApiKeyToken.ts"
import { fromNdjson } from "../../src/ApiKeyTransfer.ts"
import * as KeyPolicy from "../../src/KeyPolicy.ts"
import { tracerInto } from "../support/spans.ts"

const later = (input: Duration.Input) => Effect.map(DateTime.now, (now) => DateTime.addDuration(now, Duration.fromInputUnsafe(input)))

const otherToken = (token: Redacted.Redacted) => {
  const text = Redacted.value(token)
  const body = text.slice(0, -7) + (text.at(-7) === "A" ? "B" : "A")
  return body + ApiKeyToken.checksum(body)
}

/** The service with its hasher and repository at hand, and whatever options. */
const layerWith = (options: ApiKeys.Options = {}) =>
  ApiKeys.layerWith(options).pipe(Layer.provideMerge(layerEphemeral), Layer.provideMerge(Layer.fresh(Repository.layerMemory)))

describe("ApiKeys", () => {
  it.effect("creates a key whose token verifies, and gives the record", () =>
    Effect.gen(function* () {
      const apiKeys = yield* ApiKeys.ApiKeys
      const { apiKey, token } = yield* apiKeys.create({ name: "  ci  ", scopes: ["b:x", "a", "a"], metadata: { team: 1 } })
      assert.strictEqual(apiKey.name, "ci")
      assert.deepStrictEqual([...apiKey.scopes], ["a", "b:x"])
      assert.isTrue(Redacted.value(token).startsWith(`ak-${apiKey.keyId}-`))
      assert.strictEqual(Redacted.value(token).slice(-10, -6), apiKey.hint)
      assert.deepStrictEqual((yield* apiKeys.verify(token)).apiKey, apiKey)
      assert.deepStrictEqual((yield* apiKeys.verify(Redacted.value(token), { scopes: ["a"] })).apiKey, apiKey)
    }).pipe(Effect.provide(ApiKeys.layerMemory)),
  )

  it.effect("refuses with the error that fits, in the order of checks", () =>
    Effect.gen(function* () {
      const apiKeys = yield* ApiKeys.ApiKeys
      const expiresAt = yield* later("1 hour")
      const { apiKey, token } = yield* apiKeys.create({ name: "k", scopes: ["a"], expiresAt })
      const tagOf = (candidate: string | Redacted.Redacted, scopes: ReadonlyArray<string> = []) =>
        Effect.map(Effect.flip(apiKeys.verify(candidate, { scopes })), (error) => error._tag)

      assert.strictEqual(yield* tagOf("nonsense"), "MalformedToken")
      assert.strictEqual(yield* tagOf("x".repeat(1_000_000)), "MalformedToken")
      assert.strictEqual(yield* tagOf(otherToken(token)), "InvalidSecret")
      assert.strictEqual(yield* tagOf(token, ["b"]), "InsufficientScope")
      assert.strictEqual(yield* tagOf(token, ["not a scope"]), "InsufficientScope")

      yield* TestClock.adjust("59 minutes")
      assert.strictEqual((yield* apiKeys.verify(token)).apiKey.id, apiKey.id)
      yield* TestClock.adjust("1 minute")
      assert.deepInclude(yield* Effect.flip(apiKeys.verify(token)), { _tag: "Expired", keyId: apiKey.keyId, expiresAt })

      yield* apiKeys.deactivate(apiKey.id)
      assert.strictEqual(yield* tagOf(token, ["b"]), "Inactive")
      assert.strictEqual(yield* tagOf(otherToken(token)), "InvalidSecret")

      yield* apiKeys.delete(apiKey.id)
      assert.deepInclude(yield* Effect.flip(apiKeys.verify(token)), { _tag: "NotFound", keyId: apiKey.keyId })
    }).pipe(Effect.provide(ApiKeys.layerMemory)),
  )

  it.effect("hashes as much for an unknown key id as for a wrong secret, and not at all for a malformed token", () => {
    const calls: Array<string> = []
    const counting = Layer.effect(
      ApiKeyHasher,
      Effect.gen(function* () {
        const hasher = yield* ApiKeyHasher
        return ApiKeyHasher.of({
          hash: (secret) =>
            Effect.andThen(
              Effect.sync(() => calls.push("hash")),
              hasher.hash(secret),
            ),
          verify: (secret, hash) =>
            Effect.andThen(
              Effect.sync(() => calls.push("verify")),
              hasher.verify(secret, hash),
            ),
        })
      }),
    ).pipe(Layer.provide(layerEphemeral))
    return Effect.gen(function* () {
      const apiKeys = yield* ApiKeys.ApiKeys
      const { apiKey, token } = yield* apiKeys.create({ name: "k" })
      calls.length = 0
      yield* Effect.flip(apiKeys.verify(otherToken(token)))
      const wrongSecret = calls.splice(0)
      yield* apiKeys.delete(apiKey.id)
      assert.strictEqual((yield* Effect.flip(apiKeys.verify(token)))._tag, "NotFound")
      const unknown = calls.splice(0)
      assert.deepStrictEqual(wrongSecret, ["verify"])
      assert.deepStrictEqual(unknown, wrongSecret)
      yield* Effect.flip(apiKeys.verify("ak-x"))
      assert.deepStrictEqual(calls, [])
    }).pipe(Effect.provide(ApiKeys.layer.pipe(Layer.provide([counting, Layer.fresh(Repository.layerMemory)]))))
  })

  it.effect("refuses input that breaks a rule, naming the field", () =>
    Effect.gen(function* () {
      const apiKeys = yield* ApiKeys.ApiKeys
      const fieldOf = (input: ApiKeys.CreateInput) =>
        Effect.map(Effect.flip(apiKeys.create(input)), (error) => (error._tag === "InvalidInput" ? error.field : error._tag))
      assert.strictEqual(yield* fieldOf({ name: "   " }), "name")
      assert.strictEqual(yield* fieldOf({ name: "x".repeat(129) }), "name")
      assert.strictEqual(yield* fieldOf({ name: "k", description: "x".repeat(1_001) }), "description")
      assert.strictEqual(yield* fieldOf({ name: "k", ownerId: "x".repeat(201) }), "ownerId")
      assert.strictEqual(yield* fieldOf({ name: "a\0b" }), "name")
      assert.strictEqual(yield* fieldOf({ name: "k", scopes: ["Not A Scope"] }), "scopes.0")
      assert.strictEqual(yield* fieldOf({ name: "k", scopes: Array.from({ length: 101 }, (_, i) => `s${i}`) }), "scopes")
      assert.strictEqual(yield* fieldOf({ name: "k", metadata: { a: "x".repeat(8_192) } }), "metadata")
      assert.strictEqual(yield* fieldOf({ name: "k", expiresAt: yield* DateTime.now }), "expiresAt")
      // A caller that isn't type-checked can't smuggle in what the service sets itself.
      assert.strictEqual(yield* fieldOf({ name: "k", createdAt: null } as ApiKeys.CreateInput), "createdAt")
      const { apiKey } = yield* apiKeys.create({ name: "k" })
      const error = yield* Effect.flip(apiKeys.update(apiKey.id, { scopes: ["*:a"] }))
      assert.deepInclude(error, { _tag: "InvalidInput", field: "scopes.0" })
      for (const input of [{ limit: 0 }, { limit: 201 }, { limit: 1.5 }, { offset: -1 }, { offset: 1, cursor: "x" }, { name: "\0" }]) {
        assert.strictEqual((yield* Effect.flip(apiKeys.search(input)))._tag, "InvalidInput", inspect(input))
      }
    }).pipe(Effect.provide(ApiKeys.layerMemory)),
  )

  it.effect("applies the default and the maximum lifetime", () =>
    Effect.gen(function* () {
      const apiKeys = yield* ApiKeys.ApiKeys
      const { apiKey } = yield* apiKeys.create({ name: "k" })
      assert.deepStrictEqual(apiKey.expiresAt, yield* later("30 days"))
      const limit = yield* later("90 days")
      assert.strictEqual((yield* apiKeys.create({ name: "k", expiresAt: limit })).apiKey.expiresAt, limit)
      for (const expiresAt of [null, DateTime.addDuration(limit, Duration.millis(1))]) {
        assert.deepInclude(yield* Effect.flip(apiKeys.create({ name: "k", expiresAt })), { _tag: "InvalidInput", field: "expiresAt" })
        assert.deepInclude(yield* Effect.flip(apiKeys.update(apiKey.id, { expiresAt })), { _tag: "InvalidInput", field: "expiresAt" })
      }
    }).pipe(Effect.provide(layerWith({ defaultLifetime: "30 days", maximumLifetime: "90 days" }))),
  )

  it.effect("updates only the given fields, and guards against lost updates", () =>
    Effect.gen(function* () {
      const apiKeys = yield* ApiKeys.ApiKeys
      const { apiKey } = yield* apiKeys.create({ name: "k", description: "d", ownerId: "o" })
      yield* TestClock.adjust("1 second")
      const [a] = yield* Effect.all([apiKeys.update(apiKey.id, { name: "n" }), apiKeys.update(apiKey.id, { description: null })], {
        concurrency: "unbounded",
      })
      const merged = yield* apiKeys.get(apiKey.id)
      assert.deepInclude(merged, { name: "n", description: null, ownerId: "o", version: 3, updatedAt: yield* DateTime.now })
      const error = yield* Effect.flip(apiKeys.update(apiKey.id, { name: "lost" }, { ifVersion: a.version }))
      assert.deepInclude(error, { _tag: "VersionConflict", id: apiKey.id, expected: a.version, actual: 3 })
      assert.strictEqual((yield* Effect.flip(apiKeys.delete(apiKey.id, { ifVersion: 1 })))._tag, "VersionConflict")
      assert.strictEqual((yield* apiKeys.update(apiKey.id, { name: "won" }, { ifVersion: 3 })).name, "won")
    }).pipe(Effect.provide(ApiKeys.layerMemory)),
  )

  it.effect("keeps the policies of a key, changes them, and moves them along", () => {
    const quota = KeyPolicy.make({ kind: "quota", schema: Schema.Int, compile: () => ({}) })
    return Effect.gen(function* () {
      const apiKeys = yield* ApiKeys.ApiKeys
      const policies = { quota: 5 }
      const { apiKey, token } = yield* apiKeys.create({ name: "k", policies })
      assert.deepStrictEqual(apiKey.policies, { quota: 5 })
      policies.quota = 6
      const verified = (yield* apiKeys.verify(token)).apiKey
      assert.deepStrictEqual(verified.policies, { quota: 5 })
      assert.isTrue(Object.isFrozen(verified.policies))
      assert.isNull((yield* apiKeys.create({ name: "none" })).apiKey.policies)
      assert.deepStrictEqual((yield* apiKeys.update(apiKey.id, { name: "renamed" })).policies, { quota: 5 })
      const lines = yield* Stream.runCollect(apiKeys.export({ hashes: true }))
      assert.deepStrictEqual((yield* apiKeys.update(apiKey.id, { policies: { quota: 7 } })).policies, { quota: 7 })
      assert.deepStrictEqual((yield* apiKeys.verify(token)).apiKey.policies, { quota: 7 })

      yield* apiKeys.delete(apiKey.id)
      yield* Stream.runDrain(apiKeys.import(fromNdjson(Stream.fromIterable(lines))))
      assert.deepStrictEqual((yield* apiKeys.verify(token)).apiKey.policies, { quota: 5 })
      assert.isNull((yield* apiKeys.update(apiKey.id, { policies: null })).policies)
      for (const wrong of [{}, { Quota: 1 }, { quota: "\0" }, { quota: "x".repeat(9_000) }]) {
        const refused = { _tag: "InvalidInput", field: "policies" } as const
        assert.deepInclude(yield* Effect.flip(apiKeys.create({ name: "k", policies: wrong })), refused)
        assert.deepInclude(yield* Effect.flip(apiKeys.update(apiKey.id, { policies: wrong })), refused)
      }
    }).pipe(Effect.provide(layerWith({ policies: [quota] })))
  })

  it.effect("fails with ApiKeyNotFound for an id that isn't there", () =>
    Effect.gen(function* () {
      const apiKeys = yield* ApiKeys.ApiKeys
      const { apiKey } = yield* apiKeys.create({ name: "k" })
      yield* apiKeys.delete(apiKey.id)
      for (const attempt of [
        apiKeys.get(apiKey.id),
        apiKeys.update(apiKey.id, { name: "x" }),
        apiKeys.activate(apiKey.id),
        apiKeys.deactivate(apiKey.id),
        apiKeys.delete(apiKey.id),
      ]) {
        assert.deepInclude(yield* Effect.flip(attempt), { _tag: "ApiKeyNotFound", id: apiKey.id })
      }
    }).pipe(Effect.provide(ApiKeys.layerMemory)),
  )

  it.effect("takes ids, key ids and instants as text, and fails typed for what isn't one", () => {
    const spans: Array<Tracer.NativeSpan> = []
    return Effect.gen(function* () {
      const apiKeys = yield* ApiKeys.ApiKeys
      const { apiKey, token } = yield* apiKeys.create({ name: "k", expiresAt: "2027-01-31T00:00:00Z" })
      assert.strictEqual(apiKey.expiresAt?.epochMilliseconds, Date.UTC(2027, 0, 31))
      const id: string = apiKey.id
      assert.deepStrictEqual(yield* apiKeys.get(id.toUpperCase()), apiKey)
      const updated = yield* apiKeys.update(id, { expiresAt: new Date(Date.UTC(2028, 0, 1)) })
      assert.strictEqual(updated.expiresAt?.epochMilliseconds, Date.UTC(2028, 0, 1))
      assert.strictEqual(yield* apiKeys.count({ expiresAfter: "2027-12-31T23:59:59Z", createdBefore: new Date(Date.UTC(2100, 0, 1)) }), 1)
      assert.strictEqual(yield* apiKeys.count({ expiresBefore: "2027-12-31T23:59:59Z" }), 0)

      const keyId: string = apiKey.keyId
      assert.deepStrictEqual(yield* apiKeys.getByKeyId(keyId), updated)
      const rotated = yield* apiKeys.rotate(id)
      assert.deepStrictEqual(yield* apiKeys.getByKeyId(keyId), rotated.apiKey)
      assert.deepStrictEqual(yield* apiKeys.getByKeyId(rotated.apiKey.keyId), rotated.apiKey)
      assert.deepInclude(yield* Effect.flip(apiKeys.getByKeyId("0".repeat(16))), { _tag: "NotFound", keyId: KeyId.make("0".repeat(16)) })

      const secret = Redacted.value(token)
      for (const wrong of ["", "7", `${id} `, `${id}'`, "\0", "x".repeat(1_000_000), "00000000-0000-4000-8000-000000000000", secret]) {
        const operations: ReadonlyArray<Effect.Effect<unknown, { readonly _tag: string; readonly message: string }>> = [
          apiKeys.get(wrong),
          apiKeys.update(wrong, { name: "other" }),
          apiKeys.activate(wrong),
          apiKeys.deactivate(wrong),
          apiKeys.delete(wrong),
          apiKeys.rotate(wrong),
          apiKeys.endGrace(wrong),
        ]
        for (const operation of operations) {
          const error = yield* Effect.flip(operation)
          assert.isTrue(error instanceof InvalidInput && error.field === "id")
          assert.notInclude(error.message, "ak-")
        }
      }
      for (const wrong of ["", "a b", "é", "x".repeat(129), secret]) {
        const error = yield* Effect.flip(apiKeys.getByKeyId(wrong))
        assert.deepInclude(error, { _tag: "InvalidInput", field: "keyId" })
        assert.notInclude(error.message, "ak-")
      }
      for (const wrong of ["", "tomorrow", "2027-13-01T00:00:00Z", "+010000-01-01T00:00:00Z", new Date(Number.NaN), new Date(-1)]) {
        const [created, changed, counted] = [
          yield* Effect.flip(apiKeys.create({ name: "k", expiresAt: wrong })),
          yield* Effect.flip(apiKeys.update(id, { expiresAt: wrong })),
          yield* Effect.flip(apiKeys.count({ lastUsedAfter: wrong })),
        ]
        assert.deepInclude(created, { _tag: "InvalidInput", field: "expiresAt" })
        assert.deepInclude(changed, { _tag: "InvalidInput", field: "expiresAt" })
        assert.deepInclude(counted, { _tag: "InvalidInput", field: "lastUsedAfter" })
        assert.include(created.message, "2027-01-31T00:00:00Z")
      }
      assert.notInclude(inspect(spans, { depth: 6 }), secret)
    }).pipe(Effect.provide(ApiKeys.layerMemory), Effect.withTracer(tracerInto(spans)))
  })

  it.effect("a verification in between doesn't undo a deactivation", () =>
    Effect.gen(function* () {
      const apiKeys = yield* ApiKeys.ApiKeys
      const { apiKey, token } = yield* apiKeys.create({ name: "k" })
      yield* apiKeys.verify(token)
      yield* apiKeys.deactivate(apiKey.id)
      yield* TestClock.adjust("1 minute")
      const after = yield* apiKeys.get(apiKey.id)
      assert.isFalse(after.isActive)
      assert.isNotNull(after.lastUsedAt)
      assert.strictEqual(after.version, 2)
      assert.strictEqual((yield* Effect.flip(apiKeys.verify(token)))._tag, "Inactive")
      yield* apiKeys.activate(apiKey.id)
      yield* apiKeys.verify(token)
    }).pipe(Effect.provide(ApiKeys.layerMemory)),
  )

  it.effect("tries another key id when one is taken, a bounded number of times", () =>
    Effect.gen(function* () {
      const repository = yield* Repository.ApiKeyRepository
      let failures = 4
      let inserts = 0
      const crowded = Layer.succeed(Repository.ApiKeyRepository, {
        ...repository,
        insert: (key) =>
          Effect.suspend(() => {
            inserts++
            return failures-- > 0 ? Effect.fail(new DuplicateKeyId({ keyId: key.apiKey.keyId })) : repository.insert(key)
          }),
      })
      yield* Effect.gen(function* () {
        const apiKeys = yield* ApiKeys.ApiKeys
        yield* apiKeys.create({ name: "k" })
        assert.strictEqual(inserts, 5)
        failures = Number.POSITIVE_INFINITY
        assert.deepInclude(yield* Effect.flip(apiKeys.create({ name: "k" })), { _tag: "RepositoryError", isRetryable: true })
        assert.strictEqual(inserts, 10)
      }).pipe(Effect.provide(ApiKeys.layer.pipe(Layer.provide([crowded, layerEphemeral])), { local: true }))
    }).pipe(Effect.provide(Layer.fresh(Repository.layerMemory))),
  )

  it.effect("refuses options that make no sense, and a hasher that can't check what it hashes", () =>
    Effect.gen(function* () {
      for (const options of [
        { defaultLifetime: "Infinity" },
        { defaultLifetime: 0 },
        { maximumLifetime: "40000 days" },
        { defaultLifetime: "2 days", maximumLifetime: "1 day" },
      ] as const) {
        assert.strictEqual(
          (yield* Effect.flip(Effect.provide(ApiKeys.ApiKeys, layerWith(options))))._tag,
          "InvalidOptions",
          inspect(options),
        )
      }
      const forgetful = Layer.succeed(ApiKeyHasher, {
        hash: () => Effect.succeed(Redacted.make("?")),
        verify: () => Effect.succeed(false),
      })
      const layer = ApiKeys.layer.pipe(Layer.provide([forgetful, Repository.layerMemory]))
      assert.strictEqual((yield* Effect.flip(Effect.provide(ApiKeys.ApiKeys, layer)))._tag, "HasherError")
    }),
  )

  it.effect("takes fields that are undefined for left out", () =>
    Effect.gen(function* () {
      const apiKeys = yield* ApiKeys.ApiKeys
      const { apiKey } = yield* apiKeys.create({ name: "k", description: "d", ownerId: undefined, scopes: undefined, expiresAt: undefined })
      const updated = yield* apiKeys.update(apiKey.id, { name: undefined, description: undefined, ownerId: "o" })
      assert.deepInclude(updated, { name: "k", description: "d", ownerId: "o" })
    }).pipe(Effect.provide(ApiKeys.layerMemory)),
  )

  it.effect("a format that takes for a key id what can't be one makes a malformed token, not a defect", () =>
    Effect.gen(function* () {
      const format: ApiKeyToken.TokenFormat = {
        ...ApiKeyToken.defaultFormat,
        // What the types forbid, a format written in JavaScript may do.
        parse: (token) => Result.succeed({ prefix: "a", keyId: token as KeyId, secret: Redacted.make("s") }),
      }
      const tags = ["a b", "\0", "é", ""].map((token) =>
        ApiKeys.ApiKeys.use((apiKeys) => Effect.flip(apiKeys.verify(token))).pipe(
          Effect.provide(layerWith({ token: format }), { local: true }),
          Effect.map(({ _tag }) => _tag),
        ),
      )
      assert.deepStrictEqual(new Set(yield* Effect.all(tags)), new Set(["MalformedToken"]))
    }),
  )

  it.effect("10,000 concurrent creates give distinct keys", () =>
    Effect.gen(function* () {
      const apiKeys = yield* ApiKeys.ApiKeys
      const created = yield* Effect.all(
        Array.from({ length: 10_000 }, (_, index) => apiKeys.create({ name: `k${index}` })),
        { concurrency: "unbounded" },
      )
      assert.strictEqual(new Set(created.map(({ apiKey }) => apiKey.id)).size, 10_000)
      assert.strictEqual(new Set(created.map(({ apiKey }) => apiKey.keyId)).size, 10_000)
      assert.strictEqual(new Set(created.map(({ token }) => Redacted.value(token))).size, 10_000)
      assert.strictEqual(yield* apiKeys.count(), 10_000)
    }).pipe(Effect.provide(ApiKeys.layerMemory)),
  )

  it.effect("searches, counts and streams", () =>
    Effect.gen(function* () {
      const apiKeys = yield* ApiKeys.ApiKeys
      for (let i = 0; i < 5; i++) {
        yield* apiKeys.create({ name: `Key ${i}`, ownerId: i < 3 ? "a" : "b", expiresAt: i === 0 ? yield* later("1 minute") : null })
        yield* TestClock.adjust("1 second")
      }
      const page = yield* apiKeys.search({ ownerId: "a", limit: 2 })
      assert.deepStrictEqual(
        page.items.map(({ name }) => name),
        ["Key 2", "Key 1"],
      )
      assert.strictEqual(page.total, 3)
      const rest = yield* apiKeys.search({ ownerId: "a", limit: 2, cursor: page.nextCursor! })
      assert.deepStrictEqual(
        rest.items.map(({ name }) => name),
        ["Key 0"],
      )
      assert.strictEqual((yield* Effect.flip(apiKeys.search({ cursor: "garbage" })))._tag, "InvalidCursor")
      yield* TestClock.adjust("1 minute")
      assert.strictEqual(yield* apiKeys.count({ expired: true }), 1)
      assert.strictEqual(yield* apiKeys.count({ expired: false }), 4)
      const names = yield* Stream.runCollect(Stream.map(apiKeys.stream({ ownerId: "b" }), ({ name }) => name))
      assert.deepStrictEqual(names, ["Key 4", "Key 3"])
    }).pipe(Effect.provide(ApiKeys.layerMemory)),
  )

  it.effect("works with another prefix and separator, and with a format of one's own", () =>
    Effect.gen(function* () {
      const apiKeys = yield* ApiKeys.ApiKeys
      const { apiKey, token } = yield* apiKeys.create({ name: "k" })
      assert.isTrue(Redacted.value(token).startsWith("live_"))
      assert.deepStrictEqual((yield* apiKeys.verify(token)).apiKey, apiKey)
      const other = yield* ApiKeys.ApiKeys.use((keys) => keys.create({ name: "k" })).pipe(
        Effect.provide(ApiKeys.layerMemory, { local: true }),
      )
      assert.strictEqual((yield* Effect.flip(apiKeys.verify(other.token)))._tag, "MalformedToken")
      assert.strictEqual(
        (yield* Effect.flip(Effect.provide(ApiKeys.ApiKeys, layerWith({ token: { prefix: "a-b" } }))))._tag,
        "InvalidTokenConfig",
      )
      const own = yield* ApiKeys.ApiKeys.use((keys) => keys.create({ name: "k" })).pipe(
        Effect.provide(layerWith({ token: { ...ApiKeyToken.defaultFormat, prefix: "acme" } }), { local: true }),
      )
      assert.strictEqual(own.apiKey.prefix, "acme")
      assert.isTrue(Redacted.value(own.token).startsWith("acme-"))
      const throwing: ApiKeyToken.TokenFormat = {
        ...ApiKeyToken.defaultFormat,
        parse: () => {
          throw new Error("boom")
        },
      }
      const failed = yield* ApiKeys.ApiKeys.use((keys) => Effect.flip(keys.verify("x"))).pipe(
        Effect.provide(layerWith({ token: throwing }), { local: true }),
      )
      assert.strictEqual(failed._tag, "MalformedToken")
    }).pipe(Effect.provide(layerWith({ token: { prefix: "live", separator: "_" } }))),
  )

  it.effect("is made twice in one program, over a store each, and a token of one space is none of the other's", () => {
    class PartnerKeys extends Context.Service<PartnerKeys, ApiKeys.ApiKeys["Service"]>()("test/PartnerKeys") {}
    const layerPartnerKeys = Layer.effect(PartnerKeys, ApiKeys.make({ token: { prefix: "partner" } })).pipe(
      Layer.provide([layerEphemeral, Layer.fresh(Repository.layerMemory)]),
    )
    return Effect.gen(function* () {
      const [own, partner] = [yield* ApiKeys.ApiKeys, yield* PartnerKeys]
      const [{ token }, other] = [yield* own.create({ name: "k" }), yield* partner.create({ name: "k" })]
      assert.isTrue(Redacted.value(other.token).startsWith("partner-"))
      assert.strictEqual((yield* own.verify(token)).apiKey.name, "k")
      assert.strictEqual((yield* partner.verify(other.token)).apiKey.id, other.apiKey.id)
      assert.strictEqual((yield* Effect.flip(partner.verify(token)))._tag, "MalformedToken")
      assert.strictEqual((yield* Effect.flip(own.verify(other.token)))._tag, "MalformedToken")
      assert.strictEqual((yield* Effect.flip(own.get(other.apiKey.id)))._tag, "ApiKeyNotFound")
      assert.deepStrictEqual([yield* own.count(), yield* partner.count()], [1, 1])
    }).pipe(Effect.provide(Layer.merge(layerWith(), layerPartnerKeys)))
  })

  it.effect("shows neither secret nor hash in logs, spans, errors or inspect output", () => {
    const seen: Array<string> = []
    const show = (value: unknown) => seen.push(inspect(value, { depth: 20, showHidden: true }), String(value))
    const logger = Logger.layer([Logger.make((options) => void show([options.message, options.cause]))])
    const spans: Array<Tracer.NativeSpan> = []
    const tracer = Layer.succeed(Tracer.Tracer, tracerInto(spans))
    return Effect.gen(function* () {
      const apiKeys = yield* ApiKeys.ApiKeys
      const repository = yield* Repository.ApiKeyRepository
      const created = yield* apiKeys.create({ name: "k" })
      const wrong = otherToken(created.token)
      show(created)
      show(yield* apiKeys.verify(created.token))
      show(yield* Effect.exit(apiKeys.verify(wrong)))
      show(yield* Effect.exit(apiKeys.verify(created.token, { scopes: ["x"] })))
      const stored = yield* repository.findByKeyId(created.apiKey.keyId)
      assert.strictEqual(stored._tag, "Some")
      if (stored._tag === "None") return
      show(stored)
      seen.push(JSON.stringify(created), JSON.stringify(stored), JSON.stringify(yield* Effect.exit(apiKeys.verify(wrong))))
      const jsonOf = Schema.encodeUnknownExit(Schema.toCodecJson(StoredApiKey))(stored.value)
      assert.strictEqual(jsonOf._tag, "Failure")
      show(jsonOf)
      seen.push(JSON.stringify(Schema.encodeUnknownSync(Schema.toCodecJson(ApiKey))(stored.value.apiKey)))
      spans.forEach(show)
      yield* Effect.logError("all of it", created, stored)
      const hash = Redacted.value(stored.value.hash)
      const secrets = [Redacted.value(created.token), wrong].flatMap((token) => [token, token.slice(-64)])
      const text = seen.join("\n")
      assert.isAtLeast(spans.length, 3)
      for (const secret of [...secrets, hash]) assert.isFalse(text.includes(secret), "a secret is in the output")
    }).pipe(Effect.provide(layerWith()), Effect.provide(Layer.mergeAll(logger, tracer, Layer.succeed(References.MinimumLogLevel, "Trace"))))
  })
})
