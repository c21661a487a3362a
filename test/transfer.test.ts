/** Moving keys between databases and systems, in memory. `sql/transfer.test.ts` does it with PostgreSQL and PGlite. */
import * as nodeCrypto from "node:crypto"
import { createHash } from "node:crypto"
import { inspect } from "node:util"
import { assert, describe, it } from "@effect/vitest"
import {
  Arbitrary,
  Cause,
  Context,
  DateTime,
  Effect,
  Exit,
  Layer,
  Logger,
  Redacted,
  References,
  Result,
  Schema,
  Stream,
  Tracer,
} from "effect"
import { Csv } from "effect/encoding"
import { ApiKey, StoredApiKey } from "../src/ApiKey.ts"
import { InvalidInput } from "../src/ApiKeyError.ts"
import { layerEphemeral } from "../src/ApiKeyHasher.ts"
import * as Repository from "../src/ApiKeyRepository.ts"
import * as ApiKeys from "../src/ApiKeys.ts"
import * as ApiKeyTransfer from "../src/ApiKeyTransfer.ts"
import * as BetterAuth from "../src/legacy/BetterAuth.ts"
import * as Django from "../src/legacy/Django.ts"
import * as FastapiApiKey from "../src/legacy/FastapiApiKey.ts"
import * as Keypal from "../src/legacy/Keypal.ts"
import * as PrefixedApiKey from "../src/legacy/PrefixedApiKey.ts"
import * as Sha256 from "../src/legacy/Sha256.ts"
import * as Unkey from "../src/legacy/Unkey.ts"
import type { LegacyTokens } from "../src/LegacyTokens.ts"
import { set } from "../src/Scope.ts"
import { arbitraries, makeStoredApiKey } from "../src/testing.ts"
import betterAuth from "./legacy/fixtures/better-auth.json" with { type: "json" }
import django from "./legacy/fixtures/django.json" with { type: "json" }
import fastapi from "./legacy/fixtures/fastapi.json" with { type: "json" }
import keypal from "./legacy/fixtures/keypal.json" with { type: "json" }
import prefixedApiKey from "./legacy/fixtures/prefixed-api-key.json" with { type: "json" }
import { tracerInto } from "./support/spans.ts"
import { layerOwn, plain, progressOf, refusedOf, roundTrips } from "./support/transfer.ts"

const { encodeLine, fromCsv, fromJson, fromNdjson } = ApiKeyTransfer

const run = <A, E>(effect: Effect.Effect<A, E, ApiKeys.ApiKeys | Repository.ApiKeyRepository>, options: ApiKeys.Options = {}) =>
  Effect.provide(effect, layerOwn(options), { local: true })

const importing = (lines: ReadonlyArray<string>, options?: ApiKeyTransfer.ImportOptions) =>
  ApiKeys.ApiKeys.use((apiKeys) =>
    Stream.runCollect(apiKeys.import(fromNdjson(Stream.fromIterable(lines)), { unknownHashes: "accept", ...options })),
  )

const linesOf = (count: number) => Array.from({ length: count }, (_, index) => encodeLine(makeStoredApiKey({ hash: `h${index}` })))

const rowOf = (line: string) => JSON.parse(line)

roundTrips("memory", layerOwn(), 50)

describe("a line", () => {
  const at = DateTime.makeUnsafe("2026-01-02T03:04:05.678Z")
  const stored = makeStoredApiKey({
    name: "ci",
    scopes: set("a", "b:*"),
    metadata: { team: { "a b": [1, null, "ü"] } },
    policies: { quota: { perDay: 5 } },
    rotatedAt: at,
    previous: { keyId: makeStoredApiKey().apiKey.keyId, hint: "wxyz", expiresAt: null, graceSeconds: 60, lastUsedAt: at },
    hash: "$hash",
    previousHash: "$before",
  })

  it("holds every field of the record, and both hashes", () => {
    const line = encodeLine(stored)
    assert.isTrue(line.endsWith("}\n"))
    assert.strictEqual(line.trim().includes("\n"), false)
    const { apiKey } = stored
    assert.deepStrictEqual(rowOf(line), {
      format: "effect-api-key",
      version: 1,
      apiKey: {
        id: apiKey.id,
        keyId: apiKey.keyId,
        prefix: "ak",
        name: "ci",
        description: null,
        ownerId: null,
        scopes: ["a", "b:*"],
        metadata: { team: { "a b": [1, null, "ü"] } },
        policies: { quota: { perDay: 5 } },
        isActive: true,
        deactivatedAt: null,
        deactivationReason: null,
        expiresAt: null,
        createdAt: "2026-01-01T00:00:00.000Z",
        updatedAt: "2026-01-01T00:00:00.000Z",
        lastUsedAt: null,
        hint: "abcd",
        version: 1,
        rotatedAt: "2026-01-02T03:04:05.678Z",
        previous: {
          keyId: apiKey.previous?.keyId,
          hint: "wxyz",
          expiresAt: null,
          graceSeconds: 60,
          lastUsedAt: "2026-01-02T03:04:05.678Z",
        },
      },
      hash: "$hash",
      previousHash: "$before",
    })
    const { hash: _hash, previousHash: _previousHash, ...without } = rowOf(line)
    assert.deepStrictEqual(rowOf(encodeLine(apiKey)), without)
  })

  it("comes back with its policies, and with none if it was written before there were any", () => {
    assert.deepStrictEqual(Result.getOrThrow(ApiKeyTransfer.readRow(rowOf(encodeLine(stored)))).apiKey.policies, stored.apiKey.policies)
    const plain = makeStoredApiKey()
    for (const key of [stored, plain]) {
      const row = rowOf(encodeLine(key))
      const { policies: _policies, ...before } = row.apiKey
      assert.isNull(Result.getOrThrow(ApiKeyTransfer.readRow({ ...row, apiKey: before })).apiKey.policies)
      const { metadata: _metadata, ...without } = row.apiKey
      assert.deepInclude(Result.getOrThrow(Result.flip(ApiKeyTransfer.readRow({ ...row, apiKey: without }))), { field: "apiKey.metadata" })
      for (const policies of [{}, { "not a kind": 1 }, undefined]) {
        assert.deepInclude(Result.getOrThrow(Result.flip(ApiKeyTransfer.readRow({ ...row, apiKey: { ...before, policies } }))), {
          field: "apiKey.policies",
        })
      }
    }
  })

  it("is refused for what it is, without a word of its hash", () => {
    const row = rowOf(encodeLine(stored))
    const { hash: _hash, ...withoutHash } = row
    const { previousHash: _previousHash, ...withoutPrevious } = row
    const record = (fields: object) => ({ ...row, apiKey: { ...row.apiKey, ...fields } })
    const cases: ReadonlyArray<readonly [unknown, string]> = [
      [null, "row"],
      [[row], "row"],
      ["text", "row"],
      [{ ...row, format: "another" }, "format"],
      [{ ...row, version: 2 }, "version"],
      [{ ...row, version: "1" }, "version"],
      [withoutHash, "hash"],
      [withoutPrevious, "previousHash"],
      [{ ...record({ previous: null }) }, "previousHash"],
      [{ ...row, hash: 5 }, "hash"],
      [{ ...row, hash: "$hash\0" }, "hash"],
      [{ ...row, hash: "$hash".repeat(2_000) }, "hash"],
      [{ ...row, previousHash: "$before\ud800" }, "previousHash"],
      [{ ...row, more: 1 }, "more"],
      [{ ...row, ["$hash more"]: 1 }, "row"],
      [record({ more: 1 }), "apiKey.more"],
      [record({ id: "7" }), "apiKey.id"],
      [record({ keyId: "a b" }), "apiKey.keyId"],
      [record({ prefix: "a\0" }), "apiKey.prefix"],
      [record({ hint: "a".repeat(513) }), "apiKey.hint"],
      [record({ name: "a\0" }), "apiKey.name"],
      [record({ metadata: JSON.parse('{"__proto__":{}}') }), "apiKey.metadata"],
      [record({ createdAt: "10000-01-01T00:00:00Z" }), "apiKey.createdAt"],
      [record({ version: 2_147_483_648 }), "apiKey.version"],
      [record({ previous: { ...row.apiKey.previous, keyId: stored.apiKey.keyId } }), "apiKey.previous.keyId"],
      [record({ previous: { ...row.apiKey.previous, hint: "\ud800" } }), "apiKey.previous.hint"],
      [record({ previous: { ...row.apiKey.previous, more: 1 } }), "apiKey.previous.more"],
    ]
    for (const [input, field] of cases) {
      const refused = Result.getOrThrow(Result.flip(ApiKeyTransfer.readRow(input)))
      assert.deepStrictEqual([refused._tag, refused.field], ["InvalidInput", field])
      assert.notInclude(refused.reason, "$")
    }
    assert.isTrue(Result.isSuccess(ApiKeyTransfer.readRow(row)))
    const newer = Result.getOrThrow(Result.flip(ApiKeyTransfer.readRow({ ...row, version: 2, more: 1 })))
    assert.strictEqual(newer.reason, "Only version 1 can be read")
  })

  /** What is at the edge of the allowed, in another form, or not allowed. */
  const odd: ReadonlyArray<unknown> = [
    null,
    "",
    " x ",
    "x\0",
    "a".repeat(129),
    "a".repeat(1_001),
    0,
    1.5,
    -1,
    2 ** 53,
    true,
    [],
    ["b", "a"],
    ["a", "a"],
    ["A"],
    {},
    { a: { b: [1] } },
    "1970-01-01T00:00:00.000Z",
    "1969-12-31T23:59:59.999Z",
    "2026-02-30T00:00:00.000Z",
    "2026-02-01T24:00:00.000Z",
    "2026-02-01T00:00:60.000Z",
    "2026-02-01T00:00:00Z",
    "2026-02-01",
    "9999-12-31T23:59:59.999Z",
    "+010000-01-01T00:00:00.000Z",
    { keyId: "k", hint: "", expiresAt: null, graceSeconds: 1, lastUsedAt: null },
  ]
  const fieldNames = Object.keys(ApiKey.fields)

  it.effect.prop(
    "is read as the schema reads it",
    {
      key: arbitraries.storedApiKey,
      field: Schema.Literals(["nothing", "hash", "previousHash", "more", "apiKey.more", ...fieldNames]),
      value: Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: odd.length - 1 })),
    },
    ({ key, field, value }) =>
      Effect.sync(() => {
        const row = rowOf(encodeLine(key))
        const shape = (read: ReturnType<typeof ApiKeyTransfer.readRow>) =>
          Result.isSuccess(read) ? plain(read.success) : { field: read.failure.field, reason: read.failure.reason }
        if (field === "apiKey.more" || fieldNames.includes(field)) row.apiKey[field.replace("apiKey.", "")] = odd[value]
        else if (field !== "nothing") row[field] = odd[value]
        assert.deepStrictEqual(shape(ApiKeyTransfer.readRow(row)), shape(ApiKeyTransfer.readBySchema(row)))
        if (field === "nothing" && key.apiKey.previous?.keyId !== key.apiKey.keyId)
          assert.deepStrictEqual(shape(ApiKeyTransfer.readRow(row)), plain(key))
      }),
    { arbitrary: { runs: 1_000 } },
  )

  it("gives hashes that no log shows", () => {
    const read = Result.getOrThrow(ApiKeyTransfer.readRow(rowOf(encodeLine(stored))))
    assert.notInclude(inspect(read, { depth: 9, showHidden: true }), "$hash")
    assert.deepStrictEqual([Redacted.value(read.hash), read.hash.label], ["$hash", "hash"])
    assert.deepStrictEqual(read.previousHash?.label, "hash")
  })
})

describe("rows of a text", () => {
  const cell = Arbitrary.map(
    Arbitrary.array(Arbitrary.schema(Schema.Literals(["a", "ü", "🔑", '"', ",", "\n", "\r\n", " ", "\uFEFF"])), { maxLength: 6 }),
    (parts) => parts.join(""),
  )
  const row = Arbitrary.flatMap(cell, (a) => Arbitrary.map(cell, (b) => [a, b] as const))
  const collect = (rows: Stream.Stream<unknown>) =>
    Effect.map(Stream.runCollect(rows), (all) => all.map((row) => (row instanceof ApiKeyTransfer.UnreadableRow ? row.reason : row)))
  const utf8 = (text: string) => new TextEncoder().encode(text)

  it.effect("come one a line, whatever else is on others", () =>
    Effect.gen(function* () {
      const bytes = [
        utf8('\uFEFF{"a":1}\r\n\n  \n{"a"'),
        utf8(':"ü'),
        Uint8Array.of(0xf0, 0x9f),
        Uint8Array.of(0x94, 0x91),
        utf8(`"}\n{"a":}\n`),
        Uint8Array.of(0x22, 0xff, 0x22, 0x0a),
        utf8(`"${"x".repeat(100)}"\n[${"[".repeat(50)}\n"\0"\nnull\n5`),
      ]
      const expected = [
        { a: 1 },
        { a: "ü🔑" },
        "It isn't JSON",
        "It isn't UTF-8",
        "It is longer than 64",
        "It isn't JSON",
        "It isn't JSON",
        null,
        5,
      ]
      assert.deepStrictEqual(yield* collect(fromNdjson(Stream.fromIterable(bytes), { maxLineLength: 64 })), expected)
      assert.deepStrictEqual(yield* collect(fromNdjson(Stream.make("1\n2", "3\n", "", "4\n"))), [1, 23, 4])
      assert.deepStrictEqual(yield* collect(fromNdjson(Stream.make('"é', utf8('é"')))), ["éé"])
      assert.deepStrictEqual(yield* collect(fromNdjson(Stream.empty)), [])
      const buffer = new Uint8Array(4)
      const reused = Stream.map(Stream.rechunk(Stream.make("[1, ", "22]\n", "[3, ", "444]"), 1), (text) => {
        buffer.set(utf8(text))
        return buffer
      })
      const expectedOfReused = [
        [1, 22],
        [3, 444],
      ]
      assert.deepStrictEqual(yield* collect(fromNdjson(reused)), expectedOfReused)
    }),
  )

  it.effect("doesn't keep a line without end", () =>
    Effect.gen(function* () {
      let copied = 0
      class Chunk extends Uint8Array {
        override slice(start?: number, end?: number): Uint8Array<ArrayBuffer> {
          copied += (end ?? this.length) - (start ?? 0)
          return super.slice(start, end)
        }
      }
      const chunk = new Chunk(new ArrayBuffer(65_536)).fill(0x5b)
      const endless = Stream.map(Stream.rechunk(Stream.range(1, 4_096), 1), () => chunk)
      assert.deepStrictEqual(yield* collect(fromNdjson(Stream.concat(endless, Stream.make(utf8("\n7\n"))))), [
        "It is longer than 1048576",
        7,
      ])
      assert.isAtMost(copied, 1_048_576)
    }),
  )

  it.effect("come out of CSV as texts, and a broken record spoils itself alone", () =>
    Effect.gen(function* () {
      const csv = ['\uFEFFid,"na"', '"me"\r\n1,"a, ""b""\nc"\r\n2,b,c\n', '3,a"b\n', "\n\r\n5,\n6,7,\n8,", '"x\n', "y\nz"]
      assert.deepStrictEqual(yield* collect(fromCsv(Stream.fromIterable(csv))), [
        { id: "1", 'na"me': 'a, "b"\nc' },
        "It has 3 cells, and the header 2",
        "A quote stands in a cell without quotes",
        { id: "5", 'na"me': "" },
        "It has 3 cells, and the header 2",
        "A quoted cell has no end",
      ])
      assert.deepStrictEqual(yield* collect(fromCsv(Stream.make("a;b\n1;2"), { delimiter: ";" })), [{ a: "1", b: "2" }])
      assert.deepStrictEqual(
        yield* collect(fromCsv(Stream.make("a,a\n1,2\n3,4"))),
        Array.from({ length: 2 }, () => "The header has a column twice"),
      )
      assert.deepStrictEqual(yield* collect(fromCsv(Stream.make('a"\n1\n'))), [
        "The header can't be read. A quote stands in a cell without quotes",
      ])
      const [row] = yield* collect(fromCsv(Stream.make("__proto__,b\n1,2")))
      assert.deepStrictEqual(Object.entries(row ?? {}), [
        ["__proto__", "1"],
        ["b", "2"],
      ])
      const long = `a\n"${"x\n".repeat(20)}"\n${"y".repeat(30)}\nz\n`
      const found = yield* collect(fromCsv(Stream.make(long), { maxLineLength: 16 }))
      assert.deepStrictEqual(found, ["It is longer than 16", "It is longer than 16", { a: "z" }])
    }),
  )

  it.effect("hold no row that stands in a cell of another one", () =>
    Effect.gen(function* () {
      const evil = "999,victim,*"
      const header = "id,owner,scopes\n"
      const of = (text: string | Uint8Array, options?: ApiKeyTransfer.CsvOptions) => collect(fromCsv(Stream.make(text), options))
      const good = { id: "2", owner: "b", scopes: "c" }
      // In a record that is too long, in one that isn't UTF-8, and in both.
      assert.deepStrictEqual(yield* of(`${header}1,a,"${"A".repeat(60)}\n${evil}\n"\n2,b,c\n`, { maxLineLength: 50 }), [
        "It is longer than 50",
        good,
      ])
      const broken = [utf8(`${header}1,a,"`), Uint8Array.of(0xff), utf8(`\n${evil}\n"\n2,b,c\n`)]
      assert.deepStrictEqual(yield* collect(fromCsv(Stream.fromIterable(broken))), ["It isn't UTF-8", good])
      // Where quotes are written in another way than RFC 4180's, nobody knows where a cell ends.
      const lost = "It follows a record of which it isn't clear where it ends"
      for (const cell of ['"x \\"y', '"x" y', '"x"\ry']) {
        assert.deepStrictEqual(yield* of(`${header}1,a,${cell}\n${evil}\n2,b,c\n`), ["Text follows a closing quote", lost, lost], cell)
      }
      const ambiguous = `${header}1,"x \\"\n${evil}\n","a"\n2,b,c\n`
      const backslash =
        'A backslash stands before a closing quote; give the option backslash: "plain" if it is one of the cell\'s characters'
      assert.deepStrictEqual(yield* of(ambiguous), [backslash, lost, lost, lost])
      // A cell that ends with a quote of its own, as MySQL writes it, and one after it that begins with what ends a cell.
      for (const next of [`,\\\n${evil}`, `\\\n${evil}`, `\r\\\n${evil}`]) {
        const rows = yield* of(`${header}"1","x \\"","${next}\\\n"\n2,b,c\n`)
        assert.strictEqual(rows[0], backslash, next)
        assert.isTrue(rows.slice(1).every((row) => row === lost))
      }
      assert.deepStrictEqual(yield* of(`${header}1,"a\\","b\\\\"\n2,b,c\n`, { backslash: "plain" }), [
        { id: "1", owner: "a\\", scopes: "b\\\\" },
        good,
      ])
      // As PHP writes cells that hold backslashes and quotes: it doubles a quote but for one behind a backslash.
      for (const cell of ['"""\\"', '"\\\\"', '"\\"""', '"""a""\\"']) {
        const rows = yield* of(`${header}1,${cell},\n${evil}\n",c\n2,b,c\n`)
        assert.strictEqual(rows[0], backslash, cell)
        assert.isTrue(rows.slice(1).every((row) => row === lost))
      }
      // A backslash before other quotes is plain: JSON, where no comma and no line's end follows.
      const json = '{"a":"\\"b\\" c","d":"\\""}'
      assert.deepStrictEqual(yield* of(`${header}1,"a\\,b\\\nc","${json.replaceAll('"', '""')}"\n`), [
        { id: "1", owner: "a\\,b\\\nc", scopes: json },
      ])
      const comma = '{"a":"\\"b\\", c"}'.replaceAll('"', '""')
      assert.deepStrictEqual(yield* of(`${header}1,a,"${comma}"\n`), [backslash])
      assert.lengthOf(yield* of(`${header}1,a,"${comma}"\n`, { backslash: "plain" }), 1)
      assert.deepStrictEqual(yield* of(`\uFEFF"id","owner","scopes"\r\n2,b,c`), [good])
    }),
  )

  it.effect("come out of a JSON array, as sqlite3 -json writes it, however it is cut", () =>
    Effect.gen(function* () {
      const rows = [
        { id: 1, name: 'a"],[{"b"}' },
        { id: 2, name: "\\", list: [1, [2, { c: "ü}" }]] },
        { id: 3, name: "" },
      ]
      const written = [
        `[${rows.map((row) => JSON.stringify(row)).join(",\n")}]\n`,
        JSON.stringify(rows, undefined, 2),
        `\uFEFF \n${JSON.stringify(rows)}`,
        `${JSON.stringify(rows.slice(0, 1))}\n${JSON.stringify(rows.slice(1))}\n`,
        rows.map((row) => `${JSON.stringify(row)}\n`).join(""),
      ]
      for (const text of written) {
        const bytes = utf8(text)
        for (const size of [1, 2, 3, 7, 1_000]) {
          const pieces = Array.from({ length: Math.ceil(bytes.length / size) }, (_, index) => bytes.slice(index * size, (index + 1) * size))
          assert.deepStrictEqual(yield* collect(fromJson(Stream.fromIterable(pieces))), rows, text)
        }
        assert.deepStrictEqual(yield* collect(fromJson(Stream.make(text))), rows, text)
      }
      const of = (text: string) => collect(fromJson(Stream.make(text), { maxLineLength: 20 }))
      assert.deepStrictEqual(yield* of("[]"), [])
      assert.deepStrictEqual(yield* of(""), [])
      const cut = "The array doesn't end: the text was cut"
      assert.deepStrictEqual(yield* of('[{"a":1},{"a":2}'), [{ a: 1 }, { a: 2 }, cut])
      assert.deepStrictEqual(yield* of('[{"a":1},{"a":"2'), [{ a: 1 }, "It isn't JSON", cut])
      assert.deepStrictEqual(yield* of(`[{"a":1} {"a":2},{"a":"${"x".repeat(30)}"},{"a":3}]`), [
        "It isn't JSON",
        "It is longer than 20",
        { a: 3 },
      ])
    }),
  )

  it.effect("are told of as UTF-16, of which nothing is read", () =>
    Effect.gen(function* () {
      const told = ["The text is UTF-16, of which nothing is read: convert it to UTF-8 (iconv -f UTF-16 -t UTF-8)"]
      const text = '{"id":1}\n{"id":2}\n'
      const little = new Uint8Array(Buffer.from(text, "utf16le"))
      const big = little.slice().map((_, index, all) => all[index ^ 1] ?? 0)
      for (const bytes of [little, big, Uint8Array.of(0xff, 0xfe, ...little), Uint8Array.of(0xfe, 0xff, ...big)]) {
        for (const read of [fromJson, fromNdjson, fromCsv]) {
          assert.deepStrictEqual(yield* collect(read(Stream.make(bytes))), told)
          assert.deepStrictEqual(yield* collect(read(Stream.fromIterable(Array.from(bytes, (byte) => Uint8Array.of(byte))))), told)
        }
      }
      assert.deepStrictEqual(yield* collect(fromJson(Stream.make(utf8("5")))), [5])
    }),
  )

  it.effect("are told of by what their header looks like", () =>
    Effect.gen(function* () {
      const of = (text: string, options?: ApiKeyTransfer.CsvOptions) => collect(fromCsv(Stream.make(text), options))
      const semicolons = 'give the option delimiter ";" (--delimiter ";")'
      assert.deepStrictEqual(yield* of("id;user_id;key_hash\n1;2;3\n"), [
        `The header has 3 columns between semicolons, and 1 between commas: ${semicolons}`,
      ])
      assert.deepStrictEqual(yield* of("id;name, first;key_hash\n1;2;3\n"), [
        `The header has 3 columns between semicolons, and 2 between commas: ${semicolons}`,
      ])
      assert.deepStrictEqual(yield* of('"id";"name"\n"1";"2"\n'), [
        `The header can't be read. Cells end between semicolons here: if all do, ${semicolons}`,
      ])
      assert.deepStrictEqual(yield* of("id\tname\n1\t2\n"), [
        'The header has 2 columns between tabs, and 1 between commas: give the option delimiter "\\t" (--delimiter tab)',
      ])
      assert.deepStrictEqual(yield* of("id,name\n1,2\n", { delimiter: "|" }), [
        'The header has 2 columns between commas, and 1 between vertical bars: give the option delimiter "," (--delimiter ",")',
      ])
      assert.deepStrictEqual(yield* of('[{"id":1},\n{"id":2}]\n'), ["The text begins as JSON does, and CSV is expected"])
      // All that follows stands in its cell.
      assert.deepStrictEqual(yield* of('"id,name\n1,2\n'), ["The header can't be read. A quoted cell has no end"])
      assert.deepStrictEqual(yield* of("id;name\n1;2\n", { delimiter: ";" }), [{ id: "1", name: "2" }])
    }),
  )

  const Cell = Arbitrary.array(Arbitrary.schema(Schema.Literals(["a", '"', '""', ",", "\n", "\r\n", "\\", '"\n', ',"', "\nevil,b,c\n"])), {
    maxLength: 6,
  })
  it.effect.prop(
    "are none that whoever chose some cells made up, where a backslash stands before their quotes",
    { cells: Arbitrary.array(Cell, { minLength: 2, maxLength: 8 }), writer: Schema.Literals(["MySQL", "PHP"]) },
    ({ cells, writer }) =>
      Effect.gen(function* () {
        // MySQL escapes quotes and backslashes by a backslash; PHP's `fputcsv` doubles each quote that has none before it.
        const write = (text: string) => (writer === "MySQL" ? text.replace(/["\\]/g, "\\$&") : text.replace(/(?<!\\)"/g, '""'))
        const escaped = cells.map((parts) => `"${write(parts.join(""))}"`)
        const records = escaped.flatMap((cell, index) => (index === 0 ? [] : [`${index},${escaped[index - 1]},${cell}\n`]))
        const found = yield* collect(fromCsv(Stream.make(`id,name,description\n${records.join("")}`)))
        const ids = found.flatMap((row) => (typeof row === "string" ? [] : [Object(row)["id"]]))
        assert.deepStrictEqual(
          ids,
          Array.from(ids, (_, index) => String(index + 1)),
        )
      }),
    { arbitrary: { runs: 300 } },
  )

  it.effect.prop(
    "are never others than those that were written, whatever is in their cells",
    {
      table: Arbitrary.array(
        Arbitrary.array(
          Arbitrary.schema(Schema.Literals(["a", '"', '""', ",", "\n", "\r", "\r\n", "\\", "\ud800", "x".repeat(40), "1,2\n"])),
          {
            maxLength: 6,
          },
        ),
        { minLength: 1, maxLength: 8 },
      ),
      size: Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 9 })),
    },
    ({ table, size }) =>
      Effect.gen(function* () {
        const maxLineLength = 48
        // An unpaired surrogate stands for a byte that isn't UTF-8.
        const bytesOf = (text: string) => {
          const bytes: Array<number> = []
          for (const character of text) bytes.push(...(character === "\ud800" ? [0xff] : utf8(character)))
          return Uint8Array.from(bytes)
        }
        const rows = table.map((parts, index) => [String(index), parts.join("")] as const)
        const records = rows.map(([id, text]) => bytesOf(`${id},"${text.replaceAll('"', '""')}"`))
        const bytes = [bytesOf("id,text\n"), ...records.flatMap((record) => [record, utf8("\n")])].flatMap((part) => Array.from(part))
        const pieces = Array.from({ length: Math.ceil(bytes.length / size) }, (_, index) =>
          Uint8Array.from(bytes.slice(index * size, (index + 1) * size)),
        )
        const expected = rows.map(([id, text], index) =>
          (records[index]?.length ?? 0) > maxLineLength
            ? `It is longer than ${maxLineLength}`
            : text.includes("\ud800")
              ? "It isn't UTF-8"
              : { id, text },
        )
        assert.deepStrictEqual(yield* collect(fromCsv(Stream.fromIterable(pieces), { maxLineLength, backslash: "plain" })), expected)
      }),
    { arbitrary: { runs: 300 } },
  )

  it.effect.prop(
    "are those that another writer wrote, however they are cut",
    {
      // With what a cell has to be put in quotes for.
      table: Arbitrary.array(row, { minLength: 1, maxLength: 8 }),
      size: Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 7 })),
    },
    ({ table, size }) =>
      Effect.gen(function* () {
        const csv = (yield* Stream.runCollect(Stream.make(["a", "b"], ...table).pipe(Stream.pipeThroughChannel(Csv.encodeString())))).join(
          "",
        )
        const bytes = utf8(csv)
        const pieces = Array.from({ length: Math.ceil(bytes.length / size) }, (_, index) => bytes.slice(index * size, (index + 1) * size))
        const expected = table.map(([a, b]) => ({ a, b }))
        assert.deepStrictEqual(yield* collect(fromCsv(Stream.fromIterable(pieces))), expected)
        const ndjson = utf8(expected.map((row) => `${JSON.stringify(row)}\n`).join(""))
        const parts = Array.from({ length: Math.ceil(ndjson.length / size) }, (_, index) => ndjson.slice(index * size, (index + 1) * size))
        assert.deepStrictEqual(yield* collect(fromNdjson(Stream.fromIterable(parts))), expected)
      }),
    { arbitrary: { runs: 200 } },
  )
})

describe("ApiKeys.import", () => {
  it.effect("leaves what is there as it is, and may be run again", () =>
    run(
      Effect.gen(function* () {
        const apiKeys = yield* ApiKeys.ApiKeys
        const lines = linesOf(25)
        const [first] = yield* importing(lines.slice(0, 5))
        assert.deepStrictEqual(first, { _tag: "Progress", read: 5, inserted: 5, present: 0, refused: 0 })
        const { id } = rowOf(lines[0]!).apiKey
        yield* apiKeys.update(id, { name: "changed here" })
        const events = yield* importing(lines, { batchSize: 10 })
        assert.deepStrictEqual(events, [
          { _tag: "Progress", read: 10, inserted: 5, present: 5, refused: 0 },
          { _tag: "Progress", read: 20, inserted: 15, present: 5, refused: 0 },
          { _tag: "Progress", read: 25, inserted: 20, present: 5, refused: 0 },
        ])
        assert.strictEqual((yield* apiKeys.get(id)).name, "changed here")
        assert.deepStrictEqual(progressOf(yield* importing(lines)), { read: 25, inserted: 0, present: 25, refused: 0 })
        assert.strictEqual(yield* apiKeys.count(), 25)
        assert.deepStrictEqual(yield* importing([]), [{ _tag: "Progress", read: 0, inserted: 0, present: 0, refused: 0 }])
      }),
    ),
  )

  it.effect("takes no key for another one that has its id", () =>
    run(
      Effect.gen(function* () {
        const apiKeys = yield* ApiKeys.ApiKeys
        const there = makeStoredApiKey()
        const other = makeStoredApiKey({ id: there.apiKey.id })
        const lines = [encodeLine(there), encodeLine(other), encodeLine(there)]
        const expected = { read: 3, inserted: 1, present: 1, refused: 1 }
        for (const batchSize of [1, 10]) {
          const dry = yield* importing(lines, { batchSize, dryRun: true })
          assert.deepStrictEqual(progressOf(dry), expected)
          const ids = `has this id and another key id, ${there.apiKey.keyId}, where this row has ${other.apiKey.keyId}`
          assert.deepStrictEqual(refusedOf(dry), [{ row: 2, field: "id", reason: `Row 1 (the API key ${there.apiKey.id}) ${ids}` }])
        }
        assert.deepStrictEqual(progressOf(yield* importing(lines)), expected)
        // Once it was rotated here, nobody can tell any more by which key id it came.
        yield* apiKeys.rotate(there.apiKey.id, { grace: 0 })
        yield* apiKeys.rotate(there.apiKey.id, { grace: 0 })
        assert.deepStrictEqual(progressOf(yield* importing([encodeLine(there)])), { read: 1, inserted: 0, present: 1, refused: 0 })
      }),
    ),
  )

  it.effect("knows a key of another system by its hash, whatever its id has become", () => {
    const legacy = Sha256.make()
    const forerunner = FastapiApiKey.make({ pepper: Redacted.make("p") })
    const row = (id: number, hash: string, created_at: string) => ({
      id,
      hash: hash.repeat(64),
      created_at,
      expires_at: null,
      active: true,
    })
    const counts = (rows: ReadonlyArray<object>, from: LegacyTokens, dryRun = false) =>
      ApiKeys.ApiKeys.use((apiKeys) =>
        Effect.map(Stream.runCollect(apiKeys.import(Stream.fromIterable(rows), { from, dryRun })), (events) => {
          const { inserted, present, refused } = progressOf(events)
          return [inserted, present, refused, ...refusedOf(events).map(({ field }) => field)]
        }),
      )
    return run(
      Effect.gen(function* () {
        // A driver's time zone has moved the time, of which the id is made.
        const moved = [row(1, "a", "2024-01-01T00:00:00Z"), row(1, "a", "2024-01-01T01:00:00Z")]
        assert.deepStrictEqual(yield* counts(moved, legacy, true), [1, 1, 0])
        assert.deepStrictEqual(yield* counts(moved, legacy), [1, 1, 0])
        // Of two tables with one name, neither with a time.
        const tables = [row(7, "b", ""), row(7, "c", "")]
        assert.deepStrictEqual(yield* counts(tables, legacy, true), [1, 0, 1, "id"])
        assert.deepStrictEqual(yield* counts(tables, legacy), [1, 0, 1, "id"])
        // Where the key id isn't made of the hash, the hash itself tells.
        const [first, second] = [fastapi[0]!.row, fastapi[2]!.row]
        const shifted = { ...first, created_at: "2020-01-01" }
        const rival = { ...second, key_id: first.key_id }
        for (const dryRun of [true, false])
          assert.deepStrictEqual(yield* counts([first, shifted, rival], forerunner, dryRun), [1, 1, 1, "keyId"])
      }),
    )
  })

  describe("of several rows with one token", () => {
    const hash = createHash("sha256").update("one token").digest()
    const hex = hash.toString("hex")
    const base = { expires_at: null, created_at: "2024-01-01" }
    const revoked = { ...base, id: 1, key_hash: hex, user_id: "ada", revoked_at: "2024-02-01" }
    const active = { ...base, id: 2, key_hash: hex, user_id: "ada", revoked_at: null }
    const others = { ...base, id: 3, key_hash: hex, user_id: "bob", revoked_at: null }
    const unkeyed = { hash: hash.toString("base64"), enabled: true, expires: null, deleted_at_m: null, created_at_m: 1 }
    const authed = { key: hash.toString("base64url"), enabled: true, expiresAt: null, createdAt: "2024-01-01" }
    const kept = { keyHash: hex, enabled: true, expiresAt: null, revokedAt: null }
    const filler = Array.from({ length: 7 }, (_, index) => ({ ...active, id: 100 + index, key_hash: `${index}`.padStart(64, "0") }))
    const withoutId = ({ id: _id, ...row }: typeof active | typeof revoked) => row

    const importRows = (rows: ReadonlyArray<object>, from: LegacyTokens, options: ApiKeyTransfer.ImportOptions = {}) =>
      ApiKeys.ApiKeys.use((apiKeys) => Stream.runCollect(apiKeys.import(Stream.fromIterable(rows), { from, ...options })))

    it.effect("keeps the first and refuses the others, naming both, in one batch, in several, and in a dry run", () =>
      Effect.gen(function* () {
        const csv = (rows: ReadonlyArray<object>) =>
          [Object.keys(rows[0]!), ...rows.map((row) => Object.values(row).map((cell) => cell ?? ""))]
            .map((cells) => cells.join(","))
            .join("\n")
        const cases: ReadonlyArray<readonly [LegacyTokens, ReadonlyArray<object>]> = [
          [Sha256.make(), [revoked, ...filler, active, others]],
          // Nothing but what they say tells them apart.
          [Sha256.make(), [revoked, active, others].map(withoutId)],
          // One id, as a join of two tables makes rows of one.
          [Sha256.make(), [active, { ...active, user_id: "bob" }, { ...active, user_id: "eve" }]],
          [Unkey.make(), ["key_1", "key_2", "key_3"].map((id) => ({ ...unkeyed, id }))],
          [BetterAuth.make(), ["a", "b", "c"].map((id) => ({ ...authed, id }))],
          [Keypal.make(), ["a", "b", "c"].map((id) => ({ ...kept, id }))],
          [
            PrefixedApiKey.make({ prefix: "p" }),
            ["1", "2", "3"].map((id) => ({ ...base, id, short_token: "s", long_token_hash: hex, revoked_at: null })),
          ],
        ]
        for (const [from, rows] of cases) {
          const [second, third] = [rows.length - 1, rows.length]
          for (const batchSize of [1, 2, 1_000]) {
            for (const way of ["rows", "csv", "array", "lines"] as const) {
              yield* run(
                Effect.gen(function* () {
                  const apiKeys = yield* ApiKeys.ApiKeys
                  const stream = {
                    rows: Stream.fromIterable<unknown>(rows),
                    csv: fromCsv(Stream.make(csv(rows))),
                    array: fromJson(Stream.make(JSON.stringify(rows))),
                    lines: fromJson(Stream.make(rows.map((row) => JSON.stringify(row)).join("\n"))),
                  }[way]
                  for (const dryRun of [true, false]) {
                    const events = yield* Stream.runCollect(apiKeys.import(stream, { from, batchSize, dryRun }))
                    assert.deepInclude(progressOf(events), { inserted: rows.length - 2, present: 0, refused: 2 }, `${from.name} ${way}`)
                    const refused = refusedOf(events)
                    assert.deepStrictEqual(
                      refused.map(({ row }) => row),
                      [second, third],
                    )
                    for (const { reason } of refused) {
                      assert.match(
                        reason,
                        /^Row 1 (?:\(the API key [-0-9a-f]{36}\) has the token of this row, which would be the API key [-0-9a-f]{36}|is of the same API key \([-0-9a-f]{36}\))/,
                      )
                      assert.notInclude(reason, hex.slice(0, 8))
                    }
                  }
                }),
              )
            }
          }
        }
      }),
    )

    it.effect("keeps the one that is in the store, and names it", () =>
      run(
        Effect.gen(function* () {
          const apiKeys = yield* ApiKeys.ApiKeys
          const from = Sha256.make()
          yield* importRows([revoked], from)
          const [there] = yield* Stream.runCollect(apiKeys.stream())
          for (const dryRun of [true, false]) {
            const events = yield* importRows([active, others], from, { dryRun })
            assert.deepStrictEqual(
              refusedOf(events).map(({ row, field }) => [row, field]),
              [
                [1, "hash"],
                [2, "hash"],
              ],
            )
            for (const { reason } of refusedOf(events)) assert.include(reason, `The API key ${there?.id} has the token of this row`)
          }
          // The very same key is there, whatever has become of it, and in whatever time zone it is read.
          yield* apiKeys.activate(there!.id)
          for (const again of [revoked, { ...revoked, revoked_at: null }, { ...revoked, created_at: "2024-01-01T02:00:00" }]) {
            assert.deepStrictEqual(progressOf(yield* importRows([again], from)), { read: 1, inserted: 0, present: 1, refused: 0 })
          }
          assert.deepStrictEqual(progressOf(yield* importRows([revoked, revoked], from)), { read: 2, inserted: 0, present: 2, refused: 0 })
        }),
      ),
    )

    it.effect("refuses lines of ours too that say something else of one key", () =>
      run(
        Effect.gen(function* () {
          const key = makeStoredApiKey()
          const other = new StoredApiKey({ ...key, apiKey: new ApiKey({ ...key.apiKey, isActive: false }) })
          const events = yield* importing([encodeLine(key), encodeLine(other), encodeLine(key)])
          assert.deepStrictEqual(progressOf(events), { read: 3, inserted: 1, present: 1, refused: 1 })
          assert.deepStrictEqual(refusedOf(events), [
            { row: 2, field: "row", reason: `Row 1 is of the same API key (${key.apiKey.id}), and says something else of it` },
          ])
        }),
      ),
    )
  })

  it.effect("refuses lines with a hash that nobody could check, unless asked for them", () =>
    run(
      Effect.gen(function* () {
        const own = encodeLine(makeStoredApiKey({ hash: `$hmac-sha256$${"A".repeat(43)}` }))
        const lines = [
          encodeLine(makeStoredApiKey({ hash: "garbage" })),
          encodeLine(makeStoredApiKey({ hash: "$legacy-fastapi$2b$31$x" })),
          encodeLine(makeStoredApiKey({ hash: "$legacy-sha256$x" })),
          own,
        ]
        const events = yield* importing(lines, { unknownHashes: "refuse" })
        const reason = "No hasher and no adapter can check it"
        assert.deepStrictEqual(refusedOf(events), [
          { row: 1, field: "hash", reason },
          { row: 2, field: "hash", reason },
        ])
        assert.deepStrictEqual(progressOf(yield* importing(lines)), { read: 4, inserted: 2, present: 2, refused: 0 })
      }),
      { legacy: [Sha256.make()] },
    ),
  )

  it.effect("tells of each row that it refuses, and goes on", () =>
    run(
      Effect.gen(function* () {
        const good = linesOf(4)
        const { id, keyId } = rowOf(good[0]!).apiKey
        const rival = encodeLine(makeStoredApiKey({ keyId, hash: "$rival" }))
        const rows = [
          good[0]!,
          '{"hash":"$x',
          rival,
          good[1]!,
          encodeLine(makeStoredApiKey().apiKey),
          good[2]!,
          good[0]!,
          "[]",
          good[3]!,
        ].join("\n")
        const expected = [
          { row: 2, field: "row", reason: "It isn't JSON" },
          {
            row: 3,
            field: "keyId",
            reason: `Row 1 (the API key ${id}) has the key id of this row (${keyId}), for its current token or the one before`,
          },
          // Each line has its end, and the empty one after it is none.
          { row: 5, field: "hash", reason: "It was exported without its hash" },
          { row: 8, field: "row", reason: "It isn't an object" },
        ]
        for (const batchSize of [1, 2, 100]) {
          const dry = yield* importing([rows], { batchSize, dryRun: true })
          assert.deepStrictEqual(refusedOf(dry), expected)
          assert.deepStrictEqual(progressOf(dry), { read: 9, inserted: 4, present: 1, refused: 4 })
          assert.strictEqual(yield* ApiKeys.ApiKeys.use((apiKeys) => apiKeys.count()), 0)
        }
        const events = yield* importing([rows], { batchSize: 2 })
        assert.deepStrictEqual(refusedOf(events), expected)
        assert.deepStrictEqual(progressOf(events), { read: 9, inserted: 4, present: 1, refused: 4 })
        assert.strictEqual(yield* ApiKeys.ApiKeys.use((apiKeys) => apiKeys.count()), 4)
      }),
    ),
  )

  it.effect.prop(
    "foresees in a dry run what it does, repetitions and rivals included",
    {
      picks: Arbitrary.array(Arbitrary.schema(Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 11 }))), { maxLength: 40 }),
      batchSize: Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 7 })),
    },
    ({ picks, batchSize }) =>
      run(
        Effect.gen(function* () {
          const keys = Array.from({ length: 4 }, () => makeStoredApiKey())
          const pool = keys.flatMap(({ apiKey }, index) => [
            encodeLine(keys[index]!),
            encodeLine(makeStoredApiKey({ keyId: apiKey.keyId })),
            "{}",
          ])
          const lines = picks.map((pick) => `${pool[pick]!.trim()}\n`)
          const apiKeys = yield* ApiKeys.ApiKeys
          const stream = apiKeys.import(fromNdjson(Stream.fromIterable(lines)), { batchSize, dryRun: true, unknownHashes: "accept" })
          const dry = yield* Stream.runCollect(stream)
          // Each run starts afresh.
          assert.deepStrictEqual(yield* Stream.runCollect(stream), dry)
          assert.strictEqual(yield* apiKeys.count(), 0)
          assert.deepStrictEqual(yield* importing(lines, { batchSize }), dry)
        }),
      ),
    { arbitrary: { runs: 100 } },
  )

  it.effect("goes on after the rows that it passes over", () =>
    run(
      Effect.gen(function* () {
        const lines = [...linesOf(7), "{\n", ...linesOf(4)]
        const breaking = Stream.concat(Stream.fromIterable(lines.slice(0, 9)), Stream.fail("the line is cut"))
        const seen: Array<ApiKeyTransfer.ImportEvent> = []
        const apiKeys = yield* ApiKeys.ApiKeys
        const exit = yield* Effect.exit(
          Stream.runForEach(apiKeys.import(fromNdjson(Stream.rechunk(breaking, 1)), { batchSize: 3, unknownHashes: "accept" }), (event) =>
            Effect.sync(() => seen.push(event)),
          ),
        )
        assert.deepStrictEqual(Exit.isFailure(exit) && Cause.squash(exit.cause), "the line is cut")
        const { read } = progressOf(seen)
        assert.include([6, 9], read)
        // What it reads doesn't even have to be readable.
        const rest = yield* importing(["x\n", ...lines.slice(1)], { batchSize: 5, skip: read })
        assert.strictEqual(progressOf(rest).read, 12)
        assert.strictEqual(yield* apiKeys.count(), 11)
        assert.deepStrictEqual(
          [...refusedOf(seen), ...refusedOf(rest)].map(({ row }) => row),
          [8],
        )
        assert.deepStrictEqual(progressOf(yield* importing(lines, { skip: 100 })), { read: 12, inserted: 0, present: 0, refused: 0 })
      }),
    ),
  )

  it.live("holds no more than three batches, each of at most so many rows", () =>
    Effect.gen(function* () {
      const sizes: Array<number> = []
      const ahead: Array<number> = []
      let requested = 0
      let written = 0
      const counting = Layer.effect(
        Repository.ApiKeyRepository,
        Repository.ApiKeyRepository.use((repository) =>
          Effect.succeed({
            ...repository,
            insertMany: (keys: ReadonlyArray<StoredApiKey>) =>
              Effect.sleep("1 millis").pipe(
                Effect.andThen(
                  Effect.suspend(() => {
                    sizes.push(keys.length)
                    ahead.push(requested - written)
                    written += keys.length
                    return repository.insertMany(keys)
                  }),
                ),
              ),
          }),
        ),
      ).pipe(Layer.provide(Layer.fresh(Repository.layerMemory)))
      const rows = Stream.rechunk(Stream.range(1, 95), 1).pipe(
        Stream.map((): unknown => {
          requested++
          return rowOf(encodeLine(makeStoredApiKey()))
        }),
      )
      yield* ApiKeys.ApiKeys.use((apiKeys) => Stream.runDrain(apiKeys.import(rows, { batchSize: 10, unknownHashes: "accept" }))).pipe(
        Effect.provide(ApiKeys.layer.pipe(Layer.provide([layerEphemeral, counting]))),
      )
      assert.deepStrictEqual(sizes, [...Array.from({ length: 9 }, () => 10), 5])
      assert.isAtMost(Math.max(...ahead), 30)
    }),
  )

  it.live("reads rows while the store is at work", () =>
    Effect.gen(function* () {
      let requested = 0
      let meanwhile = 0
      const slow = Layer.effect(
        Repository.ApiKeyRepository,
        Repository.ApiKeyRepository.use((repository) =>
          Effect.succeed({
            ...repository,
            insertMany: (keys: ReadonlyArray<StoredApiKey>) =>
              Effect.suspend(() => {
                const before = requested
                return Effect.tap(Effect.delay(repository.insertMany(keys), "20 millis"), () =>
                  Effect.sync(() => (meanwhile += requested - before)),
                )
              }),
          }),
        ),
      ).pipe(Layer.provide(Layer.fresh(Repository.layerMemory)))
      // All of them at hand, as the rows of a chunk of a file are.
      const rows = Stream.map(Stream.rechunk(Stream.fromIterable(linesOf(300)), 10), (line): unknown => (requested++, rowOf(line)))
      yield* ApiKeys.ApiKeys.use((apiKeys) => Stream.runDrain(apiKeys.import(rows, { batchSize: 50, unknownHashes: "accept" }))).pipe(
        Effect.provide(ApiKeys.layer.pipe(Layer.provide([layerEphemeral, slow]))),
      )
      assert.isAtLeast(meanwhile, 100)
    }),
  )

  it.effect("lets a key in at once that was refused as unknown", () =>
    Effect.gen(function* () {
      // One hasher for both, as the pepper has to be the same.
      const service = Effect.map(
        Layer.build(Layer.fresh(ApiKeys.layerWith({}).pipe(Layer.provide(Layer.fresh(Repository.layerMemory))))),
        (context) => Context.get(context, ApiKeys.ApiKeys),
      )
      const source = yield* service
      const target = yield* service
      const { token } = yield* source.create({ name: "moved" })
      assert.strictEqual((yield* Effect.flip(target.verify(token)))._tag, "NotFound")
      yield* Stream.runDrain(target.import(fromNdjson(source.export({ hashes: true }))))
      assert.strictEqual((yield* target.verify(token)).apiKey.name, "moved")
    }).pipe(Effect.provide(layerEphemeral)),
  )

  it.effect("refuses options that make no sense", () =>
    run(
      Effect.gen(function* () {
        for (const [field, values] of Object.entries({ skip: [-1, 0.5, Number.NaN], batchSize: [0, 1.5, 10_001] })) {
          for (const value of values) {
            assert.deepInclude(yield* Effect.flip(importing(linesOf(1), { [field]: value })), { _tag: "InvalidInput", field })
          }
        }
        assert.strictEqual(yield* ApiKeys.ApiKeys.use((apiKeys) => apiKeys.count()), 0)
      }),
    ),
  )

  it.effect("checks what an adapter of somebody's own gives", () =>
    run(
      Effect.gen(function* () {
        const legacy = Sha256.make()
        const row = { id: 1, key_hash: "a".repeat(64), name: "n", expires_at: null, revoked_at: null }
        const readRows: ReadonlyArray<ApiKeyTransfer.RowReader["readRow"]> = [
          (row) => Result.map(legacy.readRow(row), (record) => ({ ...record, prefix: "\0" })),
          (row) => Result.map(legacy.readRow(row), (record) => ({ ...record, name: "" })),
          (row) => Result.map(legacy.readRow(row), (record) => ({ ...record, hash: Redacted.make("\ud800") })),
          () => Result.fail(new InvalidInput({ field: "mine", reason: "because" })),
          () => Result.succeed(new StoredApiKey({ ...makeStoredApiKey(), previousHash: Redacted.make("p") })),
          () => Result.succeed(makeStoredApiKey()),
        ]
        const fields: Array<string | undefined> = []
        for (const readRow of readRows) fields.push(refusedOf(yield* importing([JSON.stringify(row)], { from: { readRow } }))[0]?.field)
        assert.deepStrictEqual(fields, ["apiKey.prefix", "name", "hash", "mine", "previousHash", undefined])
      }),
    ),
  )
})

describe("keys of other systems", () => {
  const homeMade = "key of the house"
  const unkeyToken = "shop_3ZaKQ7mVxJ9cYpTfWhRuB2nE"
  const sha256 = (text: string, encoding: "hex" | "base64") => createHash("sha256").update(text).digest(encoding)
  const vectors: ReadonlyArray<{ readonly legacy: LegacyTokens; readonly token: string; readonly row: object; readonly isCut?: boolean }> =
    [
      ...fastapi.map(({ label, pepper, prefix, separator, secret, token, row }) => ({
        isCut: label === "bcrypt, 0.2.1" && Buffer.byteLength(secret) >= 72,
        legacy: FastapiApiKey.make({ pepper: Redacted.make(pepper), prefix, separator }),
        token,
        row,
      })),
      ...betterAuth.map(({ label, token, row }) => ({ legacy: BetterAuth.make({ disableKeyHashing: label === "unhashed" }), token, row })),
      ...keypal.map(({ options: { salt, algorithm, prefix }, token, row }) => ({
        legacy: Keypal.make({
          salt: salt === undefined ? undefined : Redacted.make(salt),
          algorithm: algorithm === "sha512" ? "sha512" : "sha256",
          prefix,
        }),
        token,
        row,
      })),
      ...prefixedApiKey.map(({ prefix, token, row }) => ({
        legacy: PrefixedApiKey.make({ prefix, columns: { expiresAt: null, isActive: null } }),
        token,
        row,
      })),
      ...django.map(({ token, row }) => ({ legacy: Django.make(), token, row })),
      {
        legacy: Unkey.make({ prefix: "shop_" }),
        token: unkeyToken,
        row: {
          id: "key_1",
          hash: sha256(unkeyToken, "base64"),
          enabled: 1,
          expires: null,
          deleted_at_m: null,
          created_at_m: 1_700_000_000_000,
        },
      },
      { legacy: Sha256.make(), token: homeMade, row: { id: 7, key_hash: sha256(homeMade, "hex"), expires_at: null, active: true } },
    ]

  it.live("verify after an import, from JSON and from CSV, and after a move to another database, and are upgraded", () =>
    Effect.forEach(
      // Argon2 of another system is computed by `node:crypto`, from Node 24.7 on.
      vectors.filter(({ row }) => "argon2" in nodeCrypto || !JSON.stringify(row).includes("$argon2")),
      ({ legacy, token, row, isCut = false }) =>
        Effect.gen(function* () {
          const csv = (yield* Stream.runCollect(
            Stream.make(
              Object.keys(row),
              Object.values(row).map((cell) => (cell === null ? "" : typeof cell === "object" ? JSON.stringify(cell) : String(cell))),
            ).pipe(Stream.pipeThroughChannel(Csv.encodeString())),
          )).join("")
          const expected = { read: 1, inserted: 1, present: 0, refused: 0 }
          const verified = Effect.gen(function* () {
            const apiKeys = yield* ApiKeys.ApiKeys
            const [apiKey] = yield* Stream.runCollect(apiKeys.stream())
            const verified = yield* Effect.result(apiKeys.verify(token))
            const outcome = Result.isSuccess(verified) ? verified.success.apiKey.id : verified.failure._tag
            const isExpired = typeof apiKey?.expiresAt?.epochMilliseconds === "number" && apiKey.expiresAt.epochMilliseconds <= Date.now()
            assert.strictEqual(outcome, apiKey?.isActive === false ? "Inactive" : isExpired ? "Expired" : apiKey?.id)
            // At its beginning, as bcrypt doesn't look at the end of a long one.
            const secret = Redacted.value(legacy.parse(token)[0]!.secret)
            const wrong = token.slice(0, -secret.length) + (secret.startsWith("A") ? "B" : "A") + secret.slice(1)
            assert.include(["NotFound", "InvalidSecret", "MalformedToken"], (yield* Effect.flip(apiKeys.verify(wrong)))._tag)
            return yield* Stream.runCollect(apiKeys.export({ hashes: true }))
          })
          /** The record's hash becomes one of ours, by which the very same token goes on. Not where bcrypt didn't see the end of the secret. */
          const upgraded = Effect.gen(function* () {
            const apiKeys = yield* ApiKeys.ApiKeys
            const repository = yield* Repository.ApiKeyRepository
            const outcome = Effect.map(Effect.result(apiKeys.verify(token, { maxAge: 0 })), (verified) =>
              Result.isSuccess(verified) ? "good" : verified.failure._tag,
            )
            const isLegacy = Effect.map(Stream.runCollect(repository.streamStored({})), (all) =>
              all.some(({ hash }) => Redacted.value(hash).startsWith("$legacy-")),
            )
            const before = yield* outcome
            for (let time = 0; time < (isCut ? 10 : 500) && (yield* isLegacy); time++) yield* Effect.sleep("10 millis")
            assert.strictEqual(yield* isLegacy, isCut, JSON.stringify(row))
            assert.strictEqual(yield* outcome, before)
          })
          const lines = yield* run(
            Effect.gen(function* () {
              const apiKeys = yield* ApiKeys.ApiKeys
              const events = yield* Stream.runCollect(apiKeys.import(fromNdjson(Stream.make(JSON.stringify(row))), { from: legacy }))
              assert.deepStrictEqual(progressOf(events), expected, JSON.stringify(events))
              const again = yield* Stream.runCollect(apiKeys.import(fromCsv(Stream.make(csv)), { from: legacy }))
              assert.deepStrictEqual(progressOf(again), { ...expected, inserted: 0, present: 1 })
              return yield* verified
            }),
            { legacy: [legacy] },
          )
          yield* run(
            Effect.gen(function* () {
              assert.deepStrictEqual(progressOf(yield* importing(lines)), expected)
              yield* verified
              yield* upgraded
            }),
            { legacy: [legacy] },
          )
        }),
      { discard: true },
    ),
  )
})

describe("ApiKeys.export", () => {
  it.effect("gives lines without hashes unless asked, the oldest first, of those that match", () =>
    run(
      Effect.gen(function* () {
        const repository = yield* Repository.ApiKeyRepository
        const apiKeys = yield* ApiKeys.ApiKeys
        const keys = [3, 1, 2].map((day) =>
          makeStoredApiKey({ createdAt: DateTime.makeUnsafe(`2026-01-0${day}T00:00:00Z`), ownerId: day === 2 ? null : "me", hash: "$h" }),
        )
        yield* repository.insertMany(keys)
        const [third, first, second] = keys as [StoredApiKey, StoredApiKey, StoredApiKey]
        const lines = (options?: ApiKeys.ExportOptions) => Stream.runCollect(apiKeys.export(options))
        assert.deepStrictEqual(
          yield* lines(),
          [first, second, third].map(({ apiKey }) => encodeLine(apiKey)),
        )
        assert.deepStrictEqual(yield* lines({ hashes: true }), [first, second, third].map(encodeLine))
        assert.deepStrictEqual(
          yield* lines({ filter: { ownerId: "me" } }),
          [first, third].map(({ apiKey }) => encodeLine(apiKey)),
        )
        assert.deepStrictEqual(yield* lines({ hashes: true, filter: { ownerId: "me" } }), [first, third].map(encodeLine))
        assert.strictEqual((yield* Effect.flip(lines({ filter: { ownerId: "" } })))._tag, "InvalidInput")
        assert.isFalse((yield* lines()).join("").includes("$h"))
      }),
    ),
  )

  it.effect("leaves no hash in spans and logs, nor does an import", () => {
    const spans: Array<Tracer.NativeSpan> = []
    const logged: Array<unknown> = []
    return run(
      Effect.gen(function* () {
        const apiKeys = yield* ApiKeys.ApiKeys
        const lines = [encodeLine(makeStoredApiKey({ hash: "$topsecret" })), '{"hash":"$topsecret', "\n"]
        const events = yield* importing(lines)
        assert.strictEqual(progressOf(events).inserted, 1)
        assert.include((yield* Stream.runCollect(apiKeys.export({ hashes: true }))).join(""), "$topsecret")
        assert.isAbove(spans.length, 1)
        assert.notInclude(inspect([events, spans, logged], { depth: 12, showHidden: true }), "topsecret")
      }).pipe(
        Effect.provideService(Tracer.Tracer, tracerInto(spans)),
        Effect.provide(Logger.layer([Logger.make((entry) => logged.push(entry.message, entry.cause))])),
        Effect.provideService(References.MinimumLogLevel, "All"),
      ),
    )
  })
})

describe("what the schema says", () => {
  it("is what a line is", () => {
    const key = makeStoredApiKey()
    const decoded = Schema.decodeUnknownSync(ApiKeyTransfer.ExportedKey)(rowOf(encodeLine(key)))
    assert.instanceOf(decoded.apiKey, ApiKey)
    assert.deepStrictEqual(plain(new StoredApiKey({ apiKey: decoded.apiKey, hash: decoded.hash!, previousHash: null })), plain(key))
  })
})
