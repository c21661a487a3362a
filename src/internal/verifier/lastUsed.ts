/**
 * Collects when keys were last used and writes it in one statement (for up to 10,000 keys) per interval, so that verification never waits for it.
 *
 * The newest instant per key is kept. What can't be written is tried again with the next batch; at most {@link capacity} keys are
 * remembered meanwhile. What remains is written when the scope closes.
 */
import * as Cause from "effect/Cause"
import * as DateTime from "effect/DateTime"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Latch from "effect/Latch"
import * as Random from "effect/Random"
import type * as Scope from "effect/Scope"
import type { ApiKeyId, KeyId } from "../../ApiKey.ts"
import type { RepositoryError } from "../../ApiKeyError.ts"
import type * as Repository from "../../ApiKeyRepository.ts"
import { fromMoment, toMoment } from "../time/moment.ts"

const capacity = 100_000
/** Keys a statement. */
const batchSize = 10_000

/** A key's latest use. It is held by what the key is verified with, so that noting a use is an assignment. */
export interface Use {
  readonly id: ApiKeyId
  /** The key id of the token that was used. */
  readonly keyId: KeyId
  /** Whether it settles the grace of the token before. */
  readonly beginsGrace: boolean
  /** A moment. */
  lastUsedAt: number
  /** Whether it waits to be written. */
  isPending: boolean
}

export interface LastUsed {
  /** Notes a use at a time in milliseconds. */
  readonly record: (use: Use, at: number) => void
}

export const make = Effect.fnUntraced(function* (
  /** Writes uses, of which those of the records `beginning` may settle graces. */
  touch: (uses: ReadonlyArray<Repository.Use>, beginning: ReadonlyArray<ApiKeyId>) => Effect.Effect<unknown, RepositoryError>,
  every: Duration.Duration,
): Effect.fn.Return<LastUsed, never, Scope.Scope> {
  /** By token, as each look-up brings a use of its own. */
  const pending = new Map<KeyId, Use>()
  const arrival = Latch.makeUnsafe()

  const enqueue = (use: Use): void => {
    const known = pending.get(use.keyId)
    if (known === undefined && pending.size >= capacity) return
    if (known !== undefined) {
      if (known.lastUsedAt > use.lastUsedAt) use.lastUsedAt = known.lastUsedAt
      // It waits no more: noted again, it has to come back.
      known.isPending = false
    }
    use.isPending = true
    pending.set(use.keyId, use)
    if (pending.size === 1) arrival.openUnsafe()
  }
  const record = (use: Use, at: number): void => {
    const moment = toMoment(at)
    if (moment > use.lastUsedAt) use.lastUsedAt = moment
    if (!use.isPending) enqueue(use)
  }

  const flush = Effect.suspend(() => {
    const batch = Array.from(pending.values()).slice(0, batchSize)
    for (const use of batch) {
      pending.delete(use.keyId)
      use.isPending = false
    }
    const beginning = new Set(batch.filter(({ beginsGrace }) => beginsGrace).map(({ id }) => id))
    const uses = batch.map(({ id, keyId, lastUsedAt }) => ({ id, keyId, lastUsedAt: DateTime.makeUnsafe(fromMoment(lastUsedAt)) }))
    return touch(uses, Array.from(beginning)).pipe(
      // Whatever went wrong, an interruption included, the batch waits for its next chance.
      Effect.onExit((exit) => (Exit.isSuccess(exit) ? Effect.void : Effect.sync(() => batch.forEach(enqueue)))),
    )
  })
  // Uses that are noted meanwhile wait for the next interval, or a busy service would write without a pause.
  const flushAll = Effect.suspend(() => {
    let left = pending.size
    return Effect.whileLoop({
      while: () => left > 0,
      body: () => flush,
      step: () => {
        left -= batchSize
      },
    })
  }).pipe(
    Effect.catchCause((cause) =>
      // An interruption of our own ends the loop all the same.
      Cause.hasInterruptsOnly(cause)
        ? Effect.void
        : Effect.logWarning("Could not write when API keys were last used; trying again later", Cause.pretty(cause)),
    ),
  )

  yield* Effect.addFinalizer(() => Effect.ignore(Effect.timeout(flushAll, "5 seconds")))
  // Jittered, lest nodes that started together write together.
  const pause = Effect.flatMap(Random.nextBetween(0.8, 1.2), (share) => Effect.sleep(Duration.millis(Duration.toMillis(every) * share)))
  // Nothing runs while there is nothing to write: a test's clock has no turn to give for the days that it leaps over.
  const writeNext = Effect.suspend(() => {
    // Before looking, lest one come in between.
    arrival.closeUnsafe()
    return pending.size === 0 ? arrival.await : Effect.andThen(pause, flushAll)
  })
  yield* Effect.forkScoped(Effect.forever(writeNext))
  return { record }
})
