// Does it hold out? `npm run soak -- 5` has a server verify 100,000 keys for five minutes while some of them change, and looks at its memory,
// its errors, and what is left of `lastUsedAt` when it is killed, and when it is asked to end.
import { type ChildProcess, spawn } from "node:child_process"
import { once } from "node:events"
import { writeFileSync } from "node:fs"
import { createServer } from "node:http"
import { connect, type Socket } from "node:net"
import { fileURLToPath } from "node:url"
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as PgClient from "@effect/sql-pg/PgClient"
import { Cause, Config, DateTime, Effect, Exit, Layer, ManagedRuntime, Redacted } from "effect"
import { SecureRandom } from "effect/crypto"
import { HttpRouter, HttpServer } from "effect/http"
import { SqlClient } from "effect/sql"
import { ApiKey, ApiKeyId, StoredApiKey } from "../src/ApiKey.ts"
import { ApiKeyHasher } from "../src/ApiKeyHasher.ts"
import { ApiKeyRepository } from "../src/ApiKeyRepository.ts"
import * as ApiKeys from "../src/ApiKeys.ts"
import * as ApiKeyToken from "../src/ApiKeyToken.ts"
import { routes } from "../src/internal/server/routes.ts"
import * as Invalidation from "../src/sql/Invalidation.ts"
import * as Migrations from "../src/sql/Migrations.ts"
import * as SqlRepository from "../src/sql/SqlRepository.ts"
import { layerHmac } from "./support/keys.ts"

const keyCount = 100_000
const connections = 16
const requestsPerSecond = Number(process.env["SOAK_RATE"] ?? "2000")
const changesPerSecond = 10
const sampleEvery = 10_000
/** `lastUsedAt` is written every 10 seconds, give or take a fifth. */
const longestInterval = 12_000
/** How soon a change by hand must count. */
const handBound = 1_000
const growthAllowed = 0.05

const sleep = (millis: number) => new Promise<void>((resolve) => setTimeout(resolve, millis))

/** What the server tells when it is asked, after a collection of garbage. */
interface Sample {
  readonly rss: number
  readonly heapUsed: number
  readonly touches: number
  readonly touched: number
  readonly longestTouch: number
  readonly lookUps: number
}

// ---- The server

const serve = (): void => {
  const counts = { touches: 0, touched: 0, longestTouch: 0, lookUps: 0 }
  const layerCounted = Layer.effect(
    ApiKeyRepository,
    Effect.map(ApiKeyRepository, (repository) => ({
      ...repository,
      findByKeyId: (keyId) => Effect.suspend(() => (counts.lookUps++, repository.findByKeyId(keyId))),
      touch: (uses) =>
        Effect.suspend(() => {
          const start = performance.now()
          counts.touches++
          counts.touched += uses.length
          return Effect.ensuring(
            repository.touch(uses),
            Effect.sync(() => (counts.longestTouch = Math.max(counts.longestTouch, performance.now() - start))),
          )
        }),
    })),
  ).pipe(Layer.provide(SqlRepository.layer))
  const services = ApiKeys.layer.pipe(
    Layer.provide([layerHmac, Invalidation.layerPostgres()]),
    Layer.provideMerge(layerCounted),
    Layer.provide(PgClient.layerConfig({ url: Config.Redacted("DATABASE_URL"), applicationName: Config.succeed("soak") })),
  )
  const tellPort = Effect.map(HttpServer.HttpServer, ({ address }) => process.send?.({ port: "port" in address ? address.port : 0 }))
  process.on("message", () => {
    globalThis.gc?.()
    const { rss, heapUsed } = process.memoryUsage()
    process.send?.({ rss, heapUsed, ...counts } satisfies Sample)
  })
  Layer.effectDiscard(tellPort).pipe(
    Layer.provideMerge(HttpRouter.serve(routes, { disableLogger: true, disableListenLog: true })),
    Layer.provideMerge(NodeHttpServer.layer(() => createServer(), { host: "127.0.0.1", port: 0, gracefulShutdownTimeout: "10 seconds" })),
    Layer.provide(services),
    Layer.launch,
    NodeRuntime.runMain({ teardown: (exit, onExit) => onExit(Exit.isSuccess(exit) || Cause.hasInterruptsOnly(exit.cause) ? 0 : 1) }),
  )
}

const startServer = async (databaseUrl: string) => {
  const child = spawn(process.execPath, ["--expose-gc", fileURLToPath(import.meta.url), "serve"], {
    stdio: ["ignore", "inherit", "inherit", "ipc"],
    env: { ...process.env, DATABASE_URL: databaseUrl },
  })
  const message = async <A>(): Promise<A> => {
    const [received] = await once(child, "message")
    // What `serve` sends is typed there.
    return received as A
  }
  const { port } = await message<{ readonly port: number }>()
  const sample = () => {
    const answer = message<Sample>()
    child.send("sample")
    return answer
  }
  return { child, port, sample }
}

// ---- The callers

interface Answer {
  readonly status: number
  readonly body: string
  readonly sent: number
  readonly answered: number
}

/** One connection, one request at a time. Fails when the connection ends before the answer. */
const makeCaller = async (port: number) => {
  const socket: Socket = connect({ port, host: "127.0.0.1", noDelay: true })
  let received = ""
  let waiting: { readonly sent: number; readonly resolve: (answer: Answer) => void; readonly reject: (error: Error) => void } | undefined
  let ended: Error | undefined
  const end = (error: Error): void => {
    ended ??= error
    waiting?.reject(ended)
    waiting = undefined
  }
  socket.on("error", end).on("close", () => end(new Error("The connection was closed")))
  socket.setEncoding("utf8").on("data", (data: string) => {
    received += data
    const headersEnd = received.indexOf("\r\n\r\n")
    if (headersEnd < 0) return
    const length = Number(/\r\ncontent-length: (\d+)/i.exec(received.slice(0, headersEnd))?.[1] ?? "0")
    // The bodies are ASCII.
    if (received.length < headersEnd + 4 + length) return
    const answer = { status: Number(received.slice(9, 12)), body: received.slice(headersEnd + 4), answered: Date.now() }
    received = ""
    waiting?.resolve({ ...answer, sent: waiting.sent })
    waiting = undefined
  })
  await once(socket, "connect")
  return {
    call: (method: string, path: string, token: string, body = ""): Promise<Answer> =>
      new Promise((resolve, reject) => {
        if (ended !== undefined) return reject(ended)
        waiting = { sent: Date.now(), resolve, reject }
        const type = body === "" ? "" : `Content-Type: application/json\r\nContent-Length: ${body.length}\r\n`
        socket.write(`${method} ${path} HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nAuthorization: Bearer ${token}\r\n${type}\r\n${body}`)
      }),
    close: () => socket.destroy(),
  }
}
type Caller = Awaited<ReturnType<typeof makeCaller>>

type State = "active" | "inactive" | "deleted" | "changing"

class Key {
  readonly id: string
  readonly token: string
  state: State = "active"
  changes = 0
  /** Answered uses of the last while, and the last one before. In milliseconds, as the record has them. */
  uses: Array<{ readonly sent: number; readonly answered: number }> = []
  settled = 0
  lastAnswered = 0
  /** Whether a request was left without an answer, so that there may have been a use that nobody knows of. */
  isUnsure = false

  constructor(id: string, token: string) {
    this.id = id
    this.token = token
  }

  set(state: State): void {
    this.state = state
    this.changes++
  }

  used({ sent, answered }: Answer): void {
    this.lastAnswered = Math.max(this.lastAnswered, answered)
    while (this.uses[0] !== undefined && this.uses[0].answered < answered - 60_000) {
      this.settled = Math.max(this.settled, this.uses.shift()?.sent ?? 0)
    }
    this.uses.push({ sent, answered })
  }
}

const pick = <A>(items: ReadonlyArray<A>): A => {
  const item = items[Math.floor(Math.random() * items.length)]
  if (item === undefined) throw new Error("Nothing to choose from")
  return item
}

const errors = new Map<string, number>()
const countError = (what: string): void => void errors.set(what, (errors.get(what) ?? 0) + 1)

/** Random verifications, each checked against what is known of the key. Ends when told, or with the connections. */
const startLoad = async (port: number, keys: ReadonlyArray<Key>) => {
  const callers = await Promise.all(Array.from({ length: connections }, () => makeCaller(port)))
  const start = performance.now()
  let made = 0
  let verified = 0
  const progress = { isOver: false }
  let mayFail = false
  // Each key once before chance decides.
  const next = (): Key => keys[made] ?? pick(keys)

  const verifyOne = async (caller: Caller): Promise<void> => {
    const key = next()
    made++
    const { state, changes } = key
    const answer = await caller.call("GET", "/protected", key.token).catch((error: Error) => {
      key.isUnsure = true
      if (!mayFail) countError(error.message)
      return undefined
    })
    if (answer === undefined) return void (progress.isOver ||= mayFail)
    const { status } = answer
    verified++
    if (status === 200) key.used(answer)
    const isSure = key.changes === changes && state !== "changing"
    const isExpected = isSure ? status === (state === "active" ? 200 : 401) : status === 200 || status === 401
    if (!isExpected) countError(`${status} for a key that is ${state}`)
  }
  const work = async (caller: Caller): Promise<void> => {
    // oxlint-disable-next-line no-unmodified-loop-condition -- set below, while this loop waits
    while (!progress.isOver) {
      if (made >= ((performance.now() - start) / 1_000) * requestsPerSecond) await sleep(2)
      else await verifyOne(caller)
    }
  }
  const working = Promise.all(callers.map(work))
  return {
    verified: () => verified,
    stop: async () => {
      progress.isOver = true
      await working
      for (const { close } of callers) close()
    },
    /** From now on connections may end without an answer. */
    expectEnd: () => void (mayFail = true),
    ended: working,
  }
}

/** A trickle of changes: by the server, and by hand. */
const startChanges = async (port: number, admin: string, keys: Array<Key>, deactivateByHand: (id: string) => Promise<void>) => {
  const caller = await makeCaller(port)
  const inactive: Array<Key> = []
  const call = async (method: string, path: string, expected: number, body?: string): Promise<Answer> => {
    const answer = await caller.call(method, path, admin, body)
    if (answer.status !== expected) countError(`${answer.status} for ${method} by an administrator`)
    return answer
  }
  const change = async (key: Key, to: State, make: () => Promise<unknown>): Promise<void> => {
    if (key.state === "changing" || key.state === "deleted") return
    key.set("changing")
    await make()
    key.set(to)
    if (to === "inactive") inactive.push(key)
  }
  const kinds: ReadonlyArray<() => Promise<void>> = [
    () => {
      const key = pick(keys)
      return change(key, "inactive", () => call("POST", `/api-keys/${key.id}/deactivate`, 200))
    },
    async () => {
      const key = inactive.shift()
      if (key !== undefined) await change(key, "active", () => call("POST", `/api-keys/${key.id}/activate`, 200))
    },
    async () => {
      const key = pick(keys)
      // It stays good throughout.
      if (key.state === "active") await call("PATCH", `/api-keys/${key.id}`, 200, JSON.stringify({ name: `renamed ${Date.now()}` }))
    },
    () => {
      const key = pick(keys)
      return change(key, "inactive", async () => {
        await deactivateByHand(key.id)
        await sleep(handBound)
      })
    },
    () => {
      const key = pick(keys)
      return change(key, "deleted", () => call("DELETE", `/api-keys/${key.id}`, 204))
    },
    async () => {
      const { body } = await call("POST", "/api-keys", 201, JSON.stringify({ name: "new", scopes: ["invoices:read"] }))
      const created = JSON.parse(body) as { readonly token: string; readonly apiKey: { readonly id: string } }
      keys.push(new Key(created.apiKey.id, created.token))
    },
  ]
  let made = 0
  const progress = { isOver: false }
  const byHand = new Set<Promise<void>>()
  const working = (async () => {
    // oxlint-disable-next-line no-unmodified-loop-condition -- set below, while this loop waits
    while (!progress.isOver) {
      const kind = kinds[made++ % kinds.length]
      const making = kind?.() ?? Promise.resolve()
      // Those by hand take a while to count, and don't keep others waiting.
      if (kind === kinds[3]) void byHand.add(making.finally(() => byHand.delete(making)))
      else await making
      await sleep(1_000 / changesPerSecond)
    }
    await Promise.all(byHand)
  })()
  return {
    made: () => made,
    stop: async () => {
      progress.isOver = true
      await working
      caller.close()
    },
  }
}

// ---- The run

const layerStore = (url: Redacted.Redacted) =>
  Layer.mergeAll(SqlRepository.layer.pipe(Layer.provide(Migrations.layer())), layerHmac, SecureRandom.layerWebCrypto).pipe(
    Layer.provideMerge(PgClient.layer({ url, applicationName: "soak by hand" })),
  )

const insertKey = Effect.fnUntraced(function* (name: string, scopes: ReadonlyArray<string>) {
  const repository = yield* ApiKeyRepository
  const hasher = yield* ApiKeyHasher
  const random = yield* SecureRandom.SecureRandom
  const format = ApiKeyToken.defaultFormat
  const parts = yield* format.generate
  const now = yield* DateTime.now
  const id = ApiKeyId.make(yield* random.uuidV7())
  const apiKey = ApiKey.make({
    id,
    keyId: parts.keyId,
    prefix: format.prefix,
    name,
    description: null,
    ownerId: "acme",
    scopes,
    metadata: {},
    policies: null,
    isActive: true,
    deactivatedAt: null,
    deactivationReason: null,
    expiresAt: null,
    createdAt: now,
    updatedAt: now,
    lastUsedAt: null,
    hint: format.hint(parts.secret),
    version: 1,
    rotatedAt: null,
    previous: null,
  })
  yield* repository.insert(new StoredApiKey({ apiKey, hash: yield* hasher.hash(parts.secret), previousHash: null }))
  return new Key(id, Redacted.value(format.format(parts)))
})

const insertKeys = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  const keys: Array<Key> = []
  while (keys.length < keyCount) {
    const inserted = Effect.forEach(Array(1_000).keys(), (index) => insertKey(`key ${keys.length + index}`, ["invoices:read"]))
    keys.push(...(yield* sql.withTransaction(inserted)))
  }
  yield* sql`ANALYZE api_keys`.unprepared
  return { keys, admin: yield* insertKey("administrator", ["*"]) }
})

const readLastUsed = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  const rows = yield* sql<{ readonly id: string; readonly at: number }>`
    SELECT id::text AS id, COALESCE(extract(epoch FROM last_used_at) * 1000, 0)::float8 AS at FROM api_keys`
  return new Map(rows.map(({ id, at }) => [id, Math.round(at)]))
})

/** What the database lacks, and what it has that never was. */
const compare = (keys: ReadonlyArray<Key>, lastUsed: ReadonlyMap<string, number>, end: number) => {
  let missing = 0
  let oldest = 0
  let tooLate = 0
  for (const key of keys) {
    const at = lastUsed.get(key.id)
    if (at === undefined) {
      if (key.state !== "deleted") countError("a key is gone")
      continue
    }
    const lost = key.uses.filter(({ sent }) => sent > at)
    if (lost.length > 0 || key.settled > at) missing++
    for (const { answered } of lost) oldest = Math.max(oldest, end - answered)
    if (key.settled > at) oldest = Math.max(oldest, end - key.settled)
    if (at > (key.isUnsure ? end : key.lastAnswered)) tooLate++
  }
  return { keysWithMissingUses: missing, oldestMissingUseMillis: oldest, keysUsedLaterThanInTruth: tooLate }
}

const median = (values: ReadonlyArray<number>): number => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN

const growthOf = (samples: ReadonlyArray<Sample>, what: "rss" | "heapUsed") => {
  const third = Math.floor(samples.length / 3)
  const middle = median(samples.slice(third, 2 * third).map((sample) => sample[what]))
  const last = median(samples.slice(2 * third).map((sample) => sample[what]))
  return { middleThird: middle, lastThird: last, growth: Math.round((last / middle - 1) * 10_000) / 10_000 }
}

const exited = (child: ChildProcess) => once(child, "exit")

const run = async (minutes: number, databaseUrl: Redacted.Redacted): Promise<boolean> => {
  const runtime = ManagedRuntime.make(layerStore(databaseUrl))
  const url = Redacted.value(databaseUrl)
  const { keys, admin } = await runtime.runPromise(insertKeys)
  const deactivateByHand = (id: string) =>
    runtime
      .runPromise(Effect.flatMap(SqlClient.SqlClient, (sql) => sql`UPDATE api_keys SET is_active = false WHERE id = ${id}::uuid`))
      .then(() => {})
  process.stdout.write(`${keys.length} keys inserted\n`)

  const first = await startServer(url)
  const load = await startLoad(first.port, keys)
  const changes = await startChanges(first.port, admin.token, keys, deactivateByHand)
  const samples: Array<Sample> = []
  const start = performance.now()
  while (performance.now() - start < minutes * 60_000) {
    await sleep(sampleEvery)
    const sample = await first.sample()
    samples.push(sample)
    process.stdout.write(
      `${JSON.stringify({ seconds: Math.round((performance.now() - start) / 1_000), verified: load.verified(), ...sample })}\n`,
    )
  }
  const seconds = (performance.now() - start) / 1_000
  await changes.stop()
  load.expectEnd()
  const killed = Date.now()
  const end = exited(first.child)
  first.child.kill("SIGKILL")
  await end
  await load.ended
  // What was being written when the server died may still be committed.
  await sleep(1_000)
  const afterKill = compare(keys, await runtime.runPromise(readLastUsed), killed)
  const last = samples.at(-1)

  for (const key of keys) {
    key.uses = []
    key.settled = 0
    // What the killed server wrote isn't asked about again.
    key.lastAnswered = killed
    key.isUnsure = false
  }
  const second = await startServer(url)
  const again = await startLoad(second.port, keys)
  await sleep(25_000)
  again.expectEnd()
  const asked = Date.now()
  const gone = exited(second.child)
  second.child.kill("SIGTERM")
  const [code] = await gone
  await again.ended
  const ended = Date.now()
  if (code !== 0) countError(`exit code ${code} after SIGTERM`)
  const afterTerm = { ...compare(keys, await runtime.runPromise(readLastUsed), ended), millisToEnd: ended - asked }
  await runtime.dispose()

  const memory = { rss: growthOf(samples, "rss"), heapUsed: growthOf(samples, "heapUsed") }
  const verdict = {
    memoryIsLevel: memory.rss.growth <= growthAllowed && memory.heapUsed.growth <= growthAllowed,
    noErrors: errors.size === 0,
    // A use that is noted while a statement runs waits for the one after it.
    killLosesNoOlderUse: afterKill.oldestMissingUseMillis <= longestInterval + (last?.longestTouch ?? 0),
    termLosesNothing: afterTerm.keysWithMissingUses === 0,
    nothingIsLaterThanInTruth: afterKill.keysUsedLaterThanInTruth + afterTerm.keysUsedLaterThanInTruth === 0,
  }
  const result = {
    date: new Date().toISOString().slice(0, 10),
    minutes,
    keys: keyCount,
    verifications: load.verified(),
    verificationsPerSecond: Math.round(load.verified() / seconds),
    changes: changes.made(),
    errors: Object.fromEntries(errors),
    memory,
    lastUsedAt: {
      statements: last?.touches,
      keysWritten: last?.touched,
      longestStatementMillis: Math.round(last?.longestTouch ?? 0),
      afterKill,
      afterTerm,
    },
    lookUps: last?.lookUps,
    verdict,
    samples: samples.map(({ rss, heapUsed }) => ({ rss, heapUsed })),
  }
  const text = JSON.stringify(result, null, 2).replace(/\{\s+("rss": \d+),\s+("heapUsed": \d+)\s+\}/g, "{ $1, $2 }")
  writeFileSync(new URL("soak.json", import.meta.url), `${text}\n`)
  process.stdout.write(`${JSON.stringify({ ...result, samples: undefined }, null, 2)}\n`)
  return Object.values(verdict).every(Boolean)
}

if (process.argv[2] === "serve") serve()
else {
  const minutes = Number(process.argv[2] ?? "5")
  // Not in the server: it loads a package that ends the process on SIGTERM, whatever else would be done then.
  const { startPostgres } = await import("../test/support/postgres.ts")
  const isGood = await Effect.runPromise(Effect.scoped(Effect.flatMap(startPostgres(), (url) => Effect.promise(() => run(minutes, url)))))
  process.exitCode = isGood ? 0 : 1
}
