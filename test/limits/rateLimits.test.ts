/** The policy `limits`: keys that may be used so often. */
import { assert, describe, it } from "@effect/vitest"
import { Duration, Effect, Layer, Result, Schema } from "effect"
import { TestClock } from "effect/testing"
import { type RateLimited } from "../../src/ApiKeyError.ts"
import * as ApiKeys from "../../src/ApiKeys.ts"
import * as RateLimit from "../../src/RateLimit.ts"

const burst = { name: "burst", limit: 3, window: "1 second" }
const daily = { name: "daily", limit: 5, window: "1d" }

const keys = <A, E>(test: (apiKeys: ApiKeys.ApiKeys["Service"]) => Effect.Effect<A, E>, options: ApiKeys.Options = {}) =>
  Effect.flatMap(ApiKeys.ApiKeys, test).pipe(Effect.provide(Layer.fresh(ApiKeys.layerMemoryWith(options))))

const make = (apiKeys: ApiKeys.ApiKeys["Service"], limits: ReadonlyArray<typeof RateLimit.RateLimit.Encoded>, ownerId?: string) =>
  apiKeys.create({ name: "k", ownerId, policies: { limits } })

/** The refusal of a use, or the number of uses that are left of each limit. */
const use = (
  apiKeys: ApiKeys.ApiKeys["Service"],
  token: Parameters<ApiKeys.ApiKeys["Service"]["verify"]>[0],
  options?: ApiKeys.VerifyOptions,
) =>
  apiKeys.verify(token, options).pipe(
    Effect.map(({ limits }) => limits.map(({ name, remaining }) => `${name} ${remaining}`).join(", ")),
    Effect.catchTag("RateLimited", ({ name, retryAfter }) =>
      Effect.succeed(`over ${name} for ${retryAfter === null ? "ever" : Duration.toMillis(retryAfter)}`),
    ),
  )

describe("a key with rate limits", () => {
  it.effect("works as often as each of them lets it, cold and warm", () =>
    keys((apiKeys) =>
      Effect.gen(function* () {
        const { token } = yield* make(apiKeys, [burst, daily])
        assert.strictEqual(yield* use(apiKeys, token), "burst 2, daily 4")
        yield* TestClock.adjust("400 millis")
        assert.strictEqual(yield* use(apiKeys, token, { maxAge: 0 }), "burst 1, daily 3")
        assert.strictEqual(yield* use(apiKeys, token), "burst 0, daily 2")
        assert.strictEqual(yield* use(apiKeys, token), "over burst for 600")
        yield* TestClock.adjust("600 millis")
        assert.strictEqual(yield* use(apiKeys, token), "burst 0, daily 1")
        yield* TestClock.adjust("1 second")
        assert.strictEqual(yield* use(apiKeys, token), "burst 2, daily 0")
        assert.strictEqual(yield* use(apiKeys, token), `over daily for ${86_400_000 - 2_000}`)
      }),
    ),
  )

  it.live("has to wait for no longer than the limits say, whatever the computer's clock reads", () =>
    keys((apiKeys) =>
      Effect.gen(function* () {
        const hourly = [
          { name: "uses", limit: 2, window: "1h" },
          { name: "bucket", limit: 3_600, window: "1h", algorithm: "bucket" as const },
        ]
        const waits = yield* Effect.forEach(Array(100), () =>
          Effect.gen(function* () {
            const { limits } = yield* apiKeys.verify((yield* make(apiKeys, hourly)).token)
            return limits.map(({ resetAfterMillis }) => resetAfterMillis).join()
          }),
        )
        assert.deepStrictEqual(Array.from(new Set(waits)), ["3600000,1000"])
      }),
    ),
  )

  it.effect("takes the units of all its limits, or of none", () =>
    keys((apiKeys) =>
      Effect.gen(function* () {
        const { token } = yield* make(apiKeys, [burst, daily])
        assert.strictEqual(yield* use(apiKeys, token, { cost: 3 }), "burst 0, daily 2")
        for (const _ of Array(5)) assert.strictEqual(yield* use(apiKeys, token), "over burst for 1000")
        yield* TestClock.adjust("1 second")
        assert.strictEqual(yield* use(apiKeys, token, { cost: 3 }), `over daily for ${86_400_000 - 1_000}`)
        assert.strictEqual(yield* use(apiKeys, token, { cost: 2 }), "burst 1, daily 0")
      }),
    ),
  )

  it.effect("is looked at without taking, by a cost of 0 or a look that is no use", () =>
    keys((apiKeys) =>
      Effect.gen(function* () {
        const { token } = yield* make(apiKeys, [burst])
        assert.strictEqual(yield* use(apiKeys, token, { cost: 0 }), "burst 3")
        assert.strictEqual(yield* use(apiKeys, token, { countsAsUse: false }), "burst 3")
        assert.strictEqual(yield* use(apiKeys, token, { cost: 3 }), "burst 0")
        assert.strictEqual(yield* use(apiKeys, token, { cost: 0 }), "burst 0")
      }),
    ),
  )

  it.effect("is refused for good if the use costs more than a limit, or no number of units", () =>
    keys((apiKeys) =>
      Effect.gen(function* () {
        const { token } = yield* make(apiKeys, [burst])
        for (const cost of [4, -1, 0.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 53]) {
          assert.strictEqual(yield* use(apiKeys, token, { cost }), "over burst for ever")
        }
        assert.strictEqual(yield* use(apiKeys, token), "burst 2")
      }),
    ),
  )

  it.effect("takes nothing for a use that lacks a scope, or of a key that has ended", () =>
    keys((apiKeys) =>
      Effect.gen(function* () {
        const { token, apiKey } = yield* make(apiKeys, [burst])
        const refused = yield* Effect.flip(apiKeys.verify(token, { scopes: ["invoices:read"] }))
        assert.strictEqual(refused._tag, "InsufficientScope")
        yield* apiKeys.deactivate(apiKey.id)
        assert.strictEqual((yield* Effect.flip(apiKeys.verify(token)))._tag, "Inactive")
        yield* apiKeys.activate(apiKey.id)
        assert.strictEqual(yield* use(apiKeys, token), "burst 2")
      }),
    ),
  )

  it.effect("says of a refusal which limits refuse, and what is left of all", () =>
    keys((apiKeys) =>
      Effect.gen(function* () {
        const { token, apiKey } = yield* make(apiKeys, [burst, { ...daily, algorithm: "bucket" }])
        yield* apiKeys.verify(token, { cost: 3 })
        const refused = yield* Effect.flip(apiKeys.verify(token))
        assert.strictEqual(refused._tag, "RateLimited")
        const { keyId, name, limit, violated, limits, retryAfter } = refused as RateLimited
        assert.deepStrictEqual(
          { keyId, name, limit, violated, limits, retryAfter: retryAfter && Duration.toMillis(retryAfter) },
          {
            keyId: apiKey.keyId,
            name: "burst",
            limit: 3,
            violated: ["burst"],
            retryAfter: 1_000,
            limits: [
              { name: "burst", limit: 3, windowSeconds: 1, remaining: 0, resetAfterMillis: 1_000 },
              { name: "daily", limit: 5, windowSeconds: 86_400, remaining: 2, resetAfterMillis: 17_280_000 },
            ],
          },
        )
        assert.isUndefined(refused.stack?.split("\n")[1])
      }),
    ),
  )

  it.effect("keeps its uses when its limits change, or its token", () =>
    keys((apiKeys) =>
      Effect.gen(function* () {
        const { token, apiKey } = yield* make(apiKeys, [daily])
        yield* apiKeys.verify(token, { cost: 4 })
        yield* apiKeys.update(apiKey.id, { policies: { limits: [{ ...daily, limit: 100 }] } })
        assert.strictEqual(yield* use(apiKeys, token), "daily 95")
        yield* apiKeys.update(apiKey.id, { policies: { limits: [{ ...daily, limit: 3, algorithm: "bucket" }] } })
        assert.match(yield* use(apiKeys, token), /^over daily for/)
        yield* apiKeys.update(apiKey.id, { policies: { limits: [{ ...daily, limit: 10 }] } })
        const rotated = yield* apiKeys.rotate(apiKey.id)
        const before = yield* use(apiKeys, token)
        assert.notStrictEqual(yield* use(apiKeys, rotated.token), before)
        yield* apiKeys.update(apiKey.id, { policies: null })
        assert.strictEqual(yield* use(apiKeys, rotated.token), "")
      }),
    ),
  )

  it.effect("shares the units of a limit per owner with the owner's other keys, and with no other", () =>
    keys((apiKeys) =>
      Effect.gen(function* () {
        const shared = { ...burst, per: "owner" } as const
        const one = yield* make(apiKeys, [shared, daily], "acme")
        const two = yield* make(apiKeys, [shared], "acme")
        const other = yield* make(apiKeys, [shared], "globex")
        const nobodys = yield* make(apiKeys, [shared])
        assert.strictEqual(yield* use(apiKeys, one.token), "burst 2, daily 4")
        assert.strictEqual(yield* use(apiKeys, two.token, { cost: 2 }), "burst 0")
        assert.strictEqual(yield* use(apiKeys, one.token), "over burst for 1000")
        assert.strictEqual(yield* use(apiKeys, other.token), "burst 2")
        assert.strictEqual(yield* use(apiKeys, nobodys.token), "burst 2")
      }),
    ),
  )

  it.effect("forgets the uses of keys that were long unused, and no others", () =>
    keys(
      (apiKeys) =>
        Effect.gen(function* () {
          const { token } = yield* make(apiKeys, [daily])
          yield* apiKeys.verify(token, { cost: 5 })
          for (const _ of Array(3_000)) {
            const other = yield* make(apiKeys, [burst])
            yield* apiKeys.verify(other.token)
            yield* TestClock.adjust("10 millis")
          }
          assert.match(yield* use(apiKeys, token), /^over daily/)
        }),
      { cache: "off" },
    ),
  )
})

describe("a service with limits for all keys", () => {
  it.effect("gives the default ones to keys without their own", () =>
    keys(
      (apiKeys) =>
        Effect.gen(function* () {
          const plain = yield* apiKeys.create({ name: "k" })
          const own = yield* make(apiKeys, [burst])
          const free = yield* make(apiKeys, [])
          assert.isNull(plain.apiKey.policies)
          assert.strictEqual(yield* use(apiKeys, plain.token), "daily 4")
          assert.strictEqual(yield* use(apiKeys, own.token), "burst 2")
          assert.strictEqual(yield* use(apiKeys, free.token), "")
          assert.strictEqual(yield* use(apiKeys, plain.token, { cost: 4 }), "daily 0")
          assert.match(yield* use(apiKeys, plain.token), /^over daily/)
        }),
      { defaultLimits: [daily] },
    ),
  )

  it.effect("lets an owner's keys share the owner's, beside their own", () =>
    keys(
      (apiKeys) =>
        Effect.gen(function* () {
          const one = yield* make(apiKeys, [burst], "acme")
          const two = yield* apiKeys.create({ name: "k", ownerId: "acme" })
          const other = yield* apiKeys.create({ name: "k", ownerId: "globex" })
          const nobodys = yield* apiKeys.create({ name: "k" })
          assert.strictEqual(yield* use(apiKeys, one.token), "burst 2, daily 4")
          assert.strictEqual(yield* use(apiKeys, two.token, { cost: 4 }), "daily 0")
          assert.match(yield* use(apiKeys, one.token), /^over daily/)
          assert.strictEqual(yield* use(apiKeys, one.token, { cost: 0 }), "burst 2, daily 0")
          assert.strictEqual(yield* use(apiKeys, other.token), "daily 4")
          assert.strictEqual(yield* use(apiKeys, nobodys.token), "daily 4")
        }),
      { ownerLimits: [daily] },
    ),
  )

  it.effect("tells a key's own limit from the one of its owner that has the same name", () =>
    keys(
      (apiKeys) =>
        Effect.gen(function* () {
          const own = { ...daily, limit: 4, window: "1h" }
          for (const [owner, limit] of [
            [undefined, own],
            ["acme", own],
            ["globex", { ...daily, per: "owner" as const }],
          ] as const) {
            const { token } = yield* make(apiKeys, [limit], owner)
            for (let left = limit.limit - 1; left >= 0; left--) {
              assert.strictEqual(yield* use(apiKeys, token), `daily ${left}, daily ${left + 5 - limit.limit}`)
            }
            assert.match(yield* use(apiKeys, token), /^over daily/)
            yield* TestClock.adjust("1 day")
            assert.strictEqual(yield* use(apiKeys, token, { cost: 0 }), `daily ${limit.limit}, daily 5`)
          }
        }),
      { ownerLimits: [daily] },
    ),
  )

  it.effect("loses no use of a key while it forgets others", () =>
    keys(
      (apiKeys) =>
        Effect.gen(function* () {
          // Counters without a use are forgotten while others are made, and a key's first use makes several.
          const { token } = yield* make(apiKeys, [burst])
          yield* use(apiKeys, token)
          for (let count = 0; count < 600; count++) {
            const { token } = yield* make(apiKeys, [burst, { ...daily, per: "owner" }], `owner ${count}`)
            assert.strictEqual(yield* use(apiKeys, token, { cost: 2 }), "burst 1, daily 3, all 7")
            assert.strictEqual(yield* use(apiKeys, token), "burst 0, daily 2, all 6")
            yield* TestClock.adjust("1 second")
          }
        }),
      { ownerLimits: [{ name: "all", limit: 9, window: "1h" }] },
    ),
  )

  it.effect("isn't built with limits that make no sense", () =>
    Effect.gen(function* () {
      for (const [options, reason] of [
        [{ defaultLimits: [{ ...daily, limit: 0 }] }, /^defaultLimits.0.limit: /],
        [{ ownerLimits: [daily, daily] }, /^ownerLimits: /],
      ] as const) {
        const error = yield* Effect.flip(keys(() => Effect.void, options))
        assert.match(error.message, reason)
      }
    }),
  )
})

describe("limits", () => {
  const { name } = burst
  it.effect.each([
    [[{ ...burst, limit: 0 }], "limits.0.limit"],
    [[{ ...burst, limit: 2.5 }], "limits.0.limit"],
    [[{ ...burst, limit: 1e9 + 1 }], "limits.0.limit"],
    [[{ ...burst, window: "0" }], "limits.0.window"],
    [[{ ...burst, window: "1500 millis" }], "limits.0.window"],
    [[{ ...burst, window: "367d" }], "limits.0.window"],
    [[{ ...burst, window: "soon" }], "limits.0.window"],
    [[{ ...burst, window: 1 }], "limits.0.window"],
    [[{ ...burst, name: "Burst" }], "limits.0.name"],
    [[{ ...burst, name: "" }], "limits.0.name"],
    [[{ ...burst, name: "x".repeat(33) }], "limits.0.name"],
    [[{ ...burst, algorithm: "fixed" }], "limits.0.algorithm"],
    [[{ ...burst, perOwner: true }], "limits.0.perOwner"],
    [[burst, { ...daily, name }], "limits"],
    [Array.from({ length: 17 }, (_, index) => ({ ...burst, name: `a${index}` })), "limits"],
    [{ burst: 3 }, "limits"],
  ] as const)("that make no sense are refused: %j", ([limits, field]) =>
    keys((apiKeys) =>
      Effect.gen(function* () {
        // The cast lets a value through that isn't one of the policy.
        const error = yield* Effect.flip(apiKeys.create({ name: "k", policies: { limits: limits as unknown as Schema.Json } }))
        assert.strictEqual(error._tag === "InvalidInput" ? error.field : error, `policies.${field}`)
      }),
    ),
  )

  it("are read from text", () => {
    assert.deepStrictEqual(
      RateLimit.parse("burst=10/1s, daily=10000/1d:bucket"),
      Result.succeed([
        { name: "burst", limit: 10, window: "1s" },
        { name: "daily", limit: 10_000, window: "1d", algorithm: "bucket" },
      ]),
    )
    for (const text of [
      "",
      "burst",
      "burst=10",
      "burst=10/",
      "=1/1s",
      "burst=x/1s",
      "burst=1/1s,burst=2/2s",
      "burst=1/1s:fixed",
      "burst=1/1s,",
      "burst=0/1s",
    ]) {
      assert.isTrue(Result.isFailure(RateLimit.parse(text)), text)
    }
  })
})
