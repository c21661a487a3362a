import * as Cause from "effect/Cause"
import * as DateTime from "effect/DateTime"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as FetchHttpClient from "effect/http/FetchHttpClient"
import * as HttpApiClient from "effect/http-api/HttpApiClient"
import * as HttpApiError from "effect/http-api/HttpApiError"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import type { ConfirmWithin, Filter, IfVersion, SearchInput } from "../../ApiKeys.ts"
import { ApiKeyAuth } from "../http/ApiKeyAuth.ts"
import { ApiKeysApi, CreatePayload, FilterQuery, type SortQuery, UpdatePayload } from "../http/ApiKeysGroup.ts"
import { InvalidCursor } from "../../ApiKeyError.ts"
import { CliFailure, describeIssue as firstIssue, fromError } from "./CliFailure.ts"
import { rootMessage } from "../text/rootMessage.ts"
import { KeysBackend, type Verdict } from "./KeysBackend.ts"

/** What the server's problems are called in this process, so that programs see one tag for one failure. */
const tags: Readonly<Record<string, string>> = {
  NotFoundProblem: "ApiKeyNotFound",
  VersionConflictProblem: "VersionConflict",
  GraceRunningProblem: "GraceRunning",
  InvalidRequestProblem: "InvalidInput",
  UnconfirmedProblem: "Unconfirmed",
  ServiceUnavailableProblem: "RepositoryError",
  OverloadedProblem: "Overloaded",
  MissingApiKeyProblem: "Unauthorized",
  InvalidTokenProblem: "Unauthorized",
  InactiveProblem: "Unauthorized",
  ExpiredProblem: "Unauthorized",
  InsufficientScopeProblem: "Forbidden",
  ScopeNotHeldProblem: "Forbidden",
  PreviousTokenProblem: "Forbidden",
}

interface Described {
  readonly _tag: string
  readonly message: string
  readonly title?: unknown
  readonly errors?: unknown
  readonly id?: unknown
  readonly required?: unknown
  readonly scopes?: unknown
  readonly reason?: unknown
  readonly nodes?: unknown
  readonly expiresAt?: unknown
}

const isIssue = Schema.is(HttpApiError.ProblemIssue)

/** As the service says it, which knows nothing of bodies and queries. */
const describeIssue = (issue: unknown): string => {
  if (!isIssue(issue)) return "invalid"
  const path = issue.path.map(String)
  if (["payload", "query", "params", "headers"].includes(path[0] ?? "")) path.shift()
  return `${path.join(".")}: ${issue.message}`
}

const isAboutCursor = (issue: unknown): boolean => isIssue(issue) && issue.path.map(String).join(".") === "query.cursor"

const describe = (error: Described, url: string): string => {
  switch (error._tag) {
    case "NotFoundProblem":
      return `No API key has the id ${String(error.id)}`
    case "InvalidRequestProblem":
      return Array.isArray(error.errors) ? error.errors.map(describeIssue).join("; ") : "The server doesn't understand the request"
    case "MissingApiKeyProblem":
    case "InvalidTokenProblem":
    case "InactiveProblem":
    case "ExpiredProblem":
      return `${url} refuses the token in EFFECT_API_KEY_TOKEN (${String(error.title)})`
    case "InsufficientScopeProblem":
      return `The token in EFFECT_API_KEY_TOKEN lacks a scope (${Array.isArray(error.required) ? error.required.join(" ") : ""})`
    case "ScopeNotHeldProblem":
      return `The token in EFFECT_API_KEY_TOKEN can't hand out scopes that it doesn't hold (${Array.isArray(error.scopes) ? error.scopes.join(" ") : ""})`
    case "UnconfirmedProblem":
      return `The change of the API key ${String(error.id)} was made, but isn't confirmed (${Array.isArray(error.nodes) && error.nodes.length > 0 ? `not by ${error.nodes.join(", ")}` : "it can't be found out which nodes there are"})`
    default:
      return typeof error.title === "string" ? error.title : error.message
  }
}

const toFailure = (error: Described, url: string): CliFailure => {
  if (error._tag === "HttpClientError") {
    return new CliFailure({
      exitCode: 1,
      tag: "ServerUnreachable",
      reason: `${url} can't be reached, or isn't a server of API keys (${rootMessage(error)})`,
    })
  }
  if (error._tag === "SchemaError") {
    return new CliFailure({ exitCode: 1, tag: "UnexpectedAnswer", reason: `${url} answered what isn't an answer about API keys` })
  }
  if (error._tag === "InvalidRequestProblem" && Array.isArray(error.errors) && error.errors.some(isAboutCursor))
    return fromError(new InvalidCursor())
  const tag = tags[error._tag] ?? error._tag
  return fromError({
    _tag: tag,
    message: describe(error, url),
    expiresAt: error.expiresAt,
    ...("token" in error && { token: error.token }),
  })
}

/** As the service would refuse it: what doesn't fit the request isn't sent. */
const checked = <A, I>(schema: Schema.Codec<A, I>, value: unknown): Effect.Effect<A, CliFailure> =>
  // A field that the request has no place for is an error, lest it be lost on the way.
  Effect.mapError(Schema.decodeUnknownEffect(Schema.toType(schema), { onExcessProperty: "error" })(value), ({ issue }) =>
    fromError({ _tag: "InvalidInput", message: firstIssue(issue) }),
  )

const checkedFilter = (filter: Filter) => checked(Schema.Struct(FilterQuery), compact(filter))

const toSort = (sort: SearchInput["sort"]): { readonly sort?: typeof SortQuery.Type } =>
  // A minus sign and one of the fields make one of the literals.
  sort === undefined ? {} : { sort: `${sort.order === "desc" ? "-" : ""}${sort.by}` as typeof SortQuery.Type }

const toQuery = ({ confirmWithin }: ConfirmWithin): { readonly confirmWithin?: Duration.Duration } =>
  confirmWithin === undefined ? {} : { confirmWithin: Duration.fromInputUnsafe(confirmWithin) }

/** The entity-tag of a version is its number. */
const toHeaders = ({ ifVersion }: IfVersion): { readonly "if-match"?: string } =>
  ifVersion === undefined ? {} : { "if-match": `"${ifVersion}"` }

const answerTime = Duration.seconds(30)

/** Over the server at `url`, through the client derived from its definition. */
export const layerServer = (options: {
  readonly url: string
  readonly token: Redacted.Redacted
  /** Where the server takes it. Default: `Authorization: Bearer`. */
  readonly place?: string | undefined
}): Layer.Layer<KeysBackend> =>
  Layer.effect(
    KeysBackend,
    Effect.gen(function* () {
      const { url } = options
      const { apiKeys: client } = yield* HttpApiClient.make(ApiKeysApi, { baseUrl: url })
      const failing = <A, E extends Described>(
        effect: Effect.Effect<A, E>,
        { confirmWithin = Duration.zero }: ConfirmWithin = {},
      ): Effect.Effect<A, CliFailure> =>
        effect.pipe(
          Effect.mapError((error) => toFailure(error, url)),
          // One request, of which the longest reads a page; a change takes as long as it waits for the nodes on top.
          Effect.timeoutOrElse({
            duration: Duration.sum(answerTime, Duration.fromInputUnsafe(confirmWithin)),
            orElse: () =>
              Effect.fail(
                new CliFailure({
                  exitCode: 1,
                  tag: "ServerUnreachable",
                  reason: `${url} hasn't answered within ${Duration.format(answerTime)}`,
                }),
              ),
          }),
          // What the client can't encode or decode is a defect of the exchange, not of this program.
          Effect.catchCause((cause) => {
            const error = Cause.squash(cause)
            return Effect.fail(
              error instanceof CliFailure
                ? error
                : new CliFailure({
                    exitCode: 1,
                    tag: "UnexpectedAnswer",
                    reason: error instanceof Error ? fromError({ _tag: "", message: error.message }).reason : "The request failed",
                  }),
            )
          }),
        )
      const search = ({ sort, limit, offset, cursor, ...filter }: SearchInput) =>
        Effect.flatMap(checkedFilter(filter), (query) =>
          failing(client.search({ query: { ...query, ...toSort(sort), ...compact({ limit, offset, cursor }) } })),
        )
      return KeysBackend.of({
        apiKeys: Option.none(),
        create: (input) =>
          checked(CreatePayload, compact(input)).pipe(
            Effect.flatMap((payload) => failing(client.create({ payload }))),
            Effect.map(({ body }) => body),
          ),
        get: (id) => Effect.map(failing(client.get({ params: { id }, headers: {} })), ({ body }) => body),
        search,
        count: (filter) =>
          Effect.flatMap(checkedFilter(filter), (query) => Effect.map(failing(client.count({ query })), ({ count }) => count)),
        stream: (filter) =>
          // By cursor from the first page on, lest all that match be counted for it.
          Stream.paginate("", (cursor) =>
            Effect.map(search({ ...filter, limit: 200, cursor }), ({ items, nextCursor }) => [items, Option.fromNullOr(nextCursor)]),
          ),
        update: (id, input, options) =>
          checked(UpdatePayload, compact(input)).pipe(
            Effect.flatMap((payload) =>
              failing(client.update({ params: { id }, query: toQuery(options), headers: toHeaders(options), payload }), options),
            ),
            Effect.map(({ body }) => body),
          ),
        activate: (id, options) =>
          Effect.map(failing(client.activate({ params: { id }, query: {}, headers: toHeaders(options) })), ({ body }) => body),
        deactivate: (id, { reason, ...options }) =>
          Effect.map(
            failing(
              client.deactivate({
                params: { id },
                query: { ...toQuery(options), ...compact({ reason }) },
                headers: toHeaders(options),
              }),
              options,
            ),
            ({ body }) => body,
          ),
        delete: (id, options) => failing(client.delete({ params: { id }, query: toQuery(options), headers: toHeaders(options) }), options),
        rotate: (id, { grace, confirmWithin, ifVersion, ...rest }) =>
          failing(
            client.rotate({
              params: { id },
              query: toQuery({ confirmWithin }),
              headers: toHeaders({ ifVersion }),
              payload: { ...compact(rest), ...(grace === undefined ? {} : { graceSeconds: Math.ceil(Duration.toSeconds(grace)) }) },
            }),
            { confirmWithin },
          ).pipe(Effect.map(({ body }) => body)),
        endGrace: (id, options) =>
          Effect.map(
            failing(client.endGrace({ params: { id }, query: toQuery(options), headers: toHeaders(options) }), options),
            ({ body }) => body,
          ),
        verify: (token, scopes, { maxAge, countsAsUse } = {}) =>
          failing(
            client.verify({
              payload: {
                token,
                ...(scopes.length === 0 ? {} : { scopes: scopes as ReadonlyArray<never> }),
                ...(maxAge === undefined ? {} : { maxAge: Duration.fromInputUnsafe(maxAge) }),
                ...compact({ countsAsUse }),
              },
            }),
          ).pipe(
            Effect.map(({ body }): Verdict =>
              body.valid
                ? { valid: true, verified: { apiKey: body.apiKey, usedToken: body.usedToken, checkedAt: DateTime.toUtc(body.checkedAt) } }
                : { valid: false, error: body.error },
            ),
          ),
      })
    }).pipe(Effect.provide([ApiKeyAuth.layerClient(options.token, options.place), FetchHttpClient.layer])),
  )

const compact = <A extends object>(input: A): { readonly [Field in keyof A]: Exclude<A[Field], undefined> } =>
  // What is undefined is left out, so that nothing of it is left in the values.
  Object.fromEntries(Object.entries(input).filter(([, value]) => value !== undefined)) as {
    readonly [Field in keyof A]: Exclude<A[Field], undefined>
  }
