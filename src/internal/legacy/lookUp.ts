/** What the systems share whose tables hold a plain digest, and above all those whose tokens hold no key id: the digest finds the record. */
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
  /**
   * How tokens start, with the separator if there is one: one or several. Others are refused without a look-up. Default: any start.
   */
  readonly prefix?: string | ReadonlyArray<string> | undefined
}

/** `sha512` only for keypal, which can be told to use it. */
export type Algorithm = "sha256" | "sha512"

const digestBytes = { sha256: 32, sha512: 64 } as const

/** The digest of a text's UTF-8 in base64url. */
export const digest = (text: string, algorithm: Algorithm = "sha256"): string => digestOf(algorithm, text, "base64url")

/** A digest in base64url as it is kept here. */
export const toHash = (digest: string, algorithm: Algorithm = "sha256"): Redacted.Redacted =>
  Redacted.make(`$legacy-${algorithm}$${digest}`, { label: "hash" })

/** A digest's key id. It is a digest in turn, since key ids are public and hashes aren't. */
export const toKeyId = (digest: string): KeyId =>
  // Hex digits behind a word are visible ASCII, and few enough.
  `${derivedKeyIdStart}${digestOf("sha256", `effect-api-key legacy look-up\0${digest}`, "hex").slice(0, 32)}` as KeyId

/** Hex, base64 or base64url, with padding or without, or the bytes themselves, as base64url; `undefined` if it isn't such a digest. */
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
  // Decoding is lenient; writing it again shows whether the text was exactly that.
  return bytes.toString("base64url") === bare ? bytes : undefined
}

/** Checks secrets against plain digests, which are of the secret and what the system puts behind it. */
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
 * Whether it can be a token of anybody. UTF-8 would write all unpaired surrogates alike, and HMAC's keys (PBKDF2) and bcrypt's passwords are the
 * same with NUL and more behind them as without.
 */
export const isToken = (token: string): boolean => token.length > 0 && token.length <= maxTokenLength && isStorableText(token)

/** A secret that no log shows. */
export const toSecret = (text: string): Redacted.Redacted => Redacted.make(text, { label: "secret" })
