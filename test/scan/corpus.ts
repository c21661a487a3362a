/** Tokens to be found, and what only looks like one. */
import * as ApiKeyToken from "../../src/ApiKeyToken.ts"

const hex = "0123456789abcdef"
const alphabet = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

/** Numbers below a bound, the same for the same seed (mulberry32). */
export const randomOf = (seed: number): ((bound: number) => number) => {
  let state = seed | 0
  return (bound) => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return Math.floor((((t ^ (t >>> 14)) >>> 0) / 2 ** 32) * bound)
  }
}

const draw = (random: (bound: number) => number, characters: string, length: number): string =>
  Array.from({ length }, () => characters[random(characters.length)]).join("")

/** The same token for the same seed. */
export const tokenOf = (seed: number, { prefix = "ak", separator = "-" }: ApiKeyToken.TokenConfig = {}): string => {
  const random = randomOf(seed)
  const text = `${prefix}${separator}${draw(random, hex, 16)}${separator}${draw(random, alphabet, 58)}`
  return text + ApiKeyToken.checksum(text)
}

/** What isn't a token, though little is wrong with it. */
export const lookAlikes = {
  /** The only one that regular expressions take for a token. */
  checksum: (token: string) => token.slice(0, -1) + (token.endsWith("a") ? "b" : "a"),
  characterOfSecret: (token: string) => token.slice(0, -30) + (token.at(-30) === "a" ? "b" : "a") + token.slice(-29),
  short: (token: string) => token.slice(0, -1),
  broken: (token: string) => `${token.slice(0, -20)}\n${token.slice(-20)}`,
  upperCase: (token: string) => token.toUpperCase(),
  keyId: (token: string) => token.replace(/[0-9a-f]{16}/, (keyId) => `g${keyId.slice(1)}`),
  separator: (token: string) => token.replace(/[-_.~:]/, "+"),
  otherPrefix: (token: string) => `zz${token.slice(2)}`,
  space: (token: string) => token.split("").join(" "),
} as const

/** Those that a regular expression can tell. */
export const plainLookAlikes = Object.entries(lookAlikes)
  .filter(([name]) => name !== "checksum" && name !== "characterOfSecret")
  .map(([, make]) => make)

export const encode = (text: string, encoding: "utf-8" | "utf-16le" | "utf-16be"): Buffer => {
  if (encoding === "utf-8") return Buffer.from(text)
  const bytes = Buffer.from(text, "utf16le")
  return encoding === "utf-16le" ? bytes : bytes.swap16()
}
