/** The middlewares in an app's own api, without a socket. */
import { createServer } from "node:http"
import { inspect } from "node:util"
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import { assert, describe, it } from "@effect/vitest"
import { DateTime, Effect, Layer, Logger, Option, Redacted, References, Schema, Tracer } from "effect"
import { HttpRouter, HttpServer, HttpServerResponse } from "effect/http"
import { HttpApi, HttpApiBuilder, HttpApiEndpoint, HttpApiGroup, HttpApiTest, OpenApi } from "effect/http-api"
import * as ApiKeys from "../../src/ApiKeys.ts"
import * as Argon2Node from "../../src/hasher/Argon2Node.ts"
import * as Pglite from "../../src/sql/Pglite.ts"
import {
  ApiKeyAuth,
  assertProtected,
  ApiKeysGroup,
  CurrentApiKey,
  makeApiKeysGroup,
  OptionalApiKey,
  OptionalApiKeyAuth,
  requireScopes,
} from "../../src/http/definition.ts"
import { layerAuth, layerHandlers, layerProblems, layerRequestProblems } from "../../src/http/implementation.ts"
import { ApiKeyRepository } from "../../src/ApiKeyRepository.ts"
import * as Repository from "../../src/ApiKeyRepository.ts"
import { layerEphemeral } from "../../src/ApiKeyHasher.ts"
import { tracerInto } from "../support/spans.ts"

const text = { success: Schema.String }

class Things extends HttpApiGroup.make("things")
  .add(
    HttpApiEndpoint.get("plain", "/plain", text),
    HttpApiEndpoint.get("write", "/write", text).pipe(requireScopes("things:write"), requireScopes("things:audit")),
  )
  .pipe(requireScopes("things:read"))
  .add(HttpApiEndpoint.get("late", "/late", text))
  .middleware(ApiKeyAuth) {}

class Guests extends HttpApiGroup.make("guests")
  .add(HttpApiEndpoint.get("hello", "/hello", text), HttpApiEndpoint.get("members", "/members", text).pipe(requireScopes("members")))
  .middleware(OptionalApiKeyAuth) {}

const Api = HttpApi.make("app").add(Things, Guests, ApiKeysGroup)
const ScopedApi = HttpApi.make("scoped").add(Things).pipe(requireScopes("app"))

const name = Effect.map(CurrentApiKey, ({ name }) => name)
const guest = Effect.map(OptionalApiKey, Option.match({ onNone: () => "guest", onSome: ({ name }) => name }))
const things = <Id extends string, G extends HttpApiGroup.Constraint>(api: HttpApi.HttpApi<Id, G>) =>
  // The apis of this test hold the group under this name.
  HttpApiBuilder.group(api as unknown as typeof Api, "things", (group) =>
    group.handleAll({ plain: () => name, write: () => name, late: () => name }),
  )

const middleware = Layer.mergeAll(layerAuth(), layerRequestProblems)
const layers = Layer.mergeAll(
  things(Api),
  HttpApiBuilder.group(Api, "guests", (group) => group.handleAll({ hello: () => guest, members: () => guest })),
  layerHandlers(Api),
).pipe(
  Layer.provideMerge(middleware),
  Layer.provideMerge(Layer.fresh(ApiKeys.layerMemory)),
  Layer.provideMerge(NodeHttpServer.layerHttpServices),
)

/** The management api over a service in which something happens between the read of a key and its change. */
const layerRacing = (happens: (apiKeys: ApiKeys.ApiKeys["Service"], id: string) => Effect.Effect<unknown, unknown>) =>
  layerHandlers(Api).pipe(
    Layer.provideMerge(middleware),
    Layer.provideMerge(
      Layer.effect(
        ApiKeys.ApiKeys,
        Effect.map(Effect.service(ApiKeys.ApiKeys), (apiKeys) => ({
          ...apiKeys,
          get: (id) => Effect.tap(apiKeys.get(id), () => Effect.orDie(happens(apiKeys, id))),
        })),
      ).pipe(Layer.provide(Layer.fresh(ApiKeys.layerMemory))),
    ),
    Layer.provideMerge(NodeHttpServer.layerHttpServices),
  )

const makeKey = (...scopes: ReadonlyArray<string>) => ApiKeys.ApiKeys.use((apiKeys) => apiKeys.create({ name: "Ada", scopes }))
const clientWith = (token: Redacted.Redacted) =>
  HttpApiTest.groups(Api, ["things", "guests", "apiKeys"]).pipe(Effect.provide(ApiKeyAuth.layerClient(token)))
const tagOf = <A, E extends { readonly _tag: string }, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.map(Effect.flip(effect), ({ _tag }) => _tag)

describe("ApiKeyAuth", () => {
  it.effect("adds up the scopes of endpoint and group, for endpoints added later too", () =>
    Effect.gen(function* () {
      const nothing = yield* clientWith((yield* makeKey()).token)
      const reader = yield* clientWith((yield* makeKey("things:read")).token)
      const writer = yield* clientWith((yield* makeKey("things:write", "things:read")).token)
      const all = yield* clientWith((yield* makeKey("things:*")).token)
      for (const call of [
        nothing.things.plain(),
        nothing.things.late(),
        nothing.things.write(),
        reader.things.write(),
        writer.things.write(),
      ]) {
        assert.strictEqual(yield* tagOf(call), "InsufficientScopeProblem")
      }
      for (const call of [reader.things.plain(), reader.things.late(), all.things.write()]) assert.strictEqual(yield* call, "Ada")
      const denied = yield* Effect.flip(writer.things.write())
      assert.deepInclude(denied, { _tag: "InsufficientScopeProblem" })
    }).pipe(Effect.scoped, Effect.provide(layers)),
  )

  it.effect(
    "holds an api's own scopes against every group of it",
    () =>
      Effect.gen(function* () {
        const { token } = yield* makeKey("things:*")
        const { token: full } = yield* makeKey("things:*", "app")
        const connect = (token: Redacted.Redacted) =>
          HttpApiTest.groups(ScopedApi, ["things"]).pipe(Effect.provide(ApiKeyAuth.layerClient(token)))
        assert.strictEqual(yield* tagOf((yield* connect(token)).things.plain()), "InsufficientScopeProblem")
        assert.strictEqual(yield* (yield* connect(full)).things.plain(), "Ada")
      }).pipe(
        Effect.scoped,
        Effect.provide(
          things(ScopedApi).pipe(
            Layer.provideMerge(middleware),
            Layer.provideMerge(Layer.fresh(ApiKeys.layerMemory)),
            Layer.provideMerge(NodeHttpServer.layerHttpServices),
          ),
        ),
      ) as Effect.Effect<void>,
  )

  it.effect("holds the scopes of each group against an endpoint that is in several", () => {
    const shared = HttpApiEndpoint.get("shared", "/shared", text).middleware(ApiKeyAuth)
    const apis = ["a", "b"].map((scope) => HttpApi.make(scope).add(HttpApiGroup.make("group").pipe(requireScopes(scope)).add(shared)))
    return Effect.gen(function* () {
      const { token } = yield* makeKey("a")
      const answers: Array<string> = []
      for (const api of [...apis, ...apis]) {
        const { group } = yield* HttpApiTest.groups(api, ["group"]).pipe(
          Effect.provide(HttpApiBuilder.group(api, "group", (handlers) => handlers.handle("shared", () => name))),
          Effect.provide(ApiKeyAuth.layerClient(token)),
        )
        answers.push(yield* Effect.catch(group.shared(), ({ _tag }) => Effect.succeed(_tag)))
      }
      assert.deepStrictEqual(answers, ["Ada", "InsufficientScopeProblem", "Ada", "InsufficientScopeProblem"])
    }).pipe(Effect.scoped, Effect.provide(layers))
  })

  it.effect("names a realm of any characters in its challenge", () =>
    Effect.gen(function* () {
      const guests = HttpApiBuilder.group(Api, "guests", (group) => group.handleAll({ hello: () => guest, members: () => guest }))
      const { handler, dispose } = HttpRouter.toWebHandler(
        HttpApiBuilder.layer(Api).pipe(
          Layer.provide([guests, things(Api), layerHandlers(Api)]),
          Layer.provide([layerAuth({ realm: 'a "b" \\c\r\nX: é' }), layerRequestProblems]),
          Layer.provide([Layer.fresh(ApiKeys.layerMemory), HttpServer.layerServices]),
        ),
      )
      const reply = yield* Effect.promise(() => handler(new Request("http://x/plain")))
      yield* Effect.promise(dispose)
      assert.deepStrictEqual([reply.status, reply.headers.get("www-authenticate")], [401, 'Bearer realm="a \\"b\\" \\\\cX: "'])
    }),
  )

  it("shows scopes in OpenAPI", () => {
    const { paths } = OpenApi.fromApi(Api)
    assert.deepStrictEqual(paths["/write"]?.get?.security, [
      { bearer: ["things:audit", "things:read", "things:write"] },
      { apiKey: ["things:audit", "things:read", "things:write"] },
    ])
    assert.deepStrictEqual(paths["/plain"]?.get?.security?.[0], { bearer: ["things:read"] })
    // In one sentence, whether the endpoint, its group or the api requires them.
    assert.strictEqual(paths["/write"]?.get?.description, "Needs the scopes `things:audit`, `things:read`, `things:write`.")
    assert.strictEqual(paths["/plain"]?.get?.description, "Needs the scope `things:read`.")
  })

  it("throws on an endpoint whose scopes nothing enforces", () => {
    assertProtected(Api)
    const late = HttpApi.make("late").add(Things.add(HttpApiEndpoint.get("bare", "/bare", text).pipe(requireScopes("admin"))))
    assert.throws(() => assertProtected(late), /things\.bare requires scopes/)
  })

  it.effect("lets no api start that has such an endpoint", () =>
    Effect.gen(function* () {
      const late = Api.add(HttpApiGroup.make("late").add(HttpApiEndpoint.get("bare", "/bare", text).pipe(requireScopes("admin"))))
      const exit = yield* Effect.exit(Layer.build(layerHandlers(late).pipe(Layer.provide(middleware))))
      assert.include(String(exit), "late.bare requires scopes")
    }).pipe(Effect.scoped, Effect.provide(Layer.fresh(ApiKeys.layerMemory))),
  )

  it("throws on a scope that isn't well-formed, where it is written", () => {
    assert.throws(() => requireScopes("Not A Scope")(HttpApiEndpoint.get("x", "/x", text)))
  })

  it.effect("works with the derived client of the management group", () =>
    Effect.gen(function* () {
      const client = yield* clientWith((yield* makeKey("*")).token)
      const { body, headers } = yield* client.apiKeys.create({ payload: { name: "new", scopes: [] } })
      assert.isTrue(Redacted.isRedacted(body.token))
      assert.match(headers.location, new RegExp(`/${body.apiKey.id}$`))
      const verified = yield* client.apiKeys.verify({ payload: { token: body.token } })
      assert.deepInclude(verified.body, { valid: true, apiKey: body.apiKey })
      assert.isTrue(verified.body.valid && DateTime.isDateTime(verified.body.checkedAt))
      assert.deepStrictEqual((yield* client.apiKeys.get({ params: { id: body.apiKey.id }, headers: {} })).body, body.apiKey)
      yield* client.apiKeys.delete({ params: { id: body.apiKey.id }, query: {}, headers: {} })
      assert.strictEqual(yield* tagOf(client.apiKeys.get({ params: { id: body.apiKey.id }, headers: {} })), "NotFoundProblem")
    }).pipe(Effect.scoped, Effect.provide(layers)),
  )

  it.effect("ends no grace but the one that was looked at, even if a rotation comes between", () => {
    let isArmed = false
    return Effect.gen(function* () {
      const { apiKey, token } = yield* makeKey("api-keys:rotate-self")
      const apiKeys = yield* ApiKeys.ApiKeys
      const client = yield* HttpApiTest.groups(Api, ["apiKeys"]).pipe(Effect.provide(ApiKeyAuth.layerClient(token)))
      isArmed = true
      const end = client.apiKeys.endGrace({ params: { id: apiKey.id }, query: {}, headers: {} })
      assert.strictEqual(yield* tagOf(end), "VersionConflictProblem")
      // An administrator's rotation gave it this grace, for those who haven't the new token yet.
      assert.strictEqual((yield* apiKeys.verify(token)).usedToken, "previous")
    }).pipe(
      Effect.scoped,
      Effect.provide(layerRacing((apiKeys, id) => (isArmed ? apiKeys.rotate(id, { ifPrevious: "end" }) : Effect.void))),
    )
  })

  it.effect("brings no scopes to life that weren't checked, even if they come between check and change", () => {
    return Effect.gen(function* () {
      const { token } = yield* makeKey("api-keys:write")
      const { apiKey } = yield* makeKey()
      const apiKeys = yield* ApiKeys.ApiKeys
      yield* apiKeys.deactivate(apiKey.id)
      const client = yield* HttpApiTest.groups(Api, ["apiKeys"]).pipe(Effect.provide(ApiKeyAuth.layerClient(token)))
      const params = { id: apiKey.id }
      assert.strictEqual(yield* tagOf(client.apiKeys.activate({ params, query: {}, headers: {} })), "VersionConflictProblem")
      yield* apiKeys.update(apiKey.id, { scopes: [] })
      assert.strictEqual(
        yield* tagOf(client.apiKeys.update({ params, query: {}, headers: {}, payload: { expiresAt: null } })),
        "VersionConflictProblem",
      )
      assert.isFalse((yield* apiKeys.search({ keyId: apiKey.keyId })).items[0]?.isActive)
    }).pipe(Effect.scoped, Effect.provide(layerRacing((apiKeys, id) => apiKeys.update(id, { scopes: ["*"] }))))
  })

  it("takes another path", () => {
    const moved = HttpApi.make("moved").add(makeApiKeysGroup("/keys")).prefix("/v1")
    assert.includeMembers(Object.keys(OpenApi.fromApi(moved).paths), ["/v1/keys", "/v1/keys/{id}"])
  })
})

/** A server on a socket, for what a client of `HttpApiTest` can't send. */
const routes = Layer.mergeAll(
  HttpApiBuilder.layer(Api).pipe(
    Layer.provide(
      Layer.mergeAll(
        things(Api),
        HttpApiBuilder.group(Api, "guests", (group) => group.handleAll({ hello: () => guest, members: () => guest })),
        layerHandlers(Api),
      ).pipe(Layer.provide(middleware)),
    ),
  ),
  HttpRouter.add("GET", "/own", HttpServerResponse.text("slow down", { status: 429, headers: { "retry-after": "7" } })),
  HttpRouter.add("GET", "/media", HttpServerResponse.text("only PNG", { status: 415 })),
  HttpRouter.add("GET", "/bare", HttpServerResponse.empty({ status: 409, headers: { "x-own": "1" } })),
  layerProblems,
)
const serverOn = <E>(services: Layer.Layer<ApiKeys.ApiKeys | ApiKeyRepository, E>) =>
  HttpRouter.serve(routes, { disableListenLog: true }).pipe(
    Layer.provideMerge(NodeHttpServer.layer(() => createServer(), { port: 0, host: "127.0.0.1", gracefulShutdownTimeout: "1 second" })),
    Layer.provideMerge(services),
  )
const server = serverOn(ApiKeys.layer.pipe(Layer.provide(layerEphemeral), Layer.provideMerge(Layer.fresh(Repository.layerMemory))))
const get = (path: string, token?: string) =>
  Effect.gen(function* () {
    const url = HttpServer.formatAddress((yield* HttpServer.HttpServer).address)
    const response = yield* Effect.promise(() => fetch(url + path, { headers: token === undefined ? {} : { "x-api-key": token } }))
    return [response.status, yield* Effect.promise(() => response.text())] as const
  })

describe("layerProblems", () => {
  it.live("leaves an application's own error answers alone", () =>
    Effect.gen(function* () {
      const url = HttpServer.formatAddress((yield* HttpServer.HttpServer).address)
      const own = yield* Effect.promise(() => fetch(`${url}/own`))
      assert.deepStrictEqual([own.status, own.headers.get("retry-after")], [429, "7"])
      assert.strictEqual(yield* Effect.promise(() => own.text()), "slow down")
      const media = yield* Effect.promise(() => fetch(`${url}/media`))
      assert.strictEqual(yield* Effect.promise(() => media.text()), "only PNG")
      const bare = yield* Effect.promise(() => fetch(`${url}/bare`))
      assert.deepStrictEqual(
        [bare.status, bare.headers.get("content-type"), bare.headers.get("x-own")],
        [409, "application/problem+json", "1"],
      )
    }).pipe(Effect.provide(server.pipe(Layer.provide(Logger.layer([]))))),
  )
})

describe("OptionalApiKeyAuth", () => {
  it.live("tells the holder of an old token of its end", () =>
    Effect.gen(function* () {
      const apiKeys = yield* ApiKeys.ApiKeys
      const url = HttpServer.formatAddress((yield* HttpServer.HttpServer).address)
      const { apiKey, token } = yield* makeKey("members")
      const rotated = yield* apiKeys.rotate(apiKey.id)
      const ask = (token: Redacted.Redacted) =>
        Effect.map(
          Effect.promise(() => fetch(`${url}/members`, { headers: { authorization: `Bearer ${Redacted.value(token)}` } })),
          ({ status, headers }) => [status, headers.get("deprecation") !== null, headers.get("sunset")],
        )
      const end = rotated.apiKey.previous?.expiresAt
      assert.deepStrictEqual(yield* ask(token), [200, true, end && DateTime.toDateUtc(end).toUTCString()])
      assert.deepStrictEqual(yield* ask(rotated.token), [200, false, null])
    }).pipe(Effect.provide(server.pipe(Layer.provide(Logger.layer([]))))),
  )

  it.live("lets nobody's request through, but no bad key's, nor one where scopes are required", () =>
    Effect.gen(function* () {
      const token = Redacted.value((yield* makeKey("members")).token)
      const plain = Redacted.value((yield* makeKey()).token)
      assert.deepStrictEqual(yield* get("/hello"), [200, '"guest"'])
      assert.deepStrictEqual(yield* get("/hello", token), [200, '"Ada"'])
      assert.strictEqual((yield* get("/hello", "nonsense"))[0], 401)
      assert.strictEqual((yield* get("/members"))[0], 401)
      assert.strictEqual((yield* get("/members", plain))[0], 403)
      assert.deepStrictEqual(yield* get("/members", token), [200, '"Ada"'])
    }).pipe(Effect.provide(server.pipe(Layer.provide(Logger.layer([]))))),
  )
})

const pepper = Redacted.make("a pepper for this test alone")
const databases = {
  memory: server,
  "PGlite and Argon2": serverOn(
    ApiKeys.layer.pipe(
      Layer.provide(Argon2Node.layer({ pepper, parameters: { memory: 64, passes: 1, parallelism: 1 } })),
      Layer.provideMerge(Layer.fresh(Pglite.layerPglite())),
    ),
  ),
}

describe.each(Object.entries(databases))("what the server on %s says of a request", (_name, server) => {
  it.live("holds no secret and no hash: not in logs, spans or answers", () => {
    const seen: Array<string> = []
    const spans: Array<Tracer.NativeSpan> = []
    const show = (value: unknown) => seen.push(inspect(value, { depth: 12 }))
    const logger = Logger.layer([Logger.make((options) => void show([options.message, options.cause]))])
    const tracer = Layer.succeed(Tracer.Tracer, tracerInto(spans))
    return Effect.gen(function* () {
      const { token, apiKey } = yield* makeKey("*")
      const secret = Redacted.value(token)
      const repository = yield* ApiKeyRepository
      const stored = Option.getOrThrow(yield* repository.findByKeyId(apiKey.keyId))
      const wrong = `${secret.slice(0, -1)}${secret.endsWith("0") ? "1" : "0"}`
      for (const path of ["/plain", "/nowhere", "/api-keys", `/api-keys/${apiKey.id}`, "/api-keys?limit=x"]) {
        for (const credential of [secret, wrong, `${secret}, ${secret}`]) seen.push(...(yield* get(path, credential)).map(String))
      }
      for (const span of spans) show([span.name, span.attributes, span.status])
      const everything = seen.join("\n")
      assert.isAbove(spans.length, 10)
      assert.isTrue(everything.includes(apiKey.keyId))
      for (const hidden of [secret.slice(-64), wrong.slice(-64), Redacted.value(stored.hash), Redacted.value(pepper)])
        assert.isFalse(everything.includes(hidden))
    }).pipe(Effect.provide(server), Effect.provide([logger, tracer, Layer.succeed(References.MinimumLogLevel, "Trace")]))
  })
})
