import { availableParallelism } from "node:os"
import { BaseSequencer, type TestSpecification } from "vitest/node"
import { defineConfig } from "vitest/config"

if (Number(process.versions.node.split(".")[0]) < 24) {
  throw new Error(`Tests run on the project's own Node: put node_modules/.bin first in PATH (this is Node ${process.version})`)
}

/** Files that take longest, or wait long. Begun first, they don't run alone at the end. */
const slow = ["cli/", "docs/shell", "nodes/", "simulation", "rotation", "server/server", "docs/docs", "package/package", "sql/"]

class SlowFirst extends BaseSequencer {
  override async sort(files: Array<TestSpecification>): Promise<Array<TestSpecification>> {
    const rank = ({ moduleId }: TestSpecification): number => {
      const found = slow.findIndex((part) => moduleId.includes(`/test/${part}`))
      return found < 0 ? slow.length : found
    }
    return (await super.sort(files)).toSorted((a, b) => rank(a) - rank(b))
  }
}

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    testTimeout: 900_000,
    hookTimeout: 900_000,
    // One more than there are cores, as many tests wait for processes and databases.
    maxWorkers: availableParallelism() + 1,
    // PGlite is run for seconds: compiling WebAssembly a second time, for speed, takes longer than that saves.
    execArgv: ["--liftoff-only"],
    sequence: { sequencer: SlowFirst },
  },
})
