// A protected endpoint with a warm key, with 32 connections: against the same endpoint open to all, and behind a middleware that reads the
// credential and checks nothing. Server and load have a core each.
import { spawn } from "node:child_process"
import { once } from "node:events"
import { createInterface } from "node:readline"
import { fileURLToPath } from "node:url"
import { emit } from "../figure.ts"
import { measure, share } from "../measure.ts"
import { pinned } from "../support/cores.ts"
import { makeLoad } from "../support/load.ts"

const connections = 32

const [file, args] = pinned(0, [process.execPath, fileURLToPath(new URL("../support/server.ts", import.meta.url))])
const server = spawn(file, args, { stdio: ["pipe", "pipe", "inherit"] })
const [line] = await once(createInterface({ input: server.stdout }), "line")
// The server's one line is what it prints there.
const { port, tokens } = JSON.parse(String(line)) as { readonly port: number; readonly tokens: ReadonlyArray<string> }

const load = (path: string) => makeLoad({ port, path, tokens, connections })
const loads = { open: await load("/open"), bearer: await load("/bearer"), protected: await load("/protected") }
const rates = await measure(
  { protected: { run: loads.protected.run }, bearer: { run: loads.bearer.run }, open: { run: loads.open.run } },
  { milliseconds: 700 },
)
const note = `${connections} connections, server and load on a core each`
emit({
  benchmark: "http",
  name: "protected endpoint, of an open one",
  unit: "share",
  target: { atLeast: 0.8 },
  ...share(rates, "protected", "open"),
  note,
})
emit({
  benchmark: "http",
  name: "endpoint behind a middleware without a check, of an open one",
  unit: "share",
  ...share(rates, "bearer", "open"),
  note: `for comparison; ${note}`,
})
for (const { close } of Object.values(loads)) close()
// The server ends with its input.
server.stdin.end()
