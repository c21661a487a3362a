/** Which thread runs where, for benchmarks of what the hashing of others does to the main thread. */
import { readdirSync, readFileSync } from "node:fs"
import { availableParallelism } from "node:os"
import { pinThread } from "./cores.ts"

/**
 * Puts the main thread on core 1 and libuv's pool, where Argon2id is computed, on core 0. To be called when the pool has its threads, after
 * a first hash. Gives whether it could.
 */
export const separateThreads = (): boolean => {
  if (process.platform !== "linux" || availableParallelism() < 2) return false
  const threads = readdirSync("/proc/self/task").map(Number)
  const pool = threads.filter((thread) => readFileSync(`/proc/self/task/${thread}/comm`, "utf8").startsWith("libuv-worker"))
  return pool.length > 0 && pool.every((thread) => pinThread(thread, 0)) && pinThread(process.pid, 1)
}
