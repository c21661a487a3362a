import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, assert, describe, it } from "@effect/vitest"
import { Cause, ConfigProvider, Deferred, Effect, Fiber, Layer, Logger, Redacted } from "effect"
import { TestClock } from "effect/testing"
import { ApiKeyHasher } from "../../../src/ApiKeyHasher.ts"
import * as Argon2 from "../../../src/hasher/Argon2.ts"
import * as Argon2Node from "../../../src/hasher/Argon2Node.ts"
import * as Bcrypt from "../../../src/hasher/Bcrypt.ts"
import * as Hmac from "../../../src/hasher/Hmac.ts"
import * as Pepper from "../../../src/hasher/Pepper.ts"
import { secret, cheap, valueOf, ringOf, hashers, use, hash, verify, isNow, missingOf, missing, fails, shown } from "./support.ts"

const collectLogs = () => {
  const lines: Array<string> = []
  return [lines, Logger.layer([Logger.make(({ logLevel, message }) => void lines.push(`${logLevel} ${String(message)}`))])] as const
}

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

  it.effect("gives the same object as long as the ring says the same", () => {
    let ring = ringOf("a", "b")
    return Effect.gen(function* () {
      const { ring: latest } = yield* Pepper.Peppers
      const first = yield* latest
      const { sealingKeys = Effect.die("none") } = yield* ApiKeyHasher
      const keys = yield* sealingKeys
      ring = ringOf("a", "b")
      yield* Pepper.reload
      assert.strictEqual(yield* latest, first)
      assert.strictEqual(yield* sealingKeys, keys)
      for (const other of [
        ringOf("a"),
        ringOf("a", "b", "c"),
        ringOf("b", "a"),
        { ...ringOf("a"), older: [{ id: "b", value: valueOf("c") }] },
      ]) {
        ring = other
        yield* Pepper.reload
        assert.strictEqual(yield* latest, other)
      }
    }).pipe(Effect.provide(reloading(Effect.sync(() => ring))))
  })

  it.effect("a ring that stays as it is has nothing to reload", () => Pepper.reload.pipe(Effect.provide(Pepper.layerRing(ringOf("a")))))
})

describe("configuration", () => {
  const directory = mkdtempSync(join(tmpdir(), "effect-api-key-"))
  afterAll(() => rmSync(directory, { recursive: true }))
  let files = 0
  const file = (text: string | Uint8Array) => {
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
        [
          { API_KEY_PEPPERS_FILE: file(Buffer.concat([Buffer.from(`a:${y}`), Buffer.from([0xe9])])) },
          new Pepper.PeppersUnavailable({ reason: "the file in API_KEY_PEPPERS_FILE (not UTF-8)" }),
        ],
      ] as const) {
        const error = yield* Pepper.loadConfig.pipe(inEnv(env), Effect.flip)
        assert.deepStrictEqual(error, expected, JSON.stringify(env))
        for (const name of Object.keys(env)) assert.include(error.message, name)
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
