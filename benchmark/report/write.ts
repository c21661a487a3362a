/** Keeps the figures: as JSON, as a chart, and as the table in the documentation. */
import { existsSync, readFileSync, writeFileSync } from "node:fs"
import { cpus } from "node:os"
import { benchmarks } from "../benchmarks.ts"
import type { Figure } from "../figure.ts"
import { toSvg } from "./chart.ts"
import { toMarkdown } from "./table.ts"

const resultsFile = new URL("../results.json", import.meta.url)
const chartFile = new URL("../../docs/performance.svg", import.meta.url)
const pageFile = new URL("../../docs/performance.md", import.meta.url)

interface Results {
  readonly environment: { readonly node: string; readonly cpu: string; readonly cores: number }
  readonly figures: ReadonlyArray<Figure>
}

const [start, end] = ["<!-- benchmark:start -->", "<!-- benchmark:end -->"]

/** Replaces what these benchmarks found before; other figures stay. */
export const write = (ran: ReadonlySet<string>, figures: ReadonlyArray<Figure>): void => {
  // Nothing but this function writes the file.
  const before: ReadonlyArray<Figure> = existsSync(resultsFile) ? (JSON.parse(readFileSync(resultsFile, "utf8")) as Results).figures : []
  const known = [...before.filter(({ benchmark }) => !ran.has(benchmark)), ...figures]
  const all = benchmarks.flatMap(({ name }) => known.filter(({ benchmark }) => benchmark === name))
  const environment = { node: process.version, cpu: cpus()[0]?.model ?? "unknown", cores: cpus().length }
  writeFileSync(resultsFile, `${JSON.stringify({ environment, figures: all } satisfies Results, undefined, 2)}\n`)
  writeFileSync(chartFile, toSvg(all))
  const page = readFileSync(pageFile, "utf8")
  const table = `${start}\n\n${toMarkdown(all)}\n\nNode ${environment.node}, ${environment.cores} cores, ${environment.cpu}.\n\n${end}`
  writeFileSync(pageFile, page.slice(0, page.indexOf(start)) + table + page.slice(page.indexOf(end) + end.length))
}
