/** Looks whether seals can be required. */
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import { type HasherError, type RepositoryError, UnsealedTokens } from "../../ApiKeyError.ts"
import type { ApiKeyRepository } from "../../ApiKeyRepository.ts"
import type { SealingKeys } from "../token/seal.ts"
import { unsealedOf } from "../verifier/standing.ts"
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
    const count = unsealedOf(yield* repository.countSeals(yield* DateTime.now), yield* sealingKeys)
    if (count > 0 && !refuses) return yield* new UnsealedTokens({ count })
  },
  Effect.catchTag("RepositoryError", (error) =>
    Effect.logWarning("Could not find out whether required seals refuse tokens that work", error),
  ),
)
