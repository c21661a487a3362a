// Serves one endpoint five times: open, behind a middleware that does nothing, behind one with a scheme that checks nothing, protected in an api
// that says where it takes keys, and in one that doesn't. Ends when its input does.
import { createServer } from "node:http"
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import { Console, Effect, Layer, Schema } from "effect"
import { HttpRouter, HttpServer } from "effect/http"
import { HttpApi, HttpApiBuilder, HttpApiEndpoint, HttpApiGroup, HttpApiMiddleware, HttpApiSecurity } from "effect/http-api"
import { acceptCredentials, ApiKeyAuth } from "../../src/http/definition.ts"
import { layerAuth } from "../../src/http/implementation.ts"
import { createKeys, layerMemory } from "./keys.ts"

class Nothing extends HttpApiMiddleware.Service<Nothing>()("benchmark/Nothing") {}
class Scheme extends HttpApiMiddleware.Service<Scheme>()("benchmark/Scheme", { security: { bearer: HttpApiSecurity.bearer } }) {}

const Api = HttpApi.make("benchmark")
  .add(
    HttpApiGroup.make("protected")
      .add(HttpApiEndpoint.get("get", "/protected", { success: Schema.String }))
      .middleware(ApiKeyAuth),
  )
  .pipe(acceptCredentials({}))
  .add(
    HttpApiGroup.make("open").add(HttpApiEndpoint.get("get", "/open", { success: Schema.String })),
    HttpApiGroup.make("nothing")
      .add(HttpApiEndpoint.get("get", "/nothing", { success: Schema.String }))
      .middleware(Nothing),
    HttpApiGroup.make("scheme")
      .add(HttpApiEndpoint.get("get", "/scheme", { success: Schema.String }))
      .middleware(Scheme),
    HttpApiGroup.make("byScheme")
      .add(HttpApiEndpoint.get("get", "/by-scheme", { success: Schema.String }))
      .middleware(ApiKeyAuth),
  )

const answer = Effect.succeed("hello")
const groups = Layer.mergeAll(
  HttpApiBuilder.group(Api, "open", (group) => group.handle("get", () => answer)),
  HttpApiBuilder.group(Api, "nothing", (group) => group.handle("get", () => answer)),
  HttpApiBuilder.group(Api, "scheme", (group) => group.handle("get", () => answer)),
  HttpApiBuilder.group(Api, "byScheme", (group) => group.handle("get", () => answer)),
  HttpApiBuilder.group(Api, "protected", (group) => group.handle("get", () => answer)),
).pipe(Layer.provide([layerAuth(), Layer.succeed(Nothing, (next) => next), Layer.succeed(Scheme, { bearer: (next) => next })]))

const layer = HttpRouter.serve(HttpApiBuilder.layer(Api).pipe(Layer.provide(groups)), { disableLogger: true, disableListenLog: true }).pipe(
  Layer.provideMerge(NodeHttpServer.layer(() => createServer(), { host: "127.0.0.1", port: 0 })),
  Layer.provideMerge(layerMemory()),
)

const program = Effect.gen(function* () {
  const { address } = yield* HttpServer.HttpServer
  const port = "port" in address ? address.port : 0
  const tokens = yield* createKeys(1_000)
  yield* Console.log(JSON.stringify({ port, tokens }))
  yield* Effect.callback<void>((resume) => {
    process.stdin.on("end", () => resume(Effect.void)).resume()
  })
})

await Effect.runPromise(Effect.provide(program, layer))
