/**
 * Collects the times of the keys' last uses, and writes them at an interval. No verification waits for it, and a statement writes up to
 * 10,000 keys.
 *
 * The newest instant of each key is kept. A batch that can't be written is tried again with the next one. At most {@link capacity} keys are
 * remembered meanwhile. The remaining ones are written when the scope closes.
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
/** The number of keys in a statement. */
const batchSize = 10_000

/** A key's latest use. The remembered record holds it, so noting a use is an assignment. */
export interface Use {
  readonly id: ApiKeyId
  /** The key id of the token that was used. */
  readonly keyId: KeyId
  /** Whether this use settles the grace of the previous token. */
  readonly beginsGrace: boolean
  /** A moment. */
  lastUsedAt: number
  /** Whether it waits to be written. */
  isPending: boolean
}

export interface LastUsed {
  /** Notes a use at a time in milliseconds. */
  readonly record: (use: Use, at: number) => void
  /** The time, in milliseconds, of a token's latest use, if it waits to be written or was in the latest batch. */
  readonly unwritten: (keyId: KeyId) => number | undefined
}

export const make = Effect.fnUntraced(function* (
  /** Writes uses, which may settle the graces of the records `beginning`. */
  touch: (uses: ReadonlyArray<Repository.Use>, beginning: ReadonlyArray<ApiKeyId>) => Effect.Effect<unknown, RepositoryError>,
  every: Duration.Duration,
): Effect.fn.Return<LastUsed, never, Scope.Scope> {
  /** The uses to be written, by token. Each look-up brings a use of its own. */
  const pending = new Map<KeyId, Use>()
  /** The latest batch. It is kept until the next one, as a look-up that began before the write doesn't show these uses. */
  let writing: ReadonlyMap<KeyId, Use> = new Map()
  const arrival = Latch.makeUnsafe()

  const enqueue = (use: Use): void => {
    const known = pending.get(use.keyId)
    if (known === undefined && pending.size >= capacity) return
    if (known !== undefined) {
      if (known.lastUsedAt > use.lastUsedAt) use.lastUsedAt = known.lastUsedAt
      // The earlier object leaves the map. With `isPending` false, the next use noted on it enters the map again.
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
    writing = new Map(batch.map((use) => [use.keyId, use]))
    for (const use of batch) {
      pending.delete(use.keyId)
      use.isPending = false
    }
    const beginning = new Set(batch.filter(({ beginsGrace }) => beginsGrace).map(({ id }) => id))
    const uses = batch.map(({ id, keyId, lastUsedAt }) => ({ id, keyId, lastUsedAt: DateTime.makeUnsafe(fromMoment(lastUsedAt)) }))
    return touch(uses, Array.from(beginning)).pipe(
      // After any failure or an interruption, the batch waits for the next try.
      Effect.onExit((exit) => (Exit.isSuccess(exit) ? Effect.void : Effect.sync(() => batch.forEach(enqueue)))),
    )
  })
  // Uses that are noted meanwhile wait for the next interval. A busy service would otherwise write without a pause.
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
      // An interruption of this fiber ends the loop all the same.
      Cause.hasInterruptsOnly(cause)
        ? Effect.void
        : Effect.logWarning("Could not write when API keys were last used; trying again later", Cause.pretty(cause)),
    ),
  )

  yield* Effect.addFinalizer(() => Effect.ignore(Effect.timeout(flushAll, "5 seconds")))
  // Jittered, lest nodes that started together write together.
  const pause = Effect.flatMap(Random.nextBetween(0.8, 1.2), (share) => Effect.sleep(Duration.millis(Duration.toMillis(every) * share)))
  // While there is nothing to write, nothing runs. Else a test's clock that leaps over days would run the loop for each interval.
  const writeNext = Effect.suspend(() => {
    // Closed before the look, as a use may come in between.
    arrival.closeUnsafe()
    return pending.size === 0 ? arrival.await : Effect.andThen(pause, flushAll)
  })
  yield* Effect.forkScoped(Effect.forever(writeNext))
  return {
    record,
    unwritten: (keyId) => {
      const use = pending.get(keyId) ?? writing.get(keyId)
      return use === undefined ? undefined : fromMoment(use.lastUsedAt)
    },
  }
})
