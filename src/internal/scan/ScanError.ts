/**
 * How a scan fails, and what it tells of without failing. All of it is exported by `effect-api-key/scan/Scanner`.
 * @since 0.1.0
 */
import * as Schema from "effect/Schema"
import type { InvalidTokenConfig } from "../../ApiKeyToken.ts"

/** There is nothing at the path that was to be scanned. @category errors @since 0.1.0 */
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

/** What was to be scanned as a git repository is none. @category errors @since 0.1.0 */
export class NotARepository extends Schema.TaggedError<NotARepository>()("NotARepository", { path: Schema.String }) {
  override get message(): string {
    return `${this.path} is not a git repository`
  }
}

/** There is no `git` in the `PATH`. @category errors @since 0.1.0 */
export class GitMissing extends Schema.TaggedError<GitMissing>()("GitMissing", {}) {
  override get message(): string {
    return "The command git was not found"
  }
}

/**
 * A git command failed, or (`exitCode` 0) told of what it left out; `reason` is what it wrote last. `exitCode` is -1 if it was killed.
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

/** The repository has no history before some commits, as a shallow clone, so that it could not be scanned. @category errors @since 0.1.0 */
export class ShallowRepository extends Schema.TaggedError<ShallowRepository>()("ShallowRepository", { path: Schema.String }) {
  override get message(): string {
    return `${this.path} is a shallow clone: what was committed before isn't in it, and not scanned (git fetch --unshallow)`
  }
}

/** What ends a scan. @category errors @since 0.1.0 */
export type ScanError = PathNotFound | Unreadable | NotARepository | GitMissing | GitFailed | InvalidTokenConfig

/** What a scan goes on after, and tells of: something was not scanned, or was although git would ignore it. @category errors @since 0.1.0 */
export type ScanProblem = Unreadable | GitMissing | GitFailed | ShallowRepository
