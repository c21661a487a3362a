/**
 * Keys of better-auth's API-key plugin: of `@better-auth/api-key`, and of the plugin that better-auth itself held before.
 *
 * It keeps the SHA-256 of the whole token in base64url, or the token itself under `disableKeyHashing`.
 * @since 0.1.0
 */
import * as Result from "effect/Result"
import type { InvalidInput } from "../ApiKeyError.ts"
import type { LegacyTokens } from "../LegacyTokens.ts"
import * as LookUp from "./internal/lookUp.ts"
import * as Row from "./internal/row.ts"

/** @category models @since 0.1.0 */
export interface Options extends Row.Options, LookUp.PrefixOptions {
  /** Whether the plugin had it set, so that the table holds the tokens themselves. They are hashed when they are read. Default: `false`. */
  readonly disableKeyHashing?: boolean | undefined
}

/**
 * Gives the tokens of better-auth's plugin, and reads the rows of its table `apikey`.
 *
 * Permissions become scopes, `{ "files": ["read"] }` being `files:read`. The owner is `referenceId`, or `userId` in older versions. A
 * `configId` other than `default` goes into the metadata. Rate limits, `requestCount`, `remaining` and refills are ignored, so a key that had
 * used its requests up works again.
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
      const key = yield* Row.requiredText(cell)
      const digest = options.disableKeyHashing === true ? LookUp.digest(key) : LookUp.readDigest(key)
      // The plugin writes it without padding.
      if (digest === undefined || (options.disableKeyHashing !== true && digest !== key)) {
        return yield* Row.refuse(cell.column, "It isn't a SHA-256 in base64url; is the option disableKeyHashing missing?")
      }
      const configId = yield* Row.text(reader.named(["configId"]))
      return yield* Row.toRecord(reader, {
        keyId: LookUp.toKeyId(digest),
        hash: LookUp.toHash(digest),
        prefix: (yield* Row.text(yield* reader.cell("prefix"))) ?? "",
        hint: options.disableKeyHashing === true ? Row.toHint(key) : "",
        fallbackId: digest,
        scopes: Result.flatMap(reader.cell("scopes"), readPermissions),
        metadata: configId === null || configId === "default" ? {} : { configId },
      })
    }),
})

const readPermissions = (cell: Row.Cell): Result.Result<ReadonlyArray<string>, InvalidInput> =>
  Result.flatMap(Row.json(cell), (permissions) => {
    const scopes = Object.entries(permissions ?? {}).map(([resource, actions]) =>
      Result.map(Row.list({ ...cell, value: actions }), (actions) => actions.map((action) => `${resource}:${action}`)),
    )
    return Result.map(Result.all(scopes), (scopes) => scopes.flat())
  })

const table: Row.Table = {
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
