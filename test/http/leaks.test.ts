/** What is done about tokens that were found where they shouldn't be, as those who report them see it. */
import { createHash, generateKeyPairSync, sign } from "node:crypto"
import { createServer } from "node:http"
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import { assert, describe, it } from "@effect/vitest"
import { DateTime, Effect, Exit, Layer, Logger, Redacted } from "effect"
import { HttpRouter, HttpServer } from "effect/http"
import { layerEphemeral } from "../../src/ApiKeyHasher.ts"
import * as ApiKeyRepository from "../../src/ApiKeyRepository.ts"
import * as ApiKeys from "../../src/ApiKeys.ts"
import * as ApiKeyToken from "../../src/ApiKeyToken.ts"
import type { LeakOptions } from "../../src/http/implementation.ts"
import { routesWith } from "../../src/server/routes.ts"

const github = generateKeyPairSync("ec", { namedCurve: "P-256" })
const stranger = generateKeyPairSync("ec", { namedCurve: "P-256" })
const signingKeys = [{ identifier: "k1", publicKey: github.publicKey.export({ type: "spki", format: "pem" }).toString() }]

const withServer = <A, E>(
  leaks: LeakOptions,
  test: (apiKeys: ApiKeys.ApiKeys["Service"], url: string, logged: ReadonlyArray<string>) => Effect.Effect<A, E>,
) => {
  const logged: Array<string> = []
  const logger = Logger.make(({ message, cause }) => void logged.push(JSON.stringify([message, cause])))
  const services = ApiKeys.layer.pipe(Layer.provide(layerEphemeral), Layer.provideMerge(Layer.fresh(ApiKeyRepository.layerMemory)))
  const server = HttpRouter.serve(routesWith({ leaks }), { disableLogger: true, disableListenLog: true }).pipe(
    Layer.provideMerge(NodeHttpServer.layer(() => createServer(), { port: 0, host: "127.0.0.1", gracefulShutdownTimeout: "1 second" })),
    Layer.provideMerge(services),
    Layer.provide(Logger.layer([logger])),
  )
  return Effect.gen(function* () {
    return yield* test(yield* ApiKeys.ApiKeys, HttpServer.formatAddress((yield* HttpServer.HttpServer).address), logged)
  }).pipe(Effect.provide(server))
}

const post = (url: string, body: string, headers: Record<string, string> = {}) =>
  Effect.promise(async () => {
    const response = await fetch(url, { method: "POST", body, headers: { "content-type": "application/json", ...headers } })
    const text = await response.text()
    return { status: response.status, text, body: text === "" ? undefined : JSON.parse(text) }
  })

const report = (
  url: string,
  body: string,
  { identifier = "k1", key = github.privateKey, signature = sign("sha256", Buffer.from(body), key) } = {},
) =>
  post(`${url}/leaks`, body, {
    "github-public-key-identifier": identifier,
    "github-public-key-signature": signature.toString("base64"),
  })

const leak = (token: string) => ({ token, type: "acme_api_key", url: "https://github.com/a/b/blob/c/d", source: "content" })
const hashOf = (token: string) => createHash("sha256").update(token).digest("base64")
const label = (token: string, label: string) => ({ token_hash: hashOf(token), token_type: "acme_api_key", label })

const create = (apiKeys: ApiKeys.ApiKeys["Service"]) =>
  Effect.map(apiKeys.create({ name: "k" }), ({ apiKey, token }) => ({ id: apiKey.id, token: Redacted.value(token) }))

const unknown = (() => {
  const body = `ak-0123456789abcdef-${"x".repeat(58)}`
  return body + ApiKeyToken.checksum(body)
})()

describe("A signed report", () => {
  it.live("ends the keys that work, and labels every token", () =>
    withServer({ signingKeys }, (apiKeys, url, logged) =>
      Effect.gen(function* () {
        const [live, inactive, rotated] = [yield* create(apiKeys), yield* create(apiKeys), yield* create(apiKeys)]
        yield* apiKeys.deactivate(inactive.id)
        const { token: current } = yield* apiKeys.rotate(rotated.id)
        const tokens = [live.token, inactive.token, rotated.token, unknown, "garbage"]
        const reply = yield* report(url, JSON.stringify(tokens.map(leak)))
        assert.strictEqual(reply.status, 200, reply.text)
        assert.deepStrictEqual(reply.body, [
          label(live.token, "true_positive"),
          label(inactive.token, "false_positive"),
          label(rotated.token, "true_positive"),
          label(unknown, "false_positive"),
          label("garbage", "false_positive"),
        ])
        const ended = yield* apiKeys.get(live.id)
        assert.deepInclude(ended, { isActive: false, deactivationReason: "leaked" })
        assert.isNotNull(ended.deactivatedAt)
        assert.strictEqual((yield* Effect.flip(apiKeys.verify(live.token)))._tag, "Inactive")
        assert.strictEqual((yield* apiKeys.get(inactive.id)).deactivationReason, "manual")
        // Of a rotated key only the token that leaked is ended.
        assert.strictEqual((yield* Effect.flip(apiKeys.verify(rotated.token)))._tag, "Expired")
        yield* apiKeys.verify(current)
        // An operator takes it back.
        yield* apiKeys.activate(live.id)
        assert.deepInclude(yield* apiKeys.get(live.id), { isActive: true, deactivationReason: null, deactivatedAt: null })
        yield* apiKeys.verify(live.token)
        assert.isTrue(logged.some((line) => line.includes(live.id) && line.includes("https://github.com/a/b/blob/c/d")))
        for (const secret of tokens.map((token) => token.slice(-60))) for (const line of logged) assert.notInclude(line, secret)
      }),
    ),
  )

  it.live("is only logged if so configured", () =>
    withServer({ signingKeys, onReport: "log" }, (apiKeys, url, logged) =>
      Effect.gen(function* () {
        const { id, token } = yield* create(apiKeys)
        assert.deepStrictEqual((yield* report(url, JSON.stringify([leak(token)]))).body, [label(token, "true_positive")])
        yield* apiKeys.verify(token)
        assert.isTrue(logged.some((line) => line.includes(id)))
      }),
    ),
  )

  it.live("is refused unless a known key signed these very bytes", () =>
    withServer({ signingKeys }, (apiKeys, url) =>
      Effect.gen(function* () {
        const { token } = yield* create(apiKeys)
        const body = JSON.stringify([leak(token)])
        const good = sign("sha256", Buffer.from(body), github.privateKey)
        for (const attempt of [
          report(url, body, { key: stranger.privateKey }),
          report(url, body, { identifier: "k2" }),
          report(url, `${body} `, { signature: good }),
          report(url, body, { signature: Buffer.alloc(0) }),
          report(url, body, { signature: good.subarray(0, -1) }),
          report(url, body, { signature: sign("sha256", Buffer.from(body), { key: github.privateKey, dsaEncoding: "ieee-p1363" }) }),
          post(`${url}/leaks`, body),
        ]) {
          const { status, body } = yield* attempt
          assert.deepStrictEqual([status, body.type], [403, "urn:effect-api-key:problem:invalid-signature"])
        }
        yield* apiKeys.verify(token)
        // A signature doesn't make it a report.
        for (const text of [
          "",
          "null",
          "{}",
          '[{"type":"x"}]',
          "[".repeat(10_000),
          JSON.stringify(Array(101).fill(leak(token))),
          `${body.slice(0, -1)},{"token":1}]`,
        ]) {
          const reply = yield* report(url, text)
          assert.strictEqual(reply.status, 400, text.slice(0, 50))
          assert.notInclude(reply.text, token.slice(-60))
        }
        yield* apiKeys.verify(token)
      }),
    ),
  )

  it.live("isn't offered without signing keys, and a bad one ends the start", () =>
    Effect.gen(function* () {
      const reply = yield* withServer({}, (_, url) => report(url, "[]"))
      assert.deepStrictEqual([reply.status, reply.body.type], [404, "urn:effect-api-key:problem:not-offered"])
      const rsa = generateKeyPairSync("rsa", { modulusLength: 1_024 }).publicKey.export({ type: "spki", format: "pem" }).toString()
      for (const publicKey of ["", "nonsense", rsa]) {
        const exit = yield* Effect.exit(withServer({ signingKeys: [{ identifier: "k", publicKey }] }, () => Effect.void))
        assert.isTrue(Exit.isFailure(exit))
      }
    }),
  )
})

describe("Who holds a token", () => {
  const eventually = <A, E>(attempt: Effect.Effect<A, E>, isDone: (value: A) => boolean): Effect.Effect<A, E> =>
    Effect.flatMap(attempt, (value) =>
      isDone(value) ? Effect.succeed(value) : Effect.andThen(Effect.sleep("10 millis"), eventually(attempt, isDone)),
    )

  it.live("can end it, and is told the same whatever it was", () =>
    withServer({ revokeByPossession: true, revocationsPerSecond: 1_000 }, (apiKeys, url) =>
      Effect.gen(function* () {
        const { id, token } = yield* create(apiKeys)
        const replies: Array<string> = []
        for (const some of [token, unknown, "garbage", `${token.slice(0, -1)}!`, token]) {
          const { status, text } = yield* post(`${url}/leaks/revoke`, JSON.stringify({ token: some }))
          replies.push(`${status} ${text}`)
        }
        assert.deepStrictEqual(new Set(replies), new Set(['202 {"accepted":true}']))
        const ended = yield* eventually(apiKeys.get(id), ({ isActive }) => !isActive)
        assert.strictEqual(ended.deactivationReason, "possession")
        assert.isTrue(DateTime.isDateTime(ended.deactivatedAt))
        assert.strictEqual((yield* Effect.flip(apiKeys.verify(token)))._tag, "Inactive")
        assert.strictEqual((yield* post(`${url}/leaks/revoke`, "{}")).status, 400)
      }),
    ),
  )

  it.live("makes the server do bounded work", () =>
    withServer({ revokeByPossession: true, revocationsPerSecond: 1 }, (_, url) =>
      Effect.gen(function* () {
        const body = JSON.stringify({ token: unknown })
        const replies = yield* Effect.forEach(Array.from({ length: 1_100 }), () => post(`${url}/leaks/revoke`, body), { concurrency: 20 })
        const statuses = new Set(replies.map(({ status }) => status))
        assert.deepStrictEqual(statuses, new Set([202, 503]))
      }),
    ),
  )

  it.live("can't unless it is configured", () =>
    withServer({}, (apiKeys, url) =>
      Effect.gen(function* () {
        const { token } = yield* create(apiKeys)
        assert.strictEqual((yield* post(`${url}/leaks/revoke`, JSON.stringify({ token }))).status, 404)
        yield* apiKeys.verify(token)
      }),
    ),
  )
})
