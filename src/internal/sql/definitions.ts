/**
 * The state in which the last migration leaves a database: for the look for missing parts, and for a repair. The migrations themselves are
 * frozen, and read nothing here.
 */
import { schemePattern } from "../hash/schemePattern.ts"
import { allColumns, typeOf } from "./columns.ts"
import { idleAtOf } from "./idleAt.ts"
import { keepMeters } from "./migrations/0013_keep_meters.ts"
import type { MigrationName } from "./migrations.ts"
import { channelOf, type Table } from "./table.ts"

/** A column that a migration makes, in the table of keys or in the one beside it that `table` names. */
export interface MadeColumn {
  readonly table: "" | SideTable | keyof typeof meterColumns
  readonly name: string
  readonly since: MigrationName
}

type SideTable = keyof typeof sideTables

/** The tables beside the keys, by the end of their names. The tables hold the register of nodes, the reports carried out, and the peppers. */
const sideTables = {
  _nodes: { since: "0002_announce_changes", columns: { node: 'text COLLATE "C" PRIMARY KEY', live_until: "timestamptz NOT NULL" } },
  _reports: {
    since: "0006_remember_reports",
    columns: { report: 'text COLLATE "C" PRIMARY KEY', handled_at: "timestamptz(3) NOT NULL" },
  },
  _peppers: {
    since: "0008_note_peppers",
    columns: {
      start: 'text COLLATE "C" PRIMARY KEY',
      value: 'text COLLATE "C" NOT NULL',
      is_assumed: "boolean NOT NULL",
      noted_at: "timestamptz(3) NOT NULL",
    },
  },
} as const satisfies Readonly<Record<string, { readonly since: MigrationName; readonly columns: Readonly<Record<string, string>> }>>

/** The names of columns in the tables of meters. */
const meterColumns = {
  _meters: ["meter", "used", "at", "full_at", "parts", "first_part", "holders", "touched_at", "forget_at"],
  _meter_changes: ["meter", "request", "kind", "units", "applied", "made_at"],
} as const

const columnsOf = (table: "" | SideTable): ReadonlyArray<MadeColumn & { readonly type: string }> =>
  table === ""
    ? allColumns.map(({ name, kind, isNullable, key, since }) => ({
        table,
        name,
        type: `${typeOf[kind].definition}${isNullable ? "" : " NOT NULL"}${key === undefined ? "" : ` ${key}`}`,
        since,
      }))
    : Object.entries(sideTables[table].columns).map(([name, type]) => ({ table, name, type, since: sideTables[table].since }))

/** All columns that the migrations make. */
export const madeColumns: ReadonlyArray<MadeColumn> = [
  ...(["", "_nodes", "_reports", "_peppers"] as const).flatMap(columnsOf),
  ...(["_meters", "_meter_changes"] as const).flatMap((table) =>
    meterColumns[table].map((name) => ({ table, name, since: "0013_keep_meters" as const })),
  ),
]

const createTable = (qualified: string, table: "" | SideTable): string =>
  `CREATE TABLE ${qualified} (${columnsOf(table)
    .map(({ name, type }) => `${name} ${type}`)
    .join(", ")})`

export const createKeys = (qualified: string): string => createTable(qualified, "")
export const createNodes = (nodes: string): string => createTable(nodes, "_nodes")
export const createPeppers = (peppers: string): string => createTable(peppers, "_peppers")
export const createReports = (reports: string): string => createTable(reports, "_reports")

/** The parts of meters. No later migration has changed them, so these are the statements of the migration itself. */
export const createMeterParts = (names: Table): Readonly<Record<"meters" | "meterChanges" | "lease", string>> => {
  // The migration has three statements.
  const [meters = "", meterChanges = "", lease = ""] = keepMeters(names)
  return { meters, meterChanges, lease }
}

/** In a trigger. */
const channel = channelOf("TG_RELID")

/**
 * The kind of a record's current token, or of its previous one: the key that sealed it, or nothing, and the scheme of its hash, as
 * `ApiKeyHasher.scheme` gives it. Both are cut at {@link kindLength}. No literal has a backslash, whose meaning is the session's to set.
 */
export const kindOf = (token: "" | "previous_"): { readonly seal: string; readonly scheme: string } => {
  const hash = `${token}hash`
  const sealId = `CASE WHEN starts_with(${token}seal_id, ${token}key_id || ' ') THEN substr(${token}seal_id, length(${token}key_id) + 2) END`
  const label = `COALESCE(substring(${hash} FROM '^[$]pepper=[A-Za-z0-9_-]{1,32}(?=[$]|$)'), '')`
  const scheme = `COALESCE(substring(substr(${hash}, length(${label}) + 1) FROM '${schemePattern.replaceAll("\\$", "[$]")}'), '')`
  return { seal: `left(COALESCE(${sealId}, ''), ${kindLength})`, scheme: `left(${label} || ${scheme}, ${kindLength})` }
}

/** In characters: an entry of an index has to fit a page. */
export const kindLength = 200

const kindIndex = (token: "" | "previous_"): string => `((${kindOf(token).seal}), (${kindOf(token).scheme}), is_active)`

const indexes = {
  created: "(created_at, id)",
  name: "(name, id)",
  // An index with nulls last can't be read backwards with nulls last. Columns that may be null have two indexes.
  expires_asc: "(expires_at, id)",
  expires_desc: "(expires_at DESC NULLS LAST, id DESC)",
  last_used_asc: "(last_used_at, id)",
  last_used_desc: "(last_used_at DESC NULLS LAST, id DESC)",
  owner: "(owner_id, created_at, id)",
  scopes: "USING gin (scopes)",
  previous: "(previous_key_id) WHERE previous_key_id IS NOT NULL",
  token: "((COALESCE(rotated_at, created_at)), id)",
  kind: kindIndex(""),
  previous_kind: `${kindIndex("previous_")} WHERE previous_hash IS NOT NULL`,
  idle: `(${idleAtOf()}, id) WHERE ${idleAtOf()} IS NOT NULL`,
} as const

export type IndexName = keyof typeof indexes
// The keys of a literal are its own.
export const indexNames = Object.keys(indexes) as ReadonlyArray<IndexName>

export const createIndex = (table: string, qualified: string, name: IndexName): string =>
  `CREATE ${name === "previous" ? "UNIQUE " : ""}INDEX "${table}_${name}_idx" ON ${qualified} ${indexes[name]}`

/** The function that the triggers run. The messages are written as in `internal/nodes/message.ts`. */
export const replaceTell = (tell: string): string => {
  // PostgreSQL sends equal messages of a transaction once.
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
  const oldAsUsed = `pg_catalog.jsonb_populate_record(OLD, pg_catalog.jsonb_build_object(${allColumns.flatMap(({ name, isUse }) => (isUse === true ? [`'${name}', NEW.${name}`] : [])).join(", ")}))`
  return {
    update: create("update", `AFTER UPDATE ON ${qualified} FOR EACH ROW WHEN (${oldAsUsed} OPERATOR(pg_catalog.*<>) NEW)`),
    write: create("write", `AFTER INSERT OR DELETE ON ${qualified} FOR EACH ROW`),
    truncate: create("truncate", `AFTER TRUNCATE ON ${qualified} FOR EACH STATEMENT`),
  }
}
