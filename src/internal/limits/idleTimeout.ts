/** The policy `idleTimeout`: keys that are refused once they weren't used for a time. */
import * as DateTime from "effect/DateTime"
import * as Duration from "effect/Duration"
import { type ApiKey, keyIdsOf, type KeyId } from "../../ApiKey.ts"
import { Expired } from "../../ApiKeyError.ts"
import { IdleTimeout, idleSince, kind } from "../../IdleTimeout.ts"
import * as KeyPolicy from "../../KeyPolicy.ts"
import { keyIdOf } from "../record/previousToken.ts"
import { withoutStack } from "../schema/withoutStack.ts"

export interface Dependencies {
  /** The interval at which nodes write uses. */
  readonly lastUsedInterval: Duration.Duration
  /** The time, in milliseconds, of a token's latest use on this node, which the record in the store may not show yet. */
  readonly unwritten: (keyId: KeyId) => number | undefined
}

/** Other nodes write uses late, so a key works on for two of their intervals, and 2 minutes at least. */
const leewayOf = (lastUsedInterval: Duration.Duration): number => Math.max(120_000, 2 * Duration.toMillis(lastUsedInterval))

export const make = ({ lastUsedInterval, unwritten }: Dependencies): KeyPolicy.KeyPolicy => {
  const leeway = leewayOf(lastUsedInterval)
  const latestUnwritten = (apiKey: ApiKey): number =>
    Math.max(...keyIdsOf(apiKey).map((keyId) => unwritten(keyId) ?? Number.NEGATIVE_INFINITY))

  return KeyPolicy.make({
    kind,
    schema: IdleTimeout,
    compile: (timeout) => {
      const millis = Duration.toMillis(timeout)
      return {
        rule: (subject, _use, now) => {
          const written = idleSince(subject.apiKey).epochMilliseconds
          if (now < written + millis + leeway) return undefined
          const since = Math.max(written, latestUnwritten(subject.apiKey))
          if (now < since + millis + leeway) return undefined
          const expiresAt = DateTime.makeUnsafe(since + millis)
          return withoutStack(() => new Expired({ keyId: keyIdOf(subject), expiresAt, reason: "idle" }, { disableChecks: true }))
        },
      }
    },
  })
}
