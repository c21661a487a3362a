/** Looks for working tokens with certain seals. The tokens are counted only if there are some. */
import type * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import type { RepositoryError } from "../../ApiKeyError.ts"
import type { Repository, SealCount } from "./contract.ts"

type Store = Pick<Repository, "countSeals" | "kinds">
type Matches = (sealId: string | null) => boolean

/** The matching seal ids, or none if no token that works at `at` has one. `undefined` if the store can't tell without counting. */
const matchingOf = Effect.fnUntraced(function* ({ kinds }: Store, matches: Matches, at: DateTime.Utc) {
  const known = kinds === undefined ? undefined : yield* kinds.read
  if (kinds === undefined || known === undefined) return undefined
  const matching = new Set(Array.from(known.sealIds).filter(matches))
  return matching.size > 0 && (yield* kinds.haveSeals(matching, at)) ? matching : new Set<string | null>()
})

/** Whether a token that works at `at` has a matching seal id. */
export const hasSeals = (store: Store, matches: Matches, at: DateTime.Utc): Effect.Effect<boolean, RepositoryError> =>
  Effect.flatMap(matchingOf(store, matches, at), (matching) =>
    matching === undefined
      ? Effect.map(store.countSeals(at), (counts) => counts.some(({ sealId }) => matches(sealId)))
      : Effect.succeed(matching.size > 0),
  )

/** The number of tokens that work at `at`, for each matching seal id. */
export const countSeals = (store: Store, matches: Matches, at: DateTime.Utc): Effect.Effect<ReadonlyArray<SealCount>, RepositoryError> =>
  Effect.flatMap(matchingOf(store, matches, at), (matching) =>
    matching?.size === 0
      ? Effect.succeed([])
      : Effect.map(store.countSeals(at), (counts) => counts.filter(({ sealId }) => matches(sealId))),
  )
