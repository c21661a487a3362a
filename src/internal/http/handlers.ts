/**
 * Carries out {@link ApiKeysGroup} with the `ApiKeys` service.
 * @since 0.1.0
 */
import * as DateTime from "effect/DateTime"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as HttpEffect from "effect/http/HttpEffect"
import * as HttpServerRequest from "effect/http/HttpServerRequest"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import type * as HttpApi from "effect/http-api/HttpApi"
import * as HttpApiBuilder from "effect/http-api/HttpApiBuilder"
import type * as HttpApiEndpoint from "effect/http-api/HttpApiEndpoint"
import type * as HttpApiGroup from "effect/http-api/HttpApiGroup"
import * as HttpApiSchema from "effect/http-api/HttpApiSchema"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as SchemaJITCompiler from "effect/schema/SchemaJITCompiler"
import { type ApiKey, type ApiKeyId, status } from "../../ApiKey.ts"
import {
  type ApiKeyNotFound,
  type GraceRunning,
  type HasherError,
  type InvalidCursor,
  type InvalidInput,
  isRefusal,
  type RepositoryError,
  type TooManyKeys,
  type Unconfirmed,
  type VersionConflict,
} from "../../ApiKeyError.ts"
import { ApiKeys, type Verified } from "../../ApiKeys.ts"
import { CurrentActor } from "../../ApiKeyEvents.ts"
import type { Sort } from "../../ApiKeyRepository.ts"
import { satisfies, type Scope, set } from "../../Scope.ts"
import { recallOf } from "../verifier/recall.ts"
import { type ApiKeyAuth, assertProtected, CurrentApiKey, UsedToken } from "./ApiKeyAuth.ts"
import { ApiKeysApi, type RequestProblems } from "./ApiKeysGroup.ts"
import type { RevokedBody, SortQuery, VerifiedBody } from "./wire.ts"
import { areUnconditional, entityTag, failedPrecondition, type Preconditions } from "./preconditions.ts"
import { challengeScopes, overloaded, refuseKey, unavailable } from "./refusing.ts"
import * as Problem from "./Problem.ts"
import { writeVerified } from "./writtenAnswers.ts"

/**
 * The handlers of the group `apiKeys` within `api`. A caller hands out only scopes that its own key holds.
 * @category layers
 * @since 0.1.0
 * @example
 * ```ts
 * import { Layer } from "effect"
 * import { ApiKeys } from "effect-api-key"
 * import { ApiKeysGroup } from "effect-api-key/http/definition"
 * import { layerAuth, layerHandlers, layerRequestProblems } from "effect-api-key/http/implementation"
 * import { HttpApi, HttpApiBuilder } from "effect/http-api"
 *
 * const Api = HttpApi.make("shop").add(ApiKeysGroup)
 *
 * const routes = HttpApiBuilder.layer(Api).pipe(
 *   Layer.provide(layerHandlers(Api)),
 *   Layer.provide([layerAuth(), layerRequestProblems]),
 *   Layer.provide(ApiKeys.layerMemory),
 * )
 * ```
 */
export const layerHandlers = <ApiId extends string, Groups extends HttpApiGroup.Constraint>(
  api: HttpApi.HttpApi<ApiId, Groups>,
): Layer.Layer<HttpApiGroup.Service<ApiId, "apiKeys">, never, ApiKeys | ApiKeyAuth | RequestProblems> =>
  // The group that `api` holds under this name is ours. A path prefix, middleware or annotations may have been added, but no endpoints.
  Layer.suspend(() => {
    assertProtected(api)
    return makeHandlers(api as unknown as typeof ApiKeysApi) as Layer.Layer<
      HttpApiGroup.Service<ApiId, "apiKeys">,
      never,
      ApiKeys | ApiKeyAuth | RequestProblems
    >
  })

const makeHandlers = (api: typeof ApiKeysApi) => {
  compilePayloads(api.groups.apiKeys)
  return HttpApiBuilder.group(
    api,
    "apiKeys",
    Effect.fnUntraced(function* (handlers) {
      const apiKeys = yield* ApiKeys
      const recall = recallOf(apiKeys.verify)

      /** Binds a request with preconditions to the version for which the preconditions hold. No other version is written. */
      const judge = Effect.fnUntraced(function* (id: ApiKeyId, headers: Preconditions) {
        if (areUnconditional(headers)) return {}
        const current = yield* apiKeys.get(id)
        yield* checkPreconditions(current, headers)
        return { ifVersion: current.version }
      })

      /** A longer or a new life is a grant of the scopes that the key has. The version binds the grant to the checked scopes. */
      const checkCovered = Effect.fnUntraced(function* (endpoint: HttpApiEndpoint.Top, id: ApiKeyId) {
        const { scopes, version } = yield* apiKeys.get(id)
        yield* checkGrant(endpoint, scopes)
        return { ifVersion: version }
      })

      /**
       * Lets through a caller that may write keys, and a key that may rotate itself. Gives the key as the store has it, by which a key that
       * rotates itself is judged. The previous token is never good for its own key, as the previous token may be the leaked one. The store is
       * asked, as news of a rotation may not have reached this node yet.
       */
      const authorizeRotation = Effect.fnUntraced(function* (id: ApiKeyId, endpoint: HttpApiEndpoint.Top) {
        const caller = yield* CurrentApiKey
        const isSelf = caller.id === id
        if (isSelf && (yield* UsedToken) === "previous") return yield* Effect.fail(new Problem.PreviousTokenProblem())
        const target = isSelf ? yield* apiKeys.get(id) : undefined
        if (target !== undefined) {
          if (target.keyId !== caller.keyId) return yield* Effect.fail(new Problem.PreviousTokenProblem())
          const { expiresAt } = target
          const standing = status(target, yield* DateTime.now)
          if (standing === "inactive") return yield* refuseKey(endpoint, new Problem.InactiveProblem())
          if (standing === "expired" && expiresAt !== null) return yield* refuseKey(endpoint, new Problem.ExpiredProblem({ expiresAt }))
        }
        const { scopes } = target ?? caller
        const required: ReadonlyArray<Scope> = set(isSelf ? "api-keys:rotate-self" : "api-keys:write")
        if (!satisfies(scopes, ["api-keys:write"]) && !satisfies(scopes, required)) {
          yield* challengeScopes(endpoint, required)
          return yield* Effect.fail(new Problem.InsufficientScopeProblem({ required }))
        }
        return target === undefined ? { isSelf, target: yield* apiKeys.get(id) } : { isSelf, target }
      })

      return handlers.handleAll({
        create: ({ endpoint, payload }) =>
          Effect.gen(function* () {
            yield* checkGrant(endpoint, payload.scopes ?? [])
            const { apiKey, token } = yield* byCaller(apiKeys.create(payload))
            const { originalUrl } = yield* HttpServerRequest.HttpServerRequest
            const path = originalUrl
              .replace(/^https?:\/\/[^/]*/i, "")
              .replace(/[?#].*$/s, "")
              .replace(/\/+$/, "")
            return HttpApiSchema.withHeaders({
              body: { apiKey, token },
              headers: { location: `${path}/${apiKey.id}`, "cache-control": "no-store", etag: entityTag(apiKey) },
            })
          }).pipe(
            Effect.catchTags({
              InvalidInput: invalidInput,
              TooManyKeys: tooManyKeys,
              RepositoryError: failUnavailable,
              HasherError: failUnavailable,
            }),
          ),
        search: ({ query: { sort, ...query } }) =>
          Effect.map(
            apiKeys.search({ ...query, ...(sort === undefined ? {} : { sort: toSort(sort) }) }),
            ({ items, total, nextCursor }) => ({
              items,
              total,
              offset: query.cursor === undefined ? (query.offset ?? 0) : null,
              limit: query.limit ?? 50,
              nextCursor,
            }),
          ).pipe(Effect.catchTags({ InvalidInput: invalidInput, InvalidCursor: invalidCursor, RepositoryError: failUnavailable })),
        count: ({ query }) =>
          Effect.map(apiKeys.count(query), (count) => ({ count })).pipe(
            Effect.catchTags({ InvalidInput: invalidInput, RepositoryError: failUnavailable }),
          ),
        verify: ({ payload: { token, maxAge, ...options } }) =>
          Effect.withFiber(({ context }) => {
            const known = maxAge === undefined ? recall(Redacted.value(token), options, context) : undefined
            if (known !== undefined) return Effect.succeed(answerVerified(known))
            return Effect.map(apiKeys.verify(token, maxAge === undefined ? options : { ...options, maxAge }), answerVerified).pipe(
              Effect.catchTags({ RepositoryError: failUnavailable, HasherError: failUnavailable, Overloaded: overloaded }),
              Effect.catchIf(isRefusal, (error) => Effect.succeed(unstored({ valid: false, error }))),
            )
          }),
        revoke: ({ payload: { token, reason, report } }) =>
          // A report that a caller names can't collide with a report that scanners sign. The name gets a prefix, and signed reports are named by
          // digests.
          byCaller(apiKeys.revoke(token, { reason, report: report === undefined ? undefined : `api-keys ${report}` })).pipe(
            Effect.map(({ apiKey, usedToken, isEnded }): typeof RevokedBody.Type => ({ valid: true, apiKey, usedToken, isEnded })),
            Effect.catchTags({
              ApiKeyNotFound: notFound,
              RepositoryError: failUnavailable,
              HasherError: failUnavailable,
              Overloaded: overloaded,
            }),
            Effect.catchIf(isRefusal, (error) => Effect.succeed<typeof RevokedBody.Type>({ valid: false, error })),
          ),
        upcoming: ({ query }) =>
          apiKeys
            .searchUpcoming(query)
            .pipe(Effect.catchTags({ InvalidInput: invalidInput, InvalidCursor: invalidCursor, RepositoryError: failUnavailable })),
        hashReport: () => apiKeys.hashReport.pipe(Effect.catchTags({ RepositoryError: failUnavailable, HasherError: failUnavailable })),
        sealReport: () => apiKeys.sealReport.pipe(Effect.catchTags({ RepositoryError: failUnavailable, HasherError: failUnavailable })),
        get: ({ params, headers }) =>
          Effect.tap(apiKeys.get(params.id), (apiKey) => checkPreconditionsOfGet(apiKey, headers)).pipe(
            Effect.map(tagged),
            Effect.catchTags({ InvalidInput: invalidInput, ApiKeyNotFound: notFound, RepositoryError: failUnavailable }),
          ),
        update: ({ endpoint, params, query, headers, payload }) =>
          Effect.gen(function* () {
            // Other policies may be weaker ones, so that they widen the key as scopes do. Another owner has other units of shared limits.
            const mayWiden = payload.policies !== undefined || payload.ownerId !== undefined
            yield* checkGrant(endpoint, payload.scopes ?? (mayWiden ? [] : undefined))
            const options = { ...query, ...(yield* judge(params.id, headers)) }
            const widens = payload.expiresAt !== undefined || payload.policies !== undefined
            const covered = widens ? yield* checkCovered(endpoint, params.id) : {}
            return tagged(yield* byCaller(apiKeys.update(params.id, payload, { ...covered, ...options })))
          }).pipe(Effect.catchTags({ ...changeProblems, TooManyKeys: tooManyKeys })),
        delete: ({ params, query, headers }) =>
          Effect.flatMap(judge(params.id, headers), (guard) => byCaller(apiKeys.delete(params.id, { ...query, ...guard }))).pipe(
            Effect.catchTags({
              InvalidInput: invalidInput,
              ApiKeyNotFound: notFound,
              VersionConflict: versionConflict,
              RepositoryError: failUnavailable,
              Unconfirmed: unconfirmed,
            }),
          ),
        activate: ({ endpoint, params, query, headers }) =>
          Effect.gen(function* () {
            const guard = yield* judge(params.id, headers)
            const covered = yield* checkCovered(endpoint, params.id)
            return tagged(yield* byCaller(apiKeys.activate(params.id, { ...covered, ...query, ...guard })))
          }).pipe(Effect.catchTags(changeProblems)),
        deactivate: ({ params, query, headers }) =>
          judge(params.id, headers).pipe(
            Effect.flatMap((guard) => byCaller(apiKeys.deactivate(params.id, { ...query, ...guard }))),
            Effect.map(tagged),
            Effect.catchTags(changeProblems),
          ),
        rotate: ({ endpoint, params, query, headers, payload: { graceSeconds, ...options } }) =>
          Effect.gen(function* () {
            const { isSelf, target } = yield* authorizeRotation(params.id, endpoint)
            // The new token has the scopes of its key, so the caller must hold them.
            if (!isSelf) yield* checkGrant(endpoint, target.scopes)
            yield* checkPreconditions(target, headers)
            const grace = graceSeconds === undefined ? {} : { grace: Duration.seconds(graceSeconds) }
            yield* HttpEffect.appendPreResponseHandler((_request, response) =>
              Effect.succeed(HttpServerResponse.setHeader(response, "cache-control", "no-store")),
            )
            // The rotation is bound to the version that was checked.
            const { apiKey, token } = yield* byCaller(
              apiKeys.rotate(params.id, { ...options, ...grace, ...query, ifVersion: target.version }),
            )
            return HttpApiSchema.withHeaders({
              body: { apiKey, token },
              headers: { "cache-control": "no-store", etag: entityTag(apiKey) },
            })
          }).pipe(
            Effect.catchTags({
              InvalidInput: invalidInput,
              ApiKeyNotFound: notFound,
              VersionConflict: versionConflict,
              GraceRunning: graceRunning,
              RepositoryError: failUnavailable,
              HasherError: failUnavailable,
              Unconfirmed: unconfirmed,
            }),
          ),
        endGrace: ({ endpoint, params, query, headers }) =>
          Effect.gen(function* () {
            const { isSelf, target } = yield* authorizeRotation(params.id, endpoint)
            yield* checkPreconditions(target, headers)
            // The key's own token was the current one of this version. After another rotation, the grace of that same token would end.
            const guard = isSelf || !areUnconditional(headers) ? { ifVersion: target.version } : {}
            return tagged(yield* byCaller(apiKeys.endGrace(params.id, { ...query, ...guard })))
          }).pipe(Effect.catchTags(changeProblems)),
        quotas: ({ params }) => apiKeys.quotas(params.id).pipe(Effect.catchTags(quotaProblems)),
        changeQuota: ({ endpoint, params, payload }) =>
          Effect.gen(function* () {
            // More units are a grant of the scopes that they are spent with.
            if (payload.change !== "takeBack") yield* checkCovered(endpoint, params.id)
            return yield* byCaller(apiKeys.changeQuota(params.id, payload))
          }).pipe(Effect.catchTags(quotaProblems)),
      })
    }),
  )
}

/** Has payloads decoded by generated code where the runtime allows that, and by the interpreter elsewhere. */
const compilePayloads = ({ endpoints }: { readonly endpoints: Readonly<Record<string, Pick<HttpApiEndpoint.Top, "payload">>> }): void => {
  for (const { payload } of Object.values(endpoints)) {
    for (const { schemas } of payload.values()) for (const { ast } of schemas) SchemaJITCompiler.enable(ast)
  }
}

const noStore = { "cache-control": "no-store" }
const unstored = (body: typeof VerifiedBody.Type) => HttpApiSchema.withHeaders({ body, headers: noStore })

const answerVerified = ({ apiKey, usedToken, checkedAt, limits }: Verified) => {
  const body = { valid: true, apiKey, usedToken, checkedAt, ...(limits.length > 0 && { limits }) } as const
  const response = writeVerified(body)
  return response === undefined ? unstored(body) : HttpServerResponse.setHeaders(response, noStore)
}

/** The change is made for the key that the request came with, by the token that it came with. */
const byCaller = <A, E, R>(change: Effect.Effect<A, E, R>) =>
  Effect.gen(function* () {
    const { id, keyId, previous } = yield* CurrentApiKey
    const isPrevious = (yield* UsedToken) === "previous" && previous !== null
    return yield* Effect.provideService(change, CurrentActor, { _tag: "Key", id, keyId: isPrevious ? previous.keyId : keyId })
  })

/**
 * Refuses to grant scopes that the caller's own key doesn't cover. A caller whose own key has policies may grant none: the other key, without
 * policies, would be stronger.
 */
const checkGrant = Effect.fnUntraced(function* (endpoint: HttpApiEndpoint.Top, scopes: ReadonlyArray<Scope> | undefined) {
  if (scopes === undefined) return
  const { scopes: held, policies } = yield* CurrentApiKey
  const [kind] = Object.keys(policies ?? {})
  if (kind !== undefined) {
    return yield* Effect.fail(new Problem.PolicyRefusedProblem({ policy: kind, reason: "A key with policies grants nothing to others" }))
  }
  const missing = scopes.filter((scope) => !satisfies(held, [scope]))
  if (missing.length === 0) return
  yield* challengeScopes(endpoint, missing)
  return yield* Effect.fail(new Problem.ScopeNotHeldProblem({ scopes: missing }))
})

const checkPreconditions = (apiKey: ApiKey, headers: Preconditions): Effect.Effect<void, Problem.VersionConflictProblem> =>
  failedPrecondition(headers, apiKey) === undefined
    ? Effect.void
    : Effect.fail(new Problem.VersionConflictProblem({ id: apiKey.id, actual: apiKey.version }))

const checkPreconditionsOfGet = (
  apiKey: ApiKey,
  headers: Preconditions,
): Effect.Effect<void, Problem.NotModified | Problem.VersionConflictProblem, HttpServerRequest.HttpServerRequest> => {
  if (failedPrecondition(headers, apiKey) !== "if-none-match") return checkPreconditions(apiKey, headers)
  const setTag = HttpEffect.appendPreResponseHandler((_request, response) =>
    Effect.succeed(HttpServerResponse.setHeader(response, "etag", entityTag(apiKey))),
  )
  return Effect.andThen(setTag, Effect.fail(new Problem.NotModified()))
}

const tagged = (apiKey: ApiKey) => HttpApiSchema.withHeaders({ body: apiKey, headers: { etag: entityTag(apiKey) } })

const toSort = (sort: typeof SortQuery.Type): Sort => {
  const order = sort.startsWith("-") ? "desc" : "asc"
  // The rest without the sign is one of the fields.
  return { by: sort.replace("-", "") as Sort["by"], order }
}

const invalidInput = ({ field, reason }: InvalidInput) =>
  Effect.fail(new Problem.InvalidRequestProblem({ errors: [{ path: field.split("."), message: reason }] }))
const invalidCursor = (_: InvalidCursor) =>
  Effect.fail(new Problem.InvalidRequestProblem({ errors: [{ path: ["query", "cursor"], message: "doesn't belong to this search" }] }))
const notFound = ({ id }: ApiKeyNotFound) => Effect.fail(new Problem.NotFoundProblem({ id }))
const versionConflict = ({ id, expected, actual }: VersionConflict) =>
  Effect.fail(new Problem.VersionConflictProblem({ id, expected, actual }))
const unconfirmed = ({ id, nodes, token }: Unconfirmed) => {
  const whom = nodes.length === 0 ? "it can't be found out which nodes live" : "not every node has confirmed it in time"
  return Effect.fail(
    new Problem.UnconfirmedProblem({
      id,
      nodes,
      ...(token !== undefined && { token }),
      detail: `The change was made and stands, but ${whom}`,
    }),
  )
}
const graceRunning = ({ id, expiresAt }: GraceRunning) => Effect.fail(new Problem.GraceRunningProblem({ id, expiresAt }))
const tooManyKeys = ({ ownerId, maximum }: TooManyKeys) => Effect.fail(new Problem.TooManyKeysProblem({ ownerId, maximum }))
const failUnavailable = (error: RepositoryError | HasherError) => Effect.flatMap(unavailable(error), (problem) => Effect.fail(problem))
const quotaProblems = { InvalidInput: invalidInput, ApiKeyNotFound: notFound, RepositoryError: failUnavailable }
const changeProblems = { ...quotaProblems, VersionConflict: versionConflict, Unconfirmed: unconfirmed }
