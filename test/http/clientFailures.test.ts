/** `ApiKeys` over HTTP without a good answer: what is told of it, and whether it may be tried again. */
import { createServer } from "node:net"
import { inspect } from "node:util"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Redacted } from "effect"
import { RepositoryError } from "../../src/ApiKeyError.ts"
import * as ApiKeys from "../../src/ApiKeys.ts"
import * as ApiKeysClient from "../../src/http/client.ts"

const over = (url: string, token: string) =>
  Effect.flatMap(Layer.build(ApiKeysClient.layerFetch({ url, token: Redacted.make(token) })), (context) =>
    Effect.provide(ApiKeys.ApiKeys, context),
  )

/** A server that takes a request and closes the connection. */
const losing = Effect.acquireRelease(
  Effect.callback<{ readonly url: string; readonly close: () => void }>((resume) => {
    const server = createServer((socket) => socket.once("data", () => socket.destroy()))
    server.listen(0, "127.0.0.1", () => {
      const address = server.address()
      const port = typeof address === "object" && address !== null ? address.port : 0
      resume(Effect.succeed({ url: `http://127.0.0.1:${port}`, close: () => server.close() }))
    })
  }),
  ({ close }) => Effect.sync(close),
)

const failureOf = <A, E>(effect: Effect.Effect<A, E>) =>
  Effect.map(Effect.flip(effect), (error) => {
    if (!(error instanceof RepositoryError)) throw new Error(String(error))
    return error
  })

describe("A server whose answer is lost", () => {
  it.live("is asked again for what comes to the same, and not for another token", () =>
    Effect.gen(function* () {
      const { url } = yield* losing
      const keys = yield* over(url, "ak-token")
      const id = "019b8a5e-6b7c-7d3e-9f10-2a3b4c5d6e7f"
      assert.isTrue((yield* failureOf(keys.get(id))).isRetryable)
      assert.isTrue((yield* failureOf(keys.deactivate(id))).isRetryable)
      assert.isFalse((yield* failureOf(keys.create({ name: "k" }))).isRetryable)
      assert.isFalse((yield* failureOf(keys.rotate(id))).isRetryable)
    }).pipe(Effect.scoped),
  )

  it.live("that can't have been reached may be asked for anything again", () =>
    Effect.gen(function* () {
      const { url } = yield* Effect.scoped(losing)
      const keys = yield* over(url, "ak-token")
      assert.isTrue((yield* failureOf(keys.create({ name: "k" }))).isRetryable)
    }).pipe(Effect.scoped),
  )
})

describe("A whole token in a filter", () => {
  it.live("isn't sent, as a URL is kept in logs", () =>
    Effect.gen(function* () {
      const keys = yield* over("http://127.0.0.1:1", "ak-token")
      const { token } = yield* Effect.flatMap(ApiKeys.ApiKeys, (local) => local.create({ name: "k" })).pipe(
        Effect.provide(ApiKeys.layerMemory),
      )
      for (const field of ["keyId", "startsWith", "name"]) {
        const error = yield* Effect.flip(keys.count({ [field]: Redacted.value(token) }))
        assert.deepInclude(error, { _tag: "InvalidInput", field })
      }
    }).pipe(Effect.scoped),
  )
})

describe("A token that no header can hold", () => {
  it.live("isn't told in the failure", () =>
    Effect.gen(function* () {
      const keys = yield* over("http://127.0.0.1:1", "unkey_3ZsecretSECRET\nsecondLine")
      const error = yield* failureOf(keys.count())
      for (const text of [String(error), error.message, String(error.cause), inspect(error, { depth: 9 }), JSON.stringify(error.cause)]) {
        assert.notMatch(text, /3ZsecretSECRET|secondLine/)
      }
    }).pipe(Effect.scoped),
  )
})
