import type { Table } from "../table.ts"

export const rememberReports = ({ reports }: Table): ReadonlyArray<string> => [
  `CREATE TABLE ${reports} (report text COLLATE "C" PRIMARY KEY, handled_at timestamptz(3) NOT NULL)`,
]
