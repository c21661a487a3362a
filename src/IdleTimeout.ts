/**
 * Idle timeouts: how long a key may lie unused. A record holds one as the policy `idleTimeout`: `{ "idleTimeout": "90 days" }`.
 *
 * Every service knows this policy. `verify` refuses a key that became idle as `Expired` with the reason `idle`. An `update` that lengthens the
 * timeout, or takes it away, makes the key good again.
 * @since 0.1.0
 */
import * as DateTime from "effect/DateTime"
import * as Duration from "effect/Duration"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import type { ApiKey } from "./ApiKey.ts"
import { wholeSeconds } from "./internal/schema/wholeSeconds.ts"
import { latestMillis } from "./internal/time/instants.ts"

/** The kind of the policy that holds a record's idle timeout. @category constants @since 0.1.0 */
export const kind = "idleTimeout"

/**
 * A time as text, such as `90 days` or `12h`: whole seconds, from 1 minute to 36,500 days.
 * @category schemas
 * @since 0.1.0
 * @example
 * ```ts
 * import { Duration, Schema } from "effect"
 * import { IdleTimeout } from "effect-api-key"
 *
 * Duration.toDays(Schema.decodeUnknownSync(IdleTimeout.IdleTimeout)("12 weeks")) // => 84
 * ```
 */
export const IdleTimeout: Schema.Codec<Duration.Duration, string> = wholeSeconds({
  minimum: Duration.minutes(1),
  maximum: Duration.days(36_500),
  bounds: "from 1 minute to 36,500 days",
  example: "90 days",
})

/**
 * The moment from which a key's idle time counts: its last use, or its creation or last rotation if that is later.
 * @category models
 * @since 0.1.0
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import { ApiKeys, IdleTimeout } from "effect-api-key"
 *
 * const program = Effect.gen(function* () {
 *   const { apiKey } = yield* ApiKeys.ApiKeys.use((apiKeys) => apiKeys.create({ name: "unused" }))
 *   return IdleTimeout.idleSince(apiKey) // the same moment as apiKey.createdAt
 * })
 * ```
 */
export const idleSince = ({ lastUsedAt, rotatedAt, createdAt }: Pick<ApiKey, "lastUsedAt" | "rotatedAt" | "createdAt">): DateTime.Utc => {
  const since = rotatedAt === null ? createdAt : DateTime.max(rotatedAt, createdAt)
  return lastUsedAt === null ? since : DateTime.max(lastUsedAt, since)
}

const decode = Schema.decodeUnknownOption(IdleTimeout)

/**
 * The moment at which a key becomes idle if it isn't used before; `null` for a key without an idle timeout. A moment after the year 9999 is the
 * end of that year.
 * @category models
 * @since 0.1.0
 * @example
 * ```ts
 * import { DateTime, Effect } from "effect"
 * import { type ApiKey, IdleTimeout } from "effect-api-key"
 *
 * const isIdle = Effect.fn(function* (key: ApiKey.ApiKey) {
 *   const at = IdleTimeout.idleAt(key)
 *   return at !== null && DateTime.isLessThanOrEqualTo(at, yield* DateTime.now)
 * })
 * ```
 */
export const idleAt = (key: Pick<ApiKey, "policies" | "lastUsedAt" | "rotatedAt" | "createdAt">): DateTime.Utc | null =>
  Option.match(decode(key.policies?.[kind]), {
    onNone: () => null,
    onSome: (timeout) => DateTime.makeUnsafe(Math.min(idleSince(key).epochMilliseconds + Duration.toMillis(timeout), latestMillis)),
  })
