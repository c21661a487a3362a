/** Replaces tokens: what works afterwards, for how long, and what is told of it, on one node and two, with the cache and without. */
import { assert, describe } from "@effect/vitest"
import { DateTime, Effect } from "effect"
import { TestClock } from "effect/testing"
import { delivered, tagOf } from "../support/nodes.ts"
import { ask, current, previous, each, plus } from "./support.ts"

describe("A rotation during a grace", () => {
  each("is refused, and says until when that runs, unless the older token is to end", ({ a, b }) =>
    Effect.gen(function* () {
      const now = yield* DateTime.now
      const first = yield* a.create({ name: "k" })
      const { id } = first.apiKey
      const second = yield* a.rotate(id, { grace: "1 hour" })
      for (const token of [first.token, second.token]) yield* b.verify(token)
      assert.deepInclude(yield* Effect.flip(b.rotate(id)), { _tag: "GraceRunning", id, expiresAt: plus(now, "1 hour") })
      assert.strictEqual((yield* a.get(id)).version, 2)
      const third = yield* a.rotate(id, { ifPrevious: "end", graceFrom: "firstUse" })
      yield* delivered
      for (const node of [a, b]) {
        assert.deepStrictEqual(yield* ask(node, first.token), { tag: "NotFound" })
        assert.deepStrictEqual(yield* ask(node, second.token), previous)
      }
      assert.deepInclude(yield* Effect.flip(b.rotate(id)), { _tag: "GraceRunning", expiresAt: null })
      assert.deepStrictEqual(yield* ask(b, third.token), current)
    }),
  )

  each("is allowed as soon as that is over", ({ a }) =>
    Effect.gen(function* () {
      const { apiKey } = yield* a.create({ name: "k" })
      yield* a.rotate(apiKey.id, { grace: "10 seconds" })
      yield* TestClock.adjust("9999 millis")
      assert.strictEqual(yield* tagOf(a.rotate(apiKey.id)), "GraceRunning")
      yield* TestClock.adjust("1 millis")
      assert.strictEqual(yield* tagOf(a.rotate(apiKey.id, { grace: 0 })), "good")
      assert.strictEqual(yield* tagOf(a.rotate(apiKey.id)), "good")
      yield* a.endGrace(apiKey.id)
      assert.strictEqual(yield* tagOf(a.rotate(apiKey.id)), "good")
    }),
  )
})
