/** Runs the command `git`. */
import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Stream from "effect/Stream"
import { GitFailed, GitMissing, NotARepository } from "../ScanError.ts"

export type GitError = NotARepository | GitMissing | GitFailed

/** What a command writes, if it exits with 0. The input is bytes, one in each character. */
export const output = (
  directory: string,
  args: readonly [command: string, ...rest: ReadonlyArray<string>],
  input: Stream.Stream<string, GitError> = Stream.empty,
): Stream.Stream<Buffer, GitError> =>
  Stream.unwrap(
    Effect.gen(function* () {
      const git = yield* start(directory, args)
      const feeding = yield* Stream.runForEach(input, (text) =>
        Effect.promise(() => {
          if (git.process.stdin.write(text, "latin1")) return Promise.resolve()
          // A command that has ended takes no more, and tells by its exit code why.
          return Promise.race([new Promise((resolve) => git.process.stdin.once("drain", resolve)), git.exit])
        }),
      ).pipe(Effect.ensuring(Effect.sync(() => git.process.stdin.end())), Effect.forkScoped)
      const failed = (cause: unknown) => new GitFailed({ path: directory, command: args[0], exitCode: -1, reason: String(cause) })
      return Stream.fromAsyncIterable<Buffer, GitError>(git.process.stdout, failed).pipe(
        Stream.concat(Stream.drain(Stream.fromEffect(Effect.andThen(git.ended, Fiber.join(feeding))))),
      )
    }),
  )

/** The code that a command exits with, for those that answer by it. */
export const exitCode = (
  directory: string,
  args: readonly [command: string, ...rest: ReadonlyArray<string>],
): Effect.Effect<number, GitError> =>
  Effect.scoped(
    Effect.gen(function* () {
      const git = yield* start(directory, args)
      git.process.stdin.end()
      git.process.stdout.resume()
      return yield* git.ended.pipe(
        Effect.as(0),
        Effect.catchTag("GitFailed", (error) => (error.exitCode === 1 ? Effect.succeed(1) : Effect.fail(error))),
      )
    }),
  )

const start = (directory: string, [command, ...rest]: readonly [command: string, ...rest: ReadonlyArray<string>]) =>
  Effect.gen(function* () {
    const { process, exit } = yield* Effect.acquireRelease(
      Effect.sync(() => {
        // No hook, helper or download of the repository's choice, nor objects that replace others.
        const options = ["--no-replace-objects", "-c", "core.fsmonitor=false", "-c", "log.showSignature=false", "-c", "log.showRoot=true"]
        const process = spawn("git", ["-C", directory, ...options, command, ...rest], { env: environment(), stdio: "pipe" })
        return { process, exit: exitOf(process) }
      }),
      ({ process }) => Effect.sync(() => process.kill()),
    )
    const ended: Effect.Effect<void, GitError> = Effect.flatMap(
      Effect.promise(() => exit),
      ({ code, reason, cause }): Effect.Effect<void, GitError> => {
        if (cause?.code === "ENOENT") return Effect.fail(new GitMissing())
        if (code === 0) return Effect.void
        if (/^fatal: not a git repository/m.test(reason)) return Effect.fail(new NotARepository({ path: directory }))
        return Effect.fail(new GitFailed({ path: directory, command, exitCode: code, reason: cause?.message ?? reason.trim() }))
      },
    )
    return { process, exit, ended }
  })

const exitOf = (process: ChildProcessWithoutNullStreams) =>
  new Promise<{ readonly code: number; readonly reason: string; readonly cause?: NodeJS.ErrnoException }>((resolve) => {
    let reason = ""
    process.stderr.setEncoding("utf8").on("data", (text: string) => {
      reason = (reason + text).slice(-4096)
    })
    // Writing to a command that has ended.
    process.stdin.on("error", () => {})
    process.on("error", (cause) => resolve({ code: -1, reason, cause }))
    process.on("close", (code) => resolve({ code: code ?? -1, reason }))
  })

/** Hooks run with variables that would lead git to another repository than the one asked for. */
const environment = (): NodeJS.ProcessEnv => {
  const { env } = process
  const own = Object.entries(env).filter(([name]) => !repositoryVariables.has(name))
  return { ...Object.fromEntries(own), LC_ALL: "C", GIT_OPTIONAL_LOCKS: "0", GIT_NO_LAZY_FETCH: "1", GIT_TERMINAL_PROMPT: "0" }
}

/** As `git rev-parse --local-env-vars` lists them, but for configuration. */
const repositoryVariables = new Set([
  "GIT_ALTERNATE_OBJECT_DIRECTORIES",
  "GIT_OBJECT_DIRECTORY",
  "GIT_DIR",
  "GIT_WORK_TREE",
  "GIT_IMPLICIT_WORK_TREE",
  "GIT_GRAFT_FILE",
  "GIT_INDEX_FILE",
  "GIT_NO_REPLACE_OBJECTS",
  "GIT_REPLACE_REF_BASE",
  "GIT_PREFIX",
  "GIT_SHALLOW_FILE",
  "GIT_COMMON_DIR",
])

/** Cuts what a command writes at a character, as bytes, one in each character of the pieces. */
export const split = <E>(bytes: Stream.Stream<Buffer, E>, separator: "\0" | "\n"): Stream.Stream<ReadonlyArray<string>, E> =>
  bytes.pipe(
    Stream.mapAccum(
      () => "",
      (rest, chunk) => {
        const pieces = (rest + chunk.toString("latin1")).split(separator)
        // There is always a last one.
        return [pieces.pop()!, [pieces]] as const
      },
      { onHalt: (rest) => (rest === "" ? [] : [[rest]]) },
    ),
  )
