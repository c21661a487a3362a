// Do answers take longer when the key id exists? `npm --prefix benchmark run timing`; README.md says how to read it.
import { spawn } from "node:child_process"
import { fileURLToPath } from "node:url"
import { pinned } from "./support/cores.ts"

/** Hasher, repository, and what the cache holds: nothing at all (`off`), not the key of the wrong secret (`cold`), or that key (`warm`). */
const scenarios = [
  ["hmac", "memory", "off"],
  ["hmac", "postgres", "off"],
  ["argon2", "memory", "off"],
  ["hmac", "memory", "cold"],
  ["hmac", "memory", "warm"],
  ["hmac", "postgres", "cold"],
  ["hmac", "postgres", "warm"],
  ["argon2", "memory", "cold"],
  ["argon2", "memory", "warm"],
] as const

for (const scenario of scenarios) {
  // Argon2id computes in threads of its own, which share a core with nothing.
  const [execPath, execArgv] = pinned(scenario[0] === "hmac" ? 1 : undefined, [process.execPath, "--expose-gc"])
  const child = spawn(execPath, [...execArgv, fileURLToPath(new URL("timing/scenario.ts", import.meta.url)), ...scenario], {
    stdio: "inherit",
  })
  const code = await new Promise<number | null>((resolve) => child.on("exit", resolve))
  if (code !== 0) process.exitCode = 1
}
