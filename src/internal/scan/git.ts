/** Runs the command `git`. */
import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Stream from "effect/Stream"
import { GitFailed, GitMissing, NotARepository } from "./ScanError.ts"

export type GitError = NotARepository | GitMissing | GitFailed

/** The size, in git's notation, from which on contents are large: more than a process should hold. */
export const largeBlob = "16m"

/** The longest wait for a command's next output. A file on a dead network could block git for ever. */
const longestSilence = Duration.minutes(5)
const longestQuestion = Duration.minutes(1)

type Command = readonly [command: string, ...rest: ReadonlyArray<string>]

/** Called with the part that a command left out while the command went on. */
type OnProblem = (problem: GitFailed) => Effect.Effect<void>

/** The output of a command. Another exit code than 0 is a failure. The input is bytes, one in each character. */
export const output = (
  directory: string,
  command: Command,
  onProblem: OnProblem,
  input: Stream.Stream<string, GitError> = Stream.empty,
): Stream.Stream<Buffer, GitError> =>
  Stream.unwrap(
    Effect.gen(function* () {
      const git = yield* start(directory, command)
      const feeding = yield* Stream.runForEach(input, (text) =>
        Effect.promise(() => {
          if (git.process.stdin.write(text, "latin1")) return Promise.resolve()
          // A command that has ended takes no more input. Its exit code tells the reason.
          return Promise.race([new Promise((resolve) => git.process.stdin.once("drain", resolve)), git.exit])
        }),
      ).pipe(Effect.ensuring(Effect.sync(() => git.process.stdin.end())), Effect.forkScoped)
      const failed = (cause: unknown) => new GitFailed({ path: directory, command: command[0], exitCode: -1, reason: String(cause) })
      const silent = failed(`it has written nothing for ${Duration.format(longestSilence)}`)
      const ended = Effect.flatMap(git.ended, (warning) => (warning === undefined ? Effect.void : onProblem(warning)))
      const chunks: AsyncIterator<Buffer> = git.process.stdout[Symbol.asyncIterator]()
      // `Stream.timeoutOrElse` may lose the last chunk of a stream that ends at once.
      const next = Effect.tryPromise({ try: () => chunks.next(), catch: failed }).pipe(
        Effect.timeoutOrElse({ duration: longestSilence, orElse: () => Effect.fail(silent) }),
        Effect.map(({ done, value }) => (done === true ? undefined : ([value, undefined] as const))),
      )
      return Stream.unfold(undefined, () => next).pipe(
        Stream.concat(Stream.drain(Stream.fromEffect(Effect.andThen(ended, Fiber.join(feeding))))),
      )
    }),
  )

/** The lines of a command's answer. `yes` is true for the exit code 0, and false for 1. */
export const ask = (
  directory: string,
  command: Command,
): Effect.Effect<{ readonly yes: boolean; readonly lines: ReadonlyArray<string> }, GitError> =>
  Effect.scoped(
    Effect.gen(function* () {
      const git = yield* start(directory, command)
      git.process.stdin.end()
      let text = ""
      git.process.stdout.setEncoding("latin1").on("data", (piece: string) => (text += piece))
      const yes = yield* git.ended.pipe(
        Effect.as(true),
        Effect.catchTag("GitFailed", (error) => (error.exitCode === 1 ? Effect.succeed(false) : Effect.fail(error))),
      )
      return { yes, lines: text.split("\n").slice(0, -1) }
    }),
  ).pipe(
    Effect.timeoutOrElse({
      duration: longestQuestion,
      orElse: () =>
        Effect.fail(
          new GitFailed({
            path: directory,
            command: command[0],
            exitCode: -1,
            reason: `it has not ended within ${Duration.format(longestQuestion)}`,
          }),
        ),
    }),
  )

const start = (directory: string, [command, ...rest]: Command) =>
  Effect.gen(function* () {
    const { process, exit } = yield* Effect.acquireRelease(
      Effect.sync(() => {
        const process = spawn("git", ["-C", directory, ...options, command, ...rest], { env: environment(), stdio: "pipe" })
        return { process, exit: exitOf(process) }
      }),
      ({ process }) => Effect.sync(() => process.kill()),
    )
    /** Waits for the end. A message of a successful command is about a part that the command left out. */
    const ended = Effect.flatMap(
      Effect.promise(() => exit),
      ({ code, reason, cause }): Effect.Effect<GitFailed | undefined, GitError> => {
        if (cause?.code === "ENOENT") return Effect.fail(new GitMissing())
        const error = new GitFailed({ path: directory, command, exitCode: code, reason: cause?.message ?? reason.trim() })
        if (code === 0) return Effect.succeed(error.reason === "" ? undefined : error)
        return Effect.fail(/^fatal: not a git repository/m.test(reason) ? new NotARepository({ path: directory }) : error)
      },
    )
    return { process, exit, ended }
  })

const options = [
  // No hooks, helpers or downloads that the repository chooses, and no objects that replace others.
  "--no-replace-objects",
  "-c",
  "core.fsmonitor=false",
  // Git warns of grafts whenever the variable for their file is set, even to an empty file.
  "-c",
  "advice.graftFileDeprecated=false",
  // Bounds on a process's memory. Git's defaults are caches of 96 MiB, whole packs, and files that could be streamed.
  "-c",
  "core.deltaBaseCacheLimit=32m",
  "-c",
  "core.packedGitWindowSize=16m",
  "-c",
  "core.packedGitLimit=128m",
  "-c",
  `core.bigFileThreshold=${largeBlob}`,
]

const exitOf = (process: ChildProcessWithoutNullStreams) =>
  new Promise<{ readonly code: number; readonly reason: string; readonly cause?: NodeJS.ErrnoException }>((resolve) => {
    let reason = ""
    process.stderr.setEncoding("utf8").on("data", (text: string) => {
      reason = (reason + text).slice(-4096)
    })
    // Writing to a command that has ended is no failure.
    process.stdin.on("error", () => {})
    process.on("error", (cause) => resolve({ code: -1, reason, cause }))
    process.on("close", (code) => resolve({ code: code ?? -1, reason }))
  })

/** The environment without the variables of a running hook, which would lead git to another repository. */
const environment = (): NodeJS.ProcessEnv => {
  const { env } = process
  // Traces on standard error would look like problems of the repository.
  const own = Object.entries(env).filter(([name]) => !repositoryVariables.has(name) && !name.startsWith("GIT_TRACE"))
  return {
    ...Object.fromEntries(own),
    LC_ALL: "C",
    GIT_OPTIONAL_LOCKS: "0",
    GIT_TERMINAL_PROMPT: "0",
    // Grafts would hide a part of the history.
    GIT_GRAFT_FILE: "/dev/null",
    // A partial clone would fetch missing objects from the address that it names. The second variable is for git before 2.44.
    GIT_NO_LAZY_FETCH: "1",
    GIT_ALLOW_PROTOCOL: "",
  }
}

/** The list of `git rev-parse --local-env-vars` without those for configuration. */
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

/** Splits a command's output at a character. The pieces are bytes, one in each character. */
export const split = <E>(bytes: Stream.Stream<Buffer, E>, separator: "\0" | "\n"): Stream.Stream<ReadonlyArray<string>, E> =>
  bytes.pipe(
    Stream.mapAccum(
      () => "",
      (rest, chunk) => {
        const pieces = (rest + chunk.toString("latin1")).split(separator)
        // A split text has a last piece.
        return [pieces.pop()!, [pieces]] as const
      },
      { onHalt: (rest) => (rest === "" ? [] : [[rest]]) },
    ),
  )
