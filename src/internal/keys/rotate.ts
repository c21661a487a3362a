/** Replaces a key's token, and ends the one before. */
import * as DateTime from "effect/DateTime"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type * as Redacted from "effect/Redacted"
import * as Model from "../../ApiKey.ts"
import {
  ApiKeyNotFound,
  type DuplicateKeyId,
  GraceRunning,
  type HasherError,
  InvalidInput,
  RepositoryError,
  Unconfirmed,
  VersionConflict,
} from "../../ApiKeyError.ts"
import type { Operation } from "../../ApiKeyEvents.ts"
import type { ApiKeyRepository, EndedPrevious } from "../../ApiKeyRepository.ts"
import type { TokenFormat } from "../../ApiKeyToken.ts"
import { isPreviousLive } from "../record/previousToken.ts"
import { again } from "./again.ts"
import type { Changes } from "./changes.ts"
import type { Confirm } from "./confirm.ts"
import { exactly, ofRecord, unchanged } from "./events.ts"
import { decodeDuration, decodeId } from "./input.ts"
import type { Minted } from "./mint.ts"
import type { ConfirmWithin, Created, IfVersion, RotateOptions } from "./model.ts"

export interface Dependencies {
  readonly repository: ApiKeyRepository["Service"]
  readonly changes: Changes
  readonly confirm: Confirm
  readonly format: TokenFormat
  readonly mint: Effect.Effect<Minted, HasherError>
  readonly hash: (secret: Redacted.Redacted) => Effect.Effect<Redacted.Redacted, HasherError>
  /** When a token is refused for its age; infinite if never. */
  readonly refusedAge: Duration.Duration
}

type Failure = InvalidInput | ApiKeyNotFound | VersionConflict | RepositoryError

export const make = ({ repository, changes, confirm, format, mint, hash: hashSecret, refusedAge }: Dependencies) => {
  const getStored = Effect.fnUntraced(function* (id: Model.ApiKeyId) {
    const stored = yield* repository.findById(id)
    return Option.isSome(stored) ? stored.value : yield* new ApiKeyNotFound({ id })
  })

  const mintAndHash = Effect.gen(function* () {
    const minted = yield* mint
    return { ...minted, hash: yield* hashSecret(minted.parts.secret) }
  })

  /** Judges the record, and writes only if the record is still at the judged version. */
  const rotateOnce = Effect.fnUntraced(function* (
    id: Model.ApiKeyId,
    { parts, sealId, hash }: Effect.Success<typeof mintAndHash>,
    graceSeconds: number,
    { graceFrom = "now", ifPrevious = "refuse", ifVersion }: RotateOptions,
  ) {
    const { apiKey } = yield* getStored(id)
    const { previous: forgotten, version } = apiKey
    const at = yield* DateTime.now
    if (ifVersion !== undefined && ifVersion !== version) return yield* new VersionConflict({ id, expected: ifVersion, actual: version })
    if (ifPrevious === "refuse" && isPreviousLive(apiKey, at.epochMilliseconds)) {
      return yield* new GraceRunning({ id, expiresAt: forgotten?.expiresAt ?? null })
    }
    const end = earliest(DateTime.add(at, { seconds: graceSeconds }), apiKey.expiresAt)
    // A token that has been refused for its age mustn't work again.
    const endOfAge = Duration.isFinite(refusedAge) ? DateTime.addDuration(Model.tokenCreatedAt(apiKey), refusedAge) : null
    const isWaiting = graceFrom === "firstUse" && (endOfAge === null || DateTime.isGreaterThan(endOfAge, at))
    const token = {
      keyId: parts.keyId,
      prefix: parts.prefix,
      hint: format.hint(parts.secret),
      hash,
      sealId,
      previous: isWaiting ? { expiresAt: endOfAge, graceSeconds } : { expiresAt: earliest(end, endOfAge), graceSeconds: null },
    }
    // The key id of the token before the previous one leads nowhere from now on.
    const keyIdsOf = (written: Model.ApiKey) => [...Model.keyIdsOf(written), ...(forgotten === null ? [] : [forgotten.keyId])]
    const written = yield* changes.commit(
      {
        record: id,
        issues: true,
        before: () => apiKey,
        outcomes: (after, { actor, before }) => [
          {
            _tag: "KeyRotated",
            ...ofRecord({ operation: "rotate", at }, actor, after, keyIdsOf(after)),
            before: exactly(before, after),
            after,
          },
        ],
      },
      repository.rotate(id, token, { at, ifVersion: version }),
    )
    return { created: { apiKey: written, token: format.format(parts) }, keyIds: keyIdsOf(written) }
  })

  const rotate = Effect.fnUntraced(function* (id: Model.ApiKeyId, options: RotateOptions) {
    const grace = Duration.toSeconds(yield* decodeDuration("grace", options.grace ?? "24 hours"))
    if (!(grace >= 0 && grace <= Model.maxGraceSeconds)) {
      return yield* new InvalidInput({ field: "grace", reason: "must be 0 to 90 days" })
    }
    // The record is looked for before a secret is hashed, which costs more.
    yield* getStored(id)
    const rotated = rotateOnce(id, yield* mintAndHash, Math.ceil(grace), options)
    return yield* Effect.catchTag(options.ifVersion === undefined ? again(rotated) : rotated, "DuplicateKeyId", refuseDuplicate)
  })

  const endPrevious = Effect.fnUntraced(function* (
    operation: Operation,
    id: Model.ApiKeyId,
    only: { readonly keyId?: Model.KeyId | undefined; readonly ifVersion?: number | undefined },
  ): Effect.fn.Return<Model.ApiKey, ApiKeyNotFound | VersionConflict | RepositoryError> {
    const at = yield* DateTime.now
    const { apiKey } = yield* changes.commit(
      {
        record: id,
        outcomes: ({ apiKey: after, isEnded }: EndedPrevious, { actor, before }) => [
          isEnded
            ? { _tag: "GraceEnded", ...ofRecord({ operation, at }, actor, after), before: exactly(before, after), after }
            : unchanged(after),
        ],
      },
      repository.endPrevious(id, { at, ...only }),
    )
    return apiKey
  })

  return {
    /** Ends the previous token. `keyId` and `ifVersion`, if given, must match the previous token and the record. */
    endPrevious,
    rotate: Effect.fn("ApiKeys.rotate")(function* (
      text: string,
      options: RotateOptions = {},
    ): Effect.fn.Return<Created, Failure | GraceRunning | HasherError | Unconfirmed> {
      const id = yield* decodeId(text)
      yield* Effect.annotateCurrentSpan("api_key.id", id)
      const confirmed = yield* confirm(options)
      const { created, keyIds } = yield* rotate(id, options)
      yield* confirmed(created.apiKey, keyIds).pipe(
        // The new token exists nowhere else, so the error carries the token.
        Effect.mapError(({ id, nodes }) => new Unconfirmed({ id, nodes, token: created.token })),
      )
      return created
    }),
    endGrace: Effect.fn("ApiKeys.endGrace")(function* (
      text: string,
      options?: IfVersion & ConfirmWithin,
    ): Effect.fn.Return<Model.ApiKey, Failure | Unconfirmed> {
      const id = yield* decodeId(text)
      const confirmed = yield* confirm(options)
      return yield* confirmed(yield* endPrevious("endGrace", id, { ifVersion: options?.ifVersion }))
    }),
  }
}

const refuseDuplicate = (cause: DuplicateKeyId) =>
  Effect.fail(new RepositoryError({ operation: "find a free key id", isRetryable: true, cause }))

const earliest = (instant: DateTime.Utc, other: DateTime.Utc | null): DateTime.Utc =>
  other === null ? instant : DateTime.min(instant, other)
