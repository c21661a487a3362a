/** Reads the cells of rows, whether they come from a driver, from JSON or from CSV. A cell that can't be read throws `InvalidInput`. */
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import { KeyId } from "../../ApiKey.ts"
import { InvalidInput } from "../../ApiKeyError.ts"
import { isStorableText } from "../text/storable.ts"

/** A column that may hold nothing. `column` is the name in the row, or the expected name where the row has no such column. */
export interface Cell {
  readonly column: string
  readonly isPresent: boolean
  /** `null` for an empty cell. An empty text is one, as in CSV, and so is the text `NULL`. */
  readonly value: unknown
}

export const invalid = (field: string, reason: string): InvalidInput => new InvalidInput({ field, reason })

/** A text, or a number as one; `null` for an empty cell. */
export const text = ({ column, value }: Cell): string | null => {
  if (value === null || typeof value === "string") return value
  if (typeof value === "number" || typeof value === "bigint") return String(value)
  throw invalid(column, "It isn't a text")
}

/** The text of a cell that must not be empty. */
export const requiredText = (cell: Cell): string => {
  const value = text(cell)
  if (value === null) throw invalid(cell.column, "It is empty")
  return value
}

/** Checks the form of a key id. */
export const toKeyId = (keyId: string, column: string): KeyId => {
  if (isKeyId(keyId)) return keyId
  throw invalid(column, "A key id has at most 128 characters of visible ASCII")
}

export const isKeyId: (text: unknown) => text is KeyId = Schema.is(KeyId)

/** The end of a secret; empty where the store couldn't keep it. */
export const toHint = (secret: string): string => {
  const end = secret.slice(-4)
  return isStorableText(end) ? end : ""
}

/** A JSON object, from a driver or as text; `null` for an empty cell. */
export const json = ({ column, value }: Cell): { readonly [key: string]: unknown } | null => {
  const parsed = typeof value === "string" ? parseJson(value) : value
  // Versions of these systems wrote JSON within a JSON text.
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

/** A text of the domain; `null` for a blank one. `reason` stands for the schema's message, which would quote the text. */
export const readText = (cell: Cell, is: (text: string) => boolean, reason: string): string | null => {
  const value = text(cell)
  if (value === null || value.trim() === "") return null
  if (is(value)) return value
  throw invalid(cell.column, reason)
}

const trueTexts = new Set(["t", "true", "1", "y", "yes", "on"])
const falseTexts = new Set(["f", "false", "0", "n", "no", "off"])

/** A truth value in words or digits. */
export const flag = ({ column, value }: Cell): boolean => {
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

/** Whether the word for a state means that the key is active. */
export const isActiveWord = ({ column, value }: Cell): boolean => {
  const word = toWord(value)
  if (activeWords.has(word)) return true
  if (inactiveWords.has(word)) return false
  throw invalid(column, "It is neither active nor inactive; a query can make a column is_active of it")
}

/** A flag that is set, or a time of revocation. A value that isn't understood counts as set, as a revoked key must not live on. */
export const isSet = (value: unknown): boolean => value !== null && !falseTexts.has(toWord(value))

const toWord = (value: unknown): string =>
  typeof value === "string" || typeof value === "boolean" || typeof value === "number" || typeof value === "bigint"
    ? String(value).toLowerCase()
    : ""
