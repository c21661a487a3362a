import { assert } from "@effect/vitest"
import { DateTime, Effect } from "effect"
import * as ApiKeys from "../../../src/ApiKeys.ts"

import { type It, type Setup } from "./setup.ts"

export const records = (it: It, { send, makeKey, assertProblem }: Setup): void => {
  it.effect("creates, shows, lists, changes and deletes a key", () =>
    Effect.gen(function* () {
      const { token } = yield* makeKey("*")
      const created = yield* send("POST", "/api-keys", {
        token,
        body: { name: " ci ", ownerId: "o1", scopes: ["b", "a"], metadata: { n: 1 }, expiresAt: "2999-01-01T00:00:00Z" },
      })
      assert.strictEqual(created.status, 201, created.text)
      const { apiKey } = created.body
      assert.strictEqual(created.headers.get("location"), `/api-keys/${apiKey.id}`)
      assert.strictEqual(created.headers.get("cache-control"), "no-store")
      assert.deepStrictEqual(Object.keys(created.body).sort(), ["apiKey", "token"])
      assert.deepInclude(apiKey, { name: "ci", description: null, ownerId: "o1", scopes: ["a", "b"], metadata: { n: 1 }, isActive: true })
      assert.strictEqual(apiKey.expiresAt, "2999-01-01T00:00:00.000Z")
      assert.isFalse(created.text.includes("hash"))

      const shown = yield* send("GET", `/api-keys/${apiKey.id}`, { token })
      assert.deepStrictEqual(shown.body, apiKey)
      assert.strictEqual(shown.headers.get("etag"), created.headers.get("etag"))

      const listed = yield* send("GET", "/api-keys?ownerId=o1&sort=-name&limit=1", { token })
      assert.deepStrictEqual(listed.body, { items: [apiKey], total: 1, offset: 0, limit: 1, nextCursor: null })
      assert.deepStrictEqual((yield* send("GET", "/api-keys/count?ownerId=o1&scopes=a&scopes=b", { token })).body, { count: 1 })

      const changed = yield* send("PATCH", `/api-keys/${apiKey.id}`, { token, body: { description: "d" } })
      assert.strictEqual(changed.status, 200, changed.text)
      assert.deepInclude(changed.body, { name: "ci", description: "d", version: 2 })
      assert.isFalse((yield* send("POST", `/api-keys/${apiKey.id}/deactivate`, { token })).body.isActive)
      assertProblem(yield* send("GET", "/protected", { token: created.body.token }), 401, "inactive")
      assert.isTrue((yield* send("POST", `/api-keys/${apiKey.id}/activate`, { token })).body.isActive)
      const hello = yield* send("GET", "/protected", { token: created.body.token })
      assert.strictEqual(hello.status, 200)
      assert.deepInclude(hello.body, { message: "Hello, ci" })

      const waiting = yield* send("POST", "/api-keys", { token, body: { name: "waits", isActive: false } })
      assert.isFalse(waiting.body.apiKey.isActive)
      assertProblem(yield* send("GET", "/protected", { token: waiting.body.token }), 401, "inactive")
      // Not by PATCH: giving a key back takes more than changing its name.
      assertProblem(
        yield* send("PATCH", `/api-keys/${waiting.body.apiKey.id}`, { token, body: { isActive: true } }),
        400,
        "invalid-request",
      )
      assert.strictEqual((yield* send("DELETE", `/api-keys/${waiting.body.apiKey.id}`, { token })).status, 204)

      const gone = yield* send("DELETE", `/api-keys/${apiKey.id}`, { token })
      assert.deepStrictEqual([gone.status, gone.text], [204, ""])
      assertProblem(yield* send("GET", `/api-keys/${apiKey.id}`, { token }), 404, "not-found")
      assertProblem(yield* send("DELETE", `/api-keys/${apiKey.id}`, { token }), 404, "not-found")
    }),
  )

  it.effect("pages through by cursor", () =>
    Effect.gen(function* () {
      const { token } = yield* makeKey("*")
      for (let i = 0; i < 5; i++) yield* send("POST", "/api-keys", { token, body: { name: `p${i}`, ownerId: "pages" } })
      const names: Array<string> = []
      let query = "cursor="
      for (let page = 0; page < 4; page++) {
        const { body } = yield* send("GET", `/api-keys?ownerId=pages&sort=name&limit=2&${query}`, { token })
        names.push(...body.items.map((item: { name: string }) => item.name))
        if (body.nextCursor === null) break
        query = `cursor=${encodeURIComponent(body.nextCursor)}`
      }
      assert.deepStrictEqual(names, ["p0", "p1", "p2", "p3", "p4"])
      for (const query of [
        "cursor=x",
        "limit=",
        "limit=0",
        "limit=201",
        "limit=1&limit=2",
        "sort=hash",
        "offset=-1",
        "evil=1",
        "isActive=yes",
        "createdAfter=x",
        "tokenCreatedBefore=x",
        "ownerId=%00",
      ]) {
        const reply = yield* send("GET", `/api-keys?${query}`, { token })
        assertProblem(reply, 400, "invalid-request")
      }
    }),
  )

  it.effect("filters by everything that it offers", () =>
    Effect.gen(function* () {
      const { token } = yield* makeKey("*")
      const apiKeys = yield* ApiKeys.ApiKeys
      const { apiKey } = yield* apiKeys.create({
        name: "Filter Me 100%",
        ownerId: "filters",
        scopes: ["f:a", "f:b"],
        expiresAt: DateTime.makeUnsafe("2500-06-01T00:00:00Z"),
      })
      const count = (query: string) =>
        Effect.map(send("GET", `/api-keys/count?ownerId=filters&${query}`, { token }), ({ body }) => body.count)
      const yes = [
        "name=filter%20me",
        "name=100%25",
        `keyId=${apiKey.keyId}`,
        "isActive=true",
        "scopes=f:a&scopes=f:b",
        "createdAfter=2020-01-01T00:00:00Z",
        "createdBefore=2900-01-01T00:00:00Z",
        "expiresAfter=2500-06-01T00:00:00Z",
        "expiresBefore=2500-06-01T00:00:01Z",
        "tokenCreatedAfter=2020-01-01T00:00:00Z",
        "tokenCreatedBefore=2900-01-01T00:00:00Z",
        "neverUsed=true",
        "expired=false",
      ]
      const no = [
        "name=nobody",
        "name=1_0",
        "keyId=0000000000000000",
        "isActive=false",
        "scopes=f:a&scopes=f:c",
        "createdAfter=2900-01-01T00:00:00Z",
        "createdBefore=2020-01-01T00:00:00Z",
        "expiresAfter=2500-06-01T00:00:01Z",
        "expiresBefore=2500-06-01T00:00:00Z",
        "lastUsedAfter=2020-01-01T00:00:00Z",
        "lastUsedBefore=2900-01-01T00:00:00Z",
        "tokenCreatedAfter=2900-01-01T00:00:00Z",
        "tokenCreatedBefore=2020-01-01T00:00:00Z",
        "neverUsed=false",
        "expired=true",
      ]
      for (const query of yes) assert.strictEqual(yield* count(query), 1, query)
      for (const query of no) assert.strictEqual(yield* count(query), 0, query)
    }),
  )

  it.effect("a lost race gets 412", () =>
    Effect.gen(function* () {
      const { token } = yield* makeKey("*")
      const { id } = yield* makeKey()
      const path = `/api-keys/${id}`
      const etag = (yield* send("GET", path, { token })).headers.get("etag")!
      const winner = yield* send("PATCH", path, { token, headers: { "if-match": `"99", ${etag}` }, body: { name: "a" } })
      assert.strictEqual(winner.status, 200, winner.text)
      assertProblem(yield* send("PATCH", path, { token, headers: { "if-match": etag }, body: { name: "b" } }), 412, "version-conflict")
      assertProblem(
        yield* send("PATCH", path, { token, headers: { "if-match": `W/${winner.headers.get("etag")}` }, body: {} }),
        412,
        "version-conflict",
      )
      assertProblem(yield* send("DELETE", path, { token, headers: { "if-match": etag } }), 412, "version-conflict")
      assert.strictEqual((yield* send("DELETE", path, { token, headers: { "if-match": "*" } })).status, 204)
    }),
  )

  it.effect("preconditions hold for every request for one key", () =>
    Effect.gen(function* () {
      const { token } = yield* makeKey("*")
      const requests = [
        ["GET", "", undefined],
        ["POST", "/deactivate", undefined],
        ["POST", "/activate", undefined],
        ["POST", "/rotate", {}],
        ["POST", "/end-grace", undefined],
        ["PATCH", "", { name: "renamed" }],
        ["DELETE", "", undefined],
      ] as const
      for (const [method, suffix, body] of requests) {
        const { id } = yield* makeKey()
        const path = `/api-keys/${id}${suffix}`
        const ask = (headers: Record<string, string>) => send(method, path, { token, headers, body })
        for (const wrong of ['*, "1"', '"1", *', 'x,"1",y', '"x,"1",y"', '"1" "1"', 'w/"1"', '"1', "1", "**"]) {
          for (const field of ["if-match", "if-none-match"]) {
            assertProblem(yield* ask({ [field]: wrong }), 400, "invalid-request")
          }
        }
        // An empty list has no tag that could match; a weak one never matches strongly (RFC 9110 §13.1.1).
        for (const stale of ['"9"', 'W/"1"', '"1 "', '"11"', ",", '"x,","y"']) {
          if (stale === '"1 "') assertProblem(yield* ask({ "if-match": stale }), 400, "invalid-request")
          else assertProblem(yield* ask({ "if-match": stale }), 412, "version-conflict")
        }
        // `If-Match` is judged first (§13.2.2).
        assertProblem(yield* ask({ "if-match": '"9"', "if-none-match": '"1"' }), 412, "version-conflict")
        for (const known of ["*", '"1"', 'W/"1"', '"9" ,, W/"1"', ',"1",']) {
          const reply = yield* ask({ "if-none-match": known })
          if (method !== "GET") assertProblem(reply, 412, "version-conflict")
          else {
            assert.deepStrictEqual([reply.status, reply.text, reply.headers.get("etag")], [304, "", '"1"'])
          }
        }
        assert.deepInclude((yield* send("GET", `/api-keys/${id}`, { token })).body, { version: 1, isActive: true })
        const passed = yield* ask({ "if-match": '"0", ,"1"', "if-none-match": '"0", W/"2"' })
        assert.include([200, 204], passed.status, `${method} ${suffix}: ${passed.text}`)
      }
      // Without what they are about there is nothing to compare (§13.2.1).
      const unknown = "/api-keys/01890a5d-ac96-774b-bcce-b302099a8057"
      for (const [method, suffix, body] of requests) {
        const reply = yield* send(method, unknown + suffix, { token, headers: { "if-match": '"1"', "if-none-match": "*" }, body })
        assertProblem(reply, 404, "not-found")
      }
    }),
  )
}
