/** Replaces a key's token, and ends the one before. */
import * as DateTime from "effect/DateTime"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type * as Redacted from "effect/Redacted"
import * as Schedule from "effect/Schedule"
import * as Model from "../../ApiKey.ts"
import {
  ApiKeyNotFound,
  type DuplicateKeyId,
  GraceRunning,
  type HasherError,
  InvalidInput,
  RepositoryError,
  VersionConflict,
} from "../../ApiKeyError.ts"
import type { ApiKeyRepository } from "../../ApiKeyRepository.ts"
import type { Created, RotateOptions } from "./model.ts"
import type { TokenFormat, TokenParts } from "../../ApiKeyToken.ts"
import { isPreviousLive } from "../record/previousToken.ts"

export interface Dependencies {
  readonly repository: ApiKeyRepository["Service"]
  readonly format: TokenFormat
  readonly generate: Effect.Effect<TokenParts>
  readonly hash: (secret: Redacted.Redacted) => Effect.Effect<Redacted.Redacted, HasherError>
  /** Makes a change, and has it heard of. */
  readonly changing: <E extends { readonly _tag: string }>(
    id: Model.ApiKeyId,
    write: Effect.Effect<Model.ApiKey, E>,
    keyIdsOf?: (written: Model.ApiKey) => ReadonlyArray<Model.KeyId>,
  ) => Effect.Effect<Model.ApiKey, E>
  /** When a token is refused for its age; infinite if never. */
  readonly refusedAge: Duration.Duration
}

export interface Rotated {
  readonly created: Created
  /** All that the rotation has changed something for: of the new token, the one before, and the one that was forgotten. */
  readonly keyIds: ReadonlyArray<Model.KeyId>
}

export interface Rotation {
  readonly rotate: (
    id: Model.ApiKeyId,
    options: RotateOptions,
  ) => Effect.Effect<Rotated, InvalidInput | ApiKeyNotFound | VersionConflict | GraceRunning | RepositoryError | HasherError>
  /** Of the token with the key id `keyId`, and of a record at `ifVersion`, if those are given. */
  readonly endGrace: (
    id: Model.ApiKeyId,
    only?: { readonly keyId?: Model.KeyId | undefined; readonly ifVersion?: number | undefined },
  ) => Effect.Effect<Model.ApiKey, ApiKeyNotFound | VersionConflict | RepositoryError>
}

export const make = ({ repository, format, generate, hash: hashSecret, changing, refusedAge }: Dependencies): Rotation => {
  const getStored = Effect.fnUntraced(function* (id: Model.ApiKeyId) {
    const stored = yield* repository.findById(id)
    return Option.isSome(stored) ? stored.value : yield* new ApiKeyNotFound({ id })
  })

  const taken = (cause: DuplicateKeyId) => Effect.fail(new RepositoryError({ operation: "find a free key id", isRetryable: true, cause }))

  const mint = Effect.gen(function* () {
    const parts = { ...(yield* generate), prefix: format.prefix }
    return { parts, hash: yield* hashSecret(parts.secret) }
  })

  const rotateOnce = Effect.fnUntraced(function* (
    id: Model.ApiKeyId,
    { parts, hash }: Effect.Success<typeof mint>,
    graceSeconds: number,
    { graceFrom = "now", ifPrevious = "refuse", ifVersion }: RotateOptions,
  ) {
    const { apiKey } = yield* getStored(id)
    const { previous: forgotten, version } = apiKey
    const now = yield* DateTime.now
    if (ifVersion !== undefined && ifVersion !== version) return yield* new VersionConflict({ id, expected: ifVersion, actual: version })
    if (ifPrevious === "refuse" && isPreviousLive(apiKey, now.epochMilliseconds)) {
      return yield* new GraceRunning({ id, expiresAt: forgotten?.expiresAt ?? null })
    }
    const end = earliest(DateTime.add(now, { seconds: graceSeconds }), apiKey.expiresAt)
    // What has been refused for its age mustn't work again.
    const endOfAge = Duration.isFinite(refusedAge) ? DateTime.addDuration(Model.tokenCreatedAt(apiKey), refusedAge) : null
    const isWaiting = graceFrom === "firstUse" && (endOfAge === null || DateTime.isGreaterThan(endOfAge, now))
    const token = {
      keyId: parts.keyId,
      prefix: parts.prefix,
      hint: format.hint(parts.secret),
      hash,
      previous: isWaiting ? { expiresAt: endOfAge, graceSeconds } : { expiresAt: earliest(end, endOfAge), graceSeconds: null },
    }
    // The key id of the token before the previous one leads nowhere from now on.
    const keyIdsOf = (written: Model.ApiKey) => [...Model.keyIdsOf(written), ...(forgotten === null ? [] : [forgotten.keyId])]
    const written = yield* changing(id, repository.rotate(id, token, { at: now, ifVersion: version }), keyIdsOf)
    return { created: { apiKey: written, token: format.format(parts) }, keyIds: keyIdsOf(written) }
  })

  return {
    rotate: Effect.fnUntraced(function* (id, options) {
      const grace = Duration.toSeconds(Duration.fromInputUnsafe(options.grace ?? "24 hours"))
      if (!(grace >= 0 && grace <= Model.maxGraceSeconds)) {
        return yield* new InvalidInput({ field: "grace", reason: "must be 0 to 90 days" })
      }
      // Looked at before a secret is hashed, and again when it is written.
      yield* getStored(id)
      const rotated = rotateOnce(id, yield* mint, Math.ceil(grace), options)
      return yield* Effect.catchTag(options.ifVersion === undefined ? again(rotated) : rotated, "DuplicateKeyId", taken)
    }),
    endGrace: (id, only = {}) => Effect.flatMap(DateTime.now, (at) => changing(id, repository.endPrevious(id, { at, ...only }))),
  }
}

/** Reads, judges and writes once more if another write came between, so that each write is of the state that was judged. */
export const again = <A, E extends { readonly _tag: string }>(write: Effect.Effect<A, E | VersionConflict>) =>
  write.pipe(
    Effect.retry({ while: ({ _tag }) => _tag === "VersionConflict", schedule: Schedule.recurs(attempts) }),
    Effect.catchIf(
      (error): error is VersionConflict => error._tag === "VersionConflict",
      (cause) => Effect.fail(new RepositoryError({ operation: "change a record that keeps changing", isRetryable: true, cause })),
    ),
  )

/** How often a write is tried again: of many at the same time one succeeds in each turn. */
const attempts = 100

const earliest = (instant: DateTime.Utc, other: DateTime.Utc | null): DateTime.Utc =>
  other === null ? instant : DateTime.min(instant, other)
