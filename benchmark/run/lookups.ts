// Keys that no memory holds, with many in flight: against pgbench, which runs the same prepared SELECT on as many connections. Both have the same
// core; the server has all.
import { execFile } from "node:child_process"
import { mkdtemp, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { promisify } from "node:util"
import * as PgClient from "@effect/sql-pg/PgClient"
import { Console, Effect, Layer, Redacted } from "effect"
import { layerWebCrypto, SecureRandom } from "effect/crypto/SecureRandom"
import { SqlClient } from "effect/sql"
import type { ApiKeyHasher } from "../../src/ApiKeyHasher.ts"
import type { ApiKeyRepository } from "../../src/ApiKeyRepository.ts"
import * as ApiKeys from "../../src/ApiKeys.ts"
import { storedColumnList } from "../../src/internal/sql/columns.ts"
import { emit } from "../figure.ts"
import { type Rates, share } from "../measure.ts"
import { layerHmac } from "../support/keys.ts"
import { insertKeys } from "../support/mint.ts"
import { makeDatabase } from "../support/postgres.ts"
import { Tokens } from "../support/tokens.ts"

const keys = 20_000
const inFlight = 64
const rounds = 9
/** As many as a client's pool has by default. */
const connections = 10

const database = makeDatabase()
const run = promisify(execFile)
const hasPgbench = await run("pgbench", ["--version"]).then(
  () => true,
  () => false,
)

const firstKeyId = 1_000_000_000_000_000
/** Gives key ids of decimal digits, one after the other, as pgbench draws numbers alone. */
const counting = Effect.map(SecureRandom, (random): SecureRandom["Service"] => {
  let next = firstKeyId
  return {
    ...random,
    randomBytes: (size) => (size === 8 ? Effect.sync(() => Uint8Array.from(Buffer.from(String(next++), "hex"))) : random.randomBytes(size)),
  }
})

/** Fills the table with keys of these key ids, and gives their tokens. */
const fill = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  const tokens = yield* Effect.provideServiceEffect(insertKeys(database.qualified, keys), SecureRandom, counting)
  yield* sql`VACUUM ANALYZE ${sql.literal(database.qualified)}`
  return tokens
})

/** Transactions a second, without the time to connect. */
const makePgbench = Effect.gen(function* () {
  const { config } = yield* PgClient.PgClient
  const folder = yield* Effect.acquireRelease(
    Effect.promise(() => mkdtemp(join(tmpdir(), "effect-api-key-"))),
    (path) => Effect.promise(() => rm(path, { recursive: true })),
  )
  const script = join(folder, "select.sql")
  yield* Effect.promise(() =>
    writeFile(
      script,
      `\\set key random(${firstKeyId}, ${firstKeyId + keys - 1})\n` +
        `SELECT ${storedColumnList} FROM ${database.qualified} WHERE key_id = :key::text OR previous_key_id = :key::text;\n`,
    ),
  )
  const url = Redacted.value(config.url ?? Redacted.make(""))
  const args = ["-n", "-M", "prepared", "-f", script, "-c", String(connections), "-j", "1", "-T", "1", url]
  return async (): Promise<number> => {
    const { stdout } = await run("pgbench", args)
    return Number(/^tps = ([\d.]+)/m.exec(stdout)?.[1])
  }
})

/** Verifications a second of each key once, by a service that remembers nothing yet. */
const makeVerify = (tokens: Tokens, options: ApiKeys.Options) =>
  Effect.gen(function* () {
    const context = yield* Effect.context<ApiKeyHasher | ApiKeyRepository>()
    return async (): Promise<number> => {
      tokens.renew()
      return Effect.runPromise(
        Effect.gen(function* () {
          const { verify } = yield* ApiKeys.make(options)
          const start = performance.now()
          yield* Effect.forEach(Array(keys).keys(), (index) => verify(tokens.at(index)), { concurrency: inFlight, discard: true })
          return (keys / (performance.now() - start)) * 1_000
        }).pipe(Effect.scoped, Effect.provideContext(context)),
      )
    }
  })

const program = Effect.gen(function* () {
  if (!hasPgbench) return yield* Console.log("Passed over: there is no pgbench here")
  const tokens = new Tokens(yield* fill)
  const contenders = {
    verify: yield* makeVerify(tokens, { lastUsedInterval: "1 hour" }),
    pgbench: yield* makePgbench,
  }
  const rates = { verify: new Array<number>(), pgbench: new Array<number>() } satisfies Rates<"verify" | "pgbench">
  for (let round = -2; round < rounds; round++) {
    for (const name of ["verify", "pgbench"] as const) {
      const rate = yield* Effect.promise(contenders[name])
      if (round >= 0) rates[name].push(rate)
    }
  }
  emit({
    benchmark: "lookups",
    name: `cold \`verify\` on PostgreSQL, ${inFlight} in flight, of pgbench`,
    unit: "share",
    target: { atLeast: 0.8 },
    ...share(rates, "verify", "pgbench"),
    note: `HMAC; each key once; the same prepared \`SELECT\`, a key each, on ${connections} connections`,
  })
})

const layer = Layer.mergeAll(layerHmac, database.layer, layerWebCrypto)

await Effect.runPromise(Effect.scoped(Effect.provide(program, layer)))
