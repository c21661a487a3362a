/**
 * Runs the shell blocks of the documentation in a fresh clone, and in a project beside it, with the system's own Node where there is one.
 * A block marked `no-run` needs what a test hasn't, and says so in its text or a comment.
 */
import { type ChildProcess, execFile, execFileSync, spawn } from "node:child_process"
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { createServer } from "node:net"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"
import { afterAll, assert, beforeAll, describe, it } from "@effect/vitest"

const root = new URL("../..", import.meta.url).pathname
const place = mkdtempSync(join(tmpdir(), "effect-api-key-docs-"))
const clone = join(place, "effect-api-key")
const project = join(place, "project")

const files = [
  "README.md",
  "CONTRIBUTING.md",
  "SECURITY.md",
  "benchmark/README.md",
  ...readdirSync(join(root, "docs"), { recursive: true, encoding: "utf8" }).map((file) => join("docs", file)),
].filter((file) => file.endsWith(".md"))

/** The shell blocks of a file that are to be run. */
const blocksOf = (file: string): ReadonlyArray<string> =>
  Array.from(readFileSync(join(root, file), "utf8").matchAll(/^```(?:sh|bash)([^\n]*)\n(.*?)^```$/gms))
    .filter(([, tags = ""]) => !tags.includes("no-run"))
    .map(([, , code = ""]) => code)

/** Without the folders that `npm test` adds: what a person's shell has. */
const systemPath = (process.env["PATH"] ?? "")
  .split(":")
  .filter((folder) => !folder.includes("node_modules") && !folder.includes("npm/"))
  .join(":")

interface Ran {
  readonly code: number
  readonly stdout: string
  readonly output: string
}

const environment = (path: string): Record<string, string> => ({
  PATH: path,
  HOME: process.env["HOME"] ?? tmpdir(),
  // The packages were fetched by `npm ci` a moment ago.
  npm_config_prefer_offline: "true",
  npm_config_audit: "false",
  npm_config_fund: "false",
})

const sh = (folder: string, script: string, path = systemPath): Promise<Ran> =>
  new Promise((resolve) => {
    const child = execFile(
      "bash",
      ["-c", `set -e -o pipefail\n${script}`],
      { cwd: folder, env: environment(path), maxBuffer: 2 ** 26 },
      (error, stdout, stderr) => resolve({ code: error === null ? 0 : Number(error.code ?? -1), stdout, output: stdout + stderr }),
    )
    child.stdin?.end()
  })

const good = async (folder: string, script: string, path = systemPath): Promise<Ran> => {
  const ran = await sh(folder, script, path)
  assert.strictEqual(ran.code, 0, `${script}\n${ran.output}`)
  return ran
}

const freePort = (): Promise<number> =>
  new Promise((resolve) => {
    const server = createServer().listen(0, "127.0.0.1", () => {
      const address = server.address()
      server.close(() => resolve(typeof address === "object" && address !== null ? address.port : 0))
    })
  })

/** What is shown differs from run to run in tokens and ports only. */
const shape = (text: string): string =>
  text
    .replace(/ak-[0-9a-f]+(?:-[0-9A-Za-z]+)?…?/g, "ak-…")
    .replace(/127\.0\.0\.1:\d+/g, "127.0.0.1:…")
    .trim()

const token = /ak-[0-9a-f]{16}-[0-9A-Za-z]{64}/

describe("the shell blocks", { concurrent: false }, () => {
  let installed: Ran = { code: -1, stdout: "", output: "" }
  let server: ChildProcess | undefined

  beforeAll(async () => {
    // What a clone of this commit would hold, with what isn't committed yet.
    const listed = execFileSync("git", ["ls-files", "-z", "--cached", "--others", "--exclude-standard"], { cwd: root, encoding: "utf8" })
    for (const file of listed.split("\0").filter((file) => file !== "" && existsSync(join(root, file)))) {
      mkdirSync(dirname(join(clone, file)), { recursive: true })
      cpSync(join(root, file), join(clone, file))
    }
    mkdirSync(project)
    installed = await sh(clone, "npm ci")
  })
  afterAll(async () => {
    if (server !== undefined && server.exitCode === null && server.signalCode === null) {
      const ended = new Promise((resolve) => server?.on("exit", resolve))
      process.kill(-server.pid!, "SIGTERM")
      await ended
    }
    rmSync(place, { recursive: true, force: true })
  })

  it("each have a test", () => {
    assert.deepStrictEqual(
      files.filter((file) => blocksOf(file).length > 0),
      ["README.md", ...Object.keys(elsewhere), "docs/command-line.md", "docs/guides/leaked-keys.md"].sort(
        (a, b) => files.indexOf(a) - files.indexOf(b),
      ),
    )
  })

  it("of the README: `npm ci` says nothing but what it did", () => {
    assert.strictEqual(installed.code, 0, installed.output)
    assert.match(installed.output.trim(), /^added \d+ packages/m)
    assert.notMatch(installed.output, /warn|EBADENGINE/)
  })

  it("of the README: the server, a key made with curl, and one without the server", async () => {
    const [commands = "", curl = "", create = "", install = "", ...more] = blocksOf("README.md")
    assert.deepStrictEqual(more, [])
    assert.strictEqual(commands, "npm ci && npm start\nnpm ci && npm test\n")
    const port = await freePort()
    server = spawn("bash", ["-c", "npm start"], {
      cwd: clone,
      env: { ...environment(systemPath), PORT: String(port) },
      stdio: ["ignore", "pipe", "pipe"],
      detached: true,
    })
    let printed = ""
    await new Promise<void>((resolve, reject) => {
      const read = (chunk: Buffer) => {
        printed += chunk.toString()
        if (printed.includes("/protected\n") && printed.includes("Listening on")) resolve()
      }
      server?.stdout?.on("data", read)
      server?.stderr?.on("data", read)
      server?.on("exit", () => reject(new Error(printed)))
    })
    const [, shown = ""] = /^```text\n(An administrator's key.*?)^```$/ms.exec(readFileSync(join(root, "README.md"), "utf8")) ?? []
    assert.include(shape(printed), shape(shown))
    const [administrator = ""] = token.exec(printed) ?? []
    const tried = await good(clone, /^ {2}(curl .*)$/m.exec(printed)?.[1] ?? "false")
    assert.include(tried.stdout, "Administrator")
    const made = await good(clone, curl.replace(/ak-[^']*…/, administrator).replace("127.0.0.1:3000", `127.0.0.1:${port}`))
    assert.strictEqual(JSON.parse(made.stdout).apiKey.name, "ci")
    const ended = new Promise((resolve) => server?.on("exit", resolve))
    process.kill(-server.pid!, "SIGTERM")
    await ended
    assert.match((await good(clone, create)).stdout, token)
    assert.strictEqual(install.split("\n")[1], `npm install ../effect-api-key/effect-api-key-${version}.tgz effect`)
  })

  it("of the command line's page, in a project beside the clone", async () => {
    const [start = "", more = "", completions = "", ...rest] = blocksOf("docs/command-line.md")
    assert.deepStrictEqual(rest, [])
    // The clone is installed already.
    await good(project, fromClone(start).replace("npm ci && ", ""), projectPath())
    assert.match(readFileSync(join(project, "token.txt"), "utf8"), token)
    const lines = more.trim().split("\n")
    const found = lines.findIndex((line) => line.includes(" scan "))
    await good(project, [...lines.slice(0, found), ...lines.slice(found + 1)].join("\n"), projectPath())
    const scanned = await sh(project, lines[found]!, projectPath())
    assert.strictEqual(scanned.code, 1, scanned.output)
    assert.include(scanned.output, "token.txt:1:1")
    await good(project, completions, projectPath())
  }, 400_000)

  it("of the guide to leaked keys", async () => {
    const [scan = "", hook = "", ...rest] = blocksOf("docs/guides/leaked-keys.md")
    assert.deepStrictEqual(rest, [])
    // `test/cli/cli.test.ts` commits with the hook.
    assert.match(hook, /^#!\/bin\/sh\n/)
    const repository = join(place, "repository")
    mkdirSync(join(repository, "dist"), { recursive: true })
    mkdirSync(join(repository, "logs"))
    writeFileSync(join(repository, "dist/index.js"), "// clean")
    await good(repository, "git init -q && git add . && git -c user.name=a -c user.email=a@example.com commit -qm first")
    await good(repository, scan, `${join(project, "node_modules/.bin")}:${projectPath()}`)
  })
})

const { version } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"))

/** The packages of the clone in place of the registry's, which may be slow or hold a later release: npm asks nobody. */
const fromClone = (script: string): string =>
  script.replace(/^npm install .*$/m, (line) =>
    line
      .replace("npm install", "npm install --offline --legacy-peer-deps --install-links")
      .replace(/ (effect|@electric-sql\/pglite)(?= |$)/g, " ../effect-api-key/node_modules/$1"),
  )

/** The page asks for Node 24, which a clone brings. */
const projectPath = (): string => {
  const folder = join(place, "node")
  mkdirSync(folder, { recursive: true })
  if (!existsSync(join(folder, "node"))) cpSync(process.execPath, join(folder, "node"))
  return `${folder}:${systemPath}`
}

/** Files whose shell blocks other tests run, or that need another system's database. */
const elsewhere: Readonly<Record<string, string>> = {
  "docs/guides/backup.md": "`backup.test.ts` does",
  "docs/guides/moving-in.md": "they read databases of other systems",
}
