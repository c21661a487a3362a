/** Events and their listeners, on the store in memory. */
import { createHash } from "node:crypto"
import { assert, describe, it } from "@effect/vitest"
import { Cause, Context, Deferred, Effect, Exit, Fiber, Layer, Logger, Schema, Stream } from "effect"
import { TestClock } from "effect/testing"
import type { KeyId } from "../src/ApiKey.ts"
import { RepositoryError } from "../src/ApiKeyError.ts"
import * as ApiKeyEvents from "../src/ApiKeyEvents.ts"
import { layerEphemeral } from "../src/ApiKeyHasher.ts"
import * as ApiKeyRepository from "../src/ApiKeyRepository.ts"
import * as ApiKeys from "../src/ApiKeys.ts"
import * as Sha256 from "../src/legacy/Sha256.ts"
import { eventsSuite } from "./eventsSuite.ts"
import { tagOf } from "./support/nodes.ts"

eventsSuite("memory", Layer.merge(layerEphemeral, Layer.fresh(ApiKeyRepository.layerMemory)))

type Event = ApiKeyEvents.ApiKeyEvent

const heardBy = (heard: Array<string>, name = ""): ApiKeyEvents.Listener => ({
  afterCommit: (events) => Effect.sync(() => void heard.push(...events.map(({ _tag }) => `${name}${_tag}`))),
})

/** The service with listeners, each provided by a layer of its own, and what it logs. */
const withListeners = <A, E>(
  listeners: ReadonlyArray<ApiKeyEvents.Listener>,
  test: (apiKeys: ApiKeys.ApiKeys["Service"], logged: ReadonlyArray<string>) => Effect.Effect<A, E>,
  options: ApiKeys.Options = {},
) => {
  const logged: Array<string> = []
  const logger = Logger.layer([Logger.make(({ message }) => void logged.push(String(message)))])
  const services = listeners
    .toReversed()
    .reduce<Layer.Layer<ApiKeys.ApiKeys, Layer.Error<ReturnType<typeof ApiKeys.layerMemoryWith>>>>(
      (layer, listener) => Layer.provide(layer, ApiKeyEvents.layer(Effect.succeed(listener))),
      Layer.fresh(ApiKeys.layerMemoryWith(options)),
    )
  return ApiKeys.ApiKeys.use((apiKeys) => test(apiKeys, logged)).pipe(Effect.provide(Layer.provideMerge(services, logger)))
}

describe("Listeners", () => {
  it.effect("are none unless they are provided, and hear in the order in which they are", () => {
    const heard: Array<string> = []
    return withListeners([heardBy(heard, "outer "), heardBy(heard, "inner ")], (apiKeys) =>
      Effect.gen(function* () {
        yield* apiKeys.create({ name: "k" })
        assert.deepStrictEqual(heard, ["outer KeyCreated", "inner KeyCreated"])
        assert.deepStrictEqual(yield* ApiKeyEvents.listeners, [])
      }),
    )
  })

  const listening = (heard: Array<string>, name: string) =>
    ApiKeyEvents.layer(Effect.succeed(heardBy(heard, `${name} 1 `)), Effect.succeed(heardBy(heard, `${name} 2 `)))
  const create = ApiKeys.ApiKeys.use((apiKeys) => apiKeys.create({ name: "k" }))

  it.effect("of layers that are merged, or stand in one array, add up in that order, and one that is there twice counts once", () =>
    Effect.gen(function* () {
      const heard: Array<string> = []
      const [a, b, c, d] = [listening(heard, "a"), listening(heard, "b"), listening(heard, "c"), listening(heard, "d")]
      // The first one is the last to be built.
      const slow = Layer.unwrap(Effect.as(Effect.repeat(Effect.yieldNow, { times: 20 }), a))
      const services = Layer.fresh(ApiKeys.layerMemory).pipe(Layer.provide([slow, Layer.mergeAll(b, c, b)]), Layer.provide([d, b]))
      yield* Effect.provide(create, services)
      assert.deepStrictEqual(
        heard,
        ["d", "b", "a", "c"].flatMap((name) => [`${name} 1 KeyCreated`, `${name} 2 KeyCreated`]),
      )
    }),
  )

  it.effect("hear the changes of the service that they are provided to, and of no other", () =>
    Effect.gen(function* () {
      const heard: Array<string> = []
      const service = (name: string) => Layer.fresh(ApiKeys.layerMemory).pipe(Layer.provide(listening(heard, name)))
      yield* Effect.provide(create, service("a"))
      yield* Effect.provide(create, service("b"))
      assert.deepStrictEqual(heard, ["a 1 KeyCreated", "a 2 KeyCreated", "b 1 KeyCreated", "b 2 KeyCreated"])
    }),
  )

  it.effect("that no service takes are warned of: after a minute, or when their scope closes", () =>
    Effect.gen(function* () {
      const logged: Array<string> = []
      const logger = Logger.layer([Logger.make(({ message }) => void logged.push(String(message)))])
      const warning = "No service tells the listeners of a layer of ApiKeyEvents of its changes: provide that layer to ApiKeys"
      const beside = Layer.provideMerge(Layer.merge(Layer.fresh(ApiKeys.layerMemory), listening([], "a")), logger)
      yield* Effect.provide(create, beside)
      assert.deepStrictEqual(logged, [warning])
      yield* Effect.provide(
        Effect.andThen(
          TestClock.adjust("59 seconds"),
          Effect.sync(() => assert.lengthOf(logged, 1)),
        ),
        beside,
      )
      assert.deepStrictEqual(logged, [warning, warning])
      logged.length = 0
      const later = Effect.andThen(
        TestClock.adjust("1 minute"),
        Effect.sync(() => logged.slice()),
      )
      assert.deepStrictEqual(yield* Effect.provide(later, beside), [warning])
      assert.deepStrictEqual(logged, [warning])
      // What fails has its own words, and listeners that are taken are none to warn of.
      logged.length = 0
      yield* Effect.exit(Effect.provide(Effect.fail("no"), beside))
      const provided = Layer.provideMerge(Layer.provide(Layer.fresh(ApiKeys.layerMemory), listening([], "a")), logger)
      yield* Effect.provide(Effect.andThen(create, TestClock.adjust("2 minutes")), provided)
      assert.deepStrictEqual(logged, [])
    }),
  )

  it.effect("that fail after the commit undo nothing, keep no other from hearing, and are logged", () => {
    const heard: Array<string> = []
    const broken: ApiKeyEvents.Listener = { afterCommit: () => Effect.die("broken") }
    const throwing: ApiKeyEvents.Listener = {
      afterCommit: () => {
        throw new Error("broken too")
      },
    }
    return withListeners([broken, heardBy(heard), throwing], (apiKeys, logged) =>
      Effect.gen(function* () {
        const { apiKey } = yield* apiKeys.create({ name: "k" })
        yield* apiKeys.update(apiKey.id, { name: "other" })
        assert.strictEqual((yield* apiKeys.get(apiKey.id)).name, "other")
        assert.deepStrictEqual(heard, ["KeyCreated", "KeyUpdated"])
        assert.deepStrictEqual(
          logged,
          ["KeyCreated", "KeyCreated", "KeyUpdated", "KeyUpdated"].map(
            (tag) => `A listener of API keys failed to hear of ${tag} of ${apiKey.keyId}`,
          ),
        )
      }),
    )
  })

  it.effect("that hang after the commit delay the answer by a second at most, however many wait, and are logged", () => {
    const heard: Array<string> = []
    let isHanging = false
    const hanging: ApiKeyEvents.Listener = { afterCommit: () => (isHanging ? Effect.never : Effect.void) }
    return withListeners([hanging, heardBy(heard)], (apiKeys, logged) =>
      Effect.gen(function* () {
        const { apiKey } = yield* apiKeys.create({ name: "k" })
        isHanging = true
        const changing = yield* Effect.forkChild(
          Effect.forEach(Array.from({ length: 10 }), () => apiKeys.update(apiKey.id, { name: "other" }), { concurrency: "unbounded" }),
        )
        yield* TestClock.adjust("999 millis")
        assert.isUndefined(changing.pollUnsafe())
        yield* TestClock.adjust("1 millis")
        assert.strictEqual((yield* Fiber.join(changing)).length, 10)
        assert.isAtLeast(heard.length, 1)
        const warning = `The listeners of API keys take too long: they were interrupted, and may not have heard of KeyUpdated of ${apiKey.keyId}`
        assert.deepStrictEqual(
          logged,
          Array.from({ length: 10 }, () => warning),
        )
        isHanging = false
        heard.length = 0
        yield* apiKeys.activate(apiKey.id)
        assert.deepStrictEqual(heard, ["KeyActivated"])
      }),
    )
  })

  it.effect("that can't be interrupted delay the answer by a second at most too", () => {
    const stubborn: ApiKeyEvents.Listener = {
      afterCommit: ([event]) => (event?._tag === "KeyCreated" ? Effect.void : Effect.uninterruptible(Effect.sleep("1 hour"))),
    }
    return withListeners([stubborn], (apiKeys, logged) =>
      Effect.gen(function* () {
        const { apiKey } = yield* apiKeys.create({ name: "k" })
        for (let turn = 1; turn < 3; turn++) {
          const changing = yield* Effect.forkChild(apiKeys.update(apiKey.id, { name: "other" }))
          yield* TestClock.adjust("1 seconds")
          assert.strictEqual((yield* Fiber.join(changing)).version, turn + 1)
          assert.lengthOf(logged, turn)
        }
        yield* TestClock.adjust("1 hour")
      }),
    )
  })

  it.effect("that fail to hear of many events are told of by the first of them", () => {
    const broken: ApiKeyEvents.Listener = { afterCommit: ([event]) => (event?._tag === "KeyCreated" ? Effect.void : Effect.die("no")) }
    return withListeners([broken], (apiKeys, logged) =>
      Effect.gen(function* () {
        const tokens = yield* Effect.forEach(["a", "b", "c"], (name) => apiKeys.create({ name }))
        const lines = yield* Stream.runCollect(apiKeys.export({ hashes: true }))
        for (const { token } of tokens) yield* apiKeys.verify(token)
        yield* TestClock.adjust("13 seconds")
        const [a, b] = tokens.map(({ apiKey }) => apiKey.keyId)
        assert.deepStrictEqual(logged, [`A listener of API keys failed to hear of KeysUsed of ${a} and 2 more`])
        for (const { apiKey } of tokens.slice(1)) yield* apiKeys.update(apiKey.id, { name: "gone" })
        for (const { apiKey } of tokens.slice(1)) yield* apiKeys.delete(apiKey.id)
        yield* Stream.runDrain(apiKeys.import(Stream.fromIterable(lines.map((line): unknown => JSON.parse(line)))))
        assert.strictEqual(logged.at(-1), `A listener of API keys failed to hear of KeyImported of ${b}, and 1 more events`)
      }),
    )
  })

  it.effect("hear of changes one after another, in the order of their answers, though a listener takes its time", () => {
    const heard: Array<number> = []
    let isSlow = false
    const slow: ApiKeyEvents.Listener = {
      afterCommit: (events) =>
        Effect.forEach(
          events,
          (event) =>
            Effect.andThen(
              Effect.suspend(() => (isSlow ? Effect.sleep(heard.length % 2 === 0 ? "20 millis" : "5 millis") : Effect.void)),
              Effect.sync(() => void heard.push("after" in event ? event.after.version : 0)),
            ),
          { discard: true },
        ),
    }
    return withListeners([slow], (apiKeys) =>
      Effect.gen(function* () {
        // Hashing takes real time, so the test's clock may have passed before the listener waits for it.
        const { apiKey } = yield* apiKeys.create({ name: "k" })
        isSlow = true
        const versions = Array.from({ length: 20 }, (_, index) => index + 2)
        const changing = yield* Effect.forkChild(
          Effect.forEach(versions, (version) => apiKeys.update(apiKey.id, { name: `${version}` }), { concurrency: "unbounded" }),
        )
        yield* TestClock.adjust("1 seconds")
        yield* Fiber.join(changing)
        assert.deepStrictEqual(heard, [1, ...versions])
      }),
    )
  })

  it.effect("hear of a change although its caller has given up", () => {
    const heard: Array<string> = []
    const written = Deferred.makeUnsafe<void>()
    const slow: ApiKeyEvents.Listener = {
      afterCommit: ([event]) =>
        Deferred.succeed(written, undefined).pipe(
          Effect.andThen(Effect.sleep("100 millis")),
          Effect.andThen(Effect.sync(() => void heard.push(event?._tag ?? ""))),
        ),
    }
    return withListeners([slow], (apiKeys) =>
      Effect.gen(function* () {
        const creating = yield* Effect.forkChild(apiKeys.create({ name: "k" }))
        yield* Deferred.await(written)
        yield* Fiber.interrupt(creating)
        yield* TestClock.adjust("100 millis")
        assert.deepStrictEqual(heard, ["KeyCreated"])
      }),
    )
  })

  it.effect("in a transaction that the store hasn't fail the call, and the change stands, is heard of, and isn't in doubt", () => {
    const heard: Array<string> = []
    let isFailing = false
    let lookUps = 0
    const failing: ApiKeyEvents.Listener = {
      inTransaction: () =>
        isFailing ? Effect.fail(new RepositoryError({ operation: "audit", isRetryable: true, cause: "no" })) : Effect.void,
    }
    const counted = Layer.effect(
      ApiKeyRepository.ApiKeyRepository,
      Effect.map(ApiKeyRepository.ApiKeyRepository, (repository) => ({
        ...repository,
        findByKeyId: (keyId: KeyId) => Effect.suspend(() => (lookUps++, repository.findByKeyId(keyId))),
      })),
    ).pipe(Layer.provide(Layer.fresh(ApiKeyRepository.layerMemory)))
    const services = Layer.fresh(ApiKeys.layer).pipe(
      Layer.provide([layerEphemeral, counted, ApiKeyEvents.layer(Effect.succeed(failing), Effect.succeed(heardBy(heard)))]),
    )
    return Effect.gen(function* () {
      const apiKeys = yield* ApiKeys.ApiKeys
      const { apiKey, token } = yield* apiKeys.create({ name: "k" })
      yield* apiKeys.verify(token)
      isFailing = true
      const unheard = { name: "unheard", ownerId: "alice" }
      assert.strictEqual(yield* tagOf(apiKeys.create(unheard)), "RepositoryError")
      assert.strictEqual(yield* apiKeys.count({ ownerId: "alice" }), 1)
      assert.strictEqual(yield* tagOf(apiKeys.deactivate(apiKey.id)), "RepositoryError")
      lookUps = 0
      for (let turn = 0; turn < 3; turn++) assert.strictEqual(yield* tagOf(apiKeys.verify(token)), "Inactive")
      assert.strictEqual(lookUps, 1)
      assert.deepStrictEqual(heard, ["KeyCreated", "KeyCreated", "KeyDeactivated"])
    }).pipe(Effect.provide(services))
  })

  it.effect("in a transaction that the store hasn't all hear of the change, whatever becomes of one of them", () => {
    const broken: ReadonlyArray<NonNullable<ApiKeyEvents.Listener["inTransaction"]>> = [
      () => Effect.fail(new RepositoryError({ operation: "audit", isRetryable: true, cause: "no" })),
      () => Effect.die("broken"),
      () => Effect.interrupt,
      () => {
        throw new Error("broken too")
      },
    ]
    return Effect.forEach(broken, (inTransaction) => {
      const heard: Array<string> = []
      const within: ApiKeyEvents.Listener = {
        inTransaction: (events) => Effect.sync(() => void heard.push(...events.map(({ _tag }) => `within ${_tag}`))),
      }
      return withListeners([{ inTransaction }, within, heardBy(heard, "after "), { inTransaction: () => Effect.die("later") }], (apiKeys) =>
        Effect.gen(function* () {
          const exit = yield* Effect.exit(apiKeys.create({ name: "k" }))
          assert.isTrue(Exit.isFailure(exit) && !Cause.pretty(exit.cause).includes("later"))
          const [apiKey] = (yield* apiKeys.search()).items
          assert.isTrue(Exit.isFailure(yield* Effect.exit(apiKeys.deactivate(apiKey?.id ?? ""))))
          assert.deepStrictEqual(
            heard,
            ["KeyCreated", "KeyDeactivated"].flatMap((tag) => [`within ${tag}`, `after ${tag}`]),
          )
        }),
      )
    })
  })

  it.effect("hear with the references of the change's caller", () => {
    const Address = Context.Reference<string>("test/Address", { defaultValue: () => "nowhere" })
    const heard: Array<readonly [string, string | undefined]> = []
    const listener: ApiKeyEvents.Listener = {
      inTransaction: () => Effect.map(Address, (address) => void heard.push(["inTransaction", address])),
      afterCommit: ([event]) => Effect.map(Address, (address) => void heard.push([address, event?.actor._tag])),
    }
    return withListeners([listener], (apiKeys) =>
      Effect.gen(function* () {
        const { apiKey } = yield* apiKeys.create({ name: "k" })
        yield* apiKeys
          .deactivate(apiKey.id)
          .pipe(
            Effect.provideService(Address, "127.0.0.1"),
            Effect.provideService(ApiKeyEvents.CurrentActor, { _tag: "CommandLine", user: "alice" }),
          )
        assert.deepStrictEqual(heard, [
          ["inTransaction", "nowhere"],
          ["nowhere", "Application"],
          ["inTransaction", "127.0.0.1"],
          ["127.0.0.1", "CommandLine"],
        ])
      }),
    )
  })

  it.effect("hear of hashes that are made anew, of which they are told the schemes", () => {
    const heard: Array<Event> = []
    const listener: ApiKeyEvents.Listener = { afterCommit: (events) => Effect.sync(() => void heard.push(...events)) }
    const token = "shop_0123456789abcdef"
    const shop = Sha256.make({ prefix: "shop_" })
    const row = { id: 1, key_hash: createHash("sha256").update(token).digest("hex"), name: "k", expires_at: null, revoked_at: null }
    return withListeners(
      [listener],
      (apiKeys) =>
        Effect.gen(function* () {
          yield* Stream.runDrain(apiKeys.import(Stream.succeed(row), { from: shop }))
          const { apiKey } = yield* apiKeys.verify(token)
          yield* Effect.repeat(Effect.yieldNow, { until: () => heard.length > 1, times: 10_000 })
          assert.deepStrictEqual(
            heard.map(({ _tag, actor }) => [_tag, actor._tag]),
            [
              ["KeyImported", "Application"],
              ["KeyRehashed", "Upkeep"],
            ],
          )
          const rehashed = heard[1]
          assert(rehashed?._tag === "KeyRehashed")
          assert.deepStrictEqual([rehashed.id, rehashed.keyIds], [apiKey.id, [apiKey.keyId]])
          assert.notStrictEqual(rehashed.from, rehashed.to)
          const told = JSON.stringify(yield* Schema.encodeEffect(Schema.toCodecJson(Schema.Array(ApiKeyEvents.ApiKeyEvent)))(heard))
          assert.notInclude(told, row.key_hash)
          assert.notInclude(told, token)
        }),
      { legacy: [shop] },
    )
  })
})
