/**
 * Keys made with `prefixed-api-key`: `{prefix}_{shortToken}_{longToken}`.
 *
 * The package keeps no table. An application keeps the short token and the SHA-256 of the long one in hex.
 * @since 0.1.0
 */
import type { LegacyTokens } from "../LegacyTokens.ts"
import * as LookUp from "../internal/legacy/lookUp.ts"
import * as Cell from "../internal/legacy/cell.ts"
import { toRecord } from "../internal/legacy/record.ts"
import * as Row from "../internal/legacy/row.ts"
import * as Table from "../internal/legacy/table.ts"

/** @category models @since 0.1.0 */
export interface Options extends Table.Options {
  /** The package's `keyPrefix`, without the underscore. It isn't in the table, so keys with another prefix need another adapter. */
  readonly prefix: string
}

/**
 * Gives the tokens with a prefix, and reads rows with the columns `shortToken` and `longTokenHash`, in any spelling.
 *
 * The key id here is `{prefix}_{shortToken}`. Prefixes and short tokens may contain underscores, which the package's own
 * `extractShortToken` doesn't support. The other columns are the columns of {@link LegacyTokens} in any spelling. A row without a time of
 * creation counts as made in 1970.
 * @category constructors
 * @since 0.1.0
 * @example
 * ```ts
 * import { ApiKeys } from "effect-api-key"
 * import * as PrefixedApiKey from "effect-api-key/legacy/PrefixedApiKey"
 *
 * const layer = ApiKeys.layerConfigWith({ legacy: [PrefixedApiKey.make({ prefix: "mycompany" })] })
 * ```
 */
export const make = (options: Options): LegacyTokens => {
  const start = `${options.prefix}_`
  const open = Row.opener(table, options)
  return {
    name: options.name ?? table.name,
    parse: (token) => {
      const end = isOurs(token, start) ? token.lastIndexOf("_") : -1
      if (end <= start.length || end + 1 === token.length) return []
      const keyId = token.slice(0, end)
      return Cell.isKeyId(keyId) ? [{ keyId, secret: LookUp.toSecret(token.slice(end + 1)) }] : []
    },
    verify: LookUp.verify(),
    readRow: Row.reading((row) => {
      const reader = open(row)
      const short = reader.cell("keyId")
      const keyId = Cell.toKeyId(start + Cell.requiredText(short), short.column)
      const cell = reader.cell("hash")
      const digest = LookUp.readDigest(cell.value)
      if (digest === undefined) throw Cell.invalid(cell.column, "It isn't a SHA-256 in hex")
      return toRecord(reader, { keyId, hash: LookUp.toHash(digest), prefix: options.prefix, fallbackId: keyId })
    }),
  }
}

const isOurs = (token: string, start: string): boolean => LookUp.isToken(token) && token.startsWith(start)

const table: Table.Table = {
  ...Table.usualNames,
  name: "prefixed-api-key",
  columns: { ...Table.usualNames.columns, keyId: ["shortToken"], hash: ["longTokenHash"] },
  required: ["keyId", "hash", "expiresAt"],
}
