/** The flags of the policies that every service knows. Each flag stands for the value of one kind. */
import * as Flag from "effect/cli/Flag"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import type * as Schema from "effect/Schema"
import type { ApiKey } from "../../ApiKey.ts"
import * as RateLimit from "../../RateLimit.ts"
import { usage } from "./CliFailure.ts"
import { string, toggle } from "./keyFlags.ts"

const limit = string("limit").pipe(
  Flag.withMetavar("name=units/time"),
  Flag.withDescription("How often it may be used: burst=10/1s, or daily=10000/1d:bucket (several: again, or with commas)"),
  Flag.atLeast(0),
)

/** The flags of a new key. */
export const policyFlags = { limit }

/** The flags of a key that is changed. */
export const policyChangeFlags = { limit, noLimits: toggle("no-limits", "Take all rate limits away") }

interface PolicyFlags {
  readonly limit: ReadonlyArray<string>
  readonly noLimits?: boolean
}

/** The values by kind; `null` for a kind that is taken away. */
type Values = Readonly<Record<string, Schema.Json>>

export const readPolicies = Effect.fnUntraced(function* ({ limit, noLimits = false }: PolicyFlags) {
  if (noLimits && limit.length > 0) return yield* usage("--limit and --no-limits contradict each other")
  const values: Record<string, Schema.Json> = {}
  if (noLimits) values[RateLimit.kind] = null
  if (limit.length > 0) {
    const parsed = RateLimit.parse(limit.join(","))
    if (Result.isFailure(parsed)) return yield* usage(`--limit ${parsed.failure}`)
    values[RateLimit.kind] = parsed.success
  }
  return values
})

/** The policies of a record with these values in place of its own of the same kinds; none if no flag was given. */
export const withPolicies = ({ policies }: Pick<ApiKey, "policies">, values: Values): Option.Option<Schema.JsonObject | null> => {
  if (Object.keys(values).length === 0) return Option.none()
  const all = Object.entries({ ...policies, ...values }).filter(([, value]) => value !== null)
  return Option.some(all.length === 0 ? null : Object.fromEntries(all))
}
