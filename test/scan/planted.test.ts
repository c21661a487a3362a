/** A repository with tokens and look-alikes planted in it: every token is found, and nothing else. */
import { execFileSync } from "node:child_process"
import { appendFileSync, closeSync, mkdirSync, mkdtempSync, openSync, rmSync, writeFileSync, writeSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, assert, beforeAll, describe, it } from "@effect/vitest"
import { Effect, Redacted, Stream } from "effect"
import * as Scanner from "../../src/scan/Scanner.ts"
import { encode, lookAlikes, randomOf, tokenOf } from "./corpus.ts"

const folder = mkdtempSync(join(tmpdir(), "effect-api-key-planted-"))
const git = (...args: ReadonlyArray<string>) =>
  execFileSync(
    "git",
    ["-C", folder, "-c", "user.name=n", "-c", "user.email=e@example.com", "-c", "core.compression=0", "-c", "gc.auto=0", ...args],
    { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] },
  ).trim()
const write = (path: string, ...contents: ReadonlyArray<string | Buffer>) => {
  mkdirSync(join(folder, path, ".."), { recursive: true })
  writeFileSync(join(folder, path), Buffer.concat(contents.map((content) => Buffer.from(content))))
}

interface Planted {
  readonly token: string
  readonly path: string
  readonly line: number
  readonly column: number
  readonly byteOffset: number
  readonly encoding: Scanner.Encoding
  readonly commit?: string
}

let seed = 1_000
const next = () => tokenOf(seed++)
const onFirstLine = (token: string, path: string, byteOffset: number): Planted => ({
  token,
  path,
  line: 1,
  column: byteOffset + 1,
  byteOffset,
  encoding: "utf-8",
})

/** In the work tree, by path, and there in the order of their offsets. */
const inFiles: Array<Planted> = []
/** By commit. */
const inHistory: Array<Planted> = []
let ignored: Planted

const megabyte = 1024 * 1024
const longLine = 200 * megabyte

const commit = (message: string): string => {
  git("add", "--all")
  git("commit", "--quiet", "--message", message)
  return git("rev-parse", "HEAD")
}

beforeAll(() => {
  git("init", "--quiet", "--initial-branch", "main")

  // Look-alikes of all kinds, in text and in UTF-16, and random bytes.
  const alike = Object.values(lookAlikes).map((make) => make(next()))
  write("alike.txt", alike.join("\n"))
  write("alike-16.txt", encode(alike.join("\r\n"), "utf-16le"))
  const random = randomOf(1)
  const noise = Buffer.from(Array.from({ length: 100_000 }, () => random(256)))
  write("noise.bin", noise, alike.join(""), noise)

  // Only in history, in a folder that has gone, and at first under another name.
  const old = next()
  write("old/first.env", "# keys\nKEY=", old, "\n")
  const first = commit("first")
  inHistory.push({ token: old, path: "old/first.env", line: 2, column: 5, byteOffset: 11, encoding: "utf-8", commit: first })
  git("mv", "old/first.env", "old/renamed.env")
  commit("renamed")
  git("rm", "-r", "--quiet", "old")
  commit("removed")

  // In a binary, behind strings that no zero ends.
  const binary = next()
  write("program.bin", noise, "\0usage", binary, "0more", noise)
  inFiles.push({ ...onFirstLine(binary, "program.bin", 0), ...placeOfBinary(noise), byteOffset: noise.length + 6 })

  // Over the borders of what is read at once: a few bytes before each of them, and at each of them.
  const large = Buffer.alloc(9 * megabyte, "All work and no play makes Jack a dull-boy. ")
  for (let border = 64 * 1024; border < large.length; border += 64 * 1024) {
    const at = border - ((border / (64 * 1024)) % 90)
    const token = next()
    large.write(token, at)
    inFiles.push(onFirstLine(token, "large.txt", at))
  }
  write("large.txt", large)

  // In UTF-16, in both byte orders.
  for (const [path, encoding] of [
    ["wide-be.txt", "utf-16be"],
    ["wide-le.txt", "utf-16le"],
  ] as const) {
    const token = next()
    write(path, encode(`\ufeffWindows\r\nhas ${token}\r\n`, encoding))
    inFiles.push({ token, path, line: 2, column: 5, byteOffset: 28, encoding })
  }

  // In a line of 200 MB: at its start, its middle and its end.
  const file = openSync(join(folder, "x-line.json"), "w")
  const filler = Buffer.alloc(megabyte, `{"a-key":"${alike[0]}","blob":"QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVo0NTY3ODk="},`)
  for (let at = 0; at < longLine; at += megabyte) writeSync(file, filler, 0, megabyte, at)
  for (const at of [0, longLine / 2 - 40, longLine - 84]) {
    const token = next()
    writeSync(file, Buffer.from(token), 0, token.length, at)
    inFiles.push(onFirstLine(token, "x-line.json", at))
  }
  closeSync(file)

  // Ignored by git, and tracked though it is.
  write(".gitignore", "*.secret\n")
  const tracked = next()
  write("tracked.secret", tracked)
  git("add", "--force", "tracked.secret")
  inFiles.push(onFirstLine(tracked, "tracked.secret", 0))
  // Messages aren't files.
  const second = commit(next())
  for (const planted of inFiles) inHistory.push({ ...planted, commit: second })
  ignored = onFirstLine(next(), "untracked.secret", 0)
  write("untracked.secret", ignored.token)

  // The same contents again are no find of their own.
  write("zz/copy.txt", encode(`\ufeffWindows\r\nhas ${inFiles.find(({ path }) => path === "wide-le.txt")!.token}\r\n`, "utf-16le"))
  commit("copy")
  inFiles.push({ ...inFiles.find(({ path }) => path === "wide-le.txt")!, path: "zz/copy.txt" })

  // On a branch, and in a merge that changes what neither side had.
  git("checkout", "--quiet", "-b", "side")
  const side = next()
  write("side.txt", side)
  inHistory.push({ ...onFirstLine(side, "side.txt", 0), commit: commit("side") })
  git("rm", "--quiet", "side.txt")
  commit("side removed")
  git("checkout", "--quiet", "main")
  write("main.txt", "main")
  commit("main")
  git("merge", "--quiet", "--no-ff", "--no-commit", "side")
  const evil = next()
  write("evil\nname.txt", evil)
  const merge = commit("merge")
  inFiles.push(onFirstLine(evil, "evil\nname.txt", 0))
  inHistory.push({ ...onFirstLine(evil, "evil\nname.txt", 0), commit: merge })

  // In what a tag names without a commit, and in a stash.
  const tagged = next()
  writeFileSync(join(folder, ".git/blob"), tagged)
  const blob = git("hash-object", "-w", ".git/blob")
  git("tag", "contents", blob)
  inHistory.push(onFirstLine(tagged, blob, 0))
  const stashed = next()
  appendFileSync(join(folder, "main.txt"), stashed)
  git("stash")
  inHistory.push({ ...onFirstLine(stashed, "main.txt", 4), commit: git("rev-parse", "stash") })

  // In a commit that nothing leads to.
  write("gone.txt", next())
  commit("gone")
  git("reset", "--quiet", "--hard", "HEAD^")
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const placeOfBinary = (noise: Buffer) => {
  const line = noise.subarray(noise.lastIndexOf(10) + 1)
  const column = line.reduce((sum, byte) => sum + (byte >= 0xf0 ? 2 : byte >= 0x80 && byte < 0xc0 ? 0 : 1), 0)
  return { line: noise.filter((byte) => byte === 10).length + 1, column: column + 7 }
}

const plain = ({ token, path, line, column, byteOffset, encoding, commit }: Scanner.Find): Planted => ({
  token: Redacted.value(token),
  path,
  line,
  column,
  byteOffset,
  encoding,
  ...(commit === undefined ? undefined : { commit }),
})

const byPath = (finds: ReadonlyArray<Planted>) => {
  const keys = finds.map((find) => ({ find, key: `${find.path}\0${String(find.byteOffset).padStart(12, "0")}` }))
  return keys.sort((a, b) => (a.key < b.key ? -1 : 1)).map(({ find }) => find)
}

const scanFiles = (options: Scanner.PathOptions = {}) =>
  Stream.runCollect(Scanner.scanPaths([folder], options)).pipe(
    Effect.map((finds) => finds.map(plain).map((find) => ({ ...find, path: find.path.slice(folder.length + 1) }))),
  )

describe("a repository with planted tokens", () => {
  for (const workers of [0, 1, 3]) {
    it.effect(`${workers} threads find those in files`, () =>
      Effect.gen(function* () {
        const finds = yield* scanFiles({ workers })
        assert.deepStrictEqual(byPath(finds), byPath(inFiles))
      }),
    )
  }

  it.effect("those in ignored files are found if asked for", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(byPath(yield* scanFiles({ useGitignore: false })), byPath([...inFiles, ignored]))
    }),
  )

  it.live("memory doesn't grow with a file", () =>
    Effect.gen(function* () {
      const before = process.memoryUsage().rss
      let most = before
      const path = join(folder, "x-line.json")
      const sample = Effect.sync(() => (most = Math.max(most, process.memoryUsage().rss)))
      const sampling = Effect.forever(Effect.andThen(sample, Effect.sleep("2 millis")))
      const finds = yield* Effect.raceFirst(Stream.runCollect(Scanner.scanPaths([path])), sampling)
      assert.strictEqual(finds.length, 3)
      assert.isBelow(most - before, longLine / 2)
    }),
  )

  it.effect("those in history are found, once, where they were first", () =>
    Effect.gen(function* () {
      const finds = (yield* Stream.runCollect(Scanner.scanGit(folder))).map(plain)
      assert.deepStrictEqual(byPath(finds), byPath(inHistory))
      const commits = finds.map(({ commit }) => commit)
      assert.strictEqual(commits[0], inHistory[0]?.commit)
      assert.strictEqual(commits.at(-1), undefined)
    }),
  )

  it.effect("a bare copy has the same history", () =>
    Effect.gen(function* () {
      const bare = mkdtempSync(join(tmpdir(), "effect-api-key-bare-"))
      execFileSync("git", ["clone", "--quiet", "--mirror", "--local", folder, bare], { stdio: "ignore" })
      const finds = yield* Stream.runCollect(Scanner.scanGit(bare, { workers: 1 }))
      rmSync(bare, { recursive: true, force: true })
      assert.deepStrictEqual(byPath(finds.map(plain)), byPath(inHistory))
    }),
  )
})
