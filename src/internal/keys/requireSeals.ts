/** Looks whether seals can be required. */
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import { type HasherError, type RepositoryError, UnsealedTokens } from "../../ApiKeyError.ts"
import type { ApiKeyRepository } from "../../ApiKeyRepository.ts"
import { countSeals } from "../record/usedSeals.ts"
import { knownIds, type SealingKeys } from "../token/seal.ts"
import { InvalidOptions } from "./options.ts"

/** Fails if required seals would refuse tokens that work, unless `refuses` accepts that. */
export const requireSeals = Effect.fnUntraced(
  function* (
    repository: ApiKeyRepository["Service"],
    sealingKeys: Effect.Effect<SealingKeys, HasherError> | undefined,
    refuses: boolean,
  ): Effect.fn.Return<void, InvalidOptions | UnsealedTokens | HasherError | RepositoryError> {
    if (sealingKeys === undefined) {
      return yield* new InvalidOptions({ reason: "Seals can't be required: no key or format makes any" })
    }
    if (refuses) return
    const isKnown = knownIds(yield* sealingKeys)
    const unsealed = yield* countSeals(repository, (sealId) => !isKnown(sealId), yield* DateTime.now)
    if (unsealed.length > 0) return yield* new UnsealedTokens({ count: unsealed.reduce((sum, { count }) => sum + count, 0) })
  },
  Effect.catchTag("RepositoryError", (error) =>
    Effect.logWarning("Could not find out whether required seals refuse tokens that work", error),
  ),
)
