// In an HttpApi: an endpoint that asks for a scope, the management group, and the derived client that calls both.
// Run it with `npm run build && npx node examples/http-api.ts`.
import { createServer } from "node:http"
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import { Console, Effect, Layer, Schema } from "effect"
import { ApiKeys } from "effect-api-key"
import { ApiKeyAuth, ApiKeysGroup, CurrentApiKey, requireScopes } from "effect-api-key/http/definition"
import { layerAuth, layerHandlers, layerProblems, layerRequestProblems } from "effect-api-key/http/implementation"
import { FetchHttpClient, HttpRouter, HttpServer } from "effect/http"
import { HttpApi, HttpApiBuilder, HttpApiClient, HttpApiEndpoint, HttpApiGroup } from "effect/http-api"

class Invoices extends HttpApiGroup.make("invoices")
  .add(HttpApiEndpoint.get("mine", "/invoices", { success: Schema.String }).pipe(requireScopes("invoices:read")))
  .middleware(ApiKeyAuth) {}

class Api extends HttpApi.make("shop").add(Invoices, ApiKeysGroup) {}

const groups = Layer.mergeAll(
  layerHandlers(Api),
  HttpApiBuilder.group(Api, "invoices", (group) =>
    group.handle("mine", () => Effect.map(CurrentApiKey, ({ ownerId }) => `invoices of ${ownerId}`)),
  ),
).pipe(Layer.provideMerge([layerAuth({ realm: "shop" }), layerRequestProblems]))

const server = HttpRouter.serve(Layer.mergeAll(HttpApiBuilder.layer(Api).pipe(Layer.provide(groups)), layerProblems), {
  disableLogger: true,
}).pipe(
  Layer.provideMerge(NodeHttpServer.layer(() => createServer(), { host: "127.0.0.1", port: 0, gracefulShutdownTimeout: "1 second" })),
  Layer.provideMerge(ApiKeys.layerMemory),
)

const program = Effect.gen(function* () {
  const baseUrl = HttpServer.formatAddress((yield* HttpServer.HttpServer).address)
  const { token } = yield* ApiKeys.ApiKeys.use((apiKeys) =>
    apiKeys.create({ name: "robot", ownerId: "acme", scopes: ["invoices:read", "api-keys:read"] }),
  )
  const client = yield* HttpApiClient.make(Api, { baseUrl }).pipe(Effect.provide(ApiKeyAuth.layerClient(token)))
  yield* Console.log(yield* client.invoices.mine())
  yield* Console.log(yield* client.apiKeys.count({ query: { ownerId: "acme" } }))
  const refused = yield* Effect.flip(client.apiKeys.create({ payload: { name: "another" } }))
  yield* Console.log(`refused: ${refused.message}`)
})

await Effect.runPromise(Effect.provide(program, [FetchHttpClient.layer, server]))
