/** The policy `idleTimeout`: keys that are refused once they weren't used for a time. */
import { assert, describe, it } from "@effect/vitest"
import { DateTime, Duration, Effect, Fiber, Latch, Layer, Redacted, Schema, Stream } from "effect"
import { TestClock } from "effect/testing"
import { Expired, RepositoryError } from "../../src/ApiKeyError.ts"
import { ApiKeyHasher, layerEphemeral } from "../../src/ApiKeyHasher.ts"
import * as Repository from "../../src/ApiKeyRepository.ts"
import * as ApiKeys from "../../src/ApiKeys.ts"
import { IdleTimeout, idleAt } from "../../src/IdleTimeout.ts"
import { makeStoredApiKey } from "../../src/testing.ts"
import { each, type Node, withNodes, written } from "../rotation/support.ts"
import { delivered, settled, wrongSecret } from "../support/nodes.ts"

/** Other nodes write uses late, so a key works on for as long. */
const leeway = Duration.minutes(2)
const hour = Duration.hours(1)

const make = (node: Node, policies: ApiKeys.CreateInput["policies"] = { idleTimeout: "1 hour" }) =>
  node.create({ name: "k", scopes: ["a"], policies })

/** `good`, the tag of the refusal, or the time since which the key is idle. */
const ask = (node: Node, token: Redacted.Redacted, options?: ApiKeys.VerifyOptions) =>
  Effect.match(node.verify(token, options), {
    onSuccess: () => "good" as const,
    onFailure: (error) => (error._tag === "Expired" && error.reason === "idle" ? { idleAt: error.expiresAt } : error._tag),
  })

const after = (at: DateTime.Utc, duration: Duration.Duration) => DateTime.addDuration(at, duration)
const until = (at: DateTime.Utc) => TestClock.setTime(at.epochMilliseconds)
const oneMilli = Duration.millis(1)

/** Asks each node a millisecond before the key is refused, without a use, and then when it is refused. */
const endsAt = (nodes: ReadonlyArray<Node>, token: Redacted.Redacted, end: DateTime.Utc) =>
  Effect.gen(function* () {
    const refusedFrom = after(end, leeway)
    yield* until(DateTime.subtractDuration(refusedFrom, oneMilli))
    for (const node of nodes) assert.strictEqual(yield* ask(node, token, { countsAsUse: false }), "good")
    yield* TestClock.adjust(oneMilli)
    for (const node of nodes) {
      for (const options of [{}, { maxAge: 0 }, {}]) assert.deepStrictEqual(yield* ask(node, token, options), { idleAt: end })
    }
  })

describe("A key with an idle timeout", () => {
  each("counts from its creation if it is never used", ({ a, nodes }) =>
    Effect.gen(function* () {
      const { apiKey, token } = yield* make(a)
      yield* delivered
      yield* endsAt(nodes, token, after(apiKey.createdAt, hour))
      const error = yield* Effect.flip(a.verify(token))
      assert.deepStrictEqual(error, new Expired({ keyId: apiKey.keyId, expiresAt: after(apiKey.createdAt, hour), reason: "idle" }))
      assert.include(error.message, "wasn't used for too long")
      assert.notInclude(error.stack ?? "", "    at ")
      // Another key in its place isn't idle, nor is one without a timeout.
      assert.strictEqual(yield* ask(a, (yield* make(a)).token), "good")
    }),
  )

  each("counts from its last use on any node, and not from uses that were refused", ({ a, b, nodes }) =>
    Effect.gen(function* () {
      const { token } = yield* make(a, { idleTimeout: "1 hour", limits: [{ name: "l", limit: 1, window: "1 minute" }] })
      yield* delivered
      let last = yield* DateTime.now
      for (const node of [a, b, a, b]) {
        yield* TestClock.adjust("50 minutes")
        last = yield* DateTime.now
        assert.strictEqual(yield* ask(node, token), "good")
      }
      yield* TestClock.adjust("30 seconds")
      for (const node of nodes) {
        assert.strictEqual(yield* ask(node, wrongSecret(token)), "InvalidSecret")
        assert.strictEqual(yield* ask(node, token, { scopes: ["b"] }), "InsufficientScope")
        assert.strictEqual(yield* ask(node, token, { cost: 2 }), "RateLimited")
        assert.strictEqual(yield* ask(node, token, { countsAsUse: false }), "good")
      }
      yield* endsAt(nodes, token, after(last, hour))
      // Once it is idle, asking doesn't bring it back.
      for (let minute = 0; minute < 10; minute++) {
        yield* TestClock.adjust("1 minute")
        for (const node of nodes) assert.deepStrictEqual(yield* ask(node, token), { idleAt: after(last, hour) })
      }
    }),
  )

  each("counts from its rotation, for both tokens", ({ a, nodes }) =>
    Effect.gen(function* () {
      const { apiKey, token } = yield* make(a)
      yield* TestClock.adjust("2 hours")
      assert.notStrictEqual(yield* ask(a, token), "good")
      const rotated = yield* a.rotate(apiKey.id, { grace: "1 day" })
      yield* delivered
      const end = after(rotated.apiKey.rotatedAt ?? apiKey.createdAt, hour)
      yield* endsAt(nodes, token, end)
      for (const node of nodes) assert.deepStrictEqual(yield* ask(node, rotated.token), { idleAt: end })
    }),
  )

  each("is good again by a longer timeout or none, and idle by a shorter one", ({ a, nodes }) =>
    Effect.gen(function* () {
      const { apiKey, token } = yield* make(a)
      yield* TestClock.adjust("2 hours")
      const answers = Effect.forEach(nodes, (node) => ask(node, token, { countsAsUse: false }))
      const change = (idleTimeout: string | null) =>
        Effect.andThen(a.update(apiKey.id, { policies: idleTimeout === null ? null : { idleTimeout } }), delivered)
      const idle = nodes.map(() => ({ idleAt: after(apiKey.createdAt, hour) }))
      const good = nodes.map(() => "good" as const)
      assert.deepStrictEqual(yield* answers, idle)
      yield* change("3 hours")
      assert.deepStrictEqual(yield* answers, good)
      yield* change("60m")
      assert.deepStrictEqual(yield* answers, idle)
      yield* change(null)
      assert.deepStrictEqual(yield* answers, good)
    }),
  )

  it.effect("is looked up before it is refused, as another node may have used it", () =>
    Effect.gen(function* () {
      let lookUps = 0
      const counting = (repository: Repository.ApiKeyRepository["Service"]) => ({
        ...repository,
        findByKeyId: (keyId: Parameters<typeof repository.findByKeyId>[0]) =>
          Effect.suspend(() => (lookUps++, repository.findByKeyId(keyId))),
      })
      yield* withNodes(
        2,
        { cache: { timeToLive: "1 day" } },
        ({ a, b }) =>
          Effect.gen(function* () {
            const { apiKey, token } = yield* make(a)
            yield* delivered
            for (const node of [a, b]) assert.strictEqual(yield* ask(node, token), "good")
            yield* TestClock.adjust("59 minutes")
            yield* a.verify(token)
            const last = yield* DateTime.now
            yield* written
            assert.deepStrictEqual((yield* a.get(apiKey.id)).lastUsedAt, last)
            const other = yield* a.create({ name: "other" })
            yield* a.verify(other.token)
            yield* written
            yield* until(after(last, Duration.minutes(50)))
            lookUps = 0
            // What B remembers of the key is from before the use on A.
            assert.strictEqual(yield* ask(b, token, { countsAsUse: false }), "good")
            assert.strictEqual(lookUps, 1)
            assert.strictEqual(yield* ask(b, token, { countsAsUse: false }), "good")
            assert.strictEqual(lookUps, 1)
            // What A remembers is as old, and A has written its use, and those of another key since.
            assert.strictEqual(yield* ask(a, token, { countsAsUse: false }), "good")
            assert.strictEqual(lookUps, 2)
            yield* until(after(after(last, hour), leeway))
            for (const node of [a, b, a, b]) assert.deepStrictEqual(yield* ask(node, token), { idleAt: after(last, hour) })
            // No memory refuses a key as idle.
            assert.strictEqual(lookUps, 6)
          }),
        { adapt: counting },
      )
    }),
  )

  it.effect("isn't refused where the store can't be asked", () =>
    Effect.gen(function* () {
      let isDown = false
      const failing = (repository: Repository.ApiKeyRepository["Service"]) => ({
        ...repository,
        findByKeyId: (keyId: Parameters<typeof repository.findByKeyId>[0]) =>
          Effect.suspend(() =>
            isDown
              ? Effect.fail(new RepositoryError({ operation: "find", isRetryable: true, cause: "down" }))
              : repository.findByKeyId(keyId),
          ),
      })
      yield* withNodes(
        1,
        { cache: { timeToLive: "1 day" } },
        ({ a }) =>
          Effect.gen(function* () {
            const { token } = yield* make(a)
            assert.strictEqual(yield* ask(a, token), "good")
            isDown = true
            assert.strictEqual(yield* ask(a, token, { countsAsUse: false }), "good")
            yield* TestClock.adjust("2 hours")
            assert.strictEqual(yield* ask(a, token), "RepositoryError")
          }),
        { adapt: failing },
      )
    }),
  )

  describe("counts from a use of this node that the store doesn't show", () => {
    for (const cache of ["off", { timeToLive: "1 day" }] as const) {
      it.effect(`as it can't be written, with cache ${cache === "off" ? "off" : "on"}`, () =>
        withNodes(
          1,
          { cache },
          ({ a }) =>
            Effect.gen(function* () {
              const { apiKey, token } = yield* make(a)
              let last = yield* DateTime.now
              for (let uses = 0; uses < 4; uses++) {
                yield* TestClock.adjust("50 minutes")
                last = yield* DateTime.now
                assert.strictEqual(yield* ask(a, token), "good")
              }
              assert.isNull((yield* a.get(apiKey.id)).lastUsedAt)
              yield* endsAt([a], token, after(last, hour))
            }),
          {
            adapt: (repository) => ({
              ...repository,
              touch: () => Effect.fail(new RepositoryError({ operation: "touch", isRetryable: true, cause: "down" })),
            }),
          },
        ),
      )
    }

    it.effect("as it is written while the store answers", () =>
      Effect.gen(function* () {
        const answer = Latch.makeUnsafe(true)
        let isDown = true
        yield* withNodes(
          1,
          {},
          ({ a }) =>
            Effect.gen(function* () {
              const { apiKey, token } = yield* make(a)
              yield* TestClock.adjust("30 minutes")
              yield* a.verify(token)
              yield* TestClock.adjust("45 minutes")
              answer.closeUnsafe()
              const verifying = yield* Effect.forkChild(ask(a, token, { maxAge: 0, countsAsUse: false }))
              yield* settled
              isDown = false
              yield* written
              assert.isNotNull((yield* a.get(apiKey.id)).lastUsedAt)
              answer.openUnsafe()
              assert.strictEqual(yield* Fiber.join(verifying), "good")
            }),
          {
            adapt: (repository) => ({
              ...repository,
              findByKeyId: (keyId) => Effect.tap(repository.findByKeyId(keyId), () => answer.await),
              touch: (uses) =>
                Effect.suspend(() =>
                  isDown
                    ? Effect.fail(new RepositoryError({ operation: "touch", isRetryable: true, cause: "down" }))
                    : repository.touch(uses),
                ),
            }),
          },
        )
      }),
    )
  })

  each("is refused by no clock that is set back", ({ a, nodes }) =>
    Effect.gen(function* () {
      const { apiKey, token } = yield* make(a)
      yield* delivered
      for (const days of [1, 300]) {
        yield* until(DateTime.subtractDuration(apiKey.createdAt, Duration.days(days)))
        for (const node of nodes) assert.strictEqual(yield* ask(node, token), "good")
        yield* written
      }
      // Uses that were noted by the earlier clock end nothing.
      yield* endsAt(nodes, token, after(apiKey.createdAt, hour))
      // The clock that was ahead has refused a key, and no longer does.
      yield* until(apiKey.createdAt)
      for (const node of nodes) assert.strictEqual(yield* ask(node, token), "good")
    }),
  )

  it.effect("costs a look-up for each refusal, without a hash, and none while it is good", () =>
    Effect.gen(function* () {
      let hashes = 0
      let lookUps = 0
      const hasher = yield* ApiKeyHasher
      const repository = yield* Repository.ApiKeyRepository
      const counted = Layer.merge(
        Layer.succeed(ApiKeyHasher, {
          ...hasher,
          verify: (...input: Parameters<typeof hasher.verify>) => Effect.suspend(() => (hashes++, hasher.verify(...input))),
        }),
        Layer.succeed(Repository.ApiKeyRepository, {
          ...repository,
          findByKeyId: (keyId: Parameters<typeof repository.findByKeyId>[0]) =>
            Effect.suspend(() => (lookUps++, repository.findByKeyId(keyId))),
        }),
      )
      yield* Effect.gen(function* () {
        const a = yield* ApiKeys.ApiKeys
        const { token } = yield* make(a)
        hashes = 0
        for (let times = 0; times < 5; times++) assert.strictEqual(yield* ask(a, token), "good")
        assert.deepStrictEqual([lookUps, hashes], [1, 1])
        yield* TestClock.adjust("2 hours")
        for (let times = 0; times < 5; times++) assert.notStrictEqual(yield* ask(a, token), "good")
        assert.deepStrictEqual([lookUps, hashes], [6, 1])
      }).pipe(Effect.provide(ApiKeys.layerWith({ cache: { timeToLive: "1 day" } }).pipe(Layer.provide(counted)), { local: true }))
    }).pipe(Effect.provide(Layer.fresh(Layer.merge(Repository.layerMemory, layerEphemeral)))),
  )

  each(
    "is refused for its own ends first, as idle before its scopes and other policies, and for no policy where one isn't known",
    ({ a, b, repository }) =>
      Effect.gen(function* () {
        const { apiKey, token } = yield* make(a, { idleTimeout: "1 hour", allowedIps: ["10.0.0.0/8"] })
        yield* TestClock.adjust("2 hours")
        const idle = { idleAt: after(apiKey.createdAt, hour) }
        for (const options of [{ scopes: ["b"] }, { scopes: ["b"], maxAge: 0 }, { address: "192.0.2.7" }]) {
          assert.deepStrictEqual(yield* ask(b, token, options), idle)
        }
        yield* a.update(apiKey.id, { expiresAt: yield* DateTime.now })
        yield* delivered
        assert.strictEqual(yield* ask(b, token), "Expired")
        yield* a.deactivate(apiKey.id)
        yield* delivered
        assert.strictEqual(yield* ask(b, token), "Inactive")
        const other = yield* make(a)
        const at = yield* DateTime.now
        yield* repository.update(other.apiKey.id, { policies: { idleTimeout: "1 hour", newer: true } }, { at })
        yield* TestClock.adjust("2 hours")
        assert.strictEqual(yield* ask(b, other.token), "RepositoryError")
      }),
  )

  each("is ended by the holder of its token", ({ a, b }) =>
    Effect.gen(function* () {
      const { apiKey, token } = yield* make(a)
      yield* TestClock.adjust("2 hours")
      assert.isTrue((yield* b.revoke(token, { reason: "possession" })).isEnded)
      assert.isFalse((yield* a.get(apiKey.id)).isActive)
    }),
  )

  it.effect("has a timeout of whole seconds, from 1 minute to 36,500 days", () =>
    withNodes(1, {}, ({ a }) =>
      Effect.gen(function* () {
        for (const idleTimeout of ["1 minute", "60s", "60000 ms", "1d12h", "36500d", "100 years"]) yield* make(a, { idleTimeout })
        for (const idleTimeout of ["", "0", "59 seconds", "60001 ms", "101 years", "90", "6M", "-1 hour", 90, null, {}, ["1 hour"]]) {
          const error = yield* Effect.flip(make(a, { idleTimeout }))
          assert.strictEqual(error._tag, "InvalidInput", JSON.stringify(idleTimeout))
        }
        assert.strictEqual(Schema.encodeSync(IdleTimeout)(Duration.days(90)), "7776000 seconds")
      }),
    ),
  )

  it("becomes idle at a moment that its record tells", () => {
    const at = (second: number) => DateTime.makeUnsafe(Date.UTC(2026, 0, 1, 0, 0, second))
    const of = (fields: Parameters<typeof makeStoredApiKey>[0]) => idleAt(makeStoredApiKey({ createdAt: at(3), ...fields }).apiKey)
    const policies = { idleTimeout: "1 minute" }
    assert.isNull(of({}))
    assert.isNull(of({ policies: { other: "1 minute" } }))
    assert.isNull(of({ policies: { idleTimeout: "soon" } }))
    assert.deepStrictEqual(of({ policies }), at(63))
    assert.deepStrictEqual(of({ policies, lastUsedAt: at(5) }), at(65))
    assert.deepStrictEqual(of({ policies, lastUsedAt: at(5), rotatedAt: at(7) }), at(67))
    assert.deepStrictEqual(of({ policies, lastUsedAt: at(1) }), at(63))
    const last = DateTime.makeUnsafe("9999-12-31T23:59:59.999Z")
    assert.deepStrictEqual(of({ policies: { idleTimeout: "100 years" }, createdAt: DateTime.makeUnsafe("9950-01-01") }), last)
  })
})

describe("What is about to stop working", () => {
  it.effect("has the keys that become idle last, and a use postpones it", () =>
    withNodes(1, { maximumAge: "20 days" }, ({ a }) =>
      Effect.gen(function* () {
        const start = yield* DateTime.now
        const create = (name: string, idleTimeout: string, lifetime?: Duration.Duration) =>
          a.create({ name, policies: { idleTimeout }, expiresAt: lifetime === undefined ? null : after(start, lifetime) })
        yield* create("second", "12 days")
        yield* create("first", "11 days")
        yield* create("has expired", "11 days", Duration.days(5))
        yield* create("expires", "30 days", Duration.days(12))
        yield* create("later", "20 days")
        yield* create("is idle", "1 day")
        yield* a.deactivate((yield* create("inactive", "11 days")).apiKey.id)
        const used = yield* create("used", "11 days")
        yield* TestClock.adjust("10 days")
        const report = (within: Duration.Input, maximumAge: Duration.Input = "1 day") =>
          Effect.map(Stream.runCollect(a.upcoming({ within, maximumAge })), (all) =>
            all.map(({ apiKey: { name }, reason, at }) => [name, reason, at.epochMilliseconds]),
          )
        const idle = (name: string, days: number) => [name, "idle", after(start, Duration.days(days)).epochMilliseconds]
        const expires = ["expires", "expires", after(start, Duration.days(12)).epochMilliseconds]
        assert.deepStrictEqual(yield* report("1 day"), [])
        const justAfter = Duration.sum(Duration.days(2), oneMilli)
        const firsts = [idle("first", 11), idle("used", 11)]
        const all = yield* report(justAfter)
        assert.deepStrictEqual(all[0], expires)
        assert.sameDeepMembers(all.slice(1, 3), firsts)
        assert.deepStrictEqual(all.slice(3), [idle("second", 12)])
        yield* a.verify(used.token)
        yield* written
        assert.deepStrictEqual(yield* report(justAfter), [expires, idle("first", 11), idle("second", 12)])
        // A key may be in the list for several reasons.
        const aged = yield* report(justAfter, "11 days")
        assert.deepStrictEqual(
          aged.map(([, reason]) => reason),
          ["expires", ...aged.slice(1, -2).map(() => "comesOfAge"), "idle", "idle"],
        )
        assert.strictEqual(aged.length, 3 + 6)
      }),
    ),
  )
})
