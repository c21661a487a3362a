import * as Effect from "effect/Effect"
import * as HttpRouter from "effect/http/HttpRouter"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import * as HttpApiBuilder from "effect/http-api/HttpApiBuilder"
import * as HttpApiScalar from "effect/http-api/HttpApiScalar"
import * as OpenApi from "effect/http-api/OpenApi"
import * as Layer from "effect/Layer"
import { KeyId } from "../../ApiKey.ts"
import { ApiKeyRepository } from "../../ApiKeyRepository.ts"
import { ApiKeys } from "../../ApiKeys.ts"
import type { ProxyOptions } from "../http/clientAddress.ts"
import { acceptCredentials, assertProtected, type CredentialOptions, CurrentApiKey } from "../http/ApiKeyAuth.ts"
import {
  type InvalidSigningKey,
  layerAuth,
  layerHandlers,
  layerLeaks,
  type LeakOptions,
  layerMethodNotAllowed,
  layerProblems,
  layerRequestProblems,
} from "../../http/implementation.ts"
import { writeGreeting } from "../http/writtenAnswers.ts"
import { notHeard } from "../nodes/nodes.ts"
import { ServerApi } from "./api.ts"
import { keepAnswers } from "./keptAnswers.ts"
import { layerSecurityHeaders } from "./securityHeaders.ts"

/** @category models @since 0.1.0 */
export interface RoutesOptions extends ProxyOptions {
  /** How leaked tokens are reported and ended. Default: nothing is offered. */
  readonly leaks?: LeakOptions | undefined
  /** Where requests carry their keys. Default: in `Authorization: Bearer …` or `X-API-Key`. */
  readonly credentials?: CredentialOptions | undefined
  /** Whether answers have `X-RateLimit-*` beside `RateLimit` and `RateLimit-Policy`, of keys with rate limits. Default: no. */
  readonly xRateLimit?: boolean | undefined
}

/** Options without links and requests to the page's vendor. Effect's type knows some of them. */
const referencePage = {
  withDefaultFonts: false,
  // Without an icon the browser asks for a missing one.
  favicon: "data:,",
  hideClientButton: true,
  showDeveloperTools: "never",
  telemetry: false,
}

type Needs = HttpRouter.HttpRouter | ApiKeys | ApiKeyRepository | Layer.Services<ReturnType<typeof HttpApiBuilder.layer<string, never>>>

/**
 * The routes: `/api-keys…`, `/leaks…`, `/protected`, `/docs`, `/openapi.json`, `/healthz` and `/readyz`. Serve them with `HttpRouter.serve`, over
 * services of your own.
 * @category layers
 * @since 0.1.0
 */
export const routesWith = (options: RoutesOptions): Layer.Layer<never, InvalidSigningKey, Needs> => {
  const api = ServerApi.pipe(acceptCredentials(options.credentials ?? {}))
  assertProtected(api)
  const middleware = Layer.mergeAll(
    layerAuth({ trustedProxies: options.trustedProxies, forwardedHeader: options.forwardedHeader, xRateLimit: options.xRateLimit }),
    layerRequestProblems,
  )
  const groups = Layer.mergeAll(
    layerHandlers(api),
    layerLeaks(api, options.leaks),
    HttpApiBuilder.group(api, "protected", (handlers) =>
      handlers.handle("get", () =>
        Effect.map(CurrentApiKey, (apiKey) => {
          const message = `Hello, ${apiKey.name}`
          return writeGreeting(message, apiKey) ?? { message, apiKey }
        }),
      ),
    ),
  ).pipe(Layer.provide(middleware))
  return Layer.mergeAll(
    // The headers go on all answers, the refusals by the server's limits included.
    layerSecurityHeaders,
    layerProblems,
    HttpApiBuilder.layer(api).pipe(Layer.provide(groups)),
    Layer.mergeAll(layerDocument(api), HttpApiScalar.layer(api, { path: "/docs", scalar: referencePage })).pipe(Layer.provide(keepAnswers)),
    HttpRouter.add("GET", "/healthz", HttpServerResponse.text("ok\n")),
    layerReady,
    layerMethodNotAllowed(api, { "/docs": ["GET"], "/openapi.json": ["GET"], "/healthz": ["GET"], "/readyz": ["GET"] }),
  )
}

/**
 * {@link routesWith} the default options.
 * @category layers
 * @since 0.1.0
 * @example
 * ```ts
 * import { createServer } from "node:http"
 * import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
 * import { Layer } from "effect"
 * import { ApiKeyRepository, ApiKeys } from "effect-api-key"
 * import * as Hmac from "effect-api-key/hasher/Hmac"
 * import { routes } from "effect-api-key/server"
 * import { HttpRouter } from "effect/http"
 *
 * const server = HttpRouter.serve(routes).pipe(
 *   Layer.provide(NodeHttpServer.layer(() => createServer(), { port: 3000 })),
 *   Layer.provide(ApiKeys.layer.pipe(Layer.provide(Hmac.layerConfig), Layer.provideMerge(ApiKeyRepository.layerMemory))),
 * )
 * ```
 */
export const routes: Layer.Layer<never, never, Needs> = Layer.suspend(() =>
  // Without signing keys there is none to be invalid.
  Layer.orDie(routesWith({})),
)

const layerDocument = (api: typeof ServerApi) =>
  HttpRouter.use(
    Effect.fnUntraced(function* (router) {
      const document = yield* Effect.cached(Effect.sync(() => HttpServerResponse.jsonUnsafe(OpenApi.fromApi(api))))
      yield* router.add("GET", "/openapi.json", document)
    }),
  )

const layerReady = HttpRouter.use(
  Effect.fnUntraced(function* (router) {
    const repository = yield* ApiKeyRepository
    const { isInTouch } = yield* ApiKeys
    const askDatabase = repository.findByKeyId(KeyId.make("0000000000000000")).pipe(
      Effect.timeout("2 seconds"),
      Effect.match({
        onSuccess: () => true,
        onFailure: () => false,
      }),
    )
    // The database is asked at most once a second.
    const hasAnswered = yield* Effect.cachedWithTTL(askDatabase, "1 second")
    const answer = Effect.gen(function* () {
      if (!(yield* hasAnswered)) return HttpServerResponse.empty({ status: 503 })
      // A node out of touch serves correctly, if more slowly.
      return HttpServerResponse.text((yield* isInTouch) ? "ready\n" : `ready\n${notHeard}: see the log, or run effect-api-key doctor\n`)
    })
    // A caller that disconnects doesn't end the look-up that others share.
    yield* router.add("GET", "/readyz", Effect.uninterruptible(answer))
  }),
)
