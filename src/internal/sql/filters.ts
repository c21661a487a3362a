/** Which keys a search is about, as a condition. */
import type { Fragment } from "effect/sql/Statement"
import type { Filter } from "../record/contract.ts"
import { boundsOf, fields, type RangeField, rangeFields, type StoreSortField, valueFields } from "../record/fields.ts"
import { toSimpleLowerCase } from "../text/lowerCase.ts"
import { isStorableText } from "../text/storable.ts"
import { typeOf } from "./columns.ts"
import { idleAtOf } from "./idleAt.ts"
import { type Store, toDate } from "./store.ts"

export const whereOf = ({ sql }: Store): ((filter: Filter) => Fragment) => {
  // As ranges, which the indexes know. In ASCII's order the end is the last character's successor.
  const beginning = (text: string): Fragment => {
    if (!/^[!-~]*$/.test(text)) return sql.literal("FALSE")
    if (text === "") return sql.literal("TRUE")
    const end = `${text.slice(0, -1)}${String.fromCharCode(text.charCodeAt(text.length - 1) + 1)}`
    const within = (column: string) => sql`(${sql.literal(column)} >= ${text}::text AND ${sql.literal(column)} < ${end}::text)`
    const either = [within("key_id"), within("previous_key_id")]
    const [least, most] = ["00000000-0000-0000-0000-000000000000", "ffffffff-ffff-ffff-ffff-ffffffffffff"].map(
      (id) => text + id.slice(text.length),
    )
    if (/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(least ?? "")) either.push(sql`id BETWEEN ${least}::uuid AND ${most}::uuid`)
    return sql.or(either)
  }

  return (filter) => {
    const { scopes, name, keyId, startsWith, neverUsed, expired } = filter
    const texts = [name, keyId, ...(scopes ?? []), ...valueFields.map((field) => filter[field])]
    if (texts.some((text) => typeof text === "string" && !isStorableText(text))) return sql.literal("FALSE")
    const clauses: Array<Fragment> = []
    for (const field of valueFields) {
      const { kind, name: column } = fields[field].column
      const value = filter[field]
      if (value !== undefined) clauses.push(sql`${sql.literal(column)} = ${value}::${sql.literal(typeOf[kind].parameter)}`)
    }
    if (scopes !== undefined && scopes.length > 0) clauses.push(sql`scopes @> ${scopes}::text[]`)
    // No LIKE, so nothing in the text has a meaning of its own.
    if (name !== undefined) clauses.push(sql`strpos(name_lower, ${toSimpleLowerCase(name)}::text) > 0`)
    if (keyId !== undefined) clauses.push(sql`(key_id = ${keyId}::text OR previous_key_id = ${keyId}::text)`)
    if (startsWith !== undefined) clauses.push(beginning(startsWith))
    for (const field of rangeFields) {
      const column = sql.literal(sortColumn(field))
      const [after, before] = boundsOf(field).map((bound) => filter[bound])
      if (after !== undefined) clauses.push(sql`${column} >= ${toDate(after)}::timestamptz`)
      if (before !== undefined) clauses.push(sql`${column} < ${toDate(before)}::timestamptz`)
    }
    if (neverUsed !== undefined) clauses.push(sql.literal(`last_used_at IS ${neverUsed ? "" : "NOT "}NULL`))
    if (expired !== undefined) {
      const at = toDate(expired.at)
      clauses.push(expired.is ? sql`expires_at <= ${at}::timestamptz` : sql`(expires_at > ${at}::timestamptz OR expires_at IS NULL)`)
    }
    return sql.and(clauses)
  }
}

/** The column of a field that is sorted by, or the expression, which has an index. */
export const sortColumn = (field: StoreSortField | RangeField, prefix = ""): string => {
  switch (field) {
    case "tokenCreatedAt":
      return `COALESCE(${prefix}${fields.rotatedAt.column.name}, ${prefix}${fields.createdAt.column.name})`
    case "idleAt":
      return idleAtOf(prefix)
    default:
      return prefix + fields[field].column.name
  }
}
