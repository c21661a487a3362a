// Keys with credits in PostgreSQL, leased by one node: against keys without policies, and against a write for each request, as other systems do it.
import { Effect, Layer, Redacted } from "effect"
import { SqlClient } from "effect/sql"
import { ApiKeyRepository } from "../../src/ApiKeyRepository.ts"
import * as ApiKeys from "../../src/ApiKeys.ts"
import type { LeaseRequest } from "../../src/Meters.ts"
import { emit } from "../figure.ts"
import { measure, share } from "../measure.ts"
import { layerHmac } from "../support/keys.ts"
import { inOneFiber } from "../support/loop.ts"
import { makeDatabase } from "../support/postgres.ts"
import { shuffle, Tokens } from "../support/tokens.ts"

const count = 10_000
const inFlight = 64
const amount = 1_000_000_000_000

const database = makeDatabase()

const createTokens = (policies: { readonly quotas: ReadonlyArray<{ readonly name: string; readonly amount: number }> } | null) =>
  Effect.gen(function* () {
    const apiKeys = yield* ApiKeys.ApiKeys
    const created = yield* Effect.forEach(Array(count).keys(), (index) => apiKeys.create({ name: `key ${index}`, policies }), {
      concurrency: inFlight,
    })
    return new Tokens(shuffle(created.map(({ token }) => Redacted.value(token))))
  })

/** The write of a request. */
const makeWrites = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  const table = sql.literal(`"${database.schema}".credits`)
  yield* sql`CREATE TABLE ${table} (id text PRIMARY KEY, remaining int8 NOT NULL)`
  yield* sql`INSERT INTO ${table} SELECT 'key ' || n, ${amount} FROM generate_series(0, ${count - 1}::int4) AS n`
  const write = (index: number) =>
    sql`UPDATE ${table} SET remaining = remaining - 1 WHERE id = ${`key ${index % count}`} AND remaining > 0 RETURNING remaining`
  return (uses: number) =>
    Effect.runPromise(
      Effect.forEach(Array(uses).keys(), write, { concurrency: inFlight, discard: true }).pipe(Effect.withTracerEnabled(false)),
    )
})

/** Leases of other meters, some for each statement. */
const makeLeases = Effect.gen(function* () {
  const { meters } = yield* ApiKeyRepository
  let turn = 0
  const request = (index: number): LeaseRequest => ({
    meter: `owner benchmark ${index % count}`,
    rule: { _tag: "Quota", amount, begin: null, end: null, known: null, add: 0, ceiling: amount },
    node: "benchmark",
    turn: ++turn,
    lost: 0,
    unspent: 0,
    owed: 0,
    least: 1,
    waiting: 1,
    surplus: 100,
  })
  const size = 500
  return (leases: number) =>
    Effect.runPromise(
      Effect.forEach(
        Array(Math.ceil(leases / size)).keys(),
        (batch) => meters?.lease(Array.from({ length: size }, (_, index) => request(batch * size + index))) ?? Effect.void,
        { concurrency: 2, discard: true },
      ),
    )
})

const program = Effect.gen(function* () {
  const apiKeys = yield* ApiKeys.ApiKeys
  const [plain, leased] = [yield* createTokens(null), yield* createTokens({ quotas: [{ name: "credits", amount }] })]
  const verify = (tokens: Tokens) => ({
    before: tokens.renew,
    run: (uses: number) => inOneFiber(uses, (index) => apiKeys.verify(tokens.at(index))),
  })
  // Each key has its first leases before, many at once.
  for (let pass = 0; pass < 30; pass++) {
    leased.renew()
    yield* Effect.forEach(Array(count).keys(), (index) => apiKeys.verify(leased.at(index)), { concurrency: 500, discard: true })
  }
  // A lease lasts about a second, so a round has some of them.
  const warm = yield* Effect.promise(() => measure({ leased: verify(leased), plain: verify(plain) }, { milliseconds: 2_000, rounds: 5 }))
  emit({
    benchmark: "leases",
    name: "warm `verify` of a key with leased credits, of one without",
    unit: "share",
    target: { atLeast: 0.6 },
    ...share(warm, "leased", "plain"),
    note: "10,000 keys each, credits in PostgreSQL, one fiber",
  })
  const spend = verify(leased)
  const write = { run: yield* makeWrites }
  const asked = { run: yield* makeLeases }
  const rates = yield* Effect.promise(() => measure({ leased: spend, write, leases: asked }, { milliseconds: 1_000, rounds: 5 }))
  emit({
    benchmark: "leases",
    name: "spends from leases, of a write for each request",
    unit: "times",
    target: { atLeast: 20 },
    ...share(rates, "leased", "write"),
    note: `10,000 keys; the writes with ${inFlight} in flight`,
  })
  emit({
    benchmark: "leases",
    name: "leases that PostgreSQL takes, of writes",
    unit: "times",
    ...share(rates, "leases", "write"),
    note: "10,000 keys; 500 leases a statement, 2 statements at a time",
  })
})

const layer = Layer.provideMerge(ApiKeys.layerWith({ lastUsedInterval: "1 hour" }), Layer.merge(layerHmac, database.layer))

await Effect.runPromise(Effect.provide(program, layer))
process.exit()
