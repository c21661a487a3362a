/** Changes of algorithm, parameters and pepper, and keys of other systems: each hash is made anew when its token comes by. */
import { assert, describe } from "@effect/vitest"
import { Effect } from "effect"
import { TestClock } from "effect/testing"
import { settled, tagOf } from "../support/nodes.ts"
import { each, insertRow, rowOf, shop, afterPepper } from "./support.ts"

describe("The report of hashes", () => {
  each("counts them by kind, before and after", (setting) =>
    Effect.gen(function* () {
      const { apiKey, token, a } = yield* afterPepper(setting)
      const rotated = yield* a.rotate(apiKey.id, { grace: "1 hour" })
      yield* a.create({ name: "k" })
      yield* insertRow(setting, shop, rowOf("shop_2"))
      const kind = { algorithm: "hmac-sha256", parameters: "v=1" }
      const legacy = { algorithm: "legacy-sha256", parameters: "", pepper: null, count: 1, isCurrent: false }
      const sorted = Effect.map(a.hashReport, (report) =>
        report.toSorted((one, other) => (String(one.pepper) < String(other.pepper) ? -1 : 1)),
      )
      assert.deepStrictEqual(yield* sorted, [
        { ...kind, pepper: "2025", count: 1, isCurrent: false },
        { ...kind, pepper: "2026", count: 2, isCurrent: true },
        legacy,
      ])
      yield* a.verify(token)
      yield* settled
      assert.deepStrictEqual(yield* sorted, [{ ...kind, pepper: "2026", count: 3, isCurrent: true }, legacy])
      // The hash of a token that has ended is needed no more.
      yield* TestClock.adjust("1 hour")
      assert.deepStrictEqual(yield* sorted, [{ ...kind, pepper: "2026", count: 2, isCurrent: true }, legacy])
      assert.strictEqual(yield* tagOf(a.verify(rotated.token)), "good")
    }),
  )
})
