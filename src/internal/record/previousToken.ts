/** The previous token of a record, and its end. */
import * as DateTime from "effect/DateTime"
import type { ApiKey, KeyId, UsedToken } from "../../ApiKey.ts"

/** The key id of the token that was presented. */
export const keyIdOf = ({ apiKey, usedToken }: { readonly apiKey: ApiKey; readonly usedToken: UsedToken }): KeyId =>
  usedToken === "previous" && apiKey.previous !== null ? apiKey.previous.keyId : apiKey.keyId

/**
 * The end of the previous token, in milliseconds. Infinite for a grace without an end yet, which waits for the new token's first use. A token with
 * neither an end nor a grace has ended: 0.
 */
export const endOfPrevious = ({ previous }: Pick<ApiKey, "previous">): number =>
  previous?.expiresAt?.epochMilliseconds ?? ((previous?.graceSeconds ?? null) === null ? 0 : Number.POSITIVE_INFINITY)

/** Whether a use of the token settles the end of the token before it. */
export const beginsGrace = ({ previous }: Pick<ApiKey, "previous">, usedToken: UsedToken): boolean =>
  usedToken === "current" && previous !== null && previous.graceSeconds !== null

/**
 * Whether the previous token still works. An end that had passed at the record's last write stays passed, even if a clock is behind (decision
 * 0022).
 */
export const isPreviousLive = (apiKey: Pick<ApiKey, "previous" | "updatedAt">, now: number): boolean =>
  endOfPrevious(apiKey) > Math.max(now, apiKey.updatedAt.epochMilliseconds)

/** The end of the previous token for callers: not after the key's own end. `null` while neither has an end. */
export const toldEndOfPrevious = ({ previous, expiresAt }: Pick<ApiKey, "previous" | "expiresAt">): DateTime.Utc | null => {
  const end = previous?.expiresAt ?? null
  return end === null || expiresAt === null ? (end ?? expiresAt) : DateTime.min(end, expiresAt)
}
