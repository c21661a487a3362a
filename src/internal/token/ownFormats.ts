/**
 * The formats that `ApiKeyToken.make` made, with the places of their tokens' parts. Such a format throws nothing, and takes no invalid text
 * for a key id.
 */
export const ownFormats = new WeakMap<object, OwnFormat>()

export interface OwnFormat {
  /** The characters in the place of the key id, if a text has a token's length, prefix and separators. */
  readonly keyIdAt: (text: string) => string | undefined
  /** The seal of a token, and the text before it. */
  readonly partsOf: (token: string) => { readonly sealed: string; readonly seal: string }
  /** The secret with a seal in the place of its last random characters, and the checksum behind it. */
  readonly sealSecret: (keyId: string, secret: string, seal: (sealed: string) => string) => string
}
