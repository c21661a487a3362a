import { BaseSequencer, type TestSpecification } from "vitest/node"
import { defineConfig } from "vitest/config"
import core from "../../vitest.core.config.ts"

const named = process.env["MUTATION_TESTS"]?.split(" ") ?? []

/** The tests that are named, in that order: a mutant's run ends with the first test that fails. */
class AsNamed extends BaseSequencer {
  override async sort(files: Array<TestSpecification>): Promise<Array<TestSpecification>> {
    const rank = ({ moduleId }: TestSpecification): number => named.findIndex((path) => moduleId.endsWith(`/${path}`))
    return files.toSorted((a, b) => rank(a) - rank(b))
  }
}

export default defineConfig({
  test: {
    ...core.test,
    include: named,
    exclude: [],
    // Each survivor costs a run of all tests that reach it.
    env: { HISTORIES: "30", SHARES: "10" },
    sequence: { sequencer: AsNamed },
    // Loading modules takes longer than most of the tests.
    isolate: false,
    // Stryker's workers are threads, which take no arguments of V8.
    execArgv: [],
  },
})
