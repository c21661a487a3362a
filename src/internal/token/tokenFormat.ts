/** The parts that all tokens have in common. The module doesn't load Effect, as the scanner's threads start with it. */

export const alphabet = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
export const keyIdLength = 16
export const randomLength = 58
export const checksumLength = 6
/** The number of random characters, at the end, that are a seal where there is a sealing key. Eleven can hold 64 bits. */
export const sealLength = 11
export const secretLength = randomLength + checksumLength

/** The part of a secret that may be shown: its last random characters. */
export const hintOf = (secret: string): string => secret.slice(randomLength - 4, randomLength)

/** The values of base 62's digits, by character code. Other characters have `NaN`, which equals nothing. */
export const digitValues: ReadonlyArray<number> = Array.from({ length: 128 }, (_, code) => {
  const value = alphabet.indexOf(String.fromCharCode(code))
  return value < 0 ? Number.NaN : value
})
