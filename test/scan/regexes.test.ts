/** What other scanners are given finds, in text, what ours does, and such look-alikes as only a checksum tells. */
import { readFileSync } from "node:fs"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Redacted, Result, Stream } from "effect"
import * as ApiKeyToken from "../../src/ApiKeyToken.ts"
import * as Scanner from "../../src/scan/Scanner.ts"
import { lookAlikes, plainLookAlikes, randomOf, tokenOf } from "./corpus.ts"

const textOf = (path: string, pattern: RegExp): string => {
  const [, text] = pattern.exec(readFileSync(new URL(`../../docs/scanning/${path}`, import.meta.url), "utf8")) ?? []
  assert.isDefined(text, path)
  return text
}
const expressions = {
  gitleaks: textOf("gitleaks.toml", /^regex = '''(.+)'''$/m),
  trufflehog: textOf("trufflehog.yaml", /^ {6}token: '(.+)'$/m),
}

/** The same expressions, for another format. */
const adapt = (text: string, { prefix = "ak", separator = "-" }: ApiKeyToken.TokenConfig): string =>
  text.replace("ak-", `${prefix}${separator === "." ? "\\." : separator}`).replace("{16}-", `{16}${separator === "." ? "\\." : separator}`)

const findAll = (expression: RegExp, text: string): ReadonlyArray<string> =>
  Array.from(text.matchAll(expression), ([match, token]) => token ?? match)

const scan = (text: string, format: ApiKeyToken.TokenConfig): Effect.Effect<ReadonlyArray<string>, unknown> =>
  Effect.map(Stream.runCollect(Scanner.scanStream(Stream.make(Buffer.from(text)), { formats: [format] })), (finds) =>
    finds.map(({ token }) => Redacted.value(token)),
  )

/** Text with tokens as they leak. A character between two of them is enough. */
const corpusOf = (format: ApiKeyToken.TokenConfig) => {
  const around = ["", "\n", " ", '"', "'", "=", ":", "/", "?key=", ": Bearer ", ",", ";", "<b>", "\\", "é", "🦊", "\t", "(", "-", "."]
  const random = randomOf(5)
  const tokens = Array.from({ length: 500 }, (_, seed) => tokenOf(seed, format))
  const between = (index: number) => (index === 0 ? "" : around[1 + random(around.length - 1)])
  const text = (items: ReadonlyArray<string>) => items.map((item, index) => between(index) + item).join("")
  return { tokens, text }
}

const formats: ReadonlyArray<ApiKeyToken.TokenConfig> = [
  {},
  { separator: "_" },
  { separator: "." },
  { prefix: "my_key", separator: "~" },
  { prefix: "SK1", separator: ":" },
]

for (const format of formats) {
  const shared = new RegExp(Result.getOrThrow(ApiKeyToken.regex(format)))
  const all = {
    "ApiKeyToken.regex": shared,
    gitleaks: new RegExp(adapt(expressions.gitleaks, format), "g"),
    trufflehog: new RegExp(adapt(expressions.trufflehog, format), "g"),
  }
  describe(`${format.prefix ?? "ak"} with ${format.separator ?? "-"}`, () => {
    const { tokens, text } = corpusOf(format)
    for (const [name, expression] of Object.entries(all)) {
      it.effect(`${name} finds what the scanner finds`, () =>
        Effect.gen(function* () {
          const corpus = text(tokens)
          assert.deepStrictEqual(yield* scan(corpus, format), tokens)
          assert.deepStrictEqual(findAll(expression, corpus), tokens)
        }),
      )

      it.effect(`${name} finds no look-alikes but those with a wrong checksum`, () =>
        Effect.gen(function* () {
          const plain = text(plainLookAlikes.flatMap((make) => tokens.slice(0, 20).map(make)))
          assert.deepStrictEqual(yield* scan(plain, format), [])
          assert.deepStrictEqual(findAll(expression, plain), [])
          const unsound = tokens.flatMap((token) => [lookAlikes.checksum(token), lookAlikes.characterOfSecret(token)])
          assert.deepStrictEqual(yield* scan(text(unsound), format), [])
          assert.deepStrictEqual(findAll(expression, text(unsound)), unsound)
          const parsed = Result.getOrThrow(ApiKeyToken.make(format))
          assert.isFalse(unsound.some((token) => Result.isSuccess(ApiKeyToken.parse(token, parsed))))
        }),
      )

      it.effect(`${name} misses what only a checksum finds`, () =>
        Effect.gen(function* () {
          // Strings in a program follow one another without anything between, as letters and digits do.
          const packed = tokens.map((token) => `usage${token}0`).join("")
          assert.deepStrictEqual(yield* scan(packed, format), tokens)
          assert.deepStrictEqual(findAll(expression, packed), [])
        }),
      )
    }
  })
}

describe("the expressions of other scanners", () => {
  for (const [name, text] of Object.entries(expressions)) {
    it(`${name} has only what Go's RE2 knows`, () => {
      assert.notMatch(text, /\(\?[=!<]|\\[1-9k]|\(\?>|[*+?}]\+/)
    })
  }
  it("their keyword is in each token", () => {
    assert.strictEqual(textOf("gitleaks.toml", /^keywords = \["(.+)"\]$/m), "ak-")
    assert.strictEqual(textOf("trufflehog.yaml", /^ {4}keywords:\n {6}- (.+)$/m), "ak-")
  })
})
