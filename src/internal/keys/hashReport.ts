/** Counts hashes by kind. Callers at the same time share one scan of the table, which goes on as long as one of them waits. */
import * as Cache from "effect/Cache"
import * as Context from "effect/Context"
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import type { HasherError, RepositoryError } from "../../ApiKeyError.ts"
import { parseScheme } from "../../ApiKeyHasher.ts"
import type { ApiKeyRepository } from "../../ApiKeyRepository.ts"
import type { HashUsage } from "./model.ts"

export interface Dependencies {
  readonly repository: ApiKeyRepository["Service"]
  /** The scheme of the hashes that the hasher makes now. */
  readonly currentScheme: Effect.Effect<string, HasherError>
}

type Report = Effect.Effect<ReadonlyArray<HashUsage>, RepositoryError | HasherError>

export const make = Effect.fnUntraced(function* ({ repository, currentScheme }: Dependencies): Effect.fn.Return<Report> {
  const scan: Report = Effect.gen(function* () {
    const current = yield* currentScheme
    const counts = new Map<string, number>()
    for (const { scheme, previousScheme, count } of yield* repository.countSchemes(yield* DateTime.now)) {
      for (const each of previousScheme === null ? [scheme] : [scheme, previousScheme]) counts.set(each, (counts.get(each) ?? 0) + count)
    }
    return Array.from(counts, ([scheme, count]) => ({ ...parseScheme(scheme), count, isCurrent: scheme === current }))
  })
  // Nothing is kept of a scan that has ended.
  const scans = yield* Cache.make({ capacity: 1, timeToLive: 0, lookup: (_: "hashes") => scan })
  return Effect.contextWith((context: Context.Context<never>) =>
    // A transaction sees what others don't, and its connection ends with it.
    repository.transaction?.isOpen(context) === true ? scan : Cache.get(scans, "hashes"),
  ).pipe(Effect.withSpan("ApiKeys.hashReport"))
})
