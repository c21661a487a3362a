/** A scan of the whole table, which callers at the same time share. It goes on as long as one of them waits. */
import * as Cache from "effect/Cache"
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type { ApiKeyRepository } from "../../ApiKeyRepository.ts"

export const make = Effect.fnUntraced(function* <A, E>(
  { transaction }: Pick<ApiKeyRepository["Service"], "transaction">,
  scan: Effect.Effect<A, E>,
): Effect.fn.Return<Effect.Effect<A, E>> {
  // Nothing is kept of a scan that has ended.
  const scans = yield* Cache.make({ capacity: 1, timeToLive: 0, lookup: (_: "all") => scan })
  return Effect.contextWith((context: Context.Context<never>) =>
    // A transaction sees what others don't, and its connection ends with it.
    transaction?.isOpen(context) === true ? scan : Cache.get(scans, "all"),
  )
})
