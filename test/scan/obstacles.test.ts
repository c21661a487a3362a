/** Pipes and devices where git expects a file: an archive can bring one, and git would wait for it without end. */
import { execFileSync } from "node:child_process"
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"
import { afterAll, assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Stream } from "effect"
import { TestClock } from "effect/testing"
import * as Scanner from "../../src/scan/Scanner.ts"
import { tokenOf } from "./corpus.ts"

const root = mkdtempSync(join(tmpdir(), "effect-api-key-obstacles-"))
afterAll(() => rmSync(root, { recursive: true, force: true }))

const token = tokenOf(1)
const git = (folder: string, ...args: ReadonlyArray<string>) =>
  execFileSync("git", ["-C", folder, "-c", "user.name=n", "-c", "user.email=e@example.com", ...args], { stdio: "ignore" })
const pipe = (path: string): string => {
  rmSync(path, { force: true })
  mkdirSync(dirname(path), { recursive: true })
  execFileSync("mkfifo", [path])
  return path
}

let folders = 0
/** A repository with a token that is committed, and one that isn't. */
const repository = (): string => {
  const folder = join(root, String(folders++))
  mkdirSync(join(folder, "src/deep"), { recursive: true })
  writeFileSync(join(folder, "src/committed"), token)
  git(folder, "init", "--quiet")
  git(folder, "add", ".")
  git(folder, "commit", "--quiet", "--message", "first")
  writeFileSync(join(folder, "src/deep/new"), token)
  return folder
}

const scan = (stream: (options: Scanner.PathOptions) => Stream.Stream<Scanner.Find, Scanner.ScanError>) =>
  Effect.gen(function* () {
    const problems: Array<string> = []
    const onProblem = (problem: Scanner.ScanProblem) => Effect.sync(() => void problems.push(problem.message))
    const finds = yield* Stream.runCollect(stream({ onProblem }))
    return { paths: finds.map(({ path }) => path), problems }
  })

const include = (folder: string, section: string, name: string, value: string) => {
  const path = join(folder, ".git/config")
  execFileSync("bash", ["-c", `printf '[%s]\\n\\t%s = %s\\n' "$1" "$2" "$3" >> "$4"`, "", section, name, value, path])
}

const inWorkTree: Readonly<Record<string, (folder: string) => string>> = {
  ".gitignore": (folder) => pipe(join(folder, ".gitignore")),
  "a .gitignore further down": (folder) => pipe(join(folder, "src/deep/.gitignore")),
  ".git/info/exclude": (folder) => pipe(join(folder, ".git/info/exclude")),
  "a link to an endless device": (folder) => {
    rmSync(join(folder, ".git/info/exclude"), { force: true })
    symlinkSync("/dev/zero", join(folder, ".git/info/exclude"))
    return join(folder, ".git/info/exclude")
  },
  "a configured exclude file": (folder) => {
    include(folder, "core", "excludesFile", "../../ignored")
    return pipe(join(folder, "../ignored"))
  },
  "an included configuration": (folder) => {
    include(folder, 'includeIf "gitdir:**"', "path", "extra")
    return pipe(join(folder, ".git/extra"))
  },
  "packed-refs": (folder) => pipe(join(folder, ".git/packed-refs")),
  "a ref": (folder) => pipe(join(folder, ".git/refs/heads/other")),
  ".git itself": (folder) => {
    rmSync(join(folder, ".git"), { recursive: true })
    return pipe(join(folder, ".git"))
  },
}

const readByHistory = new Set(["an included configuration", "packed-refs", "a ref"])

describe("a pipe where git expects a file", () => {
  for (const [name, place] of Object.entries(inWorkTree)) {
    it.live(`as ${name} is told of, and the folder is scanned without git`, () =>
      Effect.gen(function* () {
        const folder = repository()
        const obstacle = place(folder)
        const { paths, problems } = yield* scan((options) => Scanner.scanPaths([folder], options))
        assert.sameMembers(paths, [join(folder, "src/committed"), join(folder, "src/deep/new")])
        assert.deepStrictEqual(problems, [`${obstacle} could not be read: it is neither a file nor a folder`])
      }).pipe(Effect.timeout("60 seconds")),
    )
  }

  for (const name of readByHistory) {
    it.live(`as ${name} ends a scan of the history`, () =>
      Effect.gen(function* () {
        const folder = repository()
        const obstacle = inWorkTree[name]!(folder)
        const error = yield* Effect.flip(scan((options) => Scanner.scanGit(folder, options)))
        assert.strictEqual(error.message, `${obstacle} could not be read: it is neither a file nor a folder`)
      }).pipe(Effect.timeout("60 seconds")),
    )
  }

  it.live("is looked for where a linked work tree has its files", () =>
    Effect.gen(function* () {
      const folder = repository()
      const linked = join(root, "linked")
      git(folder, "worktree", "add", "--quiet", linked)
      const obstacle = pipe(join(folder, ".git/packed-refs"))
      const error = yield* Effect.flip(scan((options) => Scanner.scanGit(linked, options)))
      assert.strictEqual(error.message, `${obstacle} could not be read: it is neither a file nor a folder`)
    }).pipe(Effect.timeout("60 seconds")),
  )

  it.live("isn't seen in /dev/null", () =>
    Effect.gen(function* () {
      const folder = repository()
      include(folder, "core", "excludesFile", "/dev/null")
      const { paths, problems } = yield* scan((options) => Scanner.scanPaths([folder], options))
      assert.deepStrictEqual([paths.length, problems], [2, []])
    }),
  )

  it.effect("as an object is waited for, but not for ever", () =>
    Effect.gen(function* () {
      const folder = repository()
      const [, id = ""] = /^(\w+)/.exec(execFileSync("git", ["-C", folder, "rev-parse", "HEAD"], { encoding: "utf8" })) ?? []
      pipe(join(folder, ".git/objects", id.slice(0, 2), id.slice(2)))
      const scanning = yield* Effect.forkChild(Effect.flip(scan((options) => Scanner.scanGit(folder, options))))
      let error: Scanner.ScanError | undefined
      // The commands before it are run by real processes.
      while (error === undefined) {
        yield* TestClock.withLive(Effect.sleep("500 millis"))
        yield* TestClock.adjust("5 minutes")
        if (scanning.pollUnsafe() !== undefined) error = yield* Fiber.join(scanning)
      }
      assert.strictEqual(error._tag, "GitFailed")
      assert.match(error.message, /it has (?:written nothing for 5m|not ended within 1m)/)
    }),
  )
})
