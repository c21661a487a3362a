/** PostgreSQL with the table of keys, in a schema of the benchmark's own that goes when the layer does. */
import * as PgClient from "@effect/sql-pg/PgClient"
import { Layer, Redacted } from "effect"
import * as Migrations from "../../src/sql/Migrations.ts"
import * as SqlRepository from "../../src/sql/SqlRepository.ts"
import { layerDropSchema, layerPostgres, randomSchema } from "../../test/support/postgres.ts"

/** On the server that `BENCH_DATABASE_URL` names, else on one that starts for it. */
export const makeDatabase = (table = "api_keys") => {
  const schema = randomSchema()
  const url = process.env["BENCH_DATABASE_URL"]
  const client = url === undefined || url === "" ? layerPostgres() : PgClient.layer({ url: Redacted.make(url) })
  const layer = Layer.provideMerge(
    Layer.provideMerge(SqlRepository.layerWith({ schema, table }), Migrations.layer({ schema, table })),
    Layer.provideMerge(layerDropSchema(schema), client),
  )
  return { schema, layer, qualified: `"${schema}"."${table}"` }
}
