/**
 * Processes that spend the units of one key: never more than there are, whichever of them are killed. A few rounds; with `NODES_ROUNDS=200` (`npm run
 * test:nodes`) so many.
 */
import * as PgClient from "@effect/sql-pg/PgClient"
import { afterAll, assert, beforeAll, describe, it } from "@effect/vitest"
import { Effect, Exit, Redacted, Scope } from "effect"
import * as Migrations from "../../src/sql/Migrations.ts"
import { startPostgres } from "../support/postgres.ts"
import { findRedis } from "./cluster.ts"
import { killAll, makeKey, type Spender, startSpender, type Task, type Use } from "./spending.ts"

const rounds = Number(process.env["NODES_ROUNDS"] ?? "5")
const timeout = 900_000 + rounds * 20_000

const scope = Scope.makeUnsafe()
let url = ""
beforeAll(async () => {
  const started = await Effect.runPromise(Scope.provide(startPostgres(), scope))
  url = Redacted.value(started)
  await Effect.runPromise(Effect.provide(Migrations.migrate(), PgClient.layer({ url: started })))
}, timeout)
afterAll(async () => {
  killAll()
  await Effect.runPromise(Scope.close(scope, Exit.void))
}, timeout)

const amount = 5_000

/** Starts four processes at once. */
const startAll = async (task: Omit<Task, "url">): Promise<ReadonlyArray<Spender>> => {
  const spenders = Array.from({ length: 4 }, () => startSpender({ url, ...task }))
  await Promise.all(spenders.map(({ isReady }) => isReady))
  for (const { go } of spenders) go()
  return spenders
}

const sum = (numbers: ReadonlyArray<number>): number => numbers.reduce((sum, number) => sum + number, 0)

const make = (policies: Parameters<typeof makeKey>[1]) => Effect.runPromise(makeKey(url, policies))

describe("four processes on PostgreSQL", () => {
  it(
    "spend all credits of a key, and no more",
    async () => {
      const { token } = await make({ quotas: [{ name: "credits", amount }] })
      const spenders = await startAll({ token, uses: 2_500, fibers: 25 })
      const outcomes = await Promise.all(spenders.map(({ ended }) => ended))
      assert.strictEqual(sum(spenders.map(({ granted }) => granted.length)), amount)
      assert.strictEqual(sum(outcomes.map((outcome) => outcome?.refused ?? 0)), 10_000 - amount)
      assert.strictEqual(sum(outcomes.map((outcome) => outcome?.failed ?? 0)), 0)
    },
    timeout,
  )

  it(
    "spend no more if some are killed, and lose what was leased at most",
    async () => {
      for (let round = 0; round < rounds; round++) {
        const { token } = await make({ quotas: [{ name: "credits", amount }] })
        const spenders = await startAll({ token, uses: 2_500, fibers: 25 })
        const some = 200 + Math.floor(Math.random() * 2_000)
        for (const { granted, kill } of spenders.slice(2)) {
          void (async () => {
            while (granted.length < some / 2) await new Promise((resolve) => setTimeout(resolve, 1))
            kill()
          })()
        }
        await Promise.all(spenders.map(({ ended }) => ended))
        // The others may not have asked for all that is left.
        const more = startSpender({ url, token, uses: 10_000, fibers: 25 })
        await more.isReady
        more.go()
        await more.ended
        const spent = sum([...spenders, more].map(({ granted }) => granted.length))
        assert.isAtMost(spent, amount)
        // Each of the two that were killed had a lease of up to 1,000 units, and what its 25 fibers waited for.
        assert.isAtLeast(spent, amount - 2 * 1_025)
      }
    },
    timeout,
  )

  it(
    "let the last credits be spent by whoever asks, and refuse the others soon",
    async () => {
      const { token } = await make({ quotas: [{ name: "credits", amount: 10 }] })
      const spenders = [1, 2].map(() => startSpender({ url, token, uses: 32, fibers: 32 }))
      await Promise.all(spenders.map(({ isReady }) => isReady))
      for (const { go } of spenders) go()
      const outcomes = await Promise.all(spenders.map(({ ended }) => ended))
      assert.strictEqual(sum(spenders.map(({ granted }) => granted.length)), 10)
      assert.strictEqual(sum(outcomes.map((outcome) => outcome?.refused ?? 0)), 54)
      for (const outcome of outcomes) assert.isBelow(outcome?.slowest ?? Infinity, 1_000)
    },
    timeout,
  )
})

/** The most uses that were surely granted within any time of the length. */
const most = (uses: ReadonlyArray<Use>, length: number): number =>
  Math.max(...uses.map((first) => uses.filter(({ begun, ended }) => begun >= first.begun && ended < first.begun + length).length))

describe("a rate limit of four processes", () => {
  const check = async (task: Omit<Task, "url" | "token" | "uses" | "fibers">) => {
    const limit = 400
    const window = 4_000
    const { token } = await make({ limits: [{ name: "burst", limit, window: "4 seconds" }] })
    const millis = 14_000
    const spenders = await startAll({ ...task, token, uses: 1e9, fibers: 5, millis })
    const outcomes = await Promise.all(spenders.map(({ ended }) => ended))
    const all = spenders.flatMap(({ granted }) => granted)
    assert.strictEqual(sum(outcomes.map((outcome) => outcome?.failed ?? 0)), 0)
    assert.isAtMost(most(all, window), limit)
    // Of the units of the first window, and of those that came free since.
    const windows = 1 + Math.floor((Math.max(...all.map(({ ended }) => ended)) - Math.min(...all.map(({ begun }) => begun))) / window)
    return all.length / (limit * windows)
  }

  it("is kept in any window on PostgreSQL, and used to 0.95", async () => assert.isAtLeast(await check({}), 0.95), timeout)

  it(
    "is kept in any window on Redis, and used to 0.95",
    async (test) => {
      const redis = await findRedis()
      if (redis === undefined) return test.skip("there is no Redis")
      assert.isAtLeast(await check({ redis: { url: redis, prefix: `test-${crypto.randomUUID()}:` } }), 0.95)
    },
    timeout,
  )
})
