import { readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import * as Result from "effect/Result"
import { ApiKeyToken } from "../../src/index.ts"
import { Json } from "../../src/cli.ts"
import { run, shell } from "./support.ts"
import { database, decode, failed, folder, lines, served, prepare } from "./scene.ts"

prepare("embedded", "server")

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
      "quotas",
      "change-quota",
      "import",
      "export",
      "generate",
      "hash-report",
      "seal-report",
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
      assert.isBelow(lines(stderr).length, 18, stderr)
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
