/** What is left of a key's quotas, and changes of their balances by hand. */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import type * as Model from "../../ApiKey.ts"
import { ApiKeyNotFound, InvalidInput, RepositoryError } from "../../ApiKeyError.ts"
import type { ApiKeyRepository } from "../../ApiKeyRepository.ts"
import type { Adjusted, Adjustment, Meters } from "../../Meters.ts"
import * as Quota from "../../Quota.ts"
import type { LimitState } from "../../RateLimit.ts"
import * as Calendar from "../limits/calendar.ts"
import { meterOf } from "../limits/metered.ts"
import { compile, ruleAt } from "../limits/quotas.ts"
import { firstIssue } from "../schema/firstIssue.ts"
import { decodeId } from "./input.ts"

export interface Dependencies {
  readonly repository: ApiKeyRepository["Service"]
  readonly meters: Meters["Service"]
  /** The store's time, in milliseconds since 1970. */
  readonly storeNow: () => number
}

type Failure = InvalidInput | ApiKeyNotFound | RepositoryError

/** How often the store may be of another period than this node. */
const maxStale = 6

export const make = ({ repository, meters, storeNow }: Dependencies) => {
  const find = Effect.fnUntraced(function* (text: string): Effect.fn.Return<Model.ApiKey, Failure> {
    const id = yield* decodeId(text)
    const found = yield* repository.findById(id)
    return Option.isSome(found) ? found.value.apiKey : yield* new ApiKeyNotFound({ id })
  })

  const quotasOf = ({ policies }: Model.ApiKey): Effect.Effect<Quota.Quotas, RepositoryError> =>
    policies?.[Quota.kind] === undefined
      ? Effect.succeed([])
      : Effect.mapError(
          decodeQuotas(policies[Quota.kind]),
          (cause) => new RepositoryError({ operation: "read the quotas of an API key", isRetryable: false, cause }),
        )

  const adjust = Effect.fnUntraced(function* (
    apiKey: Model.ApiKey,
    quota: Quota.Quota,
    change: Pick<Adjustment, "request" | "kind" | "units">,
  ): Effect.fn.Return<{ readonly adjusted: Adjusted; readonly end: number | null }, RepositoryError> {
    const meter = meterOf(compile(quota), apiKey)
    const calendar = Calendar.compile(quota)
    let time = storeNow()
    let at: number | undefined
    for (let tries = 0; ; tries++) {
      const rule = ruleAt(calendar, time, at)
      const adjusted = yield* Effect.mapError(
        meters.adjust({ meter, rule, ...change }),
        (cause) => new RepositoryError({ operation: "change a quota", isRetryable: true, cause }),
      )
      if (adjusted.outcome !== "stale" || tries === maxStale) return { adjusted, end: rule.end }
      at = adjusted.at
      time = adjusted.now
    }
  })

  return {
    quotas: Effect.fn("ApiKeys.quotas")(function* (text: string): Effect.fn.Return<ReadonlyArray<LimitState>, Failure> {
      const apiKey = yield* find(text)
      return yield* Effect.forEach(yield* quotasOf(apiKey), (quota) =>
        Effect.map(adjust(apiKey, quota, look), ({ adjusted: { remaining, now }, end }) => ({
          name: quota.name,
          limit: quota.amount,
          windowSeconds: null,
          remaining,
          resetAfterMillis: remaining >= quota.amount ? 0 : end === null ? null : Math.max(1, Math.ceil(end - now)),
        })),
      )
    }),
    changeQuota: Effect.fn("ApiKeys.changeQuota")(function* (
      text: string,
      input: Quota.QuotaChange,
    ): Effect.fn.Return<Quota.QuotaChanged, Failure> {
      const {
        quota: name,
        change,
        units,
        requestId,
      } = yield* Effect.mapError(decodeChange(input, { onExcessProperty: "error" }), ({ issue }) => {
        const { path, message } = firstIssue(issue)
        return new InvalidInput({ field: path.join(".") || "change", reason: message })
      })
      const apiKey = yield* find(text)
      const quota = (yield* quotasOf(apiKey)).find((quota) => quota.name === name)
      if (quota === undefined) return yield* new InvalidInput({ field: "quota", reason: "the key has no quota of this name" })
      const kind = change === "refund" ? "refund" : "add"
      const { adjusted } = yield* adjust(apiKey, quota, { request: requestId, kind, units: change === "takeBack" ? -units : units })
      switch (adjusted.outcome) {
        case "conflict":
          return yield* new InvalidInput({ field: "requestId", reason: "was used for another change of this quota" })
        case "stale": {
          const cause = new Error("The store is of another period than this node: do their clocks agree?")
          return yield* new RepositoryError({ operation: "change a quota", isRetryable: true, cause })
        }
        default:
          return { units: Math.abs(adjusted.units), remaining: adjusted.remaining, isRepeated: adjusted.outcome === "repeated" }
      }
    }),
  }
}

const look = { request: null, kind: "add", units: 0 } as const

const decodeQuotas = Schema.decodeUnknownEffect(Quota.Quotas, { onExcessProperty: "error" })
const decodeChange = Schema.decodeUnknownEffect(Quota.QuotaChange)
