/** The server's routes in memory, within its limits. */
import { createServer } from "node:http"
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import { ByteSize, Layer, Logger } from "effect"
import { HttpIncomingMessage, HttpRouter } from "effect/http"
import { layerEphemeral } from "../../src/ApiKeyHasher.ts"
import { layerMemory } from "../../src/ApiKeyRepository.ts"
import * as ApiKeys from "../../src/ApiKeys.ts"
import { defaultLimits, layerRequestLimits } from "../../src/internal/server/limits.ts"
import { type RoutesOptions, routesWith } from "../../src/internal/server/routes.ts"

export const layerServer = (options: RoutesOptions = {}) =>
  HttpRouter.serve(Layer.mergeAll(routesWith(options), layerRequestLimits(defaultLimits)), {
    disableLogger: true,
    disableListenLog: true,
  }).pipe(
    Layer.provide(Layer.succeed(HttpIncomingMessage.MaxBodySize, ByteSize.bytes(defaultLimits.bodyBytes))),
    Layer.provideMerge(NodeHttpServer.layer(() => createServer(), { port: 0, host: "127.0.0.1", gracefulShutdownTimeout: "1 second" })),
    Layer.provideMerge(ApiKeys.layer.pipe(Layer.provide(layerEphemeral), Layer.provideMerge(Layer.fresh(layerMemory)))),
    Layer.provide(Logger.layer([])),
  )
