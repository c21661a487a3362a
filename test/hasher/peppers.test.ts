import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { inspect } from "node:util"
import { afterAll, assert, describe, expectTypeOf, it } from "@effect/vitest"
import { Cause, ConfigProvider, Deferred, Effect, Fiber, Layer, Logger, Redacted, Schema } from "effect"
import { TestClock } from "effect/testing"
import { HasherError } from "../../src/ApiKeyError.ts"
import { ApiKeyHasher, label, layerEphemeral, layerSeveral, scheme, several, splitLabel } from "../../src/ApiKeyHasher.ts"
import * as Argon2 from "../../src/hasher/Argon2.ts"
import * as Argon2Node from "../../src/hasher/Argon2Node.ts"
import * as Bcrypt from "../../src/hasher/Bcrypt.ts"
import * as Hmac from "../../src/hasher/Hmac.ts"
import * as Keyring from "../../src/internal/hasher/keyring.ts"
import * as Pepper from "../../src/hasher/Pepper.ts"

type Hasher = ApiKeyHasher["Service"]
const secret = Redacted.make("s".repeat(64))
const wrong = Redacted.make(`${"s".repeat(63)}t`)
const cheap = { memory: 64, passes: 1, parallelism: 1 }
const valueOf = (id: string) => Redacted.make(`the value of pepper <${id}>`)
const pepperOf = (id: string): Pepper.Pepper => ({ id, value: valueOf(id) })
const ringOf = (current: string, ...older: ReadonlyArray<string>): Pepper.PepperRing => ({
  current: pepperOf(current),
  older: older.map(pepperOf),
})

const hashers = {
  Argon2: Argon2.layerPeppers({ parameters: cheap }),
  Argon2Node: Argon2Node.layerPeppers({ parameters: cheap }),
  Bcrypt: Bcrypt.layerPeppers({ cost: 4 }),
  Hmac: Hmac.layerPeppers,
}
const singles = {
  Argon2: (pepper?: Redacted.Redacted) => Argon2.layer({ pepper, parameters: cheap }),
  Argon2Node: (pepper?: Redacted.Redacted) => Argon2Node.layer({ pepper, parameters: cheap }),
  Bcrypt: (pepper?: Redacted.Redacted) => Bcrypt.layer({ pepper, cost: 4 }),
  Hmac: (pepper?: Redacted.Redacted) => Hmac.layer({ pepper }),
}

const use = <A, E, E2>(layer: Layer.Layer<ApiKeyHasher, E2>, f: (hasher: Hasher) => Effect.Effect<A, E>) =>
  ApiKeyHasher.use(f).pipe(Effect.provide(layer, { local: true }))
const hash = <E>(layer: Layer.Layer<ApiKeyHasher, E>) => use(layer, (hasher) => hasher.hash(secret))
const verify = <E>(layer: Layer.Layer<ApiKeyHasher, E>, hash: Redacted.Redacted, candidate = secret) =>
  use(layer, (hasher) => hasher.verify(candidate, hash))
const isNow = (hasher: Hasher, hash: Redacted.Redacted) =>
  Effect.map(hasher.currentScheme ?? Effect.undefined, (current) => current === scheme(Redacted.value(hash)))
const isCurrent = <E>(layer: Layer.Layer<ApiKeyHasher, E>, hash: Redacted.Redacted) => use(layer, (hasher) => isNow(hasher, hash))
/** Which of the peppers aren't there for the hasher's own hashes. */
const missingOf = (hasher: Hasher, ...ids: ReadonlyArray<string>) =>
  Effect.gen(function* () {
    const { inner } = splitLabel(scheme(Redacted.value(yield* hasher.hash(secret))))
    const asked = yield* Effect.forEach(ids, (id) => hasher.missingPepper?.(label(id, inner)) ?? Effect.undefined)
    return asked.filter((id) => id !== undefined)
  })
const missing = (pepperId: string) => new HasherError({ reason: "MissingPepper", pepperId })
const unsupported = new HasherError({ reason: "UnsupportedHash" })
const fails = <A, E>(effect: Effect.Effect<A, E>, expected: unknown) =>
  Effect.map(Effect.flip(effect), (error) => assert.deepStrictEqual(error, expected))
const shown = (...values: ReadonlyArray<unknown>) =>
  values.flatMap((value) => [inspect(value, { depth: 20, showHidden: true }), String(value), JSON.stringify(value) ?? ""]).join("\n")
const collectLogs = () => {
  const lines: Array<string> = []
  return [lines, Logger.layer([Logger.make(({ logLevel, message }) => void lines.push(`${logLevel} ${String(message)}`))])] as const
}

const Id = Schema.String.check(Schema.isPattern(/^[A-Za-z0-9_-]{0,32}$/))
// One to five peppers, each with its own id; which may be "".
const Ids = Schema.NonEmptyArray(Id).check(Schema.isMaxLength(5), Schema.isUnique())

for (const [name, hasher] of Object.entries(hashers)) {
  const under = (ring: Pepper.PepperRing) => hasher.pipe(Layer.provide(Pepper.layerRing(ring)))
  const single = singles[name as keyof typeof singles]
  describe(name, () => {
    it.effect.prop(
      "checks what any pepper of the ring made, wherever in the ring it is",
      { ids: Ids, turn: Schema.Natural, removed: Schema.Natural },
      ({ ids, turn, removed }) =>
        Effect.gen(function* () {
          const [current = "", ...older] = [...ids.slice(turn % ids.length), ...ids.slice(0, turn % ids.length)]
          const layer = under(ringOf(current, ...older))
          assert.deepStrictEqual(yield* use(layer, (hasher) => missingOf(hasher, ...ids)), [])
          const made = yield* hash(layer)
          assert.strictEqual(splitLabel(Redacted.value(made)).pepper, current)
          for (const id of ids) {
            const old = yield* hash(under(ringOf(id)))
            assert.isTrue(yield* verify(layer, old))
            assert.isFalse(yield* verify(layer, old, wrong))
            assert.strictEqual(yield* isCurrent(layer, old), id === current)
          }
          const gone = ids[removed % ids.length]!
          const [first, ...rest] = ids.filter((id) => id !== gone)
          const left = under(first === undefined ? ringOf(gone === "x" ? "y" : "x") : ringOf(first, ...rest))
          assert.deepStrictEqual(yield* use(left, (hasher) => missingOf(hasher, ...ids)), [gone])
          for (const candidate of [secret, wrong]) yield* fails(verify(left, yield* hash(under(ringOf(gone))), candidate), missing(gone))
        }),
      { arbitrary: { runs: 15 } },
    )

    it.effect("doesn't take a hash under another label, or under none", () =>
      Effect.gen(function* () {
        const ids = ["a", "b", ""]
        const layer = under(ringOf("a", "b", ""))
        for (const made of ids) {
          const { inner } = splitLabel(Redacted.value(yield* hash(under(ringOf(made)))))
          for (const claimed of ids) {
            assert.strictEqual(yield* verify(layer, Redacted.make(label(claimed, inner))), claimed === made, `${made} as ${claimed}`)
          }
          yield* fails(verify(layer, Redacted.make(label("c", inner))), missing("c"))
          for (const broken of [
            `$pepper=${inner}`,
            `$pepper=a b${inner}`,
            `$pepper=${"a".repeat(33)}${inner}`,
            `$pepper=a$pepper=a${inner}`,
          ]) {
            yield* fails(verify(layer, Redacted.make(broken)), unsupported)
          }
        }
      }),
    )

    it.effect("goes on from a single pepper, and from the built-in one", () =>
      Effect.gen(function* () {
        const before = yield* hash(single(valueOf("")))
        assert.strictEqual(yield* isCurrent(single(valueOf("")), before), true)
        assert.deepStrictEqual(yield* use(single(valueOf("")), (hasher) => missingOf(hasher, "", "a")), ["a"])
        const after = under(ringOf("2026a", ""))
        assert.isTrue(yield* verify(after, before))
        assert.isFalse(yield* verify(after, before, wrong))
        assert.strictEqual(yield* isCurrent(after, before), false)
        yield* fails(verify(under(ringOf("2026a")), before), missing(""))
        yield* fails(verify(single(valueOf("")), yield* hash(after)), missing("2026a"))

        const builtIn = yield* hash(single())
        assert.isTrue(yield* verify(under({ current: pepperOf("2026a"), older: [Pepper.builtIn] }), builtIn))
        yield* fails(verify(under(ringOf("2026a")), builtIn), missing(""))
        // The unlabelled pepper took its place: then it is a wrong secret, as it always was.
        assert.isFalse(yield* verify(after, builtIn))
      }),
    )

    it.effect("a hash of another algorithm is unsupported, even if its pepper is missing", () =>
      Effect.gen(function* () {
        for (const [other, layer] of Object.entries(hashers)) {
          if (other.slice(0, 6) === name.slice(0, 6)) continue
          const made = yield* hash(layer.pipe(Layer.provide(Pepper.layerRing(ringOf("gone")))))
          yield* fails(verify(under(ringOf("a")), made), unsupported)
          assert.strictEqual(yield* isCurrent(under(ringOf("gone")), made), false)
          const theirs = scheme(Redacted.value(made))
          yield* fails(
            use(under(ringOf("a")), (hasher) => hasher.missingPepper?.(theirs) ?? Effect.undefined),
            unsupported,
          )
        }
      }),
    )

    it.effect("a ring that changes is followed without a restart", () => {
      let ring = ringOf("a")
      const peppers = Layer.succeed(Pepper.Peppers, { ring: Effect.sync(() => ring) })
      return Effect.gen(function* () {
        const hasher = yield* ApiKeyHasher
        const underA = yield* hasher.hash(secret)
        ring = ringOf("b", "a")
        assert.isTrue(yield* hasher.verify(secret, underA))
        assert.isFalse(yield* isNow(hasher, underA))
        const underB = yield* hasher.hash(secret)
        assert.isTrue(yield* isNow(hasher, underB))
        // The same id with another value is another pepper, not the one that was prepared.
        ring = { current: { id: "a", value: valueOf("another") }, older: [pepperOf("b")] }
        assert.isFalse(yield* hasher.verify(secret, underA))
        assert.isTrue(yield* hasher.verify(secret, underB))
        ring = ringOf("c")
        yield* fails(hasher.verify(secret, underB), missing("b"))
        // An unsound ring hashes nothing, under no pepper.
        ring = { current: { id: "c", value: Redacted.make("too short") }, older: [] }
        const error = yield* Effect.flip(hasher.hash(secret))
        assert.deepStrictEqual([error.reason, error.cause], ["Failed", new Pepper.PepperTooShort({ actualBytes: 9, position: 1 })])
        yield* fails(hasher.currentScheme!, error)
        yield* fails(hasher.missingPepper!(scheme(Redacted.value(underA))), error)
      }).pipe(Effect.provide(hasher.pipe(Layer.provide(peppers))))
    })

    it.effect("shows no pepper", () =>
      Effect.gen(function* () {
        const peppers = Pepper.layerRing(ringOf("a", "b", ""))
        const service = yield* ApiKeyHasher.pipe(Effect.provide(hasher.pipe(Layer.provide(peppers))))
        const alone = yield* ApiKeyHasher.pipe(Effect.provide(single(valueOf("a"))))
        const error = yield* Effect.flip(service.verify(secret, yield* hash(under(ringOf("gone")))))
        assert.include(error.message, "the pepper gone isn't configured")
        const text = shown(
          ...[service, alone].flatMap((hasher) => [
            hasher,
            hasher.hash(secret),
            hasher.currentScheme,
            hasher.missingPepper?.("$hmac-sha256$v=1"),
          ]),
          yield* Pepper.Peppers.pipe(Effect.provide(peppers)),
          peppers,
          error,
          Cause.fail(error),
        )
        // A block of HMAC's, which stands for a pepper.
        assert.notMatch(text, /Uint8Array\(64\)|"63":/)
        for (const id of ["a", "b", "", "gone"]) {
          assert.notInclude(text, Redacted.value(valueOf(id)))
          // As an inspected buffer would show it.
          assert.notInclude(
            text,
            Buffer.from(Redacted.value(valueOf(id)))
              .toString("hex")
              .match(/../g)!
              .join(" ")
              .slice(0, 40),
          )
        }
      }),
    )
  })
}

describe("currentScheme", () => {
  it.effect("says whether algorithm, parameters and pepper are those of new hashes", () =>
    Effect.gen(function* () {
      const peppers = Pepper.layerRing(ringOf("a", "b"))
      const others = Pepper.layerRing(ringOf("b", "a"))
      const variants = [
        Argon2.layerPeppers({ parameters: cheap }),
        Argon2.layerPeppers({ parameters: { ...cheap, memory: 65 } }),
        Argon2.layerPeppers({ parameters: { ...cheap, passes: 2 } }),
        Argon2.layerPeppers({ parameters: { memory: 64, passes: 1, parallelism: 2 } }),
        Bcrypt.layerPeppers({ cost: 4 }),
        Bcrypt.layerPeppers({ cost: 5 }),
        Hmac.layerPeppers,
      ].flatMap((layer) => [Layer.provide(layer, peppers), Layer.provide(layer, others)])
      const made = yield* Effect.forEach(variants, hash)
      for (const [i, layer] of variants.entries()) {
        for (const [j, text] of made.entries()) assert.strictEqual(yield* isCurrent(layer, text), i === j, scheme(Redacted.value(text)))
      }
      // The other Argon2 writes the same strings; an older version of bcrypt's are others.
      assert.isTrue(yield* isCurrent(Layer.provide(Argon2Node.layerPeppers({ parameters: cheap }), peppers), made[0]!))
      const bcrypt = Redacted.value(made[8]!)
      assert.isFalse(yield* isCurrent(variants[8]!, Redacted.make(bcrypt.replace("$2b$", "$2a$"))))
      assert.isTrue(yield* isCurrent(layerEphemeral, yield* hash(layerEphemeral)))
      assert.isFalse(yield* isCurrent(layerEphemeral, made[0]!))
    }),
  )
})

describe("a ring", () => {
  const good = ringOf("a", "b")
  const check = (ring: Pepper.PepperRing) => Effect.provide(Pepper.Peppers, Pepper.layerRing(ring), { local: true })
  const invalid = (reason: Pepper.InvalidPeppers["reason"], position: number) => new Pepper.InvalidPeppers({ reason, position })

  it.effect("is refused when it is unsound, by a layer and by a hasher over a service of one's own", () =>
    Effect.gen(function* () {
      yield* check(good)
      for (const [ring, error] of [
        [{ ...good, older: [...good.older, { id: "a", value: valueOf("c") }] }, invalid("DuplicateId", 3)],
        [{ ...good, older: [...good.older, { id: "c", value: valueOf("a") }] }, invalid("DuplicateValue", 3)],
        [{ current: pepperOf(""), older: [Pepper.builtIn] }, invalid("DuplicateId", 2)],
        ...["a b", "a:b", "a$b", "é", "a\n", "x".repeat(33)].map((id) => [ringOf("a", id), invalid("InvalidId", 2)] as const),
        [
          { ...good, current: { id: "c", value: Redacted.make("é".repeat(7)) } },
          new Pepper.PepperTooShort({ actualBytes: 14, position: 1 }),
        ],
      ] as const) {
        yield* fails(check(ring), error)
        const own = Layer.succeed(Pepper.Peppers, { ring: Effect.succeed(ring) })
        yield* fails(hash(Hmac.layerPeppers.pipe(Layer.provide(own))), error)
        assert.isNotEmpty(error.message)
      }
      yield* check({ current: { id: "x".repeat(32), value: Redacted.make("é".repeat(8)) }, older: [] })
    }),
  )

  it.effect("that can't be read is an error of the hasher that gives the reason", () => {
    let isUp = true
    const down = new Pepper.PeppersUnavailable({ reason: "the KMS is down" })
    const peppers = Layer.succeed(Pepper.Peppers, { ring: Effect.suspend(() => (isUp ? Effect.succeed(good) : Effect.fail(down))) })
    return Effect.gen(function* () {
      const hasher = yield* ApiKeyHasher
      const made = yield* hasher.hash(secret)
      isUp = false
      const failed = new HasherError({ reason: "Failed", cause: down })
      yield* fails(hasher.verify(secret, made), failed)
      yield* fails(hasher.currentScheme!, failed)
      yield* fails(hasher.missingPepper!(scheme(Redacted.value(made))), failed)
      yield* fails(hash(Hmac.layerPeppers.pipe(Layer.provide(peppers))), down)
      isUp = true
      assert.isTrue(yield* hasher.verify(secret, made))
    }).pipe(Effect.provide(Hmac.layerPeppers.pipe(Layer.provide(peppers))))
  })
})

it.effect("what was made of a pepper is kept as long as it is in the ring, and no longer", () => {
  let ring = ringOf("a", "b")
  const prepared: Array<string> = []
  return Effect.gen(function* () {
    const keys = yield* Keyring.fromPeppers((pepper) => prepared.push(Buffer.from(pepper).toString("utf8")))
    const prepares = (next: Pepper.PepperRing, ...ids: ReadonlyArray<string>) =>
      Effect.gen(function* () {
        ring = next
        yield* Effect.orDie(keys)
        assert.deepStrictEqual(
          prepared.splice(0),
          ids.map((id) => Redacted.value(valueOf(id))),
        )
      })
    yield* prepares(ring, "a", "b")
    yield* prepares(ringOf("b", "a"))
    yield* prepares(ringOf("c", "b"), "c")
    yield* prepares(ringOf("c", "a"), "a")
  }).pipe(Effect.provideService(Pepper.Peppers, { ring: Effect.sync(() => ring) }))
})

describe("layerReloading", () => {
  const reloading = (load: Effect.Effect<Pepper.PepperRing, unknown>) =>
    Hmac.layerPeppers.pipe(Layer.provideMerge(Pepper.layerReloading({ load, every: "1 minute" })))

  it.effect("follows its source at the interval, and when asked", () => {
    let ring = ringOf("a")
    return Effect.gen(function* () {
      const hasher = yield* ApiKeyHasher
      const made = yield* hasher.hash(secret)
      ring = ringOf("b", "a")
      yield* TestClock.adjust("59 seconds")
      assert.deepStrictEqual(yield* missingOf(hasher, "a", "b"), ["b"])
      assert.isTrue(yield* isNow(hasher, made))
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(yield* missingOf(hasher, "a", "b"), [])
      assert.isFalse(yield* isNow(hasher, made))
      assert.isTrue(yield* hasher.verify(secret, made))
      ring = ringOf("b")
      yield* Pepper.reload
      yield* fails(hasher.verify(secret, made), missing("a"))
      ring = ringOf("c")
      yield* TestClock.adjust("1 minute")
      assert.deepStrictEqual(yield* missingOf(hasher, "a", "b", "c"), ["a", "b"])
    }).pipe(Effect.provide(reloading(Effect.sync(() => ring))))
  })

  it.effect("keeps the last sound ring, warns, shows nothing of what it read, and goes on", () => {
    const [lines, logger] = collectLogs()
    const leak = "hunter2-hunter2-hunter2"
    let load: Effect.Effect<Pepper.PepperRing, unknown> = Effect.succeed(ringOf("a"))
    return Effect.gen(function* () {
      const hasher = yield* ApiKeyHasher
      const made = yield* hasher.hash(secret)
      const attempts: ReadonlyArray<readonly [Effect.Effect<Pepper.PepperRing, unknown>, RegExp]> = [
        [Effect.fail(new Pepper.PeppersUnavailable({ reason: "the KMS is down" })), /the KMS is down$/],
        [Effect.succeed({ current: { id: "b", value: Redacted.make("hunter2") }, older: [] }), /has 7 bytes/],
        [Effect.succeed({ current: { id: leak, value: valueOf("b") }, older: [{ id: leak, value: valueOf("c") }] }), /Pepper 2 .* id/],
        [Effect.fail(leak), /: string$/],
        [Effect.fail({ _tag: "KmsError", response: leak }), /: KmsError$/],
        [Effect.die(new SyntaxError(`Unexpected token in ${leak}`)), /: SyntaxError$/],
        [Effect.interrupt, /Warn/],
      ]
      for (const [failing, expected] of attempts) {
        load = failing
        lines.length = 0
        yield* TestClock.adjust("1 minute")
        assert.lengthOf(lines, 1)
        assert.match(lines[0]!, /^Warn The peppers couldn't be loaded again/)
        assert.match(lines[0]!, expected)
        assert.notInclude(lines[0], leak)
        yield* Pepper.reload
        assert.lengthOf(lines, 2)
        assert.isTrue(yield* hasher.verify(secret, made))
        assert.isTrue(yield* isNow(hasher, made))
      }
      load = Effect.succeed(ringOf("b", "a"))
      yield* TestClock.adjust("1 minute")
      assert.deepStrictEqual(yield* missingOf(hasher, "a", "b", "c"), ["c"])
      assert.lengthOf(lines, 2)
    }).pipe(Effect.provide(reloading(Effect.suspend(() => load))), Effect.provide(logger))
  })

  it.effect("isn't there without a first ring, and ends with its scope", () => {
    const [lines, logger] = collectLogs()
    let loads = 0
    return Effect.gen(function* () {
      yield* fails(hash(reloading(Effect.fail("down"))), "down")
      const short = { current: { id: "a", value: Redacted.make("short") }, older: [] }
      yield* fails(hash(reloading(Effect.succeed(short))), new Pepper.PepperTooShort({ actualBytes: 5, position: 1 }))
      const counted = Effect.sync(() => (loads++, ringOf("a")))
      yield* use(reloading(counted), () => TestClock.adjust("3 minutes"))
      assert.strictEqual(loads, 4)
      yield* TestClock.adjust("1 hour")
      assert.strictEqual(loads, 4)
      assert.deepStrictEqual(lines, [])
    }).pipe(Effect.provide(logger))
  })

  it.effect("one load at a time, so that a slow one can't bring an older ring back", () =>
    Effect.gen(function* () {
      const gate = yield* Deferred.make<void>()
      let loads = 0
      const load = Effect.suspend(() => {
        const ring = ringOf(`${loads++}`)
        return loads === 2 ? Effect.as(Deferred.await(gate), ring) : Effect.succeed(ring)
      })
      yield* Effect.gen(function* () {
        const hasher = yield* ApiKeyHasher
        yield* TestClock.adjust("1 minute")
        const asked = yield* Effect.forkChild(Pepper.reload)
        yield* TestClock.adjust("1 second")
        assert.strictEqual(loads, 2)
        assert.deepStrictEqual(yield* missingOf(hasher, "0", "1", "2"), ["1", "2"])
        yield* Deferred.succeed(gate, undefined)
        yield* Fiber.join(asked)
        assert.deepStrictEqual(yield* missingOf(hasher, "0", "1", "2"), ["0", "1"])
      }).pipe(Effect.provide(reloading(load)))
    }),
  )

  it.effect("a ring that stays as it is has nothing to reload", () => Pepper.reload.pipe(Effect.provide(Pepper.layerRing(ringOf("a")))))
})

describe("configuration", () => {
  const directory = mkdtempSync(join(tmpdir(), "effect-api-key-"))
  afterAll(() => rmSync(directory, { recursive: true }))
  let files = 0
  const file = (text: string) => {
    const path = join(directory, `peppers-${files++}`)
    writeFileSync(path, text)
    return path
  }
  const inEnv = (env: Record<string, string>) => Effect.provide(ConfigProvider.layer(ConfigProvider.fromEnv({ env })))
  const [x, y, z] = ["x:value,of_x=aaaaaaaaaaa", "y-value-of-y-aaaaaaaaaaa", "z#value of z aaaaaaaaaaa"] as const
  const plain = (ring: Pepper.PepperRing) => [ring.current, ...ring.older].map(({ id, value }) => [id, Redacted.value(value)])
  const builtIn = ["", Redacted.value(Pepper.builtIn.value)]

  it.effect("reads variables and files", () =>
    Effect.gen(function* () {
      for (const [env, expected] of [
        [{}, [builtIn]],
        [{ API_KEY_PEPPER: x }, [["", x]]],
        [{ API_KEY_PEPPERS: `2026a:${y}` }, [["2026a", y]]],
        [
          { API_KEY_PEPPERS: ` 2026b : ${y} , 2026a:a:b${z}` },
          [
            ["2026b", y],
            ["2026a", `a:b${z}`],
          ],
        ],
        [
          { API_KEY_PEPPERS: `2026a:${y}`, API_KEY_PEPPER: x },
          [
            ["2026a", y],
            ["", x],
          ],
        ],
        [
          { API_KEY_PEPPERS: `API_KEY_PEPPER,2026a:${y}`, API_KEY_PEPPER: x },
          [
            ["", x],
            ["2026a", y],
          ],
        ],
        [{ API_KEY_PEPPERS: `2026a:${y},built-in` }, [["2026a", y], builtIn]],
        [{ API_KEY_PEPPERS: `built-in,2026a:${y}` }, [builtIn, ["2026a", y]]],
        [{ API_KEY_PEPPERS: `built-in:${y}` }, [["built-in", y]]],
        [
          { API_KEY_PEPPERS_FILE: file(`\uFEFF# the peppers\r\n\r\n2026b:${x}\r\n  2026a:${z} \n#old:${y}\nbuilt-in`) },
          [["2026b", x], ["2026a", z], builtIn],
        ],
        [
          { API_KEY_PEPPERS_FILE: file(`2026b:${z}\n`), API_KEY_PEPPER: x },
          [
            ["2026b", z],
            ["", x],
          ],
        ],
      ] as const) {
        assert.deepStrictEqual(
          plain(yield* Pepper.loadConfig.pipe(inEnv(env))),
          expected.map(([id, value]) => [id!, value!]),
        )
      }
    }),
  )

  it.effect("refuses what it doesn't understand, and shows none of it", () =>
    Effect.gen(function* () {
      const invalid = (reason: Pepper.InvalidPeppers["reason"], position?: number) =>
        new Pepper.InvalidPeppers({ reason, ...(position !== undefined && { position }) })
      for (const [env, expected] of [
        [{ API_KEY_PEPPERS: y }, invalid("Malformed", 1)],
        [{ API_KEY_PEPPERS: `:${y}` }, invalid("Malformed", 1)],
        [{ API_KEY_PEPPERS: ` : ${y}` }, invalid("Malformed", 1)],
        [{ API_KEY_PEPPERS: `a:${y},${z}` }, invalid("Malformed", 2)],
        [{ API_KEY_PEPPERS: `a:${y},` }, invalid("Malformed", 2)],
        [{ API_KEY_PEPPERS: `a:${y},API_KEY_PEPPER` }, invalid("Malformed", 2)],
        [{ API_KEY_PEPPERS: `${z}:a` }, invalid("InvalidId", 1)],
        // Written the wrong way round.
        [{ API_KEY_PEPPERS: `${y}:2026a` }, new Pepper.PepperTooShort({ actualBytes: 5, position: 1 })],
        [{ API_KEY_PEPPERS: `${y}:${z},${y}:${builtIn[1]!.replace(",", "")}` }, invalid("DuplicateId", 2)],
        [{ API_KEY_PEPPERS: `a:${y},b:short` }, new Pepper.PepperTooShort({ actualBytes: 5, position: 2 })],
        [{ API_KEY_PEPPERS: `a:${y},a:${z}` }, invalid("DuplicateId", 2)],
        [{ API_KEY_PEPPERS: `a:${y},b:${y}` }, invalid("DuplicateValue", 2)],
        [{ API_KEY_PEPPERS: `a:${y},built-in`, API_KEY_PEPPER: x }, invalid("DuplicateId", 3)],
        [{ API_KEY_PEPPERS: `a:${y}`, API_KEY_PEPPER: "short" }, new Pepper.PepperTooShort({ actualBytes: 5, position: 2 })],
        [{ API_KEY_PEPPERS: `a:${y}`, API_KEY_PEPPERS_FILE: file(`a:${z}`) }, invalid("TwoSources")],
        [{ API_KEY_PEPPERS_FILE: file("# nothing\n\n") }, invalid("Empty")],
        [{ API_KEY_PEPPERS_FILE: file("# nothing"), API_KEY_PEPPER: x }, invalid("Empty")],
        [{ API_KEY_PEPPERS_FILE: file(`# a comment\na:${y}\n\n${z}`) }, invalid("Malformed", 2)],
        [{ API_KEY_PEPPERS_FILE: `a:${y}` }, new Pepper.PeppersUnavailable({ reason: "the file in API_KEY_PEPPERS_FILE (ENOENT)" })],
        [{ API_KEY_PEPPERS_FILE: directory }, new Pepper.PeppersUnavailable({ reason: "the file in API_KEY_PEPPERS_FILE (EISDIR)" })],
      ] as const) {
        const error = yield* Pepper.loadConfig.pipe(inEnv(env), Effect.flip)
        assert.deepStrictEqual(error, expected, JSON.stringify(env))
        const text = shown(error, Cause.fail(error), error.message)
        for (const value of [x, y, z]) assert.notInclude(text, value)
      }
    }),
  )

  it.effect("every hasher's layerConfig reads all of it", () =>
    Effect.gen(function* () {
      const env = { API_KEY_PEPPERS: `b:${y},a:${z}`, API_KEY_PEPPER: x }
      for (const [configured, peppered] of [
        [Argon2.layerConfig({ parameters: cheap }), hashers.Argon2],
        [Argon2Node.layerConfig({ parameters: cheap }), hashers.Argon2Node],
        [Bcrypt.layerConfig({ cost: 4 }), hashers.Bcrypt],
        [Hmac.layerConfig, hashers.Hmac],
      ] as const) {
        assert.deepStrictEqual(yield* use(configured, (hasher) => missingOf(hasher, "", "a", "b", "c")).pipe(inEnv(env)), ["c"])
        const made = yield* hash(configured).pipe(inEnv(env))
        assert.match(Redacted.value(made), /^\$pepper=b\$/)
        for (const pepper of [
          { id: "a", value: Redacted.make(z) },
          { id: "", value: Redacted.make(x) },
        ]) {
          const old = yield* hash(peppered.pipe(Layer.provide(Pepper.layerRing({ current: pepper, older: [] }))))
          assert.isTrue(yield* verify(configured, old).pipe(inEnv(env)))
        }
        yield* fails(hash(configured).pipe(inEnv({ API_KEY_PEPPERS: y })), new Pepper.InvalidPeppers({ reason: "Malformed", position: 1 }))
      }
    }),
  )

  it.effect("a file can be loaded again", () => {
    const path = join(directory, "reloaded")
    writeFileSync(path, `a:${y}`)
    const layer = Hmac.layerPeppers.pipe(Layer.provideMerge(Pepper.layerReloading({ load: Pepper.loadConfig, every: "1 minute" })))
    return Effect.gen(function* () {
      const hasher = yield* ApiKeyHasher
      const made = yield* hasher.hash(secret)
      writeFileSync(path, `b:${z}\na:${y}`)
      yield* Pepper.reload
      assert.isTrue(yield* hasher.verify(secret, made))
      assert.isFalse(yield* isNow(hasher, made))
      rmSync(path)
      yield* Pepper.reload
      assert.deepStrictEqual(yield* missingOf(hasher, "a", "b", "c"), ["c"])
    }).pipe(Effect.provide(layer), inEnv({ API_KEY_PEPPERS_FILE: path }))
  })

  it.effect("warns of the built-in pepper while it is the current one, and not of an older one", () => {
    const [lines, logger] = collectLogs()
    return Effect.gen(function* () {
      yield* hash(Hmac.layerConfig).pipe(inEnv({ API_KEY_PEPPERS: `a:${y},built-in` }))
      assert.deepStrictEqual(lines, [])
      for (const env of [{}, { API_KEY_PEPPERS: `built-in,a:${y}` }]) {
        lines.length = 0
        yield* use(Hmac.layerConfig, (hasher) => Effect.andThen(hasher.hash(secret), hasher.hash(secret))).pipe(inEnv(env))
        assert.lengthOf(lines, 1)
        assert.match(lines[0]!, /^Warn .*Set API_KEY_PEPPER .*openssl rand -base64 32/)
      }
      lines.length = 0
      yield* Effect.provide(
        Effect.void,
        Pepper.layerReloading({ load: Effect.succeed({ current: Pepper.builtIn, older: [] }), every: "1 minute" }),
      )
      assert.lengthOf(lines, 1)
    }).pipe(Effect.provide(logger))
  })
})

describe("several", () => {
  const argon2 = Layer.provide(hashers.Argon2, Pepper.layerRing(ringOf("b", "a")))
  const bcrypt = Layer.provide(hashers.Bcrypt, Pepper.layerRing(ringOf("a", "")))
  const hmac = Layer.provide(hashers.Hmac, Pepper.layerRing(ringOf("a")))

  it.effect("the first writes, and all check what is theirs", () =>
    Effect.gen(function* () {
      const layers = [argon2, bcrypt, hmac] as const
      const made = yield* Effect.forEach(layers, hash)
      for (const [index, first] of layers.entries()) {
        const layer = layerSeveral(first, ...layers.toSpliced(index, 1))
        const own = yield* hash(layer)
        assert.strictEqual(scheme(Redacted.value(own)), scheme(Redacted.value(made[index]!)))
        for (const [other, text] of made.entries()) {
          assert.isTrue(yield* verify(layer, text))
          assert.isFalse(yield* verify(layer, text, wrong))
          assert.strictEqual(yield* isCurrent(layer, text), other === index)
        }
        yield* fails(verify(layer, yield* hash(layerEphemeral)), unsupported)
        yield* fails(verify(layer, Redacted.make("x")), unsupported)
        // Each is asked for its own hashes: they needn't have the same peppers.
        const missingIds = yield* Effect.forEach(made, (text) =>
          use(layer, ({ missingPepper }) =>
            Effect.forEach(["a", "b", ""], (id) => missingPepper!(label(id, splitLabel(scheme(Redacted.value(text))).inner))),
          ),
        )
        assert.deepStrictEqual(missingIds, [
          [undefined, undefined, ""],
          [undefined, "b", undefined],
          [undefined, "b", ""],
        ])
        for (const name of ["$hmac-sha256-ephemeral", "", "$x"]) {
          yield* fails(
            use(layer, ({ missingPepper }) => missingPepper!(name)),
            unsupported,
          )
        }
      }
    }),
  )

  it.effect("a broken hash, or one whose pepper is missing, isn't passed on", () =>
    Effect.gen(function* () {
      const layer = layerSeveral(bcrypt, argon2, hmac)
      yield* fails(verify(layer, yield* hash(Layer.provide(hashers.Argon2, Pepper.layerRing(ringOf("gone"))))), missing("gone"))
      for (const text of ["$2b$04$x", "$argon2id$x", "$pepper=a$hmac-sha256$v=1$x"]) {
        yield* fails(verify(layer, Redacted.make(text)), new HasherError({ reason: "MalformedHash" }))
      }
    }),
  )

  it.effect("one is several too, and members that say nothing count for nothing", () =>
    Effect.gen(function* () {
      const plain = Layer.succeed(ApiKeyHasher, { hash: Effect.succeed, verify: () => Effect.fail(unsupported) })
      const made = scheme(Redacted.value(yield* hash(argon2)))
      const others = [label("gone", splitLabel(made).inner), "$hmac-sha256$v=1"]
      for (const layer of [layerSeveral(argon2), layerSeveral(argon2, plain), layerSeveral(plain, argon2)]) {
        const ask = (name: string) => use(layer, ({ missingPepper }) => missingPepper!(name))
        assert.deepStrictEqual(yield* Effect.forEach([made, others[0]!], ask), [undefined, "gone"])
        yield* fails(ask(others[1]!), unsupported)
      }
      assert.isUndefined(yield* use(layerSeveral(plain, layerEphemeral), ({ missingPepper }) => Effect.succeed(missingPepper)))
      assert.isUndefined(yield* use(layerSeveral(plain, argon2), ({ currentScheme }) => Effect.succeed(currentScheme)))
      assert.isTrue(yield* verify(layerSeveral(plain, argon2), yield* hash(argon2)))
    }),
  )

  it.effect("keeps as many threads busy as the one that needs most", () =>
    Effect.gen(function* () {
      const wide = Argon2.layer({ pepper: valueOf(""), parameters: { memory: 64, passes: 1, parallelism: 3 } })
      const threads = <E>(layer: Layer.Layer<ApiKeyHasher, E>) => use(layer, (hasher) => Effect.succeed(hasher.threads))
      assert.strictEqual(yield* threads(layerSeveral(hmac, wide, bcrypt)), 3)
      assert.strictEqual(yield* threads(layerSeveral(hmac)), 0)
    }),
  )

  it.effect("keeps the layers' own errors and needs, and shares what they share", () => {
    let builds = 0
    const peppers = Layer.effect(
      Pepper.Peppers,
      Effect.sync(() => (builds++, { ring: Effect.succeed(ringOf("a")) })),
    )
    const layer = layerSeveral(hashers.Argon2Node, hashers.Hmac, layerEphemeral)
    expectTypeOf(layer).toEqualTypeOf<Layer.Layer<ApiKeyHasher, Pepper.PepperError | Argon2Node.Argon2Unavailable, Pepper.Peppers>>()
    expectTypeOf(layerSeveral(layerEphemeral)).toEqualTypeOf<Layer.Layer<ApiKeyHasher>>()
    return Effect.gen(function* () {
      const hasher = yield* ApiKeyHasher
      assert.isTrue(yield* hasher.verify(secret, yield* hasher.hash(secret)))
      assert.strictEqual(builds, 1)
      const failing = Layer.effect(ApiKeyHasher, Effect.fail("no such hasher"))
      yield* fails(hash(layerSeveral(hmac, failing)), "no such hasher")
    }).pipe(Effect.provide(layer.pipe(Layer.provide(peppers))))
  })

  it.effect("of services does the same", () =>
    Effect.gen(function* () {
      const [a, b] = [yield* use(argon2, Effect.succeed), yield* use(hmac, Effect.succeed)]
      assert.isTrue(yield* several(a, b).verify(secret, yield* b.hash(secret)))
      assert.isFalse(yield* isNow(several(a, b), yield* b.hash(secret)))
      assert.isTrue(yield* isNow(several(a, b), yield* several(a, b).hash(secret)))
    }),
  )
})
