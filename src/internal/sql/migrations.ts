/**
 * The migrations, each as the statements that it runs. A released migration has run somewhere, so its file is never edited. The file reads no
 * definitions but the names of the tables.
 */
import { announceChanges } from "./migrations/0002_announce_changes.ts"
import { createApiKeys } from "./migrations/0001_create_api_keys.ts"
import { indexIdleTimeouts } from "./migrations/0012_index_idle_timeouts.ts"
import { indexKinds } from "./migrations/0011_index_kinds.ts"
import { keepMeters } from "./migrations/0013_keep_meters.ts"
import { keepPolicies } from "./migrations/0009_keep_policies.ts"
import { noteDeactivation } from "./migrations/0004_note_deactivation.ts"
import { notePeppers } from "./migrations/0008_note_peppers.ts"
import { noteSeals } from "./migrations/0010_note_seals.ts"
import { rememberReports } from "./migrations/0006_remember_reports.ts"
import { rotateTokens } from "./migrations/0003_rotate_tokens.ts"
import type { Table } from "./table.ts"

export const statements = {
  "0001_create_api_keys": createApiKeys,
  "0002_announce_changes": announceChanges,
  "0003_rotate_tokens": rotateTokens,
  "0004_note_deactivation": noteDeactivation,
  "0006_remember_reports": rememberReports,
  "0008_note_peppers": notePeppers,
  "0009_keep_policies": keepPolicies,
  "0010_note_seals": noteSeals,
  "0011_index_kinds": indexKinds,
  "0012_index_idle_timeouts": indexIdleTimeouts,
  "0013_keep_meters": keepMeters,
} as const satisfies Readonly<Record<string, (names: Table) => ReadonlyArray<string>>>

export type MigrationName = keyof typeof statements

// The keys of a literal are its own.
export const migrationNames = Object.keys(statements) as ReadonlyArray<MigrationName>
