/** Which keys a search is about, as a condition. */
import type * as DateTime from "effect/DateTime"
import type { Fragment } from "effect/sql/Statement"
import type { Filter } from "../record/contract.ts"
import { toSimpleLowerCase } from "../text/lowerCase.ts"
import { isStorableText } from "../text/storable.ts"
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
    const { ownerId, isActive, scopes, name, keyId, startsWith, neverUsed, expired } = filter
    const texts = [ownerId, name, keyId, ...(scopes ?? [])]
    if (texts.some((text) => text !== undefined && !isStorableText(text))) return sql.literal("FALSE")
    const clauses: Array<Fragment> = []
    if (ownerId !== undefined) clauses.push(sql`owner_id = ${ownerId}::text`)
    if (isActive !== undefined) clauses.push(sql`is_active = ${isActive}::boolean`)
    if (scopes !== undefined && scopes.length > 0) clauses.push(sql`scopes @> ${scopes}::text[]`)
    // No LIKE, so nothing in the text has a meaning of its own.
    if (name !== undefined) clauses.push(sql`strpos(name_lower, ${toSimpleLowerCase(name)}::text) > 0`)
    if (keyId !== undefined) clauses.push(sql`(key_id = ${keyId}::text OR previous_key_id = ${keyId}::text)`)
    if (startsWith !== undefined) clauses.push(beginning(startsWith))
    const from = (column: string, instant: DateTime.Utc | undefined) => {
      if (instant !== undefined) clauses.push(sql`${sql.literal(column)} >= ${toDate(instant)}::timestamptz`)
    }
    const before = (column: string, instant: DateTime.Utc | undefined) => {
      if (instant !== undefined) clauses.push(sql`${sql.literal(column)} < ${toDate(instant)}::timestamptz`)
    }
    from("created_at", filter.createdAfter)
    before("created_at", filter.createdBefore)
    from("expires_at", filter.expiresAfter)
    before("expires_at", filter.expiresBefore)
    from("last_used_at", filter.lastUsedAfter)
    before("last_used_at", filter.lastUsedBefore)
    from(tokenCreated(), filter.tokenCreatedAfter)
    before(tokenCreated(), filter.tokenCreatedBefore)
    if (neverUsed !== undefined) clauses.push(sql.literal(`last_used_at IS ${neverUsed ? "" : "NOT "}NULL`))
    if (expired !== undefined) {
      const at = toDate(expired.at)
      clauses.push(expired.is ? sql`expires_at <= ${at}::timestamptz` : sql`(expires_at > ${at}::timestamptz OR expires_at IS NULL)`)
    }
    return sql.and(clauses)
  }
}

/** When the current token was made. An index has this expression. */
export const tokenCreated = (prefix = ""): string => `COALESCE(${prefix}rotated_at, ${prefix}created_at)`
