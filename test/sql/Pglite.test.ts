import { spawn } from "node:child_process"
import { once } from "node:events"
import { mkdtemp, rm, stat } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { inspect } from "node:util"
import { fileURLToPath } from "node:url"
import { assert, describe, layer as describeWith, it } from "@effect/vitest"
import { Effect, Exit, Fiber, Latch, Layer, Option, Queue } from "effect"
import { SqlClient, SqlError } from "effect/sql"
import { ApiKeyRepository } from "../../src/ApiKeyRepository.ts"
import * as Migrations from "../../src/sql/Migrations.ts"
import * as Pglite from "../../src/sql/Pglite.ts"
import * as SqlRepository from "../../src/sql/SqlRepository.ts"
import { makeStoredApiKey, repositoryContract } from "../../src/testing.ts"

const temporaryFolder = Effect.acquireRelease(
  Effect.promise(() => mkdtemp(join(tmpdir(), "effect-api-key-"))),
  (folder) => Effect.promise(() => rm(folder, { recursive: true, force: true })),
)

repositoryContract("PGlite in memory", Pglite.layerPglite())

repositoryContract(
  "PGlite on a folder",
  Layer.unwrap(Effect.map(temporaryFolder, (folder) => Pglite.layerPglite({ dataDir: join(folder, "a", "b") }))),
)

describeWith(SqlRepository.layer.pipe(Layer.provideMerge(Migrations.layer()), Layer.provideMerge(Pglite.layer())))("PGlite", (it) => {
  it.effect("gives dates, JSON and arrays as JavaScript has them", () =>
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient
      const date = new Date("2026-01-02T03:04:05.678Z")
      const rows =
        yield* sql`SELECT ${date}::timestamptz(3) AS at, ${'{"a":[1]}'}::text::jsonb AS json, ${["a", 'b"{,}\\']}::text[] AS list`
      assert.deepStrictEqual(rows, [{ at: date, json: { a: [1] }, list: ["a", 'b"{,}\\'] }])
      assert.deepStrictEqual(yield* sql`SELECT 1 AS one, 2 AS two`.values, [[1, 2]])
    }),
  )

  it.effect("tells failures apart, without the statement's values", () =>
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient
      yield* sql`CREATE TABLE failing (id int PRIMARY KEY, name text CHECK (name <> 'a-secret'))`
      yield* sql`INSERT INTO failing VALUES (1, 'a')`
      const reasonOf = (statement: Effect.Effect<unknown, SqlError.SqlError>) =>
        Effect.gen(function* () {
          const error = yield* Effect.flip(statement)
          assert.notInclude(inspect(error, { depth: 20, showHidden: true }), "a-secret")
          return error.reason
        })
      const duplicate = yield* reasonOf(sql`INSERT INTO failing VALUES (1, ${"a-secret+"})`)
      assert.deepStrictEqual([duplicate._tag, "constraint" in duplicate && duplicate.constraint], ["UniqueViolation", "failing_pkey"])
      assert.strictEqual((yield* reasonOf(sql`INSERT INTO failing VALUES (2, ${"a-secret"})`))._tag, "ConstraintError")
      assert.strictEqual((yield* reasonOf(sql`SELECT nothing FROM nowhere WHERE ${"a-secret"}::text = ''`))._tag, "SqlSyntaxError")
    }),
  )

  it.effect("keeps other statements out of a transaction, and rolls back what fails", () =>
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient
      const repository = yield* ApiKeyRepository
      const lost = makeStoredApiKey()
      const kept = makeStoredApiKey()
      const transaction = sql.withTransaction(
        Effect.gen(function* () {
          yield* repository.insert(lost)
          yield* Effect.yieldNow
          yield* sql.withTransaction(repository.insert(makeStoredApiKey({ keyId: lost.apiKey.keyId }))).pipe(Effect.ignore)
          assert.isTrue(Option.isSome(yield* repository.findById(lost.apiKey.id)))
          return yield* Effect.fail("no")
        }),
      )
      const exits = yield* Effect.all([Effect.exit(transaction), Effect.exit(repository.insert(kept))], { concurrency: "unbounded" })
      assert.deepStrictEqual(
        exits.map((exit) => Exit.isSuccess(exit)),
        [false, true],
      )
      assert.isTrue(Option.isNone(yield* repository.findById(lost.apiKey.id)))
      assert.isTrue(Option.isSome(yield* repository.findById(kept.apiKey.id)))
    }),
  )

  it.effect("gives what a transaction sees to nobody else who looks it up meanwhile", () =>
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient
      const repository = yield* ApiKeyRepository
      const key = makeStoredApiKey()
      const lookUp = repository.findByKeyId(key.apiKey.keyId)
      const mayLookUp = yield* Latch.make(false)
      const others = yield* Effect.forEach([1, 2, 3], () => Effect.forkChild(Effect.andThen(mayLookUp.await, lookUp)))
      yield* Effect.flip(
        sql.withTransaction(
          Effect.gen(function* () {
            yield* repository.insert(key)
            yield* mayLookUp.open
            yield* Effect.yieldNow
            const [first, second] = yield* Effect.all([lookUp, lookUp], { concurrency: "unbounded" })
            assert.isTrue(Option.isSome(first) && Option.isSome(second))
            return yield* Effect.fail("no")
          }),
        ),
      )
      for (const other of others) assert.isTrue(Option.isNone(yield* Fiber.join(other)))
    }),
  )

  it.effect("says so when a transaction that has failed can't be committed", () =>
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient
      const failed = yield* Effect.exit(sql.withTransaction(Effect.ignore(sql`SELECT nothing`)))
      assert.isTrue(Exit.isFailure(failed))
      assert.strictEqual((yield* sql`SELECT 1`).length, 1)
    }),
  )

  it.effect("is free again after a transaction is interrupted", () =>
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient
      const fiber = yield* Effect.forkChild(sql.withTransaction(Effect.andThen(sql`CREATE TABLE interrupted (id int)`, Effect.never)))
      yield* Effect.yieldNow
      yield* Fiber.interrupt(fiber)
      assert.deepStrictEqual(yield* sql`SELECT to_regclass('interrupted') IS NULL AS gone`, [{ gone: true }])
    }),
  )

  it.effect("hears notifications until the scope closes", () =>
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient
      const { listen } = yield* Pglite.PgliteClient
      yield* Effect.scoped(
        Effect.gen(function* () {
          const heard = yield* listen('Some "channel"')
          yield* sql`SELECT pg_notify(${'Some "channel"'}, ${"hello"})`
          assert.deepStrictEqual(yield* Queue.take(heard), { channel: 'Some "channel"', payload: "hello" })
        }),
      )
      assert.deepStrictEqual(yield* sql`SELECT * FROM pg_listening_channels()`, [])
    }),
  )
})

describe("PGlite on a folder", () => {
  it.effect("keeps keys from one run to the next, in a folder that is the user's alone", () =>
    Effect.gen(function* () {
      const dataDir = join(yield* temporaryFolder, "data")
      const open = Layer.fresh(Pglite.layerPglite({ dataDir }))
      const key = makeStoredApiKey()
      yield* Effect.provide(
        ApiKeyRepository.use((repository) => repository.insert(key)),
        open,
        { local: true },
      )
      const found = yield* Effect.provide(
        ApiKeyRepository.use((repository) => repository.findById(key.apiKey.id)),
        open,
        { local: true },
      )
      assert.isTrue(Option.isSome(found))
      assert.strictEqual((yield* Effect.promise(() => stat(dataDir))).mode & 0o777, 0o700)
    }),
  )

  it.effect("refuses a folder in use, by this process or another, until that one is gone, even killed", () =>
    Effect.gen(function* () {
      const dataDir = join(yield* temporaryFolder, "data")
      const open = Layer.fresh(Pglite.layerPglite({ dataDir }))
      const count = Effect.provide(
        ApiKeyRepository.use((repository) => repository.count({ name: "from another process" })),
        open,
        { local: true },
      )
      const refused = Effect.map(Effect.flip(count), (error) => assert.deepInclude(error, { _tag: "DataDirLocked", dataDir }))

      const child = yield* Effect.acquireRelease(
        Effect.sync(() =>
          spawn(process.execPath, [fileURLToPath(new URL("holdPglite.ts", import.meta.url)), dataDir, "from another process"], {
            stdio: ["ignore", "pipe", "inherit"],
          }),
        ),
        (running) => Effect.sync(() => running.kill("SIGKILL")),
      )
      yield* Effect.promise(() => once(child.stdout, "data"))
      yield* refused
      const exited = once(child, "exit")
      child.kill("SIGKILL")
      yield* Effect.promise(() => exited)
      assert.strictEqual(yield* count, 1)
      yield* Effect.provide(refused, open, { local: true })
      assert.strictEqual(yield* count, 1)
    }),
  )

  it.effect("fails with a typed error where no folder can be", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(Effect.scoped(Layer.build(Pglite.layer({ dataDir: "/dev/null/data" }))))
      assert.strictEqual(error._tag, "DataDirUnusable")
    }),
  )
})
