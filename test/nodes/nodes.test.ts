/**
 * How soon a node refuses what was changed on another one, in good times and bad. A few rounds of each case; with `NODES_ROUNDS=200` (`npm
 * run test:nodes`) so many, which are measured and written to `benchmark/nodes.json`.
 */
import { writeFileSync } from "node:fs"
import { availableParallelism, cpus } from "node:os"
import { afterAll, assert, beforeAll, describe, it } from "@effect/vitest"
import { Effect, Exit, Scope } from "effect"
import * as Postgres from "../support/postgres.ts"
import {
  type Answer,
  type Change,
  changesByApi,
  changesByHand,
  type Cluster,
  cutPostgres,
  cutRedis,
  type Endings,
  findListeners,
  findRedis,
  type Key,
  makeCaller,
  makeEndings,
  type Server,
  sleep,
  startCluster,
  startRedis,
  until,
  withCaller,
} from "./cluster.ts"

const roundsAsked = process.env["NODES_ROUNDS"]
const isMeasuring = roundsAsked !== undefined
const rounds = Number(roundsAsked ?? "3")
const troubles = isMeasuring ? 40 : 4
const timeout = 900_000 + rounds * 2_000

/** What is promised, in milliseconds, of 99 rounds in 100. A machine that runs other tests meanwhile gets more time. */
const promised = 100
const bound = isMeasuring ? 1_000 : 5_000
/** How long a node trusts a connection that has gone silent. */
const lease = 10_000

interface Row {
  readonly nodes: string
  readonly case: string
  readonly rounds: number
  readonly p50: number
  readonly p99: number
  readonly max: number
  readonly withinPromise: number
}
const rows: Array<Row> = []

/** Notes the times, in milliseconds, and prints them when they are what the run is for. */
const note = (nodes: string, name: string, times: ReadonlyArray<number>): Row => {
  const sorted = times.toSorted((a, b) => a - b)
  const quantile = (q: number) =>
    Math.round((sorted[Math.min(sorted.length - 1, Math.ceil(q * sorted.length) - 1)] ?? Number.NaN) * 100) / 100
  const withinPromise = times.filter((time) => time <= promised).length
  const row = { nodes, case: name, rounds: times.length, p50: quantile(0.5), p99: quantile(0.99), max: quantile(1), withinPromise }
  rows.push(row)
  if (isMeasuring) process.stdout.write(`${JSON.stringify(row)}\n`)
  return row
}

afterAll(() => {
  if (!isMeasuring) return
  const about =
    "Milliseconds from the answer to a change on one node (or its commit) to the first refusal by another, the answer's way included; of confirmed changes, to the change's own answer"
  const { version, arch, platform } = process
  const machine = { cpu: cpus()[0]?.model.trim() ?? "", cores: availableParallelism(), platform, arch, node: version }
  const text = `{\n  "about": ${JSON.stringify(about)},\n  "date": "${new Date().toISOString().slice(0, 10)}",\n  "machine": ${JSON.stringify(machine)},\n  "rows": [\n${rows.map((row) => `    ${JSON.stringify(row)}`).join(",\n")}\n  ]\n}\n`
  writeFileSync(new URL("../../benchmark/nodes.json", import.meta.url), text)
})

/** Asks B without a pause until it refuses, and again then. Gives how long it took from now. */
const timeUntilRefused = async ({ b }: Cluster, { path, refusal }: Change, { token }: Key, within = bound): Promise<number> => {
  const start = performance.now()
  for (;;) {
    const { status, body } = await b.call("GET", path, token)
    const time = performance.now() - start
    if (status !== refusal) {
      assert.strictEqual(status, 200, body)
      assert.isBelow(time, within, "It still says yes")
      continue
    }
    for (let i = 0; i < 10; i++) assert.strictEqual((await b.call("GET", path, token)).status, refusal)
    return time
  }
}

const assertStillRefused = async ({ b }: Cluster, { path, refusal }: Change, keys: ReadonlyArray<Key>): Promise<void> => {
  for (const { token } of keys) assert.strictEqual((await b.call("GET", path, token)).status, refusal)
}

const makeKey = async (cluster: Cluster, { scopes }: Change): Promise<Key> => {
  const key = await cluster.create(scopes)
  await cluster.warm(cluster.b, key)
  return key
}

/** Asks a node all the time, and remembers what it said. */
const watch = (node: Server, { token }: Key) => {
  const caller = makeCaller(node.port)
  const seen: Array<{ readonly sent: number; readonly received: number; readonly status: number }> = []
  let isOver = false
  const watching = (async () => {
    // oxlint-disable-next-line no-unmodified-loop-condition -- set below, while this loop waits
    while (!isOver) {
      const sent = performance.now()
      const { status } = await caller.call("GET", "/protected", token)
      seen.push({ sent, received: performance.now(), status })
      await sleep(1)
    }
  })()
  return {
    seen,
    saw: (status: number) => until(`it answers ${status}`, () => (seen.at(-1)?.status === status ? true : undefined)),
    stop: async () => {
      isOver = true
      await watching.finally(caller.close)
    },
    statuses: () => Array.from(new Set(seen.map(({ status }) => status))).sort(),
    /** How long after a moment it last said yes to what was sent after that moment. */
    lastYesAfter: (moment: number) =>
      Math.max(0, ...seen.filter(({ sent, status }) => sent > moment && status === 200).map(({ received }) => received - moment)),
  }
}

const startPostgres = async (endings: Endings) => {
  const scope = await Effect.runPromise(Scope.make())
  endings.add(() => Effect.runPromise(Scope.close(scope, Exit.void)))
  return Effect.runPromise(Postgres.startServer().pipe(Scope.provide(scope)))
}

/** The cases that are the same whatever connects the nodes. */
const roundsSuite = (nodes: string, cluster: () => Cluster, changes: ReadonlyArray<Change>): void => {
  it.each(changes.map((change) => [change.name, change] as const))("refuses soon after: %s", { timeout }, async (name, change) => {
    const times: Array<number> = []
    const keys: Array<Key> = []
    for (let round = 0; round < rounds; round++) {
      const key = await makeKey(cluster(), change)
      await change.make(cluster(), key)
      times.push(await timeUntilRefused(cluster(), change, key))
      keys.push(key)
    }
    await assertStillRefused(cluster(), change, keys)
    const { withinPromise } = note(nodes, name, times)
    if (isMeasuring) assert.isAtLeast(withinPromise, Math.floor(rounds * 0.99))
  })

  it.each(changesByApi.map((change) => [change.name, change] as const))(
    "refuses at once what was confirmed: %s",
    { timeout },
    async (name, change) => {
      const times: Array<number> = []
      const keys: Array<Key> = []
      for (let round = 0; round < rounds; round++) {
        const key = await makeKey(cluster(), change)
        const start = performance.now()
        await change.make(cluster(), key, "?confirmWithin=5%20seconds")
        times.push(performance.now() - start)
        assert.strictEqual((await cluster().b.call("GET", change.path, key.token)).status, change.refusal)
        keys.push(key)
      }
      await assertStillRefused(cluster(), change, keys)
      note(nodes, `${name}, confirmed`, times)
    },
  )
}

/** Cut off just when something changes: what was told is lost, and must not be believed unchanged. */
const cutSuite = (nodes: string, cluster: () => Cluster, changes: ReadonlyArray<Change>, cut: () => Promise<number>): void => {
  it("refuses soon after a change that is made as its connection is cut, and remembers again", { timeout }, async () => {
    const before: Array<number> = []
    const during: Array<number> = []
    const control = await cluster().create()
    await cluster().warm(cluster().b, control)
    const watched = watch(cluster().b, control)
    for (let round = 0; round < troubles; round++) {
      // Three of a kind apart, so that a few rounds have some of each.
      const change = changes[(round * 3) % changes.length]
      assert.isDefined(change)
      const key = await makeKey(cluster(), change)
      if ((round + Math.floor(round / changes.length)) % 2 === 0) {
        // Both nodes listen.
        assert.strictEqual(await cut(), 2)
        await change.make(cluster(), key)
        before.push(await timeUntilRefused(cluster(), change, key))
      } else {
        await Promise.all([change.make(cluster(), key), cut()])
        during.push(await timeUntilRefused(cluster(), change, key))
      }
      for (const node of [cluster().a, cluster().b]) {
        await until("it remembers again", async () => {
          await node.call("GET", "/protected", control.token)
          return (await cluster().isWarm(node, control)) ? true : undefined
        })
      }
    }
    await watched.stop()
    assert.deepStrictEqual(watched.statuses(), [200])
    note(nodes, "connection cut, then any change", before)
    note(nodes, "connection cut during any change", during)
  })
}

/** Frozen as a whole: so may a virtual machine be that is moved. */
const frozenSuite = (nodes: string, cluster: () => Cluster): void => {
  it("doesn't count as confirming while it is frozen, and refuses soon after", { timeout }, async () => {
    const [change] = changesByApi
    assert.isDefined(change)
    const times: Array<number> = []
    for (let round = 0; round < troubles / 2; round++) {
      const { a, b, admin } = cluster()
      const key = await makeKey(cluster(), change)
      b.process.kill("SIGSTOP")
      const unconfirmed = await a.call("POST", `/api-keys/${key.id}/deactivate?confirmWithin=300%20millis`, admin)
      assert.strictEqual(unconfirmed.status, 504, unconfirmed.body)
      b.process.kill("SIGCONT")
      times.push(await timeUntilRefused(cluster(), change, key))
    }
    note(nodes, "frozen for 0.3 seconds, from when it goes on", times)
  })
}

describe("Two nodes and PostgreSQL", () => {
  let cluster: Cluster
  let database: Awaited<ReturnType<typeof startPostgres>>
  const get = () => cluster
  const own = makeEndings()
  beforeAll(async () => {
    database = await startPostgres(own)
    cluster = await startCluster(own, database.url)
  })
  afterAll(own.run)

  roundsSuite("PostgreSQL", get, [...changesByApi, ...changesByHand])
  cutSuite("PostgreSQL", get, [...changesByApi, ...changesByHand], () => cutPostgres(cluster))
  frozenSuite("PostgreSQL", get)

  it("answers from the database or not at all while that restarts, and remembers again", { timeout }, async () => {
    const { a, b, admin, sql } = cluster
    const times: Array<number> = []
    for (let round = 0; round < (isMeasuring ? 5 : 1); round++) {
      const [control, one, other] = [await cluster.create(), await cluster.create(), await cluster.create()]
      for (const key of [control, one, other]) await cluster.warm(b, key)
      const [control_, one_, other_] = [watch(b, control), watch(b, one), watch(b, other)]
      await Promise.all([control_, one_, other_].map(({ saw }) => saw(200)))
      await Effect.runPromise(database.stop)
      await control_.saw(503)
      assert.strictEqual((await a.call("POST", `/api-keys/${one.id}/deactivate`, admin)).status, 503)
      await Effect.runPromise(database.start)
      // By hand before the nodes are back, and on a node as soon as it is.
      const [byHand, byApi] = await Promise.all([
        until("the database is back", async () => {
          await sql((sql) => sql`UPDATE api_keys SET is_active = false WHERE id = ${one.id}::uuid`)
          return performance.now()
        }),
        until("node A is back", async () => {
          const { status } = await a.call("POST", `/api-keys/${other.id}/deactivate`, admin)
          return status === 200 ? performance.now() : undefined
        }),
      ])
      await Promise.all([one_.saw(401), other_.saw(401)])
      await until("B remembers again", async () => ((await cluster.isWarm(b, control)) ? true : undefined))
      await sleep(200)
      for (const { stop } of [control_, one_, other_]) await stop()
      assert.deepStrictEqual(control_.statuses(), [200, 503])
      for (const { statuses } of [one_, other_]) assert.deepStrictEqual(statuses(), [200, 401, 503])
      times.push(one_.lastYesAfter(byHand), other_.lastYesAfter(byApi))
      assert.isBelow(Math.max(...times), bound)
      for (const { seen } of [one_, other_]) {
        const firstNo = seen.findIndex(({ status }) => status === 401)
        assert.isFalse(seen.slice(firstNo).some(({ status }) => status === 200))
      }
    }
    note("PostgreSQL", "database restarted; last yes after a change", times)
  })

  it.runIf(isMeasuring)("trusts a connection that has gone silent for no longer than its lease", { timeout }, async () => {
    const [change] = changesByApi
    assert.isDefined(change)
    const times: Array<number> = []
    for (let round = 0; round < 5; round++) {
      const control = await cluster.create()
      const key = await makeKey(cluster, change)
      const listening = await findListeners(cluster)
      assert.lengthOf(listening, 2)
      // Anywhere between two heartbeats.
      await sleep(round * 400)
      for (const pid of listening) process.kill(pid, "SIGSTOP")
      await change.make(cluster, key)
      times.push(await timeUntilRefused(cluster, change, key, lease + 1_000))
      for (const pid of listening) process.kill(pid, "SIGCONT")
      await cluster.warm(cluster.b, control)
    }
    note("PostgreSQL", "connections silent", times)
  })
})

const own = makeEndings()
afterAll(own.run)
const redis = await startRedis(own)
const redisUrl = redis?.url ?? (await findRedis())

describe.skipIf(redisUrl === undefined)("Two nodes, PostgreSQL and Redis", () => {
  if (redisUrl === undefined) return
  let cluster: Cluster
  const get = () => cluster
  const own = makeEndings()
  beforeAll(async () => {
    cluster = await startCluster(own, (await startPostgres(own)).url, redisUrl)
  })
  afterAll(own.run)

  roundsSuite("Redis", get, changesByApi)
  cutSuite("Redis", get, changesByApi, () => cutRedis(redisUrl))
  frozenSuite("Redis", get)

  describe.skipIf(redis === undefined)("that can be stopped", () => {
    if (redis === undefined) return

    it("asks the database while Redis is away, and remembers again", { timeout }, async () => {
      const { a, b, admin } = cluster
      const times: Array<number> = []
      for (let round = 0; round < (isMeasuring ? 5 : 1); round++) {
        const [control, one, other] = [await cluster.create(), await cluster.create(), await cluster.create()]
        for (const key of [control, one, other]) await cluster.warm(b, key)
        const [control_, one_, other_] = [watch(b, control), watch(b, one), watch(b, other)]
        await Promise.all([control_, one_, other_].map(({ saw }) => saw(200)))
        await redis.stop()
        // Each from its own answer.
        const answered = (answer: Answer) => ({ ...answer, at: performance.now() })
        const [told, unconfirmed] = await Promise.all([
          a.call("POST", `/api-keys/${one.id}/deactivate`, admin).then(answered),
          withCaller(a, (caller) => caller.call("POST", `/api-keys/${other.id}/deactivate?confirmWithin=1%20second`, admin)).then(answered),
        ])
        assert.strictEqual(told.status, 200, told.body)
        assert.strictEqual(unconfirmed.status, 504, unconfirmed.body)
        await Promise.all([one_.saw(401), other_.saw(401)])
        assert.isFalse(await cluster.isWarm(b, control))
        await redis.start()
        await until("B remembers again", async () => ((await cluster.isWarm(b, control)) ? true : undefined))
        for (const { stop } of [control_, one_, other_]) await stop()
        assert.deepStrictEqual(control_.statuses(), [200])
        for (const [watched, { at }] of [
          [one_, told],
          [other_, unconfirmed],
        ] as const) {
          assert.deepStrictEqual(watched.statuses(), [200, 401])
          times.push(watched.lastYesAfter(at))
          const firstNo = watched.seen.findIndex(({ status }) => status === 401)
          assert.isFalse(watched.seen.slice(firstNo).some(({ status }) => status === 200))
        }
        assert.isBelow(Math.max(...times), bound)
        const [change] = changesByApi
        assert.isDefined(change)
        const key = await makeKey(cluster, change)
        await until("A tells again", async () =>
          (await cluster.isWarm(a, control)) ? true : (await a.call("GET", "/protected", control.token), undefined),
        )
        await change.make(cluster, key)
        await timeUntilRefused(cluster, change, key)
      }
      note("Redis", "Redis restarted; last yes after a change", times)
    })

    it.runIf(isMeasuring)("trusts a connection that has gone silent for no longer than its lease", { timeout }, async () => {
      const { b, admin } = cluster
      const [change] = changesByApi
      assert.isDefined(change)
      const times: Array<number> = []
      const confirmedTimes: Array<number> = []
      for (let round = 0; round < 5; round++) {
        const control = await cluster.create()
        const [key, confirmed] = [await makeKey(cluster, change), await makeKey(cluster, change)]
        // Anywhere between two heartbeats.
        await sleep(round * 400)
        redis.signal("SIGSTOP")
        const start = performance.now()
        const confirming = withCaller(cluster.a, (caller) =>
          caller.call("POST", `/api-keys/${confirmed.id}/deactivate?confirmWithin=5%20seconds`, admin),
        ).then((answer) => {
          confirmedTimes.push(performance.now() - start)
          return answer
        })
        await change.make(cluster, key)
        times.push(await timeUntilRefused(cluster, change, key, lease + 1_000))
        const answer = await confirming
        assert.strictEqual(answer.status, 504, answer.body)
        await timeUntilRefused(cluster, change, confirmed, lease + 1_000)
        redis.signal("SIGCONT")
        await cluster.warm(b, control)
      }
      note("Redis", "connections silent", times)
      note("Redis", "connections silent, until a change was answered as unconfirmed", confirmedTimes)
    })
  })
})
