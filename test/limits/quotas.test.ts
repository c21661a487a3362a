/** The policy `quotas`: keys that may be used so often in all, on one node. */
import { assert, describe, it } from "@effect/vitest"
import { DateTime, Effect, Layer } from "effect"
import { TestClock } from "effect/testing"
import * as ApiKeys from "../../src/ApiKeys.ts"
import type { Quota } from "../../src/Quota.ts"

const keys = <A, E>(test: (apiKeys: ApiKeys.ApiKeys["Service"]) => Effect.Effect<A, E>, options: ApiKeys.Options = {}) =>
  Effect.andThen(TestClock.setTime(Date.parse("2026-01-31T10:00:00Z")), Effect.flatMap(ApiKeys.ApiKeys, test)).pipe(
    Effect.provide(Layer.fresh(ApiKeys.layerMemoryWith(options))),
  )

const make = (apiKeys: ApiKeys.ApiKeys["Service"], quotas: ReadonlyArray<Quota>, ownerId?: string) =>
  apiKeys.create({ name: "k", ownerId, policies: { quotas } })

/** The refusal of a use, or the number of units that are left of each quota. */
const use = (
  apiKeys: ApiKeys.ApiKeys["Service"],
  token: Parameters<ApiKeys.ApiKeys["Service"]["verify"]>[0],
  options?: ApiKeys.VerifyOptions,
) =>
  apiKeys.verify(token, options).pipe(
    Effect.map(({ limits }) => limits.map(({ name, remaining }) => `${name} ${remaining}`).join(", ")),
    Effect.catchTag("QuotaExceeded", ({ name, refillsAt, violated }) =>
      Effect.succeed(`over ${name} of ${violated.join("+")} until ${refillsAt === null ? "never" : DateTime.formatIso(refillsAt)}`),
    ),
  )

const monthly: Quota = { name: "monthly", amount: 3, refill: { every: "month" } }
const once: Quota = { name: "once", amount: 5 }

describe("a key with quotas", () => {
  it.effect("spends each of them, and none if one lacks units", () =>
    keys((apiKeys) =>
      Effect.gen(function* () {
        const { token } = yield* make(apiKeys, [monthly, once])
        assert.strictEqual(yield* use(apiKeys, token), "monthly 2, once 4")
        assert.strictEqual(yield* use(apiKeys, token, { cost: 0 }), "monthly 2, once 4")
        assert.strictEqual(yield* use(apiKeys, token, { cost: 3 }), "over monthly of monthly until 2026-02-01T00:00:00.000Z")
        assert.strictEqual(yield* use(apiKeys, token, { cost: 9 }), "over monthly of monthly+once until never")
        assert.strictEqual(yield* use(apiKeys, token, { maxAge: 0, cost: 2 }), "monthly 0, once 2")
        assert.strictEqual(yield* use(apiKeys, token), "over monthly of monthly until 2026-02-01T00:00:00.000Z")
        yield* TestClock.setTime(Date.parse("2026-01-31T23:59:59.999Z"))
        assert.strictEqual(yield* use(apiKeys, token), "over monthly of monthly until 2026-02-01T00:00:00.000Z")
        yield* TestClock.setTime(Date.parse("2026-02-01T00:00:00Z"))
        assert.strictEqual(yield* use(apiKeys, token), "monthly 2, once 1")
        assert.strictEqual(yield* use(apiKeys, token), "monthly 1, once 0")
        assert.strictEqual(yield* use(apiKeys, token), "over once of once until never")
      }),
    ),
  )

  it.effect("that are added on top gathers units up to the ceiling, whether it is used or not", () =>
    keys((apiKeys) =>
      Effect.gen(function* () {
        const { token } = yield* make(apiKeys, [{ name: "gathering", amount: 10, refill: { every: "day", mode: "add", ceiling: 25 } }])
        assert.strictEqual(yield* use(apiKeys, token, { cost: 9 }), "gathering 1")
        yield* TestClock.adjust("1 day")
        assert.strictEqual(yield* use(apiKeys, token, { cost: 0 }), "gathering 11")
        assert.strictEqual(yield* use(apiKeys, token, { cost: 1 }), "gathering 10")
        yield* TestClock.adjust("5 days")
        assert.strictEqual(yield* use(apiKeys, token), "gathering 24")
      }),
    ),
  )

  it.effect("is topped up, and units are taken back and refunded, each once", () =>
    keys((apiKeys) =>
      Effect.gen(function* () {
        const { apiKey, token } = yield* make(apiKeys, [monthly, once])
        const change = (change: "topUp" | "takeBack" | "refund", units: number, requestId: string) =>
          Effect.map(
            apiKeys.changeQuota(apiKey.id, { quota: "monthly", change, units, requestId }),
            ({ units, remaining, isRepeated }) => `${units} ${remaining}${isRepeated ? " again" : ""}`,
          )
        assert.strictEqual(yield* change("topUp", 10, "a"), "10 13")
        assert.strictEqual(yield* change("topUp", 10, "a"), "10 13 again")
        assert.strictEqual(yield* use(apiKeys, token), "monthly 12, once 4")
        assert.strictEqual(yield* change("refund", 1, "b"), "0 12")
        assert.strictEqual(yield* change("takeBack", 20, "c"), "12 0")
        assert.strictEqual(yield* use(apiKeys, token), "over monthly of monthly until 2026-02-01T00:00:00.000Z")
        assert.strictEqual(yield* change("refund", 2, "d"), "2 2")
        assert.strictEqual(yield* use(apiKeys, token), "monthly 1, once 3")
        const left = yield* apiKeys.quotas(apiKey.id)
        assert.deepStrictEqual(
          left.map(({ name, limit, remaining, resetAfterMillis }) => [name, limit, remaining, resetAfterMillis]),
          [
            ["monthly", 3, 1, 14 * 3_600_000],
            ["once", 5, 3, null],
          ],
        )
        const refused = yield* Effect.flip(apiKeys.changeQuota(apiKey.id, { quota: "monthly", change: "topUp", units: 11, requestId: "a" }))
        assert.strictEqual(refused.message, "requestId: was used for another change of this quota")
        const unknown = yield* Effect.flip(apiKeys.changeQuota(apiKey.id, { quota: "weekly", change: "topUp", units: 1, requestId: "e" }))
        assert.strictEqual(unknown.message, "quota: the key has no quota of this name")
        const wrong = yield* Effect.flip(apiKeys.changeQuota(apiKey.id, { quota: "monthly", change: "topUp", units: 0, requestId: "e" }))
        assert.include(wrong.message, "units: ")
      }),
    ),
  )

  it.effect("keeps what it has spent when its amount is changed, and gains nothing by changes to and fro", () =>
    keys((apiKeys) =>
      Effect.gen(function* () {
        const { apiKey, token } = yield* make(apiKeys, [once])
        assert.strictEqual(yield* use(apiKeys, token, { cost: 4 }), "once 1")
        const set = (amount: number) => apiKeys.update(apiKey.id, { policies: { quotas: [{ ...once, amount }] } })
        yield* set(8)
        assert.strictEqual(yield* use(apiKeys, token), "once 3")
        yield* set(2)
        assert.strictEqual(yield* use(apiKeys, token), "over once of once until never")
        yield* set(8)
        assert.strictEqual(yield* use(apiKeys, token), "once 2")
      }),
    ),
  )

  it.effect("shares a quota of an owner with the owner's other keys that have it", () =>
    keys((apiKeys) =>
      Effect.gen(function* () {
        const shared: Quota = { ...once, per: "owner" }
        const one = yield* make(apiKeys, [shared], "ada")
        const two = yield* make(apiKeys, [shared], "ada")
        const other = yield* make(apiKeys, [shared], "bob")
        const nobodys = yield* make(apiKeys, [shared])
        assert.strictEqual(yield* use(apiKeys, one.token, { cost: 2 }), "once 3")
        assert.strictEqual(yield* use(apiKeys, two.token, { cost: 2 }), "once 1")
        assert.strictEqual(yield* use(apiKeys, one.token), "once 0")
        assert.strictEqual(yield* use(apiKeys, two.token), "over once of once until never")
        assert.strictEqual(yield* use(apiKeys, other.token), "once 4")
        assert.strictEqual(yield* use(apiKeys, nobodys.token), "once 4")
        yield* apiKeys.update(one.apiKey.id, { ownerId: "bob" })
        assert.strictEqual(yield* use(apiKeys, one.token), "once 3")
        assert.strictEqual(yield* use(apiKeys, other.token), "once 2")
      }),
    ),
  )

  it.effect("takes nothing from a quota if a rate limit refuses, and nothing from a rate limit if a quota does", () =>
    keys((apiKeys) =>
      Effect.gen(function* () {
        const { token } = yield* apiKeys.create({
          name: "k",
          policies: { quotas: [once], limits: [{ name: "burst", limit: 4, window: "1 minute" }] },
        })
        assert.strictEqual(yield* use(apiKeys, token, { cost: 4 }), "once 1, burst 0")
        assert.strictEqual((yield* Effect.flip(apiKeys.verify(token)))._tag, "RateLimited")
        yield* TestClock.adjust("1 minute")
        assert.strictEqual(yield* use(apiKeys, token, { cost: 2 }), "over once of once until never")
        assert.strictEqual(yield* use(apiKeys, token), "once 0, burst 3")
      }),
    ),
  )

  it.effect("refuses a cost that isn't one, and an amount of 0 each use", () =>
    keys((apiKeys) =>
      Effect.gen(function* () {
        const { token } = yield* make(apiKeys, [once])
        for (const cost of [-1, 0.5, NaN, Infinity]) assert.include(yield* use(apiKeys, token, { cost }), "over once of")
        assert.strictEqual(yield* use(apiKeys, token), "once 4")
        const none = yield* make(apiKeys, [{ name: "none", amount: 0, refill: { every: "day" } }])
        assert.strictEqual(yield* use(apiKeys, none.token), "over none of none until never")
      }),
    ),
  )
})
