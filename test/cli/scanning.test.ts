import { generateKeyPairSync, sign } from "node:crypto"
import { mkdirSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { Json } from "../../src/cli.ts"
import { binFolder, run, serve, shell } from "./support.ts"
import { database, decode, failed, folder, lines, one, secretOf, served, places, prepare } from "./scene.ts"

prepare("embedded", "server", "postgres")

describe("scan", { concurrent: true }, () => {
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

describe("scan", { concurrent: true }, () => {
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
