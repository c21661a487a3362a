/** Looks whether the peppers that hashes need are there. */
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import { MissingPeppers } from "../ApiKeyError.ts"
import { type ApiKeyHasher, parseScheme } from "../ApiKeyHasher.ts"
import type { ApiKeyRepository } from "../ApiKeyRepository.ts"

export const checkPeppers = Effect.fnUntraced(
  function* (repository: ApiKeyRepository["Service"], { pepperIds }: ApiKeyHasher["Service"], isAccepted: boolean) {
    if (pepperIds === undefined) return
    const peppers = yield* countMissingPeppers(repository, yield* pepperIds)
    if (peppers.length === 0) return
    const missing = new MissingPeppers({ peppers })
    return isAccepted ? yield* Effect.logWarning(missing.message) : yield* missing
  },
  Effect.catchTag("RepositoryError", (error) =>
    Effect.logWarning("Could not look whether API keys need peppers that aren't configured", error),
  ),
)

/** Hashes under peppers that the hasher doesn't have, by the pepper's id. */
const countMissingPeppers = Effect.fnUntraced(function* (repository: ApiKeyRepository["Service"], known: ReadonlySet<string>) {
  const missing = new Map<string, number>()
  for (const { scheme, count } of yield* repository.countSchemes(yield* DateTime.now)) {
    const { pepper } = parseScheme(scheme)
    if (pepper !== null && !known.has(pepper)) missing.set(pepper, (missing.get(pepper) ?? 0) + count)
  }
  return Array.from(missing, ([id, count]) => ({ id, count }))
})
