/** Reads the lines that an export wrote. */
import * as DateTime from "effect/DateTime"
import * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import { ApiKey, type StoredApiKey } from "../../ApiKey.ts"
import type { InvalidInput } from "../../ApiKeyError.ts"
import { absentFields, fields, type InstantField, instantFields } from "../record/fields.ts"
import { arePlain } from "../record/plainFields.ts"
import { ofChecked } from "../schema/ofChecked.ts"
import { checked, isObject, refuse, toInvalidInput } from "./stored.ts"

/** The `format` of each line. @category models @since 0.1.0 */
export const format = "effect-api-key"

/** The version of the lines' schema. Lines of another one are refused. @category models @since 0.1.0 */
export const formatVersion = 1

/** Reads a line of version 1, without an `InvalidInput` that quotes a value. */
export const readLine = (row: unknown): Result.Result<StoredApiKey, InvalidInput> => {
  if (!isObject(row)) return refuse("row", "It isn't an object")
  if (row["format"] !== format) return refuse("format", `It isn't a line of ${format}`)
  if (row["version"] !== formatVersion) return refuse("version", `Only version ${formatVersion} can be read`)
  const whole = withAbsentFields(row)
  return readQuickly(whole) ?? readBySchema(whole)
}

/** The row with the fields that later versions added. */
const withAbsentFields = (row: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> => {
  const { apiKey } = row
  if (!isObject(apiKey) || absentNames.every((name) => name in apiKey)) return row
  return { ...row, apiKey: { ...absentFields, ...apiKey } }
}
const absentNames = Object.keys(absentFields)

/** The same as {@link readLine} for a row with the format and version, by the schema alone. */
export const readBySchema = (row: Readonly<Record<string, unknown>>): Result.Result<StoredApiKey, InvalidInput> =>
  Result.flatMap(Result.mapError(decode(row), toInvalidInput), ({ hash, previousHash, ...rest }) =>
    hash === undefined
      ? refuse("hash", "It was exported without its hash")
      : checked({ ...rest, hash: redact(hash), previousHash: previousHash === undefined ? null : redact(previousHash) }),
  )

// Hashes are decoded as texts, as `RedactedFromValue` would leave them without a label.
const decode = Schema.decodeUnknownResult(
  Schema.toCodecJson(
    Schema.Struct({
      format: Schema.Literal(format),
      version: Schema.Literal(formatVersion),
      apiKey: ApiKey,
      hash: Schema.optionalKey(Schema.String),
      previousHash: Schema.optionalKey(Schema.String),
      sealId: Schema.optionalKey(Schema.String),
      previousSealId: Schema.optionalKey(Schema.String),
    }),
  ),
  { onExcessProperty: "error" },
)

const redact = (hash: string): Redacted.Redacted => Redacted.make(hash, { label: "hash" })

/**
 * Reads a line of a key that was never rotated and whose values are spelt as an export spells them. Nearly all lines are such. Any other gives
 * `undefined`: the schema decides, which takes several times as long.
 */
const readQuickly = (row: Readonly<Record<string, unknown>>): Result.Result<StoredApiKey, InvalidInput> | undefined => {
  const { apiKey, hash, sealId } = row
  if (typeof hash !== "string" || !isObject(apiKey) || size(apiKey) !== fieldCount) return undefined
  if (sealId !== undefined && typeof sealId !== "string") return undefined
  if (size(row) !== (sealId === undefined ? 4 : 5)) return undefined
  if (apiKey["previous"] !== null) return undefined
  const instants: Partial<Record<InstantField, DateTime.Utc | null>> = {}
  for (const name of instantFields) {
    const value = apiKey[name]
    const instant = value === null && fields[name].column.isNullable ? null : toInstant(value)
    if (instant === undefined) return undefined
    instants[name] = instant
  }
  const record: Readonly<Record<string, unknown>> = { ...apiKey, ...instants }
  // The cast holds: the plain fields were checked, the instants replaced, `previous` is null, and there are no others.
  return arePlain(record)
    ? checked({ apiKey: ofChecked(ApiKey, record as unknown as ApiKey), hash: redact(hash), previousHash: null, sealId: sealId ?? null })
    : undefined
}

const fieldCount = Object.keys(ApiKey.fields).length
const size = (row: object): number => Object.keys(row).length

/** Reads an instant as `DateTime.formatIso` writes it, and in no other form. */
const toInstant = (value: unknown): DateTime.Utc | undefined => {
  if (typeof value !== "string" || !/^\d{4}-\d\d-[0-3]\dT[0-2]\d:\d\d:\d\d\.\d{3}Z$/.test(value)) return undefined
  const milliseconds = Date.parse(value)
  // `Date.parse` reads the 30th of February as the 2nd of March, and 24:00 as the next day.
  if ((value.slice(8, 10) > "28" || value.slice(11, 13) > "23") && new Date(milliseconds).getUTCDate() !== Number(value.slice(8, 10))) {
    return undefined
  }
  // The pattern has no year beyond 9999.
  return milliseconds >= 0 ? DateTime.makeUnsafe(milliseconds) : undefined
}
