/**
 * Mutation tests: changes the code in many small ways, and counts which of these mutants a test notices. Of each room a share has to be
 * noticed. A room may be named, or one of its files: `npm run mutation -- scopes verifier/sieve`. The reports are in `.mutation`.
 */
import { spawnSync } from "node:child_process"
import { existsSync, globSync, mkdirSync, readFileSync, renameSync } from "node:fs"
import { basename, dirname, join } from "node:path"
import { fileURLToPath } from "node:url"

const root = fileURLToPath(new URL("../..", import.meta.url))

/** The share of its mutants, in percent, that the tests of a room have to notice. */
const threshold = 85

/** Files that the same tests are about. */
interface Part {
  readonly code: ReadonlyArray<string>
  /** Each mutant runs those tests that reach it, file by file in this order, until one fails: so what is quick comes first. */
  readonly tests: ReadonlyArray<string>
}

/** The paths of the names, separated by spaces, of modules or of tests. */
const verifier = (names: string): ReadonlyArray<string> => names.split(" ").map((name) => `src/internal/verifier/${name}.ts`)
const tests = (names: string): ReadonlyArray<string> => names.split(" ").map((name) => `test/${name}.test.ts`)

const rooms: Readonly<Record<string, ReadonlyArray<Part>>> = {
  token: [{ code: ["src/ApiKeyToken.ts"], tests: tests("ApiKeyToken") }],
  scopes: [{ code: ["src/Scope.ts"], tests: tests("Scope ApiKey") }],
  // All of `internal/verifier` but what is of policies.
  verifier: [
    { code: verifier("tokenReading"), tests: tests("ApiKeyToken verifier/formats legacy/service") },
    { code: verifier("sieve table"), tests: tests("sieve table") },
    { code: verifier("lastUsed"), tests: tests("service/lastUse lastUsed") },
    { code: verifier("hashQueue"), tests: tests("hashQueue") },
    { code: verifier("rehash"), tests: tests("rehash/moves rehash/newHash rehash/peppers legacy/service") },
    { code: verifier("cacheSettings counts"), tests: tests("verifier/configuration verifier/bounds") },
    { code: verifier("standing strangers"), tests: tests("verifier/seals verifier/sealDoubts seals sealsRing sealsReport") },
    {
      code: verifier("generations trust"),
      tests: tests(
        "verifier/clock verifier/formats verifier/lookUps doubts invalidation/register invalidation/hearing invalidation/confirming verifier/cold verifier/warm",
      ),
    },
    {
      code: verifier("entry flat memory"),
      tests: tests(
        "verifier/answers verifier/formats policies rotation/grace rotation/age service/lastUse lastUsed legacy/service verifier/bounds doubts invalidation/hearing invalidation/confirming verifier/cold verifier/warm",
      ),
    },
    {
      code: verifier("credential flights lookUp model recall verifier"),
      tests: tests(
        "verifier/answers verifier/lookUps verifier/formats verifier/clock verifier/configuration legacy/service invalidation/register rehash/peppers rehash/newHash hashQueue verifier/bounds verifier/cold verifier/warm",
      ),
    },
  ],
  policies: [
    {
      code: ["src/KeyPolicy.ts", ...verifier("judge plan")],
      tests: tests("KeyPolicy policies verifier/answers verifier/configuration rotation/grace rotation/age verifier/warm"),
    },
  ],
}

interface Report {
  readonly files: Readonly<Record<string, { readonly mutants: ReadonlyArray<{ readonly status: string }> }>>
}

/** Numbers of mutants. */
interface Score {
  readonly all: number
  readonly killed: number
}

const measure = (name: string, { code, tests }: Part): Score => {
  const stryker = join(root, "scripts/mutation/node_modules/@stryker-mutator/core/bin/stryker.js")
  const args = ["run", "scripts/mutation/stryker.config.json", "--mutate", code.join(",")]
  const env = { ...process.env, MUTATION_TESTS: tests.join(" ") }
  const { status } = spawnSync(process.execPath, [stryker, ...args], { cwd: root, env, stdio: "inherit" })
  if (status !== 0) throw new Error(`The mutants of ${name} could not be run`)
  const report = join(root, `.mutation/${name}.json`)
  mkdirSync(dirname(report), { recursive: true })
  renameSync(join(root, ".mutation/report.json"), report)
  // Stryker has just written it.
  const { files } = JSON.parse(readFileSync(report, "utf8")) as Report
  const statuses = Object.values(files).flatMap(({ mutants }) => mutants.map(({ status }) => status))
  const count = (...counted: ReadonlyArray<string>): number => statuses.filter((status) => counted.includes(status)).length
  const killed = count("Killed", "Timeout")
  return { all: killed + count("Survived", "NoCoverage"), killed }
}

const all = Object.values(rooms).flat()
for (const path of all.flatMap(({ code, tests }) => [...code, ...tests])) {
  if (!existsSync(join(root, path))) throw new Error(`There is no ${path}`)
}
const measured = new Set(all.flatMap(({ code }) => code))
const forgotten = globSync("src/internal/verifier/*.ts", { cwd: root }).filter((path) => !measured.has(path))
if (forgotten.length > 0) throw new Error(`No room measures ${forgotten.join(", ")}`)

/** The parts that a name stands for: those of a room, or one with a single file. */
const partsOf = (name: string): ReadonlyArray<Part> => {
  const [room = "", file] = name.split("/")
  const parts = rooms[room] ?? []
  const chosen =
    file === undefined
      ? parts
      : parts.flatMap(({ code, tests }) => code.filter((path) => basename(path) === `${file}.ts`).map((path) => ({ code: [path], tests })))
  if (chosen.length === 0) throw new Error(`There is no room ${name}, but ${Object.keys(rooms).join(", ")}`)
  return chosen
}

const named = process.argv.slice(2)
const lines = (named.length === 0 ? Object.keys(rooms) : named)
  .map((name) => ({ name, parts: partsOf(name) }))
  .map(({ name, parts }) => {
    const began = performance.now()
    const scores = parts.map((part, index) => measure(parts.length === 1 ? name : `${name}/${index + 1}`, part))
    const killed = scores.reduce((sum, score) => sum + score.killed, 0)
    const all = scores.reduce((sum, score) => sum + score.all, 0)
    const percent = (100 * killed) / all
    if (percent < threshold) process.exitCode = 1
    return `${name}: ${percent.toFixed(1)} % of ${all} mutants killed, in ${((performance.now() - began) / 60_000).toFixed(1)} minutes`
  })
process.stdout.write(`\n${lines.join("\n")}\n`)
if (process.exitCode === 1) process.stderr.write(`Less than ${threshold} % of the mutants were killed\n`)
