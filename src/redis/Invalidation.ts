/**
 * Connects the nodes through Redis, for programs that have Redis, or keep their keys outside PostgreSQL. Redis tells only the changes that
 * a node's service makes. A change by hand isn't heard.
 *
 * Redis may lose its register of the nodes, or be split so that each part has a register. So confirmations ask the register of the store,
 * if it has one (`nodeRegister`), as the store on PostgreSQL has. The register in Redis is for other stores.
 *
 * Needs the packages `@effect/platform-node` and `redis` (node-redis, 5 or later), and Redis 6 or later. The program's Redis user needs the
 * channel `<prefix>changes` and the key `<prefix>nodes`. It also needs the commands `PUBLISH`, `SUBSCRIBE`, `EVAL`, `TIME`, `PEXPIREAT`,
 * `DEL`, and those on hashes.
 * @since 0.1.0
 */
import { NodeRedis } from "@effect/platform-node/NodeRedis"
import * as Cause from "effect/Cause"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Queue from "effect/Queue"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import { ApiKeyInvalidation, InvalidationError } from "../ApiKeyInvalidation.ts"
import * as MessageQueue from "../internal/nodes/queue.ts"

/** @category models @since 0.1.0 */
export interface RedisOptions {
  /**
   * The start of the names of the channel and of the key. Services with the same keys share the prefix. Other services on the same Redis
   * need another prefix, even in another database, as channels belong to no database. Default: `effect-api-key:`.
   */
  readonly prefix?: string | undefined
}

/**
 * The channel through Redis.
 *
 * Each subscription has a connection of its own, made with the client's options. If this connection is lost, the subscription fails. Unlike
 * the client, it doesn't reconnect by itself, as messages would have been missed meanwhile. A message that can't be sent within two seconds
 * fails, and isn't sent later.
 * @category layers
 * @since 0.1.0
 * @example
 * ```ts
 * import * as NodeRedis from "@effect/platform-node/NodeRedis"
 * import { Config, Layer } from "effect"
 * import * as Invalidation from "effect-api-key/redis/Invalidation"
 *
 * // Programs that share a Redis, but not their keys, have a prefix each.
 * const nodes = Invalidation.layerRedis({ prefix: "shop:" }).pipe(
 *   Layer.provide(NodeRedis.layerConfig({ url: Config.String("REDIS_URL") })),
 * )
 * ```
 */
export const layerRedis = (options: RedisOptions = {}): Layer.Layer<ApiKeyInvalidation, never, NodeRedis> =>
  Layer.effect(
    ApiKeyInvalidation,
    Effect.map(NodeRedis, ({ client }) => make(client, options.prefix ?? "effect-api-key:")),
  )

type Client = NodeRedis["Service"]["client"]

/** The time in which Redis has to answer. */
const patience = Duration.seconds(2)

const make = (client: Client, prefix: string): ApiKeyInvalidation["Service"] => {
  const channel = `${prefix}changes`
  const nodes = `${prefix}nodes`

  /** A command waits while the client reconnects. The signal withdraws a command that wasn't sent. */
  const send = <A>(operation: string, command: (client: Client) => Promise<A>): Effect.Effect<A, InvalidationError> =>
    bounded(
      operation,
      attempt(operation, (signal) => command(client.withCommandOptions({ abortSignal: signal, typeMapping: {} }))),
    )

  return {
    announcesWrites: false,
    publish: (message) => Effect.asVoid(send("publish", (client) => client.publish(channel, message))),
    subscribe: subscribe(client, channel),
    register: (node, lease) =>
      Effect.asVoid(
        send("register", (client) =>
          client.eval(registerScript, { keys: [nodes], arguments: [node, String(Math.round(Duration.toMillis(lease)))] }),
        ),
      ),
    unregister: (node) =>
      Effect.asVoid(send("unregister", (client) => client.eval(unregisterScript, { keys: [nodes], arguments: [node] }))),
    nodes: send("nodes", (client) => client.eval(nodesScript, { keys: [nodes] })).pipe(Effect.flatMap(understood("nodes", decodeNodes))),
    // Redis may be emptied, or replaced by a server without the register. The register is younger then.
    registerAge: send("registerAge", (client) => client.eval(ageScript, { keys: [nodes] })).pipe(
      Effect.flatMap(understood("registerAge", decodeAge)),
      Effect.map(Duration.millis),
    ),
  }
}

const understood =
  <A>(operation: string, decode: (reply: unknown) => Effect.Effect<A, unknown>) =>
  (reply: unknown): Effect.Effect<A, InvalidationError> =>
    Effect.mapError(decode(reply), (cause) => new InvalidationError({ operation, cause }))

const subscribe = (
  client: Client,
  channel: string,
): Effect.Effect<Queue.Dequeue<string, InvalidationError>, InvalidationError, Scope.Scope> =>
  Effect.gen(function* () {
    const heard = yield* MessageQueue.make
    const listener = yield* Effect.acquireRelease(
      Effect.sync(() =>
        client
          // Silence doesn't mean a lost connection, so the connection has no timeout. Redis must not move it elsewhere unnoticed.
          .duplicate({ socket: { ...client.options.socket, reconnectStrategy: false, socketTimeout: 0 }, maintNotifications: "disabled" })
          .on("error", (cause) => Queue.failCauseUnsafe(heard, Cause.fail(new InvalidationError({ operation: "listen", cause })))),
      ),
      (listener) =>
        Effect.sync(() => {
          if (listener.isOpen) listener.destroy()
        }),
    )
    yield* bounded(
      "subscribe",
      attempt("subscribe", (signal) =>
        listener.connect().then(() =>
          // A connection that opens after the timeout may have missed its release, and would stay open.
          signal.aborted ? listener.destroy() : listener.subscribe(channel, (message) => MessageQueue.offerUnsafe(heard, message)),
        ),
      ),
    )
    return heard
  })

const attempt = <A>(operation: string, run: (signal: AbortSignal) => Promise<A>): Effect.Effect<A, InvalidationError> =>
  Effect.tryPromise({ try: run, catch: (cause) => new InvalidationError({ operation, cause }) })

const bounded = <A>(operation: string, effect: Effect.Effect<A, InvalidationError>): Effect.Effect<A, InvalidationError> =>
  Effect.timeoutOrElse(effect, {
    duration: patience,
    orElse: () => Effect.fail(new InvalidationError({ operation, cause: new Error("Redis doesn't answer") })),
  })

// A Redis hash of the nodes. Each field is a node, and its value the time until which the node lives, in milliseconds of Redis's clock.
// No node's name is empty. The field with the empty name has the time at which the register began, and is lost along with it. The key is
// deleted with the last node.
const now = `local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)`
const whole = (number: string) => `string.format('%.0f', ${number})`

const registerScript = `${now}
local last = now + ARGV[2]
local known = redis.call('HGETALL', KEYS[1])
if #known == 0 then redis.call('HSET', KEYS[1], '', ${whole("now")}) end
for i = 1, #known, 2 do
  local till = tonumber(known[i + 1])
  if known[i] ~= '' and known[i] ~= ARGV[1] then
    if till <= now then redis.call('HDEL', KEYS[1], known[i]) else last = math.max(last, till) end
  end
end
redis.call('HSET', KEYS[1], ARGV[1], ${whole("now + ARGV[2]")})
redis.call('PEXPIREAT', KEYS[1], ${whole("last")})
return redis.status_reply('OK')`

const unregisterScript = `redis.call('HDEL', KEYS[1], ARGV[1])
if redis.call('HLEN', KEYS[1]) == 1 then redis.call('DEL', KEYS[1]) end
return redis.status_reply('OK')`

const nodesScript = `${now}
local known = redis.call('HGETALL', KEYS[1])
local live = {}
for i = 1, #known, 2 do
  if known[i] ~= '' and tonumber(known[i + 1]) > now then live[#live + 1] = known[i] end
end
return live`

const ageScript = `${now}
return now - (tonumber(redis.call('HGET', KEYS[1], '') or now))`

const decodeNodes = Schema.decodeUnknownEffect(Schema.Array(Schema.String))
const decodeAge = Schema.decodeUnknownEffect(Schema.Int)
