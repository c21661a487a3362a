/** Whatever is around tokens, and however it comes, they are found, where they are, and nothing else is. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Redacted, Schema, Stream } from "effect"
import type { TokenConfig } from "../../src/ApiKeyToken.ts"
import * as Matcher from "../../src/internal/scan/matcher.ts"
import * as Scanner from "../../src/scan/Scanner.ts"
import { encode, lookAlikes, randomOf, tokenOf } from "./corpus.ts"

const formats: ReadonlyArray<TokenConfig> = [
  {},
  { prefix: "k" },
  { prefix: "my_key_", separator: "." },
  { prefix: "sk", separator: "_" },
  { prefix: "sk", separator: ":" },
  { prefix: "a".repeat(32), separator: "~" },
]
const kinds = ["noise", "words", "zeros", "lines", "prefix", "run", "token", "token", "token", "lookAlike"] as const
const encodings = ["utf-8", "utf-16le", "utf-16be"] as const

const below = (bound: number) => Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: bound - 1 }))
const Piece = Schema.Struct({
  kind: Schema.Literals(kinds),
  encoding: Schema.Literals(encodings),
  format: below(formats.length),
  seed: below(2 ** 31),
})
const Input = Schema.Struct({
  pieces: Schema.Array(Piece).check(Schema.isMaxLength(12)),
  chunks: Schema.NonEmptyArray(below(400)).check(Schema.isMaxLength(8)),
})

const bytesOf = ({ kind, encoding, format, seed }: typeof Piece.Type): Buffer => {
  const random = randomOf(seed)
  const length = random(300)
  switch (kind) {
    case "noise":
      return Buffer.from(Array.from({ length }, () => random(256)))
    case "words":
      return encode("The quick - brown_fox. über: ~ 狐 🦊 ".repeat(1 + random(9)), encoding)
    case "zeros":
      return Buffer.alloc(length)
    case "lines":
      return encode("\n\r\n\u0a0a\u000a\u0a00".repeat(1 + random(9)), encoding)
    case "prefix":
      return encode(`ak-${"0".repeat(random(20))}-`, encoding)
    case "run":
      return encode("a".repeat(length), encoding)
    case "token":
      return encode(tokenOf(seed, formats[format]), encoding)
    case "lookAlike": {
      const makers = Object.values(lookAlikes)
      // Something follows, lest what is cut short be completed by chance.
      return encode(`${makers[random(makers.length)]!(tokenOf(seed, formats[format]))}!`, encoding)
    }
  }
}

/** The slow and plain way of counting. */
const placeOf = (bytes: Buffer, encoding: Scanner.Encoding) => {
  const units = encoding === "utf-8" ? Array.from(bytes) : Array.from({ length: bytes.length >> 1 }, (_, i) => bytes.readUInt16LE(2 * i))
  const lines = units.map((unit) => (encoding === "utf-16be" ? ((unit & 0xff) << 8) | (unit >> 8) : unit))
  const line = lines.slice(lines.lastIndexOf(10) + 1)
  const column =
    encoding === "utf-8" ? line.reduce((sum, byte) => sum + (byte >= 0xf0 ? 2 : byte >= 0x80 && byte < 0xc0 ? 0 : 1), 0) : line.length
  return { line: lines.filter((unit) => unit === 10).length + 1, column: column + 1 }
}

const chunked = function* (bytes: Buffer, sizes: ReadonlyArray<number>) {
  for (let at = 0, i = 0; at < bytes.length; i++) {
    // One chunk of nothing now and then, and progress in each round.
    const size = sizes[i % sizes.length]! + (i % sizes.length === 0 ? 1 : 0)
    yield bytes.subarray(at, at + size)
    at += size
  }
}

const scan = (bytes: Buffer, sizes: ReadonlyArray<number>) =>
  Stream.runCollect(Scanner.scanStream(Stream.fromIterable(chunked(bytes, sizes)), { formats }))

const plain = ({ token, line, column, byteOffset, encoding }: Scanner.Find) => ({
  token: Redacted.value(token),
  line,
  column,
  byteOffset,
  encoding,
})

describe("any bytes, in any pieces", () => {
  it.effect.prop(
    "tokens are found where they are, and look-alikes aren't",
    { input: Input },
    ({ input: { pieces, chunks } }) =>
      Effect.gen(function* () {
        let bytes = Buffer.alloc(0)
        const expected: Array<ReturnType<typeof plain>> = []
        for (const piece of pieces) {
          // What is UTF-16 starts at an even offset, as it does in files.
          if (piece.encoding !== "utf-8" && bytes.length % 2 === 1) bytes = Buffer.concat([bytes, Buffer.from("?")])
          if (piece.kind === "token") {
            const token = tokenOf(piece.seed, formats[piece.format])
            expected.push({ token, ...placeOf(bytes, piece.encoding), byteOffset: bytes.length, encoding: piece.encoding })
          }
          bytes = Buffer.concat([bytes, bytesOf(piece)])
        }
        assert.deepStrictEqual((yield* scan(bytes, chunks)).map(plain), expected)
        assert.deepStrictEqual((yield* scan(bytes, [bytes.length])).map(plain), expected)
      }),
    { arbitrary: { runs: 1_000 } },
  )

  it.effect("a token is found over every border of two chunks", () =>
    Effect.gen(function* () {
      for (const encoding of encodings) {
        const token = tokenOf(7)
        const bytes = Buffer.concat([encode("- before\n", encoding), encode(token, encoding), encode("\nafter", encoding)])
        for (let border = 0; border <= bytes.length; border++) {
          const halves = Stream.make(bytes.subarray(0, border), bytes.subarray(border))
          const finds = yield* Stream.runCollect(Scanner.scanStream(halves))
          assert.deepStrictEqual(finds.map(plain), [
            { token, line: 2, column: 1, byteOffset: encode("- before\n", encoding).length, encoding },
          ])
        }
      }
    }),
  )

  it.effect("a token is found once, as what and where it is, at any offset around the end of long chunks", () =>
    Effect.gen(function* () {
      const token = tokenOf(8)
      for (const encoding of encodings) {
        // More than half of what is held at once, so that it moves on; an odd size cuts characters of UTF-16.
        for (const size of [140_000, 140_001]) {
          const step = encoding === "utf-8" ? 1 : 2
          const lineEnds = 139_000 / step
          const filler = encode("x".repeat(lineEnds) + "\n".repeat(2_000), encoding)
          for (const before of [
            0,
            1,
            2,
            3,
            ...Array.from({ length: 12 }, (_, i) => 80 + i),
            ...Array.from({ length: 16 }, (_, i) => 160 + i),
          ]) {
            const byteOffset = 140_000 - step * before
            const bytes = Buffer.concat([filler.subarray(0, byteOffset), encode(token, encoding), filler.subarray(0, 1_000)])
            const finds = yield* Stream.runCollect(Scanner.scanStream(Stream.fromIterable(chunked(bytes, [size]))))
            assert.deepStrictEqual(finds.map(plain), [{ token, line: byteOffset / step - lineEnds + 1, column: 1, byteOffset, encoding }])
          }
        }
      }
    }),
  )

  it.effect("characters that only end as a token's do in UTF-16 are none", () =>
    Effect.gen(function* () {
      const token = encode(tokenOf(4), "utf-16le")
      for (let i = 1; i < token.length; i += 2) {
        const other = Buffer.from(token)
        other[i] = 1
        assert.deepStrictEqual(yield* scan(other, [other.length]), [])
      }
    }),
  )

  it("look-alikes don't even get to where tokens are parsed", () => {
    const matcher = Matcher.make([{ prefix: "ak", separator: "-" }])
    const find = (text: string) => matcher.find({ bytes: Buffer.from(text), from: 0, end: text.length, base: 0 }, text.length)
    assert.lengthOf(find(tokenOf(1)), 1)
    for (const make of Object.values(lookAlikes)) assert.lengthOf(find(make(tokenOf(1))), 0)
  })

  it.effect("UTF-16 is told by what is around the token where it starts at an odd offset", () =>
    Effect.gen(function* () {
      const token = tokenOf(3)
      const found = (bytes: Buffer) => Effect.map(Stream.runCollect(Scanner.scanStream(Stream.make(bytes))), (finds) => finds.map(plain))
      for (const encoding of ["utf-16le", "utf-16be"] as const) {
        const bytes = Buffer.concat([Buffer.from("#"), encode(token, encoding), Buffer.from("#")])
        assert.deepStrictEqual(yield* found(bytes), [{ token, line: 1, column: 1, byteOffset: 1, encoding }])
      }
      // Its last character is another one, or its first.
      assert.deepStrictEqual(
        yield* found(Buffer.concat([Buffer.from("#"), encode(token, "utf-16le").subarray(0, -1), Buffer.from("#")])),
        [],
      )
      assert.deepStrictEqual(yield* found(encode(token, "utf-16be").subarray(1)), [])
    }),
  )

  it.effect("tokens that follow one another are all found", () =>
    Effect.gen(function* () {
      const tokens = Array.from({ length: 20_000 }, (_, seed) => tokenOf(seed))
      for (const between of ["", "\n", "x"]) {
        const finds = yield* scan(Buffer.from(tokens.join(between)), [65_536])
        assert.deepStrictEqual(
          finds.map(({ token }) => Redacted.value(token)),
          tokens,
        )
        if (between === "\n") assert.isTrue(finds.every(({ line, column }, index) => line === index + 1 && column === 1))
      }
    }),
  )
})
