/** Columns of home-made tables that end a key beside a column that says the key is active. */
import { assert, describe, it } from "@effect/vitest"
import { Result } from "effect"
import * as ApiKeyTransfer from "../../src/ApiKeyTransfer.ts"
import * as Sha256 from "../../src/legacy/Sha256.ts"

const legacy = Sha256.make()

const isActive = (columns: Record<string, unknown>): boolean =>
  Result.getOrThrow(ApiKeyTransfer.readRowBy({ id: 1, key_hash: "ab".repeat(32), expires_at: null, is_active: true, ...columns }, legacy))
    .apiKey.isActive

describe("A column that ends a key", () => {
  for (const word of "revoked disabled deactivated deleted removed archived suspended blocked banned locked canceled cancelled".split(
    " ",
  )) {
    it(`counts beside is_active: ${word}`, () => {
      const columns = [word, `is_${word}`, `${word}_at`, `${word}_on`]
      assert.deepStrictEqual(
        columns.filter((column) => isActive({ [column]: column.endsWith(word) ? true : "2026-01-01" })),
        [],
      )
      assert.deepStrictEqual(
        columns.filter((column) => !isActive({ [column]: null })),
        [],
      )
    })
  }
  it("counts beside is_active: inactive, expired, revocation_date", () => {
    const columns = ["inactive", "is_inactive", "expired", "is_expired", "revocation_date"]
    assert.deepStrictEqual(
      columns.filter((column) => isActive({ [column]: "true" })),
      [],
    )
  })
})
