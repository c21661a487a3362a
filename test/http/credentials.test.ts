/** In which headers a key is taken: by middleware, challenges, OpenAPI, derived clients and the server. */
import { createServer } from "node:http"
import { inspect } from "node:util"
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import { assert, describe, it } from "@effect/vitest"
import { ConfigProvider, Console, Context, Effect, Layer, Logger, Option, Redacted, Schema, type Scope, Tracer } from "effect"
import { FetchHttpClient, HttpClient, HttpMiddleware, HttpRouter, HttpServer, HttpServerRequest } from "effect/http"
import {
  HttpApi,
  HttpApiBuilder,
  HttpApiClient,
  HttpApiEndpoint,
  HttpApiGroup,
  HttpApiMiddleware,
  HttpApiSecurity,
  OpenApi,
} from "effect/http-api"
import * as ApiKeys from "../../src/ApiKeys.ts"
import * as Keypal from "../../src/legacy/Keypal.ts"
import {
  acceptCredentials,
  ApiKeyAuth,
  ApiKeysGroup,
  type CredentialOptions,
  CurrentApiKey,
  OptionalApiKey,
  OptionalApiKeyAuth,
  requireScopes,
} from "../../src/http/definition.ts"
import { layerAuth, layerHandlers, layerProblems, layerRedactedHeaders, layerRequestProblems } from "../../src/http/implementation.ts"
import { layerEphemeral } from "../../src/ApiKeyHasher.ts"
import * as Repository from "../../src/ApiKeyRepository.ts"
import { readCredentialOptions } from "../../src/internal/server/credentialOptions.ts"
import { printFirstKey } from "../../src/internal/server/firstKey.ts"
import { routesWith } from "../../src/internal/server/routes.ts"
import { tracerInto } from "../support/spans.ts"

const text = { success: Schema.String }

class Things extends HttpApiGroup.make("things")
  .add(
    HttpApiEndpoint.get("plain", "/plain", text),
    HttpApiEndpoint.get("write", "/write", text).pipe(requireScopes("things:write")),
    HttpApiEndpoint.get("shown", "/shown", text),
  )
  .middleware(ApiKeyAuth) {}
class Guests extends HttpApiGroup.make("guests")
  .add(HttpApiEndpoint.get("hello", "/hello", text))
  .middleware(OptionalApiKeyAuth) {}
const Api = HttpApi.make("app").add(Things, Guests, ApiKeysGroup)

const name = Effect.map(CurrentApiKey, ({ name }) => name)
const groupsOf = (api: typeof Api) =>
  Layer.mergeAll(
    HttpApiBuilder.group(api, "things", (group) =>
      group.handleAll({
        plain: () => name,
        write: () => name,
        shown: () => Effect.map(HttpServerRequest.HttpServerRequest, ({ headers }) => inspect(headers)),
      }),
    ),
    HttpApiBuilder.group(api, "guests", (group) =>
      group.handleAll({ hello: () => Effect.map(OptionalApiKey, Option.match({ onNone: () => "guest", onSome: ({ name }) => name })) }),
    ),
    layerHandlers(api),
  ).pipe(Layer.provide([layerAuth(), layerRequestProblems]))

const services = ApiKeys.layer.pipe(Layer.provide([layerEphemeral, Layer.fresh(Repository.layerMemory)]))
const appOf = (api: typeof Api) => Layer.mergeAll(HttpApiBuilder.layer(api).pipe(Layer.provide(groupsOf(api))), layerProblems)

interface Answer {
  readonly status: number
  readonly body: string
  readonly challenge: string | null
}

/** Asks an app by web requests. */
const ask = Effect.fnUntraced(function* (options: CredentialOptions | undefined) {
  const apiKeys = yield* ApiKeys.ApiKeys
  const api = options === undefined ? Api : Api.pipe(acceptCredentials(options))
  const { handler, dispose } = HttpRouter.toWebHandler(
    appOf(api).pipe(Layer.provide([Layer.succeed(ApiKeys.ApiKeys, apiKeys), HttpServer.layerServices])),
    { disableLogger: true },
  )
  yield* Effect.addFinalizer(() => Effect.promise(dispose))
  return (headers: Record<string, string>, path = "/plain"): Effect.Effect<Answer> =>
    Effect.promise(async () => {
      const response = await handler(new Request(`http://x${path}`, { headers }))
      return { status: response.status, body: await response.text(), challenge: response.headers.get("www-authenticate") }
    })
})
const statusOf = (answer: Effect.Effect<Answer>) => Effect.map(answer, ({ status }) => status)

const jwt = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJ1c2VyIn0.c2lnbmF0dXJl"
const makeToken = (...scopes: ReadonlyArray<string>) =>
  ApiKeys.ApiKeys.use((apiKeys) => Effect.orDie(apiKeys.create({ name: "Ada", scopes }))).pipe(
    Effect.map(({ token }) => Redacted.value(token)),
  )
const withService = <A, E>(effect: Effect.Effect<A, E, ApiKeys.ApiKeys | Scope.Scope>) =>
  effect.pipe(Effect.scoped, Effect.provide(services))

describe("a user's own token beside a key", () => {
  it.effect("is none of ours, whatever there is to say of the key", () =>
    withService(
      Effect.gen(function* () {
        const token = yield* makeToken()
        const call = yield* ask(undefined)
        const authorization = `Bearer ${jwt}`
        assert.deepInclude(yield* call({ authorization, "x-api-key": token }), { status: 200, body: '"Ada"' })
        assert.deepInclude(yield* call({ authorization, "x-api-key": token }, "/hello"), { status: 200, body: '"Ada"' })
        assert.strictEqual(yield* statusOf(call({ authorization, "x-api-key": "nonsense" })), 401)
        assert.strictEqual(yield* statusOf(call({ authorization, "x-api-key": token }, "/write")), 403)
        // Alone it is the credential that was sent.
        assert.strictEqual(yield* statusOf(call({ authorization })), 401)
      }),
    ),
  )

  it.effect("is a second credential if it has the form of a key, works or not", () =>
    withService(
      Effect.gen(function* () {
        const [token, other] = [yield* makeToken(), yield* makeToken()]
        const call = yield* ask(undefined)
        for (const [bearer, key] of [
          [other, token],
          [other, "nonsense"],
          [token, jwt],
        ] as const) {
          const answer = yield* call({ authorization: `Bearer ${bearer}`, "x-api-key": key })
          assert.deepInclude(answer, {
            status: 400,
            challenge: 'Bearer realm="api-keys", error="invalid_request", error_description="Send one credential, not two different ones"',
          })
        }
        assert.strictEqual(yield* statusOf(call({ authorization: `Bearer ${token}`, "x-api-key": token })), 200)
      }),
    ),
  )

  it.effect("is a second credential if the api says so", () =>
    withService(
      Effect.gen(function* () {
        const token = yield* makeToken()
        const call = yield* ask({ foreignAuthorization: "refuse" })
        assert.strictEqual(yield* statusOf(call({ authorization: `Bearer ${jwt}`, "x-api-key": token })), 400)
        assert.strictEqual(yield* statusOf(call({ "x-api-key": token })), 200)
      }),
    ),
  )

  it.effect("isn't looked at where no key is taken from Authorization", () =>
    withService(
      Effect.gen(function* () {
        const token = yield* makeToken()
        const call = yield* ask({ accept: ["X-API-Key"], foreignAuthorization: "refuse" })
        const authorization = `Bearer ${jwt}`
        assert.strictEqual(yield* statusOf(call({ authorization, "x-api-key": token })), 200)
        assert.deepInclude(yield* call({ authorization }, "/hello"), { status: 200, body: '"guest"' })
        assert.strictEqual((yield* call({ authorization: `Bearer ${token}` })).status, 401)
      }),
    ),
  )

  it.effect("of a legacy form is one of ours", () =>
    Effect.gen(function* () {
      const token = yield* makeToken()
      const call = yield* ask(undefined)
      const legacy = "kp_" + "a".repeat(32)
      assert.isTrue(yield* ApiKeys.ApiKeys.use((apiKeys) => Effect.succeed(apiKeys.isToken(legacy))))
      assert.strictEqual(yield* statusOf(call({ authorization: `Bearer ${legacy}`, "x-api-key": token })), 400)
    }).pipe(
      Effect.scoped,
      Effect.provide(
        ApiKeys.layerWith({ legacy: [Keypal.make({ prefix: "kp_" })] }).pipe(
          Layer.provide([layerEphemeral, Layer.fresh(Repository.layerMemory)]),
        ),
      ),
    ),
  )
})

const own = ["Authorization: Bearer", "Authorization: Api-Key", "Authorization: ApiKey", "apikey", "X-Shop: Token", "X-Shop-Key"]

describe("acceptCredentials", () => {
  it.effect("takes keys where it says, and nowhere else", () =>
    withService(
      Effect.gen(function* () {
        const token = yield* makeToken()
        const call = yield* ask({ accept: own })
        for (const headers of [
          { authorization: `Bearer ${token}` },
          { authorization: `Api-Key ${token}` },
          { authorization: `aPI-kEY   ${token} ` },
          { authorization: `ApiKey ${token}` },
          { apikey: token },
          { ApiKey: ` ${token} ` },
          { "x-shop": `token ${token}` },
          { "x-shop-key": token },
          { authorization: `Api-Key ${token}`, "x-shop-key": token },
          { authorization: "Api-Key nonsense", "x-shop-key": token },
        ]) {
          assert.deepInclude(yield* call(headers), { status: 200, body: '"Ada"' }, JSON.stringify(headers))
        }
        for (const headers of [
          { "x-api-key": token },
          { authorization: token },
          { authorization: `Token ${token}` },
          { authorization: `Api-Key${token}` },
          { "x-shop": token },
          { "api-key": token },
        ]) {
          const answer = yield* call(headers)
          assert.strictEqual(answer.status, 401, JSON.stringify(headers))
          assert.include(answer.body, "missing-api-key")
        }
        assert.strictEqual(yield* statusOf(call({ apikey: token, "x-shop-key": "another" })), 400)
        // What a handler prints of its request, in a server that wasn't told to keep the header out.
        assert.include((yield* call({ apikey: token }, "/shown")).body, "apikey: <redacted>")
      }),
    ),
  )

  it.effect("takes a key that is alone in Authorization, if it is told to, and no other scheme's", () =>
    withService(
      Effect.gen(function* () {
        const token = yield* makeToken()
        const call = yield* ask({ accept: ["Authorization", "Authorization: Bearer"] })
        assert.strictEqual(yield* statusOf(call({ authorization: token })), 200)
        assert.strictEqual(yield* statusOf(call({ authorization: `Bearer ${token}` })), 200)
        assert.include((yield* call({ authorization: "Basic YTpi" })).body, "missing-api-key")
      }),
    ),
  )

  it.effect("says in challenges what it takes, and what was wrong", () =>
    withService(
      Effect.gen(function* () {
        const token = yield* makeToken("api-keys:write")
        const schemes = yield* ask({ accept: own })
        assert.strictEqual((yield* schemes({})).challenge, 'Bearer realm="api-keys", Api-Key realm="api-keys", ApiKey realm="api-keys"')
        const headers = yield* ask({ accept: ["X-Shop-Key", "X-Shop: Token"] })
        assert.strictEqual((yield* headers({})).challenge, 'X-Shop-Key realm="api-keys", X-Shop realm="api-keys"')
        const one = yield* ask({ accept: ["Authorization: Api-Key"] })
        assert.match(
          (yield* one({ authorization: "Api-Key nonsense" })).challenge ?? "",
          /^Api-Key realm="api-keys", error="invalid_token"/,
        )
        assert.strictEqual(
          (yield* one({ authorization: `Api-Key ${token}` }, "/write")).challenge,
          'Api-Key realm="api-keys", error="insufficient_scope", scope="things:write"',
        )
      }),
    ),
  )

  it.effect("says so in the challenges of the management group's own refusals", () =>
    withService(
      Effect.gen(function* () {
        const apiKeys = yield* ApiKeys.ApiKeys
        const { apiKey, token } = yield* apiKeys.create({ name: "k" })
        const api = Api.pipe(acceptCredentials({ accept: ["Authorization: Api-Key"] }))
        const { handler, dispose } = HttpRouter.toWebHandler(
          appOf(api).pipe(Layer.provide([Layer.succeed(ApiKeys.ApiKeys, apiKeys), HttpServer.layerServices])),
          { disableLogger: true },
        )
        const response = yield* Effect.promise(() =>
          handler(
            new Request(`http://x/api-keys/${apiKey.id}/rotate`, {
              method: "POST",
              body: "{}",
              headers: { authorization: `Api-Key ${Redacted.value(token)}`, "content-type": "application/json" },
            }),
          ),
        )
        yield* Effect.promise(dispose)
        assert.strictEqual(response.status, 403)
        assert.strictEqual(
          response.headers.get("www-authenticate"),
          'Api-Key realm="api-keys", error="insufficient_scope", scope="api-keys:rotate-self"',
        )
      }),
    ),
  )

  it("shows in OpenAPI what it takes, with the scopes", () => {
    const usual = OpenApi.fromApi(Api)
    assert.deepStrictEqual(usual.components.securitySchemes, {
      bearer: { type: "http", scheme: "bearer" },
      apiKey: { type: "apiKey", name: "X-API-Key", in: "header" },
    })
    const spec = OpenApi.fromApi(Api.pipe(acceptCredentials({ accept: own })))
    assert.deepStrictEqual(spec.components.securitySchemes, {
      bearer: { type: "http", scheme: "bearer" },
      "authorization.api-key": { type: "http", scheme: "Api-Key" },
      "authorization.apikey": { type: "http", scheme: "ApiKey" },
      apikey: { type: "apiKey", name: "apikey", in: "header" },
      "x-shop.token": { type: "apiKey", name: "X-Shop", in: "header", description: "`Token ` and the key" },
      "x-shop-key": { type: "apiKey", name: "X-Shop-Key", in: "header" },
    })
    const alone = OpenApi.fromApi(Api.pipe(acceptCredentials({ accept: ["X-API-Key"] }), requireScopes("late")))
    assert.deepStrictEqual(alone.paths["/write"]?.get?.security, [{ apiKey: ["late", "things:write"] }])
    assert.deepStrictEqual(alone.paths["/hello"]?.get?.security, [{ apiKey: ["late"] }])
    assert.deepStrictEqual(Object.keys(alone.components.securitySchemes), ["apiKey"])
    // Only what is taken changes.
    assert.deepStrictEqual(OpenApi.fromApi(Api.pipe(acceptCredentials({}))), usual)
  })

  it("leaves what else guards an endpoint alone, such as a user's token beside the key", () => {
    class UserAuth extends HttpApiMiddleware.Service<UserAuth>()("test/UserAuth", { security: { bearer: HttpApiSecurity.bearer } }) {}
    const api = HttpApi.make("both").add(
      HttpApiGroup.make("both")
        .add(HttpApiEndpoint.get("get", "/", text))
        .middleware(UserAuth)
        .middleware(ApiKeyAuth),
    )
    const spec = OpenApi.fromApi(api.pipe(acceptCredentials({ accept: ["X-API-Key"] })))
    assert.deepStrictEqual(spec.paths["/"]?.get?.security, [{ bearer: [], apiKey: [] }])
  })

  it("throws on what isn't a header, or is there twice", () => {
    for (const accept of [[], [""], ["X API Key"], ["Authorization Bearer"], ["X-A:"], [": Bearer"], ["X-A", "x-a"], ["X-A\r\n"]]) {
      assert.throws(() => acceptCredentials({ accept }), /^accept must be headers that differ.*found \[/)
    }
  })

  it.live("is what derived clients follow, without a word of it in traces on either side", () => {
    const spans: Array<Tracer.NativeSpan> = []
    const api = Api.pipe(acceptCredentials({ accept: ["X-Shop-Key", "X-API-Key"] }))
    const server = HttpRouter.serve(appOf(api), { disableLogger: true, disableListenLog: true }).pipe(
      Layer.provide(layerRedactedHeaders(api)),
      Layer.provideMerge(NodeHttpServer.layer(() => createServer(), { port: 0, host: "127.0.0.1", gracefulShutdownTimeout: "1 second" })),
      Layer.provideMerge(services),
      Layer.provide(Logger.layer([])),
    )
    return Effect.gen(function* () {
      const token = Redacted.make(yield* makeToken())
      const baseUrl = HttpServer.formatAddress((yield* HttpServer.HttpServer).address)
      for (const place of [undefined, "X-API-Key"]) {
        const client = yield* HttpApiClient.make(api, { baseUrl }).pipe(Effect.provide(ApiKeyAuth.layerClient(token, place)))
        assert.strictEqual(yield* client.things.plain(), "Ada")
        // What a handler prints of its request.
        assert.include(yield* client.things.shown(), `'${(place ?? "X-Shop-Key").toLowerCase()}': <redacted>`)
      }
      const seen = inspect(
        spans.map(({ name, attributes }) => [name, attributes]),
        { depth: 8 },
      )
      assert.include(seen, "http.request.header.x-shop-key")
      assert.isFalse(seen.includes(Redacted.value(token)))
    }).pipe(
      Effect.provide([FetchHttpClient.layer, server]),
      Effect.provide([
        Layer.succeed(Tracer.Tracer, tracerInto(spans)),
        Layer.succeed(HttpMiddleware.TracerHeaderFilter, () => true),
        Layer.succeed(HttpClient.TracerHeaderFilter, () => true),
      ]),
    )
  })
})

describe("the server", () => {
  const read = (env: Record<string, string>) => readCredentialOptions.parse(ConfigProvider.fromUnknown(env))

  it.effect("is told by variables", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* read({}), { accept: undefined, foreignAuthorization: "ignore" })
      assert.deepStrictEqual(
        yield* read({ API_KEY_CREDENTIALS: " Authorization: Api-Key ,X-Shop-Key", API_KEY_FOREIGN_AUTHORIZATION: "refuse" }),
        { accept: ["Authorization: Api-Key", "X-Shop-Key"], foreignAuthorization: "refuse" },
      )
      for (const text of ["Authorization Bearer", "X-A, x-a", "X-A,,X-B", "X\u001b[31m"]) {
        const { message } = yield* Effect.flip(read({ API_KEY_CREDENTIALS: text }))
        assert.match(message, /must be a list of headers that differ, .* such as Authorization: Bearer, X-API-Key; ".*" isn't/)
        assert.include(message, "API_KEY_CREDENTIALS")
        assert.notInclude(message, "\u001b")
      }
      const { message } = yield* Effect.flip(read({ API_KEY_FOREIGN_AUTHORIZATION: "no" }))
      assert.include(message, "API_KEY_FOREIGN_AUTHORIZATION")
      assert.include(message, `must be one of ignore, refuse; "no" isn't`)
    }),
  )

  it.effect("follows, in its answers, its OpenAPI document and the line that it prints to try", () =>
    Effect.gen(function* () {
      const credentials = { accept: ["Authorization: Api-Key"] }
      const apiKeys = yield* ApiKeys.ApiKeys
      const repository = yield* Repository.ApiKeyRepository
      const created = yield* apiKeys.create({ name: "k" })
      const token = Redacted.value(created.token)
      const { handler, dispose } = HttpRouter.toWebHandler(
        routesWith({ credentials }).pipe(
          Layer.provide(
            Layer.succeedContext(Context.make(ApiKeys.ApiKeys, apiKeys).pipe(Context.add(Repository.ApiKeyRepository, repository))),
          ),
          Layer.provide(HttpServer.layerServices),
        ),
        { disableLogger: true },
      )
      const call = (path: string, authorization: string) =>
        Effect.promise(async () => {
          const response = await handler(new Request(`http://x${path}`, { headers: { authorization } }))
          return [response.status, await response.text()] as const
        })
      assert.strictEqual((yield* call("/protected", `Api-Key ${token}`))[0], 200)
      assert.strictEqual((yield* call("/protected", `Bearer ${token}`))[0], 401)
      const spec = JSON.parse((yield* call("/openapi.json", ""))[1])
      assert.deepStrictEqual(spec.components.securitySchemes, { "authorization.api-key": { type: "http", scheme: "Api-Key" } })
      yield* Effect.promise(dispose)
      const lines: Array<unknown> = []
      const console = { ...globalThis.console, log: (line: unknown) => void lines.push(line) }
      yield* printFirstKey(credentials)(created, "http://x").pipe(Effect.provideService(Console.Console, console))
      assert.include(String(lines[0]), `curl -H 'Authorization: Api-Key ${token}' http://x/protected`)
    }).pipe(
      Effect.scoped,
      Effect.provide(ApiKeys.layer.pipe(Layer.provide(layerEphemeral), Layer.provideMerge(Layer.fresh(Repository.layerMemory)))),
    ),
  )
})
