/**
 * The HTTP interface to manage API keys: {@link ApiKeysGroup}, to be added to an `HttpApi` of your own, and {@link ApiKeysApi}, one that
 * holds just that.
 *
 * A body may set less than the service's input, and unknown fields are refused.
 * @since 0.1.0
 */
import * as HttpApi from "effect/http-api/HttpApi"
import * as HttpApiEndpoint from "effect/http-api/HttpApiEndpoint"
import * as HttpApiGroup from "effect/http-api/HttpApiGroup"
import * as HttpApiMiddleware from "effect/http-api/HttpApiMiddleware"
import * as HttpApiSchema from "effect/http-api/HttpApiSchema"
import * as OpenApi from "effect/http-api/OpenApi"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as SchemaGetter from "effect/SchemaGetter"
import * as SchemaIssue from "effect/SchemaIssue"
import * as Struct from "effect/Struct"
import * as Model from "../../ApiKey.ts"
import * as ApiKeyError from "../../ApiKeyError.ts"
import type { Filter } from "../keys/model.ts"
import { type FaceCreateField, faceCreateFields, type FaceUpdateField, faceUpdateFields, perBound, sortFields } from "../record/fields.ts"
import { documented } from "../schema/documented.ts"
import { formatDuration, parseDuration } from "../time/durations.ts"
import { ScopeSet } from "../../Scope.ts"
import { ApiKeyAuth, requireScopes } from "./ApiKeyAuth.ts"
import { CacheControl } from "./credentials.ts"
import { explain } from "./explain.ts"
import { preconditionHeaders } from "./preconditions.ts"
import * as Problem from "./Problem.ts"

/** Some fields as a body may hold them. */
const optionalFields = <const Names extends ReadonlyArray<FaceCreateField | FaceUpdateField>>(names: Names) =>
  Struct.map(Struct.pick(Model.ApiKey.fields, names), Schema.optionalKey)

/**
 * `isActive`: whether the key works from the start on, yes unless given; later on that is for `activate` and `deactivate`.
 * @category schemas
 * @since 0.1.0
 */
export const CreatePayload = Schema.Struct({ ...optionalFields(faceCreateFields), name: Model.Name }).annotate({
  identifier: "CreateApiKey",
})

/** @category schemas @since 0.1.0 */
export const UpdatePayload = Schema.Struct(optionalFields(faceUpdateFields)).annotate({ identifier: "UpdateApiKey" })

/**
 * How a token is replaced, as `RotateOptions` of the service. `graceSeconds`: up to 90 days, 86,400 (a day) unless given.
 * @category schemas
 * @since 0.1.0
 */
export const RotatePayload = Schema.Struct({
  graceSeconds: Schema.optionalKey(Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: Model.maxGraceSeconds }))),
  graceFrom: Schema.optionalKey(Schema.Literals(["now", "firstUse"])),
  ifPrevious: Schema.optionalKey(Schema.Literals(["end", "refuse"])),
}).annotate({ identifier: "RotateApiKey" })

/** @category schemas @since 0.1.0 */
export const CreatedBody = Schema.Struct({
  apiKey: Model.ApiKey,
  // Without a label, which a token of an application's own format needn't have.
  token: Schema.RedactedFromValue(Schema.String),
})

const millis = "(?:ms|millis?|milliseconds?)"
const seconds = "(?:s|secs?|seconds?)"
const longer = "(?:m|mins?|minutes?|h|hours?|d|days?)"

const durationText = (pattern: string, description: string, example: string) =>
  Schema.String.check(Schema.isMaxLength(32), documented({ pattern }))
    .annotate({ description, examples: [example] })
    .pipe(
      Schema.decodeTo(Schema.Duration, {
        decode: SchemaGetter.transformEffect((text: string) => {
          const duration = parseDuration(text)
          return duration === undefined
            ? Effect.fail(new SchemaIssue.InvalidValue({ message: "must be a time such as 2 seconds, 500 millis or 30d" }))
            : Effect.succeed(duration)
        }),
        encode: SchemaGetter.transform(formatDuration),
      }),
    )

/** How old an answer may be: a duration such as `2 seconds`, or `0 seconds`. @category schemas @since 0.1.0 */
export const MaxAge = durationText(
  `^(?:0|\\d{1,12} ?${millis}|\\d{1,9} ?${seconds}|\\d{1,4} ?${longer})$`,
  "How old an answer may be: `2 seconds`, `500 millis` or `30d`, say; `0 seconds` for one from the store itself",
  "2 seconds",
).check(Schema.makeFilter((age: Duration.Duration) => Duration.isGreaterThanOrEqualTo(age, Duration.zero) || "must not be negative"))

/** How long to wait for the nodes: a duration of more than 0 and at most 30 seconds. @category schemas @since 0.1.0 */
export const ConfirmWithin = durationText(
  `^(?:(?:[1-9]\\d{0,3}|[12]\\d{4}|30000) ?${millis}|(?:[1-9]|[12]\\d|30) ?${seconds})$`,
  "How long to wait until every node has applied the change: `2 seconds` or `500 millis`, say; up to 30 seconds",
  "2 seconds",
).check(
  Schema.makeFilter(
    (time: Duration.Duration) =>
      (Duration.isGreaterThan(time, Duration.zero) && Duration.isLessThanOrEqualTo(time, Duration.seconds(30))) ||
      "must be more than 0 and at most 30 seconds",
  ),
)

// Not `FiniteFromString`, which takes "" for 0.
/** To the document, `pattern` is all of it; what else is wrong is told in words. */
const wholeNumber = (pattern: string, description: string, example: string) =>
  Schema.String.check(Schema.isPattern(/^\d{1,9}$/u, { expected: "a whole number", toJsonSchema: () => ({ pattern }) }))
    .annotate({ description, examples: [example] })
    .pipe(Schema.decodeTo(Schema.Int, { decode: SchemaGetter.transform(Number), encode: SchemaGetter.transform(String) }))
const Flag = Schema.Literals(["true", "false"]).pipe(
  Schema.decodeTo(Schema.Boolean, {
    decode: SchemaGetter.transform((text) => text === "true"),
    encode: SchemaGetter.transform((flag) => (flag ? "true" : "false")),
  }),
)
const Limit = wholeNumber("^(?:[1-9]\\d?|1\\d\\d|200)$", "How many keys a page holds: 1 to 200, 50 unless told", "50").check(
  Schema.isBetween({ minimum: 1, maximum: 200 }),
)
const Cursor = Schema.String.check(Schema.isMaxLength(4_096)).annotate({
  description: "`nextCursor` of the page before; empty for the first page",
})

const isLifetime = Schema.makeFilter(
  (time: Duration.Duration) =>
    (Duration.isGreaterThan(time, Duration.zero) && Duration.toDays(time) <= 36_500) || "must be more than 0 and at most 36,500 days",
)

const lifetimeText = (description: string) =>
  durationText(
    `^(?:[1-9]\\d{0,11} ?${millis}|[1-9]\\d{0,8} ?${seconds}|[1-9]\\d{0,3} ?${longer})$`,
    `${description}: \`30d\` or \`12 hours\`, say; up to 36,500 days`,
    "30d",
  ).check(isLifetime)

/** @category schemas @since 0.1.0 */
export const UpcomingQuery = {
  within: lifetimeText("How far ahead to look"),
  maximumAge: Schema.optionalKey(lifetimeText("When a token comes of age, instead of as the server is configured")),
  limit: Schema.optionalKey(Limit),
  cursor: Schema.optionalKey(Cursor),
}

/** @category schemas @since 0.1.0 */
export const UpcomingBody = Schema.Struct({
  items: Schema.Array(Schema.Struct({ apiKey: Model.ApiKey, reason: Schema.Literals(["expires", "comesOfAge"]), at: Model.Instant })),
  nextCursor: Schema.NullOr(Schema.String),
})

/**
 * A token to be ended by a caller who manages keys, as `RevokeOptions` of the service.
 * @category schemas
 * @since 0.1.0
 */
export const RevokePayload = Schema.Struct({
  token: Schema.RedactedFromValue(Schema.String),
  reason: Model.DeactivationReason,
  /** Tells one report of a leak from all others: a report ends a token once. */
  report: Schema.optionalKey(Schema.String.check(Schema.isMinLength(1), Schema.isMaxLength(8_192))),
}).annotate({ identifier: "RevokeApiKey" })

/** @category schemas @since 0.1.0 */
export const RevokedBody = Schema.Union([
  Schema.Struct({
    valid: Schema.Literal(true),
    apiKey: Model.ApiKey,
    usedToken: Schema.Literals(["current", "previous"]),
    /** `false`: the report was carried out before, and the token works again since. */
    isEnded: Schema.Boolean,
  }),
  Schema.Struct({ valid: Schema.Literal(false), error: ApiKeyError.InvalidKey }),
])

/** How many hashes there are of each kind. @category schemas @since 0.1.0 */
export const HashReportBody = Schema.Array(
  Schema.Struct({
    algorithm: Schema.String,
    parameters: Schema.String,
    pepper: Schema.NullOr(Schema.String),
    count: Schema.Int,
    isCurrent: Schema.Boolean,
  }),
)

/** @category schemas @since 0.1.0 */
export const VerifyPayload = Schema.Struct({
  // Without a label, which a client's own `Redacted` needn't have.
  token: Schema.RedactedFromValue(Schema.String),
  scopes: Schema.optionalKey(ScopeSet),
  maxAge: Schema.optionalKey(MaxAge),
  countsAsUse: Schema.optionalKey(Schema.Boolean),
})

/** @category schemas @since 0.1.0 */
export const VerifiedBody = Schema.Union([
  Schema.Struct({
    valid: Schema.Literal(true),
    apiKey: Model.ApiKey,
    usedToken: Schema.Literals(["current", "previous"]),
    checkedAt: Model.Instant,
  }),
  Schema.Struct({
    valid: Schema.Literal(false),
    error: ApiKeyError.InvalidKey,
  }),
])

/** @category schemas @since 0.1.0 */
export const PageBody = Schema.Struct({
  items: Schema.Array(Model.ApiKey),
  total: Schema.NullOr(Schema.Int),
  offset: Schema.NullOr(Schema.Int),
  limit: Schema.Int,
  nextCursor: Schema.NullOr(Schema.String),
})

/** @category schemas @since 0.1.0 */
export const FilterQuery = {
  ownerId: Schema.optionalKey(Model.OwnerId),
  isActive: Schema.optionalKey(Flag),
  scopes: Schema.optionalKey(ScopeSet),
  name: Schema.optionalKey(Model.Description),
  keyId: Schema.optionalKey(Model.KeyId),
  startsWith: Schema.optionalKey(Model.KeyId),
  ...perBound(Schema.optionalKey(Model.Instant)),
  neverUsed: Schema.optionalKey(Flag),
  expired: Schema.optionalKey(Flag),
} satisfies { readonly [Name in keyof Filter]-?: unknown }

/** The sort orders; a minus sign means descending. @category schemas @since 0.1.0 */
export const SortQuery = Schema.Literals(sortFields.flatMap((field) => [field, `-${field}`] as const))

/** @category schemas @since 0.1.0 */
export const SearchQuery = {
  ...FilterQuery,
  sort: Schema.optionalKey(SortQuery),
  limit: Schema.optionalKey(Limit),
  offset: Schema.optionalKey(wholeNumber("^\\d{1,9}$", "How many keys to skip; not together with `cursor`", "0")),
  cursor: Schema.optionalKey(Cursor),
}

const exampleToken = "ak-7a74caa323a5410d-…"
const rotationScopes =
  "Needs the scope `api-keys:write`, or `api-keys:rotate-self` for the key that the request is made with, by its current token."

const entityTag = { etag: Schema.String }
const ApiKeyBody = HttpApiSchema.WithHeaders(Model.ApiKey, entityTag)
const params = { id: Model.ApiKeyId }
const query = { confirmWithin: Schema.optionalKey(ConfirmWithin) }

/**
 * Answers requests that don't fit their schemas with {@link Problem.InvalidRequestProblem}, which names the fields and repeats no value.
 * @category middleware
 * @since 0.1.0
 */
export class RequestProblems extends HttpApiMiddleware.Service<RequestProblems>()("effect-api-key/http/RequestProblems", {
  error: [Problem.InvalidRequestProblem, Problem.ServiceUnavailableProblem],
}) {}

const errors = [Problem.InvalidRequestProblem, Problem.ServiceUnavailableProblem] as const
const errorsOfBody = [...errors, Problem.BodyTooLargeProblem, Problem.UnsupportedMediaTypeProblem] as const

/**
 * Makes the group under another path than `/api-keys`.
 * @category constructors
 * @since 0.1.0
 */
export const make = <const Prefix extends `/${string}`>(prefix: Prefix) =>
  HttpApiGroup.make("apiKeys")
    .add(
      HttpApiEndpoint.post("create", "/", {
        payload: CreatePayload,
        success: HttpApiSchema.WithHeaders(CreatedBody.pipe(HttpApiSchema.status(201)), {
          location: Schema.String,
          "cache-control": Schema.String,
          ...entityTag,
        }),
        error: [...errorsOfBody, Problem.ScopeNotHeldProblem],
      }).pipe(
        explain({
          summary: "Create an API key",
          description: "Answers with the key's token, which is shown only here. The caller's own key must hold the scopes that it gives.",
          example: {
            name: "Acme's robot",
            ownerId: "acme",
            scopes: ["invoices:read"],
            metadata: { team: "billing" },
            expiresAt: "2027-01-31T00:00:00Z",
          },
        }),
        requireScopes("api-keys:write"),
      ),
      HttpApiEndpoint.get("search", "/", { query: SearchQuery, success: PageBody, error: errors }).pipe(
        explain({
          summary: "Search API keys",
          description:
            "Answers with a page of the keys that match all filters, newest first unless `sort` says otherwise. `cursor` leads from page to page, also while keys come and go; `offset` skips keys.",
        }),
        requireScopes("api-keys:read"),
      ),
      HttpApiEndpoint.get("count", "/count", {
        query: FilterQuery,
        success: Schema.Struct({ count: Schema.Int }),
        error: errors,
      }).pipe(
        explain({ summary: "Count API keys", description: "Answers with the number of keys that match all filters." }),
        requireScopes("api-keys:read"),
      ),
      HttpApiEndpoint.post("verify", "/verify", {
        payload: VerifyPayload,
        success: HttpApiSchema.WithHeaders(VerifiedBody, { "cache-control": Schema.String }),
        error: [...errorsOfBody, Problem.OverloadedProblem],
      }).pipe(
        explain({
          summary: "Verify a token",
          description:
            "Answers 200 with `valid` true or false. A 401 or 403 is about the caller's own key. The error says precisely what is wrong with the token, so it isn't for strangers.",
          example: { token: exampleToken, scopes: ["invoices:read"], maxAge: "2 seconds" },
        }),
        requireScopes("api-keys:verify"),
      ),
      HttpApiEndpoint.post("revoke", "/revoke", {
        payload: RevokePayload,
        success: RevokedBody,
        error: [...errorsOfBody, Problem.NotFoundProblem, Problem.OverloadedProblem],
      }).pipe(
        explain({
          summary: "End a token that was found",
          description:
            "Ends the token that is sent, if it works: deactivates its key, or ends its grace if it is the previous one. Answers 200 with `valid` true, or false if it doesn't work. A 401 or 403 is about the caller's own key.",
          example: { token: exampleToken, reason: "leaked" },
        }),
        requireScopes("api-keys:write"),
      ),
      HttpApiEndpoint.get("upcoming", "/upcoming", { query: UpcomingQuery, success: UpcomingBody, error: errors }).pipe(
        explain({
          summary: "Find API keys that are about to stop working",
          description:
            "Answers with a page of the keys that expire within a time from now, then of those whose tokens come of age within it. Keys that are inactive or have expired aren't among them. `cursor` leads from page to page.",
        }),
        requireScopes("api-keys:read"),
      ),
      HttpApiEndpoint.get("hashReport", "/hash-report", { success: HashReportBody, error: errors }).pipe(
        explain({
          summary: "Count hashes by kind",
          description: "Answers with how many hashes there are of each algorithm, parameters and pepper. It reads the whole table.",
        }),
        requireScopes("api-keys:read"),
      ),
      HttpApiEndpoint.get("get", "/:id", {
        params,
        headers: preconditionHeaders,
        success: ApiKeyBody,
        error: [...errors, Problem.NotModifiedNoContent, Problem.NotFoundProblem, Problem.VersionConflictProblem],
      }).pipe(
        explain({
          summary: "Get an API key",
          description: "Answers with the key's record, which holds neither its token nor a hash of it.",
        }),
        requireScopes("api-keys:read"),
      ),
      HttpApiEndpoint.patch("update", "/:id", {
        params,
        query,
        headers: preconditionHeaders,
        payload: UpdatePayload,
        success: ApiKeyBody,
        error: [
          ...errorsOfBody,
          Problem.NotFoundProblem,
          Problem.ScopeNotHeldProblem,
          Problem.VersionConflictProblem,
          Problem.UnconfirmedProblem,
        ],
      }).pipe(
        explain({
          summary: "Change an API key",
          description:
            "Changes the fields that are sent; `null` empties one. The caller's own key must hold the scopes that it gives, and those of the key whose expiry it changes.",
          example: { description: "Reads invoices at night", scopes: ["invoices:read"], expiresAt: null },
        }),
        requireScopes("api-keys:write"),
      ),
      HttpApiEndpoint.delete("delete", "/:id", {
        params,
        query,
        headers: preconditionHeaders,
        success: HttpApiSchema.NoContent,
        error: [...errors, Problem.NotFoundProblem, Problem.VersionConflictProblem, Problem.UnconfirmedProblem],
      }).pipe(
        explain({ summary: "Delete an API key", description: "Removes the record. `deactivate` ends a key and keeps its record." }),
        requireScopes("api-keys:write"),
      ),
      HttpApiEndpoint.post("activate", "/:id/activate", {
        params,
        query,
        headers: preconditionHeaders,
        success: ApiKeyBody,
        error: [
          ...errors,
          Problem.NotFoundProblem,
          Problem.ScopeNotHeldProblem,
          Problem.VersionConflictProblem,
          Problem.UnconfirmedProblem,
        ],
      }).pipe(
        explain({
          summary: "Activate an API key",
          description: "Makes an inactive key work again. The caller's own key must hold that key's scopes.",
        }),
        requireScopes("api-keys:write"),
      ),
      HttpApiEndpoint.post("deactivate", "/:id/deactivate", {
        params,
        query: { ...query, reason: Schema.optionalKey(Model.DeactivationReason) },
        headers: preconditionHeaders,
        success: ApiKeyBody,
        error: [...errors, Problem.NotFoundProblem, Problem.VersionConflictProblem, Problem.UnconfirmedProblem],
      }).pipe(
        explain({
          summary: "Deactivate an API key",
          description: "Ends a key until it is activated again. Why and when it was first deactivated is kept in the record.",
        }),
        requireScopes("api-keys:write"),
      ),
      HttpApiEndpoint.post("rotate", "/:id/rotate", {
        params,
        query,
        headers: preconditionHeaders,
        payload: RotatePayload,
        success: HttpApiSchema.WithHeaders(CreatedBody, { "cache-control": Schema.String, ...entityTag }),
        error: [
          ...errorsOfBody,
          Problem.InactiveProblem,
          Problem.ExpiredProblem,
          Problem.InsufficientScopeProblem,
          Problem.PreviousTokenProblem,
          Problem.NotFoundProblem,
          Problem.ScopeNotHeldProblem,
          Problem.GraceRunningProblem,
          Problem.VersionConflictProblem,
          Problem.UnconfirmedProblem,
        ],
      }).pipe(
        explain({
          summary: "Give an API key a new token",
          description: `Answers with the new token, which is shown only here. The token before works on until its grace ends.\n\n${rotationScopes}`,
          example: { graceSeconds: 3600, graceFrom: "firstUse" },
        }),
      ),
      HttpApiEndpoint.post("endGrace", "/:id/end-grace", {
        params,
        query,
        headers: preconditionHeaders,
        success: ApiKeyBody,
        error: [
          ...errors,
          Problem.InactiveProblem,
          Problem.ExpiredProblem,
          Problem.InsufficientScopeProblem,
          Problem.PreviousTokenProblem,
          Problem.NotFoundProblem,
          Problem.VersionConflictProblem,
          Problem.UnconfirmedProblem,
        ],
      }).pipe(
        explain({
          summary: "End a previous token",
          description: `Ends the token from before the last rotation at once.\n\n${rotationScopes}`,
        }),
      ),
    )
    .middleware(ApiKeyAuth)
    .middleware(RequestProblems)
    .prefix(prefix)
    .annotate(CacheControl, "no-store")
    .annotate(HttpApi.ParseOptions, { onExcessProperty: "ignore", errors: "all" })
    .annotate(HttpApi.PayloadParseOptions, { onExcessProperty: "error", errors: "all" })
    .annotate(HttpApi.QueryParseOptions, { onExcessProperty: "error", errors: "all" })
    .annotate(OpenApi.Title, "API keys")
    .annotate(OpenApi.Description, "Create, find, change, rotate and end API keys, and verify their tokens for others.")

/**
 * The group under `/api-keys`. An enclosing group or api may prefix it further; {@link make} gives it another path.
 * @category groups
 * @since 0.1.0
 */
export class ApiKeysGroup extends make("/api-keys") {}

/**
 * The failures of each endpoint of the group, by the endpoint's name: a derived client fails with these, besides `HttpClientError`
 * and `SchemaError`. The tag of each is its class's name in `Problem`.
 * @category models
 * @since 0.1.0
 */
export type ApiKeysProblems = ProblemsOf<typeof ApiKeysGroup>

/** A failure of any endpoint of the group. @category models @since 0.1.0 */
export type ApiKeysProblem = ApiKeysProblems[keyof ApiKeysProblems]

/** The failures of a group's endpoints, by their names. @category models @since 0.1.0 */
export type ProblemsOf<Group> = {
  readonly [Endpoint in HttpApiGroup.Endpoints<Group> as Endpoint["identifier"]]: HttpApiEndpoint.Errors<Endpoint>
}

/**
 * An api of just the group, for a client or a server that needs no more.
 * @category groups
 * @since 0.1.0
 */
export class ApiKeysApi extends HttpApi.make("effect-api-key").add(ApiKeysGroup) {}
