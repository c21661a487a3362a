import { assert, describe, it } from "@effect/vitest"
import { Clock, DateTime, Duration, Effect, Layer, Redacted, Stream } from "effect"
import { TestClock } from "effect/testing"
import type { KeyId } from "../../src/ApiKey.ts"
import { layerEphemeral } from "../../src/ApiKeyHasher.ts"
import * as Repository from "../../src/ApiKeyRepository.ts"
import * as ApiKeys from "../../src/ApiKeys.ts"
import * as ApiKeyToken from "../../src/ApiKeyToken.ts"
import { delivered, tagOf, wrongSecret } from "../support/nodes.ts"
import { type Node, written, withNodes, ask, current, expiredAt, each, plus } from "./support.ts"

describe("The older token", () => {
  each("with another secret is refused as such, in its grace and after it", ({ a, b }) =>
    Effect.gen(function* () {
      const { apiKey, token } = yield* a.create({ name: "k" })
      const rotated = yield* a.rotate(apiKey.id, { grace: "10 seconds" })
      yield* delivered
      const [, , secret = ""] = Redacted.value(rotated.token).split("-")
      // The new secret behind the old key id.
      const body = `ak-${apiKey.keyId}-${secret.slice(0, -6)}`
      const mixed = body + ApiKeyToken.checksum(body)
      for (const wait of [0, 10_000]) {
        yield* TestClock.adjust(wait)
        for (const node of [a, b]) {
          for (const wrong of [wrongSecret(token), mixed]) assert.strictEqual(yield* tagOf(node.verify(wrong)), "InvalidSecret")
        }
      }
    }),
  )

  each("is refused for the key's own reasons first: inactive, then expired, then its grace, then scopes", ({ a, b }) =>
    Effect.gen(function* () {
      const { apiKey, token } = yield* a.create({ name: "k" })
      const graceEnd = plus(yield* DateTime.now, "10 seconds").epochMilliseconds
      yield* a.rotate(apiKey.id, { grace: "10 seconds" })
      yield* delivered
      assert.strictEqual((yield* ask(b, token, { scopes: ["x"] })).tag, "InsufficientScope")
      yield* TestClock.adjust("20 seconds")
      assert.deepStrictEqual(yield* ask(b, token, { scopes: ["x"] }), expiredAt(graceEnd))
      const expiresAt = yield* DateTime.now
      yield* a.update(apiKey.id, { expiresAt })
      yield* delivered
      assert.deepStrictEqual(yield* ask(b, token, { scopes: ["x"] }), expiredAt(expiresAt.epochMilliseconds))
      yield* a.deactivate(apiKey.id)
      yield* delivered
      assert.deepStrictEqual(yield* ask(b, token, { scopes: ["x"] }), { tag: "Inactive" })
    }),
  )

  each("shows when it was last used since", ({ a, b }) =>
    Effect.gen(function* () {
      const { apiKey, token } = yield* a.create({ name: "k" })
      const rotated = yield* a.rotate(apiKey.id)
      yield* delivered
      yield* b.verify(rotated.token)
      yield* written
      assert.isNull((yield* a.get(apiKey.id)).previous?.lastUsedAt ?? null)
      const at = yield* DateTime.now
      yield* b.verify(token)
      yield* TestClock.adjust("1 millis")
      yield* a.verify(rotated.token)
      yield* written
      const record = yield* a.get(apiKey.id)
      assert.deepStrictEqual(record.previous?.lastUsedAt, at)
      assert.deepStrictEqual(record.lastUsedAt, plus(at, "1 millis"))
      // Refused, it isn't used.
      yield* a.endGrace(apiKey.id)
      yield* delivered
      yield* tagOf(b.verify(token))
      yield* written
      assert.deepStrictEqual((yield* a.get(apiKey.id)).previous?.lastUsedAt, at)
    }),
  )

  it.effect("isn't shown as used since for what it was used before", () =>
    withNodes(1, {}, ({ a }) =>
      Effect.gen(function* () {
        const { apiKey, token } = yield* a.create({ name: "k" })
        yield* a.verify(token)
        yield* TestClock.adjust("1 millis")
        yield* a.rotate(apiKey.id)
        yield* written
        const { lastUsedAt, previous } = yield* a.get(apiKey.id)
        assert.isNotNull(lastUsedAt)
        assert.isNull(previous?.lastUsedAt ?? null)
      }),
    ),
  )

  each("finds the key by its key id, as the new one does, and no longer once it is forgotten", ({ a }) =>
    Effect.gen(function* () {
      const first = yield* a.create({ name: "k" })
      yield* a.create({ name: "another" })
      const second = yield* a.rotate(first.apiKey.id)
      const find = (keyId: KeyId) => Effect.map(a.search({ keyId }), ({ items }) => items.map(({ id }) => id))
      for (const { keyId } of [first.apiKey, second.apiKey]) assert.deepStrictEqual(yield* find(keyId), [first.apiKey.id])
      const third = yield* a.rotate(first.apiKey.id, { ifPrevious: "end" })
      assert.deepStrictEqual(yield* find(first.apiKey.keyId), [])
      for (const { keyId } of [second.apiKey, third.apiKey]) assert.deepStrictEqual(yield* find(keyId), [first.apiKey.id])
    }),
  )
})

describe("The age of tokens", () => {
  const create = (a: Node, name: string, lifetime?: Duration.Input) =>
    Effect.flatMap(DateTime.now, (now) => a.create({ name, expiresAt: lifetime === undefined ? null : plus(now, lifetime) }))

  each("is searched by, and counts from the last rotation", ({ a }) =>
    Effect.gen(function* () {
      const { apiKey } = yield* create(a, "old")
      const rotated = yield* create(a, "rotated")
      yield* TestClock.adjust("1 hour")
      const now = yield* DateTime.now
      yield* a.rotate(rotated.apiKey.id)
      const names = (filter: ApiKeys.Filter) => Effect.map(a.search(filter), ({ items }) => items.map(({ name }) => name).sort())
      assert.deepStrictEqual(yield* names({ tokenCreatedBefore: now }), ["old"])
      assert.deepStrictEqual(yield* names({ tokenCreatedAfter: now }), ["rotated"])
      assert.deepStrictEqual(yield* names({ tokenCreatedBefore: apiKey.createdAt }), [])
      assert.deepStrictEqual(yield* names({ tokenCreatedBefore: plus(now, 1) }), ["old", "rotated"])
      assert.strictEqual(yield* a.count({ tokenCreatedBefore: now }), 1)
      assert.lengthOf(yield* Stream.runCollect(a.stream({ tokenCreatedBefore: now })), 1)
    }),
  )

  it.effect("is reported with expiries before it is reached: first those, then the ages", () =>
    withNodes(1, { maximumAge: "20 days" }, ({ a }) =>
      Effect.gen(function* () {
        const start = yield* DateTime.now
        yield* create(a, "expires second", "15 days")
        yield* create(a, "expires first", "12 days")
        // Neither works as it is.
        yield* create(a, "has expired", "1 day")
        yield* a.deactivate((yield* create(a, "inactive", "12 days")).apiKey.id)
        yield* create(a, "ages first")
        yield* TestClock.adjust("1 day")
        const day = yield* DateTime.now
        yield* create(a, "ages second")
        yield* create(a, "ages later")
        const rotated = yield* create(a, "rotated")
        yield* TestClock.adjust("9 days")
        yield* a.rotate(rotated.apiKey.id)
        const report = (options: { readonly within: Duration.Input; readonly maximumAge?: Duration.Input }) =>
          Effect.map(Stream.runCollect(a.upcoming(options)), (all) =>
            all.map(({ apiKey: { name }, reason, at }) => ({ name, reason, at: at.epochMilliseconds })),
          )
        const expires = (name: string, at: Duration.Input) => ({ name, reason: "expires", at: plus(start, at).epochMilliseconds })
        const comes = (name: string, at: DateTime.Utc) => ({ name, reason: "comesOfAge", at: at.epochMilliseconds })
        const within = Duration.sum(Duration.days(5), Duration.millis(1))
        assert.deepStrictEqual(yield* report({ within: "2 days" }), [])
        assert.deepStrictEqual(yield* report({ within: Duration.sum(Duration.days(2), Duration.millis(1)) }), [
          expires("expires first", "12 days"),
        ])
        const all = yield* report({ within, maximumAge: "14 days" })
        assert.deepStrictEqual(all.slice(0, 2), [expires("expires first", "12 days"), expires("expires second", "15 days")])
        // Those with an expiry come of age too, and two of a moment come in any order.
        assert.sameDeepMembers(all.slice(2), [
          ...["expires second", "expires first", "ages first"].map((name) => comes(name, plus(start, "14 days"))),
          ...["ages second", "ages later"].map((name) => comes(name, plus(day, "14 days"))),
        ])
        const times = all.slice(2).map(({ at }) => at)
        assert.deepStrictEqual(times, times.toSorted())
        // Those that have come of age are no longer about to.
        assert.lengthOf(yield* report({ within: "1 hour", maximumAge: "8 days" }), 0)
        const byDefault = (yield* report({ within: Duration.sum(Duration.days(10), Duration.millis(1)) })).filter(
          ({ reason }) => reason === "comesOfAge",
        )
        assert.sameDeepMembers(
          byDefault,
          ["expires second", "expires first", "ages first"].map((name) => comes(name, plus(start, "20 days"))),
        )
      }),
    ),
  )

  each(
    "ends a token where it is asked for, warm or cold, and a new one helps",
    ({ a, b }) =>
      Effect.gen(function* () {
        const { apiKey, token } = yield* a.create({ name: "k" })
        yield* delivered
        const end = plus(apiKey.createdAt, "1 hour").epochMilliseconds
        yield* TestClock.adjust(Duration.millis(end - (yield* Clock.currentTimeMillis) - 1))
        for (const node of [a, b]) assert.deepStrictEqual(yield* ask(node, token), current)
        yield* TestClock.adjust("1 millis")
        for (const node of [a, b]) {
          assert.deepStrictEqual(yield* ask(node, token), expiredAt(end))
          assert.deepStrictEqual(yield* ask(node, token, { maxAge: 0 }), expiredAt(end))
          assert.deepStrictEqual(yield* ask(node, wrongSecret(token)), { tag: "InvalidSecret" })
        }
        const rotated = yield* a.rotate(apiKey.id, { grace: 0 })
        yield* delivered
        for (const node of [a, b]) {
          assert.deepStrictEqual(yield* ask(node, rotated.token), current)
          assert.strictEqual((yield* ask(node, token)).tag, "Expired")
        }
      }),
    { maximumAge: "1 hour", refuseAged: true },
  )

  each(
    "is only reported unless asked otherwise",
    ({ a, b }) =>
      Effect.gen(function* () {
        const { token } = yield* a.create({ name: "k" })
        yield* TestClock.adjust("2 hours")
        assert.deepStrictEqual(yield* ask(b, token), current)
      }),
    { maximumAge: "1 hour" },
  )

  const senseless = [0, Duration.seconds(-1), Duration.infinity, Duration.negativeInfinity, Duration.days(36_501)]
  it.effect.each([...senseless.map((maximumAge) => ({ maximumAge })), { refuseAged: true }])("must make sense: %o", (options) =>
    Effect.gen(function* () {
      const layer = ApiKeys.layerWith(options).pipe(Layer.provide([layerEphemeral, Repository.layerMemory]))
      assert.strictEqual(yield* tagOf(Effect.scoped(Layer.build(layer))), "InvalidOptions")
    }),
  )

  it.effect("is reported for times that make sense", () =>
    withNodes(1, {}, ({ a }) =>
      Effect.gen(function* () {
        yield* create(a, "k", "1 day")
        for (const time of senseless) {
          const reason = "must be more than 0 and at most 36,500 days"
          const within = yield* Effect.flip(Stream.runCollect(a.upcoming({ within: time })))
          assert.deepInclude(within, { _tag: "InvalidInput", field: "within", reason })
          const age = yield* Effect.flip(Stream.runCollect(a.upcoming({ within: "1 day", maximumAge: time })))
          assert.deepInclude(age, { _tag: "InvalidInput", field: "maximumAge", reason })
        }
        const most = Duration.days(36_500)
        assert.lengthOf(yield* Stream.runCollect(a.upcoming({ within: most, maximumAge: most })), 1)
      }),
    ),
  )

  // As another version of the program, or the command line, may do.
  it.effect("bounds an older token that was replaced where nobody is refused for it", () =>
    withNodes(1, { maximumAge: "1 hour", refuseAged: true }, ({ a, repository }) =>
      Effect.gen(function* () {
        const { apiKey, token } = yield* a.create({ name: "k" })
        const { keyId, prefix, hint } = (yield* a.create({ name: "other" })).apiKey
        const at = yield* DateTime.now
        const previous = { expiresAt: null, graceSeconds: 86_400 }
        yield* a.delete((yield* a.search({ keyId })).items[0]!.id)
        yield* repository.rotate(
          apiKey.id,
          { keyId, prefix, hint, hash: Redacted.make("$x$y"), sealId: null, previous },
          { at, ifVersion: 1 },
        )
        yield* TestClock.adjust("61 seconds")
        assert.strictEqual((yield* ask(a, token)).tag, "good")
        yield* TestClock.adjust("1 hour")
        assert.deepStrictEqual(yield* ask(a, token), expiredAt(plus(at, "1 hour").epochMilliseconds))
      }),
    ),
  )

  it.effect("is reported in the order in which it is reached", () =>
    withNodes(1, {}, ({ a }) =>
      Effect.gen(function* () {
        const rotated = yield* create(a, "rotated")
        yield* TestClock.adjust("1 hour")
        yield* create(a, "not")
        yield* TestClock.adjust("1 hour")
        yield* a.rotate(rotated.apiKey.id)
        const all = yield* Stream.runCollect(a.upcoming({ within: "2 days", maximumAge: "1 day" }))
        assert.deepStrictEqual(
          all.map(({ apiKey }) => apiKey.name),
          ["not", "rotated"],
        )
      }),
    ),
  )

  it.effect("ends a token whose grace waits for the new one, used or not", () =>
    Effect.forEach([true, false], (isUsed) =>
      withNodes(1, { maximumAge: "1 hour", refuseAged: true }, ({ a }) =>
        Effect.gen(function* () {
          const { apiKey, token } = yield* a.create({ name: "k" })
          yield* TestClock.adjust("59 minutes")
          const rotated = yield* a.rotate(apiKey.id, { graceFrom: "firstUse", grace: "30 days" })
          if (isUsed) yield* a.verify(rotated.token)
          yield* TestClock.adjust("59 seconds")
          assert.strictEqual((yield* ask(a, token)).tag, "good")
          yield* TestClock.adjust("1 second")
          assert.strictEqual((yield* ask(a, token)).tag, "Expired")
          yield* TestClock.adjust("1 day")
          assert.strictEqual((yield* ask(a, token)).tag, "Expired")
        }),
      ),
    ),
  )

  it.effect.each(["now", "firstUse"] as const)(
    "that has ended a token isn't undone by a rotation whose grace counts from %s",
    (graceFrom) =>
      withNodes(1, { maximumAge: "1 hour", refuseAged: true }, ({ a }) =>
        Effect.gen(function* () {
          const { apiKey, token } = yield* a.create({ name: "k" })
          yield* TestClock.adjust("1 hour")
          assert.strictEqual((yield* ask(a, token)).tag, "Expired")
          const rotated = yield* a.rotate(apiKey.id, { graceFrom })
          assert.strictEqual((yield* ask(a, token)).tag, "Expired")
          // It waits for nothing.
          const expiresAt = DateTime.addDuration(apiKey.createdAt, "1 hour")
          assert.deepInclude(rotated.apiKey.previous, { expiresAt, graceSeconds: null })
        }),
      ),
  )
})
