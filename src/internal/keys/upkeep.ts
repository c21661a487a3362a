/** The service's own writes: uses, and hashes that are made anew. */
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import type { ApiKey, ApiKeyId, KeyId } from "../../ApiKey.ts"
import type { RepositoryError } from "../../ApiKeyError.ts"
import { CurrentActor } from "../../ApiKeyEvents.ts"
import { scheme } from "../../ApiKeyHasher.ts"
import type { ApiKeyRepository, Use } from "../../ApiKeyRepository.ts"
import type { Changes } from "./changes.ts"
import { ofRecord } from "./events.ts"

export interface Upkeep {
  /** Notes uses, of which those of `beginning` may settle graces. */
  readonly touch: (uses: ReadonlyArray<Use>, beginning: ReadonlyArray<ApiKeyId>) => Effect.Effect<void, RepositoryError>
  /** Gives whether the hash was replaced. */
  readonly replaceHash: (
    of: { readonly id: ApiKeyId; readonly keyId: KeyId },
    from: Redacted.Redacted,
    to: Redacted.Redacted,
  ) => Effect.Effect<boolean, RepositoryError>
}

export const make = (repository: ApiKeyRepository["Service"], changes: Changes): Upkeep => ({
  touch: (uses, beginning) =>
    byItself((at) =>
      changes.commit(
        {
          records: beginning,
          // The settled records may include others, whose graces began on another node.
          outcomes: (settled: ReadonlyArray<ApiKey>, { actor }) => [
            ...(uses.length === 0 ? [] : [{ _tag: "KeysUsed" as const, operation: "use" as const, at, actor, uses }]),
            ...settled.map((after) => ({
              _tag: "GraceSettled" as const,
              ...ofRecord({ operation: "use", at }, actor, after),
              after,
            })),
          ],
        },
        repository.touch(uses),
      ),
    ),
  replaceHash: ({ id, keyId }, from, to) =>
    byItself((at) =>
      changes.commit(
        {
          // No record needs to be looked up again: a proof by the replaced hash still holds.
          outcomes: (isReplaced: boolean, { actor }) =>
            isReplaced
              ? [
                  {
                    _tag: "KeyRehashed",
                    id,
                    keyIds: [keyId],
                    at,
                    actor,
                    operation: "rehash",
                    from: scheme(Redacted.value(from)),
                    to: scheme(Redacted.value(to)),
                  },
                ]
              : [],
        },
        repository.replaceHash(id, from, to),
      ),
    ),
})

const byItself = <A, E>(write: (at: DateTime.Utc) => Effect.Effect<A, E>): Effect.Effect<A, E> =>
  Effect.provideService(Effect.flatMap(DateTime.now, write), CurrentActor, { _tag: "Upkeep" })
