/**
 * How a command fails: one line for people, a tag for programs, and an exit code.
 * @since 0.1.0
 */
import * as CliError from "effect/cli/CliError"
import * as Runtime from "effect/Runtime"
import * as Schema from "effect/Schema"
import * as SchemaIssue from "effect/SchemaIssue"

/** What the process ends with. @category models @since 0.1.0 */
export const exitCodes = { done: 0, failed: 1, usage: 2, notFound: 3, invalidToken: 4 } as const

/**
 * A command was refused or failed. `tag` is that of the error behind it.
 * @category errors
 * @since 0.1.0
 */
export class CliFailure extends Schema.TaggedError<CliFailure>()("CliFailure", {
  exitCode: Schema.Literals([1, 2, 3, 4]),
  tag: Schema.String,
  reason: Schema.String,
  /** What is lost unless it is shown: the new token of a rotation that isn't confirmed. */
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

/** The command line makes no sense, or lacks something. @category constructors @since 0.1.0 */
export const usage = (reason: string): CliFailure => new CliFailure({ exitCode: exitCodes.usage, tag: "Usage", reason })

const notFoundTags = new Set(["ApiKeyNotFound", "NotFoundProblem"])
const invalidTokenTags = new Set(["MalformedToken", "NotFound", "InvalidSecret", "Inactive", "Expired", "InsufficientScope"])

const codeOf = (tag: string): 1 | 2 | 3 | 4 =>
  notFoundTags.has(tag) ? exitCodes.notFound : invalidTokenTags.has(tag) ? exitCodes.invalidToken : exitCodes.failed

/**
 * What a typed error comes to.
 * @category constructors
 * @since 0.1.0
 */
export const fromError = (error: { readonly _tag: string; readonly message: string }): CliFailure =>
  error instanceof CliFailure
    ? error
    : new CliFailure({
        exitCode: codeOf(error._tag),
        tag: error._tag,
        reason: scrub(oneLine(describe(error))),
        ...("token" in error && isToken(error.token) && { token: error.token }),
      })

const isToken = Schema.is(Schema.Redacted(Schema.String))

const describe = (error: { readonly _tag: string; readonly message: string }): string => {
  const cause = "cause" in error && error.cause instanceof Error ? error.cause : undefined
  if (cause instanceof Schema.SchemaError) {
    const [first] = formatIssue(cause.issue).issues
    return `${(first?.path ?? []).map(String).join("_")}: ${first?.message ?? "invalid"}`
  }
  if (error.message === "") return cause?.message ?? error._tag
  if (error._tag !== "RepositoryError" || cause === undefined) return error.message
  const reason = rootMessage(cause)
  // SQLSTATE for tables and columns that aren't there.
  return /\b42P01\b|\b42703\b/.test(reason)
    ? "The database isn't migrated, or not by this version: run effect-api-key migrate"
    : `${error.message}: ${reason}`
}

const formatIssue = SchemaIssue.makeFormatterStandardSchemaV1()

const rootMessage = (error: Error): string =>
  error.cause instanceof Error && error.cause.message !== "" ? rootMessage(error.cause) : error.message

const oneLine = (text: string): string => text.trim().replace(/\s*\n\s*/g, " ")

/**
 * Hides the secret of every token in a text, whatever its prefix.
 * @category combinators
 * @since 0.1.0
 */
export const scrub = (text: string): string => text.replace(/([-_.~:][0-9a-f]{16}[-_.~:])[0-9A-Za-z]{20,}/g, "$1…")
