/** Reads rows of other systems' tables, whether they come from a driver, from JSON or from CSV. */
import { hash as digestOf } from "node:crypto"
import * as DateTime from "effect/DateTime"
import type * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import { ApiKeyId, Description, KeyId, Metadata, metadataLimits, Name, OwnerId } from "../../ApiKey.ts"
import { InvalidInput } from "../../ApiKeyError.ts"
import { fromFields, latestMillis } from "../time/instants.ts"
import { isStorableText } from "../text/storable.ts"
import type { LegacyRecord, LegacyTokens } from "../../LegacyTokens.ts"
import * as Scope from "../../Scope.ts"
import { kindColumns, type OwnerRule, parseOwnerRule } from "./owner.ts"

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
  /**
   * Columns with names of your own, and `null` for what the table hasn't: without it a row that lacks a column of expiry or state is refused. Case
   * and underscores make no difference in the system's own names, but they do in these.
   */
  readonly columns?: { readonly [F in Field]?: string | null | undefined } | undefined
  /**
   * Whom a key belongs to, where one column doesn't tell, as the ids of users and those of organisations may be the same: `{owner_type}:{owner_id}`,
   * with names of columns in braces. Of several texts the first counts whose columns all hold something; or a function of the row says it.
   * Without it, rows with a column for the kind of owner (`owner_type`, `tokenable_type`, `referenceType` …) are refused, and so are those of
   * home-made tables with several columns for owners. Default: the column `ownerId`.
   */
  readonly owner?: OwnerRule | undefined
  /** The key's scopes, instead of those that the row holds: for rows without any, and for those that don't fit the grammar of ours. */
  readonly scopes?: ((row: Row) => ReadonlyArray<string>) | undefined
}

/** Where a system keeps what. Case and underscores in names make no difference. */
export interface Table {
  readonly name: string
  readonly columns: { readonly [F in Field]?: ReadonlyArray<string> | undefined }
  /** Columns that deactivate the key with any value but a false one. */
  readonly inactive?: ReadonlyArray<string> | undefined
  /** Columns with a word for the state. */
  readonly status?: ReadonlyArray<string> | undefined
  /** What has to be among the columns, though it may be empty: an export that forgot the expiry would make keys live for ever. */
  readonly required: ReadonlyArray<Field>
  /** Whether one of the columns that tell of the state has to be there. */
  readonly needsState?: boolean | undefined
  /** Whether several columns for owners name different things, rather than one thing in several versions of the system. */
  readonly ownersDiffer?: boolean | undefined
  /** Whether the system takes an empty `isActive` for active. */
  readonly isActiveByDefault?: boolean | undefined
}

/** A column that may hold nothing. `column` is the name in the row, or what it should have been. */
export interface Cell {
  readonly column: string
  readonly isPresent: boolean
  /** `null` if there is none: an empty text counts as none, as in CSV, and so does the text `NULL`. */
  readonly value: unknown
}

export interface Reader {
  readonly row: Row
  readonly table: Table
  readonly options: Options
  readonly cell: (field: Field) => Cell
  readonly named: (name: string) => Cell
  /** All of these columns that the row has. */
  readonly all: (names: ReadonlyArray<string> | undefined) => ReadonlyArray<Cell>
  readonly owner: (field: Cell) => string | null
}

export const invalid = (field: string, reason: string): InvalidInput => new InvalidInput({ field, reason })

/**
 * What refuses a row is thrown, here and in the adapters, and caught in this place alone: to pass a `Result` from cell to cell took as long as
 * all the rest of reading a row.
 */
export const reading =
  (read: (row: Row) => LegacyRecord): LegacyTokens["readRow"] =>
  (row) => {
    try {
      return Result.succeed(read(row))
    } catch (thrown) {
      if (thrown instanceof InvalidInput) return Result.fail(thrown)
      throw thrown
    }
  }

/** Refuses rows whose export left one of these columns out. */
export const demand = (reader: Reader, names: ReadonlyArray<string>): void => {
  const missing = names.find((name) => !reader.named(name).isPresent)
  if (missing !== undefined) throw invalid(missing, noSuchColumn)
}

const noSuchColumn = "The row has no such column"

/** Opens rows. What the names of the columns stand for is found once for rows that have the same ones. */
export const opener = (table: Table, options: Options): ((row: Row) => Reader) => {
  let header = makeHeader([])
  const readOwner = ownerReader(table, options)
  return (row) => {
    const columns = Object.keys(row)
    if (columns.length !== header.columns.length || columns.some((column, index) => column !== header.columns[index])) {
      header = makeHeader(columns)
    }
    const { find } = header
    const cellOf = (column: string): Cell => ({ column, isPresent: true, value: orNull(row[column]) })
    const absent = (column: string): Cell => ({ column, isPresent: false, value: null })
    const first = (cells: ReadonlyArray<Cell>): Cell | undefined => cells.find(({ value }) => value !== null) ?? cells[0]
    const all: Reader["all"] = (names) => (names === undefined ? [] : find(names).map(cellOf))
    const exactly = (column: string): Cell => {
      if (Object.hasOwn(row, column)) return cellOf(column)
      throw invalid(column, noSuchColumn)
    }
    return {
      row,
      table,
      options,
      all,
      owner: (field) => readOwner(row, field, exactly, all),
      named: (name) => first(find(name).map(cellOf)) ?? absent(name),
      cell: (field) => {
        const chosen = options.columns?.[field]
        if (chosen === null) return absent(field)
        if (chosen !== undefined) return exactly(chosen)
        const names = table.columns[field]
        const found = first(all(names))
        if (found === undefined && table.required.includes(field)) throw invalid(names?.[0] ?? field, noSuchColumn)
        return found ?? absent(names?.[0] ?? field)
      },
    }
  }
}

interface Header {
  readonly columns: ReadonlyArray<string>
  /** The columns with these names, of which an array is known by its identity. Two spellings of one are refused, as they may differ. */
  readonly find: (names: string | ReadonlyArray<string>) => ReadonlyArray<string>
}

const makeHeader = (columns: ReadonlyArray<string>): Header => {
  const byName = new Map<string, string>()
  const second = new Map<string, string>()
  for (const column of columns) (byName.has(plain(column)) ? second : byName).set(plain(column), column)
  const found = new Map<string | ReadonlyArray<string>, ReadonlyArray<string>>()
  return {
    columns,
    find: (names) => {
      const known = found.get(names)
      if (known !== undefined) return known
      const wanted = Array.from(new Set((typeof names === "string" ? [names] : names).map(plain)))
      const twice = wanted.find((name) => second.has(name))
      if (twice !== undefined) throw invalid(second.get(twice) ?? twice, "The row has this column twice, in two spellings")
      const these = wanted.flatMap((name) => byName.get(name) ?? [])
      found.set(names, these)
      return these
    },
  }
}

/** The name of a column without what makes no difference. */
export const plain = (column: string): string => column.toLowerCase().replaceAll("_", "")

// Drivers give null, CSV an empty text, MySQL's and PostgreSQL's text formats \N, and what prints tables NULL or null.
const nulls = new Set<unknown>([undefined, "", "\\N", "NULL", "null"])
const orNull = (value: unknown): unknown => (nulls.has(value) ? null : value)

type OwnerOf = (row: Row, field: Cell, exactly: (column: string) => Cell, all: Reader["all"]) => string | null

/** By the rule, or else by the system's own column, unless that one alone would make one owner of two. */
const ownerReader = (table: Table, { owner, columns }: Options): OwnerOf => {
  if (typeof owner === "function") return (row, field) => readText({ ...field, value: owner(row) }, isOwnerId, ownerLimits)
  if (owner !== undefined) {
    const rule = parseOwnerRule(owner)
    if (Result.isFailure(rule)) {
      return () => {
        throw invalid("owner", rule.failure)
      }
    }
    const refuse = (column: string, reason: string): never => {
      throw invalid(column, reason)
    }
    return (_row, field, exactly) =>
      readText(
        {
          ...field,
          value: rule.success((column) => {
            const value = text(exactly(column))
            return value === null || value.trim() === "" ? null : value
          }, refuse),
        },
        isOwnerId,
        ownerLimits,
      )
  }
  const chosen = columns?.ownerId
  if (chosen === null) return () => null
  const kinds = kindColumns(chosen)
  return (_row, field, _exactly, all) => {
    const [kind] = all(kinds)
    if (kind !== undefined) throw needsRule(kind, "It tells of the kind of owner", `{${kind.column}}:{${field.column}}`)
    const [one, other] = chosen === undefined && table.ownersDiffer === true ? all(table.columns.ownerId) : []
    if (one !== undefined && other !== undefined) {
      throw needsRule(other, `The row has ${one.column} for an owner too`, `{${one.column}}`)
    }
    return readText(field, isOwnerId, ownerLimits)
  }
}

/** Refuses a row whose column alone would make one owner of two. */
export const needsRule = ({ column }: Cell, fact: string, example: string): InvalidInput =>
  invalid(column, `${fact}: say by the option owner (--owner) who the owner is, such as "${example}"`)

const ownerLimits = "An owner id has at most 200 characters, and no NUL"

/** What an adapter knows of a key beside the columns that all tables have in one form or another. */
export interface Parts {
  readonly keyId: KeyId
  readonly hash: Redacted.Redacted
  readonly prefix: string
  readonly hint?: string | undefined
  /** Stands for the id, with what the row says of the key, in tables that have none. */
  readonly fallbackId: string
  /** Instead of the column `scopes`. */
  readonly scopes?: (() => ReadonlyArray<string>) | undefined
  /** Beside what the column `metadata` holds, which wins. */
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
  // Not of what may change there: the row would be a new key, and its token work again that rotations here have replaced.
  const id = text(reader.cell("id")) ?? parts.fallbackId
  return { id: toRecordId(options.name ?? table.name, id, createdAt), ...record }
}

/** A text, or a number as one; `null` if there is none. */
export const text = ({ column, value }: Cell): string | null => {
  if (value === null || typeof value === "string") return value
  if (typeof value === "number" || typeof value === "bigint") return String(value)
  throw invalid(column, "It isn't a text")
}

/** A text that there must be. */
export const requiredText = (cell: Cell): string => {
  const value = text(cell)
  if (value === null) throw invalid(cell.column, "It is empty")
  return value
}

/** A key id that there must be. */
export const toKeyId = (keyId: string, column: string): KeyId => {
  if (isKeyId(keyId)) return keyId
  throw invalid(column, "A key id has at most 128 characters of visible ASCII")
}

export const isKeyId: (text: unknown) => text is KeyId = Schema.is(KeyId)

/** The end of a secret as far as it can be shown. */
export const toHint = (secret: string): string => {
  const end = secret.slice(-4)
  return isStorableText(end) ? end : ""
}

/** A JSON object, from a driver or as text; `null` if there is none. */
export const json = ({ column, value }: Cell): { readonly [key: string]: unknown } | null => {
  const parsed = typeof value === "string" ? parseJson(value) : value
  // Some versions wrote JSON in JSON.
  const object = typeof parsed === "string" ? parseJson(parsed) : parsed
  if (object === null) return null
  if (object === undefined) throw invalid(column, "It isn't JSON")
  if (isObject(object)) return object
  throw invalid(column, "It isn't a JSON object")
}

const parseJson = (text: string): unknown => {
  const parsed = Result.try({ try: (): unknown => JSON.parse(text), catch: () => undefined })
  return Result.isSuccess(parsed) ? parsed.success : undefined
}

const isObject = (value: unknown): value is { readonly [key: string]: unknown } =>
  typeof value === "object" && value !== null && !Array.isArray(value)

/** Names of scopes: an array, JSON, PostgreSQL's `{a,b}`, or words between commas or spaces. */
export const list = ({ column, value }: Cell): ReadonlyArray<string> => {
  const names = typeof value === "string" ? (value.trim().startsWith("[") ? parseJson(value) : words(value)) : value
  if (names === null) return []
  if (Array.isArray(names) && names.every((name) => typeof name === "string")) return names
  throw invalid(column, "It isn't a list of texts")
}

const words = (text: string): ReadonlyArray<string> | null => {
  const trimmed = text.trim()
  if (trimmed === "null") return null
  const inner = trimmed.startsWith("{") && trimmed.endsWith("}") ? trimmed.slice(1, -1).replaceAll('"', "") : trimmed
  return inner.split(/[\s,]+/).filter((word) => word !== "")
}

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

/** Active is what every column that tells of it says is active. */
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

const trueTexts = new Set(["t", "true", "1", "y", "yes", "on"])
const falseTexts = new Set(["f", "false", "0", "n", "no", "off"])

const flag = ({ column, value }: Cell): boolean => {
  const word = toWord(value)
  if (trueTexts.has(word)) return true
  if (falseTexts.has(word)) return false
  throw invalid(column, "It is neither true nor false")
}

const activeWords = new Set(["active", "activated", "enabled", "valid", "live", "ok"])
const inactiveWords = new Set(
  "inactive deactivated disabled invalid revoked deleted removed expired suspended blocked banned archived canceled cancelled pending".split(
    " ",
  ),
)

const isActiveWord = ({ column, value }: Cell): boolean => {
  const word = toWord(value)
  if (activeWords.has(word)) return true
  if (inactiveWords.has(word)) return false
  throw invalid(column, "It is neither active nor inactive; a query can make a column is_active of it")
}

// A time of revocation as well as a flag. What isn't understood deactivates the key, rather than let a revoked one live.
const isSet = (value: unknown): boolean => value !== null && !falseTexts.has(toWord(value))

const toWord = (value: unknown): string =>
  typeof value === "string" || typeof value === "boolean" || typeof value === "number" || typeof value === "bigint"
    ? String(value).toLowerCase()
    : ""

/** The earliest of all columns that tell of it. */
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

// What says nothing of when it was made is as old as can be.
const readCreatedAt = (reader: Reader): DateTime.Utc => {
  const cell = reader.cell("createdAt")
  const createdAt = instant(cell)
  if (createdAt === null && reader.table.required.includes("createdAt")) throw invalid(cell.column, "It is empty")
  return createdAt ?? DateTime.makeUnsafe(0)
}

// Unkey has 0 for never, and nobody used a key in 1970.
const readLastUsedAt = (reader: Reader): DateTime.Utc | null => {
  const lastUsedAt = instant(reader.cell("lastUsedAt"))
  return lastUsedAt?.epochMilliseconds === 0 ? null : lastUsedAt
}

/** A time; `null` if there is none. */
const instant = ({ column, value }: Cell): DateTime.Utc | null => {
  if (value === null) return null
  const milliseconds = toMilliseconds(value)
  if (milliseconds === undefined) throw invalid(column, "It isn't a time")
  if (milliseconds >= 0 && milliseconds <= latestMillis) return DateTime.makeUnsafe(milliseconds)
  throw invalid(column, "It isn't between 1970 and 9999")
}

const toMilliseconds = (value: unknown): number | undefined => {
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? undefined : value.getTime()
  if (typeof value === "bigint" || typeof value === "number") return fromNumber(String(value))
  if (typeof value !== "string" || value.length > 64) return undefined
  return fromNumber(value) ?? fromText(value)
}

/** Seconds or milliseconds since 1970; but 20300101 and 20300101120000 are a day and a time of it. */
const fromNumber = (digits: string): number | undefined => {
  const [, year, month, day, hour = "00", minute = "00", second = "00"] = /^(\d{4})(\d\d)(\d\d)(?:(\d\d)(\d\d)(\d\d))?$/.exec(digits) ?? []
  if (year !== undefined) return fromText(`${year}-${month}-${day}T${hour}:${minute}:${second}Z`)
  return /^-?\d{1,16}(?:\.\d{1,9})?$/.test(digits) ? fromEpoch(Number(digits)) : undefined
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
  const fields = [Number(year), Number(month), Number(day), Number(hour), Number(minute), Number(second)]
  const local = fromFields(fields, Number(fraction.padEnd(3, "0").slice(0, 3)))
  if (local === undefined || Number(zoneHour) > 15 || Number(zoneMinute) > 59 || Number(zoneSecond) > 59) return undefined
  const offset = (Number(zoneHour) * 3_600 + Number(zoneMinute) * 60 + Number(zoneSecond)) * 1_000
  return local - (sign === "-" ? -offset : offset)
}

/** A text of the domain; `null` if there is none. A message of the schema would quote it. */
const readText = (cell: Cell, is: (text: string) => boolean, reason: string): string | null => {
  const value = text(cell)
  if (value === null || value.trim() === "") return null
  if (is(value)) return value
  throw invalid(cell.column, reason)
}

const isTrimmedName = Schema.is(Name)
const isName = (text: string): boolean => isTrimmedName(text.trim())
const isDescription = Schema.is(Description)
const isOwnerId = Schema.is(OwnerId)

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
    expiresAt: [
      "expires_at",
      "expires_on",
      "expire_at",
      "expires",
      "expiry",
      "expiry_date",
      "expiration",
      "expiration_date",
      "expiration_time",
      "valid_until",
      "valid_to",
      "not_after",
      "end_date",
    ],
    createdAt: ["created_at", "created"],
    updatedAt: ["updated_at", "updated"],
    lastUsedAt: ["last_used_at", "last_used"],
  },
  inactive: [
    "revoked",
    "is_revoked",
    "revoked_at",
    "revoked_on",
    "revocation_date",
    "disabled",
    "is_disabled",
    "disabled_at",
    "deactivated_at",
    "deleted",
    "is_deleted",
    "deleted_at",
    "deleted_on",
    "archived",
    "is_archived",
    "archived_at",
    "suspended",
    "is_suspended",
    "suspended_at",
    "blocked",
    "is_blocked",
    "blocked_at",
  ],
  status: ["status", "state", "key_status"],
  needsState: true,
  ownersDiffer: true,
} as const satisfies Pick<Table, "columns" | "inactive" | "status" | "needsState" | "ownersDiffer">
