// A key that the cache doesn't hold, with HMAC on PostgreSQL: against a bare prepared look-up through the same client, one at a time; and
// what 64 in flight gain.
import { Effect, Layer } from "effect"
import { SqlClient } from "effect/sql"
import { ApiKeyRepository } from "../../src/ApiKeyRepository.ts"
import * as ApiKeys from "../../src/ApiKeys.ts"
import { storedColumnList } from "../../src/internal/sql/columns.ts"
import { emit } from "../figure.ts"
import { measure, share } from "../measure.ts"
import { createKeys, layerHmac } from "../support/keys.ts"
import { inOneFiber } from "../support/loop.ts"
import { makeDatabase } from "../support/postgres.ts"
import { keyIdOf, shuffle, Tokens } from "../support/tokens.ts"

const count = 5_000
const inFlight = 64

const database = makeDatabase()

const program = Effect.gen(function* () {
  const apiKeys = yield* ApiKeys.ApiKeys
  yield* ApiKeyRepository
  const sql = (yield* SqlClient.SqlClient).withoutTransforms()
  const tokens = new Tokens(shuffle(yield* createKeys(count)))
  const [what, from] = [sql.literal(storedColumnList), sql.literal(database.qualified)]
  const verify = (index: number) => apiKeys.verify(tokens.at(index))
  const select = (index: number) => sql`SELECT ${what} FROM ${from} WHERE key_id = ${keyIdOf(tokens.at(index))}`
  const together = <E>(count: number, body: (index: number) => Effect.Effect<unknown, E>) =>
    Effect.runPromise(Effect.forEach(Array(count).keys(), body, { concurrency: inFlight, discard: true }))
  const options = { milliseconds: 400, maximum: count }
  const alone = yield* Effect.promise(() =>
    measure(
      {
        verify: { before: tokens.renew, run: (count) => inOneFiber(count, verify) },
        SELECT: { before: tokens.renew, run: (count) => inOneFiber(count, select) },
      },
      options,
    ),
  )
  emit({
    benchmark: "cold-sql",
    name: "cold `verify` on PostgreSQL, of a bare `SELECT`",
    unit: "share",
    target: { atLeast: 0.7 },
    ...share(alone, "verify", "SELECT"),
    note: "HMAC, cache off, one at a time; the same columns",
  })
  const many = yield* Effect.promise(() =>
    measure(
      {
        "64 in flight": { before: tokens.renew, run: (count) => together(count, verify) },
        "one at a time": { before: tokens.renew, run: (count) => inOneFiber(count, verify) },
      },
      options,
    ),
  )
  emit({
    benchmark: "cold-sql",
    name: "cold `verify` on PostgreSQL, 64 in flight, of one",
    unit: "times",
    target: { atLeast: 4 },
    ...share(many, "64 in flight", "one at a time"),
    note: "HMAC, cache off, 10 connections",
  })
  const bare = yield* Effect.promise(() =>
    measure(
      {
        "64 in flight": { before: tokens.renew, run: (count) => together(count, select) },
        "one at a time": { before: tokens.renew, run: (count) => inOneFiber(count, select) },
      },
      options,
    ),
  )
  emit({
    benchmark: "cold-sql",
    name: "bare `SELECT`, 64 in flight, of one",
    unit: "times",
    ...share(bare, "64 in flight", "one at a time"),
    note: "for comparison: what the client gains",
  })
})

const layer = ApiKeys.layerWith({ cache: "off", lastUsedInterval: "1 hour" }).pipe(
  Layer.provideMerge(layerHmac),
  Layer.provideMerge(database.layer),
)

await Effect.runPromise(Effect.provide(program, layer))
