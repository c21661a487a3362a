/** Answers that the server writes by itself, against what the schemas make of the same values. */
import { execFile } from "node:child_process"
import { promisify } from "node:util"
import { assert, it } from "@effect/vitest"
import { DateTime, Effect, Layer, Logger, Schema } from "effect"
import { HttpRouter, HttpServer } from "effect/http"
import { ApiKey, PreviousToken, type UsedToken } from "../../src/ApiKey.ts"
import * as ApiKeyRepository from "../../src/ApiKeyRepository.ts"
import { ApiKeys } from "../../src/ApiKeys.ts"
import { routes } from "../../src/server.ts"
import { arbitraries, makeStoredApiKey } from "../../src/testing.ts"
import { compileCache } from "../support/node.ts"

interface Answer {
  readonly apiKey: ApiKey
  readonly usedToken: UsedToken
  readonly checkedAt: DateTime.Utc
}

const token = "ak-7a74caa323a5410d-secret"

/** The server over a service for which `token` is good, and any other the token of a caller that may do everything. */
const serve = (answerOf: () => Answer) => {
  const { handler, dispose } = HttpRouter.toWebHandler(
    routes.pipe(
      Layer.provide([
        Layer.mock(ApiKeys, {
          isToken: () => true,
          keyIdsOf: () => [],
          isInTouch: Effect.succeed(true),
          verify: () => Effect.sync(() => ({ ...answerOf(), limits: [] })),
        }),
        Layer.fresh(ApiKeyRepository.layerMemory),
        HttpServer.layerServices,
      ]),
      Layer.provideMerge(Logger.layer([])),
    ),
    { disableLogger: true },
  )
  const headers = { authorization: `Bearer ${token}`, "content-type": "application/json" }
  const send = (path: string, body?: string) =>
    Effect.promise(async () => {
      const init = body === undefined ? { headers } : { headers, method: "POST", body }
      const response = await handler(new Request(`http://127.0.0.1${path}`, init))
      return { status: response.status, type: response.headers.get("content-type"), text: await response.text() }
    })
  return {
    protected: send("/protected"),
    verify: send("/api-keys/verify", JSON.stringify({ token })),
    dispose: Effect.promise(dispose),
  }
}

const encodeKey = Schema.encodeSync(Schema.toCodecJson(ApiKey))

const instanceOf = (fields: object): ApiKey => Object.assign(Object.create(ApiKey.prototype), fields)

/** As the verifier's cache keeps a record. */
const freeze = (apiKey: ApiKey): ApiKey => Object.freeze(instanceOf(apiKey))

const values = { stored: arbitraries.storedApiKey, checkedAt: arbitraries.instant, isPrevious: Schema.Boolean }

let answer: Answer
const server = serve(() => answer)

it.effect.prop(
  "say of any record what its schema says",
  values,
  ({ stored: { apiKey }, checkedAt, isPrevious }) =>
    Effect.gen(function* () {
      const usedToken = isPrevious ? "previous" : "current"
      const encoded = encodeKey(apiKey)
      for (const each of [apiKey, freeze(apiKey), freeze(apiKey)]) {
        answer = { apiKey: each, usedToken, checkedAt }
        // Frozen ones are written once.
        for (const _ of [1, 2]) {
          assert.deepStrictEqual(yield* server.verify, {
            status: 200,
            type: "application/json",
            text: JSON.stringify({ valid: true, apiKey: encoded, usedToken, checkedAt: DateTime.formatIso(checkedAt) }),
          })
          assert.deepStrictEqual(yield* server.protected, {
            status: 200,
            type: "application/json",
            text: JSON.stringify({ message: `Hello, ${apiKey.name}`, apiKey: encoded }),
          })
        }
      }
    }),
  { arbitrary: { runs: 100 } },
)

it.effect("say the scopes of a record as its schema does, whatever their order in the store", () =>
  Effect.gen(function* () {
    const apiKey = instanceOf({ ...fitting, scopes: ["b", "a", "b"] })
    answer = { apiKey, usedToken: "current", checkedAt: fitting.createdAt }
    const { text } = yield* server.protected
    assert.strictEqual(text, JSON.stringify({ message: `Hello, ${apiKey.name}`, apiKey: encodeKey(apiKey) }))
    assert.include(text, '"scopes":["a","b"]')
  }),
)

it.effect("say what a record says now, if it is frozen without all that it holds", () =>
  Effect.gen(function* () {
    const metadata = Object.freeze({ team: { name: "before" } })
    answer = { apiKey: Object.freeze(instanceOf({ ...fitting, metadata })), usedToken: "current", checkedAt: fitting.createdAt }
    assert.include((yield* server.protected).text, '"before"')
    metadata.team.name = "after"
    assert.include((yield* server.protected).text, '"after"')
  }),
)

/** A process that may not make code of texts, as in Cloudflare's workers. */
const program = `
import { Effect, Layer, Redacted, Scope } from "effect"
import { HttpRouter, HttpServer } from "effect/http"
import * as ApiKeyRepository from "./src/ApiKeyRepository.ts"
import { ApiKeys, layerMemory } from "./src/ApiKeys.ts"
import { routes } from "./src/server.ts"
let refused = false
try { new Function("return 1") } catch { refused = true }
const keys = await Effect.runPromise(Layer.buildWithScope(layerMemory, Effect.runSync(Scope.make())))
const { handler } = HttpRouter.toWebHandler(
  routes.pipe(Layer.provide([Layer.succeedContext(keys), ApiKeyRepository.layerMemory, HttpServer.layerServices])),
  { disableLogger: true },
)
const { token } = await Effect.runPromise(ApiKeys.use((keys) => keys.create({ name: "Ada" })).pipe(Effect.provide(keys)))
const headers = { authorization: "Bearer " + Redacted.value(token) }
const answers = []
for (const _ of [1, 2]) {
  const response = await handler(new Request("http://127.0.0.1/protected", { headers }))
  answers.push([response.status, (await response.json()).apiKey.name])
}
console.log(JSON.stringify({ refused, answers }))
process.exit(0)
`

it("are given where the runtime makes no code of texts", async () => {
  const { stdout } = await promisify(execFile)(
    process.execPath,
    ["--disallow-code-generation-from-strings", "--input-type=module", "-e", program],
    { cwd: new URL("../..", import.meta.url).pathname, env: { ...process.env, ...compileCache } },
  )
  assert.deepStrictEqual(JSON.parse(stdout), {
    refused: true,
    answers: [
      [200, "Ada"],
      [200, "Ada"],
    ],
  })
})

const { apiKey: fitting } = makeStoredApiKey({ name: "a name" })
const previous = {
  keyId: fitting.keyId,
  hint: "abcd",
  expiresAt: fitting.createdAt,
  graceSeconds: null,
  lastUsedAt: null,
}

it.effect.each<readonly [what: string, wrong: object]>([
  ["a name that is too long", { name: "secretive".repeat(20) }],
  ["a scope that is none", { scopes: ["secretive scope"] }],
  ["metadata that can't be stored", { metadata: { secretive: "\u0000" } }],
  ["metadata that is a date", { metadata: { secretive: new Date(0) } }],
  ["an instant out of range", { expiresAt: DateTime.makeUnsafe(-1) }],
  ["an instant that is a text", { createdAt: "secretive" }],
  ["a version before the first", { version: 0 }],
  ["a previous token that is no instance", { previous }],
  [
    "a previous token with a field that isn't right",
    { previous: Object.assign(Object.create(PreviousToken.prototype), previous, { hint: 1 }) },
  ],
])("refuse a record with %s", ([, wrong]) =>
  Effect.gen(function* () {
    const unfit = instanceOf({ ...fitting, ...wrong })
    for (const apiKey of [unfit, Object.freeze(unfit)]) {
      answer = { apiKey, usedToken: "current", checkedAt: fitting.createdAt }
      for (const [sent, status] of [
        [server.verify, 503],
        [server.protected, 500],
      ] as const) {
        const { text, ...rest } = yield* sent
        assert.deepStrictEqual(rest, { status, type: "application/problem+json" })
        assert.notInclude(text, "secretive")
      }
    }
  }),
)

it.effect("refuse a record that is no instance, and an answer with fields that aren't right beside it", () =>
  Effect.gen(function* () {
    const good = { apiKey: fitting, usedToken: "current", checkedAt: fitting.createdAt } as const
    for (const wrong of [
      // A service of one's own may break its types.
      { apiKey: { ...fitting } as ApiKey },
      { checkedAt: DateTime.makeUnsafe(-1) },
      { usedToken: 'current","secretive":"' as "current" },
    ]) {
      answer = { ...good, ...wrong }
      assert.strictEqual((yield* server.verify).status, 503)
    }
  }),
)

it.effect("leave out what a record's schema doesn't have", () =>
  Effect.gen(function* () {
    answer = { apiKey: instanceOf({ ...fitting, hash: "secretive" }), usedToken: "current", checkedAt: fitting.createdAt }
    for (const sent of [server.verify, server.protected]) {
      const { status, text } = yield* sent
      assert.strictEqual(status, 200)
      assert.notInclude(text, "secretive")
    }
  }),
)
