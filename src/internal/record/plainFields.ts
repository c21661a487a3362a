/** Checks quickly that values are as this package writes them. Such values need no change by their schemas, whose checks take much longer. */
import * as Schema from "effect/Schema"
import { ApiKey, ApiKeyId, Description, KeyId, Metadata, Name, OwnerId } from "../../ApiKey.ts"
import { ScopeSet } from "../../Scope.ts"
import { type FieldName, fields, type InstantField } from "./fields.ts"

/** All fields but instants, which each source writes in its own way. */
type Plain = Pick<ConstructorParameters<typeof ApiKey>[0], Exclude<FieldName, InstantField>>

/** Whether all fields but the instants need no change. The schema may change any other record, or refuse it. */
export const arePlain = <Fields extends Readonly<Record<string, unknown>>>(record: Fields): record is Fields & Plain => {
  for (const { name, isNullable, is } of plainFields) {
    const value = record[name]
    if (!(value === null ? isNullable : is(value))) return false
  }
  return true
}

/** The check of a field's value that isn't null. */
export const plainCheck = (name: FieldName): ((value: unknown) => boolean) => quickChecks[name] ?? Schema.is(ApiKey.fields[name])

export const isKeyId = (value: unknown): value is KeyId => typeof value === "string" && (ownKeyId.test(value) || isAnyKeyId(value))

/*
 * A schema's own check takes microseconds, as its code has left the processor's caches during the wait for the database. So the usual forms of
 * values are tried first: key ids of this package, ASCII on one line, no metadata.
 */
const ownKeyId = /^[0-9a-f]{16}$/
const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/
const shortAscii = /^[!-~](?:[ -~]{0,126}[!-~])?$/
const plainScope = /^[a-z0-9._-]{1,64}(?::[a-z0-9._-]{1,63})?$/

const isShortAscii = (value: unknown): boolean => typeof value === "string" && shortAscii.test(value)
const isPlainScope = (value: unknown): boolean => typeof value === "string" && plainScope.test(value)

const isAnyKeyId = Schema.is(KeyId)
const isAnyId = Schema.is(ApiKeyId)
const isAnyName = Schema.is(Name)
const isAnyDescription = Schema.is(Description)
const isAnyOwnerId = Schema.is(OwnerId)
const isAnyScopeSet = Schema.is(ScopeSet)
const isAnyMetadata = Schema.is(Metadata)

const isText = (value: unknown): boolean => typeof value === "string"
const isFlag = (value: unknown): boolean => typeof value === "boolean"
const isVersion = (value: unknown): boolean => typeof value === "number" && Number.isSafeInteger(value) && value >= 1
const isScopeSet = (value: unknown): value is typeof ScopeSet.Type =>
  (Array.isArray(value) && value.length <= 10 && value.every(isPlainScope)) || isAnyScopeSet(value)

const isEmptyObject = (value: unknown): boolean => {
  if (typeof value !== "object" || value === null || Object.getPrototypeOf(value) !== Object.prototype) return false
  for (const _ in value) return false
  return true
}

const isInOrder = (texts: ReadonlyArray<string>): boolean => {
  for (let i = 1; i < texts.length; i++) if (texts[i - 1]! >= texts[i]!) return false
  return true
}

/** Checks of values that aren't null. A field without an entry is checked by its schema. */
const quickChecks: { readonly [Own in FieldName]?: (value: unknown) => boolean } = {
  id: (value) => typeof value === "string" && (uuid.test(value) || isAnyId(value)),
  keyId: isKeyId,
  prefix: isText,
  name: (value) => isShortAscii(value) || isAnyName(value),
  description: (value) => isShortAscii(value) || isAnyDescription(value),
  ownerId: (value) => isShortAscii(value) || isAnyOwnerId(value),
  scopes: (value) => isScopeSet(value) && isInOrder(value),
  metadata: (value) => isEmptyObject(value) || isAnyMetadata(value),
  isActive: isFlag,
  hint: isText,
  version: isVersion,
}

const plainFields = (Object.keys(fields) as ReadonlyArray<FieldName>) // An object literal has only its own keys, so the cast holds.
  .filter((name) => fields[name].column.kind !== "instant")
  .map((name) => ({ name, isNullable: fields[name].column.isNullable, is: plainCheck(name) }))
