/**
 * Keys of keypal, up to version 0.1.
 *
 * Keypal keeps a SHA-256 (or SHA-512) in hex. The input is the whole token, followed by the hex SHA-256 of the salt if one is configured.
 * @since 0.1.0
 */
import { hash as digestOf } from "node:crypto"
import * as Redacted from "effect/Redacted"
import type { LegacyTokens } from "../LegacyTokens.ts"
import * as LookUp from "../internal/legacy/lookUp.ts"
import * as Cell from "../internal/legacy/cell.ts"
import { toRecord } from "../internal/legacy/record.ts"
import * as Row from "../internal/legacy/row.ts"
import * as Table from "../internal/legacy/table.ts"

/** @category models @since 0.1.0 */
export interface Options extends Table.Options, LookUp.PrefixOptions {
  /** The `salt` of keypal's `createKeys`. Default: none. */
  readonly salt?: Redacted.Redacted | undefined
  /** The `algorithm` of keypal's `createKeys`. Default: `sha256`. */
  readonly algorithm?: LookUp.Algorithm | undefined
}

/**
 * Gives the tokens of keypal, and reads its records. A record is JSON from Redis or another store, or a row of a table. The table may have the
 * column `metadata`, or a column for each field.
 *
 * `resources` (scopes for single resources), `tags` and `rotatedTo` go into the metadata, since they have no counterpart. Revoked keys become
 * inactive. Audit logs are ignored. Under `sha512` hashes are kept as `$legacy-sha512$…`.
 * @category constructors
 * @since 0.1.0
 * @example
 * ```ts
 * import { ApiKeys } from "effect-api-key"
 * import * as Keypal from "effect-api-key/legacy/Keypal"
 *
 * const layer = ApiKeys.layerConfigWith({ legacy: [Keypal.make({ prefix: "sk_live_" })] })
 * ```
 */
export const make = (options: Options = {}): LegacyTokens => {
  const { algorithm = "sha256", salt } = options
  const column = options.columns?.metadata ?? "metadata"
  const openOuter = Row.opener(table, options)
  const open = Row.opener(table, { ...options, columns: { ...options.columns, metadata: null } })
  const tail = salt === undefined || Redacted.value(salt) === "" ? "" : digestOf("sha256", Redacted.value(salt), "hex")
  return {
    name: options.name ?? table.name,
    ...LookUp.tokens(options, algorithm, tail),
    readRow: Row.reading((row) => {
      // Keypal's metadata is the record itself.
      const nested = Cell.json(openOuter(row).named(column)) ?? {}
      const names = new Set(Object.keys(row).map(Row.plain))
      // The row's columns win over metadata of the same name.
      const inner = Object.entries(nested).filter(([name]) => !names.has(Row.plain(name)))
      const reader = open({ ...row, ...Object.fromEntries(inner) })
      Row.demand(reader, ["revokedAt"])
      const cell = reader.cell("hash")
      const digest = LookUp.readDigest(Cell.requiredText(cell), algorithm)
      if (digest === undefined) throw Cell.invalid(cell.column, `It isn't a ${algorithm} in hex`)
      const resources = Cell.json(reader.named("resources"))
      const tags = Cell.list(reader.named("tags"))
      const rotatedTo = Cell.text(reader.named("rotatedTo"))
      return toRecord(reader, {
        keyId: LookUp.toKeyId(digest),
        hash: LookUp.toHash(digest, algorithm),
        prefix: typeof options.prefix === "string" ? options.prefix : "",
        fallbackId: digest,
        metadata: {
          ...(resources === null ? {} : { resources }),
          ...(tags.length === 0 ? {} : { tags }),
          ...(rotatedTo === null ? {} : { rotatedTo }),
        },
      })
    }),
  }
}

const table: Table.Table = {
  name: "keypal",
  columns: {
    id: ["id"],
    hash: ["keyHash"],
    name: ["name"],
    description: ["description"],
    ownerId: ["ownerId"],
    scopes: ["scopes"],
    isActive: ["enabled"],
    expiresAt: ["expiresAt"],
    createdAt: ["createdAt"],
    lastUsedAt: ["lastUsedAt"],
  },
  inactive: ["revokedAt"],
  required: ["id", "hash", "isActive", "expiresAt"],
  isActiveByDefault: true,
}
