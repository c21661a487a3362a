import { assert, describe, it } from "@effect/vitest"
import { DateTime, Effect, Latch, Logger, Redacted, References } from "effect"
import * as Possession from "../../../src/internal/http/possession.ts"
import { type Repository, withServer, post, create, wellFormed, unknown, eventually, unreachable } from "./support.ts"

describe("Who holds a token", () => {
  const revoke = (url: string, token: string) => post(`${url}/leaks/revoke`, JSON.stringify({ token }))

  it.live("can end it, and is told the same whatever it was", () =>
    withServer({ revokeByPossession: true, revocationsPerSecond: 1_000 }, (apiKeys, url) =>
      Effect.gen(function* () {
        const { id, token } = yield* create(apiKeys)
        const replies: Array<string> = []
        for (const some of [token, unknown, "garbage", `${token.slice(0, -1)}!`, "x".repeat(50_000), token]) {
          const { status, text } = yield* revoke(url, some)
          replies.push(`${status} ${text}`)
        }
        assert.deepStrictEqual(new Set(replies), new Set(['202 {"accepted":true}']))
        const ended = yield* eventually(apiKeys.get(id), ({ isActive }) => !isActive)
        assert.strictEqual(ended.deactivationReason, "possession")
        assert.isTrue(DateTime.isDateTime(ended.deactivatedAt))
        assert.strictEqual((yield* Effect.flip(apiKeys.verify(token)))._tag, "Inactive")
        assert.strictEqual((yield* post(`${url}/leaks/revoke`, "{}")).status, 400)
      }),
    ),
  )

  it.live("makes the server do bounded work, and can't be kept waiting by what is no token or one", () =>
    withServer({ revokeByPossession: true, revocationsPerSecond: 0.1 }, (_, url) =>
      Effect.gen(function* () {
        const statusesOf = (tokenOf: (index: number) => string) =>
          Effect.map(
            Effect.forEach(Array.from({ length: 1_100 }), (_, index) => revoke(url, tokenOf(index)), { concurrency: 20 }),
            (replies) => replies.map(({ status }) => status),
          )
        assert.deepStrictEqual(new Set(yield* statusesOf((index) => `garbage ${index}`)), new Set([202]))
        assert.deepStrictEqual(new Set(yield* statusesOf((index) => wellFormed(index).slice(0, -1) + "!")), new Set([202]))
        assert.deepStrictEqual(new Set(yield* statusesOf(() => unknown)), new Set([202]))
      }),
    ),
  )

  it.live("isn't held up by invented tokens, whose checksums anybody can compute", () =>
    withServer({ revokeByPossession: true, revocationsPerSecond: 0.1 }, (apiKeys, url) =>
      Effect.gen(function* () {
        const { id, token } = yield* create(apiKeys)
        const statuses = yield* Effect.forEach(Array.from({ length: 1_100 }), (_, index) => revoke(url, wellFormed(index)), {
          concurrency: 20,
        })
        assert.deepStrictEqual(new Set(statuses.map(({ status }) => status)), new Set([202]))
        assert.strictEqual((yield* revoke(url, token)).status, 202)
        yield* eventually(apiKeys.get(id), ({ isActive }) => !isActive)
      }),
    ),
  )

  it.live("isn't held up by many tokens for another key, and a flood is bounded", () =>
    Effect.gen(function* () {
      const ended: Array<string> = []
      const held = yield* Latch.make()
      const possession = yield* Possession.make(
        {
          identify: (token) => Effect.succeed(Redacted.value(token).split(" ")[0]),
          revoke: (token) =>
            Effect.andThen(
              held.await,
              Effect.sync(() => void ended.push(Redacted.value(token))),
            ),
        },
        1_000,
      )
      const offer = (text: string) =>
        Effect.repeat(
          Effect.andThen(
            Effect.yieldNow,
            Effect.sync(() => possession.offer(Redacted.make(text))),
          ),
          { until: (isAccepted) => isAccepted },
        )
      for (let index = 0; index < 3_000; index++) yield* offer(`flooded ${index}`)
      yield* offer("other 1")
      yield* offer("other 2")
      yield* Effect.sleep("50 millis")
      yield* held.open
      yield* eventually(
        Effect.sync(() => ended.length),
        (length) => length >= 1_000,
      )
      yield* Effect.sleep("50 millis")
      assert.strictEqual(ended.length, 1_000)
      assert.isBelow(ended.indexOf("other 1"), 4)
      assert.isBelow(ended.indexOf("other 2"), 6)
      // The first ones of the flood are kept: who came before it isn't pushed out.
      assert.strictEqual(ended.at(-1), "flooded 997")
    }).pipe(Effect.scoped, Effect.provide(Logger.layer([]))),
  )

  it.live("doesn't learn from a full queue whether a token's key exists", () =>
    Effect.gen(function* () {
      const held = yield* Latch.make()
      const named = yield* Latch.make()
      const possession = yield* Possession.make(
        {
          identify: (token) => (Redacted.value(token) === "known" ? Effect.as(named.open, "key") : Effect.as(held.await, undefined)),
          revoke: () => held.await,
        },
        1_000,
      )
      const offer = (text: string) => possession.offer(Redacted.make(text))
      assert.isTrue(offer("known"))
      yield* named.await
      yield* Effect.sleep("20 millis")
      for (let index = 0; index < Possession.capacity; index++) assert.isTrue(offer(`unknown ${index}`))
      assert.deepStrictEqual([offer("known"), offer("another")], [false, false])
      yield* held.open
    }).pipe(Effect.scoped),
  )

  it.live("can't be kept waiting while the store is slow to look up, beyond what waits", () => {
    const held = Promise.withResolvers<void>()
    const store = (repository: Repository): Repository => ({
      ...repository,
      findByKeyId: (keyId) =>
        Effect.andThen(
          Effect.promise(() => held.promise),
          repository.findByKeyId(keyId),
        ),
    })
    return withServer(
      { revokeByPossession: true },
      (_, url) =>
        Effect.gen(function* () {
          const statuses = yield* Effect.forEach(Array.from({ length: 1_010 }), (_, index) => revoke(url, wellFormed(index)))
          assert.strictEqual(statuses.filter(({ status }) => status === 202).length, Possession.capacity)
          assert.strictEqual(statuses.at(-1)?.status, 503)
          held.resolve()
        }),
      { store },
    )
  })

  it.live("has it ended though the server stops", () => {
    const ids: Array<Effect.Success<ReturnType<typeof create>>["id"]> = []
    return withServer(
      { revokeByPossession: true, revocationsPerSecond: 1 },
      (apiKeys, url) =>
        Effect.gen(function* () {
          for (let i = 0; i < 25; i++) {
            const { id, token } = yield* create(apiKeys)
            ids.push(id)
            assert.strictEqual((yield* revoke(url, token)).status, 202)
          }
        }),
      {
        after: (apiKeys) =>
          Effect.gen(function* () {
            for (const id of ids) assert.strictEqual((yield* apiKeys.get(id)).deactivationReason, "possession")
          }),
      },
    )
  })

  it.live("has it ended though the store fails meanwhile, and is broken for another token", () => {
    let broken = ""
    let failures = 0
    const store = (repository: Repository): Repository => ({
      ...repository,
      findByKeyId: (keyId) => (keyId === broken ? Effect.die("The store has a defect") : repository.findByKeyId(keyId)),
      update: (id, changes, options) => (++failures < 4 ? Effect.fail(unreachable) : repository.update(id, changes, options)),
    })
    return withServer(
      { revokeByPossession: true, revocationsPerSecond: 1_000 },
      (apiKeys, url, logged) =>
        Effect.gen(function* () {
          const other = yield* create(apiKeys)
          broken = other.token.split("-")[1]!
          const { id, token } = yield* create(apiKeys)
          for (const each of [other.token, token]) assert.strictEqual((yield* revoke(url, each)).status, 202)
          yield* eventually(apiKeys.get(id), ({ isActive }) => !isActive)
          assert.strictEqual(failures, 4)
          assert.isTrue(logged.some((line) => line.includes("The store has a defect")))
          for (const line of logged) assert.notInclude(line, other.token.slice(-60))
        }),
      { store },
    )
  })

  it.live("is never forgotten, though it comes as the last one has gone", () =>
    Effect.gen(function* () {
      for (let budget = 4; budget < 12; budget++) {
        for (let steps = 0; steps < 4; steps++) {
          let ended = 0
          const possession = yield* Possession.make(
            { identify: () => Effect.succeed("key"), revoke: () => Effect.sync(() => void ended++) },
            1_000,
          ).pipe(
            // So that others have their turn at each place where they could, and not just once in two thousand.
            Effect.provideService(References.MaxOpsBeforeYield, budget),
          )
          for (let step = 0; step < steps; step++) yield* Effect.yieldNow
          assert.isTrue(possession.offer(Redacted.make(unknown)))
          for (let step = 0; step < 100; step++) yield* Effect.yieldNow
          assert.strictEqual(ended, 1, `${budget} ${steps}`)
        }
      }
    }).pipe(Effect.scoped),
  )

  it.live("can't unless it is configured", () =>
    withServer({}, (apiKeys, url) =>
      Effect.gen(function* () {
        const { token } = yield* create(apiKeys)
        assert.strictEqual((yield* revoke(url, token)).status, 404)
        yield* apiKeys.verify(token)
      }),
    ),
  )
})
