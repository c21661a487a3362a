import { assert, describe, it } from "@effect/vitest"
import { DateTime, Effect, Exit, Option, Redacted } from "effect"
import type { StoredApiKey } from "../../src/ApiKey.ts"
import { toSealColumn } from "../../src/internal/sql/columns.ts"
import { decodeStored, decodeStoredBySchema } from "../../src/internal/sql/row.ts"
import { storedApiKey } from "../../src/internal/testing/arbitraries.ts"
import { makeStoredApiKey } from "../../src/testing.ts"

const rowOf = ({ apiKey, hash, previousHash, sealId, previousSealId }: StoredApiKey): Record<string, unknown> => ({
  id: apiKey.id,
  key_id: apiKey.keyId,
  prefix: apiKey.prefix,
  name: apiKey.name,
  description: apiKey.description,
  owner_id: apiKey.ownerId,
  scopes: apiKey.scopes,
  metadata: apiKey.metadata,
  policies: apiKey.policies,
  is_active: apiKey.isActive,
  deactivated_at: apiKey.deactivatedAt && DateTime.toDateUtc(apiKey.deactivatedAt),
  deactivation_reason: apiKey.deactivationReason,
  expires_at: apiKey.expiresAt && DateTime.toDateUtc(apiKey.expiresAt),
  created_at: DateTime.toDateUtc(apiKey.createdAt),
  updated_at: DateTime.toDateUtc(apiKey.updatedAt),
  last_used_at: apiKey.lastUsedAt && DateTime.toDateUtc(apiKey.lastUsedAt),
  hint: apiKey.hint,
  version: apiKey.version,
  hash: Redacted.value(hash),
  rotated_at: apiKey.rotatedAt && DateTime.toDateUtc(apiKey.rotatedAt),
  previous_key_id: apiKey.previous?.keyId ?? null,
  previous_hint: apiKey.previous?.hint ?? null,
  previous_expires_at: apiKey.previous?.expiresAt ? DateTime.toDateUtc(apiKey.previous.expiresAt) : null,
  previous_grace_seconds: apiKey.previous?.graceSeconds ?? null,
  previous_last_used_at: apiKey.previous?.lastUsedAt ? DateTime.toDateUtc(apiKey.previous.lastUsedAt) : null,
  previous_hash: previousHash && Redacted.value(previousHash),
  seal_id: toSealColumn(apiKey.keyId, sealId),
  previous_seal_id: toSealColumn(apiKey.previous?.keyId ?? "", previousSealId),
})

/** What a row never holds, what it may hold only after somebody's own UPDATE, and what is at the edge of the allowed. */
const odd: ReadonlyArray<unknown> = [
  undefined,
  null,
  "",
  " x ",
  "x\0",
  "\ud800",
  ...[128, 129, 200, 201, 1_000, 1_001].map((length) => "a".repeat(length)),
  0,
  -1,
  1.5,
  2 ** 53,
  Number.NaN,
  true,
  false,
  "true",
  new Date(-1),
  new Date(0),
  new Date(253_402_300_799_999),
  new Date(253_402_300_800_000),
  new Date(Number.NaN),
  "2027-01-31T00:00:00Z",
  [],
  ["b", "a"],
  ["a", "a"],
  ["A"],
  [null],
  ["*", "a", "a:b"],
  ...[64, 65, 128, 129].flatMap((length) => [["a".repeat(length)], [`a:${"a".repeat(length - 2)}`], [`${"a".repeat(length - 2)}:a`]]),
  [`${"a".repeat(64)}:${"a".repeat(64)}`],
  Array.from({ length: 101 }, (_, index) => `a${index + 100}`),
  Array(101).fill("a"),
  {},
  { a: { b: 1 } },
  { a: "\0" },
  "01890a5d-ac96-774b-bcce-b302099a8057",
  "01890a5d-ac96-474b-bcce-b302099a8057",
]

const columns = [
  "id",
  "key_id",
  "prefix",
  "name",
  "description",
  "owner_id",
  "scopes",
  "metadata",
  "policies",
  "is_active",
  "deactivated_at",
  "deactivation_reason",
  "expires_at",
  "created_at",
  "updated_at",
  "last_used_at",
  "hint",
  "version",
  "rotated_at",
  "previous_key_id",
  "previous_hint",
  "previous_expires_at",
  "previous_grace_seconds",
  "previous_last_used_at",
  "hash",
  "previous_hash",
  "seal_id",
  "previous_seal_id",
]

describe("a row of the table", () => {
  it("says nothing of a seal once another token is in its place", () => {
    const stored = makeStoredApiKey({ sealId: "~a.1" })
    const row = rowOf(stored)
    assert.strictEqual(Exit.getSuccess(decodeStored(row)).pipe(Option.getOrThrow).sealId, "~a.1")
    // As a node of a version before seals leaves it.
    assert.isNull(Exit.getSuccess(decodeStored({ ...row, key_id: "0123456789abcdef" })).pipe(Option.getOrThrow).sealId)
  })

  it.effect.prop("is read as the schema reads it", { stored: storedApiKey }, ({ stored }) =>
    Effect.sync(() => {
      assert.deepStrictEqual(decodeStored(rowOf(stored)), decodeStoredBySchema(rowOf(stored)))
      assert.isTrue(Exit.isSuccess(decodeStored(rowOf(stored))))
    }),
  )

  it.effect.prop("is refused or mended as by the schema, whatever a column holds", { stored: storedApiKey }, ({ stored }) =>
    Effect.sync(() => {
      for (const column of columns) {
        for (const value of odd) {
          const row = { ...rowOf(stored), [column]: value }
          const [ours, theirs] = [decodeStored(row), decodeStoredBySchema(row)]
          assert.strictEqual(Exit.isSuccess(ours), Exit.isSuccess(theirs), `${column}: ${String(value)}`)
          if (Exit.isSuccess(ours)) assert.deepStrictEqual(ours, theirs, `${column}: ${String(value)}`)
        }
      }
    }),
  )
})
