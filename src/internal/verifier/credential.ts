/**
 * Reads a text as the credentials that it may stand for. A token of our format is one credential. A token of another system may be several.
 *
 * Our format comes first. Its checksum alone decides whether the text is a token of it.
 */
import * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import type { KeyId } from "../../ApiKey.ts"
import type { MalformedToken } from "../../ApiKeyError.ts"
import type { ApiKeyHasher } from "../../ApiKeyHasher.ts"
import * as ApiKeyToken from "../../ApiKeyToken.ts"
import type { Candidate, LegacyTokens } from "../../LegacyTokens.ts"
import { flat } from "./flat.ts"
import { isTokenOf, keyIdPlace, keyIdReader } from "./tokenReading.ts"

/** The check of hashes that belong to a format of tokens. */
export interface Reader {
  readonly verify: ApiKeyHasher["Service"]["verify"]
  readonly isExact: LegacyTokens["isExact"]
}

/** A token as one format reads it. */
export interface Reading extends Candidate {
  readonly reader: Reader
}

/** A key id that a token may stand for. */
export interface Credential {
  readonly keyId: KeyId
  /** The token under this key id, in the order in which its readings are tried. There is one at least. */
  readonly readings: ReadonlyArray<Reading>
  /** Whether the token is of our format, and so stands for no other key id. */
  readonly isOwn: boolean
  /** Whether a hash is computed when there is no record. */
  readonly hasDecoy: boolean
}

export interface Credentials {
  /** The credentials that the text may stand for, a look-up for each. A failure says why it is no token. */
  readonly read: (text: string) => Result.Result<ReadonlyArray<Credential>, MalformedToken>
  /** The characters in the place of the key id, if the text may be a token of our format. */
  readonly keyIdAt: (text: string) => string | undefined
  /** Whether the text is a token of our format, by its checksum, without a parse. */
  readonly isOwn: (text: string) => boolean
  /** Whether a text of another format may be a token too. */
  readonly hasOthers: boolean
}

export interface Dependencies {
  readonly format: ApiKeyToken.TokenFormat
  readonly hasher: Pick<ApiKeyHasher["Service"], "verify">
  /** Other systems, in the order in which they are asked. */
  readonly legacy: ReadonlyArray<Pick<LegacyTokens, "parse" | "verify" | "isExact">>
}

export const make = ({ format, hasher, legacy }: Dependencies): Credentials => {
  const own: Reader = { verify: hasher.verify, isExact: undefined }
  const others = legacy.map(otherReader)
  const keyIdOf = keyIdReader(format)

  return {
    read: (text) => {
      const parsed = ApiKeyToken.parse(text, format)
      if (Result.isSuccess(parsed)) return Result.succeed([ownCredential(parsed.success, own)])
      const credentials = otherCredentials(text, others, format)
      return credentials.length === 0 ? Result.fail(parsed.failure) : Result.succeed(credentials)
    },
    keyIdAt: keyIdPlace(format),
    isOwn: (text) => keyIdOf(text) !== undefined,
    hasOthers: others.length > 0,
  }
}

/** A format of another system. Each of its tokens may stand for several key ids. */
interface OtherReader extends Reader {
  readonly parse: (text: string) => ReadonlyArray<Candidate>
}

const otherReader = (system: Dependencies["legacy"][number]): OtherReader => ({
  parse: (text) => system.parse(text),
  verify: (secret, hash) => system.verify(secret, hash),
  isExact: system.isExact?.bind(system),
})

const ownCredential = (candidate: Candidate, reader: Reader): Credential => ({
  keyId: candidate.keyId,
  readings: [{ keyId: candidate.keyId, secret: candidate.secret, reader }],
  isOwn: true,
  hasDecoy: true,
})

/** The number of records in which a token of another format is looked for. */
const maxReadings = 8

const otherCredentials = (
  text: string,
  readers: ReadonlyArray<OtherReader>,
  format: ApiKeyToken.TokenFormat,
): ReadonlyArray<Credential> => {
  if (text.length > ApiKeyToken.maxTokenLength) return []
  const readings = readers
    .flatMap((reader) => reader.parse(text).map((candidate): Reading => ({ ...candidate, reader })))
    .slice(0, maxReadings)
    // A token of our format in another spelling stays refused.
    .filter((reading) => !isTokenOf(format, reading))
  // One decoy is enough for the whole token.
  const decoyed = readings.find(({ isDerived }) => isDerived !== true)?.keyId
  return Array.from(new Set(readings.map(({ keyId }) => keyId)), (keyId) => ({
    keyId: flat(keyId),
    readings: readings.filter((reading) => reading.keyId === keyId),
    isOwn: false,
    hasDecoy: keyId === decoyed,
  }))
}

/** The text of a token, however it is given. */
export const textOf = (token: string | Redacted.Redacted): string => (typeof token === "string" ? token : Redacted.value(token))
