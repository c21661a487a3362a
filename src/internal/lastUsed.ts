/**
 * Collects when keys were last used and writes it in one statement (for up to 10,000 keys) per interval, so that verification never waits for it.
 *
 * The newest instant per key is kept. What can't be written is tried again with the next batch; at most {@link capacity} keys are
 * remembered meanwhile. What remains is written when the scope closes.
 */
import * as Cause from "effect/Cause"
import * as DateTime from "effect/DateTime"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Schedule from "effect/Schedule"
import type * as Scope from "effect/Scope"
import type { ApiKeyId } from "../ApiKey.ts"
import type { ApiKeyRepository } from "../ApiKeyRepository.ts"

const capacity = 100_000
/** Keys a statement. */
const batchSize = 10_000

export interface LastUsed {
  readonly record: (id: ApiKeyId, at: DateTime.Utc) => void
}

export const make = Effect.fnUntraced(function* (
  repository: ApiKeyRepository["Service"],
  interval: Duration.Input,
): Effect.fn.Return<LastUsed, never, Scope.Scope> {
  const pending = new Map<ApiKeyId, DateTime.Utc>()

  const record = (id: ApiKeyId, at: DateTime.Utc): void => {
    const known = pending.get(id)
    if (known === undefined ? pending.size < capacity : DateTime.isLessThan(known, at)) pending.set(id, at)
  }

  const flush = Effect.suspend(() => {
    if (pending.size === 0) return Effect.void
    const batch = Array.from(pending).slice(0, batchSize)
    for (const [id] of batch) pending.delete(id)
    return repository.touch(batch.map(([id, lastUsedAt]) => ({ id, lastUsedAt }))).pipe(
      // Whatever went wrong, an interruption included, the batch waits for its next chance.
      Effect.onExit((exit) => (Exit.isSuccess(exit) ? Effect.void : Effect.sync(() => batch.forEach(([id, at]) => record(id, at))))),
    )
  })
  const flushAll = Effect.whileLoop({ while: () => pending.size > 0, body: () => flush, step: () => undefined }).pipe(
    Effect.catchCause((cause) =>
      Cause.hasInterruptsOnly(cause)
        ? Effect.failCause(cause)
        : Effect.logWarning("Could not write when API keys were last used; trying again later", Cause.pretty(cause)),
    ),
  )

  yield* Effect.addFinalizer(() => Effect.ignore(Effect.timeout(flushAll, "5 seconds")))
  yield* Effect.forkScoped(Effect.repeat(flushAll, Schedule.spaced(interval)))
  return { record }
})
