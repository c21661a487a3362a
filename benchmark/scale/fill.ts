// Fills a database with keys: `node benchmark/scale/fill.ts 10000000`. Rows are made by PostgreSQL itself; among them are
// some with a token, which goes to a file.
import { writeFileSync } from "node:fs"
import { Effect, Layer } from "effect"
import { layerWebCrypto } from "effect/crypto/SecureRandom"
import { SqlClient } from "effect/sql"
import { createIndex, indexNames } from "../../src/internal/sql/definitions.ts"
import * as Migrations from "../../src/sql/Migrations.ts"
import { layerHmac } from "../support/keys.ts"
import { insertKeys } from "../support/mint.ts"
import { layerClient, say, tokensFile } from "./database.ts"

const rows = Number(process.argv[2] ?? 10_000_000)
const parts = 20
const realPerPart = 2_000

/** Names, owners, scopes, uses and ends of some variety; one key of twenty was rotated once, its previous token has ended. */
const insert = (from: number, to: number, sealId: string) => `INSERT INTO api_keys (id, key_id, hash, prefix, name, name_lower, description,
    owner_id, scopes, metadata, is_active, expires_at, created_at, updated_at, last_used_at, hint, version, seal_id, rotated_at, previous_key_id,
    previous_hash, previous_hint, previous_expires_at, previous_seal_id)
  SELECT (lpad(to_hex((extract(epoch FROM created) * 1000)::int8), 12, '0') || '7' || substr(m, 1, 3) || '8' || substr(m, 4, 15))::uuid,
    substr(m, 17, 16), hash, 'ak', name, lower(name), CASE WHEN i % 4 = 0 THEN 'Made for the pipeline of ' || name END,
    'org_' || (i * 7919 % 200000), CASE i % 4 WHEN 0 THEN ARRAY['invoices:read'] WHEN 1 THEN ARRAY['invoices:read', 'invoices:write']
      WHEN 2 THEN ARRAY['reports:read'] ELSE ARRAY['*'] END,
    CASE WHEN i % 3 = 0 THEN jsonb_build_object('team', 'team ' || i % 500, 'environment', 'production') ELSE '{}' END, i % 25 <> 0,
    CASE WHEN i % 3 = 0 THEN created + interval '1 year' END, created, created, CASE WHEN i % 10 < 7 THEN now() - (i % 100000) * interval '1 minute' END,
    right(m, 4), 1, substr(m, 17, 16) || ' ' || '${sealId}',
    CASE WHEN i % 20 = 0 THEN created + interval '1 hour' END, CASE WHEN i % 20 = 0 THEN substr(md5('previous ' || i), 1, 16) END,
    CASE WHEN i % 20 = 0 THEN hash END, CASE WHEN i % 20 = 0 THEN 'abcd' END, CASE WHEN i % 20 = 0 THEN created + interval '2 hours' END,
    CASE WHEN i % 20 = 0 THEN substr(md5('previous ' || i), 1, 16) || ' ' || '${sealId}' END
  FROM (SELECT i, md5('key ' || i) AS m, now() - (${rows} - i) * interval '3 seconds' AS created, 'deploy ' || substr(md5('name ' || i), 1, 8) AS name,
    '$hmac-sha256$v=1$' || translate(rtrim(encode(sha256(i::text::bytea), 'base64'), '='), '+/', '-_') AS hash
    FROM generate_series(${from}::int8, ${to}::int8) AS i) AS made`

const program = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  const tokens: Array<string> = []
  // Built over all rows in the end, as after a restore.
  for (const name of indexNames) yield* sql.unsafe(`DROP INDEX api_keys_${name}_idx`)
  const began = performance.now()
  let bulk = 0
  for (let part = 0; part < parts; part++) {
    tokens.push(...(yield* insertKeys("api_keys", realPerPart)))
    const [row] = yield* sql`SELECT substr(seal_id, length(key_id) + 2) AS "sealId" FROM api_keys LIMIT 1`
    const start = performance.now()
    const [from, to] = [Math.floor((rows * part) / parts) + 1, Math.floor((rows * (part + 1)) / parts)]
    yield* sql.withTransaction(
      Effect.gen(function* () {
        // A notification a row is for rows that somebody may have in memory.
        yield* sql`ALTER TABLE api_keys DISABLE TRIGGER USER`
        yield* sql.unsafe(insert(from, to, String(row?.["sealId"])))
        yield* sql`ALTER TABLE api_keys ENABLE ALWAYS TRIGGER api_keys_tell_write`
        yield* sql`ALTER TABLE api_keys ENABLE ALWAYS TRIGGER api_keys_tell_update`
        yield* sql`ALTER TABLE api_keys ENABLE ALWAYS TRIGGER api_keys_tell_truncate`
      }),
    )
    bulk += performance.now() - start
    say(`${to} rows; this part ${((performance.now() - start) / 1_000).toFixed(1)} s`)
    writeFileSync(tokensFile, tokens.join("\n"))
  }
  say(`Rows in ${(bulk / 1_000).toFixed(0)} s, all in ${((performance.now() - began) / 1_000).toFixed(0)} s`)
  for (const name of indexNames) {
    const start = performance.now()
    yield* sql.unsafe(createIndex("api_keys", "api_keys", name))
    say(`Index ${name} in ${((performance.now() - start) / 1_000).toFixed(1)} s`)
  }
  const start = performance.now()
  yield* sql`VACUUM ANALYZE api_keys`
  say(`VACUUM ANALYZE in ${((performance.now() - start) / 1_000).toFixed(0)} s`)
})

const layer = Layer.mergeAll(Layer.provideMerge(Migrations.layer(), layerClient), layerHmac, layerWebCrypto)

await Effect.runPromise(Effect.provide(program, layer))
