// A protected endpoint with a warm key, with 32 connections: against the same endpoint open to all, behind a middleware that does nothing, and
// behind one with a scheme, which reads the credential and checks nothing. Its api says where it takes keys; one that doesn't has Effect try the
// schemes. Server and load have a core each.
import { once } from "node:events"
import { createInterface } from "node:readline"
import { fileURLToPath } from "node:url"
import { emit } from "../figure.ts"
import { share } from "../measure.ts"
import { makeLoad } from "../support/load.ts"
import { formatMicros, measureServed, spawnServer } from "../support/processorTime.ts"

const connections = 32

const server = spawnServer([fileURLToPath(new URL("../support/server.ts", import.meta.url))], { core: 0 })
const [line] = await once(createInterface({ input: server.stdout }), "line")
// The server's one line is what it prints there.
const { port, tokens } = JSON.parse(String(line)) as { readonly port: number; readonly tokens: ReadonlyArray<string> }

const load = (path: string) => makeLoad({ port, requests: tokens.map((token) => ({ path, token })), connections })
const loads = {
  protected: load("/protected"),
  byScheme: load("/by-scheme"),
  scheme: load("/scheme"),
  nothing: load("/nothing"),
  open: load("/open"),
}
const { ofProcessorTime, ofTime } = await measureServed({
  protected: { server, run: loads.protected.run },
  byScheme: { server, run: loads.byScheme.run },
  scheme: { server, run: loads.scheme.run },
  nothing: { server, run: loads.nothing.run },
  open: { server, run: loads.open.run },
})
const note = `${connections} connections, server and load on a core each`
const micros = (name: keyof typeof ofProcessorTime) => `${name} ${formatMicros(ofProcessorTime[name])}`
emit({
  benchmark: "http",
  name: "processor time: protected endpoint, of an open one",
  unit: "share",
  target: { atLeast: 0.82 },
  ...share(ofProcessorTime, "protected", "open"),
  note: `requests a second of the server's processor time: ${micros("protected")}, ${micros("open")}; ${note}`,
})
emit({
  benchmark: "http",
  name: "processor time: protected endpoint of an api without `acceptCredentials`, of an open one",
  unit: "share",
  ...share(ofProcessorTime, "byScheme", "open"),
  note: `for comparison: ${micros("byScheme")}`,
})
emit({
  benchmark: "http",
  name: "processor time: endpoint behind a middleware that does nothing, of an open one",
  unit: "share",
  ...share(ofProcessorTime, "nothing", "open"),
  note: `for comparison: ${micros("nothing")}`,
})
emit({
  benchmark: "http",
  name: "processor time: endpoint behind a security scheme without a check, of an open one",
  unit: "share",
  ...share(ofProcessorTime, "scheme", "open"),
  note: `for comparison: ${micros("scheme")}`,
})
emit({
  benchmark: "http",
  name: "rate: protected endpoint, of an open one",
  unit: "share",
  ...share(ofTime, "protected", "open"),
  note,
})
for (const { close } of Object.values(loads)) close()
// The server ends with its input.
server.stdin.end()
