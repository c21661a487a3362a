/**
 * The seal of a token: the last characters of its random part, a code of all before them by a key of the server. Who lacks the key can't make one,
 * so a token without a good seal is told from those that were issued, at the cost of a code and without a look-up. It says nothing of whether a
 * token still works, and doesn't replace the check of its hash.
 */
import { alphabet, sealLength } from "./tokenFormat.ts"

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

/** Tells of the id that a record keeps whether it is that of a key of the ring. */
export const knownIds = ({ current, older }: SealingKeys): ((sealId: string | null) => boolean) => {
  const values = new Set([current, ...older].map(({ id }) => valueOf(id)))
  return (sealId) => sealId !== null && values.has(valueOf(sealId))
}

/** An id of another form stands for itself. */
const valueOf = (id: string): string => /\.([0-9a-f]{16})$/.exec(id)?.[1] ?? id

/** Eight bytes, a character each, as base 62, most significant digit first. */
const toDigits = (code: string): string => {
  let high = 0
  let low = 0
  for (let index = 0; index < 4; index++) {
    high = high * 256 + code.charCodeAt(index)
    low = low * 256 + code.charCodeAt(index + 4)
  }
  let digits = ""
  for (let index = 0; index < sealLength; index++) {
    const rest = (high % 62) * 0x1_0000_0000 + low
    high = Math.floor(high / 62)
    low = Math.floor(rest / 62)
    digits = alphabet[rest % 62] + digits
  }
  return digits
}

/** The seal of a text, which is a token's up to its seal. */
export const sealOf = (text: string, { code }: SealingKey): string => toDigits(code(text))

/** The id of the key under which the seal of a text is good; `undefined` if it is under none. All keys are tried, in a time that tells nothing of the seal. */
export const sealedBy = (text: string, seal: string, { current, older }: SealingKeys): string | undefined => {
  let id: string | undefined
  for (const key of [current, ...older]) if (isSame(sealOf(text, key), seal)) id = key.id
  return id
}

const isSame = (a: string, b: string): boolean => {
  let difference = a.length ^ b.length
  for (let index = 0; index < a.length; index++) difference |= a.charCodeAt(index) ^ b.charCodeAt(index)
  return difference === 0
}
