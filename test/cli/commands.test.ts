/** The commands on the keys of this process, and on those of a server: the same lines, the same failures. */
import { NodeServices } from "@effect/platform-node"
import { assert, layer as describeWith } from "@effect/vitest"
import { Context, Effect, Exit, Layer, Logger, Option, Redacted, Schema } from "effect"
import { Command } from "effect/cli"
import { HttpServer } from "effect/http"
import { TestConsole } from "effect/testing"
import * as ApiKeys from "../../src/ApiKeys.ts"
import { CliFailure, command, Json } from "../../src/cli.ts"
import * as ApiKeysClient from "../../src/http/client.ts"
import { PresentedToken } from "../../src/internal/cli/presentedToken.ts"
import { layerServer } from "../support/server.ts"

const shop = Command.make("shop").pipe(Command.withSubcommands([command]))
const runShop = Command.runWith(shop, { version: "1.0.0" })

/** The service that the commands are given: the server's own, or the same over HTTP. */
const layerRemote = Layer.effect(
  ApiKeys.ApiKeys,
  Effect.gen(function* () {
    const url = HttpServer.formatAddress((yield* HttpServer.HttpServer).address)
    const { token } = yield* ApiKeys.ApiKeys.use((keys) => keys.create({ name: "admin", scopes: ["*"], ownerId: "admin" }))
    return Context.get(yield* Layer.build(ApiKeysClient.layerFetch({ url, token })), ApiKeys.ApiKeys)
  }),
)

const lines = TestConsole.logLines.pipe(Effect.map((all) => all.map((line): unknown => JSON.parse(String(line)))))

/** The lines that a command prints. */
const run = (args: ReadonlyArray<string>, token?: Redacted.Redacted) =>
  Effect.gen(function* () {
    yield* runShop(["api-keys", ...args, "--json"]).pipe(Effect.provideService(PresentedToken, token))
    return yield* lines
  }).pipe(Effect.provide([TestConsole.layer, Logger.layer([])], { local: true }))

const failing = (args: ReadonlyArray<string>, token?: Redacted.Redacted) =>
  Effect.gen(function* () {
    const exit = yield* Effect.exit(runShop(["api-keys", ...args, "--json"]).pipe(Effect.provideService(PresentedToken, token)))
    const error = Option.getOrUndefined(Exit.findErrorOption(exit))
    assert.instanceOf(error, CliFailure)
    return { code: error.exitCode, tag: error.tag, lines: yield* lines }
  }).pipe(Effect.provide([TestConsole.layer, Logger.layer([])], { local: true }))

const one = <A, I>(schema: Schema.Codec<A, I>, printed: ReadonlyArray<unknown>): A => {
  assert.lengthOf(printed, 1)
  return Schema.decodeUnknownSync(schema, { onExcessProperty: "error" })(printed[0])
}

const create = (...args: ReadonlyArray<string>) =>
  Effect.map(run(["create", "--name", "k", ...args]), (printed) => {
    const { apiKey, token } = one(Json.Created, printed)
    return { apiKey, token: Redacted.make(token) }
  })

const server = layerServer()
for (const [place, keys] of Object.entries({
  "this process": server,
  "a server": layerRemote.pipe(Layer.provide(server)),
})) {
  describeWith(Layer.merge(keys, NodeServices.layer), { excludeTestServices: true })(`the commands on ${place}`, (it) => {
    it.effect("bind a change to a version, and wait for it", () =>
      Effect.gen(function* () {
        const { apiKey } = yield* create("--owner", "bound")
        const updated = one(Json.Key, yield* run(["update", apiKey.id, "--description", "d", "--if-version", "1"]))
        assert.strictEqual(updated.version, 2)
        for (const args of [
          ["update", apiKey.id, "--name", "late"],
          ["activate", apiKey.id],
          ["deactivate", apiKey.id],
          ["rotate", apiKey.id],
          ["end-grace", apiKey.id, "--yes"],
          ["delete", apiKey.id, "--yes"],
        ]) {
          const { code, tag } = yield* failing([...args, "--if-version", "1"])
          assert.deepStrictEqual([code, tag], [1, "VersionConflict"], args.join(" "))
        }
        const ended = one(Json.Key, yield* run(["deactivate", apiKey.id, "--reason", "leaked", "--confirm-within", "2s"]))
        assert.deepInclude(ended, { isActive: false, deactivationReason: "leaked" })
        assert.isTrue(one(Json.Key, yield* run(["activate", apiKey.id, "--confirm-within", "2s"])).isActive)
        assert.deepStrictEqual(one(Json.Deleted, yield* run(["delete", apiKey.id, "--yes"])), { deleted: apiKey.id })
        assert.deepInclude(yield* failing(["get", apiKey.id]), { code: 3, tag: "ApiKeyNotFound" })
      }),
    )

    it.effect("filter and sort by all that the service can", () =>
      Effect.gen(function* () {
        const first = yield* create("--owner", "filtered")
        const second = yield* create("--owner", "filtered")
        yield* run(["rotate", first.apiKey.id])
        const count = (...args: ReadonlyArray<string>) =>
          Effect.map(run(["count", "--owner", "filtered", ...args]), (printed) => one(Json.Count, printed).count)
        assert.strictEqual(yield* count("--key-id", first.apiKey.keyId), 1)
        assert.strictEqual(yield* count("--starts-with", second.apiKey.id), 1)
        assert.strictEqual(yield* count("--token-created-after", "1h"), 2)
        assert.strictEqual(yield* count("--token-created-before", "1h"), 0)
        assert.strictEqual(yield* count("--used"), 0)
        assert.strictEqual(yield* count("--never-used"), 2)
        assert.deepInclude(yield* failing(["count", "--used", "--never-used"]), { code: 2, tag: "Usage" })
        const page = one(Json.Page, yield* run(["search", "--owner", "filtered", "--sort=-tokenCreatedAt"]))
        assert.deepStrictEqual(
          page.items.map(({ id }) => id),
          [first.apiKey.id, second.apiKey.id],
        )
        const exported = yield* run(["export", "--owner", "filtered"])
        assert.lengthOf(exported, 2)
        assert.isAbove((yield* run(["hash-report"])).length, 0)
        assert.isAbove((yield* run(["seal-report"])).length, 0)
      }),
    )

    it.effect("tell of what is about to stop working", () =>
      Effect.gen(function* () {
        const { apiKey } = yield* create("--expires", "3d", "--owner", "upcoming")
        yield* create("--expires", "40d", "--owner", "upcoming")
        const upcoming = (...args: ReadonlyArray<string>) =>
          Effect.map(run(["upcoming", ...args]), (printed) =>
            printed
              .map((line) => Schema.decodeUnknownSync(Json.Upcoming)(line))
              .flatMap(({ apiKey, reason }) => (apiKey.ownerId === "upcoming" ? [`${reason} ${apiKey.id}`] : [])),
          )
        assert.deepStrictEqual(yield* upcoming(), [`expires ${apiKey.id}`])
        assert.deepStrictEqual(yield* upcoming("--within", "2d"), [])
        assert.lengthOf(yield* upcoming("--within", "2d", "--maximum-age", "1d"), 2)
        assert.lengthOf(yield* upcoming("--within", "60d", "--limit", "1"), 1)
      }),
    )

    it.effect("bind a key to networks, and verify a token from an address", () =>
      Effect.gen(function* () {
        const limit = ["--limit", "burst=9/1h"]
        const { apiKey, token } = yield* create("--allow-ip", "10.0.0.0/8, 2001:db8::/32", "--allow-ip", "192.0.2.7", ...limit)
        const limits = [{ name: "burst", limit: 9, window: "1h" }]
        assert.deepStrictEqual(apiKey.policies, { limits, allowedIps: ["10.0.0.0/8", "2001:db8::/32", "192.0.2.7"] })
        const verify = (...args: ReadonlyArray<string>) => run(["verify", ...args], token)
        for (const address of ["10.1.2.3", "::ffff:192.0.2.7", "2001:db8::1"]) {
          assert.isTrue(one(Json.Verified, yield* verify("--address", address, "--cost", "0")).valid)
        }
        for (const args of [[], ["--address", "192.0.2.8"]]) {
          const { code, tag } = yield* failing(["verify", ...args], token)
          assert.deepStrictEqual([code, tag], [4, "IpNotAllowed"])
        }
        const over = yield* failing(["verify", "--address", "10.1.2.3", "--cost", "10"], token)
        assert.deepStrictEqual([over.code, over.tag], [4, "RateLimited"])
        const update = (...args: ReadonlyArray<string>) =>
          Effect.map(run(["update", apiKey.id, ...args]), (printed) => one(Json.Key, printed).policies)
        assert.deepStrictEqual(yield* update("--allow-ip", "::1"), { limits, allowedIps: ["::1"] })
        assert.deepStrictEqual(yield* update("--no-allowed-ips"), { limits })
        assert.isNull(yield* update("--no-limits", "--no-allowed-ips"))
        assert.isTrue(one(Json.Verified, yield* verify()).valid)
        for (const args of [
          ["update", apiKey.id, "--allow-ip", "10.1.2.3/8"],
          ["update", apiKey.id, "--allow-ip", "10.0.0.0/8,"],
          ["update", apiKey.id, "--allow-ip", "::1", "--no-allowed-ips"],
        ]) {
          assert.deepInclude(yield* failing(args), { code: 2, tag: "Usage" }, args.join(" "))
        }
      }),
    )

    it.effect("give a key an idle timeout and take it away, and find it by when it becomes idle", () =>
      Effect.gen(function* () {
        const { apiKey } = yield* create("--idle-timeout", "90d", "--allow-ip", "::1", "--owner", "idle")
        const allowedIps = ["::1"]
        assert.deepStrictEqual(apiKey.policies, { allowedIps, idleTimeout: "90d" })
        const update = (...args: ReadonlyArray<string>) =>
          Effect.map(run(["update", apiKey.id, ...args]), (printed) => one(Json.Key, printed).policies)
        const upcoming = Effect.map(run(["upcoming", "--within", "30d"]), (printed) =>
          printed
            .map((line) => Schema.decodeUnknownSync(Json.Upcoming)(line))
            .flatMap(({ apiKey, reason, at }) =>
              apiKey.ownerId === "idle" ? [[reason, at.epochMilliseconds - apiKey.createdAt.epochMilliseconds]] : [],
            ),
        )
        const count = (...args: ReadonlyArray<string>) =>
          Effect.map(run(["count", "--owner", "idle", ...args]), (printed) => one(Json.Count, printed).count)
        assert.deepStrictEqual(yield* upcoming, [])
        assert.deepStrictEqual(yield* update("--idle-timeout", "1 week"), { allowedIps, idleTimeout: "1 week" })
        assert.deepStrictEqual(yield* upcoming, [["idle", 7 * 86_400_000]])
        const counts = [yield* count("--idle-before", "8d"), yield* count("--idle-before", "6d"), yield* count("--idle-after", "6d")]
        assert.deepStrictEqual(counts, [1, 0, 1])
        assert.deepStrictEqual(yield* update("--no-idle-timeout"), { allowedIps })
        assert.deepStrictEqual([yield* upcoming, yield* count("--idle-after", "0")], [[], 0])
        for (const args of [
          ["--idle-timeout", "59s"],
          ["--idle-timeout", "90"],
          ["--idle-timeout", "6M"],
          ["--idle-timeout", "90d", "--no-idle-timeout"],
        ]) {
          assert.deepInclude(yield* failing(["update", "no such key", ...args]), { code: 2, tag: "Usage" }, args.join(" "))
        }
      }),
    )

    it.effect("give a key rate limits and take them away, beside its other policies and at the version that was read", () =>
      Effect.gen(function* () {
        const { apiKey } = yield* create("--limit", "burst=9/1h", "--limit", "daily=99/1d:bucket", "--allow-ip", "::1")
        const allowedIps = ["::1"]
        const burst = { name: "burst", limit: 9, window: "1h" }
        assert.deepStrictEqual(apiKey.policies, {
          limits: [burst, { name: "daily", limit: 99, window: "1d", algorithm: "bucket" }],
          allowedIps,
        })
        const update = (...args: ReadonlyArray<string>) =>
          Effect.map(run(["update", apiKey.id, ...args]), (printed) => one(Json.Key, printed))
        assert.deepStrictEqual((yield* update("--limit", "burst=9/1h")).policies, { limits: [burst], allowedIps })
        const bare = yield* update("--no-limits")
        assert.deepStrictEqual([bare.policies, bare.version], [{ allowedIps }, 3])
        const late = yield* failing(["update", apiKey.id, "--limit", "burst=9/1h", "--if-version", "2"])
        assert.deepInclude(late, { code: 1, tag: "VersionConflict" })
        for (const args of [["--limit", "burst=9"], ["--limit", "burst=9/1h", "--no-limits"], []]) {
          // Arguments are judged before the key is looked for.
          assert.deepInclude(yield* failing(["update", "no such key", ...args]), { code: 2, tag: "Usage" }, args.join(" "))
        }
      }),
    )

    it.effect("give a key quotas and take them away, show what is left, and change it once for a request id", () =>
      Effect.gen(function* () {
        const { apiKey, token } = yield* create(
          "--quota",
          "monthly=3/month@Europe/Berlin,once=5",
          "--quota",
          "gift=0",
          "--limit",
          "burst=9/1h",
        )
        const monthly = { name: "monthly", amount: 3, refill: { every: "month", timeZone: "Europe/Berlin" } }
        const limits = [{ name: "burst", limit: 9, window: "1h" }]
        assert.deepStrictEqual(apiKey.policies, { limits, quotas: [monthly, { name: "once", amount: 5 }, { name: "gift", amount: 0 }] })
        const change = (...args: ReadonlyArray<string>) =>
          Effect.map(run(["change-quota", apiKey.keyId.slice(0, 12), ...args]), (printed) => one(Json.ChangedQuota, printed))
        const topUp = ["top-up", "gift", "500", "--request-id", "invoice-17"]
        assert.deepStrictEqual(yield* change(...topUp), { units: 500, remaining: 500, isRepeated: false })
        assert.deepStrictEqual(yield* change(...topUp), { units: 500, remaining: 500, isRepeated: true })
        assert.isTrue(one(Json.Verified, yield* run(["verify", "--cost", "2"], token)).valid)
        assert.deepStrictEqual(yield* change("take-back", "once", "9", "--request-id", "a"), { units: 3, remaining: 0, isRepeated: false })
        assert.deepStrictEqual(yield* change("refund", "monthly", "9", "--request-id", "b"), { units: 2, remaining: 3, isRepeated: false })
        const left = (yield* run(["quotas", apiKey.id])).map((line) => Schema.decodeUnknownSync(Json.QuotaState)(line))
        assert.deepStrictEqual(
          left.map(({ name, limit, remaining, resetAfterMillis }) => [name, limit, remaining, resetAfterMillis]),
          [
            ["monthly", 3, 3, 0],
            ["once", 5, 0, null],
            ["gift", 0, 498, 0],
          ],
        )
        const over = yield* failing(["verify"], token)
        assert.deepStrictEqual([over.code, over.tag], [4, "QuotaExceeded"])
        const update = (...args: ReadonlyArray<string>) =>
          Effect.map(run(["update", apiKey.id, ...args]), (printed) => one(Json.Key, printed).policies)
        assert.deepStrictEqual(yield* update("--quota", "burst=10/hour:add:50"), {
          limits,
          quotas: [{ name: "burst", amount: 10, refill: { every: "hour", mode: "add", ceiling: 50 } }],
        })
        assert.deepInclude(yield* failing(["change-quota", apiKey.id, ...topUp]), { code: 1, tag: "InvalidInput" })
        assert.deepStrictEqual(yield* update("--no-quotas"), { limits })
        assert.deepStrictEqual(yield* run(["quotas", apiKey.id]), [])
        for (const args of [
          ["--quota", "monthly"],
          ["--quota", "monthly=1/year"],
          ["--quota", "a=1", "--no-quotas"],
          ["--quota", ""],
        ]) {
          assert.deepInclude(yield* failing(["update", "no such key", ...args]), { code: 2, tag: "Usage" }, args.join(" "))
        }
      }),
    )

    it.effect("end a token that was found, and verify without using it", () =>
      Effect.gen(function* () {
        const { apiKey, token } = yield* create("--scope", "a")
        const verified = one(Json.Verified, yield* run(["verify", "--max-age", "0", "--no-use", "--scope", "a"], token))
        assert.isTrue(verified.valid && verified.apiKey.lastUsedAt === null)
        const revoked = one(Json.Revoked, yield* run(["revoke", "--report", "ticket 7"], token))
        assert.isTrue(revoked.valid && revoked.isEnded)
        assert.deepInclude(one(Json.Key, yield* run(["get", apiKey.id])), { isActive: false, deactivationReason: "leaked" })
        for (const args of [["revoke"], ["verify"]]) {
          const { code, tag, lines } = yield* failing(args, token)
          assert.deepStrictEqual([code, tag], [4, "Inactive"])
          assert.isFalse(one(Json.Verified, lines).valid)
        }
        yield* run(["activate", apiKey.id])
        const again = one(Json.Revoked, yield* run(["revoke", "--report", "ticket 7"], token))
        assert.isTrue(again.valid && !again.isEnded)
        assert.deepInclude(yield* failing(["revoke"], Redacted.make("nonsense")), { code: 4, tag: "MalformedToken" })
      }),
    )
  })
}
