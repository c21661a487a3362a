import { assert } from "@effect/vitest"
import { DateTime, Effect } from "effect"
import * as ApiKeys from "../../../src/ApiKeys.ts"
import * as ApiKeyToken from "../../../src/ApiKeyToken.ts"

import { type It, type Setup } from "./setup.ts"

export const authorization = (it: It, { send, makeKey, withOtherSecret, challengeOf, assertProblem }: Setup): void => {
  it.effect("the first four 401s are the same to the byte, but for the missing key", () =>
    Effect.gen(function* () {
      const { token } = yield* makeKey()
      const noRecord = `ak-0000000000000000-${token.slice(20, -6)}`
      const replies = [
        yield* send("GET", "/protected", { token: "nonsense" }),
        yield* send("GET", "/protected", { token: noRecord + ApiKeyToken.checksum(noRecord) }),
        yield* send("GET", "/protected", { token: withOtherSecret(token) }),
      ]
      const wire = replies.map(({ status, headers, text }) => {
        const { date: _, ...rest } = Object.fromEntries(headers)
        return JSON.stringify([status, rest, text])
      })
      assert.strictEqual(new Set(wire).size, 1, wire.join("\n"))
      assertProblem(replies[0]!, 401, "invalid-token")
      assert.strictEqual(challengeOf(replies[0]!), 'Bearer realm="api-keys", error="invalid_token", error_description="Invalid API key"')

      const missing = yield* send("GET", "/protected")
      assertProblem(missing, 401, "missing-api-key")
      assert.strictEqual(challengeOf(missing), 'Bearer realm="api-keys"')
      for (const authorization of ["Bearer", "Bearer  ", "Basic YTpi"]) {
        assertProblem(yield* send("GET", "/protected", { headers: { authorization } }), 401, "missing-api-key")
      }
    }),
  )

  it.effect("takes one credential, from either header, in any letter case of the scheme", () =>
    Effect.gen(function* () {
      const { token } = yield* makeKey()
      const { token: other } = yield* makeKey()
      for (const headers of [
        { authorization: `bearer ${token}` },
        { authorization: `BEARER   ${token}` },
        { "x-api-key": token },
        { authorization: `Bearer ${token}`, "x-api-key": token },
        { authorization: "Basic YTpi", "x-api-key": token },
      ] as Array<Record<string, string>>) {
        assert.strictEqual((yield* send("GET", "/protected", { headers })).status, 200, JSON.stringify(Object.keys(headers)))
      }
      const two = yield* send("GET", "/protected", { headers: { authorization: `Bearer ${token}`, "x-api-key": other } })
      assertProblem(two, 400, "invalid-request")
      assert.match(challengeOf(two) ?? "", /error="invalid_request"/)
      assertProblem(yield* send("GET", `/protected?x-api-key=${token}`), 401, "missing-api-key")
    }),
  )

  it.effect("tells the holder of the secret about expiry and scopes", () =>
    Effect.gen(function* () {
      const apiKeys = yield* ApiKeys.ApiKeys
      const { id, token } = yield* makeKey("api-keys:read")
      const denied = yield* send("POST", "/api-keys", { token, body: { name: "x" } })
      assertProblem(denied, 403, "insufficient-scope")
      assert.deepStrictEqual(denied.body.required, ["api-keys:write"])
      assert.strictEqual(challengeOf(denied), 'Bearer realm="api-keys", error="insufficient_scope", scope="api-keys:write"')
      yield* apiKeys.update(id, { expiresAt: DateTime.makeUnsafe("2020-01-01T00:00:00Z") })
      const expired = yield* send("GET", "/protected", { token })
      assertProblem(expired, 401, "expired")
      assert.strictEqual(expired.body.expiresAt, "2020-01-01T00:00:00.000Z")
      assert.match(challengeOf(expired) ?? "", /error="invalid_token"/)
    }),
  )

  it.effect("a caller hands out only scopes that it holds", () =>
    Effect.gen(function* () {
      const { token, id } = yield* makeKey("api-keys:*", "invoices:*")
      assert.strictEqual((yield* send("POST", "/api-keys", { token, body: { name: "x", scopes: ["invoices:read"] } })).status, 201)
      for (const scopes of [["*"], ["invoices"], ["invoices:read", "users:read"]]) {
        const refused = yield* send("POST", "/api-keys", { token, body: { name: "x", scopes } })
        assertProblem(refused, 403, "scope-not-held")
        assert.match(challengeOf(refused) ?? "", /^Bearer realm="api-keys", error="insufficient_scope", scope="/)
        assertProblem(yield* send("PATCH", `/api-keys/${id}`, { token, body: { scopes } }), 403, "scope-not-held")
      }
    }),
  )

  it.effect("a caller gives no key a longer life whose scopes it doesn't hold", () =>
    Effect.gen(function* () {
      const apiKeys = yield* ApiKeys.ApiKeys
      const { token } = yield* makeKey("api-keys:write")
      const admin = yield* makeKey("*")
      yield* apiKeys.deactivate(admin.id)
      assertProblem(yield* send("POST", `/api-keys/${admin.id}/activate`, { token }), 403, "scope-not-held")
      assertProblem(yield* send("PATCH", `/api-keys/${admin.id}`, { token, body: { expiresAt: null } }), 403, "scope-not-held")
      assert.isFalse((yield* apiKeys.get(admin.id)).isActive)
      const harmless = yield* makeKey()
      yield* apiKeys.deactivate(harmless.id)
      assert.strictEqual((yield* send("POST", `/api-keys/${harmless.id}/activate`, { token })).status, 200)
    }),
  )

  it.effect("a key keeps when and why it was deactivated first", () =>
    Effect.gen(function* () {
      const apiKeys = yield* ApiKeys.ApiKeys
      const { token } = yield* makeKey("*")
      const target = yield* makeKey("a")
      const deactivate = (query: string) => send("POST", `/api-keys/${target.id}/deactivate${query}`, { token })
      assertProblem(yield* deactivate("?reason=whim"), 400, "invalid-request")
      const reader = yield* makeKey("api-keys:read")
      assertProblem(
        yield* send("POST", `/api-keys/${target.id}/deactivate?reason=leaked`, { token: reader.token }),
        403,
        "insufficient-scope",
      )
      const { body: first } = yield* deactivate("?reason=leaked")
      assert.deepInclude(first, { isActive: false, deactivationReason: "leaked" })
      const kept = { isActive: false, deactivationReason: "leaked", deactivatedAt: first.deactivatedAt }
      yield* Effect.sleep("5 millis")
      assert.deepInclude((yield* deactivate("")).body, kept)
      yield* apiKeys.deactivate(target.id, { reason: "possession" })
      yield* apiKeys.update(target.id, { isActive: false })
      const { version } = yield* apiKeys.update(target.id, { isActive: false, description: "d" })
      yield* apiKeys.update(target.id, { isActive: false }, { ifVersion: version })
      assert.strictEqual((yield* Effect.flip(apiKeys.update(target.id, { isActive: false }, { ifVersion: 1 })))._tag, "VersionConflict")
      assert.deepInclude((yield* send("GET", `/api-keys/${target.id}`, { token })).body, { ...kept, description: "d" })
      // An operator takes it back, and then it is told anew.
      assert.strictEqual((yield* send("POST", `/api-keys/${target.id}/activate`, { token })).status, 200)
      const again = yield* apiKeys.update(target.id, { isActive: false, name: "other" })
      assert.deepInclude(again, { isActive: false, name: "other", deactivationReason: "manual" })
    }),
  )

  it.effect("verifies tokens for others: a 401 always means the caller's own key", () =>
    Effect.gen(function* () {
      const caller = yield* makeKey("api-keys:verify")
      const key = yield* makeKey("a")
      const ask = (token: string, scopes?: ReadonlyArray<string>) =>
        send("POST", "/api-keys/verify", { token: caller.token, body: { token, ...(scopes === undefined ? {} : { scopes }) } })
      const valid = yield* ask(key.token, ["a"])
      assert.strictEqual(valid.status, 200, valid.text)
      assert.strictEqual(valid.headers.get("cache-control"), "no-store")
      assert.deepInclude(valid.body, { valid: true })
      assert.strictEqual(valid.body.apiKey.id, key.id)
      const lacking = yield* ask(key.token, ["b"])
      assert.deepStrictEqual(lacking.body, {
        valid: false,
        error: { _tag: "InsufficientScope", keyId: key.keyId, required: ["b"], granted: ["a"] },
      })
      const apiKeys = yield* ApiKeys.ApiKeys
      yield* apiKeys.update(key.id, { expiresAt: DateTime.makeUnsafe("2020-01-01T00:00:00Z") })
      assert.deepStrictEqual((yield* ask(key.token)).body, {
        valid: false,
        error: { _tag: "Expired", keyId: key.keyId, expiresAt: "2020-01-01T00:00:00.000Z" },
      })
      yield* apiKeys.deactivate(key.id)
      assert.deepInclude((yield* ask(key.token)).body.error, { _tag: "Inactive", keyId: key.keyId })
      yield* apiKeys.delete(key.id)
      assert.deepInclude((yield* ask(key.token)).body.error, { _tag: "NotFound", keyId: key.keyId })
      assert.deepInclude((yield* ask("nonsense")).body.error, { _tag: "MalformedToken" })
      assert.deepInclude((yield* ask(withOtherSecret(caller.token))).body.error, { _tag: "InvalidSecret" })
      const plain = yield* makeKey()
      assertProblem(yield* send("POST", "/api-keys/verify", { token: plain.token, body: { token: key.token } }), 403, "insufficient-scope")
    }),
  )
}
