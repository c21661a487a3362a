import { defineConfig } from "vitest/config"

if (Number(process.versions.node.split(".")[0]) < 24) {
  throw new Error(`Tests run on the project's own Node: put node_modules/.bin first in PATH (this is Node ${process.version})`)
}

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    testTimeout: 300_000,
    hookTimeout: 300_000,
    // One fewer than there are cores by default; but many tests wait for processes and databases.
    maxWorkers: "100%",
  },
})
