/** A server as the commands see it, where it isn't one, or doesn't behave. */
import { createServer } from "node:net"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Redacted } from "effect"
import { TestClock } from "effect/testing"
import { KeysBackend } from "../../src/cli.ts"
import { layerServer } from "../../src/internal/cli/server.ts"

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

const count = (url: string) =>
  Effect.flip(KeysBackend.use((keys) => keys.count({}))).pipe(
    Effect.provide(layerServer({ url, token: Redacted.make("x", { label: "token" }) })),
  )

describe("a server", () => {
  it.effect("that doesn't answer is given up on", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const { url, asked } = yield* listen(undefined)
        const counting = yield* Effect.forkChild(count(url))
        yield* Effect.promise(() => asked)
        yield* TestClock.adjust("30 seconds")
        const failure = yield* Fiber.join(counting)
        assert.deepStrictEqual(
          [failure.exitCode, failure.tag, failure.reason],
          [1, "ServerUnreachable", `${url} hasn't answered within 30s`],
        )
      }),
    ),
  )

  it.effect("that speaks of something else says so, and one that is gone says why", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const { url, close } = yield* listen(
          "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{}",
        )
        assert.strictEqual((yield* count(url)).tag, "UnexpectedAnswer")
        close()
        const gone = yield* count(url)
        assert.strictEqual(gone.tag, "ServerUnreachable")
        assert.include(gone.reason, "ECONNREFUSED")
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
        yield* Effect.flip(KeysBackend.use((keys) => keys.count({}))).pipe(
          Effect.provide(layerServer({ url: `http://127.0.0.1:${port}`, token, place: "X-Shop: Token" })),
        )
        const request = yield* Effect.promise(() => seen.promise)
        assert.include(request, "x-shop: token tok\r\n")
        assert.notInclude(request, "authorization:")
      }),
    ),
  )

  it.effect("is sent nothing that it has no place for", () =>
    Effect.gen(function* () {
      const excess = { name: "x", colour: "red" }
      const failure = yield* Effect.flip(KeysBackend.use((keys) => keys.create(excess))).pipe(
        Effect.provide(layerServer({ url: "http://127.0.0.1:1", token: Redacted.make("x", { label: "token" }) })),
      )
      assert.deepStrictEqual([failure.tag, failure.reason.startsWith("colour: ")], ["InvalidInput", true])
    }),
  )
})
