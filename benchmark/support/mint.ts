/** Tokens and what a row keeps of them, without a write for each. */
import { Effect, Redacted, Result } from "effect"
import { SecureRandom } from "effect/crypto/SecureRandom"
import { SqlClient } from "effect/sql"
import { ApiKeyHasher } from "../../src/ApiKeyHasher.ts"
import * as ApiKeyToken from "../../src/ApiKeyToken.ts"
import * as Mint from "../../src/internal/keys/mint.ts"

/** Inserts keys, by one statement, and gives their tokens. */
export const insertKeys = Effect.fnUntraced(function* (qualified: string, count: number) {
  const { hash, sealingKeys } = yield* ApiKeyHasher
  const sql = (yield* SqlClient.SqlClient).withoutTransforms()
  const format = Result.getOrThrow(ApiKeyToken.make())
  const mint = Mint.make({ format, generate: Effect.provideService(format.generate, SecureRandom, yield* SecureRandom), sealingKeys })
  const tokens: Array<string> = []
  const columns = { keyIds: new Array<string>(), hashes: new Array<string>(), seals: new Array<string>() }
  for (let index = 0; index < count; index++) {
    const { parts, sealId } = yield* mint
    tokens.push(Redacted.value(format.format(parts)))
    columns.keyIds.push(parts.keyId)
    columns.hashes.push(Redacted.value(yield* hash(parts.secret)))
    columns.seals.push(`${parts.keyId} ${sealId}`)
  }
  yield* sql`INSERT INTO ${sql.literal(qualified)} (id, key_id, hash, prefix, name, name_lower, owner_id, scopes, metadata, is_active, created_at,
      updated_at, hint, version, seal_id)
    SELECT ('01900000-0000-7000-8000-' || substr(key_id, 5))::uuid, key_id, hash, 'ak', 'key ' || key_id, 'key ' || key_id, 'acme', ARRAY['invoices:read'],
      '{}', TRUE, now(), now(), 'abcd', 1, seal_id
    FROM unnest(${columns.keyIds}::text[], ${columns.hashes}::text[], ${columns.seals}::text[]) AS made (key_id, hash, seal_id)`
  return tokens
})
