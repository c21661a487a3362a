/**
 * PostgreSQL inside the process: an `SqlClient` over PGlite's own API. The database is in memory, or in a folder that one process at a time may
 * use.
 *
 * Written data survives a killed process. PGlite can't make the disk write at once, so a power cut may lose the last moments. Use PostgreSQL
 * where no moment may be lost.
 *
 * Needs the package `@electric-sql/pglite`, and Node 22.13 or later for the folder's lock.
 * @since 0.1.0
 */
import { chmod, open as openFile, rename, rm, stat } from "node:fs/promises"
import { resolve } from "node:path"
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
import {
  attempt,
  claim,
  clearDraft,
  DamagedDataDir,
  database,
  type DataDirProblem,
  DataDirUnusable,
  draft,
  explainUnopened,
  lockFile,
  othersMayWrite,
  syncFolder,
} from "../internal/sql/dataDir.ts"
import * as Migrations from "./Migrations.ts"
import { type Notification, PgliteClient } from "../internal/sql/PgliteClient.ts"
import { readByPrimaryKeys } from "../internal/sql/soundness.ts"
import * as SqlRepository from "./SqlRepository.ts"

export { DamagedDataDir, type DataDirProblem, DataDirUnusable, ForeignDataDir } from "../internal/sql/dataDir.ts"
export { type Notification, PgliteClient } from "../internal/sql/PgliteClient.ts"

/** Another process uses the folder. @category errors @since 0.1.0 */
export class DataDirLocked extends Schema.TaggedError<DataDirLocked>()("DataDirLocked", { dataDir: Schema.String }) {
  override get message(): string {
    return `Another process uses the folder ${this.dataDir}; stop it, or choose another folder`
  }
}

/** PGlite itself couldn't be started. @category errors @since 0.1.0 */
export class PgliteUnavailable extends Schema.TaggedError<PgliteUnavailable>()("PgliteUnavailable", { cause: Schema.Defect() }) {
  override get message(): string {
    return `The embedded database can't be started: ${messageOf(this.cause)}`
  }
}

/** Why there is no client. @category errors @since 0.1.0 */
export type PgliteError = DataDirLocked | DataDirProblem | PgliteUnavailable

/** @category models @since 0.1.0 */
export interface PgliteOptions {
  /**
   * The folder. A new folder is made with mode 0700, and an empty folder keeps its mode. A folder with files must hold a database that was made
   * here. Without a folder the database lives in memory.
   */
  readonly dataDir?: string | undefined
}

/**
 * The client. A second client on the same folder fails with {@link DataDirLocked}. The lock goes with the process, even a killed one.
 *
 * A database is made only in a folder that is new or empty. A folder with other files gives `ForeignDataDir`, and a database that isn't whole
 * gives `DamagedDataDir`. The folder stays unchanged in both cases.
 * @category layers
 * @since 0.1.0
 * @example
 * ```ts
 * import { Layer } from "effect"
 * import * as Invalidation from "effect-api-key/sql/Invalidation"
 * import * as Migrations from "effect-api-key/sql/Migrations"
 * import * as Pglite from "effect-api-key/sql/Pglite"
 * import * as SqlRepository from "effect-api-key/sql/SqlRepository"
 *
 * // The application's own tables may be in the same database.
 * const storage = Layer.mergeAll(SqlRepository.layer.pipe(Layer.provide(Migrations.layer())), Invalidation.layerPglite()).pipe(
 *   Layer.provideMerge(Pglite.layer({ dataDir: "data" })),
 * )
 * ```
 */
export const layer = (options: PgliteOptions = {}): Layer.Layer<PgliteClient | SqlClient.SqlClient, PgliteError> =>
  Layer.effectContext(
    Effect.gen(function* () {
      const pglite = yield* open(options)
      // PGlite has one session: a running transaction keeps every other statement out.
      const session = yield* Semaphore.make(1)
      const client = yield* makeClient(pglite, session)
      if (options.dataDir !== undefined) yield* checkRows(resolve(options.dataDir), client)
      return Context.make(PgliteClient, { isDurable: options.dataDir !== undefined, listen: listen(pglite, session) }).pipe(
        Context.add(SqlClient.SqlClient, client),
      )
    }),
  ).pipe(Layer.provide(Reactivity.layer))

/**
 * The repository on a database of its own, migrated.
 * @category layers
 * @since 0.1.0
 * @example
 * ```ts
 * import { Layer } from "effect"
 * import { ApiKeys } from "effect-api-key"
 * import * as Hmac from "effect-api-key/hasher/Hmac"
 * import * as Pglite from "effect-api-key/sql/Pglite"
 *
 * const live = ApiKeys.layer.pipe(Layer.provide([Hmac.layerConfig, Pglite.layerPglite({ dataDir: "keys" })]))
 * ```
 */
export const layerPglite = (
  options: PgliteOptions = {},
): Layer.Layer<ApiKeyRepository, PgliteError | SqlError.SqlError | Migrator.MigrationError | SqlRepository.MissingMigrations> =>
  SqlRepository.layer.pipe(
    // The default name of the table is valid.
    Layer.provide(Layer.effectDiscard(Effect.catchTag(Migrations.migrate(), "InvalidIdentifier", Effect.die))),
    Layer.provide(layer(options)),
  )

const open = Effect.fnUntraced(function* ({ dataDir }: PgliteOptions): Effect.fn.Return<PGlite, PgliteError, Scope.Scope> {
  if (dataDir === undefined) {
    return yield* opened(Effect.tryPromise({ try: () => PGlite.create(), catch: (cause) => new PgliteUnavailable({ cause }) }))
  }
  const folder = resolve(dataDir)
  // The folder is claimed before the lock, whose file would be put into somebody else's folder.
  yield* claim(folder)
  yield* lock(folder)
  const warning = yield* othersMayWrite(folder)
  if (warning !== undefined) yield* Effect.logWarning(warning)
  // Another process may have made the database while holding the lock.
  if ((yield* claim(folder)) === "unfinished") yield* makeDatabase(folder)
  yield* attempt(folder, async () => {
    await rm(draft(folder), { recursive: true, force: true })
    // PGlite, and a restored backup, may have left the folder open to all users.
    if (((await stat(database(folder))).mode & 0o077) !== 0) await chmod(database(folder), 0o700)
  })
  return yield* opened(
    Effect.catch(
      Effect.tryPromise({ try: () => PGlite.create({ dataDir: database(folder) }), catch: (cause) => messageOf(cause) }),
      (message) => Effect.flatMap(explainUnopened(folder, message), Effect.fail),
    ),
  )
})

/** Fails if the table lost rows: without this check it would look as if there had been none. */
const checkRows = (dataDir: string, client: SqlClient.SqlClient): Effect.Effect<void, DamagedDataDir> =>
  readByPrimaryKeys("ends").pipe(
    Effect.provideService(SqlClient.SqlClient, client),
    Effect.mapError(({ message, reason }) => new DamagedDataDir({ dataDir, reason: reason.message || message })),
  )

const opened = <E>(create: Effect.Effect<PGlite, E>): Effect.Effect<PGlite, E, Scope.Scope> =>
  Effect.acquireRelease(create, (pglite) => Effect.promise(() => pglite.close()))

/** Makes the database in a folder of its own, which gets the database's name once it is whole. A broken-off attempt is told by its name. */
const makeDatabase = Effect.fnUntraced(function* (folder: string): Effect.fn.Return<void, DataDirUnusable | PgliteUnavailable> {
  yield* clearDraft(folder)
  yield* Effect.uninterruptible(
    Effect.tryPromise({
      try: async () => (await PGlite.create({ dataDir: draft(folder) })).close(),
      catch: (cause) => new PgliteUnavailable({ cause }),
    }),
  )
  yield* attempt(folder, async () => {
    await rename(draft(folder), database(folder))
    await syncFolder(folder)
  })
})

/** PGlite has no lock. An exclusive transaction of SQLite is one, which the operating system releases with the process. */
const lock = (dataDir: string): Effect.Effect<void, DataDirLocked | DataDirUnusable, Scope.Scope> =>
  Effect.gen(function* () {
    // The file is made here, as SQLite would make the file readable for all users. Any user could then lock the database.
    yield* attempt(dataDir, async () => (await openFile(lockFile(dataDir), "a", 0o600)).close())
    yield* Effect.acquireRelease(
      Effect.try({
        try: () => {
          const database = new DatabaseSync(lockFile(dataDir))
          try {
            database.exec("BEGIN EXCLUSIVE")
          } catch (cause) {
            database.close()
            throw cause
          }
          return database
        },
        catch: (cause) =>
          cause instanceof Error && /locked|busy/.test(cause.message)
            ? new DataDirLocked({ dataDir })
            : new DataDirUnusable({ dataDir, reason: `lock.sqlite: ${messageOf(cause)}` }),
      }),
      (database) => Effect.sync(() => database.close()),
    )
  })

const messageOf = (cause: unknown): string => (cause instanceof Error ? cause.message : String(cause))

// PGlite's own `listen` fails for a channel with quotes in its name.
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

const makeClient = Effect.fnUntraced(function* (pglite: PGlite, session: Semaphore.Semaphore) {
  const run = (query: string, params: ReadonlyArray<unknown>, rowMode: "object" | "array") =>
    // A query can't be stopped. The statements after an interruption must find it done.
    Effect.uninterruptible(
      Effect.tryPromise({ try: () => pglite.query(query, [...params], { rowMode }), catch: (cause) => toSqlError(cause, "execute") }),
    )
  type Transform = (<A extends object>(rows: ReadonlyArray<A>) => ReadonlyArray<A>) | undefined
  const objects = (query: string, params: ReadonlyArray<unknown>, transform: Transform) =>
    Effect.map(run(query, params, "object"), ({ rows }) =>
      // The cast holds: in this mode PGlite's rows are objects.
      transform === undefined ? rows : transform(rows as ReadonlyArray<object>),
    )
  const values = (query: string, params: ReadonlyArray<unknown>) =>
    // The cast holds: in this mode PGlite's rows are arrays.
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
 * The error for a SQLSTATE (https://www.postgresql.org/docs/current/errcodes-appendix.html).
 *
 * PGlite's error holds the statement's parameters and the row's values. The message and code of the error alone are passed on.
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
