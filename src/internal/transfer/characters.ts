/** Characters of JSON and CSV, by code. ASCII characters have the same code in strings and in bytes of UTF-8. */

export const quote = 0x22
export const lf = 0x0a
export const cr = 0x0d
export const comma = 0x2c
export const backslash = 0x5c
export const openBracket = 0x5b
export const closeBracket = 0x5d
export const openBrace = 0x7b
export const closeBrace = 0x7d

/** A byte order mark, as a character and in bytes of UTF-8. */
export const isByteOrderMark = (code: number): boolean => code === 0xfeff || code === 0xef || code === 0xbb || code === 0xbf

/** The character or byte at an index, or -1 beyond the end. */
export const codeAt = (piece: string | Uint8Array, at: number): number =>
  at < piece.length ? (typeof piece === "string" ? piece.charCodeAt(at) : (piece[at] ?? 0)) : -1
