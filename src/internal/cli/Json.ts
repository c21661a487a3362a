/**
 * Schemas of the lines that commands print with `--json`. A later version may add fields, but neither removes nor changes one.
 * @since 0.1.0
 */
import * as Schema from "effect/Schema"
import { ApiKey, ApiKeyId, Instant } from "../../ApiKey.ts"
import * as ApiKeyError from "../../ApiKeyError.ts"
import { QuotaChanged } from "../../Quota.ts"
import { LimitState } from "../../RateLimit.ts"
import { FindJson } from "../../scan/Report.ts"
import * as Generate from "./generate.ts"

/** `get`, `update`, `activate`, `deactivate` and `end-grace`, and each line of `list`. @category schemas @since 0.1.0 */
export const Key = ApiKey

/** `create`, `rotate`. @category schemas @since 0.1.0 */
export const Created = Schema.Struct({ apiKey: ApiKey, token: Schema.String })

/** `search`. @category schemas @since 0.1.0 */
export const Page = Schema.Struct({
  items: Schema.Array(ApiKey),
  total: Schema.NullOr(Schema.Int),
  nextCursor: Schema.NullOr(Schema.String),
})

/** `count`. @category schemas @since 0.1.0 */
export const Count = Schema.Struct({ count: Schema.Int })

/** `delete`. @category schemas @since 0.1.0 */
export const Deleted = Schema.Struct({ deleted: ApiKeyId })

/** `verify` and `revoke`, of a token that isn't good. @category schemas @since 0.1.0 */
export const Refused = Schema.Struct({ valid: Schema.Literal(false), error: ApiKeyError.InvalidKey })

const UsedToken = Schema.Literals(["current", "previous"])

/** `verify`. @category schemas @since 0.1.0 */
export const Verified = Schema.Union([
  Schema.Struct({ valid: Schema.Literal(true), apiKey: ApiKey, usedToken: UsedToken, checkedAt: Instant }),
  Refused,
])

/** `revoke`. `isEnded` is false if the same report was carried out earlier. @category schemas @since 0.1.0 */
export const Revoked = Schema.Union([
  Schema.Struct({ valid: Schema.Literal(true), apiKey: ApiKey, usedToken: UsedToken, isEnded: Schema.Boolean }),
  Refused,
])

/** Each line of `upcoming`. @category schemas @since 0.1.0 */
export const Upcoming = Schema.Struct({ apiKey: ApiKey, reason: Schema.Literals(["expires", "comesOfAge", "idle"]), at: Instant })

/** Each line of `quotas`. @category schemas @since 0.1.0 */
export const QuotaState = LimitState

/** `change-quota`. @category schemas @since 0.1.0 */
export const ChangedQuota = QuotaChanged

/** Each line of `generate`. @category schemas @since 0.1.0 */
export const Generated = Generate.Generated

/** Each line of `hash-report`. @category schemas @since 0.1.0 */
export const HashUsage = Schema.Struct({
  algorithm: Schema.String,
  parameters: Schema.String,
  pepper: Schema.NullOr(Schema.String),
  count: Schema.Int,
  isCurrent: Schema.Boolean,
})

/** Each line of `seal-report`. @category schemas @since 0.1.0 */
export const SealUsage = Schema.Struct({
  sealId: Schema.NullOr(Schema.String),
  count: Schema.Int,
  isConfigured: Schema.Boolean,
  isCurrent: Schema.Boolean,
})

/** Each line of `import`: a refused row, or the progress so far. The last line is a `Progress`. @category schemas @since 0.1.0 */
export const ImportEvent = Schema.Union([
  Schema.Struct({ _tag: Schema.Literal("Refused"), row: Schema.Int, field: Schema.String, reason: Schema.String }),
  Schema.Struct({
    _tag: Schema.Literal("Progress"),
    read: Schema.Int,
    inserted: Schema.Int,
    present: Schema.Int,
    refused: Schema.Int,
  }),
])

/** `export --output`. Without it each line is an `ExportedKey` of `effect-api-key/ApiKeyTransfer`. @category schemas @since 0.1.0 */
export const Exported = Schema.Struct({ exported: Schema.Int, file: Schema.String })

/** `migrate`: the migrations that ran, and with `--repair` the names of the parts that were made anew. @category schemas @since 0.1.0 */
export const Migrated = Schema.Struct({
  migrations: Schema.Array(Schema.Struct({ id: Schema.Int, name: Schema.String })),
  repaired: Schema.Array(Schema.String),
})

/** Each line of `doctor`. @category schemas @since 0.1.0 */
export const Finding = Schema.Struct({
  check: Schema.Literals([
    "configuration",
    "peppers",
    "database",
    "migrations",
    "hashes",
    "clock",
    "indexes",
    "invalidation",
    "leaks",
    "limits",
    "policies",
    "seals",
  ]),
  level: Schema.Literals(["ok", "warning", "error"]),
  message: Schema.String,
  advice: Schema.NullOr(Schema.String),
})

/** Each line of `scan`. @category schemas @since 0.1.0 */
export const Find = FindJson.mapFields((fields) => ({
  ...fields,
  /** With `--check` or `--deactivate`. */
  status: Schema.optionalKey(Schema.Literals(["works", "ended", "inactive", "expired", "unknown"])),
  apiKey: Schema.optionalKey(Schema.NullOr(ApiKey)),
}))

/** The fields that `--check` adds to a find. */
export const encodeFound = Schema.encodeSync(Schema.Struct({ status: Schema.String, apiKey: Schema.NullOr(ApiKey) }))

/** `serve`, when it makes the administrator's key of an empty table. @category schemas @since 0.1.0 */
export const FirstKey = Schema.Struct({ apiKey: ApiKey, token: Schema.String, url: Schema.String })

/** A line on standard error about a part that `scan` couldn't scan. @category schemas @since 0.1.0 */
export const Problem = Schema.Struct({ problem: Schema.Struct({ _tag: Schema.String, message: Schema.String }) })

/** A line of the log on standard error, of `serve` above all. @category schemas @since 0.1.0 */
export const Log = Schema.Struct({ log: Schema.Struct({ level: Schema.String, message: Schema.String }) })

/** The line on standard error of a command that fails. @category schemas @since 0.1.0 */
export const Failure = Schema.Struct({ error: Schema.Struct({ _tag: Schema.String, message: Schema.String }) })
