/** The bound on an owner's keys over HTTP: what the wire tells of it, and what `ApiKeys` over HTTP makes of that. */
import { assert, layer as describeWith } from "@effect/vitest"
import { Effect, Layer, Redacted } from "effect"
import { HttpServer } from "effect/http"
import { layerMemory } from "../../src/ApiKeyRepository.ts"
import { TooManyKeys } from "../../src/ApiKeyError.ts"
import * as ApiKeys from "../../src/ApiKeys.ts"
import * as ApiKeysClient from "../../src/http/client.ts"
import { makeSetup } from "./suite/setup.ts"

const maxima: Readonly<Record<string, number>> = { acme: 1, umbrella: 7 }
const { server, send, makeKey, assertProblem } = makeSetup(Layer.fresh(layerMemory), {
  maxKeysPerOwner: (ownerId) => maxima[ownerId] ?? Infinity,
})

describeWith(server, { excludeTestServices: true })("maxKeysPerOwner over HTTP", (it) => {
  it.effect("is a problem of its own, with the number of that owner", () =>
    Effect.gen(function* () {
      const { token } = yield* makeKey("*")
      const post = (ownerId: string) => send("POST", "/api-keys", { token, body: { name: "k", ownerId } })
      assert.strictEqual((yield* post("acme")).status, 201)
      const other = yield* post("umbrella")
      assert.strictEqual(other.status, 201)
      const { id, version } = other.body.apiKey
      const refused = [yield* post("acme"), yield* send("PATCH", `/api-keys/${id}`, { token, body: { ownerId: "acme" } })]
      for (const reply of refused) {
        assertProblem(reply, 409, "too-many-keys")
        assert.deepStrictEqual(Object.keys(reply.body).sort(), ["maximum", "ownerId", "status", "title", "type"])
        assert.deepInclude(reply.body, { ownerId: "acme", maximum: 1 })
      }
      assert.deepInclude((yield* send("GET", `/api-keys/${id}`, { token })).body, { ownerId: "umbrella", version })
      assert.deepStrictEqual((yield* send("GET", "/api-keys/count?ownerId=acme", { token })).body, { count: 1 })
    }),
  )

  it.effect("is TooManyKeys of ApiKeys over HTTP", () =>
    Effect.gen(function* () {
      const { token } = yield* makeKey("*")
      const url = HttpServer.formatAddress((yield* HttpServer.HttpServer).address)
      yield* Effect.gen(function* () {
        const keys = yield* ApiKeys.ApiKeys
        while ((yield* keys.count({ ownerId: "acme" })) < 1) yield* keys.create({ name: "k", ownerId: "acme" })
        const { apiKey } = yield* keys.create({ name: "k", ownerId: "umbrella" })
        const changes: ReadonlyArray<Effect.Effect<unknown, unknown>> = [
          keys.create({ name: "k", ownerId: "acme" }),
          keys.update(apiKey.id, { ownerId: "acme" }),
        ]
        for (const change of changes) {
          assert.deepStrictEqual(yield* Effect.flip(change), new TooManyKeys({ ownerId: "acme", maximum: 1 }))
        }
      }).pipe(Effect.provide(ApiKeysClient.layerFetch({ url, token: Redacted.make(token) })))
    }),
  )
})
