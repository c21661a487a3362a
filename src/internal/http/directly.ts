/**
 * Spares protected endpoints what Effect does around a security middleware at each request: it decodes a credential for the scheme, and marks and
 * unmarks the handler's failures, to go on to the next scheme. The middlewares here need none of it, as the first scheme does the work of all.
 *
 * Two plain middlewares go around the security middleware, which stays for OpenAPI and derived clients. The inner one notes the handler, the
 * outer one goes to it by {@link Way}, if the service of the context has one; otherwise the security middleware is run as ever.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import type * as HttpServerResponse from "effect/http/HttpServerResponse"
import type * as HttpApiEndpoint from "effect/http-api/HttpApiEndpoint"
import type * as HttpApiGroup from "effect/http-api/HttpApiGroup"

/** The endpoint that a middleware is applied to: one object for all middlewares of an endpoint that is built. */
export interface Target {
  readonly endpoint: HttpApiEndpoint.Top
  readonly group: HttpApiGroup.Top
}

type Handler = Effect.Effect<HttpServerResponse.HttpServerResponse, unknown>

/** Checks the request of a fiber and goes on to the handler. Endpoint and handler are known once it is built. */
export type Way = (next: Handler, target: Target) => (fiber: Fiber.Fiber<unknown, unknown>) => Handler

const ways = new WeakMap<object, Way>()

/** Gives a security middleware's service a way. A service around it, or in its place, has none. */
export const withWay = <Service extends object>(service: Service, way: Way): Service => {
  ways.set(service, way)
  return service
}

type Apply = (next: Handler, target: Target) => Handler

const plains = new WeakSet<object>()

/** A middleware that needs no layer. */
const plain = (name: string, apply: Apply) => {
  const middleware = Object.assign(Context.Reference<Apply>(`effect-api-key/http/directly/${name}`, { defaultValue: () => apply }), {
    error: new Set<never>(),
    requiredForClient: false,
  })
  plains.add(middleware)
  return middleware
}

const handlers = new WeakMap<Target, Handler>()

const inner = plain("inner", (next, target) => {
  handlers.set(target, next)
  return next
})

const outer = (auth: string) =>
  plain(`outer/${auth}`, (tried, target) => {
    const next = handlers.get(target)
    if (next === undefined) return tried
    let go = (fiber: Fiber.Fiber<unknown, unknown>): Handler => {
      // The handler's services are those that it was built with, at each request.
      const service: unknown = fiber.context.mapUnsafe.get(auth)
      const way = typeof service === "object" && service !== null ? ways.get(service) : undefined
      go = way === undefined ? () => tried : way(next, target)
      return go(fiber)
    }
    return Effect.withFiber((fiber) => go(fiber))
  })

type Middlewares = HttpApiEndpoint.Top["middlewares"]
type Middleware = Context.Key<unknown, unknown>

/**
 * Puts `security` in the place of the middleware of its key, with the two plain ones around it. An endpoint with several such middlewares goes
 * without: the way around one would pass by those within.
 */
export const goAround = (middlewares: Middlewares, security: ReadonlyMap<string, Middleware>): Middlewares => {
  // Those of credentials that were said before go.
  const before = Array.from(middlewares).filter((middleware) => !plains.has(middleware))
  const isOnly = before.filter(({ key }) => security.has(key)).length === 1
  return new Set(
    before.flatMap((middleware): ReadonlyArray<Middleware> => {
      const replacement = security.get(middleware.key)
      if (replacement === undefined) return [middleware]
      return isOnly ? [inner, replacement, outer(middleware.key)] : [replacement]
    }),
  )
}
