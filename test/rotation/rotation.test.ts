import { inspect } from "node:util"
import { assert, describe, it } from "@effect/vitest"
import { Clock, DateTime, Duration, Effect, Layer, Option, Redacted } from "effect"
import { TestClock } from "effect/testing"
import { DuplicateKeyId, InvalidInput } from "../../src/ApiKeyError.ts"
import { ApiKeyHasher, layerEphemeral } from "../../src/ApiKeyHasher.ts"
import * as Repository from "../../src/ApiKeyRepository.ts"
import * as ApiKeys from "../../src/ApiKeys.ts"
import { delivered, makeHub, tagOf } from "../support/nodes.ts"
import { type Node, keyIdOf, written, withNodes, ask, current, previous, expiredAt, each, plus } from "./support.ts"

describe("A rotation", () => {
  each("keeps the record, and gives it a new key id and token", ({ a, repository }) =>
    Effect.gen(function* () {
      const { apiKey, token } = yield* a.create({ name: "k", ownerId: "o", scopes: ["x"], metadata: { m: [1] }, description: "d" })
      yield* TestClock.adjust("1 hour")
      yield* a.verify(token)
      yield* written
      const before = yield* a.get(apiKey.id)
      assert.isNotNull(before.lastUsedAt)
      const now = yield* DateTime.now
      const rotated = yield* a.rotate(apiKey.id)
      assert.notStrictEqual(rotated.apiKey.keyId, apiKey.keyId)
      assert.strictEqual(rotated.apiKey.keyId, keyIdOf(rotated.token))
      assert.deepStrictEqual(
        { ...rotated.apiKey, previous: { ...rotated.apiKey.previous } },
        {
          ...before,
          keyId: rotated.apiKey.keyId,
          hint: Redacted.value(rotated.token).slice(-10, -6),
          version: 2,
          updatedAt: now,
          rotatedAt: now,
          previous: { keyId: apiKey.keyId, hint: apiKey.hint, expiresAt: plus(now, "24 hours"), graceSeconds: null, lastUsedAt: null },
        },
      )
      assert.deepStrictEqual(yield* a.get(apiKey.id), rotated.apiKey)
      const stored = Option.getOrThrow(yield* repository.findById(apiKey.id))
      assert.notStrictEqual(Redacted.value(stored.hash), Redacted.value(stored.previousHash ?? stored.hash))
      assert.strictEqual((yield* a.search()).total, 1)
    }),
  )

  each("lets both tokens work for a day, says which was used, and then says when the older one ended", ({ a, b }) =>
    Effect.gen(function* () {
      const first = yield* a.create({ name: "k" })
      yield* b.verify(first.token)
      const end = plus(yield* DateTime.now, "24 hours").epochMilliseconds
      const second = yield* a.rotate(first.apiKey.id)
      yield* delivered
      for (const node of [a, b]) {
        assert.deepStrictEqual(yield* ask(node, first.token), previous)
        assert.deepStrictEqual(yield* ask(node, second.token), current)
      }
      yield* TestClock.adjust(Duration.millis(end - (yield* Clock.currentTimeMillis) - 1))
      for (const node of [a, b]) assert.deepStrictEqual(yield* ask(node, first.token), previous)
      yield* TestClock.adjust("1 millis")
      for (const node of [a, b]) {
        assert.deepStrictEqual(yield* ask(node, first.token), expiredAt(end))
        assert.deepStrictEqual(yield* ask(node, second.token), current)
      }
    }),
  )

  each("shows the token once: neither record nor error holds it, or a hash", ({ a, repository }) =>
    Effect.gen(function* () {
      const first = yield* a.create({ name: "k" })
      const second = yield* a.rotate(first.apiKey.id)
      const refused = yield* Effect.flip(a.rotate(first.apiKey.id))
      const stored = Option.getOrThrow(yield* repository.findById(first.apiKey.id))
      const hidden = [
        ...[first.token, second.token].map((token) => Redacted.value(token).split("-")[2] ?? ""),
        ...[stored.hash, stored.previousHash].map((hash) => (hash === null ? "" : Redacted.value(hash))),
      ]
      assert.isFalse(hidden.includes(""))
      const seen = yield* a.verify(second.token)
      for (const value of [second, refused, seen, stored, yield* a.get(first.apiKey.id), yield* a.search()]) {
        const text = inspect(value, { depth: null, showHidden: true }) + String(value) + JSON.stringify(value)
        for (const secret of hidden) assert.notInclude(text, secret)
      }
    }),
  )

  it.effect.each([0, "90 days", "1 second", "1 hour"] as const)("takes a grace of %s", (grace) =>
    withNodes(1, {}, ({ a }) =>
      Effect.gen(function* () {
        const { apiKey, token } = yield* a.create({ name: "k" })
        const rotated = yield* a.rotate(apiKey.id, { grace })
        const end = plus(yield* DateTime.now, grace)
        assert.deepStrictEqual(rotated.apiKey.previous?.expiresAt, end)
        assert.deepStrictEqual(yield* ask(a, token), grace === 0 ? expiredAt(end.epochMilliseconds) : previous)
      }),
    ),
  )

  it.effect("takes no grace that is negative, or longer than 90 days", () =>
    withNodes(1, {}, ({ a }) =>
      Effect.gen(function* () {
        const { apiKey, token } = yield* a.create({ name: "k" })
        const refusals = [
          Duration.sum(Duration.days(90), Duration.millis(1)),
          Duration.infinity,
          Duration.negativeInfinity,
          Duration.seconds(-1),
          "91 days",
        ] as const
        for (const grace of refusals) {
          assert.deepStrictEqual(
            yield* Effect.flip(a.rotate(apiKey.id, { grace })),
            new InvalidInput({ field: "grace", reason: "must be 0 to 90 days" }),
          )
        }
        assert.deepStrictEqual(yield* a.get(apiKey.id), apiKey)
        assert.deepStrictEqual(yield* ask(a, token), current)
      }),
    ),
  )

  each("never lets the older token outlive the key", ({ a, b }) =>
    Effect.gen(function* () {
      const expiresAt = plus(yield* DateTime.now, "1 hour")
      const [fixed, waiting] = [yield* a.create({ name: "k", expiresAt }), yield* a.create({ name: "k", expiresAt })]
      const rotated = yield* a.rotate(fixed.apiKey.id)
      assert.deepStrictEqual(rotated.apiKey.previous?.expiresAt, expiresAt)
      const other = yield* a.rotate(waiting.apiKey.id, { graceFrom: "firstUse" })
      yield* b.verify(other.token)
      yield* written
      assert.deepStrictEqual((yield* a.get(waiting.apiKey.id)).previous?.expiresAt, expiresAt)
      // A longer life of the key doesn't lengthen a grace that is settled.
      yield* a.update(fixed.apiKey.id, { expiresAt: null })
      yield* TestClock.adjust("1 hour")
      for (const node of [a, b]) {
        for (const token of [fixed.token, waiting.token, other.token]) {
          assert.deepStrictEqual(yield* ask(node, token), expiredAt(expiresAt.epochMilliseconds))
        }
        assert.deepStrictEqual(yield* ask(node, rotated.token), current)
      }
    }),
  )

  each("of a key that doesn't exist, or has changed, does nothing", ({ a }) =>
    Effect.gen(function* () {
      const { apiKey, token } = yield* a.create({ name: "k" })
      const conflict = yield* Effect.flip(a.rotate(apiKey.id, { ifVersion: 2 }))
      assert.deepInclude(conflict, { _tag: "VersionConflict", id: apiKey.id, expected: 2, actual: 1 })
      assert.deepStrictEqual(yield* a.get(apiKey.id), apiKey)
      const rotated = yield* a.rotate(apiKey.id, { ifVersion: 1 })
      assert.strictEqual(rotated.apiKey.version, 2)
      assert.strictEqual(yield* tagOf(a.rotate(apiKey.id, { ifVersion: 1, ifPrevious: "end" })), "VersionConflict")
      assert.deepStrictEqual(yield* ask(a, token), previous)
      yield* a.delete(apiKey.id)
      assert.strictEqual(yield* tagOf(a.rotate(apiKey.id)), "ApiKeyNotFound")
      assert.strictEqual(yield* tagOf(a.endGrace(apiKey.id)), "ApiKeyNotFound")
      for (const gone of [token, rotated.token]) assert.deepStrictEqual(yield* ask(a, gone), { tag: "NotFound" })
    }),
  )

  each("of an inactive or expired key leaves it so", ({ a, b }) =>
    Effect.gen(function* () {
      const now = yield* DateTime.now
      const { apiKey, token } = yield* a.create({ name: "k" })
      yield* b.verify(token)
      yield* a.deactivate(apiKey.id)
      const rotated = yield* a.rotate(apiKey.id)
      yield* delivered
      for (const each of [token, rotated.token]) assert.deepStrictEqual(yield* ask(b, each), { tag: "Inactive" })
      yield* a.update(apiKey.id, { expiresAt: now })
      yield* delivered
      for (const each of [token, rotated.token]) assert.deepStrictEqual(yield* ask(b, each), { tag: "Inactive" })
      yield* a.activate(apiKey.id)
      yield* delivered
      for (const each of [token, rotated.token]) assert.deepStrictEqual(yield* ask(b, each), expiredAt(now.epochMilliseconds))
    }),
  )

  each("by two at once succeeds for both, and leaves one pair of tokens", ({ a, b }) =>
    Effect.gen(function* () {
      const { apiKey, token } = yield* a.create({ name: "k" })
      for (const node of [a, b]) yield* node.verify(token)
      const rotate = (node: Node) => node.rotate(apiKey.id, { ifPrevious: "end" })
      const [one, other] = yield* Effect.all([rotate(a), rotate(b)], { concurrency: "unbounded" })
      yield* delivered
      const [last, before] = one.apiKey.version > other.apiKey.version ? [one, other] : [other, one]
      assert.deepStrictEqual([before.apiKey.version, last.apiKey.version], [2, 3])
      for (const node of [a, b]) {
        assert.deepStrictEqual(yield* ask(node, last.token), current)
        assert.deepStrictEqual(yield* ask(node, before.token), previous)
        assert.deepStrictEqual(yield* ask(node, token), { tag: "NotFound" })
      }
    }),
  )

  it.effect("by two at once reads again what it overwrites", () => {
    let meanwhile: Effect.Effect<unknown, { readonly _tag: string }> = Effect.void
    const adapt = (repository: Repository.ApiKeyRepository["Service"]): typeof repository => ({
      ...repository,
      rotate: (...args) =>
        Effect.andThen(
          Effect.suspend(() => Effect.ignore(meanwhile)),
          repository.rotate(...args),
        ),
    })
    return withNodes(
      1,
      {},
      ({ a, repository }) =>
        Effect.gen(function* () {
          const { apiKey } = yield* a.create({ name: "k" })
          const { id } = apiKey
          const change = Effect.flatMap(DateTime.now, (at) => repository.update(id, { name: "changed" }, { at }))
          meanwhile = Effect.andThen(
            Effect.sync(() => (meanwhile = Effect.void)),
            change,
          )
          const rotated = yield* a.rotate(id)
          assert.deepInclude(rotated.apiKey, { name: "changed", version: 3 })
          meanwhile = change
          const named = { ifVersion: 3, ifPrevious: "end" } as const
          assert.strictEqual(yield* tagOf(a.rotate(id, named)), "VersionConflict")
          // A record that never stops changing is given up.
          const error = yield* Effect.flip(a.rotate(id, { ifPrevious: "end" }))
          assert.deepInclude(error, { _tag: "RepositoryError", isRetryable: true })
          assert.strictEqual((yield* a.get(id)).keyId, rotated.apiKey.keyId)
        }),
      { adapt },
    )
  })

  it.effect("of no key makes no hash", () => {
    let hashes = 0
    const hasher = Layer.effect(
      ApiKeyHasher,
      Effect.map(ApiKeyHasher, (hasher) => ({ ...hasher, hash: (secret) => Effect.suspend(() => (hashes++, hasher.hash(secret))) })),
    ).pipe(Layer.provide(layerEphemeral))
    return Effect.gen(function* () {
      const apiKeys = yield* ApiKeys.ApiKeys
      const { apiKey } = yield* apiKeys.create({ name: "k" })
      yield* apiKeys.delete(apiKey.id)
      hashes = 0
      assert.strictEqual(yield* tagOf(apiKeys.rotate(apiKey.id)), "ApiKeyNotFound")
      assert.strictEqual(hashes, 0)
    }).pipe(Effect.provide(ApiKeys.layer.pipe(Layer.provide([hasher, Layer.fresh(Repository.layerMemory)]))))
  })

  it.effect("while an older token is being revoked leaves the one that takes its place", () => {
    let meanwhile: Effect.Effect<unknown, { readonly _tag: string }> = Effect.void
    const adapt = (repository: Repository.ApiKeyRepository["Service"]): typeof repository => ({
      ...repository,
      endPrevious: (...args) =>
        Effect.andThen(
          Effect.suspend(() => Effect.ignore(meanwhile)),
          repository.endPrevious(...args),
        ),
    })
    return withNodes(
      1,
      {},
      ({ a }) =>
        Effect.gen(function* () {
          const first = yield* a.create({ name: "k" })
          const second = yield* a.rotate(first.apiKey.id)
          meanwhile = a.rotate(first.apiKey.id, { ifPrevious: "end" })
          yield* a.revoke(first.token, { reason: "leaked" })
          assert.deepStrictEqual(yield* ask(a, first.token), { tag: "NotFound" })
          assert.deepStrictEqual(yield* ask(a, second.token), previous)
        }),
      { adapt },
    )
  })

  it.effect("that a node hasn't heard of spares the new token when the older one is revoked there", () =>
    withNodes(
      2,
      {},
      ({ a, b }) =>
        Effect.gen(function* () {
          const first = yield* a.create({ name: "k" })
          assert.deepStrictEqual(yield* ask(b, first.token), current)
          const second = yield* a.rotate(first.apiKey.id)
          yield* delivered
          assert.deepStrictEqual(yield* ask(b, first.token), current)
          assert.strictEqual((yield* b.revoke(first.token, { reason: "leaked" })).usedToken, "previous")
          assert.strictEqual((yield* ask(b, first.token)).tag, "Expired")
          assert.deepStrictEqual(yield* ask(b, second.token), current)
          assert.strictEqual(yield* tagOf(b.revoke(first.token, { reason: "leaked" })), "Expired")
        }),
      { hub: makeHub((message) => /^(changed|doubtful|settled) /.test(message)) },
    ),
  )

  it.effect("whose key id is taken says so", () =>
    withNodes(
      1,
      {},
      ({ a }) =>
        Effect.gen(function* () {
          const { apiKey, token } = yield* a.create({ name: "k" })
          assert.deepInclude(yield* Effect.flip(a.rotate(apiKey.id)), { _tag: "RepositoryError", operation: "find a free key id" })
          assert.deepStrictEqual(yield* ask(a, token), current)
        }),
      { adapt: (repository) => ({ ...repository, rotate: (_id, { keyId }) => Effect.fail(new DuplicateKeyId({ keyId })) }) },
    ),
  )

  it.effect("takes whole seconds, and no less than was asked for", () =>
    withNodes(1, {}, ({ a }) =>
      Effect.gen(function* () {
        const { apiKey } = yield* a.create({ name: "k" })
        const rotated = yield* a.rotate(apiKey.id, { grace: "1001 millis" })
        assert.deepStrictEqual(rotated.apiKey.previous?.expiresAt, plus(yield* DateTime.now, "2 seconds"))
      }),
    ),
  )

  each("by two at once who let the older token be, or name the version, succeeds for one", ({ a, b }) =>
    Effect.gen(function* () {
      for (const [options, refusal] of [
        [{}, "GraceRunning"],
        [{ ifVersion: 1, ifPrevious: "end" }, "VersionConflict"],
      ] as const) {
        const { apiKey, token } = yield* a.create({ name: "k" })
        const tags = yield* Effect.all([tagOf(a.rotate(apiKey.id, options)), tagOf(b.rotate(apiKey.id, options))], {
          concurrency: "unbounded",
        })
        assert.deepStrictEqual(tags.toSorted(), [refusal, "good"].toSorted())
        yield* delivered
        for (const node of [a, b]) assert.deepStrictEqual(yield* ask(node, token), previous)
        assert.strictEqual((yield* a.get(apiKey.id)).version, 2)
      }
    }),
  )
})
