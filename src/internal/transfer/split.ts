/**
 * Splits a text into records: lines, elements of a JSON array, or records of CSV. Texts come in chunks of strings or bytes of UTF-8.
 * The decoders of `effect/encoding` end with the first line that they can't read, where an import must go on.
 */
import * as Arr from "effect/Array"
import * as Bytes from "effect/Bytes"
import * as Result from "effect/Result"
import * as Stream from "effect/Stream"
import { codeAt } from "./characters.ts"

/**
 * A row that couldn't be parsed. An import refuses it.
 * @category models
 * @since 0.1.0
 */
export class UnreadableRow {
  readonly reason: string
  constructor(reason: string) {
    this.reason = reason
  }
}

export type RecordText = string | UnreadableRow

/** Where records end. `next` sees each piece once, from the end of the last record on. */
export interface Ends {
  /** The LF that ends the record, or -1. */
  readonly next: (chunk: string | Uint8Array, from: number) => number
  /** The reason why the record that ended can't be read, independent of the record's text. */
  readonly whyNot: () => string | undefined
}

/** How the records of a text are found and parsed. */
export interface Reading {
  readonly splitter: ReturnType<typeof makeSplitter>
  /** Gives a row, or nothing. */
  readonly parse: (record: RecordText) => ReadonlyArray<unknown>
  /** The faults of the text as a whole, once it has ended. */
  readonly end?: (() => ReadonlyArray<UnreadableRow>) | undefined
}

/** The rows of a text. */
export const parseRecords = <E, R>(input: Stream.Stream<string | Uint8Array, E, R>, make: () => Reading): Stream.Stream<unknown, E, R> =>
  Stream.suspend(() => {
    const { splitter, parse, end = () => [] } = make()
    const start = makeStart()
    const readPieces = (pieces: ReadonlyArray<string | Uint8Array>) => pieces.flatMap(splitter.feed).flatMap(parse)
    const rest = Stream.suspend(() => Stream.fromIterable([...readPieces(start.end()), ...splitter.end().flatMap(parse), ...end()]))
    return input.pipe(
      Stream.map((chunk) => {
        const pieces = start.feed(chunk)
        return pieces instanceof UnreadableRow ? [pieces] : readPieces(pieces)
      }),
      Stream.filter(Arr.isArrayNonEmpty),
      Stream.flattenArray,
      Stream.concat(rest),
    )
  })

/** Tells UTF-16 by the first two bytes and refuses the text as a whole. Each line alone would be refused for another reason. */
const makeStart = () => {
  let state: "unknown" | "text" | "UTF-16" = "unknown"
  let held: ReadonlyArray<string | Uint8Array> = []
  return {
    feed: (chunk: string | Uint8Array): ReadonlyArray<string | Uint8Array> | UnreadableRow => {
      if (state === "text") return [chunk]
      if (state === "UTF-16" || chunk.length === 0) return []
      const [first = 0, second] = [...held, chunk].flatMap((piece) => [codeAt(piece, 0), codeAt(piece, 1)].filter((code) => code >= 0))
      if (second === undefined) {
        // The chunk is copied, as its buffer may be used again.
        held = [chunk.slice(0)]
        return []
      }
      // The byte order marks of UTF-16, and the upper half of an ASCII character where there is none.
      state = (first === 0xff && second === 0xfe) || (first === 0xfe && second === 0xff) || first === 0 || second === 0 ? "UTF-16" : "text"
      const pieces = [...held, chunk]
      held = []
      return state === "text" ? pieces : new UnreadableRow(isUtf16)
    },
    /** The pieces of a text of less than two bytes. */
    end: () => held,
  }
}

const isUtf16 = "The text is UTF-16, of which nothing is read: convert it to UTF-8 (iconv -f UTF-16 -t UTF-8)"

/** Splits a text where records end; a CR before the LF stays. A record beyond `maxLength` isn't kept. */
export const makeSplitter = (maxLength: number, ends: Ends) => {
  let pieces: Array<string | Uint8Array> = []
  let length = 0
  let isFirst = true

  const keep = (pieceLength: number, piece: () => string | Uint8Array): void => {
    length += pieceLength
    if (length > maxLength) pieces = []
    else pieces.push(piece())
  }

  const take = (): RecordText => {
    const reason = ends.whyNot() ?? (length > maxLength ? `It is longer than ${maxLength}` : undefined)
    const line = reason === undefined ? toText(pieces) : new UnreadableRow(reason)
    const text = isFirst && typeof line === "string" && line.startsWith("\uFEFF") ? line.slice(1) : line
    pieces = []
    length = 0
    isFirst = false
    return text
  }

  return {
    feed: (chunk: string | Uint8Array): ReadonlyArray<RecordText> => {
      const records: Array<RecordText> = []
      let start = 0
      for (let end = ends.next(chunk, 0); end >= 0; end = ends.next(chunk, start)) {
        const from = start
        keep(end - from, () => (isString(chunk) ? chunk.slice(from, end) : chunk.subarray(from, end)))
        records.push(take())
        start = end + 1
      }
      // The beginning of a record is copied, as its buffer may be used again.
      if (start < chunk.length) keep(chunk.length - start, () => chunk.slice(start))
      return records
    },
    end: (): ReadonlyArray<RecordText> => (length === 0 ? [] : [take()]),
  }
}

const utf8 = new TextEncoder()
const strictUtf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true })

const isString = (piece: string | Uint8Array): piece is string => typeof piece === "string"

const toText = (pieces: ReadonlyArray<string | Uint8Array>): RecordText => {
  if (pieces.every(isString)) return pieces.join("")
  const parts = pieces.map((piece) => (isString(piece) ? utf8.encode(piece) : piece))
  const [only] = parts
  return Result.merge(
    Result.try({
      try: () => strictUtf8.decode(only !== undefined && parts.length === 1 ? only : Bytes.concat(parts)),
      catch: () => new UnreadableRow("It isn't UTF-8"),
    }),
  )
}
