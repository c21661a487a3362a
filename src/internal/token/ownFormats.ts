/**
 * The formats that `ApiKeyToken.make` made, each with a function that gives the characters in the key id's place of a text with a token's length,
 * prefix and separators. Such a format throws nothing and takes no invalid text for a key id.
 */
export const ownFormats = new WeakMap<object, (text: string) => string | undefined>()
