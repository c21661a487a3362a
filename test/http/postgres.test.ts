import * as PgClient from "@effect/sql-pg/PgClient"
import { Layer, Redacted } from "effect"
import * as Migrations from "../../src/sql/Migrations.ts"
import * as SqlRepository from "../../src/sql/SqlRepository.ts"
import { layerDropSchema, layerPostgres, randomSchema } from "../support/postgres.ts"
import { httpSuite } from "./httpSuite.ts"

httpSuite("PostgreSQL", SqlRepository.layer.pipe(Layer.provide(Migrations.layer()), Layer.provide(layerPostgres())))

const url = process.env["TEST_DATABASE_URL"]
if (url !== undefined) {
  const table = { schema: randomSchema() }
  httpSuite(
    "TEST_DATABASE_URL",
    SqlRepository.layerWith(table).pipe(
      Layer.provide(Migrations.layer(table)),
      Layer.provide(layerDropSchema(table.schema)),
      Layer.provide(PgClient.layer({ url: Redacted.make(url), maxConnections: 4 })),
    ),
  )
}
