/** Overload, confirmation and readiness, as callers of the server see them. */
import { createServer } from "node:http"
import { connect } from "node:net"
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import { assert, describe, it } from "@effect/vitest"
import { Context, DateTime, Deferred, Duration, Effect, Fiber, Layer, Logger, Option, Redacted, References, Tracer } from "effect"
import { FetchHttpClient, HttpRouter, HttpServer } from "effect/http"
import { HttpApiClient } from "effect/http-api"
import { ApiKeyId } from "../../src/ApiKey.ts"
import { Overloaded, RepositoryError, Unconfirmed } from "../../src/ApiKeyError.ts"
import { ApiKeyHasher, layerEphemeral } from "../../src/ApiKeyHasher.ts"
import { ApiKeyRepository } from "../../src/ApiKeyRepository.ts"
import * as Repository from "../../src/ApiKeyRepository.ts"
import * as ApiKeys from "../../src/ApiKeys.ts"
import * as ApiKeyToken from "../../src/ApiKeyToken.ts"
import { ApiKeyAuth } from "../../src/http/definition.ts"
import { ServerApi } from "../../src/internal/server/api.ts"
import { defaultLimits, layerRequestLimits, makeServer } from "../../src/internal/server/limits.ts"
import { routes } from "../../src/internal/server/routes.ts"
import { tracerInto } from "../support/spans.ts"

type Service = ApiKeys.ApiKeys["Service"]

/** The server, over services of which some methods are replaced. */
const serverWith = (
  change: (service: Service) => Partial<Service>,
  changeRepository: (repository: ApiKeyRepository["Service"]) => Partial<ApiKeyRepository["Service"]> = () => ({}),
) => {
  const repository = Layer.effect(
    ApiKeyRepository,
    Effect.map(Effect.service(ApiKeyRepository), (service) => ({ ...service, ...changeRepository(service) })),
  ).pipe(Layer.provide(Layer.fresh(Repository.layerMemory)))
  const apiKeys = Layer.effect(
    ApiKeys.ApiKeys,
    Effect.map(Effect.service(ApiKeys.ApiKeys), (service) => ({ ...service, ...change(service) })),
  ).pipe(Layer.provide(ApiKeys.layer), Layer.provide(layerEphemeral))
  return HttpRouter.serve(routes, { disableLogger: true, disableListenLog: true }).pipe(
    Layer.provideMerge(NodeHttpServer.layer(() => createServer(), { port: 0, host: "127.0.0.1", gracefulShutdownTimeout: "1 second" })),
    Layer.provideMerge(apiKeys.pipe(Layer.provideMerge(repository))),
    Layer.provideMerge(FetchHttpClient.layer),
  )
}
const quiet = Layer.provide(Logger.layer([]))

const send = (method: string, path: string, token: string, body?: unknown) =>
  Effect.gen(function* () {
    const url = HttpServer.formatAddress((yield* HttpServer.HttpServer).address)
    return yield* Effect.promise(async () => {
      const response = await fetch(url + path, {
        method,
        headers: { ...(token === "" ? {} : { authorization: `Bearer ${token}` }), "content-type": "application/json" },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      })
      const text = await response.text()
      const isJson = response.headers.get("content-type")?.includes("json") === true
      // What JSON holds is what these tests are to find out.
      // oxlint-disable-next-line typescript/no-explicit-any
      return { status: response.status, headers: response.headers, body: (isJson ? JSON.parse(text) : text) as any }
    })
  })
const makeKey = Effect.flatMap(ApiKeys.ApiKeys, (apiKeys) => apiKeys.create({ name: "Ada", scopes: ["*"] }))
const client = (token: string) =>
  Effect.gen(function* () {
    const baseUrl = HttpServer.formatAddress((yield* HttpServer.HttpServer).address)
    return yield* HttpApiClient.make(ServerApi, { baseUrl }).pipe(Effect.provide(ApiKeyAuth.layerClient(Redacted.make(token))))
  })

describe("overload", () => {
  const server = serverWith(({ verify }) => ({
    verify: (token, options) => {
      const text = typeof token === "string" ? token : Redacted.value(token)
      return text.startsWith("busy") ? Effect.fail(new Overloaded({ retryAfterSeconds: text.length })) : verify(token, options)
    },
  }))

  it.live("is told with a time to come again", () =>
    Effect.gen(function* () {
      const token = Redacted.value((yield* makeKey).token)
      for (const [retryAfterSeconds, reply] of [
        [4, yield* send("GET", "/protected", "busy")],
        [5, yield* send("GET", "/protected", "busy!")],
        [4, yield* send("GET", "/protected", "busy")],
        [6, yield* send("POST", "/api-keys/verify", token, { token: "busy!!" })],
      ] as const) {
        assert.strictEqual(reply.status, 503)
        assert.strictEqual(reply.headers.get("retry-after"), String(retryAfterSeconds))
        assert.isNull(reply.headers.get("www-authenticate"))
        assert.deepInclude(reply.body, { type: "urn:effect-api-key:problem:overloaded", status: 503, retryAfterSeconds })
      }
    }).pipe(Effect.provide(server.pipe(quiet))),
  )

  it.live("is what a derived client fails with", () =>
    Effect.gen(function* () {
      const { protected: group } = yield* client("busy")
      assert.deepInclude(yield* Effect.flip(group.get()), { _tag: "OverloadedProblem", retryAfterSeconds: 4 })
      const { apiKeys } = yield* client(Redacted.value((yield* makeKey).token))
      const error = yield* Effect.flip(apiKeys.verify({ payload: { token: Redacted.make("busy", { label: "token" }) } }))
      assert.deepInclude(error, { _tag: "OverloadedProblem", retryAfterSeconds: 4 })
    }).pipe(Effect.provide(server.pipe(quiet))),
  )
})

describe("a flood of invented tokens", () => {
  /** As slow as Argon2id on two cores, without taking their time. */
  const hasher = Layer.succeed(ApiKeyHasher, {
    hash: (secret) => Effect.delay(Effect.succeed(Redacted.make(`plain ${Redacted.value(secret)}`)), "25 millis"),
    verify: (secret, hash) => Effect.delay(Effect.succeed(Redacted.value(hash) === `plain ${Redacted.value(secret)}`), "25 millis"),
  })
  const server = Layer.unwrap(
    Effect.map(makeServer(defaultLimits), (make) =>
      HttpRouter.serve(Layer.mergeAll(routes, layerRequestLimits(defaultLimits)), { disableLogger: true, disableListenLog: true }).pipe(
        Layer.provideMerge(NodeHttpServer.layer(make, { port: 0, host: "127.0.0.1", gracefulShutdownTimeout: "100 millis" })),
      ),
    ),
  ).pipe(
    // However slow the machine is, only a full queue refuses.
    Layer.provideMerge(ApiKeys.layerWith({ hashing: { permits: 2, maxWait: "1 minute" } }).pipe(Layer.provide(hasher))),
    Layer.provideMerge(Layer.fresh(Repository.layerMemory)),
  )
  let invented = 0
  const inventedToken = () => {
    const body = `ak-${(++invented).toString(16).padStart(16, "0")}-${"x".repeat(58)}`
    return body + ApiKeyToken.checksum(body)
  }
  const ask = (token: string) => `GET /protected HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${token}\r\n\r\n`

  /** A connection on which as many requests are under way as the server works on. */
  const stranger = (port: number) => {
    const socket = connect({ port, host: "127.0.0.1" }, () => {
      for (let i = 0; i < defaultLimits.requestsPerConnection; i++) socket.write(ask(inventedToken()))
    })
    const statuses: Array<string> = []
    socket.on("data", (data) => {
      const answers = data.toString("latin1").match(/HTTP\/1\.1 \d+/g) ?? []
      statuses.push(...answers)
      // Not at once, or the flood would keep the test itself busy.
      setTimeout(() => answers.forEach(() => socket.writable && socket.write(ask(inventedToken()))), 500)
    })
    socket.on("error", () => socket.destroy())
    return { socket, statuses }
  }

  it.live("is refused in part, and keeps neither a warm key nor the holder of a cold one from the server", () =>
    Effect.gen(function* () {
      const [warm, cold] = [yield* makeKey, yield* makeKey]
      const { address } = yield* HttpServer.HttpServer
      if (!("port" in address)) return yield* Effect.die("no port")
      assert.strictEqual((yield* send("GET", "/protected", Redacted.value(warm.token))).status, 200)
      const strangers = Array.from({ length: 128 }, () => stranger(address.port))
      yield* Effect.gen(function* () {
        // By then they have filled what they can.
        yield* Effect.sleep("500 millis")
        const holder = yield* Effect.forkChild(send("GET", "/protected", Redacted.value(cold.token)))
        for (let i = 0; i < 50; i++) {
          assert.strictEqual((yield* send("GET", "/protected", Redacted.value(warm.token))).status, 200, `request ${i}`)
          yield* Effect.sleep("20 millis")
        }
        assert.strictEqual((yield* Fiber.join(holder)).status, 200)
        const hasCome = (status: string) => strangers.some(({ statuses }) => statuses.includes(`HTTP/1.1 ${status}`))
        while (!hasCome("401") || !hasCome("503")) yield* Effect.sleep("10 millis")
      }).pipe(Effect.ensuring(Effect.sync(() => strangers.forEach(({ socket }) => socket.destroy()))))
    }).pipe(Effect.provide(server.pipe(quiet))),
  )
})

describe("confirmation", () => {
  it.live("is asked for with a duration, and what isn't confirmed was still done", () => {
    const asked: Array<readonly [string, number | undefined]> = []
    const note = (name: string, options: ApiKeys.ConfirmWithin | undefined) =>
      asked.push([name, options?.confirmWithin === undefined ? undefined : Duration.toMillis(options.confirmWithin)])
    const confirm = <A, E>(
      effect: Effect.Effect<A, E>,
      id: string,
      options: ApiKeys.ConfirmWithin | undefined,
    ): Effect.Effect<A, E | Unconfirmed> =>
      options?.confirmWithin === undefined
        ? effect
        : Effect.andThen(
            effect,
            Effect.fail(new Unconfirmed({ id: ApiKeyId.make(id), nodes: Duration.toMillis(options.confirmWithin) === 500 ? ["b.2"] : [] })),
          )
    const strip = ({ confirmWithin: _, ...options }: ApiKeys.IfVersion & ApiKeys.ConfirmWithin = {}) => options
    const server = serverWith((service) => ({
      update: (id, input, options) => (note("update", options), confirm(service.update(id, input, strip(options)), id, options)),
      activate: (id, options) => (note("activate", options), confirm(service.activate(id, strip(options)), id, options)),
      deactivate: (id, options) => (note("deactivate", options), confirm(service.deactivate(id), id, options)),
      delete: (id, options) => (note("delete", options), confirm(service.delete(id, strip(options)), id, options)),
    }))
    return Effect.gen(function* () {
      const token = Redacted.value((yield* makeKey).token)
      const { apiKey } = yield* makeKey
      const path = `/api-keys/${apiKey.id}`
      const apiKeys = yield* ApiKeys.ApiKeys
      const query = "?confirmWithin=500%20millis"

      for (const [method, at, body] of [
        ["PATCH", path, { name: "renamed" }],
        ["POST", `${path}/deactivate`, undefined],
        ["POST", `${path}/activate`, undefined],
      ] as const) {
        const reply = yield* send(method, at + query, token, body)
        assert.strictEqual(reply.status, 504)
        assert.deepInclude(reply.body, {
          type: "urn:effect-api-key:problem:unconfirmed",
          status: 504,
          id: apiKey.id,
          nodes: ["b.2"],
          detail: "The change was made and stands, but not every node has confirmed it in time",
        })
      }
      assert.deepInclude(yield* apiKeys.get(apiKey.id), { name: "renamed", version: 4, isActive: true })
      const { apiKeys: remote } = yield* client(token)
      const params = { id: apiKey.id }
      const error = yield* Effect.flip(remote.deactivate({ params, query: { confirmWithin: Duration.seconds(2) }, headers: {} }))
      assert.deepInclude(error, { _tag: "UnconfirmedProblem", id: apiKey.id, nodes: [] })
      assert.isFalse((yield* remote.deactivate({ params, query: {}, headers: {} })).body.isActive)
      const gone = yield* send("DELETE", `${path}?confirmWithin=30%20seconds`, token)
      assert.strictEqual(gone.status, 504)
      assert.strictEqual((yield* send("GET", path, token)).status, 404)
      assert.deepStrictEqual(asked, [
        ["update", 500],
        ["deactivate", 500],
        ["activate", 500],
        ["deactivate", 2_000],
        ["deactivate", undefined],
        ["delete", 30_000],
      ])
      for (const bad of ["", "0%20seconds", "-1%20seconds", "31%20seconds", "Infinity", "500", "soon", `${"1".repeat(500)}%20millis`]) {
        for (const [method, at] of [
          ["DELETE", path],
          ["PATCH", path],
          ["POST", `${path}/activate`],
          ["POST", `${path}/deactivate`],
        ] as const) {
          const reply = yield* send(method, `${at}?confirmWithin=${bad}`, token, method === "PATCH" ? {} : undefined)
          assert.strictEqual(reply.status, 400, `${method} ${bad}`)
          assert.deepInclude(reply.body, { type: "urn:effect-api-key:problem:invalid-request" })
        }
      }
      assert.lengthOf(asked, 6)
    }).pipe(Effect.provide(server.pipe(quiet)))
  })
})

describe("the age of an answer", () => {
  it.live("is told, and can be bounded", () => {
    const asked: Array<number | undefined> = []
    const server = serverWith(({ verify }) => ({
      verify: (token, options) => {
        if (typeof token !== "string") asked.push(options?.maxAge === undefined ? undefined : Duration.toMillis(options.maxAge))
        return verify(token, options)
      },
    }))
    return Effect.gen(function* () {
      const before = yield* DateTime.now
      const token = Redacted.value((yield* makeKey).token)
      for (const maxAge of [undefined, "0 seconds", "5 minutes"]) {
        const { status, body } = yield* send("POST", "/api-keys/verify", token, { token, maxAge })
        assert.strictEqual(status, 200)
        assert.deepStrictEqual(Object.keys(body).sort(), ["apiKey", "checkedAt", "usedToken", "valid"])
        assert.isTrue(DateTime.isGreaterThanOrEqualTo(DateTime.makeUnsafe(body.checkedAt), before))
      }
      for (const maxAge of ["-1 seconds", "5", "soon", 5, null]) {
        assert.strictEqual((yield* send("POST", "/api-keys/verify", token, { token, maxAge })).status, 400)
      }
      assert.deepStrictEqual(asked, [undefined, 0, 300_000])
    }).pipe(Effect.provide(server.pipe(quiet)))
  })
})

describe("/readyz", () => {
  it.live("has the database asked once, however many ask and give up", () =>
    Effect.gen(function* () {
      const answer = yield* Deferred.make<void>()
      let asked = 0
      const server = serverWith(
        () => ({}),
        () => ({
          findByKeyId: () =>
            Effect.suspend(() => {
              asked++
              return Effect.as(Deferred.await(answer), Option.none())
            }),
        }),
      )
      yield* Effect.gen(function* () {
        const url = HttpServer.formatAddress((yield* HttpServer.HttpServer).address)
        // Each gives up before the database has answered.
        yield* Effect.promise(async () => {
          for (let round = 0; round < 10; round++) {
            const abort = new AbortController()
            const gone = Array.from({ length: 5 }, () => fetch(`${url}/readyz`, { signal: abort.signal }).catch(() => undefined))
            await new Promise((resolve) => setTimeout(resolve, 20))
            abort.abort()
            await Promise.all(gone)
            await new Promise((resolve) => setTimeout(resolve, 20))
          }
        })
        const patient = yield* Effect.forkChild(
          Effect.all(
            Array.from({ length: 20 }, () => send("GET", "/readyz", "")),
            { concurrency: 20 },
          ),
        )
        yield* Deferred.succeed(answer, undefined)
        for (const { status } of yield* Fiber.join(patient)) assert.strictEqual(status, 200)
        // The second for which the answer holds may be over by now, but not many of them.
        assert.isAtMost(asked, 3)
      }).pipe(Effect.provide(server.pipe(quiet)))
    }),
  )

  it.live("doesn't wait for a database that never answers", () =>
    Effect.gen(function* () {
      assert.strictEqual((yield* send("GET", "/readyz", "")).status, 503)
    }).pipe(
      Effect.provide(
        serverWith(
          () => ({}),
          () => ({ findByKeyId: () => Effect.never }),
        ).pipe(quiet),
      ),
    ),
  )

  it.live("says so when the database fails", () =>
    Effect.gen(function* () {
      assert.strictEqual((yield* send("GET", "/readyz", "")).status, 503)
    }).pipe(
      Effect.provide(
        serverWith(
          () => ({}),
          () => ({ findByKeyId: () => Effect.fail(new RepositoryError({ operation: "find", isRetryable: true, cause: undefined })) }),
        ).pipe(quiet),
      ),
    ),
  )
})

describe("the middleware", () => {
  it.live("verifies once a request, good or bad, whichever header it came in", () => {
    let verified = 0
    const server = serverWith(({ verify }) => ({
      verify: (token, options) => {
        verified++
        return verify(token, options)
      },
    }))
    return Effect.gen(function* () {
      const token = Redacted.value((yield* makeKey).token)
      const url = HttpServer.formatAddress((yield* HttpServer.HttpServer).address)
      for (const [headers, status] of [
        [{ authorization: `Bearer ${token}` }, 200],
        [{ "x-api-key": token }, 200],
        [{ authorization: "Bearer nonsense" }, 401],
        [{ "x-api-key": "nonsense" }, 401],
      ] as const) {
        verified = 0
        const reply = yield* Effect.promise(() => fetch(`${url}/protected`, { headers }))
        assert.deepStrictEqual([reply.status, verified], [status, 1])
        // One challenge, if any.
        assert.strictEqual(reply.headers.get("www-authenticate")?.match(/Bearer/g)?.length, status === 401 ? 1 : undefined)
      }
    }).pipe(Effect.provide(server.pipe(quiet)))
  })

  it.live("has the handler's logs, and the request's span, name the key", () => {
    const annotations: Array<unknown> = []
    const spans: Array<Tracer.NativeSpan> = []
    const observed = Layer.mergeAll(
      Logger.layer([
        Logger.make(({ fiber, message }) => {
          if (String(message).includes("seen")) annotations.push(Context.get(fiber.context, References.CurrentLogAnnotations))
        }),
      ]),
      Layer.succeed(Tracer.Tracer, tracerInto(spans)),
    )
    const server = serverWith(({ count }) => ({ count: (filter) => Effect.tap(count(filter), () => Effect.logInfo("seen")) }))
    return Effect.gen(function* () {
      const { apiKey, token } = yield* makeKey
      const named = { "api_key.id": apiKey.id, "api_key.key_id": apiKey.keyId }
      assert.strictEqual((yield* send("GET", "/api-keys/count", Redacted.value(token))).status, 200)
      assert.deepStrictEqual(annotations, [named])
      const requests = spans.filter(({ kind }) => kind === "server")
      assert.lengthOf(requests, 1)
      assert.deepInclude(Object.fromEntries(requests[0]?.attributes ?? []), named)
    }).pipe(Effect.provide(server.pipe(Layer.provide(observed))))
  })
})
