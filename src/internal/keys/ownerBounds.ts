/** The writes that may add a key to an owner, within the bound on an owner's keys. */
import * as Effect from "effect/Effect"
import type { TooManyKeys } from "../../ApiKeyError.ts"
import type { OwnerBoundSupport, Records } from "../../ApiKeyRepository.ts"
import type { Options } from "./model.ts"
import { InvalidOptions } from "./options.ts"

/** `insert` and `update` of the repository, which fail with `TooManyKeys` too. */
export interface OwnedWrites {
  readonly insert: (...input: Parameters<Records["insert"]>) => ReturnType<OwnerBoundSupport["insert"]>
  readonly update: (...input: Parameters<Records["update"]>) => ReturnType<OwnerBoundSupport["update"]>
}

/** Without a bound, the writes are the repository's own. */
export const make = (
  { insert, update, ownerBounds }: Pick<Records, "insert" | "update"> & { readonly ownerBounds?: OwnerBoundSupport },
  { maxKeysPerOwner }: Pick<Options, "maxKeysPerOwner">,
): Effect.Effect<OwnedWrites, InvalidOptions> => {
  if (maxKeysPerOwner === undefined) return Effect.succeed({ insert, update })
  if (typeof maxKeysPerOwner === "number" && !isMaximum(maxKeysPerOwner)) {
    return Effect.fail(new InvalidOptions({ reason: `maxKeysPerOwner ${expected}` }))
  }
  if (ownerBounds === undefined) {
    return Effect.fail(new InvalidOptions({ reason: "maxKeysPerOwner needs a repository that keeps it, with ownerBounds" }))
  }
  const maximumOf = typeof maxKeysPerOwner === "number" ? () => maxKeysPerOwner : maxKeysPerOwner

  /** Chooses between the bounded and the unbounded write for an owner. */
  const bounded = <A, E>(
    ownerId: string | null | undefined,
    within: (maximum: number) => Effect.Effect<A, E | TooManyKeys>,
    unbounded: () => Effect.Effect<A, E>,
  ): Effect.Effect<A, E | TooManyKeys> =>
    Effect.suspend(() => {
      if (typeof ownerId !== "string") return unbounded()
      const maximum = maximumOf(ownerId)
      if (!isMaximum(maximum)) return Effect.die(new InvalidOptions({ reason: `maxKeysPerOwner of an owner ${expected}` }))
      return maximum === Infinity ? unbounded() : within(maximum)
    })

  return Effect.succeed({
    insert: (key) =>
      bounded(
        key.apiKey.ownerId,
        (maximum) => ownerBounds.insert(key, maximum),
        () => insert(key),
      ),
    update: (id, changes, options) =>
      bounded(
        changes.ownerId,
        (maximum) => ownerBounds.update(id, changes, { ...options, maximum }),
        () => update(id, changes, options),
      ),
  })
}

const isMaximum = (maximum: number): boolean => maximum === Infinity || (Number.isSafeInteger(maximum) && maximum >= 0)

const expected = "must be a whole number, at least 0, or Infinity"
