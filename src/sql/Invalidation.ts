/**
 * Connects the nodes through the database that holds the keys, with `LISTEN` and `NOTIFY`: every change is told by the triggers that
 * `effect-api-key/sql/Migrations` creates, one by hand in psql too, once it is committed.
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
 * Whoever the program connects as needs the rights to read and write `<table>_nodes`. The database has to be the primary: a standby
 * knows no `LISTEN`.
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
 * Through PostgreSQL. The options are those of the repository.
 *
 * Two connections are made with the client's options beside its pool: one listens, and the other says what there is to say. So neither a
 * pool that is busy nor a connection that has gone silent keeps anybody waiting, and a heartbeat that is heard vouches for the messages of
 * others.
 *
 * A pooler between the program and the database has to pool sessions: in PgBouncer's transaction mode nothing is heard, so each request
 * asks the database, and a warning says so. Where the pool has to be such a one, give this layer a client of its own, with the URL of
 * PostgreSQL itself:
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
 * What the service sends joins no transaction of the caller's.
 * @category layers
 * @since 0.1.0
 */
export const layerPostgres = (options: TableOptions = {}): Layer.Layer<ApiKeyInvalidation, InvalidIdentifier, Pg.PgClient> =>
  Layer.effect(
    ApiKeyInvalidation,
    Effect.gen(function* () {
      const table = yield* resolve(options)
      const client = yield* PgClient
      // Whoever has a client has the package.
      const { make: connect } = yield* Effect.promise(() => import("@effect/sql-pg/PgConnection"))
      const pool = askThrough(client)
      const sessions = new Set<Session>()
      const ask: Ask = (operation, text, params) =>
        Effect.suspend(() => {
          const [session] = sessions
          return (session?.ask ?? pool)(operation, text, params)
        })
      const open = openSession(connect(client.config))
      // A pooler hands a notification to whatever speaks over the server's connection just then. A connection that speaks hears its own
      // messages there, and nobody else's; so the one that listens says nothing.
      const pair = Effect.map(Effect.all([open, open]), ([{ listen }, { ask }]): Session => ({ listen, ask }))
      const begin = Effect.acquireRelease(
        Effect.tap(pair, (session) => Effect.sync(() => sessions.add(session))),
        (session) => Effect.sync(() => sessions.delete(session)),
      )
      return { ...make(table, ask, begin), advice: poolerAdvice }
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

// By its key, so that users of PGlite don't need the package.
const PgClient = Context.Service<Pg.PgClient>("@effect/sql-pg/PgClient")

/** How long the database may take to answer, the wait for a connection of the pool included. */
const patience = Duration.seconds(5)

type Ask = Register.Ask<InvalidationError>

/** What is wrong, most likely, where messages are sent and none is heard. */
const poolerAdvice =
  "A pooler between this program and PostgreSQL that pools transactions or statements, such as PgBouncer, drops what PostgreSQL tells: let DATABASE_URL (or the client of Invalidation.layerPostgres) name PostgreSQL itself, or a pooler with pool_mode = session"

/** What speaks and listens. */
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
      // The caller's transaction must not decide on what is told here, nor be broken by it. Statements take a transaction that is there but
      // don't ask for one in their type.
      Effect.updateContext((context: Context.Context<never>) => Context.omit(client.transactionService)(context) as Context.Context<never>),
      // Nodes register every few seconds; it is no part of what the program is traced for.
      Effect.withTracerEnabled(false),
    )
}

/**
 * A connection that ends at once: when the scope closes, and when it doesn't answer. The driver would wait, for the answer to `UNLISTEN`, and
 * to a statement that is interrupted. But whatever holds a connection destroys it by letting go while something is under way; so that comes
 * first, and statements aren't interrupted.
 */
const openSession = Effect.fnUntraced(function* (
  connect: Effect.Effect<PgConnection.PgConnection, SqlError, Scope.Scope>,
): Effect.fn.Return<Session, InvalidationError, Scope.Scope> {
  const connection = yield* failing("connect", connect)
  const ownScope = Effect.acquireRelease(Scope.make(), Scope.close)
  // The last is closed first.
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
    // The client's queue has no bound, so it is emptied as soon as something is in it.
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
