/** Finds many records, page by page, along the indexes. */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import type { Fragment } from "effect/sql/Statement"
import type { ApiKey } from "../../ApiKey.ts"
import type { InvalidCursor, RepositoryError } from "../../ApiKeyError.ts"
import { defaultSort, type Filter, type Queries, type StoreSort } from "../record/contract.ts"
import * as Cursor from "../record/cursor.ts"
import { batchSize, inBatches } from "./batches.ts"
import { toRepositoryError } from "./failures.ts"
import { sortColumn, whereOf } from "./filters.ts"
import { decodeKeys } from "./row.ts"
import type { Store } from "./store.ts"

export const make = (store: Store): Queries => {
  const { sql, keys, columns } = store
  const where = whereOf(store)

  const readFirst = (operation: string, filter: Filter, sort: StoreSort, count: number) =>
    sql`SELECT ${columns} FROM ${keys} WHERE ${where(filter)} ORDER BY ${sql.literal(orderBy(sort))} LIMIT ${count}::int8`.pipe(
      Effect.flatMap(decodeKeys),
      Effect.mapError(toRepositoryError(operation)),
    )

  const readAfter = (operation: string, filter: Filter, sort: StoreSort, position: Cursor.Position, count: number) =>
    sql`${rowsAfter(filter, sort, position, count)}`.pipe(Effect.flatMap(decodeKeys), Effect.mapError(toRepositoryError(operation)))

  /** Up to `count` keys after a position. Keys with a value come first, then keys without, each group read along the index. */
  const rowsAfter = (filter: Filter, sort: StoreSort, { value, id }: Cursor.Position, count: number): Fragment => {
    const { column, isNullable, direction } = orderOf(sort)
    const beyond = sql.literal(sort.order === "asc" ? ">" : "<")
    const order = sql.literal(orderBy(sort))
    const take = (condition: Fragment) =>
      sql`(SELECT ${columns} FROM ${keys} WHERE ${where(filter)} AND ${condition} ORDER BY ${order} LIMIT ${count}::int8)`
    const isNull = sql.literal(`${column} IS NULL`)
    if (value === null) return take(sql`${isNull} AND id ${beyond} ${id}::uuid`)
    const bound = typeof value === "string" ? sql`${value}::text` : sql`${new Date(value)}::timestamptz`
    const rest = take(sql`(${sql.literal(column)}, id) ${beyond} (${bound}, ${id}::uuid)`)
    if (!isNullable) return rest
    const all = sql`${rest} UNION ALL ${take(isNull)}`
    return sql`SELECT * FROM (${all}) AS rest ORDER BY ${sql.literal(`${column} ${direction} NULLS LAST, id ${direction}`)} LIMIT ${count}::int8`
  }

  /** The page and the total of one moment, in one statement. The total has a row of its own where the page is empty. */
  const readOffset = (filter: Filter, sort: StoreSort, count: number, offset: number) =>
    sql`SELECT total.total, page.* FROM (SELECT count(*)::int4 AS total FROM ${keys} WHERE ${where(filter)}) AS total
      LEFT JOIN (SELECT ${columns} FROM ${keys} WHERE ${where(filter)} ORDER BY ${sql.literal(orderBy(sort))}
        LIMIT ${count}::int8 OFFSET ${offset}::int8) AS page ON TRUE
      ORDER BY ${sql.literal(orderBy(sort, "page."))}`.pipe(
      Effect.flatMap((rows) =>
        Effect.all({
          total: Effect.map(decodeTotal(rows), ([row]) => row?.total ?? 0),
          items: decodeKeys(rows.filter(({ id }) => id !== null)),
        }),
      ),
      Effect.mapError(toRepositoryError("search")),
    )

  return {
    search: ({ filter, sort, limit, page }) =>
      Effect.gen(function* (): Effect.fn.Return<
        ReadonlyArray<ApiKey> | { total: number; items: ReadonlyArray<ApiKey> },
        InvalidCursor | RepositoryError
      > {
        if (page._tag === "Offset") return yield* readOffset(filter, sort, limit + 1, page.offset)
        const position = yield* Effect.fromResult(Cursor.decode(page.cursor, sort))
        return yield* position === undefined
          ? readFirst("search", filter, sort, limit + 1)
          : readAfter("search", filter, sort, position, limit + 1)
      }).pipe(
        Effect.map((found) => {
          const { total, items: more } = "total" in found ? found : { total: null, items: found }
          const items = more.slice(0, limit)
          const last = items.at(-1)
          return { items, total, nextCursor: last !== undefined && more.length > limit ? Cursor.encode(last, sort) : null }
        }),
      ),

    count: (filter) =>
      sql`SELECT count(*)::int4 AS total FROM ${keys} WHERE ${where(filter)}`.pipe(
        Effect.flatMap(decodeTotal),
        Effect.map(([row]) => row?.total ?? 0),
        Effect.mapError(toRepositoryError("count")),
      ),

    stream: (filter, sort = defaultSort) =>
      inBatches<ApiKey, Cursor.Position, RepositoryError>(
        (after) =>
          after === undefined ? readFirst("stream", filter, sort, batchSize) : readAfter("stream", filter, sort, after, batchSize),
        (last) => ({ value: Cursor.sortValue(last, sort), id: last.id }),
      ),
  }
}

// `NULLS LAST` on a column without nulls would keep its index from being read backwards.
const orderBy = (sort: StoreSort, prefix = ""): string => {
  const { isNullable, direction } = orderOf(sort)
  return `${sortColumn(sort.by, prefix)} ${direction}${isNullable ? " NULLS LAST" : ""}, ${prefix}id ${direction}`
}

const orderOf = ({ by, order }: StoreSort) => ({
  column: sortColumn(by),
  isNullable: Cursor.sortColumn(by).isNullable,
  direction: order === "asc" ? "ASC" : "DESC",
})

const decodeTotal = Schema.decodeUnknownEffect(Schema.Array(Schema.Struct({ total: Schema.Int })))
