/**
 * Verifies tokens, by two paths. The slow one, {@link Verification} with its cache off, is the specification: parse, look up, hash, judge. The
 * warm one answers from the cache what the slow one would, in one pass that allocates nothing but its answer: no parsing, decoding, span or
 * generator.
 *
 * A look-up and its hash are a flight, which all callers with the same token share, and which goes on as long as one of them waits. A change
 * of the key that is heard during a flight makes it look again, and nothing that was read before the change is kept.
 */
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as DateTime from "effect/DateTime"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import * as Latch from "effect/Latch"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import type * as Schema from "effect/Schema"
import * as Tracer from "effect/Tracer"
import {
  ApiKey,
  type ApiKeyId,
  type KeyId,
  PreviousToken,
  status,
  type StoredApiKey,
  tokenCreatedAt,
  type UsedToken,
} from "../../ApiKey.ts"
import {
  Expired,
  type HasherError,
  Inactive,
  InsufficientScope,
  InvalidSecret,
  NotFound,
  type Overloaded,
  RepositoryError,
  type VerifyError,
} from "../../ApiKeyError.ts"
import { type ApiKeyHasher, scheme } from "../../ApiKeyHasher.ts"
import * as ApiKeyMetrics from "../../ApiKeyMetrics.ts"
import type { ApiKeyRepository } from "../../ApiKeyRepository.ts"
import * as ApiKeyToken from "../../ApiKeyToken.ts"
import { type Scope, satisfies } from "../../Scope.ts"
import type { Candidate, LegacyTokens } from "../../LegacyTokens.ts"
import type { Settings } from "./cacheSettings.ts"
import { sha256, startsWithDigest } from "../hash/digest.ts"
import type { Doubts } from "../nodes/doubts.ts"
import * as Generations from "./generations.ts"
import type { HashQueue } from "./hashQueue.ts"
import { isLegacyHash } from "../hash/legacyHash.ts"
import { beginsGrace, endOfPrevious, isPreviousLive } from "../record/previousToken.ts"
import type { Rehash } from "./rehash.ts"
import type { LastUsed, Use } from "./lastUsed.ts"
import { type Node, Sieve } from "./sieve.ts"
import type { Counts } from "./counts.ts"
import { toMillis } from "../time/millis.ts"
import { ofChecked } from "../schema/ofChecked.ts"

export interface VerifyOptions {
  readonly scopes?: ReadonlyArray<string> | undefined
  readonly maxAge?: Duration.Input | undefined
  readonly countsAsUse?: boolean | undefined
}

/** A good token's record, as it was at `checkedAt`. */
export class Verified {
  readonly apiKey: ApiKey
  readonly usedToken: UsedToken
  private readonly millis: number

  constructor(apiKey: ApiKey, usedToken: UsedToken, millis: number) {
    this.apiKey = apiKey
    this.usedToken = usedToken
    this.millis = millis
  }

  /** When the store was asked. What it said may have changed since. */
  get checkedAt(): DateTime.Utc {
    // Made when it is asked for, as it costs more than the rest of a warm verification.
    return DateTime.makeUnsafe(this.millis)
  }

  toJSON() {
    const { apiKey, usedToken, checkedAt } = this
    return { apiKey, usedToken, checkedAt }
  }

  /** `console.log` of Node shows own fields only, and an accessor is none. */
  [Symbol.for("nodejs.util.inspect.custom")]() {
    return this.toJSON()
  }
}

export interface Verification {
  readonly verify: (token: string | Redacted.Redacted, options?: VerifyOptions) => Effect.Effect<Verified, VerifyError>
  readonly isToken: (token: string | Redacted.Redacted) => boolean
  readonly keyIdsOf: (token: string | Redacted.Redacted) => ReadonlyArray<KeyId>
  /** What is known of the key no longer holds. */
  readonly changed: (keyId: string) => void
  /** The same of a record whose key ids needn't be known. */
  readonly recordChanged: (id: string) => void
  readonly everythingChanged: () => void
  /** Between which moments (in milliseconds, the second exclusive) changes are sure to be heard. Outside of them the store is asked each time. */
  readonly trust: (from: number, until: number) => void
  /** Finds out when the wall clock is set back, which would prolong what is remembered. */
  readonly watchClock: Effect.Effect<never>
  readonly cacheSize: () => number
}

export interface Dependencies {
  readonly repository: ApiKeyRepository["Service"]
  readonly hasher: ApiKeyHasher["Service"]
  /** That of the hashes which the hasher makes now. */
  readonly currentScheme: Effect.Effect<string, HasherError>
  readonly hashQueue: HashQueue
  /** The hash that is checked when there is no record, so that an unknown key id costs what a wrong secret costs. */
  readonly decoy: { readonly secret: Redacted.Redacted; readonly hash: Redacted.Redacted }
  readonly format: ApiKeyToken.TokenFormat
  readonly cache: Settings
  readonly lastUsed: LastUsed
  readonly counts: Counts
  /** Where else a token may come from that isn't of our format. */
  readonly legacy: ReadonlyArray<Pick<LegacyTokens, "parse" | "verify" | "isExact">>
  /** How old a token may grow, in milliseconds. */
  readonly maximumAge: number
  readonly rehash: Rehash
  /** The records that may be changing: what the store says of them is neither kept nor shared. */
  readonly doubts: Pick<Doubts, "isEmpty" | "has">
}

export const make = ({
  repository,
  hasher,
  currentScheme,
  hashQueue,
  decoy,
  format,
  cache,
  lastUsed,
  counts,
  legacy,
  maximumAge,
  rehash,
  doubts,
}: Dependencies): Verification => {
  const entries = new Sieve<Entry>(cache, (entry) => {
    // Its use may wait long to be written, and mustn't keep the record in memory meanwhile.
    if (entry.isPending) lastUsed.record(useOf(entry.id, entry.keyId, entry.beginsGrace), entry.lastUsedAt)
  })
  const refusals = new Map<string, Refusal>()
  const generations = Generations.make()
  const flights = new Map<string, Flight>()
  /** Under which key id the record of a token of another format was found, by the token's digest. */
  const legacyKeyIds = new Map<string, KeyId>()
  let epoch = 0
  let decoyHash = decoy.hash
  let trustedFrom = Number.NEGATIVE_INFINITY
  let trustedUntil = Number.POSITIVE_INFINITY
  /** The later one of `trustedFrom` and `noted`. */
  let earliest = Number.NEGATIVE_INFINITY
  /** The clock by which something was remembered last, and when it was last looked at. */
  let clock: Clock.Clock | undefined
  let noted = Number.NEGATIVE_INFINITY
  /** How far the wall clock was ahead of the time that has passed, at most. */
  let ahead = Number.NEGATIVE_INFINITY
  /** Closed while nothing that is remembered is young enough to be used. */
  const isRemembering = Latch.makeUnsafe()
  let checks = 0

  const digestOf = cache.entries > 0 ? sha256 : undefined
  // A text that isn't well-formed has the digest of another one.
  const keyIdOf = ApiKeyToken.keyIdReader(format)

  const isInTouch = (at: number): boolean => at >= trustedFrom && at < trustedUntil

  // A clock that was set back since it was last looked at says nothing of ages, until it is looked at again.
  const isTrusted = (now: number): boolean => now >= earliest && now < trustedUntil

  // An age is negative for a moment after the clock was set back a little, and is none then that `maxAge: 0` would take.
  const isYoung = (at: number, now: number, maxAge: number): boolean => {
    const age = now - at
    return age >= 0 && age < cache.timeToLive && age < maxAge && isTrusted(now)
  }

  const isFresh = (entry: Entry, now: number, maxAge: number): boolean =>
    entry.epoch === epoch && isYoung(entry.checkedAt, now, maxAge) && (doubts.isEmpty() || !doubts.has(entry.apiKey.id))

  const everythingChanged = (): void => {
    epoch++
    generations.everythingChanged()
  }

  /**
   * Reads the clock. Ages are told by the wall clock alone, as it is read at each verification, so what was remembered before it was set back
   * isn't used any more.
   */
  const readClock = (clock: Clock.Clock): number => {
    const now = clock.currentTimeMillisUnsafe()
    const offset = now - Number(clock.monotonicTimeNanosUnsafe()) / 1e6
    // To the highest it is compared, not to the last, or many small steps would go unseen.
    if (offset < ahead - tolerance) {
      everythingChanged()
      ahead = offset
    } else if (offset > ahead) ahead = offset
    noted = now
    earliest = Math.max(trustedFrom, noted)
    return now
  }

  const watch = (by: Clock.Clock): void => {
    clock = by
    checks = 0
    isRemembering.openUnsafe()
  }

  // By the clock of the callers, as it is their times that are compared.
  const checkClock = Effect.sync(() => {
    if (clock !== undefined) readClock(clock)
    // From here on all that is remembered is too old at any time that is believed.
    if (++checks * checkInterval > cache.timeToLive + checkInterval) isRemembering.closeUnsafe()
  })

  /** The key ids that the token may stand for, each with all that it may be then: a look-up for each. */
  const legacyCandidates = (text: string): ReadonlyArray<Credential> => {
    if (text.length > ApiKeyToken.maxTokenLength) return []
    const readings = legacy
      .flatMap((system) => system.parse(text).map((candidate): Reading => ({ ...candidate, system })))
      .slice(0, maxCandidates)
      .filter((reading) => !ApiKeyToken.isTokenOf(format, reading))
    // One decoy does for the whole token.
    const decoyed = readings.find(({ isDerived }) => isDerived !== true)?.keyId
    return Array.from(new Set(readings.map(({ keyId }) => keyId)), (keyId) => {
      const own = readings.filter((reading) => reading.keyId === keyId)
      // There is one at least.
      return { keyId: flat(keyId), secret: own[0]!.secret, readings: own, hasDecoy: keyId === decoyed }
    })
  }

  const keyIdsOf = (token: string | Redacted.Redacted): ReadonlyArray<KeyId> => {
    const text = typeof token === "string" ? token : Redacted.value(token)
    const parsed = ApiKeyToken.parse(text, format)
    return Result.isSuccess(parsed) ? [parsed.success.keyId] : legacyCandidates(text).map(({ keyId }) => keyId)
  }

  const rememberLegacy = (digest: string, keyId: KeyId): void => {
    legacyKeyIds.delete(digest)
    const [oldest] = legacyKeyIds.size >= cache.entries ? legacyKeyIds.keys() : []
    if (oldest !== undefined) legacyKeyIds.delete(oldest)
    legacyKeyIds.set(digest, keyId)
  }

  const refuse = (error: VerifyError): Exit.Exit<never, VerifyError> => {
    counts.failures[error._tag]++
    return Exit.fail(error)
  }

  const judge = (found: Found, now: number, options: VerifyOptions | undefined): Exit.Exit<Verified, VerifyError> => {
    const refusal = whyNot(found, now, options?.scopes, maximumAge)
    if (refusal !== undefined) return refuse(refusal)
    if (options?.countsAsUse !== false) lastUsed.record(found.use, now)
    return Exit.succeed(new Verified(found.apiKey, found.usedToken, found.checkedAt))
  }

  const rememberRefusal = (
    digest: string,
    error: NotFound | InvalidSecret,
    keyIds: ReadonlyArray<string>,
    generation: number,
    now: number,
  ): void => {
    refusals.delete(digest)
    if (refusals.size >= cache.refusals) {
      const [oldest] = refusals.keys()
      if (oldest !== undefined) refusals.delete(oldest)
    }
    if (cache.refusals > 0) refusals.set(digest, { error, keyIds, generation, until: now + cache.refusalTimeToLive })
  }

  const refusalOf = (digest: string, now: number): NotFound | InvalidSecret | undefined => {
    const known = refusals.get(digest)
    if (known === undefined || !isTrusted(now)) return undefined
    return now < known.until && known.generation === generations.ofAll(known.keyIds) ? known.error : undefined
  }

  // What is computed at once never waits for another.
  const inTurn: HashQueue["run"] = hasher.threads === 0 ? (_lane, _keyId, hash) => hash : hashQueue.run

  /** The pepper of the decoy's hash was taken out of the ring. Making another costs what checking would have cost. */
  const renewDecoy = () =>
    Effect.map(hasher.hash(decoy.secret), (hash) => {
      decoyHash = hash
      return false
    })

  /** The reading of a token of another system that the hash is of. Who doesn't know such hashes has nothing to say of it. */
  const readingOf = Effect.fnUntraced(function* (
    keyId: KeyId,
    readings: ReadonlyArray<Reading>,
    hash: Redacted.Redacted,
  ): Effect.fn.Return<Reading | undefined, HasherError | Overloaded> {
    const isLegacy = isLegacyHash(hash)
    const tried = new Set<string>()
    let failure: HasherError | undefined
    for (const reading of readings) {
      // By our own hasher each secret once.
      if (!isLegacy && tried.has(Redacted.value(reading.secret))) continue
      tried.add(Redacted.value(reading.secret))
      const { verify } = isLegacy ? reading.system : hasher
      const checked = yield* Effect.result(inTurn("known", keyId, verify(reading.secret, hash)))
      if (Result.isSuccess(checked)) {
        if (checked.success) return reading
      } else if (checked.failure._tag === "Overloaded") return yield* checked.failure
      else if (!isLegacy || checked.failure.reason !== "UnsupportedHash") failure = checked.failure
    }
    return failure === undefined ? undefined : yield* failure
  })

  /** In the caller's context. A span that no tracer takes costs a tenth of the look-up. */
  const fly = (parts: Credential, digest: string | undefined, context: Context.Context<never>): Flying => {
    const flying = lookUpAndCheck(parts, digest, context)
    return Context.get(context, Tracer.Tracer) === Tracer.nativeTracer
      ? flying
      : Effect.withSpan(flying, "ApiKeys.lookUp", { captureStackTrace: false, attributes: { "api_key.key_id": parts.keyId } })
  }

  /** Looks up and hashes, again as long as the key changes meanwhile. */
  const lookUpAndCheck = Effect.fnUntraced(function* (
    { keyId, secret, readings, hasDecoy = true }: Credential,
    digest: string | undefined,
    context: Context.Context<never>,
  ): Effect.fn.Return<Effect.Success<Flying>, Effect.Error<Flying>> {
    const clock = Context.get(context, Clock.Clock)
    const begun = clock.monotonicTimeNanosUnsafe()
    // Which of several readings was proven isn't known.
    const remembered = digest === undefined || (readings !== undefined && readings.length > 1) ? undefined : provenHash(digest, keyId)
    let proven: string | undefined
    let reading = readings?.[0]
    let refuted: string | undefined
    for (let attempt = 1; ; attempt++) {
      const checkedAt = readClock(clock)
      const generation = generations.of(keyId)
      const stored = Option.getOrUndefined(yield* repository.findByKeyId(keyId))
      // Without a record the same is done with the decoy's hash, so that it takes the same time.
      const found = stored === undefined ? undefined : tokenOf(stored, keyId)
      const hash = found?.hash ?? decoyHash
      const isOfNow = scheme(Redacted.value(hash)) === (yield* currentScheme)
      // What isn't kept needs no digest.
      const hashDigest = digest === undefined ? Redacted.value(hash) : digestOfHash(Redacted.value(hash))
      // An older hash of ours is checked anew: its pepper may have been taken out since. Those of other systems keep theirs.
      if ((isOfNow || isLegacyHash(hash)) && hashDigest === remembered) proven = hashDigest
      if (hashDigest !== proven && hashDigest !== refuted) {
        let isRight = false
        if (found === undefined) {
          if (hasDecoy) {
            yield* inTurn("unknown", keyId, Effect.catchIf(hasher.verify(secret, hash), isMissingPepper, renewDecoy))
          }
        } else if (readings === undefined) {
          isRight = yield* inTurn("known", keyId, hasher.verify(secret, hash))
        } else {
          reading = yield* readingOf(keyId, readings, hash)
          isRight = reading !== undefined
        }
        if (isRight) proven = hashDigest
        else refuted = hashDigest
      }
      // From here on to where it is kept nothing may yield, or a change could come between.
      const hasChanged = generation !== generations.of(keyId)
      // Who called before the change may be told of the key as it was after the call. Who calls after it has another look-up begun.
      if (hasChanged && attempt < maxAttempts) continue
      ApiKeyMetrics.coldDuration.updateUnsafe(Number(clock.monotonicTimeNanosUnsafe() - begun) / 1e6, context)
      // What was read while a change might have gone unheard isn't kept: the change may come before this node is in touch again.
      const isDoubtful = stored !== undefined && doubts.has(stored.apiKey.id)
      const mayBeKept = !hasChanged && isInTouch(checkedAt) && !isDoubtful
      if (digest !== undefined) watch(clock)
      if (found === undefined || hashDigest !== proven) {
        const error = refusalFor(found === undefined ? NotFound : InvalidSecret, flat(keyId))
        if (digest !== undefined && mayBeKept && readings === undefined)
          rememberRefusal(digest, error, [error.keyId], generation, checkedAt)
        return yield* error
      }
      const { apiKey, usedToken } = found
      if (!isOfNow) {
        const isExact = isLegacyHash(hash) ? reading?.system.isExact : undefined
        rehash.consider({
          id: apiKey.id,
          keyId: found.keyId,
          secret: reading?.secret ?? secret,
          hash,
          ...(isExact !== undefined && { isExact }),
        })
      }
      if (digest === undefined) {
        return { apiKey, usedToken, checkedAt, use: useOf(apiKey.id, found.keyId, beginsGrace(apiKey, usedToken)) }
      }
      const entry = new Entry(compact(apiKey), usedToken, checkedAt, digest + hashDigest, mayBeKept ? epoch : outdated)
      entries.set(entry)
      // What is too large to be kept isn't kept by its use either.
      if (entries.get(entry.key) === entry) return entry
      return { apiKey: entry.apiKey, usedToken, checkedAt, use: useOf(entry.id, entry.keyId, entry.beginsGrace) }
    }
  })

  /** The digest of the stored hash that this very token has matched. */
  const provenHash = (digest: string, keyId: string): string | undefined => {
    const known = entries.get(keyId)
    return known !== undefined && startsWithDigest(known.proof, digest) ? known.proof.slice(digest.length) : undefined
  }

  const start = (name: string, digest: string, parts: Credential, startedAt: number, context: Context.Context<never>): Flight => {
    const generation = generations.of(parts.keyId)
    const fiber = Effect.runForkWith(context)(fly(parts, digest, context))
    const flight: Flight = { fiber, name, startedAt, generation, waiting: 0 }
    flights.set(flight.name, flight)
    fiber.addObserver(() => leave(flight))
    return flight
  }

  const leave = (flight: Flight): void => {
    if (flights.get(flight.name) === flight) flights.delete(flight.name)
  }

  // Counted as waiting at once: a fiber may pause before it waits, and another give up meanwhile as the last one.
  const land = (board: () => Flight): Effect.Effect<Found, VerifyError> =>
    Effect.callback((resume) => {
      const flight = board()
      flight.waiting++
      const stopWatching = flight.fiber.addObserver(resume)
      return Effect.sync(() => {
        stopWatching()
        if (--flight.waiting > 0) return
        // A hash that runs is waited for, and nobody may join what is going to end as interrupted.
        leave(flight)
        flight.fiber.interruptUnsafe()
      })
    })

  /** By the store: in a flight that is recent enough, else in one of its own after the one under way, whose hash needn't be done twice. */
  const askStore = (
    fiber: Fiber.Fiber<unknown, unknown>,
    parts: Credential,
    digest: string,
    now: number,
    maxAge: number,
  ): Effect.Effect<Found, VerifyError> => {
    const name = nameOf(digest, parts)
    // Any other one that is found later began after the call.
    const before = flights.get(name)
    // The generation is compared although a flight looks again after a change: one may come between its last look and its end.
    // What was read out of touch with the others may have changed since, unheard.
    const isRecent = (flight: Flight): boolean =>
      flight.generation === generations.of(parts.keyId) &&
      // Of which record it is isn't known yet, so none is joined while any is in doubt.
      (flight !== before || (doubts.isEmpty() && isInTouch(flight.startedAt) && isYoung(flight.startedAt, now, maxAge)))
    const attempt = (): Effect.Effect<Found, VerifyError> => {
      const current = flights.get(name)
      // Who began the flight may have left it just before it was joined.
      if (current !== undefined && isRecent(current)) {
        return Effect.catchCause(
          land(() => current),
          (cause) => (Cause.hasInterruptsOnly(cause) ? attempt() : Effect.failCause(cause)),
        )
      }
      if (current !== undefined && provenHash(digest, parts.keyId) === undefined) {
        return Effect.matchCauseEffect(
          land(() => current),
          { onFailure: attempt, onSuccess: attempt },
        )
      }
      return land(() => start(name, digest, parts, now, fiber.context))
    }
    return attempt()
  }

  const cold = (
    fiber: Fiber.Fiber<unknown, unknown>,
    candidates: ReadonlyArray<Credential>,
    digest: string | undefined,
    now: number,
    maxAge: number,
    options: VerifyOptions | undefined,
  ): Effect.Effect<Verified, VerifyError> => {
    counts.misses++
    // What is read in a transaction may be undone, so it is neither kept nor shared.
    const isPrivate = repository.transaction?.isOpen(fiber.context) === true
    const find = (parts: Credential): Effect.Effect<Found, VerifyError> =>
      digest === undefined || isPrivate ? fly(parts, undefined, fiber.context) : askStore(fiber, parts, digest, now, maxAge)
    const [only] = candidates
    const found =
      only !== undefined && only.readings === undefined
        ? find(only)
        : findAmong(candidates, isPrivate ? undefined : digest, now, find, isPrivate)
    const clock = fiber.getRef(Clock.Clock)
    return Effect.matchEffect(found, {
      onFailure: refuse,
      onSuccess: (entry) => judge(entry, clock.currentTimeMillisUnsafe(), options),
    })
  }

  /**
   * A token of which it isn't clear whose it is: all key ids that it may stand for are looked for, together as far as the store can, and only
   * all refusals together are remembered.
   */
  const findAmong = Effect.fnUntraced(function* (
    candidates: ReadonlyArray<Credential>,
    digest: string | undefined,
    now: number,
    find: (parts: Credential) => Effect.Effect<Found, VerifyError>,
    isPrivate: boolean,
  ): Effect.fn.Return<Found, VerifyError> {
    const keyIds = candidates.map(({ keyId }) => keyId)
    const generation = generations.ofAll(keyIds)
    const outcomes = yield* Effect.forEach(
      candidates,
      (parts) =>
        Effect.matchEffect(find(parts), {
          onSuccess: (found) => Effect.succeed({ found, keyId: parts.keyId }),
          onFailure: (error) => (isAboutOne(error) ? Effect.succeed(error) : Effect.fail(error)),
        }),
      // A transaction has one connection.
      { concurrency: isPrivate ? 1 : "unbounded" },
    )
    let refusal: NotFound | InvalidSecret | undefined
    let failure: HasherError | undefined
    for (const outcome of outcomes) {
      if ("found" in outcome) {
        if (digest !== undefined) rememberLegacy(digest, outcome.keyId)
        return outcome.found
      }
      if (outcome._tag === "HasherError") failure = outcome
      // Of a record there is more to say.
      else if (refusal?._tag !== "InvalidSecret") refusal = outcome
    }
    if (failure !== undefined) return yield* failure
    // There is a candidate, and each was refused.
    const error = refusal!
    if (digest !== undefined && isInTouch(now)) rememberRefusal(digest, error, keyIds, generation, now)
    return yield* error
  })

  return {
    verify: (token, options) =>
      Effect.withFiber((fiber) => {
        const text = typeof token === "string" ? token : Redacted.value(token)
        const now = fiber.getRef(Clock.Clock).currentTimeMillisUnsafe()
        const maxAge = options?.maxAge === undefined ? Number.POSITIVE_INFINITY : toMillis(options.maxAge)
        const isReadable = digestOf !== undefined && text.length <= ApiKeyToken.maxTokenLength
        let keyId = isReadable ? keyIdOf(text) : undefined
        const digest = keyId !== undefined || (isReadable && legacy.length > 0 && text.isWellFormed()) ? digestOf?.(text) : undefined
        if (keyId === undefined && digest !== undefined) keyId = legacyKeyIds.get(digest)
        if (digest !== undefined) {
          const entry = keyId === undefined ? undefined : entries.get(keyId)
          if (entry !== undefined && startsWithDigest(entry.proof, digest) && isFresh(entry, now, maxAge)) {
            counts.hits++
            entry.isVisited = true
            return judge(entry, now, options)
          }
          const refusal = maxAge === Number.POSITIVE_INFINITY ? refusalOf(digest, now) : undefined
          if (refusal !== undefined) {
            counts.hits++
            return refuse(refusal)
          }
        }
        const parsed = ApiKeyToken.parse(text, format)
        if (Result.isSuccess(parsed)) return cold(fiber, [parsed.success], digest, now, maxAge, options)
        const candidates = legacy.length === 0 ? [] : legacyCandidates(text)
        return candidates.length === 0 ? refuse(parsed.failure) : cold(fiber, candidates, digest, now, maxAge, options)
      }),
    isToken: (token) => keyIdsOf(token).length > 0,
    keyIdsOf,
    changed: (keyId) => {
      generations.changed(keyId)
      const entry = entries.get(keyId)
      if (entry !== undefined) entry.epoch = outdated
    },
    recordChanged: (id) => {
      for (const entry of entries.values()) if (entry.apiKey.id === id) entry.epoch = outdated
      // Whose record a look-up under way brings isn't known yet, so all of them begin anew.
      generations.everythingChanged()
    },
    everythingChanged,
    trust: (from, until) => {
      trustedFrom = from
      trustedUntil = until
      earliest = Math.max(trustedFrom, noted)
    },
    watchClock: Effect.forever(Effect.andThen(isRemembering.await, Effect.andThen(checkClock, Effect.sleep(checkInterval)))),
    cacheSize: () => entries.size,
  }
}

/**
 * Decides whether a record may be used now for what is required: the one place that does, for hits and misses alike.
 *
 * The order is part of the contract: inactive, expired, scopes.
 */
const whyNot = (
  found: Found,
  now: number,
  required: ReadonlyArray<string> | undefined,
  maximumAge: number,
): Inactive | Expired | InsufficientScope | undefined => {
  // What only a refusal needs is read only then: each further object is a wait for memory where there are many keys.
  const { apiKey, usedToken } = found
  switch (status(apiKey, now)) {
    case "inactive":
      return new Inactive({ keyId: found.use.keyId })
    case "expired":
      // Only a key with an expiry expires.
      return new Expired({ keyId: found.use.keyId, expiresAt: apiKey.expiresAt! })
    case "active": {
      // How old a previous token is isn't known, but that it is older than the current one.
      const ofAge = maximumAge === Number.POSITIVE_INFINITY ? maximumAge : tokenCreatedAt(apiKey).epochMilliseconds + maximumAge
      const isPrevious = usedToken === "previous"
      const expiresAt = isPrevious ? Math.min(endOfPrevious(apiKey), ofAge) : ofAge
      if (expiresAt <= now || (isPrevious && !isPreviousLive(apiKey, now))) {
        return new Expired({ keyId: found.use.keyId, expiresAt: DateTime.makeUnsafe(expiresAt) })
      }
      if (required === undefined || satisfies(apiKey.scopes, required)) return undefined
      // `required` comes from the application and may hold what isn't a scope; that is no reason to crash.
      const lacking = { keyId: found.use.keyId, required: required as ReadonlyArray<Scope>, granted: apiKey.scopes }
      const error = new InsufficientScope(lacking, { disableChecks: true })
      if (isPrevious) previousTokens.set(error, apiKey)
      return error
    }
  }
}

/** Of whom it was a previous token that lacked the scopes. The error doesn't say so, as programs have no need of it; over HTTP the caller is told. */
const previousTokens = new WeakMap<InsufficientScope, ApiKey>()
export const recordOfPrevious = (error: InsufficientScope): ApiKey | undefined => previousTokens.get(error)

/** Which of the record's tokens has the key id, and its hash. */
const tokenOf = ({ apiKey, hash, previousHash }: StoredApiKey, keyId: string) => {
  if (apiKey.keyId === keyId) return { apiKey, hash, keyId: apiKey.keyId, usedToken: "current" } as const
  const { previous } = apiKey
  return previous !== null && previousHash !== null && previous.keyId === keyId
    ? ({ apiKey, hash: previousHash, keyId: previous.keyId, usedToken: "previous" } as const)
    : undefined
}

/** Without a stack: the engine keeps what its frames worked on, the token, as long as it remembers the error. */
const refusalFor = (Refused: typeof NotFound | typeof InvalidSecret, keyId: KeyId): NotFound | InvalidSecret => {
  const { stackTraceLimit } = Error
  Error.stackTraceLimit = 0
  try {
    return new Refused({ keyId })
  } finally {
    Error.stackTraceLimit = stackTraceLimit
  }
}

const isMissingPepper = ({ reason }: HasherError): boolean => reason === "MissingPepper"

const nameOf = (digest: string, { keyId }: Credential): string => digest + keyId

/** What a token may be that isn't of our format, and who then checks it against a hash of another system. */
interface Reading extends Candidate {
  readonly system: Pick<LegacyTokens, "verify" | "isExact">
}

/** What a caller presents, of whichever format. */
interface Credential extends Pick<ApiKeyToken.TokenParts, "keyId" | "secret"> {
  /** All that a token is which isn't of our format. It may stand for other key ids too: one refusal doesn't say it all. */
  readonly readings?: ReadonlyArray<Reading>
  /** Whether a hash is computed when there is no record. Default: yes. */
  readonly hasDecoy?: boolean
}

/** What says nothing of another candidate. */
const isAboutOne = (error: VerifyError): error is NotFound | InvalidSecret | HasherError =>
  error._tag === "NotFound" || error._tag === "InvalidSecret" || error._tag === "HasherError"

/** How many records a token of another format is looked for in. */
const maxCandidates = 8

/** A record whose secret the caller has. */
interface Found {
  readonly apiKey: ApiKey
  readonly usedToken: UsedToken
  /** In milliseconds. */
  readonly checkedAt: number
  readonly use: Use
}

const useOf = (id: ApiKeyId, keyId: KeyId, beginsGrace: boolean): Use => ({ id, keyId, beginsGrace, lastUsedAt: 0, isPending: false })

interface Refusal {
  readonly error: NotFound | InvalidSecret
  /** Those that the token may stand for, and their generations then. */
  readonly keyIds: ReadonlyArray<string>
  readonly generation: number
  readonly until: number
}

type Flying = Effect.Effect<Found, NotFound | InvalidSecret | RepositoryError | HasherError | Overloaded>

interface Flight {
  readonly fiber: Fiber.Fiber<Effect.Success<Flying>, Effect.Error<Flying>>
  /** The token's digest and the key id: a token of another format may be looked for under several. */
  readonly name: string
  readonly startedAt: number
  readonly generation: number
  waiting: number
}

/** An epoch that never is: the record isn't used any more, but what its token's secret was checked against still holds. */
const outdated = -1
/** How often a record is read, at most, that changes while its secret is hashed. */
const maxAttempts = 10
/** How often the clock is looked at, in milliseconds: for so long its being set back may prolong what is remembered. */
const checkInterval = 1_000
/** How far back the wall clock may go unnoticed, in milliseconds: two clocks aren't read at once, and don't run quite alike. */
const tolerance = 100

/**
 * Tells a stored hash from any other that the key may get, which nobody chooses, in as few characters (of a byte each) as are safe. Where
 * there is no digest there is no cache either.
 */
const digestOfHash = (hash: string): string => sha256?.(hash).slice(0, 16) ?? hash

/** A record, its use, and its place in the cache, in one object to save memory. */
class Entry implements Found, Use, Node<Entry> {
  readonly apiKey: ApiKey
  readonly usedToken: UsedToken
  readonly checkedAt: number
  /** The digest of the whole token, then the digest of the stored hash that its secret matched. */
  readonly proof: string
  epoch: number
  lastUsedAt = 0
  isPending = false
  isVisited = false
  readonly size: number
  older: Entry | undefined = undefined
  newer: Entry | undefined = undefined

  constructor(apiKey: ApiKey, usedToken: UsedToken, checkedAt: number, proof: string, epoch: number) {
    this.apiKey = apiKey
    this.usedToken = usedToken
    this.checkedAt = checkedAt
    this.proof = flat(proof)
    this.epoch = epoch
    this.size = sizeOf(apiKey)
  }

  get id(): ApiKeyId {
    return this.apiKey.id
  }
  // The record's own string: one cut from a token would keep the token in memory.
  get keyId(): KeyId {
    const { previous, keyId } = this.apiKey
    return this.usedToken === "previous" && previous !== null ? previous.keyId : keyId
  }
  get key(): string {
    return this.keyId
  }
  get beginsGrace(): boolean {
    return beginsGrace(this.apiKey, this.usedToken)
  }
  get use(): Use {
    return this
  }
}

const none: ApiKey["metadata"] = Object.freeze({})
const scopeSets = new Map<string, ApiKey["scopes"]>()
const maxScopeSets = 10_000

/**
 * The same record, sharing with others what many have in common: half of its memory. It is frozen, as it is handed to many callers, and what
 * one did to it would bear on the others; but for the instants, which note their parts when they are asked for.
 */
const compact = (apiKey: ApiKey): ApiKey => {
  const { createdAt, updatedAt, scopes, metadata, previous } = apiKey
  const copy = ofChecked(ApiKey, {
    ...apiKey,
    updatedAt: createdAt.epochMilliseconds === updatedAt.epochMilliseconds ? createdAt : updatedAt,
    scopes: shareScopes(scopes),
    metadata: isEmpty(metadata) ? none : frozenCopy(metadata),
    previous: previous === null ? null : Object.freeze(ofChecked(PreviousToken, previous)),
  })
  return Object.freeze(copy)
}

// The store may keep the one that it gave.
const frozenCopy = (object: Schema.JsonObject): Schema.JsonObject =>
  Object.freeze(Object.fromEntries(Object.entries(object).map(([key, value]) => [key, frozenValue(value)])))

const frozenValue = (value: Schema.Json): Schema.Json => {
  if (typeof value !== "object" || value === null) return value
  return isArray(value) ? Object.freeze(value.map(frozenValue)) : frozenCopy(value)
}

// Unlike `Array.isArray` it knows arrays that are read only.
const isArray = (value: Schema.JsonArray | Schema.JsonObject): value is Schema.JsonArray => Array.isArray(value)

const shareScopes = (scopes: ApiKey["scopes"]): ApiKey["scopes"] => {
  const text = scopes.join(" ")
  const known = scopeSets.get(text)
  if (known !== undefined) return known
  if (scopeSets.size >= maxScopeSets) scopeSets.clear()
  // Frozen, as it is handed to the callers of many keys.
  const shared = Object.freeze(Array.from(scopes))
  scopeSets.set(text, shared)
  return shared
}

const isEmpty = (metadata: ApiKey["metadata"]): boolean => {
  for (const _ in metadata) return false
  return true
}

const bytesOfEntry = 700
const bytesOfPrevious = 300

/** An estimate, in bytes: what every entry takes, and what its texts do. */
const sizeOf = ({ name, description, ownerId, scopes, metadata, previous }: ApiKey): number => {
  const texts =
    name.length + (description?.length ?? 0) + (ownerId?.length ?? 0) + scopes.reduce((sum, scope) => sum + scope.length + 24, 0)
  // Objects take several times what their JSON does.
  return (
    bytesOfEntry + (previous === null ? 0 : bytesOfPrevious) + 2 * texts + (isEmpty(metadata) ? 0 : 4 * JSON.stringify(metadata).length)
  )
}

/**
 * A copy that doesn't keep alive the longer text that it was cut from, a token perhaps. It takes a byte a character where the text's own
 * characters do.
 */
const flat = <Text extends string>(text: Text): Text =>
  // The characters stay the same, and so does what a brand stands for.
  JSON.parse(JSON.stringify(text)) as Text
