/** What is asked of a token, and the answer. `ApiKeys` exports both. */
import type * as DateTime from "effect/DateTime"
import type * as Duration from "effect/Duration"
import type { ApiKey, UsedToken } from "../../ApiKey.ts"

/** What is asked of a token. @category models @since 0.1.0 */
export interface VerifyOptions {
  /** The key must hold all of these. */
  readonly scopes?: ReadonlyArray<string> | undefined
  /** How old the answer may be. Less than the cache's time to live makes it ask the store more often, 0 each time, as does what is no duration. */
  readonly maxAge?: Duration.Input | undefined
  /** Whether a good token's `lastUsedAt` is set. Not by who looks at a token that somebody else had, as it was found say. Default: yes. */
  readonly countsAsUse?: boolean | undefined
}

/** A good token's record, and when the store said so. @category models @since 0.1.0 */
export interface Verified {
  readonly apiKey: ApiKey
  /** Whether it was the key's token, or the one before, whose grace still runs. */
  readonly usedToken: UsedToken
  /** The record is as it was at this moment, or later. Changes that were heard of since have been applied. */
  readonly checkedAt: DateTime.Utc
}
