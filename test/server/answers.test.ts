/** What browsers and caches are told, and how much is sent to them. */
import { type IncomingHttpHeaders, request } from "node:http"
import { brotliDecompressSync, gunzipSync } from "node:zlib"
import { assert, layer as describeWith } from "@effect/vitest"
import { Effect, Redacted } from "effect"
import { HttpServer } from "effect/http"
import * as ApiKeys from "../../src/ApiKeys.ts"
import { layerServer } from "../support/server.ts"

interface Answer {
  readonly status: number | undefined
  readonly headers: IncomingHttpHeaders
  readonly body: Buffer
}

/** Bytes as they are sent, which `fetch` would decompress. */
const send = (method: string, path: string, headers: Record<string, string> = {}, body = "") =>
  Effect.gen(function* () {
    const url = HttpServer.formatAddress((yield* HttpServer.HttpServer).address)
    return yield* Effect.promise(
      () =>
        new Promise<Answer>((resolve, reject) => {
          const sent = request(url + path, { method, headers }, (response) => {
            const chunks: Array<Buffer> = []
            response.on("data", (chunk: Buffer) => chunks.push(chunk))
            response.on("end", () => resolve({ status: response.statusCode, headers: response.headers, body: Buffer.concat(chunks) }))
          })
          sent.on("error", reject)
          sent.end(body)
        }),
    )
  })

describeWith(layerServer(), { excludeTestServices: true })("the server's answers", (it) => {
  it.effect("tell browsers what they may do with them, whatever they are", () =>
    Effect.gen(function* () {
      const { token } = yield* ApiKeys.ApiKeys.use((apiKeys) => apiKeys.create({ name: "caller", scopes: ["*"] }))
      const authorization = `Bearer ${Redacted.value(token)}`
      const json = { authorization, "content-type": "application/json" }
      const answers = [
        yield* send("GET", "/healthz"),
        yield* send("GET", "/readyz"),
        yield* send("GET", "/docs"),
        yield* send("GET", "/docs", { "if-none-match": "*" }),
        yield* send("GET", "/openapi.json"),
        yield* send("GET", "/api-keys/count", json),
        yield* send("POST", "/api-keys", json, '{"name":"k"}'),
        yield* send("POST", "/api-keys", json, "{"),
        yield* send("POST", "/api-keys", json, "x".repeat(70_000)),
        yield* send("POST", "/api-keys", { authorization, "content-type": "text/plain" }, "x"),
        yield* send("GET", "/protected"),
        yield* send("GET", "/nowhere"),
        yield* send("PUT", "/docs"),
        yield* send("GET", `/healthz?${"x".repeat(9_000)}`),
      ]
      assert.deepStrictEqual(
        answers.map(({ status }) => status),
        [200, 200, 200, 304, 200, 200, 201, 400, 413, 415, 401, 404, 405, 414],
      )
      for (const { status, headers } of answers) {
        assert.deepInclude(
          headers,
          { "x-content-type-options": "nosniff", "referrer-policy": "no-referrer", "x-frame-options": "DENY" },
          String(status),
        )
        assert.match(String(headers["content-security-policy"]), /^default-src 'none'; .*frame-ancestors 'none'$/, String(status))
      }
    }),
  )

  for (const path of ["/docs", "/openapi.json"]) {
    it.effect(`send ${path} compressed, and not again to those who have it`, () =>
      Effect.gen(function* () {
        const plain = yield* send("GET", path)
        const br = yield* send("GET", path, { "accept-encoding": "gzip, deflate, br" })
        const gzip = yield* send("GET", path, { "accept-encoding": "br;q=0, gzip;q=0.5" })
        const any = yield* send("GET", path, { "accept-encoding": "*" })
        assert.deepStrictEqual(
          [plain, br, gzip, any].map(({ headers }) => headers["content-encoding"]),
          [undefined, "br", "gzip", "br"],
        )
        assert.isTrue(brotliDecompressSync(br.body).equals(plain.body))
        assert.isTrue(gunzipSync(gzip.body).equals(plain.body))
        for (const { body } of [br, gzip]) assert.isBelow(body.length, plain.body.length / 3)
        const tags = [plain, br, gzip].map(({ headers }) => headers.etag ?? "")
        assert.strictEqual(new Set(tags).size, 3)
        for (const tag of tags) assert.match(tag, /^"[\w-]+"$/)
        for (const { headers } of [plain, br, gzip]) assert.deepInclude(headers, { vary: "Accept-Encoding", "cache-control": "no-cache" })

        const ask = (field: string) => send("GET", path, { "accept-encoding": "br", "if-none-match": field })
        for (const field of [tags[1]!, `"x", W/${tags[1]}`, "*"]) {
          const { status, headers, body } = yield* ask(field)
          assert.deepStrictEqual([status, headers.etag, headers.vary, body.length], [304, tags[1], "Accept-Encoding", 0], field)
        }
        // Another encoding's, none at all, and no tag.
        for (const field of [tags[2]!, '"x"', "x"]) assert.strictEqual((yield* ask(field)).status, 200, field)
        const head = yield* send("HEAD", path, { "accept-encoding": "br" })
        assert.deepStrictEqual([head.status, head.headers.etag, head.body.length], [200, tags[1], 0])
      }),
    )
  }

  it.effect("compress once: a hundred times the page costs no hundred times the work", () =>
    Effect.gen(function* () {
      yield* send("GET", "/docs", { "accept-encoding": "br" })
      const before = process.cpuUsage()
      for (let round = 0; round < 100; round++) yield* send("HEAD", "/docs", { "accept-encoding": "br" })
      const { user, system } = process.cpuUsage(before)
      // Once takes about 200 ms.
      assert.isBelow((user + system) / 1_000, 5_000)
    }),
  )
})
