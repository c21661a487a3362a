/**
 * `ApiKeys` of a server: the same service, over HTTP. A program manages the keys of a server like keys of its own. Another layer is the only
 * difference.
 *
 * The server's problems become the service's own errors. A server that can't be asked is a `RepositoryError`, whose cause is a
 * {@link ServerFailure}. Hashes don't travel: `import`, and `export` with hashes, fail with `InvalidInput`.
 * @since 0.1.0
 */
import * as ByteSize from "effect/ByteSize"
import * as Cause from "effect/Cause"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as FetchHttpClient from "effect/http/FetchHttpClient"
import * as HttpClient from "effect/http/HttpClient"
import * as HttpApiClient from "effect/http-api/HttpApiClient"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import type { ApiKey, ApiKeyId, KeyId } from "../ApiKey.ts"
import {
  ApiKeyNotFound,
  GraceRunning,
  InvalidCursor,
  InvalidInput,
  MalformedToken,
  NotFound,
  RepositoryError,
  TooManyKeys,
  Unconfirmed,
  VersionConflict,
} from "../ApiKeyError.ts"
import * as ApiKeyToken from "../ApiKeyToken.ts"
import { encodeLine } from "../ApiKeyTransfer.ts"
import { ApiKeyAuth } from "../internal/http/ApiKeyAuth.ts"
import { ApiKeysApi } from "../internal/http/ApiKeysGroup.ts"
import { boundAnswers } from "../internal/http/boundedAnswers.ts"
import { isLater, isNewer, readPages } from "../internal/http/pages.ts"
import type * as Problem from "../internal/http/Problem.ts"
import {
  invalidInput,
  invalidPage,
  isOwnProblem,
  isPassing,
  isUnsent,
  orOverloaded,
  type OwnProblem,
  toInvalidInput,
  toServerFailure,
} from "../internal/http/serverAnswers.ts"
import { type ServerFailure, ServerUnreachable, UnexpectedAnswer } from "../internal/http/ServerFailure.ts"
import { checkServerUrl, type InvalidServerUrl, type Plaintext } from "../internal/http/serverUrl.ts"
import {
  ConfirmWithin as ConfirmWithinTime,
  CreatePayload,
  FilterQuery,
  RevokePayload,
  RotatePayload,
  SearchQuery,
  UpcomingQuery,
  UpdatePayload,
  VerifyPayload,
} from "../internal/http/wire.ts"
import { decodeCreate, decodeDuration, decodeFilter, decodeId, decodeKeyId, decodeUpdate } from "../internal/keys/input.ts"
import type { ConfirmWithin, Filter, IfVersion, SearchInput, SearchUpcomingInput } from "../internal/keys/model.ts"
import { decodeDuration as decodeTime, InvalidOptions } from "../internal/keys/options.ts"
import { ApiKeys } from "../internal/keys/service.ts"
import { decodeLifetime } from "../internal/keys/upcoming.ts"
import { firstIssue } from "../internal/schema/firstIssue.ts"
import type { LegacyTokens } from "../LegacyTokens.ts"
import { QuotaChange } from "../Quota.ts"

export {
  Forbidden,
  isServerFailure,
  ServerFailure,
  ServerUnavailable,
  ServerUnreachable,
  TooManyRequests,
  Unauthorized,
  UnexpectedAnswer,
} from "../internal/http/ServerFailure.ts"
export { InvalidServerUrl } from "../internal/http/serverUrl.ts"
export { InvalidOptions } from "../internal/keys/options.ts"

/** @category models @since 0.1.0 */
export interface Options {
  /**
   * The server's url, without the path of its group: `https://keys.example.com`. The url has no user, password, query or fragment. Only
   * {@link Options.plaintext} allows `http:` in place of `https:`.
   */
  readonly url: string
  /**
   * The client's own token. All operations together need the scopes `api-keys:read`, `api-keys:write` and `api-keys:verify`. A single operation
   * needs its own scope alone.
   */
  readonly token: Redacted.Redacted
  /** The token's name in messages. Default: `the client's own token`. */
  readonly tokenName?: string | undefined
  /** The place where the server takes the token, such as `X-API-Key`. Default: `Authorization: Bearer`. */
  readonly place?: string | undefined
  /** The format of the server's tokens, for `isToken` and `keyIdsOf`, which send no request. Default: `ak` and `-`. */
  readonly tokenFormat?: ApiKeyToken.TokenConfig | ApiKeyToken.TokenFormat | undefined
  /** The other systems whose tokens the server takes, for the same. Default: none. */
  readonly legacy?: ReadonlyArray<Pick<LegacyTokens, "parse">> | undefined
  /** For each request to be answered, besides the time for which it is told to wait (`confirmWithin`). Default: 30 seconds. */
  readonly answerWithin?: Duration.Input | undefined
  /** How much of an answer's body is read at most, after decompression. Default: 16 MiB, twice a page of the largest keys. */
  readonly maxAnswerSize?: ByteSize.Input | undefined
  /**
   * The addresses at which a `url` may be `http:`, so that tokens travel in plaintext. `loopback`: the own machine. `anywhere`: for networks
   * that encrypt by themselves. Default: `loopback`.
   */
  readonly plaintext?: Plaintext | undefined
}

/**
 * `ApiKeys` of the server at `url`, over the `HttpClient` provided. No request is sent before the first call, and no request twice. `fetch` is
 * told to follow no redirection. A client made with `HttpClient.followRedirects` sends the token to the target of each redirection.
 *
 * Fails with `InvalidServerUrl` for a url that tokens aren't sent to. `InvalidTokenConfig` means a bad prefix or separator. `InvalidOptions`
 * means an `answerWithin` that is no duration, or a `maxAnswerSize` that is no size.
 * @category layers
 * @since 0.1.0
 */
export const layer = (
  options: Options,
): Layer.Layer<ApiKeys, InvalidServerUrl | InvalidOptions | ApiKeyToken.InvalidTokenConfig, HttpClient.HttpClient> =>
  Layer.effect(ApiKeys, make(options))

/**
 * {@link layer} over `fetch`.
 * @category layers
 * @since 0.1.0
 * @example
 * ```ts
 * import { Effect, Redacted } from "effect"
 * import { ApiKeys } from "effect-api-key"
 * import * as ApiKeysClient from "effect-api-key/http/client"
 *
 * const keys = ApiKeysClient.layerFetch({ url: "https://keys.example.com", token: Redacted.make("ak-…") })
 *
 * export const program = ApiKeys.ApiKeys.use((apiKeys) => apiKeys.count({ isActive: true })).pipe(Effect.provide(keys))
 * ```
 */
export const layerFetch = (options: Options): Layer.Layer<ApiKeys, InvalidServerUrl | InvalidOptions | ApiKeyToken.InvalidTokenConfig> =>
  Layer.provide(layer(options), FetchHttpClient.layer)

/**
 * Makes the service of {@link layer}.
 * @category constructors
 * @since 0.1.0
 */
export const make = Effect.fnUntraced(function* (
  options: Options,
): Effect.fn.Return<ApiKeys["Service"], InvalidServerUrl | InvalidOptions | ApiKeyToken.InvalidTokenConfig, HttpClient.HttpClient> {
  const { url, legacy = [], tokenFormat = {}, tokenName = "the client's own token" } = options
  yield* checkServerUrl(url, options.plaintext)
  const format = "parse" in tokenFormat ? tokenFormat : yield* Effect.fromResult(ApiKeyToken.make(tokenFormat))
  const answerTime = yield* decodeTime("answerWithin", options.answerWithin ?? Duration.seconds(30))
  const maxAnswerSize =
    options.maxAnswerSize === undefined ? ByteSize.mebibytes(16) : Option.getOrUndefined(ByteSize.fromInput(options.maxAnswerSize))
  if (maxAnswerSize === undefined) return yield* new InvalidOptions({ reason: "maxAnswerSize must be a size, such as 16 MiB" })
  const { apiKeys: client } = yield* HttpApiClient.make(ApiKeysApi, {
    baseUrl: url,
    transformClient: (client) => boundAnswers(withoutRedirects(client), maxAnswerSize),
  }).pipe(Effect.provide(ApiKeyAuth.layerClient(options.token, options.place)))

  /** Sends one request, for which the service has errors of its own; all that fails otherwise is a `RepositoryError`. */
  const ask = <A, E>(
    operation: string,
    request: Effect.Effect<A, E>,
    { confirmWithin = Duration.zero }: ConfirmWithin = {},
  ): Effect.Effect<A, Extract<E, OwnProblem> | RepositoryError> => {
    const fail = (cause: ServerFailure, error?: unknown) =>
      Effect.fail(
        new RepositoryError({
          operation: `${operation} over HTTP`,
          isRetryable: isPassing(cause, error) && (isRepeatable(operation) || isUndone(cause, error)),
          cause,
        }),
      )
    return request.pipe(
      Effect.catchCause((cause): Effect.Effect<never, Extract<E, OwnProblem> | RepositoryError> => {
        // Without a failure there is none of any type.
        if (Cause.hasInterruptsOnly(cause)) return Effect.failCause(cause as Cause.Cause<never>)
        const error = Cause.squash(cause)
        // A problem that the request failed with is one that it can fail with.
        return isOwnProblem(error)
          ? Effect.fail(error as Extract<E, OwnProblem>)
          : fail(toServerFailure(error, { url, token: options.token, tokenName }), error)
      }),
      Effect.timeoutOrElse({
        duration: Duration.sum(answerTime, orZero(confirmWithin)),
        orElse: () => fail(new ServerUnreachable({ url, reason: `hasn't answered within ${Duration.format(answerTime)}` })),
      }),
    )
  }

  const search = Effect.fnUntraced(function* ({ sort, limit, offset, cursor, ...filter }: SearchInput = {}) {
    const query = yield* toFilterQuery(filter, (text) => keyIdsOf(text).length > 0)
    if (isTooLong(cursor)) return yield* new InvalidCursor()
    const page = yield* checked(Schema.Struct(SearchQuery), compact({ sort: toSortQuery(sort), limit, offset, cursor }))
    const { items, total, nextCursor } = yield* ask("search", client.search({ query: { ...query, ...page } })).pipe(
      Effect.catchTag("InvalidRequestProblem", invalidPage),
    )
    return { items, total, nextCursor }
  })

  const searchUpcoming = Effect.fnUntraced(function* ({ within, maximumAge, limit, cursor }: SearchUpcomingInput) {
    if (isTooLong(cursor)) return yield* new InvalidCursor()
    const query = yield* checked(Schema.Struct(UpcomingQuery), {
      within: yield* decodeLifetime("within", within),
      ...compact({ maximumAge: maximumAge === undefined ? undefined : yield* decodeLifetime("maximumAge", maximumAge), limit, cursor }),
    })
    return yield* ask("search upcoming", client.upcoming({ query })).pipe(Effect.catchTag("InvalidRequestProblem", invalidPage))
  })

  /** Page by page, by cursor from the first one on, lest all that match be counted for it. */
  const stream = (filter: Filter, order: "asc" | "desc"): Stream.Stream<ApiKey, InvalidInput | RepositoryError> =>
    readPages({
      read: (cursor) => search({ ...filter, sort: { by: "createdAt", order }, limit: 200, cursor }),
      isAfter: (key, other) => (order === "asc" ? isNewer(key, other) : isNewer(other, key)),
      fail: (reason) => strange("search", url, reason),
    }).pipe(Stream.catchTag("InvalidCursor", (error) => Stream.fail(strange("search", url, error.message))))

  /** A change of one record: the id, the version that binds the change, and the time that the server waits. */
  const change = Effect.fnUntraced(function* (text: string, { ifVersion, confirmWithin }: IfVersion & ConfirmWithin = {}) {
    const id = yield* decodeId(text)
    const query = yield* checked(
      Schema.Struct({ confirmWithin: Schema.optionalKey(ConfirmWithinTime) }),
      confirmWithin === undefined ? {} : { confirmWithin: yield* decodeDuration("confirmWithin", confirmWithin) },
    )
    // The entity-tag of a version is its number.
    const headers = ifVersion === undefined ? {} : { "if-match": `"${ifVersion}"` }
    return {
      request: { params: { id }, query, headers },
      refusals: {
        ...refusalsOf(id),
        VersionConflictProblem: ({ expected, actual }: Problem.VersionConflictProblem) =>
          Effect.fail(new VersionConflict({ id, expected: expected ?? ifVersion ?? actual, actual })),
        UnconfirmedProblem: ({ nodes, token }: Problem.UnconfirmedProblem) =>
          Effect.fail(new Unconfirmed({ id, nodes, ...(token !== undefined && { token }) })),
      },
    }
  })

  const keyIdsOf = (token: string | Redacted.Redacted): ReadonlyArray<KeyId> => {
    const text = textOf(token)
    const parsed = ApiKeyToken.parse(text, format)
    if (Result.isSuccess(parsed)) return [parsed.success.keyId]
    return text.length > ApiKeyToken.maxTokenLength ? [] : legacy.flatMap(({ parse }) => parse(text).map(({ keyId }) => keyId))
  }

  const get: ApiKeys["Service"]["get"] = Effect.fnUntraced(function* (text) {
    const id = yield* decodeId(text)
    const { body } = yield* ask("get", client.get({ params: { id }, headers: {} })).pipe(
      Effect.catchTags({
        ...refusalsOf(id),
        // Without a precondition none fails.
        VersionConflictProblem: (problem) => Effect.fail(strange("get", url, problem.message)),
      }),
    )
    return body
  })

  return ApiKeys.of({
    create: Effect.fnUntraced(function* (input) {
      const payload = yield* toPayload(CreatePayload, yield* decodeCreate(input))
      const { body } = yield* ask("create", client.create({ payload })).pipe(
        Effect.catchTags({ InvalidRequestProblem: invalidInput, TooManyKeysProblem: tooManyKeys }),
      )
      return body
    }),
    verify: Effect.fnUntraced(function* (token, { scopes, maxAge, countsAsUse, cost, address } = {}) {
      const text = textOf(token)
      if (text.length > ApiKeyToken.maxTokenLength) return yield* new MalformedToken({ reason: "length" })
      const payload = yield* checked(VerifyPayload, {
        token: Redacted.make(text),
        ...compact({ scopes, maxAge: maxAge === undefined ? undefined : orZero(maxAge), countsAsUse, cost, address }),
      }).pipe(Effect.mapError((error) => notSent("verify", error)))
      const { body } = yield* ask("verify", client.verify({ payload })).pipe(
        Effect.catchTag("InvalidRequestProblem", (problem) => Effect.fail(strange("verify", url, toInvalidInput(problem).message))),
        Effect.mapError(orOverloaded),
      )
      if (!body.valid) return yield* Effect.fail(body.error)
      const { apiKey, usedToken, checkedAt, limits = [] } = body
      return { apiKey, usedToken, checkedAt, limits }
    }),
    isToken: (token) => keyIdsOf(token).length > 0,
    keyIdsOf,
    get,
    getByKeyId: Effect.fnUntraced(function* (text) {
      const keyId = yield* decodeKeyId(text, (text) => keyIdsOf(text).length > 0)
      const { items } = yield* search({ keyId, limit: 1, cursor: "" }).pipe(
        Effect.catchTag("InvalidCursor", (error) => Effect.fail(strange("search", url, error.message))),
      )
      return items[0] ?? (yield* new NotFound({ keyId }))
    }),
    search,
    count: Effect.fnUntraced(function* (filter = {}) {
      const query = yield* toFilterQuery(filter, (text) => keyIdsOf(text).length > 0)
      const { count } = yield* ask("count", client.count({ query })).pipe(Effect.catchTag("InvalidRequestProblem", invalidInput))
      return count
    }),
    stream: (filter = {}) => stream(filter, "desc"),
    update: Effect.fnUntraced(function* (text, input, options) {
      const payload = yield* toPayload(UpdatePayload, yield* decodeUpdate(input))
      const { request, refusals } = yield* change(text, options)
      const { body } = yield* ask("update", client.update({ ...request, payload }), options).pipe(
        Effect.catchTags({ ...refusals, TooManyKeysProblem: tooManyKeys }),
      )
      return body
    }),
    activate: Effect.fnUntraced(function* (text, options) {
      const { request, refusals } = yield* change(text, options)
      const { body } = yield* ask("activate", client.activate(request), options).pipe(Effect.catchTags(refusals))
      return body
    }),
    deactivate: Effect.fnUntraced(function* (text, options = {}) {
      const { request, refusals } = yield* change(text, options)
      const query = { ...request.query, ...compact({ reason: options.reason }) }
      const { body } = yield* ask("deactivate", client.deactivate({ ...request, query }), options).pipe(Effect.catchTags(refusals))
      return body
    }),
    delete: Effect.fnUntraced(function* (text, options) {
      const { request, refusals } = yield* change(text, options)
      yield* ask("delete", client.delete(request), options).pipe(Effect.catchTags(refusals))
    }),
    rotate: Effect.fnUntraced(function* (text, options = {}) {
      const { grace, graceFrom, ifPrevious } = options
      const { request, refusals } = yield* change(text, options)
      const graceSeconds = grace === undefined ? undefined : Math.ceil(Duration.toSeconds(yield* decodeDuration("grace", grace)))
      const payload = yield* checked(RotatePayload, compact({ graceSeconds, graceFrom, ifPrevious })).pipe(
        Effect.mapError(({ field, reason }) => new InvalidInput({ field: field === "graceSeconds" ? "grace" : field, reason })),
      )
      const { body } = yield* ask("rotate", client.rotate({ ...request, payload }), options).pipe(
        Effect.catchTags({
          ...refusals,
          GraceRunningProblem: ({ expiresAt }) => Effect.fail(new GraceRunning({ id: request.params.id, expiresAt })),
        }),
      )
      return body
    }),
    endGrace: Effect.fnUntraced(function* (text, options) {
      const { request, refusals } = yield* change(text, options)
      const { body } = yield* ask("end a grace", client.endGrace(request), options).pipe(Effect.catchTags(refusals))
      return body
    }),
    quotas: Effect.fnUntraced(function* (text) {
      const id = yield* decodeId(text)
      return yield* ask("read quotas", client.quotas({ params: { id } })).pipe(Effect.catchTags(refusalsOf(id)))
    }),
    changeQuota: Effect.fnUntraced(function* (text, input) {
      const payload = yield* checked(QuotaChange, input)
      const id = yield* decodeId(text)
      return yield* ask("change a quota", client.changeQuota({ params: { id }, payload })).pipe(Effect.catchTags(refusalsOf(id)))
    }),
    revoke: Effect.fnUntraced(function* (token, { reason, report }) {
      const text = textOf(token)
      if (text.length > ApiKeyToken.maxTokenLength) return yield* new MalformedToken({ reason: "length" })
      const payload = yield* checked(RevokePayload, { token: Redacted.make(text), reason, ...compact({ report }) }).pipe(
        Effect.mapError((error) => notSent("revoke", error)),
      )
      const body = yield* ask("revoke", client.revoke({ payload })).pipe(
        Effect.catchTags({
          InvalidRequestProblem: (problem) => Effect.fail(strange("revoke", url, toInvalidInput(problem).message)),
          NotFoundProblem: ({ id }) =>
            Effect.matchEffect(decodeId(id), {
              onFailure: ({ message }) => Effect.fail(strange("revoke", url, message)),
              onSuccess: (id) => Effect.fail(new ApiKeyNotFound({ id })),
            }),
        }),
        Effect.mapError(orOverloaded),
      )
      return body.valid ? { apiKey: body.apiKey, usedToken: body.usedToken, isEnded: body.isEnded } : yield* Effect.fail(body.error)
    }),
    searchUpcoming,
    upcoming: (options) =>
      readPages({
        read: (cursor) => searchUpcoming({ ...options, limit: 200, cursor }),
        isAfter: isLater,
        fail: (reason) => strange("search", url, reason),
      }).pipe(Stream.catchTag("InvalidCursor", (error) => Stream.fail(strange("search", url, error.message)))),
    isInTouch: Effect.succeed(true),
    hashReport: ask("count hashes", client.hashReport()).pipe(
      Effect.catchTag("InvalidRequestProblem", (problem) => Effect.fail(strange("count hashes", url, problem.message))),
    ),
    sealReport: ask("count seals", client.sealReport()).pipe(
      Effect.catchTag("InvalidRequestProblem", (problem) => Effect.fail(strange("count seals", url, problem.message))),
    ),
    import: () => Stream.fail(hashesStay("rows", "keys are imported where their database is")),
    export: ({ hashes = false, filter = {} } = {}) =>
      hashes
        ? Stream.fail(hashesStay("hashes", "an export with hashes is made where the database is"))
        : Stream.map(stream(filter, "asc"), encodeLine),
  })
})

/** The refusals of each request about one key. */
const refusalsOf = (id: ApiKeyId) => ({
  InvalidRequestProblem: invalidInput,
  NotFoundProblem: () => Effect.fail(new ApiKeyNotFound({ id })),
})

const tooManyKeys = ({ ownerId, maximum }: Problem.TooManyKeysProblem): Effect.Effect<never, TooManyKeys> =>
  Effect.fail(new TooManyKeys({ ownerId, maximum }))

/** Whether doing an operation twice has the effect of one. A second rotation would end the token that the first rotation left in grace. */
const isRepeatable = (operation: string): boolean => operation !== "create" && operation !== "rotate"

/** Whether the server has said that it did nothing, or can't have been asked. */
const isUndone = ({ _tag }: ServerFailure, error: unknown): boolean =>
  _tag === "Overloaded" || _tag === "ServerUnavailable" || _tag === "TooManyRequests" || isUnsent(error)

/** `fetch` takes `Authorization` off a request to another origin, but no other header that carries a key. */
const withoutRedirects = (client: HttpClient.HttpClient): HttpClient.HttpClient =>
  HttpClient.transform(client, (sent) =>
    Effect.flatMap(Effect.serviceOption(FetchHttpClient.RequestInit), (init) =>
      Effect.provideService(sent, FetchHttpClient.RequestInit, { ...Option.getOrUndefined(init), redirect: "manual" }),
    ),
  )

const textOf = (token: string | Redacted.Redacted): string => (typeof token === "string" ? token : Redacted.value(token))

/** Refuses fields without a place in the request, which would be lost, and values that can't be written. */
const checked = <A, I>(schema: Schema.Codec<A, I>, value: unknown): Effect.Effect<A, InvalidInput> =>
  Schema.decodeUnknownEffect(Schema.toType(schema), { onExcessProperty: "error" })(value).pipe(
    Effect.tap((checked) => Schema.encodeEffect(schema)(checked)),
    Effect.mapError(({ issue }) => {
      const { path, message } = firstIssue(issue)
      return new InvalidInput({ field: path.length === 0 ? "input" : path.join("."), reason: message })
    }),
  )

/** A value that is no duration is refused elsewhere, or asks the server's store, as 0 does. */
const orZero = (input: Duration.Input): Duration.Duration => Option.getOrElse(Duration.fromInput(input), () => Duration.zero)

/** The fields without `undefined`, which a request can't express. */
const compact = (fields: object): object => Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined))

const toPayload = <Fields extends Schema.Struct.Fields, I>(
  schema: Schema.Codec<Schema.Struct<Fields>["Type"], I> & { readonly fields: Fields },
  input: object,
): Effect.Effect<Schema.Struct<Fields>["Type"], InvalidInput> => {
  const fields = compact(input)
  const unknown = Object.keys(fields).find((field) => !Object.hasOwn(schema.fields, field))
  return unknown === undefined
    ? checked(schema, fields)
    : Effect.fail(
        new InvalidInput({
          field: unknown,
          reason: unknown === "isActive" ? "isn't for update over HTTP: activate or deactivate the key" : "can't be set over HTTP",
        }),
      )
}

/** A filter as a query, which logs on the way keep: a whole token isn't sent in it. */
const toFilterQuery = (filter: Filter, isToken: (text: string) => boolean) =>
  Effect.flatMap(decodeFilter(filter), ({ expired, ...fields }) => {
    const field = (["keyId", "startsWith", "name"] as const).find((each) => isToken(fields[each] ?? ""))
    return field === undefined
      ? checked(Schema.Struct(FilterQuery), compact({ ...fields, expired: expired?.is }))
      : Effect.fail(new InvalidInput({ field, reason: "is a whole token, which doesn't belong into a URL" }))
  })

const isTooLong = (cursor: string | undefined): boolean => cursor !== undefined && cursor.length > 4_096

/** A literal of the endpoint, for a sort of the service. */
const toSortQuery = (sort: SearchInput["sort"]): string | undefined =>
  sort === undefined ? undefined : `${sort.order === "desc" ? "-" : ""}${sort.by}`

const strange = (operation: string, url: string, reason: string): RepositoryError =>
  new RepositoryError({ operation: `${operation} over HTTP`, isRetryable: false, cause: new UnexpectedAnswer({ url, reason }) })

/** Of operations that the service takes any input for. */
const notSent = (operation: string, cause: InvalidInput): RepositoryError =>
  new RepositoryError({ operation: `${operation} over HTTP`, isRetryable: false, cause })

const hashesStay = (field: string, instead: string): InvalidInput =>
  new InvalidInput({ field, reason: `hashes don't travel over HTTP: ${instead}` })
