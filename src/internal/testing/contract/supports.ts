import { assert } from "@effect/vitest"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as TestClock from "effect/testing/TestClock"
import type { Supports } from "../../record/contract.ts"
import { makeStoredApiKey } from "../fixtures.ts"
import { contractOf, type FacetContract, instant, type Methods } from "./suite.ts"

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
