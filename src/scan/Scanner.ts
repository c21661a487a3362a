/**
 * Finds leaked tokens in files, streams, and the history of git repositories.
 *
 * The format and the checksum tell a token. A random look-alike passes once in 56 billion times. Tokens are found in text and in binary files.
 * They may be in UTF-16, UTF-8, or an encoding that shares ASCII with UTF-8. The bytes around a token don't matter. Start with
 * {@link scanPaths} or {@link scanGit}. `effect-api-key/scan/Report` shows their finds, and never a secret. The module needs Node.
 * @since 0.1.0
 */
import { existsSync } from "node:fs"
import { availableParallelism } from "node:os"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as ApiKeyToken from "../ApiKeyToken.ts"
import { addToBatch, emptyBatch, locate, noFile } from "../internal/scan/batches.ts"
import * as Blobs from "../internal/scan/blobs.ts"
import type { Encoding } from "../internal/scan/encoding.ts"
import * as Files from "../internal/scan/files.ts"
import * as History from "../internal/scan/history.ts"
import { failureOf } from "../internal/scan/job.ts"
import * as Locator from "../internal/scan/locator.ts"
import * as Matcher from "../internal/scan/matcher.ts"
import * as Pool from "../internal/scan/pool.ts"
import { PathNotFound, type ScanError, type ScanProblem, Unreadable } from "../internal/scan/ScanError.ts"
import * as Window from "../internal/scan/window.ts"
import { safeLine } from "../internal/text/safe.ts"
import { hintOf, keyIdLength, secretLength } from "../internal/token/tokenFormat.ts"

export {
  GitFailed,
  GitMissing,
  NotARepository,
  PathNotFound,
  type ScanError,
  type ScanProblem,
  ShallowRepository,
  Unreadable,
} from "../internal/scan/ScanError.ts"

/**
 * A token, and where it is.
 * @category models
 * @since 0.1.0
 */
export interface Find {
  readonly token: Redacted.Redacted
  readonly prefix: string
  readonly keyId: string
  /** The part of the secret that may be shown. */
  readonly hint: string
  /**
   * The scanned path, followed by the names below it. In a repository's history the path begins at the top. A stream has `-`. Bytes that aren't
   * UTF-8 are replaced.
   */
  readonly path: string
  /** Counts from 1. Lines end with a line feed. */
  readonly line: number
  /** Counts from 1, in UTF-16 code units, as editors do. */
  readonly column: number
  /** The offset of the token's first byte, from 0. */
  readonly byteOffset: number
  readonly encoding: Encoding
  /** In a repository's history: the first commit with these contents. Absent if no commit has them, as a tag may name contents directly. */
  readonly commit?: string
}

export type { Encoding }

/**
 * @category models
 * @since 0.1.0
 */
export interface ScanOptions {
  /** The prefixes to look for, with their separators. Default: `ak` with `-`. */
  readonly formats?: ReadonlyArray<ApiKeyToken.TokenConfig> | undefined
  /** The number of threads, or git processes, that read at once. With 0 the main thread reads. Default: one for each core. */
  readonly workers?: number | undefined
  /** Called for each part that can't be scanned, while the scan goes on. Default: a warning is logged. */
  readonly onProblem?: ((problem: ScanProblem) => Effect.Effect<void>) | undefined
  /** Called now and then. For the total, a second listing runs beside the scan. Default: no calls, and no second listing. */
  readonly onProgress?: ((progress: ScanProgress) => Effect.Effect<void>) | undefined
}

/**
 * The progress of a scan, in bytes of files, or in contents of a repository. Standard input isn't counted.
 * @category models
 * @since 0.1.0
 */
export interface ScanProgress {
  readonly done: number
  /** `undefined` until the listing is complete. */
  readonly total: number | undefined
}

/**
 * @category models
 * @since 0.1.0
 */
export interface PathOptions extends ScanOptions {
  /**
   * Whether to leave out files that git ignores in work trees. Such a file is untracked, and a `.gitignore`, `.git/info/exclude` or the user's
   * own list matches it. Outside a work tree a `.gitignore` has no effect. Default: true.
   */
  readonly useGitignore?: boolean | undefined
  /** The stream for the path `-`. Default: the standard input of the process. */
  readonly stdin?: Stream.Stream<Uint8Array, Unreadable> | undefined
}

/**
 * Scans files, folders with everything below them, and `-`. That path is the standard input, and comes last.
 *
 * Finds come in the order of `paths`, and within a folder in the order of names. In a work tree the order is git's. Links in folders aren't
 * followed. Pipes, sockets, devices and `.git` folders are left out. A file or folder in `paths` is scanned even if git ignores it. Memory
 * doesn't grow with the size of files.
 *
 * Fails with `PathNotFound` before anything is scanned. `onProblem` gets each file that can't be read, and the scan goes on. It also gets the
 * failure if git is missing or refuses to list a work tree. Then all files of that work tree are scanned.
 * @category scanning
 * @since 0.1.0
 * @example
 * ```ts
 * import { Console, Stream } from "effect"
 * import * as Report from "effect-api-key/scan/Report"
 * import * as Scanner from "effect-api-key/scan/Scanner"
 *
 * const program = Scanner.scanPaths(["src", "-"]).pipe(Stream.runForEach((find) => Console.log(Report.toRow(find).where, Report.redact(find))))
 * ```
 */
export const scanPaths = (paths: ReadonlyArray<string>, options: PathOptions = {}): Stream.Stream<Find, ScanError> =>
  Stream.unwrap(
    Effect.gen(function* () {
      const formats = yield* compile(options)
      const onProblem = options.onProblem ?? logProblem
      const workers = options.workers ?? availableParallelism()
      const pool = yield* Pool.make(formats.patterns, workers)
      const named = paths.filter((path) => path !== "-")
      const useGitignore = options.useGitignore ?? true
      const sizes = Stream.map(Files.list(named, { useGitignore, onProblem: () => Effect.void }), (entries) =>
        entries.reduce((sum, { size }) => sum + size, 0),
      )
      const advance = yield* watch(options.onProgress, sizes)
      const files = Files.list(named, { useGitignore, onProblem }).pipe(
        Stream.mapAccum(emptyBatch, addToBatch, { onHalt: (batch) => (batch.parts.length > 0 ? [batch] : []) }),
        // More batches than threads, so that no thread waits for the next one.
        Stream.mapEffect(({ parts, size }) => Effect.tap(pool.run({ _tag: "Scan", parts }), advance(size)), {
          concurrency: 2 * Math.max(1, workers),
        }),
        Stream.mapAccumEffect(noFile, (last, outcomes) => locate(pool, last, outcomes)),
        Stream.flatMap(({ part, located, failure }) => {
          const path = Files.toText(part.path)
          const finds = Stream.fromIterable(formats.toFinds(located, { path }))
          if (failure === undefined) return finds
          const problem = new Unreadable({ path, code: failure.code, reason: failure.message })
          return Stream.concat(finds, Stream.drain(Stream.fromEffect(onProblem(problem))))
        }),
      )
      return paths.includes("-") ? Stream.concat(files, scanStream(options.stdin ?? standardInput, options)) : files
    }),
  )

/**
 * Scans bytes as they come. `path` is the path in the finds. Its default is `-`.
 * @category scanning
 * @since 0.1.0
 */
export const scanStream = <E, R>(
  bytes: Stream.Stream<Uint8Array, E, R>,
  options: Pick<ScanOptions, "formats"> & { readonly path?: string | undefined } = {},
): Stream.Stream<Find, E | ApiKeyToken.InvalidTokenConfig, R> =>
  Stream.unwrap(
    Effect.map(compile(options), (formats) =>
      Stream.suspend(() => {
        const window = Window.make(formats.matcher)
        const position = Locator.start()
        const take = (last: boolean) =>
          formats.toFinds(Window.locate(window, position, window.matches(last)), { path: options.path ?? "-" })
        const found = Stream.flatMap(bytes, (chunk) => {
          const finds: Array<Find> = []
          for (let at = 0; at < chunk.length;) {
            const space = window.space()
            const piece = chunk.subarray(at, at + space.length)
            space.set(piece)
            window.take(piece.length)
            at += piece.length
            if (window.isWorthwhile()) finds.push(...take(false))
          }
          return Stream.fromArray(finds)
        })
        return Stream.concat(
          found,
          Stream.suspend(() => Stream.fromArray(take(true))),
        )
      }),
    ),
  )

/**
 * Scans the whole history of a repository: all contents of files to which a ref or a stash leads. Equal contents are scanned once. A find tells
 * the first commit and path of its contents. Finds come in the order of these commits, the oldest first.
 *
 * Needs the command `git`, version 2.32 or later. The repository may be bare. An object that git can't read fails the scan, which would be
 * incomplete. `onProblem` is told of a shallow clone, which lacks a part of the history.
 * @category scanning
 * @since 0.1.0
 * @example
 * ```ts
 * import { Effect, Stream } from "effect"
 * import * as Report from "effect-api-key/scan/Report"
 * import * as Scanner from "effect-api-key/scan/Scanner"
 *
 * const log = Scanner.scanGit(".", { formats: [{ prefix: "shop" }] }).pipe(Stream.runCollect, Effect.map((finds) => Report.toSarif(finds)))
 * ```
 */
export const scanGit = (repository: string, options: ScanOptions = {}): Stream.Stream<Find, ScanError> =>
  Stream.unwrap(
    Effect.gen(function* () {
      const formats = yield* compile(options)
      if (!existsSync(repository)) return yield* new PathNotFound({ path: repository })
      const history = yield* History.open(repository, options.onProblem ?? logProblem)
      const advance = yield* watch(
        options.onProgress,
        Stream.map(History.blobIds({ ...history, onProblem: () => Effect.void }), (ids) => ids.length),
      )
      const suspects = yield* History.blobsWithFinds(
        history,
        formats.matcher,
        Math.max(1, options.workers ?? availableParallelism()),
        advance,
      )
      if (suspects.size === 0) return Stream.empty
      // Contents with finds are read a second time. So lines are counted in few of all contents.
      const origins = yield* History.findOrigins(history, suspects)
      const input = Stream.map(Stream.fromIterable(origins.keys()), (id) => `${id}\n`)
      return History.contents(history, input, () => Blobs.locator(formats.matcher)).pipe(
        // Each blob that was asked for has an origin.
        Stream.flatMap(({ id, matches }) => Stream.fromIterable(formats.toFinds(matches, origins.get(id)!))),
      )
    }),
  )

/** Adds up the sizes beside the scan, for the total. The resulting function reports a further size as done. */
const watch = <E>(
  onProgress: ScanOptions["onProgress"],
  sizes: Stream.Stream<number, E>,
): Effect.Effect<(size: number) => Effect.Effect<void>, never, Scope.Scope> =>
  Effect.gen(function* () {
    if (onProgress === undefined) return (_size: number) => Effect.void
    let done = 0
    let total: number | undefined
    const count = Stream.runFold(
      sizes,
      () => 0,
      (sum, size) => sum + size,
    )
    // A failure to list is reported by the scan itself.
    yield* Effect.forkScoped(Effect.ignore(Effect.map(count, (sum) => (total = sum))))
    return (size: number) =>
      Effect.suspend(() => {
        done += size
        return onProgress({ done, total })
      })
  })

const logProblem = (problem: ScanProblem): Effect.Effect<void> => Effect.logWarning(safeLine(problem.message))

const standardInput: Stream.Stream<Uint8Array, Unreadable> = Stream.suspend(() =>
  Stream.fromAsyncIterable<Uint8Array, Unreadable>(process.stdin, (cause) => {
    const { code, message } = failureOf(cause)
    return new Unreadable({ path: "-", code, reason: message })
  }),
)

interface Formats {
  readonly patterns: ReadonlyArray<Matcher.Pattern>
  readonly matcher: Matcher.Matcher
  readonly toFinds: (located: ReadonlyArray<Locator.Located>, where: { readonly path: string; readonly commit?: string }) => Array<Find>
}

const compile = ({ formats = [{}] }: Pick<ScanOptions, "formats">): Effect.Effect<Formats, ApiKeyToken.InvalidTokenConfig> =>
  Effect.gen(function* () {
    const patterns: Array<Matcher.Pattern> = []
    for (const format of formats) {
      const { prefix } = yield* Effect.fromResult(ApiKeyToken.make(format))
      const pattern = { prefix, separator: format.separator ?? "-" }
      // A format that is given twice would find each token twice.
      if (!patterns.some(({ prefix, separator }) => prefix === pattern.prefix && separator === pattern.separator)) patterns.push(pattern)
    }
    const toFinds: Formats["toFinds"] = (located, where) =>
      located.map(({ pattern, token, line, column, offset, encoding }) => {
        // The matcher numbers the patterns by their index.
        const { prefix } = patterns[pattern]!
        const keyId = token.slice(prefix.length + 1, prefix.length + 1 + keyIdLength)
        const found = { token: Redacted.make(token, { label: "token" }), prefix, keyId, hint: hintOf(token.slice(-secretLength)) }
        return { ...found, ...where, line, column, byteOffset: offset, encoding }
      })
    return { patterns, matcher: Matcher.make(patterns), toFinds }
  })
