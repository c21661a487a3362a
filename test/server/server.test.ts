/** The server as a process: what an operator sees. */
import { type ChildProcess, spawn } from "node:child_process"
import { chmodSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs"
import { createServer } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterEach, assert, describe, it } from "@effect/vitest"
import { Effect, Redacted } from "effect"
import { readOrMakePepper } from "../../src/internal/wiring/embedded.ts"
import { compileCache, short } from "../support/node.ts"
import { startPostgres } from "../support/postgres.ts"

const main = new URL("../../src/internal/server/main.ts", import.meta.url).pathname
const tokenPattern = /ak-[0-9a-f]{16}-[0-9A-Za-z]{64}/

const children: Array<ChildProcess> = []
const directories: Array<string> = []
const makeDirectory = () => {
  const directory = mkdtempSync(join(tmpdir(), "effect-api-key-server-"))
  directories.push(directory)
  return directory
}
afterEach(() => {
  for (const child of children.splice(0)) child.kill("SIGKILL")
  for (const directory of directories.splice(0)) rmSync(directory, { recursive: true, force: true, maxRetries: 5 })
})

interface Created {
  readonly token: string
  readonly apiKey: { readonly id: string }
}

interface Server {
  readonly child: ChildProcess
  readonly output: () => string
  readonly exit: Promise<number | string | null>
}

const start = (cwd: string, env: Record<string, string> = {}): Server => {
  const { PATH = "", HOME = "" } = process.env
  const child = spawn(process.execPath, [...short, main], { cwd, env: { PATH, HOME, ...compileCache, ...env } })
  children.push(child)
  let output = ""
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (data) => (output += String(data)))
  const exit = new Promise<number | string | null>((resolve) => child.on("close", (code, signal) => resolve(code ?? signal)))
  return { child, output: () => output, exit }
}

const freePort = () =>
  new Promise<number>((resolve) => {
    const server = createServer().listen(0, "127.0.0.1", () => {
      const address = server.address()
      server.close(() => resolve(typeof address === "object" && address !== null ? address.port : 0))
    })
  })

const until = async <A>(attempt: () => Promise<A | undefined> | A | undefined): Promise<A> => {
  for (;;) {
    const result = await Promise.resolve(attempt()).catch(() => undefined)
    if (result !== undefined) return result
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}

const startReady = async (cwd: string, env: Record<string, string> = {}) => {
  const port = await freePort()
  const server = start(cwd, { PORT: String(port), ...env })
  const url = `http://127.0.0.1:${port}`
  let exited = false
  void server.exit.then(() => (exited = true))
  await until(async () => {
    if (exited) throw new Error(server.output())
    return (await fetch(`${url}/readyz`)).ok ? true : undefined
  })
  const call = (method: string, path: string, token: string, body?: unknown) =>
    fetch(url + path, {
      method,
      headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    })
  return { ...server, url, call }
}

describe("the server", () => {
  it("makes one administrator's key, keeps its data private, survives kill -9, and lets no other process in", async () => {
    const directory = makeDirectory()
    const dataDir = join(directory, ".effect-api-key")
    const first = await startReady(directory)
    const token = await until(() => tokenPattern.exec(first.output())?.[0])
    assert.lengthOf(first.output().match(/curl/g) ?? [], 1)
    assert.strictEqual(statSync(dataDir).mode & 0o777, 0o700)
    assert.strictEqual(statSync(join(dataDir, "pepper")).mode & 0o777, 0o600)

    const second = start(directory, { PORT: String(await freePort()) })
    assert.strictEqual(await second.exit, 1)
    assert.match(second.output(), /^effect-api-key: Another process uses the folder [^\n]*\n$/)

    const created: Array<string> = []
    for (let i = 0; i < 20; i++) {
      const response = await first.call("POST", "/api-keys", token, { name: `k${i}` })
      assert.strictEqual(response.status, 201)
      created.push(((await response.json()) as { token: string }).token)
    }
    // Killed with requests in flight: whatever was answered with 201 must be there afterwards.
    const flying = Array.from({ length: 20 }, (_, i) =>
      first.call("POST", "/api-keys", token, { name: `f${i}` }).then(async (response) => {
        if (response.status === 201) created.push(((await response.json()) as { token: string }).token)
      }),
    )
    await Promise.race(flying)
    first.child.kill("SIGKILL")
    await Promise.allSettled(flying)
    await first.exit

    const again = await startReady(directory)
    await until(() => (/There are API keys already.*effect-api-key create --name Administrator/.test(again.output()) ? true : undefined))
    for (const key of created) assert.strictEqual((await again.call("GET", "/protected", key)).status, 200)
    assert.isNull(tokenPattern.exec(again.output()))
    again.child.kill("SIGTERM")
    assert.strictEqual(await again.exit, 0)
  })

  it("won't make a new pepper for data that had another", async () => {
    const directory = makeDirectory()
    const first = await startReady(directory)
    first.child.kill("SIGINT")
    assert.strictEqual(await first.exit, 0)
    rmSync(join(directory, ".effect-api-key/pepper"))
    const second = start(directory)
    assert.strictEqual(await second.exit, 1)
    assert.match(second.output(), /^effect-api-key: [^\n]*pepper[^\n]*\n$/)
    assert.isFalse(existsSync(join(directory, ".effect-api-key/pepper")))
  })

  it("finishes requests in flight after SIGTERM", async () => {
    const directory = makeDirectory()
    const server = await startReady(directory)
    const token = await until(() => tokenPattern.exec(server.output())?.[0])
    const flying = Array.from({ length: 10 }, (_, i) => server.call("POST", "/api-keys", token, { name: `k${i}` }))
    // The first answer shows that the others have been received as well.
    await Promise.race(flying)
    server.child.kill("SIGTERM")
    const statuses = (await Promise.all(flying)).map(({ status }) => status)
    assert.deepStrictEqual(new Set(statuses), new Set([201]))
    assert.strictEqual(await server.exit, 0)
  })

  it("says in one line what is wrong with its configuration", async () => {
    const directory = makeDirectory()
    const busy = await startReady(directory)
    // The folder is the same where a database is made before the fault is noticed, as making one takes seconds.
    for (const [env, message] of [
      [{ PORT: "abc" }, /PORT/],
      [{ PORT: "70000" }, /^effect-api-key: PORT: /],
      [
        { API_KEY_SEPARATOR: "x", API_KEY_DATA_DIR: "other" },
        /^effect-api-key: API_KEY_SEPARATOR: must be one of -, _, \., ~, :; "x" isn't/,
      ],
      [{ API_KEY_MAXIMUM_LIFETIME: "soon", API_KEY_DATA_DIR: "other" }, /^effect-api-key: API_KEY_MAXIMUM_LIFETIME: /],
      [{ DATABASE_URL: "postgres://127.0.0.1:1/none" }, /API_KEY_PEPPER must be set along with DATABASE_URL/],
      [{ DATABASE_URL: "postgres://127.0.0.1:1/none", API_KEY_PEPPER: "x".repeat(16) }, /DATABASE_URL names no user/],
      [{ API_KEY_PEPPER: "short", API_KEY_DATA_DIR: "other" }, /at least 16|needs at least 16/],
      [{ API_KEY_PREFIX: "a-b", API_KEY_DATA_DIR: "other" }, /prefix/i],
      [{ PORT: new URL(busy.url).port, API_KEY_DATA_DIR: "other" }, /is in use: stop what listens there, or set PORT/],
      [{ API_KEY_DATA_DIR: "/dev/null/x" }, /\/dev\/null\/x/],
    ] as const) {
      const server = start(directory, env)
      assert.strictEqual(await server.exit, 1, JSON.stringify(env))
      assert.match(server.output(), /^effect-api-key: [^\n]+\n$/, JSON.stringify(env))
      assert.match(server.output(), message)
      assert.isFalse(server.output().includes("x".repeat(16)))
    }
  })

  it("starts twice at once on an empty PostgreSQL, and makes one administrator's key", () =>
    Effect.runPromise(
      Effect.gen(function* () {
        const env = { DATABASE_URL: Redacted.value(yield* startPostgres()), API_KEY_PEPPER: "a pepper that both nodes share" }
        const directory = makeDirectory()
        const servers = yield* Effect.promise(() => Promise.all([startReady(directory, env), startReady(directory, env)]))
        const token = yield* Effect.promise(() =>
          until(() => servers.map(({ output }) => tokenPattern.exec(output())?.[0]).find((found) => found !== undefined)),
        )
        yield* Effect.promise(async () => {
          for (const { call } of servers) assert.deepInclude(await (await call("GET", "/api-keys/count", token)).json(), { count: 1 })
          for (const { child } of servers) child.kill("SIGTERM")
          assert.deepStrictEqual(await Promise.all(servers.map(({ exit }) => exit)), [0, 0])
        })
        assert.lengthOf(
          servers
            .map(({ output }) => output())
            .join("")
            .match(/An administrator's key was made/g) ?? [],
          1,
        )
        assert.isFalse(existsSync(join(directory, ".effect-api-key")))
      }).pipe(Effect.scoped),
    ))

  // What connects the nodes is a choice of the operator's, and the same to callers.
  it.each([
    ["PostgreSQL", {}],
    ...(process.env["TEST_REDIS_URL"] === undefined ? [] : [["Redis", { REDIS_URL: process.env["TEST_REDIS_URL"] }] as const]),
  ] as const)("tells other nodes of changes through %s before it says that they are confirmed", (_, connection) =>
    Effect.runPromise(
      Effect.gen(function* () {
        const env = {
          DATABASE_URL: Redacted.value(yield* startPostgres()),
          API_KEY_PEPPER: "a pepper that both nodes share",
          ...connection,
        }
        const directory = makeDirectory()
        yield* Effect.promise(async () => {
          const [a, b] = await Promise.all([startReady(directory, env), startReady(directory, env)])
          const token = await until(() => [a, b].map(({ output }) => tokenPattern.exec(output())?.[0]).find((found) => found !== undefined))
          for (let round = 0; round < 3; round++) {
            const created = (await (await a.call("POST", "/api-keys", token, { name: "k" })).json()) as Created
            const path = `/api-keys/${created.apiKey.id}`
            // Both have it in memory now.
            for (const node of [a, b, a, b]) assert.strictEqual((await node.call("GET", "/protected", created.token)).status, 200)
            const confirmed = await a.call("POST", `${path}/deactivate?confirmWithin=30%20seconds`, token)
            assert.strictEqual(confirmed.status, 200, await confirmed.text())
            for (const node of [a, b]) assert.strictEqual((await node.call("GET", "/protected", created.token)).status, 401)
          }
          for (const { child } of [a, b]) child.kill("SIGTERM")
          assert.deepStrictEqual(await Promise.all([a.exit, b.exit]), [0, 0])
        })
      }).pipe(Effect.scoped),
    ),
  )

  it("is bounded as its defaults say", async () => {
    const server = await startReady(makeDirectory())
    const long = await fetch(`${server.url}/healthz?${"a".repeat(9_000)}`)
    assert.deepInclude(await long.json(), { status: 414 })
    assert.strictEqual((await fetch(`${server.url}/healthz?${"a".repeat(8_000)}`)).status, 200)
    assert.strictEqual((await server.call("POST", "/api-keys", "x", "a".repeat(70_000))).status, 401)
    const token = await until(() => tokenPattern.exec(server.output())?.[0])
    assert.strictEqual((await server.call("POST", "/api-keys", token, { name: "a".repeat(70_000) })).status, 413)
    server.child.kill("SIGTERM")
    assert.strictEqual(await server.exit, 0)
  })

  it("makes one pepper, whoever else makes one at the time", async () => {
    // Processes in containers have the same number, as these have.
    for (let round = 0; round < 20; round++) {
      const directory = makeDirectory()
      const made = await Effect.runPromise(
        Effect.all(
          Array.from({ length: 4 }, () => readOrMakePepper(directory)),
          { concurrency: "unbounded" },
        ),
      )
      const kept = readFileSync(join(directory, "pepper"), "utf8")
      assert.deepStrictEqual(made.map(Redacted.value), Array(4).fill(kept))
      assert.deepStrictEqual(readdirSync(directory).sort(), ["pepper", "pgdata.new"])
    }
  })

  it("leaves an empty folder's mode as it is, and refuses one that holds other files", async () => {
    const directory = makeDirectory()
    const dataDir = makeDirectory()
    chmodSync(dataDir, 0o755)
    const server = await startReady(directory, { API_KEY_DATA_DIR: dataDir })
    assert.strictEqual(statSync(dataDir).mode & 0o777, 0o755)
    assert.strictEqual(statSync(join(dataDir, "pgdata")).mode & 0o777, 0o700)
    assert.strictEqual(statSync(join(dataDir, "pepper")).mode & 0o777, 0o600)
    server.child.kill("SIGTERM")
    assert.strictEqual(await server.exit, 0)

    rmSync(join(dataDir, "pgdata/PG_VERSION"))
    const foreign = makeDirectory()
    writeFileSync(join(foreign, "notes.txt"), "theirs")
    for (const [folder, message] of [
      [dataDir, "is damaged: the file pgdata/PG_VERSION is missing: nothing was changed; restore the folder from its last backup"],
      [foreign, "holds other files (notes.txt) and no embedded database: name a folder that is new or empty"],
    ] as const) {
      const refused = start(directory, { API_KEY_DATA_DIR: folder, PORT: "0" })
      assert.strictEqual(await refused.exit, 1)
      assert.match(refused.output(), /^effect-api-key: [^\n]+\n$/)
      assert.include(refused.output(), message)
    }
    assert.deepStrictEqual(readdirSync(foreign), ["notes.txt"])
  })
})
