/**
 * Carries out {@link ApiKeyAuth} and {@link OptionalApiKeyAuth} with the `ApiKeys` service.
 *
 * All of it runs at each request, so it makes do without generators, and with one context, one span attribute or log line only where there
 * is somebody to read it, and refusals that are made once.
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as HttpEffect from "effect/http/HttpEffect"
import * as HttpServerRequest from "effect/http/HttpServerRequest"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import type * as HttpApiEndpoint from "effect/http-api/HttpApiEndpoint"
import type * as HttpApiGroup from "effect/http-api/HttpApiGroup"
import * as Layer from "effect/Layer"
import * as LogLevel from "effect/LogLevel"
import * as Option from "effect/Option"
import * as References from "effect/References"
import * as Tracer from "effect/Tracer"
import { type ApiKey, tokenCreatedAt } from "../ApiKey.ts"
import { type HasherError, MissingApiKey, type Overloaded, type RepositoryError, type VerifyError } from "../ApiKeyError.ts"
import { ApiKeys, type Verified } from "../ApiKeys.ts"
import { recordOfPrevious } from "../internal/verification.ts"
import type { Scope } from "../Scope.ts"
import {
  ApiKeyAuth,
  type authProblems,
  CurrentApiKey,
  OptionalApiKey,
  OptionalApiKeyAuth,
  requiredScopes,
  UsedToken,
} from "./ApiKeyAuth.ts"
import * as Problem from "./Problem.ts"

/** @category models @since 0.1.0 */
export interface AuthOptions {
  /** Named in the challenge (`WWW-Authenticate`). Default: `api-keys`. */
  readonly realm?: string | undefined
}

/**
 * The middlewares {@link ApiKeyAuth} and {@link OptionalApiKeyAuth}. Provide it to `HttpApiBuilder.group` of each protected group.
 * @category layers
 * @since 0.1.0
 */
export const layerAuth = (options: AuthOptions = {}): Layer.Layer<ApiKeyAuth | OptionalApiKeyAuth, never, ApiKeys> => {
  const { realm = "api-keys" } = options
  const refuse = makeRefuse(realm)
  return Layer.mergeAll(
    Layer.effect(
      ApiKeyAuth,
      Effect.map(ApiKeys, (apiKeys) => {
        const first: Scheme<CurrentApiKey> = (next, target) =>
          Effect.withFiber((fiber) => {
            const request = requestOf(fiber.context)
            const credential = readCredential(request)
            if (typeof credential !== "string") return refuse(request, fiber.context, credential)
            return Effect.matchEffect(apiKeys.verify(credential, demandsOf(target)), {
              onFailure: (error) => refuse(request, fiber.context, error),
              onSuccess: (verified) =>
                Effect.updateContext(next, (context: Context.Context<never>) =>
                  Context.add(mention(context, verified), CurrentApiKey, verified.apiKey),
                ),
            })
          })
        return ApiKeyAuth.of({ bearer: first, apiKey: repeat(first) })
      }),
    ),
    Layer.effect(
      OptionalApiKeyAuth,
      Effect.map(ApiKeys, (apiKeys) => {
        const first: Scheme<OptionalApiKey> = (next, target) =>
          Effect.withFiber((fiber) => {
            const request = requestOf(fiber.context)
            const credential = readCredential(request)
            const demands = demandsOf(target)
            if (credential === missing && demands.scopes.length === 0) return Effect.provideService(next, OptionalApiKey, Option.none())
            if (typeof credential !== "string") return refuse(request, fiber.context, credential)
            return Effect.matchEffect(apiKeys.verify(credential, demands), {
              onFailure: (error) => refuse(request, fiber.context, error),
              onSuccess: (verified) =>
                Effect.updateContext(next, (context: Context.Context<never>) =>
                  Context.add(mention(context, verified), OptionalApiKey, Option.some(verified.apiKey)),
                ),
            })
          })
        return OptionalApiKeyAuth.of({ bearer: first, apiKey: repeat(first) })
      }),
    ),
    // Handlers are built with what this layer gives, and so refuse in its name.
    Layer.succeed(Realm, realm),
  )
}

/** The realm that challenges name, for handlers that refuse by themselves. */
const Realm = Context.Reference<string>("effect-api-key/http/Realm", { defaultValue: () => "api-keys" })

/** Adds the challenge for scopes that are lacking (RFC 6750 §3) to the response. */
export const challengeScopes = (scopes: ReadonlyArray<string>) =>
  addChallenge([
    ["error", "insufficient_scope"],
    ["scope", scopes.join(" ")],
  ])

/** Refuses the caller's key, with the challenge for it, where a handler knows better than what it was let in by. */
export const refuseKey = <Refusal extends Problem.InactiveProblem | Problem.ExpiredProblem>(problem: Refusal) =>
  Effect.andThen(addChallenge(invalidToken(problem)), Effect.fail(problem))

type Parameters = ReadonlyArray<readonly [name: string, value: string]>

const invalidToken = ({ message }: { readonly message: string }): Parameters => [
  ["error", "invalid_token"],
  ["error_description", message],
]

const addChallenge = (parameters: Parameters): Effect.Effect<void, never, HttpServerRequest.HttpServerRequest> =>
  Effect.flatMap(Realm, (realm) => HttpEffect.appendPreResponseHandler(setHeader("www-authenticate", challenge(realm, parameters))))

const challenge = (realm: string, parameters: Parameters): string =>
  `Bearer realm=${quote(realm)}${parameters.map(([name, value]) => `, ${name}=${quote(value)}`).join("")}`

const setHeader =
  (name: string, value: string): HttpEffect.PreResponseHandler =>
  (_request, response) =>
    Effect.succeed(HttpServerResponse.setHeader(response, name, value))

type Response = HttpServerResponse.HttpServerResponse
type Scheme<Provided> = <E>(
  next: Effect.Effect<Response, E, Provided>,
  target: Target,
) => Effect.Effect<Response, E | AuthProblem, HttpServerRequest.HttpServerRequest>

/**
 * Effect tries the schemes in turn, and any failure leads to the next one. The first does the work of both, as most requests are good and
 * then have no need of the other, which repeats what the first one found wrong.
 */
const repeat =
  <Provided>(first: Scheme<Provided>): Scheme<Provided> =>
  (next, target) =>
    Effect.withFiber((fiber) => refusals.get(requestOf(fiber.context)) ?? first(next, target))

const refusals = new WeakMap<HttpServerRequest.HttpServerRequest, Exit.Exit<never, AuthProblem>>()

// Middlewares run within a request.
const requestOf = (context: Context.Context<never>): HttpServerRequest.HttpServerRequest =>
  Context.getUnsafe(context, HttpServerRequest.HttpServerRequest)

interface Target {
  readonly endpoint: HttpApiEndpoint.Top
  readonly group: HttpApiGroup.Top
}

interface Demands {
  readonly group: HttpApiGroup.Top
  readonly scopes: ReadonlyArray<Scope>
}

const demands = new WeakMap<HttpApiEndpoint.Top, Demands>()

/** What an endpoint asks of a key. An endpoint may be in several groups, which ask for more. */
const demandsOf = ({ endpoint, group }: Target): Demands => {
  const known = demands.get(endpoint)
  if (known !== undefined && known.group === group) return known
  const found = { group, scopes: requiredScopes({ endpoint, group }) }
  demands.set(endpoint, found)
  return found
}

/** Tells of the key in the request's span, in the logs of what is run with the context, and to the caller if its token is about to end. */
const mention = (context: Context.Context<never>, { apiKey, usedToken }: Verified): Context.Context<never> => {
  const { id, keyId } = apiKey
  const span = Context.getOrUndefined(context, Tracer.ParentSpan)
  if (span?._tag === "Span" && span.status._tag === "Started") {
    span.attribute("api_key.id", id)
    span.attribute("api_key.key_id", keyId)
  }
  const mentioned = Context.add(context, References.CurrentLogAnnotations, {
    ...Context.get(context, References.CurrentLogAnnotations),
    "api_key.id": id,
    "api_key.key_id": keyId,
  })
  if (usedToken === "current") return mentioned
  deprecate(context, apiKey)
  return Context.add(mentioned, UsedToken, usedToken)
}

/** Tells that the token is about to end: a date of a structured field (RFC 9651 §3.3.7) and one of HTTP (RFC 9110 §5.6.7). */
const deprecate = (context: Context.Context<never>, apiKey: ApiKey): void => {
  const { previous, expiresAt } = apiKey
  const ends = [previous?.expiresAt ?? null, expiresAt].flatMap((end) => (end === null ? [] : [end.epochMilliseconds]))
  const headers = {
    deprecation: `@${Math.floor(tokenCreatedAt(apiKey).epochMilliseconds / 1_000)}`,
    ...(ends.length > 0 && { sunset: new Date(Math.min(...ends)).toUTCString() }),
  }
  HttpEffect.appendPreResponseHandlerUnsafe(context, (_request, response) =>
    Effect.succeed(HttpServerResponse.setHeaders(response, headers)),
  )
}

const missing = new MissingApiKey()

/** The one credential of a request. An `Authorization` of another scheme is none of ours. */
const readCredential = ({ headers }: HttpServerRequest.HttpServerRequest): string | MissingApiKey | Problem.InvalidRequestProblem => {
  const bearer = bearerToken(headers["authorization"])
  const apiKey = headers["x-api-key"]?.trim()
  if (bearer && apiKey && bearer !== apiKey) return twoCredentials
  return bearer || apiKey || missing
}

const twoCredentials = new Problem.InvalidRequestProblem({ detail: "Send one credential, not two different ones" })

/** RFC 9110 §11.1: the scheme is case-insensitive, and one or more spaces follow it. */
const bearerToken = (authorization: string | undefined): string | undefined =>
  authorization !== undefined && authorization.slice(0, 7).toLowerCase() === "bearer " ? authorization.slice(7).trim() : undefined

type AuthProblem = (typeof authProblems)[number]["Type"]
type Refused = VerifyError | MissingApiKey | Problem.InvalidRequestProblem

/** A problem, and the header that goes with it. */
interface Refusal {
  readonly exit: Exit.Exit<never, AuthProblem>
  readonly addHeader: HttpEffect.PreResponseHandler | undefined
}

const makeRefuse = (realm: string) => {
  const make = (problem: AuthProblem, ...parameters: Parameters): Refusal => ({
    exit: Exit.fail(problem),
    addHeader: setHeader("www-authenticate", challenge(realm, parameters)),
  })
  const makeInvalid = (problem: Problem.InvalidTokenProblem | Problem.InactiveProblem | Problem.ExpiredProblem): Refusal =>
    make(problem, ...invalidToken(problem))
  // Strangers get to see these, and an error costs as much as the rest of a refusal.
  const noKey = make(new Problem.MissingApiKeyProblem())
  const invalid = makeInvalid(new Problem.InvalidTokenProblem())
  const inactive = makeInvalid(new Problem.InactiveProblem())
  const ambiguous = make(twoCredentials, ["error", "invalid_request"], ["error_description", twoCredentials.message])
  const busy = new Map<number, Refusal>()

  /** What the wire is told (RFC 6750 §3): malformed, unknown and wrong secret are the same. */
  const toRefusal = (error: Exclude<Refused, RepositoryError | HasherError>): Refusal => {
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
      case "InvalidRequestProblem":
        return ambiguous
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

  return (
    request: HttpServerRequest.HttpServerRequest,
    context: Context.Context<never>,
    error: Refused,
  ): Effect.Effect<never, AuthProblem> => {
    if (error._tag === "RepositoryError" || error._tag === "HasherError") {
      return Effect.flatMap(unavailable(error), (problem) => {
        const exit = Exit.fail(problem)
        refusals.set(request, exit)
        return exit
      })
    }
    const { exit, addHeader } = toRefusal(error)
    refusals.set(request, exit)
    if (addHeader !== undefined) HttpEffect.appendPreResponseHandlerUnsafe(context, addHeader)
    if (error._tag === "InsufficientScope") {
      const lacking = recordOfPrevious(error)
      if (lacking !== undefined) deprecate(context, lacking)
    }
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

/** Tells the operator what failed, and the caller that it did. */
export const unavailable = (error: RepositoryError | HasherError): Effect.Effect<Problem.ServiceUnavailableProblem> =>
  Effect.as(Effect.logError(error.message, error.cause), new Problem.ServiceUnavailableProblem())

/** A quoted-string of RFC 9110 §5.6.4, with what a header can't hold left out. */
const quote = (text: string): string => `"${text.replace(/[^\t\x20-\x7e]/g, "").replace(/["\\]/g, "\\$&")}"`
