import type { Table } from "../table.ts"

export const notePeppers = ({ peppers }: Table): ReadonlyArray<string> => [
  `CREATE TABLE ${peppers} (
    start text COLLATE "C" PRIMARY KEY,
    value text COLLATE "C" NOT NULL,
    is_assumed boolean NOT NULL,
    noted_at timestamptz(3) NOT NULL
  )`,
]
