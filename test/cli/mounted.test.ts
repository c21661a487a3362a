/** The commands in an application's own command line, run as a program: it behaves as `effect-api-key` does. */
import { execFile } from "node:child_process"
import { tmpdir, userInfo } from "node:os"
import { assert, describe, it } from "@effect/vitest"
import * as Schema from "effect/Schema"
import { Json } from "../../src/cli.ts"
import type { Ran } from "./support.ts"

const program = new URL("shop.ts", import.meta.url).pathname
const token = `ak-7a74caa323a5410d-${"a".repeat(64)}`

const shell = (script: string): Promise<Ran> =>
  new Promise((resolve) =>
    execFile(
      "bash",
      ["-c", `set -o pipefail; shop() { "${process.execPath}" "${program}" "$@"; }; ${script}`],
      { env: { PATH: process.env["PATH"] ?? "", HOME: tmpdir() } },
      (error, stdout, stderr) => resolve({ code: error === null ? 0 : Number(error.code ?? -1), stdout, stderr }),
    ),
  )
const failure = ({ stderr }: Ran) => Schema.decodeUnknownSync(Json.Failure, { onExcessProperty: "error" })(JSON.parse(stderr)).error

describe("an application with the commands", () => {
  it("has their exit codes, and one line for what fails", async () => {
    const missing = await shell("shop api-keys get 019b8a5e-6b7c-7d3e-9f10-2a3b4c5d6e7f")
    assert.deepStrictEqual(missing, {
      code: 3,
      stdout: "",
      stderr: "shop: No API key has the id 019b8a5e-6b7c-7d3e-9f10-2a3b4c5d6e7f\n",
    })
    const wrong = await shell("shop api-keys list --limit 0")
    assert.deepStrictEqual([wrong.code, wrong.stdout, wrong.stderr.trimEnd().split("\n").length], [2, "", 1])
    assert.include(wrong.stderr, "(see shop api-keys list --help)")
    const json = await shell("shop api-keys list --limit 0 --json")
    assert.deepStrictEqual([json.code, json.stdout, failure(json)._tag], [2, "", "InvalidValue"])
    const unknown = await shell("shop api-keys nosuch --help")
    assert.deepStrictEqual([unknown.code, unknown.stdout], [2, ""])
    const invalid = await shell("echo nonsense | shop api-keys verify")
    assert.strictEqual(invalid.code, 4)
    const elsewhere = await shell("shop import --json < /dev/null")
    assert.deepStrictEqual([elsewhere.code, failure(elsewhere)._tag], [1, "InvalidInput"])
    assert.include(elsewhere.stderr, "hashes don't travel over HTTP")
  })

  it("changes keys for the system's user", async () => {
    const created = await shell("AUDIT=1 shop api-keys create --name robot --json")
    assert.strictEqual(created.code, 0, created.stderr)
    assert.deepStrictEqual(JSON.parse(created.stderr), ["KeyCreated", { _tag: "CommandLine", user: userInfo().username }])
  })

  it("repeats no token, and says why it isn't taken", async () => {
    for (const args of [`count ${token}`, `search ${token}`, `create --name x --token ${token}`, `get ${token.slice(0, -1)}`]) {
      const { code, stdout, stderr } = await shell(`shop api-keys ${args}`)
      assert.deepStrictEqual([code, stdout], [2, ""], args)
      assert.match(stderr, /as leaked/, args)
      assert.notInclude(stderr, "a".repeat(10))
    }
    // But the application's own commands are its own affair.
    assert.strictEqual((await shell("shop login --token abc")).stdout, "3 characters\n")
  })

  it("ends quietly with its reader, makes tokens of its own format, and helps under its own name", async () => {
    const piped = await shell("shop api-keys generate --count 9000 | head -1")
    assert.deepStrictEqual([piped.code, piped.stderr], [0, ""])
    assert.match(piped.stdout, /^shop_[0-9a-f]{16}_\w{64}\n$/)
    const full = await shell("shop api-keys generate > /dev/full")
    assert.deepStrictEqual([full.code, full.stderr], [1, "shop: Standard output can't be written (ENOSPC)\n"])
    const help = await shell("shop api-keys create --help")
    assert.include(help.stdout, "shop api-keys create --name ci --scope")
    assert.notInclude(help.stdout, "effect-api-key")
    const completions = await shell("shop --completions fish")
    assert.match(completions.stdout, / -l json /)
  })
})
