import { execFile } from "node:child_process"
import crypto from "node:crypto"
import { syncBuiltinESMExports } from "node:module"
import { inspect } from "node:util"
import { assert, describe, it } from "@effect/vitest"
import { Cause, Config, ConfigProvider, Deferred, Effect, Exit, Fiber, Layer, Logger, Redacted, Schema } from "effect"
import { HasherError } from "../../src/ApiKeyError.ts"
import { ApiKeyHasher, layerEphemeral } from "../../src/ApiKeyHasher.ts"
import * as Argon2 from "../../src/hasher/Argon2.ts"
import * as Argon2Node from "../../src/hasher/Argon2Node.ts"
import * as Bcrypt from "../../src/hasher/Bcrypt.ts"
import * as Hmac from "../../src/hasher/Hmac.ts"
import vectors from "./fixtures/vectors.json" with { type: "json" }

type Hasher = ApiKeyHasher["Service"]
const pepper = Redacted.make("pepper-pepper-pepper-pepper")
const otherPepper = Redacted.make("another-pepper-another-pepper")
const secret = Redacted.make("s".repeat(64))
const cheap = { memory: 64, passes: 1, parallelism: 1 }

const hashers = {
  Argon2: (options: { pepper?: Redacted.Redacted }) => Argon2.layer({ ...options, parameters: cheap }),
  Argon2Node: (options: { pepper?: Redacted.Redacted }) => Argon2Node.layer({ ...options, parameters: cheap }),
  Hmac: (options: { pepper?: Redacted.Redacted }) => Hmac.layer(options),
  Bcrypt: (options: { pepper?: Redacted.Redacted }) => Bcrypt.layer({ ...options, cost: 4 }),
}

const use = <A, E, E2>(layer: Layer.Layer<ApiKeyHasher, E2>, f: (hasher: Hasher) => Effect.Effect<A, E>) =>
  ApiKeyHasher.use(f).pipe(Effect.provide(layer, { local: true }))
const hash = <E>(layer: Layer.Layer<ApiKeyHasher, E>) => use(layer, (hasher) => hasher.hash(secret))
const verify = <E>(layer: Layer.Layer<ApiKeyHasher, E>, text: string, candidate = secret) =>
  use(layer, (hasher) => hasher.verify(candidate, Redacted.make(text)))
const reason = <E>(layer: Layer.Layer<ApiKeyHasher, E>, text: string) =>
  Effect.map(Effect.flip(verify(layer, text)), (error) => (error instanceof HasherError ? error.reason : error))

for (const [name, make] of Object.entries(hashers)) {
  const layer = make({ pepper })
  describe(name, () => {
    it.effect("checks what it wrote, and nothing else", () =>
      Effect.gen(function* () {
        const text = Redacted.value(yield* hash(layer))
        assert.isTrue(yield* verify(layer, text))
        assert.isFalse(yield* verify(layer, text, Redacted.make("s".repeat(63) + "t")))
        assert.isFalse(yield* verify(layer, text, Redacted.make("")))
        assert.isFalse(yield* verify(make({ pepper: otherPepper }), text))
        assert.isFalse(yield* verify(make({ pepper }), text, Redacted.make(`${"s".repeat(64)}\0`)))
      }),
    )

    it.effect("doesn't cut a long secret, or one with NUL", () =>
      Effect.gen(function* () {
        const text = yield* use(layer, (hasher) => hasher.hash(Redacted.make(`${"x".repeat(100)}\0a`)))
        assert.isFalse(yield* verify(layer, Redacted.value(text), Redacted.make(`${"x".repeat(100)}\0b`)))
        assert.isTrue(yield* verify(layer, Redacted.value(text), Redacted.make(`${"x".repeat(100)}\0a`)))
      }),
    )

    it.effect("calls a foreign or broken hash an error, not a wrong secret", () =>
      Effect.gen(function* () {
        const own = Redacted.value(yield* hash(layer))
        for (const [other, makeOther] of Object.entries(hashers)) {
          if (other.slice(0, 6) === name.slice(0, 6)) continue
          assert.strictEqual(yield* reason(layer, Redacted.value(yield* hash(makeOther({ pepper })))), "UnsupportedHash", other)
        }
        assert.strictEqual(yield* reason(layer, Redacted.value(yield* hash(layerEphemeral))), "UnsupportedHash")
        for (const broken of ["", "x", "$", "$argon2d$v=19$m=64,t=1,p=1$AAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAA", "\0", "🔑".repeat(200)]) {
          assert.strictEqual(yield* reason(layer, broken), "UnsupportedHash", broken)
        }
        for (let length = own.indexOf("$", 1) + 1; length < own.length; length++) {
          // Argon2 may cut at a place that leaves a shorter, valid tag: then it is a wrong secret, but never a right one.
          const exit = yield* Effect.exit(verify(layer, own.slice(0, length)))
          assert.isTrue(Exit.isFailure(exit) || (name.startsWith("Argon2") && exit.value === false), own.slice(0, length))
        }
        for (const tail of ["=", " ", "\n", "$", "A", "\0"]) {
          const exit = yield* Effect.exit(verify(layer, own + tail))
          assert.isTrue(Exit.isFailure(exit) || exit.value === false, `tail ${JSON.stringify(tail)}`)
        }
      }),
    )

    it.effect.prop(
      "takes no arbitrary string for a hash",
      { text: Schema.String },
      ({ text }) =>
        Effect.gen(function* () {
          const error = yield* Effect.flip(verify(layer, text))
          assert.instanceOf(error, HasherError)
          const started = yield* Effect.flip(verify(layer, Redacted.value(yield* hash(layer)).slice(0, 10) + text))
          assert.instanceOf(started, HasherError)
        }),
      { arbitrary: { runs: 30 } },
    )

    it.effect("refuses a short pepper, and counts its bytes", () =>
      Effect.gen(function* () {
        const error = yield* Effect.flip(hash(make({ pepper: Redacted.make("é".repeat(7)) })))
        assert.deepInclude(error, { _tag: "PepperTooShort", actualBytes: 14 })
        yield* hash(make({ pepper: Redacted.make("é".repeat(8)) }))
      }),
    )

    it.effect("warns once when there is no pepper, and works", () => {
      const lines: Array<string> = []
      const logger = Logger.layer([Logger.make(({ logLevel, message }) => void lines.push(`${logLevel} ${String(message)}`))])
      return Effect.gen(function* () {
        yield* use(make({}), (hasher) =>
          Effect.gen(function* () {
            const text = yield* hasher.hash(secret)
            assert.isTrue(yield* hasher.verify(secret, text))
          }),
        )
        assert.lengthOf(lines, 1)
        assert.match(lines[0]!, /^Warn .*Set API_KEY_PEPPER .*openssl rand -base64 32/)
        assert.notInclude(lines[0], "protects nothing")
      }).pipe(Effect.provide(logger))
    })

    it.effect("shows no hash and no pepper", () =>
      Effect.gen(function* () {
        const own = yield* hash(layer)
        const error = yield* Effect.flip(verify(layer, `${Redacted.value(own).slice(0, -1)}!`))
        const shown = [own, error, Cause.fail(error), layer].flatMap((value) => [
          inspect(value, { depth: 9, showHidden: true }),
          String(value),
          JSON.stringify(value),
        ])
        for (const text of shown) {
          // Without the last character, in which the broken hash differs.
          assert.isFalse(text?.includes(Redacted.value(own).slice(-20, -1)) ?? false)
          assert.isFalse(text?.includes(Redacted.value(pepper)) ?? false)
        }
      }),
    )
  })
}

describe("parameters", () => {
  it.effect("a hash that asks for too much is refused before any work", () =>
    Effect.gen(function* () {
      const tail = "$c29tZXNhbHRzb21lc2FsdA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
      for (const layer of [Argon2.layer({ pepper }), Argon2Node.layer({ pepper })]) {
        for (const parameters of [
          "m=4294967295,t=1,p=1",
          "m=262145,t=1,p=1",
          "m=64,t=17,p=1",
          "m=262144,t=1,p=17",
          "m=9999999999,t=9999999999,p=1",
        ]) {
          assert.strictEqual(yield* reason(layer, `$argon2id$v=19$${parameters}${tail}`), "ParametersOutOfBounds", parameters)
        }
        for (const parameters of ["m=0,t=1,p=1", "m=7,t=1,p=1", "t=1,m=64,p=1", "m=064,t=1,p=1", "m=64,t=1", "m=99999999999,t=1,p=1"]) {
          assert.strictEqual(yield* reason(layer, `$argon2id$v=19$${parameters}${tail}`), "MalformedHash", parameters)
        }
        assert.strictEqual(yield* reason(layer, `$argon2id$v=16$m=64,t=1,p=1${tail}`), "MalformedHash")
        assert.strictEqual(yield* reason(layer, "$argon2id$v=19$m=64,t=1,p=1$c29tZXNhbHRzb21lc2FsdA$AAAAAA"), "MalformedHash")
      }
      const salted = "N9qo8uLOickgx2ZMRZoMyeIjZAgcfl7p92ldGxad68LJZdL17lhWy"
      assert.strictEqual(yield* reason(Bcrypt.layer({ pepper }), `$2b$31$${salted}`), "ParametersOutOfBounds")
      assert.strictEqual(yield* reason(Bcrypt.layer({ pepper }), `$2b$03$${salted}`), "MalformedHash")
    }),
  )

  it.live("refusing too much takes neither time nor memory", () =>
    Effect.gen(function* () {
      const greedy = Redacted.make("$argon2id$v=19$m=4294967295,t=1,p=1$c29tZXNhbHRzb21lc2FsdA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA")
      for (const layer of [Argon2.layer({ pepper }), Argon2Node.layer({ pepper })]) {
        yield* use(layer, (hasher) =>
          Effect.gen(function* () {
            const [started, before] = [performance.now(), process.memoryUsage.rss()]
            for (let i = 0; i < 100; i++) {
              assert.deepInclude(yield* Effect.flip(hasher.verify(secret, greedy)), { reason: "ParametersOutOfBounds" })
            }
            // One such computation would fill 4 TiB.
            assert.isBelow(performance.now() - started, 5_000)
            assert.isBelow(process.memoryUsage.rss() - before, 2 ** 28)
          }),
        )
      }
    }),
  )

  it.effect("a salt, tag or string that is too long is out of bounds", () =>
    Effect.gen(function* () {
      const start = "$argon2id$v=19$m=64,t=1,p=1$"
      const encoded = (bytes: number) => Buffer.alloc(bytes, 1).toString("base64").replace(/=+$/, "")
      for (const layer of [Argon2.layer({ pepper }), Argon2Node.layer({ pepper })]) {
        assert.isFalse(yield* verify(layer, `${start}${encoded(64)}$${encoded(64)}`))
        assert.strictEqual(yield* reason(layer, `${start}${encoded(65)}$${encoded(32)}`), "ParametersOutOfBounds")
        assert.strictEqual(yield* reason(layer, `${start}${encoded(16)}$${encoded(65)}`), "ParametersOutOfBounds")
        assert.strictEqual(yield* reason(layer, `${start}${encoded(16)}$${encoded(400)}`), "ParametersOutOfBounds")
        assert.strictEqual(yield* reason(layer, `${start}${"A".repeat(1_000_000)}`), "ParametersOutOfBounds")
      }
    }),
  )

  it.effect("the bounds are configurable, and never shut out the hasher's own hashes", () =>
    Effect.gen(function* () {
      const lowest = { memory: 8, passes: 1, parallelism: 1 }
      for (const { layer } of [Argon2, Argon2Node]) {
        const foreign = Redacted.value(yield* hash(layer({ pepper, parameters: { memory: 128, passes: 1, parallelism: 1 } })))
        assert.strictEqual(yield* reason(layer({ pepper, parameters: cheap, bounds: lowest }), foreign), "ParametersOutOfBounds")
        const own = layer({ pepper, parameters: { memory: 64, passes: 17, parallelism: 1 }, bounds: lowest })
        assert.isTrue(yield* verify(own, Redacted.value(yield* hash(own))))
      }
      const bcrypt = Bcrypt.layer({ pepper, cost: 5, maximumCost: 4 })
      assert.isTrue(yield* verify(bcrypt, Redacted.value(yield* hash(bcrypt))))
      const costly = Redacted.value(yield* hash(Bcrypt.layer({ pepper, cost: 6 })))
      assert.strictEqual(yield* reason(bcrypt, costly), "ParametersOutOfBounds")
    }),
  )

  it.effect("bits of a bcrypt hash that must be zero are checked", () =>
    Effect.gen(function* () {
      const own = Redacted.value(yield* hash(hashers.Bcrypt({ pepper })))
      const alphabet = "./ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
      for (const index of [28, 59]) {
        const next = alphabet[alphabet.indexOf(own[index]!) + 1]!
        const broken = own.slice(0, index) + next + own.slice(index + 1)
        assert.strictEqual(yield* reason(hashers.Bcrypt({ pepper }), broken), "MalformedHash", `character ${index}`)
      }
    }),
  )

  it.effect("what the native code refuses is a failure with its cause", () =>
    Effect.gen(function* () {
      const impossible = { memory: 1, passes: 1, parallelism: 1 }
      for (const layer of [
        Argon2.layer({ pepper, parameters: impossible }),
        Argon2Node.layer({ pepper, parameters: impossible }),
        Bcrypt.layer({ pepper, cost: 99 }),
      ]) {
        const error = yield* Effect.flip(hash(layer))
        assert.instanceOf(error, HasherError)
        assert.strictEqual(error.reason, "Failed")
        assert.instanceOf(error.cause, Error)
      }
    }),
  )

  it.effect("without argon2 in node:crypto the layer says so", () =>
    Effect.acquireUseRelease(
      Effect.sync(() => {
        const { argon2 } = crypto
        Reflect.deleteProperty(crypto, "argon2")
        syncBuiltinESMExports()
        return argon2
      }),
      () =>
        Effect.gen(function* () {
          const error = yield* Effect.flip(hash(Argon2Node.layer({ pepper })))
          assert.instanceOf(error, Argon2Node.Argon2Unavailable)
          assert.match(error.message, /Node 24\.7/)
        }),
      (argon2) =>
        Effect.sync(() => {
          crypto.argon2 = argon2
          syncBuiltinESMExports()
        }),
    ),
  )

  it.effect("the presets are OWASP's and the package's", () =>
    Effect.gen(function* () {
      assert.match(Redacted.value(yield* hash(Argon2.layer({ pepper }))), /^\$argon2id\$v=19\$m=19456,t=2,p=1\$/)
      assert.match(Redacted.value(yield* hash(Argon2Node.layer({ pepper, parameters: "package" }))), /^\$argon2id\$v=19\$m=65536,t=3,p=4\$/)
    }),
  )

  it.effect("the two Argon2 layers check each other's hashes", () =>
    Effect.gen(function* () {
      assert.isTrue(yield* verify(Argon2Node.layer({ pepper }), Redacted.value(yield* hash(Argon2.layer({ pepper })))))
      assert.isTrue(yield* verify(Argon2.layer({ pepper }), Redacted.value(yield* hash(Argon2Node.layer({ pepper })))))
    }),
  )

  it.effect("the pepper comes from API_KEY_PEPPER", () =>
    Effect.gen(function* () {
      const configured = (env: Record<string, string>) => Effect.provide(ConfigProvider.layer(ConfigProvider.fromUnknown(env)))
      const same = { API_KEY_PEPPER: Redacted.value(pepper) }
      for (const [layer, own] of [
        [Argon2.layerConfig(), hashers.Argon2],
        [Argon2Node.layerConfig(), hashers.Argon2Node],
        [Bcrypt.layerConfig({ cost: 4 }), hashers.Bcrypt],
        [Hmac.layerConfig, hashers.Hmac],
      ] as const) {
        const text = Redacted.value(yield* hash(layer).pipe(configured(same)))
        assert.isTrue(yield* verify(own({ pepper }), text))
        const error = yield* Effect.flip(hash(layer).pipe(configured({ API_KEY_PEPPER: "short" })))
        assert.deepInclude(error, { _tag: "PepperTooShort" })
        assert.isFalse(error instanceof Config.ConfigError)
      }
    }),
  )
})

describe("slow hashers", () => {
  for (const [name, layer] of [
    ["Argon2", Argon2.layer({ pepper, parameters: { memory: 65_536, passes: 8, parallelism: 1 } })],
    ["Argon2Node", Argon2Node.layer({ pepper, parameters: { memory: 65_536, passes: 8, parallelism: 1 } })],
    ["Bcrypt", Bcrypt.layer({ pepper, cost: 12 })],
  ] as const) {
    it.live(`${name} leaves the main thread free, and ends at once when interrupted`, () =>
      use(layer, (hasher) =>
        Effect.gen(function* () {
          let ticks = 0
          const ticking = yield* Effect.forkChild(
            Effect.forever(
              Effect.andThen(
                Effect.sync(() => ticks++),
                Effect.sleep(1),
              ),
            ),
          )
          yield* hasher.hash(secret)
          assert.isAbove(ticks, 3)
          yield* Fiber.interrupt(ticking)

          const order: Array<string> = []
          const done = yield* Deferred.make<void>()
          const uninterrupted = yield* Effect.forkChild(
            hasher.hash(secret).pipe(
              Effect.tap(() => Effect.sync(() => order.push("hashed"))),
              Effect.andThen(Deferred.succeed(done, undefined)),
            ),
          )
          const doomed = yield* Effect.forkChild(hasher.hash(secret))
          yield* Effect.yieldNow
          const exit = yield* Fiber.interrupt(doomed).pipe(Effect.andThen(Fiber.await(doomed)))
          order.push("interrupted")
          assert.isTrue(Exit.hasInterrupts(exit))
          yield* Deferred.await(done)
          yield* Fiber.join(uninterrupted)
          assert.deepStrictEqual(order, ["interrupted", "hashed"])
        }),
      ),
    )
  }
})

describe("Hmac", () => {
  // A block is 64 bytes, and a longer pepper is hashed first.
  const Text = Schema.String.check(Schema.isMaxLength(200))
  it.effect.prop("computes what Node's HMAC does", { text: Text, pepper: Text }, (given) =>
    Effect.gen(function* () {
      const pepper = given.pepper.padEnd(16, "p")
      const layer = Hmac.layer({ pepper: Redacted.make(pepper) })
      const hash = yield* use(layer, (hasher) => hasher.hash(Redacted.make(given.text)))
      const tag = crypto.createHmac("sha256", pepper).update(given.text, "utf8").digest("base64url")
      assert.strictEqual(Redacted.value(hash), `$hmac-sha256$v=1$${tag}`)
    }),
  )

  for (const length of [63, 64, 65]) {
    it.effect(`computes what Node's HMAC does under a pepper of ${length} bytes`, () =>
      Effect.gen(function* () {
        const pepper = "p".repeat(length)
        const text = yield* hash(Hmac.layer({ pepper: Redacted.make(pepper) }))
        const tag = crypto.createHmac("sha256", pepper).update(Redacted.value(secret)).digest("base64url")
        assert.strictEqual(Redacted.value(text), `$hmac-sha256$v=1$${tag}`)
      }),
    )
  }
})

describe("other implementations", () => {
  const vectorPepper = Redacted.make(vectors.pepper)
  const vectorSecret = Redacted.make(vectors.secret)
  const layers = {
    argon2id: [Argon2.layer({ pepper: vectorPepper }), Argon2Node.layer({ pepper: vectorPepper })],
    bcrypt: [Bcrypt.layer({ pepper: vectorPepper })],
    "hmac-sha256": [Hmac.layer({ pepper: vectorPepper })],
  }
  // JSON imports have wide types; make-vectors.py writes these three names.
  for (const { algorithm, hash: text } of vectors.hashes) {
    it.effect(`${text.slice(0, 31)} made elsewhere verifies here`, () =>
      Effect.gen(function* () {
        for (const layer of layers[algorithm as keyof typeof layers]) {
          assert.isTrue(yield* verify(layer, text, vectorSecret))
          assert.isFalse(yield* verify(layer, text, secret))
          // Python writes no 2y, which is PHP's name for 2b.
          if (text.startsWith("$2b$")) assert.isTrue(yield* verify(layer, text.replace("$2b$", "$2y$"), vectorSecret))
        }
      }),
    )
  }

  // The packages python3-argon2 and python3-bcrypt of Debian, where they are installed.
  const script = new URL("fixtures/check-ours.py", import.meta.url).pathname
  const python = (args: ReadonlyArray<string>, input: string) =>
    new Promise<string | undefined>((resolve) => {
      const child = execFile("/usr/bin/python3", [...args], (error, stdout) => resolve(error ? undefined : stdout.trim()))
      child.on("error", () => resolve(undefined))
      child.stdin?.on("error", () => undefined)
      child.stdin?.end(input)
    })
  const hasPython = python(["-c", "import argon2, bcrypt; print('ok')"], "").then((answer) => answer === "ok")

  it.live("ours verify in Python's bcrypt and argon2-cffi", (context) =>
    Effect.gen(function* () {
      if (!(yield* Effect.promise(() => hasPython))) return yield* Effect.promise(async () => context.skip())
      const hashes = yield* Effect.all([hashers.Argon2, hashers.Argon2Node, hashers.Bcrypt].map((make) => hash(make({ pepper }))))
      const answer = yield* Effect.promise(() =>
        python([script, Redacted.value(secret), Redacted.value(pepper)], hashes.map(Redacted.value).join("\n")),
      )
      assert.strictEqual(answer, "True\nTrue\nTrue")
    }),
  )
})
