/** The nodes connected through Redis, where there is one: at `REDIS_URL`, or on this machine. */
import { once } from "node:events"
import { connect, createServer, type Socket } from "node:net"
import * as NodeRedis from "@effect/platform-node/NodeRedis"
import { assert, describe, it } from "@effect/vitest"
import { Context, Duration, Effect, Fiber, Layer, Queue } from "effect"
import { TestClock } from "effect/testing"
import { ApiKeyInvalidation } from "../../src/ApiKeyInvalidation.ts"
import * as Invalidation from "../../src/redis/Invalidation.ts"
import { invalidationSuite, layerChannels } from "../invalidationSuite.ts"

const url = process.env["REDIS_URL"] ?? "redis://127.0.0.1:6379"

const isReachable = await Effect.runPromise(
  Effect.scoped(Layer.build(NodeRedis.layer({ url, socket: { connectTimeout: 1000 } }))).pipe(
    Effect.as(true),
    Effect.timeout("2 seconds"),
    Effect.orElseSucceed(() => false),
  ),
)

// Listeners have the name of the client they come from.
const name = `test-${crypto.randomUUID()}`
const prefix = () => `test:${crypto.randomUUID()}:`
const floodOf = (own: string) => (count: number) =>
  Effect.flatMap(NodeRedis.NodeRedis, ({ use }) =>
    use((client) => client.eval(`for i = 1, ${count} do redis.call('PUBLISH', '${own}changes', 'changed ' .. i) end`)),
  )

const cut = Effect.gen(function* () {
  const { use } = yield* NodeRedis.NodeRedis
  const clients = yield* use((client) => client.clientList({ TYPE: "PUBSUB" }))
  const listeners = clients.filter((client) => client.name === name && client.sub === 1)
  assert.isAtLeast(listeners.length, 1)
  yield* use((client) => client.clientKill(listeners.map(({ id }) => ({ filter: "ID", id }))))
})

const channels = (own: string) =>
  layerChannels(Invalidation.layerRedis({ prefix: own }), Invalidation.layerRedis({ prefix: prefix() }), floodOf(own), cut)

/** A way to Redis that can be blocked. */
const startProxy = Effect.gen(function* () {
  const { hostname, port } = new URL(url)
  const sockets = new Set<Socket>()
  let blocked: "open" | "closed" | "silent" = "open"
  const server = createServer((socket) => {
    sockets.add(socket.on("error", () => {}))
    if (blocked === "closed") return socket.destroy()
    if (blocked === "silent") return
    const redis = connect(Number(port || 6379), hostname).on("error", () => {})
    sockets.add(redis)
    socket.on("close", () => redis.destroy())
    redis.on("close", () => socket.destroy())
    socket.pipe(redis).pipe(socket)
  })
  yield* Effect.acquireRelease(
    Effect.promise(() => once(server.listen(0, "127.0.0.1"), "listening")),
    () =>
      Effect.sync(() => {
        for (const socket of sockets) socket.destroy()
        server.close()
      }),
  )
  const address = server.address()
  const own = new URL(url)
  own.hostname = "127.0.0.1"
  own.port = typeof address === "object" && address !== null ? `${address.port}` : ""
  return {
    url: own.href,
    /** Cuts what is connected, and treats likewise what wants to connect. */
    set: (to: typeof blocked) =>
      Effect.sync(() => {
        blocked = to
        for (const socket of sockets) socket.destroy()
        sockets.clear()
      }),
    /** Lets what is connected stay, and nothing through. */
    pause: Effect.sync(() => {
      blocked = "silent"
      for (const socket of sockets) socket.unpipe().pause()
    }),
  }
})

/** The client connects again in its own time. */
const backAgain = <A, E>(attempt: Effect.Effect<A, E>) => TestClock.withLive(Effect.retry(attempt, { times: 20 }))

describe.skipIf(!isReachable)("Redis", () => {
  if (isReachable) {
    invalidationSuite("Redis", channels(prefix()).pipe(Layer.provide(NodeRedis.layer({ url, name }))))
    invalidationSuite(
      "Redis with another protocol and buffers for replies",
      channels(prefix()).pipe(
        Layer.provide(
          NodeRedis.layer({ url, name, RESP: 2, socket: { socketTimeout: 60_000 }, commandOptions: { typeMapping: { 36: Buffer } } }),
        ),
      ),
    )
  }

  it.effect("leaves nothing behind when the last node has gone", () =>
    Effect.gen(function* () {
      const { use } = yield* NodeRedis.NodeRedis
      const own = prefix()
      yield* Effect.gen(function* () {
        const { register, unregister } = yield* ApiKeyInvalidation
        yield* register("a", Duration.hours(2))
        yield* register("b", Duration.hours(1))
        const life = yield* use((client) => client.pTTL(`${own}nodes`))
        assert.isTrue(life > 7_000_000 && life <= 7_200_000, `${life}`)
        yield* register("a", Duration.minutes(1))
        const rest = yield* use((client) => client.pTTL(`${own}nodes`))
        assert.isTrue(rest > 3_000_000 && rest <= 3_600_000, `${rest}`)
        yield* unregister("a")
        yield* unregister("b")
        assert.deepStrictEqual(yield* use((client) => client.keys(`${own}*`)), [])
      }).pipe(Effect.provide(Invalidation.layerRedis({ prefix: own })))
    }).pipe(Effect.provide(NodeRedis.layer({ url }))),
  )

  it.effect("forgets the nodes whose time is over, and when it began along with the last", () =>
    Effect.gen(function* () {
      const { use } = yield* NodeRedis.NodeRedis
      const own = prefix()
      yield* Effect.gen(function* () {
        const { register, registerAge = Effect.die("no age") } = yield* ApiKeyInvalidation
        const kept = Effect.map(
          use((client) => client.hKeys(`${own}nodes`)),
          (names) => names.filter((name) => name !== ""),
        )
        yield* register("a", Duration.millis(50))
        yield* register("b", Duration.millis(300))
        yield* TestClock.withLive(Effect.sleep("100 millis"))
        yield* register("b", Duration.millis(200))
        assert.deepStrictEqual(yield* kept, ["b"])
        assert.isAtLeast(Duration.toMillis(yield* registerAge), 100)
        yield* TestClock.withLive(Effect.sleep("300 millis"))
        assert.deepStrictEqual(yield* use((client) => client.keys(`${own}*`)), [])
        yield* register("c", Duration.seconds(1))
        assert.isBelow(Duration.toMillis(yield* registerAge), 100)
      }).pipe(Effect.provide(Invalidation.layerRedis({ prefix: own })))
    }).pipe(Effect.provide(NodeRedis.layer({ url }))),
  )

  it.effect("doesn't bring back a listener that was cut, nor end one because nobody says anything", () =>
    Effect.gen(function* () {
      const { use } = yield* NodeRedis.NodeRedis
      const { publish, subscribe } = yield* ApiKeyInvalidation
      const listeners = Effect.map(
        use((client) => client.clientList({ TYPE: "PUBSUB" })),
        (clients) => clients.filter((client) => client.name === `${name}-alone`),
      )
      const heard = yield* subscribe
      yield* TestClock.withLive(Effect.sleep("600 millis"))
      yield* backAgain(publish("changed a"))
      assert.strictEqual(yield* Queue.take(heard), "changed a")
      const [listener] = yield* listeners
      assert.isDefined(listener)
      yield* use((client) => client.clientKill({ filter: "ID", id: listener.id }))
      assert.strictEqual((yield* Effect.flip(Queue.take(heard))).operation, "listen")
      yield* TestClock.withLive(Effect.sleep("300 millis"))
      assert.deepStrictEqual(yield* listeners, [])
    }).pipe(
      Effect.scoped,
      Effect.provide(
        Layer.provideMerge(
          Invalidation.layerRedis({ prefix: prefix() }),
          // The client itself comes back by itself.
          NodeRedis.layer({ url, name: `${name}-alone`, socket: { socketTimeout: 200, reconnectStrategy: () => 20 } }),
        ),
      ),
    ),
  )

  it.effect("is away: who listens notices, who speaks isn't kept waiting, and nothing is sent late", () =>
    Effect.gen(function* () {
      const proxy = yield* startProxy
      const own = prefix()
      const transport = Layer.provide(Invalidation.layerRedis({ prefix: own }), NodeRedis.layer({ url }))
      const away = Layer.fresh(Layer.provide(Invalidation.layerRedis({ prefix: own }), NodeRedis.layer({ url: proxy.url })))
      const failsAfter = <A, E, R>(attempt: Effect.Effect<A, E, R>) =>
        Effect.gen(function* () {
          const fiber = yield* Effect.forkChild(Effect.flip(attempt), { startImmediately: true })
          yield* TestClock.adjust("2 seconds")
          return yield* Fiber.join(fiber)
        })
      const present = Context.get(yield* Layer.build(transport), ApiKeyInvalidation)
      const witness = yield* present.subscribe

      yield* Effect.scoped(
        Effect.gen(function* () {
          const { nodes, publish, register, subscribe, unregister } = yield* ApiKeyInvalidation
          for (const block of ["closed", "silent"] as const) {
            yield* Effect.scoped(
              Effect.gen(function* () {
                const heard = yield* subscribe
                yield* publish("changed a")
                assert.strictEqual(yield* Queue.take(heard), "changed a")
                yield* proxy.set(block)
                assert.strictEqual((yield* Effect.flip(Queue.take(heard))).operation, "listen")
              }),
            )
            for (const attempt of [
              publish("late"),
              register("late", Duration.hours(1)),
              unregister("a"),
              nodes,
              Effect.scoped(subscribe),
            ]) {
              assert.strictEqual((yield* failsAfter(attempt))._tag, "InvalidationError")
            }
            yield* proxy.set("open")
            yield* backAgain(publish("back"))
            yield* Effect.scoped(
              Effect.gen(function* () {
                const heard = yield* subscribe
                yield* publish("changed b")
                assert.strictEqual(yield* Queue.take(heard), "changed b")
              }),
            )
            assert.deepStrictEqual(yield* nodes, [])
          }
        }),
      ).pipe(Effect.provide(away))
      assert.deepStrictEqual(yield* Queue.takeN(witness, 6), ["changed a", "back", "changed b", "changed a", "back", "changed b"])
    }),
  )

  it.effect("falls silent with its connections up: commands are given up", () =>
    Effect.gen(function* () {
      const proxy = yield* startProxy
      yield* Effect.gen(function* () {
        const { nodes, publish } = yield* ApiKeyInvalidation
        assert.deepStrictEqual(yield* nodes, [])
        yield* proxy.pause
        const fiber = yield* Effect.forkChild(Effect.flip(nodes), { startImmediately: true })
        yield* TestClock.adjust("1999 millis")
        assert.isUndefined(fiber.pollUnsafe())
        yield* TestClock.adjust("1 millis")
        assert.strictEqual((yield* Fiber.join(fiber))._tag, "InvalidationError")
        // node-redis doesn't close while answers are due.
        yield* proxy.set("open")
        yield* backAgain(publish("back"))
      }).pipe(Effect.provide(Layer.provide(Invalidation.layerRedis({ prefix: prefix() }), NodeRedis.layer({ url: proxy.url }))))
    }),
  )
})
