/** The flags of the policies that every service knows. Each flag stands for the value of one kind. */
import * as Flag from "effect/cli/Flag"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import type * as Schema from "effect/Schema"
import type { ApiKey } from "../../ApiKey.ts"
import * as AllowedIps from "../../AllowedIps.ts"
import * as RateLimit from "../../RateLimit.ts"
import { parseNetwork } from "../net/networks.ts"
import { usage } from "./CliFailure.ts"
import { string, toggle } from "./keyFlags.ts"

const limit = string("limit").pipe(
  Flag.withMetavar("name=units/time"),
  Flag.withDescription("How often it may be used: burst=10/1s, or daily=10000/1d:bucket (several: again, or with commas)"),
  Flag.atLeast(0),
)

const allowIp = string("allow-ip").pipe(
  Flag.withMetavar("network"),
  Flag.withDescription("From where alone it may be used: 10.0.0.0/8, or 2001:db8::7 (several: again, or with commas)"),
  Flag.atLeast(0),
)

/** The flags of a new key. */
export const policyFlags = { limit, allowIp }

/** The flags of a key that is changed. */
export const policyChangeFlags = {
  ...policyFlags,
  noLimits: toggle("no-limits", "Take all rate limits away"),
  noAllowedIps: toggle("no-allowed-ips", "Let it be used from anywhere"),
}

interface PolicyFlags {
  readonly limit: ReadonlyArray<string>
  readonly noLimits?: boolean
  readonly allowIp: ReadonlyArray<string>
  readonly noAllowedIps?: boolean
}

/** The values by kind; `null` for a kind that is taken away. */
type Values = Readonly<Record<string, Schema.Json>>

export const readPolicies = Effect.fnUntraced(function* ({ limit, noLimits = false, allowIp, noAllowedIps = false }: PolicyFlags) {
  if (noAllowedIps && allowIp.length > 0) return yield* usage("--allow-ip and --no-allowed-ips contradict each other")
  if (noLimits && limit.length > 0) return yield* usage("--limit and --no-limits contradict each other")
  const values: Record<string, Schema.Json> = {}
  if (noLimits) values[RateLimit.kind] = null
  if (limit.length > 0) {
    const parsed = RateLimit.parse(limit.join(","))
    if (Result.isFailure(parsed)) return yield* usage(`--limit ${parsed.failure}`)
    values[RateLimit.kind] = parsed.success
  }
  if (noAllowedIps) values[AllowedIps.kind] = null
  if (allowIp.length > 0) {
    const networks = allowIp.flatMap((text) => text.split(",")).map((text) => text.trim())
    const wrong = networks.map(parseNetwork).find(Result.isFailure)
    if (wrong !== undefined) return yield* usage(`--allow-ip ${wrong.failure}`)
    values[AllowedIps.kind] = networks
  }
  return values
})

/** The policies of a record with these values in place of its own of the same kinds; none if no flag was given. */
export const withPolicies = ({ policies }: Pick<ApiKey, "policies">, values: Values): Option.Option<Schema.JsonObject | null> => {
  if (Object.keys(values).length === 0) return Option.none()
  const all = Object.entries({ ...policies, ...values }).filter(([, value]) => value !== null)
  return Option.some(all.length === 0 ? null : Object.fromEntries(all))
}
