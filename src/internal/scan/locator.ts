/** Counts lines and columns, as editors do: columns in UTF-16 code units. */
import type { Encoding } from "./encoding.ts"
import type { Match } from "./matcher.ts"

/** A match with its line and column, which count from 1. */
export interface Located extends Match {
  readonly line: number
  readonly column: number
}

interface Lines {
  /** The number of lines that have ended. */
  count: number
  /** The offset where the current line starts. */
  start: number
}

/** The state of counting after the bytes before `offset`. A position is plain data, so that threads can send positions. */
export interface Position {
  offset: number
  /** The byte before `offset`. */
  last: number
  readonly narrow: Lines
  /** How many code units of UTF-8 the current line has. */
  units: number
  /** In UTF-16 a line's end depends on the byte order, and on whether characters start at even or odd offsets. */
  readonly wide: readonly [Lines, Lines, Lines, Lines]
}

const lines = (): Lines => ({ count: 0, start: 0 })

export const start = (): Position => ({
  offset: 0,
  last: -1,
  narrow: lines(),
  units: 0,
  wide: [lines(), lines(), lines(), lines()],
})

const lineFeed = 0x0a

/** Counts the bytes from the position's offset to `to`. The buffer's first byte has the offset `base`. */
export const advance = (position: Position, buffer: Buffer, base: number, to: number): void => {
  if (to <= position.offset) return
  const from = position.offset - base
  const end = to - base
  // The view ends at `to`. Without the view, each search for a line feed would go on to the buffer's end.
  const bytes = buffer.subarray(0, end)
  // The byte before was the first half of a line feed in UTF-16, and this byte is the second half.
  if (position.last === lineFeed && bytes[from] === 0) newLine(position, "utf-16le", position.offset - 1)
  const known = position.narrow.count
  let lineStart = from
  for (let i = bytes.indexOf(lineFeed, from); i >= 0; i = bytes.indexOf(lineFeed, i + 1)) {
    position.narrow.count++
    lineStart = i + 1
    if ((i > from ? bytes[i - 1] : position.last) === 0) newLine(position, "utf-16be", base + i - 1)
    if (bytes[i + 1] === 0) newLine(position, "utf-16le", base + i)
  }
  if (position.narrow.count !== known) {
    position.narrow.start = base + lineStart
    position.units = 0
  }
  position.units += end - lineStart
  const view = new DataView(bytes.buffer, bytes.byteOffset, end)
  for (let i = lineStart; i < end; i++) {
    // Eight bytes of ASCII at a time, as lines may be long.
    while (i + 8 <= end && ((view.getInt32(i) | view.getInt32(i + 4)) & 0x80808080) === 0) i += 8
    if (i === end) break
    const byte = bytes[i]!
    // Continuation bytes add no unit. Characters of four bytes are two units.
    if (byte >= 0x80) position.units += byte < 0xc0 ? -1 : byte >= 0xf0 ? 1 : 0
  }
  // The byte exists, as `to` is past the offset.
  position.last = bytes[end - 1]!
  position.offset = to
}

/** The line and column of a match at the position's offset. */
export const locate = (position: Position, match: Match): Located => {
  if (match.encoding === "utf-8") return { ...match, line: position.narrow.count + 1, column: position.units + 1 }
  const { count, start } = wideLines(position, match.encoding, match.offset)
  return { ...match, line: count + 1, column: Math.floor((match.offset - start) / 2) + 1 }
}

const newLine = (position: Position, encoding: Encoding, offset: number): void => {
  const lines = wideLines(position, encoding, offset)
  lines.count++
  lines.start = offset + 2
}

const wideLines = ({ wide }: Position, encoding: Encoding, offset: number): Lines =>
  // The index is one of four.
  wide[(encoding === "utf-16le" ? 0 : 2) + (offset % 2)]!
