/** What users get: the packed tarball, in an empty project with nothing but `effect`, and a browser bundle. */
import { execFile } from "node:child_process"
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, assert, beforeAll, describe, it } from "@effect/vitest"
import { bundle } from "../../scripts/bundles.ts"
import { isBuilt } from "../support/built.ts"

const root = new URL("../..", import.meta.url).pathname
const manifest = JSON.parse(readFileSync(join(root, "package.json"), "utf8"))
/** The folder tells what is public: each module outside of `internal` is a subpath. */
const subpaths = readdirSync(join(root, "src"), { recursive: true, encoding: "utf8" })
  .filter((path) => path.endsWith(".ts") && !path.startsWith("internal"))
  .map((path) => (path === "index.ts" ? "." : `./${path.slice(0, -3)}`))

const run = (cwd: string, command: string, args: ReadonlyArray<string>) =>
  new Promise<{ readonly code: number; readonly output: string }>((resolve) =>
    execFile(command, [...args], { cwd, maxBuffer: 2 ** 26 }, (error, stdout, stderr) =>
      resolve({ code: error === null ? 0 : Number(error.code ?? 1), output: stdout + stderr }),
    ),
  )

/** The system's Node, perhaps. */
const findTooOldNode = async (): Promise<string | undefined> => {
  for (const folder of (process.env["PATH"] ?? "").split(":")) {
    const node = join(folder, "node")
    if (!existsSync(node)) continue
    const { code, output } = await run(root, node, ["--version"])
    const [, major = "", minor = ""] = /^v(\d+)\.(\d+)\./.exec(output) ?? []
    if (code === 0 && (Number(major) < 22 || (major === "22" && Number(minor) < 19))) return node
  }
  return undefined
}

describe("the tarball", () => {
  const project = mkdtempSync(join(tmpdir(), "effect-api-key-"))
  const node = async (code: string) => {
    writeFileSync(join(project, "main.mjs"), code)
    return run(project, process.execPath, ["main.mjs"])
  }

  // As npm would lay them out, but without asking a registry, which may be slow.
  const install = (name: string): void => {
    const target = join(project, "node_modules", name)
    if (existsSync(target)) return
    cpSync(join(root, "node_modules", name), target, { recursive: true })
    for (const each of Object.keys(JSON.parse(readFileSync(join(target, "package.json"), "utf8")).dependencies ?? {})) install(each)
  }

  beforeAll(async () => {
    if (!isBuilt()) {
      const built = await run(root, "npm", ["run", "build"])
      assert.strictEqual(built.code, 0, built.output)
    }
    const packed = await run(root, "npm", ["pack", "--ignore-scripts", "--pack-destination", project])
    assert.strictEqual(packed.code, 0, packed.output)
    const tarball = readdirSync(project).find((file) => file.endsWith(".tgz")) ?? ""
    writeFileSync(join(project, "package.json"), JSON.stringify({ private: true, type: "module" }))
    const folder = join(project, "node_modules/effect-api-key")
    mkdirSync(folder, { recursive: true })
    const unpacked = await run(folder, "tar", ["-xzf", join(project, tarball), "--strip-components=1"])
    assert.strictEqual(unpacked.code, 0, unpacked.output)
    install("effect")
  })
  afterAll(() => rmSync(project, { recursive: true, force: true }))

  it("runs on the project's own Node", () => {
    assert.isAtLeast(Number(process.versions.node.split(".")[0]), 24)
  })

  it("holds every subpath, with types, and no optional package", () => {
    const installed = join(project, "node_modules/effect-api-key")
    for (const path of subpaths) {
      const file = join(installed, "dist", path === "." ? "index" : path)
      assert.isTrue(existsSync(`${file}.d.ts`), path)
      assert.isTrue(existsSync(`${file}.js`), path)
    }
    for (const peer of Object.keys(manifest.peerDependenciesMeta)) assert.isFalse(existsSync(join(project, "node_modules", peer)), peer)
  })

  it("holds what the README and the security policy lead to", () => {
    const installed = join(project, "node_modules/effect-api-key")
    for (const file of ["README.md", "SECURITY.md"]) {
      for (const [, target = ""] of readFileSync(join(installed, file), "utf8").matchAll(/\]\(([^)#:\s]+)(?:#[^)]*)?\)/g))
        assert.isTrue(existsSync(join(installed, target)), `${file}: ${target}`)
    }
  })

  // Those of them that name a driver's types, which need Node's, or the test runner's.
  const needOthers = ["./redis/Invalidation", "./redis/Meters", "./server", "./sql/Invalidation", "./testing"]

  it("has types that are checked without Node's, but for those that name a driver's or the test runner's", async () => {
    const check = async (paths: ReadonlyArray<string>) => {
      const text = paths.map((path, index) => `export * as M${index} from "effect-api-key${path.slice(1)}"`).join("\n")
      writeFileSync(join(project, "types.ts"), text)
      const compilerOptions = {
        target: "ES2023",
        lib: ["ES2024", "DOM"],
        module: "NodeNext",
        strict: true,
        exactOptionalPropertyTypes: true,
        skipLibCheck: false,
        types: [],
        noEmit: true,
      }
      writeFileSync(join(project, "tsconfig.json"), JSON.stringify({ compilerOptions, files: ["types.ts"] }))
      return run(project, process.execPath, [join(root, "node_modules/typescript/bin/tsc"), "-p", "."])
    }
    const { code, output } = await check(subpaths.filter((path) => !needOthers.includes(path)))
    assert.strictEqual(code, 0, output)
    for (const path of needOthers) assert.notStrictEqual((await check([path])).code, 0, path)
  })

  it("creates and verifies a key with nothing but effect", async () => {
    const { code, output } = await node(`
      import { Effect, Layer, Redacted } from "effect"
      import { ApiKeyRepository, ApiKeys } from "effect-api-key"
      import * as Hmac from "effect-api-key/hasher/Hmac"
      const layer = ApiKeys.layer.pipe(
        Layer.provide([Hmac.layer({ pepper: Redacted.make("sixteen bytes at least") }), ApiKeyRepository.layerMemory])
      )
      const program = ApiKeys.ApiKeys.use((apiKeys) =>
        Effect.flatMap(apiKeys.create({ name: "k", scopes: ["a"] }), ({ token }) => apiKeys.verify(token, { scopes: ["a"] })))
      console.log((await Effect.runPromise(Effect.provide(program, layer))).apiKey.name)
    `)
    assert.deepStrictEqual([code, output.trim()], [0, "k"])
  })

  it("has the command line", async () => {
    const bin = join(project, "node_modules/effect-api-key", manifest.bin["effect-api-key"])
    assert.match(readFileSync(bin, "utf8"), /^#!\/usr\/bin\/env node\n/)
    const { code, output } = await run(project, process.execPath, [bin, "generate"])
    assert.strictEqual(code, 0, output)
    assert.match(output, /^ak-[0-9a-f]{16}-[0-9A-Za-z]{64}\n$/)
  })

  it("tells a Node that is too old for it what it needs, in one line", async (context) => {
    const tooOld = await findTooOldNode()
    if (tooOld === undefined) return context.skip("there is no Node older than 22.19 in PATH")
    const bin = join(project, "node_modules/effect-api-key", manifest.bin["effect-api-key"])
    const { code, output } = await run(project, tooOld, [bin, "generate"])
    assert.strictEqual(code, 1)
    assert.match(output, /^effect-api-key: Node 22\.19 or later is needed, and this is v[\d.]+\n$/)
  })

  it("makes no database that it has no package for, and says which it needs", async () => {
    const bin = join(project, "node_modules/effect-api-key", manifest.bin["effect-api-key"])
    const { code, output } = await run(project, process.execPath, [bin, "list"])
    assert.strictEqual(code, 1)
    assert.strictEqual(
      output,
      "effect-api-key: The embedded database needs a package that isn't installed: npm install @electric-sql/pglite\n",
    )
  })

  it("bundles what is imported for its effect alone", () => {
    const folder = join(project, "node_modules/effect-api-key/dist/bin")
    const code = readdirSync(folder)
      .filter((file) => file.endsWith(".js"))
      .map((file) => readFileSync(join(folder, file), "utf8"))
    // `serve` sizes the pool of threads in which secrets are hashed.
    assert.isTrue(code.some((text) => /UV_THREADPOOL_SIZE\s*\?\?=/.test(text)))
  })

  it("loads nothing but effect's core from its root", async () => {
    writeFileSync(
      join(project, "watch.mjs"),
      `import { registerHooks } from "node:module"
       registerHooks({ load: (url, context, next) => (console.log(url), next(url, context)) })`,
    )
    writeFileSync(join(project, "main.mjs"), `await import("effect-api-key")`)
    const { code, output } = await run(project, process.execPath, ["--import", "./watch.mjs", "main.mjs"])
    assert.strictEqual(code, 0, output)
    const loaded = output.split("\n").filter((line) => line.startsWith("file:") && !line.endsWith("/main.mjs"))
    const own = loaded.flatMap((url) => /node_modules\/effect-api-key\/dist\/(.*)/.exec(url)?.slice(1) ?? [])
    assert.include(own, "index.js")
    assert.deepStrictEqual(
      own.filter(
        (file) =>
          !/^(?:\w+|internal\/(?:collection|text|time|schema|config|token|hash|net|record|meters|limits|nodes|verifier|keys|transfer)\/\w+)\.js$/.test(
            file,
          ),
      ),
      [],
    )
    const others = loaded.filter((url) => !url.includes("node_modules/effect-api-key/"))
    assert.deepStrictEqual(
      others.filter((url) => !/node_modules\/effect\//.test(url) || /dist\/(?:http-api|sql|http\/Http)/.test(url)),
      [],
    )
  })

  it("offers the HTTP halves, the migrations and the SQL repository without another package", async () => {
    const { code, output } = await node(
      ["http/definition", "http/implementation", "http/client", "sql/Migrations", "sql/SqlRepository", "hasher/Argon2Node"]
        .map((path) => `await import("effect-api-key/${path}")`)
        .join("\n"),
    )
    assert.strictEqual(code, 0, output)
  })

  for (const [path, peers] of Object.entries({
    "hasher/Argon2": ["argon2"],
    "hasher/Bcrypt": ["@node-rs/bcrypt"],
    "sql/Pglite": ["@electric-sql/pglite"],
    server: ["@effect/platform-node", "@effect/sql-pg", "argon2", "@electric-sql/pglite"],
    testing: ["@effect/vitest"],
  })) {
    it(`importing ${path} names the package that is missing`, async () => {
      const { code, output } = await node(`await import("effect-api-key/${path}")`)
      assert.notStrictEqual(code, 0)
      assert.isTrue(
        peers.some((peer) => output.includes(`Cannot find package '${peer}'`)),
        output,
      )
    })
  }

  it("serves keys on PostgreSQL without PGlite and argon2", async () => {
    for (const peer of ["@effect/platform-node", "@effect/sql-pg"]) install(peer)
    const start = (env: Readonly<Record<string, string>>) =>
      node(`
        Object.assign(process.env, ${JSON.stringify(env)})
        const { Effect, Layer } = await import("effect")
        const ApiKeyServer = await import("effect-api-key/server")
        console.log(String(await Effect.runPromise(Effect.exit(Effect.scoped(Layer.build(ApiKeyServer.layer))))))
      `)
    const embedded = await start({})
    assert.match(embedded.output, /needs a package that isn't installed: npm install @electric-sql\/pglite/)
    const postgres = await start({ API_KEY_PEPPER: "sixteen bytes at least", DATABASE_URL: "postgres://nobody@127.0.0.1:1/none" })
    assert.strictEqual(postgres.code, 0, postgres.output)
    assert.match(postgres.output, /Nothing listens at 127\.0\.0\.1:1 \(DATABASE_URL\)/)
    assert.notMatch(postgres.output, /package/)
  })

  it("keeps what is internal to itself", async () => {
    const { output } = await node(`await import("effect-api-key/internal/verifier/lastUsed")`)
    assert.match(output, /ERR_PACKAGE_PATH_NOT_EXPORTED/)
  })
})

describe("a browser bundle of definition and client", () => {
  it("contains no server code", async () => {
    const { code } = await bundle("browser")
    // Effect itself asks for a built-in module at run time, where there are any; that is no import.
    assert.notMatch(code, /(?:from|import\()\s*["'`]node:|__vite-browser-external/)
    for (const server of [
      'effect-api-key/ApiKeys"',
      "effect-api-key/ApiKeyRepository",
      "effect-api-key/ApiKeyHasher",
      "effect-api-key/sql/",
      "effect/http/HttpRouter/RouteContext",
      "lastUsedInterval",
      "CREATE TABLE",
      "www-authenticate",
    ]) {
      assert.isFalse(code.includes(server), `the bundle contains ${server}`)
    }
    assert.isTrue(code.includes("effect-api-key/http/ApiKeyAuth"))
  })
})
