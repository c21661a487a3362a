/** Meters in Redis, where there is one: at `REDIS_URL`, or on this machine. */
import * as NodeRedis from "@effect/platform-node/NodeRedis"
import { afterAll, assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Logger } from "effect"
import { type LeaseRequest, Meters, type RateRule } from "../../src/Meters.ts"
import * as RedisMeters from "../../src/redis/Meters.ts"
import { metersSuite, newMeter, quota } from "../limits/metersSuite.ts"
import { findRedis, makeEndings, startRedis } from "../nodes/cluster.ts"

const endings = makeEndings()
afterAll(endings.run)
const url = await findRedis()
const own = await startRedis(endings)

const prefix = `test:${crypto.randomUUID()}:`
const base = { node: "a", turn: 1, lost: 0, unspent: 0, owed: 0, least: 1, waiting: 1, surplus: 0 }
const rate = (_tag: RateRule["_tag"]): RateRule => ({ _tag, limit: 10, windowMillis: 60_000, leaseMillis: 100 })

const grantedOf = (request: Partial<LeaseRequest> & Pick<LeaseRequest, "meter" | "rule">) =>
  Effect.gen(function* () {
    const { lease } = yield* Meters
    return (yield* lease([{ ...base, ...request }])).map(({ granted }) => granted)
  })

describe.skipIf(url === undefined)("Redis", () => {
  if (url === undefined) return

  /** Deletes what the tests have made. */
  const swept = Layer.effectDiscard(
    Effect.acquireRelease(NodeRedis.NodeRedis, ({ use }) =>
      Effect.orDie(
        use(async (client) => {
          for await (const keys of client.scanIterator({ MATCH: `${prefix}*`, COUNT: 1_000 }))
            if (keys.length > 0) await client.unlink(keys)
        }),
      ),
    ),
  )
  const layer = Layer.mergeAll(RedisMeters.layerRedis({ prefix }), swept).pipe(Layer.orDie)
  const connected = (options: Parameters<typeof NodeRedis.layer>[0] = {}) =>
    Layer.provideMerge(layer, Layer.fresh(NodeRedis.layer({ url, ...options })).pipe(Layer.orDie))

  metersSuite("Redis", connected(), Meters, { arbitrary: { runs: 100 } })
  metersSuite(
    "Redis with another protocol and buffers for replies",
    connected({ RESP: 2, commandOptions: { typeMapping: { 36: Buffer } } }),
    Meters,
    { arbitrary: { runs: 10 } },
  )

  it.live("has a key for each meter and each change, which expire unless they are of a quota", () =>
    Effect.gen(function* () {
      const { adjust } = yield* Meters
      const { use } = yield* NodeRedis.NodeRedis
      const lifeOf = (key: string) => use((client) => client.pTTL(prefix + key))
      for (const tag of ["Window", "Bucket"] as const) {
        const meter = newMeter()
        yield* grantedOf({ meter, rule: rate(tag) })
        const life = yield* lifeOf(`{${meter}}`)
        assert.isTrue(life > 119_000 && life <= 120_100, `${tag} ${life}`)
      }
      const owing = newMeter()
      yield* grantedOf({ meter: owing, rule: rate("Bucket"), owed: 50 })
      assert.isAbove(yield* lifeOf(`{${owing}}`), 299_000)

      const [meter, rule] = [newMeter(), quota(10)]
      yield* grantedOf({ meter, rule })
      yield* adjust({ meter, rule, request: "one", kind: "add", units: 1 })
      assert.strictEqual(yield* lifeOf(`{${meter}}`), -1)
      const life = yield* lifeOf(`change:3:{${meter}}one`)
      assert.isTrue(life > 2_591_990_000 && life <= 2_592_000_000, `${life}`)
      // A look leaves nothing behind.
      const other = newMeter()
      assert.strictEqual((yield* adjust({ meter: other, rule, request: null, kind: "add", units: 0 })).remaining, 10)
      assert.deepStrictEqual(yield* use((client) => client.keys(`${prefix}*${other}*`)), [])
    }).pipe(Effect.provide(connected())),
  )

  it.live("tells changes apart whose names have braces", () =>
    Effect.gen(function* () {
      const { adjust } = yield* Meters
      const rule = quota(10)
      const meter = newMeter()
      for (const [name, request] of [
        [meter, "x}y"],
        [`${meter}}x`, "y"],
      ] as const) {
        assert.strictEqual((yield* adjust({ meter: name, rule, request, kind: "add", units: 1 })).outcome, "done")
        assert.strictEqual((yield* adjust({ meter: name, rule, request, kind: "add", units: 1 })).outcome, "repeated")
      }
    }).pipe(Effect.provide(connected())),
  )

  it.live("has forgotten the scripts", () =>
    Effect.gen(function* () {
      const { adjust, lease } = yield* Meters
      const { use } = yield* NodeRedis.NodeRedis
      const [meter, rule] = [newMeter(), quota(10)]
      assert.deepStrictEqual(yield* grantedOf({ meter, rule }), [1])
      yield* use((client) => client.scriptFlush())
      assert.deepStrictEqual(yield* grantedOf({ meter, rule, turn: 2 }), [1])
      yield* use((client) => client.scriptFlush())
      assert.strictEqual((yield* adjust({ meter, rule, request: null, kind: "add", units: 0 })).remaining, 8)
      yield* use((client) => client.scriptFlush())
      const answers = yield* lease(Array.from({ length: 50 }, () => ({ ...base, meter: newMeter(), rule })))
      assert.isTrue(answers.every(({ granted }) => granted === 1))
    }).pipe(Effect.provide(connected())),
  )

  it.live("holds something else at a meter's key: that is an error", () =>
    Effect.gen(function* () {
      const { use } = yield* NodeRedis.NodeRedis
      const meter = newMeter()
      yield* use((client) => client.set(`${prefix}{${meter}}`, "text"))
      assert.strictEqual((yield* Effect.flip(grantedOf({ meter, rule: quota(1) })))._tag, "MetersError")
    }).pipe(Effect.provide(connected())),
  )
})

describe.skipIf(own === undefined)(`Redis of one's own${own === undefined ? " (the program redis-server isn't installed)" : ""}`, () => {
  it.live("is away: leases fail in time, and none is sent late", () =>
    Effect.gen(function* () {
      if (own === undefined) return
      const { adjust, lease } = yield* Meters
      const [meter, rule] = [newMeter(), quota(1_000)]
      let turn = 0
      const request = () => ({ ...base, meter, rule, turn: ++turn })
      const fails = Effect.gen(function* () {
        const begin = performance.now()
        const leases = lease([request(), ...Array.from({ length: 30 }, () => ({ ...base, meter: newMeter(), rule }))])
        const change = adjust({ meter, rule, request: "late", kind: "add", units: 1 })
        const errors = yield* Effect.all([Effect.flip(leases), Effect.flip(change)], { concurrency: "unbounded" })
        assert.deepStrictEqual(
          errors.map(({ _tag }) => _tag),
          ["MetersError", "MetersError"],
        )
        assert.isBelow(performance.now() - begin, 2_000)
      })
      const back = Effect.retry(
        Effect.suspend(() => lease([request()])),
        { times: 20 },
      )

      assert.deepStrictEqual((yield* lease([request()]))[0]?.remaining, 999)
      own.signal("SIGSTOP")
      // The client doesn't close while answers are due.
      yield* Effect.ensuring(
        fails,
        Effect.sync(() => own.signal("SIGCONT")),
      )
      yield* back
      yield* Effect.promise(own.stop)
      yield* fails
      yield* Effect.promise(own.start)
      // Redis has lost all.
      assert.deepStrictEqual((yield* back)[0]?.remaining, 999)
      assert.strictEqual((yield* adjust({ meter, rule, request: "late", kind: "add", units: 1 })).outcome, "done")
    }).pipe(
      Effect.provide(
        RedisMeters.layerRedis().pipe(
          Layer.provide(NodeRedis.layer({ url: own?.url ?? "", socket: { reconnectStrategy: () => 20 } })),
          // The client logs each attempt to reconnect.
          Layer.provideMerge(Logger.layer([])),
        ),
      ),
    ),
  )
})
