/** The columns of a record, from the descriptions of its fields. */
import * as DateTime from "effect/DateTime"
import * as Redacted from "effect/Redacted"
import type { StoredApiKey } from "../../ApiKey.ts"
import { type Column, type FieldName, fields, hashFields, type Kind, previousFields } from "../record/fields.ts"
import { toSimpleLowerCase } from "../text/lowerCase.ts"
import type { MigrationName } from "./migrations.ts"

/** A column, and the value that a record has there. */
export interface KeptColumn extends Column {
  readonly since: MigrationName
  readonly of: (key: StoredApiKey) => Value
}

/** A value as a statement's parameter. */
export type Value = string | number | boolean | null

/** The type of a parameter, and of the column in DDL. */
export const typeOf: Readonly<Record<Kind, { readonly parameter: string; readonly definition: string }>> = {
  uuid: { parameter: "uuid", definition: "uuid" },
  text: { parameter: "text", definition: 'text COLLATE "C"' },
  texts: { parameter: "text[]", definition: 'text[] COLLATE "C"' },
  json: { parameter: "jsonb", definition: "jsonb" },
  flag: { parameter: "boolean", definition: "boolean" },
  instant: { parameter: "timestamptz", definition: "timestamptz(3)" },
  integer: { parameter: "integer", definition: "integer" },
}

/** A value of a field as a parameter. */
export const toValue = (kind: Kind, value: unknown): Value => {
  if (value === null || value === undefined) return null
  // The value is of the kind that the field's description says, which its type proves.
  switch (kind) {
    case "instant":
      return DateTime.formatIso(value as DateTime.Utc)
    case "json":
      return JSON.stringify(value)
    case "texts":
      return toArray(value as ReadonlyArray<string>)
    default:
      return value as Value
  }
}

/** The text of an array. Under `array_nulls = off` the `NULL` of an array's text is a word, so no value may be null. */
export const toArray = (values: ReadonlyArray<Value>): string => {
  let text = "{"
  for (const value of values) {
    if (text.length > 1) text += ","
    text += typeof value === "string" ? `"${/["\\]/.test(value) ? value.replace(/["\\]/g, "\\$&") : value}"` : String(value)
  }
  return `${text}}`
}

/**
 * The id of a sealing key is kept with the key id of the token that it sealed. A node of a version without seals replaces a token and leaves the
 * column. The old key id in the column keeps the seal from counting for the new token.
 */
export const toSealColumn = (keyId: string, sealId: string | null): string | null => (sealId === null ? null : `${keyId} ${sealId}`)

/** The id of the key that sealed the token with this key id. */
export const ofSealColumn = (keyId: string, value: string | null): string | null =>
  value?.startsWith(`${keyId} `) === true ? value.slice(keyId.length + 1) : null

const ownColumns: ReadonlyArray<KeptColumn> = Object.entries(fields).map(([name, { column }]) => ({
  ...column,
  // The keys of a literal are its own.
  of: ({ apiKey }) => toValue(column.kind, apiKey[name as FieldName]),
}))

const previousColumns: ReadonlyArray<KeptColumn> = Object.entries(previousFields).map(([name, column]) => ({
  ...column,
  of: ({ apiKey }) => toValue(column.kind, apiKey.previous?.[name as keyof typeof previousFields]),
}))

const lowerCaseColumns: ReadonlyArray<KeptColumn> = ownColumns.flatMap((column) =>
  column.lowerCase === undefined ? [] : [{ ...column, name: column.lowerCase, of: (key) => toSimpleLowerCase(String(column.of(key))) }],
)

/** The columns that are read: of a record without its hashes, and of the hashes. */
export const recordColumns: ReadonlyArray<KeptColumn> = [...ownColumns, ...previousColumns]
const hashColumns: ReadonlyArray<KeptColumn> = [
  { ...hashFields.hash, of: ({ hash }) => Redacted.value(hash) },
  { ...hashFields.previousHash, of: ({ previousHash }) => (previousHash === null ? null : Redacted.value(previousHash)) },
  { ...hashFields.sealId, of: ({ apiKey, sealId }) => toSealColumn(apiKey.keyId, sealId) },
  {
    ...hashFields.previousSealId,
    of: ({ apiKey, previousSealId }) => (apiKey.previous === null ? null : toSealColumn(apiKey.previous.keyId, previousSealId)),
  },
]

/** The columns that are written. */
export const allColumns: ReadonlyArray<KeptColumn> = [...recordColumns, ...lowerCaseColumns, ...hashColumns]

const namesOf = (columns: ReadonlyArray<KeptColumn>): string => columns.map(({ name }) => name).join(", ")

/** The names of a record's columns without its hashes. */
export const columnList = namesOf(recordColumns)

/** The names of a record's columns with its hashes. */
export const storedColumnList = namesOf([...recordColumns, ...hashColumns])
