/** A browser, driven by the W3C's WebDriver protocol over plain HTTP. */
import { type ChildProcess, spawn, spawnSync } from "node:child_process"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Effect, type Scope } from "effect"

/** Why there is no browser; `undefined` if there is one. */
export const missingBrowser: string | undefined = ["chromium", "chromedriver"]
  .filter((name) => spawnSync(name, ["--version"]).status !== 0)
  .map((name) => `${name} isn't installed`)
  .at(0)

export interface Browser {
  readonly open: (url: string) => Promise<void>
  /** Runs the body of a function in the page, which may return a promise. */
  readonly run: <A>(body: string, ...args: ReadonlyArray<unknown>) => Promise<A>
  /** Runs it until it gives something, for 60 seconds at most. */
  readonly until: <A>(body: string, ...args: ReadonlyArray<unknown>) => Promise<A>
  /** What was written to the console: violations of the page's policy, and answers that are errors. */
  readonly logs: () => Promise<ReadonlyArray<{ readonly level: string; readonly message: string }>>
}

const flags = [
  "--headless",
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
  "--disable-dev-shm-usage",
  "--window-size=1600,1200",
]

/** A new one, without a past. */
export const startBrowser: Effect.Effect<Browser, never, Scope.Scope> = Effect.gen(function* () {
  const profile = yield* Effect.acquireRelease(
    Effect.sync(() => mkdtempSync(join(tmpdir(), "effect-api-key-browser-"))),
    (directory) => Effect.sync(() => rmSync(directory, { recursive: true, force: true, maxRetries: 5 })),
  )
  const driver = yield* Effect.acquireRelease(
    Effect.sync(() => spawn("chromedriver", ["--port=0"], { stdio: ["ignore", "pipe", "ignore"] })),
    (child) => Effect.promise(() => stop(child)),
  )
  const url = `http://127.0.0.1:${yield* Effect.promise(() => portOf(driver))}`
  const { sessionId } = yield* Effect.acquireRelease(
    Effect.promise(() =>
      call<{ readonly sessionId: string }>("POST", `${url}/session`, {
        capabilities: {
          alwaysMatch: {
            "goog:chromeOptions": { args: [...flags, `--user-data-dir=${profile}`] },
            "goog:loggingPrefs": { browser: "ALL" },
          },
        },
      }),
    ),
    (session) => Effect.promise(() => call("DELETE", `${url}/session/${session.sessionId}`)),
  )
  const session = `${url}/session/${sessionId}`
  const run: Browser["run"] = (body, ...args) => call("POST", `${session}/execute/sync`, { script: body, args })
  return {
    open: (page) => call("POST", `${session}/url`, { url: page }),
    run,
    until: async <A>(body: string, ...args: ReadonlyArray<unknown>) => {
      for (const end = Date.now() + 240_000; Date.now() < end; await new Promise((resolve) => setTimeout(resolve, 100))) {
        const result = await run<A | null>(body, ...args)
        if (result !== null) return result
      }
      throw new Error(`It never came true: ${body}`)
    },
    logs: () => call("POST", `${session}/se/log`, { type: "browser" }),
  }
})

const portOf = (driver: ChildProcess) =>
  new Promise<string>((resolve, reject) => {
    let output = ""
    driver.stdout?.on("data", (data) => {
      const port = /successfully on port (\d+)/.exec((output += String(data)))?.[1]
      if (port !== undefined) resolve(port)
    })
    driver.once("close", () => reject(new Error(output)))
  })

const stop = (child: ChildProcess) =>
  new Promise<void>((resolve) => {
    if (child.exitCode !== null) return resolve()
    child.once("close", () => resolve())
    child.kill()
  })

const call = async <A>(method: string, url: string, body?: unknown): Promise<A> => {
  const response = await fetch(url, { method, ...(body === undefined ? {} : { body: JSON.stringify(body) }) })
  // The protocol has everything in `value`; what it is depends on the command.
  const { value } = (await response.json()) as { readonly value: A }
  if (!response.ok) throw new Error(JSON.stringify(value))
  return value
}
