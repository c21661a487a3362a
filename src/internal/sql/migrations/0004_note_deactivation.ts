import type { Table } from "../table.ts"

/** The columns change along with `is_active`, which is announced. */
export const noteDeactivation = ({ qualified }: Table): ReadonlyArray<string> => [
  `ALTER TABLE ${qualified} ADD COLUMN deactivated_at timestamptz(3), ADD COLUMN deactivation_reason text COLLATE "C"`,
]
