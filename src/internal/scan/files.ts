/** Lists the files to be scanned. Paths are bytes, one in each character, as names needn't be UTF-8. */
import { existsSync, lstatSync, readdirSync, type Stats, statSync } from "node:fs"
import { dirname, join, resolve } from "node:path"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import * as Stream from "effect/Stream"
import { GitFailed, PathNotFound, type ScanProblem, Unreadable } from "./ScanError.ts"
import * as Git from "./git.ts"
import { failureOf } from "./job.ts"
import * as Obstacles from "./obstacles.ts"

export interface Entry {
  readonly path: string
  readonly size: number
  /** Whether the path may be a symbolic link. */
  readonly follow: boolean
}

export interface Options {
  readonly useGitignore: boolean
  readonly onProblem: (problem: ScanProblem) => Effect.Effect<void>
}

/** The files that a command line or a program names. */
export const fromText = (path: string): string => Buffer.from(path).toString("latin1")

export const toText = (path: string): string => Buffer.from(path, "latin1").toString()

/** The regular files at or below the paths, folder by folder. Fails before the first file if one of the paths doesn't exist. */
export const list = (paths: ReadonlyArray<string>, options: Options): Stream.Stream<ReadonlyArray<Entry>, PathNotFound | Git.GitError> =>
  Stream.unwrap(
    Effect.map(
      Effect.forEach(paths, (path) => root(fromText(path), options)),
      (roots) => Stream.flatMap(Stream.fromArray(roots), (root) => root),
    ),
  )

const root = (path: string, options: Options): Effect.Effect<Stream.Stream<ReadonlyArray<Entry>, Git.GitError>, PathNotFound> =>
  Effect.gen(function* () {
    const stats = attempt(path, () => statSync(bytesOf(path)))
    if (Result.isFailure(stats)) {
      if (stats.failure.code === "ENOENT") return yield* new PathNotFound({ path: toText(path) })
      yield* options.onProblem(stats.failure)
      return Stream.empty
    }
    if (stats.success.isFile()) return Stream.succeed([{ path, size: stats.success.size, follow: true }])
    if (!stats.success.isDirectory()) {
      yield* options.onProblem(notAFile(toText(path)))
      return Stream.empty
    }
    return options.useGitignore && isInRepository(path) ? repository(path, options) : walk(path, options)
  })

export const notAFile = (path: string): Unreadable =>
  new Unreadable({ path, code: "ENOTFILE", reason: "it is neither a file nor a folder" })

/** A folder outside of all repositories. Repositories in it are listed by git. */
const walk = (folder: string, options: Options): Stream.Stream<ReadonlyArray<Entry>, Git.GitError> =>
  Stream.paginate<Folders, Step, never, never>({ path: folder, next: undefined }, ({ path, next }) => {
    const read = attempt(path, () => readFolder(path, options))
    if (Result.isFailure(read)) return Effect.as(reportUnlessGone(read.failure, options), [[], Option.fromUndefinedOr(next)])
    if (read.success.isRepository) return Effect.succeed([[{ files: [], folders: [path] }], Option.fromUndefinedOr(next)])
    const folders = read.success.folders.reduceRight((next: Folders | undefined, path) => ({ path, next }), next)
    const step = [{ files: read.success.files, folders: [] }]
    return Effect.as(Effect.forEach(read.success.problems, options.onProblem), [step, Option.fromUndefinedOr(folders)])
  }).pipe(Stream.flatMap((step) => withFolders(step, (path) => repository(path, options))))

/** Folders that haven't been read yet. */
interface Folders {
  readonly path: string
  readonly next: Folders | undefined
}

/** Files, and folders that are listed by git. */
interface Step {
  readonly files: ReadonlyArray<Entry>
  readonly folders: ReadonlyArray<string>
}

const withFolders = <E>(
  { files, folders }: Step,
  list: (folder: string) => Stream.Stream<ReadonlyArray<Entry>, E>,
): Stream.Stream<ReadonlyArray<Entry>, E> =>
  folders.length === 0 ? Stream.succeed(files) : Stream.concat(Stream.succeed(files), Stream.flatMap(Stream.fromArray(folders), list))

/**
 * A folder in a work tree: its tracked files, ignored or not, and its untracked files that aren't ignored. A folder that git ignores or can't
 * list is read as a folder outside of a repository.
 */
const repository = (folder: string, options: Options): Stream.Stream<ReadonlyArray<Entry>, Git.GitError> => {
  const plain = walk(folder, { ...options, useGitignore: false })
  const directory = toText(folder)
  const obstacle = Obstacles.inWorkTree(directory)
  if (obstacle !== undefined) return Stream.concat(Stream.drain(Stream.fromEffect(options.onProblem(notAFile(obstacle)))), plain)
  return Stream.unwrap(
    isListedByGit(directory).pipe(
      Effect.map((isListed) => {
        if (!isListed) return plain
        const list = Git.output(directory, ["ls-files", "-z", "--cached", "--others", "--exclude-standard"], options.onProblem)
        return Stream.flatMap(Git.split(list, "\0"), (names) =>
          Stream.unwrap(Effect.map(lookUp(folder, names, options), (step) => withFolders(step, (path) => walk(path, options)))),
        )
      }),
      Effect.catch((error) => {
        const problem =
          error._tag === "NotARepository"
            ? new GitFailed({ path: error.path, command: "rev-parse", exitCode: 128, reason: error.message })
            : error
        return Effect.as(options.onProblem(problem), plain)
      }),
    ),
  )
}

/** False outside of the work tree and for ignored folders. `.git` is outside, and so is a folder whose repository has the work tree elsewhere. */
const isListedByGit = (directory: string): Effect.Effect<boolean, Git.GitError> =>
  Effect.gen(function* () {
    const [isInside, prefix] = (yield* Git.ask(directory, ["rev-parse", "--is-inside-work-tree", "--show-prefix"])).lines
    if (isInside !== "true") return false
    // A rule that ignores everything matches the top too, but tracked files below it still count.
    return prefix === "" || !(yield* Git.ask(directory, ["check-ignore", "-q", "."])).yes
  })

/** Git lists files, links, submodules, and other repositories, which end in a slash. Listed files may have been deleted. */
const lookUp = (folder: string, names: ReadonlyArray<string>, options: Options): Effect.Effect<Step> =>
  Effect.gen(function* () {
    const files: Array<Entry> = []
    const folders: Array<string> = []
    let previous: string | undefined
    for (const name of names) {
      // A file with a conflict is listed once for each side.
      if (name === "" || name === previous) continue
      previous = name
      const path = pathIn(folder, name)
      const stats = attempt(path, () => lstatSync(bytesOf(path)))
      if (Result.isFailure(stats)) yield* reportUnlessGone(stats.failure, options)
      else if (stats.success.isFile()) files.push(entry(path, stats.success))
      else if (stats.success.isDirectory()) folders.push(path)
    }
    return { files, folders }
  })

/** Leaves out links, pipes, sockets, devices and git's own folder. */
const readFolder = (folder: string, { useGitignore }: Options) => {
  const files: Array<Entry> = []
  const folders: Array<string> = []
  const problems: Array<Unreadable> = []
  let isRepository = false
  for (const found of readdirSync(bytesOf(folder), { encoding: "latin1", withFileTypes: true })) {
    const path = pathIn(folder, found.name)
    if (found.name === ".git") isRepository = useGitignore
    else if (found.isDirectory()) folders.push(path)
    else if (found.isFile()) {
      const stats = attempt(path, () => lstatSync(bytesOf(path)))
      if (Result.isSuccess(stats)) files.push(entry(path, stats.success))
      else if (!isGone(stats.failure)) problems.push(stats.failure)
    }
  }
  const byPath = (a: string, b: string) => (a < b ? -1 : 1)
  return { files: files.sort((a, b) => byPath(a.path, b.path)), folders: folders.sort(byPath), problems, isRepository }
}

const entry = (path: string, { size }: Stats): Entry => ({ path, size, follow: false })

/** A cheap test of whether the folder may be in a repository. */
const isInRepository = (folder: string): boolean => {
  for (let at = resolve(toText(folder)); ; at = dirname(at)) {
    if (existsSync(join(at, ".git"))) return true
    if (at === dirname(at)) return false
  }
}

/** Joins paths. Unlike `join` it keeps `link/..`, which may be another folder than the link's own. */
const pathIn = (folder: string, name: string): string =>
  folder === "." ? name : folder.endsWith("/") ? folder + name : `${folder}/${name}`

const bytesOf = (path: string): Buffer => Buffer.from(path, "latin1")

const attempt = <A>(path: string, read: () => A): Result.Result<A, Unreadable> =>
  Result.try({
    try: read,
    catch: (cause) => {
      const { code, message } = failureOf(cause)
      return new Unreadable({ path: toText(path), code, reason: message })
    },
  })

const isGone = ({ code }: Unreadable): boolean => code === "ENOENT" || code === "ENOTDIR"

const reportUnlessGone = (problem: Unreadable, { onProblem }: Options): Effect.Effect<void> =>
  isGone(problem) ? Effect.void : onProblem(problem)
