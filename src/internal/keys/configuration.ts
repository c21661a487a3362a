/** The options of the service as the environment has them. */
import * as Config from "effect/Config"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as RateLimit from "../../RateLimit.ts"
import * as Variable from "../config/variable.ts"
import type { HashingOptions, Options } from "./model.ts"

export const readOptions: Effect.Effect<Options, Config.ConfigError> = Effect.gen(function* () {
  const prefix = yield* Config.option(Config.String("API_KEY_PREFIX"))
  const separator = yield* Config.option(Variable.word("API_KEY_SEPARATOR", ["-", "_", ".", "~", ":"]))
  const cacheSwitch = yield* optional(Variable.word("API_KEY_CACHE", ["on", "off"]))
  const cache = {
    entries: yield* optional(Variable.whole("API_KEY_CACHE_ENTRIES")),
    bytes: yield* optional(Variable.whole("API_KEY_CACHE_BYTES")),
    timeToLive: yield* optional(Variable.duration("API_KEY_CACHE_TIME_TO_LIVE")),
  }
  return {
    token: {
      ...(Option.isSome(prefix) ? { prefix: prefix.value } : {}),
      ...(Option.isSome(separator) ? { separator: separator.value } : {}),
    },
    defaultLifetime: yield* optional(Variable.duration("API_KEY_DEFAULT_LIFETIME")),
    maximumLifetime: yield* optional(Variable.duration("API_KEY_MAXIMUM_LIFETIME")),
    maxKeysPerOwner: yield* optional(Variable.whole("API_KEY_MAX_KEYS_PER_OWNER")),
    maximumAge: yield* optional(Variable.duration("API_KEY_MAXIMUM_AGE")),
    refuseAged: yield* optional(Variable.flag("API_KEY_REFUSE_AGED")),
    defaultLimits: yield* optional(rateLimits("API_KEY_LIMITS")),
    ownerLimits: yield* optional(rateLimits("API_KEY_OWNER_LIMITS")),
    meters: {
      maxUnits: yield* optional(Variable.whole("API_KEY_LEASE_UNITS")),
      rateLease: yield* optional(Variable.duration("API_KEY_RATE_LEASE")),
      shareLimits: yield* optional(Variable.flag("API_KEY_SHARE_LIMITS")),
    },
    acceptMissingPeppers: yield* optional(Variable.flag("API_KEY_ACCEPT_MISSING_PEPPERS")),
    acceptBuiltInPepper: yield* optional(Variable.flag("API_KEY_ACCEPT_BUILT_IN_PEPPER")),
    lastUsedInterval: yield* optional(Variable.duration("API_KEY_LAST_USED_INTERVAL")),
    cache: cacheSwitch === "off" ? "off" : cache,
    hashing: yield* readHashing,
    seals: yield* optional(Variable.word("API_KEY_SEAL_RULE", ["preferred", "required"])),
    refuseUnsealed: yield* optional(Variable.flag("API_KEY_REFUSE_UNSEALED")),
    telemetry: yield* optional(Variable.word("API_KEY_TELEMETRY", ["counters", "metrics", "traces"])),
    nodeName: yield* optional(Config.String("API_KEY_NODE_NAME")),
  }
})

/** How much may be hashed, and wait, which the limits of a server follow. */
export const readHashing: Effect.Effect<HashingOptions, Config.ConfigError> = Effect.gen(function* () {
  return {
    permits: yield* optional(Variable.whole("API_KEY_HASHING_PERMITS")),
    queue: yield* optional(Variable.whole("API_KEY_HASHING_QUEUE")),
    maxWait: yield* optional(Variable.duration("API_KEY_HASHING_MAX_WAIT")),
  }
})

const rateLimits = (name: string) =>
  Variable.make(
    name,
    Schema.Array(RateLimit.RateLimit.pipe(Schema.toEncoded)),
    "limits such as burst=10/1s,daily=10000/1d",
    (text) => Result.getOrUndefined(RateLimit.parse(text)),
    RateLimit.format,
  )

const optional = <A>(config: Config.Config<A>): Config.Config<A | undefined> => Config.map(Config.option(config), Option.getOrUndefined)
