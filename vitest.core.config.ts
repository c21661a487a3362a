import { defineConfig } from "vitest/config"

/**
 * The core of the tests: domain, token, scopes, verification and service, without HTTP, processes and servers of databases.
 * Each Node that `engines` claims runs it; mutation tests and coverage are about it.
 */
export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    // A folder that isn't listed here belongs to the core.
    exclude: ["test/{cli,docs,hasher,http,legacy,nodes,package,redis,scan,server,sql,structure,types}/**"],
    env: { SIMULATION_STEPS: "10000" },
    testTimeout: 900_000,
    hookTimeout: 900_000,
    maxWorkers: "100%",
    // As in `vitest.config.ts`.
    execArgv: ["--liftoff-only"],
    coverage: {
      provider: "v8",
      include: [
        "src/*.ts",
        "src/internal/{collection,hash,keys,limits,meters,net,nodes,record,schema,text,time,token,transfer,verifier}/**",
      ],
      reporter: ["text", "html"],
      // What was measured, in whole percents.
      thresholds: {
        statements: 93,
        branches: 90,
        functions: 91,
        lines: 94,
        "src/{ApiKeyToken,Scope}.ts": { statements: 100, branches: 98, functions: 100, lines: 100 },
        "src/internal/verifier/**": { statements: 98, branches: 94, functions: 97, lines: 99 },
      },
    },
  },
})
