/**
 * The cache of verification: good tokens are remembered for up to a minute, refused tokens for a few seconds. The option `cache: "off"` of
 * `ApiKeys.Options` turns the cache off.
 *
 * An entry holds the record, and SHA-256 digests of the token and of the stored hash. No entry holds a token, secret or hash. Expiry,
 * deactivation and scopes are judged at each use. An entry is used until its time is over, or until the node hears of a change of its key. Then
 * the record is read from the database again. The secret is hashed again only if the stored hash has changed.
 * @since 0.1.0
 */
import type * as Duration from "effect/Duration"

/**
 * The bounds of the cache: numbers of entries, bytes, and times to live.
 * @category models
 * @since 0.1.0
 */
export interface Options {
  /** The number of keys. Default: 100,000. */
  readonly entries?: number | undefined
  /** The estimated bytes of memory for the keys. Default: 128 MiB. */
  readonly bytes?: number | undefined
  /**
   * The time to live of an entry whose key has no known change. Where changes aren't heard, a revoked key may go on working for this time.
   * Default: 60 seconds.
   */
  readonly timeToLive?: Duration.Input | undefined
  /** The number of refused tokens (unknown key id or wrong secret). Default: 10,000. */
  readonly refusals?: number | undefined
  /** The time for which a refused token is refused again without asking the store, at most `timeToLive`. Default: 5 seconds. */
  readonly refusalTimeToLive?: Duration.Input | undefined
}
