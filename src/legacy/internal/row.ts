/** Reads rows of other systems' tables, whether they come from a driver, from JSON or from CSV. */
import { hash as digestOf } from "node:crypto"
import * as DateTime from "effect/DateTime"
import type * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import { ApiKeyId, Description, KeyId, Metadata, metadataLimits, Name, OwnerId } from "../../ApiKey.ts"
import { InvalidInput } from "../../ApiKeyError.ts"
import { isStorableText } from "../../internal/storableText.ts"
import type { LegacyRecord } from "../../LegacyTokens.ts"
import * as Scope from "../../Scope.ts"

/** @category models @since 0.1.0 */
export type Row = Readonly<Record<string, unknown>>

/** What a table says of a key. @category models @since 0.1.0 */
export type Field =
  | "id"
  | "keyId"
  | "hash"
  | "prefix"
  | "name"
  | "description"
  | "ownerId"
  | "scopes"
  | "metadata"
  | "isActive"
  | "expiresAt"
  | "createdAt"
  | "updatedAt"
  | "lastUsedAt"
  | "hint"

/** How rows are read. @category models @since 0.1.0 */
export interface Options {
  /** Tells two tables of the same kind apart, since the ids of the records are made with it. Default: the system's name. */
  readonly name?: string | undefined
  /** Columns with names of your own. Case and underscores make no difference in the system's own names, but they do in these. */
  readonly columns?: { readonly [F in Field]?: string | undefined } | undefined
  /** The key's scopes, instead of those that the row holds: for rows without any, and for those that don't fit the grammar of ours. */
  readonly scopes?: ((row: Row) => ReadonlyArray<string>) | undefined
}

/** Where a system keeps what. Case and underscores in names make no difference. */
export interface Table {
  readonly name: string
  readonly columns: { readonly [F in Field]?: ReadonlyArray<string> | undefined }
  /** Columns that deactivate the key with any value but a false one. */
  readonly inactive?: ReadonlyArray<string> | undefined
  /** What has to be among the columns, though it may be empty: an export that forgot the expiry would make keys live for ever. */
  readonly required: ReadonlyArray<Field>
  /** Whether the system takes an empty `isActive` for active. */
  readonly isActiveByDefault?: boolean | undefined
}

/** A column that may hold nothing. `column` is the name in the row, or what it should have been. */
export interface Cell {
  readonly column: string
  readonly isPresent: boolean
  /** `null` if there is none: an empty text counts as none, as in CSV. */
  readonly value: unknown
}

export interface Reader {
  readonly row: Row
  readonly table: Table
  readonly options: Options
  readonly cell: (field: Field) => Result.Result<Cell, InvalidInput>
  /** The first of these columns that the row has. */
  readonly named: (names: ReadonlyArray<string>) => Cell
}

type Read<A> = Result.Result<A, InvalidInput>

export const invalid = (field: string, reason: string): InvalidInput => new InvalidInput({ field, reason })

export const refuse = (field: string, reason: string): Result.Result<never, InvalidInput> => Result.fail(invalid(field, reason))

/** Refuses rows whose export left one of these columns out. */
export const demand = (reader: Reader, names: ReadonlyArray<string>): Read<void> => {
  const missing = names.find((name) => !reader.named([name]).isPresent)
  return missing === undefined ? Result.succeed(undefined) : refuse(missing, "The row has no such column")
}

export const open = (row: Row, table: Table, options: Options): Reader => {
  const own = new Map<string, string>()
  for (const column of Object.keys(row)) if (!own.has(plain(column))) own.set(plain(column), column)
  const cellOf = (column: string): Cell => ({ column, isPresent: true, value: orNull(row[column]) })
  const named = (names: ReadonlyArray<string>): Cell => {
    const columns = names.flatMap((name) => own.get(plain(name)) ?? [])
    const cells = columns.map(cellOf)
    return cells.find(({ value }) => value !== null) ?? cells[0] ?? { column: names[0] ?? "", isPresent: false, value: null }
  }
  const cell = (field: Field): Read<Cell> => {
    const chosen = options.columns?.[field]
    if (chosen !== undefined)
      return Object.hasOwn(row, chosen) ? Result.succeed(cellOf(chosen)) : refuse(chosen, "The row has no such column")
    const found = named(table.columns[field] ?? [])
    return found.isPresent || !table.required.includes(field) ? Result.succeed(found) : refuse(found.column, "The row has no such column")
  }
  return { row, table, options, cell, named }
}

const plain = (column: string): string => column.toLowerCase().replaceAll("_", "")

// Drivers give null, CSV an empty text, and MySQL's and PostgreSQL's text formats \N.
const orNull = (value: unknown): unknown => (value === undefined || value === "" || value === "\\N" ? null : value)

/** What an adapter knows of a key beside the columns that all tables have in one form or another. */
export interface Parts {
  readonly keyId: KeyId
  readonly hash: Redacted.Redacted
  readonly prefix: string
  readonly hint?: string | undefined
  /** Stands for the id in tables that have none. */
  readonly fallbackId: string
  /** Instead of the column `scopes`. */
  readonly scopes?: Read<ReadonlyArray<string>> | undefined
  /** Beside what the column `metadata` holds, which wins. */
  readonly metadata?: { readonly [key: string]: unknown } | undefined
}

export const toRecord = (reader: Reader, parts: Parts): Read<LegacyRecord> =>
  Result.gen(function* () {
    const { options, table } = reader
    const createdAt = yield* readCreatedAt(reader)
    const id = (yield* text(yield* reader.cell("id"))) ?? parts.fallbackId
    return {
      id: toRecordId(options.name ?? table.name, id, createdAt),
      keyId: parts.keyId,
      prefix: parts.prefix,
      name: (yield* checked(yield* reader.cell("name"), Name, "A name has at most 128 characters, and no NUL")) ?? "Imported key",
      description: yield* checked(yield* reader.cell("description"), Description, "A description has at most 1,000 characters, and no NUL"),
      ownerId: yield* checked(yield* reader.cell("ownerId"), OwnerId, "An owner id has at most 200 characters, and no NUL"),
      scopes: yield* readScopes(reader, parts),
      metadata: yield* readMetadata(reader, parts),
      isActive: yield* readIsActive(reader),
      expiresAt: yield* instant(yield* reader.cell("expiresAt")),
      createdAt,
      updatedAt: (yield* instant(yield* reader.cell("updatedAt"))) ?? createdAt,
      lastUsedAt: yield* readLastUsedAt(reader),
      hint: parts.hint ?? "",
      hash: parts.hash,
    }
  })

/** A text, or a number as one; `null` if there is none. */
export const text = ({ column, value }: Cell): Read<string | null> => {
  if (value === null || typeof value === "string") return Result.succeed(value)
  return typeof value === "number" || typeof value === "bigint" ? Result.succeed(String(value)) : refuse(column, "It isn't a text")
}

/** A text that there must be. */
export const requiredText = (cell: Cell): Read<string> =>
  Result.flatMap(text(cell), (value) => (value === null ? refuse(cell.column, "It is empty") : Result.succeed(value)))

/** A key id that there must be. */
export const toKeyId = (keyId: string, column: string): Read<KeyId> =>
  isKeyId(keyId) ? Result.succeed(keyId) : refuse(column, "A key id has at most 128 characters of visible ASCII")

const isKeyId = Schema.is(KeyId)

/** The end of a secret as far as it can be shown. */
export const toHint = (secret: string): string => {
  const end = secret.slice(-4)
  return isStorableText(end) ? end : ""
}

/** A JSON object, from a driver or as text; `null` if there is none. */
export const json = ({ column, value }: Cell): Read<{ readonly [key: string]: unknown } | null> => {
  const parsed = typeof value === "string" ? parseJson(value) : value
  // Some versions wrote JSON in JSON.
  const object = typeof parsed === "string" ? parseJson(parsed) : parsed
  if (object === null || object === undefined) return object === null ? Result.succeed(null) : refuse(column, "It isn't JSON")
  return isObject(object) ? Result.succeed(object) : refuse(column, "It isn't a JSON object")
}

const parseJson = (text: string): unknown => {
  const parsed = Result.try({ try: (): unknown => JSON.parse(text), catch: () => undefined })
  return Result.isSuccess(parsed) ? parsed.success : undefined
}

const isObject = (value: unknown): value is { readonly [key: string]: unknown } =>
  typeof value === "object" && value !== null && !Array.isArray(value)

/** Names of scopes: an array, JSON, PostgreSQL's `{a,b}`, or words between commas or spaces. */
export const list = ({ column, value }: Cell): Read<ReadonlyArray<string>> => {
  const names = typeof value === "string" ? (value.trim().startsWith("[") ? parseJson(value) : words(value)) : value
  if (names === null) return Result.succeed([])
  return Array.isArray(names) && names.every((name) => typeof name === "string")
    ? Result.succeed(names)
    : refuse(column, "It isn't a list of texts")
}

const words = (text: string): ReadonlyArray<string> | null => {
  const trimmed = text.trim()
  if (trimmed === "null") return null
  const inner = trimmed.startsWith("{") && trimmed.endsWith("}") ? trimmed.slice(1, -1).replaceAll('"', "") : trimmed
  return inner.split(/[\s,]+/).filter((word) => word !== "")
}

const readScopes = (reader: Reader, { scopes }: Parts): Read<LegacyRecord["scopes"]> =>
  Result.gen(function* () {
    const cell = yield* reader.cell("scopes")
    const given = reader.options.scopes?.(reader.row) ?? (yield* scopes ?? list(cell))
    const distinct = Array.from(new Set(given)).sort()
    if (distinct.length > Scope.maxScopes) return yield* refuse(cell.column, `A key has at most ${Scope.maxScopes} scopes`)
    if (distinct.every(isScope)) return distinct
    return yield* refuse(cell.column, "One of them isn't a scope such as invoices:read; give the option scopes to rename them")
  })

const isScope = Schema.is(Scope.Scope)

const readMetadata = (reader: Reader, parts: Parts): Read<Schema.JsonObject> =>
  Result.gen(function* () {
    const cell = yield* reader.cell("metadata")
    const metadata: unknown = { ...parts.metadata, ...(yield* json(cell)) }
    return isMetadata(metadata)
      ? metadata
      : yield* refuse(cell.column, `Metadata has at most ${metadataLimits.bytes} bytes and ${metadataLimits.depth} levels, and no NUL`)
  })

const isMetadata = Schema.is(Metadata)

const readIsActive = (reader: Reader): Read<boolean> =>
  Result.gen(function* () {
    const cell = yield* reader.cell("isActive")
    const isActive = !cell.isPresent || (cell.value === null && reader.table.isActiveByDefault === true) || (yield* flag(cell))
    return isActive && (reader.table.inactive ?? []).every((name) => !isSet(reader.named([name]).value))
  })

const trueTexts = new Set(["t", "true", "1", "y", "yes", "on"])
const falseTexts = new Set(["f", "false", "0", "n", "no", "off"])

const flag = ({ column, value }: Cell): Read<boolean> => {
  if (trueTexts.has(toWord(value))) return Result.succeed(true)
  return falseTexts.has(toWord(value)) ? Result.succeed(false) : refuse(column, "It is neither true nor false")
}

// A time of revocation as well as a flag. What isn't understood deactivates the key, rather than let a revoked one live.
const isSet = (value: unknown): boolean => value !== null && value !== "NULL" && !falseTexts.has(toWord(value))

const toWord = (value: unknown): string =>
  typeof value === "string" || typeof value === "boolean" || typeof value === "number" || typeof value === "bigint"
    ? String(value).toLowerCase()
    : ""

// What says nothing of when it was made is as old as can be.
const readCreatedAt = (reader: Reader): Read<DateTime.Utc> =>
  Result.gen(function* () {
    const cell = yield* reader.cell("createdAt")
    const createdAt = yield* instant(cell)
    if (createdAt === null && reader.table.required.includes("createdAt")) return yield* refuse(cell.column, "It is empty")
    return createdAt ?? DateTime.makeUnsafe(0)
  })

// Unkey has 0 for never, and nobody used a key in 1970.
const readLastUsedAt = (reader: Reader): Read<DateTime.Utc | null> =>
  Result.map(Result.flatMap(reader.cell("lastUsedAt"), instant), (lastUsedAt) => (lastUsedAt?.epochMilliseconds === 0 ? null : lastUsedAt))

/** A time; `null` if there is none. */
export const instant = ({ column, value }: Cell): Read<DateTime.Utc | null> => {
  if (value === null || value === "NULL") return Result.succeed(null)
  const milliseconds = toMilliseconds(value)
  if (milliseconds === undefined) return refuse(column, "It isn't a time")
  return milliseconds >= 0 && milliseconds <= lastMillisecond
    ? Result.succeed(DateTime.makeUnsafe(milliseconds))
    : refuse(column, "It isn't between 1970 and 9999")
}

const lastMillisecond = Date.UTC(9999, 11, 31, 23, 59, 59, 999)

const toMilliseconds = (value: unknown): number | undefined => {
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? undefined : value.getTime()
  if (typeof value === "bigint") return fromEpoch(Number(value))
  if (typeof value === "number") return Number.isFinite(value) ? fromEpoch(value) : undefined
  if (typeof value !== "string" || value.length > 64) return undefined
  return /^\d{1,16}(?:\.\d{1,9})?$/.test(value) ? fromEpoch(Number(value)) : fromText(value)
}

// As seconds, 10^11 is the year 5138; as milliseconds, 1973.
const fromEpoch = (value: number): number => Math.trunc(Math.abs(value) < 1e11 ? value * 1_000 : value)

const timePattern =
  /^(\d{4})-(\d\d)-(\d\d)(?:[T ](\d\d):(\d\d)(?::(\d\d)(?:[.,](\d{1,9}))?)?)? ?(?:(Z|UTC|GMT)|([+-])(\d\d)(?::?(\d\d))?(?::?(\d\d))?)?$/i

/** ISO 8601, and how PostgreSQL, MySQL, SQLite and Python write times. Without a zone it is UTC. */
const fromText = (text: string): number | undefined => {
  const [
    ,
    year,
    month,
    day,
    hour = "0",
    minute = "0",
    second = "0",
    fraction = "",
    ,
    sign,
    zoneHour = "0",
    zoneMinute = "0",
    zoneSecond = "0",
  ] = timePattern.exec(text.trim()) ?? []
  if (year === undefined) return undefined
  const fields = [Number(year), Number(month) - 1, Number(day), Number(hour), Number(minute), Number(second)] as const
  const date = new Date(Date.UTC(...fields, Number(fraction.padEnd(3, "0").slice(0, 3))))
  // Date.UTC takes the 30th of February for the 1st of March, and the year 70 for 1970.
  const isReal =
    date.getUTCFullYear() === fields[0] &&
    date.getUTCMonth() === fields[1] &&
    date.getUTCDate() === fields[2] &&
    date.getUTCHours() === fields[3] &&
    date.getUTCMinutes() === fields[4]
  if (!isReal || Number(zoneHour) > 15 || Number(zoneMinute) > 59) return undefined
  const offset = (Number(zoneHour) * 3_600 + Number(zoneMinute) * 60 + Number(zoneSecond)) * 1_000
  return date.getTime() - (sign === "-" ? -offset : offset)
}

const checked = <A>(cell: Cell, schema: Schema.Codec<A, string>, reason: string): Read<A | null> =>
  Result.flatMap(text(cell), (value) => {
    if (value === null || value.trim() === "") return Result.succeed(null)
    // The schema's own message would quote the value.
    return Result.mapError(Schema.decodeUnknownResult(schema)(value), () => invalid(cell.column, reason))
  })

/** A UUIDv7 that the same row has each time. One of the other system's own is kept. */
const toRecordId = (system: string, id: string, createdAt: DateTime.Utc): ApiKeyId => {
  const own = id.toLowerCase()
  if (isApiKeyId(own)) return own
  const random = digestOf("sha256", `${system}\0${id}`, "hex")
  const time = createdAt.epochMilliseconds.toString(16).padStart(12, "0")
  const variant = ((Number.parseInt(random.slice(3, 5), 16) & 0x3f) | 0x80).toString(16)
  // The digits and the dashes are where a UUIDv7 has them: 48 bits of time, 12 and 62 of the digest.
  return `${time.slice(0, 8)}-${time.slice(8)}-7${random.slice(0, 3)}-${variant}${random.slice(5, 7)}-${random.slice(7, 19)}` as ApiKeyId
}

const isApiKeyId = Schema.is(ApiKeyId)

/** The usual names in tables that somebody made up. */
export const homeMade = {
  columns: {
    id: ["id", "uuid"],
    name: ["name", "label", "title"],
    description: ["description"],
    ownerId: ["owner_id", "user_id", "account_id", "customer_id", "organization_id", "tenant_id", "owner"],
    scopes: ["scopes", "permissions"],
    metadata: ["metadata", "meta"],
    isActive: ["is_active", "active", "enabled", "is_enabled"],
    expiresAt: ["expires_at", "expires", "expiry", "expiry_date", "expiration_date"],
    createdAt: ["created_at", "created"],
    updatedAt: ["updated_at", "updated"],
    lastUsedAt: ["last_used_at", "last_used"],
  },
  inactive: [
    "revoked",
    "is_revoked",
    "revoked_at",
    "disabled",
    "is_disabled",
    "disabled_at",
    "deactivated_at",
    "deleted",
    "is_deleted",
    "deleted_at",
  ],
} as const satisfies Pick<Table, "columns" | "inactive">
