/** What all tokens have in common. Without Effect, as the scanner's threads start with it. */

export const alphabet = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
export const keyIdLength = 16
export const randomLength = 58
export const checksumLength = 6
/** Of the random characters the last are a seal where there is a sealing key: 62 to the power of 11 is more than 2 to the power of 64. */
export const sealLength = 11
export const secretLength = randomLength + checksumLength

/** What of a secret may be shown. */
export const hintOf = (secret: string): string => secret.slice(randomLength - 4, randomLength)

/** What a character stands for in base 62, by its code. What is no digit stands for `NaN`, which equals nothing. */
export const digitValues: ReadonlyArray<number> = Array.from({ length: 128 }, (_, code) => {
  const value = alphabet.indexOf(String.fromCharCode(code))
  return value < 0 ? Number.NaN : value
})
