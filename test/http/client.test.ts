/** `ApiKeys` over HTTP is the same service: each member gives, or fails with, what it does in the process. */
import { assert, describe, it, layer as describeWith } from "@effect/vitest"
import { DateTime, Duration, Effect, Exit, Layer, Option, Redacted, Stream } from "effect"
import { HttpServer } from "effect/http"
import * as Errors from "../../src/ApiKeyError.ts"
import * as ApiKeys from "../../src/ApiKeys.ts"
import * as ApiKeysClient from "../../src/http/client.ts"
import { set } from "../../src/Scope.ts"
import { layerServer } from "../support/server.ts"

type Service = ApiKeys.ApiKeys["Service"]

const over = (token: Redacted.Redacted, options: Partial<ApiKeysClient.Options> = {}) =>
  Effect.gen(function* () {
    const url = HttpServer.formatAddress((yield* HttpServer.HttpServer).address)
    const context = yield* Layer.build(ApiKeysClient.layerFetch({ url, token, ...options }))
    return yield* Effect.provide(ApiKeys.ApiKeys, context)
  })

const local = ApiKeys.ApiKeys

const makeCaller = (scopes: ReadonlyArray<string> = ["*"]) => Effect.flatMap(local, (keys) => keys.create({ name: "caller", scopes }))

const unknownId = "019b8a5e-6b7c-7d3e-9f10-2a3b4c5d6e7f"

/** What any `ApiKeys` does. */
const scenario = Effect.fnUntraced(function* (keys: Service) {
  const expiresAt = DateTime.makeUnsafe("2999-01-01T00:00:00Z")
  const created = yield* keys.create({
    name: " ci ",
    description: "d",
    ownerId: "scenario",
    scopes: ["b", "a"],
    metadata: { n: [1, { deep: null }] },
    expiresAt: "2999-01-01T00:00:00+00:00",
  })
  const { id, keyId } = created.apiKey
  assert.deepInclude(created.apiKey, { name: "ci", ownerId: "scenario", scopes: set("a", "b"), metadata: { n: [1, { deep: null }] } })
  assert.deepStrictEqual(created.apiKey.expiresAt, expiresAt)
  assert.deepStrictEqual(yield* keys.get(id.toUpperCase()), created.apiKey)
  assert.deepStrictEqual(yield* keys.getByKeyId(keyId), created.apiKey)
  assert.isTrue(keys.isToken(created.token))
  assert.deepStrictEqual(keys.keyIdsOf(created.token), [keyId])
  assert.deepStrictEqual([keys.isToken("x".repeat(600)), keys.keyIdsOf("no token")], [false, []])
  assert.isTrue(yield* keys.isInTouch)

  const verified = yield* keys.verify(created.token, { scopes: ["a"], maxAge: 0, countsAsUse: false })
  assert.deepStrictEqual([verified.apiKey, verified.usedToken], [created.apiKey, "current"])
  assert.isTrue(DateTime.isDateTime(verified.checkedAt))
  assert.strictEqual((yield* keys.verify(Redacted.value(created.token), { maxAge: Duration.infinity })).apiKey.id, id)

  const invalid: ReadonlyArray<readonly [string, Effect.Effect<unknown, unknown>]> = [
    ["name", keys.create({ name: "" })],
    ["expiresAt", keys.create({ name: "k", expiresAt: "2001-01-01T00:00:00Z" })],
    ["expiresAt", keys.create({ name: "k", expiresAt: "tomorrow" })],
    ["metadata", keys.create({ name: "k", metadata: { __proto__: null, big: "x".repeat(9_000) } })],
    ["id", keys.get("nonsense")],
    ["id", keys.deactivate("nonsense")],
    ["keyId", keys.getByKeyId("")],
    ["keyId", keys.getByKeyId(Redacted.value(created.token))],
    ["limit", keys.search({ limit: 0 })],
    ["limit", keys.search({ limit: 201 })],
    ["offset", keys.search({ offset: -1 })],
    ["cursor", keys.search({ offset: 1, cursor: "" })],
    ["createdAfter", keys.count({ createdAfter: "x" })],
    ["ownerId", Stream.runDrain(keys.stream({ ownerId: "" }))],
    ["name", keys.update(id, { name: "" })],
    ["grace", keys.rotate(id, { grace: "91 days" })],
    ["within", Stream.runDrain(keys.upcoming({ within: 0 }))],
    ["within", keys.searchUpcoming({ within: "37000 days" })],
    ["limit", keys.searchUpcoming({ within: "1 day", limit: 0 })],
    ["id", keys.quotas("nonsense")],
    ["units", keys.changeQuota(id, { quota: "once", change: "topUp", units: 0, requestId: "r" })],
    ["quota", keys.changeQuota(id, { quota: "once", change: "topUp", units: 1, requestId: "r" })],
    ["maximumAge", keys.searchUpcoming({ within: "1 day", maximumAge: 0 })],
    ["ownerId", Stream.runDrain(keys.export({ filter: { ownerId: "" } }))],
  ]
  for (const [field, effect] of invalid) {
    const error = yield* Effect.flip(effect)
    assert.isTrue(error instanceof Errors.InvalidInput && error.field === field, `${field}: ${String(error)}`)
  }
  for (const cursor of ["x", "x".repeat(5_000)]) {
    assert.instanceOf(yield* Effect.flip(keys.search({ cursor })), Errors.InvalidCursor)
    assert.instanceOf(yield* Effect.flip(keys.searchUpcoming({ within: "1 day", cursor })), Errors.InvalidCursor)
  }

  const notFound = new Errors.ApiKeyNotFound({ id: created.apiKey.id })
  for (const effect of [
    keys.get(unknownId),
    keys.update(unknownId, { name: "k" }),
    keys.activate(unknownId),
    keys.deactivate(unknownId),
    keys.delete(unknownId),
    keys.rotate(unknownId),
    keys.endGrace(unknownId),
    keys.quotas(unknownId),
    keys.changeQuota(unknownId, { quota: "once", change: "topUp", units: 1, requestId: "r" }),
  ]) {
    assert.deepStrictEqual(
      { ...((yield* Effect.flip(effect as Effect.Effect<unknown, unknown>)) as object) },
      { ...notFound, id: unknownId },
    )
  }
  assert.deepInclude(yield* Effect.flip(keys.getByKeyId("0".repeat(16))), { _tag: "NotFound", keyId: "0".repeat(16) as never })

  const updated = yield* keys.update(id, { description: null, scopes: [] }, { ifVersion: 1 })
  assert.deepInclude(updated, { description: null, scopes: [], version: 2, name: "ci" })
  const conflict = { _tag: "VersionConflict", id, expected: 1, actual: 2 } as const
  assert.deepInclude(yield* Effect.flip(keys.update(id, { name: "late" }, { ifVersion: 1 })), conflict)
  assert.deepInclude(yield* Effect.flip(keys.deactivate(id, { ifVersion: 1 })), conflict)
  assert.deepInclude(yield* Effect.flip(keys.rotate(id, { ifVersion: 1 })), conflict)
  assert.deepInclude(yield* Effect.flip(keys.endGrace(id, { ifVersion: 1 })), conflict)
  assert.deepInclude(yield* Effect.flip(keys.delete(id, { ifVersion: 1 })), conflict)
  assert.deepInclude(yield* Effect.flip(keys.activate(id, { ifVersion: 1 })), conflict)

  const rotated = yield* keys.rotate(id, { grace: "90 minutes", confirmWithin: "1 second" })
  assert.strictEqual(rotated.apiKey.previous?.keyId, keyId)
  assert.strictEqual((yield* keys.verify(created.token)).usedToken, "previous")
  const running = yield* Effect.flip(keys.rotate(id))
  assert.deepInclude(running, { _tag: "GraceRunning", id, expiresAt: rotated.apiKey.previous?.expiresAt ?? null })
  assert.isNotNull((yield* keys.endGrace(id)).previous?.expiresAt)
  const ended = yield* Effect.flip(keys.verify(created.token))
  assert.isTrue(ended instanceof Errors.Expired && ended.keyId === keyId && DateTime.isDateTime(ended.expiresAt))

  const inactive = yield* keys.deactivate(id, { reason: "leaked", confirmWithin: "1 second" })
  assert.deepInclude(inactive, { isActive: false, deactivationReason: "leaked" })
  const { token } = rotated
  assert.deepInclude(yield* Effect.flip(keys.verify(token)), { _tag: "Inactive", keyId: rotated.apiKey.keyId })
  assert.deepInclude(yield* Effect.flip(keys.revoke(token, { reason: "leaked" })), { _tag: "Inactive", keyId: rotated.apiKey.keyId })
  assert.isTrue((yield* keys.activate(id, { confirmWithin: "1 second" })).isActive)
  const lacking = yield* Effect.flip(keys.verify(token, { scopes: ["c"] }))
  assert.deepInclude(lacking, { _tag: "InsufficientScope", required: set("c"), granted: [] })
  assert.deepInclude(yield* Effect.flip(keys.verify("nonsense")), { _tag: "MalformedToken", reason: "prefix", expected: "ak-" })
  assert.deepInclude(yield* Effect.flip(keys.verify("x".repeat(100_000))), { _tag: "MalformedToken", reason: "length" })
  assert.deepInclude(yield* Effect.flip(keys.revoke("x".repeat(100_000), { reason: "leaked" })), {
    _tag: "MalformedToken",
    reason: "length",
  })
  const revoked = yield* keys.revoke(token, { reason: "possession", report: "r" })
  assert.deepInclude(revoked.apiKey, { isActive: false, deactivationReason: "possession" })
  assert.deepStrictEqual([revoked.usedToken, revoked.isEnded], ["current", true])
  yield* keys.activate(id)
  assert.isFalse((yield* keys.revoke(token, { reason: "possession", report: "r" })).isEnded)

  const bounded = yield* keys.create({ name: "q", policies: { quotas: [{ name: "once", amount: 5 }] } })
  const state = { name: "once", limit: 5, windowSeconds: null }
  assert.deepStrictEqual(yield* keys.quotas(bounded.apiKey.id), [{ ...state, remaining: 5, resetAfterMillis: 0 }])
  const takeBack = { quota: "once", change: "takeBack", units: 3, requestId: "r" } as const
  for (const isRepeated of [false, true])
    assert.deepStrictEqual(yield* keys.changeQuota(bounded.apiKey.id, takeBack), { units: 3, remaining: 2, isRepeated })
  assert.deepStrictEqual(yield* keys.quotas(bounded.apiKey.id), [{ ...state, remaining: 2, resetAfterMillis: null }])
  const over = yield* Effect.flip(keys.verify(bounded.token, { cost: 3 }))
  assert.isTrue(over instanceof Errors.QuotaExceeded && over.refillsAt === null, String(over))

  // More than a page of them.
  for (let i = 0; i < 203; i++)
    yield* keys.create({ name: `s${i}`, ownerId: "many", isActive: i > 0, expiresAt: DateTime.makeUnsafe("2100-01-01T00:00:00Z") })
  const filter = { ownerId: "many", createdAfter: new Date(0), expired: false }
  assert.strictEqual(yield* keys.count(filter), 203)
  const streamed = yield* Stream.runCollect(keys.stream(filter))
  assert.strictEqual(new Set(streamed.map(({ id }) => id)).size, 203)
  const times = streamed.map(({ createdAt }) => createdAt.epochMilliseconds)
  assert.deepStrictEqual(
    times,
    times.toSorted((a, b) => b - a),
  )
  const lines = yield* Stream.runCollect(keys.export({ filter }))
  assert.deepStrictEqual(
    lines.map((line) => JSON.parse(line).apiKey.id),
    streamed.map(({ id }) => id).toReversed(),
  )
  assert.strictEqual(JSON.parse(lines[0] ?? "").format, "effect-api-key")
  const upcoming = yield* Stream.runCollect(keys.upcoming({ within: "36500 days" }))
  assert.strictEqual(upcoming.filter(({ apiKey, reason }) => apiKey.ownerId === "many" && reason === "expires").length, 202)
  const first = yield* keys.searchUpcoming({ within: "36500 days", maximumAge: "2 days", limit: 2 })
  assert.deepStrictEqual([first.items.length, first.nextCursor !== null], [2, true])
  const page = yield* keys.search({ ownerId: "many", sort: { by: "name", order: "desc" }, limit: 2, offset: 1 })
  assert.deepStrictEqual([page.items.map(({ name }) => name), page.total], [["s98", "s97"], 203])
  assert.deepStrictEqual((yield* keys.search({ ownerId: "many", limit: 2, cursor: "" })).total, null)

  const report = yield* keys.hashReport
  assert.isAbove(
    report.reduce((sum, { count }) => sum + count, 0),
    203,
  )
  const seals = yield* keys.sealReport
  assert.isAbove(
    seals.reduce((sum, { count }) => sum + count, 0),
    202,
  )
  yield* keys.delete(id)
  assert.deepInclude(yield* Effect.flip(keys.get(id)), { _tag: "ApiKeyNotFound", id })
})

describe("ApiKeys in the process", () => {
  it.live("does what any does", () => Effect.flatMap(local, scenario).pipe(Effect.provide(ApiKeys.layerMemory)))
})

describeWith(layerServer(), { excludeTestServices: true })("ApiKeys over HTTP", (it) => {
  it.effect("does what any does", () =>
    Effect.gen(function* () {
      const { token } = yield* makeCaller()
      yield* scenario(yield* over(token))
    }),
  )

  it.effect("says why hashes stay where they are, and what isn't for it to change", () =>
    Effect.gen(function* () {
      const { token, apiKey } = yield* makeCaller()
      const keys = yield* over(token)
      const imported = yield* Effect.flip(Stream.runDrain(keys.import(Stream.make({}))))
      assert.isTrue(imported instanceof Errors.InvalidInput && imported.reason.startsWith("hashes don't travel"))
      const exported = yield* Effect.flip(Stream.runDrain(keys.export({ hashes: true })))
      assert.isTrue(exported instanceof Errors.InvalidInput && exported.field === "hashes")
      const update = yield* Effect.flip(keys.update(apiKey.id, { isActive: false }))
      assert.deepInclude(update, { _tag: "InvalidInput", field: "isActive" })
      assert.isTrue((yield* keys.get(apiKey.id)).isActive)
    }),
  )

  it.effect("tells a refusal of its own token from one of another's", () =>
    Effect.gen(function* () {
      const keys = yield* local
      const { token, apiKey } = yield* makeCaller(["api-keys:read"])
      const reader = yield* over(token)
      const causeOf = <A, E>(effect: Effect.Effect<A, E>) =>
        Effect.map(Effect.flip(effect), (error) => (error instanceof Errors.RepositoryError ? { ...error, cause: error.cause } : error))
      const lacking = yield* causeOf(reader.create({ name: "k" }))
      assert.deepInclude(lacking, {
        isRetryable: false,
        cause: new ApiKeysClient.Forbidden({
          tokenName: "the client's own token",
          reason: "InsufficientScope",
          scopes: ["api-keys:write"],
        }),
      })
      assert.deepInclude(yield* causeOf(reader.verify(token)), {
        cause: new ApiKeysClient.Forbidden({
          tokenName: "the client's own token",
          reason: "InsufficientScope",
          scopes: ["api-keys:verify"],
        }),
      })
      const writer = yield* over((yield* makeCaller(["api-keys:write"])).token)
      assert.deepInclude(yield* causeOf(writer.create({ name: "k", scopes: ["admin"] })), {
        cause: new ApiKeysClient.Forbidden({ tokenName: "the client's own token", reason: "ScopeNotHeld", scopes: ["admin"] }),
      })
      const bound = yield* keys.create({ name: "k", scopes: ["*"], policies: { quotas: [{ name: "once", amount: 1 }] } })
      const spender = yield* over(bound.token)
      const topUp = { quota: "once", change: "topUp", units: 1, requestId: "r" } as const
      for (const [reason, effect] of [
        ["PolicyRefused", spender.changeQuota(bound.apiKey.id, topUp)],
        ["QuotaSpent", spender.count()],
      ] as const) {
        assert.deepInclude(yield* causeOf<unknown, unknown>(effect), {
          isRetryable: false,
          cause: new ApiKeysClient.Forbidden({ tokenName: "the client's own token", reason, scopes: [] }),
        })
      }
      yield* keys.deactivate(apiKey.id)
      const refused = yield* causeOf(reader.count())
      assert.isTrue("cause" in refused && refused.cause instanceof ApiKeysClient.Unauthorized)
      assert.deepInclude(refused, { _tag: "RepositoryError", isRetryable: false })
      const misplaced = yield* causeOf((yield* over(token, { place: "X-Elsewhere" })).count())
      assert.isTrue("cause" in misplaced && misplaced.cause instanceof ApiKeysClient.Unauthorized)
      assert.match(String("cause" in misplaced && misplaced.cause), /API key required: the server takes keys in another place/)
      const stranger = yield* over(Redacted.make("nonsense"))
      const unknown = yield* causeOf(Stream.runDrain(stranger.stream()))
      assert.isTrue("cause" in unknown && ApiKeysClient.isServerFailure(unknown.cause) && unknown.cause._tag === "Unauthorized")
      assert.notInclude(JSON.stringify(unknown), "nonsense")
    }),
  )

  it.effect("knows tokens by the format that it is told", () =>
    Effect.gen(function* () {
      const { token } = yield* makeCaller()
      const keys = yield* over(token, {
        tokenFormat: { prefix: "shop" },
        legacy: [{ parse: (text) => (text === "old" ? [{ keyId: "o" as never, secret: token }] : []) }],
      })
      assert.deepStrictEqual([keys.isToken(token), keys.isToken("old"), keys.keyIdsOf("old")], [false, true, ["o"]])
      // The server knows its own.
      assert.strictEqual((yield* keys.verify(token)).usedToken, "current")
      const exit = yield* Effect.exit(Effect.scoped(over(token, { tokenFormat: { prefix: "!" } })))
      assert.strictEqual(Option.getOrUndefined(Exit.findErrorOption(exit))?._tag, "InvalidTokenConfig")
    }),
  )
})
