/**
 * The moment at which a key becomes idle, as `IdleTimeout.idleAt` tells it: an expression, which has an index. NULL for a key without an idle
 * timeout. No literal has a backslash, whose meaning is the session's to set.
 */

/** The units of `internal/time/durations.ts` from the largest to the smallest, in seconds. */
const units = [
  ["years?|ys?", 31_536_000],
  ["weeks?|ws?", 604_800],
  ["days?|ds?", 86_400],
  ["hours?|hs?", 3_600],
  ["minutes?|mins?|m", 60],
  ["seconds?|secs?|ss?", 1],
  ["milliseconds?|millis?|mss?", 0.001],
] as const

const grammar = `^(?=[0-9])${units.map(([names]) => `(?: ?[0-9]{1,13} ?(?:${names}))?`).join("")}$`

/** All functions are immutable, as an index asks for, and no text of a timeout makes one fail. */
export const idleAtOf = (prefix = ""): string => {
  const text = `lower((${prefix}policies ->> 'idleTimeout') COLLATE "C")`
  const countOf = (names: string) => `COALESCE(substring(${text} FROM '([0-9]+) ?(?:${names})(?![a-z])')::float8, 0)`
  const seconds = units.map(([names, each]) => `${countOf(names)} * ${each}`).join(" + ")
  // The expression computes in UTC without a zone: a sum of an instant and an interval depends on the session's zone.
  const since = `GREATEST(${prefix}last_used_at, ${prefix}rotated_at, ${prefix}created_at) AT TIME ZONE 'UTC'`
  const end = `${since} + make_interval(secs => LEAST(${seconds}, 3153600000))`
  return `(CASE WHEN ${text} ~ '${grammar}' THEN LEAST(${end}, TIMESTAMP '9999-12-31 23:59:59.999') END AT TIME ZONE 'UTC')`
}
