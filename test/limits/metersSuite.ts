/** What every store of meters does: the arithmetic of `ledger.ts`, which is given the store's own times. */
import { assert, layer as describeWith } from "@effect/vitest"
import { Effect, type Layer, Schema } from "effect"
import * as Ledger from "../../src/internal/meters/ledger.ts"
import type { LeaseAnswer, LeaseRequest, Meters, QuotaRule } from "../../src/Meters.ts"

const base = { node: "a", turn: 1, lost: 0, unspent: 0, owed: 0, least: 1, waiting: 1, surplus: 0 }

export const quota = (amount: number, more: Partial<QuotaRule> = {}): QuotaRule => ({
  _tag: "Quota",
  amount,
  begin: null,
  end: null,
  known: null,
  add: 0,
  ceiling: amount,
  ...more,
})

let meters = 0
export const newMeter = (): string => `owner test ${meters++} ${crypto.randomUUID()}`

const between = (minimum: number, maximum: number) => Schema.Int.check(Schema.isBetween({ minimum, maximum }))
const oneOf = <const Values extends ReadonlyArray<string | number>>(...values: Values) => Schema.Literals(values)

/** The requests of some nodes for one meter. Turns rise, stay or fall. */
const Steps = Schema.Array(
  Schema.Struct({
    node: oneOf("a", "b", "c"),
    rises: between(-1, 9),
    loses: Schema.Boolean,
    unspent: between(0, 5),
    owes: between(0, 6),
    least: between(0, 6),
    more: between(0, 6),
    surplus: between(0, 40),
  }),
).check(Schema.isMinLength(1), Schema.isMaxLength(25))

const Rules = Schema.Union([
  Schema.Struct({
    _tag: Schema.tag("Quota"),
    amount: between(0, 100),
    begin: Schema.NullOr(oneOf(0, 1_000)),
    end: Schema.NullOr(oneOf(1_000, 9_000_000_000_000)),
    known: Schema.NullOr(oneOf(0, 500)),
    add: between(0, 50),
    ceiling: between(100, 150),
  }),
  Schema.Struct({
    _tag: oneOf("Window", "Bucket"),
    limit: between(1, 100),
    windowMillis: oneOf(1_000, 60_000),
    leaseMillis: oneOf(10, 200),
  }),
])

/** The uses and changes of a quota while its periods pass. */
const Refills = Schema.Array(
  Schema.Struct({
    periods: between(-1, 2),
    knows: oneOf("last", "last", "other", "all"),
    add: between(0, 150),
    ceiling: between(100, 150),
    change: Schema.NullOr(Schema.Struct({ request: oneOf("one", "two", "three"), kind: oneOf("add", "refund"), units: between(0, 60) })),
    node: oneOf("a", "b", "c"),
    unspent: between(0, 5),
    waiting: between(0, 60),
  }),
).check(Schema.isMinLength(1), Schema.isMaxLength(20))

/** Numbers of the two sides may differ by rounding. */
const rounded = ({ waitMillis, resetMillis, ...answer }: LeaseAnswer) => ({
  ...answer,
  waitMillis: Math.round(waitMillis * 100) / 100,
  resetMillis: Math.round(resetMillis * 100) / 100,
})

export const metersSuite = <E, R>(
  name: string,
  layer: Layer.Layer<R, E>,
  meters: Effect.Effect<Meters["Service"], never, R>,
  options: { readonly arbitrary: { readonly runs: number } },
) =>
  describeWith(layer, { excludeTestServices: true })(`meters in ${name}`, (it) => {
    it.effect.prop(
      "keep balances as the ledger does",
      [Rules, Steps],
      ([rule, steps]) =>
        Effect.gen(function* () {
          const store = yield* meters
          const meter = newMeter()
          const balance = Ledger.empty()
          const turns = { a: 5, b: 5, c: 5 }
          for (const { node, rises, loses, more, owes, ...step } of steps) {
            turns[node] += rises < 1 ? rises : 1
            const turn = turns[node]
            const request: LeaseRequest = {
              ...step,
              meter,
              rule,
              node,
              turn,
              owed: owes > 4 ? owes : 0,
              lost: loses ? turn - 1 : 0,
              waiting: step.least + more,
            }
            const [answer] = yield* store.lease([request])
            assert.isDefined(answer)
            assert.deepStrictEqual(rounded(answer!), rounded(Ledger.lease(balance, request, answer!.now)), JSON.stringify(request))
          }
        }),
      options,
    )

    it.effect.prop(
      "refill quotas as the ledger does",
      [Refills],
      ([steps]) =>
        Effect.gen(function* () {
          const store = yield* meters
          const meter = newMeter()
          const balance = Ledger.empty()
          const changes = new Map<string, { kind: string; units: number; applied: number }>()
          let at = Number.NEGATIVE_INFINITY
          let begin = 0
          let turn = 0
          for (const { periods, knows, add, ceiling, change, ...use } of steps) {
            begin = Math.max(0, begin + periods * 1_000)
            const known = knows === "last" ? at : knows === "other" ? at - 1 : null
            const rule = quota(100, { begin, end: 9e12, known, add, ceiling })
            if (change === null) {
              const request: LeaseRequest = { ...base, ...use, meter, rule, turn: ++turn, least: 0 }
              const [answer] = yield* store.lease([request])
              assert.isDefined(answer)
              assert.deepStrictEqual(answer, Ledger.lease(balance, request, answer!.now), JSON.stringify(request))
              at = answer!.at
            } else {
              const adjustment = { ...change, meter, rule }
              const answer = yield* store.adjust(adjustment)
              const expected = Ledger.adjust(balance, adjustment, changes.get(change.request), answer.now)
              assert.deepStrictEqual(answer, expected, JSON.stringify(adjustment))
              if (expected.outcome === "done") changes.set(change.request, { ...change, applied: expected.units })
              at = answer.at
            }
          }
        }),
      options,
    )

    it.effect("answer many requests in their order", () =>
      Effect.gen(function* () {
        const store = yield* meters
        const names = Array.from({ length: 20 }, newMeter)
        const answers = yield* store.lease(
          names.map((meter, index) => ({ ...base, meter, rule: quota(100), least: 0, waiting: index, turn: 1 })),
        )
        assert.deepStrictEqual(
          answers.map(({ granted }) => granted),
          names.map((_, index) => index),
        )
      }),
    )

    it.effect("make a change by hand once", () =>
      Effect.gen(function* () {
        const store = yield* meters
        const meter = newMeter()
        const rule = quota(10)
        yield* store.lease([{ ...base, meter, rule, waiting: 4 }])
        const change = (request: string | null, kind: "add" | "refund", units: number) =>
          Effect.map(
            store.adjust({ meter, rule, request, kind, units }),
            ({ outcome, units, remaining }) => `${outcome} ${units} ${remaining}`,
          )
        assert.strictEqual(yield* change(null, "add", 0), "done 0 6")
        assert.strictEqual(yield* change("one", "add", 5), "done 5 11")
        assert.strictEqual(yield* change("one", "add", 5), "repeated 5 11")
        assert.strictEqual(yield* change("one", "add", 6), "conflict 0 11")
        assert.strictEqual(yield* change("one", "refund", 5), "conflict 0 11")
        assert.strictEqual(yield* change("two", "refund", 5), "done 0 11")
        assert.strictEqual(yield* change("three", "add", -20), "done -11 0")
        assert.strictEqual(yield* change("four", "refund", 3), "done 3 3")
        assert.strictEqual(yield* change("five", "refund", 30), "done 7 10")
        assert.strictEqual(yield* change("four", "refund", 3), "repeated 3 10")
        assert.strictEqual(yield* change(null, "add", 0), "done 0 10")
        const stale = quota(10, { begin: 9e12, end: 9.1e12 })
        assert.strictEqual((yield* store.adjust({ meter, rule: stale, request: "six", kind: "add", units: 1 })).outcome, "stale")
      }),
    )

    it.effect("never give more than there is, to many at once", () =>
      Effect.gen(function* () {
        const store = yield* meters
        const meter = newMeter()
        const ask = (index: number) =>
          store.lease([{ ...base, meter, rule: quota(500), node: `n${index % 7}`, turn: index + 1, least: 1, waiting: 3, surplus: 50 }])
        const answers = yield* Effect.forEach(Array.from({ length: 400 }), (_, index) => ask(index), { concurrency: 16 })
        assert.strictEqual(
          answers.flat().reduce((sum, { granted }) => sum + granted, 0),
          500,
        )
      }),
    )
  })
