/** Makes releases of a copy of the project, in a repository of its own. */
import { execFileSync, spawnSync } from "node:child_process"
import { appendFileSync, cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, assert, beforeAll, describe, it } from "@effect/vitest"

const root = new URL("../..", import.meta.url).pathname
const copy = mkdtempSync(join(tmpdir(), "effect-api-key-release-"))

const git = (...args: ReadonlyArray<string>): string => execFileSync("git", args, { cwd: copy, encoding: "utf8" }).trim()
const read = (file: string): string => readFileSync(join(copy, file), "utf8")
const release = (...args: ReadonlyArray<string>) => {
  const { status, stdout, stderr } = spawnSync(process.execPath, ["scripts/release.ts", ...args], { cwd: copy, encoding: "utf8" })
  return { status, stdout, stderr }
}
const commit = (message: string): void => void git("commit", "--quiet", "--all", "--message", message)
const pass = (): void => writeFileSync(join(copy, ".ci-passed"), git("rev-parse", "HEAD"))

describe("a release", { concurrent: false }, () => {
  const { version, ...manifest } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"))

  const repository = { type: "git", url: "git+https://git.example/acme/effect-api-key.git" }

  beforeAll(() => {
    for (const path of [".gitignore", "package-lock.json", "README.md", "src", "bin", "docs", "scripts/release.ts"]) {
      cpSync(join(root, path), join(copy, path), { recursive: true })
    }
    writeFileSync(join(copy, "package.json"), JSON.stringify({ ...manifest, version, repository }, undefined, 2))
    writeFileSync(
      join(copy, "CHANGELOG.md"),
      "# Changelog\n\n## Unreleased\n\n### Added\n\n- Much.\n\n## 0.0.1 (2026-01-01)\n\n- Little.\n",
    )
    // Stands for all the checks.
    mkdirSync(join(copy, ".ci"))
    writeFileSync(join(copy, ".ci/run"), "exit 1\n")
    git("init", "--quiet", "--initial-branch", "main")
    git("config", "user.name", "Ada")
    git("config", "user.email", "ada@example.com")
    git("add", "--all")
    commit("Begin")
  })
  afterAll(() => rmSync(copy, { recursive: true, force: true }))

  it("is described by a dry run, which changes nothing", () => {
    const { status, stdout } = release("minor", "--dry-run")
    assert.strictEqual(status, 0)
    assert.include(stdout, "Would run the checks")
    assert.include(stdout, "- Much.")
    assert.notInclude(stdout, "Little")
    assert.notInclude(stdout, "Wouldn't")
    assert.deepStrictEqual([git("status", "--porcelain"), git("tag")], ["", ""])
  })

  it("is refused for a version that is none, or below the current one", () => {
    for (const asked of [[], ["next"], ["0.0.9"], ["minor", "patch"]]) assert.strictEqual(release(...asked).status, 1, asked.join(" "))
  })

  it("is refused where it shouldn't be made, with every reason", () => {
    appendFileSync(join(copy, "README.md"), "\n")
    git("switch", "--quiet", "--create", "work")
    const { status, stderr } = release("minor")
    assert.deepStrictEqual([status, stderr.trim().split("\n")], [1, ["There are changes that aren't committed", "The branch isn't main"]])
    git("checkout", "--quiet", "README.md")
    git("switch", "--quiet", "main")
  })

  it("needs to know where the package comes from, before anything is checked", () => {
    const text = read("package.json")
    for (const other of [undefined, "acme/effect-api-key", { type: "git", url: "https://git.example/acme" }]) {
      writeFileSync(join(copy, "package.json"), JSON.stringify({ ...JSON.parse(text), repository: other }, undefined, 2))
      commit("Move")
      const { status, stderr } = release("minor")
      assert.deepStrictEqual([status, stderr.trim().split("\n").length], [1, 1])
      assert.match(stderr, /`repository` such as .*CONTRIBUTING\.md/)
      git("reset", "--quiet", "--hard", "HEAD~")
    }
  })

  it("isn't made if the checks fail", () => {
    assert.deepStrictEqual([release("minor").status, git("status", "--porcelain"), git("tag")], [1, "", ""])
  })

  it("has its version everywhere, its changes under it, a commit and an annotated tag", () => {
    pass()
    const { status, stderr } = release("7.1.0")
    assert.strictEqual(status, 0, stderr)
    assert.strictEqual(JSON.parse(read("package.json")).version, "7.1.0")
    const lock = JSON.parse(read("package-lock.json"))
    assert.deepStrictEqual([lock.version, lock.packages[""].version], ["7.1.0", "7.1.0"])
    assert.strictEqual(git("grep", "--files-with-matches", "--fixed-strings", '"7.1.0"', "--", "src").split("\n").length, 2)
    assert.include(read("README.md"), "effect-api-key-7.1.0.tgz")
    const today = new Date().toISOString().slice(0, 10)
    assert.include(read("CHANGELOG.md"), `## Unreleased\n\n## 7.1.0 (${today})\n\n### Added\n\n- Much.\n\n## 0.0.1`)
    assert.deepStrictEqual([git("status", "--porcelain"), git("log", "-1", "--format=%s")], ["", "Release 7.1.0"])
    assert.strictEqual(git("cat-file", "-t", "v7.1.0"), "tag")
    assert.strictEqual(git("tag", "--list", "--format=%(contents)", "v7.1.0"), "7.1.0\n\n### Added\n\n- Much.")
  })

  it("isn't made again, nor of nothing", () => {
    const { status, stderr } = release("7.1.0")
    assert.deepStrictEqual(
      [status, stderr.trim().split("\n")],
      [1, ["There is a tag v7.1.0 already", "CHANGELOG.md has nothing under Unreleased"]],
    )
  })

  it("names a place of the version that it doesn't know", () => {
    writeFileSync(join(copy, "src/more.ts"), 'export const version = "7.1.0"\n')
    git("add", "--all")
    commit("Say it once more")
    assert.include(release("patch", "--dry-run").stdout, "src/more.ts:1")
  })
})
