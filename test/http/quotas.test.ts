/** Quotas over HTTP: what is left, changes by hand, and the refusals. */
import { assert, layer as describeWith } from "@effect/vitest"
import { Effect, Layer, Redacted } from "effect"
import { layerMemory } from "../../src/ApiKeyRepository.ts"
import * as ApiKeys from "../../src/ApiKeys.ts"
import type { Quota } from "../../src/Quota.ts"
import { makeSetup } from "./suite/setup.ts"

const { server, send, assertProblem } = makeSetup(Layer.fresh(layerMemory))

const monthly: Quota = { name: "monthly", amount: 3, refill: { every: "month" } }
const once: Quota = { name: "once", amount: 2 }

const makeKey = (quotas: ReadonlyArray<Quota>, ...scopes: ReadonlyArray<string>) =>
  ApiKeys.ApiKeys.use((apiKeys) =>
    Effect.orDie(apiKeys.create({ name: "k", scopes, policies: quotas.length === 0 ? null : { quotas } })),
  ).pipe(Effect.map(({ apiKey, token }) => ({ ...apiKey, token: Redacted.value(token) })))

const unknownId = "019b8a5e-6b7c-7d3e-9f10-2a3b4c5d6e7f"

describeWith(server, { excludeTestServices: true })("A key with quotas, over HTTP,", (it) => {
  it.effect("is refused by 429 until a refill, and by 403 where none comes or none is enough", () =>
    Effect.gen(function* () {
      const { token } = yield* makeKey([monthly, { name: "all", amount: 9 }], "api-keys:read")
      const good = yield* send("GET", "/api-keys", { token })
      assert.strictEqual(good.status, 200)
      // A quota has no window, and one without a refill no time.
      assert.strictEqual(good.headers.get("ratelimit-policy"), `"monthly";q=3, "all";q=9`)
      assert.match(good.headers.get("ratelimit") ?? "", /^"monthly";r=2;t=\d+, "all";r=8$/)
      yield* send("GET", "/api-keys", { token })
      yield* send("GET", "/api-keys", { token })
      const refused = yield* send("GET", "/api-keys", { token })
      assert.strictEqual(refused.status, 429)
      assert.strictEqual(refused.body.type, "https://iana.org/assignments/http-problem-types#quota-exceeded")
      assert.deepStrictEqual(refused.body["violated-policies"], ["monthly"])
      const now = new Date()
      const next = Date.UTC(now.getUTCFullYear(), now.getUTCMonth() + 1)
      assert.strictEqual(Date.parse(refused.body.retryAt), next)
      const again = Number(refused.headers.get("retry-after"))
      assert.isTrue(again > 0 && again <= 86_400)
      const [, t = ""] = /^"monthly";r=0;t=(\d+)$/.exec(refused.headers.get("ratelimit") ?? "") ?? []
      assert.isAtMost(Math.abs(Date.now() + Number(t) * 1_000 - next), 60_000)
      assert.isTrue(again >= Math.min(86_400, Number(t)))

      const spent = yield* makeKey([{ name: "none", amount: 0 }], "api-keys:read")
      const never = yield* send("GET", "/api-keys", { token: spent.token })
      assertProblem(never, 403, "quota-spent")
      assert.deepStrictEqual(never.body["violated-policies"], ["none"])
      assert.isNull(never.headers.get("retry-after"))
      assert.strictEqual(never.headers.get("ratelimit-policy"), `"none";q=0`)
      assert.strictEqual(never.headers.get("ratelimit"), `"none";r=0`)
    }),
  )

  it.effect("is verified with a cost, by a caller that is told of the quotas too", () =>
    Effect.gen(function* () {
      const { token } = yield* makeKey([], "*")
      const key = yield* makeKey([once])
      const verify = (cost: number) =>
        Effect.map(send("POST", "/api-keys/verify", { token, body: { token: key.token, cost } }), ({ body }) => body)
      const state = { name: "once", limit: 2, windowSeconds: null, resetAfterMillis: null }
      assert.deepStrictEqual((yield* verify(2)).limits, [{ ...state, remaining: 0 }])
      const { valid, error } = yield* verify(1)
      assert.isFalse(valid)
      assert.deepInclude(error, { _tag: "QuotaExceeded", name: "once", amount: 2, refillsAt: null, violated: ["once"] })
    }),
  )

  it.effect("shows what is left, and is topped up, taken from and refunded, each once", () =>
    Effect.gen(function* () {
      const { token } = yield* makeKey([], "*")
      const key = yield* makeKey([monthly, once])
      const states = Effect.map(send("GET", `/api-keys/${key.id}/quotas`, { token }), ({ status, body }) => {
        assert.strictEqual(status, 200)
        return body.map(({ name, remaining }: { name: string; remaining: number }) => `${name} ${remaining}`)
      })
      const change = (quota: string, change: string, units: number, requestId: string) =>
        send("POST", `/api-keys/${key.id}/change-quota`, { token, body: { quota, change, units, requestId } })
      assert.deepStrictEqual(yield* states, ["monthly 3", "once 2"])
      const topped = yield* change("once", "topUp", 10, "invoice-17")
      assert.deepStrictEqual([topped.status, topped.body], [200, { units: 10, remaining: 12, isRepeated: false }])
      assert.deepStrictEqual((yield* change("once", "topUp", 10, "invoice-17")).body, { units: 10, remaining: 12, isRepeated: true })
      assert.deepStrictEqual((yield* change("once", "takeBack", 20, "a")).body, { units: 12, remaining: 0, isRepeated: false })
      assert.deepStrictEqual((yield* change("once", "refund", 1, "b")).body, { units: 1, remaining: 1, isRepeated: false })
      assert.deepStrictEqual(yield* states, ["monthly 3", "once 1"])
      assert.deepStrictEqual((yield* send("GET", `/api-keys/${(yield* makeKey([])).id}/quotas`, { token })).body, [])

      const wrong: ReadonlyArray<readonly [field: string, body: object]> = [
        ["quota", { quota: "daily", change: "topUp", units: 1, requestId: "c" }],
        ["requestId", { quota: "once", change: "topUp", units: 11, requestId: "invoice-17" }],
        ["payload.units", { quota: "once", change: "topUp", units: 0, requestId: "d" }],
        ["payload.units", { quota: "once", change: "topUp", units: 1e15 + 1, requestId: "d" }],
        ["payload.change", { quota: "once", change: "set", units: 1, requestId: "d" }],
        ["payload.requestId", { quota: "once", change: "topUp", units: 1, requestId: "a b" }],
        ["payload.requestId", { quota: "once", change: "topUp", units: 1 }],
        ["payload.id", { quota: "once", change: "topUp", units: 1, requestId: "d", id: "x" }],
      ]
      for (const [field, body] of wrong) {
        const refused = yield* send("POST", `/api-keys/${key.id}/change-quota`, { token, body })
        assertProblem(refused, 400, "invalid-request")
        assert.strictEqual(refused.body.errors[0].path.join("."), field)
      }
      const body = { quota: "once", change: "takeBack", units: 1, requestId: "e" }
      assertProblem(yield* send("POST", `/api-keys/${unknownId}/change-quota`, { token, body }), 404, "not-found")
      assertProblem(yield* send("GET", `/api-keys/${unknownId}/quotas`, { token }), 404, "not-found")
      assert.deepStrictEqual(yield* states, ["monthly 3", "once 1"])
    }),
  )

  it.effect("gets units only from a caller without policies that holds its scopes, and loses some to any that may write", () =>
    Effect.gen(function* () {
      const key = yield* makeKey([once], "invoices:read")
      const change = (token: string, id: string, change: string) =>
        send("POST", `/api-keys/${id}/change-quota`, { token, body: { quota: "once", change, units: 1, requestId: change } })
      const weak = yield* makeKey([], "api-keys:write")
      const bound = yield* makeKey([{ ...once, amount: 9 }], "*")
      for (const widening of ["topUp", "refund"]) {
        const refused = yield* change(weak.token, key.id, widening)
        assertProblem(refused, 403, "scope-not-held")
        assert.deepStrictEqual(refused.body.scopes, ["invoices:read"])
        assertProblem(yield* change(bound.token, key.id, widening), 403, "policy-refused")
        assertProblem(yield* change(bound.token, bound.id, widening), 403, "policy-refused")
      }
      assert.strictEqual((yield* change(weak.token, key.id, "takeBack")).body.remaining, 1)
      assert.strictEqual((yield* change(bound.token, bound.id, "takeBack")).status, 200)
      const reader = yield* makeKey([], "api-keys:read")
      assertProblem(yield* change(reader.token, key.id, "takeBack"), 403, "insufficient-scope")
      assertProblem(yield* send("GET", `/api-keys/${key.id}/quotas`, { token: weak.token }), 403, "insufficient-scope")
      assert.strictEqual((yield* send("GET", `/api-keys/${key.id}/quotas`, { token: reader.token })).body[0].remaining, 1)
      const both = yield* makeKey([], "api-keys:write", "invoices:read")
      assert.strictEqual((yield* change(both.token, key.id, "topUp")).body.remaining, 2)
    }),
  )

  it.effect("is described in the document, request and answer", () =>
    Effect.gen(function* () {
      const { body: spec } = yield* send("GET", "/openapi.json")
      const { requestBody, responses } = spec.paths["/api-keys/{id}/change-quota"].post
      assert.deepStrictEqual(requestBody.content["application/json"].schema, { $ref: "#/components/schemas/QuotaChange" })
      assert.deepStrictEqual(responses["200"].content["application/json"].schema, { $ref: "#/components/schemas/QuotaChanged" })
      const states = spec.paths["/api-keys/{id}/quotas"].get.responses["200"].content["application/json"].schema
      assert.deepStrictEqual(states, { type: "array", items: { $ref: "#/components/schemas/LimitState" } })
      assert.include(JSON.stringify(spec.components.schemas.LimitState.properties.resetAfterMillis), "null")
      assert.include(JSON.stringify(spec), "urn:effect-api-key:problem:quota-spent")
    }),
  )
})
