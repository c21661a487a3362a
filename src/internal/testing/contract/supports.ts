import { assert } from "@effect/vitest"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as TestClock from "effect/testing/TestClock"
import type { Supports } from "../../record/contract.ts"
import { makeStoredApiKey } from "../fixtures.ts"
import { contractOf, encode, type FacetContract, instant, type Methods, owner } from "./suite.ts"

/** Adds the tests of supports to a suite of one's own. */
export const supportsTests = <R>(it: Methods<R>, store: Effect.Effect<Supports, never, R>): void => {
  it.effect("registers nodes for as long as their leases, if it does", () =>
    Effect.gen(function* () {
      const { nodeRegister } = yield* store
      if (nodeRegister === undefined) return
      const { register, unregister, nodes } = nodeRegister
      // Leases end by the store's own clock, so the test waits in real time.
      const awaitNodes = (expected: ReadonlyArray<string>) =>
        TestClock.withLive(
          Effect.repeat(Effect.delay(nodes, "20 millis"), { until: (found) => found.toSorted().join() === expected.join() }),
        )
      yield* register("contract-a", Duration.hours(1))
      yield* register("contract-b", Duration.millis(1))
      yield* awaitNodes(["contract-a"])
      yield* register("contract-b", Duration.hours(1))
      yield* register("contract-b", Duration.hours(1))
      yield* awaitNodes(["contract-a", "contract-b"])
      yield* unregister("contract-a")
      yield* unregister("contract-a")
      yield* register("contract-b", Duration.millis(1))
      yield* awaitNodes([])
    }),
  )

  it.effect("remembers reports, if it does", () =>
    Effect.gen(function* () {
      const { reports } = yield* store
      if (reports === undefined) return
      const { keyId } = makeStoredApiKey().apiKey
      const [report, other] = [`${"a".repeat(64)} ${keyId}`, `${"b".repeat(64)} ${keyId}`]
      assert.isFalse(yield* reports.isKnown(report))
      yield* reports.remember(report, instant(1))
      yield* reports.remember(report, instant(2))
      assert.isTrue(yield* reports.isKnown(report))
      assert.isFalse(yield* reports.isKnown(other))
      assert.isFalse(yield* reports.isKnown(report.toUpperCase()))
    }),
  )

  it.effect("bounds the number of an owner's keys, if it does", () =>
    Effect.gen(function* () {
      const { ownerBounds } = yield* store
      if (ownerBounds === undefined) return
      const { insert, update } = ownerBounds
      const [ownerId, other] = [owner(), owner()]
      const add = (overrides: Parameters<typeof makeStoredApiKey>[0], maximum: number) => {
        const key = makeStoredApiKey(overrides)
        return Effect.as(insert(key, maximum), key.apiKey)
      }
      const refused = { _tag: "TooManyKeys", ownerId } as const
      assert.deepInclude(yield* Effect.flip(add({ ownerId }, 0)), { ...refused, maximum: 0 })
      const inactive = yield* add({ ownerId, isActive: false }, 3)
      yield* add({ ownerId, expiresAt: instant(-1_000_000) }, 3)
      assert.deepInclude(yield* Effect.flip(add({ ownerId }, 2)), { ...refused, maximum: 2 })
      yield* add({ ownerId }, 3)
      yield* add({ ownerId: other }, 1)
      for (let i = 0; i < 2; i++) yield* add({ ownerId: null }, 0)

      // A record that stays with its owner isn't one more, however many there are.
      const at = instant(1)
      const renamed = yield* update(inactive.id, { ownerId, name: "renamed" }, { at, maximum: 1 })
      assert.deepInclude(encode(renamed), { name: "renamed", ownerId, version: 2 })
      const moving = yield* add({ ownerId: null, name: "before" }, 0)
      const move = { ownerId, name: "after" }
      assert.deepInclude(yield* Effect.flip(update(moving.id, move, { at, maximum: 3 })), { ...refused, maximum: 3 })
      yield* update(inactive.id, { ownerId: null }, { at, maximum: 0 })
      const moved = yield* update(moving.id, move, { at, maximum: 3, ifVersion: 1 })
      assert.deepInclude(encode(moved), { ...move, version: 2 })

      assert.deepInclude(yield* Effect.flip(update(moving.id, move, { at, maximum: 9, ifVersion: 1 })), {
        _tag: "VersionConflict",
        expected: 1,
        actual: 2,
      })
      const { id } = makeStoredApiKey().apiKey
      assert.deepInclude(yield* Effect.flip(update(id, move, { at, maximum: 9 })), { _tag: "ApiKeyNotFound", id })
      const { keyId } = moving
      assert.deepInclude(yield* Effect.flip(add({ ownerId, keyId }, 9)), { _tag: "DuplicateKeyId", keyId })
    }),
  )

  it.effect("bounds it under concurrent calls, if it does", () =>
    Effect.gen(function* () {
      const { ownerBounds } = yield* store
      if (ownerBounds === undefined) return
      const [inserting, moving] = [owner(), owner()]
      const maximum = 3
      const successes = <A, E>(calls: ReadonlyArray<Effect.Effect<A, E>>) =>
        Effect.map(Effect.forEach(calls, Effect.exit, { concurrency: "unbounded" }), (exits) => exits.filter(Exit.isSuccess).length)
      const keys = Array.from({ length: 12 }, () => makeStoredApiKey({ ownerId: inserting }))
      assert.strictEqual(yield* successes(keys.map((key) => ownerBounds.insert(key, maximum))), maximum)
      const others = Array.from({ length: 12 }, () => makeStoredApiKey())
      for (const key of others) yield* ownerBounds.insert(key, maximum)
      const moves = others.map(({ apiKey }) => ownerBounds.update(apiKey.id, { ownerId: moving }, { at: instant(1), maximum }))
      assert.strictEqual(yield* successes(moves), maximum)
    }),
  )

  it.effect("notes peppers, if it does, and keeps the first note of each", () =>
    Effect.gen(function* () {
      const { peppers } = yield* store
      if (peppers === undefined) return
      const [start, labelled] = [`$${crypto.randomUUID()}`, `$pepper=2026a$${crypto.randomUUID()}`]
      const notes = Effect.map(peppers.read, (notes) => notes.filter((note) => note.start === start || note.start === labelled))
      assert.deepStrictEqual(yield* notes, [])
      yield* peppers.note({ start, check: "first", isAssumed: true }, instant(1))
      yield* peppers.note({ start, check: "second", isAssumed: false }, instant(2))
      yield* peppers.note({ start: labelled, check: "third", isAssumed: false }, instant(3))
      assert.sameDeepMembers(Array.from(yield* notes), [
        { start, check: "first", isAssumed: true },
        { start: labelled, check: "third", isAssumed: false },
      ])
    }),
  )
}

/**
 * Tests the parts that only some stores have. A missing part passes. The store may hold other keys.
 * @category tests
 * @since 0.1.0
 */
export const supportsContract: FacetContract<Supports> = contractOf("supports", supportsTests)
