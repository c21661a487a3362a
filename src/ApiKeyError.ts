/**
 * The ways to fail that several modules share: one class per way, caught by tag. No error carries a secret or a hash.
 *
 * Verification fails with exactly {@link VerifyError}, in the order of its members.
 * @since 0.1.0
 */
import * as DateTime from "effect/DateTime"
import * as Duration from "effect/Duration"
import * as Schema from "effect/Schema"
import { ApiKeyId, Instant, KeyId } from "./ApiKey.ts"
import { LimitState } from "./RateLimit.ts"
import { ScopeSet } from "./Scope.ts"

/** The request carries no credential. @category errors @since 0.1.0 */
export class MissingApiKey extends Schema.TaggedError<MissingApiKey>()("MissingApiKey", {}) {
  override get message(): string {
    return "No API key was given"
  }
}

/** The string isn't a token of the service's format: wrong shape, wrong prefix or wrong checksum. @category errors @since 0.1.0 */
export class MalformedToken extends Schema.TaggedError<MalformedToken>()("MalformedToken", {
  /** `seal`: the token has the format, but no seal of a configured key, and seals are required. */
  reason: Schema.Literals(["length", "format", "prefix", "checksum", "seal"]),
  /** The beginning of the built-in format's tokens, separator included. Present if `reason` is `prefix`. */
  expected: Schema.optionalKey(Schema.String),
}) {
  override get message(): string {
    return `The token is malformed (${this.reason}${this.expected === undefined ? "" : `: tokens begin with ${this.expected} here`})`
  }
}

/** No record has that key id. @category errors @since 0.1.0 */
export class NotFound extends Schema.TaggedError<NotFound>()("NotFound", { keyId: KeyId }) {
  override get message(): string {
    return `No API key has the key id ${this.keyId}`
  }
}

/** The secret doesn't match the record. @category errors @since 0.1.0 */
export class InvalidSecret extends Schema.TaggedError<InvalidSecret>()("InvalidSecret", { keyId: KeyId }) {
  override get message(): string {
    return `Wrong secret for the API key ${this.keyId}`
  }
}

/** The secret matches; the key was deactivated. @category errors @since 0.1.0 */
export class Inactive extends Schema.TaggedError<Inactive>()("Inactive", { keyId: KeyId }) {
  override get message(): string {
    return `The API key ${this.keyId} is inactive`
  }
}

/** The secret matches; the key has expired, or became idle. @category errors @since 0.1.0 */
export class Expired extends Schema.TaggedError<Expired>()("Expired", {
  keyId: KeyId,
  /** The first moment at which the key no longer worked, or at which it became idle. */
  expiresAt: Instant,
  /** `idle`: the key wasn't used for its `idleTimeout`. A longer one makes the key good again. Absent for a key, or a token, that has ended. */
  reason: Schema.optionalKey(Schema.Literal("idle")),
}) {
  override get message(): string {
    return this.reason === "idle"
      ? `The API key ${this.keyId} has expired, as it wasn't used for too long`
      : `The API key ${this.keyId} has expired`
  }
}

/** The key is valid but lacks a required scope. @category errors @since 0.1.0 */
export class InsufficientScope extends Schema.TaggedError<InsufficientScope>()("InsufficientScope", {
  keyId: KeyId,
  required: ScopeSet,
  granted: ScopeSet,
  /** Of a previous token that still works: when a rotation replaced it, and when it ends at the latest. */
  previous: Schema.optionalKey(Schema.Struct({ replacedAt: Instant, expiresAt: Schema.NullOr(Instant) })),
}) {
  override get message(): string {
    return `The API key ${this.keyId} lacks a required scope (${this.required.join(" ")})`
  }
}

/** The key is valid and holds the scopes, but a policy of its record refuses the use. @category errors @since 0.1.0 */
export class PolicyRefused extends Schema.TaggedError<PolicyRefused>()("PolicyRefused", {
  keyId: KeyId,
  /** The policy's kind. */
  kind: Schema.String,
  /** For people, the holder of the key among them. */
  reason: Schema.String,
}) {
  override get message(): string {
    return `The policy ${this.kind} of the API key ${this.keyId} refuses this use: ${this.reason}`
  }
}

/** The key is valid, but not from the caller's address, or the address isn't known. @category errors @since 0.1.0 */
export class IpNotAllowed extends Schema.TaggedError<IpNotAllowed>()("IpNotAllowed", { keyId: KeyId }) {
  override get message(): string {
    return `The API key ${this.keyId} isn't allowed from this address`
  }
}

/**
 * The key is valid, but a rate limit of it leaves too little for this use. Nothing was taken. `name` and `limit` are those of the limit that
 * asks for the longest wait.
 * @category errors
 * @since 0.1.0
 */
export class RateLimited extends Schema.TaggedError<RateLimited>()("RateLimited", {
  keyId: KeyId,
  name: Schema.String,
  limit: Schema.Int,
  /** The time after which the use may be tried again, in milliseconds as JSON; `null` for a use that costs more than the limit. */
  retryAfter: Schema.NullOr(Schema.DurationFromMillis),
  /** The names of all limits that refuse the use. */
  violated: Schema.Array(Schema.String),
  /** All limits of the key. */
  limits: Schema.Array(LimitState),
}) {
  override get message(): string {
    const { keyId, name, limit, retryAfter } = this
    const when = retryAfter === null ? "the use costs more than that" : `try again in ${Math.ceil(Duration.toSeconds(retryAfter))} s`
    return `The API key ${keyId} is over its limit ${name} (${limit}): ${when}`
  }
}

/**
 * The key is valid, but a quota of it has too few units left for this use. Nothing was taken. `name` and `amount` are those of the quota that is
 * refilled last.
 * @category errors
 * @since 0.1.0
 */
export class QuotaExceeded extends Schema.TaggedError<QuotaExceeded>()("QuotaExceeded", {
  keyId: KeyId,
  name: Schema.String,
  amount: Schema.Int,
  /** When the quota is refilled; `null` if it isn't, or if a refill isn't enough for the use. */
  refillsAt: Schema.NullOr(Instant),
  /** The names of all quotas that refuse the use. */
  violated: Schema.Array(Schema.String),
  /** All quotas of the key. */
  limits: Schema.Array(LimitState),
}) {
  override get message(): string {
    const { keyId, name, amount, refillsAt } = this
    const when = refillsAt === null ? "a refill won't allow this use" : `it is refilled at ${DateTime.formatIso(refillsAt)}`
    return `The API key ${keyId} has spent its quota ${name} (${amount}): ${when}`
  }
}

/**
 * The cause of a `RepositoryError` if this node doesn't know a record's kind of policy, or can't read its value. The key is refused here; a node
 * of a later version may know the policy.
 * @category errors
 * @since 0.1.0
 */
export class UnknownPolicy extends Schema.TaggedError<UnknownPolicy>()("UnknownPolicy", {
  keyId: KeyId,
  kinds: Schema.Array(Schema.String),
}) {
  override get message(): string {
    return `The API key ${this.keyId} has policies that this program doesn't know (${this.kinds.join(", ")})`
  }
}

/** No record has that id: of `get`, `update`, `delete` and the like. @category errors @since 0.1.0 */
export class ApiKeyNotFound extends Schema.TaggedError<ApiKeyNotFound>()("ApiKeyNotFound", { id: ApiKeyId }) {
  override get message(): string {
    return `No API key has the id ${this.id}`
  }
}

/** The record has changed since the caller read it. @category errors @since 0.1.0 */
export class VersionConflict extends Schema.TaggedError<VersionConflict>()("VersionConflict", {
  id: ApiKeyId,
  expected: Schema.Int,
  actual: Schema.Int,
}) {
  override get message(): string {
    return `The API key ${this.id} is at version ${this.actual}, not ${this.expected}`
  }
}

/** The key id is taken already. Repositories fail with it; the service tries another one. @category errors @since 0.1.0 */
export class DuplicateKeyId extends Schema.TaggedError<DuplicateKeyId>()("DuplicateKeyId", { keyId: KeyId }) {
  override get message(): string {
    return `The key id ${this.keyId} is taken`
  }
}

/** The caller's input breaks a rule of the record. `field` names the culprit. @category errors @since 0.1.0 */
export class InvalidInput extends Schema.TaggedError<InvalidInput>()("InvalidInput", {
  field: Schema.String,
  reason: Schema.String,
}) {
  override get message(): string {
    return `${this.field}: ${this.reason}`
  }
}

/**
 * The cause of a `RepositoryError` if the store's encoding lacks the character, as LATIN1 lacks `€`. The service makes {@link InvalidInput} of
 * it, as the same call fails again.
 * @category errors
 * @since 0.1.0
 */
export class UnstorableText extends Schema.TaggedError<UnstorableText>()("UnstorableText", { character: Schema.String }) {
  override get message(): string {
    return `The store's encoding can't hold ${JSON.stringify(this.character)}`
  }
}

/** The cursor wasn't made by this search. @category errors @since 0.1.0 */
export class InvalidCursor extends Schema.TaggedError<InvalidCursor>()("InvalidCursor", {}) {
  override get message(): string {
    return "The cursor doesn't belong to this search"
  }
}

/** The store failed. `isRetryable` says whether the same call may succeed a moment later. @category errors @since 0.1.0 */
export class RepositoryError extends Schema.TaggedError<RepositoryError>()("RepositoryError", {
  operation: Schema.String,
  isRetryable: Schema.Boolean,
  cause: Schema.Defect(),
}) {
  override get message(): string {
    return `The API key store failed to ${this.operation}`
  }
}

/**
 * A secret couldn't be hashed or checked. The hash string belongs to another hasher, is broken, asks for too much work, or needs a missing
 * pepper. Otherwise the hasher itself failed. Never means "wrong secret".
 * @category errors
 * @since 0.1.0
 */
export class HasherError extends Schema.TaggedError<HasherError>()("HasherError", {
  reason: Schema.Literals(["UnsupportedHash", "MalformedHash", "ParametersOutOfBounds", "MissingPepper", "Failed"]),
  /** With `MissingPepper`: the id of the pepper, which isn't secret, or `""` for the unlabelled one. */
  pepperId: Schema.optionalKey(Schema.String),
  /** Absent where it could hold part of a hash. */
  cause: Schema.optionalKey(Schema.Defect()),
}) {
  override get message(): string {
    if (this.pepperId === undefined) return `The API key hasher failed (${this.reason})`
    const which = this.pepperId === "" ? "the unlabelled pepper (API_KEY_PEPPER, or the built-in one)" : `the pepper ${this.pepperId}`
    return `The API key hasher failed (${this.reason}): ${which} isn't configured`
  }
}

/**
 * The queue of secrets to hash is full, or the secret waited too long. The token wasn't judged; the caller may try again after
 * `retryAfterSeconds`.
 * @category errors
 * @since 0.1.0
 */
export class Overloaded extends Schema.TaggedError<Overloaded>()("Overloaded", { retryAfterSeconds: Schema.Int }) {
  override get message(): string {
    return `Too many secrets wait to be hashed; try again in ${this.retryAfterSeconds} s`
  }
}

/**
 * The change was made and stands, but not every live node has confirmed the change. The nodes in `nodes` haven't confirmed. An empty `nodes`
 * means that the live nodes couldn't be found out.
 * @category errors
 * @since 0.1.0
 */
export class Unconfirmed extends Schema.TaggedError<Unconfirmed>()("Unconfirmed", {
  id: ApiKeyId,
  nodes: Schema.Array(Schema.String),
  /** Of a rotation: the new token, which can't be had again. */
  token: Schema.optionalKey(Schema.Redacted(Schema.String, { disallowJsonEncode: true })),
}) {
  override get message(): string {
    const whom = this.nodes.length === 0 ? "it can't be found out which nodes there are" : `not by ${this.nodes.join(", ")}`
    return `The change of the API key ${this.id} was made, but isn't confirmed (${whom})`
  }
}

/**
 * An earlier rotation's previous token still works. The token works until `expiresAt`; with `null`, for a time after the new token's first use.
 * Rotate with `ifPrevious: "end"` to end it at once.
 * @category errors
 * @since 0.1.0
 */
export class GraceRunning extends Schema.TaggedError<GraceRunning>()("GraceRunning", {
  id: ApiKeyId,
  expiresAt: Schema.NullOr(Instant),
}) {
  override get message(): string {
    return `The token that the API key ${this.id} had before still works`
  }
}

/**
 * The owner has as many keys as it may have: see `ApiKeys.Options.maxKeysPerOwner`. Nothing was written.
 * @category errors
 * @since 0.1.0
 */
export class TooManyKeys extends Schema.TaggedError<TooManyKeys>()("TooManyKeys", {
  ownerId: Schema.String,
  /** The number of keys that the owner may have. */
  maximum: Schema.Int,
}) {
  override get message(): string {
    return `The owner ${this.ownerId} has as many API keys as it may have (${this.maximum})`
  }
}

/**
 * Keys have hashes under peppers that aren't configured, so the service wasn't built. `id` is the pepper's id, `""` for the pepper without a
 * label (`API_KEY_PEPPER`). `count` is the number of keys whose current token, or working previous token, needs the pepper.
 * @category errors
 * @since 0.1.0
 */
export class MissingPeppers extends Schema.TaggedError<MissingPeppers>()("MissingPeppers", {
  peppers: Schema.Array(Schema.Struct({ id: Schema.String, count: Schema.Int })),
}) {
  override get message(): string {
    const each = this.peppers.map(({ id, count }) => `${count} ${id === "" ? "without a label (API_KEY_PEPPER)" : `under ${id}`}`)
    return `API keys need peppers that aren't configured: ${each.join(", ")}. Configure them as older ones, or start with acceptMissingPeppers (API_KEY_ACCEPT_MISSING_PEPPERS=true)`
  }
}

/**
 * Required seals would refuse `count` working tokens without a seal of a configured key, so the service wasn't built.
 * @category errors
 * @since 0.1.0
 */
export class UnsealedTokens extends Schema.TaggedError<UnsealedTokens>()("UnsealedTokens", { count: Schema.Int }) {
  override get message(): string {
    const [told, them] = this.count === 1 ? ["1 token that works has", "it"] : [`${this.count} tokens that work have`, "them"]
    return `${told} no seal by a configured key, and seals are required: configure the keys that sealed ${them}, rotate ${them}, let seals be preferred, or start with refuseUnsealed (API_KEY_REFUSE_UNSEALED=true), which ends ${them}`
  }
}

/**
 * New keys in a store that outlives the program would be hashed with the public, built-in pepper. The service wasn't built.
 * @category errors
 * @since 0.1.0
 */
export class BuiltInPepper extends Schema.TaggedError<BuiltInPepper>()("BuiltInPepper", {}) {
  get found(): string {
    return "No pepper is configured (API_KEY_PEPPER, API_KEY_PEPPERS, API_KEY_PEPPERS_FILE), or built-in is the first, and the keys are kept for good"
  }
  get advice(): string {
    return "set API_KEY_PEPPER to at least 16 random bytes (openssl rand -base64 32); where there are keys already, made under the built-in one, write API_KEY_PEPPERS=2026a:…,built-in instead; for a trial, acceptBuiltInPepper (API_KEY_ACCEPT_BUILT_IN_PEPPER=true) goes on with the built-in one, which protects nothing"
  }
  override get message(): string {
    return `${this.found}: ${this.advice}`
  }
}

/**
 * Configured peppers have the ids of the stored keys' peppers, but other values, so the service wasn't built. `start` is the beginning of the
 * hashes, and names the row of the store that notes the pepper. `count` is the number of keys that need the pepper.
 * @category errors
 * @since 0.1.0
 */
export class OtherPeppers extends Schema.TaggedError<OtherPeppers>()("OtherPeppers", {
  peppers: Schema.Array(Schema.Struct({ id: Schema.String, start: Schema.String, count: Schema.Int, isAssumed: Schema.Boolean })),
}) {
  get found(): string {
    const each = this.peppers.map(
      ({ id, count, isAssumed }) =>
        `${id === "" ? "the one without an id (API_KEY_PEPPER, the file pepper in API_KEY_DATA_DIR, or built-in)" : `${id} (API_KEY_PEPPERS, API_KEY_PEPPERS_FILE)`}, which ${count === 1 ? "1 key needs" : `${count} keys need`}${isAssumed ? ", and which was noted when there were keys already" : ""}`,
    )
    return `A configured pepper isn't the one that the keys in the database were made under: ${each.join("; ")}`
  }
  get advice(): string {
    const rows = this.peppers.map(({ start }) => `'${start}'`).join(", ")
    return `set it back to what it was, and give a new one an id of its own (docs/guides/pepper.md); if it is right and what was noted is wrong: DELETE FROM api_keys_peppers WHERE start IN (${rows})`
  }
  override get message(): string {
    return `${this.found}: ${this.advice}`
  }
}

const refusals = [
  MalformedToken,
  NotFound,
  InvalidSecret,
  Inactive,
  Expired,
  InsufficientScope,
  IpNotAllowed,
  PolicyRefused,
  RateLimited,
  QuotaExceeded,
] as const
const failures = [RepositoryError, HasherError, Overloaded] as const

/** Why a token isn't good, as opposed to infrastructure that failed. @category schemas @since 0.1.0 */
export const InvalidKey = Schema.Union(refusals)
/** @since 0.1.0 */
export type InvalidKey = typeof InvalidKey.Type

/** The failures of `verify`. @category models @since 0.1.0 */
export type VerifyError = InvalidKey | InstanceType<(typeof failures)[number]>

const tagOf = <Tag extends string>({ fields }: { readonly fields: { readonly _tag: Schema.tag<Tag> } }): Tag => fields._tag.schema.literal

/** The tags of {@link InvalidKey}, in the order of the checks. @category constants @since 0.1.0 */
export const refusalTags: ReadonlyArray<InvalidKey["_tag"]> = refusals.map((refusal) => tagOf<InvalidKey["_tag"]>(refusal))

/** The tags of {@link VerifyError}: first the refusals, then the failures of infrastructure. @category constants @since 0.1.0 */
export const verifyErrorTags: ReadonlyArray<VerifyError["_tag"]> = [...refusals, ...failures].map((failure) =>
  tagOf<VerifyError["_tag"]>(failure),
)

/**
 * Whether a failure says that a record's policies aren't known here, see {@link UnknownPolicy}. The token's secret was right then.
 * @category guards
 * @since 0.1.0
 * @example
 * ```ts
 * import { ApiKeyError, ApiKeys } from "effect-api-key"
 * import { Effect } from "effect"
 *
 * const verify = (token: string) =>
 *   ApiKeys.ApiKeys.use((apiKeys) => apiKeys.verify(token)).pipe(
 *     Effect.tapError((error) => (ApiKeyError.isUnknownPolicy(error) ? Effect.logWarning("Bring this node up to date") : Effect.void)),
 *   )
 * ```
 */
export const isUnknownPolicy = (error: unknown): error is RepositoryError =>
  error instanceof RepositoryError && error.cause instanceof UnknownPolicy

/**
 * Whether a failure says that a token isn't good. A failure of infrastructure says nothing of the token.
 * @category guards
 * @since 0.1.0
 * @example
 * ```ts
 * import { ApiKeyError, ApiKeys } from "effect-api-key"
 * import { Effect } from "effect"
 *
 * const isGood = Effect.fn(function* (token: string) {
 *   const apiKeys = yield* ApiKeys.ApiKeys
 *   return yield* apiKeys.verify(token).pipe(
 *     Effect.as(true),
 *     Effect.catchIf(ApiKeyError.isRefusal, () => Effect.succeed(false)),
 *   )
 * })
 * ```
 */
export const isRefusal = <E>(error: E): error is E & InvalidKey => refusals.some((refusal) => error instanceof refusal)
