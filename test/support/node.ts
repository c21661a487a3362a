/** How tests start processes of Node. */

/** Environment of processes that run the source. Node keeps what it compiles, so each one but the first starts in half the time. */
export const compileCache = { NODE_COMPILE_CACHE: new URL("../../node_modules/.cache/compile", import.meta.url).pathname }

/**
 * Arguments of Node for processes that open an embedded database. WebAssembly is compiled once then, and not a second time for speed, which
 * takes a third of the time of a short process.
 */
export const short: ReadonlyArray<string> = ["--liftoff-only"]
