/** The stores of meters. */
import * as PgClient from "@effect/sql-pg/PgClient"
import { Clock, Effect, Layer } from "effect"
import { ApiKeyRepository } from "../../src/ApiKeyRepository.ts"
import * as MemoryMeters from "../../src/internal/meters/memoryMeters.ts"
import * as Migrations from "../../src/sql/Migrations.ts"
import * as Pglite from "../../src/sql/Pglite.ts"
import * as SqlRepository from "../../src/sql/SqlRepository.ts"
import { startPostgres } from "../support/postgres.ts"
import { metersSuite } from "./metersSuite.ts"

metersSuite(
  "memory",
  Layer.empty,
  Effect.map(Clock.Clock, (clock) => MemoryMeters.make(() => clock.currentTimeMillisUnsafe())),
  { arbitrary: { runs: 200 } },
)

const metersOf = Effect.map(ApiKeyRepository, ({ meters }) => meters!)
const repository = SqlRepository.layer.pipe(Layer.provide(Migrations.layer()))

metersSuite("PGlite", repository.pipe(Layer.provide(Layer.fresh(Pglite.layer())), Layer.orDie), metersOf, { arbitrary: { runs: 30 } })

metersSuite(
  "PostgreSQL",
  repository.pipe(
    Layer.provide(Layer.unwrap(Effect.map(startPostgres(), (url) => PgClient.layer({ url, maxConnections: 8 })))),
    Layer.orDie,
  ),
  metersOf,
  { arbitrary: { runs: 100 } },
)
