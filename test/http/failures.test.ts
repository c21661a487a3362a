/** What comes between a request and its answer: another change, a node that is silent, a pepper that is missing. */
import { createServer } from "node:http"
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import { assert, it } from "@effect/vitest"
import { DateTime, Duration, Effect, Layer, Logger, Redacted, Result } from "effect"
import { HttpRouter, HttpServer } from "effect/http"
import { KeyId } from "../../src/ApiKey.ts"
import { MalformedToken } from "../../src/ApiKeyError.ts"
import { ApiKeyHasher, layerEphemeral } from "../../src/ApiKeyHasher.ts"
import { ApiKeyInvalidation } from "../../src/ApiKeyInvalidation.ts"
import * as Repository from "../../src/ApiKeyRepository.ts"
import * as ApiKeys from "../../src/ApiKeys.ts"
import * as ApiKeyToken from "../../src/ApiKeyToken.ts"
import * as Hmac from "../../src/hasher/Hmac.ts"
import * as Pepper from "../../src/hasher/Pepper.ts"
import { routes } from "../../src/internal/server/routes.ts"
import { makeHub } from "../support/nodes.ts"

type Service = Repository.ApiKeyRepository["Service"]

/** A server over what is in the repository. */
const withServer = <A, E>(
  services: Layer.Layer<ApiKeys.ApiKeys, unknown, Repository.ApiKeyRepository>,
  repository: Layer.Layer<Repository.ApiKeyRepository>,
  lines: Array<string>,
  test: (
    post: (path: string, token: Redacted.Redacted, body?: unknown, change?: { method: string; ifMatch: string }) => Effect.Effect<Response>,
  ) => Effect.Effect<A, E, ApiKeys.ApiKeys>,
) =>
  Effect.gen(function* () {
    const url = HttpServer.formatAddress((yield* HttpServer.HttpServer).address)
    return yield* test((path, token, body, { method, ifMatch } = { method: "POST", ifMatch: "*" }) =>
      Effect.promise(() =>
        fetch(url + path, {
          method,
          headers: { authorization: `Bearer ${Redacted.value(token)}`, "content-type": "application/json", "if-match": ifMatch },
          body: JSON.stringify(body ?? {}),
        }),
      ),
    )
  }).pipe(
    Effect.provide(
      HttpRouter.serve(routes, { disableLogger: true, disableListenLog: true }).pipe(
        Layer.provideMerge(NodeHttpServer.layer(() => createServer(), { port: 0, host: "127.0.0.1", gracefulShutdownTimeout: "1 second" })),
        Layer.provideMerge(services),
        Layer.provideMerge(repository),
        Layer.provide(Logger.layer([Logger.make(({ message }) => void lines.push(String(message)))])),
      ),
    ),
  )

/** A repository in which a key changes once, between the handler's read of it and the service's. */
const meddling = (repository: Service, change: Parameters<Service["update"]>[1]) => {
  let isArmed = false
  const meddled: Service = {
    ...repository,
    findById: (id) =>
      Effect.tap(repository.findById(id), () => {
        if (!isArmed) return Effect.void
        isArmed = false
        return Effect.flatMap(DateTime.now, (at) => Effect.ignore(repository.update(id, change, { at })))
      }),
  }
  return { layer: Layer.succeed(Repository.ApiKeyRepository, meddled), meddle: () => void (isArmed = true) }
}

it.live("a key that changes between what is judged and what is rotated isn't", () =>
  Effect.gen(function* () {
    const repository = yield* Repository.ApiKeyRepository
    const { layer, meddle } = meddling(repository, { isActive: false })
    const services = ApiKeys.layer.pipe(Layer.provide(layerEphemeral))
    yield* withServer(services, layer, [], (post) =>
      Effect.gen(function* () {
        const apiKeys = yield* ApiKeys.ApiKeys
        const { apiKey, token } = yield* apiKeys.create({ name: "k", scopes: ["api-keys:rotate-self"] })
        meddle()
        assert.strictEqual((yield* post(`/api-keys/${apiKey.id}/rotate`, token)).status, 412)
        assert.deepInclude(yield* apiKeys.get(apiKey.id), { keyId: apiKey.keyId, isActive: false })
      }),
    )
  }).pipe(Effect.provide(Layer.fresh(Repository.layerMemory))),
)

it.live("a change that has to find a version isn't made of another, though that comes in between", () =>
  Effect.gen(function* () {
    const repository = yield* Repository.ApiKeyRepository
    const { layer, meddle } = meddling(repository, { description: "theirs" })
    const services = ApiKeys.layer.pipe(Layer.provide(layerEphemeral))
    yield* withServer(services, layer, [], (post) =>
      Effect.gen(function* () {
        const apiKeys = yield* ApiKeys.ApiKeys
        const { token } = yield* apiKeys.create({ name: "k", scopes: ["*"] })
        for (const [method, body] of [
          ["PATCH", { description: "ours" }],
          ["PATCH", { description: "ours", expiresAt: null }],
          ["DELETE", undefined],
        ] as const) {
          const { apiKey } = yield* apiKeys.create({ name: "k" })
          meddle()
          const reply = yield* post(`/api-keys/${apiKey.id}`, token, body, { method, ifMatch: `"${apiKey.version}"` })
          assert.strictEqual(reply.status, 412, method)
          assert.strictEqual((yield* apiKeys.get(apiKey.id)).description, "theirs")
        }
      }),
    )
  }).pipe(Effect.provide(Layer.fresh(Repository.layerMemory))),
)

it.live("a rotation that isn't confirmed gives its token all the same", () => {
  const hub = makeHub()
  const node = ApiKeys.layer.pipe(Layer.provide([hub, layerEphemeral]))
  return withServer(node, Layer.fresh(Repository.layerMemory), [], (post) =>
    Effect.gen(function* () {
      // It lives, they say, and answers nothing.
      yield* ApiKeyInvalidation.use(({ register }) => register("silent", Duration.hours(1))).pipe(Effect.provide(hub))
      const { apiKey, token } = yield* ApiKeys.ApiKeys.use((apiKeys) => apiKeys.create({ name: "k", scopes: ["*"] }))
      const reply = yield* post(`/api-keys/${apiKey.id}/rotate?confirmWithin=50%20millis`, token)
      assert.deepStrictEqual([reply.status, reply.headers.get("cache-control")], [504, "no-store"])
      const body = yield* Effect.promise(() => reply.json())
      assert.deepInclude(body, { type: "urn:effect-api-key:problem:unconfirmed", id: apiKey.id, nodes: ["silent"] })
      const { usedToken } = yield* ApiKeys.ApiKeys.use((apiKeys) => apiKeys.verify(`${body.token}`))
      assert.strictEqual(usedToken, "current")
    }),
  )
})

it.live("a token of an application's own format is given like any other", () => {
  const hub = makeHub()
  const { generate, hint } = ApiKeyToken.defaultFormat
  const format: ApiKeyToken.TokenFormat = {
    generate,
    hint,
    prefix: "acme",
    parse: (token) => {
      const [prefix, keyId, secret] = token.split(".")
      return prefix === "acme" && keyId && secret
        ? Result.succeed({ prefix, keyId: KeyId.make(keyId), secret: Redacted.make(secret) })
        : Result.fail(new MalformedToken({ reason: "format" }))
    },
    // Without a label, which is our own format's affair.
    format: ({ keyId, secret }) => Redacted.make(`acme.${keyId}.${Redacted.value(secret)}`),
  }
  const node = ApiKeys.layerWith({ token: format }).pipe(Layer.provide([hub, layerEphemeral]))
  return withServer(node, Layer.fresh(Repository.layerMemory), [], (post) =>
    Effect.gen(function* () {
      const { token } = yield* ApiKeys.ApiKeys.use((apiKeys) => apiKeys.create({ name: "k", scopes: ["*"] }))
      yield* ApiKeyInvalidation.use(({ register }) => register("silent", Duration.hours(1))).pipe(Effect.provide(hub))
      const tell = (path: string, body: unknown) =>
        Effect.flatMap(post(path, token, body), (reply) => Effect.promise(async () => [reply.status, await reply.json()] as const))
      const [created, { apiKey, token: first }] = yield* tell("/api-keys", { name: "x" })
      const [rotated, { token: second }] = yield* tell(`/api-keys/${apiKey.id}/rotate`, {})
      const [unconfirmed, { token: third }] = yield* tell(`/api-keys/${apiKey.id}/rotate?confirmWithin=50%20millis`, { ifPrevious: "end" })
      assert.deepStrictEqual([created, rotated, unconfirmed], [201, 200, 504])
      for (const given of [first, second, third]) assert.match(given, /^acme\./)
      assert.strictEqual((yield* ApiKeys.ApiKeys.use((apiKeys) => apiKeys.verify(third))).usedToken, "current")
    }),
  )
})

it.live("a missing pepper's id reaches the operator, and not the caller", () =>
  Effect.gen(function* () {
    const repository = Layer.succeed(Repository.ApiKeyRepository, yield* Repository.ApiKeyRepository)
    const peppers = { ring: ring("secret-plan") }
    const hasher = Layer.effect(ApiKeyHasher, ApiKeyHasher).pipe(
      Layer.provide(Hmac.layerPeppers),
      Layer.provide(Layer.succeed(Pepper.Peppers, { ring: Effect.sync(() => peppers.ring) })),
    )
    const services = ApiKeys.layerWith({ cache: "off" }).pipe(Layer.provide(hasher))
    const lines: Array<string> = []
    yield* withServer(services, repository, lines, (post) =>
      Effect.gen(function* () {
        const { token } = yield* ApiKeys.ApiKeys.use((apiKeys) => apiKeys.create({ name: "k", scopes: ["*"] }))
        peppers.ring = ring("2027")
        const reply = yield* post("/api-keys", token, { name: "x" })
        const text = yield* Effect.promise(() => reply.text())
        const all = JSON.stringify([text, Array.from(reply.headers)])
        assert.strictEqual(reply.status, 503, text)
        for (const hidden of ["secret-plan", "MissingPepper", "pepper"]) assert.notInclude(all, hidden)
        assert.include(lines.join("\n"), "the pepper secret-plan isn't configured")
      }),
    )
  }).pipe(Effect.provide(Layer.fresh(Repository.layerMemory))),
)

const ring = (id: string): Pepper.PepperRing => ({ current: { id, value: Redacted.make(`${id}: at least sixteen bytes`) }, older: [] })
