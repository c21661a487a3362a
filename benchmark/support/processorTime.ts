/**
 * The processor time (user and system) that servers in other processes take for a request. Other load on the machine lengthens it far less than
 * the time that passes.
 *
 * A server tells its own by `process.cpuUsage()`, in microseconds and on any system; `/proc` counts in hundredths of a second.
 */
import { type ChildProcess, type ChildProcessByStdio, spawn } from "node:child_process"
import { once } from "node:events"
import type { Readable, Writable } from "node:stream"
import { median, type Rates } from "../measure.ts"
import { pinned } from "./cores.ts"

const question = "processorTime"

/** Runs in the server ahead of its program, and doesn't keep it from ending. */
const preload = `process.on("message", (message) => {
  if (message === ${JSON.stringify(question)}) process.send({ ${question}: process.cpuUsage() })
})
process.channel.unref()`

export interface ServerOptions {
  /** The core that it is pinned to, where the system can. */
  readonly core?: number | undefined
  readonly env?: NodeJS.ProcessEnv | undefined
}

/** Starts a program of Node (its file, and arguments) that tells its processor time. Its input and output are pipes. */
export const spawnServer = (
  program: ReadonlyArray<string>,
  { core, env = process.env }: ServerOptions = {},
): ChildProcessByStdio<Writable, Readable, null> => {
  const node = [process.execPath, "--import", `data:text/javascript,${encodeURIComponent(preload)}`]
  const [file, args] = pinned(core, [...node, ...program])
  const server: ChildProcess = spawn(file, args, { stdio: ["pipe", "pipe", "inherit", "ipc"], env })
  // Node's types know the pipes of three streams, and not those of four.
  return server as ChildProcessByStdio<Writable, Readable, null>
}

/** What a server has taken since its start, in seconds. */
const processorTimeOf = async (server: ChildProcess): Promise<number> => {
  server.send(question)
  // The server sends nothing else.
  const [answer] = (await once(server, "message")) as [{ readonly [question]: NodeJS.CpuUsage }]
  const { user, system } = answer[question]
  return (user + system) / 1e6
}

export interface Served {
  /** Started by {@link spawnServer}; contenders may share it. */
  readonly server: ChildProcess
  /** Sends `count` requests and waits for their responses. */
  readonly run: (count: number) => Promise<void>
}

export interface Options {
  readonly rounds?: number | undefined
  /** How many a contender sends in a round. Default: 20,000. */
  readonly requests?: number | undefined
}

/** Requests a second: of the server's processor time, and as time passes. */
export interface ServedRates<Name extends string> {
  readonly ofProcessorTime: Rates<Name>
  readonly ofTime: Rates<Name>
}

/** In turns, as `measure` does. */
export const measureServed = async <Name extends string>(
  contenders: Readonly<Record<Name, Served>>,
  { rounds = 9, requests = 20_000 }: Options = {},
): Promise<ServedRates<Name>> => {
  // The keys are those that the type names.
  const names = Object.keys(contenders) as Array<Name>
  const none = () => Object.fromEntries(names.map((name): [Name, Array<number>] => [name, []])) as Record<Name, Array<number>>
  const rates = { ofProcessorTime: none(), ofTime: none() }
  // The first round warms up.
  for (let round = -1; round < rounds; round++) {
    const turn = Math.abs(round) % names.length
    for (const name of [...names.slice(turn), ...names.slice(0, turn)]) {
      const { server, run } = contenders[name]
      const [taken, start] = [await processorTimeOf(server), performance.now()]
      await run(requests)
      const elapsed = performance.now() - start
      const took = (await processorTimeOf(server)) - taken
      if (round < 0) continue
      rates.ofProcessorTime[name].push(requests / took)
      rates.ofTime[name].push((requests / elapsed) * 1_000)
    }
  }
  return rates
}

/** The median of a contender's processor time for a request, in microseconds. */
export const formatMicros = (rates: ReadonlyArray<number>): string => `${(1e6 / median(rates)).toFixed(1)} µs`
