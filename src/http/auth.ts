/**
 * Carries out {@link ApiKeyAuth} and {@link OptionalApiKeyAuth} with the `ApiKeys` service.
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as HttpEffect from "effect/http/HttpEffect"
import * as HttpServerRequest from "effect/http/HttpServerRequest"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import type * as HttpApiEndpoint from "effect/http-api/HttpApiEndpoint"
import type * as HttpApiGroup from "effect/http-api/HttpApiGroup"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import type { ApiKey } from "../ApiKey.ts"
import { MissingApiKey, type HasherError, type RepositoryError, type VerifyError } from "../ApiKeyError.ts"
import { ApiKeys } from "../ApiKeys.ts"
import { ApiKeyAuth, type authProblems, CurrentApiKey, OptionalApiKey, OptionalApiKeyAuth, requiredScopes } from "./ApiKeyAuth.ts"
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
  const refuse = refuseWith(realm)
  const required = Effect.gen(function* () {
    const check = authenticate(yield* ApiKeys)
    return ApiKeyAuth.of({
      // The schemes are tried in turn and any failure leads to the next one, so the last one does the work of both, once.
      bearer: () => passOn,
      apiKey: (next, target) =>
        Effect.matchEffect(check(target), {
          onFailure: refuse,
          onSuccess: (apiKey) =>
            Effect.annotateLogs(Effect.provideService(next, CurrentApiKey, apiKey), logged(apiKey)).pipe(
              Effect.provideService(Realm, realm),
            ),
        }),
    })
  })
  const optional = Effect.gen(function* () {
    const check = authenticate(yield* ApiKeys)
    return OptionalApiKeyAuth.of({
      bearer: () => passOn,
      apiKey: (next, target) =>
        check(target).pipe(
          Effect.map(Option.some),
          Effect.catchTag("MissingApiKey", (missing) =>
            requiredScopes(target).length === 0 ? Effect.succeed(Option.none<ApiKey>()) : Effect.fail(missing),
          ),
          Effect.matchEffect({
            onFailure: refuse,
            onSuccess: (apiKey) =>
              Effect.annotateLogs(
                Effect.provideService(next, OptionalApiKey, apiKey),
                Option.match(apiKey, { onNone: () => ({}), onSome: logged }),
              ),
          }),
        ),
    })
  })
  return Layer.mergeAll(Layer.effect(ApiKeyAuth, required), Layer.effect(OptionalApiKeyAuth, optional))
}

/** The realm that challenges name, for handlers that refuse by themselves. */
const Realm = Context.Reference<string>("effect-api-key/http/Realm", { defaultValue: () => "api-keys" })

/** Adds the challenge for scopes that are lacking (RFC 6750 §3) to the response. */
export const challengeScopes = (scopes: ReadonlyArray<string>) =>
  Effect.flatMap(Realm, (realm) =>
    addChallenge(realm, [
      ["error", "insufficient_scope"],
      ["scope", scopes.join(" ")],
    ]),
  )

const addChallenge = (realm: string, parameters: ReadonlyArray<readonly [name: string, value: string]>) => {
  const challenge = `Bearer realm=${quote(realm)}${parameters.map(([name, value]) => `, ${name}=${quote(value)}`).join("")}`
  return HttpEffect.appendPreResponseHandler((_request, response) =>
    Effect.succeed(HttpServerResponse.setHeader(response, "www-authenticate", challenge)),
  )
}

interface Target {
  readonly endpoint: HttpApiEndpoint.Top
  readonly group: HttpApiGroup.Top
}

const passOn = Effect.fail(new Problem.MissingApiKeyProblem())

const authenticate = (apiKeys: ApiKeys["Service"]) =>
  Effect.fnUntraced(function* (target: Target) {
    const credential = yield* readCredential(yield* HttpServerRequest.HttpServerRequest)
    const apiKey = yield* apiKeys.verify(credential, { scopes: requiredScopes(target) })
    yield* Effect.annotateCurrentSpan(logged(apiKey))
    return apiKey
  })

/** What logs and spans tell of a key. */
const logged = ({ id, keyId }: ApiKey) => ({ "api_key.id": id, "api_key.key_id": keyId })

/** The one credential of a request. An `Authorization` of another scheme is none of ours. */
const readCredential = ({
  headers,
}: HttpServerRequest.HttpServerRequest): Effect.Effect<string, MissingApiKey | Problem.InvalidRequestProblem> => {
  const bearer = bearerToken(headers["authorization"])
  const apiKey = headers["x-api-key"]?.trim()
  if (bearer && apiKey && bearer !== apiKey) {
    return Effect.fail(new Problem.InvalidRequestProblem({ detail: "Send one credential, not two different ones" }))
  }
  const credential = bearer || apiKey
  return credential ? Effect.succeed(credential) : Effect.fail(new MissingApiKey())
}

/** RFC 9110 §11.1: the scheme is case-insensitive, and one or more spaces follow it. */
const bearerToken = (authorization: string | undefined): string | undefined =>
  authorization !== undefined && authorization.slice(0, 7).toLowerCase() === "bearer " ? authorization.slice(7).trim() : undefined

type AuthProblem = (typeof authProblems)[number]["Type"]

const refuseWith = (realm: string) =>
  Effect.fnUntraced(function* (
    error: VerifyError | MissingApiKey | Problem.InvalidRequestProblem,
  ): Effect.fn.Return<never, AuthProblem, HttpServerRequest.HttpServerRequest> {
    yield* Effect.logDebug("Refused a request", error._tag).pipe(
      Effect.annotateLogs("keyId" in error ? { "api_key.key_id": error.keyId } : {}),
    )
    const problem = yield* toProblem(error)
    const parameters = challengeParameters(problem)
    if (parameters !== undefined) yield* addChallenge(realm, parameters)
    return yield* Effect.fail(problem)
  })

/** What the wire is told: malformed, unknown and wrong secret are the same. */
const toProblem = (error: VerifyError | MissingApiKey | Problem.InvalidRequestProblem): Effect.Effect<AuthProblem> => {
  switch (error._tag) {
    case "MissingApiKey":
      return Effect.succeed(new Problem.MissingApiKeyProblem())
    case "MalformedToken":
    case "NotFound":
    case "InvalidSecret":
      return Effect.succeed(new Problem.InvalidTokenProblem())
    case "Inactive":
      return Effect.succeed(new Problem.InactiveProblem())
    case "Expired":
      return Effect.succeed(new Problem.ExpiredProblem({ expiresAt: error.expiresAt }))
    case "InsufficientScope":
      return Effect.succeed(new Problem.InsufficientScopeProblem({ required: error.required }, { disableChecks: true }))
    case "RepositoryError":
    case "HasherError":
      return unavailable(error)
    case "InvalidRequestProblem":
      return Effect.succeed(error)
  }
}

/** Tells the operator what failed, and the caller that it did. */
export const unavailable = (error: RepositoryError | HasherError): Effect.Effect<Problem.ServiceUnavailableProblem> =>
  Effect.as(Effect.logError(error.message, error.cause), new Problem.ServiceUnavailableProblem())

/** The parameters that RFC 6750 §3 asks for; none without a challenge. */
const challengeParameters = (problem: AuthProblem): ReadonlyArray<readonly [string, string]> | undefined => {
  switch (problem._tag) {
    case "MissingApiKeyProblem":
      return []
    case "InvalidRequestProblem":
      return [
        ["error", "invalid_request"],
        ["error_description", problem.message],
      ]
    case "InvalidTokenProblem":
    case "InactiveProblem":
    case "ExpiredProblem":
      return [
        ["error", "invalid_token"],
        ["error_description", problem.message],
      ]
    case "InsufficientScopeProblem":
      return [
        ["error", "insufficient_scope"],
        ["scope", problem.required.join(" ")],
      ]
    case "ServiceUnavailableProblem":
      return undefined
  }
}

/** A quoted-string of RFC 9110 §5.6.4, with what a header can't hold left out. */
const quote = (text: string): string => `"${text.replace(/[^\t\x20-\x7e]/g, "").replace(/["\\]/g, "\\$&")}"`
