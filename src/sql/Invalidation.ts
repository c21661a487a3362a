/**
 * Connects the nodes through the database that holds the keys, with `LISTEN` and `NOTIFY`: every change is told by the triggers that
 * `effect-api-key/sql/Migrations` creates, one by hand in psql too, once it is committed.
 *
 * ```ts
 * const live = ApiKeys.layer.pipe(
 *   Layer.provide([SqlRepository.layer, Invalidation.layerPostgres(), hasher]),
 *   Layer.provide(Migrations.layer()),
 *   Layer.provide(PgClient.layer({ url })),
 * )
 * ```
 *
 * Whoever the program connects as needs the rights to read and write `<table>_nodes`. The database has to be the primary: a standby
 * knows no `LISTEN`.
 * @since 0.1.0
 */
import type * as Pg from "@effect/sql-pg/PgClient"
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Queue from "effect/Queue"
import type * as Scope from "effect/Scope"
import { SqlClient } from "effect/sql/SqlClient"
import type { SqlError } from "effect/sql/SqlError"
import { ApiKeyInvalidation, InvalidationError } from "../ApiKeyInvalidation.ts"
import * as BoundedQueue from "../internal/boundedQueue.ts"
import { PgliteClient } from "./PgliteClient.ts"
import { type InvalidIdentifier, resolve, type Table, type TableOptions } from "./table.ts"

export { InvalidIdentifier, type TableOptions } from "./table.ts"

/**
 * Through PostgreSQL. The options are those of the repository.
 *
 * Listening keeps a connection of the client's pool to itself for as long as it lasts, so the pool needs at least two. A pooler between
 * the program and the database has to pool sessions: in PgBouncer's transaction mode nothing is heard. Whoever calls `subscribe` closes
 * its scope before the client's, which would wait for it.
 *
 * Whoever listens hears that a connection is lost as soon as the operating system does; a network that goes silent it notices by the
 * client's `keepAlive`. What the service sends joins no transaction of the caller's.
 * @category layers
 * @since 0.1.0
 */
export const layerPostgres = (options: TableOptions = {}): Layer.Layer<ApiKeyInvalidation, InvalidIdentifier, Pg.PgClient> =>
  Layer.effect(
    ApiKeyInvalidation,
    Effect.gen(function* () {
      const table = yield* resolve(options)
      const client = yield* PgClient
      return make(client, table, client.listen, () => Effect.void)
    }),
  )

/**
 * Through PGlite, for several services on the database that one process has, and for changes by hand.
 *
 * In a transaction, everything the service does fails at once: it takes no part in one, and the only session that PGlite has is taken.
 * @category layers
 * @since 0.1.0
 */
export const layerPglite = (options: TableOptions = {}): Layer.Layer<ApiKeyInvalidation, InvalidIdentifier, PgliteClient | SqlClient> =>
  Layer.effect(
    ApiKeyInvalidation,
    Effect.gen(function* () {
      const table = yield* resolve(options)
      const sql = yield* SqlClient
      const { listen } = yield* PgliteClient
      return make(sql, table, listen, (operation) =>
        Effect.flatMap(Effect.serviceOption(sql.transactionService), (transaction) =>
          Option.isNone(transaction)
            ? Effect.void
            : Effect.fail(new InvalidationError({ operation, cause: new Error("A transaction has PGlite's only session") })),
        ),
      )
    }),
  )

// By its key, so that users of PGlite don't need the package.
const PgClient = Context.Service<Pg.PgClient>("@effect/sql-pg/PgClient")

/** How long the database may take to answer, the wait for a connection of the pool included. */
const patience = Duration.seconds(5)

type Listen = (channel: string) => Effect.Effect<Queue.Dequeue<{ readonly payload: string }, SqlError>, SqlError, Scope.Scope>

const make = (
  client: SqlClient,
  { nodes, channel }: Table,
  listen: Listen,
  /** Fails where an operation can't run. */
  check: (operation: string) => Effect.Effect<void, InvalidationError>,
): ApiKeyInvalidation["Service"] => {
  const sql = client.withoutTransforms()
  const register = sql.literal(nodes)

  const run = <A, R>(operation: string, effect: Effect.Effect<A, SqlError, R>): Effect.Effect<A, InvalidationError, R> =>
    effect.pipe(
      Effect.mapError((cause) => new InvalidationError({ operation, cause })),
      Effect.timeoutOrElse({
        duration: patience,
        orElse: () => Effect.fail(new InvalidationError({ operation, cause: new Error("The database doesn't answer") })),
      }),
      // The caller's transaction must not decide on what is told here, nor be broken by it. Statements take a transaction that is there
      // but don't ask for one in their type, so `R` is what remains.
      Effect.updateContext((context: Context.Context<R>) => Context.omit(client.transactionService)(context) as Context.Context<R>),
      // Nodes register every few seconds; it is no part of what the program is traced for.
      Effect.withTracerEnabled(false),
      (self) => Effect.andThen(check(operation), self),
    )

  return {
    announcesWrites: true,
    publish: (message) => Effect.asVoid(run("publish", sql`SELECT pg_notify(${channel}, ${message})`)),
    subscribe: Effect.gen(function* () {
      const source = yield* run("subscribe", listen(channel))
      const heard = yield* BoundedQueue.make<string, InvalidationError>()
      // The client's queue has no bound, so it is emptied as soon as something is in it.
      yield* Queue.takeAll(source).pipe(
        Effect.map((notifications) => {
          for (const { payload } of notifications) BoundedQueue.offerUnsafe(heard, payload, fellBehind)
        }),
        Effect.forever({ disableYield: true }),
        Effect.catchCause((cause) =>
          Queue.failCause(
            heard,
            Cause.map(cause, (error) => new InvalidationError({ operation: "listen", cause: error })),
          ),
        ),
        Effect.forkScoped,
      )
      return heard
    }),
    register: (node, lease) =>
      // A node that is gone for long leaves its row to the others. Two that find it there don't wait for each other.
      Effect.asVoid(
        run(
          "register",
          sql`WITH gone AS (
            DELETE FROM ${register} WHERE node IN (
              SELECT node FROM ${register} WHERE live_until < clock_timestamp() - interval '1 hour' AND node <> ${node}::text
              FOR UPDATE SKIP LOCKED
            )
          )
          INSERT INTO ${register} (node, live_until)
          VALUES (${node}::text, clock_timestamp() + ${Duration.toMillis(lease)}::float8 * interval '1 millisecond')
          ON CONFLICT (node) DO UPDATE SET live_until = EXCLUDED.live_until`,
        ),
      ),
    unregister: (node) => Effect.asVoid(run("unregister", sql`DELETE FROM ${register} WHERE node = ${node}::text`)),
    nodes: Effect.map(
      run("nodes", sql<{ readonly node: string }>`SELECT node FROM ${register} WHERE live_until > clock_timestamp() ORDER BY node`),
      (rows) => rows.map(({ node }) => node),
    ),
  }
}

const fellBehind = () =>
  new InvalidationError({ operation: "listen", cause: new Error(`The listener is ${BoundedQueue.capacity} messages behind`) })
