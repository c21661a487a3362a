/** When a previous token ends. */
import * as DateTime from "effect/DateTime"
import type { ApiKey, UsedToken } from "../../ApiKey.ts"

/**
 * In milliseconds. A grace that waits for the new token's first use need not have an end yet; any other has one, and without one the token
 * has ended.
 */
export const endOfPrevious = ({ previous }: Pick<ApiKey, "previous">): number =>
  previous?.expiresAt?.epochMilliseconds ?? ((previous?.graceSeconds ?? null) === null ? 0 : Number.POSITIVE_INFINITY)

/** Whether a use of the token settles when the one before it ends. */
export const beginsGrace = ({ previous }: Pick<ApiKey, "previous">, usedToken: UsedToken): boolean =>
  usedToken === "current" && previous !== null && previous.graceSeconds !== null

/**
 * Whether the previous token still works, or will until the new one is used. An end that had passed when the record was last written is a
 * fact, as is an end that was set on purpose: a clock that is behind undoes neither.
 */
export const isPreviousLive = (apiKey: Pick<ApiKey, "previous" | "updatedAt">, now: number): boolean =>
  endOfPrevious(apiKey) > Math.max(now, apiKey.updatedAt.epochMilliseconds)

/** The end of a previous token as a caller is told of it: not after the key's own, and `null` where neither has one yet. */
export const toldEndOfPrevious = ({ previous, expiresAt }: Pick<ApiKey, "previous" | "expiresAt">): DateTime.Utc | null => {
  const end = previous?.expiresAt ?? null
  return end === null || expiresAt === null ? (end ?? expiresAt) : DateTime.min(end, expiresAt)
}
