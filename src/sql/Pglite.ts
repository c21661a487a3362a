/**
 * PostgreSQL inside the process: an `SqlClient` over PGlite's own API, in memory or on a folder that one process at a time may use.
 *
 * What was written survives a killed process. PGlite can't make the disk write it at once, so the last moments before a power cut may
 * be lost: use PostgreSQL where they mustn't.
 *
 * Needs the package `@electric-sql/pglite`, and Node 22.13 or later for the folder's lock.
 * @since 0.1.0
 */
import { chmod, mkdir } from "node:fs/promises"
import { join, resolve } from "node:path"
import { DatabaseSync } from "node:sqlite"
import { PGlite } from "@electric-sql/pglite"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Queue from "effect/Queue"
import * as Reactivity from "effect/reactivity/Reactivity"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import * as Semaphore from "effect/Semaphore"
import type * as Migrator from "effect/sql/Migrator"
import * as SqlClient from "effect/sql/SqlClient"
import type { Connection } from "effect/sql/SqlConnection"
import * as SqlError from "effect/sql/SqlError"
import * as Statement from "effect/sql/Statement"
import * as Stream from "effect/Stream"
import type { ApiKeyRepository } from "../ApiKeyRepository.ts"
import * as Migrations from "./Migrations.ts"
import { type Notification, PgliteClient } from "./PgliteClient.ts"
import * as SqlRepository from "./SqlRepository.ts"

export { type Notification, PgliteClient } from "./PgliteClient.ts"

/** Another process uses the folder. @category errors @since 0.1.0 */
export class DataDirLocked extends Schema.TaggedError<DataDirLocked>()("DataDirLocked", { dataDir: Schema.String }) {
  override get message(): string {
    return `Another process uses the folder ${this.dataDir}; stop it, or choose another folder`
  }
}

/** The database couldn't be opened. @category errors @since 0.1.0 */
export class PgliteUnavailable extends Schema.TaggedError<PgliteUnavailable>()("PgliteUnavailable", { cause: Schema.Defect() }) {
  override get message(): string {
    return `The embedded database can't be opened: ${this.cause instanceof Error ? this.cause.message : String(this.cause)}`
  }
}

/** @category models @since 0.1.0 */
export interface PgliteOptions {
  /** The folder, made with mode 0700. Without one the database lives in memory. */
  readonly dataDir?: string | undefined
}

/**
 * The client. A second one on the same folder fails with {@link DataDirLocked}; the lock goes with the process, even one that is killed.
 * @category layers
 * @since 0.1.0
 */
export const layer = (options: PgliteOptions = {}): Layer.Layer<PgliteClient | SqlClient.SqlClient, DataDirLocked | PgliteUnavailable> =>
  Layer.effectContext(
    Effect.gen(function* () {
      const pglite = yield* open(options)
      // There is one session, so a transaction must keep every other statement out while it lasts.
      const session = yield* Semaphore.make(1)
      return Context.make(PgliteClient, { listen: listen(pglite, session) }).pipe(
        Context.add(SqlClient.SqlClient, yield* makeClient(pglite, session)),
      )
    }),
  ).pipe(Layer.provide(Reactivity.layer))

/**
 * The repository on a database of its own, migrated.
 * @category layers
 * @since 0.1.0
 */
export const layerPglite = (
  options: PgliteOptions = {},
): Layer.Layer<
  ApiKeyRepository,
  DataDirLocked | PgliteUnavailable | SqlError.SqlError | Migrator.MigrationError | SqlRepository.MissingMigrations
> =>
  SqlRepository.layer.pipe(
    // The default name is a good one.
    Layer.provide(Layer.effectDiscard(Effect.catchTag(Migrations.migrate(), "InvalidIdentifier", Effect.die))),
    Layer.provide(layer(options)),
  )

const open = Effect.fnUntraced(function* ({
  dataDir,
}: PgliteOptions): Effect.fn.Return<PGlite, DataDirLocked | PgliteUnavailable, Scope.Scope> {
  if (dataDir !== undefined) {
    yield* attempt(async () => {
      await mkdir(dataDir, { recursive: true, mode: 0o700 })
      await chmod(dataDir, 0o700)
    })
    yield* lock(dataDir)
  }
  return yield* Effect.acquireRelease(
    attempt(() => (dataDir === undefined ? PGlite.create() : PGlite.create({ dataDir: resolve(dataDir, "pgdata") }))),
    (pglite) => Effect.promise(() => pglite.close()),
  )
})

/** An exclusive SQLite transaction is a lock that the operating system takes away with the process; PGlite has none. */
const lock = (dataDir: string): Effect.Effect<void, DataDirLocked | PgliteUnavailable, Scope.Scope> =>
  Effect.asVoid(
    Effect.acquireRelease(
      Effect.try({
        try: () => {
          const database = new DatabaseSync(join(dataDir, "lock.sqlite"))
          try {
            database.exec("BEGIN EXCLUSIVE")
          } catch (cause) {
            database.close()
            throw cause
          }
          return database
        },
        catch: (cause) =>
          cause instanceof Error && /locked|busy/.test(cause.message) ? new DataDirLocked({ dataDir }) : new PgliteUnavailable({ cause }),
      }),
      (database) => Effect.sync(() => database.close()),
    ),
  )

// PGlite's own `listen` mistakes a channel whose name holds quotes.
const listen = (pglite: PGlite, session: Semaphore.Semaphore): PgliteClient["Service"]["listen"] => {
  const listeners = new Map<string, number>()
  const change = (channel: string, by: 1 | -1) =>
    Effect.suspend(() => {
      const before = listeners.get(channel) ?? 0
      const count = Effect.sync(() => listeners.set(channel, before + by))
      if (before + by > 0 && before > 0) return count
      const name = `"${channel.replaceAll('"', '""')}"`
      return Effect.tryPromise({
        try: () => pglite.query(`${by === 1 ? "LISTEN" : "UNLISTEN"} ${name}`),
        catch: (cause) => toSqlError(cause, "listen"),
      }).pipe(Effect.andThen(count))
    }).pipe(Effect.uninterruptible, session.withPermit)
  return (channel) =>
    Effect.gen(function* () {
      const queue = yield* Effect.acquireRelease(Queue.unbounded<Notification, SqlError.SqlError>(), Queue.shutdown)
      yield* Effect.acquireRelease(
        Effect.sync(() =>
          pglite.onNotification((from, payload) => {
            if (from === channel) Queue.offerUnsafe(queue, { channel, payload })
          }),
        ),
        (stop) => Effect.sync(stop),
      )
      yield* Effect.acquireRelease(change(channel, 1), () => Effect.ignore(change(channel, -1)))
      return queue
    })
}

const attempt = <A>(run: () => Promise<A>): Effect.Effect<A, PgliteUnavailable> =>
  Effect.tryPromise({ try: run, catch: (cause) => new PgliteUnavailable({ cause }) })

const makeClient = Effect.fnUntraced(function* (pglite: PGlite, session: Semaphore.Semaphore) {
  const run = (query: string, params: ReadonlyArray<unknown>, rowMode: "object" | "array") =>
    // A query can't be stopped, and what follows an interruption must find it done.
    Effect.uninterruptible(
      Effect.tryPromise({ try: () => pglite.query(query, [...params], { rowMode }), catch: (cause) => toSqlError(cause, "execute") }),
    )
  type Transform = (<A extends object>(rows: ReadonlyArray<A>) => ReadonlyArray<A>) | undefined
  const objects = (query: string, params: ReadonlyArray<unknown>, transform: Transform) =>
    Effect.map(run(query, params, "object"), ({ rows }) =>
      // In this mode PGlite's rows are objects.
      transform === undefined ? rows : transform(rows as ReadonlyArray<object>),
    )
  const values = (query: string, params: ReadonlyArray<unknown>) =>
    // In this mode PGlite's rows are arrays.
    Effect.map(run(query, params, "array"), ({ rows }) => rows as ReadonlyArray<ReadonlyArray<unknown>>)
  const connection: Connection = {
    execute: objects,
    executeRaw: (query, params) => run(query, params, "object"),
    executeStream: (query, params, transform) =>
      Stream.unwrap(Effect.map(objects(query, params, transform), (rows) => Stream.fromIterable(rows))),
    executeValues: values,
    executeValuesUnprepared: values,
    executeUnprepared: objects,
  }
  const acquirer = Effect.as(
    Effect.acquireRelease(session.take(1), () => session.release(1), { interruptible: true }),
    connection,
  )
  return yield* SqlClient.make({
    acquirer,
    compiler,
    driver: "pglite",
    spanAttributes: [["db.system.name", "postgresql"]],
    // PostgreSQL answers ROLLBACK to the COMMIT of a transaction that has failed.
    commit: () =>
      Effect.flatMap(run("COMMIT", [], "object"), ({ command }) =>
        command === "ROLLBACK" ? Effect.fail(toSqlError(new Error("COMMIT rolled back a failed transaction"), "commit")) : Effect.void,
      ),
    releaseSavepoint: (name) => `RELEASE SAVEPOINT ${name}`,
  })
})

const compiler = Statement.makeCompiler({
  dialect: "pg",
  placeholder: (index) => `$${index}`,
  onIdentifier: Statement.defaultEscape('"'),
  onRecordUpdate: (placeholders, alias, columns, rows, returning) => [
    `(values ${placeholders}) AS ${alias}${columns}${returning ? ` RETURNING ${returning[0]}` : ""}`,
    returning ? rows.flat().concat(returning[1]) : rows.flat(),
  ],
  onCustom: () => ["", []],
})

/**
 * By SQLSTATE: https://www.postgresql.org/docs/current/errcodes-appendix.html
 *
 * PGlite's error holds the statement's parameters and the row's values; only its message and code go on.
 */
const toSqlError = (error: unknown, operation: string): SqlError.SqlError => {
  const code = textOf(error, "code")
  const constraint = textOf(error, "constraint")
  const message = error instanceof Error ? error.message : "PGlite failed"
  const fields = { cause: Object.assign(new Error(message), { code, constraint }), message, operation }
  return new SqlError.SqlError({ reason: toReason(code, constraint, fields) })
}

const toReason = (
  code: string,
  constraint: string,
  fields: { readonly cause: Error; readonly message: string; readonly operation: string },
): SqlError.SqlErrorReason => {
  if (code.startsWith("08")) return new SqlError.ConnectionError(fields)
  if (code.startsWith("28")) return new SqlError.AuthenticationError(fields)
  if (code === "42501") return new SqlError.AuthorizationError(fields)
  if (code.startsWith("42")) return new SqlError.SqlSyntaxError(fields)
  if (code === "23505") return new SqlError.UniqueViolation({ ...fields, constraint: constraint === "" ? "unknown" : constraint })
  if (code.startsWith("23")) return new SqlError.ConstraintError(fields)
  if (code === "40P01") return new SqlError.DeadlockError(fields)
  if (code === "40001") return new SqlError.SerializationError(fields)
  if (code === "55P03") return new SqlError.LockTimeoutError(fields)
  if (code === "57014") return new SqlError.StatementTimeoutError(fields)
  return new SqlError.UnknownError(fields)
}

const textOf = (error: unknown, field: string): string => {
  if (typeof error !== "object" || error === null) return ""
  const value: unknown = Reflect.get(error, field)
  return typeof value === "string" ? value : ""
}
