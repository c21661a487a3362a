/** A way to PostgreSQL on which answers get lost. */
import { once } from "node:events"
import { connect, createServer, type Socket } from "node:net"
import { Effect, Redacted } from "effect"

export interface Proxy {
  readonly url: Redacted.Redacted
  /** From now on whatever holds this whole statement reaches the server, and its answer is lost with the connection. */
  loseAnswersTo: string | undefined
  /** Cuts all connections. What was sent has reached the server. */
  readonly cut: Effect.Effect<void>
}

/** Stands before the server; it goes when the scope closes. */
export const startProxy = (to: Redacted.Redacted) =>
  Effect.gen(function* () {
    const target = new URL(Redacted.value(to))
    const sockets = new Set<Socket>()
    const cut = () => {
      for (const socket of sockets) socket.destroy()
      sockets.clear()
    }
    const server = createServer((client) => {
      const database = connect(Number(target.port), target.hostname)
      let isLosing = false
      for (const socket of [client, database]) {
        sockets.add(socket)
        socket.on("error", () => {})
      }
      client.on("data", (data) => {
        isLosing ||= proxy.loseAnswersTo !== undefined && data.includes(`${proxy.loseAnswersTo}\0`)
        database.write(data)
      })
      // It is cut when there is an answer, so the statement has ended.
      database.on("data", (data) => (isLosing ? void [client, database].forEach((socket) => socket.destroy()) : void client.write(data)))
      client.on("close", () => database.destroy())
      database.on("close", () => client.destroy())
    })
    yield* Effect.acquireRelease(
      Effect.promise(() => once(server.listen(0, "127.0.0.1"), "listening")),
      () =>
        Effect.sync(() => {
          cut()
          server.close()
        }),
    )
    const address = server.address()
    const url = new URL(target)
    url.port = String(typeof address === "object" && address !== null ? address.port : 0)
    const proxy: Proxy = { url: Redacted.make(url.href), loseAnswersTo: undefined, cut: Effect.sync(cut) }
    return proxy
  })
