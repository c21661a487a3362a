/** Transactions, and the tables beside the keys: reports, peppers, and the register of nodes. */
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import { RepositoryError } from "../../ApiKeyError.ts"
import type { NodeRegister, PepperSupport, Records, ReportSupport, Supports, TransactionSupport } from "../record/contract.ts"
import { toRepositoryError } from "./failures.ts"
import * as Kinds from "./kinds.ts"
import * as Register from "./nodes.ts"
import * as OwnerBounds from "./ownerBounds.ts"
import { decodeKeys } from "./row.ts"
import { type Store, toDate } from "./store.ts"

export const make = (store: Store, records: Records): Required<Omit<Supports, "isExclusive" | "meters">> => ({
  transaction: transactionSupport(store),
  reports: reportSupport(store),
  peppers: pepperSupport(store),
  nodeRegister: nodeRegister(store),
  kinds: Kinds.make(store),
  ownerBounds: OwnerBounds.make(store, records),
})

const transactionSupport = ({ sql, table, keys, columns, isInTransaction, transact }: Store): TransactionSupport => ({
  isOpen: isInTransaction,
  run: (effect) => transact("change", effect),
  lock: (id) =>
    sql`SELECT ${columns} FROM ${keys} WHERE id = ${id}::uuid FOR NO KEY UPDATE`.pipe(
      Effect.flatMap(decodeKeys),
      Effect.map(([row]) => Option.fromNullishOr(row)),
      Effect.mapError(toRepositoryError("lock")),
    ),
  afterCommit: sql.afterCommit,
  // A transaction that changes a record holds its lock. One that inserts a record, which nobody else sees, holds a lock of the table, as all that write
  // do. Those that are younger than the question can't be meant; of other roles' and of prepared ones the age isn't told.
  isChanging: (id) =>
    sql`WITH free AS (SELECT id FROM ${keys} WHERE id = ${id}::uuid FOR NO KEY UPDATE SKIP LOCKED)
      SELECT CASE WHEN EXISTS (SELECT FROM ${keys} WHERE id = ${id}::uuid) THEN NOT EXISTS (SELECT FROM free)
        ELSE EXISTS (
          SELECT FROM pg_locks AS held LEFT JOIN pg_stat_activity AS holder USING (pid)
          WHERE held.mode = 'RowExclusiveLock' AND held.relation = ${table.qualified}::text::regclass
            AND held.database = (SELECT oid FROM pg_database WHERE datname = current_database())
            AND coalesce(holder.xact_start < clock_timestamp() - interval '25 seconds', true)
        ) END AS "isChanging"`.pipe(
      Effect.flatMap(decodeChanging),
      Effect.map(([row]) => row?.isChanging ?? false),
      Effect.mapError(toRepositoryError("look whether a key is being changed")),
    ),
})

const reportSupport = ({ sql, table }: Store): ReportSupport => {
  const reports = sql.literal(table.reports)
  return {
    isKnown: (report) =>
      sql`SELECT report FROM ${reports} WHERE report = ${report}::text`.pipe(
        Effect.map((rows) => rows.length > 0),
        Effect.mapError(toRepositoryError("look for a report")),
      ),
    remember: (report, at) =>
      sql`INSERT INTO ${reports} (report, handled_at) VALUES (${report}::text, ${toDate(at)}::timestamptz)
        ON CONFLICT DO NOTHING`.pipe(Effect.asVoid, Effect.mapError(toRepositoryError("remember a report"))),
  }
}

/** The statements have no spans. A span keeps the result of its effect, and a check lets a weak pepper be guessed. */
const pepperSupport = ({ sql, table }: Store): PepperSupport => {
  const peppers = sql.literal(table.peppers)
  return {
    read: sql`SELECT start, value AS "check", is_assumed AS "isAssumed" FROM ${peppers} ORDER BY start`.pipe(
      Effect.withTracerEnabled(false),
      Effect.flatMap(decodePepperNotes),
      Effect.mapError(toRepositoryError("read which peppers hashes were made under")),
    ),
    note: ({ start, check, isAssumed }, at) =>
      sql`INSERT INTO ${peppers} (start, value, is_assumed, noted_at)
        VALUES (${start}::text, ${check}::text, ${isAssumed}::boolean, ${toDate(at)}::timestamptz) ON CONFLICT DO NOTHING`.pipe(
        Effect.withTracerEnabled(false),
        Effect.asVoid,
        Effect.mapError(toRepositoryError("note which pepper hashes are made under")),
      ),
  }
}

const nodeRegister = ({ sql, table }: Store): NodeRegister =>
  Register.make(table.nodes, (operation, text, params) =>
    sql.unsafe<Register.Rows[number]>(text, params).pipe(
      Effect.withTracerEnabled(false),
      Effect.mapError(toRepositoryError(operation)),
      // The driver would wait for the end of an interrupted statement, on a connection that has gone silent too.
      (statement) => Effect.forkDetach(statement, { startImmediately: true }),
      // The statement is told to end, but not waited for.
      Effect.flatMap((fiber) => Effect.onInterrupt(Fiber.join(fiber), () => Effect.sync(() => fiber.interruptUnsafe()))),
      Effect.timeoutOrElse({
        duration: "5 seconds",
        orElse: () => Effect.fail(new RepositoryError({ operation, isRetryable: true, cause: new Error("The database doesn't answer") })),
      }),
    ),
  )

const decodeChanging = Schema.decodeUnknownEffect(Schema.Array(Schema.Struct({ isChanging: Schema.Boolean })))
const decodePepperNotes = Schema.decodeUnknownEffect(
  Schema.Array(Schema.Struct({ start: Schema.String, check: Schema.String, isAssumed: Schema.Boolean })),
)
