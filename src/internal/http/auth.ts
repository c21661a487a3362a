/**
 * Carries out {@link ApiKeyAuth} and {@link OptionalApiKeyAuth} with the `ApiKeys` service.
 *
 * The code runs at each request, so it has no generators, and makes a single context. A span attribute or log line is made only where a reader
 * is present. Refusals are made once.
 * @since 0.1.0
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as DateTime from "effect/DateTime"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import * as Headers from "effect/http/Headers"
import * as HttpEffect from "effect/http/HttpEffect"
import * as HttpServerRequest from "effect/http/HttpServerRequest"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import * as HttpApi from "effect/http-api/HttpApi"
import type * as HttpApiEndpoint from "effect/http-api/HttpApiEndpoint"
import type * as HttpApiGroup from "effect/http-api/HttpApiGroup"
import * as Layer from "effect/Layer"
import * as LogLevel from "effect/LogLevel"
import * as Option from "effect/Option"
import * as References from "effect/References"
import type * as Tracer from "effect/Tracer"
import { type ApiKey, tokenCreatedAt } from "../../ApiKey.ts"
import type { HasherError, InsufficientScope, MissingApiKey, Overloaded, RepositoryError, VerifyError } from "../../ApiKeyError.ts"
import { ApiKeys, type Verified } from "../../ApiKeys.ts"
import type { Scope } from "../../Scope.ts"
import { toldEndOfPrevious } from "../record/previousToken.ts"
import { recallOf } from "../verifier/recall.ts"
import { ApiKeyAuth, type AuthProblem, CurrentApiKey, OptionalApiKey, OptionalApiKeyAuth, requiredScopes, UsedToken } from "./ApiKeyAuth.ts"
import { CacheControl, type Credentials, credentialsOf, headersOf, isAuthorization, redactAlso, varyOf } from "./credentials.ts"
import { type Target, withWay } from "./directly.ts"
import * as Problem from "./Problem.ts"
import * as RateLimitFields from "./rateLimitFields.ts"
import { makeReadCredential, missing, type ReadCredential } from "./readCredential.ts"

/** @category models @since 0.1.0 */
export interface AuthOptions {
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
  return Layer.mergeAll(
    Layer.effect(
      ApiKeyAuth,
      Effect.map(ApiKeys, (apiKeys) =>
        makeService<CurrentApiKey>(apiKeys, makeDemandsOf(ApiKeyAuth, realm, xRateLimit), {
          provide: (context, apiKey) => Context.add(context, CurrentApiKey, apiKey),
          withoutKey: undefined,
        }),
      ),
    ),
    Layer.effect(
      OptionalApiKeyAuth,
      Effect.map(ApiKeys, (apiKeys) =>
        makeService<OptionalApiKey>(apiKeys, makeDemandsOf(OptionalApiKeyAuth, realm, xRateLimit), {
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

/** The realm that challenges name, for handlers that refuse by themselves. */
const Realm = Context.Reference<string>("effect-api-key/http/Realm", { defaultValue: () => "api-keys" })

/** Adds the challenge for scopes that are lacking (RFC 6750 §3) to the response of an endpoint. */
export const challengeScopes = (endpoint: HttpApiEndpoint.Top, scopes: ReadonlyArray<string>) =>
  addChallenge(endpoint, [
    ["error", "insufficient_scope"],
    ["scope", scopes.join(" ")],
  ])

/** Refuses the caller's key with its challenge, where a handler has a newer state of the key than the middleware. */
export const refuseKey = <Refusal extends Problem.InactiveProblem | Problem.ExpiredProblem>(
  endpoint: HttpApiEndpoint.Top,
  problem: Refusal,
) => Effect.andThen(addChallenge(endpoint, invalidToken(problem)), Effect.fail(problem))

type Parameters = ReadonlyArray<readonly [name: string, value: string]>

const invalidToken = ({ message }: { readonly message: string }): Parameters => [
  ["error", "invalid_token"],
  ["error_description", message],
]

const addChallenge = (
  endpoint: HttpApiEndpoint.Top,
  parameters: Parameters,
): Effect.Effect<void, never, HttpServerRequest.HttpServerRequest> =>
  Effect.flatMap(Realm, (realm) => {
    const challenge = makeChallenge(credentialsOf(endpoint, ApiKeyAuth), realm)
    return HttpEffect.appendPreResponseHandler(setHeader("www-authenticate", challenge(parameters)))
  })

/**
 * A challenge for each scheme that `Authorization` is taken with. Keys in other headers have no scheme of HTTP's. Without any scheme, the
 * headers' names stand in the challenge, as a 401 must challenge (RFC 9110 §15.5.2).
 */
const makeChallenge = (credentials: Credentials, realm: string): ((parameters: Parameters) => string) => {
  const ofHttp = credentials.places.flatMap((place) => (isAuthorization(place) && place.scheme !== undefined ? [place.scheme] : []))
  const schemes = ofHttp.length > 0 ? ofHttp : varyOf(credentials)
  return (parameters) => {
    const all = [["realm", realm] as const, ...parameters].map(([name, value]) => `${name}=${quote(value)}`).join(", ")
    return schemes.map((scheme) => `${scheme} ${all}`).join(", ")
  }
}

const setHeader =
  (name: string, value: string): HttpEffect.PreResponseHandler =>
  (_request, response) =>
    Effect.succeed(HttpServerResponse.setHeader(response, name, value))

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
  demandsOf: (target: Target) => Demands,
  provision: Provision<Provided>,
): Schemes<Provided> => {
  const check = makeCheck(apiKeys, provision)
  const each: Scheme<Provided> = (next, target) =>
    Effect.withFiber((fiber) => refusals.get(requestOf(fiber.context)) ?? check(next, demandsOf(target), fiber))
  const schemes = new Proxy({ bearer: each, apiKey: each }, { get: (_, name) => (typeof name === "string" ? each : undefined) })
  return withWay(schemes, (next, target) => {
    const demands = demandsOf(target)
    return (fiber) => check(next, demands, fiber)
  })
}

/** Checks the key of a fiber's request, and goes on to `next` with a good key. */
const makeCheck = <Provided>(apiKeys: ApiKeys["Service"], { provide, withoutKey }: Provision<Provided>) => {
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
    const answer = Effect.matchEffect(apiKeys.verify(credential, demands), {
      onFailure: (error) => door.refuse(request, context, error),
      onSuccess: (verified) =>
        Effect.updateContext(next, (context: Context.Context<never>) =>
          provide(mention(context, fiber.cache.span, verified, door), verified.apiKey),
        ),
    })
    return addOnExit(context, keepPrivate, answer)
  }
}

const refusals = new WeakMap<HttpServerRequest.HttpServerRequest, Exit.Exit<never, AuthProblem>>()

// Middlewares run within a request.
const requestOf = (context: Context.Context<never>): HttpServerRequest.HttpServerRequest =>
  Context.getUnsafe(context, HttpServerRequest.HttpServerRequest)

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

/** Tells that the token is about to end: a date of a structured field (RFC 9651 §3.3.7) and one of HTTP (RFC 9110 §5.6.7). */
const deprecate = (context: Context.Context<never>, { replacedAt, expiresAt }: NonNullable<InsufficientScope["previous"]>): void => {
  const headers = {
    deprecation: `@${Math.floor(replacedAt.epochMilliseconds / 1_000)}`,
    ...(expiresAt !== null && { sunset: new Date(expiresAt.epochMilliseconds).toUTCString() }),
  }
  HttpEffect.appendPreResponseHandlerUnsafe(context, (_request, response) =>
    Effect.succeed(HttpServerResponse.setHeaders(response, headers)),
  )
}

type Refused = VerifyError | MissingApiKey | Problem.InvalidRequestProblem

/** A problem, and the header that goes with it. */
interface Refusal {
  readonly exit: Exit.Exit<never, AuthProblem>
  readonly addHeader: HttpEffect.PreResponseHandler | undefined
}

type Refuse = (
  request: HttpServerRequest.HttpServerRequest,
  context: Context.Context<never>,
  error: Refused,
) => Effect.Effect<never, AuthProblem>

const makeRefuse = (challenge: (parameters: Parameters) => string, xRateLimit: boolean): Refuse => {
  const make = (problem: AuthProblem, ...parameters: Parameters): Refusal => ({
    exit: Exit.fail(problem),
    addHeader: setHeader("www-authenticate", challenge(parameters)),
  })
  const makeInvalid = (problem: Problem.InvalidTokenProblem | Problem.InactiveProblem | Problem.ExpiredProblem): Refusal =>
    make(problem, ...invalidToken(problem))
  // Strangers get to see these, and an error costs as much as the rest of a refusal.
  const noKey = make(new Problem.MissingApiKeyProblem())
  const invalid = makeInvalid(new Problem.InvalidTokenProblem())
  const inactive = makeInvalid(new Problem.InactiveProblem())
  const notAllowed = make(new Problem.IpNotAllowedProblem())
  const ambiguous = new WeakMap<Problem.InvalidRequestProblem, Refusal>()
  const busy = new Map<number, Refusal>()

  /** The refusal on the wire (RFC 6750 §3): malformed, unknown and wrong secret are the same. */
  const toRefusal = (error: Exclude<Refused, RepositoryError | HasherError>, context: Context.Context<never>): Refusal => {
    switch (error._tag) {
      case "MissingApiKey":
        return noKey
      case "MalformedToken":
      case "NotFound":
      case "InvalidSecret":
        return invalid
      case "Inactive":
        return inactive
      case "Expired":
        return makeInvalid(new Problem.ExpiredProblem({ expiresAt: error.expiresAt }))
      case "InsufficientScope":
        return make(
          new Problem.InsufficientScopeProblem({ required: error.required }, { disableChecks: true }),
          ["error", "insufficient_scope"],
          ["scope", error.required.join(" ")],
        )
      case "IpNotAllowed":
        return notAllowed
      case "RateLimited": {
        const now = Context.get(context, Clock.Clock).currentTimeMillisUnsafe()
        const retryAt = error.retryAfter === null ? null : DateTime.makeUnsafe(now + Duration.toMillis(error.retryAfter))
        return {
          exit: Exit.fail(new Problem.RateLimitedProblem({ "violated-policies": error.violated, retryAt }, { disableChecks: true })),
          addHeader: RateLimitFields.adding(RateLimitFields.fieldsOfRefusal(error, xRateLimit, now)),
        }
      }
      case "PolicyRefused":
        // RFC 6750 has no error for it, and none that fits.
        return make(new Problem.PolicyRefusedProblem({ policy: error.kind, reason: error.reason }, { disableChecks: true }))
      case "InvalidRequestProblem": {
        const known = ambiguous.get(error)
        if (known !== undefined) return known
        const refusal = make(error, ["error", "invalid_request"], ["error_description", error.message])
        ambiguous.set(error, refusal)
        return refusal
      }
      case "Overloaded": {
        const { retryAfterSeconds } = error
        const known = busy.get(retryAfterSeconds)
        if (known !== undefined) return known
        const problem = new Problem.OverloadedProblem({ retryAfterSeconds })
        const refusal = { exit: Exit.fail(problem), addHeader: retryAfter(problem) }
        if (busy.size < 100) busy.set(retryAfterSeconds, refusal)
        return refusal
      }
    }
  }

  return (request, context, error) => {
    if (error._tag === "RepositoryError" || error._tag === "HasherError") {
      return Effect.flatMap(unavailable(error), (problem) => {
        const exit = Exit.fail(problem)
        refusals.set(request, exit)
        return exit
      })
    }
    const { exit, addHeader } = toRefusal(error, context)
    refusals.set(request, exit)
    if (addHeader !== undefined) HttpEffect.appendPreResponseHandlerUnsafe(context, addHeader)
    if (error._tag === "InsufficientScope" && error.previous !== undefined) deprecate(context, error.previous)
    return LogLevel.isGreaterThan(Context.get(context, References.MinimumLogLevel), "Debug")
      ? exit
      : Effect.andThen(logRefused(error), exit)
  }
}

const logRefused = (error: Refused): Effect.Effect<void> =>
  Effect.logDebug("Refused a request", error._tag).pipe(Effect.annotateLogs("keyId" in error ? { "api_key.key_id": error.keyId } : {}))

const retryAfter = ({ retryAfterSeconds }: Problem.OverloadedProblem): HttpEffect.PreResponseHandler =>
  setHeader("retry-after", String(retryAfterSeconds))

/** Fails, and tells when to come again. */
export const overloaded = ({
  retryAfterSeconds,
}: Overloaded): Effect.Effect<never, Problem.OverloadedProblem, HttpServerRequest.HttpServerRequest> => {
  const problem = new Problem.OverloadedProblem({ retryAfterSeconds })
  return Effect.andThen(HttpEffect.appendPreResponseHandler(retryAfter(problem)), Effect.fail(problem))
}

/** Logs the failure for the operator. The caller gets 503 without the cause. */
export const unavailable = (error: RepositoryError | HasherError): Effect.Effect<Problem.ServiceUnavailableProblem> =>
  Effect.as(Effect.logError(error.message, error.cause), new Problem.ServiceUnavailableProblem())

/** A quoted-string of RFC 9110 §5.6.4, without characters that a header can't hold. */
const quote = (text: string): string => `"${text.replace(/[^\t\x20-\x7e]/g, "").replace(/["\\]/g, "\\$&")}"`
