/** Compares the migrations of the database with the migrations of this version. */
import * as Migrations from "../../../sql/Migrations.ts"
import { type Finding, ok, warning, error } from "./finding.ts"

const plan = Object.keys(Migrations.migrations()).map((name) => ({ id: Number.parseInt(name), name: name.replace(/^\d+_/, "") }))
const newest = Math.max(...plan.map(({ id }) => id))

/** Judges the ids of the migrations that have run. `ids` is undefined if their list is missing. `hasTable` tells of the table `api_keys`. */
export const checkMigrations = (
  ids: ReadonlySet<number> | undefined,
  hasTable: boolean,
  unmigrated: Migrations.MissingMigrations | undefined,
): Finding => {
  if (ids === undefined) {
    if (hasTable && unmigrated !== undefined) {
      return error(
        "migrations",
        `The table api_keys is there without the list of its migrations, and lacks what some make. ${unmigrated.message}`,
        "If your application runs them among its own, add those to it; else restore the table effect_api_key_migrations from a backup",
      )
    }
    return hasTable
      ? warning(
          "migrations",
          "The table api_keys is there, but not the list of its migrations",
          "If your application runs them among its own, all is well; else restore the table effect_api_key_migrations from a backup",
        )
      : error("migrations", `0 of ${plan.length} have run`, "Run: effect-api-key migrate")
  }
  const last = Math.max(0, ...ids)
  if (!hasTable && last > 0) {
    return error(
      "migrations",
      "They have run, but the table api_keys isn't there",
      "If it was renamed, rename it back; if it was lost, restore it from a backup. To begin anew: DROP TABLE IF EXISTS api_keys_nodes, api_keys_reports, api_keys_peppers, api_keys_meters, api_keys_meter_changes, effect_api_key_migrations; DROP FUNCTION IF EXISTS api_keys_tell, api_keys_lease; and effect-api-key migrate",
    )
  }
  // The migrator never runs a migration below the last one, so a gap matters even on a newer database.
  const left = plan.filter(({ id }) => id < last && !ids.has(id))
  if (left.length > 0) {
    return error(
      "migrations",
      `The list of those that have run lacks ${left.map(({ id, name }) => `${id} (${name})`).join(" and ")}, though later ones have`,
      `Restore the database from a backup; or, if only the list was changed: INSERT INTO effect_api_key_migrations (migration_id, name) VALUES ${left.map(({ id, name }) => `(${id}, '${name}')`).join(", ")}`,
    )
  }
  if (last > newest)
    return warning(
      "migrations",
      `The database is at migration ${last}, and this version knows those up to ${newest}`,
      "Update effect-api-key",
    )
  // A repair makes the tables beside `api_keys` anew, and other checks judge those tables.
  if (last === newest && unmigrated?.migrations.some(({ columns }) => columns.some((column) => column.startsWith("api_keys.")))) {
    return error("migrations", `All ${plan.length} have run. ${unmigrated.message}`, "Restore the database from a backup")
  }
  return last === newest
    ? ok("migrations", `All ${plan.length} have run`)
    : error("migrations", `${plan.filter(({ id }) => ids.has(id)).length} of ${plan.length} have run`, "Run: effect-api-key migrate")
}
