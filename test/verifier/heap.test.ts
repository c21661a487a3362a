/** The memory that a remembered key takes. */
import { assert, describe, it } from "@effect/vitest"
import { execFile } from "node:child_process"
import { promisify } from "node:util"

const run = promisify(execFile)

describe("A key that is remembered", () => {
  // By the benchmark of 100,000 keys it is 634 bytes; fewer keys have more of the table of the map to themselves.
  // The engine of Node 22 keeps the fields of a record in a hash table, which takes 1.2 kB.
  it.skipIf(Number(process.versions.node.split(".")[0]) < 24)("takes at most 700 bytes of the heap", { timeout: 900_000 }, async () => {
    const { stdout } = await run(process.execPath, ["--expose-gc", "benchmark/run/heap.ts", "10000"])
    const figures = stdout
      .trim()
      .split("\n")
      .map((line): { readonly name: string; readonly value: number } => JSON.parse(line))
    const cached = figures.find(({ name }) => name === "heap per cached key, without metadata")
    assert.isBelow(cached?.value ?? Number.NaN, 700)
  })
})
