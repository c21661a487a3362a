/** Writes one record, in one statement each. */
import type * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import { isSqlError } from "effect/sql/SqlError"
import type { Fragment } from "effect/sql/Statement"
import { ApiKeyNotFound, DuplicateKeyId, RepositoryError, VersionConflict } from "../../ApiKeyError.ts"
import type { Changes, EndedPrevious, Records } from "../record/contract.ts"
import { toSimpleLowerCase } from "../text/lowerCase.ts"
import { type Column, changedFields, fields, isKeptWhileInactive } from "../record/fields.ts"
import { findTakenIn, insertManyIn } from "./bulk.ts"
import { toSealColumn, toValue, typeOf } from "./columns.ts"
import { hashesOf, StoreFailure, toRepositoryError } from "./failures.ts"
import { decodeKeys } from "./row.ts"
import { type Store, toDate } from "./store.ts"

export const make = (store: Store): Records => {
  const { sql, keys, columns, alone, only, conflictOrAbsence, previousIsLive } = store
  const insertMany = insertManyIn(store)
  const findTaken = findTakenIn(store)

  const assignments = (changes: Changes): ReadonlyArray<Fragment> => {
    const isNews = sql`(is_active OR ${changes.isActive !== false}::boolean)`
    return changedFields.flatMap((name) => {
      const value = changes[name]
      if (value === undefined) return []
      const column: Column = fields[name].column
      const [own, type] = [sql.literal(column.name), sql.literal(typeOf[column.kind].parameter)]
      const text = toValue(column.kind, value)
      const given = sql`${text === null ? null : String(text)}::text::${type}`
      const set = isKeptWhileInactive(name) ? sql`${own} = CASE WHEN ${isNews} THEN ${given} ELSE ${own} END` : sql`${own} = ${given}`
      return column.lowerCase === undefined
        ? [set]
        : [set, sql`${sql.literal(column.lowerCase)} = ${toSimpleLowerCase(String(value))}::text`]
    })
  }

  // The end of a previous token that was passed stays so.
  const updatedAt = (at: DateTime.Utc): Fragment =>
    sql`updated_at = GREATEST(${toDate(at)}::timestamptz, CASE WHEN previous_expires_at <= updated_at THEN previous_expires_at END)`

  return {
    insert: (key) =>
      insertMany([key]).pipe(
        Effect.flatMap(([isInserted]) => (isInserted === true ? Effect.succeed(undefined) : findTaken([key]))),
        Effect.mapError(toRepositoryError("insert", hashesOf(key))),
        Effect.flatMap((taken): Effect.Effect<void, DuplicateKeyId | RepositoryError> => {
          if (taken === undefined) return Effect.void
          return taken.some(({ id }) => id === key.apiKey.id)
            ? Effect.fail(new RepositoryError({ operation: "insert", isRetryable: false, cause: idTaken }))
            : Effect.fail(new DuplicateKeyId({ keyId: key.apiKey.keyId }))
        }),
      ),

    update: (id, changes, { at, ifVersion }) =>
      alone(
        "update",
        sql`UPDATE ${keys} SET ${sql.csv([...assignments(changes), updatedAt(at), sql`version = version + 1`])}
        WHERE ${only(id, ifVersion)} RETURNING ${columns}`.pipe(
          Effect.flatMap(decodeKeys),
          Effect.mapError(toRepositoryError("update")),
          Effect.flatMap(([row]) => (row === undefined ? conflictOrAbsence("update", id, ifVersion) : Effect.succeed(row))),
        ),
      ),

    rotate: (id, { keyId, prefix, hint, hash, sealId, previous }, { at, ifVersion }) =>
      alone(
        "rotate",
        sql`UPDATE ${keys} SET key_id = ${keyId}::text, prefix = ${prefix}::text, hint = ${hint}::text, hash = ${Redacted.value(hash)}::text, seal_id = ${toSealColumn(keyId, sealId)}::text,
          previous_key_id = key_id, previous_hint = hint, previous_hash = hash, previous_seal_id = seal_id, previous_last_used_at = NULL,
          previous_expires_at = ${toDate(previous.expiresAt)}::timestamptz, previous_grace_seconds = ${previous.graceSeconds}::int4,
          rotated_at = ${toDate(at)}::timestamptz, updated_at = ${toDate(at)}::timestamptz, version = version + 1
        WHERE ${only(id, ifVersion)} AND NOT EXISTS (SELECT FROM ${keys} AS other WHERE other.previous_key_id = ${keyId}::text)
        RETURNING ${columns}`.pipe(
          Effect.flatMap(decodeKeys),
          Effect.catchIf(
            (error) => isSqlError(error) && error.reason._tag === "UniqueViolation",
            () => Effect.fail(new DuplicateKeyId({ keyId })),
          ),
          Effect.mapError((error) =>
            error._tag === "DuplicateKeyId" ? error : toRepositoryError("rotate", [Redacted.value(hash)])(error),
          ),
          Effect.flatMap(([row]) => (row === undefined ? conflictOrAbsence("rotate", id, ifVersion) : Effect.succeed(row))),
          Effect.catchTag("VersionConflict", (conflict) =>
            Effect.fail(conflict.actual === ifVersion ? new DuplicateKeyId({ keyId }) : conflict),
          ),
        ),
      ),

    endPrevious: (id, { at, keyId, ifVersion }) =>
      alone(
        "end a grace",
        sql`UPDATE ${keys} SET previous_expires_at = ${toDate(at)}::timestamptz, previous_grace_seconds = NULL,
          updated_at = ${toDate(at)}::timestamptz, version = version + 1
        WHERE ${only(id, ifVersion)} AND ${previousIsLive(at)} AND ${keyId === undefined ? sql.literal("TRUE") : sql`previous_key_id = ${keyId}::text`}
        RETURNING ${columns}`.pipe(
          Effect.flatMap((ended) =>
            Effect.map(
              Effect.flatMap(
                ended.length > 0 ? Effect.succeed(ended) : sql`SELECT ${columns} FROM ${keys} WHERE id = ${id}::uuid`,
                decodeKeys,
              ),
              (rows) => rows.map((apiKey) => ({ apiKey, isEnded: ended.length > 0 })),
            ),
          ),
          Effect.mapError(toRepositoryError("end a grace")),
          Effect.flatMap(([row]): Effect.Effect<EndedPrevious, ApiKeyNotFound | VersionConflict> => {
            if (row === undefined) return Effect.fail(new ApiKeyNotFound({ id }))
            const actual = row.isEnded ? row.apiKey.version - 1 : row.apiKey.version
            return ifVersion === undefined || ifVersion === actual
              ? Effect.succeed(row)
              : Effect.fail(new VersionConflict({ id, expected: ifVersion, actual }))
          }),
        ),
      ),

    delete: (id, options) =>
      alone(
        "delete",
        sql`DELETE FROM ${keys} WHERE ${only(id, options?.ifVersion)} RETURNING ${columns}`.pipe(
          Effect.flatMap(decodeKeys),
          Effect.mapError(toRepositoryError("delete")),
          Effect.flatMap(([row]) => (row === undefined ? conflictOrAbsence("delete", id, options?.ifVersion) : Effect.succeed(row))),
        ),
      ),
  }
}

const idTaken = new StoreFailure({ reason: "UniqueViolation", sqlState: null, description: "The id is taken" })
