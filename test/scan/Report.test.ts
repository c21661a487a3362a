import { readFileSync } from "node:fs"
import { inspect } from "node:util"
import { assert, describe, it } from "@effect/vitest"
import { Ajv } from "ajv"
import formats from "ajv-formats"
import { Effect, Redacted, Schema, Stream } from "effect"
import * as Report from "../../src/scan/Report.ts"
import * as Scanner from "../../src/scan/Scanner.ts"
import { encode, tokenOf } from "./corpus.ts"

const secretOf = (token: string) => token.slice(-64)

const find: Scanner.Find = {
  token: Redacted.make(tokenOf(1), { label: "token" }),
  prefix: "ak",
  keyId: tokenOf(1).slice(3, 19),
  hint: tokenOf(1).slice(-10, -6),
  path: "src/a b.ts",
  line: 3,
  column: 7,
  byteOffset: 40,
  encoding: "utf-8",
}

/** Finds as the scanner makes them, in all encodings and places. */
const finds: Effect.Effect<ReadonlyArray<Scanner.Find>, unknown> = Effect.forEach(
  ["utf-8", "utf-16le", "utf-16be"] as const,
  (encoding, seed) =>
    Stream.runCollect(
      Scanner.scanStream(Stream.make(encode(`\n ${tokenOf(seed, { separator: "." })}`, encoding)), {
        formats: [{ separator: "." }],
        path: ["/etc/a#b?", "C:\\dir\\ü.txt", "../line\nfeed:\u001b[31m"][seed],
      }),
    ),
).pipe(Effect.map((finds) => finds.flat()))

// The schema is of draft 4, which says the same as later ones but for its name, and has a pattern that Unicode mode refuses.
const {
  $schema: _schema,
  id: _id,
  ...schema
} = JSON.parse(readFileSync(new URL("fixtures/sarif-2.1.0-rtm.5.json", import.meta.url), "utf8"))
const ajv = new Ajv({ strict: false, allErrors: true, unicodeRegExp: false })
formats.default(ajv)
const validate = ajv.compile(schema)

describe("redact", () => {
  it.effect("shows the prefix, key id and hint, with the token's own separator", () =>
    Effect.gen(function* () {
      assert.strictEqual(Report.redact(find), `ak-${find.keyId}-…${find.hint}`)
      const [dotted] = yield* finds
      assert.strictEqual(Report.redact(dotted!), `ak.${dotted!.keyId}.…${dotted!.hint}`)
    }),
  )
})

describe("toRow", () => {
  it("says where, and in which commit", () => {
    const key = Report.redact(find)
    assert.deepStrictEqual(Report.toRow(find), { key, where: "src/a b.ts:3:7", commit: "" })
    const commit = "0123456789abcdef0123456789abcdef01234567"
    assert.deepStrictEqual(Report.toRow({ ...find, commit }), { key, where: "src/a b.ts:3:7", commit: "0123456789ab" })
  })
  it("shows no secret that is in a file's name", () => {
    const path = `logs/${tokenOf(7, { separator: "." })}.log`
    const outputs = [Report.toRow({ ...find, path }), Report.toJson({ ...find, path }), Report.toSarif([{ ...find, path }])]
    for (const output of outputs.map((output) => JSON.stringify(output))) {
      assert.include(output, tokenOf(7).slice(3, 19))
      assert.notInclude(output, secretOf(tokenOf(7, { separator: "." })).slice(0, 20))
    }
  })
  it("lets no file's name write to the terminal", () => {
    const row = Report.toRow({ ...find, path: "a\n\u001b[2J\u009b\u202e\u{e0001}狐" })
    assert.strictEqual(row.where, "a\\u{a}\\u{1b}[2J\\u{9b}\\u{202e}\\u{e0001}狐:3:7")
  })
})

describe("toJson", () => {
  it.effect("is what its schema says, and nothing more", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(Object.keys(Report.toJson({ ...find, commit: "abc" })), Object.keys(Report.FindJson.fields))
      for (const each of [...(yield* finds), find, { ...find, commit: "abc" }]) {
        const decode = Schema.decodeUnknownSync(Report.FindJson, { onExcessProperty: "error" })
        const { token: _token, ...rest } = each
        assert.deepStrictEqual(decode(JSON.parse(JSON.stringify(Report.toJson(each)))), { key: Report.redact(each), ...rest })
      }
    }),
  )
})

describe("toSarif", () => {
  it.effect("is valid by the official schema, and by ours", () =>
    Effect.gen(function* () {
      const all = [...(yield* finds), find, { ...find, commit: "0123456789abcdef0123456789abcdef01234567" }]
      const problems = [new Scanner.ShallowRepository({ path: "a\u001b[31m\nb" })]
      const checked = all.map((each) => ({ ...each, status: "works" }))
      for (const log of [
        Report.toSarif(all, { version: "1.2.3" }),
        Report.toSarif(checked),
        Report.toSarif([]),
        Report.toSarif(all, { problems }),
      ]) {
        const written = JSON.parse(JSON.stringify(log))
        assert.isTrue(validate(written), JSON.stringify(validate.errors))
        assert.deepStrictEqual(Schema.decodeUnknownSync(Report.SarifLog, { onExcessProperty: "error" })(written), log)
      }
      // The validator does refuse.
      assert.isFalse(validate({ ...Report.toSarif([]), version: "2.0.0" }))
      const { runs } = Report.toSarif([{ ...find, line: 0 }])
      assert.isFalse(validate({ version: "2.1.0", runs }))
      assert.isFalse(validate({ version: "2.1.0", runs: [{ ...runs[0], results: [{ ...runs[0].results[0], secret: "" }] }] }))
    }),
  )

  it("says where, in characters and bytes", () => {
    const { runs } = Report.toSarif([{ ...find, path: "./a b/ü#.ts", commit: "abc", encoding: "utf-16le" }])
    const [result] = runs[0].results
    assert.deepStrictEqual(result, {
      ruleId: "leaked-api-key",
      ruleIndex: 0,
      level: "error",
      message: { text: `The token of the API key ${Report.redact(find)} is in this file, since commit abc.` },
      locations: [
        {
          physicalLocation: {
            artifactLocation: { uri: "a%20b/%C3%BC%23.ts" },
            region: { startLine: 3, startColumn: 7, endColumn: 91, byteOffset: 40, byteLength: 168 },
          },
        },
      ],
      partialFingerprints: { "keyInFile/v1": `${find.keyId}:./a b/ü#.ts` },
      properties: { prefix: "ak", keyId: find.keyId, hint: find.hint, encoding: "utf-16le", commit: "abc" },
    })
  })

  it("says what its key was found to be, and whether all was scanned", () => {
    const { runs } = Report.toSarif([{ ...find, status: "ended" }])
    assert.strictEqual(runs[0].results[0]!.properties.status, "ended")
    assert.deepStrictEqual(runs[0].invocations, [{ executionSuccessful: true }])
    const problems = [new Scanner.GitFailed({ path: "a", command: "log", exitCode: 1, reason: "\u001b[31mfatal:\n no" })]
    assert.deepStrictEqual(Report.toSarif([], { problems }).runs[0].invocations, [
      {
        executionSuccessful: false,
        toolExecutionNotifications: [
          { descriptor: { id: "GitFailed" }, level: "error", message: { text: "git log failed in a: \\u{1b}[31mfatal: no" } },
        ],
      },
    ])
  })

  it("makes URIs of all paths", () => {
    const uris = ["/etc/a b", "C:\\dir\\a b", "a:b/c", "..\\c", "\ud800", "-"].map(
      (path) => Report.toSarif([{ ...find, path }]).runs[0].results[0]!.locations[0].physicalLocation.artifactLocation.uri,
    )
    assert.deepStrictEqual(uris, ["file:///etc/a%20b", "file:///C:/dir/a%20b", "a%3Ab/c", "..%5Cc", "%EF%BF%BD", "-"])
  })
})

describe("no output", () => {
  it.effect("shows a part of a secret but its hint", () =>
    Effect.gen(function* () {
      for (const each of [...(yield* finds), find]) {
        const secret = secretOf(Redacted.value(each.token))
        const outputs = [Report.redact(each), Report.toRow(each), Report.toJson(each), Report.toSarif([each]), each].flatMap((value) => [
          JSON.stringify(value),
          inspect(value, { depth: 20, showHidden: true }),
          String(value),
        ])
        for (const output of outputs) {
          // Any five characters in a row are more than the hint has.
          for (let i = 0; i + 5 <= secret.length; i++) assert.notInclude(output, secret.slice(i, i + 5))
        }
      }
    }),
  )
})
