import { inspect } from "node:util"
import { assert, describe, it } from "@effect/vitest"
import { Clock, DateTime, Duration, Effect, Fiber, Redacted } from "effect"
import { TestClock } from "effect/testing"
import { delivered, makeHub, tagOf, wrongSecret } from "../support/nodes.ts"
import { written, withNodes, ask, current, previous, expiredAt, each, plus } from "./support.ts"

describe("A grace from the new token's first use on", () => {
  each("waits as long as it takes, and then runs for as long as was said", ({ a, b }) =>
    Effect.gen(function* () {
      const { apiKey, token } = yield* a.create({ name: "k" })
      const rotated = yield* a.rotate(apiKey.id, { grace: "1 minute", graceFrom: "firstUse" })
      yield* delivered
      assert.deepInclude(rotated.apiKey.previous, { expiresAt: null, graceSeconds: 60 })
      yield* TestClock.adjust("1 hour")
      // Neither a use of the older token nor a refused one of the new one counts.
      assert.deepStrictEqual(yield* ask(b, token), previous)
      assert.deepStrictEqual(yield* ask(b, wrongSecret(rotated.token)), { tag: "InvalidSecret" })
      assert.strictEqual(yield* tagOf(b.verify(rotated.token, { scopes: ["x"] })), "InsufficientScope")
      yield* written
      assert.deepInclude((yield* a.get(apiKey.id)).previous, { expiresAt: null, graceSeconds: 60 })
      assert.deepStrictEqual(yield* ask(a, token), previous)
      const end = plus(yield* DateTime.now, "1 minute")
      assert.deepStrictEqual(yield* ask(b, rotated.token), current)
      yield* written
      const settled = yield* a.get(apiKey.id)
      assert.deepInclude(settled.previous, { expiresAt: end, graceSeconds: null })
      // A use isn't a change, so whoever has the version may go on.
      assert.strictEqual(settled.version, 2)
      yield* TestClock.adjust(Duration.millis(end.epochMilliseconds - (yield* Clock.currentTimeMillis) - 1))
      for (const node of [a, b]) assert.deepStrictEqual(yield* ask(node, token), previous)
      yield* TestClock.adjust("1 millis")
      for (const node of [a, b]) {
        assert.deepStrictEqual(yield* ask(node, token), expiredAt(end.epochMilliseconds))
        assert.deepStrictEqual(yield* ask(node, rotated.token), current)
      }
    }),
  )

  each("ends with the use's writing where it is 0", ({ a, b }) =>
    Effect.gen(function* () {
      const { apiKey, token } = yield* a.create({ name: "k" })
      const rotated = yield* a.rotate(apiKey.id, { grace: 0, graceFrom: "firstUse" })
      assert.deepStrictEqual(yield* ask(b, token), previous)
      const at = yield* Clock.currentTimeMillis
      yield* b.verify(rotated.token)
      yield* written
      for (const node of [a, b]) assert.deepStrictEqual(yield* ask(node, token), expiredAt(at))
    }),
  )
})

describe("endGrace", () => {
  each("ends the older token at once, on every node", ({ a, b }) =>
    Effect.gen(function* () {
      for (const graceFrom of ["now", "firstUse"] as const) {
        const { apiKey, token } = yield* a.create({ name: "k" })
        const rotated = yield* a.rotate(apiKey.id, { graceFrom })
        yield* delivered
        for (const node of [a, b]) assert.deepStrictEqual(yield* ask(node, token), previous)
        const now = yield* DateTime.now
        const ended = yield* a.endGrace(apiKey.id)
        assert.deepInclude(ended, { version: 3, updatedAt: now, keyId: rotated.apiKey.keyId })
        assert.deepInclude(ended.previous, { expiresAt: now, graceSeconds: null })
        yield* delivered
        for (const node of [a, b]) {
          assert.deepStrictEqual(yield* ask(node, token), expiredAt(now.epochMilliseconds))
          assert.deepStrictEqual(yield* ask(node, wrongSecret(token)), { tag: "InvalidSecret" })
          assert.deepStrictEqual(yield* ask(node, rotated.token), current)
        }
        // A use that is written later doesn't begin it again.
        yield* written
        assert.deepInclude((yield* a.get(apiKey.id)).previous, { expiresAt: now, graceSeconds: null })
      }
    }),
  )

  each("changes nothing where no older token works", ({ a }) =>
    Effect.gen(function* () {
      const { apiKey } = yield* a.create({ name: "k" })
      assert.deepStrictEqual(yield* a.endGrace(apiKey.id), apiKey)
      const rotated = yield* a.rotate(apiKey.id, { grace: 0 })
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(yield* a.endGrace(apiKey.id), rotated.apiKey)
      assert.deepStrictEqual(yield* a.endGrace(apiKey.id, { confirmWithin: "1 second" }), rotated.apiKey)
    }),
  )

  each("can be confirmed by every node, and is then over on each", ({ a, b }) =>
    Effect.gen(function* () {
      const { apiKey, token } = yield* a.create({ name: "k" })
      yield* a.rotate(apiKey.id)
      yield* delivered
      assert.deepStrictEqual(yield* ask(b, token), previous)
      const ending = yield* Effect.forkChild(a.endGrace(apiKey.id, { confirmWithin: "1 second" }))
      yield* delivered
      yield* Fiber.join(ending)
      assert.strictEqual((yield* ask(b, token)).tag, "Expired")
    }),
  )
})

describe("Confirmed", () => {
  const lose = () => {
    const state = { isLosing: false }
    return { state, hub: makeHub((message) => state.isLosing && /^(changed|doubtful|settled) /.test(message)) }
  }
  /** What waits for the other node, whose answer takes a moment. */
  const confirming = <A, E>(effect: Effect.Effect<A, E>) =>
    Effect.gen(function* () {
      const fiber = yield* Effect.forkChild(effect)
      yield* delivered
      return yield* Fiber.join(fiber)
    })
  const confirmWithin = "1 second"

  it.effect.each(["rotate", "endGrace"] as const)("%s ends the older token also where a message was lost", (operation) => {
    const { state, hub } = lose()
    return withNodes(
      2,
      {},
      ({ a, b }) =>
        Effect.gen(function* () {
          const first = yield* a.create({ name: "k" })
          const { id } = first.apiKey
          if (operation === "endGrace") {
            yield* a.rotate(id)
            yield* delivered
          }
          assert.strictEqual((yield* ask(b, first.token)).tag, "good")
          state.isLosing = true
          yield* confirming(
            Effect.gen(function* () {
              if (operation === "rotate") yield* a.rotate(id, { grace: 0, confirmWithin })
              else yield* a.endGrace(id, { confirmWithin })
            }),
          )
          assert.strictEqual((yield* ask(b, first.token)).tag, "Expired")
        }),
      { hub },
    )
  })

  it.effect("a rotation ends the token before the older one as well", () => {
    const { state, hub } = lose()
    return withNodes(
      2,
      {},
      ({ a, b }) =>
        Effect.gen(function* () {
          const first = yield* a.create({ name: "k" })
          const { id } = first.apiKey
          const second = yield* a.rotate(id)
          yield* delivered
          for (const { token } of [first, second]) assert.strictEqual((yield* ask(b, token)).tag, "good")
          state.isLosing = true
          const third = yield* confirming(a.rotate(id, { ifPrevious: "end", confirmWithin }))
          assert.deepStrictEqual(yield* ask(b, first.token), { tag: "NotFound" })
          assert.deepStrictEqual(yield* ask(b, second.token), previous)
          assert.deepStrictEqual(yield* ask(b, third.token), current)
        }),
      { hub },
    )
  })

  it.effect("a rotation that isn't stands, and gives its token with the error", () => {
    const hub = makeHub((message) => message.startsWith("confirm"))
    return withNodes(
      2,
      { nodeName: "n" },
      ({ a }) =>
        Effect.gen(function* () {
          const { apiKey, token } = yield* a.create({ name: "k" })
          const failing = Effect.fnUntraced(function* <A, E>(effect: Effect.Effect<A, E>) {
            const fiber = yield* Effect.forkChild(Effect.flip(effect))
            // What is hashed takes time of the machine's.
            const turn = Effect.andThen(
              TestClock.adjust("200 millis"),
              Effect.promise(() => new Promise((resolve) => setImmediate(resolve))),
            )
            yield* Effect.repeat(turn, { until: () => fiber.pollUnsafe() !== undefined })
            return yield* Fiber.join(fiber)
          })
          const unconfirmed = yield* failing(a.rotate(apiKey.id, { confirmWithin }))
          assert.deepInclude(unconfirmed, { _tag: "Unconfirmed", id: apiKey.id })
          if (unconfirmed._tag !== "Unconfirmed" || unconfirmed.token === undefined) return assert.fail("There is no token")
          assert.notInclude(inspect(unconfirmed, { depth: null }) + String(unconfirmed), Redacted.value(unconfirmed.token))
          assert.deepStrictEqual(yield* ask(a, unconfirmed.token), current)
          assert.deepStrictEqual(yield* ask(a, token), previous)
          // Any other change has none.
          const error = yield* failing(a.endGrace(apiKey.id, { confirmWithin }))
          assert.isUndefined(error._tag === "Unconfirmed" ? error.token : "none")
        }),
      { hub },
    )
  })
})
