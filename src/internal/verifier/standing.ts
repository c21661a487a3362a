/**
 * Tells an issued token from an invented one by its seal (decision 0073).
 *
 * A token with a good seal goes before all others. A rule says whether a token without one is looked up at all. By default the rule follows
 * the data. It refuses such a token as long as all working tokens are known to be sealed by the ring's keys. An event that may make that
 * untrue ends the refusals at once. A look at the store then finds out whether it is still true. So a token that works is never refused for
 * a missing sealing key.
 */
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as DateTime from "effect/DateTime"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Latch from "effect/Latch"
import * as Option from "effect/Option"
import type * as Redacted from "effect/Redacted"
import { type KeyId, status, type StoredApiKey } from "../../ApiKey.ts"
import { type HasherError, MalformedToken } from "../../ApiKeyError.ts"
import type { ApiKeyRepository } from "../../ApiKeyRepository.ts"
import type { TokenFormat } from "../../ApiKeyToken.ts"
import { isLegacyHash } from "../hash/legacyHash.ts"
import { isPreviousLive } from "../record/previousToken.ts"
import { hasSeals } from "../record/usedSeals.ts"
import { ownFormats } from "../token/ownFormats.ts"
import { knownIds, sealedBy, type SealingKeys } from "../token/seal.ts"

/** The order of look-ups and hashes: sealed tokens come first. */
export type Standing = "sealed" | "stranger"

/** Whether tokens without a good seal are looked up (`preferred`) or not (`required`). Without a rule the data decide. */
export type SealRule = "preferred" | "required"

export interface Standings {
  /** The standing of a token of our format, or `refused`. `undefined` means that the ring must be read first. */
  readonly of: (token: string, keyId: string, now: number) => Standing | "refused" | undefined
  /** Whether the data decide. Changes in the caller's own transaction weren't looked at, so the data refuse no token in it. */
  readonly followsData: boolean
  /** Reads the ring. */
  readonly readRing: (now: number) => Effect.Effect<void>
  /** Called when a key has changed, or is new. */
  readonly changed: (keyId: string) => void
  readonly everythingChanged: () => void
  /** Called when the node may be in touch again. */
  readonly touched: () => void
  /** Looks at the store whenever the data may have changed. */
  readonly watch: Effect.Effect<never>
}

export interface Dependencies {
  readonly format: TokenFormat
  readonly sealingKeys: Effect.Effect<SealingKeys, HasherError>
  readonly repository: Pick<ApiKeyRepository["Service"], "countSeals" | "findByKeyId" | "kinds">
  /** `undefined` if the data decide. */
  readonly rule: SealRule | undefined
  /** Whether a change whose outcome isn't known may let a token work that doesn't. */
  readonly mayRevive: () => boolean
  /** Whether each change of the store is sure to be heard at this time, in milliseconds. */
  readonly isInTouch: (now: number) => boolean
}

/** The number of changed keys that wait to be looked at. With more, the whole store is looked at. */
const capacity = 10_000
/** The time between two looks at the whole store. A look reads each record if the store can't tell kinds of tokens (decision 0076). */
const lookInterval = Duration.seconds(60)
const lookIntervalNanos = Duration.toNanosUnsafe(lookInterval)
/** The age of a look at everything, in milliseconds, at which another one is made. It finds changes that were never announced. */
const believed = 600_000
/** The age, in milliseconds, from which a look isn't believed any more. The next look waits its turn, and may fail or hang. */
const believedAtMost = believed + Duration.toMillis(lookInterval)
/** The wait before changed keys are looked at, so that many are looked at together. */
const gather = "1 second"

/**
 * The time, in milliseconds, for which the ring isn't read again, as a read costs more than a seal. A look at the store holds for the ring
 * that was read. Keys that another ring has sealed since are announced as changed.
 */
const ringLifetime = 1_000

/** The refusal of a token without a good seal. It is made once, as its stack costs more than the seal. */
export const unsealed = new MalformedToken({ reason: "seal" })

/** Gives `undefined` for a format whose tokens bear no seals. */
export const make = ({ format, sealingKeys, repository, rule, mayRevive, isInTouch }: Dependencies): Standings | undefined => {
  const own = ownFormats.get(format)
  if (own === undefined) return undefined
  /** The ring under which all tokens that work were found to be sealed. */
  let complete: SealingKeys | undefined
  /** The time of that look, by the wall clock, in milliseconds. */
  let foundAt = 0
  /** Whether that look is so old that another one is due. */
  let isStale = false
  /** The ring of the last look. */
  let lookedAt: SealingKeys | undefined
  /**
   * Keys that have changed since the last look, each with the number of its change. The look says nothing of them, so their tokens are
   * looked up.
   */
  const news = new Map<string, number>()
  let count = 0
  /** The number of times that everything has changed. */
  let generation = 0
  const isNews = Latch.makeUnsafe()
  /** Whether a look waits until the node is in touch. */
  let isWaiting = false
  let hasFailed = false
  /** The beginning of the last look at everything, in nanoseconds of the monotonic clock. */
  let beganAt: bigint | undefined
  /** `undefined` while the ring can't be read. Every token is then a stranger's. */
  let ring: SealingKeys | undefined
  let readAt = Number.NEGATIVE_INFINITY
  let told: boolean | undefined

  const everythingChanged = (): void => {
    generation++
    complete = undefined
    news.clear()
    isNews.openUnsafe()
  }

  const changed = (keyId: string): void => {
    if (news.size >= capacity && !news.has(keyId)) return everythingChanged()
    news.set(keyId, ++count)
    isNews.openUnsafe()
  }

  /** A token that was just made may be sealed by a key that was added to the ring since. */
  const forgetRing = (): void => {
    readAt = Number.NEGATIVE_INFINITY
  }

  const isRefused = (keys: SealingKeys, keyId: string, now: number): boolean => {
    if (rule !== undefined) return rule === "required"
    if (keys !== lookedAt && lookedAt !== undefined) {
      lookedAt = undefined
      everythingChanged()
    }
    // A change that may revive a token is looked at when it has ended.
    if (keys !== complete || mayRevive() || news.has(keyId) || !isInTouch(now)) return false
    // If the clock was set back, keys that had expired work again.
    const age = now - foundAt
    if (age < 0 || age >= believed) {
      isStale = true
      isNews.openUnsafe()
    }
    return age >= 0 && age < believedAtMost
  }

  const tell = (isComplete: boolean): Effect.Effect<void> => {
    if (told === isComplete) return Effect.void
    const isFirst = told === undefined
    told = isComplete
    return (isFirst ? Effect.logDebug : Effect.logInfo)(
      isComplete
        ? "All API keys' tokens are sealed by configured keys, so a token without a good seal is refused without a look-up (seals: required)"
        : "Tokens that work have no seal by a configured key (sealReport counts them), so a token without a good seal is looked up after the others (seals: preferred)",
    )
  }

  const lookAtAll = Effect.gen(function* () {
    const now = yield* DateTime.now
    // Changes by nodes that aren't heard yet would stay unseen. A loss of touch makes everything count as changed.
    if (!isInTouch(now.epochMilliseconds)) {
      isWaiting = true
      return
    }
    beganAt = (yield* Clock.Clock).monotonicTimeNanosUnsafe()
    const begun = generation
    const until = count
    const keys = yield* sealingKeys
    const isKnown = knownIds(keys)
    const isLacking = yield* hasSeals(repository, (sealId) => !isKnown(sealId), now)
    if (begun !== generation) return
    // A change that was announced during the look may be missing in its result.
    for (const [keyId, at] of news) if (at <= until) news.delete(keyId)
    isStale = false
    foundAt = now.epochMilliseconds
    lookedAt = keys
    complete = isLacking ? undefined : keys
    yield* tell(complete !== undefined)
  })

  const lookAtNews = Effect.gen(function* () {
    const keys = complete
    if (keys === undefined) return
    const begun = generation
    const noted = Array.from(news)
    const isKnown = knownIds(keys)
    const now = yield* Clock.currentTimeMillis
    // An announced key id may have another form, and then finds nothing.
    const found = yield* Effect.forEach(noted, ([keyId]) => repository.findByKeyId(keyId as KeyId), { concurrency: 16 })
    if (begun !== generation) return
    if (found.some((stored) => Option.isSome(stored) && isUnsealed(stored.value, isKnown, now))) {
      complete = undefined
      return yield* tell(false)
    }
    // A key that has changed again meanwhile is looked at again.
    for (const [keyId, at] of noted) if (news.get(keyId) === at) news.delete(keyId)
  })

  const isWhole = (): boolean => complete === undefined || isStale

  const look = Effect.suspend(() => {
    // Closed before the look, as a change may come in between.
    isNews.closeUnsafe()
    isWaiting = false
    hasFailed = false
    return isWhole() ? lookAtAll : lookAtNews
  }).pipe(
    Effect.catchCause((cause) => {
      if (Cause.hasInterruptsOnly(cause)) return Effect.void
      hasFailed = true
      isNews.openUnsafe()
      return Effect.logWarning("Could not find out whether the tokens of all API keys are sealed; trying again", Cause.pretty(cause))
    }),
  )
  // Nothing runs while nothing changes. A look at everything is costly, so two looks are an interval apart.
  const wait = Effect.gen(function* () {
    yield* isNews.await
    yield* Effect.sleep(hasFailed ? lookInterval : gather)
    if (!isWhole() || beganAt === undefined) return
    const passed = (yield* Clock.Clock).monotonicTimeNanosUnsafe() - beganAt
    if (passed < lookIntervalNanos) yield* Effect.sleep(Duration.nanos(lookIntervalNanos - passed))
  })

  return {
    followsData: rule === undefined,
    of: (token, keyId, now) => {
      if (!(now >= readAt && now < readAt + ringLifetime)) return undefined
      if (ring === undefined) return "stranger"
      const { sealed, seal } = own.partsOf(token)
      if (sealedBy(sealed, seal, ring) !== undefined) return "sealed"
      return isRefused(ring, keyId, now) ? "refused" : "stranger"
    },
    readRing: (now) =>
      Effect.map(Effect.option(sealingKeys), (keys) => {
        ring = Option.getOrUndefined(keys)
        readAt = now
      }),
    changed: (keyId) => {
      forgetRing()
      if (rule === undefined) changed(keyId)
    },
    everythingChanged: () => {
      forgetRing()
      if (rule === undefined) everythingChanged()
    },
    touched: () => {
      if (isWaiting) isNews.openUnsafe()
    },
    watch: rule === undefined ? Effect.forever(Effect.andThen(look, wait)) : Effect.never,
  }
}

/** Whether the key has a token that works, and that no key of the ring has sealed. */
const isUnsealed = (key: StoredApiKey, isKnown: (sealId: string | null) => boolean, now: number): boolean => {
  const { apiKey, hash, previousHash, sealId, previousSealId } = key
  if (status(apiKey, now) !== "active") return false
  const lacks = (of: Redacted.Redacted, id: string | null) => !isLegacyHash(of) && !isKnown(id)
  return lacks(hash, sealId) || (previousHash !== null && isPreviousLive(apiKey, now) && lacks(previousHash, previousSealId))
}
