/** Rows of the table as records. The schemas say what a row may hold; {@link readQuickly} spares verification most of what they cost. */
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import {
  ApiKey,
  ApiKeyId,
  DeactivationReason,
  Description,
  isInRange,
  KeyId,
  Metadata,
  Name,
  OwnerId,
  PreviousToken,
  StoredApiKey,
} from "../../ApiKey.ts"
import type { Taken } from "../../ApiKeyRepository.ts"
import { toSimpleLowerCase } from "../text/lowerCase.ts"
import { ofChecked } from "../schema/ofChecked.ts"
import { arePlain, isKeyId } from "../record/plainFields.ts"
import { ScopeSet } from "../../Scope.ts"

/** The columns of a record without its hashes. */
export const columnList =
  "id, key_id, prefix, name, description, owner_id, scopes, metadata, is_active, deactivated_at, deactivation_reason, expires_at, created_at, updated_at, last_used_at, hint, version, rotated_at, previous_key_id, previous_hint, previous_expires_at, previous_grace_seconds, previous_last_used_at"

/** The columns of a record with its hashes. */
export const storedColumnList = `${columnList}, hash, previous_hash`

export const decodeKeys = (rows: ReadonlyArray<unknown>): Effect.Effect<ReadonlyArray<ApiKey>, Schema.SchemaError> =>
  Effect.map(decodeKeyRows(rows), (decoded) => decoded.map(toApiKey))

export const decodeStored = (row: Record<string, unknown>): Exit.Exit<StoredApiKey, Schema.SchemaError> => {
  const quick = readQuickly(row)
  return quick === undefined ? decodeStoredBySchema(row) : Exit.succeed(quick)
}

/** What {@link decodeStored} must give. */
export const decodeStoredBySchema = (row: unknown): Exit.Exit<StoredApiKey, Schema.SchemaError> =>
  Exit.map(decodeStoredRow(row), (decoded) => toStored(toApiKey(decoded), decoded.hash, decoded.previous_hash))

export const decodeManyStored = (rows: ReadonlyArray<unknown>): Effect.Effect<ReadonlyArray<StoredApiKey>, Schema.SchemaError> =>
  Effect.map(decodeStoredRows(rows), (decoded) => decoded.map((row) => toStored(toApiKey(row), row.hash, row.previous_hash)))

interface InsertedColumn {
  readonly name: string
  readonly type: string
  /** Under `array_nulls = off` the `NULL` of an array's text is a word, so none is written. */
  readonly isNullable?: boolean
  readonly of: (key: StoredApiKey) => string | number | boolean | null
}

/** What is inserted: each column with its type and its value. */
const inserted: ReadonlyArray<InsertedColumn> = [
  { name: "id", type: "uuid", of: ({ apiKey }) => apiKey.id },
  { name: "key_id", type: "text", of: ({ apiKey }) => apiKey.keyId },
  { name: "prefix", type: "text", of: ({ apiKey }) => apiKey.prefix },
  { name: "name", type: "text", of: ({ apiKey }) => apiKey.name },
  { name: "name_lower", type: "text", of: ({ apiKey }) => toSimpleLowerCase(apiKey.name) },
  { name: "description", type: "text", isNullable: true, of: ({ apiKey }) => apiKey.description },
  { name: "owner_id", type: "text", isNullable: true, of: ({ apiKey }) => apiKey.ownerId },
  { name: "scopes", type: "text[]", of: ({ apiKey }) => toArray(apiKey.scopes) },
  { name: "metadata", type: "jsonb", of: ({ apiKey }) => JSON.stringify(apiKey.metadata) },
  { name: "is_active", type: "boolean", of: ({ apiKey }) => apiKey.isActive },
  { name: "deactivated_at", type: "timestamptz", isNullable: true, of: ({ apiKey }) => toIso(apiKey.deactivatedAt) },
  { name: "deactivation_reason", type: "text", isNullable: true, of: ({ apiKey }) => apiKey.deactivationReason },
  { name: "expires_at", type: "timestamptz", isNullable: true, of: ({ apiKey }) => toIso(apiKey.expiresAt) },
  { name: "created_at", type: "timestamptz", of: ({ apiKey }) => toIso(apiKey.createdAt) },
  { name: "updated_at", type: "timestamptz", of: ({ apiKey }) => toIso(apiKey.updatedAt) },
  { name: "last_used_at", type: "timestamptz", isNullable: true, of: ({ apiKey }) => toIso(apiKey.lastUsedAt) },
  { name: "hint", type: "text", of: ({ apiKey }) => apiKey.hint },
  { name: "version", type: "integer", of: ({ apiKey }) => apiKey.version },
  { name: "rotated_at", type: "timestamptz", isNullable: true, of: ({ apiKey }) => toIso(apiKey.rotatedAt) },
  { name: "previous_key_id", type: "text", isNullable: true, of: ({ apiKey }) => apiKey.previous?.keyId ?? null },
  { name: "previous_hint", type: "text", isNullable: true, of: ({ apiKey }) => apiKey.previous?.hint ?? null },
  { name: "previous_expires_at", type: "timestamptz", isNullable: true, of: ({ apiKey }) => toIso(apiKey.previous?.expiresAt ?? null) },
  { name: "previous_grace_seconds", type: "integer", isNullable: true, of: ({ apiKey }) => apiKey.previous?.graceSeconds ?? null },
  { name: "previous_last_used_at", type: "timestamptz", isNullable: true, of: ({ apiKey }) => toIso(apiKey.previous?.lastUsedAt ?? null) },
  { name: "hash", type: "text", of: ({ hash }) => Redacted.value(hash) },
  {
    name: "previous_hash",
    type: "text",
    isNullable: true,
    of: ({ previousHash }) => (previousHash === null ? null : Redacted.value(previousHash)),
  },
]

// Arrays within an array would all have to have one length, and jsonb takes twice as long in one.
const isWithin = (type: string): boolean => type === "text[]" || type === "jsonb"

const elementType = ({ type, isNullable = false }: InsertedColumn): string => (isNullable || isWithin(type) ? "text" : type)

/** A column as its element gives it. A nullable text has a mark before it, since the empty text stands for null. */
const valueOf = ({ name, type, isNullable = false }: InsertedColumn): string => {
  if (isNullable) return type === "text" ? `CASE WHEN ${name} <> '' THEN substr(${name}, 2) END` : `NULLIF(${name}, '')::${type}`
  return isWithin(type) ? `${name}::${type}` : name
}

const insertedNames = inserted.map(({ name }) => name).join(", ")

/** The names of the columns, and what they are selected from: rows `given` with a `position`, of a parameter for each column. */
export const insertColumns = {
  names: insertedNames,
  source: `(SELECT ${inserted.map((column) => `${valueOf(column)} AS ${column.name}`).join(", ")}, position FROM unnest(${inserted.map((column, index) => `$${index + 1}::text::${elementType(column)}[]`).join(", ")}) WITH ORDINALITY AS element (${insertedNames}, position)) AS given`,
}

/** The parameters of {@link insertColumns}, for the database alone: they show the hashes. */
export const toArrays = (keys: ReadonlyArray<StoredApiKey>): ReadonlyArray<string> =>
  inserted.map(({ of, type, isNullable = false }) =>
    toArray(
      keys.map((key) => {
        const value = of(key)
        if (!isNullable) return value
        if (value === null) return ""
        return type === "text" ? `+${value}` : value
      }),
    ),
  )

const toArray = (values: ReadonlyArray<string | number | boolean | null>): string => {
  let text = "{"
  for (const value of values) {
    if (text.length > 1) text += ","
    text += typeof value === "string" ? `"${/["\\]/.test(value) ? value.replace(/["\\]/g, "\\$&") : value}"` : String(value)
  }
  return `${text}}`
}

const toIso = (instant: DateTime.Utc | null): string | null => (instant === null ? null : DateTime.formatIso(instant))

const InstantColumn = Schema.DateTimeUtcFromDate.check(isInRange())
// Null first: a union tries its members in turn, and each failure costs more than all the other columns.
const OptionalInstantColumn = Schema.Union([Schema.Null, InstantColumn])
const keyColumns = {
  id: ApiKeyId,
  key_id: KeyId,
  prefix: Schema.String,
  name: Name,
  description: Schema.NullOr(Description),
  owner_id: Schema.NullOr(OwnerId),
  scopes: ScopeSet,
  metadata: Metadata,
  is_active: Schema.Boolean,
  deactivated_at: OptionalInstantColumn,
  deactivation_reason: Schema.NullOr(DeactivationReason),
  expires_at: OptionalInstantColumn,
  created_at: InstantColumn,
  updated_at: InstantColumn,
  last_used_at: OptionalInstantColumn,
  hint: Schema.String,
  version: Schema.Int.check(Schema.isGreaterThanOrEqualTo(1)),
  rotated_at: OptionalInstantColumn,
  previous_key_id: Schema.NullOr(KeyId),
  previous_hint: Schema.NullOr(Schema.String),
  previous_expires_at: OptionalInstantColumn,
  previous_grace_seconds: PreviousToken.fields.graceSeconds,
  previous_last_used_at: OptionalInstantColumn,
}
const KeyRow = Schema.Struct(keyColumns)
const decodeKeyRows = Schema.decodeUnknownEffect(Schema.Array(KeyRow))
const StoredRow = Schema.Struct({ ...keyColumns, hash: Schema.String, previous_hash: Schema.NullOr(Schema.String) })
const decodeStoredRow = Schema.decodeUnknownExit(StoredRow)
const decodeStoredRows = Schema.decodeUnknownEffect(Schema.Array(StoredRow))

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

const isDeactivationReason = Schema.is(DeactivationReason)
const isGraceSeconds = Schema.is(PreviousToken.fields.graceSeconds)

/**
 * Reads a row whose values need no change, as those that we wrote do. For any other row it gives `undefined`, and the schema decides.
 *
 * Decoding by the schema took more of a cold verification than the hash and the batching together.
 */
const readQuickly = (row: Record<string, unknown>): StoredApiKey | undefined => {
  const { hash, previous_hash: previousHash, deactivation_reason: deactivationReason } = row
  const deactivatedAt = toInstantOrNull(row["deactivated_at"])
  const expiresAt = toInstantOrNull(row["expires_at"])
  const lastUsedAt = toInstantOrNull(row["last_used_at"])
  const rotatedAt = toInstantOrNull(row["rotated_at"])
  const createdAt = toInstant(row["created_at"])
  const updatedAt = toInstant(row["updated_at"])
  const previous = readPrevious(row)
  if (
    deactivatedAt === undefined ||
    (deactivationReason !== null && !isDeactivationReason(deactivationReason)) ||
    expiresAt === undefined ||
    createdAt === undefined ||
    updatedAt === undefined ||
    lastUsedAt === undefined ||
    rotatedAt === undefined ||
    previous === undefined ||
    typeof hash !== "string" ||
    (previousHash !== null && typeof previousHash !== "string")
  ) {
    return undefined
  }
  const fields = {
    id: row["id"],
    keyId: row["key_id"],
    prefix: row["prefix"],
    name: row["name"],
    description: row["description"],
    ownerId: row["owner_id"],
    scopes: row["scopes"],
    metadata: row["metadata"],
    isActive: row["is_active"],
    deactivatedAt,
    deactivationReason,
    expiresAt,
    createdAt,
    updatedAt,
    lastUsedAt,
    hint: row["hint"],
    version: row["version"],
    rotatedAt,
    previous,
  }
  return arePlain(fields) ? toStored(ofChecked(ApiKey, fields), hash, previousHash) : undefined
}

const readPrevious = (row: Record<string, unknown>): PreviousToken | null | undefined => {
  const { previous_key_id: keyId, previous_hint: hint, previous_grace_seconds: graceSeconds } = row
  const expiresAt = toInstantOrNull(row["previous_expires_at"])
  const lastUsedAt = toInstantOrNull(row["previous_last_used_at"])
  if (expiresAt === undefined || lastUsedAt === undefined || (graceSeconds !== null && !isGraceSeconds(graceSeconds))) return undefined
  if (keyId === null) return hint === null || typeof hint === "string" ? null : undefined
  return isKeyId(keyId) && typeof hint === "string"
    ? ofChecked(PreviousToken, { keyId, hint, expiresAt, graceSeconds, lastUsedAt })
    : undefined
}

const latest = Date.UTC(9999, 11, 31, 23, 59, 59, 999)

const toInstant = (value: unknown): DateTime.Utc | undefined => {
  if (!(value instanceof Date)) return undefined
  const millis = value.getTime()
  return millis >= 0 && millis <= latest ? DateTime.makeUnsafe(millis) : undefined
}

const toInstantOrNull = (value: unknown): DateTime.Utc | null | undefined => (value === null ? null : toInstant(value))

const toApiKey = (row: typeof KeyRow.Type): ApiKey =>
  ofChecked(ApiKey, {
    id: row.id,
    keyId: row.key_id,
    prefix: row.prefix,
    name: row.name,
    description: row.description,
    ownerId: row.owner_id,
    scopes: row.scopes,
    metadata: row.metadata,
    isActive: row.is_active,
    deactivatedAt: row.deactivated_at,
    deactivationReason: row.deactivation_reason,
    expiresAt: row.expires_at,
    createdAt: row.created_at,
    updatedAt: row.updated_at,
    lastUsedAt: row.last_used_at,
    hint: row.hint,
    version: row.version,
    rotatedAt: row.rotated_at,
    previous: toPrevious(row),
  })

const toPrevious = (row: typeof KeyRow.Type): PreviousToken | null =>
  row.previous_key_id === null
    ? null
    : ofChecked(PreviousToken, {
        keyId: row.previous_key_id,
        hint: row.previous_hint ?? "",
        expiresAt: row.previous_expires_at,
        graceSeconds: row.previous_grace_seconds,
        lastUsedAt: row.previous_last_used_at,
      })

const toStored = (apiKey: ApiKey, hash: string, previousHash: string | null): StoredApiKey =>
  ofChecked(StoredApiKey, { apiKey, hash: redact(hash), previousHash: previousHash === null ? null : redact(previousHash) })

const redact = (hash: string): Redacted.Redacted => Redacted.make(hash, { label: "hash" })
