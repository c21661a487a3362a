import { readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { Json } from "../../src/cli.ts"
import { type Env, noTerminal, onTerminal, run } from "./support.ts"
import { database, decode, failed, folder, lines, served, prepare } from "./scene.ts"

prepare("embedded", "server")

describe("wrong usage", { concurrent: true }, () => {
  const token = "ak-7a74caa323a5410d-" + "a".repeat(64)
  const wrong: ReadonlyArray<readonly [args: ReadonlyArray<string>, tag: string]> = [
    [["nosuch"], "UnknownSubcommand"],
    [["create"], "MissingOption"],
    [["create", "--nme", "x"], "UnrecognizedOption"],
    [["create", "--name", "x", "--expires", "soon"], "InvalidValue"],
    [["create", "--name", "x", "--expires", "2027-02-30"], "InvalidValue"],
    [["create", "--name", "x", "--metadata", "[1]"], "InvalidValue"],
    [["create", "--name", "x", "--scope", "a b"], "InvalidValue"],
    [["verify", "--scope", ""], "InvalidValue"],
    [["list", "--scope", "a,"], "InvalidValue"],
    [["verify", "--address", "localhost"], "InvalidValue"],
    [["verify", "--cost", "0.5"], "InvalidValue"],
    [["create", "--name", "x", "--allow-ip", "10.1.2.3/8"], "Usage"],
    [["change-quota", "abcd", "set", "monthly", "1", "--request-id", "a"], "InvalidValue"],
    [["change-quota", "abcd", "top-up", "monthly", "0", "--request-id", "a"], "InvalidValue"],
    [["change-quota", "abcd", "top-up", "monthly", "1"], "MissingOption"],
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
    [["list", "--url", "https://h?x=1"], "Usage"],
    [["export", "--output", "-"], "InvalidValue"],
    [["serve", "--port", "99999"], "InvalidValue"],
    [["list", "--url", "nowhere"], "Usage"],
    [["list", "--url", "http://192.0.2.1"], "Usage"],
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
    assert.include(await told(["create", "--name", "x", "--scope", "a b"]), "or several with commas")
    const at = { env: { EFFECT_API_KEY_TOKEN: served.token }, args: ["--url", served.url] }
    for (const name of ["ci", "robot", "my robot"]) {
      assert.include((await run(["get", name, ...at.args], at.env)).stderr, "By its name a key is found with search")
    }
    assert.isBelow((await told(["create", "--name", "x", "--metadata", `[${"1,".repeat(4_000)}1]`])).length, 300)
  })

  it("sends tokens in plaintext to another machine only if told to", async () => {
    const env: Env = { EFFECT_API_KEY_TOKEN: "x" }
    assert.match((await run(["list", "--url", "http://keys.invalid"], env)).stderr, /in plaintext.*https.*--allow-plaintext/)
    failed(await run(["list", "--url", "http://keys.invalid", "--allow-plaintext", "--json"], env), 1, "ServerUnreachable")
    const { code, stderr } = await run(["list", "--url", "https://admin:hunter2@keys.invalid"], env)
    assert.strictEqual(code, 2)
    assert.match(stderr, /history/)
    assert.notInclude(stderr, "hunter2")
  })

  it("repeats no token that stands where it doesn't belong", async () => {
    for (const args of [["count", token], ["nosuch", token], [token], ["list", "--limit", token], ["get", token.slice(0, -3)]]) {
      const { code, stdout, stderr } = await run(args, { API_KEY_DATA_DIR: join(folder, "unused") })
      assert.strictEqual(code, 2, args.join(" "))
      assert.notInclude(stdout + stderr, "a".repeat(10))
    }
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
