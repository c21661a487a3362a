// The first page by cursor, and one after it, out of 1,000,000 keys: against the same out of 1,000. Both tables are filled by PostgreSQL itself.
import { Context, Effect, Layer } from "effect"
import { SqlClient } from "effect/sql"
import { ApiKeyRepository, type Sort } from "../../src/ApiKeyRepository.ts"
import { emit } from "../figure.ts"
import { measure, share } from "../measure.ts"
import { inOneFiber } from "../support/loop.ts"
import { makeDatabase } from "../support/postgres.ts"

/** A search for pages of 50 from a table of so many keys. */
const makeSearch = (rows: number) => {
  const { layer, qualified } = makeDatabase()
  return Effect.gen(function* () {
    const services = yield* Layer.build(layer)
    const sql = Context.get(services, SqlClient.SqlClient).withoutTransforms()
    const into = sql.literal(qualified)
    yield* sql`INSERT INTO ${into} (id, key_id, hash, prefix, name, name_lower, description, owner_id, scopes, metadata, is_active,
        expires_at, created_at, updated_at, last_used_at, hint, version)
      SELECT ('01900000-0000-7000-8000-' || lpad(to_hex(i), 12, '0'))::uuid, lpad(to_hex(i), 16, '0'), '$none$', 'ak', 'key ' || md5(i::text),
        'key ' || md5(i::text), NULL, 'owner ' || i % 1000, ARRAY['invoices:read'], '{}', i % 10 <> 0,
        CASE WHEN i % 3 = 0 THEN now() + i * interval '1 minute' END, now() - i * interval '1 minute', now() - i * interval '1 minute',
        CASE WHEN i % 2 = 0 THEN now() - i * interval '1 second' END, 'abcd', 1
      FROM generate_series(1, ${rows}::int4) AS i`
    yield* sql`ANALYZE ${into}`
    const repository = Context.get(services, ApiKeyRepository)
    return Effect.fnUntraced(function* (sort: Sort, page: "first" | "second") {
      const search = (cursor: string) => repository.search({ filter: {}, sort, limit: 50, page: { _tag: "Cursor", cursor } })
      const { nextCursor } = yield* search("")
      if (nextCursor === null) return yield* Effect.die("There is only one page")
      const cursor = page === "first" ? "" : nextCursor
      return (count: number) => inOneFiber(count, () => search(cursor))
    })
  })
}

const program = Effect.gen(function* () {
  const few = yield* makeSearch(1_000)
  const many = yield* makeSearch(1_000_000)
  for (const [page, sort] of [
    ["first", { by: "createdAt", order: "desc" }],
    ["first", { by: "name", order: "asc" }],
    ["first", { by: "lastUsedAt", order: "desc" }],
    ["first", { by: "expiresAt", order: "asc" }],
    ["second", { by: "createdAt", order: "desc" }],
    ["second", { by: "expiresAt", order: "asc" }],
  ] satisfies ReadonlyArray<readonly ["first" | "second", Sort]>) {
    const contenders = { few: { run: yield* few(sort, page) }, many: { run: yield* many(sort, page) } }
    const rates = yield* Effect.promise(() => measure(contenders, { milliseconds: 250 }))
    // How many times as slow is the inverse of the share of the rate.
    const { value, spread, rates: medians } = share(rates, "few", "many")
    emit({
      benchmark: "search",
      name: `${page} page by ${sort.by} of 1,000,000 keys, slower than of 1,000`,
      unit: "times",
      target: { atMost: 3 },
      value,
      spread,
      rates: { "1,000,000": medians.many ?? Number.NaN, "1,000": medians.few ?? Number.NaN },
      note: "50 keys by cursor, without a filter",
    })
  }
})

await Effect.runPromise(Effect.scoped(program))
