/** Keys of other systems by the command line, from its source: what comes in, and what is refused. */
import { execFile } from "node:child_process"
import { createHash } from "node:crypto"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, assert, beforeAll, describe, it } from "@effect/vitest"
import { Effect, Exit, Redacted, Scope } from "effect"
import { startPostgres } from "../support/postgres.ts"

const main = new URL("../../src/cli/main.ts", import.meta.url).pathname
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
      { cwd: folder, env: { PATH, HOME: folder, ...postgres, ...env } },
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
}, 120_000)

afterAll(async () => {
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
