/** The events of changes of records. */
import type * as DateTime from "effect/DateTime"
import { type ApiKey, type ApiKeyId, type KeyId, keyIdsOf } from "../../ApiKey.ts"
import type { Actor, ApiKeyEvent, Operation } from "../../ApiKeyEvents.ts"
import type { KeyUnchanged } from "./invalidation.ts"

/** An operation, and its time. */
export interface Occasion {
  readonly operation: Operation
  readonly at: DateTime.Utc
}

interface OfRecord extends Occasion {
  readonly id: ApiKeyId
  readonly keyIds: ReadonlyArray<KeyId>
  readonly actor: Actor
}

export const ofRecord = (
  { operation, at }: Occasion,
  actor: Actor,
  apiKey: ApiKey,
  keyIds: ReadonlyArray<KeyId> = keyIdsOf(apiKey),
): OfRecord => ({ id: apiKey.id, keyIds, at, actor, operation })

export const unchanged = (apiKey: ApiKey): KeyUnchanged => ({ _tag: "KeyUnchanged", id: apiKey.id, keyIds: keyIdsOf(apiKey) })

/** The record before this change; `null` if another change came between the read and the write. */
export const exactly = (before: ApiKey | null, after: ApiKey): ApiKey | null =>
  before !== null && before.version + 1 === after.version ? before : null

/** Setting fields: one event for each, of which those about the status alone have kinds of their own. */
export const updated = (
  occasion: Occasion,
  actor: Actor,
  fields: ReadonlyArray<string>,
  before: ApiKey | null,
  after: ApiKey,
): ApiKeyEvent => {
  const base = { ...ofRecord(occasion, actor, after), before, after }
  if (fields.length === 1 && fields[0] === "isActive") {
    if (after.isActive) return { _tag: "KeyActivated", ...base }
    // A key that was inactive already keeps when and why it became so.
    const isNews = before === null ? after.deactivatedAt?.epochMilliseconds === occasion.at.epochMilliseconds : before.isActive
    if (isNews && after.deactivationReason !== null) return { _tag: "KeyDeactivated", ...base, reason: after.deactivationReason }
  }
  return { _tag: "KeyUpdated", ...base, fields }
}
