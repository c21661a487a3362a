/** The options of the service with their defaults. Options that make no sense are refused. */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import * as ApiKeyToken from "../../ApiKeyToken.ts"
import type { KeyPolicy } from "../../KeyPolicy.ts"
import { type RateLimit, RateLimits } from "../../RateLimit.ts"
import type * as VerificationCache from "../../VerificationCache.ts"
import { firstIssue } from "../schema/firstIssue.ts"
import * as CacheSettings from "../verifier/cacheSettings.ts"
import * as HashQueue from "../verifier/hashQueue.ts"
import type { HashingOptions, Options } from "./model.ts"
import { isLifetime } from "./upcoming.ts"

/** The options contradict each other, or a lifetime makes no sense. @category errors @since 0.1.0 */
export class InvalidOptions extends Schema.TaggedError<InvalidOptions>()("InvalidOptions", { reason: Schema.String }) {
  override get message(): string {
    return this.reason
  }
}

export interface Lifetimes {
  readonly defaultLifetime: Duration.Duration | undefined
  readonly maximumLifetime: Duration.Duration | undefined
  readonly maximumAge: Duration.Duration | undefined
  /** When a token is refused for its age; infinite if never. */
  readonly refusedAge: Duration.Duration
}

/** The kinds of policies that the service knows: those of the package, and the application's. */
export const decodePolicies = (
  { policies: given = [] }: Pick<Options, "policies">,
  own: ReadonlyArray<KeyPolicy>,
): Effect.Effect<ReadonlyArray<KeyPolicy>, InvalidOptions> => {
  const policies = [...given, ...own]
  const wrong = policies.find(({ kind }) => !isKind(kind))
  if (wrong !== undefined)
    return Effect.fail(new InvalidOptions({ reason: `${JSON.stringify(wrong.kind)} is no name for a kind of policy` }))
  const twice = policies.find(({ kind }, index) => policies.findIndex((other) => other.kind === kind) < index)
  return twice === undefined
    ? Effect.succeed(policies)
    : Effect.fail(new InvalidOptions({ reason: `The kind of policy ${twice.kind} is there twice` }))
}

interface Limits {
  readonly defaultLimits: ReadonlyArray<typeof RateLimit.Encoded> | undefined
  readonly ownerLimits: ReadonlyArray<RateLimit>
}

export const decodeLimits = Effect.fnUntraced(function* ({
  defaultLimits,
  ownerLimits = [],
}: Options): Effect.fn.Return<Limits, InvalidOptions> {
  if (defaultLimits !== undefined) yield* decodeRateLimits("defaultLimits", defaultLimits)
  const shared = yield* decodeRateLimits("ownerLimits", ownerLimits)
  return { defaultLimits, ownerLimits: shared.map((limit): RateLimit => ({ ...limit, per: "owner" })) }
})

const decodeRateLimits = (name: string, limits: ReadonlyArray<typeof RateLimit.Encoded>) =>
  Effect.mapError(Schema.decodeEffect(RateLimits)(limits, { onExcessProperty: "error" }), ({ issue }) => {
    const { path, message } = firstIssue(issue)
    return new InvalidOptions({ reason: `${[name, ...path].join(".")}: ${message}` })
  })

export const decodeMeters = Effect.fnUntraced(function* ({
  meters: { maxUnits = 1_000, rateLease = "200 millis", shareLimits = true } = {},
}: Pick<Options, "meters">) {
  const lease = Duration.toMillis(yield* decodeDuration("meters.rateLease", rateLease))
  if (!(lease >= 1 && lease <= 10_000))
    return yield* new InvalidOptions({ reason: "meters.rateLease must be from 1 millisecond to 10 seconds" })
  if (!Number.isSafeInteger(maxUnits) || maxUnits < 0)
    return yield* new InvalidOptions({ reason: "meters.maxUnits must be a whole number" })
  return { maxUnits, rateLeaseMillis: lease, shareLimits }
})

const isKind = (kind: string): boolean => /^[a-z][A-Za-z0-9]{0,31}$/.test(kind)

export const decodeLifetimes = Effect.fnUntraced(function* (options: Options): Effect.fn.Return<Lifetimes, InvalidOptions> {
  const defaultLifetime = yield* decodeOptional("defaultLifetime", options.defaultLifetime)
  const maximumLifetime = yield* decodeOptional("maximumLifetime", options.maximumLifetime)
  const maximumAge = yield* decodeOptional("maximumAge", options.maximumAge)
  for (const lifetime of [defaultLifetime, maximumLifetime, maximumAge]) {
    if (lifetime !== undefined && !isLifetime(lifetime)) {
      return yield* new InvalidOptions({ reason: "A lifetime or age must be more than 0 and at most 36,500 days" })
    }
  }
  if (options.refuseAged === true && maximumAge === undefined) {
    return yield* new InvalidOptions({ reason: "refuseAged refuses nobody without a maximumAge" })
  }
  if (defaultLifetime !== undefined && maximumLifetime !== undefined && Duration.isGreaterThan(defaultLifetime, maximumLifetime)) {
    return yield* new InvalidOptions({ reason: "The default lifetime must not be longer than the maximum" })
  }
  const refusedAge = options.refuseAged === true && maximumAge !== undefined ? maximumAge : Duration.infinity
  return { defaultLifetime, maximumLifetime, maximumAge, refusedAge }
})

/** Text that isn't checked by TypeScript may be no duration. */
export const decodeDuration = (name: string, input: Duration.Input): Effect.Effect<Duration.Duration, InvalidOptions> =>
  Option.match(Duration.fromInput(input), {
    onNone: () => Effect.fail(new InvalidOptions({ reason: `${name} must be a duration, such as 30 seconds` })),
    onSome: Effect.succeed,
  })

const decodeOptional = (name: string, input: Duration.Input | undefined): Effect.Effect<Duration.Duration | undefined, InvalidOptions> =>
  input === undefined ? Effect.undefined : decodeDuration(name, input)

export const decodeLastUsedInterval = ({
  lastUsedInterval = "10 seconds",
}: Pick<Options, "lastUsedInterval">): Effect.Effect<Duration.Duration, InvalidOptions> =>
  Effect.flatMap(decodeDuration("lastUsedInterval", lastUsedInterval), (interval) =>
    // Without the uses of other nodes, no idle timeout could be kept.
    Duration.isLessThan(interval, Duration.zero) || !Duration.isFinite(interval)
      ? Effect.fail(new InvalidOptions({ reason: "lastUsedInterval must be at least 0, and finite" }))
      : Effect.succeed(interval),
  )

export const decodeFormat = ({ token = {} }: Options): Effect.Effect<ApiKeyToken.TokenFormat, ApiKeyToken.InvalidTokenConfig> =>
  "parse" in token ? Effect.succeed(token) : Effect.fromResult(ApiKeyToken.make(token))

export const decodeHashing = Effect.fnUntraced(function* (
  options: HashingOptions,
  threads: number,
): Effect.fn.Return<HashQueue.HashQueueOptions, InvalidOptions> {
  const { permits = HashQueue.defaultPermits(threads), queue = HashQueue.defaultQueue(permits), maxWait = "2 seconds" } = options
  const decoded = { permits, queue, maxWait: yield* decodeDuration("hashing.maxWait", maxWait) }
  if (!Number.isInteger(decoded.permits) || decoded.permits < 1)
    return yield* new InvalidOptions({ reason: "hashing.permits must be at least 1" })
  if (!Number.isInteger(queue) || queue < 0) return yield* new InvalidOptions({ reason: "hashing.queue must be a whole number" })
  if (!Duration.isFinite(decoded.maxWait)) return yield* new InvalidOptions({ reason: "hashing.maxWait must be finite" })
  return decoded
})

export const decodeCache = (
  options: VerificationCache.Options | "off" | undefined,
): Effect.Effect<CacheSettings.Settings, InvalidOptions> => {
  const settings = CacheSettings.settings(options)
  // A time that is no duration is NaN.
  const wrong = Object.entries(settings).find(([, value]) => !(Number.isFinite(value) && value >= 0))
  return wrong === undefined
    ? Effect.succeed(settings)
    : Effect.fail(new InvalidOptions({ reason: `cache.${wrong[0]} must be finite and at least 0` }))
}

export const decodeNodeName = ({ nodeName = "node" }: Options): Effect.Effect<string, InvalidOptions> =>
  /^[A-Za-z0-9._-]{1,64}$/.test(nodeName)
    ? Effect.succeed(nodeName)
    : Effect.fail(new InvalidOptions({ reason: "nodeName must match [A-Za-z0-9._-]{1,64}" }))
