/** A load of HTTP requests over connections that stay open, each waiting for its response. Cheap enough not to be the limit itself. */
import { once } from "node:events"
import { connect, type Socket } from "node:net"

export interface LoadOptions {
  readonly port: number
  readonly path: string
  readonly tokens: ReadonlyArray<string>
  readonly connections: number
}

export const makeLoad = async ({ port, path, tokens, connections }: LoadOptions) => {
  const requests = tokens.map((token) =>
    Buffer.from(`GET ${path} HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nAuthorization: Bearer ${token}\r\n\r\n`, "latin1"),
  )
  let next = 0
  const send = (socket: Socket) => socket.write(requests[next++ % requests.length]!)
  const sockets = await Promise.all(
    Array.from({ length: connections }, async () => {
      const socket = connect({ port, host: "127.0.0.1", noDelay: true })
      await once(socket, "connect")
      return socket
    }),
  )
  return {
    /** Sends `count` requests and waits for their responses, each of which must be a 200. */
    run: (count: number): Promise<void> =>
      new Promise((resolve, reject) => {
        let left = count
        let waiting = 0
        for (const socket of sockets) {
          socket.removeAllListeners("data")
          // Responses of an endpoint that answers with a few bytes come in one piece.
          socket.on("data", (data: Buffer) => {
            if (data.toString("latin1", 0, 12) !== "HTTP/1.1 200") return reject(new Error(data.toString("latin1")))
            waiting--
            if (left > 0) {
              left--
              waiting++
              send(socket)
            } else if (waiting === 0) resolve()
          })
        }
        for (const socket of sockets) {
          if (left === 0) break
          left--
          waiting++
          send(socket)
        }
      }),
    close: (): void => sockets.forEach((socket) => socket.destroy()),
  }
}
