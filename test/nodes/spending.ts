/** Processes that spend the units of a key together: see `spender.ts`. */
import { type ChildProcess, spawn } from "node:child_process"
import { createInterface } from "node:readline"
import { Effect, Layer, Redacted } from "effect"
import * as PgClient from "@effect/sql-pg/PgClient"
import * as ApiKeys from "../../src/ApiKeys.ts"
import * as Hmac from "../../src/hasher/Hmac.ts"
import * as SqlRepository from "../../src/sql/SqlRepository.ts"
import { compileCache } from "../support/node.ts"

export interface Task {
  readonly url: string
  /** Keeps the balances in Redis. */
  readonly redis?: { readonly url: string; readonly prefix: string }
  readonly token: string
  /** How many uses, by so many fibers, and for how long at most. A fiber pauses for a millisecond after each use if `millis` is given. */
  readonly uses: number
  readonly fibers: number
  readonly millis?: number
}

export interface Outcome {
  readonly refused: number
  readonly failed: number
  /** The longest time that a refusal took, in milliseconds. */
  readonly slowest: number
}

export const layerPepper = Hmac.layer({ pepper: Redacted.make("the pepper of the spenders") })

/** A use that was granted at a time between. */
export interface Use {
  readonly begun: number
  readonly ended: number
}

export interface Spender {
  /** The uses that were granted so far. Times are in milliseconds of the machine's monotonic clock. */
  readonly granted: ReadonlyArray<Use>
  /** Of a process that ended by itself. */
  readonly ended: Promise<Outcome | undefined>
  readonly isReady: Promise<void>
  readonly go: () => void
  readonly kill: () => void
}

const children = new Set<ChildProcess>()
export const killAll = (): void => {
  for (const child of children) child.kill("SIGKILL")
}

/** Starts a process that waits for `go`. */
export const startSpender = (task: Task): Spender => {
  const script = new URL("./spender.ts", import.meta.url).pathname
  const { PATH, HOME } = process.env
  const child = spawn(process.execPath, [script, JSON.stringify(task)], {
    env: { PATH, HOME, ...compileCache },
    stdio: ["pipe", "pipe", "inherit"],
  })
  children.add(child)
  const granted: Array<Use> = []
  let outcome: Outcome | undefined
  let ready = (): void => undefined
  const isReady = new Promise<void>((resolve) => (ready = resolve))
  const lines = createInterface({ input: child.stdout })
  lines.on("line", (line) => {
    if (line === "ready") ready()
    else if (line.startsWith("{")) outcome = JSON.parse(line) as Outcome
    else {
      const [begun = Number.NaN, ended = Number.NaN] = line.split(" ").map(Number)
      granted.push({ begun, ended })
    }
  })
  const ended = new Promise<Outcome | undefined>((resolve) =>
    lines.once("close", () => {
      children.delete(child)
      ready()
      resolve(outcome)
    }),
  )
  return { granted, ended, isReady, go: () => child.stdin.end("go\n"), kill: () => child.kill("SIGKILL") }
}

/** A key in the database, with policies. */
export const makeKey = (url: string, policies: Parameters<ApiKeys.ApiKeys["Service"]["create"]>[0]["policies"]) =>
  Effect.flatMap(ApiKeys.ApiKeys, (keys) => keys.create({ name: "spender", policies })).pipe(
    Effect.provide(
      ApiKeys.layer.pipe(Layer.provide([layerPepper, SqlRepository.layer]), Layer.provide(PgClient.layer({ url: Redacted.make(url) }))),
    ),
    Effect.map(({ apiKey, token }) => ({ id: apiKey.id, token: Redacted.value(token) })),
  )
