import * as DateTime from "effect/DateTime"
import * as Redacted from "effect/Redacted"
import { ApiKey, ApiKeyId, KeyId, StoredApiKey } from "../../ApiKey.ts"

let counter = 0

/**
 * Makes a record with an id and a key id of its own, and otherwise plain values.
 * @category fixtures
 * @since 0.1.0
 * @example
 * ```ts
 * import { makeStoredApiKey } from "effect-api-key/testing"
 *
 * const { apiKey } = makeStoredApiKey({ name: "robot", isActive: false })
 * ```
 */
export const makeStoredApiKey = (
  overrides: Partial<ApiKey> & {
    readonly hash?: string
    readonly previousHash?: string
    readonly sealId?: string | null
    readonly previousSealId?: string | null
  } = {},
): StoredApiKey => {
  const { hash = "hash", previousHash, sealId = null, previousSealId = null, ...fields } = overrides
  const digits = (counter++).toString(16)
  const at = DateTime.makeUnsafe("2026-01-01T00:00:00.000Z")
  return new StoredApiKey({
    apiKey: new ApiKey({
      id: ApiKeyId.make(`01900000-0000-7000-8000-${digits.padStart(12, "0")}`),
      keyId: KeyId.make(digits.padStart(16, "0")),
      prefix: "ak",
      name: "key",
      description: null,
      ownerId: null,
      scopes: [],
      metadata: {},
      policies: null,
      isActive: true,
      deactivatedAt: null,
      deactivationReason: null,
      expiresAt: null,
      createdAt: at,
      updatedAt: at,
      lastUsedAt: null,
      hint: "abcd",
      version: 1,
      rotatedAt: null,
      previous: null,
      ...fields,
    }),
    hash: Redacted.make(hash),
    previousHash: previousHash === undefined ? null : Redacted.make(previousHash),
    sealId,
    previousSealId,
  })
}
