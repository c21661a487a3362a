/**
 * The seal of a token: the last characters of its random part, a code of all before them by a key of the server. Who lacks the key can't make one,
 * so a token without a good seal is told from those that were issued, at the cost of a code and without a look-up. It says nothing of whether a
 * token still works, and doesn't replace the check of its hash.
 */
import { alphabet, digitValues, sealLength } from "./tokenFormat.ts"

/**
 * A key that seals tokens: it makes the last characters of their random part, which nobody makes who lacks it.
 * @category models
 * @since 0.1.0
 */
export interface SealingKey {
  /** Kept with each token that it has sealed. It differs for each value of a key, and isn't secret. */
  readonly id: string
  /** The first 64 bits of the HMAC-SHA-256 of a text, a character below U+0100 a byte. */
  readonly code: (text: string) => string
}

/**
 * The sealing key of new tokens, and those of tokens that were sealed before.
 * @category models
 * @since 0.1.0
 */
export interface SealingKeys {
  readonly current: SealingKey
  readonly older: ReadonlyArray<SealingKey>
  /** Whether anybody can have the current one, so that it is good for nothing beside others. Default: no. */
  readonly isPublic?: boolean
}

/** The id of a key under a label: `value`, 16 hexadecimal digits, is one-to-one with the key's own value. */
export const sealingKeyId = (label: string, value: string): string => `${label}.${value}`

/** Whether two ids are of one key, under whatever labels: that of a pepper that was moved to the ring of sealing keys, say. */
export const isSameKey = (a: string, b: string): boolean => valueOf(a) === valueOf(b)

/**
 * In the place of the id for a token of another system whose hash was made anew by ours, which no longer says so. Such a token bears no seal, and
 * isn't refused for it.
 */
export const foreignId = "other"

/** Tells of the id that a record keeps whether it is that of a key of the ring, or of a token that needs none. */
export const knownIds = ({ current, older }: SealingKeys): ((sealId: string | null) => boolean) => {
  const values = new Set([foreignId, ...[current, ...older].map(({ id }) => valueOf(id))])
  return (sealId) => sealId !== null && values.has(valueOf(sealId))
}

/** An id of another form stands for itself. */
const valueOf = (id: string): string => /\.([0-9a-f]{16})$/.exec(id)?.[1] ?? id

/** Beyond 32 bits. */
const word = 0x1_0000_0000

/** 32 bits of a code, of which a character is a byte. */
const wordOf = (code: string, from: number): number => {
  let value = 0
  for (let index = from; index < from + 4; index++) value = value * 256 + code.charCodeAt(index)
  return value
}

/** The seal of a text, which is a token's up to its seal: the code in base 62, the most significant digit first. */
export const sealOf = (text: string, { code }: SealingKey): string => {
  const made = code(text)
  let high = wordOf(made, 0)
  let low = wordOf(made, 4)
  let digits = ""
  for (let index = 0; index < sealLength; index++) {
    const rest = (high % 62) * word + low
    high = Math.floor(high / 62)
    low = Math.floor(rest / 62)
    digits = alphabet.charAt(rest % 62) + digits
  }
  return digits
}

/** Whether the seal is the key's, in a time that tells nothing of where it isn't: all of its digits are read, and both words compared. */
const isSeal = (seal: string, text: string, { code }: SealingKey): boolean => {
  let high = 0
  let low = 0
  for (let index = 0; index < sealLength; index++) {
    const value = low * 62 + (digitValues[seal.charCodeAt(index)] ?? Number.NaN)
    const carry = Math.floor(value / word)
    low = value - carry * word
    high = high * 62 + carry
  }
  const made = code(text)
  // Eleven digits can stand for more than 64 bits; `high` then differs from any word.
  const difference = Math.abs(high - wordOf(made, 0)) + Math.abs(low - wordOf(made, 4))
  return seal.length === sealLength && difference === 0
}

/** The id of the key under which the seal of a text is good; `undefined` if it is under none. */
export const sealedBy = (text: string, seal: string, { current, older }: SealingKeys): string | undefined => {
  let id = isSeal(seal, text, current) ? current.id : undefined
  // All are tried, whichever it is.
  for (const key of older) if (isSeal(seal, text, key)) id = key.id
  return id
}
