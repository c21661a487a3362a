import { createHash } from "node:crypto"
import { assert, describe, it } from "@effect/vitest"
import { Arbitrary, Cause, Context, Effect, Exit, Layer, Redacted, Result, Schema, Stream } from "effect"
import { ApiKey, StoredApiKey } from "../../src/ApiKey.ts"
import { InvalidInput } from "../../src/ApiKeyError.ts"
import { layerEphemeral } from "../../src/ApiKeyHasher.ts"
import * as Repository from "../../src/ApiKeyRepository.ts"
import * as ApiKeys from "../../src/ApiKeys.ts"
import * as ApiKeyTransfer from "../../src/ApiKeyTransfer.ts"
import * as BetterAuth from "../../src/legacy/BetterAuth.ts"
import * as FastapiApiKey from "../../src/legacy/FastapiApiKey.ts"
import * as Keypal from "../../src/legacy/Keypal.ts"
import * as PrefixedApiKey from "../../src/legacy/PrefixedApiKey.ts"
import * as Sha256 from "../../src/legacy/Sha256.ts"
import * as Unkey from "../../src/legacy/Unkey.ts"
import type { LegacyTokens } from "../../src/LegacyTokens.ts"
import { makeStoredApiKey } from "../../src/testing.ts"
import fastapi from "../legacy/fixtures/fastapi.json" with { type: "json" }
import { progressOf, refusedOf } from "../support/transfer.ts"
import { encodeLine, fromCsv, fromJson, fromNdjson, run, importing, rowOf } from "./support.ts"

const linesOf = (count: number) => Array.from({ length: count }, (_, index) => encodeLine(makeStoredApiKey({ hash: `h${index}` })))

describe("ApiKeys.import", () => {
  it.effect("leaves what is there as it is, and may be run again", () =>
    run(
      Effect.gen(function* () {
        const apiKeys = yield* ApiKeys.ApiKeys
        const lines = linesOf(25)
        const [first] = yield* importing(lines.slice(0, 5))
        assert.deepStrictEqual(first, { _tag: "Progress", read: 5, inserted: 5, present: 0, refused: 0 })
        const { id } = rowOf(lines[0]!).apiKey
        yield* apiKeys.update(id, { name: "changed here" })
        const events = yield* importing(lines, { batchSize: 10 })
        assert.deepStrictEqual(events, [
          { _tag: "Progress", read: 10, inserted: 5, present: 5, refused: 0 },
          { _tag: "Progress", read: 20, inserted: 15, present: 5, refused: 0 },
          { _tag: "Progress", read: 25, inserted: 20, present: 5, refused: 0 },
        ])
        assert.strictEqual((yield* apiKeys.get(id)).name, "changed here")
        assert.deepStrictEqual(progressOf(yield* importing(lines)), { read: 25, inserted: 0, present: 25, refused: 0 })
        assert.strictEqual(yield* apiKeys.count(), 25)
        assert.deepStrictEqual(yield* importing([]), [{ _tag: "Progress", read: 0, inserted: 0, present: 0, refused: 0 }])
      }),
    ),
  )

  it.effect("takes no key for another one that has its id", () =>
    run(
      Effect.gen(function* () {
        const apiKeys = yield* ApiKeys.ApiKeys
        const there = makeStoredApiKey()
        const other = makeStoredApiKey({ id: there.apiKey.id })
        const lines = [encodeLine(there), encodeLine(other), encodeLine(there)]
        const expected = { read: 3, inserted: 1, present: 1, refused: 1 }
        for (const batchSize of [1, 10]) {
          const dry = yield* importing(lines, { batchSize, dryRun: true })
          assert.deepStrictEqual(progressOf(dry), expected)
          const ids = `has this id and another key id, ${there.apiKey.keyId}, where this row has ${other.apiKey.keyId}`
          assert.deepStrictEqual(refusedOf(dry), [{ row: 2, field: "id", reason: `Row 1 (the API key ${there.apiKey.id}) ${ids}` }])
        }
        assert.deepStrictEqual(progressOf(yield* importing(lines)), expected)
        // Once it was rotated here, nobody can tell any more by which key id it came.
        yield* apiKeys.rotate(there.apiKey.id, { grace: 0 })
        yield* apiKeys.rotate(there.apiKey.id, { grace: 0 })
        assert.deepStrictEqual(progressOf(yield* importing([encodeLine(there)])), { read: 1, inserted: 0, present: 1, refused: 0 })
      }),
    ),
  )

  it.effect("knows a key of another system by its hash, whatever its id has become", () => {
    const legacy = Sha256.make()
    const forerunner = FastapiApiKey.make({ pepper: Redacted.make("p") })
    const row = (id: number, hash: string, created_at: string) => ({
      id,
      hash: hash.repeat(64),
      created_at,
      expires_at: null,
      active: true,
    })
    const counts = (rows: ReadonlyArray<object>, from: LegacyTokens, dryRun = false) =>
      ApiKeys.ApiKeys.use((apiKeys) =>
        Effect.map(Stream.runCollect(apiKeys.import(Stream.fromIterable(rows), { from, dryRun })), (events) => {
          const { inserted, present, refused } = progressOf(events)
          return [inserted, present, refused, ...refusedOf(events).map(({ field }) => field)]
        }),
      )
    return run(
      Effect.gen(function* () {
        // A driver's time zone has moved the time, of which the id is made.
        const moved = [row(1, "a", "2024-01-01T00:00:00Z"), row(1, "a", "2024-01-01T01:00:00Z")]
        assert.deepStrictEqual(yield* counts(moved, legacy, true), [1, 1, 0])
        assert.deepStrictEqual(yield* counts(moved, legacy), [1, 1, 0])
        // Of two tables with one name, neither with a time.
        const tables = [row(7, "b", ""), row(7, "c", "")]
        assert.deepStrictEqual(yield* counts(tables, legacy, true), [1, 0, 1, "id"])
        assert.deepStrictEqual(yield* counts(tables, legacy), [1, 0, 1, "id"])
        // Where the key id isn't made of the hash, the hash itself tells.
        const [first, second] = [fastapi[0]!.row, fastapi[2]!.row]
        const shifted = { ...first, created_at: "2020-01-01" }
        const rival = { ...second, key_id: first.key_id }
        for (const dryRun of [true, false])
          assert.deepStrictEqual(yield* counts([first, shifted, rival], forerunner, dryRun), [1, 1, 1, "keyId"])
      }),
    )
  })

  describe("of several rows with one token", () => {
    const hash = createHash("sha256").update("one token").digest()
    const hex = hash.toString("hex")
    const base = { expires_at: null, created_at: "2024-01-01" }
    const revoked = { ...base, id: 1, key_hash: hex, user_id: "ada", revoked_at: "2024-02-01" }
    const active = { ...base, id: 2, key_hash: hex, user_id: "ada", revoked_at: null }
    const others = { ...base, id: 3, key_hash: hex, user_id: "bob", revoked_at: null }
    const unkeyed = { hash: hash.toString("base64"), enabled: true, expires: null, deleted_at_m: null, created_at_m: 1 }
    const authed = { key: hash.toString("base64url"), enabled: true, expiresAt: null, createdAt: "2024-01-01" }
    const kept = { keyHash: hex, enabled: true, expiresAt: null, revokedAt: null }
    const filler = Array.from({ length: 7 }, (_, index) => ({ ...active, id: 100 + index, key_hash: `${index}`.padStart(64, "0") }))
    const withoutId = ({ id: _id, ...row }: typeof active | typeof revoked) => row

    const importRows = (rows: ReadonlyArray<object>, from: LegacyTokens, options: ApiKeyTransfer.ImportOptions = {}) =>
      ApiKeys.ApiKeys.use((apiKeys) => Stream.runCollect(apiKeys.import(Stream.fromIterable(rows), { from, ...options })))

    it.effect("keeps the first and refuses the others, naming both, in one batch, in several, and in a dry run", () =>
      Effect.gen(function* () {
        const csv = (rows: ReadonlyArray<object>) =>
          [Object.keys(rows[0]!), ...rows.map((row) => Object.values(row).map((cell) => cell ?? ""))]
            .map((cells) => cells.join(","))
            .join("\n")
        const cases: ReadonlyArray<readonly [LegacyTokens, ReadonlyArray<object>]> = [
          [Sha256.make(), [revoked, ...filler, active, others]],
          // Nothing but what they say tells them apart.
          [Sha256.make(), [revoked, active, others].map(withoutId)],
          // One id, as a join of two tables makes rows of one.
          [Sha256.make(), [active, { ...active, user_id: "bob" }, { ...active, user_id: "eve" }]],
          [Unkey.make(), ["key_1", "key_2", "key_3"].map((id) => ({ ...unkeyed, id }))],
          [BetterAuth.make(), ["a", "b", "c"].map((id) => ({ ...authed, id }))],
          [Keypal.make(), ["a", "b", "c"].map((id) => ({ ...kept, id }))],
          [
            PrefixedApiKey.make({ prefix: "p" }),
            ["1", "2", "3"].map((id) => ({ ...base, id, short_token: "s", long_token_hash: hex, revoked_at: null })),
          ],
        ]
        for (const [from, rows] of cases) {
          const [second, third] = [rows.length - 1, rows.length]
          for (const batchSize of [1, 2, 1_000]) {
            for (const way of ["rows", "csv", "array", "lines"] as const) {
              yield* run(
                Effect.gen(function* () {
                  const apiKeys = yield* ApiKeys.ApiKeys
                  const stream = {
                    rows: Stream.fromIterable<unknown>(rows),
                    csv: fromCsv(Stream.make(csv(rows))),
                    array: fromJson(Stream.make(JSON.stringify(rows))),
                    lines: fromJson(Stream.make(rows.map((row) => JSON.stringify(row)).join("\n"))),
                  }[way]
                  for (const dryRun of [true, false]) {
                    const events = yield* Stream.runCollect(apiKeys.import(stream, { from, batchSize, dryRun }))
                    assert.deepInclude(progressOf(events), { inserted: rows.length - 2, present: 0, refused: 2 }, `${from.name} ${way}`)
                    const refused = refusedOf(events)
                    assert.deepStrictEqual(
                      refused.map(({ row }) => row),
                      [second, third],
                    )
                    for (const { reason } of refused) {
                      assert.match(
                        reason,
                        /^Row 1 (?:\(the API key [-0-9a-f]{36}\) has the token of this row, which would be the API key [-0-9a-f]{36}|is of the same API key \([-0-9a-f]{36}\))/,
                      )
                      assert.notInclude(reason, hex.slice(0, 8))
                    }
                  }
                }),
              )
            }
          }
        }
      }),
    )

    it.effect("keeps the one that is in the store, and names it", () =>
      run(
        Effect.gen(function* () {
          const apiKeys = yield* ApiKeys.ApiKeys
          const from = Sha256.make()
          yield* importRows([revoked], from)
          const [there] = yield* Stream.runCollect(apiKeys.stream())
          for (const dryRun of [true, false]) {
            const events = yield* importRows([active, others], from, { dryRun })
            assert.deepStrictEqual(
              refusedOf(events).map(({ row, field }) => [row, field]),
              [
                [1, "hash"],
                [2, "hash"],
              ],
            )
            for (const { reason } of refusedOf(events)) assert.include(reason, `The API key ${there?.id} has the token of this row`)
          }
          // The very same key is there, whatever has become of it, and in whatever time zone it is read.
          yield* apiKeys.activate(there!.id)
          for (const again of [revoked, { ...revoked, revoked_at: null }, { ...revoked, created_at: "2024-01-01T02:00:00" }]) {
            assert.deepStrictEqual(progressOf(yield* importRows([again], from)), { read: 1, inserted: 0, present: 1, refused: 0 })
          }
          assert.deepStrictEqual(progressOf(yield* importRows([revoked, revoked], from)), { read: 2, inserted: 0, present: 2, refused: 0 })
        }),
      ),
    )

    it.effect("refuses lines of ours too that say something else of one key", () =>
      run(
        Effect.gen(function* () {
          const key = makeStoredApiKey()
          const restricted = new StoredApiKey({ ...key, apiKey: new ApiKey({ ...key.apiKey, policies: { quota: 1 } }) })
          assert.deepStrictEqual(progressOf(yield* importing([encodeLine(makeStoredApiKey()), encodeLine(restricted), encodeLine(key)])), {
            read: 3,
            inserted: 2,
            present: 0,
            refused: 1,
          })
          yield* (yield* ApiKeys.ApiKeys).delete(key.apiKey.id)
          const other = new StoredApiKey({ ...key, apiKey: new ApiKey({ ...key.apiKey, isActive: false }) })
          const events = yield* importing([encodeLine(key), encodeLine(other), encodeLine(key)])
          assert.deepStrictEqual(progressOf(events), { read: 3, inserted: 1, present: 1, refused: 1 })
          assert.deepStrictEqual(refusedOf(events), [
            { row: 2, field: "row", reason: `Row 1 is of the same API key (${key.apiKey.id}), and says something else of it` },
          ])
        }),
      ),
    )
  })

  it.effect("refuses lines with a hash that nobody could check, unless asked for them", () =>
    run(
      Effect.gen(function* () {
        const own = encodeLine(makeStoredApiKey({ hash: `$hmac-sha256$${"A".repeat(43)}` }))
        const lines = [
          encodeLine(makeStoredApiKey({ hash: "garbage" })),
          encodeLine(makeStoredApiKey({ hash: "$legacy-fastapi$2b$31$x" })),
          encodeLine(makeStoredApiKey({ hash: "$legacy-sha256$x" })),
          own,
        ]
        const events = yield* importing(lines, { unknownHashes: "refuse" })
        const reason = "No hasher and no adapter can check it"
        assert.deepStrictEqual(refusedOf(events), [
          { row: 1, field: "hash", reason },
          { row: 2, field: "hash", reason },
        ])
        assert.deepStrictEqual(progressOf(yield* importing(lines)), { read: 4, inserted: 2, present: 2, refused: 0 })
      }),
      { legacy: [Sha256.make()] },
    ),
  )

  it.effect("tells of each row that it refuses, and goes on", () =>
    run(
      Effect.gen(function* () {
        const good = linesOf(4)
        const { id, keyId } = rowOf(good[0]!).apiKey
        const rival = encodeLine(makeStoredApiKey({ keyId, hash: "$rival" }))
        const rows = [
          good[0]!,
          '{"hash":"$x',
          rival,
          good[1]!,
          encodeLine(makeStoredApiKey().apiKey),
          good[2]!,
          good[0]!,
          "[]",
          good[3]!,
        ].join("\n")
        const expected = [
          { row: 2, field: "row", reason: "It isn't JSON" },
          {
            row: 3,
            field: "keyId",
            reason: `Row 1 (the API key ${id}) has the key id of this row (${keyId}), for its current token or the one before`,
          },
          // Each line has its end, and the empty one after it is none.
          { row: 5, field: "hash", reason: "It was exported without its hash" },
          { row: 8, field: "row", reason: "It isn't an object" },
        ]
        for (const batchSize of [1, 2, 100]) {
          const dry = yield* importing([rows], { batchSize, dryRun: true })
          assert.deepStrictEqual(refusedOf(dry), expected)
          assert.deepStrictEqual(progressOf(dry), { read: 9, inserted: 4, present: 1, refused: 4 })
          assert.strictEqual(yield* ApiKeys.ApiKeys.use((apiKeys) => apiKeys.count()), 0)
        }
        const events = yield* importing([rows], { batchSize: 2 })
        assert.deepStrictEqual(refusedOf(events), expected)
        assert.deepStrictEqual(progressOf(events), { read: 9, inserted: 4, present: 1, refused: 4 })
        assert.strictEqual(yield* ApiKeys.ApiKeys.use((apiKeys) => apiKeys.count()), 4)
      }),
    ),
  )

  it.effect.prop(
    "foresees in a dry run what it does, repetitions and rivals included",
    {
      picks: Arbitrary.array(Arbitrary.schema(Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 11 }))), { maxLength: 40 }),
      batchSize: Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 7 })),
    },
    ({ picks, batchSize }) =>
      run(
        Effect.gen(function* () {
          const keys = Array.from({ length: 4 }, () => makeStoredApiKey())
          const pool = keys.flatMap(({ apiKey }, index) => [
            encodeLine(keys[index]!),
            encodeLine(makeStoredApiKey({ keyId: apiKey.keyId })),
            "{}",
          ])
          const lines = picks.map((pick) => `${pool[pick]!.trim()}\n`)
          const apiKeys = yield* ApiKeys.ApiKeys
          const stream = apiKeys.import(fromNdjson(Stream.fromIterable(lines)), { batchSize, dryRun: true, unknownHashes: "accept" })
          const dry = yield* Stream.runCollect(stream)
          // Each run starts afresh.
          assert.deepStrictEqual(yield* Stream.runCollect(stream), dry)
          assert.strictEqual(yield* apiKeys.count(), 0)
          assert.deepStrictEqual(yield* importing(lines, { batchSize }), dry)
        }),
      ),
    { arbitrary: { runs: 100 } },
  )

  it.effect("goes on after the rows that it passes over", () =>
    run(
      Effect.gen(function* () {
        const lines = [...linesOf(7), "{\n", ...linesOf(4)]
        const breaking = Stream.concat(Stream.fromIterable(lines.slice(0, 9)), Stream.fail("the line is cut"))
        const seen: Array<ApiKeyTransfer.ImportEvent> = []
        const apiKeys = yield* ApiKeys.ApiKeys
        const exit = yield* Effect.exit(
          Stream.runForEach(apiKeys.import(fromNdjson(Stream.rechunk(breaking, 1)), { batchSize: 3, unknownHashes: "accept" }), (event) =>
            Effect.sync(() => seen.push(event)),
          ),
        )
        assert.deepStrictEqual(Exit.isFailure(exit) && Cause.squash(exit.cause), "the line is cut")
        const { read } = progressOf(seen)
        assert.include([6, 9], read)
        // What it reads doesn't even have to be readable.
        const rest = yield* importing(["x\n", ...lines.slice(1)], { batchSize: 5, skip: read })
        assert.strictEqual(progressOf(rest).read, 12)
        assert.strictEqual(yield* apiKeys.count(), 11)
        assert.deepStrictEqual(
          [...refusedOf(seen), ...refusedOf(rest)].map(({ row }) => row),
          [8],
        )
        assert.deepStrictEqual(progressOf(yield* importing(lines, { skip: 100 })), { read: 12, inserted: 0, present: 0, refused: 0 })
      }),
    ),
  )

  it.live("holds no more than three batches, each of at most so many rows", () =>
    Effect.gen(function* () {
      const sizes: Array<number> = []
      const ahead: Array<number> = []
      let requested = 0
      let written = 0
      const counting = Layer.effect(
        Repository.ApiKeyRepository,
        Repository.ApiKeyRepository.use((repository) =>
          Effect.succeed({
            ...repository,
            insertMany: (keys: ReadonlyArray<StoredApiKey>) =>
              Effect.sleep("1 millis").pipe(
                Effect.andThen(
                  Effect.suspend(() => {
                    sizes.push(keys.length)
                    ahead.push(requested - written)
                    written += keys.length
                    return repository.insertMany(keys)
                  }),
                ),
              ),
          }),
        ),
      ).pipe(Layer.provide(Layer.fresh(Repository.layerMemory)))
      const rows = Stream.rechunk(Stream.range(1, 95), 1).pipe(
        Stream.map((): unknown => {
          requested++
          return rowOf(encodeLine(makeStoredApiKey()))
        }),
      )
      yield* ApiKeys.ApiKeys.use((apiKeys) => Stream.runDrain(apiKeys.import(rows, { batchSize: 10, unknownHashes: "accept" }))).pipe(
        Effect.provide(ApiKeys.layer.pipe(Layer.provide([layerEphemeral, counting]))),
      )
      assert.deepStrictEqual(sizes, [...Array.from({ length: 9 }, () => 10), 5])
      assert.isAtMost(Math.max(...ahead), 30)
    }),
  )

  it.live("reads rows while the store is at work", () =>
    Effect.gen(function* () {
      let requested = 0
      let meanwhile = 0
      const slow = Layer.effect(
        Repository.ApiKeyRepository,
        Repository.ApiKeyRepository.use((repository) =>
          Effect.succeed({
            ...repository,
            insertMany: (keys: ReadonlyArray<StoredApiKey>) =>
              Effect.suspend(() => {
                const before = requested
                return Effect.tap(Effect.delay(repository.insertMany(keys), "20 millis"), () =>
                  Effect.sync(() => (meanwhile += requested - before)),
                )
              }),
          }),
        ),
      ).pipe(Layer.provide(Layer.fresh(Repository.layerMemory)))
      // All of them at hand, as the rows of a chunk of a file are.
      const rows = Stream.map(Stream.rechunk(Stream.fromIterable(linesOf(300)), 10), (line): unknown => (requested++, rowOf(line)))
      yield* ApiKeys.ApiKeys.use((apiKeys) => Stream.runDrain(apiKeys.import(rows, { batchSize: 50, unknownHashes: "accept" }))).pipe(
        Effect.provide(ApiKeys.layer.pipe(Layer.provide([layerEphemeral, slow]))),
      )
      assert.isAtLeast(meanwhile, 100)
    }),
  )

  it.effect("lets a key in at once that was refused as unknown", () =>
    Effect.gen(function* () {
      // One hasher for both, as the pepper has to be the same.
      const service = Effect.map(
        Layer.build(Layer.fresh(ApiKeys.layerWith({}).pipe(Layer.provide(Layer.fresh(Repository.layerMemory))))),
        (context) => Context.get(context, ApiKeys.ApiKeys),
      )
      const source = yield* service
      const target = yield* service
      const { token } = yield* source.create({ name: "moved" })
      assert.strictEqual((yield* Effect.flip(target.verify(token)))._tag, "NotFound")
      yield* Stream.runDrain(target.import(fromNdjson(source.export({ hashes: true }))))
      assert.strictEqual((yield* target.verify(token)).apiKey.name, "moved")
    }).pipe(Effect.provide(layerEphemeral)),
  )

  it.effect("refuses options that make no sense", () =>
    run(
      Effect.gen(function* () {
        for (const [field, values] of Object.entries({ skip: [-1, 0.5, Number.NaN], batchSize: [0, 1.5, 10_001] })) {
          for (const value of values) {
            assert.deepInclude(yield* Effect.flip(importing(linesOf(1), { [field]: value })), { _tag: "InvalidInput", field })
          }
        }
        assert.strictEqual(yield* ApiKeys.ApiKeys.use((apiKeys) => apiKeys.count()), 0)
      }),
    ),
  )

  it.effect("checks what an adapter of somebody's own gives", () =>
    run(
      Effect.gen(function* () {
        const legacy = Sha256.make()
        const row = { id: 1, key_hash: "a".repeat(64), name: "n", expires_at: null, revoked_at: null }
        const readRows: ReadonlyArray<ApiKeyTransfer.RowReader["readRow"]> = [
          (row) => Result.map(legacy.readRow(row), (record) => ({ ...record, prefix: "\0" })),
          (row) => Result.map(legacy.readRow(row), (record) => ({ ...record, name: "" })),
          (row) => Result.map(legacy.readRow(row), (record) => ({ ...record, hash: Redacted.make("\ud800") })),
          () => Result.fail(new InvalidInput({ field: "mine", reason: "because" })),
          () => Result.succeed(new StoredApiKey({ ...makeStoredApiKey(), previousHash: Redacted.make("p") })),
          () => Result.succeed(makeStoredApiKey()),
        ]
        const fields: Array<string | undefined> = []
        for (const readRow of readRows) fields.push(refusedOf(yield* importing([JSON.stringify(row)], { from: { readRow } }))[0]?.field)
        assert.deepStrictEqual(fields, ["apiKey.prefix", "name", "hash", "mine", "previousHash", undefined])
      }),
    ),
  )
})
