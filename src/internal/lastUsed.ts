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

/** A key's latest use. It is held by what the key is verified with, so that noting a use is an assignment. */
export interface Use {
  readonly id: ApiKeyId
  /** In milliseconds. */
  lastUsedAt: number
  /** Whether it waits to be written. */
  isPending: boolean
}

export interface LastUsed {
  readonly record: (use: Use, at: number) => void
}

export const make = Effect.fnUntraced(function* (
  repository: ApiKeyRepository["Service"],
  interval: Duration.Input,
): Effect.fn.Return<LastUsed, never, Scope.Scope> {
  let pending: Array<Use> = []

  const enqueue = (use: Use): void => {
    if (use.isPending || pending.length >= capacity) return
    use.isPending = true
    pending.push(use)
  }
  const record = (use: Use, at: number): void => {
    if (at > use.lastUsedAt) use.lastUsedAt = at
    if (!use.isPending) enqueue(use)
  }

  const flush = Effect.suspend(() => {
    const batch = pending.slice(0, batchSize)
    pending = pending.slice(batchSize)
    for (const use of batch) use.isPending = false
    return repository.touch(batch.map(({ id, lastUsedAt }) => ({ id, lastUsedAt: DateTime.makeUnsafe(lastUsedAt) }))).pipe(
      // Whatever went wrong, an interruption included, the batch waits for its next chance.
      Effect.onExit((exit) => (Exit.isSuccess(exit) ? Effect.void : Effect.sync(() => batch.forEach(enqueue)))),
    )
  })
  // What is noted meanwhile waits for the next interval, or a busy service would write without a pause.
  const flushAll = Effect.suspend(() => {
    let left = pending.length
    return Effect.whileLoop({
      while: () => left > 0,
      body: () => flush,
      step: () => {
        left -= batchSize
      },
    })
  }).pipe(
    Effect.catchCause((cause) =>
      Cause.hasInterruptsOnly(cause)
        ? Effect.failCause(cause)
        : Effect.logWarning("Could not write when API keys were last used; trying again later", Cause.pretty(cause)),
    ),
  )

  yield* Effect.addFinalizer(() => Effect.ignore(Effect.timeout(flushAll, "5 seconds")))
  // Jittered, lest nodes that started together write together.
  yield* Effect.forkScoped(Effect.repeat(flushAll, Schedule.jittered(Schedule.spaced(interval))))
  return { record }
})
