/**
 * Replaces hashes of an older algorithm, parameters or pepper when their secrets are used. A record's hash can be replaced only when its
 * secret is there.
 *
 * No caller waits for it. Secrets are hashed one at a time, after the hashes for which callers wait. At most {@link capacity} secrets wait.
 * Further ones have their turn at their next use. A hash that another writer has replaced meanwhile is left alone.
 */
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Metric from "effect/Metric"
import * as Queue from "effect/Queue"
import * as Redacted from "effect/Redacted"
import type * as Scope from "effect/Scope"
import type { ApiKeyId, KeyId } from "../../ApiKey.ts"
import type { HasherError, RepositoryError } from "../../ApiKeyError.ts"
import { type ApiKeyHasher, scheme } from "../../ApiKeyHasher.ts"
import * as ApiKeyMetrics from "../../ApiKeyMetrics.ts"
import { addBounded, setBounded } from "../collection/bounded.ts"
import { sha256 } from "../hash/digest.ts"
import type { HashQueue } from "./hashQueue.ts"
import { missingPepper } from "../record/peppers.ts"

/** A secret that has just matched its hash. */
export interface Matched {
  readonly id: ApiKeyId
  readonly keyId: KeyId
  readonly secret: Redacted.Redacted
  readonly hash: Redacted.Redacted
  /** Whether no other secret matches the hash. */
  readonly isExact?: (secret: Redacted.Redacted, hash: Redacted.Redacted) => Effect.Effect<boolean, HasherError>
}

export interface Rehash {
  /** Has a hash made anew if it isn't current. */
  readonly consider: (matched: Matched) => void
}

const capacity = 100
/**
 * The number of times that a token's hash is replaced within {@link restMillis}. Nodes with other settings may be about to be restarted.
 */
const maxTimes = 3
const restMillis = 3_600_000
const maxReplaced = 10_000
/** The time in which a hash must be written. While a write hangs, no other hash is made. */
const patience = "10 seconds"
const maxInexact = 10_000

export const make = Effect.fnUntraced(function* (
  /** Gives whether the token's hash was `from`, and so was replaced. */
  replaceHash: (
    of: Pick<Matched, "id" | "keyId">,
    from: Redacted.Redacted,
    to: Redacted.Redacted,
  ) => Effect.Effect<boolean, RepositoryError>,
  hasher: ApiKeyHasher["Service"],
  currentScheme: Effect.Effect<string, HasherError>,
  hashQueue: HashQueue,
): Effect.fn.Return<Rehash, never, Scope.Scope> {
  const queue = yield* Effect.acquireRelease(Queue.dropping<Matched>(capacity), Queue.shutdown)
  const waiting = new Set<KeyId>()

  /** The hashes that this node has replaced of late. A node with another current hasher may replace them again, without end. */
  const replaced = new Map<KeyId, { readonly since: number; readonly times: number }>()
  const recent = (keyId: KeyId, now: number) => {
    const known = replaced.get(keyId)
    return known !== undefined && now >= known.since && now - known.since < restMillis ? known : { since: now, times: 0 }
  }
  const noteReplaced = (keyId: KeyId, now: number): void => {
    const { since, times } = recent(keyId, now)
    setBounded(replaced, maxReplaced, keyId, { since, times: times + 1 })
  }

  /** Secrets whose hash other secrets match too. Finding that out costs a hash. */
  const inexact = new Set<string>()
  const digestOf = (secret: Redacted.Redacted, hash: Redacted.Redacted) => sha256?.(`${Redacted.value(hash)}\0${Redacted.value(secret)}`)
  const isInexact = ({ secret, hash, isExact }: Matched): boolean => {
    const digest = isExact === undefined || inexact.size === 0 ? undefined : digestOf(secret, hash)
    return digest !== undefined && inexact.has(digest)
  }

  const upgrade = ({ id, keyId, secret, hash, isExact }: Matched) =>
    Effect.gen(function* () {
      const now = yield* Clock.currentTimeMillis
      // The peppers may have changed while the secret waited.
      if (scheme(Redacted.value(hash)) === (yield* currentScheme) || recent(keyId, now).times >= maxTimes) return
      if (isExact !== undefined && !(yield* hashQueue.runLast(isExact(secret, hash)))) {
        const digest = digestOf(secret, hash)
        if (digest !== undefined) addBounded(inexact, maxInexact, digest)
        return
      }
      const current = yield* hashQueue.runLast(hasher.hash(secret))
      // A pepper may have been taken out because it leaked. Its hashes mustn't live on under another pepper.
      if ((yield* missingPepper(hasher, scheme(Redacted.value(hash)))) !== undefined) return
      const isReplaced = yield* Effect.timeout(replaceHash({ id, keyId }, hash, current), patience)
      if (!isReplaced) return
      noteReplaced(keyId, now)
      yield* Metric.update(ApiKeyMetrics.rehashes, 1)
    }).pipe(
      Effect.catchCause((cause) =>
        // An interruption of this fiber ends the loop all the same.
        Cause.hasInterruptsOnly(cause)
          ? Effect.void
          : Effect.logWarning(
              "Could not replace the hash of an API key by a current one; trying again when it is used",
              Cause.pretty(cause),
            ),
      ),
      Effect.ensuring(Effect.sync(() => waiting.delete(keyId))),
    )

  yield* Effect.forkScoped(Effect.forever(Effect.flatMap(Queue.take(queue), upgrade)))
  return {
    consider: (matched) => {
      if (waiting.has(matched.keyId) || isInexact(matched)) return
      if (Queue.offerUnsafe(queue, matched)) waiting.add(matched.keyId)
    },
  }
})
