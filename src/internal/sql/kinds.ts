/**
 * The kinds of tokens in the table, by their indexes: each step goes from a kind to the next one, so the number of keys doesn't matter. Kinds are
 * few, as keys share a sealing key and a scheme.
 */
import type * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import type { Fragment } from "effect/sql/Statement"
import type { KindSupport } from "../record/contract.ts"
import { kindLength, kindOf } from "./definitions.ts"
import { toRepositoryError } from "./failures.ts"
import { type Store, toDate } from "./store.ts"

/** With more kinds, each of which is a step, a scan of the table is as quick. */
const maxKinds = 1_000

export const make = ({ sql, keys, table, previousIsLive }: Store): KindSupport => {
  /** The kinds of the current tokens, or of the previous ones, as a table of the statement. */
  const steps = (token: "" | "previous_"): Fragment => {
    const kind = kindOf(token)
    const name = sql.literal(`${token}kinds`)
    const columns = sql.literal(`${kind.seal}, ${kind.scheme}, is_active`)
    const which = sql.literal(token === "" ? "TRUE" : "previous_hash IS NOT NULL")
    return sql`${name} (seal, scheme, active) AS (
      (SELECT ${columns} FROM ${keys} WHERE ${which} AND (SELECT is_usable FROM indexes) ORDER BY ${columns} LIMIT 1)
      UNION ALL
      SELECT next.* FROM ${name} AS kind CROSS JOIN LATERAL (SELECT ${columns} FROM ${keys}
        WHERE ${which} AND (${columns}) > (kind.seal, kind.scheme, kind.active) ORDER BY ${columns} LIMIT 1) AS next
    )`
  }
  // Without an index each step would read the whole table.
  const kinds = sql`WITH RECURSIVE indexes AS MATERIALIZED (
      SELECT count(*) = 2 AS is_usable FROM pg_catalog.pg_index AS i JOIN pg_catalog.pg_class AS c ON c.oid = i.indexrelid
      WHERE i.indrelid = ${table.qualified}::regclass AND i.indisvalid
        AND c.relname IN (${`${table.table}_kind_idx`}::text, ${`${table.table}_previous_kind_idx`}::text)
    ), ${steps("")}, ${steps("previous_")}`

  /** Whether a key of one of these kinds of tokens fulfils the condition. Each kind is looked for by itself, as the planner would rather read all keys. */
  const isThere = (token: "" | "previous_", which: Fragment, condition: Fragment): Fragment => {
    const kind = kindOf(token)
    return sql`EXISTS (SELECT 1 FROM ${sql.literal(`${token}kinds`)} AS kind CROSS JOIN LATERAL (
      SELECT 1 FROM ${keys} WHERE ${sql.literal(token === "" ? "TRUE" : "previous_hash IS NOT NULL")}
        AND ${sql.literal(kind.seal)} = kind.seal AND ${sql.literal(kind.scheme)} = kind.scheme AND is_active = kind.active AND ${condition} LIMIT 1
    ) AS found WHERE ${which})`
  }
  const isWorking = (at: DateTime.Utc, hash: "hash" | "previous_hash"): Fragment =>
    sql`(expires_at IS NULL OR expires_at > ${toDate(at)}::timestamptz) AND NOT starts_with(${sql.literal(hash)}, '$legacy-')`

  return {
    read: sql`${kinds} SELECT is_usable AS "isUsable", seal, scheme, active AS "isActive" FROM indexes
        LEFT JOIN LATERAL (SELECT * FROM kinds UNION ALL SELECT * FROM previous_kinds LIMIT ${maxKinds + 1}::int8) AS kind ON TRUE`.pipe(
      Effect.flatMap(decodeKinds),
      Effect.map((rows) => {
        const found = rows.filter((row) => row.seal !== null)
        const isCut = found.some(({ seal, scheme }) => [seal, scheme].some((text) => text !== null && text.length >= kindLength))
        if (rows[0]?.isUsable !== true || found.length > maxKinds || isCut) return undefined
        // A key that isn't active needs its pepper when it is activated again, but none of its tokens works.
        const sealed = found.filter(({ scheme, isActive }) => isActive === true && scheme?.startsWith("$legacy-") !== true)
        return {
          schemes: new Set(found.map(({ scheme }) => scheme ?? "")),
          sealIds: new Set(sealed.map(({ seal }) => (seal === "" ? null : seal))),
        }
      }),
      Effect.mapError(toRepositoryError("read the kinds of tokens")),
    ),
    haveSchemes: (schemes, at) => {
      const which = sql`scheme = ANY (${Array.from(schemes)}::text[])`
      return sql`${kinds} SELECT EXISTS (SELECT 1 FROM kinds WHERE ${which}) OR ${isThere("previous_", which, previousIsLive(at))} AS "isThere"`.pipe(
        Effect.flatMap(decodeThere),
        Effect.map(([row]) => row?.isThere ?? true),
        Effect.mapError(toRepositoryError("look for schemes of hashes")),
      )
    },
    haveSeals: (sealIds, at) => {
      const which = sql`active AND seal = ANY (${Array.from(sealIds, (sealId) => sealId ?? "")}::text[])`
      return sql`${kinds} SELECT ${isThere("", which, isWorking(at, "hash"))}
          OR ${isThere("previous_", which, sql`${previousIsLive(at)} AND ${isWorking(at, "previous_hash")}`)} AS "isThere"`.pipe(
        Effect.flatMap(decodeThere),
        Effect.map(([row]) => row?.isThere ?? true),
        Effect.mapError(toRepositoryError("look for seals")),
      )
    },
  }
}

const decodeKinds = Schema.decodeUnknownEffect(
  Schema.Array(
    Schema.Struct({
      isUsable: Schema.Boolean,
      seal: Schema.NullOr(Schema.String),
      scheme: Schema.NullOr(Schema.String),
      isActive: Schema.NullOr(Schema.Boolean),
    }),
  ),
)
const decodeThere = Schema.decodeUnknownEffect(Schema.Array(Schema.Struct({ isThere: Schema.Boolean })))
