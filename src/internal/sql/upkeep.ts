/** Keeps uses and hashes up to date beside the changes of records. */
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import type { Fragment } from "effect/sql/Statement"
import { isLegacyHash } from "../hash/legacyHash.ts"
import { schemePattern } from "../hash/schemePattern.ts"
import type { Upkeep } from "../record/contract.ts"
import { foreignId } from "../token/seal.ts"
import { toRepositoryError } from "./failures.ts"
import { columnList } from "./columns.ts"
import { decodeKeys } from "./row.ts"
import { type Store, toDate } from "./store.ts"

export const make = ({ sql, keys, columns, alone, previousIsLive }: Store): Upkeep => {
  /**
   * The scheme of a hash string, as `ApiKeyHasher.scheme` gives it: its label, its algorithm and its parameters. The patterns are parameters, as
   * `standard_conforming_strings` decides the meaning of a literal's backslashes.
   */
  const schemeOf = (column: "hash" | "previous_hash"): Fragment => {
    const hash = sql.literal(column)
    const label = sql`COALESCE(substring(${hash} FROM ${labelPattern}::text), '')`
    return sql`${label} || COALESCE(substring(substr(${hash}, length(${label}) + 1) FROM ${schemePattern}::text), '')`
  }

  return {
    // The rows are locked in the order of their ids, so two nodes can't block each other.
    touch: (uses) =>
      uses.length === 0
        ? Effect.succeed([])
        : alone(
            "touch",
            sql`WITH uses AS (
            SELECT id::uuid AS id, key_id, max(used_at::timestamptz) AS used_at
            FROM unnest(${uses.map(({ id }) => id)}::text[], ${uses.map(({ keyId }) => keyId)}::text[],
              ${uses.map(({ lastUsedAt }) => DateTime.formatIso(lastUsedAt))}::text[]) AS use (id, key_id, used_at)
            GROUP BY 1, 2
          ), known AS (
            SELECT key.id, max(uses.used_at) AS used_at,
              max(uses.used_at) FILTER (WHERE uses.key_id = key.previous_key_id AND uses.used_at >= key.rotated_at) AS previous_used_at,
              min(uses.used_at) FILTER (WHERE uses.key_id = key.key_id) AS current_used_at,
              max(key.previous_grace_seconds) AS grace_seconds
            FROM (SELECT id, key_id, previous_key_id, previous_grace_seconds, rotated_at FROM ${keys} WHERE id IN (SELECT id FROM uses) ORDER BY id FOR NO KEY UPDATE) AS key
            JOIN uses ON uses.id = key.id GROUP BY key.id
          ), touched AS (
            UPDATE ${keys} AS key SET last_used_at = GREATEST(key.last_used_at, known.used_at),
              previous_last_used_at = GREATEST(key.previous_last_used_at, known.previous_used_at),
              previous_expires_at = CASE WHEN key.previous_grace_seconds IS NOT NULL AND known.current_used_at IS NOT NULL
                THEN LEAST(known.current_used_at + make_interval(secs => key.previous_grace_seconds), key.expires_at, key.previous_expires_at)
                ELSE key.previous_expires_at END,
              previous_grace_seconds = CASE WHEN known.current_used_at IS NULL THEN key.previous_grace_seconds END
            FROM known
            WHERE key.id = known.id AND (
              key.last_used_at IS NULL OR key.last_used_at < known.used_at
              OR key.previous_last_used_at IS NULL AND known.previous_used_at IS NOT NULL OR key.previous_last_used_at < known.previous_used_at
              OR key.previous_grace_seconds IS NOT NULL AND known.current_used_at IS NOT NULL)
            RETURNING known.grace_seconds IS DISTINCT FROM key.previous_grace_seconds AS is_settled, ${sql.literal(columnList.replace(/\w+/g, "key.$&"))}
          ) SELECT ${columns} FROM touched WHERE is_settled`.pipe(Effect.flatMap(decodeKeys), Effect.mapError(toRepositoryError("touch"))),
          ),

    replaceHash: (id, from, to) => {
      const [old, next] = [Redacted.value(from), Redacted.value(to)]
      const seals = isLegacyHash(from)
        ? sql`, seal_id = CASE WHEN hash = ${old}::text THEN key_id || ${` ${foreignId}`}::text ELSE seal_id END,
          previous_seal_id = CASE WHEN previous_hash = ${old}::text THEN previous_key_id || ${` ${foreignId}`}::text ELSE previous_seal_id END`
        : sql.literal("")
      return sql`UPDATE ${keys} SET hash = CASE WHEN hash = ${old}::text THEN ${next}::text ELSE hash END,
          previous_hash = CASE WHEN previous_hash = ${old}::text THEN ${next}::text ELSE previous_hash END${seals}
        WHERE id = ${id}::uuid AND (hash = ${old}::text OR previous_hash = ${old}::text) RETURNING version`.pipe(
        Effect.map((rows) => rows.length > 0),
        Effect.mapError(toRepositoryError("replace a hash", [old, next])),
      )
    },

    countSchemes: (at) =>
      sql`SELECT ${schemeOf("hash")} AS scheme,
          CASE WHEN ${previousIsLive(at)} THEN ${schemeOf("previous_hash")} END AS "previousScheme", count(*)::int4 AS count
        FROM ${keys} GROUP BY 1, 2 ORDER BY 1, 2`.pipe(
        Effect.flatMap(decodeSchemeCounts),
        Effect.mapError(toRepositoryError("count hashes")),
      ),

    countSeals: (at) =>
      sql`SELECT CASE WHEN starts_with(token.seal_id, token.key_id || ' ') THEN substr(token.seal_id, length(token.key_id) + 2) END AS "sealId",
          count(*)::int4 AS count
        FROM ${keys} CROSS JOIN LATERAL (VALUES
          (key_id, hash, seal_id, TRUE),
          (previous_key_id, previous_hash, previous_seal_id, ${previousIsLive(at)})
        ) AS token (key_id, hash, seal_id, is_live)
        WHERE is_active AND (expires_at IS NULL OR expires_at > ${toDate(at)}::timestamptz)
          AND token.is_live AND NOT starts_with(token.hash, '$legacy-')
        GROUP BY 1 ORDER BY 1`.pipe(Effect.flatMap(decodeSealCounts), Effect.mapError(toRepositoryError("count seals"))),
  }
}

const labelPattern = "^\\$pepper=[A-Za-z0-9_-]{1,32}(?=\\$|$)"

const decodeSchemeCounts = Schema.decodeUnknownEffect(
  Schema.Array(Schema.Struct({ scheme: Schema.String, previousScheme: Schema.NullOr(Schema.String), count: Schema.Int })),
)

const decodeSealCounts = Schema.decodeUnknownEffect(
  Schema.Array(Schema.Struct({ sealId: Schema.NullOr(Schema.String), count: Schema.Int })),
)
