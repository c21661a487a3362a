// The whole server, `npm start`: `/protected` and `POST /api-keys/verify`, against a server that a user would write by hand and against
// better-auth's, all on one PostgreSQL, with 32 connections. A warm key was sent before; a cold one isn't remembered. Each server has a core, the
// load the other one.
import { createHash, randomBytes } from "node:crypto"
import { once } from "node:events"
import { createInterface } from "node:readline"
import { fileURLToPath } from "node:url"
import * as PgClient from "@effect/sql-pg/PgClient"
import { Context, Effect, Layer, Redacted } from "effect"
import { layerWebCrypto } from "effect/crypto/SecureRandom"
import { SqlClient } from "effect/sql"
import { freePort, randomSchema, startPostgres } from "../../test/support/postgres.ts"
import { emit } from "../figure.ts"
import { share } from "../measure.ts"
import { layerArgon2, layerHmac, pepper } from "../support/keys.ts"
import { makeLoad, type Request } from "../support/load.ts"
import { insertKeys } from "../support/mint.ts"
import { keyIdOf } from "../support/tokens.ts"
import { formatMicros, measureServed, type ServedRates, spawnServer } from "../support/processorTime.ts"

/** Made with Argon2id, one after the other. */
const argon2Keys = 100
/** Of which each takes one look-up a round. */
const manyKeys = 1_000
const requests = 3_000

type Server = ReturnType<typeof spawnServer>

const start = (program: string, env: NodeJS.ProcessEnv) =>
  Effect.acquireRelease(
    Effect.sync(() => spawnServer([fileURLToPath(new URL(program, import.meta.url))], { core: 0, env: { ...process.env, ...env } })),
    (server) =>
      Effect.promise(async () => {
        if (server.exitCode !== null) return
        server.kill()
        await once(server, "exit")
      }),
  )

/** Waits for output that a pattern finds something in. */
const find = (server: Server, pattern: RegExp) =>
  Effect.promise(async () => {
    const lines = createInterface({ input: server.stdout })
    for await (const line of lines) {
      const [, found] = pattern.exec(line) ?? []
      if (found !== undefined) return found
    }
    throw new Error("A server ended before it was ready")
  })

const ownServer = Effect.fnUntraced(function* (env: NodeJS.ProcessEnv) {
  const port = yield* freePort
  const server = yield* start("../../src/internal/server/main.ts", {
    ...env,
    HOST: "127.0.0.1",
    PORT: String(port),
    API_KEY_PEPPER: Redacted.value(pepper),
  })
  return { server, port }
})

const portOf = (address: string): number => Number(new URL(address).port)

const peer = Effect.fnUntraced(function* (env: NodeJS.ProcessEnv) {
  const server = yield* start("../peers/fastify.ts", env)
  return { server, port: portOf(yield* find(server, /^(http.*)$/)) }
})

/** Keys of the peer's own table, and their tokens. */
const insertPeerKeys = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  const tokens = Array.from({ length: manyKeys }, () => `sk_${randomBytes(32).toString("base64url")}`)
  const hashes = tokens.map((token) => createHash("sha256").update(token).digest("hex"))
  yield* sql`CREATE TABLE peer_keys (hash text PRIMARY KEY, id uuid NOT NULL DEFAULT gen_random_uuid(), name text NOT NULL, owner_id text,
    scopes text[] NOT NULL, metadata jsonb NOT NULL, is_active boolean NOT NULL, expires_at timestamptz, created_at timestamptz NOT NULL DEFAULT now())`
  yield* sql`INSERT INTO peer_keys (hash, name, owner_id, scopes, metadata, is_active)
    SELECT hash, 'key ' || hash, 'acme', ARRAY['invoices:read', 'api-keys:verify'], '{}', TRUE FROM unnest(${hashes}::text[]) AS made (hash)`
  return tokens
})

interface Sending {
  readonly server: Server
  readonly port: number
  readonly tokens: ReadonlyArray<string>
  /** The key of who verifies others. */
  readonly caller: string
  readonly path?: string
  readonly connections?: number
}

const makeContender = Effect.fnUntraced(function* ({ server, port, connections = 32 }: Sending, sent: ReadonlyArray<Request>) {
  const { run } = yield* Effect.acquireRelease(
    Effect.sync(() => makeLoad({ port, requests: sent, connections })),
    ({ close }) => Effect.sync(close),
  )
  return { server, run }
})

const toProtected = (sending: Sending) =>
  makeContender(
    sending,
    sending.tokens.map((token) => ({ path: sending.path ?? "/protected", token })),
  )
const toVerify = (sending: Sending) =>
  makeContender(
    sending,
    sending.tokens.map((token) => ({ path: "/api-keys/verify", token: sending.caller, body: { token } })),
  )

const describe = <Name extends string>({ ofProcessorTime, ofTime }: ServedRates<Name>, of: Name, to: Name) =>
  `${of} ${formatMicros(ofProcessorTime[of])}, ${to} ${formatMicros(ofProcessorTime[to])} of the server's processor time a request; of the rate ${share(ofTime, of, to).value.toFixed(2)}`

const compare = <Name extends string>(rates: ServedRates<Name>, of: Name, to: Name, name: string, note = "") =>
  emit({
    benchmark: "server",
    name,
    unit: "times",
    target: { atLeast: 1 },
    ...share(rates.ofProcessorTime, of, to),
    note: describe(rates, of, to) + note,
  })

const program = Effect.fnUntraced(function* (databaseUrl: string) {
  const env = { DATABASE_URL: databaseUrl }
  const own = yield* ownServer(env)
  const caller = yield* find(own.server, /^ {2}(ak-\S+)$/)
  const tokens = yield* Effect.provide(insertKeys("public.api_keys", argon2Keys), [layerArgon2, layerWebCrypto])
  const hmacTokens = yield* Effect.provide(insertKeys("public.api_keys", manyKeys), [layerHmac, layerWebCrypto])
  const peerTokens = yield* insertPeerKeys
  const [peerCaller = ""] = peerTokens
  const few = { tokens: peerTokens.slice(0, argon2Keys), caller: peerCaller }
  const many = { tokens: peerTokens, caller: peerCaller }

  const plain = yield* peer(env)
  const mapped = yield* peer({ ...env, PEER_CACHE: "map" })
  const betterAuth = yield* makeBetterAuth({ ...env, PEER_KEYS: String(argon2Keys) })

  const healthz = yield* makeContender({ ...own, tokens, caller }, [{ path: "/healthz", token: caller }])
  const measureWarm = Effect.fnUntraced(function* (to: typeof toProtected, path: string, betterAuthPath: string) {
    const contenders = {
      ours: yield* to({ ...own, tokens, caller }),
      healthz,
      "Fastify with SELECT": yield* to({ ...plain, ...few }),
      "Fastify with Map": yield* to({ ...mapped, ...few }),
      "better-auth": yield* to({ ...betterAuth, path: betterAuthPath }),
    }
    // Each key takes Argon2id at first, for which 32 could wait too long.
    const first = yield* to({ ...own, tokens, caller, connections: 2 })
    yield* Effect.promise(() => first.run(argon2Keys))
    const rates = yield* Effect.promise(() => measureServed(contenders, { requests, rounds: 7 }))
    const { ofProcessorTime } = rates
    emit({
      benchmark: "server",
      name: `\`${path}\` of \`npm start\`, warm, of \`/healthz\``,
      unit: "share",
      target: { atLeast: 0.65 },
      ...share(ofProcessorTime, "ours", "healthz"),
      note: describe(rates, "ours", "healthz"),
    })
    compare(
      rates,
      "ours",
      "Fastify with SELECT",
      `\`${path}\` of \`npm start\`, warm, of Fastify with \`pg\``,
      "; without PostgreSQL's own",
    )
    compare(rates, "ours", "Fastify with Map", `\`${path}\` of \`npm start\`, warm, of Fastify with a \`Map\``)
    compare(rates, "ours", "better-auth", `\`${path}\` of \`npm start\`, warm, of better-auth`)
  })
  yield* measureWarm(toProtected, "/protected", "/api/auth/get-session")
  yield* measureWarm(toVerify, "POST /api-keys/verify", "")

  const uncached = yield* ownServer({ ...env, API_KEY_CACHE: "off" })
  yield* find(uncached.server, /(Listening)/)
  const hmac = yield* start("../support/hmacServer.ts", env)
  const hmacPort = portOf(yield* find(hmac, /^(http.*)$/))
  const [hmacCaller = ""] = hmacTokens
  const sql = yield* SqlClient.SqlClient
  yield* sql`UPDATE api_keys SET scopes = ARRAY['api-keys:verify'] WHERE key_id = ${keyIdOf(hmacCaller)}`
  const stored = yield* makeBetterAuth({ ...env, PEER_KEYS: String(manyKeys), PEER_STORAGE: "database" })
  const measureCold = Effect.fnUntraced(function* (to: typeof toProtected, path: string, betterAuthPath: string) {
    const contenders = {
      hmac: yield* to({ server: hmac, port: hmacPort, tokens: hmacTokens, caller: hmacCaller }),
      Fastify: yield* to({ ...plain, ...many }),
      "better-auth": yield* to({ ...stored, path: betterAuthPath }),
    }
    const rates = yield* Effect.promise(() => measureServed(contenders, { requests: manyKeys, rounds: 7 }))
    compare(rates, "hmac", "Fastify", `\`${path}\`, cold, over HMAC, of Fastify with \`pg\``)
    compare(rates, "hmac", "better-auth", `\`${path}\`, cold, over HMAC, of better-auth on PostgreSQL`)
    const slow = {
      ours: yield* to({ ...uncached, tokens, caller, connections: 2 }),
      Fastify: yield* to({ ...plain, ...many, connections: 2 }),
    }
    const slowRates = yield* Effect.promise(() => measureServed(slow, { requests: argon2Keys, rounds: 3 }))
    compare(
      slowRates,
      "ours",
      "Fastify",
      `\`${path}\` of \`npm start\`, cold, of Fastify with \`pg\``,
      "; Argon2id, whose price is the point",
    )
  })
  yield* measureCold(toProtected, "/protected", "/api/auth/get-session")
  yield* measureCold(toVerify, "POST /api-keys/verify", "")
})

const makeBetterAuth = Effect.fnUntraced(function* (env: NodeJS.ProcessEnv) {
  const server = yield* start("../peers/better-auth-server.ts", env)
  // The server's one line is what it prints there.
  const { port, tokens } = JSON.parse(yield* find(server, /^(\{.*)$/)) as { readonly port: number; readonly tokens: ReadonlyArray<string> }
  return { server, port, tokens, caller: tokens[0] ?? "" }
})

/** A database of the run's own, on the server that `BENCH_DATABASE_URL` names, else on one that starts for it. */
const makeDatabase = Effect.gen(function* () {
  const given = process.env["BENCH_DATABASE_URL"] ?? ""
  const url = new URL(given === "" ? Redacted.value(yield* startPostgres()) : given)
  const name = randomSchema()
  const sql = Context.get(yield* Layer.build(PgClient.layer({ url: Redacted.make(url.href), maxConnections: 1 })), SqlClient.SqlClient)
  yield* Effect.acquireRelease(Effect.orDie(sql`CREATE DATABASE ${sql.literal(name)}`), () =>
    Effect.orDie(sql`DROP DATABASE ${sql.literal(name)} WITH (FORCE)`),
  )
  url.pathname = `/${name}`
  return url.href
})

await Effect.runPromise(
  Effect.scoped(
    Effect.gen(function* () {
      const url = yield* makeDatabase
      yield* Effect.provide(program(url), PgClient.layer({ url: Redacted.make(url) }))
    }),
  ),
)
