/**
 * Keys as lines of text, to move them between databases and systems: what `ApiKeys.export` writes, and what `ApiKeys.import` reads.
 *
 * A line is an {@link ExportedKey} in JSON. Rows of other systems come by {@link fromCsv} or {@link fromNdjson} and one of the adapters in
 * `effect-api-key/legacy/*`. This module needs nothing of Node, so that a browser may import it.
 * @since 0.1.0
 */
import * as Arr from "effect/Array"
import * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as SchemaIssue from "effect/SchemaIssue"
import * as Stream from "effect/Stream"
import { ApiKey, keyIdsOf, StoredApiKey } from "./ApiKey.ts"
import { InvalidInput } from "./ApiKeyError.ts"
import { isStorableText } from "./internal/storableText.ts"
import type { LegacyRecord } from "./LegacyTokens.ts"

/** What each line says of itself. @category models @since 0.1.0 */
export const format = "effect-api-key"

/** The version of the lines' schema. Lines of another one are refused. @category models @since 0.1.0 */
export const formatVersion = 1

/**
 * A key on a line. `hash` and `previousHash` are absent if it was exported without hashes, and `previousHash` if there is no previous token.
 * @category models
 * @since 0.1.0
 */
export interface ExportedKey {
  readonly format: typeof format
  readonly version: typeof formatVersion
  readonly apiKey: ApiKey
  readonly hash?: Redacted.Redacted
  readonly previousHash?: Redacted.Redacted
}

// Without a label, which those that are written would have to have.
const Hash = Schema.RedactedFromValue(Schema.String)

/**
 * A key on a line, in JSON. Unlike `StoredApiKey` it writes the hashes.
 * @category schemas
 * @since 0.1.0
 */
export const ExportedKey: Schema.Codec<ExportedKey, Schema.Json> = Schema.toCodecJson(
  Schema.Struct({
    format: Schema.Literal(format),
    version: Schema.Literal(formatVersion),
    apiKey: ApiKey,
    hash: Schema.optionalKey(Hash),
    previousHash: Schema.optionalKey(Hash),
  }),
)

const encode = Schema.encodeSync(ExportedKey)
const decode = Schema.decodeUnknownResult(ExportedKey, { onExcessProperty: "error" })

/**
 * Writes a line, with its end: of a stored key with its hashes, of a plain record without.
 * @category combinators
 * @since 0.1.0
 */
export const encodeLine = (key: ApiKey | StoredApiKey): string => {
  const whole = key instanceof ApiKey ? { apiKey: key } : toHashes(key)
  return `${JSON.stringify(encode({ format, version: formatVersion, ...whole }))}\n`
}

const toHashes = ({ apiKey, hash, previousHash }: StoredApiKey): Pick<ExportedKey, "apiKey" | "hash" | "previousHash"> =>
  previousHash === null ? { apiKey, hash } : { apiKey, hash, previousHash }

/**
 * Reads an object that {@link encodeLine} wrote. One without a hash, of another version or with a field that version 1 doesn't have is
 * refused; the error names the field and never quotes its value.
 * @category combinators
 * @since 0.1.0
 */
export const readRow = (row: unknown): Result.Result<StoredApiKey, InvalidInput> => {
  if (!isObject(row)) return refuse("row", "It isn't an object")
  if (row["format"] !== format) return refuse("format", `It isn't a line of ${format}`)
  if (row["version"] !== formatVersion) return refuse("version", `Only version ${formatVersion} can be read`)
  return Result.flatMap(Result.mapError(decode(row), toInvalidInput), ({ apiKey, hash, previousHash }) =>
    hash === undefined
      ? refuse("hash", "It was exported without its hash")
      : checked(apiKey, label(hash), previousHash === undefined ? null : label(previousHash)),
  )
}

const label = (hash: Redacted.Redacted): Redacted.Redacted => Redacted.make(Redacted.value(hash), { label: "hash" })

/**
 * What reads the rows of an import: a `LegacyTokens`, or a reader of your own.
 * @category models
 * @since 0.1.0
 */
export interface RowReader {
  readonly readRow: (row: Readonly<Record<string, unknown>>) => Result.Result<LegacyRecord | StoredApiKey, InvalidInput>
}

/**
 * Reads a row as an import does: by `reader`, or as a line of ours without one.
 * @category combinators
 * @since 0.1.0
 */
export const readRowBy = (row: unknown, reader: RowReader | undefined): Result.Result<StoredApiKey, InvalidInput> => {
  if (row instanceof UnreadableRow) return refuse("row", row.reason)
  if (reader === undefined) return readRow(row)
  if (!isObject(row)) return refuse("row", "It isn't an object")
  return Result.flatMap(reader.readRow(row), (read) => {
    if (read instanceof StoredApiKey) return checked(read.apiKey, read.hash, read.previousHash)
    const { hash, ...fields } = read
    const whole = { ...fields, deactivatedAt: null, deactivationReason: null, version: 1, rotatedAt: null, previous: null }
    return Result.flatMap(Result.mapError(decodeFields(whole), toInvalidInput), (fields) =>
      checked(new ApiKey(fields, { disableChecks: true }), hash, null),
    )
  })
}

const decodeFields = Schema.decodeUnknownResult(Schema.toType(Schema.Struct(ApiKey.fields)))

const isObject = (row: unknown): row is Readonly<Record<string, unknown>> => typeof row === "object" && row !== null && !Array.isArray(row)

const refuse = (field: string, reason: string): Result.Result<never, InvalidInput> => Result.fail(new InvalidInput({ field, reason }))

const formatIssue = SchemaIssue.makeFormatterStandardSchemaV1()

/** The name of an unknown field is whatever somebody wrote there. */
const toInvalidInput = ({ issue }: Schema.SchemaError): InvalidInput => {
  const first = formatIssue(issue).issues[0]
  const field = (first?.path ?? []).map((segment) => String(typeof segment === "object" ? segment.key : segment)).join(".")
  return new InvalidInput({ field: /^[\w.]{1,64}$/.test(field) ? field : "row", reason: first?.message ?? "It is invalid" })
}

const maxTextLength = 512
const maxHashLength = 8_192
// As PostgreSQL keeps it.
const maxRecordVersion = 2_147_483_647

const isKept = (text: string, maxLength: number): boolean => text.length <= maxLength && isStorableText(text)

/** What the schemas leave open, but one record among many mustn't make a whole statement fail. */
const checked = (
  apiKey: ApiKey,
  hash: Redacted.Redacted,
  previousHash: Redacted.Redacted | null,
): Result.Result<StoredApiKey, InvalidInput> => {
  const { previous } = apiKey
  const texts = { "apiKey.prefix": apiKey.prefix, "apiKey.hint": apiKey.hint, "apiKey.previous.hint": previous?.hint ?? "" }
  for (const [field, text] of Object.entries(texts)) {
    if (!isKept(text, maxTextLength)) return refuse(field, `It has more than ${maxTextLength} characters, or NUL among them`)
  }
  for (const [field, some] of Object.entries({ hash, previousHash })) {
    if (some !== null && !isKept(Redacted.value(some), maxHashLength)) {
      return refuse(field, `It has more than ${maxHashLength} characters, or NUL among them`)
    }
  }
  if (apiKey.version > maxRecordVersion) return refuse("apiKey.version", `It is beyond ${maxRecordVersion}`)
  if (previous !== null && previousHash === null) return refuse("previousHash", "There is a previous token, but no hash of it")
  if (previous === null && previousHash !== null) return refuse("previousHash", "There is no previous token")
  if (previous !== null && previous.expiresAt === null && previous.graceSeconds === null) {
    return refuse("apiKey.previous.expiresAt", "The previous token never ends")
  }
  if (new Set(keyIdsOf(apiKey)).size !== keyIdsOf(apiKey).length) return refuse("apiKey.previous.keyId", "It is the current key id")
  return Result.succeed(new StoredApiKey({ apiKey, hash, previousHash }, { disableChecks: true }))
}

/**
 * A row that wasn't kept, and why. `row` counts from 1, rows that were skipped included; `field` is a field of a line of ours, a column of
 * another system's row, or `row` for all of it. Neither quotes a hash.
 * @category models
 * @since 0.1.0
 */
export interface Refused {
  readonly _tag: "Refused"
  readonly row: number
  readonly field: string
  readonly reason: string
}

/**
 * How far an import has come. What it tells of is in the database for good, so that an import that breaks off goes on after `read` rows. The
 * others count since its start: rows that are kept now, whose id was there already (and which were left as they are), and that were refused.
 * @category models
 * @since 0.1.0
 */
export interface Progress {
  readonly _tag: "Progress"
  /** Rows so far, those that were skipped included. */
  readonly read: number
  readonly inserted: number
  readonly present: number
  readonly refused: number
}

/** @category models @since 0.1.0 */
export type ImportEvent = Refused | Progress

/**
 * How rows are imported.
 * @category models
 * @since 0.1.0
 */
export interface ImportOptions {
  /** What reads the rows: an adapter of `effect-api-key/legacy/*`, say. Default: lines that `export` wrote. */
  readonly from?: RowReader | undefined
  /**
   * Whether to only tell what an import would do. It keeps the ids of all rows in memory, some 200 bytes for each, as none of them gets into
   * the database to be found there. Default: no.
   */
  readonly dryRun?: boolean | undefined
  /** How many rows to pass over: `read` of the last `Progress`. Default: 0. */
  readonly skip?: number | undefined
  /** How many rows are written in one statement, while up to twice as many are read ahead: 1 to 10,000. Default: 1,000. */
  readonly batchSize?: number | undefined
}

/**
 * A row that couldn't be parsed, which an import refuses.
 * @category models
 * @since 0.1.0
 */
export class UnreadableRow {
  readonly reason: string
  constructor(reason: string) {
    this.reason = reason
  }
}

/** @category models @since 0.1.0 */
export interface LineOptions {
  /** How long a line, or a record of CSV, may be: bytes, or UTF-16 units of strings. A longer one is refused. Default: 1,048,576. */
  readonly maxLineLength?: number | undefined
}

/** @category models @since 0.1.0 */
export interface CsvOptions extends LineOptions {
  /** Default: `,`. */
  readonly delimiter?: "," | ";" | "\t" | "|" | undefined
}

// The decoders of `effect/encoding` end with the first line that they can't read, where an import must go on.
/**
 * The rows of a text with a JSON object a line. A line that isn't one becomes an {@link UnreadableRow}. Empty lines are none.
 * @category constructors
 * @since 0.1.0
 */
export const fromNdjson = <E, R>(
  input: Stream.Stream<string | Uint8Array, E, R>,
  { maxLineLength = defaultMaxLineLength }: LineOptions = {},
): Stream.Stream<unknown, E, R> =>
  parseLines(input, maxLineLength, () => ({ feed: (line) => (typeof line === "string" ? parseJson(line) : [line]), end: () => [] }))

/**
 * The rows of a CSV (RFC 4180) whose first record names the columns, as objects of texts. A record that can't be read becomes an
 * {@link UnreadableRow}. Empty lines are none.
 * @category constructors
 * @since 0.1.0
 */
export const fromCsv = <E, R>(
  input: Stream.Stream<string | Uint8Array, E, R>,
  { maxLineLength = defaultMaxLineLength, delimiter = "," }: CsvOptions = {},
): Stream.Stream<unknown, E, R> => parseLines(input, maxLineLength, () => withHeader(makeCsvParser(delimiter, maxLineLength)))

const defaultMaxLineLength = 1_048_576

type Line = string | UnreadableRow

/** Takes line by line, gives what they come to, and in the end what is left. */
interface Parser<A> {
  readonly feed: (line: Line) => ReadonlyArray<A>
  readonly end: () => ReadonlyArray<A>
}

const parseLines = <E, R>(
  input: Stream.Stream<string | Uint8Array, E, R>,
  maxLineLength: number,
  makeParser: () => Parser<unknown>,
): Stream.Stream<unknown, E, R> =>
  Stream.suspend(() => {
    const splitter = makeSplitter(maxLineLength)
    const parser = makeParser()
    const rest = Stream.suspend(() => Stream.fromIterable([...splitter.end().flatMap(parser.feed), ...parser.end()]))
    return input.pipe(
      Stream.map((chunk) => splitter.feed(chunk).flatMap(parser.feed)),
      Stream.filter(Arr.isArrayNonEmpty),
      Stream.flattenArray,
      Stream.concat(rest),
    )
  })

const parseJson = (line: string): ReadonlyArray<unknown> => {
  if (line.trim() === "") return []
  // The message of the failure would quote the line.
  const parsed = Result.try({ try: (): unknown => JSON.parse(line), catch: () => new UnreadableRow("It isn't JSON") })
  return [Result.merge(parsed)]
}

/** Splits at LF; a CR before it stays. What is longer than `maxLength` isn't kept. */
const makeSplitter = (maxLength: number) => {
  let pieces: Array<string | Uint8Array> = []
  let length = 0
  let isFirst = true

  const keep = (pieceLength: number, piece: () => string | Uint8Array): void => {
    length += pieceLength
    if (length > maxLength) pieces = []
    else pieces.push(piece())
  }

  const take = (): Line => {
    const line = length > maxLength ? new UnreadableRow(tooLong(maxLength)) : toText(pieces)
    const text = isFirst && typeof line === "string" && line.startsWith("\uFEFF") ? line.slice(1) : line
    pieces = []
    length = 0
    isFirst = false
    return text
  }

  return {
    feed: (chunk: string | Uint8Array): ReadonlyArray<Line> => {
      const lines: Array<Line> = []
      let start = 0
      for (let end = endOfLine(chunk, 0); end >= 0; end = endOfLine(chunk, start)) {
        const from = start
        keep(end - from, () => (isString(chunk) ? chunk.slice(from, end) : chunk.subarray(from, end)))
        lines.push(take())
        start = end + 1
      }
      // The bytes of a line's beginning are copied, as whoever gave them may use them again.
      if (start < chunk.length) keep(chunk.length - start, () => chunk.slice(start))
      return lines
    },
    end: (): ReadonlyArray<Line> => (length === 0 ? [] : [take()]),
  }
}

const tooLong = (maxLength: number): string => `It is longer than ${maxLength}`

const endOfLine = (chunk: string | Uint8Array, from: number): number =>
  isString(chunk) ? chunk.indexOf("\n", from) : chunk.indexOf(0x0a, from)

const utf8 = new TextEncoder()
const strictUtf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true })

const isString = (piece: string | Uint8Array): piece is string => typeof piece === "string"

const toText = (pieces: ReadonlyArray<string | Uint8Array>): Line => {
  if (pieces.every(isString)) return pieces.join("")
  const parts = pieces.map((piece) => (isString(piece) ? utf8.encode(piece) : piece))
  const [only] = parts
  return Result.merge(
    Result.try({
      try: () => strictUtf8.decode(only !== undefined && parts.length === 1 ? only : joined(parts)),
      catch: () => new UnreadableRow("It isn't UTF-8"),
    }),
  )
}

const joined = (parts: ReadonlyArray<Uint8Array>): Uint8Array => {
  const whole = new Uint8Array(parts.reduce((length, part) => length + part.length, 0))
  let at = 0
  for (const part of parts) {
    whole.set(part, at)
    at += part.length
  }
  return whole
}

type Cells = ReadonlyArray<string>

/** Names the cells by those of the first record. One that can't be read leaves no name for any. */
const withHeader = (parser: Parser<Cells | UnreadableRow>): Parser<unknown> => {
  let header: Cells | UnreadableRow | undefined
  const name = (record: Cells | UnreadableRow): ReadonlyArray<unknown> => {
    if (header === undefined) {
      header = toHeader(record)
      return []
    }
    if (record instanceof UnreadableRow) return [record]
    if (header instanceof UnreadableRow) return [header]
    const { length } = header
    return [
      record.length === length
        ? Object.fromEntries(header.map((column, index) => [column, record[index]]))
        : new UnreadableRow(`It has ${record.length} cells, and the header ${length}`),
    ]
  }
  return { feed: (line) => parser.feed(line).flatMap(name), end: () => parser.end().flatMap(name) }
}

const toHeader = (record: Cells | UnreadableRow): Cells | UnreadableRow => {
  if (record instanceof UnreadableRow) return new UnreadableRow(`The header can't be read. ${record.reason}`)
  return new Set(record).size === record.length ? record : new UnreadableRow("The header has a column twice")
}

/** A quote counts only at the start of a cell, so that a stray one spoils its own line and no other. */
const makeCsvParser = (delimiter: string, maxLength: number): Parser<Cells | UnreadableRow> => {
  let cells: Array<string> = []
  /** A quoted cell that goes on in the next line, and the length of the record so far. */
  let open: string | undefined
  let length = 0

  const finish = (record: Cells | UnreadableRow): ReadonlyArray<Cells | UnreadableRow> => {
    cells = []
    open = undefined
    length = 0
    return [record]
  }

  const feed = (line: Line): ReadonlyArray<Cells | UnreadableRow> => {
    if (typeof line !== "string") return finish(line)
    length += line.length + 1
    if (length > maxLength + 1) return finish(new UnreadableRow(tooLong(maxLength)))
    if (open === undefined && (line === "" || line === "\r")) return []
    let at = 0
    for (;;) {
      if (open !== undefined || line[at] === '"') {
        if (open === undefined) {
          open = ""
          at++
        }
        const end = line.indexOf('"', at)
        if (end < 0) {
          open += `${line.slice(at)}\n`
          return []
        }
        open += line.slice(at, end)
        at = end + 1
        if (line[at] === '"') {
          open += '"'
          at++
          continue
        }
        cells.push(open)
        open = undefined
        if (at === line.length || (line[at] === "\r" && at === line.length - 1)) return finish(cells)
        if (line[at] !== delimiter) return finish(new UnreadableRow("Text follows a closing quote"))
        at++
        continue
      }
      const end = line.indexOf(delimiter, at)
      const cell = line.slice(at, end < 0 ? (line.endsWith("\r") ? line.length - 1 : line.length) : end)
      if (cell.includes('"')) return finish(new UnreadableRow("A quote stands in a cell without quotes"))
      cells.push(cell)
      if (end < 0) return finish(cells)
      at = end + 1
    }
  }

  return { feed, end: () => (open === undefined ? [] : finish(new UnreadableRow("A quoted cell has no end"))) }
}
