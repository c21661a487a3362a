/** Finds one record, with its hashes. Look-ups by key id that are made together share a statement. */
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import * as Request from "effect/Request"
import * as RequestResolver from "effect/RequestResolver"
import type { SqlError } from "effect/sql/SqlError"
import type { KeyId, StoredApiKey } from "../../ApiKey.ts"
import type { RepositoryError } from "../../ApiKeyError.ts"
import type { LookUps } from "../record/contract.ts"
import { toRepositoryError } from "./failures.ts"
import { storedColumnList } from "./columns.ts"
import { decodeStored } from "./row.ts"
import type { Store } from "./store.ts"

type Row = Readonly<Record<string, unknown>>

class LookUp extends Request.Class<{ readonly keyId: KeyId }, Option.Option<StoredApiKey>, RepositoryError> {}

export const make = ({ sql, table, isInTransaction }: Store): LookUps => {
  // A span keeps the result of its effect, and the rows hold hashes, so the statements have no span. The caller's span tells of the look-up. A
  // text that is the same for any number of key ids stays one prepared statement.
  const selectStored = (condition: string) => {
    const text = `SELECT ${storedColumnList} FROM ${table.qualified} WHERE ${condition}`
    return (value: string | ReadonlyArray<string>) => Effect.withTracerEnabled(sql.unsafe<Row>(text, [value]), false)
  }
  const selectById = selectStored("id = $1::uuid")
  const selectByKeyId = selectStored("key_id = $1::text OR previous_key_id = $1::text")
  const selectByKeyIds = selectStored("key_id = ANY($1::text[]) OR previous_key_id = ANY($1::text[])")

  // PostgreSQL plans the statement for many anew each time, which the one for a single key id is spared.
  const selectAny = (keyIds: ReadonlyArray<string>) => {
    const [only] = keyIds
    return only !== undefined && keyIds.length === 1 ? selectByKeyId(only) : selectByKeyIds(keyIds)
  }

  /** A row that can't be read fails its own look-up alone. */
  const together = RequestResolver.make<LookUp>((entries) =>
    Effect.map(Effect.mapError(selectAny(Array.from(new Set(entries.map(({ request }) => request.keyId)))), toLookUpError), (rows) => {
      const byKeyId = new Map(rows.map((row) => [row["previous_key_id"], row]))
      for (const row of rows) byKeyId.set(row["key_id"], row)
      for (const entry of entries) entry.completeUnsafe(decodeRow(byKeyId.get(entry.request.keyId)))
    }),
  )
  const alone = (keyId: KeyId) => Effect.matchEffect(selectByKeyId(keyId), decodeFirst)

  let isLookingUp = false
  const whileLookingUp = <A, E>(lookUp: Effect.Effect<A, E>): Effect.Effect<A, E> =>
    Effect.onExit(
      Effect.suspend(() => {
        isLookingUp = true
        return lookUp
      }),
      // Of two look-ups that began together, the first to end lets others in. A look-up let in costs at most a statement of its own.
      () => {
        isLookingUp = false
        return Effect.void
      },
    )

  return {
    findById: (id) => Effect.matchEffect(selectById(id), decodeFirst),
    // A transaction sees rows that others may not read. A look-up without company needs no batch, which takes as long as the hash does.
    findByKeyId: (keyId) =>
      Effect.contextWith((context: Context.Context<never>) => {
        if (isInTransaction(context)) return alone(keyId)
        return isLookingUp ? Effect.request(new LookUp({ keyId }), together) : whileLookingUp(alone(keyId))
      }),
  }
}

const toLookUpError = toRepositoryError("look up")

const decodeRow = (row: Row | undefined): Exit.Exit<Option.Option<StoredApiKey>, RepositoryError> =>
  row === undefined
    ? Exit.succeed(Option.none())
    : Exit.mapBoth(decodeStored(row), { onSuccess: (stored) => Option.some(stored), onFailure: toLookUpError })

// After the wait for the database each step takes microseconds, so the look-up of one key makes do with few.
const decodeFirst = {
  onFailure: (error: SqlError) => Effect.fail(toLookUpError(error)),
  onSuccess: ([row]: ReadonlyArray<Row>) => decodeRow(row),
}
