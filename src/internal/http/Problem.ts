/**
 * Refusals on the wire: RFC 9457 problems, each of type `urn:effect-api-key:problem:…`.
 * @since 0.1.0
 */
import * as Schema from "effect/Schema"
import * as HttpApiError from "effect/http-api/HttpApiError"
import * as HttpApiSchema from "effect/http-api/HttpApiSchema"
import { Instant } from "../../ApiKey.ts"
import { ScopeSet } from "../../Scope.ts"

const urn = <const Name extends string>(name: Name) => `urn:effect-api-key:problem:${name}` as const

/** The request can't be understood: `errors` says which part, and why. @category problems @since 0.1.0 */
export class InvalidRequestProblem extends HttpApiError.Problem<InvalidRequestProblem>()(
  "InvalidRequestProblem",
  { type: urn("invalid-request"), status: 400, title: "Invalid request" },
  { errors: Schema.optionalKey(Schema.Array(HttpApiError.ProblemIssue)) },
) {}

/** The caller has the key's present state already (RFC 9110 §15.4.5), of which `If-None-Match` named the tag. @category problems @since 0.1.0 */
export class NotModified extends Schema.TaggedError<NotModified>()("NotModified", {}, { httpApiStatus: 304 }) {}

/** {@link NotModified} on the wire: without a body. @category problems @since 0.1.0 */
export const NotModifiedNoContent = NotModified.pipe(HttpApiSchema.asNoContent({ decode: () => new NotModified() }))

/** The body is longer than the endpoint reads. @category problems @since 0.1.0 */
export class BodyTooLargeProblem extends HttpApiError.Problem<BodyTooLargeProblem>()("BodyTooLargeProblem", {
  type: urn("body-too-large"),
  status: 413,
  title: "Body too large",
}) {}

/** The body isn't JSON, by its `Content-Type`. @category problems @since 0.1.0 */
export class UnsupportedMediaTypeProblem extends HttpApiError.Problem<UnsupportedMediaTypeProblem>()("UnsupportedMediaTypeProblem", {
  type: urn("unsupported-media-type"),
  status: 415,
  title: "Unsupported media type",
}) {}

/** No credential was sent. @category problems @since 0.1.0 */
export class MissingApiKeyProblem extends HttpApiError.Problem<MissingApiKeyProblem>()("MissingApiKeyProblem", {
  type: urn("missing-api-key"),
  status: 401,
  title: "API key required",
}) {}

/**
 * The token is no good. Doesn't tell whether it is malformed, unknown, or has the wrong secret.
 * @category problems
 * @since 0.1.0
 */
export class InvalidTokenProblem extends HttpApiError.Problem<InvalidTokenProblem>()("InvalidTokenProblem", {
  type: urn("invalid-token"),
  status: 401,
  title: "Invalid API key",
}) {}

/** The key was deactivated. @category problems @since 0.1.0 */
export class InactiveProblem extends HttpApiError.Problem<InactiveProblem>()("InactiveProblem", {
  type: urn("inactive"),
  status: 401,
  title: "API key is inactive",
}) {}

/** The key has expired, or became idle. @category problems @since 0.1.0 */
export class ExpiredProblem extends HttpApiError.Problem<ExpiredProblem>()(
  "ExpiredProblem",
  { type: urn("expired"), status: 401, title: "API key has expired" },
  {
    expiresAt: Instant,
    /** Present for a key that wasn't used for its idle timeout. */
    reason: Schema.optionalKey(Schema.Literal("idle")),
  },
) {}

/** The key lacks a scope that is required. @category problems @since 0.1.0 */
export class InsufficientScopeProblem extends HttpApiError.Problem<InsufficientScopeProblem>()(
  "InsufficientScopeProblem",
  { type: urn("insufficient-scope"), status: 403, title: "API key lacks a required scope" },
  { required: ScopeSet },
) {}

/** A policy of the key refuses this use of it. @category problems @since 0.1.0 */
export class PolicyRefusedProblem extends HttpApiError.Problem<PolicyRefusedProblem>()(
  "PolicyRefusedProblem",
  { type: urn("policy-refused"), status: 403, title: "A policy of the API key refuses this use" },
  { policy: Schema.String, reason: Schema.String },
) {}

/** The key isn't allowed from the caller's address. Doesn't tell whether another address would do. @category problems @since 0.1.0 */
export class IpNotAllowedProblem extends HttpApiError.Problem<IpNotAllowedProblem>()("IpNotAllowedProblem", {
  type: urn("ip-not-allowed"),
  status: 403,
  title: "The API key isn't allowed from this address",
}) {}

/**
 * A rate limit or quota of the key leaves too little for this request (draft-ietf-httpapi-ratelimit-headers-11). `retryAt` is the exact time for another
 * attempt, and `null` if none would do. `Retry-After` says at most a day.
 * @category problems
 * @since 0.1.0
 */
export class RateLimitedProblem extends HttpApiError.Problem<RateLimitedProblem>()(
  "RateLimitedProblem",
  { type: "https://iana.org/assignments/http-problem-types#quota-exceeded", status: 429, title: "Too many requests with this API key" },
  { "violated-policies": Schema.Array(Schema.String), retryAt: Schema.NullOr(Instant) },
) {}

/**
 * A quota of the key leaves too little for this request, and no refill will change that. A later attempt may do if the quota was topped up.
 * @category problems
 * @since 0.1.0
 */
export class QuotaSpentProblem extends HttpApiError.Problem<QuotaSpentProblem>()(
  "QuotaSpentProblem",
  { type: urn("quota-spent"), status: 403, title: "The API key's quota is spent" },
  { "violated-policies": Schema.Array(Schema.String) },
) {}

/** The caller tried to hand out scopes that it doesn't hold. @category problems @since 0.1.0 */
export class ScopeNotHeldProblem extends HttpApiError.Problem<ScopeNotHeldProblem>()(
  "ScopeNotHeldProblem",
  { type: urn("scope-not-held"), status: 403, title: "Only scopes that the caller holds can be granted" },
  { scopes: ScopeSet },
) {}

/** No key has that id. @category problems @since 0.1.0 */
export class NotFoundProblem extends HttpApiError.Problem<NotFoundProblem>()(
  "NotFoundProblem",
  { type: urn("not-found"), status: 404, title: "No such API key" },
  { id: Schema.String },
) {}

/** A precondition doesn't hold: the record is at the version `actual`. @category problems @since 0.1.0 */
export class VersionConflictProblem extends HttpApiError.Problem<VersionConflictProblem>()(
  "VersionConflictProblem",
  { type: urn("version-conflict"), status: 412, title: "The API key has changed meanwhile" },
  {
    id: Schema.String,
    actual: Schema.Int,
    /** The version that the change was judged by, where the record has changed since. */
    expected: Schema.optionalKey(Schema.Int),
  },
) {}

/** The token that the key had before still works, so another rotation was refused. @category problems @since 0.1.0 */
export class GraceRunningProblem extends HttpApiError.Problem<GraceRunningProblem>()(
  "GraceRunningProblem",
  { type: urn("grace-running"), status: 409, title: "The API key's previous token still works" },
  { id: Schema.String, expiresAt: Schema.NullOr(Instant) },
) {}

/** The owner of the key has as many keys as it may have. @category problems @since 0.1.0 */
export class TooManyKeysProblem extends HttpApiError.Problem<TooManyKeysProblem>()(
  "TooManyKeysProblem",
  { type: urn("too-many-keys"), status: 409, title: "The owner has as many API keys as it may have" },
  { ownerId: Schema.String, maximum: Schema.Int },
) {}

/** A key's previous token was used for an operation that takes the current token. @category problems @since 0.1.0 */
export class PreviousTokenProblem extends HttpApiError.Problem<PreviousTokenProblem>()("PreviousTokenProblem", {
  type: urn("previous-token"),
  status: 403,
  title: "A previous token can't rotate its key",
}) {}

/** The body isn't signed by a key that is configured. @category problems @since 0.1.0 */
export class InvalidSignatureProblem extends HttpApiError.Problem<InvalidSignatureProblem>()("InvalidSignatureProblem", {
  type: urn("invalid-signature"),
  status: 403,
  title: "The body isn't signed by a known key",
}) {}

/** The server's configuration doesn't offer this. @category problems @since 0.1.0 */
export class NotOfferedProblem extends HttpApiError.Problem<NotOfferedProblem>()("NotOfferedProblem", {
  type: urn("not-offered"),
  status: 404,
  title: "Not offered",
}) {}

/** The store or the hasher can't do its work just now. @category problems @since 0.1.0 */
export class ServiceUnavailableProblem extends HttpApiError.Problem<ServiceUnavailableProblem>()("ServiceUnavailableProblem", {
  type: urn("service-unavailable"),
  status: 503,
  title: "Service unavailable",
}) {}

/** Too much is waiting to be done; try again after `retryAfterSeconds`, which `Retry-After` says too. @category problems @since 0.1.0 */
export class OverloadedProblem extends HttpApiError.Problem<OverloadedProblem>()(
  "OverloadedProblem",
  { type: urn("overloaded"), status: 503, title: "Overloaded" },
  { retryAfterSeconds: Schema.Int },
) {}

/**
 * The change was made and stands. The nodes in `nodes` haven't confirmed within the requested time that they applied the change. Empty `nodes`
 * mean that the living nodes couldn't be found out.
 * @category problems
 * @since 0.1.0
 */
export class UnconfirmedProblem extends HttpApiError.Problem<UnconfirmedProblem>()(
  "UnconfirmedProblem",
  { type: urn("unconfirmed"), status: 504, title: "The change stands, but isn't confirmed" },
  {
    id: Schema.String,
    nodes: Schema.Array(Schema.String),
    /** Of a rotation: the new token, which is shown only here. */
    token: Schema.optionalKey(Schema.RedactedFromValue(Schema.String)),
  },
) {}
