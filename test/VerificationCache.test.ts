import { createHash } from "node:crypto"
import { getHeapSnapshot, setFlagsFromString } from "node:v8"
import { runInNewContext } from "node:vm"
import { assert, describe, it } from "@effect/vitest"
import {
  Clock,
  Context,
  ConfigProvider,
  DateTime,
  Duration,
  Effect,
  Exit,
  Fiber,
  Layer,
  Metric,
  Option,
  Redacted,
  Result,
  Scheduler,
  Schema,
  Tracer,
} from "effect"
import { TestClock } from "effect/testing"
import { ApiKey, type ApiKeyId, KeyId } from "../src/ApiKey.ts"
import { InvalidInput, RepositoryError } from "../src/ApiKeyError.ts"
import { ApiKeyHasher } from "../src/ApiKeyHasher.ts"
import * as ApiKeyMetrics from "../src/ApiKeyMetrics.ts"
import * as Repository from "../src/ApiKeyRepository.ts"
import * as ApiKeys from "../src/ApiKeys.ts"
import * as ApiKeyToken from "../src/ApiKeyToken.ts"
import * as Hmac from "../src/hasher/Hmac.ts"
import type { LegacyTokens } from "../src/LegacyTokens.ts"
import { tracerInto } from "./support/spans.ts"

/** A well-formed token for the same key id whose secret is wrong. */
const wrongSecret = (token: Redacted.Redacted, variant = 0) => {
  const text = Redacted.value(token)
  const body = text.slice(0, -8) + (text.at(-8) === "A" ? "B" : "A") + "0123456789"[variant]
  return body + ApiKeyToken.checksum(body)
}

const unknownToken = (number: number, prefix = "ak") => {
  const body = `${prefix}-${number.toString(16).padStart(16, "0")}-${"x".repeat(58)}`
  return body + ApiKeyToken.checksum(body)
}

const collectGarbage = (): void => {
  setFlagsFromString("--expose-gc")
  // Only a new context has it.
  runInNewContext("gc")()
}

/** Counts what verification costs, and can hold it up. */
interface Instruments {
  lookUps: number
  hashes: number
  /** Waited for by each look-up, before or after it reads. */
  beforeRead: Effect.Effect<void>
  afterRead: Effect.Effect<void>
  /** Waited for by each hash. */
  beforeHash: Effect.Effect<void>
  failure: RepositoryError | undefined
  /** Waited for by each change, once it was made. */
  afterWrite: Effect.Effect<void, RepositoryError>
  /** What `touch` was given. */
  readonly touched: Array<ReadonlyArray<{ readonly id: string }>>
}

const makeInstruments = (): Instruments => ({
  lookUps: 0,
  hashes: 0,
  beforeRead: Effect.void,
  afterRead: Effect.void,
  beforeHash: Effect.void,
  failure: undefined,
  afterWrite: Effect.void,
  touched: [],
})

const layerInstrumented = (instruments: Instruments) =>
  Layer.mergeAll(
    Layer.effect(
      Repository.ApiKeyRepository,
      Effect.map(Repository.ApiKeyRepository, (repository) => ({
        ...repository,
        update: (...args: Parameters<typeof repository.update>) => Effect.tap(repository.update(...args), () => instruments.afterWrite),
        delete: (...args: Parameters<typeof repository.delete>) => Effect.tap(repository.delete(...args), () => instruments.afterWrite),
        touch: (uses: Parameters<typeof repository.touch>[0]) => {
          if (uses.length > 0) instruments.touched.push(uses)
          return repository.touch(uses)
        },
        findByKeyId: (keyId: KeyId) =>
          Effect.suspend(() => {
            instruments.lookUps++
            if (instruments.failure !== undefined) return Effect.fail(instruments.failure)
            const { beforeRead, afterRead } = instruments
            return beforeRead.pipe(
              Effect.andThen(repository.findByKeyId(keyId)),
              Effect.tap(() => afterRead),
            )
          }),
      })),
    ).pipe(Layer.provideMerge(Layer.fresh(Repository.layerMemory))),
    Layer.succeed(ApiKeyHasher, {
      hash: (secret) => Effect.succeed(Redacted.make(`plain ${Redacted.value(secret)}`)),
      verify: (secret, hash) =>
        Effect.suspend(() => {
          instruments.hashes++
          return Effect.as(instruments.beforeHash, Redacted.value(hash) === `plain ${Redacted.value(secret)}`)
        }),
    }),
  )

const withKeys = <A, E>(
  test: (
    apiKeys: ApiKeys.ApiKeys["Service"],
    instruments: Instruments,
    repository: Repository.ApiKeyRepository["Service"],
  ) => Effect.Effect<A, E>,
  options: ApiKeys.Options = {},
) => {
  const instruments = makeInstruments()
  return Effect.gen(function* () {
    instruments.lookUps = instruments.hashes = 0
    return yield* test(yield* ApiKeys.ApiKeys, instruments, yield* Repository.ApiKeyRepository)
  }).pipe(Effect.provide(ApiKeys.layerWith(options).pipe(Layer.provideMerge(layerInstrumented(instruments)))))
}

const tagOf = <A, E extends { readonly _tag: string }>(effect: Effect.Effect<A, E>) =>
  Effect.match(effect, { onSuccess: () => "good", onFailure: ({ _tag }) => _tag })

describe("A warm key", () => {
  it.effect("is verified without a look-up or a hash until its time is over, and then without a hash", () =>
    withKeys((apiKeys, instruments) =>
      Effect.gen(function* () {
        const { apiKey, token } = yield* apiKeys.create({ name: "k" })
        const first = yield* apiKeys.verify(token)
        assert.deepStrictEqual(first.apiKey, apiKey)
        assert.deepStrictEqual(first.checkedAt, yield* DateTime.now)
        yield* TestClock.adjust("59999 millis")
        assert.deepStrictEqual(yield* apiKeys.verify(Redacted.value(token)), first)
        assert.deepInclude(instruments, { lookUps: 1, hashes: 1 })
        // Use doesn't lengthen its life.
        yield* TestClock.adjust("1 millis")
        const second = yield* apiKeys.verify(token)
        assert.deepStrictEqual(second.checkedAt, yield* DateTime.now)
        assert.deepInclude(instruments, { lookUps: 2, hashes: 1 })
      }),
    ),
  )

  it.effect("expires, and lacks scopes, as it would without a cache", () =>
    withKeys((apiKeys, instruments) =>
      Effect.gen(function* () {
        const expiresAt = DateTime.addDuration(yield* DateTime.now, Duration.seconds(10))
        const { token } = yield* apiKeys.create({ name: "k", scopes: ["a"], expiresAt })
        yield* apiKeys.verify(token)
        assert.strictEqual(yield* tagOf(apiKeys.verify(token, { scopes: ["b"] })), "InsufficientScope")
        yield* TestClock.adjust("9999 millis")
        assert.strictEqual(yield* tagOf(apiKeys.verify(token, { scopes: ["a"] })), "good")
        yield* TestClock.adjust("1 millis")
        assert.strictEqual(yield* tagOf(apiKeys.verify(token, { scopes: ["b"] })), "Expired")
        assert.strictEqual(instruments.lookUps, 1)
      }),
    ),
  )

  it.effect("follows each change made here at once, and isn't hashed again for it", () =>
    withKeys((apiKeys, instruments) =>
      Effect.gen(function* () {
        const { apiKey, token } = yield* apiKeys.create({ name: "k", scopes: ["a"] })
        yield* apiKeys.verify(token)
        yield* apiKeys.deactivate(apiKey.id)
        assert.strictEqual(yield* tagOf(apiKeys.verify(token)), "Inactive")
        yield* apiKeys.activate(apiKey.id)
        assert.strictEqual(yield* tagOf(apiKeys.verify(token)), "good")
        yield* apiKeys.update(apiKey.id, { scopes: [] })
        assert.strictEqual(yield* tagOf(apiKeys.verify(token, { scopes: ["a"] })), "InsufficientScope")
        assert.strictEqual(instruments.hashes, 1)
        yield* apiKeys.delete(apiKey.id)
        assert.strictEqual(yield* tagOf(apiKeys.verify(token)), "NotFound")
        // The same as for a key id that was never there.
        assert.strictEqual(instruments.hashes, 2)
      }),
    ),
  )

  it.effect("with another secret, or the same one under another hash, costs what an unknown key costs, and is refused", () =>
    withKeys((apiKeys, instruments, repository) =>
      Effect.gen(function* () {
        const { apiKey, token } = yield* apiKeys.create({ name: "k" })
        yield* apiKeys.verify(token)
        instruments.lookUps = instruments.hashes = 0
        assert.strictEqual(yield* tagOf(apiKeys.verify(wrongSecret(token))), "InvalidSecret")
        assert.deepInclude(instruments, { lookUps: 1, hashes: 1 })
        assert.strictEqual(yield* tagOf(apiKeys.verify(unknownToken(1))), "NotFound")
        assert.deepInclude(instruments, { lookUps: 2, hashes: 2 })

        // As somebody who writes the table by hand would, unheard.
        const stored = Option.getOrThrow(yield* repository.findById(apiKey.id))
        yield* repository.delete(apiKey.id)
        yield* repository.insert({ ...stored, hash: Redacted.make("plain other") })
        yield* TestClock.adjust("60 seconds")
        assert.strictEqual(yield* tagOf(apiKeys.verify(token)), "InvalidSecret")
      }),
    ),
  )

  it.effect("answers as of when the caller wants it", () =>
    withKeys((apiKeys, instruments, repository) =>
      Effect.gen(function* () {
        const { apiKey, token } = yield* apiKeys.create({ name: "k" })
        yield* apiKeys.verify(token)
        // Behind the service's back, as another node would.
        yield* repository.update(apiKey.id, { isActive: false }, { at: yield* DateTime.now })
        yield* TestClock.adjust("5 seconds")
        assert.strictEqual(yield* tagOf(apiKeys.verify(token, { maxAge: "6 seconds" })), "good")
        assert.strictEqual(yield* tagOf(apiKeys.verify(token, { maxAge: "5 seconds" })), "Inactive")
        yield* repository.update(apiKey.id, { isActive: true }, { at: yield* DateTime.now })
        assert.strictEqual(yield* tagOf(apiKeys.verify(token)), "Inactive")
        assert.strictEqual(yield* tagOf(apiKeys.verify(token, { maxAge: 0 })), "good")
        assert.deepInclude(instruments, { lookUps: 3, hashes: 1 })
      }),
    ),
  )

  it.effect("follows a change whose caller gave up on it, or was told that it failed", () =>
    withKeys((apiKeys, instruments) =>
      Effect.gen(function* () {
        const broken = new RepositoryError({ operation: "update", isRetryable: true, cause: undefined })
        for (const afterWrite of [Effect.sleep("1 second"), Effect.fail(broken)]) {
          for (const change of [apiKeys.deactivate, apiKeys.delete]) {
            const { apiKey, token } = yield* apiKeys.create({ name: "k" })
            yield* apiKeys.verify(token)
            instruments.afterWrite = afterWrite
            const changing = yield* Effect.forkChild(Effect.exit(change(apiKey.id)), { startImmediately: true })
            yield* Fiber.interrupt(changing)
            instruments.afterWrite = Effect.void
            yield* TestClock.adjust("1 second")
            assert.notStrictEqual(yield* tagOf(apiKeys.verify(token)), "good")
          }
        }
      }),
    ),
  )

  it.effect("isn't refused because strangers keep the store busy", () =>
    withKeys((apiKeys, instruments) =>
      Effect.gen(function* () {
        const { token } = yield* apiKeys.create({ name: "k" })
        const cold = yield* apiKeys.create({ name: "cold" })
        yield* apiKeys.verify(token)
        yield* TestClock.adjust("60 seconds")
        instruments.beforeRead = Effect.never
        const strangers = yield* Effect.forEach(
          Array.from({ length: 10_000 }, (_, index) => index),
          (index) => Effect.forkChild(apiKeys.verify(unknownToken(index)), { startImmediately: true }),
        )
        instruments.beforeRead = Effect.void
        assert.strictEqual(yield* tagOf(apiKeys.verify(token)), "good")
        assert.strictEqual(yield* tagOf(apiKeys.verify(cold.token)), "good")
        yield* Fiber.interruptAll(strangers)
      }),
    ),
  )

  it.effect("is noted as used once, however often it was looked up", () =>
    withKeys((apiKeys, instruments) =>
      Effect.gen(function* () {
        const { apiKey, token } = yield* apiKeys.create({ name: "k" })
        for (let time = 0; time < 100; time++) {
          yield* TestClock.adjust("1 millis")
          yield* apiKeys.verify(token, { maxAge: 0 })
        }
        const now = yield* DateTime.now
        yield* TestClock.adjust("15 seconds")
        assert.deepStrictEqual(
          instruments.touched.map((uses) => uses.map(({ id }) => id)),
          [[apiKey.id]],
        )
        assert.deepStrictEqual((yield* apiKeys.get(apiKey.id)).lastUsedAt, now)
      }),
    ),
  )

  it.effect("that is changed in a transaction isn't kept as it was before the commit", () => {
    const instruments = makeInstruments()
    const commit: Array<Effect.Effect<void>> = []
    const InTransaction = Context.Reference<boolean>("test/InTransaction", { defaultValue: () => false })
    // Writes are seen once the transaction has been committed.
    const withTransactions = Layer.effect(
      Repository.ApiKeyRepository,
      Effect.map(Repository.ApiKeyRepository, (repository) => ({
        ...repository,
        update: (...args: Parameters<typeof repository.update>) =>
          Effect.tap(repository.findById(args[0]), () =>
            Effect.sync(() => commit.push(Effect.asVoid(Effect.orDie(repository.update(...args))))),
          ).pipe(Effect.map((stored) => Option.getOrThrow(stored).apiKey)),
        transaction: {
          isOpen: (context: Context.Context<never>) => Context.get(context, InTransaction),
          run: <A, E, R>(effect: Effect.Effect<A, E, R>) => effect,
          afterCommit: (effect: Effect.Effect<void>) => Effect.sync(() => void commit.push(effect)),
        },
      })),
    ).pipe(Layer.provideMerge(layerInstrumented(instruments)))
    return Effect.gen(function* () {
      const apiKeys = yield* ApiKeys.ApiKeys
      const { apiKey, token } = yield* apiKeys.create({ name: "k" })
      yield* apiKeys.verify(token)
      yield* Effect.provideService(apiKeys.deactivate(apiKey.id), InTransaction, true)
      assert.strictEqual(yield* tagOf(apiKeys.verify(token)), "good")
      yield* Effect.all(commit)
      assert.strictEqual(yield* tagOf(apiKeys.verify(token)), "Inactive")
    }).pipe(Effect.provide(ApiKeys.layer.pipe(Layer.provide(withTransactions))))
  })

  it.effect("isn't changed by what a caller does to the record", () =>
    withKeys((apiKeys, instruments) =>
      Effect.gen(function* () {
        const { apiKey, token } = yield* apiKeys.create({ name: "k", scopes: ["a"], metadata: { plan: { seats: [1] } } })
        yield* apiKeys.rotate(apiKey.id)
        const { apiKey: first } = yield* apiKeys.verify(token)
        const { plan } = first.metadata as { readonly plan: { readonly seats: ReadonlyArray<number> } }
        const record = yield* apiKeys.get(apiKey.id)
        for (const [target, key, value] of [
          [first, "isActive", false],
          [first, "scopes", []],
          [first.scopes, 0, "*"],
          [first.metadata, "plan", null],
          [plan, "seats", []],
          [plan.seats, 1, 2],
          [first.previous, "expiresAt", null],
        ] as const) {
          assert.throws(() => Object.assign(target ?? {}, { [key]: value }), TypeError)
        }
        assert.deepStrictEqual((yield* apiKeys.verify(token)).apiKey, record)
        assert.strictEqual(instruments.lookUps, 1)
        // What the store itself holds stays its own.
        assert.isFalse(Object.isFrozen(record.metadata["plan"]))
      }),
    ),
  )

  it.effect("isn't trusted when the clock is set back", () =>
    withKeys((apiKeys, instruments) =>
      Effect.gen(function* () {
        yield* TestClock.setTime(1_000_000)
        const { token } = yield* apiKeys.create({ name: "k" })
        yield* apiKeys.verify(token)
        yield* TestClock.setTime(500_000)
        yield* apiKeys.verify(token)
        assert.strictEqual(instruments.lookUps, 2)
      }),
    ),
  )

  it.effect("is not kept where the cache is off", () =>
    withKeys(
      (apiKeys, instruments) =>
        Effect.gen(function* () {
          const { token } = yield* apiKeys.create({ name: "k" })
          yield* apiKeys.verify(token)
          yield* apiKeys.verify(token)
          yield* apiKeys.verify(wrongSecret(token)).pipe(Effect.ignore, Effect.repeat({ times: 1 }))
          assert.deepInclude(instruments, { lookUps: 4, hashes: 4 })
        }),
      { cache: "off" },
    ),
  )

  it.effect("of a format of one's own is found by parsing", () => {
    const custom: ApiKeyToken.TokenFormat = {
      prefix: "x",
      parse: ApiKeyToken.defaultFormat.parse,
      format: ApiKeyToken.defaultFormat.format,
      generate: ApiKeyToken.defaultFormat.generate,
      hint: () => "",
    }
    return withKeys(
      (apiKeys, instruments) =>
        Effect.gen(function* () {
          const { token } = yield* apiKeys.create({ name: "k" })
          const text = Redacted.value(token)
          assert.strictEqual(yield* tagOf(apiKeys.verify(text)), yield* tagOf(apiKeys.verify(text)))
          assert.isAtMost(instruments.lookUps, 1)
        }),
      { token: custom },
    )
  })
})

describe("A wall clock that is set", () => {
  /** Time passes by the test's clock; the wall clock shows what it was set to. */
  const withWallClock = <A, E>(
    test: (...args: [...Parameters<Parameters<typeof withKeys>[0]>, set: (skew: Duration.Input) => void]) => Effect.Effect<A, E>,
  ) =>
    Clock.clockWith((clock) => {
      let skew = 0
      const currentTimeMillisUnsafe = () => clock.currentTimeMillisUnsafe() + skew
      const wall = { ...clock, currentTimeMillisUnsafe, currentTimeMillis: Effect.sync(currentTimeMillisUnsafe) }
      const set = (input: Duration.Input) => {
        skew = Duration.toMillis(Duration.fromInputUnsafe(input))
      }
      return withKeys((...args) => test(...args, set)).pipe(Effect.provideService(Clock.Clock, wall))
    })

  const deactivateUnheard = (repository: Repository.ApiKeyRepository["Service"], { id }: ApiKey) =>
    Effect.flatMap(DateTime.now, (at) => repository.update(id, { isActive: false }, { at }))

  it.effect("to and fro doesn't prolong what is remembered", () =>
    withWallClock((apiKeys, instruments, repository, set) =>
      Effect.gen(function* () {
        const { apiKey, token } = yield* apiKeys.create({ name: "k" })
        yield* apiKeys.verify(token)
        yield* deactivateUnheard(repository, apiKey)
        for (let seconds = 5; seconds <= 600; seconds += 5) {
          yield* TestClock.adjust("5 seconds")
          // The entry's age is 59 seconds or half a second, whatever time has passed.
          set(Duration.seconds((seconds % 10 === 0 ? 0.5 : 59) - seconds))
          const tag = yield* tagOf(apiKeys.verify(token))
          if (seconds > 60) assert.strictEqual(tag, "Inactive", `after ${seconds} seconds`)
        }
        assert.isAtLeast(instruments.lookUps, 10)
      }),
    ),
  )

  it.effect("right again doesn't leave what was read ahead of time to be used later", () =>
    withWallClock((apiKeys, _, repository, set) =>
      Effect.gen(function* () {
        const other = yield* apiKeys.create({ name: "other" })
        // The second is ahead for less time than lies between two looks at the clock.
        for (const ahead of ["1 minute", "100 millis"] as const) {
          const { apiKey, token } = yield* apiKeys.create({ name: "k" })
          yield* apiKeys.verify(other.token)
          yield* TestClock.adjust("300 millis")
          set("1 hour")
          yield* apiKeys.verify(token)
          yield* TestClock.adjust(ahead)
          set(0)
          yield* deactivateUnheard(repository, apiKey)
          yield* TestClock.adjust("1 hour")
          assert.strictEqual(yield* tagOf(apiKeys.verify(token)), "Inactive")
        }
      }),
    ),
  )

  it.effect("back doesn't revive what was over, from one moment to the next", () =>
    withWallClock((apiKeys, instruments, repository, set) =>
      Effect.gen(function* () {
        const { apiKey, token } = yield* apiKeys.create({ name: "k" })
        const other = yield* apiKeys.create({ name: "other" })
        yield* apiKeys.verify(token)
        yield* deactivateUnheard(repository, apiKey)
        yield* TestClock.adjust("50 seconds")
        yield* apiKeys.verify(other.token)
        yield* TestClock.adjust("50500 millis")
        set("-1 minute")
        assert.strictEqual(yield* tagOf(apiKeys.verify(token)), "Inactive")
        // Also when nothing was remembered any more for long.
        yield* apiKeys.activate(apiKey.id)
        yield* apiKeys.verify(token)
        yield* deactivateUnheard(repository, apiKey)
        yield* TestClock.adjust("1 hour")
        set("-1 hour")
        assert.strictEqual(yield* tagOf(apiKeys.verify(token)), "Inactive")
        // And from then on it is remembered by the new time.
        yield* TestClock.adjust("2 seconds")
        yield* apiKeys.verify(other.token)
        instruments.lookUps = 0
        yield* TestClock.adjust("30 seconds")
        yield* apiKeys.verify(other.token)
        assert.strictEqual(instruments.lookUps, 0)
      }),
    ),
  )

  it.effect("back bit by bit prolongs it by a second at most", () =>
    withWallClock((apiKeys, _, repository, set) =>
      Effect.gen(function* () {
        const { apiKey, token } = yield* apiKeys.create({ name: "k" })
        yield* apiKeys.verify(token)
        yield* deactivateUnheard(repository, apiKey)
        for (let millis = 0; millis <= 61_200; millis += 100) {
          // By a tenth of what passes.
          set(-millis / 10)
          yield* TestClock.adjust("100 millis")
        }
        assert.strictEqual(yield* tagOf(apiKeys.verify(token)), "Inactive")
      }),
    ),
  )

  it.effect("back at the end prolongs it by a second at most", () =>
    withWallClock((apiKeys, _, repository, set) =>
      Effect.gen(function* () {
        yield* Effect.flip(apiKeys.verify(unknownToken(1)))
        yield* TestClock.adjust("2 seconds")
        const { apiKey, token } = yield* apiKeys.create({ name: "k" })
        yield* apiKeys.verify(token)
        yield* deactivateUnheard(repository, apiKey)
        yield* TestClock.adjust("59800 millis")
        set("-1500 millis")
        yield* TestClock.adjust("1300 millis")
        assert.strictEqual(yield* tagOf(apiKeys.verify(token)), "Inactive")
      }),
    ),
  )

  it.effect("back doesn't prolong a refusal", () =>
    withWallClock((apiKeys, instruments, __, set) =>
      Effect.gen(function* () {
        yield* Effect.flip(apiKeys.verify(unknownToken(1)))
        for (let seconds = 1; seconds <= 7; seconds++) {
          yield* TestClock.adjust("1 second")
          set(Duration.seconds(-seconds))
          yield* Effect.flip(apiKeys.verify(unknownToken(1)))
        }
        assert.isAtLeast(instruments.lookUps, 2)
      }),
    ),
  )

  it.effect("back lets nobody who asks the store join a look-up from before", () =>
    withWallClock((apiKeys, instruments, repository, set) =>
      Effect.gen(function* () {
        const { apiKey, token } = yield* apiKeys.create({ name: "k" })
        const other = yield* apiKeys.create({ name: "other" })
        yield* apiKeys.verify(other.token)
        yield* TestClock.adjust("990 millis")
        instruments.afterRead = Effect.sleep("300 millis")
        const early = yield* Effect.forkChild(tagOf(apiKeys.verify(token)), { startImmediately: true })
        yield* deactivateUnheard(repository, apiKey)
        // So little that it goes unnoticed.
        set("-50 millis")
        const last = yield* Effect.forkChild(apiKeys.verify(other.token, { maxAge: 0 }), { startImmediately: true })
        const late = yield* Effect.forkChild(tagOf(apiKeys.verify(token, { maxAge: 0 })), { startImmediately: true })
        yield* TestClock.adjust("990 millis")
        yield* Fiber.join(last)
        assert.deepStrictEqual([yield* Fiber.join(early), yield* Fiber.join(late)], ["good", "Inactive"])

        // Nor is an answer from what seems the future young enough.
        instruments.afterRead = Effect.void
        yield* Effect.ignore(apiKeys.verify(token, { maxAge: 0 }))
        yield* repository.update(apiKey.id, { isActive: true }, { at: yield* DateTime.now })
        set("-90 millis")
        // The clock is looked at.
        yield* TestClock.adjust("20 millis")
        assert.strictEqual(yield* tagOf(apiKeys.verify(token, { maxAge: 0 })), "good")
      }),
    ),
  )
})

describe("A format of one's own", () => {
  it.effect("whose tokens can be foreseen has them work as soon as there are keys", () => {
    const format = Result.getOrThrow(ApiKeyToken.make())
    let keys = 0
    const generate = Effect.map(format.generate, ({ secret }) => ({
      prefix: "f",
      keyId: KeyId.make((++keys).toString().padStart(16, "0")),
      secret: Redacted.make("x".repeat(Redacted.value(secret).length - 6)),
    }))
    // Without a checksum, so that the secret needn't be computed.
    const parse = (token: string) =>
      Result.succeed({ prefix: "f", keyId: KeyId.make(token.slice(2, 18)), secret: Redacted.make(token.slice(19)) })
    return withKeys(
      (apiKeys) =>
        Effect.gen(function* () {
          const { token } = yield* apiKeys.create({ name: "k" })
          const next = Redacted.value(token).replace(/[0-9]{16}/, (keyId) => (Number(keyId) + 1).toString().padStart(16, "0"))
          assert.strictEqual(yield* tagOf(apiKeys.verify(next)), "NotFound")
          assert.strictEqual(Redacted.value((yield* apiKeys.create({ name: "next" })).token), next)
          assert.strictEqual(yield* tagOf(apiKeys.verify(next)), "good")
        }),
      {
        token: {
          ...format,
          prefix: "f",
          generate,
          parse,
          keyIdOf: (token) => token.slice(2, 18),
          format: ({ keyId, secret }) => Redacted.make(`f-${keyId}-${Redacted.value(secret)}`),
        },
      },
    )
  })

  it.effect("that takes unpaired surrogates has no token mistaken for another with the same digest", () => {
    const format: ApiKeyToken.TokenFormat = {
      prefix: "my",
      parse: (token) => Result.succeed({ prefix: "my", keyId: KeyId.make("1"), secret: Redacted.make(token) }),
      format: ({ secret }) => secret,
      generate: Effect.succeed({ prefix: "my", keyId: KeyId.make("1"), secret: Redacted.make("my\ufffd") }),
      hint: () => "",
    }
    return withKeys(
      (apiKeys) =>
        Effect.gen(function* () {
          const { token } = yield* apiKeys.create({ name: "k" })
          for (let time = 0; time < 2; time++) {
            assert.strictEqual(yield* tagOf(apiKeys.verify(token)), "good")
            assert.strictEqual(yield* tagOf(apiKeys.verify("my\ud800")), "InvalidSecret")
          }
        }),
      { token: format },
    )
  })

  it.effect("that throws makes a token malformed", () => {
    const keyIdOf = (token: string) => token.split("-")[1]!.toLowerCase()
    return withKeys(
      (apiKeys) =>
        Effect.gen(function* () {
          const { token } = yield* apiKeys.create({ name: "k" })
          for (let time = 0; time < 2; time++) {
            assert.strictEqual(yield* tagOf(apiKeys.verify("garbage")), "MalformedToken")
            assert.strictEqual(yield* tagOf(apiKeys.verify(token)), "good")
          }
        }),
      { token: { ...Result.getOrThrow(ApiKeyToken.make()), keyIdOf } },
    )
  })
})

describe("Eviction", () => {
  it.effect("keeps the busy keys through a flood of others", () =>
    withKeys(
      (apiKeys, instruments) =>
        Effect.gen(function* () {
          const create = (count: number) => Effect.replicateEffect(apiKeys.create({ name: "k" }), count)
          const busy = yield* create(10)
          const flood = yield* create(1_000)
          for (const { token } of [...busy, ...busy]) yield* apiKeys.verify(token)
          instruments.lookUps = 0
          for (const [index, { token }] of flood.entries()) {
            yield* apiKeys.verify(token)
            yield* apiKeys.verify(busy[index % busy.length]!.token)
          }
          // The busy ones took no more than their first look-up again.
          assert.isAtMost(instruments.lookUps, flood.length + 2 * busy.length)
          assert.isAtMost((yield* Metric.value(ApiKeyMetrics.cacheEntries)).value, 50)
        }),
      { cache: { entries: 50 } },
    ).pipe(Effect.provideService(Metric.MetricRegistry, new Map())),
  )

  it.effect("isn't put off by guesses", () =>
    withKeys(
      (apiKeys, instruments) =>
        Effect.gen(function* () {
          const [guessed, busy, last] = [
            yield* apiKeys.create({ name: "a" }),
            yield* apiKeys.create({ name: "b" }),
            yield* apiKeys.create({ name: "c" }),
          ]
          for (const { token } of [guessed, busy, busy]) yield* apiKeys.verify(token)
          for (let i = 0; i < 10; i++) yield* Effect.ignore(apiKeys.verify(wrongSecret(guessed.token, i)))
          yield* apiKeys.verify(last.token)
          instruments.lookUps = 0
          yield* apiKeys.verify(busy.token)
          assert.strictEqual(instruments.lookUps, 0)
          yield* apiKeys.verify(guessed.token)
          assert.strictEqual(instruments.lookUps, 1)
        }),
      { cache: { entries: 2 } },
    ),
  )

  it.effect("lets go of a record although its last use waits to be written", () =>
    withKeys(
      (apiKeys) =>
        Effect.gen(function* () {
          // Uses are written once in the beginning, and then after the interval.
          yield* TestClock.adjust("1 millis")
          const metadata = { text: "x".repeat(4_000) }
          const tooLarge = yield* apiKeys.create({ name: "k", metadata: { text: "x".repeat(8_000) } })
          const verifyWeakly = ({ token }: ApiKeys.Created) => Effect.map(apiKeys.verify(token), ({ apiKey }) => new WeakRef(apiKey))
          const evicted = [
            yield* verifyWeakly(tooLarge),
            yield* verifyWeakly(yield* apiKeys.create({ name: "k", metadata })),
            yield* verifyWeakly(yield* apiKeys.create({ name: "k", metadata })),
          ]
          const kept = yield* verifyWeakly(yield* apiKeys.create({ name: "k", metadata }))
          yield* Effect.promise(() => new Promise((resolve) => setImmediate(resolve)))
          collectGarbage()
          assert.deepStrictEqual(
            evicted.map((record) => record.deref()),
            [undefined, undefined, undefined],
          )
          assert.isDefined(kept.deref())
          yield* TestClock.adjust("15 seconds")
          assert.isNotNull((yield* apiKeys.get(tooLarge.apiKey.id)).lastUsedAt)
          assert.strictEqual(yield* apiKeys.count({ neverUsed: true }), 0)
        }),
      { cache: { bytes: 25_000 } },
    ),
  )

  it.effect("keeps to the bytes allowed, and passes over what is too large for them", () =>
    withKeys(
      (apiKeys, instruments) =>
        Effect.gen(function* () {
          const small = yield* apiKeys.create({ name: "k" })
          const large = yield* apiKeys.create({ name: "k", metadata: { text: "x".repeat(8_000) } })
          for (const { token } of [small, large, small, large, small]) yield* apiKeys.verify(token)
          assert.strictEqual(instruments.lookUps, 3)
        }),
      { cache: { bytes: 10_000 } },
    ),
  )
})

describe("A token of another system", () => {
  const keyIds = [KeyId.make("1111111111111111"), KeyId.make("2222222222222222")] as const

  const system: LegacyTokens = {
    name: "theirs",
    // As if it couldn't be told whose it is.
    parse: (token) => (token.startsWith("old-") ? keyIds.map((keyId) => ({ keyId, secret: Redacted.make(token) })) : []),
    verify: (secret, hash) => Effect.succeed(Redacted.value(hash) === `plain ${Redacted.value(secret)}`),
    readRow: () => Result.fail(new InvalidInput({ field: "", reason: "" })),
  }

  it.effect("that isn't that of one key isn't refused for it when it is that of another", () => {
    return withKeys(
      (apiKeys, _, repository) =>
        Effect.gen(function* () {
          const stored = Option.getOrThrow(yield* repository.findById((yield* apiKeys.create({ name: "k" })).apiKey.id))
          yield* repository.delete(stored.apiKey.id)
          for (const [index, keyId] of keyIds.entries()) {
            yield* repository.insert({
              ...stored,
              apiKey: new ApiKey({ ...stored.apiKey, keyId, id: (stored.apiKey.id.slice(0, -1) + index) as ApiKeyId }),
              hash: Redacted.make(`plain old-${index}`),
            })
          }
          assert.strictEqual((yield* apiKeys.verify("old-1")).apiKey.keyId, keyIds[1])
          // Which makes it be looked for again.
          yield* apiKeys.update((yield* apiKeys.verify("old-1")).apiKey.id, { name: "changed" })
          assert.strictEqual(yield* tagOf(apiKeys.verify("old-1")), "good")
          assert.strictEqual(yield* tagOf(apiKeys.verify("old-2")), "InvalidSecret")
        }),
      { legacy: [system] },
    )
  })

  it.effect("that comes in while it is looked for elsewhere too isn't refused for long", () =>
    withKeys(
      (apiKeys, instruments, repository) =>
        Effect.gen(function* () {
          const stored = Option.getOrThrow(yield* repository.findById((yield* apiKeys.create({ name: "k" })).apiKey.id))
          yield* repository.delete(stored.apiKey.id)
          let reads = 0
          instruments.afterRead = Effect.suspend(() => (++reads === 2 ? Effect.sleep("1 second") : Effect.void))
          const early = yield* Effect.forkChild(tagOf(apiKeys.verify("old-1")), { startImmediately: true })
          yield* TestClock.adjust("500 millis")
          // Under the key id that was looked for first, and for which the second look-up doesn't look again.
          const apiKey = new ApiKey({ ...stored.apiKey, keyId: keyIds[0] })
          yield* repository.insert({ ...stored, apiKey, hash: Redacted.make("plain old-1") })
          yield* apiKeys.activate(apiKey.id)
          yield* TestClock.adjust("1 second")
          assert.strictEqual(yield* Fiber.join(early), "NotFound")
          assert.strictEqual(yield* tagOf(apiKeys.verify("old-1")), "good")
        }),
      { legacy: [system] },
    ),
  )
})

describe("What is remembered", () => {
  /** Tokens with that prefix in the whole heap, each once. */
  const tokensInMemory = async (prefix: string): Promise<number> => {
    const found = new Set<string>()
    let rest = ""
    for await (const chunk of getHeapSnapshot()) {
      const text = rest + String(chunk)
      // As numbers, lest they be found themselves.
      for (const { index } of text.matchAll(new RegExp(`${prefix}-[0-9a-f]{16}-[0-9A-Za-z]{64}`, "g"))) {
        found.add(
          createHash("sha256")
            .update(text.slice(index, index + prefix.length + 82))
            .digest("hex"),
        )
      }
      rest = text.slice(-200)
    }
    return found.size
  }

  it.live("holds no token, and keeps none in memory", () =>
    Effect.gen(function* () {
      const apiKeys = yield* ApiKeys.ApiKeys
      for (let i = 0; i < 200; i++) {
        const { token } = yield* apiKeys.create({ name: "k" })
        yield* apiKeys.verify(token)
        yield* Effect.flip(apiKeys.verify(wrongSecret(token)))
        yield* Effect.flip(apiKeys.verify(unknownToken(i, "heap")))
      }
      // Those seen last may be held by the engine for a while.
      assert.isBelow(yield* Effect.promise(() => tokensInMemory("heap")), 10)
    }).pipe(
      Effect.provide(
        ApiKeys.layerWith({ token: { prefix: "heap" } }).pipe(
          Layer.provide([Hmac.layer({ pepper: Redacted.make("at least sixteen bytes") }), Layer.fresh(Repository.layerMemory)]),
        ),
      ),
    ),
  )
})

describe("A refused token", () => {
  it.effect("costs one hash, not one a request, for a few seconds", () =>
    withKeys((apiKeys, instruments) =>
      Effect.gen(function* () {
        const { token } = yield* apiKeys.create({ name: "k" })
        for (const [refused, tag] of [
          [wrongSecret(token), "InvalidSecret"],
          [unknownToken(1), "NotFound"],
        ] as const) {
          instruments.lookUps = instruments.hashes = 0
          for (let i = 0; i < 10; i++) assert.strictEqual(yield* tagOf(apiKeys.verify(refused)), tag)
          assert.deepInclude(instruments, { lookUps: 1, hashes: 1 })
          yield* TestClock.adjust("5 seconds")
          assert.strictEqual(yield* tagOf(apiKeys.verify(refused)), tag)
          assert.deepInclude(instruments, { lookUps: 2, hashes: 2 })
        }
      }),
    ),
  )

  it.effect("works at once when its key is created a moment later", () =>
    withKeys((apiKeys, _, repository) =>
      Effect.gen(function* () {
        const { apiKey, token } = yield* apiKeys.create({ name: "k" })
        const stored = Option.getOrThrow(yield* repository.findById(apiKey.id))
        yield* apiKeys.delete(apiKey.id)
        assert.strictEqual(yield* tagOf(apiKeys.verify(token)), "NotFound")
        yield* repository.insert(stored)
        yield* apiKeys.activate(apiKey.id)
        assert.strictEqual(yield* tagOf(apiKeys.verify(token)), "good")
      }),
    ),
  )

  it.effect("is looked up again for whoever asks the store", () =>
    withKeys((apiKeys, _, repository) =>
      Effect.gen(function* () {
        const { apiKey, token } = yield* apiKeys.create({ name: "k" })
        const stored = Option.getOrThrow(yield* repository.findById(apiKey.id))
        yield* apiKeys.delete(apiKey.id)
        assert.strictEqual(yield* tagOf(apiKeys.verify(token)), "NotFound")
        // Unheard, as by another node.
        yield* repository.insert(stored)
        assert.strictEqual(yield* tagOf(apiKeys.verify(token)), "NotFound")
        assert.strictEqual(yield* tagOf(apiKeys.verify(token, { maxAge: 0 })), "good")
      }),
    ),
  )

  it.effect("is remembered in bounded memory", () =>
    withKeys(
      (apiKeys, instruments) =>
        Effect.gen(function* () {
          for (let i = 0; i < 30; i++) yield* Effect.ignore(apiKeys.verify(unknownToken(i)))
          instruments.hashes = 0
          for (let i = 20; i < 30; i++) yield* Effect.ignore(apiKeys.verify(unknownToken(i)))
          assert.strictEqual(instruments.hashes, 0)
          yield* Effect.ignore(apiKeys.verify(unknownToken(0)))
          assert.strictEqual(instruments.hashes, 1)
        }),
      { cache: { refusals: 10 } },
    ),
  )
})

describe("A cold key", () => {
  const heldUp = (instruments: Instruments, which: "beforeRead" | "afterRead" | "beforeHash") =>
    Effect.sync(() => {
      instruments[which] = Effect.sleep("1 second")
    })

  it.effect("that many ask for costs one look-up and one hash", () =>
    withKeys((apiKeys, instruments) =>
      Effect.gen(function* () {
        const { token } = yield* apiKeys.create({ name: "k" })
        yield* heldUp(instruments, "beforeHash")
        const fibers = yield* Effect.forEach(Array.from({ length: 100 }), () => Effect.forkChild(apiKeys.verify(token)))
        yield* TestClock.adjust("1 second")
        const answers = yield* Effect.forEach(fibers, Fiber.join)
        assert.strictEqual(new Set(answers.map(({ apiKey }) => apiKey.id)).size, 1)
        assert.deepInclude(instruments, { lookUps: 1, hashes: 1 })
      }),
    ),
  )

  it.effect("is verified for the others when one of them, the first even, gives up", () =>
    withKeys((apiKeys, instruments) =>
      Effect.gen(function* () {
        const { token } = yield* apiKeys.create({ name: "k" })
        yield* heldUp(instruments, "beforeRead")
        const first = yield* Effect.forkChild(apiKeys.verify(token), { startImmediately: true })
        const second = yield* Effect.forkChild(apiKeys.verify(token), { startImmediately: true })
        yield* Fiber.interrupt(first)
        yield* TestClock.adjust("1 second")
        assert.isTrue(Exit.isSuccess(yield* Fiber.await(second)))
        assert.strictEqual(instruments.lookUps, 1)
      }),
    ),
  )

  it.effect("is verified, and followed, however little a fiber gets done at a time", () =>
    Effect.forEach(
      Array.from({ length: 40 }, (_, index) => index + 3),
      (operations) =>
        withKeys((apiKeys, instruments) =>
          Effect.gen(function* () {
            const briefly = Effect.provideService(Scheduler.MaxOpsBeforeYield, operations)
            const { apiKey, token } = yield* apiKeys.create({ name: "k" })
            instruments.afterRead = Effect.yieldNow
            const first = yield* Effect.forkChild(apiKeys.verify(token), { startImmediately: true })
            const second = yield* Effect.forkChild(briefly(tagOf(apiKeys.verify(token))), { startImmediately: true })
            first.interruptUnsafe()
            assert.strictEqual(yield* Fiber.join(second), "good")
            instruments.afterRead = Effect.void

            for (let turns = 1; turns < 30; turns++) {
              yield* apiKeys.activate(apiKey.id)
              const verifying = yield* Effect.forkChild(briefly(tagOf(apiKeys.verify(token))), { startImmediately: true })
              for (let turn = 0; turn < turns; turn++) yield* Effect.yieldNow
              yield* apiKeys.deactivate(apiKey.id)
              yield* Fiber.join(verifying)
              assert.strictEqual(yield* tagOf(apiKeys.verify(token)), "Inactive", `${operations} operations, ${turns} turns`)
            }
          }),
        ),
      { discard: true },
    ),
  )

  it.effect("is verified for the one who asked first when another gives up, however little a fiber gets done at a time", () =>
    Effect.forEach(
      Array.from({ length: 40 }, (_, index) => index + 3),
      (operations) =>
        withKeys((apiKeys, instruments) =>
          Effect.gen(function* () {
            const { token } = yield* apiKeys.create({ name: "k" })
            instruments.afterRead = Effect.yieldNow
            const verify = Effect.provideService(tagOf(apiKeys.verify(token)), Scheduler.MaxOpsBeforeYield, operations)
            const first = yield* Effect.forkChild(verify, { startImmediately: true })
            const second = yield* Effect.forkChild(apiKeys.verify(token), { startImmediately: true })
            second.interruptUnsafe()
            assert.strictEqual(yield* Fiber.join(first), "good", `${operations} operations`)
          }),
        ),
      { discard: true },
    ),
  )

  it.effect("that everybody gave up on isn't looked up any further", () =>
    withKeys((apiKeys, instruments) =>
      Effect.gen(function* () {
        const { token } = yield* apiKeys.create({ name: "k" })
        let givenUp = 0
        instruments.beforeRead = Effect.onInterrupt(Effect.never, () => Effect.sync(() => givenUp++))
        const callers = yield* Effect.replicateEffect(Effect.forkChild(apiKeys.verify(token), { startImmediately: true }), 2)
        yield* Fiber.interrupt(callers[0]!)
        assert.strictEqual(givenUp, 0)
        yield* Fiber.interrupt(callers[1]!)
        assert.deepStrictEqual([givenUp, instruments.lookUps, instruments.hashes], [1, 1, 0])
      }),
    ),
  )

  it.effect("that everybody gave up on is looked up again by the next", () =>
    withKeys((apiKeys, instruments) =>
      Effect.gen(function* () {
        const { token } = yield* apiKeys.create({ name: "k" })
        yield* heldUp(instruments, "beforeHash")
        const first = yield* Effect.forkChild(apiKeys.verify(token), { startImmediately: true })
        yield* Fiber.interrupt(first)
        // The hash can't be stopped and still runs, but isn't waited for.
        yield* TestClock.adjust("500 millis")
        const second = yield* Effect.forkChild(apiKeys.verify(token), { startImmediately: true })
        yield* TestClock.adjust("1 second")
        assert.isDefined(second.pollUnsafe())
        assert.isTrue(Exit.isSuccess(yield* Fiber.await(second)))
      }),
    ),
  )

  for (const moment of ["beforeRead", "afterRead", "beforeHash"] as const) {
    it.effect(`that is changed while it is looked up is answered by the change, and never cached without it (${moment})`, () =>
      withKeys((apiKeys, instruments) =>
        Effect.gen(function* () {
          const { apiKey, token } = yield* apiKeys.create({ name: "k" })
          yield* heldUp(instruments, moment)
          const early = yield* Effect.forkChild(tagOf(apiKeys.verify(token)), { startImmediately: true })
          yield* TestClock.adjust("500 millis")
          yield* apiKeys.deactivate(apiKey.id)
          const late = yield* Effect.forkChild(tagOf(apiKeys.verify(token)), { startImmediately: true })
          yield* TestClock.adjust("10 seconds")
          assert.strictEqual(yield* Fiber.join(late), "Inactive")
          assert.strictEqual(yield* Fiber.join(early), "Inactive")
          assert.strictEqual(yield* tagOf(apiKeys.verify(token)), "Inactive")
        }),
      ),
    )
  }

  it.effect("that changes again and again is answered by what was read last, which isn't kept", () =>
    withKeys((apiKeys, instruments) =>
      Effect.gen(function* () {
        const { apiKey, token } = yield* apiKeys.create({ name: "k" })
        instruments.afterRead = Effect.suspend(() =>
          Effect.orDie(Effect.asVoid(apiKeys.update(apiKey.id, { isActive: instruments.lookUps < 10 }))),
        )
        assert.strictEqual(yield* tagOf(apiKeys.verify(token)), "good")
        assert.strictEqual(instruments.lookUps, 10)
        instruments.afterRead = Effect.void
        assert.strictEqual(yield* tagOf(apiKeys.verify(token)), "Inactive")
        assert.strictEqual(instruments.lookUps, 11)
      }),
    ),
  )

  it.effect("that expires while it is looked up has expired", () =>
    withKeys((apiKeys, instruments) =>
      Effect.gen(function* () {
        const expiresAt = DateTime.add(yield* DateTime.now, { milliseconds: 500 })
        const { token } = yield* apiKeys.create({ name: "k", expiresAt })
        yield* heldUp(instruments, "afterRead")
        const verifying = yield* Effect.forkChild(tagOf(apiKeys.verify(token)), { startImmediately: true })
        yield* TestClock.adjust("1 second")
        assert.strictEqual(yield* Fiber.join(verifying), "Expired")
      }),
    ),
  )

  it.effect("is tried again after a failure of the store", () =>
    withKeys((apiKeys, instruments) =>
      Effect.gen(function* () {
        const { token } = yield* apiKeys.create({ name: "k" })
        instruments.failure = new RepositoryError({ operation: "look up", isRetryable: true, cause: "down" })
        assert.strictEqual(yield* tagOf(apiKeys.verify(token)), "RepositoryError")
        instruments.failure = undefined
        assert.strictEqual(yield* tagOf(apiKeys.verify(token)), "good")
      }),
    ),
  )

  it.effect("whose look-up takes longer than an answer holds isn't answered by one from before", () =>
    withKeys(
      (apiKeys, instruments, repository) =>
        Effect.gen(function* () {
          const { apiKey, token } = yield* apiKeys.create({ name: "k" })
          yield* heldUp(instruments, "afterRead")
          const early = yield* Effect.forkChild(tagOf(apiKeys.verify(token)), { startImmediately: true })
          // Unheard, as by another node.
          yield* repository.update(apiKey.id, { isActive: false }, { at: yield* DateTime.now })
          yield* TestClock.adjust("500 millis")
          const late = yield* Effect.forkChild(tagOf(apiKeys.verify(token)), { startImmediately: true })
          yield* TestClock.adjust("10 seconds")
          assert.deepStrictEqual(yield* Effect.forEach([early, late], Fiber.join), ["good", "Inactive"])
        }),
      { cache: { timeToLive: "500 millis" } },
    ),
  )

  it.effect("asked for anew doesn't take a look-up that began before", () =>
    withKeys((apiKeys, instruments, repository) =>
      Effect.gen(function* () {
        const { apiKey, token } = yield* apiKeys.create({ name: "k" })
        yield* heldUp(instruments, "afterRead")
        const early = yield* Effect.forkChild(tagOf(apiKeys.verify(token)), { startImmediately: true })
        // Unheard, as by another node.
        yield* repository.update(apiKey.id, { isActive: false }, { at: yield* DateTime.now })
        const late = yield* Effect.forkChild(tagOf(apiKeys.verify(token, { maxAge: 0 })), { startImmediately: true })
        const later = yield* Effect.forkChild(tagOf(apiKeys.verify(token, { maxAge: 0 })), { startImmediately: true })
        yield* TestClock.adjust("10 seconds")
        assert.deepStrictEqual(yield* Effect.forEach([early, late, later], Fiber.join), ["good", "Inactive", "Inactive"])
        assert.strictEqual(instruments.hashes, 1)
      }),
    ),
  )
})

describe("Warm and cold", () => {
  const Verify = Schema.TaggedStruct("Verify", {
    key: Schema.Literals([0, 1, 2]),
    /** Which of its tokens, the newest first. */
    token: Schema.Literals([0, 1, 1, 2]),
    wrong: Schema.Literals([false, false, false, true]),
    scope: Schema.Literals(["", "a", "b:c"]),
    maxAge: Schema.Literals([1_000, 20, 0]),
  })
  const Step = Schema.Union([
    Schema.TaggedStruct("Create", {
      scopes: Schema.Array(Schema.Literals(["a", "b:*"])).check(Schema.isMaxLength(2)),
      lives: Schema.Literals([0, 5, 70]),
    }),
    Verify,
    // Twice, as it is what shows the others.
    Verify,
    Schema.TaggedStruct("Rotate", {
      key: Schema.Literals([0, 1, 2]),
      grace: Schema.Literals([0, 5, 70]),
      graceFrom: Schema.Literals(["now", "firstUse"]),
    }),
    Schema.TaggedStruct("EndGrace", { key: Schema.Literals([0, 1, 2]) }),
    Schema.TaggedStruct("SetActive", { key: Schema.Literals([0, 1, 2]), to: Schema.Boolean }),
    Schema.TaggedStruct("Rescope", {
      key: Schema.Literals([0, 1, 2]),
      scopes: Schema.Array(Schema.Literals(["a", "b:*"])).check(Schema.isMaxLength(2)),
    }),
    Schema.TaggedStruct("Delete", { key: Schema.Literals([0, 1, 2]) }),
    Schema.TaggedStruct("Wait", { seconds: Schema.Literals([1, 4, 30, 61]) }),
  ])

  // The service without a cache is the specification of the one with it.
  it.effect.prop(
    "agree on every history",
    [Schema.Array(Step).check(Schema.isMinLength(20), Schema.isMaxLength(60))],
    ([steps]) =>
      Effect.gen(function* () {
        const repository = Layer.fresh(Repository.layerMemory)
        const services = yield* Layer.build(layerInstrumented(makeInstruments()).pipe(Layer.provide(repository)))
        const build = (options: ApiKeys.Options) =>
          Effect.map(Layer.build(ApiKeys.layerWith(options).pipe(Layer.provide(Layer.succeedContext(services)))), (context) =>
            Effect.provide(ApiKeys.ApiKeys, context),
          )
        const aging = { maximumAge: "100 seconds", refuseAged: true } as const
        const warm = yield* yield* build({ cache: { entries: 2 }, ...aging })
        // Its uses would begin a grace behind the other's back.
        const cold = yield* yield* build({ cache: "off", lastUsedInterval: "1 day", ...aging })
        const keys: Array<{ readonly apiKey: ApiKey; readonly tokens: Array<Redacted.Redacted> }> = []
        const create = (input: ApiKeys.CreateInput) =>
          Effect.map(warm.create(input), ({ apiKey, token }) => keys.unshift({ apiKey, tokens: [token] }))
        yield* Effect.replicateEffect(create({ name: "k", scopes: ["a"] }), 3)
        for (const step of steps) {
          if (step._tag === "Create") {
            const expiresAt = step.lives === 0 ? null : DateTime.addDuration(yield* DateTime.now, Duration.seconds(step.lives))
            // In the place of the oldest.
            keys.pop()
            yield* create({ name: "k", scopes: step.scopes, expiresAt })
            continue
          }
          if (step._tag === "Wait") {
            yield* TestClock.adjust(Duration.seconds(step.seconds))
            continue
          }
          const key = keys[step.key]
          if (key === undefined) continue
          if (step._tag === "Verify") {
            const right = key.tokens[step.token] ?? key.tokens[0]!
            const token = step.wrong ? wrongSecret(right) : right
            const options = { ...(step.scope !== "" && { scopes: [step.scope] }), maxAge: Duration.seconds(step.maxAge) }
            const now = yield* DateTime.now
            const expected = yield* Effect.exit(Effect.map(cold.verify(token, options), withoutUse))
            const verified = yield* Effect.exit(warm.verify(token, options))
            assert.deepStrictEqual(Exit.map(verified, withoutUse), expected)
            if (Exit.isSuccess(verified)) {
              const age = Duration.toSeconds(DateTime.distance(verified.value.checkedAt, now))
              assert.isTrue(age === 0 || (age < 60 && age < step.maxAge))
            }
          } else if (step._tag === "Rotate") {
            const options = { grace: Duration.seconds(step.grace), graceFrom: step.graceFrom, ifPrevious: "end" } as const
            const rotated = yield* Effect.option(warm.rotate(key.apiKey.id, options))
            if (Option.isSome(rotated)) key.tokens.unshift(rotated.value.token)
          } else if (step._tag === "EndGrace") {
            yield* Effect.ignore(warm.endGrace(key.apiKey.id))
          } else if (step._tag === "SetActive") {
            yield* Effect.ignore(step.to ? warm.activate(key.apiKey.id) : warm.deactivate(key.apiKey.id))
          } else if (step._tag === "Rescope") {
            yield* Effect.ignore(warm.update(key.apiKey.id, { scopes: step.scopes }))
          } else {
            yield* Effect.ignore(warm.delete(key.apiKey.id))
          }
        }
      }).pipe(Effect.scoped),
    { arbitrary: { runs: 300 } },
  )

  const withoutUse = ({ apiKey: { lastUsedAt: _, previous, ...apiKey }, usedToken }: ApiKeys.Verified) => ({
    ...apiKey,
    previous: previous === null ? null : { ...previous, lastUsedAt: null },
    usedToken,
  })
})

describe("Configuration", () => {
  const withEnv = <A, E>(
    env: Record<string, string>,
    test: (apiKeys: ApiKeys.ApiKeys["Service"], instruments: Instruments) => Effect.Effect<A, E>,
  ) => {
    const instruments = makeInstruments()
    return Effect.flatMap(ApiKeys.ApiKeys, (apiKeys) => test(apiKeys, instruments)).pipe(
      Effect.provide(ApiKeys.layerConfig.pipe(Layer.provide(layerInstrumented(instruments)))),
      Effect.provide(ConfigProvider.layer(ConfigProvider.fromEnv({ env }))),
    )
  }

  /** Look-ups for three keys that are verified in turn, twice, and once more 30 seconds later. */
  const lookUpsWith = (env: Record<string, string>) =>
    withEnv(env, (apiKeys, instruments) =>
      Effect.gen(function* () {
        const keys = yield* Effect.replicateEffect(apiKeys.create({ name: "k" }), 3)
        for (const { token } of [...keys, ...keys]) yield* apiKeys.verify(token)
        yield* TestClock.adjust("30 seconds")
        for (const { token } of keys) yield* apiKeys.verify(token)
        return instruments.lookUps
      }),
    )

  it.effect("says whether, how much and how long is remembered", () =>
    Effect.gen(function* () {
      assert.strictEqual(yield* lookUpsWith({}), 3)
      assert.strictEqual(yield* lookUpsWith({ API_KEY_CACHE: "off" }), 9)
      assert.strictEqual(yield* lookUpsWith({ API_KEY_CACHE: "on" }), 3)
      assert.strictEqual(yield* lookUpsWith({ API_KEY_CACHE_ENTRIES: "0" }), 9)
      assert.isAbove(yield* lookUpsWith({ API_KEY_CACHE_ENTRIES: "2" }), 3)
      assert.isAbove(yield* lookUpsWith({ API_KEY_CACHE_BYTES: "1500" }), 3)
      assert.strictEqual(yield* lookUpsWith({ API_KEY_CACHE_TIME_TO_LIVE: "30 seconds" }), 6)
    }),
  )

  it.effect("says how much is hashed at a time, how many wait, and for how long", () =>
    Effect.gen(function* () {
      /** What becomes of five strangers at once whose hashes take a second each. */
      const tagsWith = (env: Record<string, string>) =>
        withEnv(env, (apiKeys, instruments) =>
          Effect.gen(function* () {
            instruments.beforeHash = Effect.sleep("1 second")
            const strangers = yield* Effect.forEach([1, 2, 3, 4, 5], (number) =>
              Effect.forkChild(tagOf(apiKeys.verify(unknownToken(number))), { startImmediately: true }),
            )
            yield* TestClock.adjust("10 seconds")
            const tags = yield* Effect.forEach(strangers, Fiber.join)
            return tags.filter((tag) => tag === "NotFound").length
          }),
        )
      const env = { API_KEY_HASHING_PERMITS: "1", API_KEY_HASHING_MAX_WAIT: "1 minute" }
      assert.strictEqual(yield* tagsWith(env), 5)
      assert.strictEqual(yield* tagsWith({ ...env, API_KEY_HASHING_QUEUE: "1" }), 2)
      assert.strictEqual(yield* tagsWith({ ...env, API_KEY_HASHING_QUEUE: "1", API_KEY_HASHING_PERMITS: "3" }), 4)
      assert.strictEqual(yield* tagsWith({ ...env, API_KEY_HASHING_MAX_WAIT: "2500 millis" }), 3)
    }),
  )

  it.effect("says how often uses are written, and what is told", () =>
    withEnv({ API_KEY_LAST_USED_INTERVAL: "1 minute", API_KEY_TELEMETRY: "metrics" }, (apiKeys, instruments) =>
      Effect.gen(function* () {
        yield* TestClock.adjust("1 millis")
        yield* apiKeys.verify((yield* apiKeys.create({ name: "k" })).token)
        // Jittered by a fifth.
        yield* TestClock.adjust("45 seconds")
        assert.lengthOf(instruments.touched, 0)
        yield* TestClock.adjust("30 seconds")
        assert.lengthOf(instruments.touched, 1)
        assert.strictEqual((yield* Metric.value(ApiKeyMetrics.duration)).count, 1)
      }),
    ).pipe(Effect.provideService(Metric.MetricRegistry, new Map())),
  )
})

describe("Telemetry", () => {
  const withRegistry = Effect.provideService(Metric.MetricRegistry, new Map())

  it.effect("counts hits, misses and failures by tag", () =>
    withKeys((apiKeys) =>
      Effect.gen(function* () {
        const { token } = yield* apiKeys.create({ name: "k" })
        yield* apiKeys.verify(token)
        yield* apiKeys.verify(token)
        yield* Effect.ignore(apiKeys.verify("nonsense"))
        yield* Effect.ignore(apiKeys.verify(token, { scopes: ["a"] }))
        const count = (metric: Metric.Counter<number>) => Effect.map(Metric.value(metric), (state) => state.count)
        assert.strictEqual(yield* count(ApiKeyMetrics.hits), 2)
        assert.strictEqual(yield* count(ApiKeyMetrics.misses), 1)
        assert.strictEqual(yield* count(ApiKeyMetrics.failures("MalformedToken")), 1)
        assert.strictEqual(yield* count(ApiKeyMetrics.failures("InsufficientScope")), 1)
        assert.strictEqual(yield* count(ApiKeyMetrics.failures("Expired")), 0)
        assert.strictEqual((yield* Metric.value(ApiKeyMetrics.coldDuration)).count, 1)
        assert.strictEqual((yield* Metric.value(ApiKeyMetrics.duration)).count, 0)
        assert.strictEqual((yield* Metric.value(ApiKeyMetrics.hashesInFlight)).value, 0)
        assert.strictEqual((yield* Metric.value(ApiKeyMetrics.cacheEntries)).value, 1)
      }),
    ).pipe(withRegistry),
  )

  it.effect("tells of look-ups by spans, and of warm verifications when asked to", () =>
    Effect.gen(function* () {
      const spans: Array<Tracer.NativeSpan> = []
      const twice = (apiKeys: ApiKeys.ApiKeys["Service"]) =>
        Effect.gen(function* () {
          const { token } = yield* apiKeys.create({ name: "k" })
          spans.length = 0
          yield* apiKeys.verify(token)
          yield* apiKeys.verify(token)
          return spans.map(({ name }) => name)
        })
      const byDefault = yield* withKeys(twice).pipe(Effect.withTracer(tracerInto(spans)))
      assert.deepStrictEqual(byDefault, ["ApiKeys.lookUp"])
      const traced = yield* withKeys(twice, { telemetry: "traces" }).pipe(Effect.withTracer(tracerInto(spans)))
      assert.deepStrictEqual(traced, ["ApiKeys.verify", "ApiKeys.lookUp", "ApiKeys.verify"])
      assert.strictEqual((yield* Metric.value(ApiKeyMetrics.duration)).count, 2)
    }).pipe(Effect.provideService(Metric.MetricRegistry, new Map())),
  )
})
