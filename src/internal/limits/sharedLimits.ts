/** The policy `limits` on several nodes: rate limits whose units are leased, each lease for a short time. */
import * as Duration from "effect/Duration"
import * as KeyPolicy from "../../KeyPolicy.ts"
import { kind, type RateLimit, RateLimits } from "../../RateLimit.ts"
import { RateLimited } from "../../ApiKeyError.ts"
import { keyIdOf } from "../record/previousToken.ts"
import { withoutStack } from "../schema/withoutStack.ts"
import type { Held } from "./held.ts"
import type { Leases } from "./leases.ts"
import * as Metered from "./metered.ts"
import { unitsOf } from "./rateLimits.ts"

export interface Dependencies {
  readonly leases: Leases
  /** The limits of every key beside its own. */
  readonly always: ReadonlyArray<RateLimit>
}

export const make = ({ leases, always }: Dependencies): KeyPolicy.KeyPolicy => {
  const { take } = Metered.make(leases, refuse)
  return KeyPolicy.make({
    kind,
    schema: RateLimits,
    compile: (given) => {
      const of = [...given.map(compile("own")), ...always.map(compile("all"))]
      if (of.length === 0) return {}
      return {
        meter: (subject, use) => {
          const units = unitsOf(use)
          return take(of, subject, of.some(({ limit }) => units > limit) ? Number.POSITIVE_INFINITY : units)
        },
      }
    },
  })
}

const compile =
  (source: "own" | "all") =>
  ({ name, limit, window, algorithm = "window", per = "key", whenUnavailable = "open" }: RateLimit): Metered.Metered => {
    const windowMillis = Duration.toMillis(window)
    const _tag = algorithm === "window" ? "Window" : "Bucket"
    const place = `limit ${source} ${name} ${windowMillis} ${algorithm}`
    return {
      name,
      limit,
      whenUnavailable,
      rate: { limit, window: windowMillis, algorithm },
      windowSeconds: windowMillis / 1_000,
      place,
      // Keys that have different limits of a name don't share one.
      shared: per === "owner" ? `${place} ${limit}` : undefined,
      ruleAt: (_storeNow, _at, leaseMillis) => ({ _tag, limit, windowMillis, leaseMillis }),
    }
  }

const refuse = (
  subject: KeyPolicy.Subject,
  of: ReadonlyArray<Metered.Metered>,
  helds: ReadonlyArray<Held>,
  units: number,
  now: number,
): RateLimited => {
  // There is a meter for each limit.
  const waits = of.map(({ name, limit }, index) => ({ name, limit, wait: helds[index]!.waitFor(units, now) }))
  const longest = waits.reduce((longest, each) => (each.wait > longest.wait ? each : longest))
  const fields = {
    keyId: keyIdOf(subject),
    name: longest.name,
    limit: longest.limit,
    retryAfter: Number.isFinite(longest.wait) ? Duration.millis(Math.max(1, Math.ceil(longest.wait))) : null,
    violated: waits.flatMap(({ name, wait }) => (wait > 0 ? [name] : [])),
    limits: Metered.statesOf(of, helds, now),
  }
  return withoutStack(() => new RateLimited(fields, { disableChecks: true }))
}
