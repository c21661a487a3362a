/**
 * Keys of fastapi-api-key, later called keyshield: every version up to 2.0.0, with either of its hashers.
 *
 * The tokens are `{prefix}{separator}{key_id}{separator}{secret}`, and the key ids are kept. Argon2 hashes the secret followed by the pepper. Up
 * to version 1.1.0, bcrypt hashes the first 72 bytes of the same. Later versions give bcrypt the secret's HMAC-SHA-256 under the pepper. A bcrypt
 * hash doesn't tell its version, so both inputs are tried. Hashes of `MockApiKeyHasher` hold the secret itself and are refused.
 *
 * Argon2 is computed by `node:crypto`, and needs Node 24.7. Bcrypt is computed by `@node-rs/bcrypt`, which is loaded for the first bcrypt hash.
 * @since 0.1.0
 */
import * as crypto from "node:crypto"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import { HasherError } from "../ApiKeyError.ts"
import { Argon2Unavailable } from "../hasher/Argon2Node.ts"
import { type Argon2Hash, defaultBounds, parse as parseArgon2 } from "../internal/hasher/argon2Hash.ts"
import { defaultMaximumCost, parse as parseBcrypt } from "../internal/hasher/bcryptHash.ts"
import type { Candidate, LegacyTokens } from "../LegacyTokens.ts"
import { isToken, toSecret } from "../internal/legacy/lookUp.ts"
import { orRefuse, type Refusal, toHasherError } from "../internal/legacy/refusal.ts"
import * as Cell from "../internal/legacy/cell.ts"
import { toRecord } from "../internal/legacy/record.ts"
import * as Row from "../internal/legacy/row.ts"
import * as Table from "../internal/legacy/table.ts"

/** @category models @since 0.1.0 */
export interface Options extends Table.Options {
  /** The pepper of the other system's hasher. The system's own default is `super-secret-pepper`. */
  readonly pepper: Redacted.Redacted
  /** The other system's `global_prefix`, or several. Default: `ak`, and `ak_v1` of version 2. */
  readonly prefix?: string | ReadonlyArray<string> | undefined
  /** Default: `-`. */
  readonly separator?: string | undefined
  /** The input of bcrypt hashes. Default: `either`, which computes a second hash before a secret is refused. */
  readonly bcrypt?: "either" | "hmac" | "concatenated" | undefined
}

/**
 * Gives the tokens of fastapi-api-key or keyshield, and reads the rows of its table.
 *
 * A secret may contain the separator, but a key id can't. Keys of a version before 0.6 have no scopes, which allows nothing. The option `scopes`
 * gives them some.
 * @category constructors
 * @since 0.1.0
 */
export const make = (options: Options): LegacyTokens => {
  const { pepper, prefix = ["ak", "ak_v1"], separator = "-", bcrypt = "either" } = options
  const prefixes = typeof prefix === "string" ? [prefix] : Array.from(new Set(prefix))
  const pepperBytes = Buffer.from(Redacted.value(pepper), "utf8")
  const open = Row.opener(table, options)
  const concatenated = (secret: string) => Buffer.concat([Buffer.from(secret, "utf8"), pepperBytes])
  const hmacOf = (secret: string) => crypto.createHmac("sha256", pepperBytes).update(secret, "utf8").digest()
  // The likelier input comes first.
  const prehashes = [
    ...(bcrypt === "concatenated" ? [] : [hmacOf]),
    ...(bcrypt === "hmac" ? [] : [(secret: string) => concatenated(secret).subarray(0, maxBcryptBytes)]),
  ]

  /** Whether bcrypt hashed all of the secret, and no shorter one followed by the pepper has the same hash. */
  const isWhole = (secret: string): boolean => {
    const bytes = Buffer.from(secret, "utf8")
    if (bytes.length >= maxBcryptBytes) return false
    if (bytes.length + pepperBytes.length <= maxBcryptBytes) return true
    for (let length = Math.min(bytes.length, pepperBytes.length); length > 0; length--) {
      if (bytes.subarray(-length).equals(pepperBytes.subarray(0, length))) return false
    }
    return true
  }

  const candidates = (token: string): ReadonlyArray<Candidate> =>
    prefixes.flatMap((prefix) => {
      const start = prefix + separator
      const end = token.startsWith(start) ? token.indexOf(separator, start.length) : -1
      if (end < 0 || end + separator.length === token.length) return []
      const keyId = token.slice(start.length, end)
      return Cell.isKeyId(keyId) ? [{ keyId, secret: toSecret(token.slice(end + separator.length)) }] : []
    })

  return {
    isExact: (secret, hash) =>
      Effect.suspend(() => {
        const judged = judge(Redacted.value(hash))
        if (Result.isFailure(judged) || judged.success.kind === "argon2") return Effect.succeed(true)
        const text = Redacted.value(secret)
        return isWhole(text) ? Effect.succeed(true) : verifyBcrypt(hmacOf(text), judged.success.hash)
      }),
    name: options.name ?? table.name,
    parse: (token) => (isToken(token) ? candidates(token).slice(0, 4) : []),
    verify: (secret, hash) =>
      Effect.flatMap(
        Effect.suspend(() => Effect.fromResult(Result.mapError(judge(Redacted.value(hash)), toHasherError))),
        (judged) => {
          const text = Redacted.value(secret)
          if (judged.kind === "argon2") return verifyArgon2(concatenated(text), judged)
          return prehashes.reduce<Effect.Effect<boolean, HasherError>>(
            (before, prehash) =>
              Effect.flatMap(before, (isRight) => (isRight ? Effect.succeed(true) : verifyBcrypt(prehash(text), judged.hash))),
            Effect.succeed(false),
          )
        },
      ),
    readRow: Row.reading((row) => {
      const reader = open(row)
      const keyIdCell = reader.cell("keyId")
      const keyId = Cell.toKeyId(Cell.requiredText(keyIdCell), keyIdCell.column)
      const hashCell = reader.cell("hash")
      const hash = label + Cell.requiredText(hashCell)
      orRefuse(judge(hash), hashCell.column)
      return toRecord(reader, {
        keyId,
        hash: Redacted.make(hash, { label: "hash" }),
        prefix: prefixes[0] ?? "",
        hint: Cell.toHint(Cell.text(reader.cell("hint")) ?? ""),
        fallbackId: keyId,
      })
    }),
  }
}

// Bcrypt ignores further bytes.
const maxBcryptBytes = 72

const table: Table.Table = {
  name: "fastapi-api-key",
  columns: {
    id: ["id"],
    keyId: ["key_id"],
    hash: ["key_hash"],
    name: ["name"],
    description: ["description"],
    scopes: ["scopes"],
    isActive: ["is_active"],
    expiresAt: ["expires_at"],
    createdAt: ["created_at"],
    lastUsedAt: ["last_used_at"],
    hint: ["key_secret_last"],
  },
  required: ["id", "keyId", "hash", "isActive", "expiresAt", "createdAt"],
}

const label = "$legacy-fastapi"

type Judged = (Argon2Hash & { readonly kind: "argon2" }) | { readonly kind: "bcrypt"; readonly hash: string }

/** Judges the whole string before any hashing. */
const judge = (text: string): Result.Result<Judged, Refusal> => {
  if (!text.startsWith(`${label}$`)) return refuse("UnsupportedHash")
  const hash = text.slice(label.length)
  // Python's package writes $2b$ unless told otherwise.
  if (hash.startsWith("$2b$")) return Result.map(parseBcrypt(hash, defaultMaximumCost), (hash) => ({ kind: "bcrypt", hash }))
  if (!/^\$argon2(?:id|i|d)\$/.test(hash)) return refuse("UnsupportedHash")
  return Result.map(parseArgon2(hash, defaultBounds), (argon2) => ({ kind: "argon2", ...argon2 }))
}

const refuse = (reason: Refusal): Result.Result<never, Refusal> => Result.fail(reason)

const verifyArgon2 = (
  message: Buffer,
  { algorithm, parameters: { memory, passes, parallelism }, salt, tag }: Argon2Hash,
): Effect.Effect<boolean, HasherError> => {
  // Runtimes before Node 24.7 lack the function.
  if ((crypto.argon2 as typeof crypto.argon2 | undefined) === undefined) return failed(new Argon2Unavailable())
  const parameters = { message, nonce: salt, tagLength: tag.length, memory, passes, parallelism }
  return attempt(
    () =>
      new Promise<boolean>((resolve, reject) => {
        crypto.argon2(algorithm, parameters, (error, computed) =>
          error === null || error === undefined ? resolve(crypto.timingSafeEqual(computed, tag)) : reject(error),
        )
      }),
  )
}

// The addon compares in constant time. It reads NUL as a byte like others, as Python's package does, and cuts at 72 bytes.
const verifyBcrypt = (password: Buffer, hash: string): Effect.Effect<boolean, HasherError> =>
  attempt((signal) => import("@node-rs/bcrypt").then((bcrypt) => bcrypt.verify(password, hash, { signal })))

const failed = (cause: unknown): Effect.Effect<never, HasherError> => Effect.fail(new HasherError({ reason: "Failed", cause }))

const attempt = (run: (signal: AbortSignal) => Promise<boolean>): Effect.Effect<boolean, HasherError> =>
  Effect.tryPromise({ try: run, catch: (cause) => new HasherError({ reason: "Failed", cause }) })
