import { assert, describe, it } from "@effect/vitest"
import { Arbitrary, Effect, Schema, Stream } from "effect"
import { Csv } from "effect/encoding"
import * as ApiKeyTransfer from "../../src/ApiKeyTransfer.ts"
import { fromCsv, fromJson, fromNdjson } from "./support.ts"

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
