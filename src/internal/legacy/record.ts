/** Makes the record of a row. */
import { hash as digestOf } from "node:crypto"
import * as DateTime from "effect/DateTime"
import type * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import { ApiKeyId, Description, type KeyId, Metadata, metadataLimits, Name } from "../../ApiKey.ts"
import type { LegacyRecord } from "../../LegacyTokens.ts"
import * as Scope from "../../Scope.ts"
import { flag, invalid, isActiveWord, isSet, json, list, readText, text } from "./cell.ts"
import type { Reader } from "./row.ts"
import { instant } from "./time.ts"

/** The parts of a record that each adapter reads in its own way. */
export interface Parts {
  readonly keyId: KeyId
  readonly hash: Redacted.Redacted
  readonly prefix: string
  readonly hint?: string | undefined
  /** Stands for the id where the table has none. */
  readonly fallbackId: string
  /** Instead of the column `scopes`. */
  readonly scopes?: (() => ReadonlyArray<string>) | undefined
  /** Merged with the column `metadata`, which wins. */
  readonly metadata?: { readonly [key: string]: unknown } | undefined
}

export const toRecord = (reader: Reader, parts: Parts): LegacyRecord => {
  const { options, table } = reader
  const createdAt = readCreatedAt(reader)
  const record = {
    keyId: parts.keyId,
    prefix: parts.prefix,
    name: readText(reader.cell("name"), isName, "A name has at most 128 characters, and no NUL")?.trim() ?? "Imported key",
    description: readText(reader.cell("description"), isDescription, "A description has at most 1,000 characters, and no NUL"),
    ownerId: reader.owner(reader.cell("ownerId")),
    scopes: readScopes(reader, parts),
    metadata: readMetadata(reader, parts),
    isActive: readIsActive(reader),
    expiresAt: readExpiresAt(reader),
    createdAt,
    updatedAt: instant(reader.cell("updatedAt")) ?? createdAt,
    lastUsedAt: readLastUsedAt(reader),
    hint: parts.hint ?? "",
    hash: parts.hash,
  }
  // The id is made of values that stay the same in the row. A changed id would make a new key of the row. A token that was rotated here would
  // then work again.
  const id = text(reader.cell("id")) ?? parts.fallbackId
  return { id: toRecordId(options.name ?? table.name, id, createdAt), ...record }
}

const isTrimmedName = Schema.is(Name)
const isName = (text: string): boolean => isTrimmedName(text.trim())
const isDescription = Schema.is(Description)

const readScopes = (reader: Reader, { scopes }: Parts): LegacyRecord["scopes"] => {
  const cell = reader.cell("scopes")
  const given = reader.options.scopes?.(reader.row) ?? (scopes === undefined ? list(cell) : scopes())
  const distinct = Array.from(new Set(given)).sort()
  if (distinct.length > Scope.maxScopes) throw invalid(cell.column, `A key has at most ${Scope.maxScopes} scopes`)
  if (distinct.every(isScope)) return distinct
  throw invalid(cell.column, "One of them isn't a scope such as invoices:read; give the option scopes to rename them")
}

const isScope = Schema.is(Scope.Scope)

const readMetadata = (reader: Reader, parts: Parts): Schema.JsonObject => {
  const cell = reader.cell("metadata")
  const metadata: unknown = { ...parts.metadata, ...json(cell) }
  if (isMetadata(metadata)) return metadata
  throw invalid(cell.column, `Metadata has at most ${metadataLimits.bytes} bytes and ${metadataLimits.depth} levels, and no NUL`)
}

const isMetadata = Schema.is(Metadata)

/** A key is active if every column for its state says so. */
const readIsActive = (reader: Reader): boolean => {
  const { table, options } = reader
  const chosen = options.columns?.isActive
  const required = reader.cell("isActive")
  const flags = typeof chosen === "string" ? [required] : chosen === null ? [] : reader.all(table.columns.isActive)
  const words = chosen === undefined ? reader.all(table.status) : []
  const ends = reader.all(table.inactive)
  if (chosen === undefined && table.needsState === true && flags.length + words.length + ends.length === 0) {
    throw invalid(required.column, "The row has no column that tells whether the key is active")
  }
  return (
    flags.every((cell) => (cell.value === null && table.isActiveByDefault === true) || flag(cell)) &&
    words.every(isActiveWord) &&
    !ends.some(({ value }) => isSet(value))
  )
}

/** The earliest time in the columns for the expiry. */
const readExpiresAt = (reader: Reader): DateTime.Utc | null => {
  const cell = reader.cell("expiresAt")
  if (reader.options.columns?.expiresAt !== undefined) return instant(cell)
  let earliest: DateTime.Utc | null = null
  for (const other of reader.all(reader.table.columns.expiresAt)) {
    const end = instant(other)
    if (end !== null && (earliest === null || end.epochMilliseconds < earliest.epochMilliseconds)) earliest = end
  }
  return earliest
}

// A key without a time of creation counts as made in 1970.
const readCreatedAt = (reader: Reader): DateTime.Utc => {
  const cell = reader.cell("createdAt")
  const createdAt = instant(cell)
  if (createdAt === null && reader.table.required.includes("createdAt")) throw invalid(cell.column, "It is empty")
  return createdAt ?? DateTime.makeUnsafe(0)
}

// Unkey writes 0 for a key that was never used.
const readLastUsedAt = (reader: Reader): DateTime.Utc | null => {
  const lastUsedAt = instant(reader.cell("lastUsedAt"))
  return lastUsedAt?.epochMilliseconds === 0 ? null : lastUsedAt
}

/** A UUIDv7 of the other system, or a UUIDv7 made of that system's id and the time. Each import of a row gives the same id. */
const toRecordId = (system: string, id: string, createdAt: DateTime.Utc): ApiKeyId => {
  const own = id.toLowerCase()
  if (isApiKeyId(own)) return own
  const random = digestOf("sha256", `${system}\0${id}`, "hex")
  const time = createdAt.epochMilliseconds.toString(16).padStart(12, "0")
  const variant = ((Number.parseInt(random.slice(3, 5), 16) & 0x3f) | 0x80).toString(16)
  // The cast holds: digits and dashes are where a UUIDv7 has them. Time gives 48 bits, and the digest 12 and 62.
  return `${time.slice(0, 8)}-${time.slice(8)}-7${random.slice(0, 3)}-${variant}${random.slice(5, 7)}-${random.slice(7, 19)}` as ApiKeyId
}

const isApiKeyId = Schema.is(ApiKeyId)
