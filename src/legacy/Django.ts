/**
 * Keys of Django REST framework API Key: `{prefix}.{secret}`. The hashes are `sha512$$…` of version 3, or Django's PBKDF2 of older versions.
 *
 * Both hash the whole key. Version 3 replaced an older hash when its key was used next, so a table usually holds both. PBKDF2 is computed
 * in libuv's pool. The hashes of Django's other hashers (Argon2, bcrypt, scrypt) are refused.
 * @since 0.1.0
 */
import { hash as digestOf, pbkdf2, timingSafeEqual } from "node:crypto"
import { promisify } from "node:util"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import { HasherError } from "../ApiKeyError.ts"
import type { LegacyTokens } from "../LegacyTokens.ts"
import { isToken, toSecret } from "../internal/legacy/lookUp.ts"
import { orRefuse, type Refusal, toHasherError } from "../internal/legacy/refusal.ts"
import * as Cell from "../internal/legacy/cell.ts"
import { toRecord } from "../internal/legacy/record.ts"
import * as Row from "../internal/legacy/row.ts"
import * as Table from "../internal/legacy/table.ts"

/** @category models @since 0.1.0 */
export interface Options extends Table.Options {
  /** The length of the part before the dot. That part shows in logs and traces, so it mustn't be part of another system's secret. Default: 8. */
  readonly prefixLength?: number | undefined
}

/**
 * Gives the tokens of Django REST framework API Key, and reads rows of `rest_framework_api_key_apikey` or of a custom model.
 *
 * The key id here is `django.{prefix}`. Revoked keys become inactive. The package's table has neither owners nor scopes. The option `columns`
 * names the columns of a custom model that has them.
 * @category constructors
 * @since 0.1.0
 * @example
 * ```ts
 * import { ApiKeys } from "effect-api-key"
 * import * as Django from "effect-api-key/legacy/Django"
 *
 * const layer = ApiKeys.layerConfigWith({ legacy: [Django.make({ scopes: () => ["orders:read"] })] })
 * ```
 */
export const make = (options: Options = {}): LegacyTokens => {
  const open = Row.opener(table, options)
  return {
    name: options.name ?? table.name,
    parse: (token) => {
      const dot = isToken(token) ? token.indexOf(".") : -1
      if (dot !== (options.prefixLength ?? 8) || dot + 1 === token.length) return []
      const keyId = `django.${token.slice(0, dot)}`
      return Cell.isKeyId(keyId) ? [{ keyId, secret: toSecret(token) }] : []
    },
    verify: (secret, hash) =>
      Effect.flatMap(
        Effect.suspend(() => Effect.fromResult(Result.mapError(judge(Redacted.value(hash)), toHasherError))),
        ({ expected, compute }) => Effect.map(compute(Redacted.value(secret)), (computed) => timingSafeEqual(computed, expected)),
      ),
    readRow: Row.reading((row) => {
      const reader = open(row)
      const prefixCell = reader.cell("keyId")
      const keyId = Cell.toKeyId(`django.${Cell.requiredText(prefixCell)}`, prefixCell.column)
      const hashCell = reader.cell("hash")
      const hash = label + Cell.requiredText(hashCell)
      Row.demand(reader, ["revoked"])
      orRefuse(judge(hash), hashCell.column)
      return toRecord(reader, { keyId, hash: Redacted.make(hash, { label: "hash" }), prefix: "", fallbackId: keyId })
    }),
  }
}

const table: Table.Table = {
  name: "django",
  columns: {
    id: ["id"],
    keyId: ["prefix"],
    hash: ["hashed_key"],
    name: ["name"],
    expiresAt: ["expiry_date"],
    createdAt: ["created"],
  },
  inactive: ["revoked"],
  required: ["keyId", "hash", "expiresAt", "createdAt"],
}

const label = "$legacy-django$"

interface Judged {
  readonly expected: Buffer
  readonly compute: (secret: string) => Effect.Effect<Buffer, HasherError>
}

const refuse = (reason: Refusal): Result.Result<never, Refusal> => Result.fail(reason)

const maximumLength = 512
const maximumIterations = 2_000_000

/** Judges the whole string before any hashing. */
const judge = (text: string): Result.Result<Judged, Refusal> => {
  if (!text.startsWith(label)) return refuse("UnsupportedHash")
  const hash = text.slice(label.length)
  if (hash.startsWith("sha512$")) return judgeSha512(hash)
  const [, algorithm] = /^pbkdf2_(sha256|sha1)\$/.exec(hash) ?? []
  return algorithm === undefined ? refuse("UnsupportedHash") : judgePbkdf2(hash, algorithm)
}

const judgeSha512 = (hash: string): Result.Result<Judged, Refusal> => {
  const [, hex] = /^sha512\$\$([0-9a-f]{128})$/.exec(hash) ?? []
  return hex === undefined
    ? refuse("MalformedHash")
    : Result.succeed({ expected: Buffer.from(hex, "hex"), compute: (secret) => Effect.sync(() => digestOf("sha512", secret, "buffer")) })
}

// The form is pbkdf2_sha256$600000$<salt>$<base64>. A salt of Django may hold any character but $.
const judgePbkdf2 = (hash: string, algorithm: string): Result.Result<Judged, Refusal> => {
  if (hash.length > maximumLength) return refuse("ParametersOutOfBounds")
  const [, iterationsText, salt, tagText] = /^pbkdf2_[a-z0-9]+\$([1-9]\d{0,9})\$([^$]+)\$([A-Za-z0-9+/]+=*)$/.exec(hash) ?? []
  if (salt === undefined || tagText === undefined) return refuse("MalformedHash")
  const expected = Buffer.from(tagText, "base64")
  // Decoding is lenient, and a shorter tag of PBKDF2 is a prefix of the whole one.
  if (expected.length !== (algorithm === "sha1" ? 20 : 32) || expected.toString("base64") !== tagText || !salt.isWellFormed()) {
    return refuse("MalformedHash")
  }
  const iterations = Number(iterationsText)
  if (iterations > maximumIterations) return refuse("ParametersOutOfBounds")
  return Result.succeed({
    expected,
    compute: (secret) =>
      Effect.tryPromise({
        try: () => derive(secret, salt, iterations, expected.length, algorithm),
        catch: (cause) => new HasherError({ reason: "Failed", cause }),
      }),
  })
}

const derive = promisify(pbkdf2)
