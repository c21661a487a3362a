/**
 * Keys of other systems that go on working after a move: the customers' tokens stay as they are.
 *
 * A {@link LegacyTokens} says what a token of one other system may be, checks its secret against that system's own hash, and reads the rows
 * of its table. There is one for each system in `effect-api-key/legacy/*`: `FastapiApiKey`, `Unkey`, `BetterAuth`, `Keypal`,
 * `PrefixedApiKey`, `Django`, and `Sha256` for home-made tables. This module holds no code, so that a browser may import it.
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
 * What a token of another system may be: the key id of its record here, and the secret to check.
 * @category models
 * @since 0.1.0
 */
export interface Candidate {
  readonly keyId: KeyId
  readonly secret: Redacted.Redacted
  /**
   * Whether the key id is a digest of the token. Then nobody needs to be kept from learning that it is unknown, and its refusal costs no hash.
   * Default: no.
   */
  readonly isDerived?: boolean | undefined
}

/**
 * A key of another system as it is kept here.
 *
 * `id` is made of the other system's id and the time of creation, so a row that is read again has the same one. `hint` is empty where the
 * other table doesn't know how the secret ends, `prefix` where it doesn't know how the token starts.
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
  /** The other system's hash behind a label of ours: `$legacy-sha256$…`, `$legacy-django$…`, `$legacy-fastapi$…`. */
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
   * Gives nothing if it can't be a token of this system; usually one candidate, at most four. Takes any string, and reads at most 512
   * characters.
   */
  readonly parse: (token: string) => ReadonlyArray<Candidate>
  /**
   * `false` only for a wrong secret. A hash string of another kind is an `UnsupportedHash`, a broken one a `MalformedHash`, and one that
   * asks for too much work is refused before any is done.
   */
  readonly verify: (secret: Redacted.Redacted, hash: Redacted.Redacted) => Effect.Effect<boolean, HasherError>
  /**
   * Whether only this very secret matches the hash, of a secret that matched. Only then is the hash replaced by one of ours, lest a variant of a
   * customer's token that the other system takes too becomes the only good one. Absent: always.
   */
  readonly isExact?: (secret: Redacted.Redacted, hash: Redacted.Redacted) => Effect.Effect<boolean, HasherError>
  /**
   * Reads a row of the system's own table: from a driver, from JSON, or from CSV, where all is text. What can't be kept is refused; the
   * error names the column and never quotes its value.
   *
   * A time without a zone is UTC. A row without a name becomes `Imported key`. Limits of rates and uses have no counterpart here and are
   * ignored.
   */
  readonly readRow: (row: Readonly<Record<string, unknown>>) => Result.Result<LegacyRecord, InvalidInput>
}
