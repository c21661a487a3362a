#!/usr/bin/env node
// The file that is started is plain JavaScript and imports little, so that a Node that is too old for the rest reads it and says so.
import { existsSync } from "node:fs"

const [major, minor] = process.versions.node.split(".").map(Number)
if (major < 22 || (major === 22 && minor < 19)) {
  process.stderr.write(`effect-api-key: Node 22.19 or later is needed, and this is ${process.version}\n`)
  process.exitCode = 1
} else {
  // A clone runs its source: it needs no build, and a build may be older. What is published has no such file.
  const isClone = existsSync(new URL("../tsconfig.build.json", import.meta.url))
  await import(isClone ? "../src/internal/cli/main.ts" : "../dist/bin/effect-api-key.js")
}
