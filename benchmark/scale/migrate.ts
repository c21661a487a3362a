// Takes the filled table back to the first two migrations, and times the later ones one by one.
import { Effect } from "effect"
import { SqlClient } from "effect/sql"
import { statements } from "../../src/internal/sql/migrations.ts"
import { resolve } from "../../src/internal/sql/table.ts"
import { layerClient, say } from "./database.ts"

const added = [
  "rotated_at",
  "previous_key_id",
  "previous_hash",
  "previous_hint",
  "previous_expires_at",
  "previous_grace_seconds",
  "previous_last_used_at",
  "deactivated_at",
  "deactivation_reason",
  "policies",
  "seal_id",
  "previous_seal_id",
]

const program = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  const table = yield* resolve({})
  yield* sql`DROP TRIGGER api_keys_tell_update ON api_keys`
  yield* sql`DROP TABLE api_keys_reports, api_keys_peppers`
  // Dropping a column leaves its values in the rows, and drops its indexes.
  yield* sql.unsafe(`ALTER TABLE api_keys ${added.map((column) => `DROP COLUMN ${column}`).join(", ")}`)
  yield* sql`CREATE TRIGGER api_keys_tell_update AFTER UPDATE ON api_keys FOR EACH ROW EXECUTE FUNCTION api_keys_tell()`
  for (const [name, make] of Object.entries(statements).slice(2)) {
    yield* sql.withTransaction(
      Effect.gen(function* () {
        for (const statement of make(table)) {
          const start = performance.now()
          yield* sql.unsafe(statement)
          say(`${name}: ${(performance.now() - start).toFixed(1)} ms: ${statement.replace(/\s+/g, " ").slice(0, 70)}`)
        }
        const locks = yield* sql<{
          mode: string
        }>`SELECT DISTINCT mode FROM pg_locks WHERE relation = 'api_keys'::regclass AND pid = pg_backend_pid()`
        say(`${name}: locks on the table: ${locks.map(({ mode }) => mode).join(", ")}`)
      }),
    )
  }
})

await Effect.runPromise(Effect.provide(program, layerClient))
