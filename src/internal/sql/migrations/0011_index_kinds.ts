import type { Table } from "../table.ts"

/**
 * An index of the few kinds of tokens for current ones, and another for previous ones. A kind is a sealing key and a hash's scheme, each cut to 200
 * characters, as an entry of an index has to fit a page. The indexes may have been built before, without a lock.
 */
export const indexKinds = ({ table, qualified }: Table): ReadonlyArray<string> => [
  `CREATE INDEX IF NOT EXISTS "${table}_kind_idx" ON ${qualified} (${sealOf("")}, ${schemeOf("hash")}, is_active)`,
  `CREATE INDEX IF NOT EXISTS "${table}_previous_kind_idx" ON ${qualified} (${sealOf("previous_")}, ${schemeOf("previous_hash")}, is_active) WHERE previous_hash IS NOT NULL`,
]

const sealOf = (prefix: "" | "previous_"): string =>
  `(left(COALESCE(CASE WHEN starts_with(${prefix}seal_id, ${prefix}key_id || ' ') THEN substr(${prefix}seal_id, length(${prefix}key_id) + 2) END, ''), 200))`

const schemeOf = (hash: "hash" | "previous_hash"): string => {
  const label = `COALESCE(substring(${hash} FROM '^[$]pepper=[A-Za-z0-9_-]{1,32}(?=[$]|$)'), '')`
  const parameter = "[a-z0-9-]{1,32}=[A-Za-z0-9/+.-]+"
  const scheme = `^(?:[$]legacy-[a-z0-9-]+)?[$][^$]+(?:[$](?:[0-9]{1,9}|${parameter}(?:,${parameter})*))*(?=[$])`
  return `(left(${label} || COALESCE(substring(substr(${hash}, length(${label}) + 1) FROM '${scheme}'), ''), 200))`
}
