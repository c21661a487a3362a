/** Tokens of systems whose tables hold a plain digest. Where a token holds no key id, its digest finds the record. */
import { hash as digestOf, timingSafeEqual } from "node:crypto"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import type { KeyId } from "../../ApiKey.ts"
import { HasherError } from "../../ApiKeyError.ts"
import { maxTokenLength } from "../../ApiKeyToken.ts"
import { derivedKeyIdStart } from "../hash/legacyHash.ts"
import { isStorableText } from "../text/storable.ts"
import type { LegacyTokens } from "../../LegacyTokens.ts"

/** @category models @since 0.1.0 */
export interface PrefixOptions {
  /** The start of tokens with its separator, or several. Tokens with another start are refused without a look-up. Default: any start. */
  readonly prefix?: string | ReadonlyArray<string> | undefined
}

/** `sha512` is an option of keypal alone. */
export type Algorithm = "sha256" | "sha512"

const digestBytes = { sha256: 32, sha512: 64 } as const

/** The digest of a text's UTF-8 in base64url. */
export const digest = (text: string, algorithm: Algorithm = "sha256"): string => digestOf(algorithm, text, "base64url")

/** The hash that is stored for a digest in base64url. */
export const toHash = (digest: string, algorithm: Algorithm = "sha256"): Redacted.Redacted =>
  Redacted.make(`$legacy-${algorithm}$${digest}`, { label: "hash" })

/** The key id for a digest. The key id is a digest of that digest, as key ids are public and hashes aren't. */
export const toKeyId = (digest: string): KeyId =>
  // The cast holds: a word and 32 hex digits are visible ASCII, and fewer than 128 characters.
  `${derivedKeyIdStart}${digestOf("sha256", `effect-api-key legacy look-up\0${digest}`, "hex").slice(0, 32)}` as KeyId

/** Reads a digest in hex, base64 or base64url, padded or not, or as bytes. Gives base64url, and `undefined` for any other value. */
export const readDigest = (value: unknown, algorithm: Algorithm = "sha256"): string | undefined => {
  const bytes = value instanceof Uint8Array ? Buffer.from(value) : typeof value === "string" ? decode(value) : undefined
  return bytes?.length === digestBytes[algorithm] ? bytes.toString("base64url") : undefined
}

// PostgreSQL writes bytea as \x and hex digits.
const decode = (text: string): Buffer | undefined => {
  if (text.length > 200) return undefined
  const hex = text.startsWith("\\x") ? text.slice(2) : text
  if (/^(?:[0-9a-f]{64}|[0-9a-f]{128})$/i.test(hex)) return Buffer.from(hex, "hex")
  const bare = text
    .replace(/={1,2}$/, "")
    .replaceAll("+", "-")
    .replaceAll("/", "_")
  const bytes = Buffer.from(bare, "base64url")
  // Decoding is lenient: encoding it again shows whether the text was valid.
  return bytes.toString("base64url") === bare ? bytes : undefined
}

/** Checks secrets against plain digests of the secret and a `tail` of the system. */
export const verify = (algorithm: Algorithm = "sha256", tail: string = ""): LegacyTokens["verify"] => {
  const label = `$legacy-${algorithm}$`
  return (secret, hash) =>
    Effect.suspend(() => {
      const text = Redacted.value(hash)
      if (!text.startsWith(label)) return Effect.fail(new HasherError({ reason: "UnsupportedHash" }))
      const expected = text.slice(label.length)
      if (/[^\w-]/.test(expected) || readDigest(expected, algorithm) !== expected) {
        return Effect.fail(new HasherError({ reason: "MalformedHash" }))
      }
      return Effect.succeed(timingSafeEqual(Buffer.from(digest(Redacted.value(secret) + tail, algorithm)), Buffer.from(expected)))
    })
}

/** The tokens of a system that looks them up by the digest of the whole token. */
export const tokens = (
  { prefix = [] }: PrefixOptions,
  algorithm?: Algorithm,
  tail: string = "",
): Pick<LegacyTokens, "parse" | "verify"> => {
  const prefixes = typeof prefix === "string" ? [prefix] : prefix
  return {
    parse: (token) =>
      isToken(token) && (prefixes.length === 0 || prefixes.some((prefix) => token.startsWith(prefix)))
        ? [{ keyId: toKeyId(digest(token + tail, algorithm)), secret: toSecret(token), isDerived: true }]
        : [],
    verify: verify(algorithm, tail),
  }
}

/**
 * Whether a text may be a token of any system. Texts with unpaired surrogates are alike in UTF-8. A text with NUL may have the hash of the text
 * before the NUL. HMAC keys (PBKDF2) and bcrypt passwords behave so.
 */
export const isToken = (token: string): boolean => token.length > 0 && token.length <= maxTokenLength && isStorableText(token)

/** A secret that is redacted in logs. */
export const toSecret = (text: string): Redacted.Redacted => Redacted.make(text, { label: "secret" })
