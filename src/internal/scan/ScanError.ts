/**
 * The failures of a scan, and the problems that don't end it. `effect-api-key/scan/Scanner` exports all of them.
 * @since 0.1.0
 */
import * as Schema from "effect/Schema"
import type { InvalidTokenConfig } from "../../ApiKeyToken.ts"

/** The path that was to be scanned doesn't exist. @category errors @since 0.1.0 */
export class PathNotFound extends Schema.TaggedError<PathNotFound>()("PathNotFound", { path: Schema.String }) {
  override get message(): string {
    return `There is no ${this.path}`
  }
}

/** A file, folder or stream couldn't be read to its end. `code` is the system's, such as `EACCES`. @category errors @since 0.1.0 */
export class Unreadable extends Schema.TaggedError<Unreadable>()("Unreadable", {
  path: Schema.String,
  code: Schema.String,
  reason: Schema.String,
}) {
  override get message(): string {
    return `${this.path} could not be read: ${this.reason}`
  }
}

/** The path isn't a git repository. @category errors @since 0.1.0 */
export class NotARepository extends Schema.TaggedError<NotARepository>()("NotARepository", { path: Schema.String }) {
  override get message(): string {
    return `${this.path} is not a git repository`
  }
}

/** The command `git` isn't in the `PATH`. @category errors @since 0.1.0 */
export class GitMissing extends Schema.TaggedError<GitMissing>()("GitMissing", {}) {
  override get message(): string {
    return "The command git was not found"
  }
}

/**
 * A git command failed, or left something out (`exitCode` 0). `reason` is its last output. `exitCode` is -1 for a killed command.
 * @category errors
 * @since 0.1.0
 */
export class GitFailed extends Schema.TaggedError<GitFailed>()("GitFailed", {
  path: Schema.String,
  command: Schema.String,
  exitCode: Schema.Int,
  reason: Schema.String,
}) {
  override get message(): string {
    return `git ${this.command} ${this.exitCode === 0 ? "is incomplete" : "failed"} in ${this.path}: ${this.reason}`
  }
}

/** The repository is a shallow clone. The history before some commits is missing and was not scanned. @category errors @since 0.1.0 */
export class ShallowRepository extends Schema.TaggedError<ShallowRepository>()("ShallowRepository", { path: Schema.String }) {
  override get message(): string {
    return `${this.path} is a shallow clone: what was committed before isn't in it, and not scanned (git fetch --unshallow)`
  }
}

/** A failure that ends a scan. @category errors @since 0.1.0 */
export type ScanError = PathNotFound | Unreadable | NotARepository | GitMissing | GitFailed | InvalidTokenConfig

/** A problem that doesn't end a scan. A part wasn't scanned, or was scanned although git would ignore it. @category errors @since 0.1.0 */
export type ScanProblem = Unreadable | GitMissing | GitFailed | ShallowRepository
