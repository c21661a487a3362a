/** A buffer that moves over a file or stream, and finds the tokens that it passes, also those that come in pieces. */
import * as Locator from "./locator.ts"
import type { Match, Matcher } from "./matcher.ts"

export interface Window {
  readonly bytes: Buffer
  /** The offset of the buffer's first byte. */
  readonly base: () => number
  /** Where to write what comes next. Never empty. */
  readonly space: () => Buffer
  /** Takes the first `length` bytes of the space. */
  readonly take: (length: number) => void
  /**
   * The tokens that haven't been given before and start before the offset `to`. Unless the last byte has been taken, those of the last few
   * bytes aren't given yet.
   */
  readonly matches: (last: boolean, to?: number) => ReadonlyArray<Match>
  /** The offset up to which tokens that start there have been given. */
  readonly given: () => number
  /** So many bytes are worth a search. */
  readonly isWorthwhile: () => boolean
  /** Begins anew: no token starts before the offset `from`. Gives the offset of the first byte to be taken. */
  readonly reset: (from: number) => number
}

/** Fits a core's own cache, and is long enough that what is searched twice doesn't matter. */
const capacity = 256 * 1024

/** What comes before a token in UTF-16 tells which one it is. */
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

/** Locates what the window has just given, and moves the position on, before the window does. */
export const locate = (window: Window, position: Locator.Position, matches: ReadonlyArray<Match>): ReadonlyArray<Locator.Located> => {
  const located = matches.map((match) => {
    Locator.advance(position, window.bytes, window.base(), match.offset)
    return Locator.locate(position, match)
  })
  Locator.advance(position, window.bytes, window.base(), window.given())
  return located
}
