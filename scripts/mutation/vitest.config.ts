import { defineConfig } from "vitest/config"
import core from "../../vitest.core.config.ts"

const { MUTATION_TESTS } = process.env

/** The core of the tests, or those that are named. Each mutant costs a run, so databases are left out, and the simulation is short. */
export default defineConfig({
  test: {
    ...core.test,
    ...(MUTATION_TESTS === undefined ? {} : { include: MUTATION_TESTS.split(" ") }),
    env: { SIMULATION_STEPS: "1000" },
    testNamePattern: /^(?!.*PGlite)/,
    // Stryker's workers are threads, which take no arguments of V8.
    execArgv: [],
  },
})
