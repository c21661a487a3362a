/** What the tests here share. */
import { execFileSync } from "node:child_process"
import { mkdirSync, mkdtempSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Effect, Stream } from "effect"
import * as Scanner from "../../../src/scan/Scanner.ts"
import { tokenOf } from "../corpus.ts"

export const root = mkdtempSync(join(tmpdir(), "effect-api-key-scan-"))

export let folders = 0

/** A new folder with the files. */
export const folderOf = (files: Readonly<Record<string, string | Buffer>> = {}): string => {
  const folder = join(root, String(folders++))
  mkdirSync(folder)
  for (const [path, contents] of Object.entries(files)) {
    mkdirSync(join(folder, path, ".."), { recursive: true })
    writeFileSync(join(folder, path), contents)
  }
  return folder
}

export const git = (folder: string, ...args: ReadonlyArray<string>) =>
  execFileSync("git", ["-C", folder, "-c", "user.name=n", "-c", "user.email=e@example.com", ...args], { stdio: "ignore" })

/** The paths of what is found, below the folder, and the problems. */
export const scan = (paths: ReadonlyArray<string>, options: Scanner.PathOptions = {}) =>
  Effect.gen(function* () {
    const problems: Array<Scanner.ScanProblem> = []
    const onProblem = (problem: Scanner.ScanProblem) => Effect.sync(() => problems.push(problem)).pipe(Effect.asVoid)
    const finds = yield* Stream.runCollect(Scanner.scanPaths(paths, { onProblem, ...options }))
    return { finds, problems, paths: finds.map(({ path }) => path) }
  })

export const token = tokenOf(1)
