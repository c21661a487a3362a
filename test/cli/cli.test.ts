/** The bundled command line as people and programs run it: as a process, on pipes and on a pseudo-terminal. */
import { generateKeyPairSync, sign } from "node:crypto"
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { afterAll, assert, beforeAll, describe, it } from "@effect/vitest"
import * as PgClient from "@effect/sql-pg/PgClient"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as Scope from "effect/Scope"
import { SqlClient } from "effect/sql"
import { ApiKeyToken, ApiKeyTransfer } from "../../src/index.ts"
import { Json } from "../../src/cli.ts"
import { startPostgres } from "../support/postgres.ts"
import {
  binFolder,
  bundle,
  type Env,
  interrupt,
  interruptOnFile,
  noTerminal,
  onTerminal,
  type Ran,
  remove,
  run,
  serve,
  type Served,
  shell,
  temporary,
} from "./support.ts"

const folder = temporary()
let served: Served
let postgres: { readonly DATABASE_URL: string; readonly API_KEY_PEPPER: string }
const scope = Scope.makeUnsafe()
/** Databases on the same server, migrated: opening one takes a fraction of what the embedded one takes. */
const onPostgres = (name: "fresh" | "living" | "moving" | "moved") => ({
  ...postgres,
  DATABASE_URL: postgres.DATABASE_URL.replace(/\w+$/, name),
})

/** An embedded database; making one from nothing takes seconds. */
const database = (name: string): Env => {
  const dataDir = join(folder, name)
  if (!existsSync(dataDir)) cpSync(join(folder, "template"), dataDir, { recursive: true })
  return { API_KEY_DATA_DIR: dataDir }
}

beforeAll(async () => {
  bundle()
  const { code, stderr } = await run(["migrate"], { API_KEY_DATA_DIR: join(folder, "template") })
  assert.strictEqual(code, 0, stderr)
  served = await serve(database("server"), "none")
  const url = await Effect.runPromise(Scope.provide(startPostgres(), scope))
  postgres = { DATABASE_URL: Redacted.value(url), API_KEY_PEPPER: "sixteen bytes or more of it" }
  const execute = (statement: string) =>
    Effect.runPromise(SqlClient.SqlClient.use((sql) => sql.unsafe(statement)).pipe(Effect.provide(PgClient.layer({ url }))))
  await execute("CREATE DATABASE fresh")
  assert.strictEqual((await run(["migrate"], onPostgres("fresh"))).code, 0)
  for (const name of ["living", "moving", "moved"]) await execute(`CREATE DATABASE ${name} TEMPLATE fresh`)
}, 300_000)

afterAll(async () => {
  const code = await served.stop()
  await Effect.runPromise(Scope.close(scope, Exit.void))
  remove(folder)
  assert.strictEqual(code, 0)
})

/** One object, of exactly this form. */
const decode = <A, I>(schema: Schema.Codec<A, I>, line: string): A =>
  Schema.decodeUnknownSync(schema, { onExcessProperty: "error" })(JSON.parse(line))
const lines = (text: string): ReadonlyArray<string> => text.split("\n").slice(0, -1)
const one = <A, I>(schema: Schema.Codec<A, I>, { code, stdout, stderr }: Ran): A => {
  assert.strictEqual(code, 0, stderr)
  assert.lengthOf(lines(stdout), 1, stdout)
  assert.strictEqual(stderr, "")
  return decode(schema, stdout)
}
const failed = ({ code, stdout, stderr }: Ran, expected: number, tag: string): void => {
  assert.strictEqual(code, expected, stderr)
  assert.strictEqual(stdout, "")
  assert.lengthOf(lines(stderr), 1, stderr)
  assert.strictEqual(decode(Json.Failure, stderr).error._tag, tag)
}
const secretOf = (token: string): string => token.slice(token.lastIndexOf("-") + 1)

const places = {
  "the embedded database": (name: string) => ({ env: database(name), at: [] as ReadonlyArray<string> }),
  PostgreSQL: (_name: string) => ({ env: onPostgres("living"), at: [] as ReadonlyArray<string> }),
  "a server": (_name: string) => ({ env: { EFFECT_API_KEY_TOKEN: served.token }, at: ["--url", served.url] }),
}

for (const [place, where] of Object.entries(places)) {
  describe(`on ${place}`, { concurrent: true, timeout: 300_000 }, () => {
    // The tests run beside each other, and a folder is for one process at a time.
    const call = (name: string) => (args: ReadonlyArray<string>, input?: string) => {
      const { env, at } = where(name)
      return run([...args, ...at], env, input)
    }

    it("takes a key through its life, with a stable schema", async () => {
      const json = (args: ReadonlyArray<string>, input?: string) => call("life")([...args, "--json"], input)
      const created = one(
        Json.Created,
        await json(["create", "--name", "ci", "--scope", "invoices:read,invoices:write", "--expires", "30d"]),
      )
      const { apiKey, token } = created
      const { id, keyId } = apiKey
      assert.deepStrictEqual<ReadonlyArray<string>>(apiKey.scopes, ["invoices:read", "invoices:write"])
      assert.approximately(apiKey.expiresAt?.epochMilliseconds ?? 0, Date.now() + 30 * 86_400_000, 60_000)

      // Opening the embedded database takes longest.
      const names = [keyId.slice(0, 9), id.slice(0, 30), id, keyId].slice(0, place === "the embedded database" ? 2 : 4)
      for (const name of names) {
        assert.strictEqual(one(Json.Key, await json(["get", name])).id, id, name)
      }
      const pasted = await json(["get", token])
      assert.strictEqual(decode(Json.Key, pasted.stdout).id, id)
      assert.include(pasted.stderr, "leaked")
      assert.notInclude(pasted.stderr, secretOf(token))

      // The rest is the same on PostgreSQL, and here takes minutes on a busy machine.
      if (place === "the embedded database") {
        assert.strictEqual((await json(["verify"], token)).code, 0)
        one(Json.Created, await json(["rotate", id, "--grace", "0", "--yes"]))
        assert.strictEqual((await json(["verify"], token)).code, 4)
        assert.deepStrictEqual(one(Json.Deleted, await json(["delete", id, "--yes"])), { deleted: id })
        return
      }

      const listed = await json(["list", "--owner", "nobody"])
      assert.deepStrictEqual([listed.code, listed.stdout], [0, ""])
      const all = await json(["list", "--scope", "invoices:read"])
      assert.deepStrictEqual(
        lines(all.stdout).map((line) => decode(Json.Key, line).id),
        [id],
      )
      const page = one(Json.Page, await json(["search", "ci", "--sort", "name", "--limit", "10"]))
      assert.deepStrictEqual([page.items.map((item) => item.id), page.total, page.nextCursor], [[id], 1, null])
      assert.deepStrictEqual(one(Json.Count, await json(["count", "--status", "active", "--name", "ci"])), { count: 1 })

      const good = one(Json.Verified, await json(["verify", "--scope", "invoices:read"], `${token}\n`))
      assert.isTrue(good.valid && good.apiKey.id === id && good.usedToken === "current")

      const updated = one(Json.Key, await json(["update", keyId, "--name", "other", "--expires", "2037-01-31", "--metadata", '{"a":1}']))
      assert.deepStrictEqual(
        [updated.name, updated.metadata, updated.expiresAt?.epochMilliseconds],
        ["other", { a: 1 }, Date.UTC(2037, 0, 31)],
      )

      assert.isFalse(one(Json.Key, await json(["deactivate", id])).isActive)
      const inactive = await json(["verify"], token)
      assert.strictEqual(inactive.code, 4)
      const verdict = decode(Json.Verified, inactive.stdout)
      assert.isTrue(!verdict.valid && verdict.error._tag === "Inactive")
      assert.strictEqual(decode(Json.Failure, inactive.stderr).error._tag, "Inactive")
      assert.isTrue(one(Json.Key, await json(["activate", id])).isActive)

      const rotated = one(Json.Created, await json(["rotate", id, "--grace", "7d"]))
      assert.notStrictEqual(rotated.token, token)
      assert.strictEqual(rotated.apiKey.previous?.keyId, keyId)
      const running = await json(["rotate", id])
      failed(running, 1, "GraceRunning")
      assert.match(
        decode(Json.Failure, running.stderr).error.message,
        /still works, until 2\d{3}-.*Z: wait, or end it with --end-previous$/,
      )
      failed(await json(["rotate", id, "--grace", "1ms"]), 2, "Usage")
      const cursor = await json(["search", "--cursor", "nonsense"])
      failed(cursor, 1, "InvalidCursor")
      assert.include(cursor.stderr, "The cursor doesn't belong to this search")
      // As scan prints it.
      assert.strictEqual(one(Json.Key, await json(["get", `ak-${rotated.apiKey.keyId}-…${rotated.apiKey.hint}`])).id, id)
      failed(await json(["end-grace", id]), 2, "Usage")
      one(Json.Key, await json(["end-grace", id, "--yes"]))
      assert.strictEqual((await json(["verify"], token)).code, 4)

      failed(await json(["delete", id]), 2, "Usage")
      assert.deepStrictEqual(one(Json.Deleted, await json(["delete", id, "--yes"])), { deleted: id })
      failed(await json(["get", id]), 3, "ApiKeyNotFound")
      failed(await json(["get", keyId]), 3, "ApiKeyNotFound")
      const nameless = await json(["create", "--name", " "])
      failed(nameless, 1, "InvalidInput")
      assert.match(decode(Json.Failure, nameless.stderr).error.message, /^name: /)

      const waiting = one(Json.Created, await json(["create", "--name", "waits", "--inactive"]))
      assert.isFalse(waiting.apiKey.isActive)
      failed(await json(["verify"], waiting.token).then((ran) => ({ ...ran, stdout: "" })), 4, "Inactive")
    })

    it("is for people without --json", async () => {
      const ask = call("people")
      const created = await ask(["create", "--name", "people\u001b[31m", "--owner", "o"])
      assert.strictEqual(created.code, 0, created.stderr)
      assert.match(created.stdout, /^name +people\\u\{1b\}\[31m$/m)
      assert.match(created.stdout, /\n\nak-[0-9a-f]{16}-\w{64}\n$/)
      assert.include(created.stderr, "can't be shown again")
      const list = await ask(["list", "--owner", "o"])
      const [head = "", row = ""] = lines(list.stdout)
      assert.match(head, /^NAME +KEY ID +STATUS +EXPIRES +LAST USED +SCOPES +OWNER$/)
      assert.strictEqual(head.indexOf("STATUS"), row.indexOf("active"))
      const none = await ask(["search", "nobody has this name"])
      assert.deepStrictEqual([none.code, none.stdout, none.stderr], [0, "", "No API key matches.\n"])
      const wrong = await ask(["verify"], "nonsense")
      assert.deepStrictEqual([wrong.code, wrong.stdout, lines(wrong.stderr).length], [4, "", 1])
      assert.match(wrong.stderr, /^effect-api-key: The token is malformed/)
    })
  })
}

describe("what only a database offers", { concurrent: true, timeout: 300_000 }, () => {
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
      ["configuration", "peppers", "database", "migrations", "clock", "indexes", "invalidation", "hashes"].map((check) => [check, "ok"]),
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

describe("wrong usage", { concurrent: true }, () => {
  const token = "ak-7a74caa323a5410d-" + "a".repeat(64)
  const wrong: ReadonlyArray<readonly [args: ReadonlyArray<string>, tag: string]> = [
    [["nosuch"], "UnknownSubcommand"],
    [["create"], "MissingOption"],
    [["create", "--nme", "x"], "UnrecognizedOption"],
    [["create", "--name", "x", "--expires", "soon"], "InvalidValue"],
    [["create", "--name", "x", "--expires", "2027-02-30"], "InvalidValue"],
    [["create", "--name", "x", "--metadata", "[1]"], "InvalidValue"],
    [["get"], "MissingArgument"],
    [["list", "--limit", "none"], "InvalidValue"],
    [["list", "--limit", "0"], "InvalidValue"],
    [["search", "--limit", "201"], "InvalidValue"],
    [["search", "--sort", "colour"], "InvalidValue"],
    [["rotate", "abcd", "--grace", "91d"], "InvalidValue"],
    [["count", "extra"], "UnexpectedArgument"],
    [["generate", "--count", "0"], "InvalidValue"],
    [["generate", "--prefix", "1x"], "Usage"],
    [["nosuch", "--help"], "UnknownSubcommand"],
    [["rotate", "abcd", "--grace", "-1d"], "InvalidValue"],
    [["list", "--url", "http://h?x=1"], "InvalidValue"],
    [["export", "--output", "-"], "InvalidValue"],
    [["serve", "--port", "99999"], "InvalidValue"],
    [["list", "--url", "nowhere"], "InvalidValue"],
    [["import", "--from", "elsewhere"], "InvalidValue"],
  ]
  for (const [args, tag] of wrong) {
    it(args.join(" "), async () => {
      failed(await run([...args, "--json"]), 2, tag)
    })
  }

  it("is told people in one line", async () => {
    for (const [args] of wrong.slice(0, 4)) {
      const { code, stdout, stderr } = await run(args)
      assert.deepStrictEqual([code, stdout, lines(stderr).length], [2, "", 1])
      assert.match(stderr, /^effect-api-key: \S/)
    }
  })

  for (const args of [
    ["verify", token],
    ["verify", "--token", token],
    ["verify", `--token=${token}`],
    ["list", "--token", token],
    ["create", "--secret", token],
    ["search", token],
    ["list", "--name", token],
    ["create", "--name", token],
    ["create", "--name", "x", "--description", `see ${token}`],
    ["create", "--name", "x", "--expires", token],
    ["count", token],
    ["create", "--name", "x", token],
    ["scan", token],
    ["import", token],
  ]) {
    it(`refuses a secret: ${args.join(" ").replaceAll(token, "TOKEN")}`, async () => {
      const { code, stdout, stderr } = await run(args, { API_KEY_DATA_DIR: join(folder, "unused") })
      assert.strictEqual(code, 2)
      assert.match(stderr, /history.*process list/)
      assert.notInclude(stdout + stderr, "a".repeat(10))
    })
  }

  it("has words of its own for a pepper, and repeats no secret of another system", async () => {
    const { code, stderr } = await run(["list", "--pepper=abcdefgh"])
    assert.strictEqual(code, 2)
    assert.match(stderr, /A pepper isn't taken/)
    assert.notInclude(stderr, "abcdefgh")
    for (const secret of [`sk_live_${"4eC39HqLyjWDarjtT1zdp7dc"}`, "Ab3".repeat(21)]) {
      const { code, stderr } = await run(["get", secret, "--url", served.url], { EFFECT_API_KEY_TOKEN: served.token })
      assert.strictEqual(code, 3)
      assert.notInclude(stderr, secret)
    }
  })

  it("tells people what to do", async () => {
    const told = async (args: ReadonlyArray<string>) => (await run(args)).stderr
    assert.include(await told(["lst"]), 'Unknown subcommand "lst". Did you mean list or ls? (see effect-api-key --help)')
    assert.include(await told(["rotate", "abcd", "--grace", "-1d"]), "--grace needs a value. One that begins with - is written --grace=-1d")
    assert.include(await told(["serve", "--port", "abc"]), "Expected 1 to 65535")
    assert.isBelow((await told(["create", "--name", "x", "--metadata", `[${"1,".repeat(4_000)}1]`])).length, 300)
  })

  it("repeats no token that stands where it doesn't belong", async () => {
    for (const args of [["count", token], ["nosuch", token], [token], ["list", "--limit", token], ["get", token.slice(0, -3)]]) {
      const { code, stdout, stderr } = await run(args, { API_KEY_DATA_DIR: join(folder, "unused") })
      assert.strictEqual(code, 2, args.join(" "))
      assert.notInclude(stdout + stderr, "a".repeat(10))
    }
  })
})

describe("scan", { concurrent: true, timeout: 300_000 }, () => {
  it("finds tokens in folders and in what was committed, without showing them", async () => {
    const repository = join(folder, "repository")
    const { token, keyId } = decode(Json.Generated, (await run(["generate", "--json"])).stdout)
    const git = `git -C ${repository} -c user.name=a -c user.email=a@example.com`
    const made = await shell(
      `git init -q ${repository} && cd ${repository} && echo 'key = "${token}"' > leak.txt && ${git} add . && ${git} commit -qm one && rm leak.txt && ${git} commit -qam two`,
    )
    assert.strictEqual(made.code, 0, made.stderr)
    const clean = await run(["scan", repository, "--json"])
    assert.deepStrictEqual([clean.code, clean.stdout, clean.stderr], [0, "", ""])
    const history = await run(["scan", "--git", repository, "--json"])
    assert.strictEqual(history.code, 1)
    const find = decode(Json.Find, history.stdout)
    assert.deepInclude(find, { keyId, path: "leak.txt", line: 1, column: 8 })
    assert.strictEqual(decode(Json.Failure, history.stderr).error._tag, "TokensFound")
    const people = await run(["scan", "--git", repository])
    assert.match(people.stdout, new RegExp(`^ak-${keyId}-….{4}  leak.txt:1:8  [0-9a-f]{12}\n$`))
    const sarif = JSON.parse((await run(["scan", "--git", repository, "--sarif"])).stdout)
    assert.lengthOf(sarif.runs[0].results, 1)
    const env = database("leaking")
    const unknown = await run(["scan", "--git", repository, "--check", "--json"], env)
    assert.deepInclude(decode(Json.Find, unknown.stdout), { status: "unknown", apiKey: null })
    const created = JSON.parse((await run(["create", "--name", "leaky", "--owner", "acme", "--json"], env)).stdout)
    const leak = join(folder, "leak")
    assert.strictEqual((await shell(`mkdir ${leak} && echo ${created.token} > ${leak}/log`)).code, 0)
    const works = await run(["scan", leak, "--check", "--json"], env)
    assert.deepInclude(JSON.parse(works.stdout), { status: "works" })
    assert.deepInclude(JSON.parse(works.stdout).apiKey, { id: created.apiKey.id, name: "leaky", lastUsedAt: null })
    const ended = await run(["scan", leak, "--deactivate"], env)
    assert.strictEqual(ended.code, 1)
    assert.match(ended.stdout, /ended: leaky of acme, used /)
    const after = JSON.parse((await run(["get", created.apiKey.id, "--json"], env)).stdout)
    assert.deepInclude(after, { isActive: false, deactivationReason: "leaked" })
    assert.deepInclude(JSON.parse((await run(["scan", leak, "--check", "--json"], env)).stdout), { status: "inactive" })
    for (const { stdout, stderr } of [works, ended]) assert.notInclude(stdout + stderr, secretOf(created.token))
    for (const { stdout, stderr } of [history, people]) assert.notInclude(stdout + stderr, secretOf(token))

    // So many files that threads read them.
    const many = await shell(
      `mkdir ${folder}/many && cd ${folder}/many && for i in $(seq 2000); do echo x > $i; done; echo ${token} > 1500`,
    )
    assert.strictEqual(many.code, 0)
    assert.strictEqual(decode(Json.Find, (await run(["scan", join(folder, "many"), "--json"])).stdout).path, join(folder, "many/1500"))
    failed(await run(["scan", join(folder, "nowhere"), "--json"]), 1, "PathNotFound")
    failed(await run(["scan", "--git", folder, "--json"]), 1, "NotARepository")
    failed(await run(["scan", "--git", repository, "x", "--json"]), 2, "Usage")
  })
})

describe("scan", { concurrent: true, timeout: 300_000 }, () => {
  /** A folder with the files. */
  const folderOf = (name: string, files: Readonly<Record<string, string>>): string => {
    const path = join(folder, name)
    mkdirSync(path)
    for (const [file, text] of Object.entries(files)) writeFileSync(join(path, file), text)
    return path
  }
  const generate = async (...args: ReadonlyArray<string>) => (await run(["generate", ...args])).stdout.trim()
  const remote = () => ({ at: ["--url", served.url], env: { EFFECT_API_KEY_TOKEN: served.token } })

  for (const [place, where] of Object.entries(places)) {
    it(`looks at what it finds without using it, and ends it, on ${place}`, async () => {
      const name = `scan ${place.slice(-8)}`
      const { env, at } = where(name)
      const json = (args: ReadonlyArray<string>) => run([...args, ...at, "--json"], env)
      const { apiKey, token: old } = one(Json.Created, await json(["create", "--name", "leaky"]))
      const { token } = one(Json.Created, await json(["rotate", apiKey.id]))
      const before = folderOf(`${name} previous`, { a: `${old} ${old}` })
      const current = folderOf(`${name} current`, { a: token, [`${token}.log`]: token })
      for (const _ of ["first", "second"]) {
        const checked = await json(["scan", current, "--check"])
        assert.strictEqual(checked.code, 1, checked.stderr)
        const found = lines(checked.stdout).map((line) => decode(Json.Find, line))
        // Looked at once, and not used.
        assert.deepStrictEqual(
          found.map(({ status, apiKey }) => ({ status, id: apiKey?.id, lastUsedAt: apiKey?.lastUsedAt })),
          Array.from({ length: 2 }, () => ({ status: "works" as const, id: apiKey.id, lastUsedAt: null })),
        )
        assert.notInclude(checked.stdout + checked.stderr, secretOf(token))
      }
      const log = JSON.parse((await run(["scan", current, "--check", "--sarif", ...at], env)).stdout)
      assert.strictEqual(log.runs[0].results[1].properties.status, "works")
      const ended = await json(["scan", before, "--deactivate"])
      assert.deepStrictEqual(
        lines(ended.stdout).map((line) => decode(Json.Find, line).status),
        ["ended", "ended"],
        ended.stderr,
      )
      assert.strictEqual((await run(["verify", ...at], env, old)).code, 4)
      assert.isTrue(one(Json.Key, await json(["get", apiKey.id])).isActive)
      assert.strictEqual((await json(["scan", current, "--deactivate"])).code, 1)
      const after = one(Json.Key, await json(["get", apiKey.id]))
      assert.deepInclude(after, { isActive: false, deactivationReason: "leaked" })
      assert.deepInclude(decode(Json.Find, (await json(["scan", before, "--check"])).stdout.split("\n")[0]!), { status: "inactive" })
    })
  }

  it("isn't needed for what is reported to a server, which logs it, or ends it before it stops", async () => {
    const pair = generateKeyPairSync("ec", { namedCurve: "P-256" })
    const key = pair.publicKey.export({ type: "spki", format: "pem" })
    const env = {
      ...database("reported"),
      API_KEY_LEAK_SIGNING_KEYS_FILE: join(folder, "signing.json"),
      API_KEY_LEAKS: "log",
      API_KEY_REVOKE_BY_POSSESSION: "true",
      API_KEY_REVOCATIONS_PER_SECOND: "0.5",
    }
    writeFileSync(env.API_KEY_LEAK_SIGNING_KEYS_FILE, JSON.stringify({ public_keys: [{ key_identifier: "k", key }] }))
    const { url, token, logged, stop } = await serve(env, "none")
    const keys = await Promise.all(
      ["a", "b", "c", "d"].map(async (name) =>
        one(Json.Created, await run(["create", "--name", name, "--json", "--url", url], { EFFECT_API_KEY_TOKEN: token })),
      ),
    )
    const body = JSON.stringify([{ token: keys[0]?.token, type: "t", url: "https://example.com/\u001b[31m", source: "content" }])
    const headers = {
      "content-type": "application/json",
      "github-public-key-identifier": "k",
      "github-public-key-signature": sign("sha256", Buffer.from(body), pair.privateKey).toString("base64"),
    }
    assert.strictEqual((await fetch(`${url}/leaks`, { method: "POST", body, headers })).status, 200)
    const { id, keyId } = keys[0]!.apiKey
    assert.include(
      logged(),
      `warn: An API key has leaked id=${id} keyId=${keyId} found=https://example.com/\\u{1b}[31m (content) places=1\n`,
    )
    for (const { token } of keys) {
      const presented = { method: "POST", body: JSON.stringify({ token }), headers: { "content-type": "application/json" } }
      assert.strictEqual((await fetch(`${url}/leaks/revoke`, presented)).status, 202)
    }
    assert.strictEqual(await stop(), 0)
    const after = lines((await run(["list", "--json", "--status", "inactive"], env)).stdout).map((line) => decode(Json.Key, line))
    assert.deepStrictEqual(
      after.map(({ name, deactivationReason }) => `${name} ${deactivationReason}`).sort(),
      ["a", "b", "c", "d"].map((name) => `${name} possession`),
    )
  })

  it("takes several prefixes, a separator, and what git ignores", async () => {
    const tokens = await Promise.all([
      generate("--prefix", "one", "--separator", "."),
      generate("--prefix", "two", "--separator", "."),
      generate(),
    ])
    const path = folderOf("prefixes", { ".gitignore": "ignored", a: tokens.join("\n"), ignored: tokens[0] })
    assert.strictEqual((await shell(`git init -q ${path}`)).code, 0)
    const found = async (...args: ReadonlyArray<string>) =>
      lines((await run(["scan", path, "--json", ...args])).stdout).map((line) => {
        const { prefix, path } = decode(Json.Find, line)
        return `${prefix} ${path.slice(path.lastIndexOf("/") + 1)}`
      })
    assert.deepStrictEqual(await found("--prefix", "one", "--prefix", "two", "--separator", "."), ["one a", "two a"])
    assert.deepStrictEqual(await found("--prefix", "one", "--separator", ".", "--all"), ["one a", "one ignored"])
    assert.deepStrictEqual(await found(), ["ak a"])
  })

  it("refuses what makes no sense as wrong usage", async () => {
    for (const args of [["--prefix", "a-b"], ["--prefix", "1"], ["--sarif"], ["--separator", "x"]]) {
      const { code, stdout, stderr } = await run(["scan", folder, "--json", ...args])
      assert.deepStrictEqual([code, stdout], [2, ""], stderr)
    }
    const { stderr } = await run(["scan", "no\u001b[31m\nsuch"])
    assert.strictEqual(stderr, "effect-api-key: There is no no\\u{1b}[31m such\n")
  })

  it("prints what was found though it fails, and says that it isn't all", async () => {
    const token = await generate()
    const path = folderOf("partly", { a: token })
    const unreachable = { at: ["--url", "http://127.0.0.1:1"], env: { EFFECT_API_KEY_TOKEN: served.token } }
    const failing = await run(["scan", path, "--check", "--sarif", ...unreachable.at], unreachable.env)
    assert.strictEqual(failing.code, 1)
    assert.deepInclude(JSON.parse(failing.stdout).runs[0].invocations[0], { executionSuccessful: false })
    const partly = await run(["scan", path, "/dev/null", "--sarif"])
    assert.strictEqual(partly.code, 1)
    const [ran] = JSON.parse(partly.stdout).runs
    assert.lengthOf(ran.results, 1)
    assert.isFalse(ran.invocations[0].executionSuccessful)
    assert.strictEqual(ran.invocations[0].toolExecutionNotifications[0].descriptor.id, "Unreadable")
    assert.strictEqual(ran.tool.driver.version, JSON.parse(readFileSync("package.json", "utf8")).version)
    const complete = JSON.parse((await run(["scan", path, "--sarif"])).stdout)
    assert.deepStrictEqual(complete.runs[0].invocations, [{ executionSuccessful: true }])
    assert.strictEqual((await run(["scan", path, "--check", ...remote().at], remote().env)).code, 1)
  })

  it("the recipe for git stops a commit that has a token, and no other", async () => {
    const guide = readFileSync("docs/guides/leaked-keys.md", "utf8")
    const [, recipe = ""] = /^```sh\n(#!\/bin\/sh\n.*?)^```$/ms.exec(guide) ?? []
    assert.include(recipe, "effect-api-key")
    const path = folderOf("hooked repository", { clean: "x", "with space\nand line": "y" })
    const git = (command: string) => shell(`cd '${path}' && git -c user.name=a -c user.email=a@example.com ${command}`)
    assert.strictEqual((await git("init -q")).code, 0)
    // As npm would install it.
    mkdirSync(join(path, "node_modules/.bin"), { recursive: true })
    const bin = join(path, "node_modules/.bin/effect-api-key")
    writeFileSync(bin, `#!/bin/sh\nexec "${process.execPath}" "${join(binFolder, "effect-api-key.js")}" "$@"\n`, { mode: 0o755 })
    writeFileSync(join(path, ".git/hooks/pre-commit"), recipe, { mode: 0o755 })
    writeFileSync(join(path, ".git/info/exclude"), "node_modules\n")
    const commit = async (message: string) => {
      assert.strictEqual((await git("add --all")).code, 0)
      return git(`commit -qm ${message}`)
    }
    const first = await commit("first")
    assert.strictEqual(first.code, 0, first.stderr)
    const token = await generate()
    writeFileSync(join(path, "leak"), token)
    // What a filter would make of it when it is checked out isn't what is committed.
    writeFileSync(join(path, ".gitattributes"), "leak filter=hide\n")
    assert.strictEqual((await git("config filter.hide.smudge 'echo hidden'")).code, 0)
    const leaking = await commit("leak")
    assert.strictEqual(leaking.code, 1, leaking.stdout)
    assert.include(leaking.stderr + leaking.stdout, "leak:1:1")
    assert.notInclude(leaking.stderr + leaking.stdout, secretOf(token))
    // Only what is staged counts, and of that all.
    assert.strictEqual((await git("reset -q")).code, 0)
    assert.strictEqual((await git("add .gitattributes")).code, 0)
    const clean = await git("commit -qm attributes")
    assert.strictEqual(clean.code, 0, clean.stderr)
    assert.strictEqual((await git("rm -q clean")).code, 0)
    assert.strictEqual((await git("commit -qm removed")).code, 0)
    writeFileSync(join(path, ".git/index"), "broken")
    assert.notStrictEqual((await shell(`cd '${path}' && .git/hooks/pre-commit`)).code, 0)
  })
})

describe("help, completions and generate", { concurrent: true }, () => {
  it("helps with every command, with examples", async () => {
    const help = await run(["--help"])
    assert.deepStrictEqual([help.code, help.stderr], [0, ""])
    assert.strictEqual((await run([])).stdout, help.stdout)
    const names = Array.from(
      help.stdout.slice(help.stdout.indexOf("SUBCOMMANDS")).matchAll(/^ {2}([a-z][a-z-]+)\b/gm),
      ([, name = ""]) => name,
    )
    assert.includeMembers(names, ["create", "list", "get", "update", "activate", "deactivate", "delete", "search", "count", "verify"])
    assert.includeMembers(names, [
      "rotate",
      "end-grace",
      "import",
      "export",
      "generate",
      "hash-report",
      "migrate",
      "serve",
      "doctor",
      "scan",
    ])
    const each = await Promise.all(names.filter((name) => name !== "effect-api-key").map((name) => run([name, "--help"])))
    for (const { code, stdout } of each) {
      assert.strictEqual(code, 0)
      assert.include(stdout, "EXAMPLES")
    }
    // What was rendered beforehand is what the whole command line renders.
    assert.strictEqual((await run(["create", "--help", "--json"])).stdout, (await run(["create", "--help"])).stdout)
    assert.include((await run(["--help"], { FORCE_COLOR: "1" })).stdout, "\u001b[")
    assert.notInclude((await run(["--help", "--no-color"], { FORCE_COLOR: "1" })).stdout, "\u001b[")
    assert.strictEqual(
      (await run(["--version"])).stdout.trim(),
      `effect-api-key v${JSON.parse(readFileSync("package.json", "utf8")).version}`,
    )
  })

  it("completes in bash, zsh and fish", async () => {
    for (const name of ["bash", "zsh", "fish"]) {
      const { code, stdout } = await run(["--completions", name])
      assert.strictEqual(code, 0)
      assert.include(stdout, "hash-report")
    }
    const checked = await shell(`effect-api-key --completions bash | bash -n`)
    assert.deepStrictEqual([checked.code, checked.stderr], [0, ""])

    // What bash would offer for a line.
    const script = join(folder, "completions.bash")
    writeFileSync(script, (await run(["--completions", "bash"])).stdout)
    const offers = async (...words: ReadonlyArray<string>) => {
      const line = ["effect-api-key", ...words].map((word) => `'${word}'`).join(" ")
      const { stdout } =
        await shell(`source ${script}; cd ${folder}; COMP_WORDS=(${line}); COMP_CWORD=${words.length}; COMP_LINE="\${COMP_WORDS[*]}"
        _effect_api_key effect-api-key "\${COMP_WORDS[-1]}" ""; echo "\${COMPREPLY[*]}"`)
      return stdout.trim().split(" ")
    }
    assert.includeMembers(await offers("list", "--"), ["--owner", "--json", "--url", "--no-color", "--help"])
    assert.includeMembers(await offers("--"), ["--version", "--completions"])
    assert.deepStrictEqual(await offers("list", "--status", "ac"), ["active"])
    for (const words of [["import"], ["scan"], ["export", "--output"]]) {
      assert.deepStrictEqual(await offers(...words, "completions.b"), ["completions.bash"], words.join(" "))
    }
    for (const name of ["zsh", "fish"]) {
      const { stdout } = await run(["--completions", name])
      for (const flag of ["json", "url", "no-color", "help"]) assert.match(stdout, new RegExp(`-(?:-|l )${flag}\\b`), `${name} ${flag}`)
    }
  })

  it("generates good tokens, and loads little for it", async () => {
    const generated = decode(Json.Generated, (await run(["generate", "--json"])).stdout)
    const parsed = Result.getOrThrow(ApiKeyToken.parse(generated.token))
    assert.deepStrictEqual([parsed.prefix, parsed.keyId], [generated.prefix, generated.keyId])
    const several = await run(["generate", "--prefix", "shop", "--separator", "_", "--count", "3"])
    const format = Result.getOrThrow(ApiKeyToken.make({ prefix: "shop", separator: "_" }))
    for (const token of lines(several.stdout)) assert.isTrue(Result.isSuccess(ApiKeyToken.parse(token, format)))
    assert.strictEqual(new Set(lines(several.stdout)).size, 3)
    // The whole command line makes the same of it.
    assert.match((await run(["generate", "-c", "1"], { API_KEY_PREFIX: "env" })).stdout, /^env-/)
    assert.match((await run(["generate"], { API_KEY_PREFIX: "env" })).stdout, /^env-/)

    const watch = join(folder, "watch.mjs")
    writeFileSync(
      watch,
      `import { registerHooks } from "node:module"
       registerHooks({ load: (url, context, next) => (console.error(url), next(url, context)) })`,
    )
    for (const args of [["generate"], ["generate", "-c", "1"], ["--help"], ["ls", "--help"], ["--version"]]) {
      const { stderr } = await run(args, {}, "", ["--import", watch])
      assert.notMatch(stderr, /CommandLine|standalone|database|server|Sql|pglite|Http/i)
      assert.isBelow(lines(stderr).length, 15, stderr)
    }
  })

  it("ends quietly when its reader does", async () => {
    const { code, stdout, stderr } = await shell("set -o pipefail; effect-api-key generate --count 9999 | head -1")
    assert.deepStrictEqual([code, lines(stdout).length, stderr], [0, 1, ""])
  })

  it("says in one line that it can't write", async () => {
    for (const args of ["generate", "--help", "create --help --json", "nosuch --json"]) {
      const full = await shell(`effect-api-key ${args} > /dev/full`)
      assert.lengthOf(lines(full.stderr), 1, full.stderr)
      if (args !== "nosuch --json") assert.deepStrictEqual([full.code, full.stderr.includes("can't be written (ENOSPC)")], [1, true], args)
    }
    const lost = await shell(`set -o pipefail; effect-api-key create --name lost --json --url ${served.url} | true`, {
      EFFECT_API_KEY_TOKEN: served.token,
    })
    assert.strictEqual(lost.code, 1)
    assert.match(decode(Json.Failure, lost.stderr).error.message, /nobody has the token of the API key [0-9a-f]{16}/)
  })

  it("ends with 143 by SIGTERM", async () => {
    const ended = await shell(`coproc verify { exec "$BIN" "$SCRIPT" verify; }; sleep 2; kill -TERM $verify_PID; wait $verify_PID; exit $?`)
    assert.strictEqual(ended.code, 143, ended.stderr)
  })

  it("reads a configuration that makes no sense in one line", async () => {
    for (const args of [["generate"], ["generate", "--count", "2"], ["scan", "/dev/null"]]) {
      failed(await run([...args, "--json"], { API_KEY_SEPARATOR: "x" }), 1, "ConfigError")
    }
  })

  it("warns of a variable that it doesn't read, and goes on", async () => {
    const { code, stdout, stderr } = await run(["count"], { ...database("misspelt"), API_KEY_DATADIR: "elsewhere" })
    assert.deepStrictEqual([code, stdout], [0, "0\n"])
    assert.include(stderr, "API_KEY_DATADIR is set, but isn't a variable of effect-api-key, and isn't read: did you mean API_KEY_DATA_DIR?")
    assert.notInclude(stderr, "elsewhere")
  })
})

describe.skipIf(noTerminal !== undefined)(
  `on a terminal${noTerminal === undefined ? "" : ` (${noTerminal})`}`,
  { concurrent: true },
  () => {
    it("asks for what is missing, and before what can't be undone", async () => {
      const env: Env = { EFFECT_API_KEY_TOKEN: served.token }
      const at = ["--url", served.url]
      const created = await onTerminal(["create", ...at], env, [["Name of the key", "typed\r"]])
      assert.deepStrictEqual([created.code, created.left], [0, 0])
      const [, keyId = "", secret = ""] = /ak-([0-9a-f]{16})-(\w{64})/.exec(created.text) ?? []
      assert.match(created.text, /name +typed/)

      const verified = await onTerminal(["verify", ...at], env, [["The token", `ak-${keyId}-${secret}\r`]])
      assert.strictEqual(verified.code, 0, verified.text)
      assert.notInclude(verified.text, secret)
      const given = await onTerminal(["verify", ...at], env, [["The token", "\u0003"]])
      assert.strictEqual(given.code, 130)

      const unnamed = await onTerminal(["create", ...at], env, [["Name of the key", "\u0003"]])
      assert.deepStrictEqual([unnamed.code, unnamed.text.includes("Missing")], [130, false])
      const shown = await onTerminal(["get", ...at], env, [["Id or key id", `${keyId}\r`]])
      assert.match(shown.text, /name +typed/)
      const asked = await onTerminal(["rotate", keyId, "--grace", "30s", ...at], env, [["within a minute?", "n"]])
      assert.deepStrictEqual([asked.code, asked.left], [1, 0])
      const unasked = await onTerminal(["get", "--json", ...at], env)
      assert.deepStrictEqual([unasked.code, decode(Json.Failure, unasked.text.trim()).error._tag], [2, "MissingArgument"])
      const untold = await onTerminal(["list", "--json", ...at], {})
      assert.match(decode(Json.Failure, untold.text.trim()).error.message, /EFFECT_API_KEY_TOKEN/)

      const kept = await onTerminal(["delete", keyId, ...at], env, [["for good?", "n"]])
      assert.strictEqual(kept.code, 1)
      const deleted = await onTerminal(["delete", keyId, ...at], env, [["for good?", "y"]])
      assert.strictEqual(deleted.code, 0)
      assert.include(deleted.text, "is deleted")
    })

    it("fits the width, colours, and shows how far it has come", async () => {
      const embedded = database("showing")
      const env: Env = { EFFECT_API_KEY_TOKEN: served.token }
      const at = ["--url", served.url]
      const file = join(folder, "terminal.ndjson")
      assert.strictEqual(
        (await run(["create", "--name", "a name that is longer than others", "--scope", "a:b,c:d,e:f,g:h"], embedded)).code,
        0,
      )
      const list = await onTerminal(["list", ...at], env, [], 70)
      assert.include(list.transcript, "\u001b[32mactive")
      for (const line of list.text.split("\r\n")) assert.isAtMost(line.length, 70, line)
      assert.include(list.text, "…")
      assert.notInclude((await onTerminal(["list", "--no-color", ...at], env)).transcript, "\u001b[3")
      assert.notInclude((await onTerminal(["list", ...at], { ...env, NO_COLOR: "1" })).transcript, "\u001b[3")
      assert.strictEqual((await run(["export", "--hashes", "--output", file], embedded)).code, 0)
      // Into a file, which nobody sees grow.
      const redirected = await onTerminal([], embedded, [], 100, `exec "$0" "$1" export > ${file}.2`)
      assert.match(redirected.text, /Exporting \[█+\] 100 %/)
      assert.lengthOf(lines(readFileSync(`${file}.2`, "utf8")), 1)

      // Asked for, as there is nothing on standard input.
      const imported = await onTerminal(["import"], embedded, [["File with the keys", `${file}\r`]])
      assert.match(imported.text, /Importing \[█+\] 100 %/)
      assert.strictEqual(imported.left, 0)

      const [line = ""] = lines(readFileSync(file, "utf8"))
      const key = JSON.parse(line)
      const many = Array.from({ length: 30_000 }, (_, index) => {
        const digits = index.toString(16).padStart(8, "0")
        return JSON.stringify({
          ...key,
          apiKey: { ...key.apiKey, id: key.apiKey.id.slice(0, -8) + digits, keyId: key.apiKey.keyId.slice(0, -8) + digits },
        })
      })
      writeFileSync(file, `${many.join("\n")}\n`)
      const stopped = await onTerminal(["import", file], embedded, [["Importing [█", "\u0003"]])
      assert.deepStrictEqual([stopped.code, stopped.left], [130, 0])
      assert.match(stopped.text, /What was read before is kept\. To go on: --skip [1-9]\d*/)
    })
  },
)
