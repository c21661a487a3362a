/** Checks the fields of a record at a fraction of what their schemas cost: those whose values need no change, as those that we wrote do. */
import * as Schema from "effect/Schema"
import { type ApiKey, ApiKeyId, Description, KeyId, Metadata, Name, OwnerId } from "../ApiKey.ts"
import { ScopeSet } from "../Scope.ts"

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

export const isKeyId = Schema.is(KeyId)
const isId = Schema.is(ApiKeyId)
const isName = Schema.is(Name)
const isDescription = Schema.is(Description)
const isOwnerId = Schema.is(OwnerId)
const isScopeSet = Schema.is(ScopeSet)
const isMetadata = Schema.is(Metadata)
const isVersion = (value: unknown): boolean => typeof value === "number" && Number.isSafeInteger(value) && value >= 1

const isInOrder = (texts: ReadonlyArray<string>): boolean => {
  for (let i = 1; i < texts.length; i++) if (texts[i - 1]! >= texts[i]!) return false
  return true
}
