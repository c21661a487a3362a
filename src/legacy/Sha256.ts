/**
 * Keys of home-made tables that hold the plain SHA-256 of the whole key: in hex, base64 or base64url, or as bytes.
 *
 * Hashes with a salt, of a part of the key, or keyed (HMAC) are something else; a `LegacyTokens` of your own is three functions.
 * @since 0.1.0
 */
import type { LegacyTokens } from "../LegacyTokens.ts"
import * as LookUp from "../internal/legacy/lookUp.ts"
import * as Cell from "../internal/legacy/cell.ts"
import { toRecord } from "../internal/legacy/record.ts"
import * as Row from "../internal/legacy/row.ts"
import * as Table from "../internal/legacy/table.ts"

/** @category models @since 0.1.0 */
export interface Options extends Table.Options, LookUp.PrefixOptions {}

/**
 * Gives the tokens of such a table, and reads its rows.
 *
 * It knows columns by their usual names (`key_hash`, `user_id`, `expires_at`, `revoked_at` and the like, in any case); tell others by
 * `columns`. A row without a column of expiry, or without one that tells whether the key is active, is refused unless `columns` has `null` for
 * it; of several the earliest expiry counts, and each has to say that the key is active. A row without a time of creation counts as made in
 * 1970. Limits and counts of uses are ignored.
 * @category constructors
 * @since 0.1.0
 * @example
 * ```ts
 * import { ApiKeys } from "effect-api-key"
 * import * as Sha256 from "effect-api-key/legacy/Sha256"
 *
 * const layer = ApiKeys.layerConfigWith({ legacy: [Sha256.make({ prefix: "tok_", columns: { hash: "token_digest" } })] })
 * ```
 */
export const make = (options: Options = {}): LegacyTokens => {
  const open = Row.opener(table, options)
  return {
    name: options.name ?? table.name,
    ...LookUp.tokens(options),
    readRow: Row.reading((row) => {
      const reader = open(row)
      const cell = reader.cell("hash")
      const digest = LookUp.readDigest(cell.value)
      if (digest === undefined) throw Cell.invalid(cell.column, "It isn't a SHA-256 in hex, base64 or base64url")
      return toRecord(reader, {
        keyId: LookUp.toKeyId(digest),
        hash: LookUp.toHash(digest),
        prefix: Cell.text(reader.cell("prefix")) ?? (typeof options.prefix === "string" ? options.prefix : ""),
        hint: Cell.toHint(Cell.text(reader.cell("hint")) ?? ""),
        fallbackId: digest,
      })
    }),
  }
}

const table: Table.Table = {
  ...Table.usualNames,
  name: "sha256",
  columns: {
    ...Table.usualNames.columns,
    hash: ["key_hash", "hash", "hashed_key", "token_hash", "hashed_token", "secret_hash", "sha256", "digest", "key_digest", "token_digest"],
    prefix: ["prefix", "key_prefix"],
    hint: ["last_four", "last4", "hint"],
  },
  required: ["hash", "expiresAt"],
}
