/**
 * The failure of a command: one line for people, a tag for programs, and an exit code.
 * @since 0.1.0
 */
import * as CliError from "effect/cli/CliError"
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as Runtime from "effect/Runtime"
import * as Schema from "effect/Schema"
import type * as SchemaIssue from "effect/SchemaIssue"
import { isRefusal } from "../../ApiKeyError.ts"
import { isServerFailure, type ServerFailure } from "../http/ServerFailure.ts"
import { firstIssue } from "../schema/firstIssue.ts"
import { rootMessage } from "../text/rootMessage.ts"
import { safeLine } from "../text/safe.ts"

/** The exit codes of the process. @category models @since 0.1.0 */
export const exitCodes = { done: 0, failed: 1, usage: 2, notFound: 3, invalidToken: 4 } as const

/**
 * A command was refused or failed. `tag` is the tag of the error behind the failure.
 * @category errors
 * @since 0.1.0
 */
export class CliFailure extends Schema.TaggedError<CliFailure>()("CliFailure", {
  exitCode: Schema.Literals([1, 2, 3, 4]),
  tag: Schema.String,
  reason: Schema.String,
  /** The advice at the end of the reason, if there is any. */
  advice: Schema.optionalKey(Schema.String),
  /** The new token of an unconfirmed rotation. The token is lost unless it is shown. */
  token: Schema.optionalKey(Schema.Redacted(Schema.String, { disallowJsonEncode: true })),
}) {
  override readonly [Runtime.errorExitCode]: number = this.exitCode
  override get message(): string {
    return this.reason
  }
  override get [CliError.userMessage](): string {
    return this.reason
  }
}

/** The arguments of the command are invalid or incomplete. @category constructors @since 0.1.0 */
export const usage = (reason: string): CliFailure => new CliFailure({ exitCode: exitCodes.usage, tag: "Usage", reason })

const codeOf = (error: Failed): 1 | 3 | 4 =>
  error._tag === "ApiKeyNotFound" ? exitCodes.notFound : isRefusal(error) ? exitCodes.invalidToken : exitCodes.failed

export interface Failed {
  readonly _tag: string
  readonly message: string
  readonly expiresAt?: unknown
}

/**
 * Turns a typed error into a failure of the command.
 * @category constructors
 * @since 0.1.0
 */
export const fromError = (error: Failed): CliFailure => {
  if (error instanceof CliFailure) return error
  const cause = serverFailureBehind(error) ?? error
  return new CliFailure({
    exitCode: codeOf(cause),
    tag: cause._tag,
    reason: safeLine(describe(cause)),
    ...("advice" in cause && typeof cause.advice === "string" && { advice: cause.advice }),
    ...("token" in cause && isToken(cause.token) && { token: cause.token }),
  })
}

/** The failure over HTTP inside a `RepositoryError`, which says more than the error around it. `ServerUnavailable` says no more. */
const serverFailureBehind = (error: Failed): ServerFailure | undefined =>
  error._tag === "RepositoryError" && "cause" in error && isServerFailure(error.cause) && error.cause._tag !== "ServerUnavailable"
    ? error.cause
    : undefined

/** Turns the typed errors of an effect into failures of the command. */
export const orFailure = <A, E extends Failed, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, CliFailure, R> =>
  Effect.mapError(effect, (error) => fromError(error))

const isToken = Schema.is(Schema.Redacted(Schema.String))

const describe = (error: Failed): string => {
  const cause = "cause" in error && error.cause instanceof Error ? error.cause : undefined
  if (cause instanceof Schema.SchemaError) return describeIssue(cause.issue, "_")
  switch (error._tag) {
    case "GraceRunning":
      return `The token from before the last rotation still works, ${DateTime.isDateTime(error.expiresAt) ? `until ${DateTime.formatIso(error.expiresAt)}` : "until a time after the new one's first use"}: wait, or end it with --end-previous`
    case "RepositoryError": {
      const reason = cause === undefined ? "" : rootMessage(cause)
      // The SQLSTATEs of a missing table and a missing column.
      return /\b42P01\b|\b42703\b/.test(reason)
        ? "The database isn't migrated, or not by this version: run effect-api-key migrate"
        : reason === "" || reason === error.message
          ? error.message
          : `${error.message}: ${withoutState(reason)}`
    }
    case "SqlError":
      return `The database can't be used: ${withoutState(rootMessage(error))}`
    default:
      return error.message === "" ? (cause === undefined ? error._tag : rootMessage(cause)) : error.message
  }
}

/** Cuts off a beginning such as `UnknownError (3D000): `, which tells people nothing. */
const withoutState = (reason: string): string => reason.replace(/^\w+Error \(\w+\): /, "")

/** Describes the first fault of a value, and its place. */
export const describeIssue = (issue: SchemaIssue.Issue, separator = "."): string => {
  const { path, message } = firstIssue(issue)
  return `${path.length === 0 ? "" : `${path.join(separator)}: `}${message}`
}
