/**
 * Answers that hold a record, as text of their own making: HttpApi's interpreter of schemas takes several times as long. What a schema doesn't take
 * is left to that interpreter, which refuses it.
 */
import * as DateTime from "effect/DateTime"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import * as Schema from "effect/Schema"
import * as SchemaJITCompiler from "effect/schema/SchemaJITCompiler"
import { ApiKey, Instant, PreviousToken } from "../../ApiKey.ts"
import { set } from "../../Scope.ts"
import { setBounded } from "../collection/bounded.ts"
import type { VerifiedBody } from "./wire.ts"

type Valid = Extract<typeof VerifiedBody.Type, { readonly valid: true }>
type Response = HttpServerResponse.HttpServerResponse

/** `VerifiedBody` of a good token; `undefined` if it doesn't fit its schema, or has limits. */
export const writeVerified = ({ apiKey, usedToken, checkedAt, limits }: Valid): Response | undefined => {
  const record = writeRecord(apiKey)
  if (record === undefined || limits !== undefined || !fitsBeside({ usedToken, checkedAt })) return undefined
  return respond(`{"valid":true,"apiKey":${record},"usedToken":"${usedToken}","checkedAt":"${DateTime.formatIso(checkedAt)}"}`)
}

/** A message with a record; `undefined` if the record doesn't fit its schema. */
export const writeGreeting = (message: string, apiKey: ApiKey): Response | undefined => {
  const record = writeRecord(apiKey)
  return record === undefined ? undefined : respond(`{"message":${JSON.stringify(message)},"apiKey":${record}}`)
}

const respond = (json: string): Response => HttpServerResponse.text(json, { contentType: "application/json" })

/** The JSON of records that were answered with of late, by the object itself: another version of a record is another object. */
const written = new Map<ApiKey, string>()
const maxWritten = 1_000
// Long texts would make the bound on their number one of many megabytes.
const maxLength = 2_048

const writeRecord = (apiKey: ApiKey): string | undefined => {
  const known = written.get(apiKey)
  if (known !== undefined) return known
  if (!isRecord(apiKey)) return undefined
  const text = JSON.stringify(encode(apiKey))
  // The cache of `verify` hands out the same record, frozen with all that it holds, until it looks the key up again.
  if (isFrozen(apiKey) && text.length <= maxLength) setBounded(written, maxWritten, apiKey, text)
  return text
}

/** Whether nothing of the record can change, but for its instants. */
const isFrozen = (apiKey: ApiKey): boolean =>
  Object.isFrozen(apiKey) &&
  Object.isFrozen(apiKey.scopes) &&
  Object.isFrozen(apiKey.previous) &&
  isFrozenJson(apiKey.metadata) &&
  isFrozenJson(apiKey.policies)

const isFrozenJson = (json: Schema.Json): boolean =>
  Object.isFrozen(json) && (typeof json !== "object" || json === null || Object.values(json).every(isFrozenJson))

/** Tells whether a value is as the schema has it, by generated code where the runtime allows that, and by the interpreter elsewhere. */
const compileIs = <Fields extends Schema.Struct.Fields>(fields: Fields) => {
  const schema = Schema.toType(Schema.Struct(fields))
  SchemaJITCompiler.enable(schema.ast)
  return Schema.is(schema)
}

// The schema of a class takes each of its instances, without a look at the fields.
const isRecord = (apiKey: ApiKey): boolean =>
  apiKey instanceof ApiKey && fits(apiKey) && (apiKey.previous === null || apiKey.previous instanceof PreviousToken)
const fits = compileIs({ ...ApiKey.fields, previous: Schema.NullOr(Schema.Struct(PreviousToken.fields)) })
const fitsBeside = compileIs({ usedToken: Schema.Literals(["current", "previous"]), checkedAt: Instant })

/** In the order of the schema's fields, as the encoder writes them. */
const encode = (apiKey: ApiKey): typeof ApiKey.Encoded => ({
  id: apiKey.id,
  keyId: apiKey.keyId,
  prefix: apiKey.prefix,
  name: apiKey.name,
  description: apiKey.description,
  ownerId: apiKey.ownerId,
  scopes: set(...apiKey.scopes),
  metadata: apiKey.metadata,
  policies: apiKey.policies,
  isActive: apiKey.isActive,
  deactivatedAt: formatInstant(apiKey.deactivatedAt),
  deactivationReason: apiKey.deactivationReason,
  expiresAt: formatInstant(apiKey.expiresAt),
  createdAt: DateTime.formatIso(apiKey.createdAt),
  updatedAt: DateTime.formatIso(apiKey.updatedAt),
  lastUsedAt: formatInstant(apiKey.lastUsedAt),
  hint: apiKey.hint,
  version: apiKey.version,
  rotatedAt: formatInstant(apiKey.rotatedAt),
  previous: apiKey.previous === null ? null : encodePrevious(apiKey.previous),
})

const encodePrevious = ({ keyId, hint, expiresAt, graceSeconds, lastUsedAt }: PreviousToken): typeof PreviousToken.Encoded => ({
  keyId,
  hint,
  expiresAt: formatInstant(expiresAt),
  graceSeconds,
  lastUsedAt: formatInstant(lastUsedAt),
})

const formatInstant = (at: DateTime.Utc | null): string | null => (at === null ? null : DateTime.formatIso(at))
