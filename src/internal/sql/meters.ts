/** Meters in tables beside the keys. A lease is one statement of its own, outside of the caller's transaction. */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as SchemaGetter from "effect/SchemaGetter"
import type { SqlClient } from "effect/sql/SqlClient"
import type { SqlError } from "effect/sql/SqlError"
import { type Adjustment, type LeaseAnswer, type Meters, MetersError, type QuotaRule, type RateRule } from "../../Meters.ts"
import { toRepositoryError } from "./failures.ts"
import type { Store } from "./store.ts"

export const make = (client: SqlClient, { sql, table, keys, isInTransaction }: Store, isEmbedded: boolean): Meters["Service"] => {
  const lease = sql.literal(table.lease)

  /** Leaves the caller's transaction, which may be rolled back when the units are spent. */
  const alone = <A, E>(effect: Effect.Effect<A, E>): Effect.Effect<A, E> =>
    Effect.updateContext(
      effect,
      // The cast holds: a statement looks for the transaction of its context, but doesn't require one in its type.
      (context: Context.Context<never>) => Context.omit(client.transactionService)(context) as Context.Context<never>,
    )

  const ask = (requests: ReadonlyArray<object>) =>
    sql`SELECT place, answer FROM ${lease}(${JSON.stringify(requests)}::jsonb) ORDER BY place`.pipe(
      Effect.withTracerEnabled(false),
      alone,
      Effect.flatMap(decodeRows),
      Effect.mapError(failed),
    )

  /** Deletes the balances of limits whose windows are over, those of keys that are gone, and old changes; some at a time. */
  const purge = Effect.gen(function* () {
    yield* sql`DELETE FROM ${sql.literal(table.meters)} WHERE meter IN (
      SELECT meter FROM ${sql.literal(table.meters)} AS metered
      WHERE forget_at < clock_timestamp() OR (starts_with(meter, 'key ') AND touched_at < clock_timestamp() - interval '1 day'
        AND NOT EXISTS (SELECT FROM ${keys} AS keys WHERE keys.id::text = substr(metered.meter, 5, 36)))
      LIMIT 1000 FOR UPDATE SKIP LOCKED)`
    yield* sql`DELETE FROM ${sql.literal(table.meterChanges)} WHERE made_at < clock_timestamp() - interval '30 days'`
  }).pipe(Effect.withTracerEnabled(false), alone, Effect.ignore)

  let asked = 0

  return {
    scope: isEmbedded ? "embedded" : "shared",
    lease: (requests) =>
      Effect.gen(function* () {
        if (asked++ % purgeEvery === purgeEvery - 1) yield* Effect.forkDetach(purge)
        const rows = yield* ask(requests.map((request, n) => ({ n, ...request, ...columnsOf(request.rule) })))
        return rows.map(({ answer: { outcome: _, applied: __, ...answer } }): LeaseAnswer => answer)
      }),
    adjust: (adjustment) =>
      Effect.flatMap(ask([{ n: 0, node: "", ...ofAdjustment(adjustment), ...columnsOf(adjustment.rule) }]), ([row]) => {
        if (row?.answer.outcome == null) return Effect.fail(new MetersError({ cause: new Error("The store gave no answer") }))
        const { outcome, applied, remaining, at, now } = row.answer
        return Effect.succeed({ outcome, units: applied, remaining, at, now })
      }),
    // PGlite has a single session, which the caller's transaction holds.
    ...(isEmbedded && { isBlocked: isInTransaction }),
  }
}

/** The number of leases between two looks for what can be deleted. */
const purgeEvery = 5_000

const ofAdjustment = ({ meter, request, kind, units }: Adjustment) => ({
  meter,
  request,
  change: kind,
  units,
  turn: 0,
  lost: 0,
  unspent: 0,
  owed: 0,
  least: 0,
  waiting: 0,
  surplus: 0,
})

const columnsOf = (rule: QuotaRule | RateRule): Readonly<Record<string, string | number | null>> =>
  rule._tag === "Quota"
    ? {
        rule: "Quota",
        amount: rule.amount,
        begins: rule.begin,
        ends: rule.end,
        known: rule.known,
        adds: rule.add,
        ceiling: rule.ceiling,
      }
    : { rule: rule._tag, amount: rule.limit, width: rule.windowMillis, lease: rule.leaseMillis }

const failed = (error: SqlError | Schema.SchemaError): MetersError =>
  new MetersError({ cause: toRepositoryError("take units of a meter")(error) })

const Answer = Schema.Struct({
  granted: Schema.Int,
  remaining: Schema.Int,
  holders: Schema.Int,
  at: Schema.NullOr(Schema.Finite).pipe(
    Schema.decodeTo(Schema.Number, {
      decode: SchemaGetter.transform((at: number | null) => at ?? Number.NEGATIVE_INFINITY),
      encode: SchemaGetter.transform((at: number) => (Number.isFinite(at) ? at : null)),
    }),
  ),
  now: Schema.Finite,
  waitMillis: Schema.Finite,
  resetMillis: Schema.Finite,
  isStale: Schema.Boolean,
  outcome: Schema.NullOr(Schema.Literals(["done", "repeated", "conflict", "stale"])),
  applied: Schema.Int,
})

const decodeRows = Schema.decodeUnknownEffect(Schema.Array(Schema.Struct({ answer: Answer })))
