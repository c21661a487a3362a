/** Policies of records: rules, meters, and kinds that a node doesn't know. */
import { assert, describe, layer as describeWith } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import * as TestClock from "effect/testing/TestClock"
import { PolicyRefused, RepositoryError } from "../src/ApiKeyError.ts"
import * as ApiKeyRepository from "../src/ApiKeyRepository.ts"
import * as ApiKeys from "../src/ApiKeys.ts"
import * as Hmac from "../src/hasher/Hmac.ts"
import * as KeyPolicy from "../src/KeyPolicy.ts"

let compiled = 0

/** Keys that work at certain hours of the day (UTC) alone. */
const hours = KeyPolicy.make({
  kind: "hours",
  schema: Schema.Tuple([Schema.Int, Schema.Int]),
  compile: ([from, until]) => {
    compiled++
    return {
      rule: ({ apiKey }, _use, now) => {
        const hour = Math.floor(now / 3_600_000) % 24
        return hour >= from && hour < until
          ? undefined
          : new PolicyRefused({ keyId: apiKey.keyId, kind: "hours", reason: `works from ${from} to ${until}` })
      },
    }
  },
})

/** A meter that has so many units for each key, and waits a second for each. */
const units = (kind: string, left: Map<string, number>) =>
  KeyPolicy.make({
    kind,
    schema: Schema.Int,
    compile: (limit) => ({
      meter: ({ apiKey }) =>
        Effect.gen(function* () {
          yield* Effect.sleep("1 second")
          const rest = left.get(apiKey.id) ?? limit
          if (rest < 1) return yield* new PolicyRefused({ keyId: apiKey.keyId, kind, reason: "used up" })
          left.set(apiKey.id, rest - 1)
          return { giveBack: Effect.sync(() => void left.set(apiKey.id, (left.get(apiKey.id) ?? 0) + 1)) }
        }),
    }),
  })

const errorOf = <A, E>(exit: Exit.Exit<A, E>): E | undefined =>
  Exit.isFailure(exit) ? exit.cause.reasons.find(Cause.isFailReason)?.error : undefined

/** A meter that takes no unit back. */
const stuck = KeyPolicy.make({
  kind: "stuck",
  schema: Schema.Null,
  compile: () => ({ meter: () => Effect.succeed({ giveBack: Effect.die("stuck") }) }),
})

/** A service on the repository provided, with these kinds of policies. */
const withPolicies = (policies: ReadonlyArray<KeyPolicy.KeyPolicy>, options: ApiKeys.Options = {}) =>
  ApiKeys.layerWith({ policies, ...options }).pipe(
    Layer.provide(Hmac.layer({ pepper: Redacted.make("a pepper for all nodes") })),
    Layer.fresh,
  )

describe("a policy with a rule", () => {
  describeWith(ApiKeys.layerMemoryWith({ policies: [hours] }))((it) => {
    it.effect("is judged at each use, of remembered keys too, and told by kind and reason", () =>
      Effect.gen(function* () {
        const apiKeys = yield* ApiKeys.ApiKeys
        yield* TestClock.setTime(9 * 3_600_000)
        const { apiKey, token } = yield* apiKeys.create({ name: "k", policies: { hours: [8, 10] } })
        assert.deepStrictEqual(apiKey.policies, { hours: [8, 10] })
        for (const _ of [1, 2]) assert.strictEqual((yield* apiKeys.verify(token)).apiKey.id, apiKey.id)
        yield* TestClock.setTime(10 * 3_600_000)
        const refused = yield* Effect.flip(apiKeys.verify(token))
        assert.deepInclude(refused, { _tag: "PolicyRefused", keyId: apiKey.keyId, kind: "hours", reason: "works from 8 to 10" })
      }),
    )

    it.effect("is asked after the scopes, which are asked after the status", () =>
      Effect.gen(function* () {
        const apiKeys = yield* ApiKeys.ApiKeys
        yield* TestClock.setTime(0)
        const { apiKey, token } = yield* apiKeys.create({ name: "k", policies: { hours: [8, 10] } })
        assert.strictEqual((yield* Effect.flip(apiKeys.verify(token, { scopes: ["a"] })))._tag, "InsufficientScope")
        assert.strictEqual((yield* Effect.flip(apiKeys.verify(token)))._tag, "PolicyRefused")
        yield* apiKeys.deactivate(apiKey.id)
        assert.strictEqual((yield* Effect.flip(apiKeys.verify(token)))._tag, "Inactive")
      }),
    )

    it.effect("doesn't keep a leaked token from being ended", () =>
      Effect.gen(function* () {
        const apiKeys = yield* ApiKeys.ApiKeys
        yield* TestClock.setTime(0)
        const { apiKey, token } = yield* apiKeys.create({ name: "k", policies: { hours: [8, 10] } })
        const revoked = yield* apiKeys.revoke(token, { reason: "leaked" })
        assert.deepStrictEqual([revoked.apiKey.id, revoked.isEnded, revoked.apiKey.isActive], [apiKey.id, true, false])
      }),
    )

    it.effect("is changed by update, on remembered keys at once, and taken away by null", () =>
      Effect.gen(function* () {
        const apiKeys = yield* ApiKeys.ApiKeys
        yield* TestClock.setTime(9 * 3_600_000)
        const { apiKey, token } = yield* apiKeys.create({ name: "k" })
        assert.isNull(apiKey.policies)
        yield* apiKeys.verify(token)
        yield* apiKeys.update(apiKey.id, { policies: { hours: [0, 1] } })
        assert.strictEqual((yield* Effect.flip(apiKeys.verify(token)))._tag, "PolicyRefused")
        yield* apiKeys.update(apiKey.id, { name: "other" })
        assert.strictEqual((yield* Effect.flip(apiKeys.verify(token)))._tag, "PolicyRefused")
        yield* apiKeys.update(apiKey.id, { policies: null })
        assert.isNull((yield* apiKeys.verify(token)).apiKey.policies)
      }),
    )

    it.effect("of a kind that isn't known, or with a value that isn't one of its kind, can't be given to a key", () =>
      Effect.gen(function* () {
        const apiKeys = yield* ApiKeys.ApiKeys
        const { apiKey } = yield* apiKeys.create({ name: "k" })
        const fieldOf = <A>(effect: Effect.Effect<A, { readonly _tag: string; readonly field?: string }>) =>
          Effect.map(Effect.flip(effect), ({ _tag, field }) => [_tag, field])
        assert.deepStrictEqual(yield* fieldOf(apiKeys.create({ name: "k", policies: { days: 1 } })), ["InvalidInput", "policies.days"])
        assert.deepStrictEqual(yield* fieldOf(apiKeys.create({ name: "k", policies: { hours: "late" } })), [
          "InvalidInput",
          "policies.hours",
        ])
        assert.deepStrictEqual(yield* fieldOf(apiKeys.update(apiKey.id, { policies: { days: 1 } })), ["InvalidInput", "policies.days"])
        // The part that is wrong is named.
        const error = yield* Effect.flip(apiKeys.update(apiKey.id, { policies: { hours: [3, "late"] } }))
        assert.deepInclude(error, { _tag: "InvalidInput", field: "policies.hours.1", reason: "Expected number" })
      }),
    )

    it.effect("is compiled once for all keys with the same policies", () =>
      Effect.gen(function* () {
        const apiKeys = yield* ApiKeys.ApiKeys
        yield* TestClock.setTime(9 * 3_600_000)
        const tokens = yield* Effect.forEach([1, 2, 3], () => apiKeys.create({ name: "k", policies: { hours: [3, 11] } }))
        compiled = 0
        const keys = yield* Effect.forEach(tokens, ({ token }) => apiKeys.verify(token))
        assert.strictEqual(compiled, 1)
        assert.strictEqual(keys[0]?.apiKey.policies, keys[1]?.apiKey.policies)
        assert.isTrue(Object.isFrozen(keys[0]?.apiKey.policies))
      }),
    )
  })
})

describe("policies that differ", () => {
  describeWith(ApiKeys.layerMemoryWith({ policies: [hours] }))((it) => {
    it.effect("are compiled once each, as long as there are no more than 1,000", () =>
      Effect.gen(function* () {
        const apiKeys = yield* ApiKeys.ApiKeys
        yield* TestClock.setTime(0)
        const create = (until: number) => apiKeys.create({ name: "k", policies: { hours: [0, until] } })
        const tokens = yield* Effect.forEach(
          Array.from({ length: 1_001 }, (_, index) => index + 1),
          (until) => Effect.map(create(until), ({ token }) => token),
        )
        const [first, ...others] = tokens
        const verify = (token: Redacted.Redacted = first!) => apiKeys.verify(token, { maxAge: 0 })
        const compiledBy = <A, E>(effect: Effect.Effect<A, E>) =>
          Effect.suspend(() => {
            compiled = 0
            return Effect.map(effect, () => compiled)
          })
        assert.strictEqual(yield* compiledBy(verify()), 1)
        assert.strictEqual(yield* compiledBy(Effect.forEach(others.slice(1), verify)), 999)
        assert.strictEqual(yield* compiledBy(verify()), 0)
        // The 1,001st takes the place of all.
        assert.strictEqual(yield* compiledBy(verify(others[0])), 1)
        assert.strictEqual(yield* compiledBy(verify()), 1)
      }),
    )
  })
})

describe("a policy whose value has a part that its schema doesn't know", () => {
  const networks = KeyPolicy.make({ kind: "networks", schema: Schema.Struct({ allow: Schema.Array(Schema.String) }), compile: () => ({}) })
  describeWith(ApiKeys.layerMemoryWith({ policies: [networks] }))((it) => {
    it.effect("can't be given to a key, lest the part bound nothing", () =>
      Effect.gen(function* () {
        const apiKeys = yield* ApiKeys.ApiKeys
        const error = yield* Effect.flip(apiKeys.create({ name: "k", policies: { networks: { allow: [], deny: ["192.0.2.1"] } } }))
        assert.deepInclude(error, { _tag: "InvalidInput", field: "policies.networks.deny" })
      }),
    )

    it.effect("refuses nothing where it came to neither a rule nor a meter", () =>
      Effect.gen(function* () {
        const apiKeys = yield* ApiKeys.ApiKeys
        const { apiKey, token } = yield* apiKeys.create({ name: "k", policies: { networks: { allow: [] } } })
        for (const _ of [1, 2]) assert.strictEqual((yield* apiKeys.verify(token)).apiKey.id, apiKey.id)
      }),
    )
  })
})

describe("a node that doesn't know a kind of policy", () => {
  const throwing = KeyPolicy.make({
    kind: "hours",
    schema: Schema.Json,
    compile: () => {
      throw new Error("these hours aren't supported")
    },
  })
  describeWith(ApiKeyRepository.layerMemory)((it) => {
    it.effect("gives none to a key, where its kind can't be compiled either", () =>
      Effect.gen(function* () {
        const apiKeys = yield* ApiKeys.ApiKeys
        const error = yield* Effect.flip(apiKeys.create({ name: "k", policies: { hours: [0, 24] } }))
        assert.deepInclude(error, { _tag: "InvalidInput", field: "policies.hours", reason: "isn't a value of this kind of policy" })
      }).pipe(Effect.provide(withPolicies([throwing]))),
    )

    it.effect("refuses the key, and other keys not; the next use may reach a node that knows it", () =>
      Effect.gen(function* () {
        const created = yield* Effect.gen(function* () {
          const apiKeys = yield* ApiKeys.ApiKeys
          return [yield* apiKeys.create({ name: "k", policies: { hours: [0, 24] } }), yield* apiKeys.create({ name: "k" })] as const
        }).pipe(Effect.provide(withPolicies([hours])))
        for (const policies of [[], [KeyPolicy.make({ kind: "hours", schema: Schema.String, compile: () => ({}) })], [throwing]]) {
          for (const cache of [undefined, "off"] as const) {
            yield* Effect.gen(function* () {
              const apiKeys = yield* ApiKeys.ApiKeys
              const [restricted, free] = created
              for (const _ of [1, 2]) {
                const error = errorOf(yield* Effect.exit(apiKeys.verify(restricted.token)))
                assert.deepInclude(error, { _tag: "RepositoryError", operation: "read the policies of an API key", isRetryable: true })
                const cause = error instanceof RepositoryError ? error.cause : undefined
                assert.deepInclude(cause, { _tag: "UnknownPolicy", keyId: restricted.apiKey.keyId, kinds: ["hours"] })
              }
              assert.strictEqual((yield* apiKeys.verify(free.token)).apiKey.id, free.apiKey.id)
            }).pipe(Effect.provide(withPolicies(policies, { cache })))
          }
        }
      }),
    )
  })
})

describe("a policy with a meter", () => {
  const left = new Map<string, number>()
  const others = new Map<string, number>()
  // A hash that is computed at once: the look-up ends before time passes.
  const layer = withPolicies([hours, units("first", left), units("second", others), stuck]).pipe(
    Layer.provide(ApiKeyRepository.layerMemory),
  )
  describeWith(layer)((it) => {
    /** Runs it while time passes. */
    const wait = <A, E>(effect: Effect.Effect<A, E>): Effect.Effect<A, E> =>
      Effect.gen(function* () {
        const fiber = yield* Effect.forkChild(effect, { startImmediately: true })
        // The look-up of a cold key ends first.
        yield* TestClock.adjust("1 millis")
        yield* TestClock.adjust("10 seconds")
        return yield* Fiber.join(fiber)
      })

    it.effect("takes a unit for a use, and may wait for it", () =>
      Effect.gen(function* () {
        const apiKeys = yield* ApiKeys.ApiKeys
        const { apiKey, token } = yield* apiKeys.create({ name: "k", policies: { first: 2 } })
        yield* wait(apiKeys.verify(token))
        yield* wait(apiKeys.verify(token))
        const error = yield* Effect.flip(wait(apiKeys.verify(token)))
        assert.deepInclude(error, { _tag: "PolicyRefused", keyId: apiKey.keyId, kind: "first", reason: "used up" })
      }),
    )

    it.effect("is judged again when a meter has waited, and takes its unit back then", () =>
      Effect.gen(function* () {
        const apiKeys = yield* ApiKeys.ApiKeys
        yield* TestClock.setTime(0)
        const { apiKey, token } = yield* apiKeys.create({ name: "k", policies: { first: 5 }, expiresAt: "1970-01-01T00:00:00.500Z" })
        assert.strictEqual((yield* Effect.flip(wait(apiKeys.verify(token))))._tag, "Expired")
        assert.strictEqual(left.get(apiKey.id), 5)
      }),
    )

    it.effect("takes no unit where another one refuses, or the caller gives up", () =>
      Effect.gen(function* () {
        const apiKeys = yield* ApiKeys.ApiKeys
        const { apiKey, token } = yield* apiKeys.create({ name: "k", policies: { first: 5, second: 0 } })
        assert.strictEqual((yield* Effect.flip(wait(apiKeys.verify(token))))._tag, "PolicyRefused")
        assert.strictEqual(left.get(apiKey.id), 5)
        yield* apiKeys.update(apiKey.id, { policies: { first: 5, second: 3 } })
        const fiber = yield* Effect.forkChild(apiKeys.verify(token), { startImmediately: true })
        yield* TestClock.adjust("1500 millis")
        assert.deepStrictEqual([left.get(apiKey.id), others.get(apiKey.id)], [4, undefined])
        yield* Fiber.interrupt(fiber)
        assert.deepStrictEqual([left.get(apiKey.id), others.get(apiKey.id)], [5, undefined])
        yield* wait(apiKeys.verify(token))
        assert.deepStrictEqual([left.get(apiKey.id), others.get(apiKey.id)], [4, 2])
      }),
    )

    it.effect("takes its unit back although another one can't", () =>
      Effect.gen(function* () {
        const apiKeys = yield* ApiKeys.ApiKeys
        const { apiKey, token } = yield* apiKeys.create({ name: "k", policies: { stuck: null, first: 5, second: 0 } })
        assert.strictEqual((yield* Effect.flip(wait(apiKeys.verify(token))))._tag, "PolicyRefused")
        assert.strictEqual(left.get(apiKey.id), 5)
      }),
    )

    it.effect("takes its unit back where a rule refuses once it has waited", () =>
      Effect.gen(function* () {
        const apiKeys = yield* ApiKeys.ApiKeys
        yield* TestClock.setTime(4 * 3_600_000 - 500)
        const { apiKey, token } = yield* apiKeys.create({ name: "k", policies: { first: 5, hours: [3, 4] } })
        const error = yield* Effect.flip(wait(apiKeys.verify(token)))
        assert.deepInclude(error, { _tag: "PolicyRefused", kind: "hours" })
        assert.strictEqual(left.get(apiKey.id), 5)
      }),
    )

    it.effect("takes no unit where a rule refuses, or for a token that is presented to be ended", () =>
      Effect.gen(function* () {
        const apiKeys = yield* ApiKeys.ApiKeys
        const { apiKey, token } = yield* apiKeys.create({ name: "k", policies: { first: 5, hours: [3, 4] } })
        yield* TestClock.setTime(24 * 3_600_000)
        assert.strictEqual((yield* Effect.flip(apiKeys.verify(token)))._tag, "PolicyRefused")
        yield* apiKeys.update(apiKey.id, { policies: { first: 5 } })
        yield* apiKeys.revoke(token, { reason: "leaked" })
        assert.isUndefined(left.get(apiKey.id))
      }),
    )
  })
})
