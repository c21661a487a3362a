/** Looks for rate limits that several nodes count, each by itself, as they are told to. */
import * as Effect from "effect/Effect"
import { SqlClient } from "effect/sql/SqlClient"
import * as RateLimit from "../../../RateLimit.ts"
import type { Options } from "../../keys/model.ts"
import { type DatabaseSettings, layerSql } from "../database.ts"
import { type Finding, warning } from "./finding.ts"

export const checkLimits = (
  config: DatabaseSettings,
  { defaultLimits, ownerLimits, meters }: Pick<Options, "defaultLimits" | "ownerLimits" | "meters">,
): Effect.Effect<ReadonlyArray<Finding>> =>
  Effect.gen(function* () {
    if (meters?.shareLimits !== false) return []
    const sql = (yield* SqlClient).withoutTransforms()
    const [found] = yield* sql<{ nodes: number; has_limits: boolean }>`
      SELECT (SELECT count(*)::int FROM api_keys_nodes WHERE live_until > now()) AS nodes,
        EXISTS (SELECT FROM api_keys WHERE policies IS NOT NULL AND jsonb_exists(policies, ${RateLimit.kind}::text)) AS has_limits`
    const hasLimits = found?.has_limits === true || defaultLimits !== undefined || ownerLimits !== undefined
    if (found === undefined || found.nodes < 2 || !hasLimits) return []
    return [
      warning(
        "limits",
        `${found.nodes} nodes live, and with API_KEY_SHARE_LIMITS=false each counts rate limits by itself: a key with limits may be used up to ${found.nodes} times as often`,
        "Unset API_KEY_SHARE_LIMITS, or divide the limits by the number of nodes (docs/guides/limits.md)",
      ),
    ]
  }).pipe(
    Effect.provide(layerSql(config), { local: true }),
    Effect.scoped,
    // Other checks report the faults of the database.
    Effect.catchCause(() => Effect.succeed([])),
  )
