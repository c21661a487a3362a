/** The entry of a thread. */
import { parentPort, workerData } from "node:worker_threads"
import { makeRunner } from "./job.ts"

const run = makeRunner(workerData)
// oxlint-disable-next-line unicorn/require-post-message-target-origin -- threads have no origins
parentPort?.on("message", ({ id, job }) => parentPort?.postMessage({ id, outcomes: run(job) }))
