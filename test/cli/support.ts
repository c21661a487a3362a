import { type ChildProcess, execFile, spawn, spawnSync } from "node:child_process"
import { mkdtempSync, readdirSync, rmSync } from "node:fs"
import { createServer } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll } from "@effect/vitest"
import { isBuilt } from "../support/built.ts"
import { short } from "../support/node.ts"

const root = new URL("../..", import.meta.url).pathname

/**
 * What `npm run build` wrote, or else a bundle of each file of tests, as they run beside each other. It is inside the repository, so that
 * packages are found; git passes over folders of this name.
 */
const isBundled = isBuilt()
export const binFolder = join(root, isBundled ? "dist/bin" : `test/cli/dist/${process.pid}`)
const bin = join(binFolder, "effect-api-key.js")

if (!isBundled) afterAll(() => rmSync(binFolder, { recursive: true, force: true }))

/** Makes sure that there is a bundle. */
export const bundle = (): void => {
  if (isBundled) return
  const { status, stderr } = spawnSync(process.execPath, [join(root, "scripts/bundle-cli.ts"), binFolder], { encoding: "utf8" })
  if (status !== 0) throw new Error(stderr)
}

export interface Ran {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

export type Env = Readonly<Record<string, string>>

/** Nothing of this shell's configuration, no terminal, and no cache among the caller's. */
const cleanEnv = (env: Env): Record<string, string> => ({
  PATH: process.env["PATH"] ?? "",
  HOME: tmpdir(),
  XDG_CACHE_HOME: join(root, "node_modules/.cache"),
  ...env,
})

export const run = (args: ReadonlyArray<string>, env: Env = {}, input = "", execArgv: ReadonlyArray<string> = []): Promise<Ran> =>
  new Promise((resolve) => {
    const child = execFile(
      process.execPath,
      [...short, ...execArgv, bin, ...args],
      { cwd: tmpdir(), env: cleanEnv(env), maxBuffer: 2 ** 26 },
      (error, stdout, stderr) => resolve({ code: error === null ? 0 : Number(error.code ?? -1), stdout, stderr }),
    )
    // Who doesn't read its input may be gone by now.
    child.stdin?.on("error", () => undefined)
    child.stdin?.end(input)
  })

/** As by Ctrl+C, once it has printed the text. */
export const interrupt = (args: ReadonlyArray<string>, env: Env, seen: string): Promise<Ran> =>
  new Promise((resolve) => {
    let isInterrupted = false
    const child = execFile(
      process.execPath,
      [...short, bin, ...args, "--json"],
      { cwd: tmpdir(), env: cleanEnv(env), maxBuffer: 2 ** 26 },
      (_error, stdout, stderr) => resolve({ code: child.exitCode ?? -1, stdout, stderr }),
    )
    child.stdout?.on("data", (chunk: string) => {
      if (isInterrupted || !chunk.includes(seen)) return
      isInterrupted = true
      child.kill("SIGINT")
    })
  })

/** As by Ctrl+C, once there is a file whose name begins so. */
export const interruptOnFile = (args: ReadonlyArray<string>, env: Env, folder: string, name: string): Promise<Ran> =>
  new Promise((resolve) => {
    const child = execFile(process.execPath, [...short, bin, ...args], { cwd: tmpdir(), env: cleanEnv(env) }, (_error, stdout, stderr) => {
      clearInterval(timer)
      resolve({ code: child.exitCode ?? -1, stdout, stderr })
    })
    const timer = setInterval(() => {
      if (readdirSync(folder).some((file) => file.startsWith(name))) child.kill("SIGINT")
    }, 5)
  })

/** Through a shell, in which `effect-api-key` is the command. */
export const shell = (script: string, env: Env = {}): Promise<Ran> =>
  new Promise((resolve) =>
    execFile(
      "bash",
      ["-c", `effect-api-key() { "${process.execPath}" ${short.join(" ")} "${bin}" "$@"; }; ${script}`],
      { cwd: tmpdir(), env: cleanEnv({ BIN: process.execPath, SCRIPT: bin, ...env }) },
      (error, stdout, stderr) => resolve({ code: error === null ? 0 : Number(error.code ?? -1), stdout, stderr }),
    ),
  )

export const temporary = (): string => mkdtempSync(join(tmpdir(), "effect-api-key-cli-"))
export const remove = (folder: string): void => rmSync(folder, { recursive: true, force: true })

const freePort = (): Promise<number> =>
  new Promise((resolve) => {
    const server = createServer().listen(0, "127.0.0.1", () => {
      const address = server.address()
      const port = typeof address === "object" && address !== null ? address.port : 0
      server.close(() => resolve(port))
    })
  })

export interface Served {
  readonly url: string
  /** The administrator's, if there was no key before. */
  readonly token: string
  /** What it has written to standard error. */
  readonly logged: () => string
  readonly stop: () => Promise<number | null>
  readonly stdout: () => string
  readonly stderr: () => string
}

export const serve = async (env: Env, keys: "none" | "some" | "json"): Promise<Served> => {
  const port = await freePort()
  const child: ChildProcess = spawn(
    process.execPath,
    [...short, bin, "serve", "--port", String(port), ...(keys === "json" ? ["--json"] : [])],
    {
      cwd: tmpdir(),
      env: cleanEnv(env),
      stdio: ["ignore", "pipe", "pipe"],
    },
  )
  const ended = new Promise<number | null>((resolve) => child.on("exit", resolve))
  const output = { stdout: "", stderr: "" }
  const token = await new Promise<string>((resolve, reject) => {
    // Neither stream waits for the other.
    const read = (stream: keyof typeof output) => (chunk: Buffer) => {
      output[stream] += chunk.toString()
      const token = keys === "some" ? "" : (keys === "none" ? /^ {2}(ak-\S+)\n/m : /"token":"(.*?)".*\n/).exec(output.stdout)?.[1]
      if (token !== undefined && output.stderr.includes("Listening on ")) resolve(token)
    }
    child.stdout?.on("data", read("stdout"))
    child.stderr?.on("data", read("stderr"))
    child.on("exit", () => reject(new Error(output.stdout + output.stderr)))
  })
  return {
    url: `http://127.0.0.1:${port}`,
    token,
    logged: () => output.stderr,
    stop: () => {
      child.kill("SIGTERM")
      return ended
    },
    stdout: () => output.stdout,
    stderr: () => output.stderr,
  }
}

const python = spawnSync("python3", ["-c", "import fcntl, os, pty, termios; os.waitstatus_to_exitcode"]).status === 0
export const noTerminal = python ? undefined : "there is no python3 to open a pseudo-terminal with"

export interface OnTerminal {
  readonly transcript: string
  readonly text: string
  readonly code: number
  /** Steps that weren't come to. */
  readonly left: number
}

/** On a pseudo-terminal: waits for a text, types another one, and so on. A `script` of bash is run instead, with the command in `$0 $1`. */
export const onTerminal = (
  args: ReadonlyArray<string>,
  env: Env,
  steps: ReadonlyArray<readonly [seen: string, typed: string]> = [],
  columns = 100,
  script?: string,
): Promise<OnTerminal> =>
  new Promise((resolve, reject) => {
    const child = execFile(
      "python3",
      [join(root, "test/cli/terminal.py")],
      { cwd: tmpdir(), env: cleanEnv({ TERM: "xterm", ...env }) },
      (error, stdout, stderr) => {
        if (error !== null) return reject(new Error(stderr))
        const { transcript, code, left } = JSON.parse(stdout)
        return resolve({ transcript, code, left, text: transcript.replace(/\u001b\[[0-9;?]*[A-Za-z]/g, "") })
      },
    )
    const command = script === undefined ? [process.execPath, ...short, bin, ...args] : ["bash", "-c", script, process.execPath, bin]
    child.stdin?.end(JSON.stringify({ command, columns, steps }))
  })
