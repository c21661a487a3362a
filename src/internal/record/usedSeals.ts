/** Looks for tokens that work by their seals, and counts them only where there are some. */
import type * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import type { RepositoryError } from "../../ApiKeyError.ts"
import type { Repository, SealCount } from "./contract.ts"

type Store = Pick<Repository, "countSeals" | "kinds">
type IsMeant = (sealId: string | null) => boolean

/** The seal ids that are meant, of which tokens may work at `at`; `undefined` where the store can't tell them without counting. */
const meantOf = Effect.fnUntraced(function* ({ kinds }: Store, isMeant: IsMeant, at: DateTime.Utc) {
  const known = kinds === undefined ? undefined : yield* kinds.read
  if (kinds === undefined || known === undefined) return undefined
  const meant = new Set(Array.from(known.sealIds).filter(isMeant))
  return meant.size > 0 && (yield* kinds.haveSeals(meant, at)) ? meant : new Set<string | null>()
})

/** Whether a token that works at `at` has a seal id that is meant. */
export const hasSeals = (store: Store, isMeant: IsMeant, at: DateTime.Utc): Effect.Effect<boolean, RepositoryError> =>
  Effect.flatMap(meantOf(store, isMeant, at), (meant) =>
    meant === undefined
      ? Effect.map(store.countSeals(at), (counts) => counts.some(({ sealId }) => isMeant(sealId)))
      : Effect.succeed(meant.size > 0),
  )

/** How many tokens that work at `at` have each of the seal ids that are meant. */
export const countSeals = (store: Store, isMeant: IsMeant, at: DateTime.Utc): Effect.Effect<ReadonlyArray<SealCount>, RepositoryError> =>
  Effect.flatMap(meantOf(store, isMeant, at), (meant) =>
    meant?.size === 0 ? Effect.succeed([]) : Effect.map(store.countSeals(at), (counts) => counts.filter(({ sealId }) => isMeant(sealId))),
  )
