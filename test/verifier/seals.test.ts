/** What a token's seal decides: whether it is looked up, and whose look-up and hash comes first. */
import { assert, describe, it } from "@effect/vitest"
import { DateTime, Deferred, Effect, Fiber, Layer, Option } from "effect"
import { TestClock } from "effect/testing"
import { RepositoryError } from "../../src/ApiKeyError.ts"
import { ApiKeyRepository } from "../../src/ApiKeyRepository.ts"
import * as ApiKeyToken from "../../src/ApiKeyToken.ts"
import { delivered, settled } from "../support/nodes.ts"
import {
  create,
  InTransaction,
  invented,
  looked,
  lookedAtAll,
  pepper,
  runImport,
  startNode,
  startTwo,
  transactional,
  unsealedLine,
  withStore,
} from "./sealedNodes.ts"

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

  it.effect("a previous token without a seal works again with its key", () =>
    withStore(
      Effect.gen(function* () {
        const other = yield* startNode({}, pepper("b"))
        const { token, apiKey } = yield* create(other)
        other.setRing(pepper("a"), pepper("b"))
        yield* TestClock.adjust("1 second")
        yield* other.apiKeys.rotate(apiKey.id, { grace: "30 days" })
        yield* other.apiKeys.deactivate(apiKey.id)
        const node = yield* startNode({ acceptMissingPeppers: true })
        assert.strictEqual(yield* node.ask(token), "seal")
        yield* node.apiKeys.activate(apiKey.id)
        assert.strictEqual(yield* node.ask(token), "HasherError")
        yield* looked
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

  it.effect("says nothing of a store that others may change, of which no channel tells", () =>
    withStore(
      Effect.gen(function* () {
        const { isExclusive, ...shared } = yield* ApiKeyRepository
        assert.isTrue(isExclusive)
        const one = yield* startNode()
        yield* create(one)
        assert.strictEqual(yield* one.ask(invented()), "seal")
        const two = yield* Effect.provide(startNode(), Layer.succeed(ApiKeyRepository, shared))
        yield* create(two)
        assert.strictEqual(yield* two.ask(invented()), "NotFound")
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

  it.effect("is believed no longer because the next look fails", () =>
    withStore(
      Effect.gen(function* () {
        const repository = yield* ApiKeyRepository
        const other = yield* startNode({}, pepper("b"))
        const { apiKey, token } = yield* create(other)
        const stored = Option.getOrThrow(yield* repository.findById(apiKey.id))
        yield* repository.delete(apiKey.id)
        let isFailing = false
        const away = Effect.fail(new RepositoryError({ operation: "count", isRetryable: true, cause: "too slow" }))
        const failing = Layer.succeed(ApiKeyRepository, {
          ...repository,
          countSeals: (at) => Effect.suspend(() => (isFailing ? away : repository.countSeals(at))),
        })
        const node = yield* Effect.provide(startNode(), failing)
        yield* repository.insert(stored)
        isFailing = true
        yield* TestClock.adjust("10 minutes")
        assert.strictEqual(yield* node.ask(token), "seal")
        yield* TestClock.adjust("59 seconds")
        yield* settled
        assert.strictEqual(yield* node.ask(token), "seal")
        yield* TestClock.adjust("1 seconds")
        assert.strictEqual(yield* node.ask(token), "HasherError")
        isFailing = false
        yield* repository.delete(apiKey.id)
        yield* lookedAtAll
        assert.strictEqual(yield* node.ask(invented()), "seal")
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
        assert.include(failure.message, "1 token that works has no seal")
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

  it.effect("takes a token that another node seals by a new key, within a second of the key", () =>
    withStore(
      Effect.gen(function* () {
        const node = yield* startNode({ seals: "required" })
        const other = yield* startNode({}, pepper("b"), pepper("a"))
        const { token } = yield* create(other)
        assert.strictEqual(yield* node.ask(token), "seal")
        node.setRing(pepper("a"), pepper("b"))
        yield* TestClock.adjust("999 millis")
        assert.strictEqual(yield* node.ask(token), "seal")
        yield* TestClock.adjust("1 millis")
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

// That none of them holds up a good seal shows threeWays.test.ts.
describe("While some tokens have no seal", () => {
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
        yield* settled
        yield* TestClock.adjust("2 seconds")
        const late = yield* ask(9)
        yield* settled
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
