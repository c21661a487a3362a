/**
 * How verification remembers: good tokens for up to a minute, refused ones for a few seconds. It is on unless `ApiKeys.Options` say
 * `cache: "off"`.
 *
 * An entry is the record and SHA-256 digests of the token and of the stored hash, never a token, secret or hash. Expiry, deactivation and
 * scopes are judged at each use. An entry is used until its time is over or a change of its key is heard of, and lives on only by what
 * the database says: then the record is read again, and the secret isn't hashed again as long as the stored hash is the same.
 * @since 0.1.0
 */
import * as Duration from "effect/Duration"
import { toMillis } from "./internal/millis.ts"

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

/** @category models @since 0.1.0 */
export interface Settings {
  readonly entries: number
  readonly bytes: number
  /** In milliseconds. */
  readonly timeToLive: number
  readonly refusals: number
  /** In milliseconds. */
  readonly refusalTimeToLive: number
}

/** Fills in the defaults. @category constructors @since 0.1.0 */
export const settings = (options: Options | "off" = {}): Settings => {
  if (options === "off") return { entries: 0, bytes: 0, timeToLive: 0, refusals: 0, refusalTimeToLive: 0 }
  const timeToLive = toMillis(options.timeToLive ?? "60 seconds")
  return {
    entries: options.entries ?? 100_000,
    bytes: options.bytes ?? 128 * 1_024 * 1_024,
    timeToLive,
    refusals: options.refusals ?? 10_000,
    refusalTimeToLive: Math.min(timeToLive, toMillis(options.refusalTimeToLive ?? "5 seconds")),
  }
}
