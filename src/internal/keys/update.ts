/** Changes the fields of a record, its status included, and deletes it. */
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type * as Model from "../../ApiKey.ts"
import {
  type ApiKeyNotFound,
  type InvalidInput,
  type RepositoryError,
  type TooManyKeys,
  type Unconfirmed,
  VersionConflict,
} from "../../ApiKeyError.ts"
import type { Operation } from "../../ApiKeyEvents.ts"
import type { ApiKeyRepository, Changes as Fields } from "../../ApiKeyRepository.ts"
import type { Changes } from "./changes.ts"
import type { Confirm } from "./confirm.ts"
import { exactly, ofRecord, unchanged, updated } from "./events.ts"
import { decodeId, decodeUpdate } from "./input.ts"
import { checkLifetime } from "./lifetime.ts"
import type { ConfirmWithin, DeactivateOptions, IfVersion, UpdateInput } from "./model.ts"
import type { Lifetimes } from "./options.ts"
import type { OwnedWrites } from "./ownerBounds.ts"
import type { CheckPolicies } from "./policies.ts"
import { refuseUnstorable } from "./unstorable.ts"

export interface Dependencies {
  readonly repository: ApiKeyRepository["Service"]
  readonly writes: OwnedWrites
  readonly changes: Changes
  readonly confirm: Confirm
  readonly lifetimes: Lifetimes
  readonly checkPolicies: CheckPolicies
}

type Failure = InvalidInput | ApiKeyNotFound | VersionConflict | RepositoryError

export const make = ({ repository, writes, changes, confirm, lifetimes, checkPolicies }: Dependencies) => {
  /** Sets fields of a record. */
  const set = Effect.fnUntraced(function* <E extends { readonly _tag: string }>(
    write: (...input: Parameters<OwnedWrites["update"]>) => Effect.Effect<Model.ApiKey, E>,
    operation: Operation,
    id: Model.ApiKeyId,
    { isActive, ...others }: Omit<Fields, "deactivatedAt" | "deactivationReason">,
    ifVersion: number | undefined,
  ): Effect.fn.Return<Model.ApiKey, E | InvalidInput | RepositoryError> {
    const at = yield* DateTime.now
    const all: Fields = isActive === undefined ? others : { ...others, ...activity(isActive, at) }
    const fields = Object.entries({ ...others, isActive }).flatMap(([field, value]) => (value === undefined ? [] : field))
    return yield* changes.commit(
      {
        record: id,
        revives: isActive === true || others.expiresAt !== undefined,
        outcomes: (after: Model.ApiKey, { actor, before }) => [updated({ operation, at }, actor, fields, exactly(before, after), after)],
      },
      Effect.mapError(write(id, all, { at, ifVersion }), refuseUnstorable(all)),
    )
  })

  /**
   * Gives the record before the write too. An inactive record keeps the time and reason of its deactivation, as inquiries into leaks need them.
   */
  const deactivateOnce = Effect.fnUntraced(function* (
    id: Model.ApiKeyId,
    at: DateTime.Utc,
    { reason, ifVersion }: DeactivateOptions & IfVersion,
  ): Effect.fn.Return<Deactivated, ApiKeyNotFound | VersionConflict | RepositoryError> {
    const before = Option.getOrNull(yield* repository.findById(id))?.apiKey ?? null
    if (before?.isActive === false) {
      const { version } = before
      if (ifVersion === undefined || ifVersion === version) return { before, after: before }
      return yield* new VersionConflict({ id, expected: ifVersion, actual: version })
    }
    return { before, after: yield* repository.update(id, activity(false, at, reason), { at, ifVersion }) }
  })

  const deactivate = Effect.fnUntraced(function* (
    operation: Operation,
    id: Model.ApiKeyId,
    options: DeactivateOptions & IfVersion,
  ): Effect.fn.Return<Model.ApiKey, ApiKeyNotFound | VersionConflict | RepositoryError> {
    const at = yield* DateTime.now
    const { after } = yield* changes.commit(
      {
        record: id,
        before: (written: Deactivated) => written.before,
        outcomes: ({ before: found, after }, { actor, before }) =>
          found === after ? [unchanged(after)] : [updated({ operation, at }, actor, ["isActive"], exactly(before, after), after)],
      },
      deactivateOnce(id, at, options),
    )
    return after
  })

  return {
    /** Takes a decoded id, and leaves the confirmation to its caller. */
    deactivateRecord: deactivate,
    update: Effect.fn("ApiKeys.update")(function* (
      text: string,
      input: UpdateInput,
      { ifVersion, confirmWithin }: IfVersion & ConfirmWithin = {},
    ): Effect.fn.Return<Model.ApiKey, Failure | TooManyKeys | Unconfirmed> {
      const id = yield* decodeId(text)
      yield* Effect.annotateCurrentSpan("api_key.id", id)
      const fields = yield* decodeUpdate(input)
      const confirmed = yield* confirm({ confirmWithin })
      yield* checkPolicies(fields.policies)
      if (fields.expiresAt !== undefined && lifetimes.maximumLifetime !== undefined) {
        const current = yield* repository.findById(id)
        if (Option.isSome(current)) yield* checkLifetime(lifetimes, current.value.apiKey.createdAt, fields.expiresAt)
      }
      return yield* confirmed(yield* set(writes.update, "update", id, fields, ifVersion))
    }),
    activate: Effect.fn("ApiKeys.activate")(function* (
      text: string,
      options?: IfVersion & ConfirmWithin,
    ): Effect.fn.Return<Model.ApiKey, Failure | Unconfirmed> {
      const id = yield* decodeId(text)
      const confirmed = yield* confirm(options)
      return yield* confirmed(yield* set(repository.update, "activate", id, { isActive: true }, options?.ifVersion))
    }),
    deactivate: Effect.fn("ApiKeys.deactivate")(function* (
      text: string,
      options: IfVersion & ConfirmWithin & DeactivateOptions = {},
    ): Effect.fn.Return<Model.ApiKey, Failure | Unconfirmed> {
      const id = yield* decodeId(text)
      const confirmed = yield* confirm(options)
      return yield* confirmed(yield* deactivate("deactivate", id, options))
    }),
    delete: Effect.fn("ApiKeys.delete")(function* (
      text: string,
      options?: IfVersion & ConfirmWithin,
    ): Effect.fn.Return<void, Failure | Unconfirmed> {
      const id = yield* decodeId(text)
      const confirmed = yield* confirm(options)
      const at = yield* DateTime.now
      const deleted = yield* changes.commit(
        {
          record: id,
          outcomes: (before: Model.ApiKey, { actor }) => [
            { _tag: "KeyDeleted", ...ofRecord({ operation: "delete", at }, actor, before), before },
          ],
        },
        repository.delete(id, options),
      )
      yield* confirmed(deleted)
    }),
  }
}

interface Deactivated {
  readonly before: Model.ApiKey | null
  /** The same record as `before` if it was inactive already. */
  readonly after: Model.ApiKey
}

/** The fields of a record's status. */
export const activity = (isActive: boolean, at: DateTime.Utc, reason: Model.DeactivationReason = "manual") => ({
  isActive,
  deactivatedAt: isActive ? null : at,
  deactivationReason: isActive ? null : reason,
})
