/** Looks whether the peppers that hashes need are there. */
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import { type HasherError, MissingPeppers } from "../ApiKeyError.ts"
import type { ApiKeyHasher } from "../ApiKeyHasher.ts"
import type { ApiKeyRepository } from "../ApiKeyRepository.ts"

/** The id of the pepper that hashes of the scheme need and that isn't there; of a hash that nobody supports it isn't known. */
export const missingPepper = ({ missingPepper }: ApiKeyHasher["Service"], scheme: string): Effect.Effect<string | undefined, HasherError> =>
  missingPepper === undefined
    ? Effect.undefined
    : Effect.catchIf(
        missingPepper(scheme),
        ({ reason }) => reason === "UnsupportedHash",
        () => Effect.undefined,
      )

/** A key that needs a pepper for both of its hashes counts once. */
export const checkPeppers = Effect.fnUntraced(
  function* (repository: ApiKeyRepository["Service"], hasher: ApiKeyHasher["Service"], isAccepted: boolean) {
    // Nobody could tell.
    if (hasher.missingPepper === undefined) return
    const counts = new Map<string, number>()
    for (const { scheme, previousScheme, count } of yield* repository.countSchemes(yield* DateTime.now)) {
      const ids = new Set<string>()
      for (const each of previousScheme === null ? [scheme] : [scheme, previousScheme]) {
        const id = yield* missingPepper(hasher, each)
        if (id !== undefined) ids.add(id)
      }
      for (const id of ids) counts.set(id, (counts.get(id) ?? 0) + count)
    }
    if (counts.size === 0) return
    const missing = new MissingPeppers({ peppers: Array.from(counts, ([id, count]) => ({ id, count })) })
    return isAccepted ? yield* Effect.logWarning(missing.message) : yield* missing
  },
  Effect.catchTag("RepositoryError", (error) =>
    Effect.logWarning("Could not look whether API keys need peppers that aren't configured", error),
  ),
)
