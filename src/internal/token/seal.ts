/**
 * The seal of a token: a code of the text before it, by a key of the server (decision 0073). It takes the place of the last random
 * characters.
 *
 * Without the key no seal can be made. So an invented token is told from an issued one by one code, without a look-up. A good seal doesn't
 * say that a token still works, and doesn't replace the check of its hash.
 */
import { alphabet, digitValues, sealLength } from "./tokenFormat.ts"

/**
 * A key that seals tokens: it makes the last characters of their random part. Without the key nobody can make them.
 * @category models
 * @since 0.1.0
 */
export interface SealingKey {
  /** Kept with each token that the key has sealed. Two keys with different values have different ids. The id isn't secret. */
  readonly id: string
  /** The first 64 bits of the HMAC-SHA-256 of a text, as characters below U+0100, a byte each. */
  readonly code: (text: string) => string
}

/**
 * The sealing key of new tokens, and the keys of older seals.
 * @category models
 * @since 0.1.0
 */
export interface SealingKeys {
  readonly current: SealingKey
  readonly older: ReadonlyArray<SealingKey>
  /** Whether anybody can have the current key, so that it isn't used beside others. Default: no. */
  readonly isPublic?: boolean
}

/** The id of a key: its label, and 16 hexadecimal digits that are one-to-one with the key's own value. */
export const sealingKeyId = (label: string, value: string): string => `${label}.${value}`

/**
 * Whether two ids are of one key, even under different labels. A pepper that was moved to the ring of sealing keys has another label there.
 */
export const isSameKey = (a: string, b: string): boolean => valueOf(a) === valueOf(b)

/**
 * Kept instead of a sealing key's id for a token of another system, once its hash is replaced by this package's. The new hash doesn't show
 * the other system. Such a token bears no seal, and isn't refused for it.
 */
export const foreignId = "other"

/** Tells whether a record's seal id is a key of the ring, or the mark of a token that needs no seal. */
export const knownIds = ({ current, older }: SealingKeys): ((sealId: string | null) => boolean) => {
  const values = new Set([foreignId, ...[current, ...older].map(({ id }) => valueOf(id))])
  return (sealId) => sealId !== null && values.has(valueOf(sealId))
}

/** The value within an id. An id of another form is its own value. */
const valueOf = (id: string): string => /\.([0-9a-f]{16})$/.exec(id)?.[1] ?? id

/** The first number beyond 32 bits. */
const word = 0x1_0000_0000

/** Four characters of a code, a byte each, as a number of 32 bits. */
const wordOf = (code: string, from: number): number => {
  let value = 0
  for (let index = from; index < from + 4; index++) value = value * 256 + code.charCodeAt(index)
  return value
}

/** The seal of a token whose text before the seal is `text`. It is the code in base 62, the most significant digit first. */
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

/** Whether the seal is the key's. All digits are read and both words compared, so the time doesn't tell where a seal is wrong. */
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
  // Eleven digits can stand for more than 64 bits. `high` then differs from any word.
  const difference = Math.abs(high - wordOf(made, 0)) + Math.abs(low - wordOf(made, 4))
  return seal.length === sealLength && difference === 0
}

/** The id of the key under which the seal of a text is good, or `undefined` if there is none. */
export const sealedBy = (text: string, seal: string, { current, older }: SealingKeys): string | undefined => {
  let id = isSeal(seal, text, current) ? current.id : undefined
  // All keys are tried, so the time doesn't tell which one matched.
  for (const key of older) if (isSeal(seal, text, key)) id = key.id
  return id
}
