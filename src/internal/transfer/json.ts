/** Reads rows from JSON: the elements of an array, or an object a line. */
import * as Result from "effect/Result"
import { backslash, closeBrace, closeBracket, codeAt, comma, cr, isByteOrderMark, lf, openBrace, openBracket, quote } from "./characters.ts"
import { type Ends, makeSplitter, type Reading, type RecordText, UnreadableRow } from "./split.ts"

/** Reads an object a line. */
export const lines = (maxLength: number): Reading => ({ splitter: makeSplitter(maxLength, lineEnds), parse })

/** Reads the elements of arrays, or an object a line where the text doesn't begin with an array. */
export const elements = (maxLength: number): Reading => {
  const ends = makeJsonEnds()
  return {
    splitter: makeSplitter(maxLength, ends),
    parse,
    end: () => (ends.isOpen() ? [new UnreadableRow("The array doesn't end: the text was cut")] : []),
  }
}

const parse = (record: RecordText): ReadonlyArray<unknown> => {
  if (typeof record !== "string") return [record]
  if (record.trim() === "") return []
  // The message of the failure would quote the record.
  const parsed = Result.try({ try: (): unknown => JSON.parse(record), catch: () => new UnreadableRow("It isn't JSON") })
  return [Result.merge(parsed)]
}

const lineEnds: Ends = {
  next: (chunk, from) => (typeof chunk === "string" ? chunk.indexOf("\n", from) : chunk.indexOf(0x0a, from)),
  whyNot: () => undefined,
}

/** Where the elements of an array end, or the lines of a text without an array. Texts and brackets of JSON are followed through all bytes. */
const makeJsonEnds = (): Ends & { readonly isOpen: () => boolean } => {
  let state: "before" | "lines" | "array" | "text" | "escape" | "behind an array" = "before"
  let depth = 0

  /** Whether a record ends here. */
  const step = (code: number): boolean => {
    switch (state) {
      case "lines":
        return code === lf
      case "before":
        if (code === openBracket) {
          state = "array"
          return true
        }
        if (!isSpace(code)) state = "lines"
        return false
      case "behind an array":
        if (code !== openBracket) return code === lf
        state = "array"
        return true
      case "text":
        if (code === quote) state = "array"
        else if (code === backslash) state = "escape"
        return false
      case "escape":
        state = "text"
        return false
      default:
        if (code === quote) state = "text"
        else if (code === openBracket || code === openBrace) depth++
        else if (depth > 0 && (code === closeBracket || code === closeBrace)) depth--
        else if (depth === 0 && code === closeBracket) {
          state = "behind an array"
          return true
        } else return depth === 0 && code === comma
        return false
    }
  }

  return {
    next: (chunk, from) => {
      if (state === "lines") return lineEnds.next(chunk, from)
      for (let at = from; at < chunk.length; at++) if (step(codeAt(chunk, at))) return at
      return -1
    },
    whyNot: () => undefined,
    isOpen: () => state === "array" || state === "text" || state === "escape",
  }
}

const isSpace = (code: number): boolean => code === 0x20 || code === 0x09 || code === cr || code === lf || isByteOrderMark(code)
