/**
 * Finds tokens in bytes. The module is pure and without Effect, so that a worker thread starts fast.
 *
 * A token ends in 64 letters and digits after a separator, and few texts have such runs. The matcher reads every 64th byte and goes back to the
 * nearest byte that is no letter or digit. No secret starts before that byte. Most bytes of most texts are never read, with any prefixes.
 */
import { crc32 } from "node:zlib"
import type { Encoding } from "./encoding.ts"
import { alphabet, checksumLength, keyIdLength, secretLength } from "../token/tokenFormat.ts"

/** A valid prefix and separator. */
export interface Pattern {
  readonly prefix: string
  readonly separator: string
}

/** A token with a valid checksum. `offset` points to its first byte. */
export interface Match {
  readonly offset: number
  readonly encoding: Encoding
  readonly pattern: number
  readonly token: string
}

/** Part of a buffer. */
export interface Region {
  readonly bytes: Buffer
  /** No token starts before this index. Bytes before the index are the same in the buffer and in the file. */
  readonly from: number
  /** The index behind the last byte. */
  readonly end: number
  /** The offset in the file of the buffer's first byte. */
  readonly base: number
}

export interface Matcher {
  /** The number of bytes for a token in any encoding, with the bytes around the token that tell the encoding. */
  readonly span: number
  /** The tokens that start in the region, before `limit`, and end in it, by offset. */
  readonly find: (region: Region, limit: number) => ReadonlyArray<Match>
}

const marks = (characters: string): Uint8Array => {
  const table = new Uint8Array(256)
  for (const character of characters) table[character.charCodeAt(0)] = 1
  return table
}
const alphanumeric = marks(alphabet)
const hexDigit = marks("0123456789abcdef")

/** Makes the matcher for tokens of any of the patterns. */
export const make = (patterns: ReadonlyArray<Pattern>): Matcher => {
  const separators = marks(patterns.map(({ separator }) => separator).join(""))
  const starts = patterns.map(({ prefix, separator }) => Buffer.from(prefix + separator, "latin1"))
  const longest = Math.max(0, ...starts.map(({ length }) => length)) + keyIdLength + 1 + secretLength

  const find = ({ bytes, from, end, base }: Region, limit: number): ReadonlyArray<Match> => {
    const matches: Array<Match> = []

    /** Reads the bytes before a secret at index `secret` as the rest of a token. The characters are `step` bytes apart. */
    const check = (secret: number, step: 1 | 2): void => {
      const separator = bytes[secret - step]
      // An index before the buffer gives undefined, which has no mark.
      if (separator === undefined || separators[separator] !== 1) return
      const keyId = secret - step * (keyIdLength + 1)
      if (bytes[keyId - step] !== separator) return
      for (let i = keyId; i < secret - step; i += step) {
        if (hexDigit[bytes[i]!] !== 1 || (step === 2 && bytes[i + 1] !== 0)) return
      }
      for (let pattern = 0; pattern < starts.length; pattern++) {
        const start = starts[pattern]!
        const first = keyId - step * start.length
        if (first < from || first >= limit || !precedes(bytes, start, keyId, step)) continue
        const token = read(bytes, first, start.length + keyIdLength + 1 + secretLength, step)
        if (!hasChecksum(token)) continue
        const encoding = step === 1 ? "utf-8" : encodingOf(first, secret + step * (secretLength - 1))
        if (encoding === undefined) continue
        matches.push({ offset: base + (encoding === "utf-16be" ? first - 1 : first), encoding, pattern, token })
      }
    }

    /** Both byte orders have zeros between the characters. The orders differ in the side with one more zero. */
    const encodingOf = (first: number, last: number): Encoding | undefined => {
      const before = first > 0 && bytes[first - 1] === 0
      const after = last + 1 < end && bytes[last + 1] === 0
      // Text on both sides, or the end of a string, puts a zero on both sides. Then the offset decides, as characters usually start at even
      // offsets.
      if (before && after) return (base + first) % 2 === 0 ? "utf-16le" : "utf-16be"
      return after ? "utf-16le" : before ? "utf-16be" : undefined
    }

    // A secret may begin at `start` or later. The bytes from `start` up to `proven` are letters and digits.
    let start = from
    let proven = from
    while (start + secretLength <= end) {
      let i = start + secretLength - 1
      while (i >= proven && alphanumeric[bytes[i]!] === 1) i--
      const found = i < proven
      if (found) check(start, 1)
      proven = start + secretLength
      start = found ? proven : i + 1
    }

    // The same search for UTF-16, which has a zero between the characters.
    for (let parity = 1; parity <= 2; parity++) {
      start = from + parity
      proven = start
      const length = 2 * secretLength
      while (start + length - 1 <= end) {
        let i = start + length - 2
        while (i >= proven && alphanumeric[bytes[i]!] === 1 && bytes[i - 1] === 0) i -= 2
        const found = i < proven
        if (found) check(start, 2)
        proven = start + length
        start = found ? proven : i + 2
      }
    }
    return matches.length > 1 ? matches.sort((a, b) => a.offset - b.offset) : matches
  }
  return { span: 2 * longest + 2, find }
}

const precedes = (bytes: Buffer, start: Buffer, end: number, step: 1 | 2): boolean => {
  for (let i = start.length - 1, at = end - step; i >= 0; i--, at -= step) {
    if (bytes[at] !== start[i] || (step === 2 && bytes[at + 1] !== 0)) return false
  }
  return true
}

const read = (bytes: Buffer, first: number, length: number, step: 1 | 2): string => {
  if (step === 1) return bytes.toString("latin1", first, first + length)
  const characters = Buffer.allocUnsafe(length)
  for (let i = 0; i < length; i++) characters[i] = bytes[first + step * i]!
  return characters.toString("latin1")
}

/** The format's checksum: CRC-32 of all bytes before it, as six digits of base 62. */
const hasChecksum = (token: string): boolean => {
  const end = token.length - checksumLength
  let value = 0
  for (let i = end; i < token.length; i++) value = value * 62 + alphabet.indexOf(token[i]!)
  return value === crc32(token.slice(0, end))
}
