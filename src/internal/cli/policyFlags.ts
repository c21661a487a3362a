/** The flags of the policies that every service knows. Each flag stands for the value of one kind. */
import * as Flag from "effect/cli/Flag"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import type { ApiKey } from "../../ApiKey.ts"
import * as AllowedIps from "../../AllowedIps.ts"
import * as IdleTimeout from "../../IdleTimeout.ts"
import * as Quota from "../../Quota.ts"
import * as RateLimit from "../../RateLimit.ts"
import { parseNetwork } from "../net/networks.ts"
import { usage } from "./CliFailure.ts"
import { string, toggle } from "./keyFlags.ts"

const limit = string("limit").pipe(
  Flag.withMetavar("name=units/time"),
  Flag.withDescription("How often it may be used: burst=10/1s, or daily=10000/1d:bucket (several: again, or with commas)"),
  Flag.atLeast(0),
)

const quota = string("quota").pipe(
  Flag.withMetavar("name=units/period"),
  Flag.withDescription(
    "How many units it may spend: monthly=1000/month, daily=50/day@Europe/Berlin, or trial=500 once (several: again, or with commas)",
  ),
  Flag.atLeast(0),
)

const allowIp = string("allow-ip").pipe(
  Flag.withMetavar("network"),
  Flag.withDescription("From where alone it may be used: 10.0.0.0/8, or 2001:db8::7 (several: again, or with commas)"),
  Flag.atLeast(0),
)

const idleTimeout = string("idle-timeout").pipe(
  Flag.withMetavar("time"),
  Flag.withDescription("How long it may lie unused, a time such as 90d"),
  Flag.optional,
)

/** The flags of a new key. */
export const policyFlags = { limit, quota, allowIp, idleTimeout }

/** The flags of a key that is changed. */
export const policyChangeFlags = {
  ...policyFlags,
  noLimits: toggle("no-limits", "Take all rate limits away"),
  noQuotas: toggle("no-quotas", "Take all quotas away"),
  noAllowedIps: toggle("no-allowed-ips", "Let it be used from anywhere"),
  noIdleTimeout: toggle("no-idle-timeout", "Let it lie unused for ever"),
}

interface PolicyFlags {
  readonly limit: ReadonlyArray<string>
  readonly noLimits?: boolean
  readonly quota: ReadonlyArray<string>
  readonly noQuotas?: boolean
  readonly allowIp: ReadonlyArray<string>
  readonly noAllowedIps?: boolean
  readonly idleTimeout: Option.Option<string>
  readonly noIdleTimeout?: boolean
}

/** The values by kind; `null` for a kind that is taken away. */
type Values = Readonly<Record<string, Schema.Json>>

export const readPolicies = Effect.fnUntraced(function* (flags: PolicyFlags) {
  const { limit, noLimits = false, quota, noQuotas = false, allowIp, noAllowedIps = false, idleTimeout, noIdleTimeout = false } = flags
  if (noIdleTimeout && Option.isSome(idleTimeout)) return yield* usage("--idle-timeout and --no-idle-timeout contradict each other")
  if (noAllowedIps && allowIp.length > 0) return yield* usage("--allow-ip and --no-allowed-ips contradict each other")
  if (noLimits && limit.length > 0) return yield* usage("--limit and --no-limits contradict each other")
  if (noQuotas && quota.length > 0) return yield* usage("--quota and --no-quotas contradict each other")
  const values: Record<string, Schema.Json> = {}
  if (noLimits) values[RateLimit.kind] = null
  if (limit.length > 0) {
    const parsed = RateLimit.parse(limit.join(","))
    if (Result.isFailure(parsed)) return yield* usage(`--limit ${parsed.failure}`)
    values[RateLimit.kind] = parsed.success
  }
  if (noQuotas) values[Quota.kind] = null
  if (quota.length > 0) {
    const parsed = Quota.parse(quota.join(","))
    if (Result.isFailure(parsed)) return yield* usage(`--quota ${parsed.failure}`)
    values[Quota.kind] = parsed.success
  }
  if (noAllowedIps) values[AllowedIps.kind] = null
  if (allowIp.length > 0) {
    const networks = allowIp.flatMap((text) => text.split(",")).map((text) => text.trim())
    const wrong = networks.map(parseNetwork).find(Result.isFailure)
    if (wrong !== undefined) return yield* usage(`--allow-ip ${wrong.failure}`)
    values[AllowedIps.kind] = networks
  }
  if (noIdleTimeout) values[IdleTimeout.kind] = null
  if (Option.isSome(idleTimeout)) {
    if (!isIdleTimeout(idleTimeout.value)) {
      return yield* usage("--idle-timeout must be a time of whole seconds from 1 minute to 36,500 days, such as 90d")
    }
    values[IdleTimeout.kind] = idleTimeout.value
  }
  return values
})

const isIdleTimeout = (text: string): boolean => Option.isSome(Schema.decodeOption(IdleTimeout.IdleTimeout)(text))

/** The policies of a record with these values in place of its own of the same kinds; none if no flag was given. */
export const withPolicies = ({ policies }: Pick<ApiKey, "policies">, values: Values): Option.Option<Schema.JsonObject | null> => {
  if (Object.keys(values).length === 0) return Option.none()
  const all = Object.entries({ ...policies, ...values }).filter(([, value]) => value !== null)
  return Option.some(all.length === 0 ? null : Object.fromEntries(all))
}
