/** Replaces tokens: what works afterwards, for how long, and what is told of it, on one node and two, with the cache and without. */
import { inspect } from "node:util"
import { assert, describe, it } from "@effect/vitest"
import { Clock, Context, DateTime, Duration, Effect, Fiber, Layer, Option, Random, Redacted, Result, type Scope, Stream } from "effect"
import { TestClock } from "effect/testing"
import type { ApiKeyId, KeyId, UsedToken } from "../src/ApiKey.ts"
import { DuplicateKeyId, InvalidInput, type VerifyError } from "../src/ApiKeyError.ts"
import { ApiKeyHasher, layerEphemeral } from "../src/ApiKeyHasher.ts"
import * as Repository from "../src/ApiKeyRepository.ts"
import * as ApiKeys from "../src/ApiKeys.ts"
import * as ApiKeyToken from "../src/ApiKeyToken.ts"
import * as Pglite from "../src/sql/Pglite.ts"
import { delivered, makeHub, settings, settled, tagOf, wrongSecret } from "./support/nodes.ts"

type Node = ApiKeys.ApiKeys["Service"]

const keyIdOf = (token: Redacted.Redacted): KeyId => Result.getOrThrow(ApiKeyToken.parse(Redacted.value(token))).keyId

interface Setting {
  readonly nodes: ReadonlyArray<Node>
  readonly a: Node
  /** The last one, which is the first one too where there is but one. */
  readonly b: Node
  readonly repository: Repository.ApiKeyRepository["Service"]
}

/** As long as a use may take to be written. */
const written = TestClock.adjust("13 seconds")
/** What the nodes live in, if it is told. */
interface World<E> {
  readonly layer?: Layer.Layer<Repository.ApiKeyRepository, E>
  readonly adapt?: (repository: Repository.ApiKeyRepository["Service"]) => Repository.ApiKeyRepository["Service"]
  readonly hub?: ReturnType<typeof makeHub>
}

const withNodes = <A, E, E2 = never>(
  count: number,
  options: ApiKeys.Options,
  test: (setting: Setting) => Effect.Effect<A, E, Scope.Scope>,
  { layer, adapt = (repository) => repository, hub = makeHub() }: World<E2> = {},
) =>
  Effect.gen(function* () {
    yield* TestClock.setTime(1_800_000_000_000)
    const repository = yield* Repository.ApiKeyRepository
    const shared = Layer.merge(
      Layer.succeed(Repository.ApiKeyRepository, adapt(repository)),
      Layer.succeed(ApiKeyHasher, yield* ApiKeyHasher),
    )
    const node = ApiKeys.layerWith(options).pipe(Layer.provide(count === 1 ? shared : Layer.merge(shared, hub)), Layer.orDie)
    const nodes = yield* Effect.replicateEffect(
      Effect.flatMap(Layer.build(Layer.fresh(node)), (context) => Effect.provide(ApiKeys.ApiKeys, context)),
      count,
    )
    yield* TestClock.adjust("1 second")
    const [a] = nodes
    const b = nodes.at(-1)
    assert.isDefined(a)
    assert.isDefined(b)
    return yield* test({ nodes, a, b, repository })
  }).pipe(Effect.scoped, Effect.provide(layerEphemeral), Effect.provide(Layer.fresh(layer ?? Repository.layerMemory)))

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

/** What verification says, and when it says that the token ended. */
interface Answer {
  readonly tag: "good" | VerifyError["_tag"]
  readonly usedToken?: UsedToken
  readonly expiresAt?: number
}

const ask = (node: Node, token: Redacted.Redacted, options?: ApiKeys.VerifyOptions): Effect.Effect<Answer> =>
  Effect.match(node.verify(token, options), {
    onSuccess: ({ usedToken }): Answer => ({ tag: "good", usedToken }),
    onFailure: (error): Answer =>
      error._tag === "Expired" ? { tag: "Expired", expiresAt: error.expiresAt.epochMilliseconds } : { tag: error._tag },
  })

const current: Answer = { tag: "good", usedToken: "current" }
const previous: Answer = { tag: "good", usedToken: "previous" }
const expiredAt = (expiresAt: number): Answer => ({ tag: "Expired", expiresAt })

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

const each = (name: string, test: (setting: Setting) => Effect.Effect<void, unknown, Scope.Scope>, more: ApiKeys.Options = {}) =>
  describe(name, () => {
    it.effect.each(settings)("%s", ([, count, options]) => withNodes(count, { ...options, ...more }, test))
  })

const plus = (now: DateTime.Utc, duration: Duration.Input): DateTime.Utc => DateTime.addDuration(now, Duration.fromInputUnsafe(duration))

describe("A rotation", () => {
  each("keeps the record, and gives it a new key id and token", ({ a, repository }) =>
    Effect.gen(function* () {
      const { apiKey, token } = yield* a.create({ name: "k", ownerId: "o", scopes: ["x"], metadata: { m: [1] }, description: "d" })
      yield* TestClock.adjust("1 hour")
      yield* a.verify(token)
      yield* written
      const before = yield* a.get(apiKey.id)
      assert.isNotNull(before.lastUsedAt)
      const now = yield* DateTime.now
      const rotated = yield* a.rotate(apiKey.id)
      assert.notStrictEqual(rotated.apiKey.keyId, apiKey.keyId)
      assert.strictEqual(rotated.apiKey.keyId, keyIdOf(rotated.token))
      assert.deepStrictEqual(
        { ...rotated.apiKey, previous: { ...rotated.apiKey.previous } },
        {
          ...before,
          keyId: rotated.apiKey.keyId,
          hint: Redacted.value(rotated.token).slice(-10, -6),
          version: 2,
          updatedAt: now,
          rotatedAt: now,
          previous: { keyId: apiKey.keyId, hint: apiKey.hint, expiresAt: plus(now, "24 hours"), graceSeconds: null, lastUsedAt: null },
        },
      )
      assert.deepStrictEqual(yield* a.get(apiKey.id), rotated.apiKey)
      const stored = Option.getOrThrow(yield* repository.findById(apiKey.id))
      assert.notStrictEqual(Redacted.value(stored.hash), Redacted.value(stored.previousHash ?? stored.hash))
      assert.strictEqual((yield* a.search()).total, 1)
    }),
  )

  each("lets both tokens work for a day, says which was used, and then says when the older one ended", ({ a, b }) =>
    Effect.gen(function* () {
      const first = yield* a.create({ name: "k" })
      yield* b.verify(first.token)
      const end = plus(yield* DateTime.now, "24 hours").epochMilliseconds
      const second = yield* a.rotate(first.apiKey.id)
      yield* delivered
      for (const node of [a, b]) {
        assert.deepStrictEqual(yield* ask(node, first.token), previous)
        assert.deepStrictEqual(yield* ask(node, second.token), current)
      }
      yield* TestClock.adjust(Duration.millis(end - (yield* Clock.currentTimeMillis) - 1))
      for (const node of [a, b]) assert.deepStrictEqual(yield* ask(node, first.token), previous)
      yield* TestClock.adjust("1 millis")
      for (const node of [a, b]) {
        assert.deepStrictEqual(yield* ask(node, first.token), expiredAt(end))
        assert.deepStrictEqual(yield* ask(node, second.token), current)
      }
    }),
  )

  each("shows the token once: neither record nor error holds it, or a hash", ({ a, repository }) =>
    Effect.gen(function* () {
      const first = yield* a.create({ name: "k" })
      const second = yield* a.rotate(first.apiKey.id)
      const refused = yield* Effect.flip(a.rotate(first.apiKey.id))
      const stored = Option.getOrThrow(yield* repository.findById(first.apiKey.id))
      const hidden = [
        ...[first.token, second.token].map((token) => Redacted.value(token).split("-")[2] ?? ""),
        ...[stored.hash, stored.previousHash].map((hash) => (hash === null ? "" : Redacted.value(hash))),
      ]
      assert.isFalse(hidden.includes(""))
      const seen = yield* a.verify(second.token)
      for (const value of [second, refused, seen, stored, yield* a.get(first.apiKey.id), yield* a.search()]) {
        const text = inspect(value, { depth: null, showHidden: true }) + String(value) + JSON.stringify(value)
        for (const secret of hidden) assert.notInclude(text, secret)
      }
    }),
  )

  it.effect.each([0, "90 days", "1 second", "1 hour"] as const)("takes a grace of %s", (grace) =>
    withNodes(1, {}, ({ a }) =>
      Effect.gen(function* () {
        const { apiKey, token } = yield* a.create({ name: "k" })
        const rotated = yield* a.rotate(apiKey.id, { grace })
        const end = plus(yield* DateTime.now, grace)
        assert.deepStrictEqual(rotated.apiKey.previous?.expiresAt, end)
        assert.deepStrictEqual(yield* ask(a, token), grace === 0 ? expiredAt(end.epochMilliseconds) : previous)
      }),
    ),
  )

  it.effect("takes no grace that is negative, or longer than 90 days", () =>
    withNodes(1, {}, ({ a }) =>
      Effect.gen(function* () {
        const { apiKey, token } = yield* a.create({ name: "k" })
        const refusals = [
          Duration.sum(Duration.days(90), Duration.millis(1)),
          Duration.infinity,
          Duration.negativeInfinity,
          Duration.seconds(-1),
          "91 days",
        ] as const
        for (const grace of refusals) {
          assert.deepStrictEqual(
            yield* Effect.flip(a.rotate(apiKey.id, { grace })),
            new InvalidInput({ field: "grace", reason: "must be 0 to 90 days" }),
          )
        }
        assert.deepStrictEqual(yield* a.get(apiKey.id), apiKey)
        assert.deepStrictEqual(yield* ask(a, token), current)
      }),
    ),
  )

  each("never lets the older token outlive the key", ({ a, b }) =>
    Effect.gen(function* () {
      const expiresAt = plus(yield* DateTime.now, "1 hour")
      const [fixed, waiting] = [yield* a.create({ name: "k", expiresAt }), yield* a.create({ name: "k", expiresAt })]
      const rotated = yield* a.rotate(fixed.apiKey.id)
      assert.deepStrictEqual(rotated.apiKey.previous?.expiresAt, expiresAt)
      const other = yield* a.rotate(waiting.apiKey.id, { graceFrom: "firstUse" })
      yield* b.verify(other.token)
      yield* written
      assert.deepStrictEqual((yield* a.get(waiting.apiKey.id)).previous?.expiresAt, expiresAt)
      // A longer life of the key doesn't lengthen a grace that is settled.
      yield* a.update(fixed.apiKey.id, { expiresAt: null })
      yield* TestClock.adjust("1 hour")
      for (const node of [a, b]) {
        for (const token of [fixed.token, waiting.token, other.token]) {
          assert.deepStrictEqual(yield* ask(node, token), expiredAt(expiresAt.epochMilliseconds))
        }
        assert.deepStrictEqual(yield* ask(node, rotated.token), current)
      }
    }),
  )

  each("of a key that doesn't exist, or has changed, does nothing", ({ a }) =>
    Effect.gen(function* () {
      const { apiKey, token } = yield* a.create({ name: "k" })
      const conflict = yield* Effect.flip(a.rotate(apiKey.id, { ifVersion: 2 }))
      assert.deepInclude(conflict, { _tag: "VersionConflict", id: apiKey.id, expected: 2, actual: 1 })
      assert.deepStrictEqual(yield* a.get(apiKey.id), apiKey)
      const rotated = yield* a.rotate(apiKey.id, { ifVersion: 1 })
      assert.strictEqual(rotated.apiKey.version, 2)
      assert.strictEqual(yield* tagOf(a.rotate(apiKey.id, { ifVersion: 1, ifPrevious: "end" })), "VersionConflict")
      assert.deepStrictEqual(yield* ask(a, token), previous)
      yield* a.delete(apiKey.id)
      assert.strictEqual(yield* tagOf(a.rotate(apiKey.id)), "ApiKeyNotFound")
      assert.strictEqual(yield* tagOf(a.endGrace(apiKey.id)), "ApiKeyNotFound")
      for (const gone of [token, rotated.token]) assert.deepStrictEqual(yield* ask(a, gone), { tag: "NotFound" })
    }),
  )

  each("of an inactive or expired key leaves it so", ({ a, b }) =>
    Effect.gen(function* () {
      const now = yield* DateTime.now
      const { apiKey, token } = yield* a.create({ name: "k" })
      yield* b.verify(token)
      yield* a.deactivate(apiKey.id)
      const rotated = yield* a.rotate(apiKey.id)
      yield* delivered
      for (const each of [token, rotated.token]) assert.deepStrictEqual(yield* ask(b, each), { tag: "Inactive" })
      yield* a.update(apiKey.id, { expiresAt: now })
      yield* delivered
      for (const each of [token, rotated.token]) assert.deepStrictEqual(yield* ask(b, each), { tag: "Inactive" })
      yield* a.activate(apiKey.id)
      yield* delivered
      for (const each of [token, rotated.token]) assert.deepStrictEqual(yield* ask(b, each), expiredAt(now.epochMilliseconds))
    }),
  )

  each("by two at once succeeds for both, and leaves one pair of tokens", ({ a, b }) =>
    Effect.gen(function* () {
      const { apiKey, token } = yield* a.create({ name: "k" })
      for (const node of [a, b]) yield* node.verify(token)
      const rotate = (node: Node) => node.rotate(apiKey.id, { ifPrevious: "end" })
      const [one, other] = yield* Effect.all([rotate(a), rotate(b)], { concurrency: "unbounded" })
      yield* delivered
      const [last, before] = one.apiKey.version > other.apiKey.version ? [one, other] : [other, one]
      assert.deepStrictEqual([before.apiKey.version, last.apiKey.version], [2, 3])
      for (const node of [a, b]) {
        assert.deepStrictEqual(yield* ask(node, last.token), current)
        assert.deepStrictEqual(yield* ask(node, before.token), previous)
        assert.deepStrictEqual(yield* ask(node, token), { tag: "NotFound" })
      }
    }),
  )

  it.effect("by two at once reads again what it overwrites", () => {
    let meanwhile: Effect.Effect<unknown, { readonly _tag: string }> = Effect.void
    const adapt = (repository: Repository.ApiKeyRepository["Service"]): typeof repository => ({
      ...repository,
      rotate: (...args) =>
        Effect.andThen(
          Effect.suspend(() => Effect.ignore(meanwhile)),
          repository.rotate(...args),
        ),
    })
    return withNodes(
      1,
      {},
      ({ a, repository }) =>
        Effect.gen(function* () {
          const { apiKey } = yield* a.create({ name: "k" })
          const { id } = apiKey
          const change = Effect.flatMap(DateTime.now, (at) => repository.update(id, { name: "changed" }, { at }))
          meanwhile = Effect.andThen(
            Effect.sync(() => (meanwhile = Effect.void)),
            change,
          )
          const rotated = yield* a.rotate(id)
          assert.deepInclude(rotated.apiKey, { name: "changed", version: 3 })
          meanwhile = change
          const named = { ifVersion: 3, ifPrevious: "end" } as const
          assert.strictEqual(yield* tagOf(a.rotate(id, named)), "VersionConflict")
          // A record that never stops changing is given up.
          const error = yield* Effect.flip(a.rotate(id, { ifPrevious: "end" }))
          assert.deepInclude(error, { _tag: "RepositoryError", isRetryable: true })
          assert.strictEqual((yield* a.get(id)).keyId, rotated.apiKey.keyId)
        }),
      { adapt },
    )
  })

  it.effect("of no key makes no hash", () => {
    let hashes = 0
    const hasher = Layer.effect(
      ApiKeyHasher,
      Effect.map(ApiKeyHasher, (hasher) => ({ ...hasher, hash: (secret) => Effect.suspend(() => (hashes++, hasher.hash(secret))) })),
    ).pipe(Layer.provide(layerEphemeral))
    return Effect.gen(function* () {
      const apiKeys = yield* ApiKeys.ApiKeys
      const { apiKey } = yield* apiKeys.create({ name: "k" })
      yield* apiKeys.delete(apiKey.id)
      hashes = 0
      assert.strictEqual(yield* tagOf(apiKeys.rotate(apiKey.id)), "ApiKeyNotFound")
      assert.strictEqual(hashes, 0)
    }).pipe(Effect.provide(ApiKeys.layer.pipe(Layer.provide([hasher, Layer.fresh(Repository.layerMemory)]))))
  })

  it.effect("while an older token is being revoked leaves the one that takes its place", () => {
    let meanwhile: Effect.Effect<unknown, { readonly _tag: string }> = Effect.void
    const adapt = (repository: Repository.ApiKeyRepository["Service"]): typeof repository => ({
      ...repository,
      endPrevious: (...args) =>
        Effect.andThen(
          Effect.suspend(() => Effect.ignore(meanwhile)),
          repository.endPrevious(...args),
        ),
    })
    return withNodes(
      1,
      {},
      ({ a }) =>
        Effect.gen(function* () {
          const first = yield* a.create({ name: "k" })
          const second = yield* a.rotate(first.apiKey.id)
          meanwhile = a.rotate(first.apiKey.id, { ifPrevious: "end" })
          yield* a.revoke(first.token, { reason: "leaked" })
          assert.deepStrictEqual(yield* ask(a, first.token), { tag: "NotFound" })
          assert.deepStrictEqual(yield* ask(a, second.token), previous)
        }),
      { adapt },
    )
  })

  it.effect("that a node hasn't heard of spares the new token when the older one is revoked there", () =>
    withNodes(
      2,
      {},
      ({ a, b }) =>
        Effect.gen(function* () {
          const first = yield* a.create({ name: "k" })
          assert.deepStrictEqual(yield* ask(b, first.token), current)
          const second = yield* a.rotate(first.apiKey.id)
          yield* delivered
          assert.deepStrictEqual(yield* ask(b, first.token), current)
          assert.strictEqual((yield* b.revoke(first.token, { reason: "leaked" })).usedToken, "previous")
          assert.strictEqual((yield* ask(b, first.token)).tag, "Expired")
          assert.deepStrictEqual(yield* ask(b, second.token), current)
          assert.strictEqual(yield* tagOf(b.revoke(first.token, { reason: "leaked" })), "Expired")
        }),
      { hub: makeHub((message) => /^(changed|doubtful|settled) /.test(message)) },
    ),
  )

  it.effect("whose key id is taken says so", () =>
    withNodes(
      1,
      {},
      ({ a }) =>
        Effect.gen(function* () {
          const { apiKey, token } = yield* a.create({ name: "k" })
          assert.deepInclude(yield* Effect.flip(a.rotate(apiKey.id)), { _tag: "RepositoryError", operation: "find a free key id" })
          assert.deepStrictEqual(yield* ask(a, token), current)
        }),
      { adapt: (repository) => ({ ...repository, rotate: (_id, { keyId }) => Effect.fail(new DuplicateKeyId({ keyId })) }) },
    ),
  )

  it.effect("takes whole seconds, and no less than was asked for", () =>
    withNodes(1, {}, ({ a }) =>
      Effect.gen(function* () {
        const { apiKey } = yield* a.create({ name: "k" })
        const rotated = yield* a.rotate(apiKey.id, { grace: "1001 millis" })
        assert.deepStrictEqual(rotated.apiKey.previous?.expiresAt, plus(yield* DateTime.now, "2 seconds"))
      }),
    ),
  )

  each("by two at once who let the older token be, or name the version, succeeds for one", ({ a, b }) =>
    Effect.gen(function* () {
      for (const [options, refusal] of [
        [{}, "GraceRunning"],
        [{ ifVersion: 1, ifPrevious: "end" }, "VersionConflict"],
      ] as const) {
        const { apiKey, token } = yield* a.create({ name: "k" })
        const tags = yield* Effect.all([tagOf(a.rotate(apiKey.id, options)), tagOf(b.rotate(apiKey.id, options))], {
          concurrency: "unbounded",
        })
        assert.deepStrictEqual(tags.toSorted(), [refusal, "good"].toSorted())
        yield* delivered
        for (const node of [a, b]) assert.deepStrictEqual(yield* ask(node, token), previous)
        assert.strictEqual((yield* a.get(apiKey.id)).version, 2)
      }
    }),
  )
})

describe("A rotation during a grace", () => {
  each("is refused, and says until when that runs, unless the older token is to end", ({ a, b }) =>
    Effect.gen(function* () {
      const now = yield* DateTime.now
      const first = yield* a.create({ name: "k" })
      const { id } = first.apiKey
      const second = yield* a.rotate(id, { grace: "1 hour" })
      for (const token of [first.token, second.token]) yield* b.verify(token)
      assert.deepInclude(yield* Effect.flip(b.rotate(id)), { _tag: "GraceRunning", id, expiresAt: plus(now, "1 hour") })
      assert.strictEqual((yield* a.get(id)).version, 2)
      const third = yield* a.rotate(id, { ifPrevious: "end", graceFrom: "firstUse" })
      yield* delivered
      for (const node of [a, b]) {
        assert.deepStrictEqual(yield* ask(node, first.token), { tag: "NotFound" })
        assert.deepStrictEqual(yield* ask(node, second.token), previous)
      }
      assert.deepInclude(yield* Effect.flip(b.rotate(id)), { _tag: "GraceRunning", expiresAt: null })
      assert.deepStrictEqual(yield* ask(b, third.token), current)
    }),
  )

  each("is allowed as soon as that is over", ({ a }) =>
    Effect.gen(function* () {
      const { apiKey } = yield* a.create({ name: "k" })
      yield* a.rotate(apiKey.id, { grace: "10 seconds" })
      yield* TestClock.adjust("9999 millis")
      assert.strictEqual(yield* tagOf(a.rotate(apiKey.id)), "GraceRunning")
      yield* TestClock.adjust("1 millis")
      assert.strictEqual(yield* tagOf(a.rotate(apiKey.id, { grace: 0 })), "good")
      assert.strictEqual(yield* tagOf(a.rotate(apiKey.id)), "good")
      yield* a.endGrace(apiKey.id)
      assert.strictEqual(yield* tagOf(a.rotate(apiKey.id)), "good")
    }),
  )
})

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

describe("The older token", () => {
  each("with another secret is refused as such, in its grace and after it", ({ a, b }) =>
    Effect.gen(function* () {
      const { apiKey, token } = yield* a.create({ name: "k" })
      const rotated = yield* a.rotate(apiKey.id, { grace: "10 seconds" })
      yield* delivered
      const [, , secret = ""] = Redacted.value(rotated.token).split("-")
      // The new secret behind the old key id.
      const body = `ak-${apiKey.keyId}-${secret.slice(0, -6)}`
      const mixed = body + ApiKeyToken.checksum(body)
      for (const wait of [0, 10_000]) {
        yield* TestClock.adjust(wait)
        for (const node of [a, b]) {
          for (const wrong of [wrongSecret(token), mixed]) assert.strictEqual(yield* tagOf(node.verify(wrong)), "InvalidSecret")
        }
      }
    }),
  )

  each("is refused for the key's own reasons first: inactive, then expired, then its grace, then scopes", ({ a, b }) =>
    Effect.gen(function* () {
      const { apiKey, token } = yield* a.create({ name: "k" })
      const graceEnd = plus(yield* DateTime.now, "10 seconds").epochMilliseconds
      yield* a.rotate(apiKey.id, { grace: "10 seconds" })
      yield* delivered
      assert.strictEqual((yield* ask(b, token, { scopes: ["x"] })).tag, "InsufficientScope")
      yield* TestClock.adjust("20 seconds")
      assert.deepStrictEqual(yield* ask(b, token, { scopes: ["x"] }), expiredAt(graceEnd))
      const expiresAt = yield* DateTime.now
      yield* a.update(apiKey.id, { expiresAt })
      yield* delivered
      assert.deepStrictEqual(yield* ask(b, token, { scopes: ["x"] }), expiredAt(expiresAt.epochMilliseconds))
      yield* a.deactivate(apiKey.id)
      yield* delivered
      assert.deepStrictEqual(yield* ask(b, token, { scopes: ["x"] }), { tag: "Inactive" })
    }),
  )

  each("shows when it was last used since", ({ a, b }) =>
    Effect.gen(function* () {
      const { apiKey, token } = yield* a.create({ name: "k" })
      const rotated = yield* a.rotate(apiKey.id)
      yield* delivered
      yield* b.verify(rotated.token)
      yield* written
      assert.isNull((yield* a.get(apiKey.id)).previous?.lastUsedAt ?? null)
      const at = yield* DateTime.now
      yield* b.verify(token)
      yield* TestClock.adjust("1 millis")
      yield* a.verify(rotated.token)
      yield* written
      const record = yield* a.get(apiKey.id)
      assert.deepStrictEqual(record.previous?.lastUsedAt, at)
      assert.deepStrictEqual(record.lastUsedAt, plus(at, "1 millis"))
      // Refused, it isn't used.
      yield* a.endGrace(apiKey.id)
      yield* delivered
      yield* tagOf(b.verify(token))
      yield* written
      assert.deepStrictEqual((yield* a.get(apiKey.id)).previous?.lastUsedAt, at)
    }),
  )

  it.effect("isn't shown as used since for what it was used before", () =>
    withNodes(1, {}, ({ a }) =>
      Effect.gen(function* () {
        const { apiKey, token } = yield* a.create({ name: "k" })
        yield* a.verify(token)
        yield* TestClock.adjust("1 millis")
        yield* a.rotate(apiKey.id)
        yield* written
        const { lastUsedAt, previous } = yield* a.get(apiKey.id)
        assert.isNotNull(lastUsedAt)
        assert.isNull(previous?.lastUsedAt ?? null)
      }),
    ),
  )

  each("finds the key by its key id, as the new one does, and no longer once it is forgotten", ({ a }) =>
    Effect.gen(function* () {
      const first = yield* a.create({ name: "k" })
      yield* a.create({ name: "another" })
      const second = yield* a.rotate(first.apiKey.id)
      const find = (keyId: KeyId) => Effect.map(a.search({ keyId }), ({ items }) => items.map(({ id }) => id))
      for (const { keyId } of [first.apiKey, second.apiKey]) assert.deepStrictEqual(yield* find(keyId), [first.apiKey.id])
      const third = yield* a.rotate(first.apiKey.id, { ifPrevious: "end" })
      assert.deepStrictEqual(yield* find(first.apiKey.keyId), [])
      for (const { keyId } of [second.apiKey, third.apiKey]) assert.deepStrictEqual(yield* find(keyId), [first.apiKey.id])
    }),
  )
})

describe("The age of tokens", () => {
  const create = (a: Node, name: string, lifetime?: Duration.Input) =>
    Effect.flatMap(DateTime.now, (now) => a.create({ name, expiresAt: lifetime === undefined ? null : plus(now, lifetime) }))

  each("is searched by, and counts from the last rotation", ({ a }) =>
    Effect.gen(function* () {
      const { apiKey } = yield* create(a, "old")
      const rotated = yield* create(a, "rotated")
      yield* TestClock.adjust("1 hour")
      const now = yield* DateTime.now
      yield* a.rotate(rotated.apiKey.id)
      const names = (filter: ApiKeys.Filter) => Effect.map(a.search(filter), ({ items }) => items.map(({ name }) => name).sort())
      assert.deepStrictEqual(yield* names({ tokenCreatedBefore: now }), ["old"])
      assert.deepStrictEqual(yield* names({ tokenCreatedAfter: now }), ["rotated"])
      assert.deepStrictEqual(yield* names({ tokenCreatedBefore: apiKey.createdAt }), [])
      assert.deepStrictEqual(yield* names({ tokenCreatedBefore: plus(now, 1) }), ["old", "rotated"])
      assert.strictEqual(yield* a.count({ tokenCreatedBefore: now }), 1)
      assert.lengthOf(yield* Stream.runCollect(a.stream({ tokenCreatedBefore: now })), 1)
    }),
  )

  it.effect("is reported with expiries before it is reached: first those, then the ages", () =>
    withNodes(1, { maximumAge: "20 days" }, ({ a }) =>
      Effect.gen(function* () {
        const start = yield* DateTime.now
        yield* create(a, "expires second", "15 days")
        yield* create(a, "expires first", "12 days")
        // Neither works as it is.
        yield* create(a, "has expired", "1 day")
        yield* a.deactivate((yield* create(a, "inactive", "12 days")).apiKey.id)
        yield* create(a, "ages first")
        yield* TestClock.adjust("1 day")
        const day = yield* DateTime.now
        yield* create(a, "ages second")
        yield* create(a, "ages later")
        const rotated = yield* create(a, "rotated")
        yield* TestClock.adjust("9 days")
        yield* a.rotate(rotated.apiKey.id)
        const report = (options: { readonly within: Duration.Input; readonly maximumAge?: Duration.Input }) =>
          Effect.map(Stream.runCollect(a.upcoming(options)), (all) =>
            all.map(({ apiKey: { name }, reason, at }) => ({ name, reason, at: at.epochMilliseconds })),
          )
        const expires = (name: string, at: Duration.Input) => ({ name, reason: "expires", at: plus(start, at).epochMilliseconds })
        const comes = (name: string, at: DateTime.Utc) => ({ name, reason: "comesOfAge", at: at.epochMilliseconds })
        const within = Duration.sum(Duration.days(5), Duration.millis(1))
        assert.deepStrictEqual(yield* report({ within: "2 days" }), [])
        assert.deepStrictEqual(yield* report({ within: Duration.sum(Duration.days(2), Duration.millis(1)) }), [
          expires("expires first", "12 days"),
        ])
        const all = yield* report({ within, maximumAge: "14 days" })
        assert.deepStrictEqual(all.slice(0, 2), [expires("expires first", "12 days"), expires("expires second", "15 days")])
        // Those with an expiry come of age too, and two of a moment come in any order.
        assert.sameDeepMembers(all.slice(2), [
          ...["expires second", "expires first", "ages first"].map((name) => comes(name, plus(start, "14 days"))),
          ...["ages second", "ages later"].map((name) => comes(name, plus(day, "14 days"))),
        ])
        const times = all.slice(2).map(({ at }) => at)
        assert.deepStrictEqual(times, times.toSorted())
        // Those that have come of age are no longer about to.
        assert.lengthOf(yield* report({ within: "1 hour", maximumAge: "8 days" }), 0)
        const byDefault = (yield* report({ within: Duration.sum(Duration.days(10), Duration.millis(1)) })).filter(
          ({ reason }) => reason === "comesOfAge",
        )
        assert.sameDeepMembers(
          byDefault,
          ["expires second", "expires first", "ages first"].map((name) => comes(name, plus(start, "20 days"))),
        )
      }),
    ),
  )

  each(
    "ends a token where it is asked for, warm or cold, and a new one helps",
    ({ a, b }) =>
      Effect.gen(function* () {
        const { apiKey, token } = yield* a.create({ name: "k" })
        yield* delivered
        const end = plus(apiKey.createdAt, "1 hour").epochMilliseconds
        yield* TestClock.adjust(Duration.millis(end - (yield* Clock.currentTimeMillis) - 1))
        for (const node of [a, b]) assert.deepStrictEqual(yield* ask(node, token), current)
        yield* TestClock.adjust("1 millis")
        for (const node of [a, b]) {
          assert.deepStrictEqual(yield* ask(node, token), expiredAt(end))
          assert.deepStrictEqual(yield* ask(node, token, { maxAge: 0 }), expiredAt(end))
          assert.deepStrictEqual(yield* ask(node, wrongSecret(token)), { tag: "InvalidSecret" })
        }
        const rotated = yield* a.rotate(apiKey.id, { grace: 0 })
        yield* delivered
        for (const node of [a, b]) {
          assert.deepStrictEqual(yield* ask(node, rotated.token), current)
          assert.strictEqual((yield* ask(node, token)).tag, "Expired")
        }
      }),
    { maximumAge: "1 hour", refuseAged: true },
  )

  each(
    "is only reported unless asked otherwise",
    ({ a, b }) =>
      Effect.gen(function* () {
        const { token } = yield* a.create({ name: "k" })
        yield* TestClock.adjust("2 hours")
        assert.deepStrictEqual(yield* ask(b, token), current)
      }),
    { maximumAge: "1 hour" },
  )

  const senseless = [0, Duration.seconds(-1), Duration.infinity, Duration.negativeInfinity, Duration.days(36_501)]
  it.effect.each([...senseless.map((maximumAge) => ({ maximumAge })), { refuseAged: true }])("must make sense: %o", (options) =>
    Effect.gen(function* () {
      const layer = ApiKeys.layerWith(options).pipe(Layer.provide([layerEphemeral, Repository.layerMemory]))
      assert.strictEqual(yield* tagOf(Effect.scoped(Layer.build(layer))), "InvalidOptions")
    }),
  )

  it.effect("is reported for times that make sense", () =>
    withNodes(1, {}, ({ a }) =>
      Effect.gen(function* () {
        yield* create(a, "k", "1 day")
        for (const time of senseless) {
          const reason = "must be more than 0 and at most 36,500 days"
          const within = yield* Effect.flip(Stream.runCollect(a.upcoming({ within: time })))
          assert.deepStrictEqual(within, new InvalidInput({ field: "within", reason }))
          const age = yield* Effect.flip(Stream.runCollect(a.upcoming({ within: "1 day", maximumAge: time })))
          assert.deepStrictEqual(age, new InvalidInput({ field: "maximumAge", reason }))
        }
        const most = Duration.days(36_500)
        assert.lengthOf(yield* Stream.runCollect(a.upcoming({ within: most, maximumAge: most })), 1)
      }),
    ),
  )

  // As another version of the program, or the command line, may do.
  it.effect("bounds an older token that was replaced where nobody is refused for it", () =>
    withNodes(1, { maximumAge: "1 hour", refuseAged: true }, ({ a, repository }) =>
      Effect.gen(function* () {
        const { apiKey, token } = yield* a.create({ name: "k" })
        const { keyId, prefix, hint } = (yield* a.create({ name: "other" })).apiKey
        const at = yield* DateTime.now
        const previous = { expiresAt: null, graceSeconds: 86_400 }
        yield* a.delete((yield* a.search({ keyId })).items[0]!.id)
        yield* repository.rotate(apiKey.id, { keyId, prefix, hint, hash: Redacted.make("$x$y"), previous }, { at, ifVersion: 1 })
        yield* TestClock.adjust("61 seconds")
        assert.strictEqual((yield* ask(a, token)).tag, "good")
        yield* TestClock.adjust("1 hour")
        assert.deepStrictEqual(yield* ask(a, token), expiredAt(plus(at, "1 hour").epochMilliseconds))
      }),
    ),
  )

  it.effect("is reported in the order in which it is reached", () =>
    withNodes(1, {}, ({ a }) =>
      Effect.gen(function* () {
        const rotated = yield* create(a, "rotated")
        yield* TestClock.adjust("1 hour")
        yield* create(a, "not")
        yield* TestClock.adjust("1 hour")
        yield* a.rotate(rotated.apiKey.id)
        const all = yield* Stream.runCollect(a.upcoming({ within: "2 days", maximumAge: "1 day" }))
        assert.deepStrictEqual(
          all.map(({ apiKey }) => apiKey.name),
          ["not", "rotated"],
        )
      }),
    ),
  )

  it.effect("ends a token whose grace waits for the new one, used or not", () =>
    Effect.forEach([true, false], (isUsed) =>
      withNodes(1, { maximumAge: "1 hour", refuseAged: true }, ({ a }) =>
        Effect.gen(function* () {
          const { apiKey, token } = yield* a.create({ name: "k" })
          yield* TestClock.adjust("59 minutes")
          const rotated = yield* a.rotate(apiKey.id, { graceFrom: "firstUse", grace: "30 days" })
          if (isUsed) yield* a.verify(rotated.token)
          yield* TestClock.adjust("59 seconds")
          assert.strictEqual((yield* ask(a, token)).tag, "good")
          yield* TestClock.adjust("1 second")
          assert.strictEqual((yield* ask(a, token)).tag, "Expired")
          yield* TestClock.adjust("1 day")
          assert.strictEqual((yield* ask(a, token)).tag, "Expired")
        }),
      ),
    ),
  )

  it.effect.each(["now", "firstUse"] as const)(
    "that has ended a token isn't undone by a rotation whose grace counts from %s",
    (graceFrom) =>
      withNodes(1, { maximumAge: "1 hour", refuseAged: true }, ({ a }) =>
        Effect.gen(function* () {
          const { apiKey, token } = yield* a.create({ name: "k" })
          yield* TestClock.adjust("1 hour")
          assert.strictEqual((yield* ask(a, token)).tag, "Expired")
          const rotated = yield* a.rotate(apiKey.id, { graceFrom })
          assert.strictEqual((yield* ask(a, token)).tag, "Expired")
          // It waits for nothing.
          const expiresAt = DateTime.addDuration(apiKey.createdAt, "1 hour")
          assert.deepInclude(rotated.apiKey.previous, { expiresAt, graceSeconds: null })
        }),
      ),
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
