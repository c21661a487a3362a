/** What those who manage keys find and end over HTTP, beside single keys by their ids. */
import { assert, layer as describeWith } from "@effect/vitest"
import { DateTime, Duration, Effect, Redacted } from "effect"
import { HttpServer } from "effect/http"
import * as ApiKeys from "../../src/ApiKeys.ts"
import { layerServer } from "../support/server.ts"

interface Reply {
  readonly status: number
  readonly headers: Headers
  // What JSON holds is what these tests are to find out.
  // oxlint-disable-next-line typescript/no-explicit-any
  readonly body: any
}

const send = (method: "GET" | "POST", path: string, token: string, body?: unknown) =>
  Effect.gen(function* () {
    const url = HttpServer.formatAddress((yield* HttpServer.HttpServer).address)
    return yield* Effect.promise(async (): Promise<Reply> => {
      const response = await fetch(url + path, {
        method,
        headers: { authorization: `Bearer ${token}`, ...(body === undefined ? {} : { "content-type": "application/json" }) },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      })
      return { status: response.status, headers: response.headers, body: await response.json() }
    })
  })

const makeKey = (scopes: ReadonlyArray<string>, lifetime?: Duration.Input) =>
  Effect.gen(function* () {
    const now = yield* DateTime.now
    const { apiKey, token } = yield* ApiKeys.ApiKeys.use((apiKeys) =>
      apiKeys.create({
        name: "k",
        scopes,
        expiresAt: lifetime === undefined ? null : DateTime.addDuration(now, Duration.fromInputUnsafe(lifetime)),
      }),
    )
    return { apiKey, token: Redacted.value(token) }
  })

describeWith(layerServer(), { excludeTestServices: true })("managing keys over HTTP", (it) => {
  it.effect("tells of tokens only those who may end them", () =>
    Effect.gen(function* () {
      const found = yield* makeKey(["a"])
      const inactive = yield* makeKey(["a"])
      yield* ApiKeys.ApiKeys.use((apiKeys) => apiKeys.deactivate(inactive.apiKey.id))
      const tokens = [found.token, inactive.token, `${found.token.slice(0, -1)}!`, "ak-0123456789abcdef-x", "garbage", "x".repeat(1_000)]
      for (const caller of [
        "",
        "nonsense",
        inactive.token,
        (yield* makeKey(["api-keys:read", "api-keys:verify", "api-keys:rotate-self"])).token,
      ]) {
        const answers = yield* Effect.forEach(tokens, (token) => send("POST", "/api-keys/revoke", caller, { token, reason: "leaked" }))
        const told = new Set(answers.map(({ status, body }) => JSON.stringify([status, body])))
        assert.lengthOf(Array.from(told), 1, Array.from(told).join("\n"))
        assert.include([401, 403], answers[0]?.status)
      }
      assert.isTrue((yield* ApiKeys.ApiKeys.use((apiKeys) => apiKeys.verify(found.token))).apiKey.isActive)
    }),
  )

  it.effect("ends a token that was found, its key or the grace alone, and tells of one that doesn't work", () =>
    Effect.gen(function* () {
      const apiKeys = yield* ApiKeys.ApiKeys
      const { token } = yield* makeKey(["api-keys:write"])
      const revoke = (found: string, body: object = {}) =>
        send("POST", "/api-keys/revoke", token, { token: found, reason: "leaked", ...body })

      const found = yield* makeKey(["a"])
      const ended = yield* revoke(found.token)
      assert.deepInclude(ended.body, { valid: true, usedToken: "current", isEnded: true })
      assert.deepInclude(ended.body.apiKey, { id: found.apiKey.id, isActive: false, deactivationReason: "leaked", lastUsedAt: null })
      assert.strictEqual(ended.headers.get("cache-control"), "no-store")
      const again = yield* revoke(found.token)
      assert.deepStrictEqual(again.body, { valid: false, error: { _tag: "Inactive", keyId: found.apiKey.keyId } })

      const rotated = yield* makeKey(["a"])
      const next = yield* apiKeys.rotate(rotated.apiKey.id)
      assert.deepInclude((yield* revoke(rotated.token)).body, { valid: true, usedToken: "previous", isEnded: true })
      assert.strictEqual((yield* revoke(rotated.token)).body.error._tag, "Expired")
      assert.strictEqual((yield* apiKeys.verify(next.token)).apiKey.id, rotated.apiKey.id)

      // A report ends a token once, whatever becomes of the key afterwards.
      const reported = yield* makeKey(["a"])
      assert.isTrue((yield* revoke(reported.token, { report: "r1" })).body.isEnded)
      yield* apiKeys.activate(reported.apiKey.id)
      assert.isFalse((yield* revoke(reported.token, { report: "r1" })).body.isEnded)
      assert.strictEqual((yield* apiKeys.verify(reported.token)).apiKey.id, reported.apiKey.id)

      assert.strictEqual((yield* revoke("nonsense")).body.error._tag, "MalformedToken")
      assert.strictEqual((yield* revoke("x", { reason: "boredom" })).status, 400)
    }),
  )

  it.effect("takes the scopes that neighbours take", () =>
    Effect.gen(function* () {
      const reader = yield* makeKey(["api-keys:read", "api-keys:verify"])
      const writer = yield* makeKey(["api-keys:write"])
      const victim = yield* makeKey(["a"])
      const statuses = [
        yield* send("POST", "/api-keys/revoke", reader.token, { token: victim.token, reason: "leaked" }),
        yield* send("GET", "/api-keys/upcoming?within=1d", writer.token),
        yield* send("GET", "/api-keys/hash-report", writer.token),
        yield* send("GET", "/api-keys/seal-report", writer.token),
        yield* send("GET", "/api-keys/upcoming?within=1d", reader.token),
        yield* send("GET", "/api-keys/hash-report", reader.token),
        yield* send("GET", "/api-keys/seal-report", reader.token),
      ].map(({ status }) => status)
      assert.deepStrictEqual(statuses, [403, 403, 403, 403, 200, 200, 200])
      assert.strictEqual((yield* ApiKeys.ApiKeys.use((apiKeys) => apiKeys.verify(victim.token))).usedToken, "current")
    }),
  )

  it.effect("finds what is about to stop working, page by page", () =>
    Effect.gen(function* () {
      const { token } = yield* makeKey(["api-keys:read"])
      const made = yield* Effect.forEach(["3 days", "1 day", "2 days", "40 days"] as const, (lifetime) => makeKey(["a"], lifetime))
      const [third, first, second] = made.map(({ apiKey }) => apiKey.id)
      const pages: Array<ReadonlyArray<string>> = []
      let cursor: string | null = ""
      while (cursor !== null) {
        const { status, body }: Reply = yield* send(
          "GET",
          `/api-keys/upcoming?within=30d&maximumAge=10d&limit=2&cursor=${encodeURIComponent(cursor)}`,
          token,
        )
        assert.strictEqual(status, 200)
        pages.push(body.items.map((item: { reason: string; apiKey: { id: string } }) => `${item.reason} ${item.apiKey.id}`))
        cursor = body.nextCursor
      }
      const all = yield* ApiKeys.ApiKeys.use((apiKeys) => apiKeys.count({ isActive: true, expired: false }))
      assert.deepStrictEqual(pages.flat().slice(0, 3), [`expires ${first}`, `expires ${second}`, `expires ${third}`])
      const aging = pages.flat().slice(3)
      assert.strictEqual(new Set(aging).size, all)
      assert.isTrue(aging.every((each) => each.startsWith("comesOfAge ")))
      assert.isTrue(pages.slice(0, -1).every((page) => page.length === 2))

      const expiring = yield* send("GET", "/api-keys/upcoming?within=30d&limit=3", token)
      assert.deepStrictEqual([expiring.body.items.length, expiring.body.nextCursor], [3, null])
      assert.strictEqual(expiring.body.items[0].at, expiring.body.items[0].apiKey.expiresAt)
      for (const query of [
        "",
        "within=0",
        "within=-1d",
        "within=200y",
        "within=1d&limit=0",
        "within=1d&cursor=x",
        "within=1d&cursor=comesOfAge.",
      ]) {
        assert.strictEqual((yield* send("GET", `/api-keys/upcoming?${query}`, token)).status, 400, query)
      }
    }),
  )

  it.effect("counts tokens by the key that sealed them", () =>
    Effect.gen(function* () {
      const { token } = yield* makeKey(["api-keys:read"])
      const report = yield* ApiKeys.ApiKeys.use((apiKeys) => apiKeys.sealReport)
      assert.deepStrictEqual((yield* send("GET", "/api-keys/seal-report", token)).body, report)
      assert.isAbove(report[0]?.count ?? 0, 0)
    }),
  )

  it.effect("counts hashes by kind", () =>
    Effect.gen(function* () {
      const { token } = yield* makeKey(["api-keys:read"])
      const report = yield* ApiKeys.ApiKeys.use((apiKeys) => apiKeys.hashReport)
      assert.deepStrictEqual((yield* send("GET", "/api-keys/hash-report", token)).body, report)
      assert.isAbove(report[0]?.count ?? 0, 0)
    }),
  )
})
