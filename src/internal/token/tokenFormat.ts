/** What all tokens have in common. Without Effect, as the scanner's threads start with it. */

export const alphabet = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
export const keyIdLength = 16
export const randomLength = 58
export const checksumLength = 6
export const secretLength = randomLength + checksumLength

/** What of a secret may be shown. */
export const hintOf = (secret: string): string => secret.slice(randomLength - 4, randomLength)
