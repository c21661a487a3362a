/** Idle keys on two nodes over one database, and the pages of keys that become idle, on each store. */
import { assert, describe, it } from "@effect/vitest"
import { Clock, Context, DateTime, Duration, Effect, Layer, type Redacted, type Scope, Stream } from "effect"
import { SqlClient } from "effect/sql"
import { type ApiKeyHasher, layerEphemeral } from "../../src/ApiKeyHasher.ts"
import { ApiKeyRepository, layerMemory } from "../../src/ApiKeyRepository.ts"
import * as ApiKeys from "../../src/ApiKeys.ts"
import * as Migrations from "../../src/sql/Migrations.ts"
import * as Pglite from "../../src/sql/Pglite.ts"
import * as SqlRepository from "../../src/sql/SqlRepository.ts"
import { makeStoredApiKey } from "../../src/testing.ts"
import { layerPostgres } from "../support/postgres.ts"

const migrated = SqlRepository.layer.pipe(Layer.provideMerge(Migrations.layer()))
const databases = {
  PGlite: migrated.pipe(Layer.provideMerge(Pglite.layer()), Layer.orDie),
  PostgreSQL: migrated.pipe(Layer.provideMerge(layerPostgres()), Layer.orDie),
}

const start = (repository: ApiKeyRepository["Service"], options: ApiKeys.Options = {}) =>
  Layer.build(Layer.fresh(ApiKeys.layerWith(options))).pipe(
    Effect.map(Context.get(ApiKeys.ApiKeys)),
    Effect.provideService(ApiKeyRepository, repository),
    Effect.orDie,
  )

const on = <R>(layer: Layer.Layer<R>, name: string, test: Effect.Effect<void, unknown, R | ApiKeyHasher | Scope.Scope>) =>
  it.live(name, () => test.pipe(Effect.scoped, Effect.provide(Layer.merge(Layer.fresh(layer), layerEphemeral))), 120_000)

for (const [database, layer] of Object.entries(databases)) {
  describe(`Nodes over ${database}`, () => {
    on(
      layer,
      "refuse no key as idle that another node used, and refuse the others",
      Effect.gen(function* () {
        const sql = yield* SqlClient.SqlClient
        const repository = yield* ApiKeyRepository
        let lookUps = 0
        const counting: typeof repository = {
          ...repository,
          findByKeyId: (keyId) => Effect.suspend(() => (lookUps++, repository.findByKeyId(keyId))),
        }
        const options = { lastUsedInterval: "200 millis", cache: { timeToLive: "1 hour" } } as const
        const a = yield* start(repository, options)
        const b = yield* start(counting, options)
        const make = () => a.create({ name: "k", policies: { idleTimeout: "1 minute" } })
        const used = yield* make()
        const unused = yield* make()
        // A minute, and the leeway of two, end in a minute.
        yield* sql`UPDATE api_keys SET created_at = now() - interval '2 minutes'`
        const ask = (node: ApiKeys.ApiKeys["Service"], token: Redacted.Redacted) =>
          Effect.match(node.verify(token, { countsAsUse: false }), {
            onSuccess: () => "good",
            onFailure: (error) => (error._tag === "Expired" ? error.reason : error._tag),
          })
        for (const { token } of [used, unused, used, unused]) assert.strictEqual(yield* ask(b, token), "good")
        assert.strictEqual(lookUps, 2)
        yield* a.verify(used.token)
        yield* Effect.repeat(Effect.delay(a.get(used.apiKey.id), "50 millis"), { until: ({ lastUsedAt }) => lastUsedAt !== null })
        const clock = yield* Clock.Clock
        const later: Clock.Clock = {
          ...clock,
          currentTimeMillisUnsafe: () => clock.currentTimeMillisUnsafe() + 150_000,
          monotonicTimeNanosUnsafe: () => clock.monotonicTimeNanosUnsafe() + 150_000_000_000n,
        }
        const askLater = (token: Redacted.Redacted) => Effect.provideService(ask(b, token), Clock.Clock, later)
        assert.strictEqual(yield* askLater(used.token), "good")
        assert.strictEqual(yield* askLater(unused.token), "idle")
        assert.strictEqual(lookUps, 4)
        assert.strictEqual(yield* askLater(used.token), "good")
        assert.strictEqual(lookUps, 4)
      }),
    )
  })
}

for (const [store, layer] of Object.entries({ memory: layerMemory, ...databases })) {
  describe(`What is about to stop working, in ${store}`, () => {
    on(
      layer,
      "comes in pages of any size, reason by reason, each key once for a reason",
      Effect.gen(function* () {
        const repository = yield* ApiKeyRepository
        const keys = yield* start(repository)
        const now = yield* DateTime.now
        const day = (days: number) => DateTime.addDuration(now, Duration.days(days))
        const insert = (name: string, fields: Parameters<typeof makeStoredApiKey>[0]) =>
          repository.insert(makeStoredApiKey({ name, createdAt: day(-50), updatedAt: day(-50), ...fields }))
        const idleTimeout = (days: number) => ({ policies: { idleTimeout: `${days} days` } })
        for (const days of [2, 1, 3]) yield* insert(`expires ${days}`, { expiresAt: day(days) })
        yield* insert("idle 3", idleTimeout(53))
        yield* insert("idle 1", idleTimeout(51))
        yield* insert("idle 2", { ...idleTimeout(12), lastUsedAt: day(-10) })
        yield* insert("idle 4", { ...idleTimeout(14), lastUsedAt: day(-40), rotatedAt: day(-10) })
        yield* insert("both", { ...idleTimeout(55), expiresAt: day(4) })
        yield* insert("is idle", idleTimeout(49))
        yield* insert("later", idleTimeout(60))
        yield* insert("inactive", { ...idleTimeout(51), isActive: false })
        yield* insert("has expired", { ...idleTimeout(51), expiresAt: day(-1) })
        const options = { within: "6 days", maximumAge: "200 days" } as const
        const tell = ({ apiKey, reason, at }: ApiKeys.Upcoming) =>
          `${reason} ${apiKey.name} ${Math.round(Duration.toDays(DateTime.distance(now, at)))}`
        const expected = [
          "expires expires 1 1",
          "expires expires 2 2",
          "expires expires 3 3",
          "expires both 4",
          "idle idle 1 1",
          "idle idle 2 2",
          "idle idle 3 3",
          "idle idle 4 4",
          "idle both 5",
        ]
        assert.deepStrictEqual((yield* Stream.runCollect(keys.upcoming(options))).map(tell), expected)
        for (let limit = 1; limit <= 10; limit++) {
          const pages: Array<ReadonlyArray<string>> = []
          for (let cursor: string | null = ""; cursor !== null;) {
            const page: ApiKeys.UpcomingPage = yield* keys.searchUpcoming({ ...options, limit, cursor })
            pages.push(page.items.map(tell))
            cursor = page.nextCursor
          }
          assert.deepStrictEqual(pages.flat(), expected)
          // Each page but the last one is full, and none is empty.
          assert.strictEqual(pages.length, Math.ceil(expected.length / limit))
        }
        const two = yield* keys.searchUpcoming({ ...options, within: "2 days", limit: 2 })
        assert.deepStrictEqual([two.items.length, two.nextCursor], [2, "idle."])
        assert.strictEqual((yield* Effect.flip(keys.searchUpcoming({ ...options, cursor: "idles." })))._tag, "InvalidCursor")
        assert.strictEqual((yield* Effect.flip(keys.searchUpcoming({ ...options, cursor: "idle.x" })))._tag, "InvalidCursor")
      }),
    )
  })
}
