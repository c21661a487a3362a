/**
 * Carries out {@link ApiKeyAuth} and {@link OptionalApiKeyAuth} with the `ApiKeys` service.
 *
 * The code runs at each request, so it has no generators, and makes a single context. A span attribute or log line is made only where a reader
 * is present. Refusals are made once.
 * @since 0.1.0
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import * as Headers from "effect/http/Headers"
import * as HttpEffect from "effect/http/HttpEffect"
import * as HttpServerRequest from "effect/http/HttpServerRequest"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import * as HttpApi from "effect/http-api/HttpApi"
import type * as HttpApiEndpoint from "effect/http-api/HttpApiEndpoint"
import type * as HttpApiGroup from "effect/http-api/HttpApiGroup"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as References from "effect/References"
import type * as Tracer from "effect/Tracer"
import { type ApiKey, tokenCreatedAt } from "../../ApiKey.ts"
import { ApiKeys, type Verified, type VerifyOptions } from "../../ApiKeys.ts"
import type { Scope } from "../../Scope.ts"
import { formatAddress } from "../net/address.ts"
import { toldEndOfPrevious } from "../record/previousToken.ts"
import { recallOf } from "../verifier/recall.ts"
import { ApiKeyAuth, type AuthProblem, CurrentApiKey, OptionalApiKey, OptionalApiKeyAuth, requiredScopes, UsedToken } from "./ApiKeyAuth.ts"
import { makeClientAddress, type ProxyOptions, trustedProxiesFrom } from "./clientAddress.ts"
import { CacheControl, type Credentials, credentialsOf, headersOf, redactAlso, varyOf } from "./credentials.ts"
import { type Target, withWay } from "./directly.ts"
import * as RateLimitFields from "./rateLimitFields.ts"
import { deprecate, makeChallenge, makeRefuse, Realm, type Refuse, refusals } from "./refusing.ts"
import { makeReadCredential, missing, type ReadCredential } from "./readCredential.ts"

/** @category models @since 0.1.0 */
export interface AuthOptions extends ProxyOptions {
  /** Named in the challenge (`WWW-Authenticate`). Default: `api-keys`. */
  readonly realm?: string | undefined
  /** Whether answers have `X-RateLimit-*` beside `RateLimit` and `RateLimit-Policy`, of keys with rate limits. Default: no. */
  readonly xRateLimit?: boolean | undefined
}

/**
 * The middlewares {@link ApiKeyAuth} and {@link OptionalApiKeyAuth}. Provide it to `HttpApiBuilder.group` of each protected group.
 * @category layers
 * @since 0.1.0
 * @example
 * ```ts
 * import { Effect, Layer, Schema } from "effect"
 * import { ApiKeyAuth, CurrentApiKey } from "effect-api-key/http/definition"
 * import { layerAuth } from "effect-api-key/http/implementation"
 * import { HttpApi, HttpApiBuilder, HttpApiEndpoint, HttpApiGroup } from "effect/http-api"
 *
 * const Me = HttpApiGroup.make("me").add(HttpApiEndpoint.get("name", "/me", { success: Schema.String })).middleware(ApiKeyAuth)
 * const Api = HttpApi.make("shop").add(Me)
 *
 * const me = HttpApiBuilder.group(Api, "me", (group) => group.handle("name", () => Effect.map(CurrentApiKey, ({ name }) => name))).pipe(
 *   Layer.provide(layerAuth({ realm: "shop" })),
 * )
 * ```
 */
export const layerAuth = (options: AuthOptions = {}): Layer.Layer<ApiKeyAuth | OptionalApiKeyAuth, never, ApiKeys> => {
  const { realm = "api-keys", xRateLimit = false } = options
  const addressOf = makeClientAddress(trustedProxiesFrom(options))
  return Layer.mergeAll(
    Layer.effect(
      ApiKeyAuth,
      Effect.map(ApiKeys, (apiKeys) =>
        makeService<CurrentApiKey>(apiKeys, addressOf, makeDemandsOf(ApiKeyAuth, realm, xRateLimit), {
          provide: (context, apiKey) => Context.add(context, CurrentApiKey, apiKey),
          withoutKey: undefined,
        }),
      ),
    ),
    Layer.effect(
      OptionalApiKeyAuth,
      Effect.map(ApiKeys, (apiKeys) =>
        makeService<OptionalApiKey>(apiKeys, addressOf, makeDemandsOf(OptionalApiKeyAuth, realm, xRateLimit), {
          provide: (context, apiKey) => Context.add(context, OptionalApiKey, Option.some(apiKey)),
          withoutKey: (next) => Effect.provideService(next, OptionalApiKey, Option.none()),
        }),
      ),
    ),
    // Handlers are built with the realm of this layer, and so refuse in its name.
    Layer.succeed(Realm, realm),
  )
}

/**
 * Keeps the headers in which an api takes keys out of logs and traces of its requests. Effect leaves `Authorization` and `X-API-Key` out by
 * itself; provide this to the server of an api that takes keys elsewhere.
 * @category layers
 * @since 0.1.0
 */
export const layerRedactedHeaders = <Id extends string, Groups extends HttpApiGroup.Constraint>(
  api: HttpApi.HttpApi<Id, Groups>,
): Layer.Layer<never> =>
  Layer.effect(
    Headers.CurrentRedactedNames,
    Effect.map(Headers.CurrentRedactedNames, (names) => {
      const headers = new Set<string>()
      HttpApi.reflect(api, {
        onGroup: () => undefined,
        onEndpoint: ({ endpoint }) => {
          for (const auth of [ApiKeyAuth, OptionalApiKeyAuth]) {
            for (const header of headersOf(credentialsOf(endpoint, auth))) headers.add(header)
          }
        },
      })
      return redactAlso(names, Array.from(headers))
    }),
  )

type Response = HttpServerResponse.HttpServerResponse
type Scheme<Provided> = <E>(
  next: Effect.Effect<Response, E, Provided>,
  target: Target,
) => Effect.Effect<Response, E | AuthProblem, HttpServerRequest.HttpServerRequest>

interface Schemes<Provided> {
  readonly bearer: Scheme<Provided>
  readonly apiKey: Scheme<Provided>
}

/** The provision of a middleware to its handlers. */
interface Provision<Provided> {
  readonly provide: (context: Context.Context<never>, apiKey: ApiKey) => Context.Context<Provided>
  /** Runs the handler without a key; `undefined` where a key is required. */
  readonly withoutKey: (<E>(next: Effect.Effect<Response, E, Provided>) => Effect.Effect<Response, E>) | undefined
}

/**
 * Effect tries the schemes in turn, and any failure leads to the next one. The first scheme does the work of all. A good request needs no other
 * scheme, and most requests are good. The other schemes repeat the first one's refusal. Which schemes there are, and under which names, is the
 * api's to say: {@link acceptCredentials}, whose endpoints go by the `Way` instead.
 */
const makeService = <Provided>(
  apiKeys: ApiKeys["Service"],
  addressOf: AddressOf,
  demandsOf: (target: Target) => Demands,
  provision: Provision<Provided>,
): Schemes<Provided> => {
  const check = makeCheck(apiKeys, addressOf, provision)
  const each: Scheme<Provided> = (next, target) =>
    Effect.withFiber((fiber) => refusals.get(requestOf(fiber.context)) ?? check(next, demandsOf(target), fiber))
  const schemes = new Proxy({ bearer: each, apiKey: each }, { get: (_, name) => (typeof name === "string" ? each : undefined) })
  return withWay(schemes, (next, target) => {
    const demands = demandsOf(target)
    return (fiber) => check(next, demands, fiber)
  })
}

/** Checks the key of a fiber's request, and goes on to `next` with a good key. */
const makeCheck = <Provided>(apiKeys: ApiKeys["Service"], addressOf: AddressOf, { provide, withoutKey }: Provision<Provided>) => {
  const recall = recallOf(apiKeys.verify)
  return <E>(
    next: Effect.Effect<Response, E, Provided>,
    demands: Demands,
    fiber: Fiber.Fiber<unknown, unknown>,
  ): Effect.Effect<Response, E | AuthProblem> => {
    const { context } = fiber
    const { door, keepPrivate } = demands
    const request = requestOf(context)
    const credential = door.read(request, apiKeys.isToken)
    if (typeof credential !== "string") {
      if (withoutKey !== undefined && credential === missing && demands.scopes.length === 0) {
        return addOnExit(context, door.tellApart, withoutKey(next))
      }
      return addOnExit(context, keepPrivate, door.refuse(request, context, credential))
    }
    const known = recall(credential, demands, context)
    if (known !== undefined) {
      // As `updateContext` does, in one step with the headers.
      fiber.setContext(provide(mention(context, fiber.cache.span, known, door), known.apiKey))
      return Effect.onExitPrimitive(
        // The services that `next` needs are in the fiber's context now.
        next as Effect.Effect<Response, E>,
        () => {
          fiber.setContext(context)
          HttpEffect.appendPreResponseHandlerUnsafe(context, keepPrivate)
          return undefined
        },
        true,
      )
    }
    const answer = Effect.matchEffect(apiKeys.verify(credential, optionsOf(demands.scopes, request, addressOf)), {
      onFailure: (error) => door.refuse(request, context, error),
      onSuccess: (verified) =>
        Effect.updateContext(next, (context: Context.Context<never>) =>
          provide(mention(context, fiber.cache.span, verified, door), verified.apiKey),
        ),
    })
    return addOnExit(context, keepPrivate, answer)
  }
}

// Middlewares run within a request.
const requestOf = (context: Context.Context<never>): HttpServerRequest.HttpServerRequest =>
  Context.getUnsafe(context, HttpServerRequest.HttpServerRequest)

type AddressOf = ReturnType<typeof makeClientAddress>

/** The address is read when a key asks for it. The accessor is the object's own, so that a copy of the options has the address too. */
const optionsOf = (scopes: ReadonlyArray<Scope>, request: HttpServerRequest.HttpServerRequest, addressOf: AddressOf): VerifyOptions => ({
  scopes,
  get address() {
    const address = addressOf(request)
    return address === undefined ? undefined : formatAddress(address)
  },
})

interface Demands {
  readonly group: HttpApiGroup.Top
  readonly scopes: ReadonlyArray<Scope>
  readonly door: Door
  /** Tells caches also that the answer is for the sender of the key alone. */
  readonly keepPrivate: HttpEffect.PreResponseHandler
}

/** How requests to an endpoint carry their keys, and are refused. */
interface Door {
  readonly read: ReadCredential
  readonly refuse: Refuse
  /** The headers whose values Effect shows, unless told otherwise. */
  readonly unusualHeaders: ReadonlyArray<string>
  /** The headers' names in the spelling of the options. */
  readonly vary: ReadonlyArray<string>
  /** Tells caches by which headers the answer differs. */
  readonly tellApart: HttpEffect.PreResponseHandler
  /** Whether answers have `X-RateLimit-*` too. */
  readonly xRateLimit: boolean
}

/**
 * The scopes that an endpoint asks of a key, and the places where the endpoint takes keys. An endpoint may be in several groups, which ask for
 * more.
 */
const makeDemandsOf = (auth: { readonly key: string }, realm: string, xRateLimit: boolean): ((target: Target) => Demands) => {
  const demands = new WeakMap<HttpApiEndpoint.Top, Demands>()
  const doors = new WeakMap<Credentials, Door>()
  const doorOf = (credentials: Credentials): Door => {
    const known = doors.get(credentials)
    if (known !== undefined) return known
    const vary = varyOf(credentials)
    const door = {
      vary,
      tellApart: tellCaches(vary, undefined),
      read: makeReadCredential(credentials),
      refuse: makeRefuse(makeChallenge(credentials, realm), xRateLimit),
      xRateLimit,
      unusualHeaders: headersOf(credentials).filter((header) => !usualHeaders.has(header)),
    }
    doors.set(credentials, door)
    return door
  }
  return ({ endpoint, group }) => {
    const known = demands.get(endpoint)
    if (known !== undefined && known.group === group) return known
    const door = doorOf(credentialsOf(endpoint, auth))
    const keepPrivate = tellCaches(door.vary, Context.get(group.annotations, CacheControl))
    const found = { group, scopes: requiredScopes({ endpoint, group }), door, keepPrivate }
    demands.set(endpoint, found)
    return found
  }
}

/** Adds the handler once the answer is there, and so behind a handler's own changes of the response. */
const addOnExit = <A, E, R>(
  context: Context.Context<never>,
  handler: HttpEffect.PreResponseHandler,
  answer: Effect.Effect<A, E, R>,
): Effect.Effect<A, E, R> =>
  Effect.onExitPrimitive(answer, () => {
    HttpEffect.appendPreResponseHandlerUnsafe(context, handler)
    return undefined
  })

/** RFC 9111 §3.5 keeps answers to `Authorization` from shared caches, and answers to keys in other headers only by their `Cache-Control`. */
const tellCaches = (names: ReadonlyArray<string>, cacheControl: "private" | "no-store" | undefined): HttpEffect.PreResponseHandler => {
  const usual = { vary: names.join(", "), ...(cacheControl !== undefined && { "cache-control": cacheControl }) }
  return (_request, response) => {
    const { vary, "cache-control": said } = response.headers
    if (vary === undefined && said === undefined) {
      // Single calls of `setHeader` cost less than `setHeaders`.
      const told = HttpServerResponse.setHeader(response, "vary", usual.vary)
      return Effect.succeed(cacheControl === undefined ? told : HttpServerResponse.setHeader(told, "cache-control", cacheControl))
    }
    const headers = {
      ...usual,
      ...(vary !== undefined && { vary: addToVary(vary, names) }),
      ...(said !== undefined && { "cache-control": said }),
    }
    return Effect.succeed(HttpServerResponse.setHeaders(response, headers))
  }
}

/** `*` says of any header that the answer differs by it. */
const addToVary = (vary: string, names: ReadonlyArray<string>): string => {
  const listed = vary.split(",").flatMap((name) => (name.trim() === "" ? [] : [name.trim()]))
  if (listed.includes("*")) return vary
  const known = new Set(listed.map((name) => name.toLowerCase()))
  return [...listed, ...names.filter((name) => !known.has(name.toLowerCase()))].join(", ")
}

const usualHeaders = new Set(["authorization", "x-api-key"])

/**
 * Names the key in the request's span and in the logs under the context. A caller whose token is about to end is told so, and a caller with rate
 * limits what is left of them.
 */
const mention = (
  context: Context.Context<never>,
  span: Tracer.AnySpan | undefined,
  { apiKey, usedToken, limits }: Verified,
  { unusualHeaders, xRateLimit }: Door,
): Context.Context<never> => {
  const { id, keyId } = apiKey
  if (span?._tag === "Span" && span.status._tag === "Started") {
    span.attribute("api_key.id", id)
    span.attribute("api_key.key_id", keyId)
  }
  const redacted =
    unusualHeaders.length === 0
      ? context
      : Context.add(context, Headers.CurrentRedactedNames, redactAlso(Context.get(context, Headers.CurrentRedactedNames), unusualHeaders))
  const mentioned = Context.add(redacted, References.CurrentLogAnnotations, {
    ...Context.get(context, References.CurrentLogAnnotations),
    "api_key.id": id,
    "api_key.key_id": keyId,
  })
  if (limits.length > 0) {
    const now = Context.get(context, Clock.Clock).currentTimeMillisUnsafe()
    HttpEffect.appendPreResponseHandlerUnsafe(context, RateLimitFields.adding(RateLimitFields.fieldsOf(limits, xRateLimit, now)))
  }
  if (usedToken === "current") return mentioned
  deprecate(context, { replacedAt: tokenCreatedAt(apiKey), expiresAt: toldEndOfPrevious(apiKey) })
  return Context.add(mentioned, UsedToken, usedToken)
}
