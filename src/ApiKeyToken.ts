/**
 * The token format: `{prefix}-{keyId}-{secret}`, the secret ending in a checksum.
 *
 * Start with {@link make}, which gives a {@link TokenFormat} that formats, parses and generates. Parsing is total: any string
 * gives a parsed token or a `MalformedToken`, reading at most {@link maxTokenLength} characters.
 * @since 0.1.0
 */
import { SecureRandom } from "effect/crypto/SecureRandom"
import * as Effect from "effect/Effect"
import * as Hex from "effect/encoding/Hex"
import * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as SchemaGetter from "effect/SchemaGetter"
import * as SchemaIssue from "effect/SchemaIssue"
import { KeyId } from "./ApiKey.ts"
import { MalformedToken } from "./ApiKeyError.ts"
import { ownFormats } from "./internal/token/ownFormats.ts"
import {
  alphabet,
  checksumLength,
  digitValues,
  hintOf,
  keyIdLength,
  randomLength,
  sealLength,
  secretLength,
} from "./internal/token/tokenFormat.ts"

/** A longer token is refused unread. @category models @since 0.1.0 */
export const maxTokenLength = 512

const crcTable = Uint32Array.from({ length: 256 }, (_, index) => {
  let value = index
  for (let bit = 0; bit < 8; bit++) value = value & 1 ? 0xedb88320 ^ (value >>> 1) : value >>> 1
  return value
})

/**
 * The parts of a token. `secret` includes the checksum.
 * @category models
 * @since 0.1.0
 */
export interface TokenParts {
  readonly prefix: string
  readonly keyId: KeyId
  readonly secret: Redacted.Redacted
}

/**
 * The writing and reading of tokens. {@link make} gives the built-in format. A custom format keeps keys of another format in circulation.
 *
 * `parse` sees at most 512 characters. An exception of `parse` counts as malformed.
 * @category models
 * @since 0.1.0
 */
export interface TokenFormat {
  /** The prefix of new tokens. */
  readonly prefix: string
  readonly parse: (token: string) => Result.Result<TokenParts, MalformedToken>
  /**
   * The key id of any token that `parse` accepts, and `undefined` for most other texts. `keyIdOf` doesn't make the parts, which would cost more
   * than the rest of a warm verification. Without `keyIdOf` each token is parsed.
   */
  readonly keyIdOf?: (token: string) => string | undefined
  readonly format: (parts: TokenParts) => Redacted.Redacted
  /** Makes a new key id and secret. */
  readonly generate: Effect.Effect<TokenParts, never, SecureRandom>
  /** The part of the secret that may be shown, to tell two keys apart. */
  readonly hint: (secret: Redacted.Redacted) => string
}

const refuse = (reason: MalformedToken["reason"]) => Result.fail(new MalformedToken({ reason }))
// Made once, as they say the same of every token and an error's stack costs more than all the checks.
const malformed = { length: refuse("length"), format: refuse("format"), checksum: refuse("checksum") }

/**
 * The prefix (default `ak`) matches `[A-Za-z][A-Za-z0-9_]*`, up to 32 characters. The separator (default `-`) is one of `- _ . ~ :`, and may be
 * in the prefix too, as in `sk_live_…`. Key id and secret have fixed lengths, so each token is read in one way.
 * @category models
 * @since 0.1.0
 */
export interface TokenConfig {
  readonly prefix?: string
  readonly separator?: "-" | "_" | "." | "~" | ":"
}

/** The prefix or separator breaks the rules of {@link TokenConfig}. @category errors @since 0.1.0 */
export class InvalidTokenConfig extends Schema.TaggedError<InvalidTokenConfig>()("InvalidTokenConfig", {
  reason: Schema.String,
}) {
  override get message(): string {
    return this.reason
  }
}

/**
 * Gives the format for a prefix and separator.
 * @category constructors
 * @since 0.1.0
 * @example
 * ```ts
 * import { Result } from "effect"
 * import { ApiKeyToken } from "effect-api-key"
 *
 * const format = Result.getOrThrow(ApiKeyToken.make({ prefix: "shop_live", separator: "." }))
 * ```
 */
export const make = (config: TokenConfig = {}): Result.Result<TokenFormat, InvalidTokenConfig> =>
  Result.map(resolve(config), ({ prefix, separator }) => {
    const start = prefix + separator
    const separatorIndex = start.length + keyIdLength
    const length = separatorIndex + 1 + secretLength
    const textOf = ({ prefix, keyId, secret }: TokenParts) => `${prefix}${separator}${keyId}${separator}${Redacted.value(secret)}`
    const startState = updateCrc(0xffffffff, start, 0, start.length)
    const hasShape = (token: string): boolean => token.length === length && token.startsWith(start) && token[separatorIndex] === separator
    const hasChecksum = (token: string): boolean => {
      const state = updateCrc(startState, token, start.length, length - checksumLength)
      return digitsValue(token, length - checksumLength, length) === finishCrc(state)
    }
    const wrongPrefix = Result.fail(new MalformedToken({ reason: "prefix", expected: start }))
    const format: TokenFormat = {
      prefix,
      keyIdOf: (token) => (hasShape(token) && hasChecksum(token) ? token.slice(start.length, separatorIndex) : undefined),
      parse: (token) => {
        if (token.length > maxTokenLength) return malformed.length
        if (!token.startsWith(start)) return wrongPrefix
        if (!hasShape(token)) return malformed.format
        if (!isOf(hexDigit, token, start.length, separatorIndex)) return malformed.format
        if (!isOf(alphanumeric, token, separatorIndex + 1, length)) return malformed.format
        if (!hasChecksum(token)) return malformed.checksum
        // The characters were just proved to be what the brand stands for.
        const keyId = token.slice(start.length, separatorIndex) as KeyId
        return Result.succeed({ prefix, keyId, secret: Redacted.make(token.slice(separatorIndex + 1), { label: "secret" }) })
      },
      format: (parts) => Redacted.make(textOf(parts), { label: "token" }),
      generate: Effect.gen(function* () {
        const random = yield* SecureRandom
        // Eight bytes as hex always make a key id.
        const keyId = Hex.encode(yield* random.randomBytes(8)) as KeyId
        let characters = ""
        while (characters.length < randomLength) {
          for (const byte of yield* random.randomBytes(randomLength * 2 - characters.length)) {
            // 248 is the largest multiple of 62 in a byte: dropping the rest leaves no bias.
            if (byte < 248 && characters.length < randomLength) characters += alphabet[byte % 62]
          }
        }
        const text = `${start}${keyId}${separator}${characters}`
        return { prefix, keyId, secret: Redacted.make(characters + checksum(text), { label: "secret" }) }
      }),
      hint: (secret) => hintOf(Redacted.value(secret)),
    }
    const sealIndex = length - checksumLength - sealLength
    ownFormats.set(format, {
      keyIdAt: (text) => (hasShape(text) ? text.slice(start.length, separatorIndex) : undefined),
      partsOf: (token) => ({ sealed: token.slice(0, sealIndex), seal: token.slice(sealIndex, sealIndex + sealLength) }),
      sealSecret: (keyId, secret, seal) => {
        const sealed = `${start}${keyId}${separator}${secret}`.slice(0, sealIndex)
        const text = sealed + seal(sealed)
        return text.slice(separatorIndex + 1) + checksum(text)
      },
    })
    return format
  })

/**
 * The format with prefix `ak` and separator `-`.
 * @category constructors
 * @since 0.1.0
 */
export const defaultFormat: TokenFormat = Result.getOrThrow(make())

/**
 * Reads a token with a format: bounds its length, and takes what the format throws for malformed.
 * @category parsing
 * @since 0.1.0
 * @example
 * ```ts
 * import { Result } from "effect"
 * import { ApiKeyToken } from "effect-api-key"
 *
 * const parsed = ApiKeyToken.parse("ak-7a74caa323a5410d-secret")
 * Result.isFailure(parsed) && parsed.failure.reason // => "format"
 * ```
 */
export const parse = (token: string, format: TokenFormat = defaultFormat): Result.Result<TokenParts, MalformedToken> => {
  if (ownFormats.has(format)) return format.parse(token)
  if (token.length > maxTokenLength) return malformed.length
  return Result.flatMap(Result.try({ try: () => format.parse(token), catch: () => new MalformedToken({ reason: "format" }) }), (parsed) =>
    Result.isSuccess(parsed) && !isKeyId(parsed.success.keyId) ? malformed.format : parsed,
  )
}

/**
 * A codec between a token as a plain string and its parts.
 * @category schemas
 * @since 0.1.0
 */
export const schema = (format: TokenFormat = defaultFormat): Schema.Codec<TokenParts, string> =>
  Schema.String.pipe(
    Schema.decodeTo(Schema.toType(Parts), {
      decode: SchemaGetter.transformEffect((token) =>
        Effect.mapError(Effect.fromResult(parse(token, format)), (error) => new SchemaIssue.InvalidValue({ message: error.message })),
      ),
      encode: SchemaGetter.transform((parts) => Redacted.value(format.format(parts))),
    }),
  )

const Parts = Schema.Struct({ prefix: Schema.String, keyId: Schema.toType(KeyId), secret: Schema.Redacted(Schema.String) })

/**
 * A regular expression (global, linear) that finds tokens in text, for secret scanners. The expression can't check the checksum: pass each match
 * to {@link parse}.
 * @category scanning
 * @since 0.1.0
 */
export const regex = (config: TokenConfig = {}): Result.Result<RegExp, InvalidTokenConfig> =>
  Result.map(resolve(config), ({ prefix, separator }) => {
    const escaped = separator === "." ? "\\." : separator
    return new RegExp(
      `(?<![0-9A-Za-z_])${prefix}${escaped}[0-9a-f]{${keyIdLength}}${escaped}[0-9A-Za-z]{${secretLength}}(?![0-9A-Za-z])`,
      "g",
    )
  })

/**
 * The 6 characters that end a token: CRC-32 (IEEE 802.3) of everything before them, which is ASCII, in base 62.
 * @category parsing
 * @since 0.1.0
 */
export const checksum = (text: string): string => {
  let rest = finishCrc(updateCrc(0xffffffff, text, 0, text.length))
  let digits = ""
  for (let i = 0; i < checksumLength; i++) {
    digits = alphabet[rest % 62] + digits
    rest = Math.floor(rest / 62)
  }
  return digits
}

function updateCrc(state: number, text: string, from: number, to: number): number {
  let crc = state
  for (let i = from; i < to; i++) {
    // The table has 256 entries and the index is a byte.
    crc = crcTable[(crc ^ text.charCodeAt(i)) & 0xff]! ^ (crc >>> 8)
  }
  return crc
}

const finishCrc = (state: number): number => (state ^ 0xffffffff) >>> 0

/** The number that base-62 digits stand for. Six of them can stand for more than 32 bits hold, and then for no checksum. */
const digitsValue = (text: string, from: number, to: number): number => {
  let value = 0
  // A character that isn't a digit makes NaN, which no checksum equals.
  for (let i = from; i < to; i++) value = value * 62 + (digitValues[text.charCodeAt(i)] ?? Number.NaN)
  return value
}

function resolve({ prefix = "ak", separator = "-" }: TokenConfig): Result.Result<Required<TokenConfig>, InvalidTokenConfig> {
  const invalid = (reason: string) => Result.fail(new InvalidTokenConfig({ reason }))
  if (!/^[-_.~:]$/.test(separator)) return invalid("The separator must be one of - _ . ~ :")
  if (!/^[A-Za-z][A-Za-z0-9_]{0,31}$/.test(prefix)) {
    return invalid("The prefix must match [A-Za-z][A-Za-z0-9_]* and have at most 32 characters")
  }
  return Result.succeed({ prefix, separator })
}

// A format of the application's own may take for a key id what none can be.
const isKeyId = Schema.is(KeyId)

/** Marks the characters of a class, by code. */
const characterClass = (characters: string): Uint8Array => {
  const marks = new Uint8Array(128)
  for (const character of characters) marks[character.charCodeAt(0)] = 1
  return marks
}
const hexDigit = characterClass("0123456789abcdef")
const alphanumeric = characterClass(alphabet)

const isOf = (marks: Uint8Array, text: string, from: number, to: number): boolean => {
  for (let i = from; i < to; i++) {
    // A code beyond the table has no mark.
    if (marks[text.charCodeAt(i)] !== 1) return false
  }
  return true
}
