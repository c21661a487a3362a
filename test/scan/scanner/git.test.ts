import { execFileSync } from "node:child_process"
import { chmodSync, existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { afterAll, assert, describe, it } from "@effect/vitest"
import { Effect, Redacted, Stream } from "effect"
import * as Scanner from "../../../src/scan/Scanner.ts"
import { encode, tokenOf } from "../corpus.ts"
import { folderOf, git, scan, token, root } from "./support.ts"

const withEnvironment = <A, E>(variables: NodeJS.ProcessEnv, effect: Effect.Effect<A, E>): Effect.Effect<A, E> =>
  Effect.acquireUseRelease(
    Effect.sync(() => {
      const before = { ...process.env }
      Object.assign(process.env, variables)
      return before
    }),
    () => effect,
    (before) =>
      Effect.sync(() => {
        for (const name of Object.keys(variables)) delete process.env[name]
        Object.assign(process.env, before)
      }),
  )

const childrenOf = (pid: number): ReadonlyArray<string> =>
  readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8")
    .split(" ")
    .filter((child) => child !== "")

/** In bytes. A process may be gone by now. */
const residentOf = (pid: string): number =>
  existsSync(`/proc/${pid}/status`) ? 1_024 * Number(/VmRSS:\s*(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1] ?? 0) : 0

afterAll(() => rmSync(root, { recursive: true, force: true }))

describe(".gitignore", () => {
  it.effect("is honoured as git does, also below its folder, and not outside of a work tree", () =>
    Effect.gen(function* () {
      const files = { ".gitignore": "*.log\n!keep.log\n/dist/\n", "a.log": token, "keep.log": token, "dist/a": token, "src/dist/a": token }
      const folder = folderOf({ ...files, "src/.gitignore": "local\n", "src/local": token, "src/b": token })
      const all = ["a.log", "keep.log", "dist/a", "src/b", "src/local", "src/dist/a"]
      const below = (paths: ReadonlyArray<string>) => paths.map((path) => path.slice(folder.length + 1))
      assert.sameMembers(below((yield* scan([folder])).paths), all)
      git(folder, "init", "--quiet")
      assert.sameMembers(below((yield* scan([folder])).paths), ["keep.log", "src/b", "src/dist/a"])
      assert.sameMembers(below((yield* scan([join(folder, "src")])).paths), ["src/b", "src/dist/a"])
      assert.sameMembers(below((yield* scan([folder], { useGitignore: false })).paths), all)
      // What is named is scanned.
      assert.sameMembers(below((yield* scan([join(folder, "dist"), join(folder, "a.log")])).paths), ["dist/a", "a.log"])
    }),
  )

  it.effect("of other repositories within is theirs, and .git folders are left out", () =>
    Effect.gen(function* () {
      const folder = folderOf({
        "inner/.gitignore": "ignored",
        "inner/ignored": token,
        "inner/a": token,
        "top/.gitignore": "a",
        "top/a": token,
      })
      git(join(folder, "inner"), "init", "--quiet")
      writeFileSync(join(folder, "inner/.git/description"), token)
      const expected = [join(folder, "inner/a"), join(folder, "top/a")]
      assert.sameMembers((yield* scan([folder])).paths, expected)
      assert.sameMembers((yield* scan([folder], { useGitignore: false })).paths, [...expected, join(folder, "inner/ignored")])
      git(folder, "init", "--quiet")
      assert.sameMembers((yield* scan([folder])).paths, [join(folder, "inner/a")])
      git(folder, "add", "inner/.gitignore", "--force")
      assert.sameMembers((yield* scan([folder])).paths, [join(folder, "inner/a")])
      // Asked for by name, it is a folder as any other.
      assert.deepStrictEqual((yield* scan([join(folder, "inner/.git")])).paths, [join(folder, "inner/.git/description")])
    }),
  )

  it.effect("a file with a conflict is scanned once", () =>
    Effect.gen(function* () {
      const folder = folderOf({ a: "" })
      git(folder, "init", "--quiet", "--initial-branch", "main")
      const commit = (text: string) => {
        writeFileSync(join(folder, "a"), text)
        git(folder, "add", ".")
        git(folder, "commit", "--quiet", "--message", "change")
      }
      commit("")
      git(folder, "checkout", "--quiet", "-b", "side")
      commit(`${token} side`)
      git(folder, "checkout", "--quiet", "main")
      commit("main")
      assert.throws(() => git(folder, "merge", "side"))
      assert.deepStrictEqual((yield* scan([folder])).paths, [join(folder, "a")])
    }),
  )

  it.effect("is left aside, and that is told, where git is missing or refuses", () =>
    Effect.gen(function* () {
      const folder = folderOf({ ".gitignore": "a", a: token })
      git(folder, "init", "--quiet")
      const missing = yield* withEnvironment({ PATH: "/nowhere" }, scan([folder]))
      assert.deepStrictEqual([missing.paths, missing.problems], [[join(folder, "a")], [new Scanner.GitMissing()]])
      writeFileSync(join(folder, ".git/config"), "[nonsense")
      const refused = yield* scan([folder])
      assert.deepStrictEqual([refused.paths, refused.problems.map(({ _tag }) => _tag)], [[join(folder, "a")], ["GitFailed"]])
      const broken = folderOf({ ".git": "gitdir: nowhere", a: token })
      assert.deepStrictEqual((yield* scan([broken])).paths, [join(broken, "a")])
    }),
  )

  it.effect("that ignores everything, and what git tracks all the same, is that of the top too", () =>
    Effect.gen(function* () {
      const folder = folderOf({ ".gitignore": "*", tracked: token, ignored: token, "sub/tracked": token, "sub/ignored": token })
      git(folder, "init", "--quiet")
      git(folder, "add", "--force", "tracked", "sub/tracked")
      assert.deepStrictEqual((yield* scan([folder])).paths, [join(folder, "sub/tracked"), join(folder, "tracked")])
      assert.deepStrictEqual((yield* scan([join(folder, "sub")])).paths, [join(folder, "sub/tracked")])
    }),
  )

  it.effect("isn't asked for in .git, nor where the repository has its work tree elsewhere", () =>
    Effect.gen(function* () {
      const folder = folderOf({ ".gitignore": "a", a: token, "elsewhere/x": "" })
      git(folder, "init", "--quiet")
      writeFileSync(join(folder, ".git/hooks/a"), token)
      const hooks = yield* scan([join(folder, ".git/hooks")])
      assert.deepStrictEqual([hooks.paths, hooks.problems], [[join(folder, ".git/hooks/a")], []])
      assert.deepStrictEqual((yield* scan([folder])).paths, [])
      git(folder, "config", "core.worktree", join(folder, "elsewhere"))
      const { paths, problems } = yield* scan([folder])
      assert.deepStrictEqual([paths, problems], [[join(folder, "a")], []])
    }),
  )

  it.effect("what git couldn't look into is told", () =>
    Effect.gen(function* () {
      const folder = folderOf({ a: token, "locked/b": token })
      git(folder, "init", "--quiet")
      // Nothing is locked to the superuser, as whom tests may run.
      const warning = "warning: could not open directory 'locked/': Permission denied"
      const bin = folderOf({ git: `#!/bin/sh\ncase "$*" in *ls-files*) echo "${warning}" >&2; esac\nPATH=\${PATH#*:} exec git "$@"\n` })
      chmodSync(join(bin, "git"), 0o755)
      const { problems } = yield* withEnvironment({ PATH: `${bin}:${process.env["PATH"]}` }, scan([folder]))
      assert.deepStrictEqual(problems, [new Scanner.GitFailed({ path: folder, command: "ls-files", exitCode: 0, reason: warning })])
    }),
  )

  it.effect("is that of the folder, whatever repository a hook runs in", () =>
    Effect.gen(function* () {
      const folder = folderOf({ ".gitignore": "a", a: token, b: token })
      git(folder, "init", "--quiet")
      const other = folderOf()
      git(other, "init", "--quiet")
      writeFileSync(join(other, ".git/info/exclude"), "b")
      const { paths } = yield* withEnvironment({ GIT_DIR: join(other, ".git"), GIT_INDEX_FILE: join(other, "index") }, scan([folder]))
      assert.deepStrictEqual(paths, [join(folder, "b")])
    }),
  )

  it.effect("a repository runs no commands of its own", () =>
    Effect.gen(function* () {
      const folder = folderOf({ a: token })
      git(folder, "init", "--quiet")
      git(folder, "add", ".")
      git(folder, "commit", "--quiet", "--message", "first")
      for (const [name, value] of [
        ["core.fsmonitor", `touch ${folder}/ran; false`],
        ["diff.external", `touch ${folder}/ran`],
        ["core.pager", `touch ${folder}/ran`],
      ] as const) {
        git(folder, "config", name, value)
      }
      assert.strictEqual((yield* scan([folder])).finds.length, 1)
      assert.strictEqual((yield* Stream.runCollect(Scanner.scanGit(folder))).length, 1)
      assert.isFalse(existsSync(join(folder, "ran")), readdirSync(folder).join())
    }),
  )
})

describe("scanGit", () => {
  const scanGit = (folder: string, options?: Scanner.ScanOptions) => Stream.runCollect(Scanner.scanGit(folder, options))

  it.effect("fails where there is no repository, or no git", () =>
    Effect.gen(function* () {
      const folder = folderOf()
      assert.deepInclude(yield* Effect.flip(scanGit(folder)), { _tag: "NotARepository", path: folder })
      git(folder, "init", "--quiet")
      assert.deepStrictEqual(yield* scanGit(folder), [])
      assert.deepStrictEqual(yield* Effect.flip(withEnvironment({ PATH: "/nowhere" }, scanGit(folder))), new Scanner.GitMissing())
      writeFileSync(join(folder, ".git/config"), "[nonsense")
      const error = yield* Effect.flip(scanGit(folder))
      assert.deepStrictEqual([error._tag, error._tag === "GitFailed" && error.exitCode], ["GitFailed", 128])
    }),
  )

  it.effect("fails where an object is missing or broken, as the scan would be incomplete", () =>
    Effect.gen(function* () {
      const folder = folderOf({ a: token, b: "b" })
      git(folder, "init", "--quiet")
      git(folder, "add", ".")
      git(folder, "commit", "--quiet", "--message", "first")
      const id = execFileSync("git", ["-C", folder, "rev-parse", "HEAD:a"], { encoding: "utf8" }).trim()
      const object = join(folder, ".git/objects", id.slice(0, 2), id.slice(2))
      rmSync(object, { force: true })
      assert.strictEqual((yield* Effect.flip(scanGit(folder)))._tag, "GitFailed")
      writeFileSync(object, "broken")
      assert.strictEqual((yield* Effect.flip(scanGit(folder)))._tag, "GitFailed")
    }),
  )

  it.effect("finds what another object stands in for", () =>
    Effect.gen(function* () {
      const folder = folderOf({ a: token })
      git(folder, "init", "--quiet")
      git(folder, "add", ".")
      git(folder, "commit", "--quiet", "--message", "first")
      writeFileSync(join(folder, "b"), "harmless")
      git(folder, "replace", "HEAD:a", execFileSync("git", ["-C", folder, "hash-object", "-w", "b"], { encoding: "utf8" }).trim())
      assert.strictEqual(execFileSync("git", ["-C", folder, "show", "HEAD:a"], { encoding: "utf8" }), "harmless")
      assert.strictEqual((yield* scanGit(folder)).length, 1)
    }),
  )

  it.effect("finds tokens that end a blob, of any size", () =>
    Effect.gen(function* () {
      const files: Record<string, string> = {}
      // Around what a pipe holds, and what is read from it at once.
      for (const size of [0, 1, 4096, 65_536, 262_144]) {
        for (let less = -100; less <= 100; less += 20)
          files[`${size}${less}`] = `${"-".repeat(Math.max(0, size + less))}${tokenOf(size + less)}`
      }
      const folder = folderOf(files)
      git(folder, "init", "--quiet")
      git(folder, "add", ".")
      git(folder, "commit", "--quiet", "--message", "first")
      const finds = yield* scanGit(folder)
      const contents = new Set(Object.values(files))
      assert.strictEqual(finds.length, contents.size)
      for (const { path, byteOffset, column, token } of finds) {
        assert.strictEqual(files[path], "-".repeat(byteOffset) + Redacted.value(token))
        assert.strictEqual(column, byteOffset + 1)
      }
    }),
  )

  it.effect("reads a repository whose objects are named by SHA-256, and from a folder of its work tree", () =>
    Effect.gen(function* () {
      const folder = folderOf({ "sub/a": encode(`\n${token}`, "utf-16le") })
      git(folder, "init", "--quiet", "--object-format=sha256")
      git(folder, "add", ".")
      git(folder, "commit", "--quiet", "--message", "first")
      const [find] = yield* scanGit(join(folder, "sub"))
      assert.deepStrictEqual([find?.path, find?.line, find?.column, find?.commit?.length], ["sub/a", 2, 1, 64])
    }),
  )

  /** A repository with the files in one commit. */
  const repositoryOf = (files: Readonly<Record<string, string | Buffer>>) => {
    const folder = folderOf(files)
    git(folder, "init", "--quiet", "--initial-branch", "main")
    commit(folder)
    return folder
  }
  const commit = (folder: string) => {
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--message", "change")
  }
  const ask = (folder: string, ...args: ReadonlyArray<string>) =>
    execFileSync("git", ["-C", folder, ...args], { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] }).trim()
  const placesOf = (finds: ReadonlyArray<Scanner.Find>) => finds.map(({ path, commit }) => [path, commit])
  const withProblems = (folder: string) =>
    Effect.gen(function* () {
      const problems: Array<Scanner.ScanProblem> = []
      const finds = yield* scanGit(folder, { onProblem: (problem) => Effect.sync(() => void problems.push(problem)) })
      return { finds, problems }
    })

  it.effect("reads every stash", () =>
    Effect.gen(function* () {
      const folder = repositoryOf({ a: "" })
      const stashed = [11, 12, 13].map((seed) => tokenOf(seed))
      for (const each of stashed) {
        writeFileSync(join(folder, "a"), each)
        git(folder, "stash")
      }
      const finds = yield* scanGit(folder)
      assert.deepStrictEqual(finds.map((find) => [Redacted.value(find.token), find.path, find.commit]).sort(), [
        ...stashed.map((each, index) => [each, "a", ask(folder, "rev-parse", `stash@{${2 - index}}`)]).sort(),
      ])
    }),
  )

  it.effect("tells that a shallow clone isn't all, and that grafts would hide a part", () =>
    Effect.gen(function* () {
      const folder = repositoryOf({ a: token })
      writeFileSync(join(folder, "a"), "")
      commit(folder)
      const clone = folderOf()
      git(clone, "clone", "--quiet", "--depth", "1", `file://${folder}`, ".")
      const { finds, problems } = yield* withProblems(clone)
      assert.deepStrictEqual([finds, problems], [[], [new Scanner.ShallowRepository({ path: clone })]])
      const first = ask(folder, "rev-parse", "HEAD^")
      writeFileSync(join(folder, ".git/info/grafts"), `${ask(folder, "rev-parse", "HEAD")}\n`)
      const grafted = yield* withProblems(folder)
      assert.deepStrictEqual([placesOf(grafted.finds), grafted.problems], [[["a", first]], []])
    }),
  )

  it.effect("names files from the top, whatever is configured for differences", () =>
    Effect.gen(function* () {
      const folder = repositoryOf({ "sub/a": token, b: tokenOf(2), "c d/new\nline/e": tokenOf(3), "c d/new": "" })
      git(folder, "config", "diff.relative", "true")
      const first = ask(folder, "rev-parse", "HEAD")
      const finds = yield* scanGit(join(folder, "sub"))
      assert.deepStrictEqual(
        placesOf(finds).sort(),
        ["b", "c d/new\nline/e", "sub/a"].map((path) => [path, first]),
      )
    }),
  )

  it.effect("reads what tags, heads of work trees and packs lead to", () =>
    Effect.gen(function* () {
      const rest = Array.from({ length: 2_000 }, (_, line) => `line ${line}`).join("\n")
      const folder = repositoryOf({ a: rest, b: "" })
      writeFileSync(join(folder, "a"), `${rest}${token}`)
      commit(folder)
      writeFileSync(join(folder, "a"), `${rest}${token} ${rest}`)
      commit(folder)
      git(folder, "tag", "-a", "-m", "1", "one")
      git(folder, "tag", "-a", "-m", "2", "two", "one")
      git(folder, "reset", "--quiet", "--hard", "HEAD~2")
      git(folder, "tag", "-d", "one")
      const tree = join(folderOf(), "tree")
      git(folder, "worktree", "add", "--quiet", "--detach", tree)
      writeFileSync(join(tree, "b"), tokenOf(2))
      commit(tree)
      git(folder, "repack", "-a", "-d", "--quiet", "--depth=50")
      git(folder, "prune-packed")
      assert.match(ask(folder, "count-objects", "-v"), /count: 0/)
      const [one, other] = [ask(folder, "rev-parse", "two^{commit}~1"), ask(tree, "rev-parse", "HEAD")]
      const finds = yield* scanGit(folder)
      assert.deepStrictEqual(
        finds.map((find) => [Redacted.value(find.token), find.path, find.commit].join(" ")).sort(),
        [`${token} a ${one}`, `${token} a ${ask(folder, "rev-parse", "two^{commit}")}`, `${tokenOf(2)} b ${other}`].sort(),
      )
    }),
  )

  it.effect("looks at each folder once, though history has it 10 billion times", () =>
    Effect.gen(function* () {
      const folder = folderOf()
      git(folder, "init", "--quiet")
      const make =
        (...args: ReadonlyArray<string>) =>
        (input: string) =>
          execFileSync("git", ["-C", folder, "-c", "user.name=n", "-c", "user.email=e@example.com", ...args], {
            input,
            encoding: "utf8",
          }).trim()
      const blob = make("hash-object", "-w", "--stdin")(token)
      const levels = Array.from({ length: 10 }, (_, level) => level)
      const top = levels.reduce((id, level) => {
        const entry = level === 0 ? `100644 blob ${id}` : `040000 tree ${id}`
        return make("mktree")(levels.map((name) => `${entry}\td${name}\n`).join(""))
      }, blob)
      const head = make("commit-tree", "-m", "bomb", top)("")
      git(folder, "update-ref", "refs/heads/main", head)
      const finds = yield* scanGit(folder)
      assert.deepStrictEqual(placesOf(finds), [[levels.map(() => "d0").join("/"), head]])
    }),
  )

  it.live("holds one large file at a time, git included, which holds what it differs from too", () =>
    Effect.gen(function* () {
      const megabytes = 32
      const filler = Buffer.alloc(megabytes * 2 ** 20, "All work and no play makes Jack a dull boy. ")
      const folder = folderOf()
      git(folder, "init", "--quiet")
      for (let version = 0; version < 4; version++) {
        filler.write(`${version} ${tokenOf(version)}`, version * 1_000_000)
        writeFileSync(join(folder, "large"), filler)
        // So many that another process is given the next one.
        for (let small = 0; small < 150; small++) writeFileSync(join(folder, `${small}`), `${small} ${version}`)
        commit(folder)
      }
      git(folder, "repack", "-a", "-d", "-f", "--quiet")
      const size = Number(/size-pack: (\d+)/.exec(ask(folder, "count-objects", "-v"))?.[1])
      assert.isBelow(size, 2 * megabytes * 10)
      let most = 0
      const before = process.memoryUsage().rss
      const sample = Effect.sync(() => {
        const sum = childrenOf(process.pid).reduce((sum, child) => sum + residentOf(child), process.memoryUsage().rss - before)
        most = Math.max(most, sum)
      })
      const sampling = Effect.forever(Effect.andThen(sample, Effect.sleep("2 millis")))
      const finds = yield* Effect.raceFirst(scanGit(folder, { workers: 4 }), sampling)
      assert.strictEqual(finds.length, 4 + 3 + 2 + 1)
      // What git maps of files is counted, though it can be taken from it at any time.
      assert.isBelow(most / 2 ** 20, 2 * megabytes + 96)
    }),
  )

  it.effect("fetches nothing that a partial clone lacks, and fails for it", () =>
    Effect.gen(function* () {
      const folder = repositoryOf({ a: token })
      git(folder, "config", "uploadpack.allowFilter", "true")
      const clone = folderOf()
      git(clone, "clone", "--quiet", "--filter=blob:none", "--no-checkout", `file://${folder}`, ".")
      assert.strictEqual((yield* Effect.flip(scanGit(clone)))._tag, "GitFailed")
      assert.match(ask(clone, "rev-list", "--objects", "--all", "--missing=print"), /^\?/m)
    }),
  )

  it.live("leaves no process behind when it is ended early", () =>
    Effect.gen(function* () {
      const folder = folderOf({ a: token, b: tokenOf(2) })
      git(folder, "init", "--quiet")
      git(folder, "add", ".")
      git(folder, "commit", "--quiet", "--message", "first")
      assert.strictEqual((yield* Stream.runCollect(Stream.take(Scanner.scanGit(folder), 1))).length, 1)
      yield* Effect.timeoutOption(Stream.runDrain(Scanner.scanGit(folder)), "5 millis")
      const processes = Effect.sync(() => process.getActiveResourcesInfo().filter((resource) => resource === "ProcessWrap").length)
      yield* Effect.repeat(Effect.andThen(Effect.sleep("10 millis"), processes), { until: (count) => count === 0, times: 200 })
      assert.strictEqual(yield* processes, 0)
    }),
  )
})
