/** What a stranger can take up of the server, byte by byte over sockets. */
import { execFileSync } from "node:child_process"
import { connect, type Socket } from "node:net"
import { availableParallelism } from "node:os"
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import { assert, describe, it } from "@effect/vitest"
import { ByteSize, ConfigProvider, Deferred, Effect, Exit, Layer, Logger, Metric, Redacted } from "effect"
import { HttpIncomingMessage, HttpRouter, HttpServer, HttpServerRequest, HttpServerResponse } from "effect/http"
import { ApiKeyHasher } from "../../src/ApiKeyHasher.ts"
import { layerProblems } from "../../src/http/implementation.ts"
import { decideRequests, defaultLimits, layerRequestLimits, type Limits, makeServer } from "../../src/internal/server/limits.ts"

/** Far more than any socket takes in by itself. */
const big = new Uint8Array(64 * 1024 * 1024)

/** Runs `test` against a server with those limits. No limit but the ones given comes to bear within a test. */
const withServer = (limits: Partial<Limits>, test: (server: Served) => Promise<void>): Effect.Effect<void> =>
  Effect.gen(function* () {
    const all: Limits = {
      ...defaultLimits,
      headerTime: "10 minutes",
      requestTime: "10 minutes",
      responseTime: "10 minutes",
      keepAliveTime: "10 minutes",
      ...limits,
    }
    const release = yield* Deferred.make<void>()
    let begun = 0
    let interrupted = 0
    const wait = Effect.suspend(() => {
      begun++
      return Effect.onExit(Deferred.await(release), (exit) => Effect.sync(() => (interrupted += Exit.isFailure(exit) ? 1 : 0)))
    })
    const routes = Layer.mergeAll(
      HttpRouter.add("GET", "/healthz", HttpServerResponse.text("ok\n")),
      HttpRouter.add("GET", "/fast", HttpServerResponse.text("fast")),
      HttpRouter.add("GET", "/wait", Effect.as(wait, HttpServerResponse.text("waited"))),
      HttpRouter.add("GET", "/big", HttpServerResponse.uint8Array(big)),
      HttpRouter.add(
        "POST",
        "/echo",
        Effect.flatMap(HttpServerRequest.HttpServerRequest, ({ text }) =>
          Effect.map(Effect.orDie(text), (text) => HttpServerResponse.text(text)),
        ),
      ),
      layerProblems,
      layerRequestLimits(all),
    )
    const server = HttpRouter.serve(routes, { disableLogger: true, disableListenLog: true }).pipe(
      Layer.provide(Layer.succeed(HttpIncomingMessage.MaxBodySize, ByteSize.bytes(all.bodyBytes))),
      Layer.provideMerge(
        NodeHttpServer.layer(yield* makeServer(all), { port: 0, host: "127.0.0.1", gracefulShutdownTimeout: "100 millis" }),
      ),
      Layer.provide(Logger.layer([])),
    )
    yield* Effect.gen(function* () {
      const { address } = yield* HttpServer.HttpServer
      if (!("port" in address)) return yield* Effect.die("no port")
      const { port } = address
      const url = `http://127.0.0.1:${port}`
      const sockets: Array<Socket> = []
      yield* Effect.promise(() =>
        test({
          url,
          open: (text = "") => new Stranger(port, text, sockets),
          release: () => void Deferred.doneUnsafe(release, Exit.void),
          begun: () => begun,
          interrupted: () => interrupted,
        }),
      ).pipe(Effect.ensuring(Effect.sync(() => sockets.forEach((socket) => socket.destroy()))))
    }).pipe(Effect.provide(server), Effect.orDie)
  }).pipe(Effect.scoped)

interface Served {
  readonly url: string
  /** Connects, and sends that text. */
  readonly open: (text?: string) => Stranger
  /** Lets `/wait` answer. */
  readonly release: () => void
  /** How many requests for `/wait` there were. */
  readonly begun: () => number
  /** How many of them were given up. */
  readonly interrupted: () => number
}

/** A connection that does just what it is told. */
class Stranger {
  answer = ""
  readonly socket: Socket
  readonly closed: Promise<string>
  constructor(port: number, text: string, sockets: Array<Socket>) {
    // Otherwise it would close as soon as the server does.
    this.socket = connect({ port, host: "127.0.0.1", allowHalfOpen: true })
    sockets.push(this.socket)
    if (text !== "") this.socket.write(text.replaceAll("\n", "\r\n"))
    this.socket.on("data", (data) => (this.answer += data.toString("latin1")))
    this.closed = new Promise((resolve) => {
      this.socket.on("error", () => resolve(this.answer))
      this.socket.on("end", () => resolve(this.answer))
      this.socket.on("close", () => resolve(this.answer))
    })
  }
  /** Sends a byte now and then, for as long as somebody listens. */
  drip(byte: string): this {
    const timer = setInterval(() => this.socket.write(byte), 20)
    this.socket.on("error", () => clearInterval(timer))
    this.socket.on("end", () => clearInterval(timer))
    this.socket.on("close", () => clearInterval(timer))
    return this
  }
  async until(pattern: RegExp): Promise<string> {
    while (!pattern.test(this.answer)) await pause()
    return this.answer
  }
}

const pause = () => new Promise((resolve) => setTimeout(resolve, 10))
const get = (path: string, ...headers: ReadonlyArray<string>) => [`GET ${path} HTTP/1.1`, "Host: x", ...headers, "", ""].join("\n")
const isFine = async (url: string) => assert.strictEqual((await fetch(`${url}/fast`)).status, 200)

describe("the server's limits", () => {
  it.live("give up on headers that drip, on none at all, and serve others meanwhile", () =>
    withServer({ headerTime: "300 millis" }, async ({ open, url }) => {
      const slow = Array.from({ length: 20 }, () => open("GET /fast HTTP/1.1\nHost: x\nX-Slow: ").drip("a"))
      const silent = Array.from({ length: 20 }, () => open())
      await isFine(url)
      for (const { closed } of slow) assert.match(await closed, /^HTTP\/1\.1 408 /)
      for (const { closed } of silent) assert.match(await closed, /^HTTP\/1\.1 408 /)
      await isFine(url)
    }),
  )

  it.live("give up on a body that drips", () =>
    withServer({ headerTime: "300 millis", requestTime: "600 millis" }, async ({ open, url }) => {
      const slow = Array.from({ length: 20 }, () => open("POST /echo HTTP/1.1\nHost: x\nContent-Length: 10000\n\n").drip("a"))
      await isFine(url)
      for (const { closed } of slow) assert.match(await closed, /^HTTP\/1\.1 408 /)
      // What nobody reads must not take longer either: it gets its answer at once, and the connection ends with the rest of the body.
      const unread = open("GET /fast HTTP/1.1\nHost: x\nContent-Length: 10000\n\n").drip("a")
      assert.match(await unread.closed, /^HTTP\/1\.1 200 /)
      await isFine(url)
    }),
  )

  it.live("give up on a reader that doesn't read", () =>
    withServer({ responseTime: "500 millis" }, async ({ open, url }) => {
      const deaf = open(get("/big"))
      await deaf.until(/^HTTP\/1\.1 200 /)
      deaf.socket.pause()
      await isFine(url)
      // A paused socket doesn't hear of the end, but has it when it reads again.
      await new Promise((resolve) => setTimeout(resolve, 1_500))
      deaf.socket.resume()
      assert.isBelow((await deaf.closed).length, big.length)
    }),
  )

  it.live("give up on work that takes too long", () =>
    withServer({ responseTime: "300 millis" }, async ({ open, interrupted, url }) => {
      assert.strictEqual(await open(get("/wait")).closed, "")
      assert.strictEqual(await open(get("/wait", "Expect: 100-continue")).closed, "")
      while (interrupted() < 2) await pause()
      await isFine(url)
    }),
  )

  it.live("give up on a connection that asked to become something else", () =>
    withServer({ headerTime: "300 millis" }, async ({ open, url }) => {
      const upgraded = open(get("/fast", "Connection: Upgrade", "Upgrade: something"))
      assert.match(await upgraded.until(/fast$/), /^HTTP\/1\.1 200 /)
      const gone = new Promise((resolve) => upgraded.socket.on("close", resolve))
      // It answers nothing and closes nothing, but finds out that the other side has gone.
      upgraded.drip("a")
      await gone
      await isFine(url)
    }),
  )

  it.live("end connections that idle", () =>
    withServer({ keepAliveTime: "200 millis" }, async ({ open }) => {
      assert.match(await open(get("/fast")).closed, /^HTTP\/1\.1 200 /)
    }),
  )

  it.live("end connections that send nothing but blank lines after an answer, and none that goes on asking", () =>
    withServer(
      { keepAliveTime: "100 millis", headerTime: "100 millis", requestTime: "100 millis", responseTime: "100 millis" },
      async ({ open }) => {
        const asking = open(get("/fast")).drip(get("/fast").replaceAll("\n", "\r\n"))
        const blank = open(get("/fast"))
        await blank.until(/fast$/)
        assert.match(await blank.drip("\r\n").closed, /^HTTP\/1\.1 200 /)
        assert.isFalse(asking.socket.readableEnded)
        assert.isAbove(asking.answer.match(/200 OK/g)?.length ?? 0, 20)
      },
    ),
  )

  it.live("refuse what is too long", () =>
    withServer({ urlLength: 100, headerBytes: 1_000, bodyBytes: 100 }, async ({ open, url }) => {
      const long = await fetch(`${url}/fast?${"a".repeat(200)}`)
      assert.deepInclude(await long.json(), { status: 414, type: "urn:effect-api-key:problem:uri-too-long" })
      assert.strictEqual((await fetch(`${url}/fast?${"a".repeat(90)}`)).status, 200)
      assert.match(await open(get(`/${"a".repeat(2_000)}`)).closed, /^HTTP\/1\.1 431 /)
      assert.match(await open(get("/fast", `X: ${"a".repeat(2_000)}`)).closed, /^HTTP\/1\.1 431 /)
      assert.match(await open(`POST /echo HTTP/1.1\nHost: x\nContent-Length: 101\n\n${"a".repeat(101)}`).until(/\}$/), /^HTTP\/1\.1 413 /)
      // A body that doesn't tell its length, and never ends.
      const endless = open("POST /echo HTTP/1.1\nHost: x\nTransfer-Encoding: chunked\n\n").drip(`10000\r\n${"a".repeat(65_536)}\r\n`)
      assert.match(await endless.closed, /^HTTP\/1\.1 413 /)
      await isFine(url)
    }),
  )

  it.live("refuse connections beyond their number, and count them", () =>
    withServer({ connections: 10 }, async ({ open, url }) => {
      const refusedBefore = await refused()
      const flood = Array.from({ length: 50 }, () => open())
      const dropped = new Set<Stranger>()
      for (const stranger of flood) void stranger.closed.then(() => dropped.add(stranger))
      while (dropped.size < 40) await pause()
      assert.strictEqual((await refused()) - refusedBefore, 40)
      assert.strictEqual(dropped.size, 40)
      for (const { socket } of flood) socket.destroy()
      await eventuallyFine(url)
    }),
  )

  it.live("let a flood of connections keep nobody out for longer than they may take", () =>
    withServer({ connections: 10, headerTime: "200 millis" }, async ({ open, url }) => {
      const flood = Array.from({ length: 100 }, () => open("GET /fast HTTP/1.1\n"))
      await Promise.all(flood.map(({ closed }) => closed))
      await eventuallyFine(url)
    }),
  )

  it.live("bound the requests that are worked on", () =>
    withServer({ requests: 3, requestsPerConnection: 2 }, async ({ begun, open, release, url }) => {
      // The third of the first connection is refused, so that the second connection gets the third place, and a third one none.
      const first = open(get("/wait") + get("/wait") + get("/wait"))
      while (begun() < 2) await pause()
      const second = open(get("/wait"))
      while (begun() < 3) await pause()
      const third = await fetch(`${url}/fast`)
      assert.strictEqual(third.headers.get("retry-after"), "1")
      assert.deepInclude(await third.json(), { status: 503, type: "urn:effect-api-key:problem:overloaded", retryAfterSeconds: 1 })
      assert.strictEqual((await fetch(`${url}/healthz`)).status, 200)
      release()
      await second.until(/waited$/)
      const answers = (await first.until(/overloaded/)).match(/HTTP\/1\.1 \d+/g)
      assert.deepStrictEqual(answers, ["HTTP/1.1 200", "HTTP/1.1 200", "HTTP/1.1 503"])
      await isFine(url)
    }),
  )

  it.live("give back the place of a request whose caller went away", () =>
    withServer({ requests: 1 }, async ({ begun, open, interrupted, url }) => {
      for (let round = 1; round <= 3; round++) {
        const caller = open(get("/wait"))
        while (begun() < round) await pause()
        assert.strictEqual((await fetch(`${url}/fast`)).status, 503)
        caller.socket.destroy()
        while (interrupted() < round) await pause()
        await isFine(url)
      }
    }),
  )
})

describe("the number of requests", () => {
  const hasher = Layer.succeed(ApiKeyHasher, {
    hash: () => Effect.succeed(Redacted.make("")),
    verify: () => Effect.succeed(false),
    threads: 1,
  })
  const decide = (requests: number | undefined, env: Record<string, string>) =>
    decideRequests(requests).pipe(Effect.provide(Layer.merge(hasher, ConfigProvider.layer(ConfigProvider.fromEnv({ env })))))

  it.effect("is more than may wait for hashing, or the server doesn't start", () =>
    Effect.gen(function* () {
      const env = { API_KEY_HASHING_PERMITS: "3", API_KEY_HASHING_QUEUE: "200" }
      assert.strictEqual(yield* decide(undefined, env), 1_000)
      assert.strictEqual(yield* decide(404, env), 404)
      assert.deepInclude(yield* Effect.flip(decide(403, env)), {
        _tag: "TooFewRequests",
        message: "limits.requests (403) must be more than 2 × API_KEY_HASHING_QUEUE + API_KEY_HASHING_PERMITS (403)",
      })
      assert.strictEqual(yield* decide(undefined, { ...env, API_KEY_HASHING_QUEUE: "1000" }), 4_006)
      // As on a machine with many cores.
      assert.strictEqual(yield* decide(undefined, { API_KEY_HASHING_PERMITS: "64" }), 2 * (2 * 64 * 64 + 64))
    }),
  )
})

describe("libuv's pool", () => {
  const sizeWith = (env: Record<string, string>) => {
    const module = new URL("../../src/internal/server/threadPool.ts", import.meta.url).href
    const code = `await import(${JSON.stringify(module)}); console.log(process.env.UV_THREADPOOL_SIZE)`
    return execFileSync(process.execPath, ["--input-type=module", "-e", code], { env, encoding: "utf8" }).trim()
  }

  it("has four threads more than there are cores, unless told", () => {
    assert.strictEqual(sizeWith({}), String(availableParallelism() + 4))
    assert.strictEqual(sizeWith({ UV_THREADPOOL_SIZE: "3" }), "3")
  })
})

/** A connection that has been closed may be counted a moment longer. */
const eventuallyFine = async (url: string) => {
  while (
    !(await fetch(`${url}/fast`)
      .then(({ ok }) => ok)
      .catch(() => false))
  )
    await pause()
}

const refused = () =>
  Effect.runPromise(
    Effect.map(Metric.snapshot, (metrics) => {
      const found = metrics.find(({ id }) => id === "api_key_server_connections_refused")
      return found?.type === "Counter" ? Number(found.state.count) : 0
    }),
  )
