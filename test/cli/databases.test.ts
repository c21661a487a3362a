import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import * as PgClient from "@effect/sql-pg/PgClient"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import { SqlClient } from "effect/sql"
import { ApiKeyTransfer } from "../../src/index.ts"
import { Json } from "../../src/cli.ts"
import { type Env, interrupt, interruptOnFile, run, serve, shell } from "./support.ts"
import { database, decode, failed, folder, lines, one, onPostgres, served, prepare, postgres } from "./scene.ts"

prepare("embedded", "server", "postgres")

describe("what only a database offers", { concurrent: true }, () => {
  const json = (args: ReadonlyArray<string>, env: Env, input?: string) => run([...args, "--json"], env, input)

  it("is refused on a server, as wrong usage", async () => {
    for (const args of [["import"], ["export", "--hashes"], ["migrate"], ["doctor"], ["serve"]]) {
      failed(await json([...args, "--url", served.url], { EFFECT_API_KEY_TOKEN: served.token }), 2, "Usage")
    }
  })

  it("moves keys from one database to another", async () => {
    const env = onPostgres("moving")
    const { token } = one(Json.Created, await json(["create", "--name", "moves"], env))
    const file = join(folder, "keys.ndjson")
    assert.deepStrictEqual(one(Json.Exported, await json(["export", "--hashes", "--output", file], env)), { exported: 1, file })
    assert.strictEqual(statSync(file).mode & 0o777, 0o600)
    failed(await json(["export", "--output", file], env), 1, "FileError")

    assert.deepStrictEqual(
      readdirSync(folder).filter((name) => name.startsWith("keys.ndjson")),
      ["keys.ndjson"],
    )

    // With the same pepper.
    const other = onPostgres("moved")
    const line = readFileSync(file, "utf8")
    assert.strictEqual(decode(ApiKeyTransfer.ExportedKey, line).apiKey.name, "moves")
    const many = Array.from({ length: 400 }, (_, index) => {
      const key = JSON.parse(line)
      const digits = index.toString(16).padStart(4, "0")
      return JSON.stringify({
        ...key,
        apiKey: { ...key.apiKey, id: key.apiKey.id.slice(0, -4) + digits, keyId: key.apiKey.keyId.slice(0, -4) + digits },
      })
    })
    const imported = await json(["import"], other, `${line}${many.join("\n")}\nnonsense\n`)
    assert.strictEqual(imported.code, 1)
    const events = lines(imported.stdout).map((event) => decode(Json.ImportEvent, event))
    assert.deepStrictEqual(events.at(-1), { _tag: "Progress", read: 402, inserted: 401, present: 0, refused: 1 })
    assert.deepInclude(events[0], { _tag: "Refused", row: 402 })
    assert.strictEqual((await json(["verify"], other, token)).code, 0)
    assert.strictEqual(one(Json.Count, await json(["count"], other)).count, 401)
    const again = await run(["import", file, "--dry-run"], other)
    assert.strictEqual(again.stdout, "1 row: 0 would be imported, 1 there already, 0 refused\n")
    failed(await json(["import", file, "--skip", "2"], other).then((ran) => ({ ...ran, stdout: "" })), 1, "NothingToImport")

    // What comes after the first batch is whole too, in a pipe.
    const long = "a name that is longer than those before it, by much"
    assert.strictEqual(
      (await json(["update", many.length === 0 ? "" : JSON.parse(many[0] ?? "").apiKey.id, "--name", long], other)).code,
      0,
    )
    const table = lines((await run(["list"], other)).stdout)
    assert.lengthOf(table, 402)
    assert.isTrue(table.some((row) => row.startsWith(`${long}  `)))
    assert.isFalse(table.some((row) => row.includes("…")))

    const rowOf = { id: "1", key_id: "7a74caa323a5410d", key_hash: `$argon2id$v=19$m=65536,t=3,p=4$${"A".repeat(22)}$${"A".repeat(43)}` }
    const theirs = JSON.stringify({ ...rowOf, name: "old", is_active: true, expires_at: null, created_at: "2024-01-01T00:00:00Z" })
    const told = await run(["import", "--from", "fastapi-api-key", "--dry-run"], other, `${theirs}\n`)
    assert.match(told.stderr, /for serve and verify set API_KEY_ADAPTERS=fastapi-api-key;/)
    const fastapi = await json(["import", "--from", "fastapi-api-key", "--dry-run"], other, `${theirs}\n`)
    assert.deepStrictEqual(decode(Json.ImportEvent, lines(fastapi.stdout).at(-1) ?? ""), {
      _tag: "Progress",
      read: 1,
      inserted: 1,
      present: 0,
      refused: 0,
    })
    const fields = Object.entries({ ...JSON.parse(theirs), name: "C:\\" })
    const csv = `${fields.map(([field]) => field).join(",")}\n${fields.map(([, value]) => `"${value ?? ""}"`).join(",")}\n`
    const counts = async (...args: ReadonlyArray<string>) => {
      const { stdout } = await json(["import", "--from", "fastapi-api-key", "--dry-run", "--csv", ...args], other, csv)
      return decode(Json.ImportEvent, lines(stdout).at(-1) ?? "")
    }
    assert.deepInclude(await counts(), { read: 1, refused: 1 })
    assert.deepInclude(await counts("--backslash", "plain"), { read: 1, inserted: 1 })
    failed(await json(["import", "--from", "prefixed-api-key"], other, ""), 2, "Usage")

    const usage = decode(Json.HashUsage, (await json(["hash-report"], other)).stdout)
    assert.deepInclude(usage, { algorithm: "argon2id", count: 401, isCurrent: true })

    // Somebody lost patience.
    const rows = (first: number) =>
      Array.from({ length: 5_000 }, (_, index) => {
        const key = JSON.parse(line)
        const digits = (first + index).toString(16).padStart(8, "0")
        return JSON.stringify({
          ...key,
          apiKey: { ...key.apiKey, id: key.apiKey.id.slice(0, -8) + digits, keyId: key.apiKey.keyId.slice(0, -8) + digits },
        })
      })
    const longFile = join(folder, "long.ndjson")
    const total = 20_000
    writeFileSync(longFile, Array.from({ length: total / 5_000 }, (_, index) => rows(index * 5_000).join("\n") + "\n").join(""))
    const interrupted = await interrupt(["import", longFile], other, "Progress")
    assert.strictEqual(interrupted.code, 130, interrupted.stderr)
    const last = lines(interrupted.stdout)
      .map((event) => decode(Json.ImportEvent, event))
      .findLast((event) => event._tag === "Progress")
    assert.isTrue(last !== undefined && last.read > 0 && last.read < total)
    const resumed = await json(["import", longFile, "--skip", String(last?.read)], other)
    assert.strictEqual(resumed.code, 0, resumed.stderr)
    assert.strictEqual(one(Json.Count, await json(["count"], other)).count, 401 + total)

    // It appears whole or not at all.
    const partial = join(folder, "partial.ndjson")
    const stopped = await interruptOnFile(["export", "--hashes", "--output", partial], other, folder, "partial.ndjson")
    if (stopped.code !== 0) assert.deepStrictEqual([stopped.code, existsSync(partial)], [130, false])
    assert.deepStrictEqual(
      readdirSync(folder).filter((name) => name.endsWith(".part")),
      [],
    )

    // A reader that leaves ends the writer, without a word.
    const piped = await shell("set -o pipefail; effect-api-key list --json | head -1", other)
    assert.deepStrictEqual([piped.code, piped.stderr, lines(piped.stdout).length], [0, "", 1])
    const ambiguous = await json(["get", decode(Json.Key, piped.stdout).id.slice(0, 8)], other)
    failed(ambiguous, 2, "AmbiguousKey")
  })

  it("makes a database, and reads a token before it opens one", async () => {
    const env = { API_KEY_DATA_DIR: join(folder, "piped") }
    const made = await shell("set -o pipefail; effect-api-key create --name first | tail -1 | effect-api-key verify", env)
    assert.strictEqual(made.code, 0, made.stderr)
    assert.include(made.stderr, `Making a database in ${env.API_KEY_DATA_DIR}`)
    assert.match(made.stdout, /^The token is valid/)
  })

  it("takes no other pepper for the one beside the data, under which every key would be invalid", async () => {
    const env = { ...database("peppers"), API_KEY_DATA_DIR: join(folder, "peppers") }
    const made = await json(["create", "--name", "first"], env)
    const { token } = decode(Json.Created, made.stdout)
    const verify = (peppers: Env) => json(["verify"], { ...env, ...peppers }, token)
    const other = "another sixteen bytes or more"
    failed(await verify({ API_KEY_PEPPER: other }), 1, "DataDirError")
    failed(await verify({ API_KEY_PEPPERS: "built-in" }), 1, "DataDirError")
    one(Json.Verified, await verify({ API_KEY_PEPPER: readFileSync(join(env.API_KEY_DATA_DIR, "pepper"), "utf8") }))
    one(Json.Verified, await verify({ API_KEY_PEPPERS: `2026a:${other}` }))
    const findings = lines((await json(["doctor"], { ...env, API_KEY_PEPPER: other })).stdout).map((line) => decode(Json.Finding, line))
    assert.deepStrictEqual(
      findings.filter(({ level }) => level === "error").map(({ check }) => check),
      ["peppers"],
    )
  })

  it("prints the first key of a server as an object", async () => {
    const server = await serve(database("json"), "json")
    try {
      const { apiKey, token, url } = decode(Json.FirstKey, server.stdout())
      assert.deepStrictEqual([apiKey.name, url], ["Administrator", server.url])
      assert.strictEqual(one(Json.Count, await json(["count", "--url", url], { EFFECT_API_KEY_TOKEN: token })).count, 1)
      for (const line of lines(server.stderr())) decode(Json.Log, line)
    } finally {
      assert.strictEqual(await server.stop(), 0)
    }
  })

  it("migrates, and examines", async () => {
    const env: Env = { API_KEY_DATA_DIR: join(folder, "new") }
    const before = await json(["doctor"], env)
    assert.strictEqual(before.code, 0)
    assert.isFalse(existsSync(join(folder, "new")))
    const { migrations } = one(Json.Migrated, await json(["migrate"], env))
    assert.isAbove(migrations.length, 3)
    assert.deepStrictEqual(one(Json.Migrated, await json(["migrate"], env)), { migrations: [], repaired: [] })
    const findings = lines((await json(["doctor"], env)).stdout).map((line) => decode(Json.Finding, line))
    assert.deepStrictEqual(
      findings.map(({ check, level }) => [check, level]),
      ["configuration", "peppers", "database", "migrations", "clock", "indexes", "invalidation", "hashes", "seals"].map((check) => [
        check,
        "ok",
      ]),
    )
    const unreachable = await json(["doctor"], { DATABASE_URL: "postgres://nobody@127.0.0.1:1/none" })
    assert.strictEqual(unreachable.code, 1)
    const problems = lines(unreachable.stdout).map((line) => decode(Json.Finding, line))
    assert.deepStrictEqual(
      problems.filter(({ level }) => level === "error").map(({ check, advice }) => [check, advice !== null]),
      [
        ["peppers", true],
        ["database", true],
      ],
    )
    assert.strictEqual(decode(Json.Failure, unreachable.stderr).error._tag, "Unhealthy")
    one(Json.Created, await json(["create", "--name", "hashed"], env))
    const otherPepper = await json(["doctor"], { ...env, API_KEY_PEPPERS: "new:sixteen bytes or more of it" })
    const hashes = lines(otherPepper.stdout)
      .map((line) => decode(Json.Finding, line))
      .find(({ check }) => check === "hashes")
    assert.strictEqual(hashes?.level, "warning")
  })

  it("is PostgreSQL too", async () => {
    await Effect.runPromise(
      Effect.scoped(
        Effect.gen(function* () {
          const env = postgres
          const ask = (args: ReadonlyArray<string>, input?: string) => Effect.promise(() => json(args, env, input))
          const early = yield* ask(["list"])
          failed(early, 1, "MissingMigrations")
          assert.include(early.stderr, "effect-api-key migrate")
          const before = yield* ask(["doctor"])
          assert.strictEqual(before.code, 1)
          const advice = lines(before.stdout).map((line) => decode(Json.Finding, line).advice)
          assert.include(advice, "Run: effect-api-key migrate")
          one(Json.Migrated, yield* ask(["migrate"]))
          const { token } = one(Json.Created, yield* ask(["create", "--name", "ci"]))
          assert.strictEqual((yield* ask(["verify"], token)).code, 0)
          const after = yield* ask(["doctor"])
          assert.deepStrictEqual(
            lines(after.stdout).filter((line) => decode(Json.Finding, line).level !== "ok"),
            [],
          )
          failed(yield* ask(["list"].concat("--status", "gone")), 2, "InvalidValue")
          const otherPepper = yield* Effect.promise(() =>
            json(["doctor"], { DATABASE_URL: env.DATABASE_URL, API_KEY_PEPPERS: "new:another sixteen bytes or more" }),
          )
          assert.strictEqual(otherPepper.code, 1)
          assert.include(otherPepper.stdout, "aren't configured")

          const run = (statement: string) =>
            SqlClient.SqlClient.use((sql) => sql.unsafe(statement)).pipe(
              Effect.provide(PgClient.layer({ url: Redacted.make(env.DATABASE_URL) })),
            )
          yield* run("ALTER TABLE api_keys ENABLE REPLICA TRIGGER api_keys_tell_update")
          assert.match((yield* ask(["doctor"])).stdout, /aren't told to the nodes: missing or disabled are api_keys_tell_update/)
          assert.deepStrictEqual(one(Json.Migrated, yield* ask(["migrate", "--repair"])), {
            migrations: [],
            repaired: ["api_keys_tell_update"],
          })

          const noRedis = yield* Effect.promise(() => json(["doctor"], { ...env, REDIS_URL: "redis://127.0.0.1:1" }))
          assert.deepStrictEqual(
            lines(noRedis.stdout)
              .map((line) => decode(Json.Finding, line))
              .filter(({ level }) => level !== "ok")
              .map(({ check, message }) => [check, message.replace(/ \(.*\)$/, "")]),
            [["invalidation", "What REDIS_URL names can't be reached"]],
          )

          // A server that has the key in its cache says that it has heard of the change; one that is said to live, but doesn't, says nothing.
          const node = yield* Effect.acquireRelease(
            Effect.promise(() => serve(env, "some")),
            ({ stop }) => Effect.promise(stop),
          )
          const { apiKey, token: held } = one(Json.Created, yield* ask(["create", "--name", "confirmed"]))
          const knock = Effect.promise(() =>
            fetch(`${node.url}/protected`, { headers: { authorization: `Bearer ${held}` } }).then(({ status }) => status),
          )
          assert.strictEqual(yield* knock, 200)
          assert.isFalse(one(Json.Key, yield* ask(["deactivate", apiKey.id, "--confirm-within", "30s"])).isActive)
          assert.strictEqual(yield* knock, 401)
          yield* run("INSERT INTO api_keys_nodes VALUES ('gone', now() + interval '1 hour')")
          const unconfirmed = yield* ask(["update", apiKey.id, "--name", "other", "--confirm-within", "500ms"])
          failed(unconfirmed, 1, "Unconfirmed")
          assert.include(unconfirmed.stderr, "(not by gone)")
          const admin = one(Json.Created, yield* ask(["create", "--name", "admin", "--scope", "api-keys:*"]))
          const asked = yield* Effect.promise(() =>
            json(["delete", apiKey.id, "--yes", "--confirm-within", "500ms", "--url", node.url], { EFFECT_API_KEY_TOKEN: admin.token }),
          )
          failed(asked, 1, "Unconfirmed")
          assert.include(asked.stderr, "(not by gone)")
          // A rotation gives its token all the same.
          const { apiKey: other } = one(Json.Created, yield* ask(["create", "--name", "rotated"]))
          for (const at of [[], ["--url", node.url]]) {
            const args = ["rotate", other.id, "--end-previous", "--yes", "--confirm-within", "500ms", ...at]
            const rotated = yield* Effect.promise(() => json(args, { ...env, EFFECT_API_KEY_TOKEN: admin.token }))
            failed({ ...rotated, stdout: "" }, 1, "Unconfirmed")
            const shown = decode(Json.Created, rotated.stdout)
            const kept = one(Json.Key, yield* ask(["get", other.id]))
            assert.strictEqual(shown.apiKey.keyId, kept.keyId)
            assert.include(shown.token, kept.keyId)
          }
          failed(yield* ask(["get", apiKey.id]), 3, "ApiKeyNotFound")
        }),
      ),
    )
  })

  it("fails in one line without its database", async () => {
    failed(await json(["list"], { DATABASE_URL: "postgres://nobody@127.0.0.1:1/none" }), 1, "PepperRequired")
    failed(await json(["list"], { API_KEY_DATA_DIR: join(folder, "unsound"), API_KEY_CACHE_ENTRIES: "many" }), 1, "ConfigError")
    failed(await json(["list", "--url", "http://127.0.0.1:1"], { EFFECT_API_KEY_TOKEN: "x" }), 1, "ServerUnreachable")
    failed(await json(["list", "--url", served.url], { EFFECT_API_KEY_TOKEN: "x" }), 1, "Unauthorized")
    failed(await json(["list", "--url", served.url], {}), 2, "Usage")
  })
})
