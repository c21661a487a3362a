// An api with the package's groups under paths of its own, and a look at what protects its endpoints before it is served.
// Run it with `npm run build && npx node examples/own-api.ts`.
import { Console, Effect, Layer, Schema } from "effect"
import { ApiKeys } from "effect-api-key"
import {
  ApiKeyAuth,
  assertProtected,
  authProblems,
  CurrentApiKey,
  makeApiKeysGroup,
  makeLeaksGroup,
  requiredScopes,
  requireScopes,
} from "effect-api-key/http/definition"
import { layerAuth, layerHandlers, layerLeaks, layerRequestProblems } from "effect-api-key/http/implementation"
import { HttpServer } from "effect/http"
import { HttpApi, HttpApiBuilder, HttpApiEndpoint, HttpApiGroup, HttpApiTest } from "effect/http-api"

class Invoices extends HttpApiGroup.make("invoices")
  .add(HttpApiEndpoint.get("mine", "/invoices", { success: Schema.String }).pipe(requireScopes("invoices:read")))
  .middleware(ApiKeyAuth) {}

class Api extends HttpApi.make("shop").add(Invoices, makeApiKeysGroup("/v1/keys"), makeLeaksGroup("/v1/leaks")) {}

// Throws if an endpoint requires scopes and nothing enforces them.
assertProtected(Api)

const groups = Layer.mergeAll(
  HttpApiBuilder.group(Api, "invoices", (group) =>
    group.handle("mine", () => Effect.map(CurrentApiKey, ({ name }) => `invoices of ${name}`)),
  ),
  layerHandlers(Api),
  layerLeaks(Api, { revokeByPossession: true }),
).pipe(Layer.provideMerge([layerAuth({ realm: "shop" }), layerRequestProblems]))

// For a client: whether it is the key that an answer is about, or the request.
const isAboutKey = Schema.is(Schema.Union(authProblems))

const program = Effect.gen(function* () {
  // Which endpoint takes which scopes, for a page of your own.
  const endpoints: Array<string> = []
  HttpApi.reflect(Api, {
    onGroup: () => undefined,
    onEndpoint: ({ endpoint, group }) => {
      endpoints.push(`${endpoint.method} ${endpoint.path} ${requiredScopes({ endpoint, group }).join()}`)
    },
  })
  yield* Console.log(endpoints.filter((line) => line.includes("invoices") || line.startsWith("DELETE")).join("; "))
  // => GET /invoices invoices:read; DELETE /v1/keys/:id api-keys:write

  // Called without a socket; a server serves the same groups, as http-api.ts does.
  const { token } = yield* ApiKeys.ApiKeys.use((apiKeys) => apiKeys.create({ name: "robot", scopes: ["invoices:read"] }))
  const client = yield* HttpApiTest.groups(Api, ["invoices", "apiKeys"]).pipe(Effect.provide(ApiKeyAuth.layerClient(token)))
  yield* Console.log(yield* client.invoices.mine()) // => invoices of robot
  const refused = yield* Effect.flip(client.apiKeys.count({ query: {} }))
  yield* Console.log(refused._tag, isAboutKey(refused)) // => InsufficientScopeProblem true
})

await Effect.runPromise(
  program.pipe(Effect.scoped, Effect.provide(groups.pipe(Layer.provideMerge([ApiKeys.layerMemory, HttpServer.layerServices])))),
)
