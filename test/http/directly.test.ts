/** Endpoints of an api that says where it takes keys, which are spared Effect's trial of schemes. */
import { assert, describe, it } from "@effect/vitest"
import { Context, DateTime, Duration, Effect, Layer, Option, Redacted, References, Schema } from "effect"
import { HttpRouter, HttpServer, HttpServerResponse } from "effect/http"
import { HttpApi, HttpApiBuilder, HttpApiEndpoint, HttpApiGroup, HttpApiMiddleware } from "effect/http-api"
import { TestClock } from "effect/testing"
import { layerEphemeral } from "../../src/ApiKeyHasher.ts"
import * as Repository from "../../src/ApiKeyRepository.ts"
import * as ApiKeys from "../../src/ApiKeys.ts"
import {
  acceptCredentials,
  ApiKeyAuth,
  CurrentApiKey,
  OptionalApiKey,
  OptionalApiKeyAuth,
  requireScopes,
} from "../../src/http/definition.ts"
import { layerAuth } from "../../src/http/implementation.ts"

const text = { success: Schema.String }
class Things extends HttpApiGroup.make("things")
  .add(
    HttpApiEndpoint.get("plain", "/plain", text),
    HttpApiEndpoint.get("write", "/write", text).pipe(requireScopes("things:write")),
    HttpApiEndpoint.get("fails", "/fails", { ...text, error: Schema.Literal("broken") }),
    HttpApiEndpoint.get("logs", "/logs", text),
  )
  .middleware(ApiKeyAuth) {}
class Guests extends HttpApiGroup.make("guests")
  .add(HttpApiEndpoint.get("hello", "/hello", text))
  .middleware(OptionalApiKeyAuth) {}
const Api = HttpApi.make("app").add(Things, Guests)
const Direct = Api.pipe(acceptCredentials({}), acceptCredentials({}))

const name = Effect.map(CurrentApiKey, ({ name }) => name)
const groupsOf = (api: typeof Api) =>
  Layer.mergeAll(
    HttpApiBuilder.group(api, "things", (group) =>
      group.handleAll({
        plain: () => name,
        write: () => name,
        fails: () => Effect.fail("broken" as const),
        logs: () => Effect.map(References.CurrentLogAnnotations, (annotations) => JSON.stringify(annotations)),
      }),
    ),
    HttpApiBuilder.group(api, "guests", (group) =>
      group.handleAll({ hello: () => Effect.map(OptionalApiKey, Option.match({ onNone: () => "guest", onSome: ({ name }) => name })) }),
    ),
  )

class Between extends HttpApiMiddleware.Service<Between>()("test/Between") {}

const layerKeys = ApiKeys.layer.pipe(Layer.provide([layerEphemeral, Layer.fresh(Repository.layerMemory)]))

const ask = (api: typeof Api, auth: Layer.Layer<ApiKeyAuth | OptionalApiKeyAuth, never, ApiKeys.ApiKeys>) =>
  serve(HttpApiBuilder.layer(api).pipe(Layer.provide(groupsOf(api)), Layer.provide(auth)))

type Needs = ApiKeys.ApiKeys | HttpRouter.HttpRouter | Layer.Services<ReturnType<typeof HttpApiBuilder.layer<string, never>>>

const serve = Effect.fnUntraced(function* (routes: Layer.Layer<never, never, Needs>) {
  const context = yield* Effect.context<ApiKeys.ApiKeys>()
  const { handler, dispose } = HttpRouter.toWebHandler(
    routes.pipe(Layer.provide([Layer.succeedContext(context), HttpServer.layerServices])),
    { disableLogger: true },
  )
  yield* Effect.addFinalizer(() => Effect.promise(dispose))
  return (path: string, headers: Record<string, string> = {}) =>
    Effect.promise(async () => {
      // The clock is that of the test.
      const response = await handler(new Request(`http://x${path}`, { headers }), context as Context.Context<never>)
      return { status: response.status, body: await response.text(), headers: Object.fromEntries(response.headers) }
    })
})

describe("An endpoint of an api that says where it takes keys", () => {
  it.effect("answers as one of an api that doesn't", () =>
    Effect.gen(function* () {
      const apiKeys = yield* ApiKeys.ApiKeys
      const token = (scopes: ReadonlyArray<string>) =>
        Effect.map(apiKeys.create({ name: "Ada", scopes }), ({ token }) => Redacted.value(token))
      const [reader, writer] = [yield* token([]), yield* token(["things:write"])]
      const [tried, direct] = [yield* ask(Api, layerAuth()), yield* ask(Direct, layerAuth())]
      const requests: ReadonlyArray<Record<string, string>> = [
        {},
        { authorization: `Bearer ${reader}` },
        { "x-api-key": writer },
        { authorization: `Bearer ${reader}`, "x-api-key": writer },
        { authorization: `Bearer ${reader}x` },
        { authorization: "Basic eDp5" },
        { "x-api-key": `${reader}, ${writer}` },
      ]
      for (const headers of requests) {
        for (const path of ["/plain", "/write", "/fails", "/logs", "/hello"]) {
          // Cold, then warm.
          for (const _ of [1, 2]) assert.deepStrictEqual(yield* direct(path, headers), yield* tried(path, headers))
        }
      }
      const good = yield* direct("/plain", { "x-api-key": reader })
      assert.deepInclude(good, { status: 200, body: '"Ada"' })
      assert.deepInclude(good.headers, { vary: "Authorization, X-API-Key", "cache-control": "private" })
      assert.include((yield* direct("/logs", { "x-api-key": reader })).body, "api_key.key_id")
      assert.deepInclude(yield* direct("/fails", { "x-api-key": reader }), { status: 500, body: '"broken"' })
      assert.strictEqual((yield* direct("/write", { "x-api-key": reader })).status, 403)
    }).pipe(Effect.scoped, Effect.provide(layerKeys)),
  )

  it.effect("refuses a warm key as soon as it ends", () =>
    Effect.gen(function* () {
      const apiKeys = yield* ApiKeys.ApiKeys
      const expiresAt = DateTime.addDuration(yield* DateTime.now, Duration.seconds(10))
      const [mortal, doomed] = [yield* apiKeys.create({ name: "mortal", expiresAt }), yield* apiKeys.create({ name: "doomed" })]
      const call = yield* ask(Direct, layerAuth())
      const statusOf = ({ token }: ApiKeys.Created) =>
        Effect.map(call("/plain", { authorization: `Bearer ${Redacted.value(token)}` }), ({ status }) => status)
      for (const _ of [1, 2]) assert.deepStrictEqual([yield* statusOf(mortal), yield* statusOf(doomed)], [200, 200])
      yield* apiKeys.deactivate(doomed.apiKey.id)
      yield* TestClock.adjust("9999 millis")
      assert.deepStrictEqual([yield* statusOf(mortal), yield* statusOf(doomed)], [200, 401])
      yield* TestClock.adjust("1 millis")
      assert.strictEqual(yield* statusOf(mortal), 401)
    }).pipe(Effect.scoped, Effect.provide(layerKeys)),
  )

  it.effect("goes through a middleware that an application put around ours", () =>
    Effect.gen(function* () {
      const apiKeys = yield* ApiKeys.ApiKeys
      const { token } = yield* apiKeys.create({ name: "Ada" })
      const closed = () => Effect.succeed(HttpServerResponse.text("closed", { status: 418 }))
      const around = Layer.effect(
        ApiKeyAuth,
        Effect.map(ApiKeyAuth, ({ bearer, apiKey }) => ({
          bearer: (_next: unknown, options: Parameters<typeof bearer>[1]) => bearer(closed(), options),
          apiKey: (_next: unknown, options: Parameters<typeof apiKey>[1]) => apiKey(closed(), options),
        })),
      ).pipe(Layer.provideMerge(layerAuth()))
      const call = yield* ask(Direct, around)
      assert.strictEqual((yield* call("/plain", { authorization: `Bearer ${Redacted.value(token)}` })).status, 418)
      assert.strictEqual((yield* call("/plain")).status, 401)
    }).pipe(Effect.scoped, Effect.provide(layerKeys)),
  )

  it.effect("asks the `verify` of a service that an application put around ours", () =>
    Effect.gen(function* () {
      const apiKeys = yield* ApiKeys.ApiKeys
      const { token } = yield* apiKeys.create({ name: "Ada" })
      let asked = 0
      const counting = Effect.provideService(ask(Direct, layerAuth()), ApiKeys.ApiKeys, {
        ...apiKeys,
        verify: (token, options) => {
          asked++
          return apiKeys.verify(token, options)
        },
      })
      const call = yield* counting
      for (const _ of [1, 2, 3]) assert.strictEqual((yield* call("/plain", { "x-api-key": Redacted.value(token) })).status, 200)
      assert.strictEqual(asked, 3)
    }).pipe(Effect.scoped, Effect.provide(layerKeys)),
  )

  it.effect("passes by no middleware between two that take keys", () =>
    Effect.gen(function* () {
      const apiKeys = yield* ApiKeys.ApiKeys
      const { token } = yield* apiKeys.create({ name: "Ada" })
      const closed = Effect.succeed(HttpServerResponse.text("closed", { status: 418 }))
      const bothOf = (isClosed: boolean) => {
        const group = HttpApiGroup.make("both")
          .add(HttpApiEndpoint.get("hello", "/hello", text))
          .middleware(ApiKeyAuth)
          .middleware(Between)
          .middleware(OptionalApiKeyAuth)
        const api = HttpApi.make("app").add(group).pipe(acceptCredentials({}), acceptCredentials({}))
        const routes = HttpApiBuilder.layer(api).pipe(
          Layer.provide(HttpApiBuilder.group(api, "both", (handlers) => handlers.handle("hello", () => Effect.succeed("handled")))),
          Layer.provide([layerAuth(), Layer.succeed(Between, (next) => (isClosed ? closed : next))]),
        )
        return serve(routes)
      }
      const credentials = { authorization: `Bearer ${Redacted.value(token)}` }
      const open = yield* bothOf(false)
      assert.strictEqual((yield* open("/hello")).status, 401)
      assert.strictEqual((yield* open("/hello", credentials)).status, 200)
      const shut = yield* bothOf(true)
      for (const _ of [1, 2]) assert.strictEqual((yield* shut("/hello", credentials)).status, 418)
    }).pipe(Effect.scoped, Effect.provide(layerKeys)),
  )
})
