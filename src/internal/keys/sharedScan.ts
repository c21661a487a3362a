/** A scan of the whole table, which callers at the same time share. The scan goes on as long as a caller waits. */
import * as Cache from "effect/Cache"
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type { ApiKeyRepository } from "../../ApiKeyRepository.ts"

export const make = Effect.fnUntraced(function* <A, E>(
  { transaction }: Pick<ApiKeyRepository["Service"], "transaction">,
  scan: Effect.Effect<A, E>,
): Effect.fn.Return<Effect.Effect<A, E>> {
  // The result of a scan that has ended isn't kept.
  const scans = yield* Cache.make({ capacity: 1, timeToLive: 0, lookup: (_: "all") => scan })
  return Effect.contextWith((context: Context.Context<never>) =>
    // A transaction sees its own writes, and its connection ends with the transaction, so its scan isn't shared.
    transaction?.isOpen(context) === true ? scan : Cache.get(scans, "all"),
  )
})
