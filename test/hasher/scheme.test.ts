import { assert, describe, it } from "@effect/vitest"
import { Effect, Redacted, Schema } from "effect"
import { ApiKeyHasher, label, layerEphemeral, parseScheme, scheme, splitLabel } from "../../src/ApiKeyHasher.ts"

const bcryptTail = "abcdefghijklmnopqrstuuABCDEFGHIJKLMNOPQRSTUVWXYZ01234"
const cases = [
  ["$argon2id$v=19$m=19456,t=2,p=1$c2FsdA$dGFn", "$argon2id$v=19$m=19456,t=2,p=1", "argon2id", "v=19,m=19456,t=2,p=1", ""],
  ["$argon2i$m=8,t=1,p=1$c2FsdA$dGFn", "$argon2i$m=8,t=1,p=1", "argon2i", "m=8,t=1,p=1", ""],
  [`$2b$12$${bcryptTail}`, "$2b$12", "bcrypt", "2b,cost=12", ""],
  [`$2y$05$${bcryptTail}`, "$2y$05", "bcrypt", "2y,cost=05", ""],
  ["$hmac-sha256$v=1$dGFn", "$hmac-sha256$v=1", "hmac-sha256", "v=1", ""],
  ["$hmac-sha512$dGFn", "$hmac-sha512", "hmac-sha512", "", ""],
  ["$scrypt$ln=4,r=8,p=1$c2FsdA$dGFn", "$scrypt$ln=4,r=8,p=1", "scrypt", "ln=4,r=8,p=1", ""],
  ["$scrypt$c2FsdA==$dGFn==", "$scrypt", "scrypt", "", ""],
  ["$argon2id$tag", "$argon2id", "argon2id", "", ""],
  ["$hmac-sha256-ephemeral$dGFn", "$hmac-sha256-ephemeral", "hmac-sha256-ephemeral", "", null],
  ["$legacy-sha256$dGFn", "$legacy-sha256", "legacy-sha256", "", null],
  [
    "$legacy-fastapi$argon2id$v=19$m=8,t=1,p=1$c2FsdA$dGFn",
    "$legacy-fastapi$argon2id$v=19$m=8,t=1,p=1",
    "legacy-fastapi",
    "argon2id,v=19,m=8,t=1,p=1",
    null,
  ],
  ["$legacy-django$pbkdf2_sha256$600000$salt$dGFn", "$legacy-django$pbkdf2_sha256$600000", "legacy-django", "pbkdf2_sha256,600000", null],
] as const

describe("a scheme", () => {
  it("is the hash string without salt and tag, and has parts", () => {
    for (const [hash, expected, algorithm, parameters, pepper] of cases) {
      assert.strictEqual(scheme(hash), expected)
      assert.deepStrictEqual(parseScheme(expected), { algorithm, parameters, pepper })
      assert.strictEqual(scheme(`$pepper=2026a${hash}`), `$pepper=2026a${expected}`)
      assert.deepStrictEqual(parseScheme(`$pepper=2026a${expected}`), { algorithm, parameters, pepper: "2026a" })
    }
  })

  it("of a string that has no algorithm before its last segment is empty", () => {
    for (const hash of ["", "tag", "tag$x", "$tag", "$argon2id", "$$", "$$x"]) assert.strictEqual(scheme(hash), "", hash)
    assert.deepStrictEqual(parseScheme(""), { algorithm: "", parameters: "", pepper: "" })
  })

  it.effect("of the ephemeral hasher is its name", () =>
    Effect.gen(function* () {
      const hash = yield* ApiKeyHasher.use((hasher) => hasher.hash(Redacted.make("secret")))
      assert.strictEqual(scheme(Redacted.value(hash)), "$hmac-sha256-ephemeral")
    }).pipe(Effect.provide(layerEphemeral)),
  )

  const Segment = Schema.String.check(Schema.isPattern(/^[^$]*$/))
  it.effect.prop("never has the last segment, whatever the string", { start: Schema.String, tag: Segment }, ({ start, tag }) =>
    Effect.sync(() => {
      const text = `${start}$${tag}`
      assert.isTrue(start.startsWith(scheme(text)) || splitLabel(text).inner === "", text)
      parseScheme(text)
    }),
  )

  it.effect.prop(
    "a label comes off as it was put on",
    { id: Schema.String.check(Schema.isPattern(/^[A-Za-z0-9_-]{1,32}$/)), rest: Schema.String },
    ({ id, rest }) => Effect.sync(() => assert.deepStrictEqual(splitLabel(label(id, `$${rest}`)), { pepper: id, inner: `$${rest}` })),
  )

  it("a broken label is none", () => {
    for (const hash of ["$pepper=$a$b", "$pepper=a b$c", `$pepper=${"a".repeat(33)}$b`, "$pepper=é$a", "pepper=a$b", " $pepper=a$b"]) {
      assert.deepStrictEqual(splitLabel(hash), { pepper: "", inner: hash })
    }
    assert.strictEqual(label("", "$a$b"), "$a$b")
  })

  it("is found at once in a string of any length", () => {
    const long = "a".repeat(5_000_000)
    assert.strictEqual(splitLabel(`$pepper=${long}`).pepper, "")
    assert.strictEqual(scheme(`$hmac-sha256$v=1$${long}`), "$hmac-sha256$v=1")
  })
})
