import * as Effect from "effect/Effect"
import * as HttpRouter from "effect/http/HttpRouter"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import type * as Layer from "effect/Layer"

const headers = {
  // Answers hold keys and what strangers put into them; nothing in a browser is to run, frame or guess at them.
  "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
  "x-content-type-options": "nosniff",
  "x-frame-options": "DENY",
  // Addresses hold ids and filters.
  "referrer-policy": "no-referrer",
}

/** Tells browsers what they may do with an answer, unless it says so itself. HSTS is for the proxy, which has the certificate. */
export const layerSecurityHeaders: Layer.Layer<never, never, HttpRouter.HttpRouter> = HttpRouter.use((router) =>
  router.addGlobalMiddleware((effect) =>
    Effect.map(effect, (response) => HttpServerResponse.setHeaders(response, { ...headers, ...response.headers })),
  ),
)
