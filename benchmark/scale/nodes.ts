// Many nodes on one database and channel: `node benchmark/scale/nodes.ts postgres 100`, or `redis 100`. What a node and its server pay for being
// in touch, for a change, and for a confirmed change, in processor time; and how long confirmations take. All nodes are in this process.
import { readFileSync } from "node:fs"
import * as NodeRedis from "@effect/platform-node/NodeRedis"
import * as PgClient from "@effect/sql-pg/PgClient"
import { Context, Effect, Layer } from "effect"
import { SqlClient } from "effect/sql"
import type { ApiKeyInvalidation } from "../../src/ApiKeyInvalidation.ts"
import * as ApiKeys from "../../src/ApiKeys.ts"
import * as Redis from "../../src/redis/Invalidation.ts"
import * as Postgres from "../../src/sql/Invalidation.ts"
import * as Migrations from "../../src/sql/Migrations.ts"
import * as SqlRepository from "../../src/sql/SqlRepository.ts"
import { quantile } from "../measure.ts"
import { layerHmac } from "../support/keys.ts"
import { databaseUrl, say } from "./database.ts"

const channel = process.argv[2] ?? "postgres"
const count = Number(process.argv[3] ?? 100)
const perSecond = 10
const seconds = 10
const confirmed = 10

const layerClient = PgClient.layer({ url: databaseUrl, maxConnections: 1 })
const layerChannel: Layer.Layer<ApiKeyInvalidation, never, PgClient.PgClient> =
  channel === "redis"
    ? Layer.orDie(Redis.layerRedis({ prefix: "scale:" }).pipe(Layer.provide(NodeRedis.layer({ url: "redis://127.0.0.1:6379" }))))
    : Layer.orDie(Postgres.layerPostgres())
const layerNode = ApiKeys.layer.pipe(
  Layer.provide(layerChannel),
  Layer.provide([layerHmac, SqlRepository.layer]),
  Layer.provideMerge(layerClient),
)

/** Processor time of a process of this machine, in milliseconds. */
const usedBy = (pid: number): number => {
  const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]?.split(" ") ?? []
  return (Number(fields[11]) + Number(fields[12])) * 10
}

const program = Effect.gen(function* () {
  const build = Effect.map(Layer.build(Layer.fresh(layerNode)), (services) => ({
    apiKeys: Context.get(services, ApiKeys.ApiKeys),
    sql: Context.get(services, SqlClient.SqlClient),
  }))
  const nodes = yield* Effect.all(
    Array.from({ length: count }, () => build),
    { concurrency: 10 },
  )
  const { apiKeys, sql } = nodes[0]!
  const redis = process.env["SCALE_REDIS_PID"]
  const backends = yield* sql<{
    pid: number
  }>`SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND backend_type = 'client backend'`
  const now = () => ({
    nodes: process.cpuUsage().user / 1_000 + process.cpuUsage().system / 1_000,
    postgres: backends.reduce((sum, { pid }) => sum + usedBy(pid), 0),
    redis: redis === undefined ? 0 : usedBy(Number(redis)),
    at: performance.now(),
  })
  const used = <A, E, R>(run: Effect.Effect<A, E, R>) =>
    Effect.gen(function* () {
      const before = now()
      yield* run
      const after = now()
      return {
        nodes: after.nodes - before.nodes,
        postgres: after.postgres - before.postgres,
        redis: after.redis - before.redis,
        seconds: (after.at - before.at) / 1_000,
      }
    })
  type Used = Effect.Success<ReturnType<typeof used>>
  const tell = (what: string, { nodes, postgres, redis, seconds }: Used, idle: Used | undefined, per: number) => {
    const less = (value: number, part: "nodes" | "postgres" | "redis") =>
      ((value - (idle === undefined ? 0 : (idle[part] / idle.seconds) * seconds)) / per).toFixed(3)
    say(
      `${channel}, ${count} nodes, ${what}: ms of the processor: all nodes ${less(nodes, "nodes")}, PostgreSQL ${less(postgres, "postgres")}, ` +
        `Redis ${less(redis, "redis")} (${seconds.toFixed(1)} s)`,
    )
  }
  say(`${backends.length} connections`)
  const keys = yield* Effect.forEach(Array(20).keys(), (index) => apiKeys.create({ name: `key ${index}` }))
  yield* Effect.sleep("6 seconds")
  const idle = yield* used(Effect.sleep(`${seconds} seconds`))
  tell("at rest, a second", idle, undefined, idle.seconds)
  const changes = perSecond * seconds
  const changing = yield* used(
    Effect.forEach(
      Array(changes).keys(),
      (index) =>
        Effect.andThen(
          apiKeys.update(keys[index % keys.length]!.apiKey.id, { name: `name ${index}` }),
          Effect.sleep(`${1_000 / perSecond} millis`),
        ),
      { discard: true },
    ),
  )
  tell("a change", changing, idle, changes)
  const times: Array<number> = []
  const confirming = yield* used(
    Effect.forEach(
      Array(confirmed).keys(),
      (index) =>
        Effect.gen(function* () {
          const start = performance.now()
          yield* apiKeys.update(keys[index]!.apiKey.id, { name: `confirmed ${index}` }, { confirmWithin: "20 seconds" })
          times.push(performance.now() - start)
        }),
      { discard: true },
    ),
  )
  tell("a confirmed change", confirming, idle, confirmed)
  say(`Confirmed after ${quantile(times, 0.5).toFixed(0)} ms, at most ${Math.max(...times).toFixed(0)} ms`)
})

await Effect.runPromise(
  Effect.scoped(
    Effect.andThen(
      Effect.provide(Migrations.migrate(), layerClient),
      Effect.catch(program, (error) => Effect.sync(() => say(String(error)))),
    ),
  ),
)
process.exit()
