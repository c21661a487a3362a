/** A server as the commands see it, where it isn't one, or doesn't behave. */
import { createServer } from "node:net"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Redacted } from "effect"
import { TestClock } from "effect/testing"
import { ApiKeys } from "../../src/ApiKeys.ts"
import * as ApiKeysClient from "../../src/http/client.ts"
import { fromError } from "../../src/internal/cli/CliFailure.ts"

const listen = (onRequest: string | undefined) =>
  Effect.acquireRelease(
    Effect.callback<{ readonly url: string; readonly asked: Promise<void>; readonly close: () => void }>((resume) => {
      const asked = Promise.withResolvers<void>()
      const server = createServer((socket) => {
        socket.on("error", () => undefined)
        socket.on("data", () => {
          asked.resolve()
          if (onRequest !== undefined) socket.end(onRequest)
        })
      })
      server.listen(0, "127.0.0.1", () => {
        const address = server.address()
        const port = typeof address === "object" && address !== null ? address.port : 0
        resume(Effect.succeed({ url: `http://127.0.0.1:${port}`, asked: asked.promise, close: () => server.close() }))
      })
    }),
    ({ close }) => Effect.sync(close),
  )

const on = (url: string, options: Partial<ApiKeysClient.Options> = {}) =>
  ApiKeysClient.layerFetch({ url, token: Redacted.make("x"), tokenName: "the token in EFFECT_API_KEY_TOKEN", ...options })

const failure = <A, E extends { readonly _tag: string; readonly message: string }>(
  url: string,
  use: (keys: ApiKeys["Service"]) => Effect.Effect<A, E>,
  options?: Partial<ApiKeysClient.Options>,
) => Effect.map(Effect.flip(Effect.provide(ApiKeys.use(use), on(url, options))), (error) => ({ error, told: fromError(error) }))

const count = (url: string) => failure(url, (keys) => keys.count())

describe("a server", () => {
  it.effect("that doesn't answer is given up on", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const { url, asked } = yield* listen(undefined)
        const counting = yield* Effect.forkChild(count(url))
        yield* Effect.promise(() => asked)
        yield* TestClock.adjust("30 seconds")
        const { error, told } = yield* Fiber.join(counting)
        assert.deepInclude(error, { _tag: "RepositoryError", isRetryable: true })
        assert.deepStrictEqual([told.exitCode, told.tag, told.reason], [1, "ServerUnreachable", `${url} hasn't answered within 30s`])
      }),
    ),
  )

  it.effect("that speaks of something else says so, and one that is gone says why", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const { url, close } = yield* listen(
          "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{}",
        )
        const strange = yield* count(url)
        assert.deepInclude(strange.error, { _tag: "RepositoryError", isRetryable: false })
        assert.strictEqual(strange.told.tag, "UnexpectedAnswer")
        close()
        const gone = yield* count(url)
        assert.deepInclude(gone.error, { _tag: "RepositoryError", isRetryable: true })
        assert.strictEqual(gone.told.tag, "ServerUnreachable")
        assert.include(gone.told.reason, "ECONNREFUSED")
      }),
    ),
  )

  it.live("is sent the token where it says that it takes it", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const seen = Promise.withResolvers<string>()
        const server = createServer((socket) => {
          socket.on("error", () => undefined)
          socket.on("data", (data) => {
            seen.resolve(data.toString("latin1").toLowerCase())
            socket.destroy()
          })
        })
        const port = yield* Effect.acquireRelease(
          Effect.callback<number>((resume) => {
            server.listen(0, "127.0.0.1", () => {
              const address = server.address()
              resume(Effect.succeed(typeof address === "object" && address !== null ? address.port : 0))
            })
          }),
          () => Effect.sync(() => server.close()),
        )
        const token = Redacted.make("tok", { label: "token" })
        yield* failure(`http://127.0.0.1:${port}`, (keys) => keys.count(), { token, place: "X-Shop: Token" })
        const request = yield* Effect.promise(() => seen.promise)
        assert.include(request, "x-shop: token tok\r\n")
        assert.notInclude(request, "authorization:")
      }),
    ),
  )

  it.effect("is sent nothing that it has no place for", () =>
    Effect.gen(function* () {
      const excess = { name: "x", colour: "red" }
      const { told } = yield* failure("http://127.0.0.1:1", (keys) => keys.create(excess))
      assert.deepStrictEqual([told.tag, told.reason.startsWith("colour: ")], ["InvalidInput", true])
    }),
  )

  it.effect("that refuses the own token for its rate limits or its address says so, and when to come again", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const answer = (status: string, body: object) => {
          const text = JSON.stringify(body)
          return `HTTP/1.1 ${status}\r\ncontent-type: application/problem+json\r\ncontent-length: ${text.length}\r\nconnection: close\r\n\r\n${text}`
        }
        const limited = (retryAt: string | null) =>
          answer("429 Too Many Requests", {
            type: "https://iana.org/assignments/http-problem-types#quota-exceeded",
            title: "Too many requests with this API key",
            status: 429,
            "violated-policies": ["burst", "daily"],
            retryAt,
          })
        const ip = { type: "urn:effect-api-key:problem:ip-not-allowed", title: "The API key isn't allowed from this address", status: 403 }
        const token = "The token in EFFECT_API_KEY_TOKEN"
        const over = `${token} is over its rate limit (burst, daily):`
        for (const [text, isRetryable, tag, reason] of [
          [limited("2027-01-31T12:00:00.000Z"), true, "TooManyRequests", `${over} again at 2027-01-31T12:00:00.000Z`],
          [limited(null), false, "TooManyRequests", `${over} which no later time changes`],
          [answer("403 Forbidden", ip), false, "Forbidden", `${token} isn't allowed from this address`],
        ] as const) {
          const { url, close } = yield* listen(text)
          for (const { error, told } of [yield* count(url), yield* failure(url, (keys) => keys.create({ name: "k" }))]) {
            assert.deepInclude(error, { _tag: "RepositoryError", isRetryable }, text)
            assert.deepStrictEqual([told.exitCode, told.tag, told.reason], [1, tag, reason])
          }
          close()
        }
      }),
    ),
  )

  it.effect("that answers something else is named by what it answers, and asked again where that may help", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const answer = (status: string, type: string, body: string) =>
          `HTTP/1.1 ${status}\r\ncontent-type: ${type}\r\ncontent-length: ${body.length}\r\nconnection: close\r\n\r\n${body}`
        const problem = (name: string, status: number, more: object = {}) =>
          JSON.stringify({ type: `urn:effect-api-key:problem:${name}`, title: "Overloaded", status, ...more })
        for (const [text, isRetryable, tag, reason] of [
          [answer("502 Bad Gateway", "text/html", "<html>"), true, "UnexpectedAnswer", /status 502/],
          [answer("404 Not Found", "text/plain", "no"), false, "UnexpectedAnswer", /status 404/],
          [answer("500 Oops", "application/problem+json", problem("internal", 500)), true, "UnexpectedAnswer", /status 500/],
          [answer("401 Unauthorized", "application/json", "{}"), false, "UnexpectedAnswer", /status 401/],
          [answer("200 OK", "text/html", "<html>"), false, "UnexpectedAnswer", /another shape/],
          [
            answer("503 Busy", "application/problem+json", problem("overloaded", 503, { retryAfterSeconds: 7 })),
            true,
            "Overloaded",
            /again in 7 s/,
          ],
        ] as const) {
          const { url, close } = yield* listen(text)
          const { error, told } = yield* count(url)
          assert.deepInclude(error, { _tag: "RepositoryError", isRetryable }, text)
          assert.deepStrictEqual([told.exitCode, told.tag], [1, tag], text)
          assert.match(told.reason, reason, text)
          const judged = yield* failure(url, (keys) => keys.verify("t"))
          assert.strictEqual(judged.error._tag, tag === "Overloaded" ? "Overloaded" : "RepositoryError")
          close()
        }
      }),
    ),
  )

  it.effect("that leads elsewhere isn't followed, with the token least of all", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const other = yield* listen("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")
        let isAsked = false
        void other.asked.then(() => (isAsked = true))
        const { url } = yield* listen(
          `HTTP/1.1 307 Elsewhere\r\nlocation: ${other.url}/api-keys/count\r\ncontent-length: 0\r\nconnection: close\r\n\r\n`,
        )
        const { told } = yield* failure(url, (keys) => keys.count(), { place: "X-API-Key" })
        assert.strictEqual(told.tag, "UnexpectedAnswer")
        assert.match(told.reason, /status 307, a redirection/)
        assert.isFalse(isAsked)
      }),
    ),
  )
})
