/** Looks for rate limits that several nodes count, each by itself. */
import * as Effect from "effect/Effect"
import { SqlClient } from "effect/sql/SqlClient"
import * as RateLimit from "../../../RateLimit.ts"
import type { Options } from "../../keys/model.ts"
import { type DatabaseSettings, layerSql } from "../database.ts"
import { type Finding, warning } from "./finding.ts"

export const checkLimits = (
  config: DatabaseSettings,
  { defaultLimits, ownerLimits }: Pick<Options, "defaultLimits" | "ownerLimits">,
): Effect.Effect<ReadonlyArray<Finding>> =>
  Effect.gen(function* () {
    const sql = (yield* SqlClient).withoutTransforms()
    const [found] = yield* sql<{ nodes: number; has_limits: boolean }>`
      SELECT (SELECT count(*)::int FROM api_keys_nodes WHERE live_until > now()) AS nodes,
        EXISTS (SELECT FROM api_keys WHERE policies IS NOT NULL AND jsonb_exists(policies, ${RateLimit.kind}::text)) AS has_limits`
    const hasLimits = found?.has_limits === true || defaultLimits !== undefined || ownerLimits !== undefined
    if (found === undefined || found.nodes < 2 || !hasLimits) return []
    return [
      warning(
        "limits",
        `${found.nodes} nodes count the uses of keys with rate limits, each by itself: such a key may be used up to ${found.nodes} times as often`,
        "Divide the limits by the number of nodes, or send all requests with a key to the same node (docs/guides/limits.md)",
      ),
    ]
  }).pipe(
    Effect.provide(layerSql(config), { local: true }),
    Effect.scoped,
    // Other checks report the faults of the database.
    Effect.catchCause(() => Effect.succeed([])),
  )
