/**
 * Tells a token that was issued from one that anybody may have made up, by its seal.
 *
 * A token with a good seal goes before all others. Of one without, the rule says whether it is looked up at all. By itself the rule follows the
 * data: such a token is refused as long as every token that works is known to be sealed by a key of the ring. Whatever may make that untrue ends
 * it at once, and what it is then is found out by a look at the store, so that no missing key is ever a wrong no.
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

/** Whose look-up and hash comes first. */
export type Standing = "sealed" | "stranger"

/** Whether tokens without a good seal are looked up (`preferred`) or not (`required`); by the data where neither is said. */
export type SealRule = "preferred" | "required"

export interface Standings {
  /** The standing of a token of our format, `refused` included; `undefined` if the ring is to be read first. */
  readonly of: (token: string, keyId: string, now: number) => Standing | "refused" | undefined
  /** Whether the data alone say so. What the caller's own transaction has changed nobody has looked at, so that they refuse no token in it. */
  readonly followsData: boolean
  /** Reads the ring. */
  readonly readRing: (now: number) => Effect.Effect<void>
  /** The key has changed, or is new. */
  readonly changed: (keyId: string) => void
  readonly everythingChanged: () => void
  /** The node may be in touch again. */
  readonly touched: () => void
  /** Looks at the store when it may say otherwise. */
  readonly watch: Effect.Effect<never>
}

export interface Dependencies {
  readonly format: TokenFormat
  readonly sealingKeys: Effect.Effect<SealingKeys, HasherError>
  readonly repository: Pick<ApiKeyRepository["Service"], "countSeals" | "findByKeyId" | "kinds">
  /** `undefined` for the one that follows from the data. */
  readonly rule: SealRule | undefined
  /** Whether a change whose answer isn't known may let a token work that doesn't. */
  readonly mayRevive: () => boolean
  /** Whether each change of the store is sure to be heard at this time, in milliseconds. */
  readonly isInTouch: (now: number) => boolean
}

/** How many changed keys wait to be looked at. With more, all are. */
const capacity = 10_000
/** Between two looks at the whole store, which reads each record where the store can't tell kinds of tokens. */
const lookInterval = Duration.seconds(60)
const lookIntervalNanos = Duration.toNanosUnsafe(lookInterval)
/** How old a look at everything grows, in milliseconds, before another one is made: what was never announced is found by that. */
const believed = 600_000
/** How old it grows at most: the next look waits its turn, and may fail or hang. */
const believedAtMost = believed + Duration.toMillis(lookInterval)
/** Before changed keys are looked at, so that many are looked at together. */
const gather = "1 second"

/**
 * How long the ring isn't read again, in milliseconds: reading it costs more than a seal. What is found of the store is of the ring that was read, and
 * keys that were sealed by another one since have changed.
 */
const ringLifetime = 1_000

/** Why a token is refused. Made once, as its stack costs more than the seal. */
export const unsealed = new MalformedToken({ reason: "seal" })

/** `undefined` for a format whose tokens bear no seals. */
export const make = ({ format, sealingKeys, repository, rule, mayRevive, isInTouch }: Dependencies): Standings | undefined => {
  const own = ownFormats.get(format)
  if (own === undefined) return undefined
  /** The ring under which all tokens that work were found to be sealed. */
  let complete: SealingKeys | undefined
  /** When that was found, by the wall clock, in milliseconds. */
  let foundAt = 0
  /** Whether it was too long ago. */
  let isStale = false
  /** The ring of the last look. */
  let lookedAt: SealingKeys | undefined
  /** Keys that have changed since the last look, by when: tokens with their key ids are looked up, as the store may say of them what it will. */
  const news = new Map<string, number>()
  let count = 0
  /** How often everything has changed. */
  let generation = 0
  const isNews = Latch.makeUnsafe()
  /** Whether a look waits until the node is in touch. */
  let isWaiting = false
  let hasFailed = false
  /** When the last look at everything began, in nanoseconds of a clock that nobody sets. */
  let beganAt: bigint | undefined
  /** `undefined` while it can't be read: then nobody is told from anybody. */
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

  /** A token that has just been made may be sealed by a key that wasn't in the ring when it was read. */
  const forgetRing = (): void => {
    readAt = Number.NEGATIVE_INFINITY
  }

  const isRefused = (keys: SealingKeys, keyId: string, now: number): boolean => {
    if (rule !== undefined) return rule === "required"
    if (keys !== lookedAt && lookedAt !== undefined) {
      lookedAt = undefined
      everythingChanged()
    }
    // What such a change has come to is looked at when it has ended.
    if (keys !== complete || mayRevive() || news.has(keyId) || !isInTouch(now)) return false
    // A clock that was set back makes keys work again that had expired.
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
        : "Tokens that work have no seal by a configured key, so a token without a good seal is looked up after the others (seals: preferred)",
    )
  }

  const lookAtAll = Effect.gen(function* () {
    const now = yield* DateTime.now
    // What others change before they are heard would stay unseen. Whatever ends the touch makes everything count as changed.
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
    // What was announced meanwhile may be missing in what the store gave.
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
    // An announced key id need not be of our form; such a one finds nothing.
    const found = yield* Effect.forEach(noted, ([keyId]) => repository.findByKeyId(keyId as KeyId), { concurrency: 16 })
    if (begun !== generation) return
    if (found.some((stored) => Option.isSome(stored) && isUnsealed(stored.value, isKnown, now))) {
      complete = undefined
      return yield* tell(false)
    }
    // What has changed anew meanwhile is looked at anew.
    for (const [keyId, at] of noted) if (news.get(keyId) === at) news.delete(keyId)
  })

  const isWhole = (): boolean => complete === undefined || isStale

  const look = Effect.suspend(() => {
    // Before looking, lest one come in between.
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
  // Nothing runs while nothing changes. One look at everything costs much, and is seldom worth it.
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

/** Whether one of its tokens works that no key of the ring has sealed. */
const isUnsealed = (key: StoredApiKey, isKnown: (sealId: string | null) => boolean, now: number): boolean => {
  const { apiKey, hash, previousHash, sealId, previousSealId } = key
  if (status(apiKey, now) !== "active") return false
  const lacks = (of: Redacted.Redacted, id: string | null) => !isLegacyHash(of) && !isKnown(id)
  return lacks(hash, sealId) || (previousHash !== null && isPreviousLive(apiKey, now) && lacks(previousHash, previousSealId))
}
