/** What the HTTP interface promises, on whatever repository: byte by byte over a socket, as a stranger sees it. */
import { createServer } from "node:http"
import { connect } from "node:net"
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import { assert, layer as describeWith } from "@effect/vitest"
import { ByteSize, DateTime, Effect, Layer, Logger, Redacted } from "effect"
import { HttpIncomingMessage, HttpRouter, HttpServer } from "effect/http"
import { layerEphemeral } from "../../src/ApiKeyHasher.ts"
import { ApiKey, type ApiKeyId, KeyId } from "../../src/ApiKey.ts"
import { ApiKeyRepository, type Changes } from "../../src/ApiKeyRepository.ts"
import * as ApiKeys from "../../src/ApiKeys.ts"
import * as ApiKeyToken from "../../src/ApiKeyToken.ts"
import { set } from "../../src/Scope.ts"
import { faceCreateFields } from "../../src/internal/record/fields.ts"
import { routes } from "../../src/internal/server/routes.ts"

interface Reply {
  readonly status: number
  readonly headers: Headers
  readonly text: string
  // What JSON holds is what these tests are to find out.
  // oxlint-disable-next-line typescript/no-explicit-any
  readonly body: any
}

const urn = (name: string) => `urn:effect-api-key:problem:${name}`

export const httpSuite = <E>(name: string, layerRepository: Layer.Layer<ApiKeyRepository, E>): void => {
  const services = ApiKeys.layer.pipe(Layer.provide(layerEphemeral), Layer.provideMerge(layerRepository))
  const server = HttpRouter.serve(routes, { disableLogger: true, disableListenLog: true }).pipe(
    Layer.provide(Layer.succeed(HttpIncomingMessage.MaxBodySize, ByteSize.kibibytes(64))),
    Layer.provideMerge(NodeHttpServer.layer(() => createServer(), { port: 0, host: "127.0.0.1", gracefulShutdownTimeout: "1 second" })),
    Layer.provideMerge(services),
    Layer.provide(Logger.layer([])),
  )

  const send = (method: string, path: string, options: { token?: string; headers?: Record<string, string>; body?: unknown } = {}) =>
    Effect.gen(function* () {
      const url = HttpServer.formatAddress((yield* HttpServer.HttpServer).address)
      return yield* Effect.promise(async (): Promise<Reply> => {
        const response = await fetch(url + path, {
          method,
          headers: {
            ...(options.token === undefined ? {} : { authorization: `Bearer ${options.token}` }),
            ...(options.body === undefined ? {} : { "content-type": "application/json" }),
            ...options.headers,
          },
          ...(options.body === undefined ? {} : { body: typeof options.body === "string" ? options.body : JSON.stringify(options.body) }),
        })
        const text = await response.text()
        const isJson = (response.headers.get("content-type") ?? "").includes("json") && text !== ""
        return { status: response.status, headers: response.headers, text, body: isJson ? JSON.parse(text) : undefined }
      })
    })

  const makeKey = (...scopes: ReadonlyArray<string>) =>
    ApiKeys.ApiKeys.use((apiKeys) => Effect.orDie(apiKeys.create({ name: "caller", scopes }))).pipe(
      Effect.map(({ apiKey, token }) => ({ ...apiKey, token: Redacted.value(token) })),
    )
  const withOtherSecret = (token: string) => {
    const body = token.slice(0, -7) + (token.at(-7) === "A" ? "B" : "A")
    return body + ApiKeyToken.checksum(body)
  }
  const challengeOf = (reply: Reply) => reply.headers.get("www-authenticate")
  const assertProblem = (reply: Reply, status: number, type: string) => {
    assert.strictEqual(reply.status, status, reply.text)
    assert.match(reply.headers.get("content-type") ?? "", /^application\/problem\+json/)
    assert.deepInclude(reply.body, { status, type: urn(type) })
  }

  describeWith(server, { excludeTestServices: true })(`HTTP on ${name}`, (it) => {
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
        const token = { keyId, prefix: "ak", hint: "hint", hash: Redacted.make("$other"), previous: { expiresAt: null, graceSeconds: 60 } }
        yield* repository.rotate(warm.id, token, { at: warm.createdAt, ifVersion: 1 })
        assertProblem(yield* rotate(warm.id, warm.token), 403, "previous-token")
        assertProblem(yield* end(warm.id, warm.token), 403, "previous-token")

        const writer = yield* makeKey("api-keys:write")
        assertProblem(yield* rotate(may.id, writer.token), 403, "scope-not-held")
        assert.strictEqual((yield* rotate((yield* makeKey()).id, writer.token)).status, 200)
        const own = yield* rotate(writer.id, writer.token)
        assert.strictEqual(own.status, 200, own.text)
        assertProblem(yield* rotate(writer.id, writer.token), 403, "previous-token")
        for (const path of ["rotate", "end-grace"])
          assertProblem(yield* send("POST", `/api-keys/${may.id}/${path}`), 401, "missing-api-key")
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
        assertProblem(
          yield* send("POST", "/api-keys/verify", { token: plain.token, body: { token: key.token } }),
          403,
          "insufficient-scope",
        )
      }),
    )

    it.effect("refuses what doesn't fit, naming the field and echoing nothing", () =>
      Effect.gen(function* () {
        const { token } = yield* makeKey("*")
        const post = (body: unknown, headers: Record<string, string> = {}) => send("POST", "/api-keys", { token, body, headers })
        const wrong = yield* post({ name: "", scopes: ["Hunter2 SECRET"], prefix: "ak" })
        assertProblem(wrong, 400, "invalid-request")
        assert.isFalse(wrong.text.includes("Hunter2"))
        const paths = wrong.body.errors.map(({ path }: { path: Array<string> }) => path.join("."))
        assert.sameMembers(paths, ["payload.name", "payload.scopes.0", "payload.prefix"])
        const settable: ReadonlyArray<string> = faceCreateFields
        for (const privileged of ["hash", "previousHash", ...Object.keys(ApiKey.fields).filter((name) => !settable.includes(name))]) {
          for (const value of ["1", { quota: 1 }, null]) {
            assertProblem(yield* post({ name: "x", [privileged]: value }), 400, "invalid-request")
          }
        }
        assertProblem(yield* post("{ not json"), 400, "invalid-request")
        assertProblem(yield* post('"\\ud800"'), 400, "invalid-request")
        assertProblem(yield* post({ name: "a\0b" }), 400, "invalid-request")
        assertProblem(yield* post(`{"name":"x","metadata":${"[".repeat(20_000)}${"]".repeat(20_000)}}`), 400, "invalid-request")
        assertProblem(yield* post(`{"name":"x","metadata":${'{"a":'.repeat(9_000)}1${"}".repeat(9_000)}}`), 400, "invalid-request")
        assertProblem(yield* post('{"name":"x","metadata":{"__proto__":{"isAdmin":true}}}'), 400, "invalid-request")
        assertProblem(yield* post({ name: "x", expiresAt: "2020-01-01T00:00:00Z" }), 400, "invalid-request")
        assertProblem(yield* post({ name: "x", expiresAt: "not a date" }), 400, "invalid-request")
        assertProblem(yield* post("x=1", { "content-type": "text/plain" }), 415, "unsupported-media-type")
        assertProblem(yield* post({ name: "x", description: "x".repeat(70_000) }), 413, "body-too-large")
        assertProblem(yield* send("GET", "/api-keys/not-a-uuid", { token }), 400, "invalid-request")
        assertProblem(yield* send("GET", "/nowhere", { token }), 404, "no-such-route")
        const wrongMethod = yield* send("PUT", "/api-keys", { token, body: {} })
        assertProblem(wrongMethod, 405, "method-not-allowed")
        assert.strictEqual(wrongMethod.headers.get("allow"), "GET, HEAD, POST")
        assertProblem(yield* send("GET", "/api-keys/verify", { token }), 405, "method-not-allowed")
        // Nobody without a key gets as far as having a body judged.
        assertProblem(yield* send("POST", "/api-keys", { body: "{ not json" }), 401, "missing-api-key")
      }),
    )

    it.effect("survives bytes that aren't HTTP's best", () =>
      Effect.gen(function* () {
        const { address } = yield* HttpServer.HttpServer
        assert.isTrue("port" in address)
        if (!("port" in address)) return
        const raw = (text: string) =>
          Effect.promise(
            () =>
              new Promise<string>((resolve) => {
                let answer = ""
                const socket = connect(address.port, "127.0.0.1", () => socket.end(Buffer.from(text, "latin1")))
                socket.on("data", (data) => (answer += data.toString("latin1")))
                socket.on("close", () => resolve(answer))
                socket.on("error", () => resolve(answer))
              }),
          )
        const request = (line: string, ...headers: Array<string>) =>
          raw([line, "Host: x", "Connection: close", ...headers, "", ""].join("\r\n"))
        assert.match(yield* request("GET /protected HTTP/1.1", "Authorization: Bearer \xff\xfe\x80"), /^HTTP\/1\.1 401/)
        assert.match(yield* request("GET /protected HTTP/1.1", "X-API-Key: a", "X-API-Key: b"), /^HTTP\/1\.1 400/)
        assert.match(yield* request("GET /protected HTTP/1.1", `Authorization: Bearer ${"a".repeat(10_000)}`), /^HTTP\/1\.1 401/)
        assert.match(yield* request("GET /api-keys/%ff%fe HTTP/1.1"), /^HTTP\/1\.1 4\d\d/)
        assert.match(yield* request("GET /%00 HTTP/1.1"), /^HTTP\/1\.1 404/)
        assert.match(yield* raw("\0\0\0\r\n\r\n"), /^(HTTP\/1\.1 400|$)/)
        assert.strictEqual((yield* send("GET", "/healthz")).status, 200)
      }),
    )

    it.effect("serves health, the OpenAPI document, and a reference page that needs no network", () =>
      Effect.gen(function* () {
        assert.strictEqual((yield* send("GET", "/healthz")).status, 200)
        assert.strictEqual((yield* send("GET", "/readyz")).status, 200)
        const docs = yield* send("GET", "/docs")
        assert.strictEqual(docs.status, 200)
        assert.match(docs.headers.get("content-security-policy") ?? "", /^default-src 'none'; script-src 'sha256-/)
        assert.notMatch(docs.text.slice(0, 2_000), /<(?:script|link)[^>]+(?:src|href)=["']?https?:/)
        const { body: spec } = yield* send("GET", "/openapi.json")
        assert.sameMembers(Object.keys(spec.paths), [
          "/api-keys",
          "/api-keys/count",
          "/api-keys/revoke",
          "/api-keys/upcoming",
          "/api-keys/hash-report",
          "/api-keys/verify",
          "/api-keys/{id}",
          "/api-keys/{id}/activate",
          "/api-keys/{id}/deactivate",
          "/api-keys/{id}/end-grace",
          "/api-keys/{id}/rotate",
          "/leaks",
          "/leaks/revoke",
          "/protected",
        ])
        assert.deepStrictEqual(spec.paths["/api-keys"].post.security, [{ bearer: ["api-keys:write"] }, { apiKey: ["api-keys:write"] }])
        const statusesOf = (operation: { readonly responses: object }) => Object.keys(operation.responses)
        const general = ["408", "414", "431", "500"]
        assert.sameMembers(statusesOf(spec.paths["/api-keys"].post), [...general, "201", "400", "401", "403", "413", "415", "503"])
        const { post: rotation } = spec.paths["/api-keys/{id}/rotate"]
        assert.sameMembers(statusesOf(rotation), [...general, "200", "400", "401", "403", "404", "409", "412", "413", "415", "503", "504"])
        assert.include(JSON.stringify(rotation.requestBody), "RotateApiKey")
        assert.sameMembers(Object.keys(spec.components.schemas.RotateApiKey.properties), ["graceSeconds", "graceFrom", "ifPrevious"])
        assert.sameMembers(statusesOf(spec.paths["/api-keys/{id}"].patch), [
          ...general,
          "200",
          "400",
          "401",
          "403",
          "404",
          "412",
          "413",
          "415",
          "503",
          "504",
        ])
        const one = spec.paths["/api-keys/{id}"]
        for (const operation of [
          one.get,
          one.patch,
          one.delete,
          ...["activate", "deactivate", "rotate", "end-grace"].map((each) => spec.paths[`/api-keys/{id}/${each}`].post),
        ]) {
          const names = operation.parameters.map(({ name }: { name: string }) => name)
          assert.includeMembers(names, ["if-match", "if-none-match"])
          assert.include(Object.keys(operation.responses), "412")
        }
        assert.include(Object.keys(one.get.responses), "304")
        assert.isFalse(JSON.stringify(spec).includes('"hash"'))
      }),
    )
  })
}
