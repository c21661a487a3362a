/** Issues keys. */
import type { SecureRandom } from "effect/crypto/SecureRandom"
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import type * as Redacted from "effect/Redacted"
import * as Model from "../../ApiKey.ts"
import { type DuplicateKeyId, type HasherError, type InvalidInput, RepositoryError, type TooManyKeys } from "../../ApiKeyError.ts"
import type { TokenFormat } from "../../ApiKeyToken.ts"
import type { Changes } from "./changes.ts"
import { ofRecord } from "./events.ts"
import { decodeCreate } from "./input.ts"
import { checkLifetime, expiryFor } from "./lifetime.ts"
import type { CheckPolicies } from "./policies.ts"
import type { Minted } from "./mint.ts"
import type { Created, CreateInput } from "./model.ts"
import type { Lifetimes } from "./options.ts"
import type { OwnedWrites } from "./ownerBounds.ts"
import { activity } from "./update.ts"
import { refuseUnstorable } from "./unstorable.ts"

export interface Dependencies {
  readonly writes: OwnedWrites
  readonly changes: Changes
  readonly lifetimes: Lifetimes
  readonly format: TokenFormat
  readonly mint: Effect.Effect<Minted, HasherError>
  readonly hash: (secret: Redacted.Redacted) => Effect.Effect<Redacted.Redacted, HasherError>
  readonly random: SecureRandom["Service"]
  readonly checkPolicies: CheckPolicies
}

export const make = ({ writes, changes, lifetimes, format, mint, hash: hashSecret, random, checkPolicies }: Dependencies) => {
  /** Gives the record that another one with the key id kept from being inserted; `undefined` where it was inserted. */
  const insert = (key: Model.StoredApiKey) => {
    const { apiKey } = key
    const write = writes.insert(key)
    const occasion = { operation: "create", at: apiKey.createdAt } as const
    return changes
      .commit(
        {
          inserts: [apiKey],
          issues: true,
          outcomes: (_, { actor }) => [{ _tag: "KeyCreated", ...ofRecord(occasion, actor, apiKey), after: apiKey }],
        },
        write,
      )
      .pipe(
        Effect.as(undefined),
        Effect.catchTag("DuplicateKeyId", (error) => Effect.succeed(error)),
      )
  }

  /** A key id that is taken is drawn anew. */
  const issue = Effect.fnUntraced(function* (record: Omit<Model.ApiKey, "keyId" | "prefix" | "hint">) {
    let duplicate: DuplicateKeyId | undefined
    for (let attempt = 0; attempt < maxAttempts; attempt++) {
      const { parts, sealId } = yield* mint
      const { keyId, prefix, secret } = parts
      const apiKey = new Model.ApiKey({ ...record, keyId, prefix, hint: format.hint(secret) })
      const hash = yield* hashSecret(secret)
      duplicate = yield* Effect.mapError(
        insert(new Model.StoredApiKey({ apiKey, hash, previousHash: null, sealId })),
        refuseUnstorable(record),
      )
      if (duplicate === undefined) return { apiKey, token: format.format(parts) }
    }
    return yield* new RepositoryError({ operation: "find a free key id", isRetryable: true, cause: duplicate })
  })

  return Effect.fn("ApiKeys.create")(function* (
    input: CreateInput,
  ): Effect.fn.Return<Created, InvalidInput | TooManyKeys | RepositoryError | HasherError> {
    const fields = yield* decodeCreate(input)
    yield* checkPolicies(fields.policies)
    const now = yield* DateTime.now
    const expiresAt = yield* expiryFor(lifetimes, now, fields.expiresAt)
    yield* checkLifetime(lifetimes, now, expiresAt)
    const created = yield* issue({
      // A text of `uuidV7` has the brand's form.
      id: (yield* random.uuidV7()) as Model.ApiKeyId,
      name: fields.name,
      description: fields.description ?? null,
      ownerId: fields.ownerId ?? null,
      scopes: fields.scopes ?? [],
      metadata: fields.metadata ?? {},
      policies: fields.policies ?? null,
      ...activity(fields.isActive ?? true, now),
      expiresAt,
      createdAt: now,
      updatedAt: now,
      lastUsedAt: null,
      version: 1,
      rotatedAt: null,
      previous: null,
    })
    yield* Effect.annotateCurrentSpan({ "api_key.id": created.apiKey.id, "api_key.key_id": created.apiKey.keyId })
    return created
  })
}

const maxAttempts = 5
