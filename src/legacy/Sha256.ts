/**
 * Keys of home-made tables that hold the plain SHA-256 of the whole key: in hex, base64 or base64url, or as bytes.
 *
 * Hashes with a salt, of a part of the key, or keyed (HMAC) are something else; a `LegacyTokens` of your own is three functions.
 * @since 0.1.0
 */
import * as Result from "effect/Result"
import type { LegacyTokens } from "../LegacyTokens.ts"
import * as LookUp from "./internal/lookUp.ts"
import * as Row from "./internal/row.ts"

/** @category models @since 0.1.0 */
export interface Options extends Row.Options, LookUp.PrefixOptions {}

/**
 * Gives the tokens of such a table, and reads its rows.
 *
 * It knows columns by their usual names (`key_hash`, `user_id`, `expires_at`, `revoked_at` and the like, in any case); tell others by
 * `columns`. A row without a time of creation counts as made in 1970. Without a column that says whether it is active the key is, so look that
 * none of your own is missed. Limits and counts of uses are ignored.
 * @category constructors
 * @since 0.1.0
 */
export const make = (options: Options = {}): LegacyTokens => ({
  name: options.name ?? table.name,
  ...LookUp.tokens((token) => LookUp.digest(token), options),
  readRow: (row) =>
    Result.gen(function* () {
      const reader = Row.open(row, table, options)
      const cell = yield* reader.cell("hash")
      const digest = LookUp.readDigest(cell.value)
      if (digest === undefined) return yield* Row.refuse(cell.column, "It isn't a SHA-256 in hex, base64 or base64url")
      return yield* Row.toRecord(reader, {
        keyId: LookUp.toKeyId(digest),
        hash: LookUp.toHash(digest),
        prefix: (yield* Row.text(yield* reader.cell("prefix"))) ?? (typeof options.prefix === "string" ? options.prefix : ""),
        hint: Row.toHint((yield* Row.text(yield* reader.cell("hint"))) ?? ""),
        fallbackId: digest,
      })
    }),
})

const table: Row.Table = {
  ...Row.homeMade,
  name: "sha256",
  columns: {
    ...Row.homeMade.columns,
    hash: ["key_hash", "hash", "hashed_key", "token_hash", "hashed_token", "secret_hash", "sha256", "digest", "key_digest", "token_digest"],
    prefix: ["prefix", "key_prefix"],
    hint: ["last_four", "last4", "hint"],
  },
  required: ["hash"],
}
