/** Rows of the table as records. The schemas decide about a row; {@link readQuickly} spares verification most of their time. */
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import { ApiKey, ApiKeyId, isInRange, KeyId, PreviousToken, StoredApiKey } from "../../ApiKey.ts"
import type { Taken } from "../record/contract.ts"
import { type Column, type FieldName, fields, previousFields } from "../record/fields.ts"
import { isKeyId, plainCheck } from "../record/plainFields.ts"
import { ofChecked } from "../schema/ofChecked.ts"
import { ofSealColumn } from "./columns.ts"
import { latestMillis } from "../time/instants.ts"

type Row = Readonly<Record<string, unknown>>

export const decodeKeys = (rows: ReadonlyArray<unknown>): Effect.Effect<ReadonlyArray<ApiKey>, Schema.SchemaError> =>
  Effect.map(decodeKeyRows(rows), (decoded) => decoded.map(toApiKey))

export const decodeManyStored = (rows: ReadonlyArray<unknown>): Effect.Effect<ReadonlyArray<StoredApiKey>, Schema.SchemaError> =>
  Effect.map(decodeStoredRows(rows), (decoded) => decoded.map((row) => toStored(toApiKey(row), row)))

export const decodeStored = (row: Row): Exit.Exit<StoredApiKey, Schema.SchemaError> => {
  const quick = readQuickly(row)
  return quick === undefined ? decodeStoredBySchema(row) : Exit.succeed(quick)
}

/** The same as {@link decodeStored}, by the schemas alone. */
export const decodeStoredBySchema = (row: unknown): Exit.Exit<StoredApiKey, Schema.SchemaError> =>
  Exit.map(decodeStoredRow(row), (decoded) => toStored(toApiKey(decoded), decoded))

interface Reader {
  readonly field: string
  readonly column: string
  readonly isNullable: boolean
  readonly isInstant: boolean
  /** Whether a value that is neither null nor an instant needs no change. */
  readonly isPlain: (value: unknown) => boolean
}

/** The instant of the last value. Records of a batch, and the times of a record that was never changed, often have the same. */
let shared = DateTime.makeUnsafe(0)

const toInstant = (value: unknown): DateTime.Utc | undefined => {
  if (!(value instanceof Date)) return undefined
  const millis = value.getTime()
  if (millis === shared.epochMilliseconds) return shared
  if (!(millis >= 0 && millis <= latestMillis)) return undefined
  shared = DateTime.makeUnsafe(value)
  return shared
}

const readerOf = (field: string, { name, kind, isNullable }: Column, isPlain: Reader["isPlain"]): Reader => ({
  field,
  column: name,
  isNullable,
  isInstant: kind === "instant",
  isPlain,
})

// The keys of a literal are its own.
const readers = (Object.keys(fields) as ReadonlyArray<FieldName>).map((field) => readerOf(field, fields[field].column, plainCheck(field)))
const previousReaders = (Object.keys(previousFields) as ReadonlyArray<keyof typeof previousFields>).map((field) =>
  readerOf(field, previousFields[field], field === "keyId" ? isKeyId : Schema.is(PreviousToken.fields[field])),
)

/**
 * Reads a row whose values need no change, as in a row that we wrote. For any other row it gives `undefined`, and the schema decides.
 *
 * Decoding by the schema took more of a cold verification than the hash and the batching together.
 */
const readQuickly = (row: Row): StoredApiKey | undefined => {
  if (!hasSecrets(row)) return undefined
  const record: Record<string, unknown> = Object.create(ApiKey.prototype)
  if (!fill(record, row, readers)) return undefined
  const previous = readPrevious(row)
  if (previous === undefined) return undefined
  record["previous"] = previous
  // All fields were read.
  return toStored(record as unknown as ApiKey, row)
}

const readPrevious = (row: Row): PreviousToken | null | undefined => {
  if (areNull(row, previousReaders)) return null
  const record: Record<string, unknown> = Object.create(PreviousToken.prototype)
  if (!fill(record, row, previousReaders)) return undefined
  if (record["keyId"] === null) return null
  // All fields were read.
  return record["hint"] === null ? undefined : (record as unknown as PreviousToken)
}

const areNull = (row: Row, fieldReaders: ReadonlyArray<Reader>): boolean => {
  for (let i = 0; i < fieldReaders.length; i++) if (row[fieldReaders[i]!.column] !== null) return false
  return true
}

/** Puts the values of a row into a record. Gives `false` for a value that the schema has to look at. */
const fill = (record: Record<string, unknown>, row: Row, fieldReaders: ReadonlyArray<Reader>): boolean => {
  for (let i = 0; i < fieldReaders.length; i++) {
    // `i` lies within the array.
    const { field, column, isNullable, isInstant, isPlain } = fieldReaders[i]!
    const value = row[column]
    if (value === null) {
      if (!isNullable) return false
      record[field] = null
    } else if (isInstant) {
      const instant = toInstant(value)
      if (instant === undefined) return false
      record[field] = instant
    } else {
      if (!isPlain(value)) return false
      record[field] = value
    }
  }
  return true
}

const InstantColumn = Schema.DateTimeUtcFromDate.check(isInRange())
// Null first: a union tries its members in turn, and each failure costs more than all the other columns.
const OptionalInstantColumn = Schema.Union([Schema.Null, InstantColumn])

const ownSchemas = Object.entries(fields).map(([field, { column }]) => [
  column.name,
  column.kind === "instant" ? (column.isNullable ? OptionalInstantColumn : InstantColumn) : ApiKey.fields[field as FieldName],
])
const previousSchemas = Object.entries(previousFields).map(([field, { name, kind }]) => [
  name,
  kind === "instant" ? OptionalInstantColumn : Schema.NullOr(PreviousToken.fields[field as keyof typeof previousFields]),
])
// Each column has the schema of its field, of whose types the rows are.
const keyColumns = Object.fromEntries([...ownSchemas, ...previousSchemas]) as Readonly<Record<string, Schema.Codec<unknown>>>
const KeyRow = Schema.Struct(keyColumns)
const decodeKeyRows = Schema.decodeUnknownEffect(Schema.Array(KeyRow))
const StoredRow = Schema.Struct({
  ...keyColumns,
  hash: Schema.String,
  previous_hash: Schema.NullOr(Schema.String),
  seal_id: Schema.NullOr(Schema.String),
  previous_seal_id: Schema.NullOr(Schema.String),
})
const decodeStoredRow = Schema.decodeUnknownExit(StoredRow)
const decodeStoredRows = Schema.decodeUnknownEffect(Schema.Array(StoredRow))

const toApiKey = (row: Row): ApiKey => {
  const record: Record<string, unknown> = Object.create(ApiKey.prototype)
  for (const { field, column } of readers) record[field] = row[column]
  record["previous"] = toPrevious(row)
  // The row was decoded by the schemas of the fields.
  return record as unknown as ApiKey
}

const toPrevious = (row: Row): PreviousToken | null => {
  if (row[previousFields.keyId.name] === null) return null
  const record: Record<string, unknown> = Object.create(PreviousToken.prototype)
  for (const { field, column } of previousReaders) record[field] = row[column]
  record["hint"] ??= ""
  // The row was decoded by the schemas of the fields, and has a previous token.
  return record as unknown as PreviousToken
}

/** The columns of a stored record that a record doesn't have. */
interface Secrets {
  readonly hash: string
  readonly previous_hash: string | null
  readonly seal_id: string | null
  readonly previous_seal_id: string | null
}

const isText = (value: unknown): boolean => value === null || typeof value === "string"

const hasSecrets = (row: Row): row is Row & Secrets => {
  const { hash, previous_hash: previousHash, seal_id: sealId, previous_seal_id: previousSealId } = row
  return typeof hash === "string" && isText(previousHash) && isText(sealId) && isText(previousSealId)
}

const toStored = (apiKey: ApiKey, { hash, previous_hash, seal_id, previous_seal_id }: Secrets): StoredApiKey =>
  ofChecked(StoredApiKey, {
    apiKey,
    hash: redact(hash),
    previousHash: previous_hash === null ? null : redact(previous_hash),
    sealId: ofSealColumn(apiKey.keyId, seal_id),
    previousSealId: apiKey.previous === null ? null : ofSealColumn(apiKey.previous.keyId, previous_seal_id),
  })

const redact = (hash: string): Redacted.Redacted => Redacted.make(hash, { label: "hash" })

const decodeTakenRows = Schema.decodeUnknownEffect(
  Schema.Array(
    Schema.Struct({
      id: ApiKeyId,
      key_id: KeyId,
      previous_key_id: Schema.NullOr(KeyId),
      rotated_at: OptionalInstantColumn,
      hash: Schema.String,
    }),
  ),
)

export const decodeTaken = (rows: ReadonlyArray<unknown>): Effect.Effect<ReadonlyArray<Taken>, Schema.SchemaError> =>
  Effect.map(decodeTakenRows(rows), (decoded) =>
    decoded.map(({ id, key_id: keyId, previous_key_id: previous, rotated_at: rotatedAt, hash }) => ({
      id,
      keyIds: previous === null ? [keyId] : [keyId, previous],
      rotatedAt,
      hash: redact(hash),
    })),
  )
