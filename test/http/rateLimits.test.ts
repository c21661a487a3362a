/** Rate limits over HTTP: the fields that tell of them, and the refusal. */
import { assert, layer as describeWith } from "@effect/vitest"
import { createServer } from "node:http"
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import { ConfigProvider, Effect, Layer, Logger, Redacted } from "effect"
import { HttpRouter, HttpServer, HttpServerResponse } from "effect/http"
import { HttpApi, HttpApiBuilder, HttpApiEndpoint, HttpApiGroup } from "effect/http-api"
import { layerEphemeral } from "../../src/ApiKeyHasher.ts"
import * as ApiKeys from "../../src/ApiKeys.ts"
import { layerMemory } from "../../src/ApiKeyRepository.ts"
import { ApiKeyAuth } from "../../src/http/definition.ts"
import { layerAuth } from "../../src/http/implementation.ts"
import { readXRateLimit } from "../../src/internal/server/credentialOptions.ts"
import { routesWith } from "../../src/internal/server/routes.ts"
import { makeSetup } from "./suite/setup.ts"

const limits = [
  { name: "burst", limit: 2, window: "1h" },
  { name: "daily", limit: 10_000, window: "1 day", algorithm: "bucket" as const },
]

const { server, send, assertProblem } = makeSetup(Layer.fresh(layerMemory))

const makeKey = (...scopes: ReadonlyArray<string>) =>
  ApiKeys.ApiKeys.use((apiKeys) => Effect.orDie(apiKeys.create({ name: "k", scopes }))).pipe(
    Effect.map(({ apiKey, token }) => ({ ...apiKey, token: Redacted.value(token) })),
  )

describeWith(server, { excludeTestServices: true })("A key with rate limits, over HTTP,", (it) => {
  it.effect("is made, changed and shown with them", () =>
    Effect.gen(function* () {
      const { token } = yield* makeKey("*")
      const made = yield* send("POST", "/api-keys", { token, body: { name: "k", policies: { limits } } })
      assert.strictEqual(made.status, 201, made.text)
      const { id } = made.body.apiKey
      assert.deepStrictEqual((yield* send("GET", `/api-keys/${id}`, { token })).body.policies, { limits })
      const changed = yield* send("PATCH", `/api-keys/${id}`, { token, body: { policies: { limits: [limits[0]] } } })
      assert.deepStrictEqual(changed.body.policies, { limits: [limits[0]] })
      assert.isNull((yield* send("PATCH", `/api-keys/${id}`, { token, body: { policies: null } })).body.policies)
      const wrong = yield* send("POST", "/api-keys", { token, body: { name: "k", policies: { limits: [{ ...limits[0], limit: 0 }] } } })
      assertProblem(wrong, 400, "invalid-request")
      assert.deepStrictEqual(wrong.body.errors[0].path, ["policies", "limits", "0", "limit"])
    }),
  )

  it.effect("is told what is left of them, and when to come again", () =>
    Effect.gen(function* () {
      const { token: admin } = yield* makeKey("*")
      const { body } = yield* send("POST", "/api-keys", {
        token: admin,
        body: { name: "k", scopes: ["api-keys:read"], policies: { limits } },
      })
      const token: string = body.token
      const good = yield* send("GET", "/api-keys", { token })
      assert.strictEqual(good.status, 200)
      assert.strictEqual(good.headers.get("ratelimit-policy"), `"burst";q=2;w=3600, "daily";q=10000;w=86400`)
      assert.match(good.headers.get("ratelimit") ?? "", /^"burst";r=1;t=3600, "daily";r=9999;t=9$/)
      assert.isNull(good.headers.get("x-ratelimit-limit"))
      assert.strictEqual((yield* send("GET", "/api-keys", { token })).status, 200)
      const refused = yield* send("GET", "/api-keys", { token })
      assert.strictEqual(refused.status, 429)
      const { type, title, "violated-policies": violated, retryAt } = refused.body
      assert.deepStrictEqual(
        { type, title, violated },
        {
          type: "https://iana.org/assignments/http-problem-types#quota-exceeded",
          title: "Too many requests with this API key",
          violated: ["burst"],
        },
      )
      const again = Number(refused.headers.get("retry-after"))
      const [, t = ""] = /^"burst";r=0;t=(\d+)$/.exec(refused.headers.get("ratelimit") ?? "") ?? []
      assert.isTrue(again >= Number(t) && again > 3_500 && again <= 3_600, `${again} ${t}`)
      assert.closeTo(Date.parse(retryAt), Date.now() + again * 1_000, 60_000)
      assert.strictEqual(refused.headers.get("ratelimit-policy"), `"burst";q=2;w=3600, "daily";q=10000;w=86400`)
    }),
  )

  it.effect("is verified with a cost, by a caller that is told of the limits too", () =>
    Effect.gen(function* () {
      const { token: admin } = yield* makeKey("*")
      const { body } = yield* send("POST", "/api-keys", { token: admin, body: { name: "k", policies: { limits } } })
      const verify = (cost: number) => send("POST", "/api-keys/verify", { token: admin, body: { token: body.token, cost } })
      const good = (yield* verify(2)).body
      assert.deepInclude(good.limits[0], { name: "burst", limit: 2, windowSeconds: 3_600, remaining: 0 })
      const { valid, error } = (yield* verify(1)).body
      assert.isFalse(valid)
      assert.deepInclude(error, { _tag: "RateLimited", name: "burst", violated: ["burst"] })
      assert.isTrue((yield* verify(0)).body.valid)
      assertProblem(yield* verify(-1), 400, "invalid-request")
    }),
  )

  it.effect("isn't given to another owner, with new units, by itself", () =>
    Effect.gen(function* () {
      const { token: admin } = yield* makeKey("*")
      const { body } = yield* send("POST", "/api-keys", {
        token: admin,
        body: { name: "k", ownerId: "acme", scopes: ["api-keys:write"], policies: { limits: [{ ...limits[0]!, per: "owner" }] } },
      })
      const move = (ownerId: string) => send("PATCH", `/api-keys/${body.apiKey.id}`, { token: body.token, body: { ownerId } })
      assertProblem(yield* move("a"), 403, "policy-refused")
      assertProblem(yield* move("b"), 403, "policy-refused")
      assert.strictEqual((yield* move("c")).status, 429)
    }),
  )

  it.effect("takes its limits from no key, its own included, of a caller that has policies", () =>
    Effect.gen(function* () {
      const { token: admin } = yield* makeKey("*")
      const { body } = yield* send("POST", "/api-keys", {
        token: admin,
        body: { name: "k", scopes: ["*"], policies: { limits: [{ ...limits[1]!, name: "x" }] } },
      })
      for (const policies of [null, { limits }]) {
        const refused = yield* send("PATCH", `/api-keys/${body.apiKey.id}`, { token: body.token, body: { policies } })
        assertProblem(refused, 403, "policy-refused")
      }
      const weak = yield* makeKey("api-keys:write")
      assertProblem(
        yield* send("PATCH", `/api-keys/${body.apiKey.id}`, { token: weak.token, body: { policies: null } }),
        403,
        "scope-not-held",
      )
    }),
  )
})

const Shop = HttpApi.make("shop").add(
  HttpApiGroup.make("shop")
    .add(HttpApiEndpoint.get("good", "/good"), HttpApiEndpoint.get("moved", "/moved"), HttpApiEndpoint.get("own", "/own"))
    .middleware(ApiKeyAuth),
)

const shop = HttpApiBuilder.layer(Shop).pipe(
  Layer.provide(
    HttpApiBuilder.group(Shop, "shop", (handlers) =>
      handlers
        .handleRaw("good", () => Effect.succeed(HttpServerResponse.empty()))
        .handleRaw("moved", () => Effect.succeed(HttpServerResponse.redirect("/good")))
        .handleRaw("own", () => Effect.succeed(HttpServerResponse.empty({ headers: { ratelimit: '"shop";r=7' } }))),
    ).pipe(Layer.provide(layerAuth({ xRateLimit: true }))),
  ),
)

const application = HttpRouter.serve(Layer.mergeAll(shop, routesWith({ xRateLimit: true })), {
  disableLogger: true,
  disableListenLog: true,
}).pipe(
  Layer.provideMerge(NodeHttpServer.layer(() => createServer(), { port: 0, host: "127.0.0.1", gracefulShutdownTimeout: "1 second" })),
  Layer.provideMerge(ApiKeys.layer.pipe(Layer.provide(layerEphemeral), Layer.provideMerge(Layer.fresh(layerMemory)))),
  Layer.provide(Logger.layer([])),
)

describeWith(application, { excludeTestServices: true })("An application's endpoints", (it) => {
  const fieldsOf = (path: string, token: Redacted.Redacted) =>
    Effect.gen(function* () {
      const url = HttpServer.formatAddress((yield* HttpServer.HttpServer).address)
      const headers = { authorization: `Bearer ${Redacted.value(token)}` }
      const response = yield* Effect.promise(() => fetch(url + path, { headers, redirect: "manual" }))
      return {
        status: response.status,
        told: ["ratelimit", "ratelimit-policy", "x-ratelimit-limit", "x-ratelimit-remaining"].map((name) => response.headers.get(name)),
        reset: Number(response.headers.get("x-ratelimit-reset")),
      }
    })

  it.effect("tell of rate limits, by the older fields too, except by a redirection or beside fields of their own", () =>
    Effect.gen(function* () {
      const { token } = yield* ApiKeys.ApiKeys.use((apiKeys) =>
        apiKeys.create({ name: "k", policies: { limits: [{ name: "burst", limit: 5, window: "1h" }, limits[1]!] } }),
      )
      const policy = '"burst";q=5;w=3600, "daily";q=10000;w=86400'
      const good = yield* fieldsOf("/good", token)
      assert.deepStrictEqual([good.status, good.told], [204, ['"burst";r=4;t=3600, "daily";r=9999;t=9', policy, "5", "4"]])
      assert.closeTo(good.reset, Date.now() / 1_000 + 3_600, 60)
      const moved = yield* fieldsOf("/moved", token)
      assert.deepStrictEqual([moved.status, moved.told], [302, [null, null, null, null]])
      const own = yield* fieldsOf("/own", token)
      assert.deepStrictEqual([own.status, own.told], [204, ['"shop";r=7', null, null, null]])
      assert.deepStrictEqual((yield* fieldsOf("/protected", token)).told.slice(1), [policy, "5", "1"])
      assert.strictEqual((yield* fieldsOf("/good", token)).status, 204)
      const refused = yield* fieldsOf("/own", token)
      assert.deepStrictEqual([refused.status, refused.told.slice(1)], [429, [policy, "5", "0"]])
    }),
  )

  it.effect("of the package's server have the older fields by configuration", () =>
    Effect.gen(function* () {
      const read = (env: Record<string, string>) =>
        Effect.provideService(readXRateLimit, ConfigProvider.ConfigProvider, ConfigProvider.fromEnv({ env }))
      assert.isFalse(yield* read({}))
      assert.isTrue(yield* read({ API_KEY_X_RATE_LIMIT: "true" }))
      assert.include(String(yield* Effect.flip(read({ API_KEY_X_RATE_LIMIT: "yes" }))), "must be true or false")
    }),
  )
})
