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
} from "../ApiKey.ts"
import { toSimpleLowerCase } from "../internal/lowerCase.ts"
import { ScopeSet } from "../Scope.ts"

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

/** The columns of {@link toJsonRow}, with their types. */
export const jsonColumnList =
  "position integer, id uuid, key_id text, prefix text, name text, name_lower text, description text, owner_id text, scopes text[], metadata jsonb, is_active boolean, deactivated_at timestamptz, deactivation_reason text, expires_at timestamptz, created_at timestamptz, updated_at timestamptz, last_used_at timestamptz, hint text, version integer, rotated_at timestamptz, previous_key_id text, previous_hint text, previous_expires_at timestamptz, previous_grace_seconds integer, previous_last_used_at timestamptz, hash text, previous_hash text"

/** A record as JSON for the database alone: it shows the hashes. */
export const toJsonRow = ({ apiKey, hash, previousHash }: StoredApiKey, position: number): Schema.JsonObject => ({
  position,
  id: apiKey.id,
  key_id: apiKey.keyId,
  prefix: apiKey.prefix,
  name: apiKey.name,
  name_lower: toSimpleLowerCase(apiKey.name),
  description: apiKey.description,
  owner_id: apiKey.ownerId,
  scopes: apiKey.scopes,
  metadata: apiKey.metadata,
  is_active: apiKey.isActive,
  deactivated_at: toIso(apiKey.deactivatedAt),
  deactivation_reason: apiKey.deactivationReason,
  expires_at: toIso(apiKey.expiresAt),
  created_at: toIso(apiKey.createdAt),
  updated_at: toIso(apiKey.updatedAt),
  last_used_at: toIso(apiKey.lastUsedAt),
  hint: apiKey.hint,
  version: apiKey.version,
  rotated_at: toIso(apiKey.rotatedAt),
  previous_key_id: apiKey.previous?.keyId ?? null,
  previous_hint: apiKey.previous?.hint ?? null,
  previous_expires_at: toIso(apiKey.previous?.expiresAt ?? null),
  previous_grace_seconds: apiKey.previous?.graceSeconds ?? null,
  previous_last_used_at: toIso(apiKey.previous?.lastUsedAt ?? null),
  hash: Redacted.value(hash),
  previous_hash: previousHash === null ? null : Redacted.value(previousHash),
})

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

const isId = Schema.is(ApiKeyId)
const isKeyId = Schema.is(KeyId)
const isName = Schema.is(Name)
const isDescription = Schema.is(Description)
const isOwnerId = Schema.is(OwnerId)
const isScopes = Schema.is(ScopeSet)
const isMetadata = Schema.is(Metadata)
const isDeactivationReason = Schema.is(DeactivationReason)
const isGraceSeconds = Schema.is(PreviousToken.fields.graceSeconds)

/**
 * Reads a row whose values need no change, as those that we wrote do. For any other row it gives `undefined`, and the schema decides.
 *
 * Decoding by the schema took more of a cold verification than the hash and the batching together.
 */
const readQuickly = (row: Record<string, unknown>): StoredApiKey | undefined => {
  const {
    id,
    key_id: keyId,
    prefix,
    name,
    description,
    owner_id: ownerId,
    scopes,
    metadata,
    is_active: isActive,
    hint,
    version,
    hash,
  } = row
  const deactivationReason = row["deactivation_reason"]
  const previousHash = row["previous_hash"]
  const deactivatedAt = toInstantOrNull(row["deactivated_at"])
  const expiresAt = toInstantOrNull(row["expires_at"])
  const lastUsedAt = toInstantOrNull(row["last_used_at"])
  const rotatedAt = toInstantOrNull(row["rotated_at"])
  const createdAt = toInstant(row["created_at"])
  const updatedAt = toInstant(row["updated_at"])
  const previous = readPrevious(row)
  return isId(id) &&
    isKeyId(keyId) &&
    typeof prefix === "string" &&
    isName(name) &&
    (description === null || isDescription(description)) &&
    (ownerId === null || isOwnerId(ownerId)) &&
    isScopes(scopes) &&
    isSortedSet(scopes) &&
    isMetadata(metadata) &&
    typeof isActive === "boolean" &&
    deactivatedAt !== undefined &&
    (deactivationReason === null || isDeactivationReason(deactivationReason)) &&
    expiresAt !== undefined &&
    createdAt !== undefined &&
    updatedAt !== undefined &&
    lastUsedAt !== undefined &&
    typeof hint === "string" &&
    typeof version === "number" &&
    Number.isSafeInteger(version) &&
    version >= 1 &&
    rotatedAt !== undefined &&
    previous !== undefined &&
    typeof hash === "string" &&
    (previousHash === null || typeof previousHash === "string")
    ? toStored(
        new ApiKey(
          {
            id,
            keyId,
            prefix,
            name,
            description,
            ownerId,
            scopes,
            metadata,
            isActive,
            deactivatedAt,
            deactivationReason,
            expiresAt,
            createdAt,
            updatedAt,
            lastUsedAt,
            hint,
            version,
            rotatedAt,
            previous,
          },
          checked,
        ),
        hash,
        previousHash,
      )
    : undefined
}

const readPrevious = (row: Record<string, unknown>): PreviousToken | null | undefined => {
  const { previous_key_id: keyId, previous_hint: hint, previous_grace_seconds: graceSeconds } = row
  const expiresAt = toInstantOrNull(row["previous_expires_at"])
  const lastUsedAt = toInstantOrNull(row["previous_last_used_at"])
  if (expiresAt === undefined || lastUsedAt === undefined || !isGraceSeconds(graceSeconds)) return undefined
  if (keyId === null) return hint === null || typeof hint === "string" ? null : undefined
  return isKeyId(keyId) && typeof hint === "string"
    ? new PreviousToken({ keyId, hint, expiresAt, graceSeconds, lastUsedAt }, checked)
    : undefined
}

const latest = Date.UTC(9999, 11, 31, 23, 59, 59, 999)

const toInstant = (value: unknown): DateTime.Utc | undefined => {
  if (!(value instanceof Date)) return undefined
  const millis = value.getTime()
  return millis >= 0 && millis <= latest ? DateTime.makeUnsafe(millis) : undefined
}

const toInstantOrNull = (value: unknown): DateTime.Utc | null | undefined => (value === null ? null : toInstant(value))

const isSortedSet = (texts: ReadonlyArray<string>): boolean => {
  for (let i = 1; i < texts.length; i++) if (texts[i - 1]! >= texts[i]!) return false
  return true
}

/** The row was checked when it was read. */
const checked = { disableChecks: true } as const

const toApiKey = (row: typeof KeyRow.Type): ApiKey =>
  new ApiKey(
    {
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
    },
    checked,
  )

const toPrevious = (row: typeof KeyRow.Type): PreviousToken | null =>
  row.previous_key_id === null
    ? null
    : new PreviousToken(
        {
          keyId: row.previous_key_id,
          hint: row.previous_hint ?? "",
          expiresAt: row.previous_expires_at,
          graceSeconds: row.previous_grace_seconds,
          lastUsedAt: row.previous_last_used_at,
        },
        checked,
      )

const toStored = (apiKey: ApiKey, hash: string, previousHash: string | null): StoredApiKey =>
  new StoredApiKey({ apiKey, hash: redact(hash), previousHash: previousHash === null ? null : redact(previousHash) }, checked)

const redact = (hash: string): Redacted.Redacted => Redacted.make(hash, { label: "hash" })
