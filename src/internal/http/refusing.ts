/**
 * How a request is refused: the problem of a failure, its challenge (RFC 6750 §3) and its other header fields. Refusals are made once.
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as DateTime from "effect/DateTime"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as HttpEffect from "effect/http/HttpEffect"
import type * as HttpServerRequest from "effect/http/HttpServerRequest"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import type * as HttpApiEndpoint from "effect/http-api/HttpApiEndpoint"
import * as LogLevel from "effect/LogLevel"
import * as References from "effect/References"
import type { HasherError, InsufficientScope, MissingApiKey, Overloaded, RepositoryError, VerifyError } from "../../ApiKeyError.ts"
import { ApiKeyAuth, type AuthProblem } from "./ApiKeyAuth.ts"
import { type Credentials, credentialsOf, isAuthorization, varyOf } from "./credentials.ts"
import * as Problem from "./Problem.ts"
import * as RateLimitFields from "./rateLimitFields.ts"

/** The realm that challenges name, for handlers that refuse by themselves. */
export const Realm = Context.Reference<string>("effect-api-key/http/Realm", { defaultValue: () => "api-keys" })

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
export const makeChallenge = (credentials: Credentials, realm: string): ((parameters: Parameters) => string) => {
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

/** The refusals of requests, for the schemes that are tried after the first one. */
export const refusals = new WeakMap<HttpServerRequest.HttpServerRequest, Exit.Exit<never, AuthProblem>>()

/** Tells that the token is about to end: a date of a structured field (RFC 9651 §3.3.7) and one of HTTP (RFC 9110 §5.6.7). */
export const deprecate = (context: Context.Context<never>, { replacedAt, expiresAt }: NonNullable<InsufficientScope["previous"]>): void => {
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

export type Refuse = (
  request: HttpServerRequest.HttpServerRequest,
  context: Context.Context<never>,
  error: Refused,
) => Effect.Effect<never, AuthProblem>

export const makeRefuse = (challenge: (parameters: Parameters) => string, xRateLimit: boolean): Refuse => {
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
        return makeInvalid(
          new Problem.ExpiredProblem({ expiresAt: error.expiresAt, ...(error.reason !== undefined && { reason: error.reason }) }),
        )
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
      case "QuotaExceeded": {
        const { violated, refillsAt, limits } = error
        const now = Context.get(context, Clock.Clock).currentTimeMillisUnsafe()
        const retryAfter = refillsAt === null ? null : Duration.millis(Math.max(1, refillsAt.epochMilliseconds - now))
        return {
          exit: Exit.fail(
            refillsAt === null
              ? new Problem.QuotaSpentProblem({ "violated-policies": violated }, { disableChecks: true })
              : new Problem.RateLimitedProblem({ "violated-policies": violated, retryAt: refillsAt }, { disableChecks: true }),
          ),
          addHeader: RateLimitFields.adding(RateLimitFields.fieldsOfRefusal({ limits, violated, retryAfter }, xRateLimit, now)),
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
