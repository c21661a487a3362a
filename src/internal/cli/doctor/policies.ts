/** Looks for keys with policies of an application. The package's own server and command line don't know these kinds, so they refuse such keys. */
import * as Effect from "effect/Effect"
import { SqlClient } from "effect/sql/SqlClient"
import * as AllowedIps from "../../../AllowedIps.ts"
import * as IdleTimeout from "../../../IdleTimeout.ts"
import * as Quota from "../../../Quota.ts"
import * as RateLimit from "../../../RateLimit.ts"
import { type DatabaseSettings, layerSql } from "../database.ts"
import { counted } from "../output.ts"
import { type Finding, warning } from "./finding.ts"

/** The kinds that every service knows. */
const known = [AllowedIps.kind, RateLimit.kind, Quota.kind, IdleTimeout.kind]

export const checkPolicies = (config: DatabaseSettings): Effect.Effect<ReadonlyArray<Finding>> =>
  Effect.gen(function* () {
    const sql = (yield* SqlClient).withoutTransforms()
    // A key with two kinds counts for both.
    const kinds = yield* sql<{ kind: string; count: number }>`
      SELECT kind, count(*)::int AS count
      FROM api_keys, jsonb_object_keys(CASE WHEN jsonb_typeof(policies) = 'object' THEN policies ELSE '{}' END) AS kind
      WHERE policies IS NOT NULL AND kind <> ALL(${known}::text[]) GROUP BY kind ORDER BY count DESC, kind LIMIT 10`
    if (kinds.length === 0) return []
    const list = kinds.map(({ kind, count }) => `${counted(count, "key")} with ${kind}`).join(", ")
    return [
      warning(
        "policies",
        `The command line and the package's own server know no policies of applications, and there are ${list}: they refuse these keys (503 over HTTP)`,
        "Verify them by a service that is given these kinds, or start the server by ApiKeyServer.layerWith({ policies }) (see docs/guides/policies.md)",
      ),
    ]
  }).pipe(
    Effect.provide(layerSql(config), { local: true }),
    Effect.scoped,
    // Other checks report the faults of the database.
    Effect.catchCause(() => Effect.succeed([])),
  )
