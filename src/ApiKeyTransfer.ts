/**
 * Keys as lines of text, to move them between databases and systems: what `ApiKeys.export` writes, and what `ApiKeys.import` reads.
 *
 * A line is an {@link ExportedKey} in JSON. Rows of other systems come by {@link fromCsv} or {@link fromJson} and one of the adapters in
 * `effect-api-key/legacy/*`. This module needs nothing of Node, so that a browser may import it.
 * @since 0.1.0
 */
import * as Arr from "effect/Array"
import * as Bytes from "effect/Bytes"
import * as DateTime from "effect/DateTime"
import * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import { ApiKey, StoredApiKey } from "./ApiKey.ts"
import { InvalidInput } from "./ApiKeyError.ts"
import { firstIssue } from "./internal/schema/firstIssue.ts"
import { ofChecked } from "./internal/schema/ofChecked.ts"
import { absentFields, fields, type InstantField, instantFields } from "./internal/record/fields.ts"
import { arePlain } from "./internal/record/plainFields.ts"
import { latestMillis } from "./internal/time/instants.ts"
import { isStorableText } from "./internal/text/storable.ts"
import type { LegacyRecord } from "./LegacyTokens.ts"

/** The `format` of each line. @category models @since 0.1.0 */
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
// Its hashes as texts, which get the label of hashes here.
const decode = Schema.decodeUnknownResult(
  Schema.toCodecJson(
    Schema.Struct({
      format: Schema.Literal(format),
      version: Schema.Literal(formatVersion),
      apiKey: ApiKey,
      hash: Schema.optionalKey(Schema.String),
      previousHash: Schema.optionalKey(Schema.String),
    }),
  ),
  { onExcessProperty: "error" },
)

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
  const whole = withAbsentFields(row)
  return readQuickly(whole) ?? readBySchema(whole)
}

/** The row with the fields that there weren't when it was written. */
const withAbsentFields = (row: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> => {
  const { apiKey } = row
  if (!isObject(apiKey) || absentNames.every((name) => name in apiKey)) return row
  return { ...row, apiKey: { ...absentFields, ...apiKey } }
}
const absentNames = Object.keys(absentFields)

/** The same as {@link readRow} for a line of ours, by the schema alone. @internal */
export const readBySchema = (row: Readonly<Record<string, unknown>>): Result.Result<StoredApiKey, InvalidInput> =>
  Result.flatMap(Result.mapError(decode(row), toInvalidInput), ({ apiKey, hash, previousHash }) =>
    hash === undefined
      ? refuse("hash", "It was exported without its hash")
      : checked(apiKey, redact(hash), previousHash === undefined ? null : redact(previousHash)),
  )

const redact = (hash: string): Redacted.Redacted => Redacted.make(hash, { label: "hash" })

/**
 * Reads a line of a key that was never rotated and whose values are as we write them, as nearly all are. For any other it gives `undefined`,
 * and the schema decides, which takes several times as long.
 */
const readQuickly = (row: Readonly<Record<string, unknown>>): Result.Result<StoredApiKey, InvalidInput> | undefined => {
  const { apiKey, hash } = row
  if (typeof hash !== "string" || !isObject(apiKey) || size(row) !== 4 || size(apiKey) !== fieldCount) return undefined
  if (apiKey["previous"] !== null) return undefined
  const instants: Partial<Record<InstantField, DateTime.Utc | null>> = {}
  for (const name of instantFields) {
    const value = apiKey[name]
    const instant = value === null && fields[name].column.isNullable ? null : toInstant(value)
    if (instant === undefined) return undefined
    instants[name] = instant
  }
  const record: Readonly<Record<string, unknown>> = { ...apiKey, ...instants }
  // All fields are there: the plain ones, the instants and `previous`.
  return arePlain(record) ? checked(ofChecked(ApiKey, record as unknown as ApiKey), redact(hash), null) : undefined
}

const fieldCount = Object.keys(ApiKey.fields).length
const size = (row: object): number => Object.keys(row).length

/** As `formatIso` writes it, and no other form. */
const toInstant = (value: unknown): DateTime.Utc | undefined => {
  if (typeof value !== "string" || !/^\d{4}-\d\d-[0-3]\dT[0-2]\d:\d\d:\d\d\.\d{3}Z$/.test(value)) return undefined
  const milliseconds = Date.parse(value)
  // `Date.parse` takes the 30th of February for the 2nd of March, and 24:00 for the next day.
  if ((value.slice(8, 10) > "28" || value.slice(11, 13) > "23") && new Date(milliseconds).getUTCDate() !== Number(value.slice(8, 10))) {
    return undefined
  }
  // It has no year beyond 9999.
  return milliseconds >= 0 ? DateTime.makeUnsafe(milliseconds) : undefined
}

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
 * @example
 * ```ts
 * import { ApiKeyTransfer } from "effect-api-key"
 * import * as Unkey from "effect-api-key/legacy/Unkey"
 *
 * const read = (row: unknown) => ApiKeyTransfer.readRowBy(row, Unkey.make({ prefix: "shop_" }))
 * ```
 */
export const readRowBy = (row: unknown, reader: RowReader | undefined): Result.Result<StoredApiKey, InvalidInput> => {
  if (row instanceof UnreadableRow) return refuse("row", row.reason)
  if (reader === undefined) return readRow(row)
  if (!isObject(row)) return refuse("row", "It isn't an object")
  return Result.flatMap(reader.readRow(row), (read) => {
    if (read instanceof StoredApiKey) return checked(read.apiKey, read.hash, read.previousHash)
    const { hash, ...given } = read
    const whole = {
      ...given,
      policies: null,
      deactivatedAt: null,
      deactivationReason: null,
      version: 1,
      rotatedAt: null,
      previous: null,
    } satisfies { readonly [Name in keyof ApiKey]: unknown }
    if (areInstants(whole) && arePlain(whole)) return checked(ofChecked(ApiKey, whole), hash, null)
    // The schema says where the record is wrong.
    return Result.flatMap(Result.mapError(decodeFields(whole), toInvalidInput), (fields) => checked(ofChecked(ApiKey, fields), hash, null))
  })
}

/** An adapter of somebody's own may give what it likes. */
const areInstants = (record: Pick<ApiKey, InstantField>): boolean =>
  instantFields.every((name) => {
    const value = record[name]
    return value === null ? fields[name].column.isNullable : isInstant(value)
  })

const isInstant = (value: DateTime.Utc): boolean =>
  DateTime.isDateTime(value) && DateTime.isUtc(value) && value.epochMilliseconds >= 0 && value.epochMilliseconds <= latestMillis

const decodeFields = Schema.decodeUnknownResult(Schema.toType(Schema.Struct(ApiKey.fields)))

const isObject = (row: unknown): row is Readonly<Record<string, unknown>> => typeof row === "object" && row !== null && !Array.isArray(row)

const refuse = (field: string, reason: string): Result.Result<never, InvalidInput> => Result.fail(new InvalidInput({ field, reason }))

/** The name of an unknown field is whatever somebody wrote there. */
const toInvalidInput = ({ issue }: Schema.SchemaError): InvalidInput => {
  const { path, message } = firstIssue(issue)
  const field = path.join(".")
  return new InvalidInput({ field: /^[\w.]{1,64}$/.test(field) ? field : "row", reason: message })
}

const maxTextLength = 512
const maxHashLength = 8_192
// As PostgreSQL keeps it.
const maxRecordVersion = 2_147_483_647

const tooMuch = (maxLength: number): string => `It has more than ${maxLength} characters, or NUL among them`

const isKept = (text: string, maxLength: number): boolean => text.length <= maxLength && isStorableText(text)

/** Checks bounds that the schemas leave open, lest one record among many make a whole statement fail. */
const checked = (
  apiKey: ApiKey,
  hash: Redacted.Redacted,
  previousHash: Redacted.Redacted | null,
): Result.Result<StoredApiKey, InvalidInput> => {
  const { previous } = apiKey
  if (!isKept(apiKey.prefix, maxTextLength)) return refuse("apiKey.prefix", tooMuch(maxTextLength))
  if (!isKept(apiKey.hint, maxTextLength)) return refuse("apiKey.hint", tooMuch(maxTextLength))
  if (!isKept(previous?.hint ?? "", maxTextLength)) return refuse("apiKey.previous.hint", tooMuch(maxTextLength))
  if (!isKept(Redacted.value(hash), maxHashLength)) return refuse("hash", tooMuch(maxHashLength))
  if (previousHash !== null && !isKept(Redacted.value(previousHash), maxHashLength)) return refuse("previousHash", tooMuch(maxHashLength))
  if (apiKey.version > maxRecordVersion) return refuse("apiKey.version", `It is beyond ${maxRecordVersion}`)
  if (previous !== null && previousHash === null) return refuse("previousHash", "There is a previous token, but no hash of it")
  if (previous === null && previousHash !== null) return refuse("previousHash", "There is no previous token")
  if (previous !== null && previous.expiresAt === null && previous.graceSeconds === null) {
    return refuse("apiKey.previous.expiresAt", "The previous token never ends")
  }
  if (previous?.keyId === apiKey.keyId) return refuse("apiKey.previous.keyId", "It is the current key id")
  return Result.succeed(ofChecked(StoredApiKey, { apiKey, hash, previousHash }))
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
 * others count since its start: rows that are kept now, whose key was there already (and which were left as they are), and that were refused.
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
   * Whether to only tell what an import would do. It keeps the ids of all rows in memory, some 500 bytes for each, as none of them gets into
   * the database to be found there. Default: no.
   */
  readonly dryRun?: boolean | undefined
  /** How many rows to pass over: `read` of the last `Progress`. Default: 0. */
  readonly skip?: number | undefined
  /**
   * Whether lines are kept whose hash no hasher and no adapter of the service can check: for an import where the application's own aren't at
   * hand. Rows of other systems are. Default: `refuse`.
   */
  readonly unknownHashes?: "refuse" | "accept" | undefined
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
  /**
   * What a backslash is that stands before the quotes with which a cell ends, or may end. RFC 4180 has it for one of the cell's characters,
   * `plain`; for MySQL's `INTO OUTFILE` and PHP's `fputcsv` it takes the quote behind it into the cell. Default: `refuse`, as the file doesn't
   * tell, and whoever chose the cell's text could choose the rows after it.
   */
  readonly backslash?: "refuse" | "plain" | undefined
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
  parseRecords(input, () => ({
    splitter: makeSplitter(maxLineLength, lineEnds),
    parse: (line) => (typeof line === "string" ? parseJson(line) : [line]),
  }))

/**
 * The rows of a JSON array, as `sqlite3 -json` and many exports write it, or of a JSON object a line: the first character tells which. What isn't
 * JSON becomes an {@link UnreadableRow}, and so does an array that doesn't end. Several arrays may follow each other.
 * @category constructors
 * @since 0.1.0
 * @example
 * ```ts
 * import { Effect, Stream } from "effect"
 * import { ApiKeyTransfer } from "effect-api-key"
 *
 * const rows = ApiKeyTransfer.fromJson(Stream.make('[{"id":1},', '{"id":2}]'))
 * await Effect.runPromise(Stream.runCollect(rows)) // => [{ id: 1 }, { id: 2 }]
 * ```
 */
export const fromJson = <E, R>(
  input: Stream.Stream<string | Uint8Array, E, R>,
  { maxLineLength = defaultMaxLineLength }: LineOptions = {},
): Stream.Stream<unknown, E, R> =>
  parseRecords(input, () => {
    const ends = makeJsonEnds()
    return {
      splitter: makeSplitter(maxLineLength, ends),
      parse: (record) => (typeof record === "string" ? parseJson(record) : [record]),
      end: () => (ends.isOpen() ? [new UnreadableRow("The array doesn't end: the text was cut")] : []),
    }
  })

/**
 * The rows of a CSV (RFC 4180) whose first record names the columns, as objects of texts. A record that can't be read becomes an
 * {@link UnreadableRow}, and so do all lines after one of which it isn't clear where it ends. Empty lines are none.
 * @category constructors
 * @since 0.1.0
 */
export const fromCsv = <E, R>(
  input: Stream.Stream<string | Uint8Array, E, R>,
  { maxLineLength = defaultMaxLineLength, delimiter = ",", backslash = "refuse" }: CsvOptions = {},
): Stream.Stream<unknown, E, R> =>
  parseRecords(input, () => ({
    splitter: makeSplitter(maxLineLength, makeCsvEnds(delimiter, backslash)),
    ...withHeader(delimiter),
  }))

const defaultMaxLineLength = 1_048_576

type RecordText = string | UnreadableRow

interface Reading {
  readonly splitter: ReturnType<typeof makeSplitter>
  /** Gives a row, or nothing. */
  readonly parse: (record: RecordText) => ReadonlyArray<unknown>
  /** The faults of the text as a whole, once it has ended. */
  readonly end?: (() => ReadonlyArray<UnreadableRow>) | undefined
}

const parseRecords = <E, R>(input: Stream.Stream<string | Uint8Array, E, R>, make: () => Reading): Stream.Stream<unknown, E, R> =>
  Stream.suspend(() => {
    const { splitter, parse, end = () => [] } = make()
    const start = makeStart()
    const readPieces = (pieces: ReadonlyArray<string | Uint8Array>) => pieces.flatMap(splitter.feed).flatMap(parse)
    const rest = Stream.suspend(() => Stream.fromIterable([...readPieces(start.end()), ...splitter.end().flatMap(parse), ...end()]))
    return input.pipe(
      Stream.map((chunk) => {
        const pieces = start.feed(chunk)
        return pieces instanceof UnreadableRow ? [pieces] : readPieces(pieces)
      }),
      Stream.filter(Arr.isArrayNonEmpty),
      Stream.flattenArray,
      Stream.concat(rest),
    )
  })

/** Looks at how the text begins, and lets nothing of UTF-16 through: each of its lines would be refused for something else. */
const makeStart = () => {
  let state: "unknown" | "text" | "UTF-16" = "unknown"
  let held: ReadonlyArray<string | Uint8Array> = []
  return {
    feed: (chunk: string | Uint8Array): ReadonlyArray<string | Uint8Array> | UnreadableRow => {
      if (state === "text") return [chunk]
      if (state === "UTF-16" || chunk.length === 0) return []
      const [first = 0, second] = [...held, chunk].flatMap((piece) => [codeAt(piece, 0), codeAt(piece, 1)].filter((code) => code >= 0))
      if (second === undefined) {
        // Copied, as the buffer may be used again.
        held = [chunk.slice(0)]
        return []
      }
      // The byte order marks of UTF-16, and the upper half of an ASCII character where there is none.
      state = (first === 0xff && second === 0xfe) || (first === 0xfe && second === 0xff) || first === 0 || second === 0 ? "UTF-16" : "text"
      const pieces = [...held, chunk]
      held = []
      return state === "text" ? pieces : new UnreadableRow(isUtf16)
    },
    /** What was too short to be looked at. */
    end: () => held,
  }
}

const codeAt = (piece: string | Uint8Array, at: number): number =>
  at < piece.length ? (isString(piece) ? piece.charCodeAt(at) : (piece[at] ?? 0)) : -1

const isUtf16 = "The text is UTF-16, of which nothing is read: convert it to UTF-8 (iconv -f UTF-16 -t UTF-8)"

const parseJson = (line: string): ReadonlyArray<unknown> => {
  if (line.trim() === "") return []
  // The message of the failure would quote the line.
  const parsed = Result.try({ try: (): unknown => JSON.parse(line), catch: () => new UnreadableRow("It isn't JSON") })
  return [Result.merge(parsed)]
}

/** Where records end. It sees each piece once, from where the last record ended on. */
interface Ends {
  /** The LF that ends the record, or -1. */
  readonly next: (chunk: string | Uint8Array, from: number) => number
  /** Why the record that ended can't be read, whatever its text. */
  readonly whyNot: () => string | undefined
}

const lineEnds: Ends = {
  next: (chunk, from) => (isString(chunk) ? chunk.indexOf("\n", from) : chunk.indexOf(0x0a, from)),
  whyNot: () => undefined,
}

/** Where the elements of an array end, or lines where there is none. It follows the texts and the brackets of JSON through all bytes. */
const makeJsonEnds = (): Ends & { readonly isOpen: () => boolean } => {
  let state: "before" | "lines" | "array" | "text" | "escape" | "behind an array" = "before"
  let depth = 0

  /** Whether a record ends here. */
  const step = (code: number): boolean => {
    switch (state) {
      case "lines":
        return code === lf
      case "before":
        if (code === openBracket) {
          state = "array"
          return true
        }
        if (!isSpace(code)) state = "lines"
        return false
      case "behind an array":
        if (code !== openBracket) return code === lf
        state = "array"
        return true
      case "text":
        if (code === quote) state = "array"
        else if (code === backslashCode) state = "escape"
        return false
      case "escape":
        state = "text"
        return false
      default:
        if (code === quote) state = "text"
        else if (code === openBracket || code === openBrace) depth++
        else if (depth > 0 && (code === closeBracket || code === closeBrace)) depth--
        else if (depth === 0 && code === closeBracket) {
          state = "behind an array"
          return true
        } else return depth === 0 && code === comma
        return false
    }
  }

  return {
    next: (chunk, from) => {
      if (state === "lines") return lineEnds.next(chunk, from)
      for (let at = from; at < chunk.length; at++) if (step(codeAt(chunk, at))) return at
      return -1
    },
    whyNot: () => undefined,
    isOpen: () => state === "array" || state === "text" || state === "escape",
  }
}

// A byte order mark counts for one, as a character and in bytes.
const isSpace = (code: number): boolean =>
  code === 0x20 || code === 0x09 || code === cr || code === lf || code === 0xfeff || code === 0xef || code === 0xbb || code === 0xbf

/** Splits; a CR before the LF stays. What is longer than `maxLength` isn't kept. */
const makeSplitter = (maxLength: number, ends: Ends) => {
  let pieces: Array<string | Uint8Array> = []
  let length = 0
  let isFirst = true

  const keep = (pieceLength: number, piece: () => string | Uint8Array): void => {
    length += pieceLength
    if (length > maxLength) pieces = []
    else pieces.push(piece())
  }

  const take = (): RecordText => {
    const reason = ends.whyNot() ?? (length > maxLength ? `It is longer than ${maxLength}` : undefined)
    const line = reason === undefined ? toText(pieces) : new UnreadableRow(reason)
    const text = isFirst && typeof line === "string" && line.startsWith("\uFEFF") ? line.slice(1) : line
    pieces = []
    length = 0
    isFirst = false
    return text
  }

  return {
    feed: (chunk: string | Uint8Array): ReadonlyArray<RecordText> => {
      const records: Array<RecordText> = []
      let start = 0
      for (let end = ends.next(chunk, 0); end >= 0; end = ends.next(chunk, start)) {
        const from = start
        keep(end - from, () => (isString(chunk) ? chunk.slice(from, end) : chunk.subarray(from, end)))
        records.push(take())
        start = end + 1
      }
      // The bytes of a line's beginning are copied, as whoever gave them may use them again.
      if (start < chunk.length) keep(chunk.length - start, () => chunk.slice(start))
      return records
    },
    end: (): ReadonlyArray<RecordText> => (length === 0 ? [] : [take()]),
  }
}

const utf8 = new TextEncoder()
const strictUtf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true })

const isString = (piece: string | Uint8Array): piece is string => typeof piece === "string"

const toText = (pieces: ReadonlyArray<string | Uint8Array>): RecordText => {
  if (pieces.every(isString)) return pieces.join("")
  const parts = pieces.map((piece) => (isString(piece) ? utf8.encode(piece) : piece))
  const [only] = parts
  return Result.merge(
    Result.try({
      try: () => strictUtf8.decode(only !== undefined && parts.length === 1 ? only : Bytes.concat(parts)),
      catch: () => new UnreadableRow("It isn't UTF-8"),
    }),
  )
}

type Cells = ReadonlyArray<string>

/** Names the cells by those of the first record. One that can't be read leaves no name for any. */
const withHeader = (delimiter: Delimiter): Pick<Reading, "parse" | "end"> => {
  let header: Cells | UnreadableRow | undefined
  let hasRows = false
  return {
    parse: (record) => {
      if (record === "" || record === "\r") return []
      if (header === undefined) {
        header = toHeader(record, delimiter)
        return []
      }
      hasRows = true
      if (header instanceof UnreadableRow) return [header]
      const cells = typeof record === "string" ? toCells(record, delimiter) : record
      if (cells instanceof UnreadableRow) return [cells]
      const { length } = header
      return [
        cells.length === length
          ? Object.fromEntries(header.map((column, index) => [column, cells[index]]))
          : new UnreadableRow(`It has ${cells.length} cells, and the header ${length}`),
      ]
    },
    // All the rows may stand in a cell of it that has no end.
    end: () => (header instanceof UnreadableRow && !hasRows ? [header] : []),
  }
}

const toHeader = (record: RecordText, delimiter: Delimiter): Cells | UnreadableRow => {
  const cells = typeof record === "string" ? toCells(record, delimiter) : record
  const seen = typeof record === "string" ? seenInstead(record, delimiter, cells) : undefined
  if (seen !== undefined) return new UnreadableRow(seen)
  if (cells instanceof UnreadableRow) return new UnreadableRow(`The header can't be read. ${cells.reason}`)
  return new Set(cells).size === cells.length ? cells : new UnreadableRow("The header has a column twice")
}

/** What the header looks like, rather than CSV with this delimiter. Its text isn't quoted: a file without a header begins with a hash. */
const seenInstead = (record: string, delimiter: Delimiter, cells: Cells | UnreadableRow): string | undefined => {
  if (/^\s*(?:\{|\[\s*(?:\{|$))/.test(record)) return "The text begins as JSON does, and CSV is expected"
  const count = cells instanceof UnreadableRow ? 1 : cells.length
  for (const other of delimiters) {
    const others = toCells(record, other)
    if (others instanceof UnreadableRow || others.length <= count || (count > 1 && others.length === 2)) continue
    return `The header has ${others.length} columns between ${names[other]}, and ${count} between ${names[delimiter]}: ${chooseDelimiter(other)}`
  }
  return undefined
}

type Delimiter = NonNullable<CsvOptions["delimiter"]>

const names = { ",": "commas", ";": "semicolons", "\t": "tabs", "|": "vertical bars" } as const satisfies Record<Delimiter, string>

const delimiters: ReadonlyArray<Delimiter> = [",", ";", "\t", "|"]

const chooseDelimiter = (delimiter: Delimiter): string =>
  `give the option delimiter ${JSON.stringify(delimiter)} (--delimiter ${delimiter === "\t" ? "tab" : `"${delimiter}"`})`

/**
 * Follows the quotes through all bytes, those of records that can't be read included: what stands in a quoted cell must never be taken for a
 * row. All that counts is ASCII, so texts and bytes of UTF-8, sound or not, are alike.
 *
 * A quote counts only at the start of a cell, so that a stray one spoils its own line and no other. After text behind a closing quote the file
 * isn't what it seemed to be, and nothing in it is believed any more.
 */
const makeCsvEnds = (delimiter: Delimiter, backslash: "refuse" | "plain"): Ends => {
  const separator = delimiter.charCodeAt(0)
  let state: "start of text" | "start of cell" | "bare" | "quoted" | "closed" | "closed, CR" = "start of text"
  /** Whether quotes stand right before that are two for one here, and may be one and the end of the cell where a backslash takes one away. */
  let isBehindQuotes = false
  /** Whether a backslash stands right before, or before these quotes. */
  let hasBackslash = false
  let broken: string | undefined

  const endsCell = (code: number): boolean => code === cr || code === lf || code === separator

  const step = (code: number): void => {
    switch (state) {
      case "quoted":
        if (code === quote) state = "closed"
        else if (isBehindQuotes && hasBackslash && endsCell(code)) {
          state = "bare"
          broken = backslashBeforeQuote
        } else {
          isBehindQuotes = false
          hasBackslash = code === backslashCode && backslash === "refuse"
        }
        return
      case "closed":
        if (code === quote) {
          state = "quoted"
          isBehindQuotes = true
          return
        }
        state = code === cr ? "closed, CR" : "start of cell"
        if (!endsCell(code)) broken = behindQuote(delimiters.find((other) => other.charCodeAt(0) === code))
        else if (hasBackslash) broken = backslashBeforeQuote
        return
      case "closed, CR":
        state = "start of cell"
        if (code !== lf) broken = behindQuote(undefined)
        return
      case "bare":
        if (code === lf || code === separator) state = "start of cell"
        return
      default:
        // A byte order mark, as a character and in bytes.
        if (state === "start of text" && (code === 0xfeff || code === 0xef || code === 0xbb || code === 0xbf)) return
        isBehindQuotes = false
        hasBackslash = false
        state = code === quote ? "quoted" : code === lf || code === separator ? "start of cell" : "bare"
    }
  }

  return {
    next: (chunk, from) => {
      for (let at = from; at < chunk.length; at++) {
        const code = isString(chunk) ? chunk.charCodeAt(at) : (chunk[at] ?? 0)
        if (broken === undefined) step(code)
        // Where it is broken each line is a record, which is refused.
        if (code === lf && state !== "quoted") return at
      }
      return -1
    },
    whyNot: () => {
      const reason = broken
      if (broken !== undefined) broken = "It follows a record of which it isn't clear where it ends"
      return reason
    },
  }
}

const quote = 0x22
const lf = 0x0a
const cr = 0x0d
const comma = 0x2c
const backslashCode = 0x5c
const openBracket = 0x5b
const closeBracket = 0x5d
const openBrace = 0x7b
const closeBrace = 0x7d

const behindQuote = (other: Delimiter | undefined): string =>
  other === undefined ? "Text follows a closing quote" : `Cells end between ${names[other]} here: if all do, ${chooseDelimiter(other)}`

const backslashBeforeQuote =
  'A backslash stands before a closing quote; give the option backslash: "plain" if it is one of the cell\'s characters'

const toCells = (record: string, delimiter: string): Cells | UnreadableRow => {
  const cells: Array<string> = []
  const length = record.endsWith("\r") ? record.length - 1 : record.length
  for (let at = 0; ; at++) {
    if (record[at] === '"') {
      const end = closingQuote(record, at + 1)
      if (end < 0) return new UnreadableRow("A quoted cell has no end")
      cells.push(record.slice(at + 1, end).replaceAll('""', '"'))
      at = end + 1
    } else {
      const end = record.indexOf(delimiter, at)
      const cell = record.slice(at, end < 0 ? length : end)
      if (cell.includes('"')) return new UnreadableRow("A quote stands in a cell without quotes")
      cells.push(cell)
      at += cell.length
    }
    // Behind a closing quote stands nothing else, or the record would have been refused.
    if (record[at] !== delimiter) return cells
  }
}

const closingQuote = (record: string, from: number): number => {
  let at = record.indexOf('"', from)
  while (at >= 0 && record[at + 1] === '"') at = record.indexOf('"', at + 2)
  return at
}
