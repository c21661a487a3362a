/** A server over a repository, and requests to it. */
import { createServer } from "node:http"
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import { assert, layer as describeWith } from "@effect/vitest"
import { ByteSize, Effect, Layer, Logger, Redacted } from "effect"
import { HttpIncomingMessage, HttpRouter, HttpServer } from "effect/http"
import { layerEphemeral } from "../../../src/ApiKeyHasher.ts"
import { ApiKeyRepository } from "../../../src/ApiKeyRepository.ts"
import * as ApiKeys from "../../../src/ApiKeys.ts"
import * as ApiKeyToken from "../../../src/ApiKeyToken.ts"
import { routes } from "../../../src/internal/server/routes.ts"

export interface Reply {
  readonly status: number
  readonly headers: Headers
  readonly text: string
  // What JSON holds is what these tests are to find out.
  // oxlint-disable-next-line typescript/no-explicit-any
  readonly body: any
}

export const urn = (name: string) => `urn:effect-api-key:problem:${name}`

export const makeSetup = <E>(layerRepository: Layer.Layer<ApiKeyRepository, E>, options: ApiKeys.Options = {}) => {
  const services = Layer.orDie(ApiKeys.layerWith(options)).pipe(Layer.provide(layerEphemeral), Layer.provideMerge(layerRepository))
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

  return { server, send, makeKey, withOtherSecret, challengeOf, assertProblem }
}

export type Setup = ReturnType<typeof makeSetup>

/** The tests of a suite are within the server's layer. */
export type It = Parameters<
  Parameters<ReturnType<typeof describeWith<HttpServer.HttpServer | ApiKeys.ApiKeys | ApiKeyRepository, never>>>[1]
>[0]
