/** The table of keys for the facets of the repository: client, names, and the conditions that several facets share. */
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { BeginTransaction, type SqlClient } from "effect/sql/SqlClient"
import { isSqlError, type SqlError } from "effect/sql/SqlError"
import type { Fragment } from "effect/sql/Statement"
import type { ApiKeyId } from "../../ApiKey.ts"
import { ApiKeyNotFound, type RepositoryError, VersionConflict } from "../../ApiKeyError.ts"
import { toRepositoryError } from "./failures.ts"
import { columnList } from "./columns.ts"
import type { Table } from "./table.ts"

export interface Store {
  /** The client is without the application's transforms: names are literals, and rows are taken untransformed. */
  readonly sql: SqlClient
  readonly table: Table
  /** The table of keys. */
  readonly keys: Fragment
  /** The columns of a record without its hashes. */
  readonly columns: Fragment
  readonly isInTransaction: (context: Context.Context<never>) => boolean
  /**
   * Runs the effect in a transaction, within the caller's if there is one. A transaction of its own is bounded. Statements wait for a lock, and
   * the transaction for its client, no longer than {@link longest}. A change whose answer is lost has taken place, or never will, before the
   * outcome counts as known. In a transaction of the caller's the bound is the caller's to set.
   */
  readonly transact: <A, E, R>(operation: string, effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E | RepositoryError, R>
  /** Runs a write in the caller's transaction, or in a bounded transaction of its own. */
  readonly alone: <A, E>(operation: string, write: Effect.Effect<A, E | RepositoryError>) => Effect.Effect<A, E | RepositoryError>
  /** The condition for one record, at `ifVersion` where a version is given. */
  readonly only: (id: ApiKeyId, ifVersion: number | undefined) => Fragment
  /** Fails for the reason why {@link only} matched no row. */
  readonly conflictOrAbsence: (
    operation: string,
    id: ApiKeyId,
    ifVersion: number | undefined,
  ) => Effect.Effect<never, ApiKeyNotFound | VersionConflict | RepositoryError>
  /** The condition that the previous token works at the moment. */
  readonly previousIsLive: (at: DateTime.Utc) => Fragment
}

export const make = (client: SqlClient, table: Table): Store => {
  const sql = client.withoutTransforms()
  const keys = sql.literal(table.qualified)

  const isInTransaction = (context: Context.Context<never>): boolean =>
    Context.getOrUndefined(context, sql.transactionService) !== undefined

  const transact = <A, E, R>(operation: string, effect: Effect.Effect<A, E, R>): Effect.Effect<A, E | RepositoryError, R> =>
    Effect.contextWith((context: Context.Context<R>) =>
      sql.withTransaction(isInTransaction(context) ? effect : Effect.andThen(sql.unsafe(boundText), withBegin(context, effect))).pipe(
        // Transactions of the caller's may begin otherwise, read-only say. The default of the session may be another level, in which a write
        // fails for a concurrent one, and a count after a lock doesn't see what the lock waited for.
        Effect.provideService(BeginTransaction, "BEGIN ISOLATION LEVEL READ COMMITTED"),
        // The rollback on a lost connection fails too, beside the failure that caused the rollback. Only a failure whose writes were undone is
        // passed on.
        Effect.catchCause((cause): Effect.Effect<never, E | SqlError | RepositoryError> => {
          const lost = failedRollback(cause)
          return lost === undefined ? Effect.failCause(cause) : Effect.fail(toRepositoryError(operation)(lost))
        }),
        Effect.mapError((error) => (isSqlError(error) ? toRepositoryError(operation)(error) : error)),
      ),
    )

  return {
    sql,
    table,
    keys,
    columns: sql.literal(columnList),
    isInTransaction,
    transact,
    alone: (operation, write) =>
      Effect.contextWith((context: Context.Context<never>) => (isInTransaction(context) ? write : transact(operation, write))),
    only: (id, ifVersion) => (ifVersion === undefined ? sql`id = ${id}::uuid` : sql`id = ${id}::uuid AND version = ${ifVersion}::int8`),
    conflictOrAbsence: (operation, id, ifVersion) =>
      ifVersion === undefined
        ? Effect.fail(new ApiKeyNotFound({ id }))
        : sql`SELECT version FROM ${keys} WHERE id = ${id}::uuid`.pipe(
            Effect.flatMap(decodeVersion),
            Effect.mapError(toRepositoryError(operation)),
            Effect.flatMap(([row]): Effect.Effect<never, ApiKeyNotFound | VersionConflict> =>
              Effect.fail(
                row === undefined ? new ApiKeyNotFound({ id }) : new VersionConflict({ id, expected: ifVersion, actual: row.version }),
              ),
            ),
          ),
    previousIsLive: (at) =>
      sql`(previous_key_id IS NOT NULL AND CASE WHEN previous_expires_at IS NULL THEN previous_grace_seconds IS NOT NULL
        ELSE previous_expires_at > GREATEST(${toDate(at)}::timestamptz, updated_at) END)`,
  }
}

/** Keeps how the caller begins transactions, for listeners with a database of their own. */
const withBegin = <A, E, R>(context: Context.Context<never>, effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.provideService(effect, BeginTransaction, Context.get(context, BeginTransaction))

const failedRollback = ({ reasons }: Cause.Cause<unknown>): SqlError | undefined =>
  reasons.map((reason) => (Cause.isDieReason(reason) ? reason.defect : undefined)).find(isSqlError)

/** An instant as a parameter. */
export const toDate = <A extends DateTime.Utc | null>(instant: A): Date | null => (instant === null ? null : DateTime.toDateUtc(instant))

const decodeVersion = Schema.decodeUnknownEffect(Schema.Array(Schema.Struct({ version: Schema.Int })))

/** In milliseconds. A narrower bound of the session's own settings stays. */
const longest = 10_000
const boundText = `SELECT set_config(name, '${longest}', true) FROM pg_catalog.pg_settings
  WHERE CASE WHEN name IN ('statement_timeout', 'idle_in_transaction_session_timeout') THEN setting::int8 NOT BETWEEN 1 AND ${longest} END`
