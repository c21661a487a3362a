/** What a token's seal decides: whether it is looked up, and whose look-up and hash comes first. */
import { assert, describe, it } from "@effect/vitest"
import { Context, DateTime, Deferred, Effect, Fiber, Layer, Option, Redacted, type Scope, Stream } from "effect"
import { TestClock } from "effect/testing"
import { RepositoryError } from "../../src/ApiKeyError.ts"
import { ApiKeyHasher } from "../../src/ApiKeyHasher.ts"
import { ApiKeyRepository, layerMemory } from "../../src/ApiKeyRepository.ts"
import * as ApiKeys from "../../src/ApiKeys.ts"
import * as ApiKeyToken from "../../src/ApiKeyToken.ts"
import * as Hmac from "../../src/hasher/Hmac.ts"
import * as Pepper from "../../src/hasher/Pepper.ts"
import { delivered, makeHub, settled } from "../support/nodes.ts"

const pepper = (id: string): Pepper.Pepper => ({ id, value: Redacted.make(`${id}: a pepper of a test of seals`) })

/** A token of the right form and checksum, for this key id or another one. */
const invented = (keyId = "0123456789abcdef", digit = "x"): string => {
  const body = `ak-${keyId}-${digit.repeat(58)}`
  return body + ApiKeyToken.checksum(body)
}

interface Node {
  readonly apiKeys: ApiKeys.ApiKeys["Service"]
  /** Since the start. */
  readonly work: { lookUps: number; hashes: number }
  /** How a verification ends. */
  readonly ask: (token: string | Redacted.Redacted) => Effect.Effect<string>
  readonly setRing: (current: Pepper.Pepper, ...older: ReadonlyArray<Pepper.Pepper>) => void
}

/** A node over the store of the context. */
const startNode = (options: ApiKeys.Options = {}, current = pepper("a"), ...older: ReadonlyArray<Pepper.Pepper>) =>
  Effect.gen(function* () {
    const repository = yield* ApiKeyRepository
    const work = { lookUps: 0, hashes: 0 }
    let ring: Pepper.PepperRing = { current, older }
    const counted = Layer.succeed(ApiKeyRepository, {
      ...repository,
      findByKeyId: (keyId) =>
        Effect.suspend(() => {
          work.lookUps++
          return repository.findByKeyId(keyId)
        }),
    })
    const hasher = Layer.effect(
      ApiKeyHasher,
      ApiKeyHasher.use((hasher) =>
        Effect.succeed({
          ...hasher,
          verify: (secret: Redacted.Redacted, hash: Redacted.Redacted) => {
            work.hashes++
            return hasher.verify(secret, hash)
          },
        }),
      ),
    ).pipe(Layer.provide(Hmac.layerPeppers), Layer.provide(Layer.succeed(Pepper.Peppers, { ring: Effect.sync(() => ring) })))
    const services = yield* Layer.build(ApiKeys.layerWith(options).pipe(Layer.provide([counted, hasher])))
    const apiKeys = yield* Effect.provide(ApiKeys.ApiKeys, services)
    yield* settled
    work.lookUps = 0
    work.hashes = 0
    const node: Node = {
      apiKeys,
      work,
      ask: (token) =>
        Effect.match(apiKeys.verify(token), {
          onSuccess: () => "good",
          onFailure: (error) => (error._tag === "MalformedToken" ? error.reason : error._tag),
        }),
      setRing: (current, ...older) => {
        ring = { current, older }
      },
    }
    return node
  })

const create = ({ apiKeys }: Node) => Effect.map(apiKeys.create({ name: "k" }), ({ token, apiKey }) => ({ token, apiKey }))

/** The key's line of an export, without its seal. */
const unsealedLine = ({ apiKeys }: Node, id: string) =>
  Effect.map(Stream.runCollect(apiKeys.export({ hashes: true })), (lines): unknown => {
    const { sealId: _, ...row } = JSON.parse(lines.find((line) => line.includes(id)) ?? "") as { readonly sealId: string }
    return row
  })

const runImport = ({ apiKeys }: Node, rows: ReadonlyArray<unknown>) => Stream.runDrain(apiKeys.import(Stream.fromIterable(rows)))

/** Longer than the node takes to look at what has changed. */
const looked = Effect.andThen(TestClock.adjust("2 seconds"), settled)
const lookedAtAll = Effect.andThen(TestClock.adjust("61 seconds"), settled)

const InTransaction = Context.Reference<boolean>("test/InTransaction", { defaultValue: () => false })
/** A store within whose transactions `InTransaction` is set. None is committed. */
const transactional = (repository: ApiKeyRepository["Service"]) =>
  Layer.succeed(ApiKeyRepository, {
    ...repository,
    transaction: {
      isOpen: (context) => Context.get(context, InTransaction),
      run: (effect) => effect,
      afterCommit: () => Effect.void,
    },
  })

/** Two nodes that find all tokens sealed, and their channel. The second one lacks a key of the first. */
const startTwo = Effect.gen(function* () {
  const channel = { isLost: false }
  const hub = makeHub(() => channel.isLost)
  const one = yield* Effect.provide(startNode({}, pepper("a"), pepper("b")), hub)
  const two = yield* Effect.provide(startNode({}, pepper("b")), hub)
  yield* TestClock.adjust("5 seconds")
  yield* lookedAtAll
  assert.strictEqual(yield* two.ask(invented()), "seal")
  return { channel, one, two }
})

const withStore = <A, E>(effect: Effect.Effect<A, E, ApiKeyRepository | Scope.Scope>) =>
  effect.pipe(Effect.scoped, Effect.provide(Layer.fresh(layerMemory)))

describe("While all tokens are sealed", () => {
  it.effect("an invented token costs no look-up and no hash, whatever its key id", () =>
    withStore(
      Effect.gen(function* () {
        const node = yield* startNode()
        const { token, apiKey } = yield* create(node)
        yield* looked
        node.work.lookUps = 0
        for (const keyId of ["0123456789abcdef", apiKey.keyId]) {
          for (const digit of ["x", "y"]) assert.strictEqual(yield* node.ask(invented(keyId, digit)), "seal")
        }
        assert.deepStrictEqual(node.work, { lookUps: 0, hashes: 0 })
        assert.strictEqual(yield* node.ask(token), "good")
        assert.deepStrictEqual(node.work, { lookUps: 1, hashes: 1 })
        // Beside a key that is remembered it costs nothing more.
        assert.strictEqual(yield* node.ask(invented(apiKey.keyId)), "seal")
        assert.strictEqual(yield* node.ask(token), "good")
        assert.deepStrictEqual(node.work, { lookUps: 1, hashes: 1 })
      }),
    ),
  )

  it.effect("one that comes without a seal works at once, and strangers are looked up from then on", () =>
    withStore(
      Effect.gen(function* () {
        const node = yield* startNode()
        const { token, apiKey } = yield* create(node)
        const row = yield* unsealedLine(node, apiKey.id)
        yield* node.apiKeys.delete(apiKey.id)
        yield* looked
        assert.strictEqual(yield* node.ask(invented()), "seal")
        yield* runImport(node, [row])
        // Its token has a good seal, of which its record says nothing: a stranger's with its key id is looked up.
        assert.strictEqual(yield* node.ask(invented(apiKey.keyId)), "InvalidSecret")
        assert.strictEqual(yield* node.ask(token), "good")
        yield* lookedAtAll
        assert.strictEqual(yield* node.ask(invented()), "NotFound")
        // It ends with the last of them.
        yield* node.apiKeys.delete(apiKey.id)
        yield* lookedAtAll
        assert.strictEqual(yield* node.ask(invented()), "seal")
      }),
    ),
  )

  it.effect("a key that is activated again without a seal works at once", () =>
    withStore(
      Effect.gen(function* () {
        const other = yield* startNode({}, pepper("b"))
        const { token, apiKey } = yield* create(other)
        yield* other.apiKeys.deactivate(apiKey.id)
        const node = yield* startNode({}, pepper("a"), pepper("b"))
        node.setRing(pepper("a"))
        yield* TestClock.adjust("1 second")
        assert.strictEqual(yield* node.ask(invented()), "NotFound")
        yield* lookedAtAll
        assert.strictEqual(yield* node.ask(invented()), "seal")
        assert.strictEqual(yield* node.ask(token), "seal")
        yield* node.apiKeys.activate(apiKey.id)
        assert.strictEqual(yield* node.ask(token), "HasherError")
      }),
    ),
  )

  it.effect("a ring that changes is looked at anew, and ends no token", () =>
    withStore(
      Effect.gen(function* () {
        const node = yield* startNode({}, pepper("a"), pepper("b"))
        const { token } = yield* create(node)
        yield* looked
        assert.strictEqual(yield* node.ask(invented()), "seal")
        node.setRing(pepper("b"), pepper("a"))
        yield* TestClock.adjust("1 second")
        assert.strictEqual(yield* node.ask(invented()), "NotFound")
        assert.strictEqual(yield* node.ask(token), "good")
        yield* lookedAtAll
        assert.strictEqual(yield* node.ask(invented()), "seal")
        // Without the pepper that made its seal the token is a stranger's, and is looked up.
        node.setRing(pepper("b"))
        yield* TestClock.adjust("2 minutes")
        yield* settled
        assert.strictEqual(yield* node.ask(invented()), "NotFound")
        // Its hash was made anew under the other one.
        assert.strictEqual(yield* node.ask(token), "good")
      }),
    ),
  )

  it.effect("tokens of another node's keys work from when it tells of them, and while it can't be heard", () =>
    withStore(
      Effect.gen(function* () {
        const { channel, one, two } = yield* startTwo
        const { token, apiKey } = yield* create(one)
        yield* delivered
        // It is looked up, although only its pepper could check it.
        assert.strictEqual(yield* two.ask(token), "HasherError")
        assert.strictEqual(yield* two.ask(invented()), "seal")
        yield* looked
        assert.strictEqual(yield* two.ask(invented()), "NotFound")
        yield* one.apiKeys.delete(apiKey.id)
        yield* delivered
        yield* lookedAtAll
        assert.strictEqual(yield* two.ask(invented()), "seal")
        channel.isLost = true
        yield* TestClock.adjust("30 seconds")
        assert.strictEqual(yield* two.ask(invented()), "NotFound")
      }),
    ),
  )
})

describe("What all tokens' being sealed is known of", () => {
  it.effect("is what was found in touch: what changes unheard between a look and the return of the channel is looked at", () =>
    withStore(
      Effect.gen(function* () {
        const { channel, one, two } = yield* startTwo
        channel.isLost = true
        yield* TestClock.adjust("30 seconds")
        yield* lookedAtAll
        const { token } = yield* create(one)
        yield* lookedAtAll
        channel.isLost = false
        yield* TestClock.adjust("5 seconds")
        yield* settled
        assert.strictEqual(yield* two.ask(token), "HasherError")
      }),
    ),
  )

  it.effect("says nothing within a caller's transaction, of whose changes nobody knows", () =>
    withStore(
      Effect.gen(function* () {
        const { apiKey, token } = yield* Effect.tap(Effect.flatMap(startNode({}, pepper("b")), create), ({ apiKey }) =>
          Effect.flatMap(startNode({}, pepper("b")), (node) => node.apiKeys.deactivate(apiKey.id)),
        )
        const repository = yield* ApiKeyRepository
        const node = yield* Effect.provide(startNode({ acceptMissingPeppers: true }), transactional(repository))
        assert.strictEqual(yield* node.ask(token), "seal")
        yield* Effect.provideService(
          Effect.gen(function* () {
            yield* node.apiKeys.activate(apiKey.id)
            assert.strictEqual(yield* node.ask(token), "HasherError")
          }),
          InTransaction,
          true,
        )
      }),
    ),
  )

  it.effect("is looked for anew when the store couldn't be read, and once a minute at most", () =>
    withStore(
      Effect.gen(function* () {
        const repository = yield* ApiKeyRepository
        let looks = 0
        const failing = Layer.succeed(ApiKeyRepository, {
          ...repository,
          countSeals: (at) =>
            // The first is the start's, which warns of keys that are lacking.
            looks++ < 2
              ? Effect.fail(new RepositoryError({ operation: "count seals", isRetryable: true, cause: "down" }))
              : repository.countSeals(at),
        })
        const node = yield* Effect.provide(startNode(), failing)
        assert.strictEqual(yield* node.ask(invented()), "NotFound")
        yield* lookedAtAll
        assert.deepStrictEqual([looks, yield* node.ask(invented())], [3, "seal"])
        for (let second = 0; second < 58; second++) {
          node.setRing(pepper("a"))
          yield* TestClock.adjust("1 second")
          assert.strictEqual(yield* node.ask(invented()), "NotFound")
          yield* settled
        }
        assert.strictEqual(looks, 3)
        yield* TestClock.adjust("3 seconds")
        yield* settled
        assert.deepStrictEqual([looks, yield* node.ask(invented())], [4, "seal"])
      }),
    ),
  )

  it.effect("is believed for ten minutes, so that a key nobody told of isn't refused for good", () =>
    withStore(
      Effect.gen(function* () {
        const repository = yield* ApiKeyRepository
        const other = yield* startNode({}, pepper("b"))
        const { apiKey, token } = yield* create(other)
        const stored = Option.getOrThrow(yield* repository.findById(apiKey.id))
        yield* repository.delete(apiKey.id)
        const node = yield* startNode()
        yield* repository.insert(stored)
        yield* TestClock.adjust("9 minutes")
        yield* settled
        assert.strictEqual(yield* node.ask(token), "seal")
        yield* TestClock.adjust("1 minutes")
        assert.strictEqual(yield* node.ask(token), "seal")
        yield* looked
        assert.strictEqual(yield* node.ask(token), "HasherError")
      }),
    ),
  )

  it.effect("ends with the clock that it was told by: one that is set back makes expired keys work again", () =>
    withStore(
      Effect.gen(function* () {
        const other = yield* startNode({}, pepper("b"))
        const { token } = yield* other.apiKeys.create({ name: "k", expiresAt: DateTime.makeUnsafe(3_600_000) })
        yield* TestClock.adjust("2 hours")
        const node = yield* startNode({ acceptMissingPeppers: true })
        assert.strictEqual(yield* node.ask(token), "seal")
        yield* TestClock.setTime(60_000)
        assert.strictEqual(yield* node.ask(token), "HasherError")
      }),
    ),
  )
})

describe("A rule that is configured", () => {
  it.effect("keeps the service from starting where it would end tokens", () =>
    withStore(
      Effect.gen(function* () {
        const before = yield* startNode({ token: { ...ApiKeyToken.defaultFormat } })
        const { token } = yield* create(before)
        const failure = yield* Effect.flip(startNode({ seals: "required" }))
        assert.strictEqual(failure._tag, "UnsealedTokens")
        assert.include(failure.message, "1 tokens that work have no seal")
        const strict = yield* startNode({ seals: "required", refuseUnsealed: true })
        assert.strictEqual(yield* strict.ask(token), "seal")
        const lenient = yield* startNode({ seals: "preferred" })
        assert.strictEqual(yield* lenient.ask(token), "good")
        assert.strictEqual(yield* lenient.ask(invented()), "NotFound")
      }),
    ),
  )

  it.effect("takes a token that a key of a new ring has just sealed", () =>
    withStore(
      Effect.gen(function* () {
        const node = yield* startNode({ seals: "required" })
        assert.strictEqual(yield* node.ask(invented()), "seal")
        node.setRing(pepper("b"), pepper("a"))
        const { token } = yield* create(node)
        assert.strictEqual(yield* node.ask(token), "good")
      }),
    ),
  )

  it.effect("is refused where nothing makes seals", () =>
    withStore(
      Effect.gen(function* () {
        const failure = yield* Effect.flip(startNode({ seals: "required", token: { ...ApiKeyToken.defaultFormat } }))
        assert.strictEqual(failure._tag, "InvalidOptions")
      }),
    ),
  )
})

describe("While some tokens have no seal", () => {
  it.effect("those with one are looked up and hashed before all others", () =>
    withStore(
      Effect.gen(function* () {
        const repository = yield* ApiKeyRepository
        const gate = yield* Deferred.make<void>()
        const slow = Layer.succeed(ApiKeyRepository, {
          ...repository,
          findByKeyId: (keyId) =>
            keyId.startsWith("0") ? Effect.andThen(Deferred.await(gate), repository.findByKeyId(keyId)) : repository.findByKeyId(keyId),
        })
        const node = yield* Effect.provide(startNode({ seals: "preferred" }), slow)
        const { token } = yield* create(node)
        const ids = Array.from({ length: 2_000 }, (_, index) => index.toString(16).padStart(16, "0"))
        const flood = yield* Effect.forkChild(Effect.forEach(ids, (id) => node.ask(invented(id)), { concurrency: "unbounded" }))
        yield* settled
        // Strangers hold what they may hold, and the rest of them is refused at once.
        assert.strictEqual(node.work.lookUps, 8)
        assert.strictEqual(yield* node.ask(token), "good")
        yield* Deferred.succeed(gate, undefined)
        const outcomes = yield* Fiber.join(flood)
        assert.deepStrictEqual(
          ["NotFound", "Overloaded"].map((tag) => outcomes.filter((outcome) => outcome === tag).length),
          [1_032, 968],
        )
      }),
    ),
  )

  it.effect("one that isn't looked up in time is told when to come again, and a later one takes its turn", () =>
    withStore(
      Effect.gen(function* () {
        const repository = yield* ApiKeyRepository
        const gate = yield* Deferred.make<void>()
        const stuck = Layer.succeed(ApiKeyRepository, {
          ...repository,
          findByKeyId: (keyId) => Effect.andThen(Deferred.await(gate), repository.findByKeyId(keyId)),
        })
        const node = yield* Effect.provide(startNode({ seals: "preferred", hashing: { maxWait: "3 seconds" } }), stuck)
        const ask = (index: number) => Effect.forkChild(Effect.flip(node.apiKeys.verify(invented(index.toString(16).padStart(16, "0")))))
        const looking = yield* Effect.forEach(
          Array.from({ length: 8 }, (_, index) => index),
          ask,
        )
        const early = yield* ask(8)
        yield* TestClock.adjust("2 seconds")
        const late = yield* ask(9)
        yield* TestClock.adjust("999 millis")
        assert.isUndefined(early.pollUnsafe())
        yield* TestClock.adjust("1 millis")
        assert.deepInclude(yield* Fiber.join(early), { _tag: "Overloaded", retryAfterSeconds: 3 })
        assert.isUndefined(late.pollUnsafe())
        assert.strictEqual(node.work.lookUps, 8)
        // Those that are being looked up aren't given up.
        yield* Deferred.succeed(gate, undefined)
        for (const fiber of [...looking, late]) assert.strictEqual((yield* Fiber.join(fiber))._tag, "NotFound")
        assert.strictEqual(node.work.lookUps, 9)
      }),
    ),
  )

  it.effect("one in a caller's transaction, which holds a connection, waits for no stranger", () =>
    withStore(
      Effect.gen(function* () {
        const repository = yield* ApiKeyRepository
        const slow = transactional({
          ...repository,
          findByKeyId: (keyId) => (keyId.startsWith("0") ? Effect.never : repository.findByKeyId(keyId)),
        })
        const node = yield* Effect.provide(startNode({ seals: "preferred" }), slow)
        const ids = Array.from({ length: 8 }, (_, index) => index.toString(16).padStart(16, "0"))
        yield* Effect.forkChild(Effect.forEach(ids, (id) => node.ask(invented(id)), { concurrency: "unbounded" }))
        yield* settled
        assert.strictEqual(node.work.lookUps, 8)
        const asking = yield* Effect.forkChild(Effect.provideService(node.ask(invented("f".repeat(16))), InTransaction, true))
        yield* settled
        assert.isDefined(asking.pollUnsafe())
      }),
    ),
  )
})
