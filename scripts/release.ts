/**
 * Makes a release: `npm run release -- minor`, or `patch`, `major`, or a version. Writes the version wherever it stands, gives the unreleased
 * changes that version, commits and tags. With `--dry-run` it says what it would do. Pushing the tag is left to a person, and publishes.
 */
import { execFileSync, spawnSync } from "node:child_process"
import { existsSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { parseArgs } from "node:util"

const root = fileURLToPath(new URL("..", import.meta.url))

interface Edit {
  readonly file: string
  readonly change: (text: string) => string
}

const main = (): void => {
  const { values, positionals } = parseArgs({ allowPositionals: true, options: { "dry-run": { type: "boolean", default: false } } })
  const { name, version: current, repository } = JSON.parse(read("package.json"))
  const [asked = ""] = positionals
  const version = nextVersion(current, asked)
  if (version === undefined || positionals.length !== 1) {
    return refuse([`Say which version: patch, minor, major, or one that isn't below ${current}`])
  }
  const tag = `v${version}`
  const notes = unreleased(read("CHANGELOG.md"))
  const edits = editsFor(name, current, version)
  const problems = [
    git("status", "--porcelain") === "" ? undefined : "There are changes that aren't committed",
    git("branch", "--show-current") === "main" ? undefined : "The branch isn't main",
    git("tag", "--list", tag) === "" ? undefined : `There is a tag ${tag} already`,
    notes === "" ? "CHANGELOG.md has nothing under Unreleased" : undefined,
    isRepository(repository) ? undefined : repositoryMissing,
    ...edits
      .filter(({ file, change }) => version !== current && change(read(file)) === read(file))
      .map(({ file }) => `${file} has no ${current}`),
    ...elsewhere(name, current, edits).map((line) => `The version stands in a place that scripts/release.ts doesn't know: ${line}`),
  ].filter((problem) => problem !== undefined)

  if (values["dry-run"]) return say([...steps(tag, version, edits), "", notes, ...problems.map((problem) => `Wouldn't do it: ${problem}`)])
  if (problems.length > 0) return refuse(problems)
  if (!hasPassed() && spawnSync("bash", [".ci/run"], { cwd: root, stdio: "inherit" }).status !== 0) return refuse(["The checks failed"])
  for (const { file, change } of edits) writeFileSync(join(root, file), change(read(file)))
  git("add", ...edits.map(({ file }) => file))
  git("commit", "--quiet", "--message", `Release ${version}`)
  git("tag", "--annotate", tag, "--cleanup", "verbatim", "--message", `${version}\n\n${notes}\n`)
  say([`Made ${tag}. To publish it: git push --follow-tags`])
}

/** In the form that the registry compares with the repository of the workflow. */
const isRepository = (repository: unknown): boolean =>
  typeof repository === "object" &&
  repository !== null &&
  "url" in repository &&
  typeof repository.url === "string" &&
  /^git\+https:\/\/[^/]+\/.+\.git$/.test(repository.url)

const repositoryMissing =
  'package.json has no `repository` such as { "type": "git", "url": "git+https://HOST/OWNER/effect-api-key.git" }, by which the registry checks where the package comes from: see Releases in CONTRIBUTING.md'

/** The version that is asked for. The current one may be asked for as long as it has no tag. */
const nextVersion = (current: string, asked: string): string | undefined => {
  const [major = 0, minor = 0, patch = 0] = current.split(".").map(Number)
  switch (asked) {
    case "major":
      return `${major + 1}.0.0`
    case "minor":
      return `${major}.${minor + 1}.0`
    case "patch":
      return `${major}.${minor}.${patch + 1}`
    default: {
      const parts = /^(\d+)\.(\d+)\.(\d+)$/.exec(asked)?.slice(1).map(Number)
      if (parts === undefined) return undefined
      const [first = 0, second = 0, third = 0] = parts
      const difference = first - major || second - minor || third - patch
      return difference < 0 ? undefined : asked
    }
  }
}

/** What is under the heading of unreleased changes. */
const unreleased = (changelog: string): string => (/^## Unreleased\n(.*?)(?=^## |$(?![^]))/ms.exec(changelog)?.[1] ?? "").trim()

/** Every file that says the version. */
const editsFor = (name: string, current: string, version: string): ReadonlyArray<Edit> => {
  const replacing = (file: string, from: string, to: string): Edit => ({ file, change: (text) => text.replaceAll(from, to) })
  const today = new Date().toISOString().slice(0, 10)
  return [
    replacing("package.json", `"version": "${current}"`, `"version": "${version}"`),
    {
      file: "package-lock.json",
      change: (text) => {
        const lock = JSON.parse(text)
        const packages = { ...lock.packages, "": { ...lock.packages[""], version } }
        return JSON.stringify({ ...lock, version, packages }, undefined, 2) + "\n"
      },
    },
    replacing("src/internal/cli/version.ts", `"${current}"`, `"${version}"`),
    replacing("src/internal/server/api.ts", `version: "${current}"`, `version: "${version}"`),
    replacing("README.md", `${name}-${current}.tgz`, `${name}-${version}.tgz`),
    replacing("docs/command-line.md", `${name}-${current}.tgz`, `${name}-${version}.tgz`),
    replacing("CHANGELOG.md", "## Unreleased\n", `## Unreleased\n\n## ${version} (${today})\n`),
  ]
}

/** Lines of other files that say the version too. `@since` says it of the past. */
const elsewhere = (name: string, current: string, edits: ReadonlyArray<Edit>): ReadonlyArray<string> => {
  const known = edits.map(({ file }) => `:!${file}`)
  const args = [
    "grep",
    "--line-number",
    "--fixed-strings",
    "-e",
    `"${current}"`,
    "-e",
    `${name}-${current}`,
    "--",
    "src",
    "bin",
    "docs",
    "*.md",
    ...known,
  ]
  return spawnSync("git", args, { cwd: root, encoding: "utf8" })
    .stdout.trim()
    .split("\n")
    .filter((line) => line !== "")
}

/** Whether `.ci/run` has passed for this commit. */
const hasPassed = (): boolean => existsSync(join(root, ".ci-passed")) && read(".ci-passed").trim() === git("rev-parse", "HEAD")

const steps = (tag: string, version: string, edits: ReadonlyArray<Edit>): ReadonlyArray<string> => [
  hasPassed() ? "The checks have passed for this commit" : "Would run the checks: bash .ci/run",
  `Would write ${version} to ${edits.map(({ file }) => file).join(", ")}`,
  `Would commit and tag ${tag}, with these changes:`,
]

const read = (file: string): string => readFileSync(join(root, file), "utf8")
const git = (...args: ReadonlyArray<string>): string => execFileSync("git", args, { cwd: root, encoding: "utf8" }).trim()
const say = (lines: ReadonlyArray<string>): void => void process.stdout.write(lines.join("\n") + "\n")
const refuse = (problems: ReadonlyArray<string>): void => {
  process.stderr.write(problems.join("\n") + "\n")
  process.exitCode = 1
}

main()
