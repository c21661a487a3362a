/** Text that nearly is an instant, a duration, a number or a flag is refused wherever it comes from, and the refusal shows what to write. */
import { createServer } from "node:http"
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import { assert, describe, it, layer } from "@effect/vitest"
import { ConfigProvider, DateTime, Duration, Effect, Layer, Logger, Option, Redacted, Result, Schema } from "effect"
import { HttpRouter, HttpServer } from "effect/http"
import { Instant } from "../src/ApiKey.ts"
import { layerEphemeral } from "../src/ApiKeyHasher.ts"
import * as Repository from "../src/ApiKeyRepository.ts"
import * as ApiKeys from "../src/ApiKeys.ts"
import { encodeLine, readRow } from "../src/ApiKeyTransfer.ts"
import * as CliValues from "../src/internal/cli/values.ts"
import { ConfirmWithin, MaxAge } from "../src/internal/http/wire.ts"
import * as Sha256 from "../src/legacy/Sha256.ts"
import { namedAdapters } from "../src/internal/wiring/adapters.ts"
import { readCredentialOptions } from "../src/internal/server/credentialOptions.ts"
import { readLeakOptions } from "../src/internal/server/leakOptions.ts"
import { routes } from "../src/internal/server/routes.ts"
import { serverSettings } from "../src/internal/wiring/settings.ts"
import { makeStoredApiKey } from "../src/testing.ts"

const good = {
  "2027-01-31T12:30:15Z": "2027-01-31T12:30:15.000Z",
  "2027-01-31T12:30:15.5Z": "2027-01-31T12:30:15.500Z",
  "2027-01-31T12:30:15.123456789+00:00": "2027-01-31T12:30:15.123Z",
  "2027-01-31t12:30z": "2027-01-31T12:30:00.000Z",
  "2027-01-31 12:30:15+02:00": "2027-01-31T10:30:15.000Z",
  "2027-01-31T12:30:15-05:30": "2027-01-31T18:00:15.000Z",
  "2028-02-29T23:59:59.999Z": "2028-02-29T23:59:59.999Z",
  "1970-01-01T00:00:00Z": "1970-01-01T00:00:00.000Z",
  "9999-12-31T23:59:59.999Z": "9999-12-31T23:59:59.999Z",
}

/** Not for anybody. */
const unreal = [
  "2027-02-29T00:00:00.000Z",
  "2027-02-30T00:00:00.000Z",
  "2027-04-31T00:00:00.000Z",
  "2100-02-29T00:00:00.000Z",
  "2027-00-01T00:00:00.000Z",
  "2027-13-01T00:00:00.000Z",
  "2027-01-31T24:00:00.000Z",
  "2027-01-31T12:60:00.000Z",
  "2027-06-30T23:59:60.000Z",
  "2027-01-31T12:00:00+24:00",
  "2027-01-31T12:00:00+02:60",
]

const otherText = [
  "",
  " ",
  "key 5",
  "1",
  "2027",
  "20270131",
  "1/2/2027",
  "31.01.2027",
  "Jan 2 2027",
  "soon",
  "1801440000000",
  "2027-W04-7",
  "2027-031",
  "2027-1-2T00:00:00Z",
  "2027-01-31T12Z",
  "2027-01-31T12:00:00,5Z",
  "2027-01-31T12:00:00 Z",
  "+002027-01-31T00:00:00Z",
  "2027-01-31T1:00:00Z",
  "2027-01-31T12:00:00Z ",
  "2027-01-31T12:00:00Z\n",
  "2027-01-31T12:00:00.Z",
  "2027-01-31T12:00:00UTC",
  "Sun, 31 Jan 2027 00:00:00 GMT",
]

/** Not without a rule that says what they mean. */
const withoutZone = ["2027-01-31", "2027-01-31T12:30", "2027-01-31 12:30:15"]

const decodeInstant = Schema.decodeUnknownOption(Instant)

describe("an instant", () => {
  it("is ISO 8601 with a zone", () => {
    for (const [text, iso] of Object.entries(good)) {
      assert.deepStrictEqual(Option.map(decodeInstant(text), DateTime.formatIso), Option.some(iso), text)
    }
    for (const text of [...unreal, ...otherText, ...withoutZone]) assert.isTrue(Option.isNone(decodeInstant(text)), text)
  })

  it("of the command line may lack the zone and the time", () => {
    for (const text of withoutZone) assert.isTrue(Option.isSome(CliValues.parseInstant(text)), text)
    for (const text of unreal) assert.isTrue(Option.isNone(CliValues.parseMoment(text)), text)
  })

  it("is a date and time to the document", () => {
    assert.deepInclude(Schema.toJsonSchemaDocument(Instant).definitions["Instant"], { type: "string", format: "date-time" })
  })

  it("of a line of ours is read back", () => {
    const row = JSON.parse(encodeLine(makeStoredApiKey()))
    for (const field of ["createdAt", "updatedAt", "expiresAt", "lastUsedAt"]) {
      for (const text of [...unreal, ...otherText]) {
        const read = readRow({ ...row, apiKey: { ...row.apiKey, [field]: text } })
        assert.isTrue(Result.isFailure(read) && read.failure.field === `apiKey.${field}`, `${field}: ${text}`)
      }
      for (const [text, iso] of Object.entries(good)) {
        const read = Result.getOrThrow(readRow({ ...row, apiKey: { ...row.apiKey, [field]: text } }))
        assert.strictEqual(JSON.parse(encodeLine(read)).apiKey[field], iso)
      }
    }
  })

  it("of another system's row is read back", () => {
    const row = { id: 7, key_hash: "a".repeat(64), expires_at: null, revoked_at: null, created_at: "2026-01-01" }
    for (const text of [...unreal, "key 5", "1/2/2027", "1e3", "0x10"]) {
      const read = Sha256.make().readRow({ ...row, expires_at: text })
      assert.isTrue(Result.isFailure(read) && read.failure.field === "expires_at", text)
    }
  })
})

const http = HttpRouter.serve(routes, { disableLogger: true, disableListenLog: true }).pipe(
  Layer.provideMerge(NodeHttpServer.layer(() => createServer(), { port: 0, host: "127.0.0.1", gracefulShutdownTimeout: "1 second" })),
  Layer.provideMerge(ApiKeys.layer.pipe(Layer.provide(layerEphemeral), Layer.provideMerge(Repository.layerMemory))),
  Layer.provide(Logger.layer([])),
)

layer(http, { excludeTestServices: true })("over HTTP", (it) => {
  const prepare = Effect.gen(function* () {
    const { token } = yield* ApiKeys.ApiKeys.use((apiKeys) => apiKeys.create({ name: "caller", scopes: ["*"] }))
    const url = HttpServer.formatAddress((yield* HttpServer.HttpServer).address)
    return (method: string, path: string, body?: unknown) =>
      Effect.promise(async () => {
        const headers = { authorization: `Bearer ${Redacted.value(token)}`, "content-type": "application/json" }
        const response = await fetch(url + path, { method, headers, ...(body === undefined ? {} : { body: JSON.stringify(body) }) })
        return { status: response.status, text: await response.text() }
      })
  })

  it.effect("a body's instants are ISO 8601, and read back", () =>
    Effect.gen(function* () {
      const call = yield* prepare
      const { text: made } = yield* call("POST", "/api-keys", { name: "k", expiresAt: "2999-02-28T00:00:00+01:00" })
      const { apiKey } = JSON.parse(made)
      assert.strictEqual(apiKey.expiresAt, "2999-02-27T23:00:00.000Z")
      for (const expiresAt of ["2999-02-30T00:00:00Z", "2999-02-28", "1/2/2999", "key 5", "", "2999", 5, true]) {
        for (const [method, path] of [
          ["POST", "/api-keys"],
          ["PATCH", `/api-keys/${apiKey.id}`],
        ] as const) {
          const { status, text } = yield* call(method, path, { name: "k", expiresAt })
          assert.strictEqual(status, 400, `${method} ${expiresAt}: ${text}`)
          if (typeof expiresAt === "string") assert.include(text, "2027-01-31T00:00:00Z")
        }
      }
      assert.strictEqual(JSON.parse((yield* call("GET", `/api-keys/${apiKey.id}`)).text).expiresAt, apiKey.expiresAt)
    }),
  )

  it.effect("so are a filter's", () =>
    Effect.gen(function* () {
      const call = yield* prepare
      const names = ["createdAfter", "createdBefore", "expiresAfter", "expiresBefore", "lastUsedAfter", "lastUsedBefore"]
      for (const name of [...names, "tokenCreatedAfter", "tokenCreatedBefore"]) {
        assert.strictEqual((yield* call("GET", `/api-keys?${name}=2027-01-31T00:00:00Z`)).status, 200)
        for (const text of ["2027-02-30T00:00:00Z", "key%205", "1/2/2027", "2027-01-31", "", "5"]) {
          assert.strictEqual((yield* call("GET", `/api-keys?${name}=${text}`)).status, 400, `${name}=${text}`)
        }
      }
      for (const query of [
        "limit=1e1",
        "limit=0x10",
        "limit=",
        "limit=%201",
        "limit=+1",
        "limit=1.0",
        "isActive=1",
        "isActive=yes",
        "isActive=TRUE",
      ]) {
        assert.strictEqual((yield* call("GET", `/api-keys?${query}`)).status, 400, query)
      }
    }),
  )

  it.effect("a duration is written as on the command line", () =>
    Effect.gen(function* () {
      const call = yield* prepare
      const { token } = yield* ApiKeys.ApiKeys.use((apiKeys) => apiKeys.create({ name: "k" }))
      for (const maxAge of ["2 seconds", "500 millis", "500ms", "1d12h", "0"]) {
        assert.strictEqual((yield* call("POST", "/api-keys/verify", { token: Redacted.value(token), maxAge })).status, 200, maxAge)
      }
      for (const maxAge of [
        "",
        "5",
        "1e3 seconds",
        "-1 seconds",
        "Infinity",
        "6M",
        "30d30d",
        "5m 1h",
        "1.5 hours",
        " 1s",
        "1s\n",
        "constructor",
        5,
      ]) {
        const { status, text } = yield* call("POST", "/api-keys/verify", { token: Redacted.value(token), maxAge })
        assert.strictEqual(status, 400, String(maxAge))
        if (typeof maxAge === "string") assert.include(text, "500 millis")
      }
    }),
  )

  it("a derived client writes durations that are read", () => {
    for (const [duration, text] of [
      [Duration.seconds(2), "2000 millis"],
      [Duration.nanos(2_500_000n), "2 millis"],
      [Duration.infinity, "3153600000000 millis"],
    ] as const) {
      assert.strictEqual(Schema.encodeSync(MaxAge)(duration), text)
      assert.isTrue(Option.isSome(Schema.decodeOption(MaxAge)(text)))
    }
    assert.strictEqual(Schema.encodeSync(ConfirmWithin)(Duration.seconds(30)), "30000 millis")
  })
})

describe("the environment", () => {
  const read = (env: Readonly<Record<string, string>>) =>
    Effect.gen(function* () {
      yield* Layer.build(ApiKeys.layerConfig.pipe(Layer.provide([layerEphemeral, Repository.layerMemory])))
      return { ...(yield* readLeakOptions), ...(yield* serverSettings), ...(yield* readCredentialOptions), names: yield* namedAdapters }
    }).pipe(Effect.scoped, Effect.provide(ConfigProvider.layer(ConfigProvider.fromEnv({ env }))))

  it.effect("takes an empty variable for one that isn't set", () =>
    Effect.gen(function* () {
      assert.deepInclude(yield* read({ PORT: "", API_KEY_CACHE_ENTRIES: "", API_KEY_REVOKE_BY_POSSESSION: "" }), {
        port: 3000,
        revokeByPossession: false,
      })
    }),
  )

  it.effect("takes the times that flags take", () =>
    Effect.gen(function* () {
      const names = ["API_KEY_DEFAULT_LIFETIME", "API_KEY_MAXIMUM_LIFETIME", "API_KEY_MAXIMUM_AGE", "API_KEY_CACHE_TIME_TO_LIVE"]
      for (const name of [...names, "API_KEY_LAST_USED_INTERVAL", "API_KEY_HASHING_MAX_WAIT"]) {
        for (const time of ["30d", "12 hours", "1d12h", "90 minutes", "500 millis"]) yield* read({ [name]: time })
        for (const time of ["30", "1e3 seconds", "Infinity", "6M", "30 parsecs", "-1 days"]) {
          const error = String(yield* Effect.flip(read({ [name]: time })))
          assert.include(error, "must be a time such as 30d, 12 hours or 500 millis", `${name}=${time}`)
          assert.include(error, time)
          assert.include(error, name)
        }
      }
    }),
  )

  it.effect("takes digits alone for numbers", () =>
    Effect.gen(function* () {
      const names = ["API_KEY_CACHE_ENTRIES", "API_KEY_CACHE_BYTES", "API_KEY_HASHING_PERMITS", "API_KEY_HASHING_QUEUE", "PORT"]
      for (const name of [...names, "API_KEY_REVOCATIONS_PER_SECOND"]) {
        yield* read({ [name]: "100" })
        for (const text of [" ", " 5", "5 ", "0x10", "1e3", "+5", "-5", "5,000", "5_000", "NaN", "Infinity", "many"]) {
          const error = String(yield* Effect.flip(read({ [name]: text })))
          assert.include(error, name, `${name}=${text}`)
          assert.include(error, "must be", `${name}=${text}`)
        }
      }
      assert.strictEqual((yield* read({ PORT: "0" })).port, 0)
      yield* Effect.flip(read({ PORT: "65536" }))
      assert.strictEqual((yield* read({ API_KEY_REVOCATIONS_PER_SECOND: "0.5" })).revocationsPerSecond, 0.5)
      yield* Effect.flip(read({ API_KEY_REVOCATIONS_PER_SECOND: "0.01" }))
    }),
  )

  it.effect("takes true and false alone for flags", () =>
    Effect.gen(function* () {
      for (const name of ["API_KEY_REVOKE_BY_POSSESSION", "API_KEY_REFUSE_AGED", "API_KEY_ACCEPT_MISSING_PEPPERS"]) {
        for (const text of ["true", "false"]) yield* read({ [name]: text, API_KEY_MAXIMUM_AGE: "30d" })
        for (const text of ["1", "0", "yes", "no", "on", "TRUE", "maybe"]) {
          const error = String(yield* Effect.flip(read({ [name]: text, API_KEY_MAXIMUM_AGE: "30d" })))
          assert.include(error, "must be true or false", `${name}=${text}`)
        }
      }
    }),
  )

  it.effect("takes one of the words alone where there are few", () =>
    Effect.gen(function* () {
      const words = {
        API_KEY_CACHE: "on, off",
        API_KEY_TELEMETRY: "counters, metrics, traces",
        API_KEY_LEAKS: "end, log",
        API_KEY_SEPARATOR: "-, _, ., ~, :",
        API_KEY_FOREIGN_AUTHORIZATION: "ignore, refuse",
      }
      for (const [name, all] of Object.entries(words)) {
        for (const word of all.split(", ")) yield* read({ [name]: word })
        for (const text of [" ", "ON", "true", "1"]) {
          assert.include(String(yield* Effect.flip(read({ [name]: text }))), `must be one of ${all}`, name)
        }
      }
      assert.deepStrictEqual((yield* read({ API_KEY_ADAPTERS: "unkey, sha256" })).names, ["unkey", "sha256"])
      for (const text of ["unkey;sha256", "Unkey", "unkey,", "sha256,sha256", " "]) {
        assert.include(String(yield* Effect.flip(read({ API_KEY_ADAPTERS: text }))), "such as unkey,sha256", text)
      }
    }),
  )
})
