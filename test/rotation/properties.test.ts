import { assert, describe, it } from "@effect/vitest"
import { Clock, Context, DateTime, Duration, Effect, Layer, Option, Random, Redacted, Result } from "effect"
import { TestClock } from "effect/testing"
import type { ApiKeyId } from "../../src/ApiKey.ts"
import * as Repository from "../../src/ApiKeyRepository.ts"
import * as ApiKeys from "../../src/ApiKeys.ts"
import * as Pglite from "../../src/sql/Pglite.ts"
import { delivered, settings, settled, tagOf, wrongSecret } from "../support/nodes.ts"
import { type Node, keyIdOf, type Setting, written, type World, withNodes, type Answer, ask, expiredAt, each } from "./support.ts"

/** The clock, ahead or behind by what `skew` says. */
const withSkew = <A, E, R>(skew: { readonly millis: number }, effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.flatMap(Clock.Clock, (clock) => {
    const now = () => clock.currentTimeMillisUnsafe() + skew.millis
    const skewed: Clock.Clock = Object.assign(Object.create(clock), {
      currentTimeMillisUnsafe: now,
      currentTimeMillis: Effect.sync(now),
    })
    return Effect.provideService(effect, Clock.Clock, skewed)
  })

/** What a key's tokens do, said as simply as can be. Times are in milliseconds. */
class ReferenceKey {
  readonly older: Array<Redacted.Redacted> = []
  token: Redacted.Redacted
  previous: { readonly token: Redacted.Redacted; end: number | null; graceSeconds: number | null } | null = null
  isActive = true
  isDeleted = false
  expiresAt: number | null = null
  version = 1
  updatedAt: number

  constructor(token: Redacted.Redacted, now: number) {
    this.token = token
    this.updatedAt = now
  }

  /** What whoever wrote last had passed is over, however far behind a clock is. */
  isPreviousLive(now: number): boolean {
    return this.previous !== null && (this.previous.end === null || this.previous.end > Math.max(now, this.updatedAt))
  }

  update(now: number): void {
    const end = this.previous?.end ?? null
    this.updatedAt = end !== null && end <= this.updatedAt ? Math.max(now, end) : now
    this.version++
  }

  bound(end: number): number {
    return this.expiresAt === null ? end : Math.min(end, this.expiresAt)
  }

  rotate(now: number, token: Redacted.Redacted, graceSeconds: number, graceFrom: "now" | "firstUse"): void {
    if (this.previous !== null) this.older.push(this.previous.token)
    this.previous =
      graceFrom === "now"
        ? { token: this.token, end: this.bound(now + graceSeconds * 1_000), graceSeconds: null }
        : { token: this.token, end: null, graceSeconds }
    this.token = token
    this.updatedAt = now
    this.version++
  }

  /** Once a use of the current token has been written. */
  use(at: number): void {
    if (this.previous === null || this.previous.graceSeconds === null) return
    this.previous.end = this.bound(at + this.previous.graceSeconds * 1_000)
    this.previous.graceSeconds = null
  }

  answer(token: Redacted.Redacted, isRight: boolean, now: number): Answer {
    const usedToken = token === this.token ? "current" : token === this.previous?.token ? "previous" : undefined
    if (this.isDeleted || usedToken === undefined) return { tag: "NotFound" }
    if (!isRight) return { tag: "InvalidSecret" }
    if (!this.isActive) return { tag: "Inactive" }
    if (this.expiresAt !== null && this.expiresAt <= now) return expiredAt(this.expiresAt)
    const end = usedToken === "previous" && !this.isPreviousLive(now) ? (this.previous?.end ?? null) : null
    return end === null ? { tag: "good", usedToken } : expiredAt(end)
  }
}

const pick = <const A>(values: readonly [A, ...ReadonlyArray<A>]): Effect.Effect<A> =>
  Effect.map(Random.nextIntBetween(0, values.length, { halfOpen: true }), (index) => values[index] ?? values[0])

const chance = (probability: number): Effect.Effect<boolean> => Effect.map(Random.next, (number) => number < probability)

/** A history of one key, each of whose steps is done on a random node, and asked about on each. */
const history = Effect.fnUntraced(function* ({ nodes, a, repository }: Setting, steps: number, skew?: { millis: number }) {
  const scopes = ["x"]
  const { apiKey, token } = yield* a.create({ name: "k", scopes, metadata: { m: 1 } })
  const { id } = apiKey
  const key = new ReferenceKey(token, apiKey.createdAt.epochMilliseconds)
  const log: Array<string> = []
  const anyNode = pick([a, ...nodes.slice(1)])
  const clock = yield* Clock.Clock
  const now = () => clock.currentTimeMillisUnsafe()

  const rotate = Effect.gen(function* () {
    const graceSeconds = yield* pick([undefined, 0, 1, 30, 70, 600])
    const graceFrom = yield* pick(["now", "now", "firstUse", undefined])
    const ifPrevious = yield* pick(["end", "end", "refuse", undefined])
    const ifVersion = yield* pick([undefined, undefined, key.version, key.version - 1])
    log.push(`rotate ${JSON.stringify({ graceSeconds, graceFrom, ifPrevious, ifVersion })}`)
    const at = now()
    const grace = graceSeconds === undefined ? undefined : Duration.seconds(graceSeconds)
    const rotated = yield* Effect.result((yield* anyNode).rotate(id, { grace, graceFrom, ifPrevious, ifVersion }))
    const refusal = key.isDeleted
      ? "ApiKeyNotFound"
      : ifVersion !== undefined && ifVersion !== key.version
        ? "VersionConflict"
        : ifPrevious !== "end" && key.isPreviousLive(at)
          ? "GraceRunning"
          : undefined
    assert.strictEqual(Result.isFailure(rotated) ? rotated.failure._tag : undefined, refusal, log.join("\n"))
    if (Result.isSuccess(rotated)) key.rotate(at, rotated.success.token, graceSeconds ?? 86_400, graceFrom ?? "now")
  })

  const change = (name: string, make: (node: Node) => Effect.Effect<unknown, { readonly _tag: string }>, apply: () => void) =>
    Effect.gen(function* () {
      log.push(name)
      const tag = yield* tagOf(make(yield* anyNode))
      assert.strictEqual(tag, key.isDeleted ? "ApiKeyNotFound" : "good", log.join("\n"))
      if (!key.isDeleted) apply()
    })

  const step = Effect.gen(function* () {
    const at = now()
    const kind = yield* Random.nextIntBetween(0, 100)
    if (kind < 30) return yield* rotate
    if (kind < 36 && skew !== undefined) {
      const back = yield* pick([1, 999, 5_000, 70_000])
      log.push(`back by ${back}`)
      skew.millis -= back
      return yield* Effect.void
    }
    if (kind < 60) {
      // Often to just before the end of something, or just on it.
      const ends = [key.previous?.end, key.expiresAt].filter((end) => end !== null && end !== undefined && end > at && end < at + 700_000)
      const [end] = ends
      const millis =
        end !== undefined && end !== null && (yield* chance(0.5))
          ? end - at - (yield* pick([0, 1]))
          : yield* pick([1, 4_999, 5_000, 30_000, 61_000, 600_000])
      log.push(`wait ${millis}`)
      return yield* TestClock.adjust(millis)
    }
    if (kind < 68) {
      return yield* change(
        "endGrace",
        (node) => node.endGrace(id),
        () => {
          if (key.previous === null || !key.isPreviousLive(at)) return
          key.previous.end = at
          key.previous.graceSeconds = null
          key.updatedAt = at
          key.version++
        },
      )
    }
    if (kind < 82) {
      const isActive = yield* chance(0.6)
      return yield* change(
        isActive ? "activate" : "deactivate",
        (node) => (isActive ? node.activate(id) : node.deactivate(id)),
        () => {
          // What is inactive already stays as it is.
          if (!isActive && !key.isActive) return
          key.isActive = isActive
          key.update(at)
        },
      )
    }
    if (kind < 98) {
      const expiresAt = yield* pick([null, null, at + 30_000, at + 100_000, at])
      return yield* change(
        `expires at ${expiresAt}`,
        (node) => node.update(id, { expiresAt: expiresAt === null ? null : DateTime.makeUnsafe(expiresAt) }),
        () => {
          key.expiresAt = expiresAt
          key.update(at)
        },
      )
    }
    return yield* change(
      "delete",
      (node) => node.delete(id),
      () => {
        key.isDeleted = true
      },
    )
  })

  const askAll = Effect.gen(function* () {
    let usedAt: number | undefined
    const tokens = [key.token, ...(key.previous === null ? [] : [key.previous.token]), ...key.older.slice(-3)]
    for (const node of nodes) {
      for (const token of tokens) {
        for (const isRight of [true, false]) {
          if (yield* chance(0.3)) continue
          const expected = key.answer(token, isRight, now())
          // As usual, or from the store.
          const options = (yield* chance(0.15)) ? { maxAge: 0 } : undefined
          const answer = yield* ask(node, isRight ? token : wrongSecret(token), options)
          assert.deepStrictEqual(answer, expected, `at ${now()}, after\n${log.join("\n")}`)
          if (answer.usedToken === "current") usedAt = now()
        }
      }
    }
    // A grace that waits for the first use is settled when that is written.
    if (usedAt === undefined || typeof key.previous?.graceSeconds !== "number") return
    log.push("first use")
    yield* written
    yield* caughtUp
    key.use(usedAt)
  })

  // One after the other, a store does what it was asked to before.
  const caughtUp = Effect.repeat(Effect.andThen(repository.count({}), settled), { times: 2 })
  for (let number = 0; number < steps; number++) {
    yield* step
    yield* delivered
    yield* caughtUp
    yield* askAll
    if (key.isDeleted) continue
    const record = yield* (yield* anyNode).get(id)
    assert.strictEqual(record.version, key.version, log.join("\n"))
    assert.strictEqual(record.previous?.expiresAt?.epochMilliseconds ?? null, key.previous?.end ?? null, log.join("\n"))
    assert.strictEqual(record.previous?.graceSeconds ?? null, key.previous?.graceSeconds ?? null, log.join("\n"))
    assert.strictEqual(record.keyId, keyIdOf(key.token))
    assert.deepInclude(record, { id, name: "k", scopes: apiKey.scopes, metadata: { m: 1 }, createdAt: apiKey.createdAt })
  }
})

describe("Whatever was done to a key, each of its tokens does what it should", () => {
  const run = (count: number, options: ApiKeys.Options, histories: number, world?: World<unknown>) =>
    Effect.forEach(
      Array.from({ length: histories }, (_, index) => index),
      (seed) => {
        // The clock is set back now and then in each other one.
        const skew = seed % 2 === 0 ? undefined : { millis: 0 }
        const nodes = withNodes(count, options, (setting) => history(setting, 30, skew), world)
        return withSkew(skew ?? { millis: 0 }, nodes).pipe(Random.withSeed(`history ${seed}`))
      },
      { discard: true },
    )
  it.effect.each(settings)("%s", ([, count, options]) => run(count, options, 40))
  it.effect.each(settings)("%s on PGlite", ([, count, options]) =>
    Effect.flatMap(Layer.build(Layer.fresh(Pglite.layerPglite())), (context) =>
      run(count, options, 6, { layer: Layer.succeed(Repository.ApiKeyRepository, Context.get(context, Repository.ApiKeyRepository)) }),
    ),
  )
})

describe("A clock that is behind", () => {
  each("doesn't let an older token live on that was ended", ({ a, b }) =>
    Effect.gen(function* () {
      const behind = { millis: -30_000 }
      for (const end of [(id: ApiKeyId) => Effect.andThen(a.rotate(id), a.endGrace(id)), (id: ApiKeyId) => a.rotate(id, { grace: 0 })]) {
        const { apiKey, token } = yield* a.create({ name: "k" })
        const { id } = apiKey
        yield* withSkew(behind, b.verify(token))
        yield* end(id)
        yield* delivered
        const isOver = withSkew(
          behind,
          Effect.gen(function* () {
            for (const options of [{}, { maxAge: 0 }]) assert.strictEqual((yield* ask(b, token, options)).tag, "Expired")
          }),
        )
        yield* isOver
        // Nor does it after a change that is made by that clock.
        yield* withSkew(behind, b.deactivate(id))
        yield* withSkew(behind, b.activate(id))
        yield* delivered
        yield* isOver
        assert.strictEqual(yield* tagOf(withSkew(behind, b.rotate(id))), "good")
      }
    }),
  )
})

describe("What is judged is what is changed", () => {
  /** Once, after the service has read the key and before it writes. */
  const before = (write: "update" | "endPrevious", change: (node: Node, id: ApiKeyId) => Effect.Effect<unknown, unknown>) => {
    let node: Node | undefined
    let isDone = false
    const between = <A, E>(id: ApiKeyId, effect: Effect.Effect<A, E>) =>
      Effect.suspend(() => {
        if (node === undefined || isDone) return effect
        isDone = true
        return Effect.andThen(Effect.orDie(change(node, id)), effect)
      })
    return {
      arm: (by: Node) => (node = by),
      adapt: (repository: Repository.ApiKeyRepository["Service"]): Repository.ApiKeyRepository["Service"] => ({
        ...repository,
        ...(write === "update"
          ? { update: (id, ...rest) => between(id, repository.update(id, ...rest)) }
          : { endPrevious: (id, ...rest) => between(id, repository.endPrevious(id, ...rest)) }),
      }),
    }
  }

  it.effect("revoking a token that is rotated meanwhile ends that token, and leaves the new one", () => {
    const { arm, adapt } = before("update", (node, id) => node.rotate(id))
    return withNodes(
      1,
      {},
      ({ a, repository }) =>
        Effect.gen(function* () {
          const { apiKey, token } = yield* a.create({ name: "k" })
          arm(a)
          const { usedToken } = yield* a.revoke(token, { reason: "leaked" })
          assert.strictEqual(usedToken, "previous")
          const stored = Option.getOrThrow(yield* repository.findById(apiKey.id)).apiKey
          assert.isTrue(stored.isActive)
          assert.strictEqual(yield* tagOf(a.verify(token)), "Expired")
        }),
      { adapt },
    )
  })

  it.effect("an end of a grace is of the version that was read", () =>
    withNodes(1, {}, ({ a }) =>
      Effect.gen(function* () {
        const { apiKey, token } = yield* a.create({ name: "k" })
        const { apiKey: read, token: second } = yield* a.rotate(apiKey.id)
        yield* a.rotate(apiKey.id, { ifPrevious: "end" })
        for (const end of [a.endGrace, a.activate, a.deactivate]) {
          const error = yield* Effect.flip(end(apiKey.id, { ifVersion: read.version }))
          assert.deepInclude(error, { _tag: "VersionConflict", expected: read.version, actual: read.version + 1 })
        }
        assert.strictEqual((yield* a.verify(second)).usedToken, "previous")
        assert.strictEqual(yield* tagOf(a.verify(token)), "NotFound")
        yield* a.deactivate(apiKey.id, { ifVersion: read.version + 1 })
        assert.strictEqual(yield* tagOf(a.deactivate(apiKey.id, { ifVersion: read.version + 1 })), "VersionConflict")
        assert.isFalse((yield* a.deactivate(apiKey.id, { ifVersion: read.version + 2 })).isActive)
      }),
    ),
  )
})
