import { assert } from "@effect/vitest"
import { DateTime, Effect, Redacted } from "effect"
import { type ApiKeyId, KeyId } from "../../../src/ApiKey.ts"
import { ApiKeyRepository, type Changes } from "../../../src/ApiKeyRepository.ts"
import { set } from "../../../src/Scope.ts"

import { type It, type Reply, type Setup } from "./setup.ts"

export const rotation = (it: It, { send, makeKey, challengeOf, assertProblem }: Setup): void => {
  it.effect("rotates a key, whose old token says that it is about to end", () =>
    Effect.gen(function* () {
      const { token } = yield* makeKey("*")
      const target = yield* makeKey("a")
      const path = `/api-keys/${target.id}`
      const before = yield* send("GET", path, { token })
      const fresh = yield* send("GET", "/protected", { token: target.token })
      assert.deepStrictEqual([fresh.headers.get("deprecation"), fresh.headers.get("sunset")], [null, null])

      const rotated = yield* send("POST", `${path}/rotate`, { token, body: { graceSeconds: 3_600 } })
      assert.strictEqual(rotated.status, 200, rotated.text)
      assert.deepStrictEqual(Object.keys(rotated.body).sort(), ["apiKey", "token"])
      const { apiKey } = rotated.body
      const { version, rotatedAt, previous } = apiKey
      for (const field of Object.keys(before.body)) {
        const isNew = ["keyId", "hint", "version", "updatedAt", "rotatedAt", "previous"].includes(field)
        if (!isNew) assert.deepStrictEqual(apiKey[field], before.body[field], field)
      }
      assert.strictEqual(rotated.headers.get("cache-control"), "no-store")
      assert.strictEqual(rotated.headers.get("etag"), `"${version}"`)
      assert.deepInclude(previous, { keyId: target.keyId, hint: before.body.hint, graceSeconds: null, lastUsedAt: null })
      assert.strictEqual(Date.parse(previous.expiresAt) - Date.parse(rotatedAt), 3_600_000)

      const by = (token: string) => send("GET", "/protected", { token })
      const current = yield* by(rotated.body.token)
      assert.deepStrictEqual([current.status, current.headers.get("deprecation")], [200, null])
      const old = yield* by(target.token)
      assert.strictEqual(old.status, 200)
      assert.strictEqual(old.headers.get("deprecation"), `@${Math.floor(Date.parse(rotatedAt) / 1_000)}`)
      assert.strictEqual(old.headers.get("sunset"), new Date(previous.expiresAt).toUTCString())
      const verify = (asked: string) => send("POST", "/api-keys/verify", { token, body: { token: asked } })
      assert.deepInclude((yield* verify(rotated.body.token)).body, { valid: true, usedToken: "current" })
      assert.deepInclude((yield* verify(target.token)).body, { valid: true, usedToken: "previous" })

      const again = yield* send("POST", `${path}/rotate`, { token, body: {} })
      assertProblem(again, 409, "grace-running")
      assert.deepInclude(again.body, { id: target.id, expiresAt: previous.expiresAt })
      const ended = yield* send("POST", `${path}/end-grace`, { token })
      assert.strictEqual(ended.status, 200, ended.text)
      assert.strictEqual(ended.headers.get("etag"), `"${ended.body.version}"`)
      const refused = yield* by(target.token)
      assertProblem(refused, 401, "expired")
      assert.strictEqual(refused.body.expiresAt, ended.body.previous.expiresAt)
      assert.strictEqual((yield* by(rotated.body.token)).status, 200)

      const waiting = yield* send("POST", `${path}/rotate`, { token, body: { graceFrom: "firstUse" } })
      assert.strictEqual(waiting.status, 200, waiting.text)
      const unsettled = yield* by(rotated.body.token)
      assert.deepStrictEqual([unsettled.status, unsettled.headers.get("sunset")], [200, null])
      assert.match(unsettled.headers.get("deprecation") ?? "", /^@\d+$/)
      const replaced = yield* send("POST", `${path}/rotate`, { token, body: { ifPrevious: "end", graceSeconds: 0 } })
      assert.strictEqual(replaced.status, 200, replaced.text)
      assertProblem(yield* by(rotated.body.token), 401, "invalid-token")
      assertProblem(yield* by(waiting.body.token), 401, "expired")

      const stale = { token, headers: { "if-match": `"${version}"` }, body: {} }
      assertProblem(yield* send("POST", `${path}/rotate`, stale), 412, "version-conflict")
      for (const body of [
        { graceSeconds: -1 },
        { graceSeconds: 7_776_001 },
        { graceSeconds: 1.5 },
        { graceFrom: "then" },
        { keyId: "x" },
        [],
      ]) {
        assertProblem(yield* send("POST", `${path}/rotate`, { token, body }), 400, "invalid-request")
      }
      yield* send("DELETE", path, { token })
      assertProblem(yield* send("POST", `${path}/rotate`, { token, body: {} }), 404, "not-found")
      assertProblem(yield* send("POST", `${path}/end-grace`, { token }), 404, "not-found")
    }),
  )

  it.effect("tells the holder of an old token of its end with every answer, and of none after the key's own", () =>
    Effect.gen(function* () {
      const { token } = yield* makeKey("*")
      const soon = new Date(Math.floor(Date.now() / 1_000) * 1_000 + 60_000)
      const fields = ({ headers }: Reply) => [/^@\d+$/.test(headers.get("deprecation") ?? ""), headers.get("sunset")]
      for (const body of [{ graceSeconds: 864_000 }, { graceFrom: "firstUse" }]) {
        const target = yield* makeKey("a")
        const path = `/api-keys/${target.id}`
        yield* send("POST", `${path}/rotate`, { token, body })
        yield* send("PATCH", path, { token, body: { expiresAt: soon.toISOString() } })
        const allowed = yield* send("GET", "/protected", { token: target.token })
        assert.deepStrictEqual([allowed.status, ...fields(allowed)], [200, true, soon.toUTCString()])
        // What the middleware refuses, and what a handler does.
        for (const denied of [
          yield* send("GET", "/api-keys", { token: target.token }),
          yield* send("POST", `${path}/rotate`, { token: target.token, body: {} }),
        ]) {
          assert.deepStrictEqual([denied.status, ...fields(denied)], [403, true, soon.toUTCString()])
        }
      }
      const lacking = yield* send("GET", "/api-keys", { token: (yield* makeKey("a")).token })
      assert.deepStrictEqual([lacking.status, ...fields(lacking)], [403, false, null])
    }),
  )

  it.effect("rotates with a confirmation, where it is asked for", () =>
    Effect.gen(function* () {
      const { token } = yield* makeKey("*")
      const { id } = yield* makeKey()
      const rotate = (query: string) => send("POST", `/api-keys/${id}/rotate?${query}`, { token, body: { ifPrevious: "end" } })
      assert.strictEqual((yield* rotate("confirmWithin=5%20seconds")).status, 200)
      for (const query of ["confirmWithin=0", "confirmWithin=31%20seconds", "within=1"]) {
        assertProblem(yield* rotate(query), 400, "invalid-request")
      }
    }),
  )

  it.effect("judges a key that rotates itself by what the store says of it", () =>
    Effect.gen(function* () {
      const repository = yield* ApiKeyRepository
      const change = (id: ApiKeyId, changes: Changes, at: DateTime.Utc) => repository.update(id, changes, { at })
      for (const [changes, status, type] of [
        [{ isActive: false }, 401, "inactive"],
        [{ expiresAt: DateTime.makeUnsafe("2020-01-01T00:00:00Z") }, 401, "expired"],
        [{ scopes: set("x") }, 403, "insufficient-scope"],
        [{ scopes: set("api-keys:rotate-self", "y") }, 200, undefined],
      ] as const) {
        const key = yield* makeKey("api-keys:rotate-self", "x")
        assert.strictEqual((yield* send("GET", "/protected", { token: key.token })).status, 200)
        // By another node, of which this one hasn't heard.
        yield* change(key.id, changes, key.createdAt)
        for (const [path, body] of [
          ["end-grace", undefined],
          ["rotate", { graceSeconds: 0 }],
        ]) {
          const reply = yield* send("POST", `/api-keys/${key.id}/${path}`, { token: key.token, body })
          if (type === undefined) assert.strictEqual(reply.status, status, reply.text)
          else {
            assertProblem(reply, status, type)
            assert.match(challengeOf(reply) ?? "", /^Bearer realm="api-keys", error="/)
          }
        }
      }
    }),
  )

  it.effect("lets a key rotate itself if it may, by its current token, and nobody else's", () =>
    Effect.gen(function* () {
      const rotate = (id: string, token: string) => send("POST", `/api-keys/${id}/rotate`, { token, body: {} })
      const end = (id: string, token: string) => send("POST", `/api-keys/${id}/end-grace`, { token })
      const may = yield* makeKey("api-keys:rotate-self", "x")
      const mayNot = yield* makeKey("x")
      for (const change of [rotate, end]) {
        const refused = yield* change(mayNot.id, mayNot.token)
        assertProblem(refused, 403, "insufficient-scope")
        assert.include(challengeOf(refused) ?? "", 'scope="api-keys:rotate-self"')
        const others = yield* change(mayNot.id, may.token)
        assertProblem(others, 403, "insufficient-scope")
        assert.include(challengeOf(others) ?? "", 'scope="api-keys:write"')
        // An unknown id isn't told from one of somebody else's.
        assertProblem(yield* change("01890a5d-ac96-774b-bcce-b302099a8057", may.token), 403, "insufficient-scope")
      }
      const rotated = yield* rotate(may.id, may.token)
      assert.strictEqual(rotated.status, 200, rotated.text)
      // The old token may be the one that leaked.
      assertProblem(yield* rotate(may.id, may.token), 403, "previous-token")
      assertProblem(yield* end(may.id, may.token), 403, "previous-token")
      assert.strictEqual((yield* end(may.id, rotated.body.token)).status, 200)

      // Nor may it where nobody has heard yet that it is the old one.
      const repository = yield* ApiKeyRepository
      const warm = yield* makeKey("api-keys:rotate-self")
      assert.strictEqual((yield* send("GET", "/protected", { token: warm.token })).status, 200)
      const keyId = KeyId.make(warm.keyId.toUpperCase() + "x")
      const token = {
        keyId,
        prefix: "ak",
        hint: "hint",
        hash: Redacted.make("$other"),
        sealId: null,
        previous: { expiresAt: null, graceSeconds: 60 },
      }
      yield* repository.rotate(warm.id, token, { at: warm.createdAt, ifVersion: 1 })
      assertProblem(yield* rotate(warm.id, warm.token), 403, "previous-token")
      assertProblem(yield* end(warm.id, warm.token), 403, "previous-token")

      const writer = yield* makeKey("api-keys:write")
      assertProblem(yield* rotate(may.id, writer.token), 403, "scope-not-held")
      assert.strictEqual((yield* rotate((yield* makeKey()).id, writer.token)).status, 200)
      const own = yield* rotate(writer.id, writer.token)
      assert.strictEqual(own.status, 200, own.text)
      assertProblem(yield* rotate(writer.id, writer.token), 403, "previous-token")
      for (const path of ["rotate", "end-grace"]) assertProblem(yield* send("POST", `/api-keys/${may.id}/${path}`), 401, "missing-api-key")
    }),
  )
}
