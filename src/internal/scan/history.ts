/** Reads the history of a git repository: the contents with finds, and the first commit and path of each. */
import * as Arr from "effect/Array"
import * as Channel from "effect/Channel"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import * as Blobs from "./blobs.ts"
import * as Files from "./files.ts"
import * as Git from "./git.ts"
import type * as Matcher from "./matcher.ts"
import * as Obstacles from "./obstacles.ts"
import { GitFailed, type ScanProblem, ShallowRepository, type Unreadable } from "./ScanError.ts"

/** A repository, and the stashes that its refs don't lead to. */
export interface History {
  readonly path: string
  /** The ref of stashes leads to the last one. The others are only in the ref's log. */
  readonly stashes: ReadonlyArray<string>
  readonly onProblem: (problem: ScanProblem) => Effect.Effect<void>
}

export const open = Effect.fnUntraced(function* (
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

/** Git's contents of the objects with these ids, one a line. */
export const contents = <M>(
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

/** The ids of all contents that a ref leads to. The ids of large contents come last, each after a {@link large}. */
export const blobIds = ({ path, stashes, onProblem }: History): Stream.Stream<ReadonlyArray<string>, Git.GitError> => {
  const filter = `--filter=combine:object:type=blob+blob:limit=${Git.largeBlob}`
  const list = ["rev-list", "--objects", "--all", "--stdin", filter, "--filter-print-omitted", "--no-object-names"] as const
  return Git.split(Git.output(path, list, onProblem, toLines(stashes)), "\n")
}

/** Git's mark of an object that a filter leaves out. */
const large = "~"

/** The ids of all contents with a match. */
export const blobsWithFinds = (
  history: History,
  matcher: Matcher.Matcher,
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
          // Contents count as done once git is asked for them.
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
        // A process takes one batch at a time. `Stream.fromQueue` would take all waiting batches.
        Array.from({ length: processes }, () => read(Stream.fromChannel(Channel.map(Channel.fromQueue(queue), Arr.of)))),
        { concurrency: "unbounded", discard: true },
      )
      // Large contents are read one at a time. For contents stored as a difference, git keeps both sides in memory.
      if (largeOnes.length > 0) yield* read(Stream.map(Stream.fromIterable(largeOnes), (id) => [id]))
      return found
    }),
  )

/** Neighbours in git's list are often stored as differences from each other, so one process reads several of them. */
const batchesOfIds = function* (ids: ReadonlyArray<string>): Iterable<ReadonlyArray<string>> {
  for (let i = 0; i < ids.length; i += 128) yield ids.slice(i, i + 128)
}

/** The first commit and path of contents. Contents that only a tag names have no commit. */
export interface Origin {
  readonly path: string
  readonly commit?: string
}

/**
 * Finds the first commit and path of contents, in one pass over the history, parents before children. Each folder is read once, in the first
 * commit with that folder. In a hostile repository the differences between commits may be far larger than all contents (decision 0019).
 */
export const findOrigins = (history: History, ids: ReadonlySet<string>): Effect.Effect<ReadonlyMap<string, Origin>, Git.GitError> =>
  Effect.gen(function* () {
    const { path, stashes, onProblem } = history
    // Tags of contents or folders are left out: such tags would come first, with names of their own.
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
    // Contents that only a tag names are in no commit.
    for (const id of ids) if (!origins.has(id)) whole.set(id, { path: id })
    return whole
  })

/** Git's list cuts a path at a line feed. Where other contents or none are at the path, the whole one is looked for in the commit. */
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

/** The most entries of a commit that are read. People make smaller commits. */
const maxEntries = 1_000_000
