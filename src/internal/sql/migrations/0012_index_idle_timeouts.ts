import type { Table } from "../table.ts"

/** An index of the moments at which keys with an idle timeout become idle. Other keys have no entry in it. */
export const indexIdleTimeouts = ({ table, qualified }: Table): ReadonlyArray<string> => [
  `CREATE INDEX IF NOT EXISTS "${table}_idle_idx" ON ${qualified} (${idleAt}, id) WHERE ${idleAt} IS NOT NULL`,
]

const units = [
  ["years?|ys?", 31_536_000],
  ["weeks?|ws?", 604_800],
  ["days?|ds?", 86_400],
  ["hours?|hs?", 3_600],
  ["minutes?|mins?|m", 60],
  ["seconds?|secs?|ss?", 1],
  ["milliseconds?|millis?|mss?", 0.001],
] as const

const text = `lower((policies ->> 'idleTimeout') COLLATE "C")`
const grammar = `^(?=[0-9])${units.map(([names]) => `(?: ?[0-9]{1,13} ?(?:${names}))?`).join("")}$`
const seconds = units
  .map(([names, each]) => `COALESCE(substring(${text} FROM '([0-9]+) ?(?:${names})(?![a-z])')::float8, 0) * ${each}`)
  .join(" + ")
const since = "GREATEST(last_used_at, rotated_at, created_at) AT TIME ZONE 'UTC'"
const end = `${since} + make_interval(secs => LEAST(${seconds}, 3153600000))`
const idleAt = `(CASE WHEN ${text} ~ '${grammar}' THEN LEAST(${end}, TIMESTAMP '9999-12-31 23:59:59.999') END AT TIME ZONE 'UTC')`
