/** Pins processes to cores where the system can (`taskset`); elsewhere they run where they like. */
import { spawnSync } from "node:child_process"
import { availableParallelism } from "node:os"

const canPin = availableParallelism() > 1 && spawnSync("taskset", ["-c", "1", "true"]).status === 0

/** The command that runs `command` on a core. */
export const pinned = (core: number | undefined, command: ReadonlyArray<string>): readonly [file: string, args: ReadonlyArray<string>] => {
  const [file = "true", ...args] = command
  return core === undefined || !canPin ? [file, args] : ["taskset", ["-c", String(core), file, ...args]]
}

/** Moves one thread of this process to a core; the main thread's id is the process's. */
export const pinThread = (thread: number, core: number): boolean =>
  canPin && spawnSync("taskset", ["-pc", String(core), String(thread)]).status === 0
