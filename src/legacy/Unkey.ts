/**
 * Keys of Unkey, self-hosted or hosted.
 *
 * Unkey keeps the SHA-256 of the whole token in base64. The hosted API never gives the hash out. Only `recoverable` keys can be moved from there.
 * `apis.listKeys` with `decrypt` gives their rows with the token itself in `plaintext`.
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
 * Gives the tokens of Unkey, and reads the rows of its table `keys` or of its API.
 *
 * `permissions` become scopes: a list of slugs, which a query of the table has to join. `meta` and `environment` become metadata. The owner is
 * the identity's `external_id`, or else `identity_id`. Deleted keys become inactive. Credits, refills, rate limits, roles as such and IP lists
 * are ignored. So a key without credits left works again. A key that moved to Unkey from prefixed-api-key has the other hash until its first
 * use. Its row is refused until then.
 * @category constructors
 * @since 0.1.0
 * @example
 * ```ts
 * import { ApiKeys } from "effect-api-key"
 * import * as Unkey from "effect-api-key/legacy/Unkey"
 *
 * const layer = ApiKeys.layerConfigWith({ legacy: [Unkey.make({ prefix: "shop_" })] })
 * ```
 */
export const make = (options: Options = {}): LegacyTokens => {
  const open = Row.opener(table, options)
  const openWithIdentity = Row.opener(table, options)
  return {
    name: options.name ?? table.name,
    ...LookUp.tokens(options),
    readRow: Row.reading((row) => {
      const plain = open(row)
      // The API has the identity as an object.
      const identity = Cell.json(plain.named("identity"))?.["externalId"]
      const reader = identity === undefined ? plain : openWithIdentity({ ...row, external_id: identity })
      const token = Cell.text(reader.named("plaintext"))
      // The API leaves out deleted keys and fields without a value.
      if (token === null) Row.demand(reader, options.columns?.expiresAt === undefined ? ["deleted_at_m", "expires"] : ["deleted_at_m"])
      const hash = reader.cell("hash")
      const digest = token === null ? readHash(hash.value) : LookUp.digest(token)
      if (digest === undefined) throw Cell.invalid(hash.column, "It isn't a SHA-256 in base64, as Unkey writes it")
      const environment = Cell.text(reader.named("environment"))
      return toRecord(reader, {
        keyId: LookUp.toKeyId(digest),
        hash: LookUp.toHash(digest),
        prefix: toPrefix(Cell.text(reader.cell("prefix")) ?? ""),
        hint: Cell.toHint(token ?? ""),
        fallbackId: digest,
        metadata: environment === null ? {} : { environment },
      })
    }),
  }
}

// A hash in hex comes from prefixed-api-key, and covers only a part of the token.
const readHash = (value: unknown): string | undefined =>
  typeof value === "string" && /^[A-Za-z0-9+/]{43}=$/.test(value) ? LookUp.readDigest(value) : undefined

// `start` holds the prefix, an underscore, and four characters of the secret.
const toPrefix = (start: string): string => (start.at(-5) === "_" ? start.slice(0, -5) : "")

const table: Table.Table = {
  name: "unkey",
  columns: {
    id: ["id", "key_id"],
    hash: ["hash"],
    prefix: ["start"],
    name: ["name"],
    ownerId: ["external_id", "identity_id", "owner_id"],
    scopes: ["permissions"],
    metadata: ["meta"],
    isActive: ["enabled"],
    expiresAt: ["expires"],
    createdAt: ["created_at_m", "created_at"],
    updatedAt: ["updated_at_m", "updated_at"],
    lastUsedAt: ["last_used_at"],
  },
  inactive: ["deleted_at_m"],
  required: ["id", "isActive", "createdAt"],
}
