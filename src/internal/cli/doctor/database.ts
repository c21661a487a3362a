/** Checks of the database: its migrations, clock, indexes and rows. */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import { SqlClient } from "effect/sql/SqlClient"
import { DamagedDataDir } from "../../sql/dataDir.ts"
import { findMissing } from "../../sql/repair.ts"
import { readByPrimaryKeys } from "../../sql/soundness.ts"
import { findUnmigrated } from "../../sql/unmigrated.ts"
import type { DatabaseSettings } from "../database.ts"
import { type Finding, ok, warning, error, capitalise, repairAdvice } from "./finding.ts"
import { checkMigrations } from "./migrations.ts"
import { countNodes, checkTriggers } from "./channel.ts"

/** Compares the database's clock with this one. The duration of the query limits the precision. */
export const checkClock = (before: number, after: number, database: number): Finding => {
  const skew = Math.round(database - (before + after) / 2)
  const bound = 1_000 + (after - before) / 2
  return Math.abs(skew) <= bound
    ? ok("clock", `The database's clock is within ${Math.max(1, Math.ceil(Math.abs(skew) / 1_000))} s of this one`)
    : warning(
        "clock",
        `The database's clock is ${Math.abs(skew)} ms ${skew > 0 ? "ahead of" : "behind"} this one`,
        "Let NTP set both, as expiry is judged by the clock of each node",
      )
}

export const checkDatabase = Effect.fnUntraced(function* (hasRedis: boolean, databaseUrl: Option.Option<Redacted.Redacted>) {
  const sql = (yield* SqlClient).withoutTransforms()
  const findings: Array<Finding> = []
  const [version] = yield* sql<{ version: string; encoding: string }>`
    SELECT current_setting('server_version') AS version, current_setting('server_encoding') AS encoding`
  findings.push(ok("database", `PostgreSQL ${version?.version ?? "?"} answers`))
  if (version !== undefined && version.encoding !== "UTF8") {
    findings.push(
      warning(
        "database",
        `Its encoding is ${version.encoding}, so names and other texts with characters that it lacks are refused`,
        "Move the keys to a database made with: CREATE DATABASE … ENCODING 'UTF8' TEMPLATE template0",
      ),
    )
  }

  const [present] = yield* sql<{ log: boolean; keys: boolean }>`
    SELECT to_regclass('effect_api_key_migrations') IS NOT NULL AS log, to_regclass('api_keys') IS NOT NULL AS keys`
  const hasTable = present?.keys ?? false
  const logged =
    present?.log === true ? yield* sql<{ id: number }>`SELECT migration_id::int AS id FROM effect_api_key_migrations` : undefined
  const migrations = checkMigrations(
    logged === undefined ? undefined : new Set(logged.map(({ id }) => id)),
    hasTable,
    yield* findUnmigrated(),
  )
  findings.push(migrations)

  const before = yield* Clock.currentTimeMillis
  const [clock] = yield* sql<{ now: number }>`SELECT (extract(epoch FROM clock_timestamp()) * 1000)::float8 AS now`
  findings.push(checkClock(before, yield* Clock.currentTimeMillis, clock?.now ?? 0))
  // Before all migrations have run, an absent index may still be made by a later one.
  const isWhole = hasTable && migrations.level !== "error"
  if (!isWhole) return { findings, isWhole, nodes: 0 }

  const missing = yield* findMissing()
  findings.push(
    missing.indexes.length === 0
      ? ok("indexes", "All are there")
      : warning("indexes", `Missing or invalid: ${missing.indexes.join(", ")}`, repairAdvice),
  )
  // Nodes register in the database with every kind of channel. With Redis no node listens to the triggers, so these aren't checked.
  const nodes = missing.hasNodes ? yield* countNodes : 0
  if (!missing.hasNodes) {
    findings.push(error("invalidation", "The table api_keys_nodes, in which the nodes register, isn't there", repairAdvice))
  } else if (!hasRedis) findings.push(yield* checkTriggers(missing, nodes, databaseUrl))
  if (!missing.hasReports) {
    findings.push(
      error("leaks", "The table api_keys_reports, without which reports of leaks can't be carried out, isn't there", repairAdvice),
    )
  }
  if (!missing.hasPeppers) {
    findings.push(
      error("peppers", "The table api_keys_peppers, which tells whether the peppers are the right ones, isn't there", repairAdvice),
    )
  }
  const meters = [
    ...(missing.hasMeters ? [] : ["the table api_keys_meters"]),
    ...(missing.hasMeterChanges ? [] : ["the table api_keys_meter_changes"]),
    ...(missing.hasLease ? [] : ["the function api_keys_lease"]),
  ]
  if (meters.length > 0) {
    findings.push(
      error(
        "limits",
        `Quotas, and rate limits that several nodes keep together, can't be counted without ${meters.join(" and ")}`,
        repairAdvice,
      ),
    )
  }
  return { findings, isWhole, nodes }
})

/** Reads every row. At its opening an embedded database has read only some of them. */
export const checkRows = ({ dataDir }: DatabaseSettings) =>
  Effect.matchEffect(readByPrimaryKeys("every"), {
    onSuccess: () => Effect.succeed<ReadonlyArray<Finding>>([]),
    onFailure: ({ message, reason }) => {
      const { found, advice } = new DamagedDataDir({ dataDir, reason: reason.message || message })
      return Effect.succeed([error("database", found, capitalise(advice))])
    },
  })
