/** Checks the fields of a record at a fraction of what their schemas cost: those whose values need no change, as those that we wrote do. */
import * as Schema from "effect/Schema"
import { type ApiKey, ApiKeyId, Description, KeyId, Metadata, Name, OwnerId } from "../../ApiKey.ts"
import { ScopeSet } from "../../Scope.ts"

/** All but instants, and what has some: each source writes them in a way of its own. */
type Plain = Pick<
  ConstructorParameters<typeof ApiKey>[0],
  "id" | "keyId" | "prefix" | "name" | "description" | "ownerId" | "scopes" | "metadata" | "isActive" | "hint" | "version"
>

/** What isn't plain may be mended by the schema, or refused. */
export const arePlain = <Fields extends Readonly<Record<string, unknown>>>(fields: Fields): fields is Fields & Plain =>
  isId(fields["id"]) &&
  isKeyId(fields["keyId"]) &&
  typeof fields["prefix"] === "string" &&
  isName(fields["name"]) &&
  (fields["description"] === null || isDescription(fields["description"])) &&
  (fields["ownerId"] === null || isOwnerId(fields["ownerId"])) &&
  isScopeSet(fields["scopes"]) &&
  isInOrder(fields["scopes"]) &&
  isMetadata(fields["metadata"]) &&
  typeof fields["isActive"] === "boolean" &&
  typeof fields["hint"] === "string" &&
  isVersion(fields["version"])

export const isKeyId = (value: unknown): value is KeyId => typeof value === "string" && (ownKeyId.test(value) || isAnyKeyId(value))

/*
 * A schema's own check takes microseconds, since what it runs by is in no cache of the processor after a wait for the database. So what most
 * values look like is asked before: of a key id of ours, of ASCII on one line, of no metadata.
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

const isId = (value: unknown): value is ApiKeyId => typeof value === "string" && (uuid.test(value) || isAnyId(value))
const isName = (value: unknown): value is string => isShortAscii(value) || isAnyName(value)
const isDescription = (value: unknown): value is string => isShortAscii(value) || isAnyDescription(value)
const isOwnerId = (value: unknown): value is string => isShortAscii(value) || isAnyOwnerId(value)
const isScopeSet = (value: unknown): value is typeof ScopeSet.Type =>
  (Array.isArray(value) && value.length <= 10 && value.every(isPlainScope)) || isAnyScopeSet(value)
const isMetadata = (value: unknown): value is typeof Metadata.Type => isEmptyObject(value) || isAnyMetadata(value)
const isVersion = (value: unknown): boolean => typeof value === "number" && Number.isSafeInteger(value) && value >= 1

const isEmptyObject = (value: unknown): boolean => {
  if (typeof value !== "object" || value === null || Object.getPrototypeOf(value) !== Object.prototype) return false
  for (const _ in value) return false
  return true
}

const isInOrder = (texts: ReadonlyArray<string>): boolean => {
  for (let i = 1; i < texts.length; i++) if (texts[i - 1]! >= texts[i]!) return false
  return true
}
