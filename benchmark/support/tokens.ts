/** Tokens to verify: good ones, and the ways in which they can be wrong. */
import { randomBytes } from "node:crypto"
import * as ApiKeyToken from "../../src/ApiKeyToken.ts"

const keyIdLength = 16
const secretLength = 64
const length = "ak-".length + keyIdLength + 1 + secretLength

/**
 * Tokens out of which each round gets strings of its own. A server sees each token as a new string; one that is used again has its hash
 * computed already, and looks it up in a `Map` for less than it costs.
 */
export class Tokens {
  readonly #bytes: Buffer
  readonly count: number
  #fresh: ReadonlyArray<string>

  constructor(tokens: ReadonlyArray<string>) {
    for (const token of tokens) if (token.length !== length) throw new Error(`Not a token of ours: ${token.length} characters`)
    this.#bytes = Buffer.from(tokens.join(""), "latin1")
    this.count = tokens.length
    this.#fresh = this.renew()
  }

  /** Replaces all strings; to be called before a round. */
  readonly renew = (): ReadonlyArray<string> => {
    this.#fresh = Array.from({ length: this.count }, (_, index) => this.#bytes.toString("latin1", index * length, (index + 1) * length))
    return this.#fresh
  }

  /** In the order that the tokens were given in; starts over at the end. */
  readonly at = (index: number): string => this.#fresh[index % this.count]!
}

/** The key id of a token. */
export const keyIdOf = (token: string): string => token.slice(3, 3 + keyIdLength)

/** A well-formed token with a secret that nobody has. */
export const guess = (keyId: string): string => {
  const text = `ak-${keyId}-${randomBytes(secretLength)
    .toString("hex")
    .slice(0, secretLength - 6)}`
  return text + ApiKeyToken.checksum(text)
}

/** A well-formed token of a key that doesn't exist. */
export const invent = (): string => guess(randomBytes(keyIdLength / 2).toString("hex"))

/** The same token with another last character, so that its checksum is wrong. */
export const mistype = (token: string): string => token.slice(0, -1) + (token.endsWith("0") ? "1" : "0")

/** In an order of chance, the same in every run. */
export const shuffle = <A>(values: ReadonlyArray<A>): ReadonlyArray<A> => {
  const shuffled = [...values]
  let state = 0x9e3779b9
  for (let last = shuffled.length - 1; last > 0; last--) {
    // xorshift32: https://www.jstatsoft.org/article/view/v008i14
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    const other = (state >>> 0) % (last + 1)
    const value = shuffled[last]!
    shuffled[last] = shuffled[other]!
    shuffled[other] = value
  }
  return shuffled
}
