import { assert, describe } from "@effect/vitest"
import { DateTime, Deferred, Effect, Metric, Redacted, type Scope } from "effect"
import { TestClock } from "effect/testing"
import { ApiKey } from "../../src/ApiKey.ts"
import { several } from "../../src/ApiKeyHasher.ts"
import * as ApiKeyMetrics from "../../src/ApiKeyMetrics.ts"
import * as Bcrypt from "../../src/hasher/Bcrypt.ts"
import { delivered, settled, tagOf } from "../support/nodes.ts"
import {
  type Hasher,
  old,
  next,
  ringOf,
  build,
  hmac,
  until,
  type Setting,
  each,
  storedOf,
  schemeOf,
  newScheme,
  insertRow,
  rowOf,
  shop,
} from "./support.ts"

const bcrypt = (cost: number) => build(Bcrypt.layerPeppers({ cost }), { ring: ringOf(old) })

/** From what to what, and the scheme of the new hashes. */
const moves: ReadonlyArray<{
  readonly name: string
  readonly make: (
    setting: Setting,
  ) => Effect.Effect<{ readonly apiKey: ApiKey; readonly token: string | Redacted.Redacted }, unknown, Scope.Scope>
  readonly hasher: Effect.Effect<Hasher, never, Scope.Scope>
  readonly scheme: string
}> = [
  {
    name: "another pepper",
    make: ({ before }) => Effect.flatMap(hmac(old), (hasher) => before(hasher, (apiKeys) => apiKeys.create({ name: "k" }))),
    hasher: hmac(next, old),
    scheme: newScheme,
  },
  {
    name: "another algorithm",
    make: ({ before }) => Effect.flatMap(bcrypt(4), (hasher) => before(hasher, (apiKeys) => apiKeys.create({ name: "k" }))),
    hasher: Effect.zipWith(hmac(next, old), bcrypt(4), (first, second) => several(first, second)),
    scheme: newScheme,
  },
  {
    name: "other parameters",
    make: ({ before }) => Effect.flatMap(bcrypt(4), (hasher) => before(hasher, (apiKeys) => apiKeys.create({ name: "k" }))),
    hasher: bcrypt(5),
    scheme: "$pepper=2025$2b$05",
  },
  {
    name: "another system",
    make: (setting) => Effect.map(insertRow(setting, shop, rowOf("shop_1")), (apiKey) => ({ apiKey, token: "shop_1" })),
    hasher: hmac(next, old),
    scheme: newScheme,
  },
]

describe.each(moves)("A hash of $name", ({ make, hasher, scheme }) => {
  each("becomes a current one behind the back of who uses the token first, and works on", (setting) =>
    Effect.gen(function* () {
      const { instruments, repository } = setting
      const { apiKey, token } = yield* make(setting)
      const before = yield* storedOf(setting, apiKey)
      const { a, b } = yield* setting.start(yield* hasher, { legacy: [shop] })
      const gate = yield* Deferred.make<void>()
      instruments.beforeReplace = Deferred.await(gate)
      // It is held up, and the caller isn't.
      assert.deepStrictEqual((yield* a.verify(token)).apiKey, apiKey)
      yield* until(
        "it is about to be replaced",
        Effect.sync(() => instruments.attempts === 1),
      )
      assert.strictEqual(yield* tagOf(b.verify(token)), "good")
      assert.deepStrictEqual(yield* storedOf(setting, apiKey), before)
      yield* Deferred.succeed(gate, undefined)
      yield* until(
        "it is replaced",
        Effect.map(Effect.orDie(storedOf(setting, apiKey)), ({ hash }) => schemeOf(hash) === scheme),
      )
      yield* delivered
      // Nothing but the hash has changed.
      assert.deepStrictEqual((yield* storedOf(setting, apiKey)).apiKey, before.apiKey)
      for (const wait of [0, 0, 61_000]) {
        yield* TestClock.adjust(wait)
        for (const node of [a, b]) assert.deepInclude(yield* node.verify(token), { usedToken: "current" })
      }
      yield* settled
      assert.strictEqual(instruments.replaced, 1)
      assert.strictEqual((yield* Metric.value(ApiKeyMetrics.rehashes)).count, 1)
      assert.deepStrictEqual(
        (yield* repository.countSchemes(yield* DateTime.now)).map(({ count }) => count),
        [1],
      )
    }),
  )
})
