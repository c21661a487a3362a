/**
 * What the migrations make, as the last of them leaves it: for the look for what is missing, and for a repair. The migrations themselves are
 * frozen, and read nothing here.
 */
import type { MigrationName } from "./migrations.ts"
import { channelOf, type Table } from "./table.ts"

/** The columns that each migration makes, by the end of their table's name: `""` is the table of keys itself. */
export const columnsMade = {
  "0001_create_api_keys": {
    "": {
      id: "uuid PRIMARY KEY",
      key_id: 'text COLLATE "C" NOT NULL UNIQUE',
      hash: 'text COLLATE "C" NOT NULL',
      prefix: 'text COLLATE "C" NOT NULL',
      name: 'text COLLATE "C" NOT NULL',
      name_lower: 'text COLLATE "C" NOT NULL',
      description: 'text COLLATE "C"',
      owner_id: 'text COLLATE "C"',
      scopes: 'text[] COLLATE "C" NOT NULL',
      metadata: "jsonb NOT NULL",
      is_active: "boolean NOT NULL",
      expires_at: "timestamptz(3)",
      created_at: "timestamptz(3) NOT NULL",
      updated_at: "timestamptz(3) NOT NULL",
      last_used_at: "timestamptz(3)",
      hint: 'text COLLATE "C" NOT NULL',
      version: "integer NOT NULL",
    },
  },
  // The table in which nodes register.
  "0002_announce_changes": { _nodes: { node: 'text COLLATE "C" PRIMARY KEY', live_until: "timestamptz NOT NULL" } },
  "0003_rotate_tokens": {
    "": {
      rotated_at: "timestamptz(3)",
      previous_key_id: 'text COLLATE "C"',
      previous_hash: 'text COLLATE "C"',
      previous_hint: 'text COLLATE "C"',
      previous_expires_at: "timestamptz(3)",
      previous_grace_seconds: "integer",
      previous_last_used_at: "timestamptz(3)",
    },
  },
  "0004_note_deactivation": { "": { deactivated_at: "timestamptz(3)", deactivation_reason: 'text COLLATE "C"' } },
  // Reports of leaks that were carried out.
  "0006_remember_reports": { _reports: { report: 'text COLLATE "C" PRIMARY KEY', handled_at: "timestamptz(3) NOT NULL" } },
  // The peppers that hashes were made under.
  "0008_note_peppers": {
    _peppers: {
      start: 'text COLLATE "C" PRIMARY KEY',
      value: 'text COLLATE "C" NOT NULL',
      is_assumed: "boolean NOT NULL",
      noted_at: "timestamptz(3) NOT NULL",
    },
  },
  "0009_keep_policies": { "": { policies: "jsonb" } },
} as const satisfies Readonly<Record<MigrationName, Readonly<Record<string, Readonly<Record<string, string>>>>>>

const createTable = (qualified: string, columns: Readonly<Record<string, string>>): string =>
  `CREATE TABLE ${qualified} (${Object.entries(columns)
    .map(([name, type]) => `${name} ${type}`)
    .join(", ")})`

/** In a trigger. */
const channel = channelOf("TG_RELID")

const indexes = {
  created: "(created_at, id)",
  name: "(name, id)",
  // An index with nulls last can't be read backwards with nulls last, so the columns that may be null have two.
  expires_asc: "(expires_at, id)",
  expires_desc: "(expires_at DESC NULLS LAST, id DESC)",
  last_used_asc: "(last_used_at, id)",
  last_used_desc: "(last_used_at DESC NULLS LAST, id DESC)",
  owner: "(owner_id, created_at, id)",
  scopes: "USING gin (scopes)",
  previous: "(previous_key_id) WHERE previous_key_id IS NOT NULL",
  token: "((COALESCE(rotated_at, created_at)), id)",
} as const

export type IndexName = keyof typeof indexes
// The keys of a literal are its own.
export const indexNames = Object.keys(indexes) as ReadonlyArray<IndexName>

export const createIndex = (table: string, qualified: string, name: IndexName): string =>
  `CREATE ${name === "previous" ? "UNIQUE " : ""}INDEX "${table}_${name}_idx" ON ${qualified} ${indexes[name]}`

/** The function that the triggers run. The messages are those of `internal/nodes/message.ts`. */
export const replaceTell = (tell: string): string => {
  // PostgreSQL tells what is the same within a transaction once.
  const notify = (keyId: string) =>
    `PERFORM pg_notify(${channel}, CASE WHEN octet_length(${keyId}) <= 128 THEN 'changed ' || ${keyId} ELSE 'everything' END)`
  const notifyAll = (row: string) =>
    `${notify(`${row}.key_id`)}; IF ${row}.previous_key_id IS NOT NULL THEN ${notify(`${row}.previous_key_id`)}; END IF;`
  return `CREATE OR REPLACE FUNCTION ${tell}() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $tell$
    BEGIN
      IF TG_OP = 'TRUNCATE' THEN
        PERFORM pg_notify(${channel}, 'everything');
        RETURN NULL;
      END IF;
      IF TG_OP <> 'INSERT' THEN ${notifyAll("OLD")} END IF;
      IF TG_OP <> 'DELETE' THEN ${notifyAll("NEW")} END IF;
      RETURN NULL;
    END
  $tell$`
}

export const triggerNames = ["update", "write", "truncate"] as const

/** Columns whose changes aren't announced: written on nearly every request, and cached by nobody. */
const unannounced = ["last_used_at", "previous_last_used_at"]

/** The statements for each trigger. */
export const createTriggers = ({
  table,
  qualified,
  tell,
}: Table): Readonly<Record<(typeof triggerNames)[number], ReadonlyArray<string>>> => {
  const create = (name: string, event: string) => [
    `CREATE TRIGGER "${table}_tell_${name}" ${event} EXECUTE FUNCTION ${tell}()`,
    // Changes that a replica applies are announced there too.
    `ALTER TABLE ${qualified} ENABLE ALWAYS TRIGGER "${table}_tell_${name}"`,
  ]
  // `UPDATE OF` would look at the columns that a statement names, to which an earlier trigger may have added.
  const oldAsUsed = `pg_catalog.jsonb_populate_record(OLD, pg_catalog.jsonb_build_object(${unannounced.map((column) => `'${column}', NEW.${column}`).join(", ")}))`
  return {
    update: create("update", `AFTER UPDATE ON ${qualified} FOR EACH ROW WHEN (${oldAsUsed} OPERATOR(pg_catalog.*<>) NEW)`),
    write: create("write", `AFTER INSERT OR DELETE ON ${qualified} FOR EACH ROW`),
    truncate: create("truncate", `AFTER TRUNCATE ON ${qualified} FOR EACH STATEMENT`),
  }
}

/** The table in which nodes register. */
export const createNodes = (nodes: string): string => createTable(nodes, columnsMade["0002_announce_changes"]._nodes)

/** The table of the peppers that hashes were made under. */
export const createPeppers = (peppers: string): string => createTable(peppers, columnsMade["0008_note_peppers"]._peppers)

/** The table of the reports of leaks that were carried out. */
export const createReports = (reports: string): string => createTable(reports, columnsMade["0006_remember_reports"]._reports)

/** The table of keys, with all the columns that the migrations make. */
export const createKeys = (qualified: string): string =>
  createTable(qualified, Object.assign({}, ...Object.values(columnsMade).map((tables) => ("" in tables ? tables[""] : {}))))
