import * as Effect from "effect/Effect"
import * as HttpRouter from "effect/http/HttpRouter"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import type * as Layer from "effect/Layer"

const headers = {
  // Answers hold keys and texts of strangers: browsers must not run them, frame them or guess their type.
  "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
  "x-content-type-options": "nosniff",
  "x-frame-options": "DENY",
  // Addresses hold ids and filters, which no other site should see.
  "referrer-policy": "no-referrer",
}

const names = Object.keys(headers)

/** Adds security headers that an answer doesn't have itself. HSTS is left to the proxy, which has the certificate. */
export const layerSecurityHeaders: Layer.Layer<never, never, HttpRouter.HttpRouter> = HttpRouter.use((router) =>
  router.addGlobalMiddleware((effect) =>
    Effect.map(effect, (response) => {
      const isAbsent = names.every((name) => response.headers[name] === undefined)
      // Most answers have none of them, and few headers cost less to set than all.
      return HttpServerResponse.setHeaders(response, isAbsent ? headers : { ...headers, ...response.headers })
    }),
  ),
)
