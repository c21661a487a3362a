/** Counts hashes by kind. */
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import type { HasherError, RepositoryError } from "../../ApiKeyError.ts"
import { parseScheme } from "../../ApiKeyHasher.ts"
import type { ApiKeyRepository } from "../../ApiKeyRepository.ts"
import type { HashUsage } from "./model.ts"
import * as SharedScan from "./sharedScan.ts"

export interface Dependencies {
  readonly repository: ApiKeyRepository["Service"]
  /** The scheme of the hashes that the hasher makes now. */
  readonly currentScheme: Effect.Effect<string, HasherError>
}

type Report = Effect.Effect<ReadonlyArray<HashUsage>, RepositoryError | HasherError>

export const make = ({ repository, currentScheme }: Dependencies): Effect.Effect<Report> =>
  Effect.map(
    SharedScan.make(
      repository,
      Effect.gen(function* () {
        const current = yield* currentScheme
        const counts = new Map<string, number>()
        for (const { scheme, previousScheme, count } of yield* repository.countSchemes(yield* DateTime.now)) {
          for (const each of previousScheme === null ? [scheme] : [scheme, previousScheme]) {
            counts.set(each, (counts.get(each) ?? 0) + count)
          }
        }
        return Array.from(counts, ([scheme, count]) => ({ ...parseScheme(scheme), count, isCurrent: scheme === current }))
      }),
    ),
    (report) => Effect.withSpan(report, "ApiKeys.hashReport"),
  )
