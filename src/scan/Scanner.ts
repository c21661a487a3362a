/**
 * Finds tokens that have got where they don't belong: into files, streams, and the history of git repositories.
 *
 * A token is told by its format and its checksum, so that a random look-alike is taken for one once in 56 billion times. It is found in any
 * file, text or not, in UTF-8 (and what shares ASCII with it) and in UTF-16, and whatever is around it. Start with {@link scanPaths} or
 * {@link scanGit}; show what they find with `effect-api-key/scan/Report`, which never shows a secret. Needs Node.
 * @since 0.1.0
 */
import { existsSync } from "node:fs"
import { availableParallelism } from "node:os"
import * as Arr from "effect/Array"
import * as Channel from "effect/Channel"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as ApiKeyToken from "../ApiKeyToken.ts"
import { safeLine } from "../internal/text/safe.ts"
import { hintOf, keyIdLength, secretLength } from "../internal/token/tokenFormat.ts"
import * as Blobs from "../internal/scan/blobs.ts"
import * as Files from "../internal/scan/files.ts"
import * as Git from "../internal/scan/git.ts"
import { failureOf, type Outcome, type Part } from "../internal/scan/job.ts"
import * as Locator from "../internal/scan/locator.ts"
import type { Encoding } from "../internal/scan/encoding.ts"
import * as Matcher from "../internal/scan/matcher.ts"
import * as Obstacles from "../internal/scan/obstacles.ts"
import * as Pool from "../internal/scan/pool.ts"
import * as Window from "../internal/scan/window.ts"
import { GitFailed, PathNotFound, type ScanError, type ScanProblem, ShallowRepository, Unreadable } from "../internal/scan/ScanError.ts"

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
  /** What of the secret may be shown. */
  readonly hint: string
  /** As the path that was given leads to it; in a repository, from its top; `-` for a stream. What isn't UTF-8 in it is replaced. */
  readonly path: string
  /** From 1. Lines end with a line feed. */
  readonly line: number
  /** From 1, in UTF-16 code units, as editors count. */
  readonly column: number
  /** Of the token's first byte, from 0. */
  readonly byteOffset: number
  readonly encoding: Encoding
  /** In a repository: the first commit with these contents. Absent for what no commit has, as a tag may name a file's contents. */
  readonly commit?: string
}

/** How a token is written; UTF-8 stands for all that shares ASCII with it. @category models @since 0.1.0 */
export type { Encoding }

/**
 * @category models
 * @since 0.1.0
 */
export interface ScanOptions {
  /** The prefixes to look for, with their separators. Default: `ak` with `-`. */
  readonly formats?: ReadonlyArray<ApiKeyToken.TokenConfig> | undefined
  /** How many threads, or git processes, read at once. 0: none but the main thread. Default: one for each core. */
  readonly workers?: number | undefined
  /** Called for what can't be scanned while the scan goes on. Default: a warning is logged. */
  readonly onProblem?: ((problem: ScanProblem) => Effect.Effect<void>) | undefined
  /** Called now and then. To know the total, what there is to scan is listed a second time, at the same time. Default: nobody asks. */
  readonly onProgress?: ((progress: ScanProgress) => Effect.Effect<void>) | undefined
}

/**
 * How far a scan has come: bytes of files, or contents in a repository. What comes on standard input isn't counted.
 * @category models
 * @since 0.1.0
 */
export interface ScanProgress {
  readonly done: number
  /** `undefined` until all has been listed. */
  readonly total: number | undefined
}

/**
 * @category models
 * @since 0.1.0
 */
export interface PathOptions extends ScanOptions {
  /**
   * Whether to leave out what git would, in work trees: what isn't tracked and is ignored by a `.gitignore`, `.git/info/exclude`, or the
   * user's own list. Outside of a work tree a `.gitignore` has no meaning. Default: true.
   */
  readonly useGitignore?: boolean | undefined
  /** What the path `-` stands for. Default: the standard input. */
  readonly stdin?: Stream.Stream<Uint8Array, Unreadable> | undefined
}

/**
 * Scans files, folders with all that is in them, and `-`, the standard input, which comes last.
 *
 * Finds come in the order of the paths given, and in a folder of their names, but where git lists the files in its own order. Links in
 * folders are not followed, and pipes, sockets, devices and `.git` folders are left out. A file or folder that is named is scanned even if
 * git ignores it. Memory doesn't grow with the size of files.
 *
 * Fails with `PathNotFound` before anything is scanned. A file that can't be read is told to `onProblem`, and the others are scanned; where
 * git is missing, or refuses to list a work tree, that is told, and all of its files are scanned.
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
        // More than there are threads, so that none waits for the next.
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
 * Scans bytes as they come. `path` is what the finds say; default: `-`.
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
 * Scans the contents of all files that a ref of the repository, or one of its stashes, leads to, in whatever commit, each once. Finds say in
 * which commit and file the contents were first; the order is that of these commits, the oldest first.
 *
 * Needs the command `git`, version 2.32 or later. The repository may be bare. What git can't read fails the scan, which would be incomplete;
 * that there is less history than there was, as in a shallow clone, is told to `onProblem`.
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
      const history = yield* open(repository, options.onProblem ?? logProblem)
      const advance = yield* watch(
        options.onProgress,
        Stream.map(blobIds({ ...history, onProblem: () => Effect.void }), (ids) => ids.length),
      )
      const suspects = yield* blobsWithFinds(history, formats, Math.max(1, options.workers ?? availableParallelism()), advance)
      if (suspects.size === 0) return Stream.empty
      // They are read again, as only few of all need to have their lines counted.
      const origins = yield* findOrigins(history, suspects)
      const input = Stream.map(Stream.fromIterable(origins.keys()), (id) => `${id}\n`)
      return contents(history, input, () => Blobs.locator(formats.matcher)).pipe(
        // The origins have a key for each blob that was asked for.
        Stream.flatMap(({ id, matches }) => Stream.fromIterable(formats.toFinds(matches, origins.get(id)!))),
      )
    }),
  )

/** Adds up what there is in all, beside the scan. Gives what tells of so much more that is done. */
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
    // The scan itself says what can't be listed.
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
      // Twice the same would find all twice.
      if (!patterns.some(({ prefix, separator }) => prefix === pattern.prefix && separator === pattern.separator)) patterns.push(pattern)
    }
    const toFinds: Formats["toFinds"] = (located, where) =>
      located.map(({ pattern, token, line, column, offset, encoding }) => {
        // The matcher was made of the patterns.
        const { prefix } = patterns[pattern]!
        const keyId = token.slice(prefix.length + 1, prefix.length + 1 + keyIdLength)
        const found = { token: Redacted.make(token, { label: "token" }), prefix, keyId, hint: hintOf(token.slice(-secretLength)) }
        return { ...found, ...where, line, column, byteOffset: offset, encoding }
      })
    return { patterns, matcher: Matcher.make(patterns), toFinds }
  })

/** Enough that handing it to a thread doesn't matter, and little enough that finds in all of it need little memory. */
const batchSize = 4 * 1024 * 1024
const batchFiles = 256

interface Batch {
  readonly parts: Array<Part>
  readonly size: number
}

const emptyBatch = (): Batch => ({ parts: [], size: 0 })

/** Files that are small are read together, and those that are large in parts. */
const addToBatch = (batch: Batch, entries: ReadonlyArray<Files.Entry>): readonly [Batch, ReadonlyArray<Batch>] => {
  const full: Array<Batch> = []
  let { parts, size } = batch
  for (const { path, follow, size: fileSize } of entries) {
    for (let from = 0; from === 0 || from < fileSize; from += batchSize) {
      const isLast = from + batchSize >= fileSize
      parts.push(isLast ? { path, from, follow } : { path, from, to: from + batchSize, follow })
      size += Math.min(batchSize, fileSize - from)
      if (size >= batchSize || parts.length >= batchFiles) {
        full.push({ parts, size })
        parts = []
        size = 0
      }
    }
  }
  return [{ parts, size }, full]
}

/** The file that was read last, and up to where its lines have been counted. */
interface LastFile {
  readonly path: string | undefined
  readonly position: Locator.Position
}

const noFile = (): LastFile => ({ path: undefined, position: Locator.start() })

interface LocatedOutcome extends Outcome {
  readonly located: ReadonlyArray<Locator.Located>
}

/** Counts the lines before a part that isn't a file's first, from where they have been counted before. */
const locate = (
  pool: Pool.Pool,
  last: LastFile,
  outcomes: ReadonlyArray<Outcome>,
): Effect.Effect<readonly [LastFile, ReadonlyArray<LocatedOutcome>]> =>
  Effect.gen(function* () {
    const done: Array<LocatedOutcome> = []
    for (const outcome of outcomes) {
      const { part, matches, located } = outcome
      if (located !== undefined || matches.length === 0) {
        done.push({ ...outcome, located: located ?? [] })
        continue
      }
      // A file that was named twice begins anew.
      const goesOn = part.path === last.path && matches.every(({ offset }) => offset >= last.position.offset)
      const position = goesOn ? last.position : Locator.start()
      for (const counted of yield* pool.run({ _tag: "Locate", part, position, matches })) {
        last = { path: part.path, position: counted.position ?? position }
        done.push({ ...outcome, located: counted.located ?? [] })
      }
    }
    return [last, done]
  })

/** A repository, and where its history is read from. */
interface History {
  readonly path: string
  /** Each stash but the last is only in the log of the ref, which leads to the last one. */
  readonly stashes: ReadonlyArray<string>
  readonly onProblem: (problem: ScanProblem) => Effect.Effect<void>
}

const open = Effect.fnUntraced(function* (
  path: string,
  onProblem: History["onProblem"],
): Effect.fn.Return<History, Git.GitError | Unreadable> {
  const obstacle = yield* Effect.sync(() => Obstacles.inRepository(path))
  if (obstacle !== undefined) return yield* Files.notAFile(obstacle)
  const [isShallow] = (yield* Git.ask(path, ["rev-parse", "--is-shallow-repository"])).lines
  if (isShallow === "true") yield* onProblem(new ShallowRepository({ path }))
  const hasStash = (yield* Git.ask(path, ["show-ref", "--verify", "--quiet", "refs/stash"])).yes
  const stashes = hasStash ? (yield* Git.ask(path, ["rev-list", "--walk-reflogs", "refs/stash"])).lines : []
  return { path, stashes, onProblem }
})

const toLines = (ids: ReadonlyArray<string>): Stream.Stream<string> =>
  ids.length === 0 ? Stream.empty : Stream.succeed(ids.join("\n") + "\n")

/** What git tells of the objects with the ids, one in a line. */
const contents = <M>(
  { path, onProblem }: History,
  ids: Stream.Stream<string, Git.GitError>,
  makeReader: () => Blobs.Reader<M>,
): Stream.Stream<Blobs.Blob<M>, Git.GitError> =>
  Stream.suspend(() => {
    const read = makeReader()
    return Git.output(path, ["cat-file", "--batch"], onProblem, ids).pipe(
      Stream.flatMap((chunk) => Stream.fromArray(read(chunk))),
      Stream.tap(({ id, isMissing }) =>
        isMissing ? Effect.fail(new GitFailed({ path, command: "cat-file", exitCode: 0, reason: `object ${id} is missing` })) : Effect.void,
      ),
    )
  })

/** Of all contents that a ref leads to; those that are large come last, each after a {@link large}. */
const blobIds = ({ path, stashes, onProblem }: History): Stream.Stream<ReadonlyArray<string>, Git.GitError> => {
  const filter = `--filter=combine:object:type=blob+blob:limit=${Git.largeBlob}`
  const list = ["rev-list", "--objects", "--all", "--stdin", filter, "--filter-print-omitted", "--no-object-names"] as const
  return Git.split(Git.output(path, list, onProblem, toLines(stashes)), "\n")
}

/** What git puts before an object that a filter leaves out. */
const large = "~"

const blobsWithFinds = (
  history: History,
  { matcher }: Formats,
  processes: number,
  advance: (count: number) => Effect.Effect<void>,
): Effect.Effect<ReadonlySet<string>, Git.GitError> =>
  Effect.scoped(
    Effect.gen(function* () {
      const found = new Set<string>()
      const largeOnes: Array<string> = []
      const batches = Stream.flatMap(blobIds(history), (ids) => {
        for (const id of ids) if (id.startsWith(large)) largeOnes.push(id.slice(large.length))
        return Stream.fromIterable(batchesOfIds(ids.filter((id) => !id.startsWith(large))))
      })
      const queue = yield* Stream.toQueue(batches, { capacity: 2 * processes })
      const read = (ids: Stream.Stream<ReadonlyArray<string>, Git.GitError>) =>
        Stream.runForEach(
          // One that is given to git counts as done.
          contents(
            history,
            ids.pipe(
              Stream.tap((ids) => advance(ids.length)),
              Stream.flatMap(toLines),
            ),
            () => Blobs.finder(matcher),
          ),
          ({ id }) => Effect.sync(() => found.add(id)),
        )
      yield* Effect.all(
        // One batch at a time, where `Stream.fromQueue` would take all that wait.
        Array.from({ length: processes }, () => read(Stream.fromChannel(Channel.map(Channel.fromQueue(queue), Arr.of)))),
        { concurrency: "unbounded", discard: true },
      )
      // One at a time: git holds what is stored as the difference from something else, and that too, as a whole.
      if (largeOnes.length > 0) yield* read(Stream.map(Stream.fromIterable(largeOnes), (id) => [id]))
      return found
    }),
  )

/** Neighbours in git's list are often stored as their differences, so a process gets some of them. */
const batchesOfIds = function* (ids: ReadonlyArray<string>): Iterable<ReadonlyArray<string>> {
  for (let i = 0; i < ids.length; i += 128) yield ids.slice(i, i + 128)
}

interface Origin {
  readonly path: string
  readonly commit?: string
}

/**
 * In one pass over the history, parents before children, which ends when all are found. Each folder is looked at once, in the first commit that
 * has it: what differs between commits may be many times as much as there is, if somebody means it to.
 */
const findOrigins = (history: History, ids: ReadonlySet<string>): Effect.Effect<ReadonlyMap<string, Origin>, Git.GitError> =>
  Effect.gen(function* () {
    const { path, stashes, onProblem } = history
    // Without tags of contents or folders, which would come first, and name them in their own way.
    const tips = Git.split(Git.output(path, ["rev-list", "--all", "--no-walk=unsorted"], onProblem), "\n")
    const commits = Stream.concat(Stream.flatMap(tips, toLines), toLines(stashes))
    const list = ["rev-list", "--objects", "--in-commit-order", "--topo-order", "--reverse", "--stdin"] as const
    const origins = new Map<string, Required<Origin>>()
    let commit = ""
    yield* Git.split(Git.output(path, list, onProblem, commits), "\n").pipe(
      Stream.takeUntil((lines) => {
        for (const line of lines) {
          const space = line.indexOf(" ")
          if (space < 0) commit = line
          else if (ids.has(line.slice(0, space))) origins.set(line.slice(0, space), { path: line.slice(space + 1), commit })
        }
        return origins.size === ids.size
      }),
      Stream.runDrain,
    )
    const whole = new Map<string, Origin>()
    for (const [id, origin] of yield* wholePaths(history, origins)) whole.set(id, { ...origin, path: Files.toText(origin.path) })
    // Tags may name contents that are in no commit.
    for (const id of ids) if (!origins.has(id)) whole.set(id, { path: id })
    return whole
  })

/** Git ends a path that has a line feed before it. Where there is something else at such a path, the rest is looked for. */
const wholePaths = (
  { path, onProblem }: History,
  origins: ReadonlyMap<string, Required<Origin>>,
): Effect.Effect<ReadonlyMap<string, Required<Origin>>, Git.GitError> =>
  Effect.gen(function* () {
    const whole = new Map(origins)
    const names = Stream.map(Stream.fromIterable(origins.values()), ({ commit, path }) => `${commit}:${path}\n`)
    const answers = yield* Stream.runCollect(Git.split(Git.output(path, ["cat-file", "--batch-check"], onProblem, names), "\n"))
    const there = answers.flat()
    let index = 0
    for (const [id, origin] of origins) {
      if (there[index++]?.startsWith(id) === true) continue
      const entries = Git.split(Git.output(path, ["ls-tree", "-r", "-z", "--full-tree", origin.commit], onProblem), "\0")
      const isIt = (entry: string) => entry.includes(` ${id}\t${origin.path}\n`)
      const found = yield* Stream.runHead(Stream.filter(Stream.take(Stream.flattenIterable(entries), maxEntries), isIt))
      if (Option.isSome(found)) whole.set(id, { ...origin, path: found.value.slice(found.value.indexOf("\t") + 1) })
    }
    return whole
  })

/** Of a commit: more than any has that was made by hand. */
const maxEntries = 1_000_000
