/**
 * Sizes libuv's pool, in which secrets are hashed. The entry imports this module first, before the pool starts. The pool has a thread for each
 * core and four for file reads and name look-ups. `UV_THREADPOOL_SIZE` overrules that size.
 */
import { availableParallelism } from "node:os"

// Before Node 24 loading the entry has started the pool already, and `ApiKeys` would count on missing threads.
if (Number(process.versions.node.split(".")[0]) >= 24) {
  process.env["UV_THREADPOOL_SIZE"] ??= String(Math.min(1_024, availableParallelism() + 4))
}
