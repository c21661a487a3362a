/** Nodes whose database is behind a pooler: what others change isn't heard there, so nothing is answered from memory, and it is said. */
import * as PgClient from "@effect/sql-pg/PgClient"
import { assert, describe, it } from "@effect/vitest"
import { ConfigProvider, Context, Effect, Layer, Logger, Metric, Redacted, type Scope } from "effect"
import * as HttpRouter from "effect/http/HttpRouter"
import * as HttpServer from "effect/http/HttpServer"
import * as ApiKeyMetrics from "../../src/ApiKeyMetrics.ts"
import { ApiKeyRepository } from "../../src/ApiKeyRepository.ts"
import * as ApiKeys from "../../src/ApiKeys.ts"
import { examine } from "../../src/internal/cli/doctor.ts"
import * as Hmac from "../../src/hasher/Hmac.ts"
import { routes } from "../../src/internal/server/routes.ts"
import * as Invalidation from "../../src/sql/Invalidation.ts"
import * as Migrations from "../../src/sql/Migrations.ts"
import * as SqlRepository from "../../src/sql/SqlRepository.ts"
import { startDouble, startPgbouncer, whyWithout } from "../support/pooler.ts"
import { startPostgres } from "../support/postgres.ts"

const pepper = "a pepper that both nodes share"

/** A node with a pool, a registry of metrics and a log of its own. */
const startNode = (url: Redacted.Redacted) =>
  Effect.gen(function* () {
    const logged: Array<string> = []
    const logger = Logger.make(({ logLevel, message }) => void logged.push(`${logLevel}: ${String(message)}`))
    const registry: Metric.MetricRegistry = new Map()
    const node = ApiKeys.layer.pipe(
      Layer.provide([Hmac.layer({ pepper: Redacted.make(pepper) }), Invalidation.layerPostgres()]),
      Layer.provideMerge(SqlRepository.layer),
      // PgBouncer before 1.21 knows no prepared statements.
      Layer.provide(PgClient.layer({ url, prepare: false })),
      Layer.provide(Logger.layer([logger])),
    )
    const context = yield* Effect.provideService(Layer.build(Layer.fresh(node)), Metric.MetricRegistry, registry)
    const gauge = Effect.map(Metric.value(ApiKeyMetrics.inTouch), ({ value }) => value)
    const web = HttpRouter.toWebHandler(routes.pipe(Layer.provide([Layer.succeedContext(context), HttpServer.layerServices])), {
      disableLogger: true,
    })
    yield* Effect.addFinalizer(() => Effect.promise(() => web.dispose()))
    return {
      apiKeys: Context.get(context, ApiKeys.ApiKeys),
      repository: Context.get(context, ApiKeyRepository),
      logged,
      inTouch: Effect.provideService(gauge, Metric.MetricRegistry, registry),
      ready: Effect.promise(async () => {
        const response = await web.handler(new Request("http://localhost/readyz"), Context.empty() as never)
        return [response.status, await response.text()] as const
      }),
    }
  })

const invalidationOf = (url: Redacted.Redacted) =>
  examine.pipe(
    Effect.provide(ConfigProvider.layer(ConfigProvider.fromUnknown({ DATABASE_URL: Redacted.value(url), API_KEY_PEPPER: pepper }))),
    Effect.map((found) => found.filter(({ check }) => check === "invalidation")),
  )

const heard = "Changes made elsewhere aren't heard, so each request asks the database"

type Node = Effect.Success<ReturnType<typeof startNode>>

interface Pooler {
  readonly name: string
  /** Starts it in front of a database, and gives its URL. */
  readonly start: (database: Redacted.Redacted) => Effect.Effect<Redacted.Redacted, never, Scope.Scope>
  /** Why it can't be started here. */
  readonly why?: string | undefined
}

/** A test of two nodes behind a pooler. */
const suite = (
  title: string,
  { name, start, why }: Pooler,
  test: (nodes: { readonly a: Node; readonly b: Node; readonly url: Redacted.Redacted }) => Effect.Effect<void, unknown>,
) =>
  describe.skipIf(why !== undefined)(`${name}${why === undefined ? "" : `: ${why}`}`, () => {
    it.live(title, () =>
      Effect.gen(function* () {
        const direct = yield* startPostgres()
        yield* Effect.provide(Migrations.migrate(), PgClient.layer({ url: direct }))
        const url = yield* start(direct)
        yield* test({ a: yield* startNode(url), b: yield* startNode(url), url })
      }).pipe(Effect.scoped),
    )
  })

const dropsSuite = (pooler: Pooler) =>
  suite("lets in nothing that was ended elsewhere, and is told of once: by the log, a gauge, /readyz and doctor", pooler, ({ a, b, url }) =>
    Effect.gen(function* () {
      const keys = yield* Effect.forEach(Array.from({ length: 15 }), () => a.apiKeys.create({ name: "k" }))
      // A while, so that each has had time to hear what it hears.
      yield* Effect.sleep("5 seconds")
      for (const { token } of keys) for (let i = 0; i < 3; i++) yield* b.apiKeys.verify(token)
      for (const { apiKey, token } of keys) {
        yield* a.apiKeys.deactivate(apiKey.id)
        assert.strictEqual((yield* Effect.flip(b.apiKeys.verify(token)))._tag, "Inactive")
      }
      // Long enough for a connection that hears nothing to be given up twice.
      yield* Effect.sleep("18 seconds")
      for (const node of [a, b]) {
        assert.lengthOf(node.logged, 1, JSON.stringify(node.logged))
        assert.isTrue(node.logged[0]?.startsWith(`Warn: ${heard}. `), node.logged[0])
        assert.match(node.logged[0] ?? "", /PgBouncer.*DATABASE_URL.*pool_mode = session/)
        assert.isFalse(yield* node.apiKeys.isInTouch)
        assert.strictEqual(yield* node.inTouch, 0)
        assert.deepStrictEqual(yield* node.ready, [200, `ready\n${heard}: see the log, or run effect-api-key doctor\n`])
      }
      const [found] = yield* invalidationOf(url)
      assert.deepInclude(found, { level: "error", message: heard })
      assert.strictEqual(a.logged[0], `Warn: ${heard}. ${found?.advice}`)
    }),
  )

dropsSuite({ name: "PgBouncer that pools transactions", start: (database) => startPgbouncer(database, "transaction"), why: whyWithout })
dropsSuite({ name: "A double of it", start: startDouble })

const passesSuite = (pooler: Pooler) =>
  suite("lets all be heard, and nodes remember", pooler, ({ a, b, url }) =>
    Effect.gen(function* () {
      const { apiKey, token } = yield* a.apiKeys.create({ name: "k" })
      yield* Effect.repeat(Effect.delay(b.apiKeys.isInTouch, "50 millis"), { until: (isInTouch) => isInTouch })
      assert.strictEqual(yield* b.inTouch, 1)
      assert.deepStrictEqual(yield* b.ready, [200, "ready\n"])
      yield* b.apiKeys.verify(token)
      const { checkedAt } = yield* b.apiKeys.verify(token)
      assert.deepStrictEqual((yield* b.apiKeys.verify(token)).checkedAt, checkedAt)
      yield* a.apiKeys.deactivate(apiKey.id, { confirmWithin: "10 seconds" })
      assert.strictEqual((yield* Effect.flip(b.apiKeys.verify(token)))._tag, "Inactive")
      assert.deepStrictEqual([...a.logged, ...b.logged], [])
      assert.deepInclude((yield* invalidationOf(url))[0], { level: "ok", message: "Changes are told and heard; 2 nodes listen" })
    }),
  )

passesSuite({ name: "PgBouncer that pools sessions", start: (database) => startPgbouncer(database, "session"), why: whyWithout })
passesSuite({ name: "No pooler", start: Effect.succeed })
