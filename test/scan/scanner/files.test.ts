import { execFileSync, spawn } from "node:child_process"
import { rmSync, symlinkSync, truncateSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { inspect } from "node:util"
import { afterAll, assert, describe, it } from "@effect/vitest"
import { Effect, Redacted, Stream } from "effect"
import { makeRunner } from "../../../src/internal/scan/job.ts"
import * as Scanner from "../../../src/scan/Scanner.ts"
import { tokenOf } from "../corpus.ts"
import { folderOf, git, scan, token, root } from "./support.ts"

const partIn = (folder: string) => (name: string) => ({ path: join(folder, name), from: 0, follow: false })

afterAll(() => rmSync(root, { recursive: true, force: true }))

describe("a find", () => {
  it.effect("says all but the secret", () =>
    Effect.gen(function* () {
      const folder = folderOf({ "a.txt": `\n  ${token}` })
      const [find] = (yield* scan([join(folder, "a.txt")])).finds
      const [prefix, keyId, secret] = token.split("-") as [string, string, string]
      const expected = { prefix, keyId, hint: secret.slice(54, 58), path: join(folder, "a.txt"), line: 2, column: 3, byteOffset: 3 }
      assert.deepStrictEqual(find, { ...expected, encoding: "utf-8", token: Redacted.make(token, { label: "token" }) })
      for (const text of [inspect(find, { depth: 9, showHidden: true }), JSON.stringify(find), String(find?.token)]) {
        assert.notInclude(text, secret.slice(0, 8))
        assert.notInclude(text, secret.slice(-8))
      }
    }),
  )
})

describe("scanPaths", () => {
  it.effect("finds several prefixes at once, and each once", () =>
    Effect.gen(function* () {
      const formats = [
        {},
        { prefix: "sk_live", separator: "." },
        { prefix: "k" },
        { separator: "-" },
        { prefix: "sk_live", separator: "_" },
      ] as const
      const folder = folderOf({ a: formats.map((format, seed) => tokenOf(seed, format)).join(" ") })
      const { finds } = yield* scan([folder], { formats })
      assert.deepStrictEqual(
        finds.map(({ prefix }) => prefix),
        ["ak", "sk_live", "k", "ak", "sk_live"],
      )
      assert.deepStrictEqual((yield* scan([folder], { formats: [] })).finds, [])
    }),
  )

  it.effect("reads the standard input for -, last", () =>
    Effect.gen(function* () {
      const folder = folderOf({ a: token })
      const stdin = Stream.make(Buffer.from("\nx"), Buffer.from(token))
      const { finds } = yield* scan(["-", folder], { stdin })
      assert.deepStrictEqual(
        finds.map(({ path, line, column }) => [path, line, column]),
        [
          [join(folder, "a"), 1, 1],
          ["-", 2, 2],
        ],
      )
    }),
  )

  it.effect("goes through folders in order", () =>
    Effect.gen(function* () {
      const folder = folderOf({ "b/2": token, "b/1": token, "a/z/y/x": token, c: token, "a.txt": token })
      const { paths } = yield* scan([folder, join(folder, "b")])
      assert.deepStrictEqual(
        paths.map((path) => path.slice(folder.length)),
        ["/a.txt", "/c", "/a/z/y/x", "/b/1", "/b/2", "/b/1", "/b/2"],
      )
    }),
  )

  it.effect("fails before it scans where a path doesn't exist, or a format isn't one", () =>
    Effect.gen(function* () {
      const folder = folderOf({ a: token })
      const missing = join(folder, "missing")
      assert.deepStrictEqual(yield* Effect.flip(scan([folder, missing])), new Scanner.PathNotFound({ path: missing }))
      assert.strictEqual((yield* Effect.flip(scan([folder], { formats: [{ prefix: "-" }] })))._tag, "InvalidTokenConfig")
      assert.strictEqual((yield* Effect.flip(Stream.runDrain(Scanner.scanGit(missing))))._tag, "PathNotFound")
    }),
  )

  it.effect("tells what it can't read, and goes on", () =>
    Effect.gen(function* () {
      const folder = folderOf({ a: token })
      // Reading its start fails, whoever reads.
      const { paths, problems } = yield* scan(["/proc/self/mem", folder, "/dev/null"])
      assert.deepStrictEqual(paths, [join(folder, "a")])
      assert.deepStrictEqual(
        problems.map((problem) => (problem._tag === "Unreadable" ? [problem.path, problem.code] : problem._tag)),
        [
          ["/dev/null", "ENOTFILE"],
          ["/proc/self/mem", "EIO"],
        ],
      )
    }),
  )

  it.effect("follows no links but those named, waits for no pipe, and reads what says that it is empty", () =>
    Effect.gen(function* () {
      const folder = folderOf({ "real/file": token, "other/file": token })
      symlinkSync("..", join(folder, "real/loop"))
      symlinkSync("loop", join(folder, "real/self"))
      symlinkSync(join(folder, "other/file"), join(folder, "real/link"))
      execFileSync("mkfifo", [join(folder, "real/pipe")])
      assert.deepStrictEqual((yield* scan([join(folder, "real")])).paths, [join(folder, "real/file")])
      assert.deepStrictEqual((yield* scan([join(folder, "real/link")])).paths, [join(folder, "real/link")])
      symlinkSync("../other", join(folder, "real/deep"))
      assert.deepStrictEqual((yield* scan([`${folder}/real/deep/..`])).paths.length, 2)
      assert.deepStrictEqual((yield* scan([join(folder, "real/pipe")])).problems.length, 1)
      const child = spawn("sleep", ["60"], { argv0: token })
      const commandLine = yield* scan([`/proc/${child.pid}/cmdline`])
      child.kill()
      assert.strictEqual(commandLine.finds.length, 1)
    }),
  )

  it.effect("counts the lines of files that are read in parts", () =>
    Effect.gen(function* () {
      const lines = (count: number) => `${"é".repeat(20)} ${"-".repeat(58)}\n`.repeat(count)
      const folder = folderOf({
        a: `${lines(50_000)}ü ${token}\n${lines(10_000)}${token}${lines(40_000)} ${token}`,
        b: `\n${lines(100_000)}${token}`,
      })
      const { finds } = yield* scan([folder])
      assert.deepStrictEqual(
        finds.map(({ path, line, column }) => [path.slice(-1), line, column]),
        [
          ["a", 50_001, 3],
          ["a", 60_002, 1],
          ["a", 100_002, 2],
          ["b", 100_002, 1],
        ],
      )
      const twice = yield* scan([join(folder, "a"), join(folder, "a")])
      assert.deepStrictEqual(twice.finds, [...finds.slice(0, 3), ...finds.slice(0, 3)])
    }),
  )

  it("reads only what still is a file when it is opened", () => {
    const folder = folderOf({ file: token })
    symlinkSync("file", join(folder, "link"))
    execFileSync("mkfifo", [join(folder, "pipe")])
    const run = makeRunner([{ prefix: "ak", separator: "-" }])
    const outcomes = run({ _tag: "Scan", parts: ["link", "pipe", "gone", "file/gone", "file"].map(partIn(folder)) })
    assert.deepStrictEqual(
      outcomes.map(({ part, matches, failure }) => [part.path.slice(folder.length + 1), matches.length, failure?.code]),
      [
        ["link", 0, "ELOOP"],
        ["pipe", 0, "ENOTFILE"],
        ["file", 1, undefined],
      ],
    )
  })

  it.effect("takes names of any bytes", () =>
    Effect.gen(function* () {
      const folder = folderOf({ "new\nline": token, "ünï 🦊": token })
      writeFileSync(Buffer.concat([Buffer.from(`${folder}/z`), Buffer.from([0xff, 0xfe])]), token)
      for (const inGit of [false, true]) {
        if (inGit) git(folder, "init", "--quiet")
        const { paths, problems } = yield* scan([folder])
        assert.deepStrictEqual(problems, [])
        assert.sameMembers(
          paths.map((path) => path.slice(folder.length + 1)),
          ["new\nline", "z\ufffd\ufffd", "ünï 🦊"],
        )
      }
    }),
  )

  it.effect("bears files that grow, shrink and vanish meanwhile", () =>
    Effect.gen(function* () {
      const files = Object.fromEntries(Array.from({ length: 30 }, (_, i) => [String(i).padStart(2, "0"), Buffer.alloc(2 ** 20, "x")]))
      const folder = folderOf({ ...files, last: token })
      let steps = 0
      const change = Effect.sync(() => {
        const path = join(folder, String(steps % 30).padStart(2, "0"))
        if (steps % 3 === 0) rmSync(path, { force: true })
        else truncateSync(path, steps % 3 === 1 ? 10 : 2 ** 23)
        steps += 7
      })
      const changing = Effect.forever(
        Effect.andThen(Effect.ignore(Effect.try({ try: () => Effect.runSync(change), catch: () => "gone" })), Effect.yieldNow),
      )
      const { paths, problems } = yield* Effect.raceFirst(scan([folder], { workers: 2 }), changing)
      assert.deepStrictEqual(paths, [join(folder, "last")])
      assert.deepStrictEqual(problems, [])
    }),
  )
})
