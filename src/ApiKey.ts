/**
 * The record of an API key: its owner, its scopes and bounds, and its expiry.
 *
 * `verify` gives an {@link ApiKey}, which travels over HTTP too. A repository keeps a {@link StoredApiKey}, which holds the hash. The separate
 * type keeps hashes out of responses.
 * @since 0.1.0
 */
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as SchemaGetter from "effect/SchemaGetter"
import * as SchemaIssue from "effect/SchemaIssue"
import * as SchemaTransformation from "effect/SchemaTransformation"
import { documented } from "./internal/schema/documented.ts"
import { latestMillis, parseInstant } from "./internal/time/instants.ts"
import { isStorableText } from "./internal/text/storable.ts"
import { ScopeSet } from "./Scope.ts"

/**
 * The record's own identifier, a UUIDv7 in lower case. The id stays when the secret changes.
 * @category schemas
 * @since 0.1.0
 */
export const ApiKeyId: Schema.brand<Schema.String, "ApiKeyId"> = Schema.String.check(
  Schema.isPattern(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/u, { expected: "a UUIDv7" }),
)
  .annotate({ examples: ["01985d2c-6a00-7c3e-9f1b-2d4e6f8a0b1c"] })
  .pipe(Schema.brand("ApiKeyId"))
/** @since 0.1.0 */
export type ApiKeyId = typeof ApiKeyId.Type

/**
 * The public part of a token that finds the record. The built-in format makes 16 hex digits; a custom format may use up to 128 visible ASCII
 * characters.
 * @category schemas
 * @since 0.1.0
 */
export const KeyId: Schema.brand<Schema.String, "KeyId"> = Schema.String.check(
  Schema.isMaxLength(128),
  Schema.isPattern(/^[!-~]+$/u, { expected: "visible ASCII characters" }),
)
  .annotate({ examples: ["7a74caa323a5410d"] })
  .pipe(Schema.brand("KeyId"))
/** @since 0.1.0 */
export type KeyId = typeof KeyId.Type

const storable = "[^\\u0000\\uD800-\\uDFFF]"
const isStorable = Schema.makeFilter<string>((text) => isStorableText(text) || "text without NUL and unpaired surrogates", {
  toJsonSchema: () => ({ pattern: `^${storable}*$` }),
})

/**
 * 1 to 128 characters (Unicode code points) after trimming.
 * @category schemas
 * @since 0.1.0
 */
export const Name: Schema.Codec<string> = Schema.String.check(
  documented({ minLength: 1, maxLength: 128, pattern: `^${storable}*[^\\s\\u0000\\uD800-\\uDFFF]${storable}*$` }),
)
  .annotate({ examples: ["Acme's robot"] })
  .pipe(Schema.decodeTo(Schema.Trimmed, SchemaTransformation.trim()))
  .check(Schema.isNonEmpty(), Schema.isMaxCodePoints(128), isStorable)

/** Up to 1,000 characters. @category schemas @since 0.1.0 */
export const Description: Schema.Codec<string> = Schema.String.check(Schema.isMaxCodePoints(1_000), isStorable)

/** The key's owner in the application's terms: 1 to 200 characters. @category schemas @since 0.1.0 */
export const OwnerId: Schema.Codec<string> = Schema.String.check(Schema.isNonEmpty(), Schema.isMaxCodePoints(200), isStorable)

/** The bounds of metadata: bytes of its JSON in UTF-8, and levels of nesting. @category models @since 0.1.0 */
export const metadataLimits = { bytes: 8_192, depth: 32 } as const

/**
 * A JSON object of at most 8 KiB (UTF-8) and 32 levels, without NUL characters.
 * @category schemas
 * @since 0.1.0
 */
export const Metadata: Schema.Codec<Schema.JsonObject> = Schema.declare(
  (input): input is Schema.JsonObject => isJsonObject(input) && hasStorableJson(input),
  {
    expected: "a JSON object of at most 8 KiB and 32 levels, without NUL characters",
    toCodecJson: () => Schema.link<Schema.JsonObject>()(JsonObjectOnWire, SchemaTransformation.passthrough()),
    toCodecArbitrary: () =>
      Schema.link<Schema.JsonObject>()(
        Schema.Record(Schema.String.check(Schema.isPattern(/^[a-z]{1,8}$/)), Schema.Union([Schema.Int, Schema.Boolean, Schema.Null])),
        SchemaTransformation.passthrough({ strict: false }),
      ),
  },
)

/**
 * The bounds of a key beyond its scopes: a JSON object with a value for each kind of policy. The object has at least one kind, at most 8 KiB and
 * 32 levels. A kind is a lower-case letter and up to 31 letters and digits. The kind's `KeyPolicy` gives a value its meaning.
 * @category schemas
 * @since 0.1.0
 */
export const Policies: Schema.Codec<Schema.JsonObject> = Schema.declare(
  (input): input is Schema.JsonObject => isJsonObject(input) && hasKinds(input) && hasStorableJson(input),
  {
    expected:
      "a JSON object of at most 8 KiB and 32 levels, without NUL characters, whose names are kinds of policies, of which it has some",
    toCodecJson: () => Schema.link<Schema.JsonObject>()(PoliciesOnWire, SchemaTransformation.passthrough()),
    toCodecArbitrary: () =>
      Schema.link<Schema.JsonObject>()(
        Schema.Record(Schema.String.check(Schema.isPattern(/^[a-z][A-Za-z0-9]{0,7}$/)), Schema.Union([Schema.Int, Schema.Boolean])).check(
          Schema.isMinProperties(1),
        ),
        SchemaTransformation.passthrough({ strict: false }),
      ),
  },
)

/** Names within metadata. Names that begin with `__` are left out, as one of them, `__proto__`, is refused. */
const namesInMetadata = { propertyNames: { pattern: `^_?(?:[^_\\u0000\\uD800-\\uDFFF]${storable}*)?$` } }

/** The schema serves documents alone: decoding deeply nested input would overflow the stack. */
const MetadataValue: Schema.Codec<Schema.Json> = Schema.Union([
  Schema.Null,
  Schema.Boolean,
  Schema.Finite,
  Schema.String.check(isStorable),
  Schema.Array(Schema.suspend((): Schema.Codec<Schema.Json> => MetadataValue)),
  Schema.Record(
    Schema.String,
    Schema.suspend((): Schema.Codec<Schema.Json> => MetadataValue),
  ).check(Schema.makeFilter(() => true, { toJsonSchema: () => namesInMetadata })),
]).annotate({ identifier: "MetadataValue" })

const JsonObjectOnWire: Schema.Codec<Schema.JsonObject> = Schema.Record(
  Schema.String,
  Schema.declare((_value): _value is Schema.Json => true, { representation: { id: "effect/schema/Json", payload: null } }),
).check(
  Schema.makeFilter(() => true, {
    description: "At most 8 KiB of JSON in UTF-8, and 32 levels",
    examples: [{ team: "billing" }],
    representation: { id: "effect-api-key/Metadata", payload: null, schemas: [MetadataValue.ast] },
    toJsonSchema: ({ schemas: [value = true] }) => ({ ...namesInMetadata, additionalProperties: value }),
  }),
)

const PoliciesOnWire: Schema.Codec<Schema.JsonObject> = Schema.Record(
  Schema.String,
  Schema.declare((_value): _value is Schema.Json => true, { representation: { id: "effect/schema/Json", payload: null } }),
).check(
  Schema.makeFilter(() => true, {
    description: "A value for each kind of policy: at most 8 KiB of JSON in UTF-8, and 32 levels",
    representation: { id: "effect-api-key/Policies", payload: null, schemas: [MetadataValue.ast] },
    toJsonSchema: ({ schemas: [value = true] }) => ({
      minProperties: 1,
      propertyNames: { pattern: policyKind.source },
      additionalProperties: value,
    }),
  }),
)

const dayAndTime = "-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\\d|3[01])[Tt ](?:[01]\\d|2[0-3]):[0-5]\\d:[0-5]\\d(?:\\.\\d{1,9})?"
// An offset may lead out of the first and the last years, so the pattern excludes these years for offsets.
const instantPattern = `^(?:19[7-9]\\d|[2-9]\\d{3})${dayAndTime}[Zz]$|^(?:19[89]\\d|2\\d{3})${dayAndTime}[+-](?:[01]\\d|2[0-3]):[0-5]\\d$`
const instantExpected = "an instant such as 2027-01-31T00:00:00Z: with a day that there is, a time, and Z or an offset"

/**
 * A moment from 1970 to the end of 9999. The text follows RFC 3339: with a time, and with `Z` or an offset. Digits beyond milliseconds are cut
 * off; both JavaScript and PostgreSQL keep the rest exactly.
 * @category schemas
 * @since 0.1.0
 */
export const Instant: Schema.Codec<DateTime.Utc, string> = Schema.String.annotate({ format: "date-time", expected: instantExpected })
  .check(documented({ pattern: instantPattern }))
  .annotate({
    identifier: "Instant",
    description: "An instant as RFC 3339 has it, from 1970 to 9999",
    examples: ["2027-01-31T00:00:00.000Z"],
  })
  .pipe(
    Schema.decodeTo(Schema.DateTimeUtc, {
      decode: SchemaGetter.transformEffect((text: string) => {
        const millis = parseInstant(text)
        return millis === undefined
          ? Effect.fail(new SchemaIssue.InvalidValue({ message: `must be ${instantExpected}` }))
          : Effect.succeed(DateTime.makeUnsafe(millis))
      }),
      encode: SchemaGetter.transform(DateTime.formatIso),
    }),
  )
  .check(isInRange())

/**
 * An instant in a caller's input: a `DateTime.Utc`, a `Date`, or text for {@link Instant}, such as `2027-01-31T00:00:00Z`.
 * @category models
 * @since 0.1.0
 */
export type InstantInput = DateTime.Utc | Date | string

/**
 * {@link Instant}'s range, for instants that are encoded in another way.
 * @category schemas
 * @since 0.1.0
 */
export function isInRange() {
  return Schema.makeFilter<DateTime.Utc>(
    ({ epochMilliseconds }) => (epochMilliseconds >= 0 && epochMilliseconds <= latestMillis) || "an instant from 1970 to 9999",
  )
}

/**
 * The reason of a deactivation: `manual` by a manager of keys, `leaked` for a leaked token, `possession` by a holder of the token.
 * @category schemas
 * @since 0.1.0
 */
export const DeactivationReason: Schema.Literals<readonly ["manual", "leaked", "possession"]> = Schema.Literals([
  "manual",
  "leaked",
  "possession",
])
/** @since 0.1.0 */
export type DeactivationReason = typeof DeactivationReason.Type

/** How long a previous token may work on: 90 days. @category models @since 0.1.0 */
export const maxGraceSeconds = 7_776_000

/**
 * The token that a rotation replaced, which works on until its grace ends.
 * @category models
 * @since 0.1.0
 */
export class PreviousToken extends Schema.Class<PreviousToken>("PreviousToken")({
  keyId: KeyId,
  /** The last 4 characters of the secret's random part. */
  hint: Schema.String,
  /** The first moment at which the token no longer works. If the grace waits for the new token's first use, the latest possible moment. */
  expiresAt: Schema.NullOr(Instant),
  /**
   * The grace after the new token's first use, in seconds; `null` once the end is settled in `expiresAt`. If both fields are `null`, the token
   * has ended.
   */
  graceSeconds: Schema.NullOr(Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: maxGraceSeconds }))),
  /** The last use since the rotation. */
  lastUsedAt: Schema.NullOr(Instant),
}) {}

/**
 * An API key's record, without its hash.
 * @category models
 * @since 0.1.0
 */
export class ApiKey extends Schema.Class<ApiKey>("ApiKey")({
  id: ApiKeyId,
  keyId: KeyId,
  prefix: Schema.String,
  name: Name,
  description: Schema.NullOr(Description),
  ownerId: Schema.NullOr(OwnerId),
  scopes: ScopeSet,
  metadata: Metadata,
  /** The key's bounds beyond the scopes; `null` without such bounds. */
  policies: Schema.NullOr(Policies),
  isActive: Schema.Boolean,
  /** The time of the deactivation; the reason follows. Both are `null` while the key is active, or if they aren't known. */
  deactivatedAt: Schema.NullOr(Instant),
  deactivationReason: Schema.NullOr(DeactivationReason),
  /** The first moment at which the key no longer works; `null` if it never expires. */
  expiresAt: Schema.NullOr(Instant),
  createdAt: Instant,
  updatedAt: Instant,
  lastUsedAt: Schema.NullOr(Instant),
  /** The last 4 characters of the secret's random part. */
  hint: Schema.String,
  /** Starts at 1 and grows by 1 with each change. Uses and renewed hashes don't count. */
  version: Schema.Int.check(Schema.isGreaterThanOrEqualTo(1)),
  /** The time of the last rotation; `null` if the current token is the first one. */
  rotatedAt: Schema.NullOr(Instant),
  /** The token before the current one, which may still work. */
  previous: Schema.NullOr(PreviousToken),
}) {}

/** One of a key's tokens: the newest, or the one before. @category models @since 0.1.0 */
export type UsedToken = "current" | "previous"

/** When the current token was made. The token's age counts from this moment. @category models @since 0.1.0 */
export const tokenCreatedAt = ({ rotatedAt, createdAt }: Pick<ApiKey, "rotatedAt" | "createdAt">): DateTime.Utc => rotatedAt ?? createdAt

/** Every key id that leads to the record. @category models @since 0.1.0 */
export const keyIdsOf = ({ keyId, previous }: Pick<ApiKey, "keyId" | "previous">): ReadonlyArray<KeyId> =>
  previous === null ? [keyId] : [keyId, previous.keyId]

const SealId = Schema.NullOr(Schema.String).pipe(Schema.withConstructorDefault(Effect.succeed(null)))

/**
 * A record as a repository keeps it: with the hash of its secret, and the hash of the previous one. The JSON codec refuses to write the hashes.
 * @category models
 * @since 0.1.0
 */
export class StoredApiKey extends Schema.Class<StoredApiKey>("StoredApiKey")({
  apiKey: ApiKey,
  hash: Schema.Redacted(Schema.String, { disallowJsonEncode: true }),
  /** `null` exactly if the record has no previous token. */
  previousHash: Schema.NullOr(Schema.Redacted(Schema.String, { disallowJsonEncode: true })),
  /** The id of the key that sealed the token; `null` for a token without a seal. */
  sealId: SealId,
  /** The id of the key that sealed the previous token. */
  previousSealId: SealId,
}) {}

/**
 * Where a key stands at a moment.
 * @category models
 * @since 0.1.0
 */
export type Status = "active" | "inactive" | "expired"

/**
 * Tells a key's status at `now`, an instant or its milliseconds since 1970. A key that was deactivated is `inactive` even when it has expired as well. Expiry is exclusive:
 * at `expiresAt` itself the key is expired.
 * @category predicates
 * @since 0.1.0
 * @example
 * ```ts
 * import { DateTime, Effect } from "effect"
 * import { ApiKey } from "effect-api-key"
 *
 * const isUsable = (key: ApiKey.ApiKey) => Effect.map(DateTime.now, (now) => ApiKey.status(key, now) === "active")
 * ```
 */
export const status = (key: Pick<ApiKey, "isActive" | "expiresAt">, now: DateTime.Utc | number): Status => {
  if (!key.isActive) return "inactive"
  if (key.expiresAt === null) return "active"
  return key.expiresAt.epochMilliseconds <= (typeof now === "number" ? now : now.epochMilliseconds) ? "expired" : "active"
}

function isJsonObject(input: unknown): input is Schema.JsonObject {
  return typeof input === "object" && input !== null && !Array.isArray(input) && isPlain(input)
}

const policyKind = /^[a-z][A-Za-z0-9]{0,31}$/

const hasKinds = (input: Schema.JsonObject): boolean => {
  const kinds = Object.keys(input)
  return kinds.length > 0 && kinds.every((kind) => policyKind.test(kind))
}

const isPlain = (input: object): boolean => {
  const prototype = Object.getPrototypeOf(input)
  return prototype === Object.prototype || prototype === null
}

const utf8 = new TextEncoder()

// Walks with a list of its own instead of recursion, and bounds the depth before `JSON.stringify` recurses.
function hasStorableJson(root: object): boolean {
  let level: ReadonlyArray<object> = [root]
  for (let depth = 0; level.length > 0; depth++) {
    if (depth >= metadataLimits.depth) return false
    const next: Array<object> = []
    for (const container of level) {
      for (const [key, value] of Object.entries(container)) {
        if (!isStorableText(key) || key === "__proto__") return false
        if (typeof value === "string") {
          if (!isStorableText(value)) return false
        } else if (typeof value === "object" && value !== null) {
          if (!Array.isArray(value) && !isPlain(value)) return false
          next.push(value)
        } else if (!(value === null || typeof value === "boolean" || (typeof value === "number" && Number.isFinite(value)))) {
          return false
        }
      }
    }
    if (next.length > metadataLimits.bytes) return false
    level = next
  }
  const text = JSON.stringify(root)
  // A UTF-16 unit takes three bytes at most.
  return text.length * 3 <= metadataLimits.bytes || utf8.encode(text).length <= metadataLimits.bytes
}
