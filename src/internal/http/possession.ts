/** Tokens whose holders want them ended, waiting for their turn. */
import { createHash } from "node:crypto"
import * as Cause from "effect/Cause"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Latch from "effect/Latch"
import * as Redacted from "effect/Redacted"
import * as Schedule from "effect/Schedule"
import type * as Scope from "effect/Scope"
import { ApiKeyNotFound, isRefusal, type RepositoryError, type VerifyError } from "../../ApiKeyError.ts"

/** The number of tokens that may wait for the look-up, and of existing keys' tokens that may wait to be ended. */
export const capacity = 1_000
/** Tokens looked up at a time. */
const batchSize = 64

export interface Possession {
  /** Whether the token has a place. A token that waits already takes no second place. */
  readonly offer: (token: Redacted.Redacted) => boolean
}

/** The SHA-256 of a token, in base64. */
export const hashOf = (token: Redacted.Redacted): string => createHash("sha256").update(Redacted.value(token)).digest("base64")

/** Whether the same may succeed a moment later. */
export const isPassing = (error: VerifyError | RepositoryError | { readonly _tag: "ApiKeyNotFound" }): boolean =>
  error._tag === "Overloaded" || (error._tag === "RepositoryError" && error.isRetryable)

/** About a minute, as long as databases take to fail over. */
const patience = { while: isPassing, schedule: Schedule.exponential("200 millis"), times: 8 }

/** The time for tokens that are left when the server stops. The server's requests have ended by then. */
const drainTime = "10 seconds"
const drainConcurrency = 4

export interface Dependencies {
  /** Names the key whose key id the token has, its secret unchecked; `undefined` if there is none. A look-up, without a hash. */
  readonly identify: (token: Redacted.Redacted) => Effect.Effect<string | undefined, RepositoryError>
  readonly revoke: (token: Redacted.Redacted) => Effect.Effect<void, VerifyError | { readonly _tag: "ApiKeyNotFound" }>
}

/**
 * Ends tokens one by one, `perSecond` a second. Tokens that are left when the scope closes are ended without pauses.
 *
 * An invented token names no key, so the token costs a look-up alone. Keys take turns. When tokens are too many, the key with the most tokens
 * loses some. A flood for one key holds up no other.
 */
export const make = Effect.fnUntraced(function* (
  { identify, revoke }: Dependencies,
  perSecond: number,
): Effect.fn.Return<Possession, never, Scope.Scope> {
  // The tokens by their hashes: many posts of a token take a single place.
  const arrived = new Map<string, Redacted.Redacted>()
  const turns = makeTurns()
  const arrival = yield* Latch.make()
  const readiness = yield* Latch.make()
  const pause = Effect.sleep(Duration.millis(1_000 / perSecond))

  /** Keeps the token for its turn if its key exists. Without an answer it is kept, as revoking it asks again. */
  const lookUp = (hash: string, token: Redacted.Redacted): Effect.Effect<void> =>
    identify(token).pipe(
      Effect.retry(patience),
      Effect.catchCause((cause) =>
        // An interruption has no failure of any type.
        Cause.hasInterruptsOnly(cause) ? Effect.failCause(cause as Cause.Cause<never>) : Effect.succeed("unknown"),
      ),
      Effect.flatMap((key) => {
        arrived.delete(hash)
        if (key === undefined) return Effect.void
        const isFirstLoss = turns.add(key, hash, token)
        readiness.openUnsafe()
        return isFirstLoss ? Effect.logError("Too many tokens of one API key wait to be ended: the latest were dropped") : Effect.void
      }),
    )

  const lookUpNext = Effect.suspend(() => {
    // Before looking, lest one come in between.
    arrival.closeUnsafe()
    return arrived.size === 0
      ? arrival.await
      : Effect.forEach(Array.from(arrived).slice(0, batchSize), (each) => lookUp(...each), { concurrency: batchSize, discard: true })
  })

  /** After an ended token and after a failure alike, the next token has its turn. */
  const end = ({ key, hash, token }: Turn): Effect.Effect<void> =>
    revoke(token).pipe(
      Effect.retry(patience),
      Effect.catchCause((cause) => {
        // An interruption has no failure of any type.
        if (Cause.hasInterruptsOnly(cause)) return Effect.failCause(cause as Cause.Cause<never>)
        const error = Cause.squash(cause)
        const hasEnded = isRefusal(error) || error instanceof ApiKeyNotFound
        return hasEnded ? Effect.void : Effect.logError("An API key couldn't be ended by who held its token", cause)
      }),
      Effect.andThen(Effect.sync(() => turns.remove(key, hash))),
    )

  const endNext = Effect.suspend(() => {
    readiness.closeUnsafe()
    const next = turns.next()
    return next === undefined ? readiness.await : Effect.andThen(end(next), pause)
  })

  const drain = Effect.suspend(() => Effect.forEach(arrived, (each) => lookUp(...each), { concurrency: batchSize, discard: true })).pipe(
    Effect.andThen(Effect.suspend(() => Effect.forEach(turns.all(), end, { concurrency: drainConcurrency, discard: true }))),
    Effect.interruptible,
    Effect.timeoutOption(drainTime),
    Effect.andThen(
      Effect.suspend(() => {
        const left = arrived.size + turns.all().length
        return left === 0 ? Effect.void : Effect.logError("The server stopped before all tokens were ended by who held them", { left })
      }),
    ),
  )
  // The finalizer is added before the fibers start, so the fibers have ended when the drain runs.
  yield* Effect.addFinalizer(() => drain)
  yield* Effect.forkScoped(Effect.forever(lookUpNext))
  yield* Effect.forkScoped(Effect.forever(endNext))

  return {
    offer: (token) => {
      const hash = hashOf(token)
      if (arrived.has(hash)) return true
      // Before the turns, which only tokens of keys that exist have: a full queue mustn't tell those from others.
      if (arrived.size >= capacity) return false
      if (turns.has(hash)) return true
      arrived.set(hash, token)
      arrival.openUnsafe()
      return true
    },
  }
})

interface Turn {
  readonly key: string
  readonly hash: string
  readonly token: Redacted.Redacted
}

/** Tokens by their keys, which take turns. */
const makeTurns = () => {
  const byKey = new Map<string, Map<string, Redacted.Redacted>>()
  const hashes = new Set<string>()
  let isLosing = false

  const remove = (key: string, hash: string): void => {
    const tokens = byKey.get(key)
    if (tokens?.delete(hash) !== true) return
    hashes.delete(hash)
    if (tokens.size === 0) byKey.delete(key)
    if (hashes.size < capacity / 2) isLosing = false
  }

  return {
    has: (hash: string): boolean => hashes.has(hash),
    remove,
    /** Gives whether this is the first one lost, since there was room. */
    add: (key: string, hash: string, token: Redacted.Redacted): boolean => {
      const tokens = byKey.get(key) ?? new Map<string, Redacted.Redacted>()
      byKey.set(key, tokens.set(hash, token))
      hashes.add(hash)
      if (hashes.size <= capacity) return false
      const [longest, most] = Array.from(byKey).reduce((a, b) => (b[1].size > a[1].size ? b : a))
      // The longest of them isn't empty.
      remove(longest, Array.from(most.keys()).at(-1)!)
      const isFirst = !isLosing
      isLosing = true
      return isFirst
    },
    /** The first token of the key whose turn it is; the key goes to the end of the row. */
    next: (): Turn | undefined => {
      for (const [key, tokens] of byKey) {
        byKey.delete(key)
        byKey.set(key, tokens)
        for (const [hash, token] of tokens) return { key, hash, token }
      }
      return undefined
    },
    all: (): ReadonlyArray<Turn> =>
      Array.from(byKey).flatMap(([key, tokens]) => Array.from(tokens, ([hash, token]) => ({ key, hash, token }))),
  }
}
