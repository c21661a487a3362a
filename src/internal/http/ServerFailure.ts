/** Reasons why a server didn't carry out a request. The failures hold no request or answer, as both may hold tokens. */
import * as DateTime from "effect/DateTime"
import * as Schema from "effect/Schema"
import { Overloaded } from "../../ApiKeyError.ts"

/** No answer came: nothing listens at `url`, or it took too long. Whether the change was made isn't known. @category errors @since 0.1.0 */
export class ServerUnreachable extends Schema.TaggedError<ServerUnreachable>()("ServerUnreachable", {
  url: Schema.String,
  reason: Schema.String,
}) {
  override get message(): string {
    return `${this.url} ${this.reason}`
  }
}

/**
 * The answer isn't from a server of API keys of this version. Another program listens there, or stands in front of the server.
 * @category errors
 * @since 0.1.0
 */
export class UnexpectedAnswer extends Schema.TaggedError<UnexpectedAnswer>()("UnexpectedAnswer", {
  url: Schema.String,
  reason: Schema.String,
}) {
  override get message(): string {
    return `${this.url} answered what isn't an answer about API keys (${this.reason})`
  }
}

/** The server refuses the client's own token. `reason` is the title of its problem. @category errors @since 0.1.0 */
export class Unauthorized extends Schema.TaggedError<Unauthorized>()("Unauthorized", {
  url: Schema.String,
  tokenName: Schema.String,
  reason: Schema.String,
}) {
  override get message(): string {
    return `${this.url} refuses ${this.tokenName} (${this.reason})`
  }
}

/**
 * The client's own token isn't allowed to do the operation. `InsufficientScope`: the token lacks `scopes`. `ScopeNotHeld`: the operation would
 * hand out `scopes` that the token doesn't hold. `PreviousToken`: a rotation replaced the token. `PolicyRefused`: a policy refuses the
 * operation. `IpNotAllowed`: the token isn't allowed from the client's address.
 * @category errors
 * @since 0.1.0
 */
export class Forbidden extends Schema.TaggedError<Forbidden>()("Forbidden", {
  tokenName: Schema.String,
  reason: Schema.Literals(["InsufficientScope", "ScopeNotHeld", "PreviousToken", "PolicyRefused", "IpNotAllowed", "QuotaSpent"]),
  scopes: Schema.Array(Schema.String),
}) {
  override get message(): string {
    const { tokenName, scopes } = this
    const why = {
      InsufficientScope: `lacks a scope (${scopes.join(" ")})`,
      ScopeNotHeld: `can't hand out scopes that it doesn't hold (${scopes.join(" ")})`,
      PreviousToken: "was replaced, and can't rotate its key",
      PolicyRefused: "is kept from this by a policy of its key",
      IpNotAllowed: "isn't allowed from this address",
      QuotaSpent: "has spent a quota of its key",
    }
    return `${tokenName.charAt(0).toUpperCase()}${tokenName.slice(1)} ${why[this.reason]}`
  }
}

/**
 * A rate limit of the client's own token leaves too little for the operation, which wasn't done. `retryAt` is `null` if no later time would do.
 * @category errors
 * @since 0.1.0
 */
export class TooManyRequests extends Schema.TaggedError<TooManyRequests>()("TooManyRequests", {
  tokenName: Schema.String,
  /** The names of the limits. */
  limits: Schema.Array(Schema.String),
  retryAt: Schema.NullOr(Schema.DateTimeUtc),
}) {
  override get message(): string {
    const { limits, retryAt, tokenName } = this
    const when = retryAt === null ? "which no later time changes" : `again at ${DateTime.formatIso(retryAt)}`
    return `${tokenName.charAt(0).toUpperCase()}${tokenName.slice(1)} is over its rate limit (${limits.join(", ")}): ${when}`
  }
}

/** The server's store or hasher can't do its work just now. @category errors @since 0.1.0 */
export class ServerUnavailable extends Schema.TaggedError<ServerUnavailable>()("ServerUnavailable", { url: Schema.String }) {
  override get message(): string {
    return `${this.url} can't reach its store, or can't hash, just now`
  }
}

/**
 * The causes of a `RepositoryError` of `ApiKeys` over HTTP. `Overloaded` is one of operations that don't fail with it themselves.
 * @category schemas
 * @since 0.1.0
 */
export const ServerFailure = Schema.Union([
  ServerUnreachable,
  UnexpectedAnswer,
  Unauthorized,
  Forbidden,
  TooManyRequests,
  ServerUnavailable,
  Overloaded,
])
/** @since 0.1.0 */
export type ServerFailure = typeof ServerFailure.Type

/** @category guards @since 0.1.0 */
export const isServerFailure: (error: unknown) => error is ServerFailure = Schema.is(ServerFailure)
