/**
 * Keys of better-auth's API-key plugin: of `@better-auth/api-key`, and of the plugin that was part of better-auth before.
 *
 * The plugin keeps the SHA-256 of the whole token in base64url, or the token itself under `disableKeyHashing`.
 * @since 0.1.0
 */
import type { LegacyTokens } from "../LegacyTokens.ts"
import * as LookUp from "../internal/legacy/lookUp.ts"
import * as Cell from "../internal/legacy/cell.ts"
import { toRecord } from "../internal/legacy/record.ts"
import * as Row from "../internal/legacy/row.ts"
import * as Table from "../internal/legacy/table.ts"

/** @category models @since 0.1.0 */
export interface Options extends Table.Options, LookUp.PrefixOptions {
  /**
   * The plugin's option of the same name, under which the table holds the tokens themselves. A token is hashed when its row is read. A token that
   * looks like a hash is refused. Default: `false`.
   */
  readonly disableKeyHashing?: boolean | undefined
}

/**
 * Gives the tokens of better-auth's plugin, and reads the rows of its table `apikey`.
 *
 * Permissions become scopes: `{ "files": ["read"] }` becomes `files:read`. The owner is `referenceId`, or `userId` in older versions. A
 * `configId` other than `default` goes into the metadata. A row with the column `configId` and a number as its owner needs the option `owner`.
 * Rate limits, `requestCount`, `remaining` and refills are ignored. So a key without requests left works again.
 * @category constructors
 * @since 0.1.0
 * @example
 * ```ts
 * import { ApiKeys } from "effect-api-key"
 * import * as BetterAuth from "effect-api-key/legacy/BetterAuth"
 *
 * const layer = ApiKeys.layerConfigWith({ legacy: [BetterAuth.make()] })
 * ```
 */
export const make = (options: Options = {}): LegacyTokens => {
  const open = Row.opener(table, options)
  const isPlain = options.disableKeyHashing === true
  return {
    name: options.name ?? table.name,
    ...LookUp.tokens(options),
    readRow: Row.reading((row) => {
      const reader = open(row)
      const cell = reader.cell("hash")
      const key = Cell.requiredText(cell)
      // The plugin writes hashes without padding.
      const isDigest = LookUp.readDigest(key) === key
      if (isPlain && isDigest) throw Cell.invalid(cell.column, "It looks like a SHA-256, which would become a token that works")
      if (!isPlain && !isDigest) {
        throw Cell.invalid(cell.column, "It isn't a SHA-256 in base64url; is the option disableKeyHashing missing?")
      }
      const digest = isPlain ? LookUp.digest(key) : key
      const config = reader.named("configId")
      const configId = Cell.text(config)
      const record = toRecord(reader, {
        keyId: LookUp.toKeyId(digest),
        hash: LookUp.toHash(digest),
        prefix: Cell.text(reader.cell("prefix")) ?? "",
        hint: isPlain ? Cell.toHint(key) : "",
        fallbackId: digest,
        scopes: () => readPermissions(reader.cell("scopes")),
        metadata: configId === null || configId === "default" ? {} : { configId },
      })
      // A configuration is for users or for organisations. The ids of both may be equal if they are numbers.
      if (options.owner === undefined && config.isPresent && /^\d+$/.test(record.ownerId ?? "")) {
        throw Row.needsRule(
          config,
          "It may tell of the kind of owner, whose ids are numbers",
          `{${config.column}}:{${reader.cell("ownerId").column}}`,
        )
      }
      return record
    }),
  }
}

const readPermissions = (cell: Cell.Cell): ReadonlyArray<string> =>
  Object.entries(Cell.json(cell) ?? {}).flatMap(([resource, actions]) =>
    Cell.list({ ...cell, value: actions }).map((action) => `${resource}:${action}`),
  )

const table: Table.Table = {
  name: "better-auth",
  columns: {
    id: ["id"],
    hash: ["key"],
    prefix: ["prefix"],
    name: ["name"],
    ownerId: ["referenceId", "userId"],
    scopes: ["permissions"],
    metadata: ["metadata"],
    isActive: ["enabled"],
    expiresAt: ["expiresAt"],
    createdAt: ["createdAt"],
    updatedAt: ["updatedAt"],
    lastUsedAt: ["lastRequest"],
  },
  required: ["id", "hash", "isActive", "expiresAt", "createdAt"],
  isActiveByDefault: true,
}
