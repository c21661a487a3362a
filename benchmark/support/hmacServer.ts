// The routes of the server over the fast hasher, on the database of `DATABASE_URL`, with the cache off. Ends when its input does.
import { createServer } from "node:http"
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import * as PgClient from "@effect/sql-pg/PgClient"
import { Config, Console, Effect, Layer } from "effect"
import { HttpRouter, HttpServer } from "effect/http"
import * as ApiKeys from "../../src/ApiKeys.ts"
import { routes } from "../../src/server.ts"
import * as SqlRepository from "../../src/sql/SqlRepository.ts"
import { layerHmac } from "./keys.ts"

const layer = HttpRouter.serve(routes, { disableLogger: true, disableListenLog: true }).pipe(
  Layer.provideMerge(NodeHttpServer.layer(() => createServer(), { host: "127.0.0.1", port: 0 })),
  Layer.provide(ApiKeys.layerWith({ cache: "off" })),
  Layer.provide([layerHmac, SqlRepository.layer]),
  Layer.provide(PgClient.layerConfig({ url: Config.Redacted("DATABASE_URL") })),
)

const program = Effect.gen(function* () {
  const { address } = yield* HttpServer.HttpServer
  yield* Console.log(HttpServer.formatAddress(address))
  yield* Effect.callback<void>((resume) => {
    process.stdin.on("end", () => resume(Effect.void)).resume()
  })
})

await Effect.runPromise(Effect.provide(program, layer))
