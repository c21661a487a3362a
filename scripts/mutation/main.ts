/**
 * Mutation tests: changes the code in many small ways, and counts which of these mutants a test notices. Each room has to reach the
 * threshold of `stryker.config.json`. Rooms may be named: `npm run mutation -- token scopes`. The reports are in `.mutation`.
 */
import { spawnSync } from "node:child_process"
import { existsSync, globSync, renameSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"

const root = fileURLToPath(new URL("../..", import.meta.url))

interface Room {
  readonly code: ReadonlyArray<string>
  /** The files that test it. Default: the core of the tests, of which each mutant runs those that reach it. */
  readonly tests?: ReadonlyArray<string>
  readonly options?: ReadonlyArray<string>
}

const rooms: Readonly<Record<string, Room>> = {
  token: { code: ["src/ApiKeyToken.ts"], tests: ["test/ApiKeyToken.test.ts"] },
  scopes: { code: ["src/Scope.ts"], tests: ["test/Scope.test.ts", "test/ApiKey.test.ts"] },
  // What runs while modules are loaded is reached by every test, so a mutant of it would cost a run of all of them.
  verifier: { code: ["src/internal/verifier/**/*.ts"], options: ["--ignoreStatic"] },
  policies: {
    code: ["src/KeyPolicy.ts", "src/internal/verifier/{plan,judge}.ts"],
    tests: ["test/policies.test.ts", "test/verifier/warm.test.ts", "test/rotation/{age,grace}.test.ts"],
    options: ["--ignoreStatic"],
  },
}

const measure = (name: string, { code, tests, options = [] }: Room): boolean => {
  if (code.every((pattern) => globSync(pattern, { cwd: root }).length === 0)) throw new Error(`${name} has no files: ${code.join(", ")}`)
  process.stdout.write(`\n${name}\n`)
  const stryker = join(root, "scripts/mutation/node_modules/@stryker-mutator/core/bin/stryker.js")
  const args = ["run", "scripts/mutation/stryker.config.json", "--mutate", code.join(","), ...options]
  const env = tests === undefined ? process.env : { ...process.env, MUTATION_TESTS: tests.join(" ") }
  const { status } = spawnSync(process.execPath, [stryker, ...args], { cwd: root, env, stdio: "inherit" })
  const report = join(root, ".mutation/report.json")
  if (existsSync(report)) renameSync(report, join(root, `.mutation/${name}.json`))
  return status === 0
}

const named = process.argv.slice(2)
const unknown = named.filter((name) => !(name in rooms))
if (unknown.length > 0) throw new Error(`There is no room ${unknown.join(", ")}, but ${Object.keys(rooms).join(", ")}`)

const chosen = Object.entries(rooms).filter(([name]) => named.length === 0 || named.includes(name))
const failed = chosen.filter(([name, room]) => !measure(name, room)).map(([name]) => name)
if (failed.length > 0) {
  process.stderr.write(`Too many mutants survived in: ${failed.join(", ")}\n`)
  process.exitCode = 1
}
