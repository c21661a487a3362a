/** The migrations are frozen, and what is restored is what they made. */
import { createHash } from "node:crypto"
import { readdirSync, readFileSync } from "node:fs"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { SqlClient } from "effect/sql"
import { createKeys } from "../../src/internal/sql/definitions.ts"
import { statements } from "../../src/internal/sql/migrations.ts"
import { repair } from "../../src/internal/sql/repair.ts"
import { resolve } from "../../src/internal/sql/table.ts"
import * as Migrations from "../../src/sql/Migrations.ts"
import * as Pglite from "../../src/sql/Pglite.ts"
import { layerPostgres } from "../support/postgres.ts"

const folder = new URL("../../src/internal/sql/migrations", import.meta.url).pathname
const read = (file: string): string => readFileSync(`${folder}/${file}`, "utf8")

/** Of the statements without their blanks, for two tables. A migration that is published keeps its digest for good. */
const digests = {
  "0001_create_api_keys": "65c1bdad7056e60c",
  "0002_announce_changes": "664aeacd6657b885",
  "0003_rotate_tokens": "2a8274c5c507fe57",
  "0004_note_deactivation": "b0b5530cd065c7a6",
  "0006_remember_reports": "1764f311bf80c0c0",
  "0008_note_peppers": "592a25ab9c7dc445",
  "0009_keep_policies": "f8de732f906b4119",
  "0010_note_seals": "91a7c204c79fdd3e",
  "0011_index_kinds": "451742ec34d30e2b",
  "0012_index_idle_timeouts": "2040158c036344be",
  "0013_keep_meters": "23e80d058c630fa6",
}

describe("The migrations", () => {
  it.effect("run what they always ran", () =>
    Effect.gen(function* () {
      const places = yield* Effect.forEach([{}, { schema: "Keys", table: "issued" }], resolve)
      const found = Object.entries(statements).map(([name, of]) => {
        const text = places.flatMap(of).join(";\n").replace(/\s+/g, " ")
        return [name, createHash("sha256").update(text).digest("hex").slice(0, 16)]
      })
      assert.deepStrictEqual(Object.fromEntries(found), digests)
    }),
  )

  it("are a file each, which reads the names of the tables alone", () => {
    const files = readdirSync(folder).toSorted()
    assert.deepStrictEqual(
      files,
      Object.keys(statements).map((name) => `${name}.ts`),
    )
    for (const file of files) {
      const imported = Array.from(read(file).matchAll(/^import .*$/gm), ([line]) => line)
      assert.deepStrictEqual(imported, ['import type { Table } from "../table.ts"'], file)
    }
  })
})

/** What PostgreSQL's catalogue says of the tables in a schema, in no order of columns. */
const catalogue = (schema: string) =>
  Effect.gen(function* () {
    const sql = yield* SqlClient.SqlClient
    const rows = yield* sql<{ readonly kind: string; readonly text: string }>`
      WITH tables AS (SELECT c.* FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE n.nspname = ${schema}::text AND c.relkind = 'r' AND c.relname NOT LIKE '%migrations')
      SELECT 'column' AS kind, concat_ws(' ', t.relname, attname, format_type(atttypid, atttypmod), attnotnull, atthasdef,
          (SELECT collname FROM pg_collation WHERE oid = attcollation)) AS text
        FROM tables t JOIN pg_attribute ON attrelid = t.oid WHERE attnum > 0 AND NOT attisdropped
      UNION ALL SELECT 'index', pg_get_indexdef(indexrelid) FROM tables t JOIN pg_index ON indrelid = t.oid
      UNION ALL SELECT 'constraint', concat_ws(' ', conname, pg_get_constraintdef(c.oid)) FROM tables t JOIN pg_constraint c ON conrelid = t.oid
      UNION ALL SELECT 'trigger', concat_ws(' ', tgenabled, pg_get_triggerdef(g.oid)) FROM tables t JOIN pg_trigger g ON tgrelid = t.oid
      UNION ALL SELECT 'function', pg_get_functiondef(p.oid) FROM pg_proc p JOIN pg_namespace n ON n.oid = pronamespace WHERE nspname = ${schema}::text
      ORDER BY 1, 2`
    const name = new RegExp(`"?\\b${schema}\\b"?`, "g")
    return rows.map(({ kind, text }) => `${kind} ${text.replace(name, "SCHEMA").replace(/\s+/g, " ")}`).toSorted()
  })

const databases: Readonly<Record<string, Layer.Layer<SqlClient.SqlClient, unknown>>> = {
  PostgreSQL: layerPostgres(),
  PGlite: Pglite.layer(),
}
for (const [name, layer] of Object.entries(databases)) {
  describe(`A table on ${name}`, () => {
    it.effect("is by the migrations what a repair makes of its columns", () =>
      Effect.gen(function* () {
        const sql = yield* SqlClient.SqlClient
        const run = (text: string) => sql.unsafe(text)
        yield* Migrations.migrate({ schema: "migrated" })
        const migrated = yield* catalogue("migrated")
        assert.isAbove(migrated.length, 50)

        const { qualified, nodes, reports, peppers, meters, meterChanges } = yield* resolve({ schema: "made" })
        yield* run("CREATE SCHEMA made")
        yield* run(createKeys(qualified))
        yield* repair({ schema: "made" })
        assert.deepStrictEqual(yield* catalogue("made"), migrated)

        yield* run("DROP FUNCTION made.api_keys_tell CASCADE")
        yield* run("DROP FUNCTION made.api_keys_lease")
        for (const table of [nodes, reports, peppers, meters, meterChanges]) yield* run(`DROP TABLE ${table}`)
        const constraints = ["api_keys_pkey", "api_keys_key_id_key"]
        for (const constraint of constraints) yield* run(`ALTER TABLE ${qualified} DROP CONSTRAINT ${constraint}`)
        for (const { indexname } of yield* sql<{ indexname: string }>`SELECT indexname FROM pg_indexes WHERE schemaname = 'made'`) {
          yield* run(`DROP INDEX made."${indexname}"`)
        }
        assert.isTrue((yield* catalogue("made")).every((line) => /^column api_keys |^constraint .* NOT NULL /.test(line)))
        yield* repair({ schema: "made" })
        assert.deepStrictEqual(yield* catalogue("made"), migrated)
      }).pipe(Effect.provide(layer)),
    )
  })
}
