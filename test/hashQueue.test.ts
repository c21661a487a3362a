import { assert, describe, it } from "@effect/vitest"
import { Deferred, Duration, Effect, Exit, Fiber, Layer, Metric, Redacted, Scheduler } from "effect"
import { TestClock } from "effect/testing"
import { ApiKeyHasher } from "../src/ApiKeyHasher.ts"
import * as ApiKeyMetrics from "../src/ApiKeyMetrics.ts"
import * as Repository from "../src/ApiKeyRepository.ts"
import * as ApiKeys from "../src/ApiKeys.ts"
import * as ApiKeyToken from "../src/ApiKeyToken.ts"
import * as HashQueue from "../src/internal/verifier/hashQueue.ts"

const guess = (token: Redacted.Redacted, number: number) => {
  const text = Redacted.value(token)
  const body = text.slice(0, -12) + number.toString().padStart(6, "0")
  return body + ApiKeyToken.checksum(body)
}

const invented = (number: number) => {
  const body = `ak-${number.toString(16).padStart(16, "0")}-${"x".repeat(58)}`
  return body + ApiKeyToken.checksum(body)
}

/** A hasher whose hashes take 20 ms of the test's clock each, but for those that layers do to begin with. */
const withSlowHasher = <A, E>(
  options: ApiKeys.HashingOptions,
  test: (
    apiKeys: ApiKeys.ApiKeys["Service"],
    state: { readonly order: Array<string>; most: number; isSlow: boolean },
  ) => Effect.Effect<A, E>,
  threads = 1,
) => {
  const state = { order: new Array<string>(), most: 0, running: 0, isSlow: false }
  const work = Effect.suspend(() => {
    state.most = Math.max(state.most, ++state.running)
    return Effect.ensuring(
      state.isSlow ? Effect.sleep("20 millis") : Effect.void,
      Effect.sync(() => state.running--),
    )
  })
  const hasher = Layer.succeed(ApiKeyHasher, {
    threads,
    hash: (secret) => Effect.as(work, Redacted.make(`plain ${Redacted.value(secret)}`)),
    verify: (secret, hash) =>
      Effect.map(work, () => {
        state.order.push(Redacted.value(secret))
        return Redacted.value(hash) === `plain ${Redacted.value(secret)}`
      }),
  })
  return Effect.gen(function* () {
    const apiKeys = yield* ApiKeys.ApiKeys
    state.order.length = 0
    return yield* test(
      {
        ...apiKeys,
        create: (input) =>
          Effect.ensuring(
            Effect.andThen(
              Effect.sync(() => (state.isSlow = false)),
              apiKeys.create(input),
            ),
            Effect.sync(() => (state.isSlow = true)),
          ),
      },
      state,
    )
  }).pipe(
    Effect.provide(
      ApiKeys.layerWith({ hashing: { permits: 2, ...options } }).pipe(Layer.provide([hasher, Layer.fresh(Repository.layerMemory)])),
    ),
  )
}

const fork = <A, E>(effect: Effect.Effect<A, E>) => Effect.forkChild(Effect.exit(effect), { startImmediately: true })
/** What a forked effect has come to by now. */
const isGood = <A, E>(fiber: Fiber.Fiber<Exit.Exit<A, E>>): boolean => {
  const ended = fiber.pollUnsafe()
  return ended !== undefined && Exit.isSuccess(ended) && Exit.isSuccess(ended.value)
}
const tagsOf = <A, E extends { readonly _tag: string }>(exits: ReadonlyArray<Exit.Exit<A, E>>) =>
  Effect.forEach(exits, (exit) => Effect.match(exit, { onSuccess: () => "good", onFailure: ({ _tag }) => _tag }))

describe("Hashing", () => {
  it.effect("goes on within the permits, and what waits too long or finds no room is refused as Overloaded", () =>
    withSlowHasher({ queue: 50, maxWait: "200 millis" }, (apiKeys, state) =>
      Effect.gen(function* () {
        yield* apiKeys.create({ name: "k" })
        const fibers = yield* Effect.forEach(
          Array.from({ length: 100 }, (_, i) => invented(i)),
          (token) => fork(apiKeys.verify(token)),
        )
        assert.strictEqual((yield* Metric.value(ApiKeyMetrics.hashesInFlight)).value, 2)
        yield* TestClock.adjust("1 second")
        const tags = yield* tagsOf(yield* Effect.forEach(fibers, Fiber.join))
        assert.strictEqual(state.most, 2)
        // 2 at once and 48 without room; of the 50 that wait, two each 20 ms until 200 ms are over.
        const refused = tags.filter((tag) => tag === "Overloaded").length
        assert.isAtLeast(refused, 48 + 50 - 20)
        assert.isAtMost(refused, 48 + 50 - 18)
        assert.strictEqual(tags.filter((tag) => tag === "NotFound").length, 100 - refused)
        assert.strictEqual((yield* Metric.value(ApiKeyMetrics.hashesInFlight)).value, 0)
      }),
    ).pipe(Effect.provideService(Metric.MetricRegistry, new Map())),
  )

  it.effect("says when to try again, and isn't remembered as a refusal", () =>
    withSlowHasher({ queue: 0, maxWait: "1500 millis" }, (apiKeys) =>
      Effect.gen(function* () {
        const { token } = yield* apiKeys.create({ name: "k" })
        yield* Effect.forEach([1, 2], (number) => fork(apiKeys.verify(invented(number))))
        assert.deepInclude(yield* Effect.flip(apiKeys.verify(token)), { _tag: "Overloaded", retryAfterSeconds: 2 })
        yield* TestClock.adjust("20 millis")
        const again = yield* fork(apiKeys.verify(token))
        yield* TestClock.adjust("20 millis")
        assert.isTrue(Exit.isSuccess(yield* Fiber.join(again)))
      }),
    ),
  )

  it.effect("of invented key ids leaves a holder of a good key its turn, and warm ones alone", () =>
    withSlowHasher({ queue: 1_000 }, (apiKeys) =>
      Effect.gen(function* () {
        const warm = yield* apiKeys.create({ name: "warm" })
        const cold = yield* apiKeys.create({ name: "cold" })
        const warming = yield* fork(apiKeys.verify(warm.token))
        yield* TestClock.adjust("20 millis")
        yield* Fiber.join(warming)
        yield* Effect.forEach(
          Array.from({ length: 1_500 }, (_, i) => invented(i)),
          (token) => fork(apiKeys.verify(token)),
        )
        // Without any time going by.
        yield* apiKeys.verify(warm.token)
        const holder = yield* fork(apiKeys.verify(cold.token))
        yield* TestClock.adjust("40 millis")
        assert.isTrue(isGood(holder))
      }),
    ),
  )

  it.effect("of guesses at some keys leaves the holder of another its turn, even when they have filled the queue", () =>
    withSlowHasher({ queue: 100 }, (apiKeys) =>
      Effect.gen(function* () {
        const victim = yield* apiKeys.create({ name: "victim" })
        const other = yield* apiKeys.create({ name: "other" })
        const guesses = yield* Effect.forEach(
          Array.from({ length: 150 }, (_, i) => guess(victim.token, i)),
          (token) => fork(apiKeys.verify(token)),
        )
        const holder = yield* fork(apiKeys.verify(other.token))
        yield* TestClock.adjust("40 millis")
        assert.isTrue(isGood(holder))
        yield* TestClock.adjust("10 seconds")
        const tags = yield* tagsOf(yield* Effect.forEach(guesses, Fiber.join))
        // 48 found no room, and one more made some for the holder.
        assert.strictEqual(tags.filter((tag) => tag === "Overloaded").length, 49)
        assert.strictEqual(tags.filter((tag) => tag === "InvalidSecret").length, 101)
      }),
    ),
  )

  it.effect("of guesses at many keys leaves an unknown key id and a new key their turns", () =>
    withSlowHasher({ permits: 1, queue: 100 }, (apiKeys, state) =>
      Effect.gen(function* () {
        const victims = yield* Effect.replicateEffect(apiKeys.create({ name: "victim" }), 20)
        yield* Effect.forEach(
          Array.from({ length: 60 }, (_, i) => guess(victims[i % victims.length]!.token, i)),
          (token) => fork(apiKeys.verify(token)),
        )
        const stranger = yield* fork(Effect.flip(apiKeys.verify(invented(1))))
        const creator = yield* fork(apiKeys.create({ name: "new" }))
        // `create` has made hashes fast again, for its own sake.
        state.isSlow = true
        // One that runs, and then a turn for each of the three lanes.
        yield* TestClock.adjust("80 millis")
        assert.isTrue(isGood(stranger))
        assert.isTrue(isGood(creator))
      }),
    ),
  )

  it.effect("gives each key id its turn, whatever waits for another", () =>
    withSlowHasher({ permits: 1, queue: 100 }, (apiKeys, state) =>
      Effect.gen(function* () {
        const [one, other] = [yield* apiKeys.create({ name: "one" }), yield* apiKeys.create({ name: "other" })]
        const guesses = [one, other].map(({ token }) => Array.from({ length: 5 }, (_, i) => guess(token, i)))
        for (const token of guesses.flat()) yield* fork(apiKeys.verify(token))
        yield* TestClock.adjust("1 second")
        const secrets = guesses.map((tokens) => tokens.map((token) => token.slice(-64)))
        // The first was alone when it came, and so began.
        const turns = state.order.map((secret) => (secrets[0]!.includes(secret) ? 0 : 1))
        assert.deepStrictEqual(turns, [0, 0, 1, 0, 1, 0, 1, 0, 1, 1])
      }),
    ),
  )

  it.effect("never locks the holder of a warm key out, whatever others guess at its key id", () =>
    withSlowHasher({ queue: 10 }, (apiKeys) =>
      Effect.gen(function* () {
        const { token } = yield* apiKeys.create({ name: "k" })
        const first = yield* fork(apiKeys.verify(token))
        yield* TestClock.adjust("20 millis")
        yield* Fiber.join(first)
        for (let minute = 0; minute < 5; minute++) {
          yield* Effect.forEach(
            Array.from({ length: 50 }, (_, i) => guess(token, minute * 50 + i)),
            (wrong) => fork(apiKeys.verify(wrong)),
          )
          // Its time over, its record is read again; its secret needn't be hashed again, so it needs no turn.
          yield* apiKeys.verify(token)
          yield* TestClock.adjust("1 minute")
        }
      }),
    ),
  )

  it.effect("gives up its place when its caller does, and passes a turn on that came too late", () =>
    withSlowHasher({ permits: 1, queue: 10 }, (apiKeys, state) =>
      Effect.gen(function* () {
        const { token } = yield* apiKeys.create({ name: "k" })
        yield* fork(apiKeys.verify(invented(1)))
        const waiting = yield* Effect.forEach([2, 3, 4], (number) =>
          Effect.forkChild(apiKeys.verify(invented(number)), { startImmediately: true }),
        )
        for (const fiber of waiting) yield* Fiber.interrupt(fiber)
        const holder = yield* fork(apiKeys.verify(token))
        yield* TestClock.adjust("40 millis")
        assert.isTrue(isGood(holder))
        assert.strictEqual(state.order.length, 2)
      }),
    ),
  )

  it.effect("of new keys waits as long as it takes", () =>
    Effect.gen(function* () {
      const gate = yield* Deferred.make<void>()
      let isOpen = true
      const hasher = Layer.succeed(ApiKeyHasher, {
        hash: () => Effect.as(isOpen ? Effect.void : Deferred.await(gate), Redacted.make("x")),
        verify: () => Effect.succeed(true),
      })
      yield* Effect.gen(function* () {
        const apiKeys = yield* ApiKeys.ApiKeys
        isOpen = false
        const fibers = yield* Effect.forEach(Array.from({ length: 50 }), () => fork(apiKeys.create({ name: "k" })))
        yield* TestClock.adjust("1 hour")
        yield* Deferred.succeed(gate, undefined)
        const exits = yield* Effect.forEach(fibers, Fiber.join)
        assert.isTrue(exits.every(Exit.isSuccess))
      }).pipe(
        Effect.provide(
          ApiKeys.layerWith({ hashing: { permits: 1, queue: 1 } }).pipe(Layer.provide([hasher, Layer.fresh(Repository.layerMemory)])),
        ),
      )
    }),
  )

  it.effect("of rotated keys stays within the permits too", () =>
    withSlowHasher({}, (apiKeys, state) =>
      Effect.gen(function* () {
        const keys = yield* Effect.replicateEffect(apiKeys.create({ name: "k" }), 10)
        state.most = 0
        const fibers = yield* Effect.forEach(keys, ({ apiKey }) => fork(apiKeys.rotate(apiKey.id)))
        yield* TestClock.adjust("1 second")
        const exits = yield* Effect.forEach(fibers, Fiber.join)
        assert.isTrue(exits.every(Exit.isSuccess))
        assert.strictEqual(state.most, 2)
      }),
    ),
  )

  it.effect("gives each permit back once, and leaves nobody waiting for a free one, whoever gives up when", () =>
    Effect.gen(function* () {
      // However little a fiber gets done at a time, so that it pauses between any two steps.
      for (let operations = 3; operations < 9; operations++) {
        for (let round = 0; round < 100; round++) {
          let state = round * 7_919 + operations
          const draw = (below: number): number => ((state = (state * 1_103_515_245 + 12_345) & 0x7fff_ffff) >> 8) % below
          const queue = HashQueue.make({ permits: 1, queue: 2, maxWait: Duration.seconds(5) })
          const running: Array<Deferred.Deferred<void>> = []
          const fibers: Array<Fiber.Fiber<void, unknown>> = []
          let most = 0
          const hash = Effect.suspend(() => {
            const end = Deferred.makeUnsafe<void>()
            most = Math.max(most, running.push(end))
            return Deferred.await(end)
          })
          const endOne = () => {
            const end = running.shift()
            if (end !== undefined) Deferred.doneUnsafe(end, Exit.void)
          }
          for (let step = 0; step < 40; step++) {
            const what = draw(4)
            if (what < 2) {
              const run = Effect.provideService(queue.run("known", String(draw(3)), hash), Scheduler.MaxOpsBeforeYield, operations)
              fibers.push(yield* Effect.forkChild(run, { startImmediately: true }))
            } else if (what === 2) fibers[draw(fibers.length + 1)]?.interruptUnsafe()
            else endOne()
            if (draw(3) === 0) yield* Effect.yieldNow
          }
          for (let turn = 0; turn < 100; turn++) {
            endOne()
            yield* Effect.yieldNow
          }
          const waiting = fibers.filter((fiber) => fiber.pollUnsafe() === undefined).length
          assert.deepStrictEqual([most, queue.inFlight(), waiting], [1, 0, 0], `${operations} operations, round ${round}`)
        }
      }
    }),
  )

  it.effect("passes a permit on whose holder gives up before its turn has begun", () =>
    Effect.gen(function* () {
      const queue = HashQueue.make({ permits: 1, queue: 2, maxWait: Duration.seconds(1) })
      const ending = yield* Deferred.make<void>()
      yield* fork(queue.run("known", "a", Deferred.await(ending)))
      const next = yield* fork(queue.run("known", "b", Effect.void))
      const after = yield* fork(queue.run("known", "c", Effect.void))
      // Ends the first, and then the second's wait, before the task in which the second is admitted.
      Deferred.doneUnsafe(ending, Exit.void)
      next.interruptUnsafe()
      yield* Effect.yieldNow
      yield* Fiber.join(after)
      assert.strictEqual(queue.inFlight(), 0)
    }),
  )

  /** Runs one hash until it is told to end, and has the others wait for it: who of them was refused, and who ran, in that order. */
  const withWaiting = (
    queue: number,
    waiting: (
      queue: HashQueue.HashQueue,
    ) => ReadonlyArray<readonly [name: string, run: (hash: Effect.Effect<void>) => Effect.Effect<void, unknown>]>,
  ) =>
    Effect.gen(function* () {
      const hashes = HashQueue.make({ permits: 1, queue, maxWait: Duration.seconds(10) })
      const ending = yield* Deferred.make<void>()
      const ran: Array<string> = []
      const refused: Array<string> = []
      yield* fork(hashes.run("known", "first", Deferred.await(ending)))
      const fibers = yield* Effect.forEach(waiting(hashes), ([name, run]) =>
        fork(Effect.onError(run(Effect.sync(() => void ran.push(name))), () => Effect.sync(() => refused.push(name)))),
      )
      yield* Deferred.succeed(ending, undefined)
      yield* Effect.forEach(fibers, Fiber.join)
      assert.strictEqual(hashes.inFlight(), 0)
      return { ran, refused }
    })

  it.effect("without room refuses the last of the key id that has most waiting, for one that has fewer", () =>
    Effect.gen(function* () {
      for (const [before, refused] of [
        [["a1", "b1", "b2", "b3"], ["b3"]],
        [["b1", "b2", "b3", "a1"], ["b3"]],
        // One more would have no fewer.
        [["a1", "b1", "d1", "e1"], ["c1"]],
        [["a1", "c2", "b1", "b2"], ["c1"]],
        [["c2", "c3", "a1", "a2"], ["c1"]],
      ] as const) {
        const names = [...before, "c1"]
        const outcome = yield* withWaiting(4, ({ run }) => names.map((name) => [name, (hash) => run("known", name.slice(0, 1), hash)]))
        assert.deepStrictEqual(outcome.refused, Array.from(refused), before.join(" "))
        assert.lengthOf(outcome.ran, 4)
      }
    }),
  )

  it.effect("has room again for as many when those that waited have had their turns", () =>
    Effect.gen(function* () {
      const queue = HashQueue.make({ permits: 1, queue: 2, maxWait: Duration.seconds(10) })
      for (let round = 0; round < 3; round++) {
        const ending = yield* Deferred.make<void>()
        const fibers = yield* Effect.forEach(["a", "b", "c", "d"], (keyId) => fork(queue.run("unknown", keyId, Deferred.await(ending))))
        yield* Deferred.succeed(ending, undefined)
        assert.deepStrictEqual(yield* tagsOf(yield* Effect.forEach(fibers, Fiber.join)), ["good", "good", "good", "Overloaded"])
      }
    }),
  )

  it.effect("that nobody waits for has its turn when nothing else waits", () =>
    Effect.gen(function* () {
      const { ran } = yield* withWaiting(10, ({ run, runNew, runLast }) => [
        ["last", runLast],
        ["second last", runLast],
        ["new", runNew],
        ["unknown", (hash) => run("unknown", "a", hash)],
        ["known", (hash) => run("known", "b", hash)],
      ])
      assert.deepStrictEqual(ran, ["known", "unknown", "new", "last", "second last"])
    }),
  )

  it.effect("of a new key gives up its place when its caller does", () =>
    Effect.gen(function* () {
      const queue = HashQueue.make({ permits: 1, queue: 1, maxWait: Duration.seconds(1) })
      const ending = yield* Deferred.make<void>()
      yield* fork(queue.runNew(Deferred.await(ending)))
      const waiting = yield* Effect.forkChild(queue.runNew(Effect.die("it has run")), { startImmediately: true })
      yield* Fiber.interrupt(waiting)
      const exit = yield* Fiber.await(waiting)
      assert.isTrue(Exit.hasInterrupts(exit) && !Exit.hasDies(exit))
      yield* Deferred.succeed(ending, undefined)
      yield* Effect.yieldNow
      assert.strictEqual(queue.inFlight(), 0)
    }),
  )

  it.effect("of secrets of new keys goes on while good seals keep coming", () =>
    Effect.gen(function* () {
      const queue = HashQueue.make({ permits: 1, queue: 100, maxWait: Duration.seconds(10) })
      const order = new Array<string>()
      const hash = (name: string) =>
        Effect.andThen(
          Effect.sleep("20 millis"),
          Effect.sync(() => void order.push(name)),
        )
      for (let index = 0; index < 10; index++) yield* fork(queue.run("sealed", String(index), hash("sealed")))
      yield* fork(queue.runNew(hash("new")))
      yield* fork(queue.runNew(hash("new")))
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(order.slice(0, 6), ["sealed", "sealed", "sealed", "new", "sealed", "new"])
      assert.deepStrictEqual([order.length, queue.inFlight()], [12, 0])
    }),
  )

  it("goes on in as many threads as there are cores and libuv's pool can spare", () => {
    const cores = navigator.hardwareConcurrency
    const before = process.env["UV_THREADPOOL_SIZE"]
    const permits = (poolSize: string | undefined, threads: number) => {
      if (poolSize === undefined) delete process.env["UV_THREADPOOL_SIZE"]
      else process.env["UV_THREADPOOL_SIZE"] = poolSize
      return HashQueue.defaultPermits(threads)
    }
    try {
      assert.strictEqual(permits("1024", 1), cores)
      assert.strictEqual(permits("1024", 2), Math.max(1, Math.floor(cores / 2)))
      assert.strictEqual(permits("1024", 0), cores)
      assert.strictEqual(permits("2", 1), 1)
      assert.strictEqual(permits("1", 1), 1)
      assert.strictEqual(permits(undefined, 1), Math.min(cores, 3))
      // libuv has one thread then.
      for (const wrong of ["", "many"]) assert.strictEqual(permits(wrong, 1), 1)
    } finally {
      permits(before, 1)
    }
    assert.strictEqual(HashQueue.defaultQueue(3), 192)
  })

  it.effect("has no turns for hashes that need no thread of their own", () =>
    Effect.gen(function* () {
      const ask = (threads: number) =>
        withSlowHasher(
          { permits: 1, queue: 0 },
          (apiKeys) =>
            Effect.gen(function* () {
              const { token } = yield* apiKeys.create({ name: "k" })
              const asked = [invented(1), guess(token, 1), Redacted.value(token)]
              const answers = yield* Effect.forEach(asked, (text) => fork(apiKeys.verify(text)))
              yield* TestClock.adjust("20 millis")
              return yield* tagsOf(yield* Effect.forEach(answers, Fiber.join))
            }),
          threads,
        )
      assert.deepStrictEqual(yield* ask(0), ["NotFound", "InvalidSecret", "good"])
      assert.deepStrictEqual(yield* ask(1), ["NotFound", "Overloaded", "Overloaded"])
    }),
  )

  it.effect("refuses bounds that make no sense", () =>
    Effect.gen(function* () {
      for (const hashing of [{ permits: 0 }, { permits: 1.5 }, { queue: -1 }, { maxWait: "Infinity" }] as const) {
        const error = yield* Effect.flip(withSlowHasher(hashing, () => Effect.void))
        assert.strictEqual(error._tag, "InvalidOptions")
      }
    }),
  )
})
