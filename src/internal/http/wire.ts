/** The schemas of the management group's requests and answers: bodies, queries, and texts for durations and numbers. */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as SchemaGetter from "effect/SchemaGetter"
import * as SchemaIssue from "effect/SchemaIssue"
import * as Struct from "effect/Struct"
import * as Model from "../../ApiKey.ts"
import * as ApiKeyError from "../../ApiKeyError.ts"
import { LimitState, maxLimit } from "../../RateLimit.ts"
import { ScopeSet } from "../../Scope.ts"
import type { Filter } from "../keys/model.ts"
import { type FaceCreateField, faceCreateFields, type FaceUpdateField, faceUpdateFields, perBound, sortFields } from "../record/fields.ts"
import { documented } from "../schema/documented.ts"
import { formatDuration, parseDuration } from "../time/durations.ts"

/** The named fields, each optional in a body. */
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

/** The time to wait for the nodes: more than 0 and at most 30 seconds. @category schemas @since 0.1.0 */
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
/** The document has `pattern` alone. A refusal of other faults has words. */
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
  items: Schema.Array(
    Schema.Struct({ apiKey: Model.ApiKey, reason: Schema.Literals(["expires", "comesOfAge", "idle"]), at: Model.Instant }),
  ),
  nextCursor: Schema.NullOr(Schema.String),
})

/**
 * A token that a manager of keys ends, as `RevokeOptions` of the service.
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

/** How many tokens each key has sealed. @category schemas @since 0.1.0 */
export const SealReportBody = Schema.Array(
  Schema.Struct({
    sealId: Schema.NullOr(Schema.String),
    count: Schema.Int,
    isConfigured: Schema.Boolean,
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
  /** The units that the use takes from each rate limit; 0 looks without taking. */
  cost: Schema.optionalKey(Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: maxLimit }))),
  /** The IP address that the token came from. */
  address: Schema.optionalKey(Schema.String.check(Schema.isMaxLength(64))),
})

/** @category schemas @since 0.1.0 */
export const VerifiedBody = Schema.Union([
  Schema.Struct({
    valid: Schema.Literal(true),
    apiKey: Model.ApiKey,
    usedToken: Schema.Literals(["current", "previous"]),
    checkedAt: Model.Instant,
    /** The key's rate limits after this use; absent for a key without limits. */
    limits: Schema.optionalKey(Schema.Array(LimitState)),
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
