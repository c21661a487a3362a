/** A buffer that moves over a file or stream and finds its tokens. A token may arrive in pieces. */
import * as Locator from "./locator.ts"
import type { Match, Matcher } from "./matcher.ts"

export interface Window {
  readonly bytes: Buffer
  /** The offset of the buffer's first byte. */
  readonly base: () => number
  /** The space for the next bytes. The space is never empty. */
  readonly space: () => Buffer
  /** Takes the first `length` bytes of the space. */
  readonly take: (length: number) => void
  /**
   * The tokens that haven't been given before and start before the offset `to`. Until the last byte has been taken, tokens that start in the
   * last few bytes are held back.
   */
  readonly matches: (last: boolean, to?: number) => ReadonlyArray<Match>
  /** The offset up to which tokens that start there have been given. */
  readonly given: () => number
  /** Whether the new bytes are enough for a search. */
  readonly isWorthwhile: () => boolean
  /** Starts over: no token starts before the offset `from`. Gives the offset of the first byte to be taken. */
  readonly reset: (from: number) => number
}

/** The size fits into a core's own cache, and keeps the share of bytes that are searched twice small. */
const capacity = 256 * 1024

/** The bytes before a token in UTF-16 tell its byte order. */
const context = 2

export const make = (matcher: Matcher): Window => {
  const bytes = Buffer.allocUnsafeSlow(capacity)
  let base = 0
  let filled = 0
  let start = 0
  return {
    bytes,
    base: () => base,
    space: () => {
      if (filled > capacity / 2 && start > context) {
        bytes.copy(bytes, 0, start - context, filled)
        base += start - context
        filled -= start - context
        start = context
      }
      return bytes.subarray(filled)
    },
    take: (length) => {
      filled += length
    },
    matches: (last, to = Infinity) => {
      const limit = last ? filled : filled - matcher.span
      if (limit <= start) return []
      const matches = matcher.find({ bytes, from: start, end: filled, base }, Math.min(limit, to - base))
      start = limit
      return matches
    },
    given: () => base + start,
    isWorthwhile: () => filled - start > 8 * matcher.span,
    reset: (from) => {
      base = Math.max(0, from - context)
      start = from - base
      filled = 0
      return base
    },
  }
}

/** Locates the matches that the window has just given, and moves the position on before the window moves. */
export const locate = (window: Window, position: Locator.Position, matches: ReadonlyArray<Match>): ReadonlyArray<Locator.Located> => {
  const located = matches.map((match) => {
    Locator.advance(position, window.bytes, window.base(), match.offset)
    return Locator.locate(position, match)
  })
  Locator.advance(position, window.bytes, window.base(), window.given())
  return located
}
