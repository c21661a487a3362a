/** What caches and proxies in between are told, and that they see the credential that is judged. */
import { createServer } from "node:http"
import { connect } from "node:net"
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Logger, Option, Redacted, Schema } from "effect"
import { HttpEffect, HttpMiddleware, HttpRouter, HttpServer, HttpServerResponse } from "effect/http"
import { HttpApi, HttpApiBuilder, HttpApiEndpoint, HttpApiGroup, HttpApiSchema } from "effect/http-api"
import { layerEphemeral } from "../../src/ApiKeyHasher.ts"
import { Overloaded, RepositoryError } from "../../src/ApiKeyError.ts"
import { ApiKeyRepository } from "../../src/ApiKeyRepository.ts"
import * as Repository from "../../src/ApiKeyRepository.ts"
import * as ApiKeys from "../../src/ApiKeys.ts"
import {
  acceptCredentials,
  ApiKeyAuth,
  ApiKeysGroup,
  CurrentApiKey,
  OptionalApiKey,
  OptionalApiKeyAuth,
  requireScopes,
} from "../../src/http/definition.ts"
import { layerAuth, layerHandlers, layerProblems, layerRequestProblems } from "../../src/http/implementation.ts"

const text = { success: Schema.String }
const said = (headers: Record<string, Schema.String>) => ({ success: HttpApiSchema.WithHeaders(Schema.String, headers) })

class Things extends HttpApiGroup.make("things")
  .add(
    HttpApiEndpoint.get("plain", "/plain", text),
    HttpApiEndpoint.get("write", "/write", text).pipe(requireScopes("things:write")),
    HttpApiEndpoint.get("public", "/public", said({ "cache-control": Schema.String, vary: Schema.String })),
    HttpApiEndpoint.get("star", "/star", said({ vary: Schema.String })),
    HttpApiEndpoint.get("late", "/late", text),
    HttpApiEndpoint.get("broken", "/broken", text),
  )
  .middleware(ApiKeyAuth) {}
class Guests extends HttpApiGroup.make("guests")
  .add(HttpApiEndpoint.get("hello", "/hello", text), HttpApiEndpoint.get("shared", "/shared", said({ "cache-control": Schema.String })))
  .middleware(OptionalApiKeyAuth) {}
const Api = HttpApi.make("app").add(Things, Guests, ApiKeysGroup)

const groupsOf = (api: typeof Api) =>
  Layer.mergeAll(
    HttpApiBuilder.group(api, "things", (group) =>
      group.handleAll({
        plain: () => Effect.map(CurrentApiKey, ({ name }) => name),
        write: () => Effect.succeed("written"),
        public: () =>
          Effect.succeed(
            HttpApiSchema.withHeaders({
              body: "p",
              headers: { "cache-control": "public, max-age=60", vary: "Accept-Language, x-api-key" },
            }),
          ),
        star: () => Effect.succeed(HttpApiSchema.withHeaders({ body: "s", headers: { vary: "*" } })),
        late: () =>
          Effect.as(
            HttpEffect.appendPreResponseHandler((_request, response) =>
              Effect.succeed(HttpServerResponse.setHeaders(response, { vary: "Accept", "cache-control": "max-age=1" })),
            ),
            "late",
          ),
        broken: () => Effect.die(new Error("broken")),
      }),
    ),
    HttpApiBuilder.group(api, "guests", (group) =>
      group.handleAll({
        hello: () => Effect.map(OptionalApiKey, Option.match({ onNone: () => "guest", onSome: ({ name }) => name })),
        shared: () => Effect.succeed(HttpApiSchema.withHeaders({ body: "all", headers: { "cache-control": "public" } })),
      }),
    ),
    layerHandlers(api),
  ).pipe(Layer.provide([layerAuth(), layerRequestProblems]))

/** Fails as it is told to. */
const failing = (error: Overloaded | RepositoryError) =>
  Layer.effect(
    ApiKeys.ApiKeys,
    Effect.map(Effect.service(ApiKeys.ApiKeys), (apiKeys) => ({ ...apiKeys, verify: () => Effect.fail(error) })),
  )

const services = ApiKeys.layer.pipe(Layer.provide(layerEphemeral), Layer.provideMerge(Layer.fresh(Repository.layerMemory)))
const serverOf = <E>(api: typeof Api, keys: Layer.Layer<ApiKeys.ApiKeys | ApiKeyRepository, E>) =>
  HttpRouter.serve(Layer.mergeAll(HttpApiBuilder.layer(api).pipe(Layer.provide(groupsOf(api))), layerProblems), {
    disableLogger: true,
    disableListenLog: true,
    middleware: HttpMiddleware.cors({ allowedOrigins: ["http://a", "http://b"] }),
  }).pipe(
    Layer.provideMerge(NodeHttpServer.layer(() => createServer(), { port: 0, host: "127.0.0.1", gracefulShutdownTimeout: "1 second" })),
    Layer.provideMerge(keys),
    Layer.provide(Logger.layer([])),
  )

const makeToken = (...scopes: ReadonlyArray<string>) =>
  ApiKeys.ApiKeys.use((apiKeys) => Effect.orDie(apiKeys.create({ name: "Ada", scopes }))).pipe(
    Effect.map(({ token }) => Redacted.value(token)),
  )

/** Sends lines as they are; gives status, headers and body. */
const send = Effect.fnUntraced(function* (line: string, ...lines: ReadonlyArray<string>) {
  const { address } = yield* HttpServer.HttpServer
  const port = "port" in address ? address.port : 0
  const answer = yield* Effect.promise(
    () =>
      new Promise<string>((resolve) => {
        let answer = ""
        const socket = connect(port, "127.0.0.1", () =>
          socket.write([`${line} HTTP/1.1`, "Host: x", "Connection: close", ...lines, "", ""].join("\r\n")),
        )
        socket.on("data", (data) => (answer += data.toString("latin1")))
        socket.on("close", () => resolve(answer))
      }),
  )
  const [head = "", body = ""] = answer.split("\r\n\r\n")
  const [first = "", ...rest] = head.split("\r\n")
  const headers = new Map(rest.map((each) => [each.slice(0, each.indexOf(":")).toLowerCase(), each.slice(each.indexOf(":") + 2)]))
  return { status: Number(first.split(" ")[1]), headers, body }
})
const cacheOf = (answer: ReturnType<typeof send>) =>
  Effect.map(answer, ({ status, headers }) => [status, headers.get("vary"), headers.get("cache-control")])

const both = "Origin, Authorization, X-API-Key"

describe("answers to keys", () => {
  it.live("are private, and differ by the headers that carry keys, whatever they are", () =>
    Effect.gen(function* () {
      const token = yield* makeToken("api-keys:*")
      const key = `X-API-Key: ${token}`
      assert.deepStrictEqual(yield* cacheOf(send("GET /plain", key)), [200, both, "private"])
      assert.deepStrictEqual(yield* cacheOf(send("HEAD /plain", key)), [200, both, "private"])
      assert.deepStrictEqual(yield* cacheOf(send("GET /plain", `Authorization: Bearer ${token}`)), [200, both, "private"])
      assert.deepStrictEqual(yield* cacheOf(send("GET /hello", key)), [200, both, "private"])
      assert.deepStrictEqual(yield* cacheOf(send("GET /plain")), [401, both, "private"])
      assert.deepStrictEqual(yield* cacheOf(send("GET /plain", "X-API-Key: nonsense")), [401, both, "private"])
      assert.deepStrictEqual(yield* cacheOf(send("GET /write", key)), [403, both, "private"])
      assert.deepStrictEqual(yield* cacheOf(send("GET /broken", key)), [500, both, "private"])
      assert.deepStrictEqual(yield* cacheOf(send("GET /plain", key, key)), [400, both, "private"])
    }).pipe(Effect.provide(serverOf(Api, services))),
  )

  it.live("are stored by no cache where they manage keys", () =>
    Effect.gen(function* () {
      const token = yield* makeToken("*")
      const { apiKey } = yield* ApiKeys.ApiKeys.use((apiKeys) => apiKeys.create({ name: "k" }))
      const key = `X-API-Key: ${token}`
      const one = yield* send(`GET /api-keys/${apiKey.id}`, key)
      for (const [answer, status] of [
        [one, 200],
        [yield* send(`GET /api-keys/${apiKey.id}`, key, `If-None-Match: ${one.headers.get("etag")}`), 304],
        [yield* send("GET /api-keys", key), 200],
        [yield* send("GET /api-keys?limit=x", key), 400],
        [yield* send("GET /api-keys/00000000-0000-7000-8000-000000000000", key), 404],
        [yield* send("POST /api-keys", key, "Content-Type: application/json", "Content-Length: 12", "", '{"name":"n"}'), 201],
        [yield* send("GET /api-keys"), 401],
        [yield* send("GET /api-keys", `X-API-Key: ${yield* makeToken()}`), 403],
      ] as const) {
        assert.deepStrictEqual(
          [answer.status, answer.headers.get("vary"), answer.headers.get("cache-control")],
          [status, both, "no-store"],
          answer.body,
        )
      }
    }).pipe(Effect.provide(serverOf(Api, services))),
  )

  it.live("say of caches what the handler says, and keep what it says of other headers", () =>
    Effect.gen(function* () {
      const key = `X-API-Key: ${yield* makeToken()}`
      assert.deepStrictEqual(yield* cacheOf(send("GET /public", key)), [
        200,
        "Accept-Language, x-api-key, Origin, Authorization",
        "public, max-age=60",
      ])
      assert.deepStrictEqual(yield* cacheOf(send("GET /star", key)), [200, "*", "private"])
      assert.deepStrictEqual(yield* cacheOf(send("GET /late", key)), [200, "Accept, Authorization, X-API-Key", "max-age=1"])
    }).pipe(Effect.provide(serverOf(Api, services))),
  )

  it.live("differ from those to guests, which may be shared", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* cacheOf(send("GET /hello")), [200, both, undefined])
      assert.deepStrictEqual(yield* cacheOf(send("GET /shared")), [200, both, "public"])
    }).pipe(Effect.provide(serverOf(Api, services))),
  )

  it.live("name the headers that the api takes keys in, once each", () =>
    Effect.gen(function* () {
      const token = yield* makeToken()
      assert.deepStrictEqual(yield* cacheOf(send("GET /plain", `apikey: ${token}`)), [200, "Origin, apikey, X-Shop", "private"])
    }).pipe(Effect.provide(serverOf(Api.pipe(acceptCredentials({ accept: ["apikey", "X-Shop: Token", "x-shop"] })), services))),
  )

  it.live.each([
    ["Overloaded", new Overloaded({ retryAfterSeconds: 3 })],
    ["RepositoryError", new RepositoryError({ operation: "find", isRetryable: true, cause: "down" })],
  ] as const)("are so too when they can't be given: %s", ([, error]) =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* cacheOf(send("GET /plain", "X-API-Key: any")), [503, both, "private"])
    }).pipe(Effect.provide(serverOf(Api, failing(error).pipe(Layer.provideMerge(services))))),
  )
})

describe("a header that is sent twice", () => {
  it.live("is refused, whichever of the two works", () =>
    Effect.gen(function* () {
      const token = yield* makeToken()
      const good = `Authorization: Bearer ${token}`
      const other = `Authorization: Bearer ${yield* makeToken()}`
      for (const lines of [
        [good, other],
        [other, good],
        [good, good],
        [good, "authorization: Basic YTpi"],
        ["Authorization: Basic YTpi", good],
        [good, "AUTHORIZATION:"],
        [`X-API-Key: ${token}`, "x-api-key: other"],
        [`X-API-Key: ${token}`, `X-Api-Key: ${token}`],
        [good, `X-API-Key: ${token}`, "X-API-Key:"],
        // As an intermediary may put them together.
        [`X-API-Key: ${token}, ${token}`],
        [`${good}, Bearer ${token}`],
        [`Authorization: Basic YTpi, Bearer ${token}`],
      ]) {
        for (const path of ["/plain", "/hello", "/api-keys"]) {
          const { status, headers, body } = yield* send(`GET ${path}`, ...lines)
          assert.strictEqual(status, 400, `${path} ${lines.join()}`)
          assert.include(body, "Send a header that carries a key once")
          assert.include(headers.get("www-authenticate"), 'error="invalid_request"')
          assert.notInclude(body, token)
        }
      }
      assert.strictEqual((yield* send("GET /plain", good)).status, 200)
      // So many lines that Node may leave some out, or refuse them.
      const filler = Array.from({ length: 1_100 }, () => "a:")
      assert.include([400, 431], (yield* send("GET /plain", good, ...filler, other)).status)
      assert.strictEqual((yield* send("GET /plain", good, ...filler.slice(900))).status, 200)
      // What isn't about the key may come twice, and other schemes have lists of their own.
      assert.strictEqual((yield* send("GET /plain", good, "Accept: a", "Accept: b")).status, 200)
      assert.strictEqual((yield* send("GET /plain", 'Authorization: Digest username="a", realm="b"', `X-API-Key: ${token}`)).status, 200)
    }).pipe(Effect.provide(serverOf(Api, services))),
  )

  it.live("is refused under an api's own name, and is none of its business otherwise", () =>
    Effect.gen(function* () {
      const token = yield* makeToken()
      const key = `X-Shop-Key: ${token}`
      assert.strictEqual((yield* send("GET /plain", key, "x-shop-key: b")).status, 400)
      // Which Node gives the first value of, like `Authorization`.
      assert.strictEqual((yield* send("GET /plain", `From: ${token}`, "From: b")).status, 400)
      assert.strictEqual((yield* send("GET /plain", key, "Authorization: Bearer a", "Authorization: Bearer b")).status, 200)
    }).pipe(Effect.provide(serverOf(Api.pipe(acceptCredentials({ accept: ["X-Shop-Key", "From"] })), services))),
  )

  it.effect("is refused in a web request too, which has put its lines together", () =>
    Effect.gen(function* () {
      const apiKeys = yield* ApiKeys.ApiKeys
      const token = Redacted.value((yield* apiKeys.create({ name: "Ada" })).token)
      const { handler, dispose } = HttpRouter.toWebHandler(
        HttpApiBuilder.layer(Api).pipe(
          Layer.provide(groupsOf(Api)),
          Layer.provide([Layer.succeed(ApiKeys.ApiKeys, apiKeys), HttpServer.layerServices]),
        ),
        { disableLogger: true },
      )
      const ask = (name: string, ...values: ReadonlyArray<string>) =>
        Effect.promise(async () => {
          const headers = new Headers()
          for (const value of values) headers.append(name, value)
          return (await handler(new Request("http://x/plain", { headers }))).status
        })
      assert.strictEqual(yield* ask("authorization", `Bearer ${token}`), 200)
      assert.strictEqual(yield* ask("authorization", `Bearer ${token}`, "Bearer other"), 400)
      assert.strictEqual(yield* ask("authorization", "Basic YTpi", `Bearer ${token}`), 400)
      assert.strictEqual(yield* ask("x-api-key", token, token), 400)
      yield* Effect.promise(dispose)
    }).pipe(Effect.scoped, Effect.provide(services)),
  )
})
