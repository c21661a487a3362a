import type { Table } from "../table.ts"

/** The ids of the keys that sealed a record's tokens. */
export const noteSeals = ({ qualified }: Table): ReadonlyArray<string> => [
  `ALTER TABLE ${qualified} ADD COLUMN seal_id text COLLATE "C", ADD COLUMN previous_seal_id text COLLATE "C"`,
]
