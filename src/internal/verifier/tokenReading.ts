/** Reads tokens of the service's format without making their parts. */
import * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import { parse, type TokenFormat, type TokenParts } from "../../ApiKeyToken.ts"
import { ownFormats } from "../token/ownFormats.ts"

/**
 * Gives the characters in the place of the key id, if a text has a token's length, prefix and separators. A text that isn't well-formed is
 * no token of our formats, and has the digest of none. For another format it gives the key id of a token.
 */
export const keyIdPlace = (format: TokenFormat): ((text: string) => string | undefined) =>
  ownFormats.get(format)?.keyIdAt ?? keyIdReader(format)

/** Gives the key id of a token. Any other text, or a text with the digest of another one, gives `undefined`. */
export const keyIdReader = (format: TokenFormat): ((token: string) => string | undefined) => {
  const { keyIdOf } = format
  if (keyIdOf !== undefined && ownFormats.has(format)) return keyIdOf
  const read =
    keyIdOf ??
    ((token: string) => {
      const parsed = parse(token, format)
      return Result.isSuccess(parsed) ? parsed.success.keyId : undefined
    })
  const attempt = (token: string) => Result.getOrUndefined(Result.try({ try: () => read(token), catch: () => undefined }))
  // A text that isn't well-formed has the digest of another one.
  return (token) => (token.isWellFormed() ? attempt(token) : undefined)
}

/** Whether these are the parts of a token of the format, which has a checksum. Another spelling of that token must not be accepted. */
export const isTokenOf = (format: TokenFormat, { keyId, secret }: Pick<TokenParts, "keyId" | "secret">): boolean =>
  ownFormats.has(format) && Result.isSuccess(format.parse(Redacted.value(format.format({ prefix: format.prefix, keyId, secret }))))
