/** Reads rows from CSV (RFC 4180) whose first record names the columns. */
import { backslash as backslashCode, codeAt, cr, isByteOrderMark, lf, quote } from "./characters.ts"
import { type Ends, makeSplitter, type Reading, type RecordText, UnreadableRow } from "./split.ts"

export type Delimiter = "," | ";" | "\t" | "|"

/** The meaning of a backslash before a closing quote: unclear, or one of the cell's characters. */
export type Backslash = "refuse" | "plain"

export const rows = (maxLength: number, delimiter: Delimiter, backslash: Backslash): Reading => ({
  splitter: makeSplitter(maxLength, makeCsvEnds(delimiter, backslash)),
  ...withHeader(delimiter),
})

type Cells = ReadonlyArray<string>

/** Names the cells by the first record's. Where the first record can't be read, no record can. */
const withHeader = (delimiter: Delimiter): Pick<Reading, "parse" | "end"> => {
  let header: Cells | UnreadableRow | undefined
  let hasRows = false
  return {
    parse: (record) => {
      if (record === "" || record === "\r") return []
      if (header === undefined) {
        header = toHeader(record, delimiter)
        return []
      }
      hasRows = true
      if (header instanceof UnreadableRow) return [header]
      const cells = typeof record === "string" ? toCells(record, delimiter) : record
      if (cells instanceof UnreadableRow) return [cells]
      const { length } = header
      return [
        cells.length === length
          ? Object.fromEntries(header.map((column, index) => [column, cells[index]]))
          : new UnreadableRow(`It has ${cells.length} cells, and the header ${length}`),
      ]
    },
    // A header that ends with the text may have taken all rows into a cell without an end.
    end: () => (header instanceof UnreadableRow && !hasRows ? [header] : []),
  }
}

const toHeader = (record: RecordText, delimiter: Delimiter): Cells | UnreadableRow => {
  const cells = typeof record === "string" ? toCells(record, delimiter) : record
  const seen = typeof record === "string" ? seenInstead(record, delimiter, cells) : undefined
  if (seen !== undefined) return new UnreadableRow(seen)
  if (cells instanceof UnreadableRow) return new UnreadableRow(`The header can't be read. ${cells.reason}`)
  return new Set(cells).size === cells.length ? cells : new UnreadableRow("The header has a column twice")
}

/** A header that looks like something else than CSV with this delimiter. The reason doesn't quote it: in a file without a header it holds a hash. */
const seenInstead = (record: string, delimiter: Delimiter, cells: Cells | UnreadableRow): string | undefined => {
  if (/^\s*(?:\{|\[\s*(?:\{|$))/.test(record)) return "The text begins as JSON does, and CSV is expected"
  const count = cells instanceof UnreadableRow ? 1 : cells.length
  for (const other of delimiters) {
    const others = toCells(record, other)
    if (others instanceof UnreadableRow || others.length <= count || (count > 1 && others.length === 2)) continue
    return `The header has ${others.length} columns between ${names[other]}, and ${count} between ${names[delimiter]}: ${chooseDelimiter(other)}`
  }
  return undefined
}

const names = { ",": "commas", ";": "semicolons", "\t": "tabs", "|": "vertical bars" } as const satisfies Record<Delimiter, string>

const delimiters: ReadonlyArray<Delimiter> = [",", ";", "\t", "|"]

const chooseDelimiter = (delimiter: Delimiter): string =>
  `give the option delimiter ${JSON.stringify(delimiter)} (--delimiter ${delimiter === "\t" ? "tab" : `"${delimiter}"`})`

/**
 * Where records of CSV end. Quotes are followed through all bytes, unreadable records included. A quoted cell's text must never be taken for a
 * row. All characters that count are ASCII, so strings and bytes of UTF-8, sound or not, are read alike.
 *
 * A quote counts only at the start of a cell. A stray quote spoils its own line and no other. Text behind a closing quote means that the file
 * isn't such a CSV: all lines from there on are refused.
 */
const makeCsvEnds = (delimiter: Delimiter, backslash: Backslash): Ends => {
  const separator = delimiter.charCodeAt(0)
  let state: "start of text" | "start of cell" | "bare" | "quoted" | "closed" | "closed, CR" = "start of text"
  /** Whether doubled quotes stand right before. Where a backslash escapes the first of them, the second ends the cell. */
  let isBehindQuotes = false
  /** Whether a backslash stands right before, or before the doubled quotes. */
  let hasBackslash = false
  let broken: string | undefined

  const endsCell = (code: number): boolean => code === cr || code === lf || code === separator

  const step = (code: number): void => {
    switch (state) {
      case "quoted":
        if (code === quote) state = "closed"
        else if (isBehindQuotes && hasBackslash && endsCell(code)) {
          state = "bare"
          broken = backslashBeforeQuote
        } else {
          isBehindQuotes = false
          hasBackslash = code === backslashCode && backslash === "refuse"
        }
        return
      case "closed":
        if (code === quote) {
          state = "quoted"
          isBehindQuotes = true
          return
        }
        state = code === cr ? "closed, CR" : "start of cell"
        if (!endsCell(code)) broken = behindQuote(delimiters.find((other) => other.charCodeAt(0) === code))
        else if (hasBackslash) broken = backslashBeforeQuote
        return
      case "closed, CR":
        state = "start of cell"
        if (code !== lf) broken = behindQuote(undefined)
        return
      case "bare":
        if (code === lf || code === separator) state = "start of cell"
        return
      default:
        if (state === "start of text" && isByteOrderMark(code)) return
        isBehindQuotes = false
        hasBackslash = false
        state = code === quote ? "quoted" : code === lf || code === separator ? "start of cell" : "bare"
    }
  }

  return {
    next: (chunk, from) => {
      for (let at = from; at < chunk.length; at++) {
        const code = codeAt(chunk, at)
        if (broken === undefined) step(code)
        // Once the text is broken each line is a record, which is refused.
        if (code === lf && state !== "quoted") return at
      }
      return -1
    },
    whyNot: () => {
      const reason = broken
      if (broken !== undefined) broken = "It follows a record of which it isn't clear where it ends"
      return reason
    },
  }
}

const behindQuote = (other: Delimiter | undefined): string =>
  other === undefined ? "Text follows a closing quote" : `Cells end between ${names[other]} here: if all do, ${chooseDelimiter(other)}`

const backslashBeforeQuote =
  'A backslash stands before a closing quote; give the option backslash: "plain" if it is one of the cell\'s characters'

const toCells = (record: string, delimiter: string): Cells | UnreadableRow => {
  const cells: Array<string> = []
  const length = record.endsWith("\r") ? record.length - 1 : record.length
  for (let at = 0; ; at++) {
    if (record[at] === '"') {
      const end = closingQuote(record, at + 1)
      if (end < 0) return new UnreadableRow("A quoted cell has no end")
      cells.push(record.slice(at + 1, end).replaceAll('""', '"'))
      at = end + 1
    } else {
      const end = record.indexOf(delimiter, at)
      const cell = record.slice(at, end < 0 ? length : end)
      if (cell.includes('"')) return new UnreadableRow("A quote stands in a cell without quotes")
      cells.push(cell)
      at += cell.length
    }
    // A record with other text behind a closing quote has been refused already.
    if (record[at] !== delimiter) return cells
  }
}

const closingQuote = (record: string, from: number): number => {
  let at = record.indexOf('"', from)
  while (at >= 0 && record[at + 1] === '"') at = record.indexOf('"', at + 2)
  return at
}
