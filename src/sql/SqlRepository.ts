/**
 * Keeps API keys in PostgreSQL or PGlite, through the application's `SqlClient`.
 *
 * {@link layer} uses the table that `effect-api-key/sql/Migrations` creates. Statements join the application's `sql.withTransaction`; a key
 * id that is taken doesn't abort it.
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import { SqlClient } from "effect/sql/SqlClient"
import { ApiKeyRepository } from "../ApiKeyRepository.ts"
import * as Bulk from "../internal/sql/bulk.ts"
import * as Meters from "../internal/sql/meters.ts"
import * as LookUps from "../internal/sql/lookUps.ts"
import { PgliteClient } from "../internal/sql/PgliteClient.ts"
import * as Queries from "../internal/sql/queries.ts"
import * as Records from "../internal/sql/records.ts"
import * as Store from "../internal/sql/store.ts"
import * as Supports from "../internal/sql/supports.ts"
import { type InvalidIdentifier, resolve, type TableOptions } from "../internal/sql/table.ts"
import { findUnmigrated, type MissingMigrations } from "../internal/sql/unmigrated.ts"
import * as Upkeep from "../internal/sql/upkeep.ts"

export { StoreFailure } from "../internal/sql/failures.ts"
export { InvalidIdentifier, type TableOptions } from "../internal/sql/table.ts"
export { MissingMigrations } from "../internal/sql/unmigrated.ts"

/**
 * The repository on a table of another name or in a schema.
 *
 * Fails with `MissingMigrations` if the database lacks a table or column that a migration makes. A database that can't be asked doesn't fail the
 * layer. A warning is logged, and the database is asked at the first use.
 * @category layers
 * @since 0.1.0
 * @example
 * ```ts
 * import { Layer } from "effect"
 * import * as Migrations from "effect-api-key/sql/Migrations"
 * import * as SqlRepository from "effect-api-key/sql/SqlRepository"
 *
 * const table = { schema: "keys", table: "partners" }
 * const repository = SqlRepository.layerWith(table).pipe(Layer.provide(Migrations.layer(table)))
 * ```
 */
export const layerWith = (options: TableOptions): Layer.Layer<ApiKeyRepository, InvalidIdentifier | MissingMigrations, SqlClient> =>
  Layer.effect(
    ApiKeyRepository,
    Effect.gen(function* () {
      const table = yield* resolve(options)
      const missing = yield* Effect.catchTag(findUnmigrated(options), "SqlError", (error) =>
        Effect.as(Effect.logWarning("Could not look whether the migrations of API keys have run", error.reason.message), undefined),
      )
      if (missing !== undefined) return yield* missing
      const client = yield* SqlClient
      const store = Store.make(client, table)
      const records = Records.make(store)
      const { peppers, ...supports } = Supports.make(store, records)
      const pglite = yield* Effect.serviceOption(PgliteClient)
      return {
        ...LookUps.make(store),
        ...records,
        ...Queries.make(store),
        ...Bulk.make(store),
        ...Upkeep.make(store),
        ...supports,
        meters: Meters.make(client, store, Option.isSome(pglite)),
        // A database in memory ends with the program that knows the pepper, so nothing is noted there.
        ...(Option.isSome(pglite) && !pglite.value.isDurable ? { isExclusive: true } : { peppers }),
      }
    }),
  )

/**
 * The repository on the table `api_keys`, as {@link layerWith}.
 * @category layers
 * @since 0.1.0
 */
export const layer: Layer.Layer<ApiKeyRepository, MissingMigrations, SqlClient> = Layer.catchTag(
  layerWith({}),
  "InvalidIdentifier",
  // The default name is a good one.
  (error) => Layer.effectContext(Effect.die(error)),
)
