// How long the bundled command line takes for what is asked of it most, in times of what Node takes to do nothing.
import { spawnSync } from "node:child_process"
import { rmSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { emit } from "../figure.ts"
import { median, quantile } from "../measure.ts"

const root = fileURLToPath(new URL("../..", import.meta.url))
// Inside of the repository, for packages to be found; git passes over folders of this name.
const folder = fileURLToPath(new URL("../dist/bin", import.meta.url))
const bundled = spawnSync(process.execPath, [join(root, "scripts/bundle-cli.ts"), folder], { stdio: "inherit" })
if (bundled.status !== 0) throw new Error("The command line wasn't bundled")

const bin = join(folder, "effect-api-key.js")
const nothing = "node -e 0"
const runs: Readonly<Record<string, ReadonlyArray<string>>> = {
  [nothing]: ["-e", "0"],
  "effect-api-key --help": [bin, "--help"],
  "effect-api-key generate": [bin, "generate"],
}

const times = new Map(Object.keys(runs).map((name): [string, Array<number>] => [name, []]))
// The first rounds fill Node's compile cache.
for (let round = -2; round < 21; round++) {
  for (const [name, args] of Object.entries(runs)) {
    const start = performance.now()
    if (spawnSync(process.execPath, args).status !== 0) throw new Error(`${name} failed`)
    if (round >= 0) times.get(name)?.push(performance.now() - start)
  }
}

const base = times.get(nothing) ?? []
for (const [name, elapsed] of times) {
  if (name === nothing) continue
  const ratios = elapsed.map((time, round) => time / (base[round] ?? Number.NaN))
  emit({
    benchmark: "cli-start-up",
    name: `${name}, of ${nothing}`,
    unit: "times",
    value: median(ratios),
    target: { atMost: 4 },
    spread: [quantile(ratios, 0.25), quantile(ratios, 0.75)],
    rates: { [name]: median(elapsed), [nothing]: median(base) },
    note: "milliseconds from start to end",
  })
}
rmSync(folder, { recursive: true, force: true })
