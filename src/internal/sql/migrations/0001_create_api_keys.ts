import type { Table } from "../table.ts"

/** The table has no `CHECK` constraints: PostgreSQL logs the whole row that breaks one, and with it the hash. */
export const createApiKeys = ({ table, qualified }: Table): ReadonlyArray<string> => [
  `CREATE TABLE ${qualified} (
    id uuid PRIMARY KEY,
    key_id text COLLATE "C" NOT NULL UNIQUE,
    hash text COLLATE "C" NOT NULL,
    prefix text COLLATE "C" NOT NULL,
    name text COLLATE "C" NOT NULL,
    name_lower text COLLATE "C" NOT NULL,
    description text COLLATE "C",
    owner_id text COLLATE "C",
    scopes text[] COLLATE "C" NOT NULL,
    metadata jsonb NOT NULL,
    is_active boolean NOT NULL,
    expires_at timestamptz(3),
    created_at timestamptz(3) NOT NULL,
    updated_at timestamptz(3) NOT NULL,
    last_used_at timestamptz(3),
    hint text COLLATE "C" NOT NULL,
    version integer NOT NULL
  )`,
  `COMMENT ON COLUMN ${qualified}.name_lower IS 'name in Unicode''s simple lower case; written along with it'`,
  `CREATE INDEX "${table}_created_idx" ON ${qualified} (created_at, id)`,
  `CREATE INDEX "${table}_name_idx" ON ${qualified} (name, id)`,
  `CREATE INDEX "${table}_expires_asc_idx" ON ${qualified} (expires_at, id)`,
  `CREATE INDEX "${table}_expires_desc_idx" ON ${qualified} (expires_at DESC NULLS LAST, id DESC)`,
  `CREATE INDEX "${table}_last_used_asc_idx" ON ${qualified} (last_used_at, id)`,
  `CREATE INDEX "${table}_last_used_desc_idx" ON ${qualified} (last_used_at DESC NULLS LAST, id DESC)`,
  `CREATE INDEX "${table}_owner_idx" ON ${qualified} (owner_id, created_at, id)`,
  `CREATE INDEX "${table}_scopes_idx" ON ${qualified} USING gin (scopes)`,
]
