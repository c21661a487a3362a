/** The question about a token, and the answer. `ApiKeys` exports both. */
import type * as DateTime from "effect/DateTime"
import type * as Duration from "effect/Duration"
import type { ApiKey, UsedToken } from "../../ApiKey.ts"
import type { LimitState } from "../../RateLimit.ts"

/** The requirements of a verification. @category models @since 0.1.0 */
export interface VerifyOptions {
  /** The key must hold all of these. */
  readonly scopes?: ReadonlyArray<string> | undefined
  /**
   * The greatest age of the answer. With less than the cache's time to live, the store is asked more often. With 0, or a value that is no
   * duration, the store is asked each time.
   */
  readonly maxAge?: Duration.Input | undefined
  /**
   * Whether a good token's `lastUsedAt` is set. A look at another person's token, such as a leaked one, should not set it. Default: yes.
   */
  readonly countsAsUse?: boolean | undefined
  /**
   * The units that the use takes from each of the key's rate limits: a whole number. 0 looks without taking. A use that costs more than a limit,
   * or a number that isn't whole, is refused as `RateLimited`. Default: 1, or 0 where `countsAsUse` is `false`.
   */
  readonly cost?: number | undefined
  /** The caller's IP address, for keys that may be used from certain addresses only. Default: unknown. */
  readonly address?: string | undefined
}

/** A good token's record, and the time at which the store confirmed it. @category models @since 0.1.0 */
export interface Verified {
  readonly apiKey: ApiKey
  /** Whether the token is the key's current one, or the previous one, whose grace still runs. */
  readonly usedToken: UsedToken
  /** The record is as it was at this moment, or later. Changes that were heard of since have been applied. */
  readonly checkedAt: DateTime.Utc
  /** The key's rate limits after this use; none for a key without limits. */
  readonly limits: ReadonlyArray<LimitState>
}
