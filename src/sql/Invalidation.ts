/**
 * Connects the nodes through the database that holds the keys, with `LISTEN` and `NOTIFY`. The triggers that `effect-api-key/sql/Migrations`
 * creates announce every committed change, also one by hand in psql.
 *
 * ```ts
 * import * as PgClient from "@effect/sql-pg/PgClient"
 * import { Config, Layer } from "effect"
 * import { ApiKeys } from "effect-api-key"
 * import * as Hmac from "effect-api-key/hasher/Hmac"
 * import * as Invalidation from "effect-api-key/sql/Invalidation"
 * import * as Migrations from "effect-api-key/sql/Migrations"
 * import * as SqlRepository from "effect-api-key/sql/SqlRepository"
 *
 * const live = ApiKeys.layer.pipe(
 *   Layer.provide([SqlRepository.layer, Invalidation.layerPostgres(), Hmac.layerConfig]),
 *   Layer.provide(Migrations.layer()),
 *   Layer.provide(PgClient.layerConfig({ url: Config.Redacted("DATABASE_URL") })),
 * )
 * ```
 *
 * The program's user needs the rights to read and write `<table>_nodes`. The database has to be the primary: a standby has no `LISTEN`.
 * @since 0.1.0
 */
import type * as Pg from "@effect/sql-pg/PgClient"
import type * as PgConnection from "@effect/sql-pg/PgConnection"
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Queue from "effect/Queue"
import * as Scope from "effect/Scope"
import { SqlClient } from "effect/sql/SqlClient"
import type { SqlError } from "effect/sql/SqlError"
import { ApiKeyInvalidation, InvalidationError } from "../ApiKeyInvalidation.ts"
import * as MessageQueue from "../internal/nodes/queue.ts"
import * as Register from "../internal/sql/nodes.ts"
import { PgliteClient } from "../internal/sql/PgliteClient.ts"
import { channelOf, type InvalidIdentifier, resolve, type Table, type TableOptions } from "../internal/sql/table.ts"

export { InvalidIdentifier, type TableOptions } from "../internal/sql/table.ts"

/**
 * Through PostgreSQL. The options are the repository's.
 *
 * Two connections are made with the client's options beside its pool: one listens, the other publishes. A busy pool or a silent connection makes
 * no caller wait. A heartbeat that arrives proves that messages of other nodes arrive too.
 *
 * A pooler between the program and the database has to pool sessions. In PgBouncer's transaction mode no message arrives: each request asks the
 * database, and a warning says so. Behind such a pooler give this layer a client of its own, with the URL of PostgreSQL itself:
 *
 * ```ts
 * import * as PgClient from "@effect/sql-pg/PgClient"
 * import { Config, Layer } from "effect"
 * import * as Invalidation from "effect-api-key/sql/Invalidation"
 *
 * const direct = PgClient.layerConfig({ url: Config.Redacted("DIRECT_DATABASE_URL"), maxConnections: Config.succeed(1) })
 * const nodes = Invalidation.layerPostgres().pipe(Layer.provide(direct))
 * ```
 *
 * Messages are sent outside of the caller's transaction.
 * @category layers
 * @since 0.1.0
 */
export const layerPostgres = (options: TableOptions = {}): Layer.Layer<ApiKeyInvalidation, InvalidIdentifier, Pg.PgClient> =>
  Layer.effect(
    ApiKeyInvalidation,
    Effect.gen(function* () {
      const table = yield* resolve(options)
      const client = yield* PgClient
      // A program with a client has the package.
      const { make: connect } = yield* Effect.promise(() => import("@effect/sql-pg/PgConnection"))
      const pool = askThrough(client)
      const sessions = new Set<Session>()
      const ask: Ask = (operation, text, params) =>
        Effect.suspend(() => {
          const [session] = sessions
          return (session?.ask ?? pool)(operation, text, params)
        })
      const open = openSession(connect(client.config))
      // A pooler gives a notification to the client that uses the server's connection at that moment. A connection that publishes would hear its
      // own messages alone there and seem connected. The listening connection never publishes (decision 0024).
      const pair = Effect.map(Effect.all([open, open]), ([{ listen }, { ask }]): Session => ({ listen, ask }))
      const begin = Effect.acquireRelease(
        Effect.tap(pair, (session) => Effect.sync(() => sessions.add(session))),
        (session) => Effect.sync(() => sessions.delete(session)),
      )
      return { ...make(table, ask, begin), advice: poolerAdvice }
    }),
  )

/**
 * Through PGlite, for several services in one process on the same database, and for changes by hand.
 *
 * Within a transaction each operation of this service fails at once. An operation joins no transaction, and the transaction has PGlite's only
 * session.
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
      const unlessTaken = <A, R>(operation: string, effect: Effect.Effect<A, InvalidationError, R>) =>
        Effect.flatMap(Effect.serviceOption(sql.transactionService), (transaction) =>
          Option.isNone(transaction)
            ? effect
            : Effect.fail(new InvalidationError({ operation, cause: new Error("A transaction has PGlite's only session") })),
        )
      const askAlways = askThrough(sql)
      const ask: Ask = (operation, text, params) => unlessTaken(operation, askAlways(operation, text, params))
      const session: Session = {
        ask,
        listen: (channel) => unlessTaken("subscribe", bounded("subscribe", failing("subscribe", listen(channel)))),
      }
      return make(table, ask, Effect.succeed(session))
    }),
  )

// The tag is made by its key, so that users of PGlite don't need the package.
const PgClient = Context.Service<Pg.PgClient>("@effect/sql-pg/PgClient")

/** How long the database may take to answer, the wait for a connection of the pool included. */
const patience = Duration.seconds(5)

type Ask = Register.Ask<InvalidationError>

/** The likely reason why messages are sent and none arrives. */
const poolerAdvice =
  "A pooler between this program and PostgreSQL that pools transactions or statements, such as PgBouncer, drops what PostgreSQL tells: let DATABASE_URL (or the client of Invalidation.layerPostgres) name PostgreSQL itself, or a pooler with pool_mode = session"

/** Publishes and listens. */
interface Session {
  readonly ask: Ask
  readonly listen: (channel: string) => Effect.Effect<Queue.Dequeue<{ readonly payload: string }, SqlError>, InvalidationError, Scope.Scope>
}

const failing = <A, R>(operation: string, effect: Effect.Effect<A, SqlError, R>): Effect.Effect<A, InvalidationError, R> =>
  Effect.mapError(effect, (cause) => new InvalidationError({ operation, cause }))

const silence = (operation: string) => Effect.fail(new InvalidationError({ operation, cause: new Error("The database doesn't answer") }))

const bounded = <A, R>(operation: string, effect: Effect.Effect<A, InvalidationError, R>): Effect.Effect<A, InvalidationError, R> =>
  Effect.timeoutOrElse(effect, { duration: patience, orElse: () => silence(operation) })

const askThrough = (client: SqlClient): Ask => {
  const sql = client.withoutTransforms()
  return (operation, text, params) =>
    bounded(operation, failing(operation, sql.unsafe<Register.Rows[number]>(text, params))).pipe(
      // The statement leaves the caller's transaction, which must not undo it, nor fail with it. The cast holds: statements use a transaction of
      // the context, but don't require one in their type.
      Effect.updateContext((context: Context.Context<never>) => Context.omit(client.transactionService)(context) as Context.Context<never>),
      // Nodes register every few seconds, which would fill the program's traces.
      Effect.withTracerEnabled(false),
    )
}

/**
 * Opens a connection that ends at once when its scope closes or it stops answering. The driver would wait for the answers to `UNLISTEN` and to
 * an interrupted statement. A pinned connection that is released during a statement is destroyed. The connection is released first, and
 * statements are never interrupted.
 */
const openSession = Effect.fnUntraced(function* (
  connect: Effect.Effect<PgConnection.PgConnection, SqlError, Scope.Scope>,
): Effect.fn.Return<Session, InvalidationError, Scope.Scope> {
  const connection = yield* failing("connect", connect)
  const ownScope = Effect.acquireRelease(Scope.make(), Scope.close)
  // Scopes close in the reverse order: the pin is released before the listening ends.
  const listening = yield* ownScope
  const hold = yield* ownScope
  const held = yield* Scope.provide(connection.pin, hold)
  const hangUp = Effect.andThen(Effect.sleep(patience), Scope.close(hold, Exit.void))
  const orHangUp = <A>(operation: string, effect: Effect.Effect<A, SqlError>): Effect.Effect<A, InvalidationError> =>
    Effect.raceFirst(failing(operation, effect), Effect.andThen(hangUp, silence(operation))).pipe(
      (statement) => Effect.forkDetach(statement, { startImmediately: true }),
      Effect.flatMap(Fiber.join),
    )
  return {
    ask: (operation, text, params) =>
      orHangUp(
        operation,
        Effect.map(held.query(text, params), ({ rows }) => rows),
      ),
    listen: (channel) => orHangUp("subscribe", Scope.provide(held.listen(channel), listening)),
  }
})

const make = (
  { qualified, nodes }: Table,
  ask: Ask,
  begin: Effect.Effect<Session, InvalidationError, Scope.Scope>,
): ApiKeyInvalidation["Service"] => ({
  announcesWrites: true,
  publish: (message) => Effect.asVoid(ask("publish", `SELECT pg_notify(${channelOf("$1::regclass::oid")}, $2)`, [qualified, message])),
  subscribe: Effect.gen(function* () {
    const session = yield* begin
    const [named] = yield* session.ask("subscribe", `SELECT ${channelOf("$1::regclass::oid")} AS channel`, [qualified])
    const source = yield* session.listen(String(named?.["channel"]))
    const heard = yield* MessageQueue.make
    // The client's queue has no bound, so arriving messages are moved to the bounded queue at once.
    yield* Queue.takeAll(source).pipe(
      Effect.map((notifications) => {
        for (const { payload } of notifications) MessageQueue.offerUnsafe(heard, payload)
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
  ...Register.make(nodes, ask),
})
