/**
 * How verification remembers: good tokens for up to a minute, refused ones for a few seconds. It is on unless `ApiKeys.Options` say
 * `cache: "off"`.
 *
 * An entry is the record and SHA-256 digests of the token and of the stored hash, never a token, secret or hash. Expiry, deactivation and
 * scopes are judged at each use. An entry is used until its time is over, or until the node hears of a change of its key. Then the record is read
 * from the database again. The secret is hashed again only if the stored hash has changed.
 * @since 0.1.0
 */
import type * as Duration from "effect/Duration"

/**
 * How much is remembered, and for how long.
 * @category models
 * @since 0.1.0
 */
export interface Options {
  /** How many keys. Default: 100,000. */
  readonly entries?: number | undefined
  /** Bytes of memory for them, as an estimate. Default: 128 MiB. */
  readonly bytes?: number | undefined
  /**
   * How long an answer holds that no change has been heard of. It is the last resort where changes aren't heard, and so the longest time
   * that a revoked key may go on working there. Default: 60 seconds.
   */
  readonly timeToLive?: Duration.Input | undefined
  /** How many refused tokens (unknown key id or wrong secret). Default: 10,000. */
  readonly refusals?: number | undefined
  /** How long a refused token is refused again unasked, at most `timeToLive`. Default: 5 seconds. */
  readonly refusalTimeToLive?: Duration.Input | undefined
}
