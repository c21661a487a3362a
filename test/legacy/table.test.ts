/** fastapi-api-key's own table in PostgreSQL, by a driver and by what `psql` writes. */
import { PGlite } from "@electric-sql/pglite"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Redacted, Result, Stream } from "effect"
import * as ApiKeyTransfer from "../../src/ApiKeyTransfer.ts"
import * as FastapiApiKey from "../../src/legacy/FastapiApiKey.ts"
import { plain } from "../support/transfer.ts"
import fastapi from "./fixtures/fastapi.json" with { type: "json" }

const legacy = FastapiApiKey.make({ pepper: Redacted.make("p") })

const read = (rows: Stream.Stream<unknown>) =>
  Effect.map(Stream.runCollect(rows), (all) =>
    all.map((row) => {
      const record = ApiKeyTransfer.readRowBy(row, legacy)
      return Result.isSuccess(record) ? plain(record.success) : record.failure.reason
    }),
  )

describe("The table of fastapi-api-key in PostgreSQL", () => {
  it.live("gives the same records by a driver, as CSV and as NDJSON", () =>
    Effect.gen(function* () {
      const db = yield* Effect.acquireRelease(
        Effect.promise(() => PGlite.create()),
        (db) => Effect.promise(() => db.close()),
      )
      const query = (text: string, parameters: ReadonlyArray<unknown> = []) =>
        Effect.promise(() => db.query<Record<string, unknown>>(text, [...parameters]))
      const copy = (text: string) =>
        Effect.flatMap(query(text), ({ blob }) => (blob === undefined ? Effect.die("no blob") : Effect.promise(() => blob.text())))
      // As its SQLAlchemy model creates it.
      yield* query(`CREATE TABLE api_keys (id varchar(36) PRIMARY KEY, name varchar(128), description text, is_active boolean NOT NULL,
        expires_at timestamptz, created_at timestamptz NOT NULL, last_used_at timestamptz, key_id varchar(16) NOT NULL UNIQUE,
        key_hash varchar(255) NOT NULL UNIQUE, key_secret_first varchar(4), key_secret_last varchar(4), scopes json)`)
      for (const [index, { row, secret }] of fastapi.slice(0, 6).entries()) {
        yield* query(
          "INSERT INTO api_keys VALUES ($1, $2, $3, $4, $5::text::timestamptz, $6::text::timestamptz, NULL, $7, $8, $9, $10, $11)",
          [
            row.id,
            `${row.name} "x", y\nz;`,
            "a\\b",
            row.is_active,
            row.expires_at,
            row.created_at,
            `key${index}`,
            row.key_hash,
            secret.slice(0, 4),
            secret.slice(-4),
            JSON.stringify(["invoices:read", `s${index}`]),
          ],
        )
      }
      const { rows } = yield* query("SELECT * FROM api_keys ORDER BY id")
      const expected = yield* read(Stream.fromIterable(rows))
      assert.lengthOf(expected, 6)
      assert.isEmpty(expected.filter((record) => typeof record === "string"))
      const csv = yield* copy("COPY (SELECT * FROM api_keys ORDER BY id) TO '/dev/blob' WITH (FORMAT csv, HEADER)")
      assert.deepStrictEqual(yield* read(ApiKeyTransfer.fromCsv(Stream.make(csv))), expected)
      const json = "SELECT row_to_json(t) AS row FROM (SELECT * FROM api_keys ORDER BY id) AS t"
      // As `psql -At` writes it.
      const lines = (yield* query(json)).rows.map(({ row }) => `${JSON.stringify(row)}\n`)
      assert.deepStrictEqual(yield* read(ApiKeyTransfer.fromNdjson(Stream.fromIterable(lines))), expected)
      // COPY's text format doubles each backslash, which is no JSON any more.
      const doubled = yield* copy(`COPY (${json}) TO '/dev/blob'`)
      const spoilt = yield* read(ApiKeyTransfer.fromNdjson(Stream.make(doubled)))
      assert.include(spoilt, "It isn't JSON")
    }).pipe(Effect.scoped),
  )
})
