/**
 * Keys of home-made tables that hold the plain SHA-256 of the whole key, as hex, base64, base64url or bytes.
 *
 * Hashes with a salt, hashes of a part of the key, and keyed hashes (HMAC) aren't supported. They need a `LegacyTokens` of your own, which is
 * three functions.
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
 * Columns with usual names (`key_hash`, `user_id`, `expires_at`, `revoked_at` and the like, in any case) are known. The option `columns` names
 * others. A row needs a column for the expiry and one for whether the key is active. A table without such a column needs `null` for it in
 * `columns`. Of several expiries the earliest counts, and a key is active only if every such column says so. A row without a time of creation
 * counts as made in 1970. Limits and counts of uses are ignored.
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
