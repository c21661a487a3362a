/** For whom keys are changed over HTTP: what listeners are told. */
import { generateKeyPairSync, sign } from "node:crypto"
import { createServer } from "node:http"
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Logger, Redacted } from "effect"
import { HttpRouter, HttpServer } from "effect/http"
import * as ApiKeyEvents from "../../src/ApiKeyEvents.ts"
import { layerEphemeral } from "../../src/ApiKeyHasher.ts"
import * as ApiKeyRepository from "../../src/ApiKeyRepository.ts"
import * as ApiKeys from "../../src/ApiKeys.ts"
import { routesWith } from "../../src/internal/server/routes.ts"

const github = generateKeyPairSync("ec", { namedCurve: "P-256" })
const signingKeys = [{ identifier: "k1", publicKey: github.publicKey.export({ type: "spki", format: "pem" }).toString() }]

type Told = readonly [operation: string, kind: string, actor: ApiKeyEvents.Actor]

const withServer = <A, E>(test: (apiKeys: ApiKeys.ApiKeys["Service"], url: string, told: Array<Told>) => Effect.Effect<A, E>) => {
  const told: Array<Told> = []
  const listener: ApiKeyEvents.Listener = {
    afterCommit: (events) => Effect.sync(() => events.forEach(({ operation, _tag, actor }) => void told.push([operation, _tag, actor]))),
  }
  const server = HttpRouter.serve(routesWith({ leaks: { signingKeys, revokeByPossession: true, revocationsPerSecond: 1_000 } }), {
    disableLogger: true,
    disableListenLog: true,
  }).pipe(
    Layer.provideMerge(NodeHttpServer.layer(() => createServer(), { port: 0, host: "127.0.0.1", gracefulShutdownTimeout: "1 second" })),
    Layer.provideMerge(Layer.fresh(ApiKeys.layer)),
    Layer.provide([
      layerEphemeral,
      Layer.fresh(ApiKeyRepository.layerMemory),
      ApiKeyEvents.layer(Effect.succeed(listener)),
      Logger.layer([]),
    ]),
  )
  return Effect.gen(function* () {
    const url = HttpServer.formatAddress((yield* HttpServer.HttpServer).address)
    return yield* test(yield* ApiKeys.ApiKeys, url, told)
  }).pipe(Effect.provide(server))
}

const post = (url: string, body: unknown, headers: Record<string, string>, method = "POST") =>
  Effect.promise(async () => {
    const text = typeof body === "string" ? body : JSON.stringify(body)
    const response = await fetch(url, {
      method,
      headers: { ...(body === undefined ? {} : { "content-type": "application/json" }), ...headers },
      ...(body === undefined ? {} : { body: text }),
    })
    return { status: response.status, text: await response.text() }
  })

const until = (isSo: () => boolean) =>
  Effect.promise(async () => {
    for (let turn = 0; turn < 500 && !isSo(); turn++) await new Promise((resolve) => setTimeout(resolve, 10))
  })

describe("A change over HTTP", () => {
  it.live("is made for the key that the request came with, by the token that it came with", () =>
    withServer((apiKeys, url, told) =>
      Effect.gen(function* () {
        const first = yield* apiKeys.create({ name: "caller", scopes: ["*"] })
        const { apiKey } = yield* apiKeys.rotate(first.apiKey.id)
        const other = yield* apiKeys.create({ name: "other" })
        told.length = 0
        const headers = { authorization: `Bearer ${Redacted.value(first.token)}` }
        const at = `${url}/api-keys/${other.apiKey.id}`
        const statuses = [
          yield* post(`${url}/api-keys`, { name: "new" }, headers),
          yield* post(at, { name: "renamed" }, headers, "PATCH"),
          yield* post(`${at}/deactivate`, undefined, headers),
          yield* post(`${at}/activate`, undefined, headers),
          yield* post(`${at}/rotate`, {}, headers),
          yield* post(`${at}/end-grace`, undefined, headers),
          yield* post(at, undefined, headers, "DELETE"),
        ].map(({ status }) => status)
        assert.deepStrictEqual(statuses, [201, 200, 200, 200, 200, 200, 204])
        const actor = { _tag: "Key", id: apiKey.id, keyId: apiKey.previous!.keyId } as const
        assert.deepStrictEqual(told, [
          ["create", "KeyCreated", actor],
          ["update", "KeyUpdated", actor],
          ["deactivate", "KeyDeactivated", actor],
          ["activate", "KeyActivated", actor],
          ["rotate", "KeyRotated", actor],
          ["endGrace", "GraceEnded", actor],
          ["delete", "KeyDeleted", actor],
        ])
      }),
    ),
  )

  it.live("is made for a report of a leak, and for the holder of a token", () =>
    withServer((apiKeys, url, told) =>
      Effect.gen(function* () {
        const [leaked, held] = [yield* apiKeys.create({ name: "leaked" }), yield* apiKeys.create({ name: "held" })]
        told.length = 0
        const report = JSON.stringify([{ token: Redacted.value(leaked.token), type: "t", url: "https://example.com", source: "content" }])
        const signature = sign("sha256", Buffer.from(report), github.privateKey).toString("base64")
        const reported = yield* post(`${url}/leaks`, report, {
          "github-public-key-identifier": "k1",
          "github-public-key-signature": signature,
        })
        assert.strictEqual(reported.status, 200, reported.text)
        const revoked = yield* post(`${url}/leaks/revoke`, { token: Redacted.value(held.token) }, {})
        assert.isBelow(revoked.status, 300, revoked.text)
        yield* until(() => told.length === 2)
        assert.deepStrictEqual(told, [
          ["revoke", "KeyDeactivated", { _tag: "LeakReport", reporter: "k1" }],
          ["revoke", "KeyDeactivated", { _tag: "Holder" }],
        ])
      }),
    ),
  )
})
