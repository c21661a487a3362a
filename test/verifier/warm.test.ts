import { assert, describe, it } from "@effect/vitest"
import { Context, DateTime, Duration, Effect, Exit, Fiber, Layer, Option, Redacted, Schema } from "effect"
import { TestClock } from "effect/testing"
import { ApiKey } from "../../src/ApiKey.ts"
import { RepositoryError } from "../../src/ApiKeyError.ts"
import * as Repository from "../../src/ApiKeyRepository.ts"
import * as ApiKeys from "../../src/ApiKeys.ts"
import * as ApiKeyToken from "../../src/ApiKeyToken.ts"
import { wrongSecret, unknownToken, makeInstruments, layerInstrumented, withKeys, tagOf } from "./support.ts"

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
    { arbitrary: { runs: Number(process.env["HISTORIES"] ?? 300) } },
  )

  const withoutUse = ({ apiKey: { lastUsedAt: _, previous, ...apiKey }, usedToken }: ApiKeys.Verified) => ({
    ...apiKey,
    previous: previous === null ? null : { ...previous, lastUsedAt: null },
    usedToken,
  })
})
