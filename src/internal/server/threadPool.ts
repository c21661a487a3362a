/**
 * Sizes libuv's pool, in which secrets are hashed, before anything starts it: so the entry imports this first. Its size follows the cores,
 * and four threads are left to file reads and name look-ups. `UV_THREADPOOL_SIZE` overrules it.
 */
import { availableParallelism } from "node:os"

// Before Node 24, loading the entry has started the pool already, and `ApiKeys` would count on threads that aren't there.
if (Number(process.versions.node.split(".")[0]) >= 24) {
  process.env["UV_THREADPOOL_SIZE"] ??= String(Math.min(1_024, availableParallelism() + 4))
}
