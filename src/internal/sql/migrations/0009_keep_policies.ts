import type { Table } from "../table.ts"

/**
 * The trigger compares all columns but those of the last use, so that a column which a later migration adds is announced as it is.
 *
 * The populated record is the old row with the new last uses. `*<>` compares the stored bytes, so a column of the application's own may
 * have any type.
 */
export const keepPolicies = ({ table, qualified, tell }: Table): ReadonlyArray<string> => [
  `ALTER TABLE ${qualified} ADD COLUMN policies jsonb`,
  `DROP TRIGGER IF EXISTS "${table}_tell_update" ON ${qualified}`,
  `CREATE TRIGGER "${table}_tell_update" AFTER UPDATE ON ${qualified} FOR EACH ROW WHEN (
    pg_catalog.jsonb_populate_record(OLD, pg_catalog.jsonb_build_object(
      'last_used_at', NEW.last_used_at, 'previous_last_used_at', NEW.previous_last_used_at
    )) OPERATOR(pg_catalog.*<>) NEW
  ) EXECUTE FUNCTION ${tell}()`,
  `ALTER TABLE ${qualified} ENABLE ALWAYS TRIGGER "${table}_tell_update"`,
]
