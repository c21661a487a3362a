/**
 * The fields of a record, each described once: its column, its setters, and the searches that it serves (decision 0050). Columns, rows,
 * statements, changes, filters, sort orders and the field lists of HTTP and the command line derive from here.
 *
 * A new field needs a line in `ApiKey` with its schema, an entry here, and a migration. The compiler asks for the entry.
 */
import type * as DateTime from "effect/DateTime"
import { type ApiKey, type PreviousToken, type StoredApiKey, tokenCreatedAt } from "../../ApiKey.ts"
import { idleAt } from "../../IdleTimeout.ts"

/** The kind of a value, in a record and in its column. */
export type Kind = "uuid" | "text" | "texts" | "json" | "flag" | "instant" | "integer"

type KindOf<A> = A extends DateTime.Utc
  ? "instant"
  : A extends boolean
    ? "flag"
    : A extends number
      ? "integer"
      : A extends string
        ? "text" | "uuid"
        : A extends ReadonlyArray<string>
          ? "texts"
          : A extends object
            ? "json"
            : never

/** The column of a value. */
export interface Column<Value = unknown> {
  readonly name: string
  readonly kind: unknown extends Value ? Kind : KindOf<NonNullable<Value>>
  readonly isNullable: unknown extends Value ? boolean : null extends Value ? true : false
  /** The migration that makes the column. */
  readonly since: string
  readonly key?: "PRIMARY KEY" | "UNIQUE"
  /** The name of a further column, with the text in Unicode's simple lower case. */
  readonly lowerCase?: string
  /**
   * Whether the column holds a use. Nearly every request writes such a column, and no cache relies on its value. So its changes aren't announced.
   */
  readonly isUse?: true
}

/** The parties that may set a field: the service alone, the calling application too, or also callers of HTTP and the command line. */
type Setter = "service" | "application" | "faces"

interface Field<Value = unknown> {
  readonly column: Column<Value>
  /** The party that sets the value of a new key. */
  readonly create: Setter
  /** The party that changes the value by `update`. */
  readonly update: Setter | "nobody"
  /** A record that is inactive already keeps the value when it is deactivated again. */
  readonly isKeptWhileInactive?: true
  /** The value in a line that was exported before the field existed. A field without `whenAbsent` has always existed. */
  readonly whenAbsent?: Value
  readonly isSortable: boolean
  /** The filter of a search by this field: by the value, or by a range of instants. Other kinds of filters are in `../sql/filters.ts`. */
  readonly filter: "value" | "range" | "none"
}

/** The descriptions of all fields. The compiler asks for each field, and for each decision about it. */
export type Descriptions = { readonly [Name in keyof Omit<ApiKey, "previous">]: Field<ApiKey[Name]> }

const created = "0001_create_api_keys"
const rotated = "0003_rotate_tokens"
const deactivated = "0004_note_deactivation"
const sealed = "0010_note_seals"

/** All fields but `previous`, which takes several columns. */
export const fields = {
  id: {
    column: { name: "id", kind: "uuid", isNullable: false, since: created, key: "PRIMARY KEY" },
    create: "service",
    update: "nobody",
    isSortable: false,
    filter: "none",
  },
  keyId: {
    column: { name: "key_id", kind: "text", isNullable: false, since: created, key: "UNIQUE" },
    create: "service",
    update: "nobody",
    isSortable: false,
    filter: "none",
  },
  prefix: {
    column: { name: "prefix", kind: "text", isNullable: false, since: created },
    create: "service",
    update: "nobody",
    isSortable: false,
    filter: "none",
  },
  name: {
    column: { name: "name", kind: "text", isNullable: false, since: created, lowerCase: "name_lower" },
    create: "faces",
    update: "faces",
    isSortable: true,
    filter: "none",
  },
  description: {
    column: { name: "description", kind: "text", isNullable: true, since: created },
    create: "faces",
    update: "faces",
    isSortable: false,
    filter: "none",
  },
  ownerId: {
    column: { name: "owner_id", kind: "text", isNullable: true, since: created },
    create: "faces",
    update: "faces",
    isSortable: false,
    filter: "value",
  },
  scopes: {
    column: { name: "scopes", kind: "texts", isNullable: false, since: created },
    create: "faces",
    update: "faces",
    isSortable: false,
    filter: "none",
  },
  metadata: {
    column: { name: "metadata", kind: "json", isNullable: false, since: created },
    create: "faces",
    update: "faces",
    isSortable: false,
    filter: "none",
  },
  policies: {
    column: { name: "policies", kind: "json", isNullable: true, since: "0009_keep_policies" },
    create: "faces",
    update: "faces",
    whenAbsent: null,
    isSortable: false,
    filter: "none",
  },
  isActive: {
    column: { name: "is_active", kind: "flag", isNullable: false, since: created },
    create: "faces",
    update: "application",
    isSortable: false,
    filter: "value",
  },
  deactivatedAt: {
    column: { name: "deactivated_at", kind: "instant", isNullable: true, since: deactivated },
    create: "service",
    update: "service",
    isKeptWhileInactive: true,
    isSortable: false,
    filter: "none",
  },
  deactivationReason: {
    column: { name: "deactivation_reason", kind: "text", isNullable: true, since: deactivated },
    create: "service",
    update: "service",
    isKeptWhileInactive: true,
    isSortable: false,
    filter: "none",
  },
  expiresAt: {
    column: { name: "expires_at", kind: "instant", isNullable: true, since: created },
    create: "faces",
    update: "faces",
    isSortable: true,
    filter: "range",
  },
  createdAt: {
    column: { name: "created_at", kind: "instant", isNullable: false, since: created },
    create: "service",
    update: "nobody",
    isSortable: true,
    filter: "range",
  },
  updatedAt: {
    column: { name: "updated_at", kind: "instant", isNullable: false, since: created },
    create: "service",
    update: "nobody",
    isSortable: false,
    filter: "none",
  },
  lastUsedAt: {
    column: { name: "last_used_at", kind: "instant", isNullable: true, since: created, isUse: true },
    create: "service",
    update: "nobody",
    isSortable: true,
    filter: "range",
  },
  hint: {
    column: { name: "hint", kind: "text", isNullable: false, since: created },
    create: "service",
    update: "nobody",
    isSortable: false,
    filter: "none",
  },
  version: {
    column: { name: "version", kind: "integer", isNullable: false, since: created },
    create: "service",
    update: "nobody",
    isSortable: false,
    filter: "none",
  },
  rotatedAt: {
    column: { name: "rotated_at", kind: "instant", isNullable: true, since: rotated },
    create: "service",
    update: "nobody",
    isSortable: false,
    filter: "none",
  },
} as const satisfies Descriptions

/** The fields of `previous`. Each column is nullable, as a record may have no previous token. */
export const previousFields = {
  keyId: { name: "previous_key_id", kind: "text", isNullable: true, since: rotated },
  hint: { name: "previous_hint", kind: "text", isNullable: true, since: rotated },
  expiresAt: { name: "previous_expires_at", kind: "instant", isNullable: true, since: rotated },
  graceSeconds: { name: "previous_grace_seconds", kind: "integer", isNullable: true, since: rotated },
  lastUsedAt: { name: "previous_last_used_at", kind: "instant", isNullable: true, since: rotated, isUse: true },
} as const satisfies { readonly [Name in keyof PreviousToken]: Column<PreviousToken[Name] | null> }

/** The hashes and the ids of sealing keys, which a stored record has beside its fields. */
export const hashFields = {
  hash: { name: "hash", kind: "text", isNullable: false, since: created },
  previousHash: { name: "previous_hash", kind: "text", isNullable: true, since: rotated },
  sealId: { name: "seal_id", kind: "text", isNullable: true, since: sealed },
  previousSealId: { name: "previous_seal_id", kind: "text", isNullable: true, since: sealed },
} as const satisfies { readonly [Name in keyof Omit<StoredApiKey, "apiKey">]: Column<string> | Column<string | null> }

export type FieldName = keyof typeof fields

/** The names of the fields whose `Key` is one of these values. */
type NameWhere<Key extends "create" | "update" | "isSortable" | "filter", Value> = {
  readonly [Name in FieldName]: (typeof fields)[Name][Key] extends Value ? Name : never
}[FieldName]

const namesWhere = <Key extends "create" | "update" | "isSortable" | "filter", const Value>(
  key: Key,
  ...values: ReadonlyArray<Value>
): ReadonlyArray<NameWhere<Key, Value>> =>
  // The filter tests the condition of the type, and an object literal has only its own keys. So the cast holds.
  Object.keys(fields).filter((name) => values.some((value) => value === fields[name as FieldName][key])) as never

type NameOfKind<Kinds extends Kind> = {
  readonly [Name in FieldName]: (typeof fields)[Name]["column"]["kind"] extends Kinds ? Name : never
}[FieldName]

const namesOfKind = <const Kinds extends Kind>(...kinds: ReadonlyArray<Kinds>): ReadonlyArray<NameOfKind<Kinds>> =>
  // The filter tests the condition of the type, and an object literal has only its own keys. So the cast holds.
  Object.keys(fields).filter((name) => kinds.some((kind) => kind === fields[name as FieldName].column.kind)) as never

/** A field that is an instant. */
export type InstantField = NameOfKind<"instant">
export const instantFields = namesOfKind("instant")

/** A field of JSON. */
export type JsonField = NameOfKind<"json">
export const jsonFields = namesOfKind("json")

/** The values of fields in a line that was exported before the fields existed. */
export const absentFields: Readonly<Record<string, unknown>> = Object.fromEntries(
  Object.entries<Field>(fields).flatMap(([name, field]) => ("whenAbsent" in field ? [[name, field.whenAbsent]] : [])),
)

/** Whether a record that is inactive already keeps the field's value when it is deactivated again. */
export const isKeptWhileInactive = (name: FieldName): boolean => {
  const field: Field = fields[name]
  return field.isKeptWhileInactive === true
}

/** A field that `update` changes. */
export type ChangedField = NameWhere<"update", Setter>
export const changedFields: ReadonlyArray<ChangedField> = namesWhere("update", "service", "application", "faces")

/** A field that a caller of the service may give a new key. */
export type CreateField = NameWhere<"create", "application" | "faces">
export const createFields: ReadonlyArray<CreateField> = namesWhere("create", "application", "faces")

/** A field that a caller of the service may change. */
export type UpdateField = NameWhere<"update", "application" | "faces">
export const updateFields: ReadonlyArray<UpdateField> = namesWhere("update", "application", "faces")

/** A field that a caller of HTTP or the command line may give a new key. */
export type FaceCreateField = NameWhere<"create", "faces">
export const faceCreateFields: ReadonlyArray<FaceCreateField> = namesWhere("create", "faces")

/** A field that a caller of HTTP or the command line may change. */
export type FaceUpdateField = NameWhere<"update", "faces">
export const faceUpdateFields: ReadonlyArray<FaceUpdateField> = namesWhere("update", "faces")

/** A field that a search filters by its value. */
export type ValueField = NameWhere<"filter", "value">
export const valueFields: ReadonlyArray<ValueField> = namesWhere("filter", "value")

/** A field that a search sorts by, or the time at which the current token was made. */
export type SortField = NameWhere<"isSortable", true> | "tokenCreatedAt"
export const sortFields: ReadonlyArray<SortField> = [...namesWhere("isSortable", true), "tokenCreatedAt"]

/** A {@link SortField}, or the time at which a key becomes idle. Only the keys with an idle timeout have an index of those times. */
export type StoreSortField = SortField | "idleAt"
export const storeSortFields: ReadonlyArray<StoreSortField> = [...sortFields, "idleAt"]

/** A field that a search filters by a range, the time at which the current token was made, or the time at which the key becomes idle. */
export type RangeField = NameWhere<"filter", "range"> | "tokenCreatedAt" | "idleAt"
export const rangeFields: ReadonlyArray<RangeField> = [...namesWhere("filter", "range"), "tokenCreatedAt", "idleAt"]

/** The time that a search sorts or filters by. */
export const timeOf = (key: ApiKey, field: RangeField): DateTime.Utc | null => {
  switch (field) {
    case "tokenCreatedAt":
      return tokenCreatedAt(key)
    case "idleAt":
      return idleAt(key)
    default:
      return key[field]
  }
}

type Stem<Name> = Name extends `${infer Start}At` ? Start : never

/** A bound of a {@link RangeField}, such as `createdAfter` (inclusive) or `createdBefore` (exclusive). */
export type Bound = `${Stem<RangeField>}${"After" | "Before"}`

/** The names of a field's two bounds. */
export const boundsOf = (name: RangeField): readonly [after: Bound, before: Bound] => {
  // All names end in `At`, so the cast holds.
  const stem = name.slice(0, -2) as Stem<RangeField>
  return [`${stem}After`, `${stem}Before`]
}

/** The same value for each bound. */
export const perBound = <A>(value: A): { readonly [Name in Bound]: A } =>
  // `boundsOf` gives all bounds of the ranges, so the cast holds.
  Object.fromEntries(rangeFields.flatMap(boundsOf).map((bound) => [bound, value])) as { [Name in Bound]: A }
