/** Writes and reads many records with their hashes. */
import * as Effect from "effect/Effect"
import type * as Schema from "effect/Schema"
import type { SqlError } from "effect/sql/SqlError"
import { type ApiKey, keyIdsOf, type StoredApiKey } from "../../ApiKey.ts"
import type { RepositoryError } from "../../ApiKeyError.ts"
import type { Bulk, Filter, Taken } from "../record/contract.ts"
import { batchSize, inBatches } from "./batches.ts"
import { hashesOf, toRepositoryError } from "./failures.ts"
import { whereOf } from "./filters.ts"
import { storedColumnList } from "./columns.ts"
import { insertColumns, toArrays } from "./inserts.ts"
import { decodeManyStored, decodeTaken } from "./row.ts"
import { type Store, toDate } from "./store.ts"

export const make = (store: Store): Bulk => {
  const { sql, keys } = store
  const where = whereOf(store)
  const stored = sql.literal(storedColumnList)
  const insert = insertManyIn(store)
  const find = findTakenIn(store)

  /** Up to a batch of keys with their hashes, the oldest first. A span would keep the hashes. */
  const readStored = (filter: Filter, after: Pick<ApiKey, "createdAt" | "id"> | undefined) => {
    const beyond =
      after === undefined ? sql.literal("TRUE") : sql`(created_at, id) > (${toDate(after.createdAt)}::timestamptz, ${after.id}::uuid)`
    return sql`SELECT ${stored} FROM ${keys} WHERE ${where(filter)} AND ${beyond} ORDER BY created_at, id LIMIT ${batchSize}::int8`.pipe(
      Effect.flatMap(decodeManyStored),
      Effect.withTracerEnabled(false),
      Effect.mapError(toRepositoryError("export")),
    )
  }

  return {
    insertMany: (all) => Effect.mapError(insert(all), toRepositoryError("insert", all.flatMap(hashesOf))),
    findTaken: (all) => Effect.mapError(find(all), toRepositoryError("look for what is taken")),
    streamStored: (filter) =>
      inBatches<StoredApiKey, Pick<ApiKey, "createdAt" | "id">, RepositoryError>(
        (after) => readStored(filter, after),
        ({ apiKey }) => apiKey,
      ),
  }
}

/** A single statement inserts any number of records, sent as an array for each column. */
export const insertManyIn = ({
  sql,
  table,
}: Store): ((stored: ReadonlyArray<StoredApiKey>) => Effect.Effect<ReadonlyArray<boolean>, SqlError>) => {
  const text = `INSERT INTO ${table.qualified} (${insertColumns.names}) SELECT ${insertColumns.names} FROM ${insertColumns.source}
    WHERE NOT EXISTS (SELECT FROM ${table.qualified} AS key WHERE key.key_id = given.previous_key_id OR key.previous_key_id = given.key_id)
    ORDER BY position ON CONFLICT DO NOTHING RETURNING concat_ws(' ', id, key_id, previous_key_id) AS ids`
  return (stored) => {
    if (stored.length === 0) return Effect.succeed([])
    // A statement doesn't see the rows of its own insert, and an index sees one column.
    const clashes = clashesAmong(stored.map(({ apiKey }) => apiKey))
    const clear = clashes.size === 0 ? stored : stored.filter((_, index) => !clashes.has(index))
    return Effect.map(sql.unsafe<{ ids: string }>(text, toArrays(clear)), (rows) => {
      const inserted = new Set(rows.map(({ ids }) => ids))
      // A second record with the same id, or with all the same ids, isn't the one that was inserted.
      return stored.map(({ apiKey }, index) => !clashes.has(index) && inserted.delete([apiKey.id, ...keyIdsOf(apiKey)].join(" ")))
    })
  }
}

/** The rows hold hashes, which a span would keep. */
export const findTakenIn =
  ({ sql, keys }: Store) =>
  (stored: ReadonlyArray<StoredApiKey>): Effect.Effect<ReadonlyArray<Taken>, SqlError | Schema.SchemaError> => {
    const all = stored.map(({ apiKey }) => apiKey)
    const keyIds = all.flatMap(keyIdsOf)
    return sql`SELECT id, key_id, previous_key_id, rotated_at, hash FROM ${keys}
      WHERE id = ANY(${all.map(({ id }) => id)}::uuid[]) OR key_id = ANY(${keyIds}::text[]) OR previous_key_id = ANY(${keyIds}::text[])`.pipe(
      Effect.flatMap(decodeTaken),
      Effect.withTracerEnabled(false),
    )
  }

/** The records with a key id that an earlier record has in the other place. The places are the current and the previous key id. */
const clashesAmong = (keys: ReadonlyArray<ApiKey>): ReadonlySet<number> => {
  const clashes = new Set<number>()
  const [current, previous] = [new Set<string>(), new Set<string>()]
  for (const [index, { keyId, previous: former }] of keys.entries()) {
    if (previous.has(keyId) || (former !== null && current.has(former.keyId))) {
      clashes.add(index)
      continue
    }
    current.add(keyId)
    if (former !== null) previous.add(former.keyId)
  }
  return clashes
}
