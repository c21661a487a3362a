/** The pepper is changed, node after node, as the guide says, while somebody uses a key all the time. */
import { type ChildProcess, spawn } from "node:child_process"
import { once } from "node:events"
import { createServer } from "node:net"
import { afterAll, assert, beforeAll, describe, it } from "@effect/vitest"
import * as PgClient from "@effect/sql-pg/PgClient"
import { Effect, Exit, ManagedRuntime, Redacted, Scope } from "effect"
import { SqlClient } from "effect/sql"
import { compileCache } from "../support/node.ts"
import * as Postgres from "../support/postgres.ts"
import { type Caller, makeCaller, makeEndings, sleep, until } from "./cluster.ts"

const main = new URL("../../src/internal/server/main.ts", import.meta.url).pathname

const freePort = () =>
  new Promise<number>((resolve) => {
    const server = createServer().listen(0, "127.0.0.1", () => {
      const address = server.address()
      server.close(() => resolve(typeof address === "object" && address !== null ? address.port : 0))
    })
  })

/** What the peppers are, beside what else a node is told. */
type Peppers = Readonly<Partial<Record<"API_KEY_PEPPER" | "API_KEY_PEPPERS", string>>>

const old = "the pepper that was there from the beginning"
const next = "the pepper that comes after it"

/** The steps of docs/guides/pepper.md. */
const added: Peppers = { API_KEY_PEPPER: old, API_KEY_PEPPERS: `API_KEY_PEPPER,2026a:${next}` }
const current: Peppers = { API_KEY_PEPPER: old, API_KEY_PEPPERS: `2026a:${next}` }
const removed: Peppers = { API_KEY_PEPPERS: `2026a:${next}` }

/** A server that is ended and started anew at the same port. */
interface Place {
  readonly port: number
  child: ChildProcess | undefined
  output: string
  caller: Caller
}

describe("A change of the pepper under load", () => {
  const endings = makeEndings()
  let databaseUrl = ""
  let places: ReadonlyArray<Place> = []
  let runtime: ManagedRuntime.ManagedRuntime<PgClient.PgClient | SqlClient.SqlClient, unknown>

  const stop = async (place: Place) => {
    const { child } = place
    place.child = undefined
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return
    const ended = once(child, "exit")
    child.kill("SIGTERM")
    const timer = setTimeout(() => child.kill("SIGKILL"), 20_000)
    await ended
    clearTimeout(timer)
  }
  const launch = (place: Place, peppers: Peppers): ChildProcess => {
    const { PATH = "", HOME = "" } = process.env
    const env = {
      PATH,
      HOME,
      ...compileCache,
      PORT: String(place.port),
      DATABASE_URL: databaseUrl,
      API_KEY_LAST_USED_INTERVAL: "1 second",
      ...peppers,
    }
    const child = spawn(process.execPath, [main], { env })
    place.child = child
    for (const stream of [child.stdout, child.stderr]) stream.on("data", (data) => (place.output += String(data)))
    return child
  }
  const start = async (place: Place, peppers: Peppers) => {
    const child = launch(place, peppers)
    place.caller.close()
    place.caller = makeCaller(place.port)
    await until("the server is ready", async () => {
      if (child.exitCode !== null) return false
      return (await place.caller.call("GET", "/readyz", "")).status === 200 ? true : undefined
    })
    assert.isNull(child.exitCode, place.output)
  }
  const restart = async (place: Place, peppers: Peppers) => {
    await stop(place)
    await start(place, peppers)
  }

  beforeAll(async () => {
    const scope = await Effect.runPromise(Scope.make())
    endings.add(() => Effect.runPromise(Scope.close(scope, Exit.void)))
    const { url } = await Effect.runPromise(Postgres.startServer().pipe(Scope.provide(scope)))
    databaseUrl = Redacted.value(url)
    runtime = ManagedRuntime.make(PgClient.layer({ url, applicationName: "by hand", connectTimeout: "5 seconds" }))
    endings.add(() => runtime.dispose())
    places = await Promise.all(
      [1, 2].map(async () => {
        const port = await freePort()
        return { port, child: undefined, output: "", caller: makeCaller(port) }
      }),
    )
    for (const place of places) endings.add(() => stop(place).finally(() => place.caller.close()))
    await Promise.all(places.map((place) => start(place, { API_KEY_PEPPER: old })))
  })
  afterAll(endings.run)

  it("refuses nobody at any step", async () => {
    const [a, b] = places
    assert.isDefined(a)
    assert.isDefined(b)
    const admin = await until("the first key is shown", () => /ak-[0-9a-f]{16}-[0-9A-Za-z]{64}/.exec(a.output + b.output)?.[0])
    const create = async (place: Place, name: string): Promise<string> => {
      const { status, body } = await place.caller.call("POST", "/api-keys", admin, { name })
      assert.strictEqual(status, 201, body)
      const created = JSON.parse(body) as { readonly token: string }
      return created.token
    }
    const tokens = [admin, await create(a, "one"), await create(b, "another")]

    // As a balancer does: a node that can't be reached is passed over for the other one.
    const answers = new Map<number, number>()
    let isOver = false
    let stranded = 0
    const client = async (first: number) => {
      let callers = new Map<number, Caller>()
      const attempt = async (place: Place, token: string): Promise<number | undefined> => {
        const caller = callers.get(place.port) ?? makeCaller(place.port)
        callers.set(place.port, caller)
        const answer = await caller.call("GET", "/protected", token).catch(() => undefined)
        if (answer === undefined) {
          caller.close()
          callers.delete(place.port)
        }
        return answer?.status
      }
      // oxlint-disable-next-line no-unmodified-loop-condition -- set below, while this loop waits
      for (let number = first; !isOver; number++) {
        const token = tokens[number % tokens.length] ?? admin
        const [one, other] = number % 2 === 0 ? [a, b] : [b, a]
        const status = (await attempt(one, token)) ?? (await attempt(other, token))
        if (status === undefined) stranded++
        else answers.set(status, (answers.get(status) ?? 0) + 1)
        await sleep(2)
      }
      for (const caller of callers.values()) caller.close()
      callers = new Map()
    }
    const clients = [0, 1, 2, 3].map(client)
    const assertFine = () => {
      assert.deepStrictEqual(Array.from(answers.keys()), [200])
      assert.strictEqual(stranded, 0)
    }

    const schemes = () =>
      runtime.runPromise(
        Effect.flatMap(
          SqlClient.SqlClient,
          (sql) => sql<{ readonly start: string; readonly count: number }>`SELECT left(hash, 14) AS start, count(*)::int AS count
            FROM api_keys GROUP BY 1 ORDER BY 1`,
        ),
      )
    try {
      await sleep(500)
      for (const step of [added, current]) {
        for (const place of [a, b]) {
          await restart(place, step)
          // Either writes what the other one can check.
          tokens.push(await create(place, "made meanwhile"))
          await sleep(300)
          assertFine()
        }
      }
      // Those that are used have hashes under the new one by themselves.
      await until("no hash is under the old pepper", async () => {
        const found = await schemes()
        return found.every(({ start }) => start === "$pepper=2026a$") ? true : undefined
      })
      for (const place of [a, b]) {
        await restart(place, removed)
        await sleep(300)
        assertFine()
      }
      tokens.push(await create(a, "made afterwards"))
      await sleep(500)
      assertFine()
    } finally {
      isOver = true
      await Promise.all(clients)
    }
    assertFine()
    assert.isAbove(answers.get(200) ?? 0, 100)
    assert.deepStrictEqual(
      (await schemes()).map(({ start }) => start),
      ["$pepper=2026a$"],
    )
  })

  it("keeps a node from starting without a pepper that is needed, and says how many hashes need it", async () => {
    const place: Place = { port: await freePort(), child: undefined, output: "", caller: makeCaller(0) }
    const child = launch(place, { API_KEY_PEPPERS: "2027a:yet another pepper that nobody used" })
    endings.add(() => stop(place))
    await until("it gives up", () => (child.exitCode === null ? undefined : true))
    assert.notStrictEqual(child.exitCode, 0)
    const [found] = await runtime.runPromise(
      Effect.flatMap(SqlClient.SqlClient, (sql) => sql<{ readonly count: number }>`SELECT count(*)::int AS count FROM api_keys`),
    )
    assert.include(place.output, `${found?.count} under 2026a`)
    assert.notInclude(place.output, next)
  })
})
