/** Finds the cells of rows by the names that their columns may have. */
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import { OwnerId } from "../../ApiKey.ts"
import { InvalidInput } from "../../ApiKeyError.ts"
import type { LegacyRecord, LegacyTokens } from "../../LegacyTokens.ts"
import { type Cell, invalid, readText, text } from "./cell.ts"
import { kindColumns, parseOwnerRule } from "./owner.ts"
import type { Field, Options, Row, Table } from "./table.ts"

/** Reads one row. */
export interface Reader {
  readonly row: Row
  readonly table: Table
  readonly options: Options
  readonly cell: (field: Field) => Cell
  readonly named: (name: string) => Cell
  /** The cells of the named columns that the row has. */
  readonly all: (names: ReadonlyArray<string> | undefined) => ReadonlyArray<Cell>
  readonly owner: (field: Cell) => string | null
}

/**
 * Catches the `InvalidInput` that cells and adapters throw. A `Result` passed from cell to cell took as long as all other reading, so
 * failures are thrown.
 */
export const reading =
  (read: (row: Row) => LegacyRecord): LegacyTokens["readRow"] =>
  (row) => {
    try {
      return Result.succeed(read(row))
    } catch (thrown) {
      if (thrown instanceof InvalidInput) return Result.fail(thrown)
      throw thrown
    }
  }

/** Refuses a row that lacks one of these columns. */
export const demand = (reader: Reader, names: ReadonlyArray<string>): void => {
  const missing = names.find((name) => !reader.named(name).isPresent)
  if (missing !== undefined) throw invalid(missing, noSuchColumn)
}

const noSuchColumn = "The row has no such column"

/** Opens rows. The columns are found by their names once for consecutive rows with the same columns. */
export const opener = (table: Table, options: Options): ((row: Row) => Reader) => {
  let header = makeHeader([])
  const readOwner = ownerReader(table, options)
  return (row) => {
    const columns = Object.keys(row)
    if (columns.length !== header.columns.length || columns.some((column, index) => column !== header.columns[index])) {
      header = makeHeader(columns)
    }
    const { find } = header
    const cellOf = (column: string): Cell => ({ column, isPresent: true, value: orNull(row[column]) })
    const absent = (column: string): Cell => ({ column, isPresent: false, value: null })
    const first = (cells: ReadonlyArray<Cell>): Cell | undefined => cells.find(({ value }) => value !== null) ?? cells[0]
    const all: Reader["all"] = (names) => (names === undefined ? [] : find(names).map(cellOf))
    const exactly = (column: string): Cell => {
      if (Object.hasOwn(row, column)) return cellOf(column)
      throw invalid(column, noSuchColumn)
    }
    return {
      row,
      table,
      options,
      all,
      owner: (field) => readOwner(row, field, exactly, all),
      named: (name) => first(find(name).map(cellOf)) ?? absent(name),
      cell: (field) => {
        const chosen = options.columns?.[field]
        if (chosen === null) return absent(field)
        if (chosen !== undefined) return exactly(chosen)
        const names = table.columns[field]
        const found = first(all(names))
        if (found === undefined && table.required.includes(field)) throw invalid(names?.[0] ?? field, noSuchColumn)
        return found ?? absent(names?.[0] ?? field)
      },
    }
  }
}

interface Header {
  readonly columns: ReadonlyArray<string>
  /** The columns with these names; an array is remembered by its identity. Two spellings of a column are refused, as their cells may differ. */
  readonly find: (names: string | ReadonlyArray<string>) => ReadonlyArray<string>
}

const makeHeader = (columns: ReadonlyArray<string>): Header => {
  const byName = new Map<string, string>()
  const second = new Map<string, string>()
  for (const column of columns) (byName.has(plain(column)) ? second : byName).set(plain(column), column)
  const found = new Map<string | ReadonlyArray<string>, ReadonlyArray<string>>()
  return {
    columns,
    find: (names) => {
      const known = found.get(names)
      if (known !== undefined) return known
      const wanted = Array.from(new Set((typeof names === "string" ? [names] : names).map(plain)))
      const twice = wanted.find((name) => second.has(name))
      if (twice !== undefined) throw invalid(second.get(twice) ?? twice, "The row has this column twice, in two spellings")
      const these = wanted.flatMap((name) => byName.get(name) ?? [])
      found.set(names, these)
      return these
    },
  }
}

/** The name of a column without case and underscores. */
export const plain = (column: string): string => column.toLowerCase().replaceAll("_", "")

// Drivers give null, and CSV an empty text. The text formats of MySQL and PostgreSQL give \N, and printed tables NULL or null.
const nulls = new Set<unknown>([undefined, "", "\\N", "NULL", "null"])
const orNull = (value: unknown): unknown => (nulls.has(value) ? null : value)

type OwnerOf = (row: Row, field: Cell, exactly: (column: string) => Cell, all: Reader["all"]) => string | null

/**
 * Reads the owner by the rule, or else by the system's own column. The system's own column is refused where the column would make one owner of
 * two.
 */
const ownerReader = (table: Table, { owner, columns }: Options): OwnerOf => {
  if (typeof owner === "function") return (row, field) => readText({ ...field, value: owner(row) }, isOwnerId, ownerLimits)
  if (owner !== undefined) {
    const rule = parseOwnerRule(owner)
    if (Result.isFailure(rule)) {
      return () => {
        throw invalid("owner", rule.failure)
      }
    }
    const refuse = (column: string, reason: string): never => {
      throw invalid(column, reason)
    }
    return (_row, field, exactly) =>
      readText(
        {
          ...field,
          value: rule.success((column) => {
            const value = text(exactly(column))
            return value === null || value.trim() === "" ? null : value
          }, refuse),
        },
        isOwnerId,
        ownerLimits,
      )
  }
  const chosen = columns?.ownerId
  if (chosen === null) return () => null
  const kinds = kindColumns(chosen)
  return (_row, field, _exactly, all) => {
    const [kind] = all(kinds)
    if (kind !== undefined) throw needsRule(kind, "It tells of the kind of owner", `{${kind.column}}:{${field.column}}`)
    const [one, other] = chosen === undefined && table.ownersDiffer === true ? all(table.columns.ownerId) : []
    if (one !== undefined && other !== undefined) {
      throw needsRule(other, `The row has ${one.column} for an owner too`, `{${one.column}}`)
    }
    return readText(field, isOwnerId, ownerLimits)
  }
}

/** Refuses a row whose column alone would make one owner of two. */
export const needsRule = ({ column }: Cell, fact: string, example: string): InvalidInput =>
  invalid(column, `${fact}: say by the option owner (--owner) who the owner is, such as "${example}"`)

const ownerLimits = "An owner id has at most 200 characters, and no NUL"
const isOwnerId = Schema.is(OwnerId)
