/** The threads for jobs. */
import { existsSync } from "node:fs"
import { fileURLToPath } from "node:url"
import { Worker } from "node:worker_threads"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import { type Job, makeRunner, type Outcome } from "./job.ts"
import type { Pattern } from "./matcher.ts"

export interface Pool {
  readonly run: (job: Job) => Effect.Effect<ReadonlyArray<Outcome>>
}

/** Jobs that the main thread does faster than threads start. */
const jobsBeforeThreads = 2

/** A pool of `size` threads, which start after the first jobs. If `size` is 0, or a bundle lacks their code, the main thread runs the jobs. */
export const make = (patterns: ReadonlyArray<Pattern>, size: number): Effect.Effect<Pool, never, Scope.Scope> =>
  Effect.gen(function* () {
    const scope = yield* Effect.scope
    const runHere = makeRunner(patterns)
    const entry = workerEntry()
    const start = Effect.forEach(Array.from({ length: size }), () => makeThread(entry, patterns))
    const threads = yield* Effect.cached(Scope.provide(start, scope))
    let jobs = 0
    const runThere = (job: Job) =>
      Effect.flatMap(threads, (threads) => threads.reduce((least, thread) => (thread.load() < least.load() ? thread : least)).run(job))
    return {
      run: (job) =>
        Effect.suspend(() => {
          if (jobs++ >= jobsBeforeThreads && size > 0 && existsSync(entry)) return runThere(job)
          return Effect.andThen(
            Effect.yieldNow,
            Effect.sync(() => runHere(job)),
          )
        }),
    }
  })

/** The entry beside this file, which is either source or built. */
const workerEntry = (): string => fileURLToPath(new URL(import.meta.url.endsWith(".ts") ? "./worker.ts" : "./worker.js", import.meta.url))

interface Thread {
  /** The number of the thread's unfinished jobs. */
  readonly load: () => number
  readonly run: Pool["run"]
}

const makeThread = (entry: string, patterns: ReadonlyArray<Pattern>): Effect.Effect<Thread, never, Scope.Scope> =>
  Effect.gen(function* () {
    const waiting = new Map<number, (exit: Exit.Exit<ReadonlyArray<Outcome>>) => void>()
    const worker = yield* Effect.acquireRelease(
      // The process's own options, such as loaders and hooks, would only delay the thread.
      Effect.sync(() => new Worker(entry, { workerData: patterns, execArgv: [] })),
      (worker) => Effect.promise(() => worker.terminate()),
    )
    let ended: Exit.Exit<never> | undefined
    const end = (cause: unknown) => {
      ended ??= Exit.die(cause)
      for (const resume of waiting.values()) resume(ended)
      waiting.clear()
    }
    worker.on("message", ({ id, outcomes }: { readonly id: number; readonly outcomes: ReadonlyArray<Outcome> }) => {
      const resume = waiting.get(id)
      waiting.delete(id)
      resume?.(Exit.succeed(outcomes))
    })
    worker.on("error", end)
    worker.on("exit", (code) => end(new Error(`A scanning thread exited with ${code}`)))
    let jobs = 0
    return {
      load: () => waiting.size,
      run: (job) =>
        Effect.callback((resume) => {
          if (ended !== undefined) return resume(ended)
          const id = jobs++
          waiting.set(id, resume)
          // oxlint-disable-next-line unicorn/require-post-message-target-origin -- threads have no origins
          worker.postMessage({ id, job })
          return Effect.sync(() => waiting.delete(id))
        }),
    }
  })
