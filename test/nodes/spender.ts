/**
 * A process that spends the units of a key. It says `ready`, waits for a line, and writes the times between which a use was granted at once, as it may
 * be killed. At the end it writes how many were refused.
 */
import { once } from "node:events"
import * as NodeRedis from "@effect/platform-node/NodeRedis"
import * as PgClient from "@effect/sql-pg/PgClient"
import { Effect, Layer, Redacted } from "effect"
import * as ApiKeys from "../../src/ApiKeys.ts"
import * as RedisMeters from "../../src/redis/Meters.ts"
import * as SqlRepository from "../../src/sql/SqlRepository.ts"
import { layerPepper, type Task } from "./spending.ts"

const { url, redis, token, uses, fibers, millis } = JSON.parse(process.argv[2] ?? "") as Task

const now = (): number => Number(process.hrtime.bigint()) / 1e6

const program = Effect.gen(function* () {
  const keys = yield* ApiKeys.ApiKeys
  // The record is remembered, and the connections are there.
  yield* keys.verify(Redacted.make(token), { cost: 0 })
  process.stdout.write("ready\n")
  yield* Effect.promise(() => once(process.stdin, "data"))
  let left = uses
  const until = millis === undefined ? Number.POSITIVE_INFINITY : now() + millis
  const outcome = { refused: 0, failed: 0, slowest: 0 }
  const use = Effect.suspend(() => {
    left--
    const begun = now()
    return Effect.match(keys.verify(Redacted.make(token)), {
      onSuccess: () => void process.stdout.write(`${begun} ${now()}\n`),
      onFailure: (error) => {
        outcome.slowest = Math.max(outcome.slowest, now() - begun)
        if (error._tag === "QuotaExceeded" || error._tag === "RateLimited") outcome.refused++
        else outcome.failed++
      },
    })
  })
  const next = millis === undefined ? use : Effect.andThen(use, Effect.sleep(1))
  const fiber = Effect.whileLoop({ while: () => left > 0 && now() < until, body: () => next, step: () => undefined })
  yield* Effect.all(
    Array.from({ length: fibers }, () => fiber),
    { concurrency: fibers, discard: true },
  )
  process.stdout.write(`${JSON.stringify(outcome)}\n`)
})

const service = ApiKeys.layerWith({ cache: { timeToLive: "1 hour" } })
const stores = Layer.mergeAll(layerPepper, SqlRepository.layer)
const layer = (
  redis === undefined
    ? service.pipe(Layer.provide(stores))
    : service.pipe(
        Layer.provide(stores),
        Layer.provide(RedisMeters.layerRedis({ prefix: redis.prefix }).pipe(Layer.provide(NodeRedis.layer({ url: redis.url })))),
      )
).pipe(Layer.provide(PgClient.layer({ url: Redacted.make(url), maxConnections: 4 })))
await Effect.runPromise(Effect.provide(program, layer))
process.stdin.destroy()
