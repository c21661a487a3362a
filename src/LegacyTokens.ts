/**
 * Keys of other systems that go on working after a move: the customers' tokens stay as they are.
 *
 * A {@link LegacyTokens} parses the tokens of another system, checks secrets against the system's own hashes, and reads the system's rows. The
 * adapters are in `effect-api-key/legacy/*`: `FastapiApiKey`, `Unkey`, `BetterAuth`, `Keypal`, `PrefixedApiKey`, `Django`, and `Sha256` for
 * home-made tables. The module holds no code, so a browser may import it.
 * @since 0.1.0
 */
import type * as DateTime from "effect/DateTime"
import type * as Effect from "effect/Effect"
import type * as Redacted from "effect/Redacted"
import type * as Result from "effect/Result"
import type * as Schema from "effect/Schema"
import type { ApiKeyId, KeyId } from "./ApiKey.ts"
import type { HasherError, InvalidInput } from "./ApiKeyError.ts"
import type { Scope } from "./Scope.ts"

/**
 * A reading of another system's token: the key id of its record here, and the secret to check.
 * @category models
 * @since 0.1.0
 */
export interface Candidate {
  readonly keyId: KeyId
  readonly secret: Redacted.Redacted
  /** Whether the key id is a digest of the token. An unknown key id then needs no secrecy, and its refusal costs no hash. Default: no. */
  readonly isDerived?: boolean | undefined
}

/**
 * A key of another system as it is kept here.
 *
 * `id` is made of the other system's id and the time of creation. A row read again has the same `id`. `hint` is empty if the other table doesn't
 * hold the secret's end. `prefix` is empty if the other table doesn't hold the token's start.
 * @category models
 * @since 0.1.0
 */
export interface LegacyRecord {
  readonly id: ApiKeyId
  readonly keyId: KeyId
  readonly prefix: string
  readonly name: string
  readonly description: string | null
  readonly ownerId: string | null
  readonly scopes: ReadonlyArray<Scope>
  readonly metadata: Schema.JsonObject
  readonly isActive: boolean
  readonly expiresAt: DateTime.Utc | null
  readonly createdAt: DateTime.Utc
  readonly updatedAt: DateTime.Utc
  readonly lastUsedAt: DateTime.Utc | null
  readonly hint: string
  /** The other system's hash behind a label of this package: `$legacy-sha256$…`, `$legacy-django$…`, `$legacy-fastapi$…`. */
  readonly hash: Redacted.Redacted
}

/**
 * The tokens and the table of one other system.
 * @category models
 * @since 0.1.0
 */
export interface LegacyTokens {
  readonly name: string
  /**
   * Gives an empty list for a text that can't be a token of this system. Other texts have one to four candidates, usually one. Takes any string,
   * and reads at most 512 characters.
   */
  readonly parse: (token: string) => ReadonlyArray<Candidate>
  /**
   * `false` only for a wrong secret. A hash string of another kind is an `UnsupportedHash`; a broken hash string is a `MalformedHash`. A hash
   * that asks for too much work is refused before the work.
   */
  readonly verify: (secret: Redacted.Redacted, hash: Redacted.Redacted) => Effect.Effect<boolean, HasherError>
  /**
   * Whether only this very secret matches the hash, of a secret that matched. An inexact hash isn't replaced by one of the service's hasher.
   * Otherwise a variant of the customer's token would become the only good token. Absent: always exact.
   */
  readonly isExact?: (secret: Redacted.Redacted, hash: Redacted.Redacted) => Effect.Effect<boolean, HasherError>
  /**
   * Reads a row of the system's own table: from a driver, from JSON, or from CSV, where all is text. A row with a value that can't be kept is
   * refused. The error names the column and never quotes its value.
   *
   * A time without a zone is UTC. A row without a name becomes `Imported key`. Limits of rates and uses have no counterpart here and are
   * ignored.
   */
  readonly readRow: (row: Readonly<Record<string, unknown>>) => Result.Result<LegacyRecord, InvalidInput>
}
