/** `ApiKeys` over HTTP, of a server that isn't to be trusted with the client's time, memory and token. */
import { createServer, type RequestListener } from "node:http"
import { gzipSync } from "node:zlib"
import * as NodeHttpClient from "@effect/platform-node/NodeHttpClient"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Redacted, Result, Schema, Stream } from "effect"
import { FetchHttpClient, HttpClient, HttpClientResponse } from "effect/http"
import { ApiKey } from "../../src/ApiKey.ts"
import { RepositoryError } from "../../src/ApiKeyError.ts"
import * as ApiKeys from "../../src/ApiKeys.ts"
import * as ApiKeysClient from "../../src/http/client.ts"

const token = Redacted.make("ak-token")

const listen = (handle: RequestListener) =>
  Effect.map(
    Effect.acquireRelease(
      Effect.callback<{ readonly port: number; readonly close: () => void }>((resume) => {
        const server = createServer(handle)
        server.listen(0, "127.0.0.1", () => {
          const address = server.address()
          const port = typeof address === "object" && address !== null ? address.port : 0
          resume(Effect.succeed({ port, close: () => (server.close(), server.closeAllConnections()) }))
        })
      }),
      ({ close }) => Effect.sync(close),
    ),
    ({ port }) => `http://127.0.0.1:${port}`,
  )

const clients: Readonly<Record<string, Layer.Layer<HttpClient.HttpClient>>> = {
  fetch: FetchHttpClient.layer,
  "node:http": NodeHttpClient.layerNodeHttp,
  undici: NodeHttpClient.layerUndici,
}

/** Of a server at an address that nothing is sent to, unless one is told. */
const withKeys = <A, E>(
  client: Layer.Layer<HttpClient.HttpClient>,
  options: Partial<ApiKeysClient.Options>,
  use: (keys: ApiKeys.ApiKeys["Service"]) => Effect.Effect<A, E>,
) =>
  ApiKeys.ApiKeys.use(use).pipe(
    Effect.provide(ApiKeysClient.layer({ url: "https://keys.example.com", token, ...options })),
    Effect.provide(client),
  )

const causeOf = <A, E>(effect: Effect.Effect<A, E>) =>
  Effect.map(Effect.flip(effect), (error) => (error instanceof RepositoryError ? { ...error, cause: error.cause } : error))

describe("An answer's size", () => {
  const count = JSON.stringify({ count: 7 })

  for (const [name, client] of Object.entries(clients)) {
    it.live(`is bounded over ${name}`, () =>
      Effect.gen(function* () {
        let sent = 0
        const url = yield* listen(({ url = "" }, response) => {
          if (url.includes("owner")) return void response.writeHead(200, { "content-type": "application/json" }).end(count.padEnd(1_024))
          response.writeHead(200, { "content-type": "application/json" })
          const chunk = Buffer.alloc(2 ** 16, " ")
          // It never ends by itself.
          const send = (): void => void (response.destroyed || ((sent += chunk.length), response.write(chunk, () => send())))
          send()
        })
        const options = { url, maxAnswerSize: "1 KiB" } as const
        assert.strictEqual(yield* withKeys(client, options, (keys) => keys.count({ ownerId: "o" })), 7)
        assert.deepInclude(yield* causeOf(withKeys(client, { url, maxAnswerSize: 1_023 }, (keys) => keys.count({ ownerId: "o" }))), {
          cause: new ApiKeysClient.UnexpectedAnswer({ url, reason: "more than 1023 B" }),
        })
        const endless = yield* causeOf(withKeys(client, options, (keys) => keys.count()))
        assert.deepInclude(endless, {
          _tag: "RepositoryError",
          isRetryable: false,
          cause: new ApiKeysClient.UnexpectedAnswer({ url, reason: "more than 1 KiB" }),
        })
        assert.isBelow(sent, 2 ** 24)
        yield* causeOf(withKeys(client, { url }, (keys) => keys.count()))
        assert.isAbove(sent, 2 ** 24)
      }).pipe(Effect.scoped),
    )
  }

  it.live("counts after decompression", () =>
    Effect.gen(function* () {
      const bomb = gzipSync(count.padEnd(2 ** 20))
      const url = yield* listen((_request, response) =>
        response.writeHead(200, { "content-type": "application/json", "content-encoding": "gzip" }).end(bomb),
      )
      assert.isBelow(bomb.length, 2_048)
      assert.strictEqual(yield* withKeys(FetchHttpClient.layer, { url }, (keys) => keys.count()), 7)
      assert.deepInclude(yield* causeOf(withKeys(FetchHttpClient.layer, { url, maxAnswerSize: "4 KiB" }, (keys) => keys.count())), {
        cause: new ApiKeysClient.UnexpectedAnswer({ url, reason: "more than 4 KiB" }),
      })
    }).pipe(Effect.scoped),
  )
})

describe("A server whose pages don't go on", () => {
  const encode = Schema.encodeSync(Schema.toCodecJson(ApiKey))

  /** Keys by the minute of their creation. */
  const makeKeys = Effect.map(
    Effect.provide(
      ApiKeys.ApiKeys.use((keys) => keys.create({ name: "k" })),
      ApiKeys.layerMemory,
    ),
    ({ apiKey }) =>
      (minute: number, id = "0") => ({
        // Encoded, a struct is an object.
        ...(encode(apiKey) as object),
        id: `019b8a5e-6b7c-7d3e-9f10-2a3b4c5d6e0${id}`,
        createdAt: `2026-01-01T00:0${minute}:00.000Z`,
      }),
  )

  interface Sent {
    readonly items: ReadonlyArray<object>
    readonly isLast?: boolean
  }

  /** Answers with the pages in turn, again and again, and with a cursor that is new each time. */
  const paging = (pages: ReadonlyArray<Sent>) => {
    let requests = 0
    const client = HttpClient.make((request) => {
      const { items, isLast = false } = pages[requests++ % pages.length]!
      if (requests > 9) return Effect.die("it goes on for ever")
      const body = { items, total: null, offset: null, limit: 200, nextCursor: isLast ? null : `c${requests}` }
      return Effect.succeed(HttpClientResponse.fromWeb(request, Response.json(body)))
    })
    return Layer.succeed(HttpClient.HttpClient, client)
  }

  const isStuck = Effect.fnUntraced(function* (
    pages: ReadonlyArray<Sent>,
    read: (keys: ApiKeys.ApiKeys["Service"]) => Stream.Stream<unknown, unknown>,
  ) {
    const error = yield* causeOf(withKeys(paging(pages), {}, (keys) => Stream.runDrain(read(keys))))
    const url = "https://keys.example.com"
    assert.deepInclude(error, {
      _tag: "RepositoryError",
      isRetryable: false,
      cause: new ApiKeysClient.UnexpectedAnswer({ url, reason: "pages that don't go on" }),
    })
  })

  it.live("isn't asked for ever", () =>
    Effect.gen(function* () {
      const key = yield* makeKeys
      for (const pages of [
        // The same page, to any cursor.
        [{ items: [key(5), key(4)] }],
        // Round in a circle.
        [{ items: [key(5)] }, { items: [key(4)] }, { items: [key(3)] }],
        // Keys of one instant.
        [{ items: [key(5, "2")] }, { items: [key(5, "1")] }],
        // Nothing, and more to come.
        [{ items: [] }],
      ]) {
        yield* isStuck(pages, (keys) => keys.stream())
        yield* isStuck(
          pages.map(({ items }) => ({ items: items.toReversed() })),
          (keys) => keys.export(),
        )
      }
      const expiring = (minute: number) => ({ apiKey: key(minute), reason: "expires", at: `2027-01-01T00:0${minute}:00.000Z` })
      const aging = (minute: number) => ({ ...expiring(minute), reason: "comesOfAge" })
      for (const pages of [
        [{ items: [expiring(1)] }],
        [{ items: [expiring(1)] }, { items: [aging(1)] }],
        [{ items: [expiring(1)] }, { items: [expiring(2)] }, { items: [aging(1)] }, { items: [expiring(3)] }],
        [{ items: [] }],
      ]) {
        yield* isStuck(pages, (keys) => keys.upcoming({ within: "1 day" }))
      }
    }),
  )

  it.live("is told from one whose pages do", () =>
    Effect.gen(function* () {
      const key = yield* makeKeys
      const older = [{ items: [key(5), key(4, "1")] }, { items: [key(4, "0")] }, { items: [key(3)] }, { items: [], isLast: true }]
      assert.lengthOf(yield* withKeys(paging(older), {}, (keys) => Stream.runCollect(keys.stream())), 4)
      const at = "2027-01-01T00:00:00.000Z"
      const later = [
        { items: [{ apiKey: key(1), reason: "expires", at }] },
        { items: [{ apiKey: key(1, "1"), reason: "expires", at }] },
        { items: [{ apiKey: key(0), reason: "comesOfAge", at: "2026-12-31T00:00:00.000Z" }] },
        { items: [{ apiKey: key(0, "2"), reason: "comesOfAge", at }], isLast: true },
      ]
      assert.lengthOf(yield* withKeys(paging(later), {}, (keys) => Stream.runCollect(keys.upcoming({ within: "1 day" }))), 4)
    }),
  )
})

describe("The url of a server", () => {
  const build = (options: Partial<ApiKeysClient.Options>) =>
    Layer.build(ApiKeysClient.layerFetch({ url: "https://keys.example.com", token, ...options })).pipe(Effect.scoped, Effect.result)

  for (const [reason, urls] of Object.entries({
    Malformed: [
      "",
      "keys.example.com",
      "ftp://keys.example.com",
      "https:keys.example.com",
      "https:\\\\h",
      "https://",
      "https://h:x",
      "https:///user:hunter2@h",
      "http:////localhost",
      " https://h",
      "https://h /x",
    ],
    Credentials: ["https://user:hunter2@h", "https://user@h/x", "https://@h", "http://127.0.0.1@h", "https://u:p@h?x"],
    QueryOrFragment: ["https://h?", "https://h/?x=1", "https://h#", "https://h/x#y"],
    Plaintext: [
      "http://keys.example.com",
      "http://127.0.0.1.example.com",
      "http://localhost.example.com",
      "http://notlocalhost",
      "http://[::2]",
      "http://10.0.0.1",
      "HTTP://h",
    ],
  })) {
    it.live(`is refused: ${reason}`, () =>
      Effect.gen(function* () {
        for (const url of urls) {
          const built = yield* build({ url })
          if (Result.isSuccess(built)) return assert.fail(url)
          assert.deepInclude(built.failure, { _tag: "InvalidServerUrl", reason: reason as "Malformed" }, url)
          assert.notInclude(String(built.failure), "hunter2")
        }
      }),
    )
  }

  it.live("may be http where it leaves no machine, or where that is allowed", () =>
    Effect.gen(function* () {
      for (const url of [
        "http://localhost",
        "http://a.localhost:80/x",
        "http://127.0.0.1:1",
        "http://127.1/",
        "http://0x7f000001",
        "http://[::1]:3000",
        "HTTPS://h/x/",
      ]) {
        assert.isTrue(Result.isSuccess(yield* build({ url })), url)
      }
      assert.isTrue(Result.isSuccess(yield* build({ url: "http://keys.internal", plaintext: "anywhere" })))
      assert.isFalse(Result.isSuccess(yield* build({ url: "http://u@keys.internal", plaintext: "anywhere" })))
    }),
  )

  it.live("may have a path, and a slash at its end", () =>
    Effect.gen(function* () {
      const paths: Array<string | undefined> = []
      const url = yield* listen(({ url }, response) => {
        paths.push(url)
        response.writeHead(200, { "content-type": "application/json" }).end('{"count":1}')
      })
      for (const path of ["", "/", "/behind/", "/behind"])
        yield* withKeys(FetchHttpClient.layer, { url: url + path }, (keys) => keys.count())
      assert.deepStrictEqual(paths, ["/api-keys/count", "/api-keys/count", "/behind/api-keys/count", "/behind/api-keys/count"])
    }).pipe(Effect.scoped),
  )
})

describe("A redirection", () => {
  for (const [name, client] of Object.entries(clients)) {
    it.live(`isn't followed with a token over ${name}`, () =>
      Effect.gen(function* () {
        const asked: Array<object> = []
        const other = yield* listen(({ headers }, response) => {
          asked.push(headers)
          response.end()
        })
        const url = yield* listen((_request, response) => response.writeHead(307, { location: `${other}/api-keys/count` }).end())
        for (const place of [undefined, "X-API-Key"]) {
          const error = yield* causeOf(withKeys(client, { url, place }, (keys) => keys.count()))
          const reason = "status 307, a redirection: name the address that it leads to"
          assert.deepInclude(error, { cause: new ApiKeysClient.UnexpectedAnswer({ url, reason }) })
        }
        assert.deepStrictEqual(asked, [])
      }).pipe(Effect.scoped),
    )
  }

  it.live("isn't followed by fetch with options of the program's", () =>
    Effect.gen(function* () {
      const seen: Array<RequestInit | undefined> = []
      const fetch: typeof globalThis.fetch = (_url, init) => {
        seen.push(init)
        return Promise.resolve(Response.json({ count: 1 }))
      }
      yield* withKeys(FetchHttpClient.layer, {}, (keys) =>
        keys
          .count()
          .pipe(
            Effect.provideService(FetchHttpClient.Fetch, fetch),
            Effect.provideService(FetchHttpClient.RequestInit, { redirect: "follow", credentials: "omit" }),
          ),
      )
      assert.deepStrictEqual(
        seen.map((init) => [init?.redirect, init?.credentials]),
        [["manual", "omit"]],
      )
    }),
  )
})

describe("What a server says of a request", () => {
  it.live("is told without what a terminal obeys, and without tokens", () =>
    Effect.gen(function* () {
      const problem = { type: "urn:effect-api-key:problem:invalid-request", title: "Invalid request", status: 400 }
      const words = `\u001b[31mno: ak-7a74caa323a5410d-${"s".repeat(64)}`
      const url = yield* listen(({ url = "" }, response) => {
        const body = url.includes("owner") ? { detail: words } : { errors: [{ path: ["query", "a\u202e"], message: words }] }
        response.writeHead(400, { "content-type": "application/problem+json" }).end(JSON.stringify({ ...problem, ...body }))
      })
      const reason = "\\u{1b}[31mno: ak-7a74caa323a5410d-…"
      const refusalOf = (filter: ApiKeys.Filter) => Effect.flip(withKeys(FetchHttpClient.layer, { url }, (keys) => keys.count(filter)))
      assert.deepInclude(yield* refusalOf({ ownerId: "o" }), { _tag: "InvalidInput", field: "request", reason })
      assert.deepInclude(yield* refusalOf({}), { _tag: "InvalidInput", field: "a\\u{202e}", reason })
    }).pipe(Effect.scoped),
  )
})
