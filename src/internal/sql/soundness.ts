/**
 * Whether tables have lost rows. PostgreSQL takes a table whose file was cut for a short table, without a message. The index of the primary key
 * still knows the lost rows.
 */
import * as Effect from "effect/Effect"
import { SqlClient } from "effect/sql/SqlClient"
import type { SqlError } from "effect/sql/SqlError"

/**
 * Reads the first and the last row of each table by its primary key, or `every` row. A lost row is an `SqlError`. The ends cost nothing; every
 * row takes a second for some hundred thousand.
 */
export const readByPrimaryKeys = (rows: "ends" | "every"): Effect.Effect<void, SqlError, SqlClient> =>
  Effect.gen(function* () {
    const sql = (yield* SqlClient).withoutTransforms()
    const tables = yield* sql<{ name: string; columns: string; reversed: string }>`
      SELECT i.indrelid::regclass::text AS name,
        string_agg(format('%I', a.attname), ', ' ORDER BY k.position) AS columns,
        string_agg(format('%I DESC', a.attname), ', ' ORDER BY k.position) AS reversed
      FROM pg_index i
        JOIN pg_class c ON c.oid = i.indrelid AND c.relkind = 'r' AND c.relpersistence = 'p'
        JOIN pg_namespace n ON n.oid = c.relnamespace AND n.nspname <> 'information_schema' AND n.nspname NOT LIKE 'pg\\_%'
        CROSS JOIN unnest(i.indkey::int2[]) WITH ORDINALITY AS k (number, position)
        JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.number
      WHERE i.indisprimary AND i.indisvalid
      GROUP BY i.indrelid ORDER BY 1`
    yield* sql.withTransaction(
      Effect.gen(function* () {
        // A scan of the table alone, or of the index alone, would miss a lost row.
        yield* sql`SET LOCAL enable_seqscan = off`
        yield* sql`SET LOCAL enable_bitmapscan = off`
        yield* sql`SET LOCAL enable_indexonlyscan = off`
        yield* sql`SET LOCAL enable_sort = off`
        for (const { name, columns, reversed } of tables) {
          if (rows === "every") {
            yield* sql.unsafe(
              `SELECT sum(size) FROM (SELECT octet_length(t::text) AS size FROM ${name} AS t ORDER BY ${columns} OFFSET 0) AS sizes`,
            )
          } else {
            yield* sql.unsafe(`SELECT 1 FROM ${name} ORDER BY ${columns} LIMIT 1`)
            yield* sql.unsafe(`SELECT 1 FROM ${name} ORDER BY ${reversed} LIMIT 1`)
          }
        }
      }),
    )
  })
