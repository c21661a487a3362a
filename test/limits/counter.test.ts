/** The counters of rate limits, against what each algorithm promises. */
import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import { type Counter, type Limit, make, maxExact } from "../../src/internal/limits/counter.ts"

const between = (minimum: number, maximum: number) => Schema.Int.check(Schema.isBetween({ minimum, maximum }))

/** A use: the time since the one before, in milliseconds, and its units. */
const Use = Schema.Struct({ after: between(0, 400), units: between(0, 12) })
const Limits = Schema.Struct({
  // On both sides of the limits whose single uses are counted.
  limit: Schema.Union([between(1, 20), between(maxExact - 2, maxExact + 80)]),
  window: between(1, 5),
})
const Uses = Schema.Array(Use).check(Schema.isMinLength(50), Schema.isMaxLength(600))

interface Taken {
  readonly at: number
  readonly units: number
}

/** Takes the units that a counter lets through. */
const run = (counter: Counter, uses: ReadonlyArray<typeof Use.Type>): ReadonlyArray<Taken> => {
  const taken: Array<Taken> = []
  let at = 0
  for (const { after, units } of uses) {
    at += after
    if (counter.waitFor(units, at) > 0) continue
    counter.take(units, at)
    taken.push({ at, units })
  }
  return taken
}

/** The most units within any time of the length, its end exclusive. */
const most = (taken: ReadonlyArray<Taken>, length: number): number => {
  let greatest = 0
  for (const [index, { at }] of taken.entries()) {
    let sum = 0
    for (let next = index; next < taken.length && taken[next]!.at < at + length; next++) sum += taken[next]!.units
    greatest = Math.max(greatest, sum)
  }
  return greatest
}

const algorithms = ["window", "bucket"] as const
const limitOf = ({ limit, window }: typeof Limits.Type, algorithm: Limit["algorithm"]): Limit => ({
  limit,
  window: window * 1_000,
  algorithm,
})

describe("a window", () => {
  it.prop("never sees more than the limit, wherever it begins", [Limits, Uses], ([limits, uses]) => {
    const limit = limitOf(limits, "window")
    assert.isAtMost(most(run(make(limit), uses), limit.window), limit.limit)
  })

  it.each([10, maxExact, maxExact + 1, 1_000])("of %d units can be used up to 0.95 under steady demand, without pause", (limit) => {
    const counter = make({ limit, window: 10_000, algorithm: "window" })
    const windows = 50
    const taken = run(
      counter,
      Array.from({ length: windows * 1_000 }, () => ({ after: 10, units: limit > 500 ? 2 : 1 })),
    )
    assert.isAtLeast(
      taken.reduce((sum, { units }) => sum + units, 0),
      0.95 * limit * windows,
    )
  })
})

describe("a bucket", () => {
  it.prop("never sees more than its units and those refilled meanwhile", [Limits, Uses], ([limits, uses]) => {
    const limit = limitOf(limits, "bucket")
    const taken = run(make(limit), uses)
    for (const length of [1, 100, limit.window / 2, limit.window, 3 * limit.window]) {
      // The times are whole, so what is refilled counts up to the last use within the time.
      assert.isAtMost(most(taken, length), limit.limit * (1 + (length - 1) / limit.window) + 1e-6)
    }
  })
})

describe.each(algorithms)("a %s", (algorithm) => {
  it.prop("keeps its promise when units come back after later uses", [Limits, Uses], ([limits, uses]) => {
    const limit = limitOf(limits, algorithm)
    const counter = make(limit)
    const kept: Array<Taken> = []
    let lent: Taken | undefined
    let at = 0
    for (const { after, units } of uses) {
      at += after
      if (lent !== undefined && after % 2 === 0) {
        counter.giveBack(lent.units, lent.at, at)
        lent = undefined
      }
      if (counter.waitFor(units, at) > 0) continue
      counter.take(units, at)
      if (lent === undefined && after % 3 === 0) lent = { at, units }
      else kept.push({ at, units })
    }
    for (const length of [1, limit.window / 2, limit.window]) {
      const refilled = algorithm === "bucket" ? (limit.limit * (length - 1)) / limit.window : 0
      assert.isAtMost(most(kept, length), limit.limit + refilled + 1e-6)
    }
  })

  it.prop("lets a use through after exactly the time that it asks for", [Limits, Uses], ([limits, uses]) => {
    const counter = make(limitOf(limits, algorithm))
    let at = 0
    for (const { after, units } of uses) {
      at += after
      const wait = counter.waitFor(units, at)
      if (units > limits.limit) assert.strictEqual(wait, Number.POSITIVE_INFINITY)
      else if (wait === 0) counter.take(units, at)
      else {
        assert.isAbove(wait, 0)
        at += Math.ceil(wait)
        assert.strictEqual(counter.waitFor(units, at), 0)
        counter.take(units, at)
      }
    }
  })

  it.prop("tells how many units are left, and when there are more", [Limits, Uses], ([limits, uses]) => {
    const limit = limitOf(limits, algorithm)
    const counter = make(limit)
    let at = 0
    for (const { after, units } of uses) {
      at += after
      if (counter.waitFor(units, at) === 0) counter.take(units, at)
      const left = counter.remaining(at)
      assert.isTrue(left >= 0 && left <= limit.limit)
      assert.strictEqual(counter.waitFor(left, at), 0)
      assert.isAbove(counter.waitFor(left + 1, at), 0)
      const reset = counter.resetAfter(at)
      if (left < limit.limit) {
        assert.isAbove(reset, 0)
        assert.isAbove(counter.remaining(at + Math.ceil(reset)), left)
      } else assert.strictEqual(reset, 0)
    }
  })

  it.prop("takes units back as if they had never been taken", [Limits, Uses], ([limits, uses]) => {
    const limit = limitOf(limits, algorithm)
    const [counter, plain] = [make(limit), make(limit)]
    let at = 0
    for (const [index, { after, units }] of uses.entries()) {
      at += after
      const [one, other] = [counter.waitFor(units, at), plain.waitFor(units, at)]
      assert.isTrue(one === other || Math.abs(one - other) < 1e-6, `${one} ${other}`)
      if (plain.waitFor(units, at) > 0) continue
      if (index % 3 === 0) {
        const takenAt = at
        counter.take(units, at)
        at += (index % 2) * 100
        counter.giveBack(units, takenAt, at)
      } else {
        counter.take(units, at)
        plain.take(units, at)
      }
    }
  })
})
