import { assert, describe, it } from "@effect/vitest"
import { Effect, Redacted, Result } from "effect"
import * as Django from "../../src/legacy/Django.ts"
import * as FastapiApiKey from "../../src/legacy/FastapiApiKey.ts"
import type { LegacyTokens } from "../../src/LegacyTokens.ts"
import vectors from "./fixtures/fastapi.json" with { type: "json" }

const reason = (legacy: LegacyTokens, hash: string) =>
  Effect.map(Effect.flip(legacy.verify(Redacted.make("s"), Redacted.make(hash))), (error) => error.reason)
const of = (label: string) => vectors.filter((vector) => vector.label === label)
const verify = (vector: (typeof vectors)[number], options: Partial<FastapiApiKey.Options>, secret = vector.secret) => {
  const legacy = FastapiApiKey.make({ pepper: Redacted.make(vector.pepper), ...options })
  return legacy.verify(Redacted.make(secret), Result.getOrThrow(legacy.readRow(vector.row)).hash)
}

describe("FastapiApiKey", () => {
  it.effect("wants the pepper", () =>
    Effect.gen(function* () {
      for (const vector of vectors.filter(({ label, secret }) => label !== "bcrypt, 0.2.1" || Buffer.byteLength(secret) < 72)) {
        if (vector.label.includes("default")) continue
        assert.isFalse(yield* verify(vector, { pepper: Redacted.make(`X${vector.pepper}`) }), vector.label)
      }
    }),
  )

  it.effect("cuts what 0.2.1 gave to bcrypt at 72 bytes, in the middle of a character if need be", () =>
    Effect.gen(function* () {
      const [long] = of("bcrypt, 0.2.1").filter(({ secret }) => secret.length === 100)
      assert.isTrue(yield* verify(long!, {}, `${long!.secret.slice(0, 72)}another end`))
      assert.isFalse(yield* verify(long!, {}, `${long!.secret.slice(0, 71)}another end`))
      const [cut] = of("bcrypt, 0.2.1").filter(({ pepper }) => pepper.startsWith("a pepper of more"))
      assert.isTrue(yield* verify(cut!, { pepper: Redacted.make(cut!.pepper.slice(0, 8)) }))
      assert.isFalse(yield* verify(cut!, { pepper: Redacted.make(cut!.pepper.slice(0, 7)) }))
    }),
  )

  it.effect("tries what bcrypt may have been given", () =>
    Effect.gen(function* () {
      for (const [label, right, wrong] of [
        ["bcrypt, 0.2.1", "concatenated", "hmac"],
        ["bcrypt, 2.0.0", "hmac", "concatenated"],
        ["bcrypt, a digest with NUL", "hmac", "concatenated"],
      ] as const) {
        for (const vector of of(label)) {
          assert.isTrue(yield* verify(vector, { bcrypt: right }))
          assert.isTrue(yield* verify(vector, {}))
          assert.isFalse(yield* verify(vector, { bcrypt: wrong }))
        }
      }
    }),
  )

  it("splits tokens at the first two separators", () => {
    const parse = (options: Partial<FastapiApiKey.Options>, token: string) =>
      FastapiApiKey.make({ pepper: Redacted.make("p"), ...options })
        .parse(token)
        .map(({ keyId, secret }) => [keyId, Redacted.value(secret)])
    assert.deepStrictEqual<unknown>(parse({}, "ak-1-a-b"), [["1", "a-b"]])
    assert.deepStrictEqual<unknown>(parse({}, "ak_v1-1-a"), [["1", "a"]])
    // Both default prefixes start it.
    assert.deepStrictEqual<unknown>(parse({ separator: "_" }, "ak_v1_1_a"), [
      ["v1", "1_a"],
      ["1", "a"],
    ])
    assert.deepStrictEqual<unknown>(parse({ separator: "::", prefix: "k" }, "k::1::a:b"), [["1", "a:b"]])
    for (const token of ["ak-", "ak-1", "ak-1-", "ak--a", "AK-1-a", "xak-1-a", "ak-é-a", `ak-${"1".repeat(129)}-a`]) {
      assert.deepStrictEqual(parse({}, token), [], token)
    }
    const many = Array.from({ length: 9 }, (_, index) => `a${"-b".repeat(index)}`)
    assert.lengthOf(parse({ prefix: many }, `${many[8]}-c-d`), 4)
  })
})

describe("bounds", () => {
  it.effect("a hash that asks for too much is refused before any work", () =>
    Effect.gen(function* () {
      const forerunner = FastapiApiKey.make({ pepper: Redacted.make("p") })
      const argon2 = (parameters: string) => `$legacy-fastapi$argon2id$v=19$${parameters}$c29tZXNhbHRzb21lc2FsdA$${"A".repeat(43)}`
      for (const parameters of ["m=262145,t=1,p=1", "m=64,t=17,p=1", "m=262144,t=1,p=17", "m=9999999999,t=9999999999,p=1"]) {
        assert.strictEqual(yield* reason(forerunner, argon2(parameters)), "ParametersOutOfBounds", parameters)
      }
      const bcrypt = (cost: string) => `$legacy-fastapi$2b$${cost}$${"a".repeat(21)}u${"a".repeat(31)}`
      assert.strictEqual(yield* reason(forerunner, bcrypt("16")), "ParametersOutOfBounds")
      const pbkdf2 = (iterations: string) => `$legacy-django$pbkdf2_sha256$${iterations}$salt$${"A".repeat(43)}=`
      assert.strictEqual(yield* reason(Django.make(), pbkdf2("2000001")), "ParametersOutOfBounds")
      for (const [legacy, broken] of [
        [forerunner, argon2("m=064,t=1,p=1")],
        [forerunner, argon2("m=15,t=1,p=2")],
        [forerunner, bcrypt("03")],
        [forerunner, bcrypt("4")],
        [forerunner, `${bcrypt("04").slice(0, -1)}b`],
        [Django.make(), pbkdf2("0")],
        [Django.make(), pbkdf2("+1")],
        [Django.make(), "$legacy-django$pbkdf2_sha256$1$$AAAA"],
        [Django.make(), "$legacy-django$sha512$salt$"],
      ] as const) {
        assert.strictEqual(yield* reason(legacy, broken), "MalformedHash", broken)
      }
      for (const other of ["$legacy-django$argon2$argon2id$v=19", "$legacy-django$bcrypt_sha256$$2b$12$", "$legacy-django$scrypt$"]) {
        assert.strictEqual(yield* reason(Django.make(), other), "UnsupportedHash", other)
      }
    }),
  )
})
