/** Counts tokens by the key that sealed them. */
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import type { HasherError, RepositoryError } from "../../ApiKeyError.ts"
import type { ApiKeyRepository } from "../../ApiKeyRepository.ts"
import { isSameKey, knownIds } from "../token/seal.ts"
import type { SealUsage } from "./model.ts"
import type { CurrentSealingKeys } from "./sealing.ts"
import * as SharedScan from "./sharedScan.ts"

export interface Dependencies {
  readonly repository: ApiKeyRepository["Service"]
  readonly sealingKeys: CurrentSealingKeys
}

type Report = Effect.Effect<ReadonlyArray<SealUsage>, RepositoryError | HasherError>

export const make = ({ repository, sealingKeys }: Dependencies): Effect.Effect<Report> =>
  Effect.map(
    SharedScan.make(
      repository,
      Effect.gen(function* () {
        const counts = yield* repository.countSeals(yield* DateTime.now)
        const keys = sealingKeys === undefined ? undefined : yield* sealingKeys
        const isKnown = keys === undefined ? () => false : knownIds(keys)
        const isCurrent = (sealId: string | null) => keys !== undefined && sealId !== null && isSameKey(keys.current.id, sealId)
        return counts.map(({ sealId, count }) => ({ sealId, count, isConfigured: isKnown(sealId), isCurrent: isCurrent(sealId) }))
      }),
    ),
    (report) => Effect.withSpan(report, "ApiKeys.sealReport"),
  )
