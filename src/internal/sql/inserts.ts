/** Any number of records as the parameters of one statement: an array for each column. */
import type { StoredApiKey } from "../../ApiKey.ts"
import { allColumns, type KeptColumn, toArray, typeOf } from "./columns.ts"

// Arrays within an array would all have to have one length, and jsonb takes twice as long in one.
const isWithin = ({ kind }: KeptColumn): boolean => kind === "texts" || kind === "json"

const elementType = (column: KeptColumn): string => (column.isNullable || isWithin(column) ? "text" : typeOf[column.kind].parameter)

/** A column as its element gives it. A nullable text has a mark before it, since the empty text stands for null. */
const valueOf = (column: KeptColumn): string => {
  const { name, kind, isNullable } = column
  const type = typeOf[kind].parameter
  if (isNullable) return kind === "text" ? `CASE WHEN ${name} <> '' THEN substr(${name}, 2) END` : `NULLIF(${name}, '')::${type}`
  return isWithin(column) ? `${name}::${type}` : name
}

const names = allColumns.map(({ name }) => name).join(", ")

/** The names of the columns, and their source: rows `given` with a `position`, made of a parameter for each column. */
export const insertColumns = {
  names,
  source: `(SELECT ${allColumns.map((column) => `${valueOf(column)} AS ${column.name}`).join(", ")}, position FROM unnest(${allColumns.map((column, index) => `$${index + 1}::text::${elementType(column)}[]`).join(", ")}) WITH ORDINALITY AS element (${names}, position)) AS given`,
}

/** The parameters of {@link insertColumns}, for the database alone: the parameters show the hashes. */
export const toArrays = (keys: ReadonlyArray<StoredApiKey>): ReadonlyArray<string> =>
  allColumns.map(({ of, kind, isNullable }) =>
    toArray(
      keys.map((key) => {
        const value = of(key)
        if (!isNullable) return value
        if (value === null) return ""
        return kind === "text" ? `+${value}` : value
      }),
    ),
  )
