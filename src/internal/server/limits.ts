import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http"
import type { Socket } from "node:net"
import * as NodeHttpServerRequest from "@effect/platform-node/NodeHttpServerRequest"
import type * as Config from "effect/Config"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as HttpRouter from "effect/http/HttpRouter"
import * as HttpServerRequest from "effect/http/HttpServerRequest"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import * as ProblemDetails from "effect/http/ProblemDetails"
import type * as Layer from "effect/Layer"
import * as Metric from "effect/Metric"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import { ApiKeyHasher } from "../../ApiKeyHasher.ts"
import { defaultPermits, defaultQueue } from "../verifier/hashQueue.ts"
import { readHashing } from "../keys/configuration.ts"
import { toMillis } from "../time/millis.ts"

/**
 * How much of the server one caller, or all callers together, can take up. Beyond a limit a request gets HTTP's answer, if there is one, and its
 * connection is closed.
 * @category models
 * @since 0.1.0
 */
export interface Limits {
  /** The largest body that is read, in bytes; beyond it, 413. Default: 64 KiB. */
  readonly bodyBytes: number
  /** The size of the request line and the headers together, in bytes; beyond it, 431. Default: 16 KiB. */
  readonly headerBytes: number
  /** The length of path and query; beyond it, 414. Default: 8,192. */
  readonly urlLength: number
  /** The time for the headers to arrive, from the connection or the first byte on; beyond it, 408. Default: 10 seconds. */
  readonly headerTime: Duration.Input
  /** The time for the whole request to arrive, body included; beyond it, 408. Not shorter than `headerTime`. Default: 30 seconds. */
  readonly requestTime: Duration.Input
  /** The time from the end of the headers until the whole answer has been read. Beyond that time the connection is closed. Default: 60 seconds. */
  readonly responseTime: Duration.Input
  /** How long a connection may idle between requests. Default: 5 seconds. */
  readonly keepAliveTime: Duration.Input
  /** Connections at a time; a further one is closed at once, and counted in `api_key_server_connections_refused`. Default: 1,000. */
  readonly connections: number
  /**
   * Requests in progress at a time; a further one gets 503. The limit has to be more than the requests that may wait for hashing. Default:
   * 1,000, or twice as many as may wait for hashing, whichever is more.
   */
  readonly requests: number
  /** Requests in progress of one connection, sent without waiting for answers; a further one gets 503. Default: 16. */
  readonly requestsPerConnection: number
}

/** @category models @since 0.1.0 */
export const defaultLimits: Limits = {
  bodyBytes: 65_536,
  headerBytes: 16_384,
  urlLength: 8_192,
  headerTime: "10 seconds",
  requestTime: "30 seconds",
  responseTime: "60 seconds",
  keepAliveTime: "5 seconds",
  connections: 1_000,
  requests: 1_000,
  requestsPerConnection: 16,
}

/** The limit `requests` leaves no place beside the requests that may wait for hashing. @category errors @since 0.1.0 */
export class TooFewRequests extends Schema.TaggedError<TooFewRequests>()("TooFewRequests", {
  requests: Schema.Number,
  hashing: Schema.Number,
}) {
  override get message(): string {
    return `limits.requests (${this.requests}) must be more than 2 × API_KEY_HASHING_QUEUE + API_KEY_HASHING_PERMITS (${this.hashing})`
  }
}

/** A limit isn't one: a time that is no duration, say. @category errors @since 0.1.0 */
export class InvalidLimit extends Schema.TaggedError<InvalidLimit>()("InvalidLimit", { limit: Schema.String, reason: Schema.String }) {
  override get message(): string {
    return `limits.${this.limit} ${this.reason}`
  }
}

/** Fails at the start for limits that would fail, or bound nothing, at a request. */
export const checkLimits = (limits: Limits): Effect.Effect<void, InvalidLimit> => {
  const times = ["headerTime", "requestTime", "responseTime", "keepAliveTime"] as const
  const sizes = ["bodyBytes", "headerBytes", "urlLength"] as const
  const counts = ["connections", "requests", "requestsPerConnection"] as const
  const fail = (limit: keyof Limits, reason: string) => Effect.fail(new InvalidLimit({ limit, reason }))
  const time = times.find((name) => Option.isNone(Duration.fromInput(limits[name])))
  if (time !== undefined) return fail(time, "must be a duration, such as 30 seconds")
  const size = sizes.find((name) => !(Number.isSafeInteger(limits[name]) && limits[name] > 0))
  if (size !== undefined) return fail(size, "must be a whole number and more than 0")
  const count = counts.find((name) => !(limits[name] >= 1))
  return count === undefined ? Effect.void : fail(count, "must be at least 1")
}

/** The limit of requests in progress. Requests that wait for hashing leave places for the others. */
export const decideRequests: (requests: number | undefined) => Effect.Effect<number, TooFewRequests | Config.ConfigError, ApiKeyHasher> =
  Effect.fnUntraced(function* (requests) {
    const { threads = 1 } = yield* ApiKeyHasher
    const configured = yield* readHashing
    const { permits = defaultPermits(threads) } = configured
    const { queue = defaultQueue(permits) } = configured
    // Known and unknown key ids wait in two queues.
    const hashing = 2 * queue + permits
    if (requests === undefined) return Math.max(defaultLimits.requests, 2 * hashing)
    return requests > hashing ? requests : yield* new TooFewRequests({ requests, hashing })
  })

const connectionsRefused = Metric.counter("api_key_server_connections_refused", {
  description: "Connections closed at once, because there were as many as there may be",
  incremental: true,
})

/** Node's server with the limits of connections. */
export const makeServer = (limits: Limits): Effect.Effect<() => Server> =>
  Effect.contextWith((context) =>
    Effect.succeed(() => {
      const headersTimeout = toTimeout(limits.headerTime)
      const requestTimeout = Math.max(headersTimeout, toTimeout(limits.requestTime))
      const keepAliveTimeout = toTimeout(limits.keepAliveTime)
      const responseTimeout = toTimeout(limits.responseTime)
      const server = createServer({
        maxHeaderSize: limits.headerBytes,
        headersTimeout,
        requestTimeout,
        keepAliveTimeout,
        // Node's default is to check for slow connections every 30 seconds.
        connectionsCheckingInterval: Math.min(1_000, Math.ceil(headersTimeout / 4)),
      })
      server.maxConnections = limits.connections
      // The bytes of headers are bounded. With a bound on their number Node would drop some, and a repeated one could go unseen.
      server.maxHeadersCount = 0
      server.on("drop", () => connectionsRefused.updateUnsafe(1, context))
      // Blank lines between requests restart Node's time for idling. The sum of all times and of Node's own seconds bounds such lines.
      const nextRequestTimeout = toTimeout(responseTimeout + requestTimeout + keepAliveTimeout + headersTimeout + 3_000)
      const nextDue = new WeakMap<Socket, NodeJS.Timeout>()
      server.on("connection", (socket) => {
        const timer = setTimeout(() => socket.destroy(), nextRequestTimeout)
        nextDue.set(socket, timer)
        socket.once("close", () => clearTimeout(timer))
      })
      // Node has no limit for callers that don't read: `server.timeout` starts over with each byte.
      const closeLate = ({ socket }: IncomingMessage, response: ServerResponse) => {
        nextDue.get(socket)?.refresh()
        const timer = setTimeout(() => socket.destroy(), responseTimeout)
        response.once("close", () => clearTimeout(timer))
      }
      server.on("request", closeLate)
      server.on("checkContinue", closeLate)
      // A request for an upgrade would leave Node's own limits, and no route upgrades.
      server.on("upgrade", (_request, socket: Socket) => {
        const timer = setTimeout(() => socket.destroy(), headersTimeout)
        socket.once("close", () => clearTimeout(timer))
      })
      return server
    }),
  )

/** Milliseconds for Node: not 0, which means no limit, and no more than its timers hold. The limits were checked. */
const toTimeout = (time: Duration.Input): number => Math.min(2 ** 31 - 1, Math.max(1, Math.ceil(toMillis(time))))

/** The limits of requests, in front of all routes. */
export const layerRequestLimits = (limits: Limits): Layer.Layer<never, never, HttpRouter.HttpRouter> =>
  HttpRouter.use((router) => {
    let open = 0
    // Node hands out all requests that a connection has sent, before the first ones are answered.
    const openOf = new WeakMap<Socket, { open: number }>()
    return router.addGlobalMiddleware((effect) =>
      Effect.flatMap(HttpServerRequest.HttpServerRequest, (request) => {
        const { socket, url = "" } = NodeHttpServerRequest.toIncomingMessage(request)
        if (url.length > limits.urlLength) return Effect.succeed(uriTooLong)
        // Probes are let through: a busy process must not look dead.
        if (url === "/healthz") return effect
        let ofSocket = openOf.get(socket)
        if (ofSocket === undefined) {
          ofSocket = { open: 0 }
          openOf.set(socket, ofSocket)
        }
        if (open >= limits.requests || ofSocket.open >= limits.requestsPerConnection) return Effect.succeed(tooManyRequests)
        open++
        ofSocket.open++
        return Effect.onExitPrimitive(effect, () => {
          open--
          ofSocket.open--
          return undefined
        })
      }),
    )
  })

const uriTooLong = ProblemDetails.toResponse({ type: "urn:effect-api-key:problem:uri-too-long", title: "URI too long", status: 414 })

const tooManyRequests = HttpServerResponse.setHeader(
  ProblemDetails.toResponse({
    type: "urn:effect-api-key:problem:overloaded",
    title: "Overloaded",
    status: 503,
    detail: "Too many requests at a time",
    retryAfterSeconds: 1,
  }),
  "retry-after",
  "1",
)
