/**
 * Rate limits: how often a key may be used. A record holds them as the policy `limits`: `{ "limits": [{ "name": "burst", "limit": 10,
 * "window": "1 second" }] }`.
 *
 * Every service knows this policy. `verify` takes a unit of each limit of the key, or of none; see `RateLimited` for a key that is over one.
 * @since 0.1.0
 */
import * as Duration from "effect/Duration"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import { wholeSeconds } from "./internal/schema/wholeSeconds.ts"

/** The kind of the policy that holds a record's limits. @category constants @since 0.1.0 */
export const kind = "limits"

/** The greatest {@link RateLimit} of uses in a window. @category constants @since 0.1.0 */
export const maxLimit = 1_000_000_000

/** How many limits a key can have. @category constants @since 0.1.0 */
export const maxLimits = 16

/**
 * The name of a limit, unique within its key: `[a-z][a-z0-9_-]*`, at most 32 characters.
 * @category schemas
 * @since 0.1.0
 */
export const LimitName = Schema.String.check(
  Schema.isMaxLength(32),
  Schema.isPattern(/^[a-z][a-z0-9_-]*$/u, { expected: "a name such as daily, of a-z, 0-9, _ and -" }),
).annotate({ examples: ["daily"] })

/** Whole seconds, as `RateLimit-Policy` states windows so. */
const Window = wholeSeconds({
  minimum: Duration.seconds(1),
  maximum: Duration.days(366),
  bounds: "from 1 second to 366 days",
  example: "1 day",
})

/**
 * A limit of uses.
 *
 * - `name`: {@link LimitName}.
 * - `limit`: the units, 1 to {@link maxLimit}.
 * - `window`: the time as text, `10 seconds` or `1d`: whole seconds, up to 366 days.
 * - `algorithm`: the promise that is kept. `window`, the default: any time of the window's length sees at most `limit` units. `bucket`: the
 *   bucket holds `limit` units and is refilled evenly, by `limit` units a window; any time sees at most `limit` units and the units refilled
 *   meanwhile.
 * - `whenUnavailable`: what happens to a use while the store in which nodes share the limit doesn't answer. `open`, the default, lets it through
 *   uncounted; `closed` refuses it with a `RepositoryError`; `local` counts it on this node alone, by this node's share of the limit.
 * - `per`: `key`, the default, or `owner`: all keys of the owner that have a limit of this name share the units. A key without an owner has the
 *   units alone.
 *
 * With `window`, a limit of up to 64 units is counted by single uses, so all of it can be used. A larger limit is counted in 32 parts of the
 * window. A part counts until it has left the window whole, so that at least 32/33 (0.97) of the limit can be used under steady demand.
 * @category schemas
 * @since 0.1.0
 */
export const RateLimit = Schema.Struct({
  name: LimitName,
  limit: Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: maxLimit })),
  window: Window,
  algorithm: Schema.optionalKey(Schema.Literals(["window", "bucket"])),
  per: Schema.optionalKey(Schema.Literals(["key", "owner"])),
  whenUnavailable: Schema.optionalKey(Schema.Literals(["open", "closed", "local"])),
}).annotate({ identifier: "RateLimit" })

/** @since 0.1.0 */
export type RateLimit = typeof RateLimit.Type

/**
 * The limits of a key: up to {@link maxLimits}, each with a name of its own. An empty list frees a key from the service's default limits.
 * @category schemas
 * @since 0.1.0
 */
export const RateLimits = Schema.Array(RateLimit).check(
  Schema.isMaxLength(maxLimits),
  Schema.makeFilter(
    (limits: ReadonlyArray<RateLimit>) => new Set(limits.map(({ name }) => name)).size === limits.length || "has a name twice",
  ),
)

/**
 * The state of a limit, or of a quota, after a verification.
 * @category models
 * @since 0.1.0
 */
export interface LimitState extends Schema.Schema.Type<typeof LimitState> {}

/** @category schemas @since 0.1.0 */
export const LimitState = Schema.Struct({
  name: LimitName,
  /** The units of the limit, or the amount of the quota. */
  limit: Schema.Int,
  /** The window's length in seconds; `null` of a quota, whose periods differ in length. */
  windowSeconds: Schema.NullOr(Schema.Int),
  /** Units that may be used at once. Units that other nodes have leased don't count. */
  remaining: Schema.Int,
  /** The time, in milliseconds, after which more units may be used; 0 if all may be used now, `null` of a quota that isn't refilled. */
  resetAfterMillis: Schema.NullOr(Schema.Finite),
}).annotate({ identifier: "LimitState" })

/**
 * Reads limits as the command line and the environment state them: `burst=10/1s,daily=10000/1d:bucket`. Gives the message of what is wrong.
 * @category constructors
 * @since 0.1.0
 * @example
 * ```ts
 * import { RateLimit } from "effect-api-key"
 * import { Result } from "effect"
 *
 * Result.getOrThrow(RateLimit.parse("daily=10000/1d")) // => [{ name: "daily", limit: 10000, window: "1d" }]
 * ```
 */
export const parse = (text: string): Result.Result<ReadonlyArray<typeof RateLimit.Encoded>, string> => {
  const limits: Array<typeof RateLimit.Encoded> = []
  for (const part of text.split(",")) {
    const [, name = "", limit = "", window = "", algorithm] = /^([^=]*)=(\d{1,10})\/([^:]*)(?::(window|bucket))?$/.exec(part.trim()) ?? []
    // The pattern has no other words.
    limits.push({ name, limit: Number(limit), window, ...(algorithm !== undefined && { algorithm: algorithm as "window" | "bucket" }) })
  }
  return Option.isSome(Schema.decodeUnknownOption(RateLimits)(limits))
    ? Result.succeed(limits)
    : Result.fail("must be limits such as burst=10/1s,daily=10000/1d: a name, units, and a time of whole seconds up to 366 days")
}

/**
 * The text that {@link parse} reads.
 * @category formatting
 * @since 0.1.0
 * @example
 * ```ts
 * import { RateLimit } from "effect-api-key"
 *
 * RateLimit.format([{ name: "daily", limit: 10_000, window: "1d" }]) // => "daily=10000/1d"
 * ```
 */
export const format = (limits: ReadonlyArray<typeof RateLimit.Encoded>): string =>
  limits
    .map(({ name, limit, window, algorithm }) => `${name}=${limit}/${window}${algorithm === undefined ? "" : `:${algorithm}`}`)
    .join(",")
