/**
 * Verifies tokens, by two paths. The slow one, {@link Verification} with its cache off, is the specification: parse, look up, hash, judge. The
 * warm one answers from the cache what the slow one would, in one pass that allocates nothing but its answer: no parsing, decoding, span or
 * generator.
 *
 * A look-up and its hash are a flight, which all callers with the same token share, and which goes on as long as one of them waits. A change
 * of the key that is heard during a flight makes it look again, and nothing that was read before the change is kept.
 */
import * as Clock from "effect/Clock"
import type * as Context from "effect/Context"
import * as DateTime from "effect/DateTime"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import { ApiKey, type ApiKeyId, status } from "../ApiKey.ts"
import {
  Expired,
  type HasherError,
  Inactive,
  InsufficientScope,
  InvalidSecret,
  NotFound,
  Overloaded,
  RepositoryError,
  type VerifyError,
} from "../ApiKeyError.ts"
import type { ApiKeyHasher } from "../ApiKeyHasher.ts"
import * as ApiKeyMetrics from "../ApiKeyMetrics.ts"
import type { ApiKeyRepository } from "../ApiKeyRepository.ts"
import * as ApiKeyToken from "../ApiKeyToken.ts"
import { type Scope, satisfies } from "../Scope.ts"
import type { Settings } from "../VerificationCache.ts"
import { sha256, startsWithDigest } from "./digest.ts"
import * as Generations from "./generations.ts"
import type { HashQueue } from "./hashQueue.ts"
import type { LastUsed, Use } from "./lastUsed.ts"
import { type Node, Sieve } from "./sieve.ts"
import type { Counts } from "./verifyCounts.ts"

export interface VerifyOptions {
  readonly scopes?: ReadonlyArray<string> | undefined
  readonly maxAge?: Duration.Input | undefined
}

/** A good token's record, as it was at `checkedAt`. */
export class Verified {
  readonly apiKey: ApiKey
  private readonly millis: number

  constructor(apiKey: ApiKey, millis: number) {
    this.apiKey = apiKey
    this.millis = millis
  }

  /** When the store was asked. What it said may have changed since. */
  get checkedAt(): DateTime.Utc {
    // Made when it is asked for, as it costs more than the rest of a warm verification.
    return DateTime.makeUnsafe(this.millis)
  }
}

export interface Verification {
  readonly verify: (token: string | Redacted.Redacted, options?: VerifyOptions) => Effect.Effect<Verified, VerifyError>
  /** What is known of the key no longer holds. */
  readonly changed: (keyId: string) => void
  readonly everythingChanged: () => void
  /** Until when (exclusive, in milliseconds) changes are sure to be heard. Beyond it the store is asked each time. */
  readonly trustUntil: (millis: number) => void
  readonly cacheSize: () => number
}

export interface Dependencies {
  readonly repository: ApiKeyRepository["Service"]
  readonly hasher: ApiKeyHasher["Service"]
  readonly hashQueue: HashQueue
  /** The hash that is checked when there is no record, so that an unknown key id costs what a wrong secret costs. */
  readonly decoy: Redacted.Redacted
  readonly format: ApiKeyToken.TokenFormat
  readonly cache: Settings
  readonly lastUsed: LastUsed
  readonly counts: Counts
}

export const make = ({ repository, hasher, hashQueue, decoy, format, cache, lastUsed, counts }: Dependencies): Verification => {
  const entries = new Sieve<Entry>(cache)
  const refusals = new Map<string, Refusal>()
  const generations = Generations.make()
  const flights = new Map<string, Flight>()
  let epoch = 0
  let trustedUntil = Number.POSITIVE_INFINITY
  let sequence = 0

  const digestOf = cache.entries > 0 ? sha256 : undefined
  // A text that isn't well-formed has the digest of another one.
  const keyIdOf =
    format.keyIdOf ??
    ((token: string): string | undefined => {
      const parsed = ApiKeyToken.parse(token, format)
      return Result.isSuccess(parsed) && token.isWellFormed() ? parsed.success.keyId : undefined
    })

  // A clock that was set back makes an entry's age negative: it isn't used then.
  const isFresh = (entry: Entry, now: number, maxAge: number): boolean => {
    const age = now - entry.checkedAt
    return entry.epoch === epoch && age >= 0 && age < cache.timeToLive && age < maxAge && now < trustedUntil
  }

  const refuse = (error: VerifyError): Exit.Exit<never, VerifyError> => {
    counts.failures[error._tag]++
    return Exit.fail(error)
  }

  const judge = (found: Found, now: number, scopes: ReadonlyArray<string> | undefined): Exit.Exit<Verified, VerifyError> => {
    const refusal = whyNot(found.apiKey, now, scopes)
    if (refusal !== undefined) return refuse(refusal)
    lastUsed.record(found.use, now)
    return Exit.succeed(new Verified(found.apiKey, found.checkedAt))
  }

  const remember = (entry: Entry, isCurrent: boolean): void => {
    if (!isCurrent) entry.epoch = outdated
    entries.set(entry)
  }

  const rememberRefusal = (digest: string, error: NotFound | InvalidSecret, generation: number, now: number): void => {
    refusals.delete(digest)
    if (refusals.size >= cache.refusals) {
      const [oldest] = refusals.keys()
      if (oldest !== undefined) refusals.delete(oldest)
    }
    if (cache.refusals > 0) refusals.set(digest, { error, generation, until: now + cache.refusalTimeToLive })
  }

  const refusalOf = (digest: string, keyId: string, now: number): NotFound | InvalidSecret | undefined => {
    const known = refusals.get(digest)
    if (known === undefined || now >= trustedUntil) return undefined
    const isCurrent = now < known.until && now >= known.until - cache.refusalTimeToLive && known.generation === generations.of(keyId)
    return isCurrent ? known.error : undefined
  }

  /** Looks up and hashes, again as long as the key changes meanwhile. */
  const fly = Effect.fnUntraced(
    function* (
      { keyId, secret }: ApiKeyToken.TokenParts,
      digest: string | undefined,
    ): Effect.fn.Return<Found, NotFound | InvalidSecret | RepositoryError | HasherError | Overloaded> {
      const clock = yield* Clock.Clock
      const begun = clock.monotonicTimeNanosUnsafe()
      let proven = digest === undefined ? undefined : provenHash(digest, keyId)
      let isDecoyChecked = false
      let refuted: string | undefined
      for (let attempt = 0; attempt < maxAttempts; attempt++) {
        const checkedAt = clock.currentTimeMillisUnsafe()
        const generation = generations.of(keyId)
        const stored = yield* repository.findByKeyId(keyId)
        const hash = Option.isNone(stored) ? undefined : stored.value.hash
        const hashDigest = hash === undefined ? undefined : digestOfHash(Redacted.value(hash))
        if (hash === undefined || hashDigest === undefined) {
          if (!isDecoyChecked) yield* hashQueue.run("unknown", keyId, hasher.verify(secret, decoy))
          isDecoyChecked = true
        } else if (hashDigest !== proven && hashDigest !== refuted) {
          if (yield* hashQueue.run("known", keyId, hasher.verify(secret, hash))) proven = hashDigest
          else refuted = hashDigest
        }
        if (generation !== generations.of(keyId)) continue
        const context = yield* Effect.context<never>()
        ApiKeyMetrics.coldDuration.updateUnsafe(Number(clock.monotonicTimeNanosUnsafe() - begun) / 1e6, context)
        const isTrusted = checkedAt < trustedUntil
        if (Option.isNone(stored) || hashDigest === undefined || hashDigest !== proven) {
          const error = Option.isNone(stored) ? new NotFound({ keyId: flat(keyId) }) : new InvalidSecret({ keyId: flat(keyId) })
          if (digest !== undefined && isTrusted) rememberRefusal(digest, error, generation, checkedAt)
          return yield* error
        }
        const { apiKey } = stored.value
        if (digest === undefined) return { apiKey, checkedAt, use: { id: apiKey.id, lastUsedAt: 0, isPending: false } }
        const entry = new Entry(compact(apiKey), checkedAt, digest + hashDigest, epoch)
        remember(entry, isTrusted)
        return entry
      }
      return yield* new RepositoryError({ operation: "read a record that keeps changing", isRetryable: true, cause: undefined })
    },
    (effect, { keyId }) => Effect.withSpan(effect, "ApiKeys.lookUp", { captureStackTrace: false, attributes: { "api_key.key_id": keyId } }),
  )

  /** The digest of the stored hash that this very token has matched. */
  const provenHash = (digest: string, keyId: string): string | undefined => {
    const known = entries.get(keyId)
    return known !== undefined && startsWithDigest(known.proof, digest) ? known.proof.slice(digest.length) : undefined
  }

  const start = (digest: string, parts: ApiKeyToken.TokenParts, startedAt: number, context: Context.Context<never>): Flight => {
    const number = ++sequence
    const generation = generations.of(parts.keyId)
    const fiber = Effect.runForkWith(context)(fly(parts, digest))
    const flight: Flight = { fiber, digest, number, startedAt, generation, waiting: 0 }
    flights.set(digest, flight)
    fiber.addObserver(() => leave(flight))
    return flight
  }

  const leave = (flight: Flight): void => {
    if (flights.get(flight.digest) === flight) flights.delete(flight.digest)
  }

  const land = (flight: Flight): Effect.Effect<Found, VerifyError> => {
    const landed = flight.fiber.pollUnsafe()
    if (landed !== undefined) return landed
    return Effect.callback((resume) => {
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
  }

  /** By the store: in a flight that is recent enough, else in one of its own after the one under way, whose hash needn't be done twice. */
  const askStore = (
    fiber: Fiber.Fiber<unknown, unknown>,
    parts: ApiKeyToken.TokenParts,
    digest: string,
    now: number,
    maxAge: number,
  ): Effect.Effect<Found, VerifyError> => {
    const called = ++sequence
    const isRecent = (flight: Flight): boolean =>
      flight.generation === generations.of(parts.keyId) &&
      (flight.number > called || (now < trustedUntil && now >= flight.startedAt && now - flight.startedAt < maxAge))
    const attempt = (): Effect.Effect<Found, VerifyError> => {
      const current = flights.get(digest)
      if (current !== undefined && isRecent(current)) return land(current)
      if (current !== undefined && provenHash(digest, parts.keyId) === undefined && current.fiber.pollUnsafe() === undefined) {
        return Effect.matchCauseEffect(land(current), { onFailure: attempt, onSuccess: attempt })
      }
      if (flights.size >= maxFlights) return Effect.fail(new Overloaded({ retryAfterSeconds: 1 }))
      return land(start(digest, parts, now, fiber.context))
    }
    return attempt()
  }

  const cold = (
    fiber: Fiber.Fiber<unknown, unknown>,
    parts: ApiKeyToken.TokenParts,
    digest: string | undefined,
    now: number,
    maxAge: number,
    scopes: ReadonlyArray<string> | undefined,
  ): Effect.Effect<Verified, VerifyError> => {
    counts.misses++
    // What is read in a transaction may be undone, so it is neither kept nor shared.
    const isPrivate = repository.transaction?.isOpen(fiber.context) === true
    const found = digest === undefined || isPrivate ? fly(parts, undefined) : askStore(fiber, parts, digest, now, maxAge)
    const clock = fiber.getRef(Clock.Clock)
    return Effect.matchEffect(found, {
      onFailure: refuse,
      onSuccess: (entry) => judge(entry, clock.currentTimeMillisUnsafe(), scopes),
    })
  }

  return {
    verify: (token, options) =>
      Effect.withFiber((fiber) => {
        const text = typeof token === "string" ? token : Redacted.value(token)
        const now = fiber.getRef(Clock.Clock).currentTimeMillisUnsafe()
        const maxAge = options?.maxAge === undefined ? Number.POSITIVE_INFINITY : toMillis(options.maxAge)
        const keyId = digestOf === undefined || text.length > ApiKeyToken.maxTokenLength ? undefined : keyIdOf(text)
        const digest = keyId === undefined ? undefined : digestOf?.(text)
        if (keyId !== undefined && digest !== undefined) {
          const entry = entries.get(keyId)
          if (entry !== undefined && startsWithDigest(entry.proof, digest) && isFresh(entry, now, maxAge)) {
            counts.hits++
            entry.isVisited = true
            return judge(entry, now, options?.scopes)
          }
          const refusal = maxAge === Number.POSITIVE_INFINITY ? refusalOf(digest, keyId, now) : undefined
          if (refusal !== undefined) {
            counts.hits++
            return refuse(refusal)
          }
        }
        const parsed = ApiKeyToken.parse(text, format)
        return Result.isFailure(parsed) ? refuse(parsed.failure) : cold(fiber, parsed.success, digest, now, maxAge, options?.scopes)
      }),
    changed: (keyId) => {
      generations.changed(keyId)
      const entry = entries.get(keyId)
      if (entry !== undefined) entry.epoch = outdated
    },
    everythingChanged: () => {
      epoch++
      generations.everythingChanged()
    },
    trustUntil: (millis) => {
      trustedUntil = millis
    },
    cacheSize: () => entries.size,
  }
}

/**
 * Decides whether a record may be used now for what is required: the one place that does, for hits and misses alike.
 *
 * The order is part of the contract: inactive, expired, scopes.
 */
const whyNot = (
  apiKey: ApiKey,
  now: number,
  required: ReadonlyArray<string> | undefined,
): Inactive | Expired | InsufficientScope | undefined => {
  const { keyId, expiresAt } = apiKey
  switch (status(apiKey, now)) {
    case "inactive":
      return new Inactive({ keyId })
    case "expired":
      // Only a key with an expiry expires.
      return new Expired({ keyId, expiresAt: expiresAt! })
    case "active":
      return required === undefined || satisfies(apiKey.scopes, required)
        ? undefined
        : // `required` comes from the application and may hold what isn't a scope; that is no reason to crash.
          new InsufficientScope({ keyId, required: required as ReadonlyArray<Scope>, granted: apiKey.scopes }, { disableChecks: true })
  }
}

/** A record whose secret the caller has. */
interface Found {
  readonly apiKey: ApiKey
  /** In milliseconds. */
  readonly checkedAt: number
  readonly use: Use
}

interface Refusal {
  readonly error: NotFound | InvalidSecret
  readonly generation: number
  readonly until: number
}

interface Flight {
  readonly fiber: Fiber.Fiber<Found, NotFound | InvalidSecret | RepositoryError | HasherError | Overloaded>
  readonly digest: string
  readonly number: number
  readonly startedAt: number
  readonly generation: number
  waiting: number
}

/** An epoch that never is: the record isn't used any more, but what its token's secret was checked against still holds. */
const outdated = -1
/** How often a record is read again that changes while its secret is hashed. */
const maxAttempts = 10
/** Look-ups under way, beyond which strangers get no more. */
const maxFlights = 10_000

/**
 * Tells a stored hash from any other that the key may get, which nobody chooses, in as few characters (of a byte each) as are safe. Where
 * there is no digest there is no cache either.
 */
const digestOfHash = (hash: string): string => sha256?.(hash).slice(0, 16) ?? hash

/** A record, its use, and its place in the cache, in one object to save memory. */
class Entry implements Found, Use, Node<Entry> {
  readonly apiKey: ApiKey
  readonly checkedAt: number
  /** The digest of the whole token, then the digest of the stored hash that its secret matched. */
  readonly proof: string
  epoch: number
  lastUsedAt = 0
  isPending = false
  isVisited = false
  older: Entry | undefined = undefined
  newer: Entry | undefined = undefined

  constructor(apiKey: ApiKey, checkedAt: number, proof: string, epoch: number) {
    this.apiKey = apiKey
    this.checkedAt = checkedAt
    this.proof = flat(proof)
    this.epoch = epoch
  }

  get id(): ApiKeyId {
    return this.apiKey.id
  }
  // The record's own string: one cut from a token would keep the token in memory.
  get key(): string {
    return this.apiKey.keyId
  }
  get use(): Use {
    return this
  }
  get size(): number {
    return sizeOf(this.apiKey)
  }
}

const none: ApiKey["metadata"] = Object.freeze({})
const scopeSets = new Map<string, ApiKey["scopes"]>()
const maxScopeSets = 10_000

/** The same record, sharing with others what many have in common: half of its memory. */
const compact = (apiKey: ApiKey): ApiKey => {
  const { createdAt, updatedAt, scopes, metadata } = apiKey
  // Assigned to a copy of ours, as the constructor would copy the array and the object.
  return Object.assign(new ApiKey(apiKey, { disableChecks: true }), {
    updatedAt: createdAt.epochMilliseconds === updatedAt.epochMilliseconds ? createdAt : updatedAt,
    scopes: shareScopes(scopes),
    metadata: isEmpty(metadata) ? none : metadata,
  })
}

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

/** An estimate, in bytes: what every entry takes, and what its texts do. */
const sizeOf = ({ name, description, ownerId, scopes, metadata }: ApiKey): number => {
  const texts =
    name.length + (description?.length ?? 0) + (ownerId?.length ?? 0) + scopes.reduce((sum, scope) => sum + scope.length + 24, 0)
  // Objects take several times what their JSON does.
  return bytesOfEntry + 2 * texts + (isEmpty(metadata) ? 0 : 4 * JSON.stringify(metadata).length)
}

const toMillis = (duration: Duration.Input): number => Duration.toMillis(Duration.fromInputUnsafe(duration))

/**
 * A copy that doesn't keep alive the longer text that it was cut from, a token perhaps. It takes a byte a character where the text's own
 * characters do.
 */
const flat = <Text extends string>(text: Text): Text =>
  // The characters stay the same, and so does what a brand stands for.
  JSON.parse(JSON.stringify(text)) as Text
