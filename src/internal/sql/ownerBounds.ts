/**
 * Bounds the number of an owner's keys. Writers of keys for one owner take turns by a lock of the transaction. Each counts in a statement of its
 * own after the lock, so that it sees the keys of those before it (decision 0088).
 */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { type ApiKeyNotFound, RepositoryError, TooManyKeys, type VersionConflict } from "../../ApiKeyError.ts"
import type { OwnerBoundSupport, Records } from "../record/contract.ts"
import { StoreFailure, toRepositoryError } from "./failures.ts"
import type { Store } from "./store.ts"

export const make = ({ sql, table, keys, alone, only, conflictOrAbsence }: Store, { insert, update }: Records): OwnerBoundSupport => {
  /** Waits for the others that add a key to the owner, until the transaction has ended. */
  const lock = (ownerId: string) =>
    sql`SELECT current_setting('transaction_isolation') AS isolation,
        pg_advisory_xact_lock(hashtextextended('effect_api_key_owner ' || ${table.qualified}::text::regclass::oid || ' ' || ${ownerId}::text, 0))`.pipe(
      Effect.flatMap(decodeIsolation),
      Effect.mapError(toRepositoryError(operation)),
      Effect.flatMap(([row]) => (row === undefined || !isStale(row.isolation) ? Effect.void : Effect.fail(failStale(row.isolation)))),
    )

  const admit = (ownerId: string, maximum: number): Effect.Effect<void, TooManyKeys | RepositoryError> =>
    Effect.andThen(
      lock(ownerId),
      sql`SELECT count(*) >= ${maximum}::int8 AS "isFull"
        FROM (SELECT FROM ${keys} WHERE owner_id = ${ownerId}::text LIMIT ${maximum}::int8) AS owned`.pipe(
        Effect.flatMap(decodeFull),
        Effect.mapError(toRepositoryError(operation)),
        Effect.flatMap(([row]) => (row?.isFull === true ? Effect.fail(new TooManyKeys({ ownerId, maximum })) : Effect.void)),
      ),
    )

  return {
    insert: (key, maximum) => {
      const { ownerId } = key.apiKey
      return ownerId === null ? insert(key) : alone("insert", Effect.andThen(admit(ownerId, maximum), insert(key)))
    },
    update: (id, changes, { at, ifVersion, maximum }) => {
      const { ownerId } = changes
      if (typeof ownerId !== "string") return update(id, changes, { at, ifVersion })
      // Every writer locks the record before the owner, as a listener in the transaction does. Otherwise two writers could wait for each other.
      const owner = sql`SELECT owner_id AS "ownerId" FROM ${keys} WHERE ${only(id, ifVersion)} FOR NO KEY UPDATE`.pipe(
        Effect.flatMap(decodeOwner),
        Effect.mapError(toRepositoryError("update")),
      )
      return alone(
        "update",
        Effect.flatMap(owner, ([row]): Effect.Effect<void, TooManyKeys | ApiKeyNotFound | VersionConflict | RepositoryError> => {
          if (row === undefined) return conflictOrAbsence("update", id, ifVersion)
          return row.ownerId === ownerId ? Effect.void : admit(ownerId, maximum)
        }).pipe(Effect.andThen(update(id, changes, { at, ifVersion }))),
      )
    },
  }
}

const operation = "count the keys of an owner"

/** Whether later statements see the same snapshot as the first statement of the transaction. */
const isStale = (isolation: string): boolean => isolation !== "read committed" && isolation !== "read uncommitted"

const failStale = (isolation: string): RepositoryError =>
  new RepositoryError({
    operation,
    isRetryable: false,
    cause: new StoreFailure({
      reason: "IsolationLevel",
      sqlState: null,
      description: `A transaction of the level ${isolation} doesn't see the keys that others have added meanwhile: begin it with READ COMMITTED, or add the key outside of it`,
    }),
  })

const decodeIsolation = Schema.decodeUnknownEffect(Schema.Array(Schema.Struct({ isolation: Schema.String })))
const decodeFull = Schema.decodeUnknownEffect(Schema.Array(Schema.Struct({ isFull: Schema.Boolean })))
const decodeOwner = Schema.decodeUnknownEffect(Schema.Array(Schema.Struct({ ownerId: Schema.NullOr(Schema.String) })))
