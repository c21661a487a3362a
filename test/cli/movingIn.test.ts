/** Keys of other systems by the command line, from its source: what comes in, what is refused, and where the tokens are good then. */
import { type ChildProcess, execFile, spawn } from "node:child_process"
import { createHash } from "node:crypto"
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { createServer } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, assert, beforeAll, describe, it } from "@effect/vitest"
import { Effect, Exit, Redacted, Scope } from "effect"
import django from "../legacy/fixtures/django.json" with { type: "json" }
import fastapi from "../legacy/fixtures/fastapi.json" with { type: "json" }
import keypal from "../legacy/fixtures/keypal.json" with { type: "json" }
import prefixedApiKey from "../legacy/fixtures/prefixed-api-key.json" with { type: "json" }
import { compileCache } from "../support/node.ts"
import { startPostgres } from "../support/postgres.ts"

const main = new URL("../../src/internal/cli/main.ts", import.meta.url).pathname
const folder = mkdtempSync(join(tmpdir(), "effect-api-key-moving-"))
const scope = Scope.makeUnsafe()
let postgres: Readonly<Record<string, string>>

interface Ran {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

const run = (args: ReadonlyArray<string>, env: Readonly<Record<string, string>> = {}, input = ""): Promise<Ran> =>
  new Promise((resolve) => {
    const { PATH = "" } = process.env
    const child = execFile(
      process.execPath,
      [main, ...args],
      { cwd: folder, env: { PATH, HOME: folder, ...compileCache, ...postgres, ...env } },
      (error, stdout, stderr) => resolve({ code: error === null ? 0 : Number(error.code ?? -1), stdout, stderr }),
    )
    child.stdin?.on("error", () => undefined)
    child.stdin?.end(input)
  })

beforeAll(async () => {
  const url = await Effect.runPromise(Scope.provide(startPostgres(), scope))
  postgres = { DATABASE_URL: Redacted.value(url), API_KEY_PEPPER: "sixteen bytes or more of it" }
  const { code, stderr } = await run(["migrate"])
  assert.strictEqual(code, 0, stderr)
})

const children: Array<ChildProcess> = []

/** The server from its source, once it listens. */
const serve = async (env: Readonly<Record<string, string>>) => {
  const port = await new Promise<number>((resolve) => {
    const server = createServer().listen(0, "127.0.0.1", () => {
      const address = server.address()
      server.close(() => resolve(typeof address === "object" && address !== null ? address.port : 0))
    })
  })
  const { PATH = "" } = process.env
  const program = new URL("../../src/internal/server/main.ts", import.meta.url).pathname
  const child = spawn(process.execPath, [program], {
    cwd: folder,
    env: { PATH, HOME: folder, PORT: String(port), ...compileCache, ...postgres, ...env },
  })
  children.push(child)
  let output = ""
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (data) => (output += String(data)))
  while (!output.includes("Listening on ")) {
    if (child.exitCode !== null) throw new Error(output)
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
  return {
    status: async (token: string, path = "/api-keys?limit=1") =>
      (await fetch(`http://127.0.0.1:${port}${path}`, { headers: { authorization: `Bearer ${token}` } })).status,
    stop: () => void child.kill("SIGTERM"),
  }
}

afterAll(async () => {
  for (const child of children) child.kill("SIGKILL")
  await Effect.runPromise(Scope.close(scope, Exit.void))
  rmSync(folder, { recursive: true, force: true })
})

const file = (name: string, content: string | Uint8Array): string => {
  const path = join(folder, name)
  writeFileSync(path, content)
  return path
}
const hex = (token: string) => createHash("sha256").update(token).digest("hex")
const row = (id: number, token: string, more: object = {}) => ({
  id,
  key_hash: hex(token),
  name: `key ${id}`,
  expires_at: null,
  revoked_at: null,
  ...more,
})

describe("import", () => {
  it("makes no database for a dry run, and points to --from where no row is one of ours", async () => {
    const rows = join(folder, "dry.json")
    writeFileSync(rows, JSON.stringify([{ id: "1", token_digest: "x" }]))
    const dataDir = join(folder, "new")
    const ran = await run(["import", rows, "--dry-run"], { DATABASE_URL: "", API_KEY_DATA_DIR: dataDir, API_KEY_PEPPER: "" })
    assert.strictEqual(ran.code, 1, ran.stderr)
    assert.match(ran.stderr, /1 of 1 row was refused\. Rows of another system need --from \(better-auth, django/)
    assert.isFalse(existsSync(dataDir))
  })

  it("reads a JSON array, and cells between semicolons, and says what it sees instead", async () => {
    const rows = [row(1, "one"), row(2, "two")]
    const array = file("keys.json", `[${rows.map((each) => JSON.stringify(each)).join(",\n")}]\n`)
    assert.match((await run(["import", "--from", "sha256", array, "--dry-run"])).stdout, /^2 rows: 2 would be imported/)
    assert.match((await run(["import", "--from", "sha256", array])).stdout, /^2 rows: 2 imported, 0 there already, 0 refused/)

    const csv = file("keys.csv", `id;key_hash;name;user_id;expires_at;revoked_at\n3;${hex("three")};NULL;NULL;NULL;NULL\n`)
    const blind = await run(["import", "--from", "sha256", "--csv", csv])
    assert.strictEqual(blind.code, 1)
    assert.match(blind.stderr, /row 1: row: The header has 6 columns between semicolons, and 1 between commas: .*--delimiter ";"/)
    for (const [delimiter, text] of [
      [";", ";"],
      ["tab", "\t"],
      ["|", "|"],
    ] as const) {
      const path = file(
        "other.csv",
        `id,key_hash,name,user_id,expires_at,revoked_at\n3,${hex("three")},NULL,NULL,NULL,NULL\n`.replaceAll(",", text),
      )
      const ran = await run(["import", "--from", "sha256", "--csv", "--delimiter", delimiter, path, "--dry-run"])
      assert.match(ran.stdout, /^1 row: 1 would be imported/, ran.stderr)
    }
    assert.strictEqual((await run(["import", "--from", "sha256", "--csv", "--delimiter", ";", csv])).code, 0)
    const [third] = JSON.parse(`[${(await run(["list", "--json", "--name", "Imported key"])).stdout.trim().replaceAll("\n", ",")}]`)
    assert.deepInclude(third, { name: "Imported key", ownerId: null })

    const utf16 = file("keys16.json", Buffer.from(`\uFEFF${JSON.stringify(rows)}`, "utf16le"))
    assert.match((await run(["import", "--from", "sha256", utf16])).stderr, /row 1: row: The text is UTF-16/)
    for (const args of [
      ["--delimiter", ";", array],
      ["--csv", "--delimiter", "x", csv],
      ["--owner", "{a}:{b}", array],
      ["--from", "sha256", "--owner", "{a}{b}", array],
      ["--from", "sha256", "--owner", "user", array],
    ]) {
      const { code, stderr } = await run(["import", ...args])
      assert.strictEqual(code, 2, stderr)
    }
  })

  it("keeps owners apart by a rule, and refuses a second row of one token", async () => {
    const owned = [row(11, "eleven", { owner_type: "user", owner_id: 1 }), row(12, "twelve", { owner_type: "org", owner_id: 1 })]
    const path = file("owned.ndjson", owned.map((each) => `${JSON.stringify(each)}\n`).join(""))
    const refused = await run(["import", "--from", "sha256", path])
    assert.strictEqual(refused.code, 1)
    assert.match(refused.stderr, /row 1: owner_type: It tells of the kind of owner: .*--owner.*"\{owner_type\}:\{owner_id\}"/)
    const kept = await run(["import", "--from", "sha256", "--owner", "{owner_type}:{owner_id}", path])
    assert.match(kept.stdout, /^2 rows: 2 imported/, kept.stderr)
    assert.strictEqual((await run(["count", "--owner", "user:1"])).stdout, "1\n")
    assert.strictEqual((await run(["count", "--owner", "org:1"])).stdout, "1\n")

    const twins = [row(21, "twin", { user_id: "ada", revoked_at: "2024-01-01" }), row(22, "twin", { user_id: "bob" })]
    const doubled = file("twins.json", JSON.stringify(twins))
    for (const args of [["--dry-run"], []]) {
      const { code, stdout, stderr } = await run(["import", "--from", "sha256", doubled, ...args])
      assert.strictEqual(code, 1)
      assert.match(stdout, /^2 rows: 1 (?:would be )?imported, 0 there already, 1 refused/)
      assert.match(stderr, /row 2: hash: Row 1 \(the API key \S+\) has the token of this row/)
    }
  })
})

describe("tokens of other systems", () => {
  const find = <A extends { readonly row: object }>(all: ReadonlyArray<A>, isIt: (each: A) => boolean): A => {
    const found = all.find(isIt)
    if (found === undefined) throw new Error("no such fixture")
    return found
  }
  const argon2 = find(fastapi, ({ label }) => label === "argon2, its default parameters")
  const bcrypt = find(fastapi, ({ row, pepper }) => row.key_hash.startsWith("$2b$") && row.expires_at === null && pepper === argon2.pepper)
  const salted = find(keypal, ({ options }) => options.salt !== undefined && options.algorithm !== "sha512")
  const short = prefixedApiKey[0]!
  const djangos = find(django, ({ row }) => !row.revoked && row.expiry_date === null)
  const own = "token of the house"

  /** What is imported, with what flags, and under what configuration its token is good. */
  const systems: ReadonlyArray<{
    readonly name: string
    readonly rows: ReadonlyArray<object>
    readonly flags?: ReadonlyArray<string>
    readonly env: Readonly<Record<string, string>>
    readonly tokens: ReadonlyArray<string>
  }> = [
    { name: "sha256", rows: [row(31, own, { scopes: "api-keys:read" })], env: {}, tokens: [own] },
    {
      name: "fastapi-api-key",
      rows: [argon2.row, bcrypt.row].map((each, index) => ({ ...each, id: `f${index}` })),
      env: {
        API_KEY_ADAPTER_FASTAPI_API_KEY_PEPPER: argon2.pepper,
        API_KEY_ADAPTER_FASTAPI_API_KEY_PREFIX: Array.from(new Set([argon2.prefix, bcrypt.prefix])).join(","),
        API_KEY_ADAPTER_FASTAPI_API_KEY_SEPARATOR: argon2.separator,
      },
      tokens: [argon2.token, bcrypt.token],
    },
    { name: "keypal", rows: [salted.row], env: { API_KEY_ADAPTER_KEYPAL_SALT: salted.options.salt ?? "" }, tokens: [salted.token] },
    {
      name: "prefixed-api-key",
      rows: [{ ...short.row, expires_at: null, revoked_at: null }],
      flags: ["--prefix", short.prefix],
      env: { API_KEY_ADAPTER_PREFIXED_API_KEY_PREFIX: `other,${short.prefix}` },
      tokens: [short.token],
    },
    { name: "django", rows: [djangos.row], env: {}, tokens: [djangos.token] },
  ]

  it("are good for verify and serve where API_KEY_ADAPTERS names their system, and doctor says so", async () => {
    const before = await run(["doctor", "--json"])
    assert.notInclude(before.stdout, "Tokens of other systems")
    for (const { name, rows, flags = [], tokens } of systems) {
      const path = file(`${name}.json`, JSON.stringify(rows))
      const { code, stderr } = await run(["import", "--from", name, ...flags, path])
      assert.strictEqual(code, 0, `${name} ${stderr}`)
      assert.include(stderr, `for serve and verify set API_KEY_ADAPTERS=${name}`)
      if (name === "sha256") assert.strictEqual((await run(["verify"], {}, tokens[0])).code, 4)
    }
    const asked = await run(["doctor"])
    assert.match(asked.stdout, /Neither serve nor this command line can check: .*legacy-/)
    assert.match(asked.stdout, /Name the system that they are of in API_KEY_ADAPTERS \(.*sha256.*\), for the server too/)

    const env = {
      API_KEY_ADAPTERS: systems.map(({ name }) => name).join(","),
      ...systems.reduce((all, each) => ({ ...all, ...each.env }), {}),
    }
    const known = await run(["import", "--from", "sha256", file("one-more.json", JSON.stringify([row(32, "one more")]))], env)
    assert.include(known.stderr, "serve and verify take the tokens of sha256, as API_KEY_ADAPTERS names it here")
    const all = systems.flatMap(({ tokens }) => tokens)
    const server = await serve(env)
    for (const token of all) {
      // Whether it is enough for this is another question than whether it is good.
      assert.strictEqual(await server.status(token), token === own ? 200 : 403, token)
      assert.strictEqual(await server.status(`${token}x`), 401, token)
    }
    assert.strictEqual(await server.status("nobody's"), 401)
    server.stop()
    for (const token of all.slice(0, 2)) assert.strictEqual((await run(["verify"], env, token)).code, 0, token)
    assert.strictEqual((await run(["verify"], env, `${own}x`)).code, 4)
    const told = await run(["doctor"], env)
    assert.include(told.stdout, `Tokens of other systems are taken too: ${systems.map(({ name }) => name).join(", ")}`)
    assert.notInclude(told.stdout, "Neither serve nor this command line can check")
    const plain = await serve({})
    assert.strictEqual(await plain.status("one more"), 401)
    plain.stop()
  })

  it("need a configuration that makes sense, and packages that are there", async () => {
    const bare = file(
      "hook.mjs",
      `import { registerHooks } from "node:module"
registerHooks({ resolve: (name, context, next) => {
  if (name === "@node-rs/bcrypt") throw Object.assign(new Error("no"), { code: "ERR_MODULE_NOT_FOUND" })
  return next(name, context)
} })`,
    )
    const without = { NODE_OPTIONS: `--import ${bare}` }
    const theirs = { API_KEY_ADAPTERS: "fastapi-api-key", API_KEY_ADAPTER_FASTAPI_API_KEY_PEPPER: "p" }
    const names = "better-auth, django, fastapi-api-key, keypal, prefixed-api-key, sha256, unkey"
    const wrong: ReadonlyArray<readonly [Readonly<Record<string, string>>, string | undefined]> = [
      [
        { API_KEY_ADAPTERS: "unkey,sha1" },
        `API_KEY_ADAPTERS: must be names with commas between them, such as unkey,sha256, each of them once and out of ${names}; "unkey,sha1" isn't`,
      ],
      [{ API_KEY_ADAPTERS: "unkey,unkey" }, '"unkey,unkey" isn\'t'],
      [
        { API_KEY_ADAPTERS: "keypal", API_KEY_ADAPTER_KEYPAL_ALGORITHM: "md5" },
        'API_KEY_ADAPTER_KEYPAL_ALGORITHM: must be one of sha256, sha512; "md5" isn\'t',
      ],
      [
        { API_KEY_ADAPTERS: "django", API_KEY_ADAPTER_DJANGO_PREFIX_LENGTH: "0x8" },
        "API_KEY_ADAPTER_DJANGO_PREFIX_LENGTH: must be a whole number from 1 to 64",
      ],
      [
        { API_KEY_ADAPTERS: "better-auth", API_KEY_ADAPTER_BETTER_AUTH_DISABLE_KEY_HASHING: "yes" },
        "API_KEY_ADAPTER_BETTER_AUTH_DISABLE_KEY_HASHING: must be true or false",
      ],
      [
        { API_KEY_ADAPTERS: "sha256", API_KEY_ADAPTER_SHA256_PREFIX: "a,,b" },
        "API_KEY_ADAPTER_SHA256_PREFIX: must be the start of the tokens",
      ],
      [{ API_KEY_ADAPTERS: "prefixed-api-key" }, "API_KEY_ADAPTER_PREFIXED_API_KEY_PREFIX isn't set"],
      [{ API_KEY_ADAPTERS: "fastapi-api-key" }, "API_KEY_ADAPTER_FASTAPI_API_KEY_PEPPER isn't set"],
      [{ ...theirs, ...without }, "fastapi-api-key in API_KEY_ADAPTERS needs a package that isn't installed: npm install @node-rs/bcrypt"],
      [{ ...theirs, ...without, API_KEY_ADAPTER_FASTAPI_API_KEY_BCRYPT: "none" }, undefined],
      // Only what is named is loaded, and an empty variable is none.
      [{ API_KEY_ADAPTERS: "unkey", ...without }, undefined],
      [{ API_KEY_ADAPTERS: "", API_KEY_ADAPTER_KEYPAL_ALGORITHM: "" }, undefined],
    ]
    for (const [env, expected] of wrong) {
      const { code, stdout, stderr } = await run(["count"], env)
      if (expected === undefined) assert.strictEqual(code, 0, stderr)
      else {
        assert.strictEqual(code, 1, JSON.stringify(env))
        assert.include(stderr, expected)
        assert.strictEqual(stdout, "")
      }
    }
    const [env, expected = ""] = wrong[0]!
    const refused = await serve(env).then(
      () => "",
      (error: unknown) => String(error),
    )
    assert.include(refused, expected)
    assert.include((await run(["doctor"], env)).stdout, expected)
  })
})
