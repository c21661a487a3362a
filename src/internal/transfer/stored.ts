/** Makes stored keys of the records that readers of rows give, and checks bounds that the schemas leave open. */
import * as DateTime from "effect/DateTime"
import * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import { ApiKey, StoredApiKey } from "../../ApiKey.ts"
import { InvalidInput } from "../../ApiKeyError.ts"
import type { LegacyRecord } from "../../LegacyTokens.ts"
import { fields, type InstantField, instantFields } from "../record/fields.ts"
import { arePlain } from "../record/plainFields.ts"
import { firstIssue } from "../schema/firstIssue.ts"
import { ofChecked } from "../schema/ofChecked.ts"
import { isStorableText } from "../text/storable.ts"
import { latestMillis } from "../time/instants.ts"

/** Makes a stored key of a record that a reader of rows gave. */
export const toStored = (read: LegacyRecord | StoredApiKey): Result.Result<StoredApiKey, InvalidInput> => {
  if (read instanceof StoredApiKey) return checked(read)
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
  if (areInstants(whole) && arePlain(whole)) return checked({ apiKey: ofChecked(ApiKey, whole), hash, previousHash: null })
  // The schema says where the record is wrong.
  return Result.flatMap(Result.mapError(decodeFields(whole), toInvalidInput), (fields) =>
    checked({ apiKey: ofChecked(ApiKey, fields), hash, previousHash: null }),
  )
}

/** An adapter of the application may give instants that are none. */
const areInstants = (record: Pick<ApiKey, InstantField>): boolean =>
  instantFields.every((name) => {
    const value = record[name]
    return value === null ? fields[name].column.isNullable : isInstant(value)
  })

const isInstant = (value: DateTime.Utc): boolean =>
  DateTime.isDateTime(value) && DateTime.isUtc(value) && value.epochMilliseconds >= 0 && value.epochMilliseconds <= latestMillis

const decodeFields = Schema.decodeUnknownResult(Schema.toType(Schema.Struct(ApiKey.fields)))

export const isObject = (row: unknown): row is Readonly<Record<string, unknown>> =>
  typeof row === "object" && row !== null && !Array.isArray(row)

export const refuse = (field: string, reason: string): Result.Result<never, InvalidInput> =>
  Result.fail(new InvalidInput({ field, reason }))

/** The first issue. The name of an unknown field comes from the row, so a long or strange one is replaced by `row`. */
export const toInvalidInput = ({ issue }: Schema.SchemaError): InvalidInput => {
  const { path, message } = firstIssue(issue)
  const field = path.join(".")
  return new InvalidInput({ field: /^[\w.]{1,64}$/.test(field) ? field : "row", reason: message })
}

const maxTextLength = 512
const maxHashLength = 8_192
// The greatest `integer` of PostgreSQL.
const maxRecordVersion = 2_147_483_647

const tooMuch = (maxLength: number): string => `It has more than ${maxLength} characters, or NUL among them`

const isKept = (text: string, maxLength: number): boolean => text.length <= maxLength && isStorableText(text)

/** Checks bounds that the schemas leave open: one record beyond them would make the statement of a whole batch fail. */
export const checked = ({
  apiKey,
  hash,
  previousHash,
  sealId = null,
  previousSealId = null,
}: Pick<StoredApiKey, "apiKey" | "hash" | "previousHash"> & Partial<Pick<StoredApiKey, "sealId" | "previousSealId">>): Result.Result<
  StoredApiKey,
  InvalidInput
> => {
  const { previous } = apiKey
  if (!isKept(apiKey.prefix, maxTextLength)) return refuse("apiKey.prefix", tooMuch(maxTextLength))
  if (!isKept(apiKey.hint, maxTextLength)) return refuse("apiKey.hint", tooMuch(maxTextLength))
  if (!isKept(previous?.hint ?? "", maxTextLength)) return refuse("apiKey.previous.hint", tooMuch(maxTextLength))
  if (!isKept(Redacted.value(hash), maxHashLength)) return refuse("hash", tooMuch(maxHashLength))
  if (previousHash !== null && !isKept(Redacted.value(previousHash), maxHashLength)) return refuse("previousHash", tooMuch(maxHashLength))
  if (!isKept(sealId ?? "", maxTextLength)) return refuse("sealId", tooMuch(maxTextLength))
  if (!isKept(previousSealId ?? "", maxTextLength)) return refuse("previousSealId", tooMuch(maxTextLength))
  if (apiKey.version > maxRecordVersion) return refuse("apiKey.version", `It is beyond ${maxRecordVersion}`)
  if (previous !== null && previousHash === null) return refuse("previousHash", "There is a previous token, but no hash of it")
  if (previous === null && previousHash !== null) return refuse("previousHash", "There is no previous token")
  if (previous === null && previousSealId !== null) return refuse("previousSealId", "There is no previous token")
  if (previous !== null && previous.expiresAt === null && previous.graceSeconds === null) {
    return refuse("apiKey.previous.expiresAt", "The previous token never ends")
  }
  if (previous?.keyId === apiKey.keyId) return refuse("apiKey.previous.keyId", "It is the current key id")
  return Result.succeed(ofChecked(StoredApiKey, { apiKey, hash, previousHash, sealId, previousSealId }))
}
