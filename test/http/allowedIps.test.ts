/** Keys that work from certain addresses only, over real sockets: whose address a request has, and what a stranger can't change about it. */
import { createServer, request as httpRequest } from "node:http"
import type { ListenOptions } from "node:net"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import { assert, describe, it } from "@effect/vitest"
import { ConfigProvider, Context, Effect, Layer, Logger, Redacted } from "effect"
import { HttpRouter, HttpServer } from "effect/http"
import { layerEphemeral } from "../../src/ApiKeyHasher.ts"
import { layerMemory } from "../../src/ApiKeyRepository.ts"
import * as ApiKeys from "../../src/ApiKeys.ts"
import * as ApiKeysClient from "../../src/http/client.ts"
import { layerAuth } from "../../src/http/implementation.ts"
import { readProxyOptions } from "../../src/internal/server/proxyOptions.ts"
import { type RoutesOptions, routesWith } from "../../src/internal/server/routes.ts"

interface Request {
  readonly method?: string
  readonly path?: string
  readonly body?: unknown
  /** The address of this machine that the request comes from. */
  readonly from?: string
  readonly to?: string
  readonly headers?: Readonly<Record<string, string | ReadonlyArray<string>>>
}

type Address = HttpServer.HttpServer["Service"]["address"]

interface Server {
  readonly apiKeys: ApiKeys.ApiKeys["Service"]
  readonly address: Address
  readonly send: (token: Redacted.Redacted, request?: Request) => Effect.Effect<{ readonly status: number; readonly text: string }>
}

const sendTo = (address: Address): Server["send"] => {
  const place = "port" in address ? { port: address.port } : { socketPath: address.path }
  return (token, { method = "GET", path = "/protected", body, from = "127.0.0.1", to = "127.0.0.1", headers = {} } = {}) =>
    Effect.promise(
      () =>
        new Promise((resolve, reject) => {
          const sent = httpRequest(
            {
              ...place,
              ...("port" in address && { host: to, localAddress: from }),
              agent: false,
              method,
              path,
              headers: {
                authorization: `Bearer ${Redacted.value(token)}`,
                ...(body !== undefined && { "content-type": "application/json" }),
                // Node sends a line for each text of a list.
                ...Object.fromEntries(
                  Object.entries(headers).map(([name, value]) => [name, typeof value === "string" ? value : [...value]]),
                ),
              },
            },
            (response) => {
              let text = ""
              response.setEncoding("utf8").on("data", (chunk: string) => (text += chunk))
              response.on("end", () => resolve({ status: response.statusCode ?? 0, text }))
            },
          )
          sent.on("error", reject)
          sent.end(body === undefined ? undefined : JSON.stringify(body))
        }),
    )
}

const withServer = <A, E>(
  options: RoutesOptions,
  test: (server: Server) => Effect.Effect<A, E>,
  listen: ListenOptions = { host: "127.0.0.1", port: 0 },
  around: (apiKeys: ApiKeys.ApiKeys["Service"]) => ApiKeys.ApiKeys["Service"] = (apiKeys) => apiKeys,
) => {
  const own = ApiKeys.layer.pipe(Layer.provide(layerEphemeral), Layer.provideMerge(layerMemory))
  const keys = Layer.effect(ApiKeys.ApiKeys, Effect.map(ApiKeys.ApiKeys, around)).pipe(Layer.provideMerge(own), Layer.fresh)
  const server = HttpRouter.serve(routesWith(options), { disableLogger: true, disableListenLog: true }).pipe(
    Layer.provideMerge(NodeHttpServer.layer(() => createServer(), { ...listen, gracefulShutdownTimeout: "1 second" })),
    Layer.provideMerge(keys),
    Layer.provide(Logger.layer([])),
  )
  return Effect.scoped(
    Effect.gen(function* () {
      const built = yield* Layer.build(server)
      const { address } = Context.get(built, HttpServer.HttpServer)
      return yield* test({ apiKeys: Context.get(built, ApiKeys.ApiKeys), address, send: sendTo(address) })
    }),
  )
}

const make = ({ apiKeys }: Server, allowedIps: ReadonlyArray<string>, ...scopes: ReadonlyArray<string>) =>
  Effect.map(apiKeys.create({ name: "k", scopes, policies: { allowedIps } }), ({ token, apiKey }) => ({ token, id: apiKey.id }))

const proxies = { trustedProxies: ["127.0.0.1", "10.0.0.0/8"] }
/** The client that the key belongs to, and a stranger. */
const client = "192.0.2.7"
const stranger = "203.0.113.9"

describe("a key with allowedIps, over HTTP,", () => {
  it.live("works from its socket's address alone where no proxy is named, cold and warm, whatever the headers say", () =>
    withServer({}, (server) =>
      Effect.gen(function* () {
        const { token } = yield* make(server, ["127.0.0.2"])
        const headers = { "x-forwarded-for": "127.0.0.2", forwarded: "for=127.0.0.2", "x-real-ip": "127.0.0.2" }
        for (const _ of ["cold", "warm"]) {
          const refused = yield* server.send(token, { headers })
          assert.strictEqual(refused.status, 403)
          assert.deepStrictEqual(JSON.parse(refused.text), {
            type: "urn:effect-api-key:problem:ip-not-allowed",
            status: 403,
            title: "The API key isn't allowed from this address",
          })
          assert.strictEqual((yield* server.send(token, { from: "127.0.0.2", headers: { "x-forwarded-for": stranger } })).status, 200)
        }
      }),
    ),
  )

  it.live("works from an address of IPv4 on a socket of IPv6, and from one of IPv6", () =>
    withServer(
      {},
      (server) =>
        Effect.gen(function* () {
          const { token } = yield* make(server, ["127.0.0.2/32", "::1"])
          assert.strictEqual((yield* server.send(token, { from: "127.0.0.2" })).status, 200)
          assert.strictEqual((yield* server.send(token, { from: "127.0.0.3" })).status, 403)
          assert.strictEqual((yield* server.send(token, { from: "::1", to: "::1" })).status, 200)
        }),
      { host: "::", port: 0 },
    ),
  )

  it.live("doesn't work over a socket of Unix, which has no address", () =>
    Effect.gen(function* () {
      const folder = yield* Effect.acquireRelease(
        Effect.sync(() => mkdtempSync(join(tmpdir(), "effect-api-key-"))),
        (path) => Effect.sync(() => rmSync(path, { recursive: true, force: true })),
      )
      for (const [options, name] of [
        [{}, "a"],
        [proxies, "b"],
      ] as const) {
        const test = (server: Server) =>
          Effect.gen(function* () {
            const { token } = yield* make(server, ["0.0.0.0/0", "::/0"])
            const { token: plain } = yield* server.apiKeys.create({ name: "plain" })
            const headers = { "x-forwarded-for": client }
            assert.strictEqual((yield* server.send(token, { headers })).status, 403)
            assert.strictEqual((yield* server.send(plain, { headers })).status, 200)
          })
        yield* withServer(options, test, { path: join(folder, name) })
      }
    }).pipe(Effect.scoped),
  )

  it.live("works from the address that a named proxy tells, and from no other that is told", () =>
    withServer(proxies, (server) =>
      Effect.gen(function* () {
        const { token } = yield* make(server, [client])
        const ask = (value: string | ReadonlyArray<string> | undefined, from = "127.0.0.1") =>
          Effect.map(
            server.send(token, { from, headers: { ...(value !== undefined && { "x-forwarded-for": value }), forwarded: `for=${client}` } }),
            ({ status }) => status,
          )
        const good = [
          client,
          `${stranger}, ${client}`,
          `::ffff:${client}`,
          `${client}:4711`,
          `${client}, 10.1.2.3`,
          [stranger, client],
          [client, "10.0.0.1"],
        ]
        const bad = [
          undefined,
          "",
          " ",
          ",",
          stranger,
          `${client}, ${stranger}`,
          [client, stranger],
          [client, ""],
          "unknown",
          `${client}, unknown`,
          `${client},`,
          `${client}, _hidden`,
          `"${client}"`,
          `for=${client}`,
          "10.0.0.1",
          "127.0.0.1",
        ]
        for (const value of good) assert.strictEqual(yield* ask(value), 200, String(value))
        for (const value of bad) assert.strictEqual(yield* ask(value), 403, String(value))
        // A stranger who is no proxy.
        for (const value of [...good, ...bad]) assert.strictEqual(yield* ask(value, "127.0.0.2"), 403, String(value))
      }),
    ),
  )

  it.live("works from the address in Forwarded where proxies write that, and the other header isn't read", () =>
    withServer({ ...proxies, forwardedHeader: "forwarded" }, (server) =>
      Effect.gen(function* () {
        const { token } = yield* make(server, [client, "2001:db8::7"])
        const ask = (value: string | ReadonlyArray<string>) =>
          Effect.map(server.send(token, { headers: { forwarded: value, "x-forwarded-for": client } }), ({ status }) => status)
        for (const value of [
          `for=${client}`,
          `for="[2001:db8::7]:80";proto=https`,
          `for="${stranger}, for=${client}`,
          [`for=${stranger}`, `for=${client}`],
        ]) {
          assert.strictEqual(yield* ask(value), 200, String(value))
        }
        for (const value of [
          "",
          "for=unknown",
          client,
          `by=${client}`,
          `for=${client}, for=${stranger}`,
          `for="${client}, for=${stranger}`,
        ]) {
          assert.strictEqual(yield* ask(value), 403, String(value))
        }
      }),
    ),
  )

  it.live("manages no keys from elsewhere, its own included", () =>
    withServer({}, (server) =>
      Effect.gen(function* () {
        const { token, id } = yield* make(server, ["127.0.0.2"], "*")
        const requests = [
          { path: "/api-keys" },
          { path: `/api-keys/${id}` },
          { method: "PATCH", path: `/api-keys/${id}`, body: { policies: null } },
          { method: "PATCH", path: `/api-keys/${id}`, body: { name: "other" } },
          { method: "POST", path: `/api-keys/${id}/rotate`, body: {} },
          { method: "POST", path: "/api-keys/verify", body: { token: Redacted.value(token) } },
          { method: "DELETE", path: `/api-keys/${id}` },
        ]
        for (const request of requests) {
          const { status, text } = yield* server.send(token, request)
          assert.strictEqual(status, 403, JSON.stringify(request))
          assert.include(text, "ip-not-allowed")
        }
        assert.strictEqual((yield* server.send(token, { path: `/api-keys/${id}`, from: "127.0.0.2" })).status, 200)
        // From its own address neither, as a key with policies makes none stronger.
        const freed = yield* server.send(token, { ...requests[2], from: "127.0.0.2" })
        assert.strictEqual(freed.status, 403)
        assert.include(freed.text, "policy-refused")
      }),
    ),
  )

  it.live("is verified for a caller by the address that it names, not by the caller's own", () =>
    withServer({}, (server) =>
      Effect.gen(function* () {
        const { token: gateway } = yield* server.apiKeys.create({ name: "gateway", scopes: ["api-keys:verify", "api-keys:read"] })
        const { token } = yield* make(server, [client])
        const { token: local } = yield* make(server, ["127.0.0.1"])
        const verify = (presented: Redacted.Redacted, address?: string) =>
          Effect.map(
            server.send(gateway, { method: "POST", path: "/api-keys/verify", body: { token: Redacted.value(presented), address } }),
            ({ status, text }) => (status === 200 ? (JSON.parse(text).error?._tag ?? "good") : status),
          )
        for (const _ of ["cold", "warm"]) {
          assert.strictEqual(yield* verify(token, client), "good")
          for (const address of [undefined, "", stranger, "unknown"]) assert.strictEqual(yield* verify(token, address), "IpNotAllowed")
          assert.strictEqual(yield* verify(local), "IpNotAllowed")
          assert.strictEqual(yield* verify(token, "1".repeat(65)), 400)
        }
      }),
    ),
  )

  it.live("is verified by the client of a server, with the address of the one who sent the token", () =>
    withServer({}, (keyServer) =>
      Effect.gen(function* () {
        const { token: gateway } = yield* keyServer.apiKeys.create({ name: "gateway", scopes: ["*"] })
        const { token } = yield* make(keyServer, ["127.0.0.2"])
        const url = HttpServer.formatAddress(keyServer.address)
        const remote = Context.get(yield* Layer.build(ApiKeysClient.layerFetch({ url, token: gateway })), ApiKeys.ApiKeys)
        const test = ({ send }: Server) =>
          Effect.gen(function* () {
            assert.strictEqual((yield* send(token)).status, 403)
            assert.strictEqual((yield* send(token, { from: "127.0.0.2" })).status, 200)
          })
        yield* withServer({}, test, undefined, () => remote)
        assert.strictEqual((yield* Effect.flip(remote.verify(token)))._tag, "IpNotAllowed")
      }).pipe(Effect.scoped),
    ),
  )

  it.live("is judged by the address behind an application's own verify, which copies the options", () =>
    withServer(
      {},
      (server) =>
        Effect.gen(function* () {
          const { token } = yield* make(server, ["127.0.0.2"])
          assert.strictEqual((yield* server.send(token)).status, 403)
          assert.strictEqual((yield* server.send(token, { from: "127.0.0.2" })).status, 200)
        }),
      undefined,
      (apiKeys) => ({ ...apiKeys, verify: (token, options) => apiKeys.verify(token, { ...options, maxAge: 0 }) }),
    ),
  )

  it.live("is ended by a report from anywhere", () =>
    withServer({ leaks: { revokeByPossession: true } }, (server) =>
      Effect.gen(function* () {
        const { token: admin } = yield* server.apiKeys.create({ name: "admin", scopes: ["*"] })
        const first = yield* make(server, [client])
        const { status, text } = yield* server.send(admin, {
          method: "POST",
          path: "/api-keys/revoke",
          body: { token: Redacted.value(first.token), reason: "leaked" },
        })
        assert.deepStrictEqual([status, JSON.parse(text).isEnded], [200, true])
        const second = yield* make(server, [client])
        const accepted = yield* server.send(second.token, {
          method: "POST",
          path: "/leaks/revoke",
          body: { token: Redacted.value(second.token) },
        })
        assert.strictEqual(accepted.status, 202, accepted.text)
        let isActive = true
        for (let at = 0; isActive && at < 500; at++) {
          yield* Effect.sleep("10 millis")
          isActive = (yield* server.apiKeys.get(second.id)).isActive
        }
        assert.isFalse(isActive)
      }),
    ),
  )
})

describe("the proxies in front", () => {
  it("of an application are networks, which a header needs", () => {
    assert.throws(() => layerAuth({ trustedProxies: ["10.1.2.3/8"] }), /^Each of trustedProxies must have no bit set beyond its prefix/)
    assert.throws(() => layerAuth({ trustedProxies: ["10.0.0.0/8", "proxy"] }), /"proxy" isn't/)
    assert.throws(() => layerAuth({ forwardedHeader: "forwarded" }), /^forwardedHeader needs trustedProxies/)
  })

  it.effect("of a server are read from the environment", () =>
    Effect.gen(function* () {
      const read = (env: Readonly<Record<string, string>>) =>
        Effect.result(readProxyOptions).pipe(
          Effect.map((result) => (result._tag === "Success" ? result.success : result.failure.message)),
          Effect.provide(ConfigProvider.layer(ConfigProvider.fromUnknown(env))),
        )
      assert.deepStrictEqual(yield* read({}), { trustedProxies: undefined, forwardedHeader: undefined })
      assert.deepStrictEqual(yield* read({ API_KEY_TRUSTED_PROXIES: "10.0.0.0/8, ::1" }), {
        trustedProxies: ["10.0.0.0/8", "::1"],
        forwardedHeader: undefined,
      })
      assert.deepStrictEqual(yield* read({ API_KEY_TRUSTED_PROXIES: "::1", API_KEY_FORWARDED_HEADER: "forwarded" }), {
        trustedProxies: ["::1"],
        forwardedHeader: "forwarded",
      })
      for (const [env, message] of [
        [{ API_KEY_TRUSTED_PROXIES: "10.0.0.0/8,nginx" }, /"nginx" isn't/],
        [{ API_KEY_TRUSTED_PROXIES: "10.0.0.0/8," }, /must be an address or a network/],
        [{ API_KEY_TRUSTED_PROXIES: "10.1.2.3/8" }, /write 10\.0\.0\.0\/8 for the network/],
        [{ API_KEY_TRUSTED_PROXIES: "::1", API_KEY_FORWARDED_HEADER: "x-real-ip" }, /x-forwarded-for, forwarded/],
        [{ API_KEY_FORWARDED_HEADER: "forwarded" }, /needs API_KEY_TRUSTED_PROXIES/],
      ] as const) {
        assert.match(String(yield* read(env)), message)
      }
    }),
  )
})
