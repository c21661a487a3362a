/** A load of HTTP requests over connections that stay open, each waiting for its response. Cheap enough not to be the limit itself. */
import { once } from "node:events"
import { connect, type Socket } from "node:net"

export interface Request {
  readonly path: string
  readonly token: string
  /** Posted as JSON. Without one it is a `GET`. */
  readonly body?: unknown
}

export interface LoadOptions {
  readonly port: number
  /** Sent in turn, and from the first one again. */
  readonly requests: ReadonlyArray<Request>
  readonly connections: number
}

const format = (port: number, { path, token, body }: Request): Buffer => {
  const head = `${path} HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nAuthorization: Bearer ${token}\r\n`
  if (body === undefined) return Buffer.from(`GET ${head}\r\n`, "latin1")
  const json = JSON.stringify(body)
  return Buffer.from(`POST ${head}Content-Type: application/json\r\nContent-Length: ${Buffer.byteLength(json)}\r\n\r\n${json}`)
}

export const makeLoad = ({ port, requests: described, connections }: LoadOptions) => {
  const requests = described.map((request) => format(port, request))
  let next = 0
  const open = async (): Promise<Socket> => {
    const socket = connect({ port, host: "127.0.0.1", noDelay: true })
    await once(socket, "connect")
    // What goes wrong ends in a close.
    return socket.on("error", () => {})
  }
  // Opened when they are first needed: a server has a time for the first request to arrive.
  const sockets = Array.from({ length: connections }, (): Socket | undefined => undefined)
  return {
    /** Sends `count` requests and waits for their responses, each of which must be a 200. */
    run: (count: number): Promise<void> =>
      new Promise((resolve, reject) => {
        let left = count
        let waiting = 0
        const begin = (place: number, socket: Socket | undefined): void => {
          // A server closes what has been idle between two runs, and may do so just as one begins.
          const beginAgain = (): void =>
            void open().then((fresh) => {
              sockets[place] = fresh
              begin(place, fresh)
            }, reject)
          if (socket === undefined || socket.destroyed) return beginAgain()
          let isWaiting = false
          const send = (): void => {
            isWaiting = true
            socket.write(requests[next++ % requests.length]!)
          }
          socket.removeAllListeners("data").removeAllListeners("close")
          // Responses of an endpoint that answers with a few bytes come in one piece.
          socket.on("data", (data: Buffer) => {
            if (data.toString("latin1", 0, 12) !== "HTTP/1.1 200") return reject(new Error(data.toString("latin1")))
            isWaiting = false
            if (left > 0) {
              left--
              send()
            } else if (--waiting === 0) resolve()
          })
          socket.on("close", () => {
            if (isWaiting) beginAgain()
          })
          send()
        }
        sockets.forEach((socket, place) => {
          if (left === 0) return
          left--
          waiting++
          begin(place, socket)
        })
      }),
    close: (): void => sockets.forEach((socket) => socket?.removeAllListeners("close").destroy()),
  }
}
