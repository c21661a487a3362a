/** Two servers, each a process of its own, that share a PostgreSQL and hear of each other's changes through it or through Redis. */
import { type ChildProcess, spawn, spawnSync } from "node:child_process"
import { once } from "node:events"
import { mkdtempSync, rmSync } from "node:fs"
import { Agent, request } from "node:http"
import { connect, createServer } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import * as NodeRedis from "@effect/platform-node/NodeRedis"
import * as PgClient from "@effect/sql-pg/PgClient"
import { Effect, ManagedRuntime, Redacted } from "effect"
import { SqlClient } from "effect/sql"
import { compileCache } from "../support/node.ts"

const main = new URL("../../src/internal/server/main.ts", import.meta.url).pathname

export const sleep = (millis: number) => new Promise<void>((resolve) => setTimeout(resolve, millis))

const freePort = () =>
  new Promise<number>((resolve) => {
    const server = createServer().listen(0, "127.0.0.1", () => {
      const address = server.address()
      server.close(() => resolve(typeof address === "object" && address !== null ? address.port : 0))
    })
  })

/** Attempts again until something is found; an attempt that throws has found nothing. */
export const until = async <A>(what: string, attempt: () => Promise<A | undefined> | A | undefined, patience = 240_000): Promise<A> => {
  const end = performance.now() + patience
  for (;;) {
    const found = await Promise.resolve()
      .then(attempt)
      .catch(() => undefined)
    if (found !== undefined) return found
    if (performance.now() > end) throw new Error(`Waited in vain until ${what}`)
    await sleep(20)
  }
}

export interface Answer {
  readonly status: number
  readonly body: string
}

/** A caller with one connection, which it keeps. */
export const makeCaller = (port: number) => {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 })
  return {
    call: (method: string, path: string, token: string, body?: unknown, signal?: AbortSignal): Promise<Answer> =>
      new Promise((resolve, reject) => {
        const text = body === undefined ? undefined : JSON.stringify(body)
        const headers = {
          authorization: `Bearer ${token}`,
          ...(text === undefined ? {} : { "content-type": "application/json", "content-length": Buffer.byteLength(text) }),
        }
        request({ agent, host: "127.0.0.1", port, method, path, headers, ...(signal === undefined ? {} : { signal }) }, (response) => {
          let body = ""
          response.setEncoding("utf8").on("data", (data: string) => (body += data))
          response.on("end", () => resolve({ status: response.statusCode ?? 0, body }))
          response.on("error", reject)
        })
          .on("error", reject)
          .end(text)
      }),
    close: (): void => agent.destroy(),
  }
}
export type Caller = ReturnType<typeof makeCaller>

/** What needs to be ended, the last that was started first. */
export const makeEndings = () => {
  const endings: Array<() => Promise<void> | void> = []
  return {
    add: (ending: () => Promise<void> | void): void => void endings.push(ending),
    run: async (): Promise<void> => {
      for (const ending of endings.splice(0).toReversed()) await ending()
    },
  }
}
export type Endings = ReturnType<typeof makeEndings>

export interface Server extends Caller {
  readonly port: number
  readonly process: ChildProcess
  readonly output: () => string
}

const startServer = async (endings: Endings, env: Record<string, string>): Promise<Server> => {
  const port = await freePort()
  const { PATH = "", HOME = "" } = process.env
  const child = spawn(process.execPath, [main], { env: { PATH, HOME, PORT: String(port), ...compileCache, ...env } })
  endings.add(() => endProcess(child))
  let output = ""
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (data) => (output += String(data)))
  const caller = makeCaller(port)
  endings.add(caller.close)
  await until("the server is ready", async () => {
    if (child.exitCode !== null) return false
    return (await caller.call("GET", "/readyz", "")).status === 200 ? true : undefined
  })
  if (child.exitCode !== null) throw new Error(output)
  return { ...caller, port, process: child, output: () => output }
}

const endProcess = async (child: ChildProcess): Promise<void> => {
  if (child.exitCode !== null || child.signalCode !== null) return
  const ended = once(child, "exit")
  child.kill("SIGCONT")
  child.kill("SIGTERM")
  const timer = setTimeout(() => child.kill("SIGKILL"), 15_000)
  await ended
  clearTimeout(timer)
}

export interface Key {
  readonly id: string
  readonly token: string
}

export interface Cluster {
  readonly a: Server
  readonly b: Server
  readonly admin: string
  /** Runs statements beside the servers. */
  readonly sql: <A>(run: (sql: SqlClient.SqlClient) => Effect.Effect<A, unknown>) => Promise<A>
  readonly create: (scopes?: ReadonlyArray<string>) => Promise<Key>
  /** Whether the node answers without asking the database, whose table can't be read meanwhile. */
  readonly isWarm: (node: Server, key: Key) => Promise<boolean>
  readonly warm: (node: Server, key: Key) => Promise<void>
}

export const startCluster = async (endings: Endings, databaseUrl: Redacted.Redacted, redisUrl?: string): Promise<Cluster> => {
  const runtime = ManagedRuntime.make(PgClient.layer({ url: databaseUrl, applicationName: "by hand", connectTimeout: "5 seconds" }))
  endings.add(() => runtime.dispose())
  const sql: Cluster["sql"] = (run) => runtime.runPromise(Effect.flatMap(SqlClient.SqlClient, run))
  const env = {
    DATABASE_URL: Redacted.value(databaseUrl),
    API_KEY_PEPPER: "a pepper that both nodes share",
    ...(redisUrl === undefined ? {} : { REDIS_URL: redisUrl }),
  }
  const [a, b] = await Promise.all([startServer(endings, env), startServer(endings, env)])
  const admin = await until("the first key is shown", () => /ak-[0-9a-f]{16}-[0-9A-Za-z]{64}/.exec(a.output() + b.output())?.[0])

  const isWarm: Cluster["isWarm"] = (node, key) =>
    sql((sql) =>
      sql.withTransaction(
        Effect.andThen(
          sql`LOCK TABLE api_keys IN ACCESS EXCLUSIVE MODE`,
          Effect.promise(() =>
            // A connection of its own, as what waits for the lock is given up.
            withCaller(node, (caller) => caller.call("GET", "/protected", key.token, undefined, AbortSignal.timeout(300))).then(
              ({ status }) => status === 200,
              () => false,
            ),
          ),
        ),
      ),
    )
  return {
    a,
    b,
    admin,
    sql,
    create: async (scopes = []) => {
      const { body, status } = await a.call("POST", "/api-keys", admin, { name: "key", scopes })
      if (status !== 201) throw new Error(`${status} ${body}`)
      const created = JSON.parse(body) as { readonly token: string; readonly apiKey: { readonly id: string } }
      return { id: created.apiKey.id, token: created.token }
    },
    isWarm,
    warm: async (node, key) => {
      await until("the key is warm", async () => {
        if ((await node.call("GET", "/protected", key.token)).status !== 200) return undefined
        return (await isWarm(node, key)) ? true : undefined
      })
    },
  }
}

/** A connection for one purpose, on which nothing else is waited for. */
export const withCaller = async <A>(node: Server, use: (caller: Caller) => Promise<A>): Promise<A> => {
  const caller = makeCaller(node.port)
  return use(caller).finally(caller.close)
}

/** A change of a key, and what then refuses it. */
export interface Change {
  readonly name: string
  /** What the key is called with, and the scopes it has before. */
  readonly path: string
  readonly scopes: ReadonlyArray<string>
  readonly refusal: 401 | 403
  /** Returns when the change was answered. */
  readonly make: (cluster: Cluster, key: Key, query?: string) => Promise<void>
}

const expectStatus = ({ status, body }: Answer, ...expected: ReadonlyArray<number>): void => {
  if (!expected.includes(status)) throw new Error(`${status} ${body}`)
}

const past = () => new Date(Date.now() - 1_000)
const open = { path: "/protected", scopes: [], refusal: 401 } as const
// This path asks for a scope.
const scoped = { path: "/api-keys?limit=1", scopes: ["api-keys:read"], refusal: 403 } as const

/** On node A, over HTTP. */
export const changesByApi: ReadonlyArray<Change> = [
  {
    name: "deactivate",
    ...open,
    make: async ({ a, admin }, { id }, query = "") => expectStatus(await a.call("POST", `/api-keys/${id}/deactivate${query}`, admin), 200),
  },
  {
    name: "delete",
    ...open,
    make: async ({ a, admin }, { id }, query = "") => expectStatus(await a.call("DELETE", `/api-keys/${id}${query}`, admin), 204),
  },
  {
    name: "expire",
    ...open,
    make: async ({ a, admin }, { id }, query = "") =>
      expectStatus(await a.call("PATCH", `/api-keys/${id}${query}`, admin, { expiresAt: past().toISOString() }), 200),
  },
  {
    name: "narrow scopes",
    ...scoped,
    make: async ({ a, admin }, { id }, query = "") =>
      expectStatus(await a.call("PATCH", `/api-keys/${id}${query}`, admin, { scopes: ["other:read"] }), 200),
  },
]

/** By hand, past every node. */
export const changesByHand: ReadonlyArray<Change> = [
  {
    name: "deactivate by hand",
    ...open,
    make: async ({ sql }, { id }) => void (await sql((sql) => sql`UPDATE api_keys SET is_active = false WHERE id = ${id}::uuid`)),
  },
  {
    name: "delete by hand",
    ...open,
    make: async ({ sql }, { id }) => void (await sql((sql) => sql`DELETE FROM api_keys WHERE id = ${id}::uuid`)),
  },
  {
    name: "expire by hand",
    ...open,
    make: async ({ sql }, { id }) =>
      void (await sql((sql) => sql`UPDATE api_keys SET expires_at = ${past()}::timestamptz WHERE id = ${id}::uuid`)),
  },
  {
    name: "narrow scopes by hand",
    ...scoped,
    make: async ({ sql }, { id }) => void (await sql((sql) => sql`UPDATE api_keys SET scopes = '{"other:read"}' WHERE id = ${id}::uuid`)),
  },
]

/** A Redis that can be stopped: one of its own where there is the program for it. Nothing else listens to its channels. */
export const startRedis = async (endings: Endings) => {
  if (spawnSync("redis-server", ["--version"]).status !== 0) return undefined
  const port = await freePort()
  const folder = mkdtempSync(join(tmpdir(), "effect-api-key-redis-"))
  endings.add(() => rmSync(folder, { recursive: true, force: true }))
  let child: ChildProcess | undefined
  const start = async () => {
    child = spawn("redis-server", ["--port", String(port), "--bind", "127.0.0.1", "--save", "", "--dir", folder], { stdio: "ignore" })
    await until("Redis is there", () => isOpen(port))
  }
  const stop = async () => {
    if (child !== undefined) await endProcess(child)
  }
  await start()
  endings.add(stop)
  return { url: `redis://127.0.0.1:${port}`, start, stop, signal: (signal: NodeJS.Signals) => child?.kill(signal) }
}

const isOpen = (port: number) =>
  new Promise<true | undefined>((resolve) => {
    const socket = connect(port, "127.0.0.1")
      .on("connect", () => (socket.destroy(), resolve(true)))
      .on("error", () => resolve(undefined))
  })

/** A Redis that others use too, where one can be reached: a database of it that hardly anybody else has. */
export const findRedis = async (): Promise<string | undefined> => {
  const url = new URL(process.env["REDIS_URL"] ?? "redis://127.0.0.1:6379")
  if (url.pathname.length < 2) url.pathname = "/11"
  const isReachable = await Effect.runPromise(
    withRedis(url.href, () => Effect.void).pipe(
      Effect.as(true),
      Effect.timeout("2 seconds"),
      Effect.orElseSucceed(() => false),
    ),
  )
  return isReachable ? url.href : undefined
}

const withRedis = <A>(url: string, use: (redis: NodeRedis.NodeRedis["Service"]) => Effect.Effect<A, unknown>) =>
  Effect.provide(Effect.flatMap(NodeRedis.NodeRedis, use), NodeRedis.layer({ url, socket: { connectTimeout: 1_000 } }))

/** Cuts the connections that listen, and gives how many those were. */
export const cutRedis = (url: string): Promise<number> =>
  Effect.runPromise(
    withRedis(
      url,
      Effect.fnUntraced(function* ({ use }) {
        const database = Number(new URL(url).pathname.slice(1) || "0")
        const clients = yield* use((client) => client.clientList({ TYPE: "PUBSUB" }))
        const listeners = clients.filter(({ db }) => db === database)
        for (const { id } of listeners) yield* use((client) => client.clientKill({ filter: "ID", id }))
        return listeners.length
      }),
    ),
  )

/** The connections that listen, and so do nothing else. The database is the tests' own. */
export const findListeners = ({ sql }: Cluster): Promise<ReadonlyArray<number>> =>
  sql((sql) =>
    Effect.map(
      sql<{ readonly pid: number }>`SELECT pid FROM pg_stat_activity
        WHERE datname = current_database() AND application_name = 'effect-api-key' AND query ~ '^LISTEN'`,
      (rows) => rows.map(({ pid }) => pid),
    ),
  )

/** Cuts the connections that listen, and gives how many those were. */
export const cutPostgres = async (cluster: Cluster): Promise<number> => {
  const listeners = await findListeners(cluster)
  await cluster.sql((sql) => sql`SELECT pg_terminate_backend(pid) FROM unnest(${listeners}::int[]) AS pid`)
  return listeners.length
}
