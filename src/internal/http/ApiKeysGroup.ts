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
import * as Schema from "effect/Schema"
import * as Model from "../../ApiKey.ts"
import { QuotaChange, QuotaChanged } from "../../Quota.ts"
import { LimitState } from "../../RateLimit.ts"
import { ApiKeyAuth, requireScopes } from "./ApiKeyAuth.ts"
import { CacheControl } from "./credentials.ts"
import { explain } from "./explain.ts"
import { preconditionHeaders } from "./preconditions.ts"
import * as Problem from "./Problem.ts"
import {
  ConfirmWithin,
  CreatedBody,
  CreatePayload,
  FilterQuery,
  HashReportBody,
  PageBody,
  RevokedBody,
  RevokePayload,
  RotatePayload,
  SealReportBody,
  SearchQuery,
  UpcomingBody,
  UpcomingQuery,
  UpdatePayload,
  VerifiedBody,
  VerifyPayload,
} from "./wire.ts"

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
        error: [...errorsOfBody, Problem.ScopeNotHeldProblem, Problem.PolicyRefusedProblem, Problem.TooManyKeysProblem],
      }).pipe(
        explain({
          summary: "Create an API key",
          description:
            "Answers with the key's token, which is shown only here. The caller's own key must hold the scopes that it gives. An owner with as many keys as it may have is 409.",
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
            "Ends the token that is sent, if it works: deactivates its key, or ends its grace if it is the previous one. Answers 200 with `valid` true, or false if it doesn't work. A 401 or 403 is about the caller's own key. The error says precisely what is wrong with the token, so it isn't for strangers.",
          example: { token: exampleToken, reason: "leaked" },
        }),
        requireScopes("api-keys:write"),
      ),
      HttpApiEndpoint.get("upcoming", "/upcoming", { query: UpcomingQuery, success: UpcomingBody, error: errors }).pipe(
        explain({
          summary: "Find API keys that are about to stop working",
          description:
            "Answers with a page of the keys that expire within a time from now, then of those whose tokens come of age within it, then of those that become idle within it unless they are used. Keys that are inactive or have expired aren't among them. `cursor` leads from page to page.",
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
      HttpApiEndpoint.get("sealReport", "/seal-report", { success: SealReportBody, error: errors }).pipe(
        explain({
          summary: "Count tokens by the key that sealed them",
          description:
            "Answers with how many tokens that work each sealing key has sealed, whether the server has that key, and how many tokens have no seal. It reads the whole table.",
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
          Problem.PolicyRefusedProblem,
          Problem.TooManyKeysProblem,
          Problem.VersionConflictProblem,
          Problem.UnconfirmedProblem,
        ],
      }).pipe(
        explain({
          summary: "Change an API key",
          description:
            "Changes the fields that are sent; `null` empties one. The caller's own key must hold the scopes that it gives, and those of the key whose expiry it changes. Another owner with as many keys as it may have is 409.",
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
          Problem.PolicyRefusedProblem,
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
          Problem.PolicyRefusedProblem,
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
      HttpApiEndpoint.get("quotas", "/:id/quotas", {
        params,
        success: Schema.Array(LimitState),
        error: [...errors, Problem.NotFoundProblem],
      }).pipe(
        explain({
          summary: "See what is left of a key's quotas",
          description:
            "Answers with the state of each quota, in the order of the record; with an empty list for a key without quotas. Units that nodes have leased don't count as left.",
        }),
        requireScopes("api-keys:read"),
      ),
      HttpApiEndpoint.post("changeQuota", "/:id/change-quota", {
        params,
        payload: QuotaChange,
        success: QuotaChanged,
        error: [...errorsOfBody, Problem.NotFoundProblem, Problem.ScopeNotHeldProblem, Problem.PolicyRefusedProblem],
      }).pipe(
        explain({
          summary: "Change what is left of a quota",
          description:
            "Tops the quota up, takes units back, or refunds spent units. A change is made once under its `requestId`: sent again, it answers as before with `isRepeated` true. For a top-up and a refund, the caller's own key must hold the scopes of the key.",
          example: { quota: "monthly", change: "topUp", units: 500, requestId: "invoice-17" },
        }),
        requireScopes("api-keys:write"),
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
 * The failures of each endpoint of the group, by the endpoint's name. A derived client fails with these failures, besides `HttpClientError` and
 * `SchemaError`. The tag of each is its class's name in `Problem`.
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
