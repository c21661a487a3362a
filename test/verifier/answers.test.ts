/** What a verification answers: of which token, as of when, and why not. */
import { inspect } from "node:util"
import { assert, describe, it } from "@effect/vitest"
import { DateTime, Duration, Effect, Redacted, Result } from "effect"
import { TestClock } from "effect/testing"
import { Expired, Inactive, InsufficientScope } from "../../src/ApiKeyError.ts"
import * as ApiKeyToken from "../../src/ApiKeyToken.ts"
import { Scope } from "../../src/Scope.ts"
import { withKeys } from "./support.ts"
import { fieldsOf } from "../support/errors.ts"

const keyIdOf = (token: Redacted.Redacted) => Result.getOrThrow(ApiKeyToken.parse(Redacted.value(token))).keyId

const fromNow = (duration: Duration.Input) => Effect.map(DateTime.now, DateTime.addDuration(Duration.fromInputUnsafe(duration)))

/** By memory, and by the store. */
const ways = [{}, { maxAge: 0 }] as const

describe("A good token's answer", () => {
  it.effect("shows its record, its token and its time, printed or as JSON", () =>
    withKeys((apiKeys) =>
      Effect.gen(function* () {
        const { apiKey, token } = yield* apiKeys.create({ name: "k" })
        const verified = yield* apiKeys.verify(token)
        const checkedAt = yield* DateTime.now
        assert.deepStrictEqual(
          JSON.parse(JSON.stringify(verified)),
          JSON.parse(JSON.stringify({ apiKey, usedToken: "current", checkedAt })),
        )
        assert.strictEqual(inspect(verified), inspect({ apiKey: verified.apiKey, usedToken: "current", checkedAt }))
      }),
    ),
  )

  it.effect("counts as a use unless it is told not to, warm and cold", () =>
    withKeys((apiKeys) =>
      Effect.gen(function* () {
        const { apiKey, token } = yield* apiKeys.create({ name: "k" })
        const lastUse = Effect.andThen(
          TestClock.adjust("15 seconds"),
          Effect.map(apiKeys.get(apiKey.id), ({ lastUsedAt }) => lastUsedAt),
        )
        for (const way of ways) yield* apiKeys.verify(token, { ...way, countsAsUse: false })
        assert.isNull(yield* lastUse)
        for (const way of ways) {
          for (const countsAsUse of [undefined, true]) {
            const now = yield* DateTime.now
            yield* apiKeys.verify(token, { ...way, countsAsUse })
            assert.deepStrictEqual(yield* lastUse, now)
          }
        }
      }),
    ),
  )
})

describe("A refusal", () => {
  it.effect("names the key id of the token that was presented, and says what became of it", () =>
    withKeys(
      (apiKeys) =>
        Effect.gen(function* () {
          const { apiKey, token } = yield* apiKeys.create({ name: "k", scopes: ["a"] })
          yield* TestClock.adjust("1 minute")
          const replacedAt = yield* DateTime.now
          const end = yield* fromNow("10 minutes")
          const rotated = yield* apiKeys.rotate(apiKey.id, { grace: "10 minutes" })
          // Not even texts that aren't scopes make it fail otherwise.
          assert.deepInclude(yield* Effect.flip(apiKeys.verify(token, { scopes: ["no scope"] })), { _tag: "InsufficientScope" })
          const refusal = (which: Redacted.Redacted, way: (typeof ways)[number]) =>
            Effect.map(Effect.flip(apiKeys.verify(which, { ...way, scopes: ["b"] })), fieldsOf)
          const [previous, current] = [{ keyId: keyIdOf(token) }, { keyId: keyIdOf(rotated.token) }]
          const scopes = { required: [Scope.make("b")], granted: apiKey.scopes }
          for (const way of ways) {
            assert.deepStrictEqual(yield* refusal(rotated.token, way), fieldsOf(new InsufficientScope({ ...current, ...scopes })))
            assert.deepStrictEqual(
              yield* refusal(token, way),
              fieldsOf(new InsufficientScope({ ...previous, ...scopes, previous: { replacedAt, expiresAt: end } })),
            )
          }
          const expiresAt = yield* fromNow("5 minutes")
          yield* apiKeys.update(apiKey.id, { expiresAt })
          yield* TestClock.adjust("5 minutes")
          for (const way of ways) {
            assert.deepStrictEqual(yield* refusal(rotated.token, way), fieldsOf(new Expired({ ...current, expiresAt })))
            assert.deepStrictEqual(yield* refusal(token, way), fieldsOf(new Expired({ ...previous, expiresAt })))
          }
          yield* apiKeys.update(apiKey.id, { isActive: false, expiresAt: null })
          for (const way of ways) {
            assert.deepStrictEqual(yield* refusal(rotated.token, way), fieldsOf(new Inactive(current)))
            assert.deepStrictEqual(yield* refusal(token, way), fieldsOf(new Inactive(previous)))
          }
          yield* apiKeys.activate(apiKey.id)
          yield* TestClock.adjust("5 minutes")
          for (const way of ways) assert.deepStrictEqual(yield* refusal(token, way), fieldsOf(new Expired({ ...previous, expiresAt: end })))
          // Older than an hour, it would have ended by its age too: later than its grace did.
          yield* TestClock.adjust("1 hour")
          const comesOfAge = DateTime.add(replacedAt, { hours: 1 })
          for (const way of ways) {
            assert.deepStrictEqual(yield* refusal(rotated.token, way), fieldsOf(new Expired({ ...current, expiresAt: comesOfAge })))
            assert.deepStrictEqual(yield* refusal(token, way), fieldsOf(new Expired({ ...previous, expiresAt: end })))
          }
        }),
      { maximumAge: "1 hour", refuseAged: true },
    ),
  )
})
