import { inspect } from "node:util"
import { crc32 } from "node:zlib"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Redacted, Result, Schema } from "effect"
import { layerWebCrypto, make as makeRandom, SecureRandom } from "effect/crypto/SecureRandom"
import * as ApiKeyToken from "../src/ApiKeyToken.ts"
import { isTokenOf, keyIdReader } from "../src/internal/verifier/tokenReading.ts"

const prefixes = Schema.String.check(Schema.isPattern(/^[A-Za-z][A-Za-z0-9_]{0,31}$/))
const separators = Schema.Literals(["-", "_", ".", "~", ":"])
const alphabet = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
// All of ASCII, and characters whose low byte is that of an ASCII letter.
const everyCharacter = [...Array.from({ length: 128 }, (_, code) => String.fromCharCode(code)), "é", "\u0161", "\ud800"]
const generate = (format: ApiKeyToken.TokenFormat = ApiKeyToken.defaultFormat) => Effect.provide(format.generate, layerWebCrypto)
const textOf = (parts: ApiKeyToken.TokenParts, format = ApiKeyToken.defaultFormat) => Redacted.value(format.format(parts))

describe("ApiKeyToken", () => {
  it.effect.prop(
    "what is generated and formatted parses to the same",
    { prefix: prefixes, separator: separators },
    ({ prefix, separator }) =>
      Effect.gen(function* () {
        const format = yield* Effect.fromResult(ApiKeyToken.make({ prefix, separator }))
        const parts = yield* generate(format)
        const token = textOf(parts, format)
        assert.match(token, new RegExp(`^${prefix}[${separator}][0-9a-f]{16}[${separator}][0-9A-Za-z]{64}$`))
        const parsed = yield* Effect.fromResult(ApiKeyToken.parse(token, format))
        assert.deepStrictEqual(
          [parsed.prefix, parsed.keyId, Redacted.value(parsed.secret)],
          [prefix, parts.keyId, Redacted.value(parts.secret)],
        )
        assert.strictEqual(format.hint(parts.secret), token.slice(-10, -6))
        const found = token.match(yield* Effect.fromResult(ApiKeyToken.regex({ prefix, separator })))
        assert.deepStrictEqual(found, [token])
      }),
  )

  it.effect("takes prefixes that hold the separator, and no token of one for a token of another", () =>
    Effect.gen(function* () {
      const prefixes = ["sk", "sk_", "sk_live", "sk_test", "live", "sk_0000000000000000", "sk__"]
      const formats = prefixes.map((prefix) => Result.getOrThrow(ApiKeyToken.make({ prefix, separator: "_" })))
      for (const format of formats) {
        const token = textOf(yield* generate(format), format)
        assert.isTrue(token.startsWith(`${format.prefix}_`))
        for (const [index, other] of formats.entries()) {
          const isOwn = other === format
          assert.strictEqual(Result.isSuccess(ApiKeyToken.parse(token, other)), isOwn, `${token} by ${other.prefix}`)
          assert.strictEqual(keyIdReader(other)(token) !== undefined, isOwn, `${token} by ${other.prefix}`)
          const found = token.match(Result.getOrThrow(ApiKeyToken.regex({ prefix: prefixes[index] ?? "", separator: "_" })))
          assert.deepStrictEqual(found, isOwn ? [token] : null)
        }
      }
    }),
  )

  it.effect.prop("parses any string and any bytes without throwing", { text: Schema.String, bytes: Schema.Uint8Array }, ({ text, bytes }) =>
    Effect.sync(() => {
      for (const token of [
        text,
        `ak-${text}`,
        `ak-0000000000000000-${text}`,
        Buffer.from(bytes).toString("latin1"),
        Buffer.from(bytes).toString("utf8"),
      ]) {
        assert.isTrue(Result.isFailure(ApiKeyToken.parse(token)))
      }
    }),
  )

  it("refuses a key id that isn't one, although the checksum is right", () => {
    for (const character of everyCharacter.filter((each) => !/[0-9a-f]/.test(each))) {
      const body = `ak-000000000000000${character}-${"x".repeat(58)}`
      assert.isTrue(Result.isFailure(ApiKeyToken.parse(body + ApiKeyToken.checksum(body))), character)
    }
  })

  it("says of what it refuses why, and reads 512 characters at most", () => {
    const refusalOf = (token: string) => {
      const { reason, expected } = Result.getOrThrow(Result.flip(ApiKeyToken.parse(token)))
      return [reason, expected]
    }
    const signed = (body: string): string => body + ApiKeyToken.checksum(body)
    const secret = "x".repeat(58)
    const keyId = "0".repeat(16)
    assert.isTrue(Result.isSuccess(ApiKeyToken.parse(signed(`ak-${keyId}-${secret}`))))
    assert.deepStrictEqual(refusalOf("a".repeat(513)), ["length", undefined])
    assert.deepStrictEqual(refusalOf("a".repeat(512)), ["prefix", "ak-"])
    assert.deepStrictEqual(refusalOf(signed(`sk-${keyId}-${secret}`)), ["prefix", "ak-"])
    assert.deepStrictEqual(refusalOf(signed(`ak-${keyId}_${secret}`)), ["format", undefined])
    assert.deepStrictEqual(refusalOf(signed(`ak-${keyId}-${secret}x`)), ["format", undefined])
    assert.deepStrictEqual(refusalOf(signed(`ak-${keyId}-${"x".repeat(57)}-`)), ["format", undefined])
    assert.deepStrictEqual(refusalOf(`ak-${keyId}-${secret}000000`), ["checksum", undefined])
  })

  it("refuses a long string unread", () => {
    let read = 0
    const format: ApiKeyToken.TokenFormat = {
      ...ApiKeyToken.defaultFormat,
      parse: (token) => (read++, ApiKeyToken.defaultFormat.parse(token)),
    }
    const error = Result.getOrThrow(Result.flip(ApiKeyToken.parse("a".repeat(1_000_000), format)))
    assert.deepStrictEqual([error.reason, read], ["length", 0])
    ApiKeyToken.parse("a".repeat(512), format)
    assert.strictEqual(read, 1)
  })

  it.effect("refuses every change of a single character", () =>
    Effect.gen(function* () {
      const token = textOf(yield* generate())
      for (let index = 0; index < token.length; index++) {
        for (const character of everyCharacter) {
          if (token[index] === character) continue
          const changed = token.slice(0, index) + character + token.slice(index + 1)
          assert.isTrue(Result.isFailure(ApiKeyToken.parse(changed)), changed)
        }
        assert.isTrue(Result.isFailure(ApiKeyToken.parse(token.slice(0, index) + token.slice(index + 1))))
      }
      for (const changed of [`${token}0`, ` ${token}`, `${token} `, `${token}\n`, token.toUpperCase(), token.toLowerCase()]) {
        assert.isTrue(Result.isFailure(ApiKeyToken.parse(changed)), changed)
      }
    }),
  )

  it.effect.prop("the checksum is CRC-32 in base 62", { text: Schema.String.check(Schema.isPattern(/^[ -~]{0,99}$/)) }, ({ text }) =>
    Effect.sync(() => {
      const value = Array.from(ApiKeyToken.checksum(text)).reduce((sum, digit) => sum * 62 + alphabet.indexOf(digit), 0)
      assert.strictEqual(value, crc32(text))
      assert.lengthOf(ApiKeyToken.checksum(text), 6)
    }),
  )

  it("has the well-known check value", () => {
    // CRC-32 of "123456789" is CBF43926.
    assert.strictEqual(ApiKeyToken.checksum("123456789"), "3jZRME")
    assert.strictEqual(ApiKeyToken.checksum(""), "000000")
    // CRC-32 of "a" is E8B7BE43.
    assert.strictEqual(ApiKeyToken.checksum("a"), "4GEHKN")
  })

  it.effect("draws characters without bias: each letter has four bytes, and bytes from 248 on are dropped", () =>
    Effect.gen(function* () {
      // Eight bytes for the key id, then a byte asked about, then zeros.
      const firstLetter = (byte: number) => {
        let given = 0
        const stub = makeRandom((size) => Uint8Array.from({ length: size }, () => (given++ === 8 ? byte : 0)))
        return Effect.map(Effect.provideService(ApiKeyToken.defaultFormat.generate, SecureRandom, stub), ({ secret }) =>
          Redacted.value(secret).slice(0, 1),
        )
      }
      const counts: Record<string, number> = {}
      for (let byte = 0; byte < 248; byte++) {
        const letter = yield* firstLetter(byte)
        counts[letter] = (counts[letter] ?? 0) + 1
      }
      assert.deepStrictEqual(counts, Object.fromEntries(Array.from(alphabet, (letter) => [letter, 4])))

      let next = 240
      const counting = makeRandom((size) => Uint8Array.from({ length: size }, () => next++ % 256))
      const parts = yield* Effect.provideService(ApiKeyToken.defaultFormat.generate, SecureRandom, counting)
      assert.strictEqual(parts.keyId, "f0f1f2f3f4f5f6f7")
      // 248 to 255 follow, and are skipped.
      assert.strictEqual(Redacted.value(parts.secret).slice(0, 58), alphabet.slice(0, 58))
    }),
  )

  it.effect("asks for more bytes when too many were dropped", () =>
    Effect.gen(function* () {
      let asked = 0
      const stingy = makeRandom((size) => {
        asked++
        return Uint8Array.from({ length: size }, (_, index) => (index === 0 ? 1 : 255))
      })
      const { secret } = yield* Effect.provideService(ApiKeyToken.defaultFormat.generate, SecureRandom, stingy)
      assert.deepStrictEqual([asked, Redacted.value(secret).slice(0, 58)], [59, "1".repeat(58)])
    }),
  )

  it("refuses configuration that breaks the rules", () => {
    for (const config of [
      { prefix: "" },
      { prefix: "1a" },
      { prefix: "a-b" },
      { prefix: "a b" },
      { prefix: "é" },
      { prefix: "a".repeat(33) },
    ] as const) {
      const error = Result.getOrThrow(Result.flip(ApiKeyToken.make(config)))
      const rule = "The prefix must match [A-Za-z][A-Za-z0-9_]* and have at most 32 characters"
      assert.deepStrictEqual([error._tag, error.reason, error.message], ["InvalidTokenConfig", rule, rule], JSON.stringify(config))
      assert.isTrue(Result.isFailure(ApiKeyToken.regex(config)))
    }
    // Types allow none of these.
    for (const separator of ["+", "", "--", "x-", "-x"] as ReadonlyArray<string> as ReadonlyArray<"-">) {
      const error = Result.getOrThrow(Result.flip(ApiKeyToken.make({ separator })))
      assert.strictEqual(error.message, "The separator must be one of - _ . ~ :", separator)
    }
    assert.isTrue(Result.isSuccess(ApiKeyToken.make({ prefix: "a_b" })))
  })

  it.effect("reads another format, and takes what it throws or makes up for malformed", () =>
    Effect.gen(function* () {
      const legacy: ApiKeyToken.TokenFormat = {
        ...ApiKeyToken.defaultFormat,
        parse: (token) => {
          const [keyId = "", secret = ""] = token.split("/")
          if (secret === "throw") throw new Error(token)
          return Result.succeed({ prefix: "", keyId: keyId as ApiKeyToken.TokenParts["keyId"], secret: Redacted.make(secret) })
        },
      }
      const parsed = yield* Effect.fromResult(ApiKeyToken.parse("old/secret", legacy))
      assert.deepStrictEqual([parsed.keyId, Redacted.value(parsed.secret)], ["old", "secret"])
      for (const token of ["old/throw", "/secret", "a b/secret", `${"x".repeat(129)}/secret`, "é/secret"]) {
        const error = yield* Effect.flip(Effect.fromResult(ApiKeyToken.parse(token, legacy)))
        assert.deepStrictEqual([error._tag, error.reason], ["MalformedToken", "format"], token)
        assert.isFalse(inspect(error, { depth: 9, showHidden: true }).includes("secret"))
      }
      const codec = ApiKeyToken.schema(legacy)
      assert.strictEqual((yield* Schema.decodeEffect(codec)("old/secret")).keyId, "old")
    }),
  )

  it.effect("reads key ids by another format, whatever it throws", () =>
    Effect.gen(function* () {
      const parsing: ApiKeyToken.TokenFormat = {
        prefix: "",
        parse: (token) => {
          if (token === "throw") throw new Error(token)
          return Result.succeed({ prefix: "", keyId: token as ApiKeyToken.TokenParts["keyId"], secret: Redacted.make("") })
        },
        format: ({ keyId }) => Redacted.make(keyId),
        generate: ApiKeyToken.defaultFormat.generate,
        hint: () => "",
      }
      const reading: ApiKeyToken.TokenFormat = {
        ...parsing,
        keyIdOf: (token) => {
          if (token === "throw") throw new Error(token)
          return token === "none" ? undefined : `of ${token}`
        },
      }
      const read = (format: ApiKeyToken.TokenFormat) => ["old", "a b", "none", "throw", "old\ud800"].map(keyIdReader(format))
      assert.deepStrictEqual(read(parsing), ["old", undefined, "none", undefined, undefined])
      assert.deepStrictEqual(read(reading), ["of old", "of a b", undefined, undefined, undefined])
      const token = textOf(yield* generate())
      assert.strictEqual(keyIdReader(ApiKeyToken.defaultFormat)(token), token.slice(3, 19))
    }),
  )

  it.effect("knows parts that make a token of the format, which another format can't prove", () =>
    Effect.gen(function* () {
      const parts = yield* generate()
      assert.isTrue(isTokenOf(ApiKeyToken.defaultFormat, parts))
      const changed = { ...parts, secret: Redacted.make(`${Redacted.value(parts.secret)}0`) }
      assert.isFalse(isTokenOf(ApiKeyToken.defaultFormat, changed))
      const other = { ...parts, keyId: (yield* generate()).keyId }
      assert.isFalse(isTokenOf(ApiKeyToken.defaultFormat, other))
      assert.isFalse(isTokenOf({ ...ApiKeyToken.defaultFormat }, parts))
    }),
  )

  it.effect("finds tokens in text", () =>
    Effect.gen(function* () {
      const [a, b] = [textOf(yield* generate()), textOf(yield* generate())]
      const regex = yield* Effect.fromResult(ApiKeyToken.regex())
      assert.deepStrictEqual(`key="${a}",\n${b}; x${a} ${a}0 ak-${"0".repeat(16)}`.match(regex), [a, b])
      // Were it quadratic, these would outlast the test's time limit.
      for (const hostile of ["ak-", "a", "ak-0000000000000000-", "0", `ak-${"0".repeat(16)}-${"x".repeat(63)}-`]) {
        assert.isNull(hostile.repeat(200_000).match(regex))
      }
      const dotted = yield* Effect.fromResult(ApiKeyToken.make({ separator: "." }))
      const token = textOf(yield* generate(dotted), dotted)
      const text = `${token} ${token.replaceAll(".", "-")}`
      assert.deepStrictEqual(text.match(yield* Effect.fromResult(ApiKeyToken.regex({ separator: "." }))), [token])
    }),
  )

  it.effect("is a codec", () =>
    Effect.gen(function* () {
      const codec = ApiKeyToken.schema()
      const token = textOf(yield* generate())
      const parts = yield* Schema.decodeEffect(codec)(token)
      assert.strictEqual(yield* Schema.encodeEffect(codec)(parts), token)
      const error = yield* Effect.flip(Schema.decodeEffect(codec)(`${token}x`))
      assert.isFalse(error.message.includes(token))
      assert.include(error.message, Result.getOrThrow(Result.flip(ApiKeyToken.parse(`${token}x`))).message)
    }),
  )

  it.effect("shows no secret", () =>
    Effect.gen(function* () {
      const parts = yield* generate()
      const secret = Redacted.value(parts.secret)
      for (const value of [parts, ApiKeyToken.defaultFormat.format(parts), ApiKeyToken.parse(textOf(parts))]) {
        for (const shown of [inspect(value, { depth: 9, showHidden: true }), String(value), JSON.stringify(value)])
          assert.isFalse(shown.includes(secret))
      }
      const parsed = yield* Effect.fromResult(ApiKeyToken.parse(textOf(parts)))
      assert.deepStrictEqual([parts.secret, parsed.secret, ApiKeyToken.defaultFormat.format(parts)].map(String), [
        "<redacted:secret>",
        "<redacted:secret>",
        "<redacted:token>",
      ])
    }),
  )
})
