/** Imports into PostgreSQL and PGlite, and out of them. */
import { spawn } from "node:child_process"
import { once } from "node:events"
import { inspect } from "node:util"
import { fileURLToPath } from "node:url"
import * as PgClient from "@effect/sql-pg/PgClient"
import { assert, describe, layer as describeWith, it } from "@effect/vitest"
import { Deferred, Effect, Exit, Fiber, Layer, Redacted, Stream, Tracer } from "effect"
import { SqlClient } from "effect/sql"
import { ApiKeyRepository } from "../../src/ApiKeyRepository.ts"
import * as ApiKeys from "../../src/ApiKeys.ts"
import { encodeLine, fromNdjson, type ImportOptions } from "../../src/ApiKeyTransfer.ts"
import * as Sha256 from "../../src/legacy/Sha256.ts"
import * as Migrations from "../../src/sql/Migrations.ts"
import * as Pglite from "../../src/sql/Pglite.ts"
import * as SqlRepository from "../../src/sql/SqlRepository.ts"
import { makeStoredApiKey } from "../../src/testing.ts"
import { layerPostgres, startPostgres } from "../support/postgres.ts"
import { tracerInto } from "../support/spans.ts"
import { layerHasher, progressOf, refusedOf, roundTrips } from "../support/transfer.ts"
import { linesOf } from "./importLines.ts"

const layerOn = <E>(client: Layer.Layer<SqlClient.SqlClient, E>) =>
  ApiKeys.layerWith({}).pipe(
    Layer.provide(layerHasher),
    Layer.provideMerge(SqlRepository.layer),
    Layer.provideMerge(Migrations.layer()),
    Layer.provideMerge(client),
  )

roundTrips("PGlite", layerOn(Pglite.layer()), 25)
roundTrips("PostgreSQL", layerOn(layerPostgres()), 25)

const importing = (lines: Iterable<string>, options?: ImportOptions) =>
  ApiKeys.ApiKeys.use((apiKeys) =>
    Stream.runCollect(apiKeys.import(fromNdjson(Stream.fromIterable(lines)), { unknownHashes: "accept", ...options })),
  )
const count = ApiKeyRepository.use((repository) => repository.count({}))

describeWith(layerOn(layerPostgres()))("ApiKeys.import into PostgreSQL", (it) => {
  it.effect("keeps a row that PostgreSQL can't store from failing its batch", () =>
    Effect.gen(function* () {
      const before = yield* count
      const broken = JSON.stringify("a\0")
      const row = (fields: Record<string, string>) => {
        const line = encodeLine(makeStoredApiKey())
        return Object.entries(fields).reduce(
          (text, [field, value]) => text.replace(new RegExp(`"${field}":[^,}]+`), `"${field}":${value}`),
          line,
        )
      }
      const lines = [
        row({ prefix: broken }),
        row({ hint: '"\\ud800"' }),
        row({ hash: broken }),
        row({ name: broken }),
        row({ description: broken }),
        row({ ownerId: broken }),
        row({ metadata: `{"a":${broken}` }),
        row({ metadata: `{"a":1e999` }),
        row({ keyId: `"${"k".repeat(129)}"` }),
        row({ createdAt: '"9999-12-31T23:59:59.9999Z"' }),
        row({ version: "2147483648" }),
        row({ metadata: `{"a":1e308` }),
      ]
      const events = yield* importing(lines)
      assert.deepStrictEqual(
        refusedOf(events).map(({ row }) => row),
        [1, 2, 3, 4, 5, 6, 7, 8, 9, 11],
      )
      assert.strictEqual((yield* count) - before, 2)
    }),
  )

  it.effect("foresees in a dry run what it does, and writes nothing", () =>
    Effect.gen(function* () {
      const before = yield* count
      const lines = [...linesOf(0, 60), "{\n", ...linesOf(40, 80), encodeLine(makeStoredApiKey({ keyId: keyIdOf(3) }))]
      const dry = yield* importing(lines, { batchSize: 25, dryRun: true })
      assert.deepStrictEqual(progressOf(dry), { read: 102, inserted: 80, present: 20, refused: 2 })
      assert.strictEqual(yield* count, before)
      assert.deepStrictEqual(yield* importing(lines, { batchSize: 25 }), dry)
      assert.strictEqual((yield* count) - before, 80)
    }),
  )

  it.effect("refuses rows of other systems with a token that is there, whatever their batch, and says so before", () =>
    Effect.gen(function* () {
      const from = Sha256.make()
      const row = (id: number, user_id: string, revoked_at: string | null) =>
        JSON.stringify({ id, user_id, key_hash: "d".repeat(64), created_at: "2024-01-01", expires_at: null, revoked_at })
      const lines = [
        `${row(1, "ada", "2024-02-01")}\n`,
        `${row(2, "ada", null)}\n`,
        `${row(3, "bob", null)}\n`,
        `${row(1, "ada", "2024-02-01")}\n`,
      ]
      for (const batchSize of [1, 1_000]) {
        const dry = yield* importing(lines, { from, batchSize, dryRun: true })
        const events = yield* importing(lines, { from, batchSize, dryRun: false })
        const refused = refusedOf(events)
        assert.deepStrictEqual(
          refused.map(({ row, field }) => [row, field]),
          [
            [2, "hash"],
            [3, "hash"],
          ],
        )
        for (const { reason } of refused)
          assert.match(reason, /^Row 1 \(the API key .+ has the token of this row, which would be the API key /)
        assert.deepStrictEqual(refusedOf(dry), refused)
        const repository = yield* ApiKeyRepository
        const [only, ...more] = yield* Stream.runCollect(repository.stream({ ownerId: "ada" }, { by: "createdAt", order: "asc" }))
        assert.deepStrictEqual([only?.isActive, more], [false, []])
        assert.deepInclude(progressOf(events), batchSize === 1 ? { inserted: 1, present: 1 } : { inserted: 0, present: 2 })
      }
    }),
  )

  it.effect("writes a batch by one statement, and looks at what was there already by another", () =>
    Effect.gen(function* () {
      const spans: Array<Tracer.NativeSpan> = []
      const countStatements = () => spans.filter(({ kind }) => kind === "client").length
      const lines = linesOf(200, 230)
      const counting = Effect.provideService(importing(lines, { batchSize: 10 }), Tracer.Tracer, tracerInto(spans))
      assert.strictEqual(progressOf(yield* counting).inserted, 30)
      assert.strictEqual(countStatements(), 3)
      const repository = yield* ApiKeyRepository
      let looks = 0
      const observed = {
        ...repository,
        findTaken: (...args: Parameters<typeof repository.findTaken>) => Effect.suspend(() => (looks++, repository.findTaken(...args))),
      }
      const again = ApiKeys.layerWith({}).pipe(Layer.provide([layerHasher, Layer.succeed(ApiKeyRepository, observed)]), Layer.fresh)
      assert.strictEqual(progressOf(yield* Effect.provide(counting, again)).present, 30)
      assert.deepStrictEqual([countStatements(), looks], [6, 3])
    }),
  )

  it.effect("belongs to the transaction of whoever asks for it, who lets the keys in when it ends", () =>
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient
      const apiKeys = yield* ApiKeys.ApiKeys
      const before = yield* count
      const { apiKey, token } = yield* apiKeys.create({ name: "to be moved" })
      const [line = ""] = yield* Stream.runCollect(apiKeys.export({ hashes: true, filter: { keyId: apiKey.keyId } }))
      yield* apiKeys.delete(apiKey.id)
      assert.strictEqual((yield* Effect.flip(apiKeys.verify(token)))._tag, "NotFound")
      const exit = yield* Effect.exit(sql.withTransaction(Effect.andThen(importing([line]), Effect.fail("no"))))
      assert.isTrue(Exit.isFailure(exit))
      assert.strictEqual(yield* count, before)
      assert.strictEqual((yield* Effect.flip(apiKeys.verify(token)))._tag, "NotFound")
      // Who asks from outside before it ends is told that there is no such key, and that is remembered.
      const imported = yield* Deferred.make<void>()
      const asked = yield* Deferred.make<void>()
      const transaction = yield* Effect.forkChild(
        sql.withTransaction(
          Effect.andThen(importing([line]), Effect.andThen(Deferred.succeed(imported, undefined), Deferred.await(asked))),
        ),
      )
      yield* Deferred.await(imported)
      assert.strictEqual((yield* Effect.flip(apiKeys.verify(token)))._tag, "NotFound")
      yield* Deferred.succeed(asked, undefined)
      yield* Fiber.join(transaction)
      assert.deepStrictEqual((yield* apiKeys.verify(token)).apiKey.id, apiKey.id)
    }),
  )

  it.effect("leaves no hash in spans, nor does an export", () =>
    Effect.gen(function* () {
      const spans: Array<Tracer.NativeSpan> = []
      const line = encodeLine(makeStoredApiKey({ hash: "$topsecret", ownerId: "traced" }))
      const { events, lines } = yield* Effect.gen(function* () {
        const events = yield* importing([line, line])
        const apiKeys = yield* ApiKeys.ApiKeys
        return { events, lines: yield* Stream.runCollect(apiKeys.export({ hashes: true, filter: { ownerId: "traced" } })) }
      }).pipe(Effect.provideService(Tracer.Tracer, tracerInto(spans)))
      assert.deepStrictEqual(lines, [line])
      assert.isAbove(spans.length, 2)
      // The service that runs has records of its own.
      const told = spans.map(({ name, attributes, status, events }) => ({ name, attributes, status, events }))
      assert.notInclude(inspect([events, told], { depth: 12, showHidden: true }), "topsecret")
    }),
  )
})

const keyIdOf = (index: number) => JSON.parse(linesOf(index, index + 1)[0] ?? "").apiKey.keyId

describe("an import whose process is killed", () => {
  it.live("leaves each row exactly once when it has been run again", () =>
    Effect.gen(function* () {
      const url = yield* startPostgres()
      const rows = 20_000
      const program = fileURLToPath(new URL("importLines.ts", import.meta.url))
      /** Imports in a process of its own, which is killed once it has come so far, and gives how far it said that it had come. */
      const importUntil = (killed: number) =>
        Effect.promise(async () => {
          const child = spawn(process.execPath, [program, Redacted.value(url), String(rows)], { stdio: ["ignore", "pipe", "inherit"] })
          let read = 0
          let output = ""
          child.stdout.on("data", (data) => {
            output += String(data)
            read = Number(output.trimEnd().split("\n").at(-1))
            if (read >= killed) child.kill("SIGKILL")
          })
          const [, signal] = await once(child, "exit")
          return { read, signal }
        })

      const database = PgClient.layer({ url })
      const total = Effect.map(
        SqlClient.SqlClient.use(
          (sql) => sql<{ keys: number; ids: number }>`SELECT count(*)::int4 AS keys, count(DISTINCT key_id)::int4 AS ids FROM api_keys`,
        ),
        ([row]) => row,
      )
      yield* Effect.gen(function* () {
        yield* Migrations.migrate()
        for (const killed of [1, 6_000, 12_500]) {
          const { read, signal } = yield* importUntil(killed)
          assert.strictEqual(signal, "SIGKILL")
          assert.isAtLeast(read, killed)
          const found = yield* total
          assert.isAtLeast(found?.keys ?? 0, read)
          assert.isBelow(found?.keys ?? 0, rows)
        }
        assert.deepStrictEqual(yield* importUntil(Number.POSITIVE_INFINITY), { read: rows, signal: null })
        assert.deepStrictEqual(yield* total, { keys: rows, ids: rows })
      }).pipe(Effect.provide(database))
    }).pipe(Effect.scoped),
  )
})
