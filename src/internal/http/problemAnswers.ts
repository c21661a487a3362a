/**
 * Answers failures outside the handlers as problems too. Examples are requests that don't fit, unknown routes, wrong methods, bodies too large,
 * and defects.
 * @since 0.1.0
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as HttpRouter from "effect/http/HttpRouter"
import * as HttpServerError from "effect/http/HttpServerError"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import * as ProblemDetails from "effect/http/ProblemDetails"
import * as HttpApi from "effect/http-api/HttpApi"
import type * as HttpApiGroup from "effect/http-api/HttpApiGroup"
import * as HttpApiMiddleware from "effect/http-api/HttpApiMiddleware"
import * as Layer from "effect/Layer"
import * as SchemaIssue from "effect/SchemaIssue"
import { RequestProblems } from "./ApiKeysGroup.ts"
import * as Problem from "./Problem.ts"

/**
 * The middleware {@link RequestProblems}.
 * @category layers
 * @since 0.1.0
 */
export const layerRequestProblems: Layer.Layer<RequestProblems> = HttpApiMiddleware.layerSchemaErrorTransform(RequestProblems, (error) => {
  if (error.kind === "Body" || error.kind === "ResponseHeaders") {
    return Effect.flatMap(Effect.logError("A response didn't fit its schema", error.cause.message), () =>
      Effect.fail(new Problem.ServiceUnavailableProblem()),
    )
  }
  const errors = formatIssues(error.cause.issue).issues.map(({ message, path = [] }) => ({
    path: [error.kind.toLowerCase(), ...path.map(toSegment)].slice(0, 16),
    message: message.slice(0, 200),
  }))
  return Effect.fail(new Problem.InvalidRequestProblem({ detail: "The request doesn't fit its schema", errors: errors.slice(0, 32) }))
})

const formatIssues = SchemaIssue.makeFormatterStandardSchemaV1()

const toSegment = (segment: PropertyKey | { readonly key: PropertyKey }): string | number => {
  const key = typeof segment === "object" ? segment.key : segment
  return typeof key === "number" ? key : String(key).slice(0, 64)
}

/**
 * A middleware for a whole router. A failure outside a handler, and an error response without a body of its own, becomes a problem. A defect is
 * logged, and the answer gives no detail of the defect.
 * @category layers
 * @since 0.1.0
 */
export const layerProblems: Layer.Layer<never, never, HttpRouter.HttpRouter> = HttpRouter.use((router) =>
  router.addGlobalMiddleware((effect) =>
    Effect.map(
      Effect.catchCause(effect, (cause) =>
        Cause.hasInterruptsOnly(cause)
          ? Effect.failCause(cause)
          : Effect.flatMap(HttpServerError.causeResponse(cause), ([response]) =>
              response.status < 500 ? Effect.succeed(response) : Effect.as(Effect.logError("A request failed", cause), response),
            ),
      ),
      asProblem,
    ),
  ),
)

const asProblem = (response: HttpServerResponse.HttpServerResponse): HttpServerResponse.HttpServerResponse => {
  if (response.status < 400 || (response.body._tag !== "Empty" && !isUnsupportedMediaType(response))) return response
  const [name, title] = titles[response.status] ?? ["error", "Error"]
  const problem = ProblemDetails.toResponse({ type: `urn:effect-api-key:problem:${name}`, title, status: response.status })
  const { "content-type": _type, "content-length": _length, ...headers } = response.headers
  return HttpServerResponse.setHeaders(problem, headers)
}

/** Effect's own answer to an unknown media type, which has a body of plain text. */
const isUnsupportedMediaType = ({ status, body }: HttpServerResponse.HttpServerResponse): boolean =>
  status === 415 && body._tag === "Uint8Array" && new TextDecoder().decode(body.body).startsWith("Unsupported content-type: ")

const titles: Record<number, readonly [name: string, title: string]> = {
  400: ["invalid-request", "Invalid request"],
  404: ["no-such-route", "No such route"],
  405: ["method-not-allowed", "Method not allowed"],
  413: ["body-too-large", "Body too large"],
  415: ["unsupported-media-type", "Unsupported media type"],
  500: ["internal", "Internal server error"],
  503: ["service-unavailable", "Service unavailable"],
}

type Method = "GET" | "POST" | "PUT" | "PATCH" | "DELETE" | "OPTIONS"
const methods: ReadonlyArray<Method> = ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]

/**
 * Answers the methods that a path doesn't have with 405 and `Allow`: for the paths of `api`, and for `others`.
 * @category layers
 * @since 0.1.0
 */
export const layerMethodNotAllowed = <Id extends string, Groups extends HttpApiGroup.Constraint>(
  api: HttpApi.HttpApi<Id, Groups>,
  others: Readonly<Record<`/${string}`, ReadonlyArray<string>>> = {},
): Layer.Layer<never, never, HttpRouter.HttpRouter> =>
  HttpRouter.use(
    Effect.fnUntraced(function* (router) {
      const known = new Map<string, Set<string>>(Object.entries(others).map(([path, allowed]) => [path, new Set(allowed)]))
      HttpApi.reflect(api, {
        onGroup: () => undefined,
        onEndpoint: ({ endpoint }) => {
          const path = endpoint.path.length > 1 ? endpoint.path.replace(/\/$/, "") : endpoint.path
          known.set(path, (known.get(path) ?? new Set()).add(endpoint.method))
        },
      })
      for (const [path, allowed] of known) {
        if (allowed.has("GET")) allowed.add("HEAD")
        const response = HttpServerResponse.empty({ status: 405, headers: { allow: Array.from(allowed).sort().join(", ") } })
        // Paths of endpoints start with a slash.
        for (const method of methods) if (!allowed.has(method)) yield* router.add(method, path as `/${string}`, response)
      }
    }),
  )
