/**
 * Collects when keys were last used and writes it in one statement per interval, so that verification never waits for it.
 *
 * The newest instant per key is kept. What can't be written is tried again with the next batch; at most {@link capacity} keys are
 * remembered meanwhile. What remains is written when the scope closes.
 */
import * as DateTime from "effect/DateTime"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import type * as Scope from "effect/Scope"
import type { ApiKeyId } from "../ApiKey.ts"
import type { ApiKeyRepository } from "../ApiKeyRepository.ts"

const capacity = 100_000

export interface LastUsed {
  readonly record: (id: ApiKeyId, at: DateTime.Utc) => void
}

export const make = Effect.fnUntraced(function* (
  repository: ApiKeyRepository["Service"],
  interval: Duration.Input,
): Effect.fn.Return<LastUsed, never, Scope.Scope> {
  let pending = new Map<ApiKeyId, DateTime.Utc>()

  const record = (id: ApiKeyId, at: DateTime.Utc): void => {
    const known = pending.get(id)
    if (known === undefined ? pending.size < capacity : DateTime.isLessThan(known, at)) pending.set(id, at)
  }

  const flush = Effect.suspend(() => {
    if (pending.size === 0) return Effect.void
    const batch = pending
    pending = new Map()
    return repository.touch(Array.from(batch, ([id, lastUsedAt]) => ({ id, lastUsedAt }))).pipe(
      Effect.catch((error) =>
        Effect.andThen(
          Effect.sync(() => batch.forEach((at, id) => record(id, at))),
          Effect.logWarning("Could not write when API keys were last used; trying again later", error.message),
        ),
      ),
    )
  })

  yield* Effect.addFinalizer(() => flush)
  yield* Effect.forkScoped(Effect.repeat(flush, Schedule.spaced(interval)))
  return { record }
})
