/** Reads the output of `git cat-file --batch`: for each object a header line, its contents and a line feed. */
import * as Locator from "./locator.ts"
import type { Match, Matcher } from "./matcher.ts"
import * as Window from "./window.ts"

export interface Blob<M> {
  readonly id: string
  readonly matches: ReadonlyArray<M>
  /** Git has no such object. */
  readonly isMissing: boolean
}

/** Takes git's output piece by piece, and gives the blobs with matches. A blob comes once for each piece with matches of that blob. */
export type Reader<M> = (chunk: Buffer) => ReadonlyArray<Blob<M>>

/** Finds matches without their lines. */
export const finder = (matcher: Matcher): Reader<Match> => make(matcher, () => (_window, matches) => matches)

/** Finds matches and counts lines, which takes longer. */
export const locator = (matcher: Matcher): Reader<Locator.Located> =>
  make(matcher, () => {
    const position = Locator.start()
    return (window, matches) => Window.locate(window, position, matches)
  })

const make = <M>(matcher: Matcher, begin: () => (window: Window.Window, matches: ReadonlyArray<Match>) => ReadonlyArray<M>): Reader<M> => {
  const window = Window.make(matcher)
  let header = ""
  let id = ""
  let isBlob = false
  // The bytes left of the object and of the line feed behind it. At 0 a header is next.
  let left = 0
  let each = begin()

  const readObject = (chunk: Buffer, found: Array<Blob<M>>): void => {
    // The line feed can't be part of a token.
    left -= chunk.length
    if (!isBlob) return
    const content = left === 0 ? chunk.subarray(0, -1) : chunk
    for (let at = 0; at < content.length;) {
      const taken = content.copy(window.space(), 0, at)
      window.take(taken)
      at += taken
      add(found, window.matches(false))
    }
    if (left === 0) add(found, window.matches(true))
  }
  const add = (found: Array<Blob<M>>, plain: ReadonlyArray<Match>) => {
    const matches = each(window, plain)
    if (matches.length > 0) found.push({ id, matches, isMissing: false })
  }

  return (chunk) => {
    const found: Array<Blob<M>> = []
    for (let at = 0; at < chunk.length;) {
      if (left > 0) {
        const end = Math.min(chunk.length, at + left)
        readObject(chunk.subarray(at, end), found)
        at = end
        continue
      }
      const end = chunk.indexOf(0x0a, at)
      header += chunk.toString("latin1", at, end < 0 ? chunk.length : end)
      if (end < 0) break
      at = end + 1
      const [name = "", type, size] = header.split(" ")
      header = ""
      id = name
      isBlob = type === "blob"
      left = size === undefined ? 0 : Number(size) + 1
      window.reset(0)
      each = begin()
      if (type === "missing") found.push({ id, matches: [], isMissing: true })
    }
    return found
  }
}
