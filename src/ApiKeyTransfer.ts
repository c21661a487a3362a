/**
 * Keys as lines of text, to move keys between databases and systems. `ApiKeys.export` writes the lines, `ApiKeys.import` reads them.
 *
 * A line is an {@link ExportedKey} in JSON. Rows of other systems come by {@link fromCsv} or {@link fromJson} and one of the adapters in
 * `effect-api-key/legacy/*`. The module needs no module of Node, so a browser may import it.
 * @since 0.1.0
 */
import type * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import type * as Stream from "effect/Stream"
import { ApiKey, type StoredApiKey } from "./ApiKey.ts"
import type { InvalidInput } from "./ApiKeyError.ts"
import * as Csv from "./internal/transfer/csv.ts"
import * as Json from "./internal/transfer/json.ts"
import { format, formatVersion, readLine } from "./internal/transfer/line.ts"
import { parseRecords, UnreadableRow } from "./internal/transfer/split.ts"
import { isObject, refuse, toStored } from "./internal/transfer/stored.ts"
import type { LegacyRecord } from "./LegacyTokens.ts"

export { format, formatVersion, UnreadableRow }

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
  /** The ids of the keys that sealed the tokens. Absent for tokens without a seal, and where the hashes are. */
  readonly sealId?: string
  readonly previousSealId?: string
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
    sealId: Schema.optionalKey(Schema.String),
    previousSealId: Schema.optionalKey(Schema.String),
  }),
)

const encode = Schema.encodeSync(ExportedKey)

/**
 * Writes a line, with its end: of a stored key with its hashes, of a plain record without.
 * @category combinators
 * @since 0.1.0
 */
export const encodeLine = (key: ApiKey | StoredApiKey): string => {
  const whole = key instanceof ApiKey ? { apiKey: key } : toHashes(key)
  return `${JSON.stringify(encode({ format, version: formatVersion, ...whole }))}\n`
}

const toHashes = ({ apiKey, hash, previousHash, sealId, previousSealId }: StoredApiKey): Omit<ExportedKey, "format" | "version"> => ({
  apiKey,
  hash,
  ...(previousHash !== null && { previousHash }),
  ...(sealId !== null && { sealId }),
  ...(previousSealId !== null && { previousSealId }),
})

/**
 * Reads an object that {@link encodeLine} wrote. A line without a hash, of another version, or with a field that version 1 doesn't have is
 * refused. The error names the field and never quotes its value.
 * @category combinators
 * @since 0.1.0
 */
export const readRow = (row: unknown): Result.Result<StoredApiKey, InvalidInput> => readLine(row)

/**
 * The reader of an import's rows: a `LegacyTokens`, or a reader of your own.
 * @category models
 * @since 0.1.0
 */
export interface RowReader {
  readonly readRow: (row: Readonly<Record<string, unknown>>) => Result.Result<LegacyRecord | StoredApiKey, InvalidInput>
}

/**
 * Reads a row as an import does: by `reader`, or without a reader as a line of `export`.
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
  if (reader === undefined) return readLine(row)
  if (!isObject(row)) return refuse("row", "It isn't an object")
  return Result.flatMap(reader.readRow(row), toStored)
}

/**
 * A refused row, with the reason. `row` counts from 1, skipped rows included. `field` is the field of an exported line, the column of another
 * system's row, or `row` for the whole row. `field` and `reason` never quote a hash.
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
 * The progress of an import. The counted rows are committed, so an import that broke off may go on after `read` rows. `inserted`, `present` and
 * `refused` count since the start: rows kept, rows left alone as present, and refused rows.
 * @category models
 * @since 0.1.0
 */
export interface Progress {
  readonly _tag: "Progress"
  /** Rows so far, skipped rows included. */
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
  /** The reader of the rows, such as an adapter of `effect-api-key/legacy/*`. Default: a reader of the lines of `export`. */
  readonly from?: RowReader | undefined
  /**
   * Whether to predict the import without writing. A dry run keeps the ids of all rows in memory, some 500 bytes each, as the database lacks the
   * rows. Default: no.
   */
  readonly dryRun?: boolean | undefined
  /** The number of rows to pass over: `read` of the last `Progress`. Default: 0. */
  readonly skip?: number | undefined
  /**
   * Whether lines are kept whose hash no hasher and no adapter of the service can check. `accept` serves an import without the application's own
   * hashers. Rows of other systems are always kept. Default: `refuse`.
   */
  readonly unknownHashes?: "refuse" | "accept" | undefined
  /** The rows of a statement: 1 to 10,000. Up to twice as many rows are read ahead. Default: 1,000. */
  readonly batchSize?: number | undefined
}

/** @category models @since 0.1.0 */
export interface LineOptions {
  /** The longest line, or record of CSV, in bytes, or in UTF-16 units of strings. A longer line is refused. Default: 1,048,576. */
  readonly maxLineLength?: number | undefined
}

/** @category models @since 0.1.0 */
export interface CsvOptions extends LineOptions {
  /** Default: `,`. */
  readonly delimiter?: "," | ";" | "\t" | "|" | undefined
  /**
   * The meaning of a backslash before quotes that end a cell, or may end one. In RFC 4180 the backslash is a character of the cell: `plain`. In
   * MySQL's `INTO OUTFILE` and PHP's `fputcsv` the backslash takes the quote into the cell. Default: `refuse`, as the file doesn't tell the
   * meaning. With the wrong meaning, the author of the cell's text could choose the following rows.
   */
  readonly backslash?: "refuse" | "plain" | undefined
}

/**
 * The rows of a text with a JSON object a line. A line that isn't a JSON object becomes an {@link UnreadableRow}. Empty lines are passed over.
 * @category constructors
 * @since 0.1.0
 */
export const fromNdjson = <E, R>(
  input: Stream.Stream<string | Uint8Array, E, R>,
  { maxLineLength = defaultMaxLineLength }: LineOptions = {},
): Stream.Stream<unknown, E, R> => parseRecords(input, () => Json.lines(maxLineLength))

/**
 * The rows of a JSON array, as `sqlite3 -json` and many exports write, or of a JSON object a line. The first character decides. Text that isn't
 * JSON becomes an {@link UnreadableRow}, as does an array that doesn't end. Several arrays may follow each other.
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
): Stream.Stream<unknown, E, R> => parseRecords(input, () => Json.elements(maxLineLength))

/**
 * The rows of a CSV (RFC 4180) whose first record names the columns, as objects of texts. A record that can't be read becomes an {@link UnreadableRow}.
 * All lines after a record without a clear end become unreadable rows too. Empty lines are passed over.
 * @category constructors
 * @since 0.1.0
 */
export const fromCsv = <E, R>(
  input: Stream.Stream<string | Uint8Array, E, R>,
  { maxLineLength = defaultMaxLineLength, delimiter = ",", backslash = "refuse" }: CsvOptions = {},
): Stream.Stream<unknown, E, R> => parseRecords(input, () => Csv.rows(maxLineLength, delimiter, backslash))

const defaultMaxLineLength = 1_048_576
