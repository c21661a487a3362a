// The package's server over services of your own, and its keys from another program: the same service, over HTTP.
// Run it with `npm run build && npx node examples/server.ts`.
import { createServer } from "node:http"
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import { Console, Effect, Layer, Redacted } from "effect"
import { ApiKeyRepository, ApiKeys } from "effect-api-key"
import * as Hmac from "effect-api-key/hasher/Hmac"
import * as ApiKeysClient from "effect-api-key/http/client"
import { routesWith } from "effect-api-key/server"
import { FetchHttpClient, HttpClient, HttpClientRequest, HttpRouter, HttpServer, HttpServerResponse } from "effect/http"

const services = ApiKeys.layer.pipe(Layer.provide(Hmac.layerConfig), Layer.provideMerge(ApiKeyRepository.layerMemory))

// `/api-keys`, `/docs`, `/healthz` and the others, beside routes of your own. `routes` is `routesWith` without options.
const everything = Layer.mergeAll(
  routesWith({ credentials: { accept: ["X-API-Key"] }, leaks: { revokeByPossession: true } }),
  HttpRouter.add("GET", "/version", HttpServerResponse.text("1.0.0")),
)
const server = HttpRouter.serve(everything, { disableLogger: true, disableListenLog: true }).pipe(
  Layer.provideMerge(NodeHttpServer.layer(() => createServer(), { host: "127.0.0.1", port: 0, gracefulShutdownTimeout: "1 second" })),
  Layer.provideMerge(services),
)

// What uses the service doesn't know where the keys are.
const issue = Effect.gen(function* () {
  const apiKeys = yield* ApiKeys.ApiKeys
  const { token } = yield* apiKeys.create({ name: "robot", scopes: ["jobs:run"] })
  const { apiKey } = yield* apiKeys.verify(token, { scopes: ["jobs:run"] })
  return apiKey.name
})

const program = Effect.gen(function* () {
  const url = HttpServer.formatAddress((yield* HttpServer.HttpServer).address)
  const local = yield* ApiKeys.ApiKeys
  const { token } = yield* local.create({ name: "deployer", scopes: ["api-keys:*", "jobs:*"] })

  // Over `fetch` it is `layerFetch`; `layer` takes the program's own client, here with a header of its own.
  const traced = Layer.effect(
    HttpClient.HttpClient,
    HttpClient.HttpClient.use((client) => Effect.succeed(HttpClient.mapRequest(client, HttpClientRequest.setHeader("x-trace", "1")))),
  ).pipe(Layer.provide(FetchHttpClient.layer))
  const remote = ApiKeysClient.layer({ url, token, place: "X-API-Key" }).pipe(Layer.provide(traced))
  yield* Console.log(yield* Effect.provide(issue, remote)) // => robot
  yield* Console.log(yield* local.count()) // => 2

  // What fails on the way is a `RepositoryError`, whose cause says why.
  const stranger = yield* ApiKeysClient.make({ url, token: Redacted.make("ak-nobody"), place: "X-API-Key" })
  const { cause } = yield* stranger.count().pipe(Effect.andThen(Effect.die("let in")), Effect.catchTag("RepositoryError", Effect.succeed))
  yield* Console.log(ApiKeysClient.isServerFailure(cause) && cause._tag) // => Unauthorized
})

await Effect.runPromise(Effect.provide(program, [server, FetchHttpClient.layer]))
