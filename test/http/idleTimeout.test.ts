/** Idle keys over HTTP: what a refusal tells, to the key's holder and to a gateway. */
import { assert, layer as describeWith } from "@effect/vitest"
import { DateTime, Effect, Layer, Option, Redacted } from "effect"
import { ApiKey, StoredApiKey } from "../../src/ApiKey.ts"
import { ApiKeyRepository, layerMemory } from "../../src/ApiKeyRepository.ts"
import * as ApiKeys from "../../src/ApiKeys.ts"
import * as ApiKeysClient from "../../src/http/client.ts"
import { HttpServer } from "effect/http"
import { makeSetup } from "./suite/setup.ts"

const createdAt = DateTime.makeUnsafe("2025-01-01T00:00:00.000Z")

/** Keys named `old` are as old as that. */
const layerOld = Layer.effect(
  ApiKeyRepository,
  Effect.map(ApiKeyRepository, (repository) => ({
    ...repository,
    findByKeyId: (keyId) =>
      Effect.map(
        repository.findByKeyId(keyId),
        Option.map((stored) =>
          stored.apiKey.name === "old" ? new StoredApiKey({ ...stored, apiKey: new ApiKey({ ...stored.apiKey, createdAt }) }) : stored,
        ),
      ),
  })),
).pipe(Layer.provide(layerMemory), Layer.fresh)

const { server, send, makeKey, assertProblem, challengeOf } = makeSetup(layerOld)
const expiresAt = "2025-04-01T00:00:00.000Z"

describeWith(server, { excludeTestServices: true })("A key with an idle timeout, over HTTP,", (it) => {
  it.effect("is refused as expired, with the reason and the moment, and others as before", () =>
    Effect.gen(function* () {
      const keys = yield* ApiKeys.ApiKeys
      const make = (fields: Partial<ApiKeys.CreateInput>) =>
        Effect.map(keys.create({ name: "old", ...fields }), ({ token }) => Redacted.value(token))
      const idle = yield* make({ scopes: ["*"], policies: { idleTimeout: "90 days" } })
      const refused = yield* send("GET", "/api-keys", { token: idle })
      assertProblem(refused, 401, "expired")
      assert.deepInclude(refused.body, { expiresAt, reason: "idle" })
      assert.include(challengeOf(refused) ?? "", "invalid_token")

      const gateway = yield* makeKey("api-keys:verify")
      const { body } = yield* send("POST", "/api-keys/verify", { token: gateway.token, body: { token: idle } })
      assert.strictEqual(body.valid, false)
      assert.deepInclude(body.error, { _tag: "Expired", expiresAt, reason: "idle" })
      const url = HttpServer.formatAddress((yield* HttpServer.HttpServer).address)
      const error = yield* ApiKeys.ApiKeys.use((remote) => Effect.flip(remote.verify(idle))).pipe(
        Effect.provide(ApiKeysClient.layerFetch({ url, token: Redacted.make(gateway.token) }), { local: true }),
      )
      assert.deepInclude(error, { _tag: "Expired", reason: "idle" })

      // It works again by a longer timeout, and without one.
      const found = (yield* keys.search({ name: "old" })).items[0]
      assert.isDefined(found)
      const admin = yield* makeKey("*")
      const change = (policies: unknown) => send("PATCH", `/api-keys/${found?.id}`, { token: admin.token, body: { policies } })
      const answer = Effect.map(send("GET", "/api-keys", { token: idle }), ({ status }) => status)
      assert.strictEqual((yield* change({ idleTimeout: "50 years" })).status, 200)
      assert.strictEqual(yield* answer, 200)
      assert.strictEqual((yield* change({ idleTimeout: "1 day" })).status, 200)
      assert.strictEqual(yield* answer, 200, "as it was used")
      assertProblem(yield* change({ idleTimeout: "1 second" }), 400, "invalid-request")

      const expired = yield* make({ expiresAt: DateTime.add(yield* DateTime.now, { milliseconds: 5 }) })
      yield* Effect.sleep("10 millis")
      const ended = yield* send("GET", "/api-keys", { token: expired })
      assertProblem(ended, 401, "expired")
      assert.notProperty(ended.body, "reason")
    }),
  )

  it.effect("is listed before it becomes idle", () =>
    Effect.gen(function* () {
      const keys = yield* ApiKeys.ApiKeys
      const { apiKey } = yield* keys.create({ name: "soon", policies: { idleTimeout: "5 days" } })
      const { token } = yield* makeKey("api-keys:read")
      const at = (days: number) => DateTime.formatIso(DateTime.add(apiKey.createdAt, { days }))
      const listed = yield* send("GET", "/api-keys/upcoming?within=6d", { token })
      assert.deepStrictEqual(
        listed.body.items.flatMap((item: { readonly apiKey: { readonly id: string }; readonly reason: string; readonly at: string }) =>
          item.apiKey.id === apiKey.id ? [[item.reason, item.at]] : [],
        ),
        [["idle", at(5)]],
      )
      for (const [query, total] of [
        [`idleAfter=${at(4)}&idleBefore=${at(6)}`, 1],
        [`idleBefore=${at(5)}`, 0],
      ] as const) {
        assert.strictEqual((yield* send("GET", `/api-keys?name=soon&${query}`, { token })).body.total, total, query)
      }
    }),
  )
})
