/** Compares the sizes of bundles with those in `size.json`; with `--update` it writes them down. */
import { readFileSync, writeFileSync } from "node:fs"
import { parseArgs } from "node:util"
import { bundle } from "./bundles.ts"

interface Sizes {
  /** By how many per cent a bundle may differ from what is written down. */
  readonly tolerance: number
  /** Bytes of the minified code, compressed by gzip. */
  readonly gzipped: { readonly core: number; readonly browser: number; readonly client: number }
}

const file = new URL("size.json", import.meta.url)
const { values } = parseArgs({ options: { update: { type: "boolean", default: false } } })
const { tolerance, gzipped: written }: Sizes = JSON.parse(readFileSync(file, "utf8"))

for (const name of ["core", "browser", "client"] as const) {
  const { gzipped } = await bundle(name)
  const change = (gzipped / written[name] - 1) * 100
  process.stdout.write(
    `${name}: ${gzipped} bytes gzipped, ${change >= 0 ? "+" : ""}${change.toFixed(1)} % of the ${written[name]} written down\n`,
  )
  if (values.update) {
    const sizes: Sizes = JSON.parse(readFileSync(file, "utf8"))
    writeFileSync(file, JSON.stringify({ ...sizes, gzipped: { ...sizes.gzipped, [name]: gzipped } }, undefined, 2) + "\n")
  } else if (Math.abs(change) > tolerance) {
    process.stderr.write(`That is more than ${tolerance} %. If it is meant: npm run size -- --update\n`)
    process.exitCode = 1
  }
}
