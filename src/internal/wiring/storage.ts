/** The database and the channel between nodes that the configuration names. Each driver is loaded where it is needed. */
import type { PgClient } from "@effect/sql-pg/PgClient"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import type { SqlClient } from "effect/sql/SqlClient"
import type { ApiKeyInvalidation } from "../../ApiKeyInvalidation.ts"
import * as Migrations from "../../sql/Migrations.ts"
import type { PgliteError } from "../../sql/Pglite.ts"
import * as SqlRepository from "../../sql/SqlRepository.ts"
import { rootMessage } from "../text/rootMessage.ts"
import { type DatabaseUnavailable, layerReachable } from "./databaseUrl.ts"
import { loadPackage, type MissingPackage } from "./loadPackage.ts"
import type { StorageSettings } from "./settings.ts"

/** The Redis server that `REDIS_URL` names can't be reached. @category errors @since 0.1.0 */
export class RedisUnavailable extends Schema.TaggedError<RedisUnavailable>()("RedisUnavailable", { reason: Schema.String }) {
  override get message(): string {
    return this.reason
  }
}

interface PostgresOptions {
  /** Default: the driver's. */
  readonly maxConnections?: number | undefined
}

/** PostgreSQL. A first query is sent before it is used. */
export const layerPostgres = (
  url: Redacted.Redacted,
  options: PostgresOptions = {},
): Layer.Layer<PgClient | SqlClient, DatabaseUnavailable | MissingPackage> =>
  Layer.unwrap(
    Effect.map(
      loadPackage("DATABASE_URL", "@effect/sql-pg", () => import("@effect/sql-pg/PgClient")),
      (PgClient) =>
        layerReachable(PgClient.layer({ url, applicationName: "effect-api-key", connectTimeout: "5 seconds", ...options }), url),
    ),
  )

/** A missing package fails here, before a database is made. */
export const loadPglite = loadPackage("The embedded database", "@electric-sql/pglite", () => import("../../sql/Pglite.ts"))

export const layerEmbedded = (dataDir: string) => Layer.unwrap(Effect.map(loadPglite, (Pglite) => Pglite.layer({ dataDir })))

/** The configured database, without changes to its tables. */
export const layerSql = (
  { databaseUrl, dataDir }: Pick<StorageSettings, "databaseUrl" | "dataDir">,
  options: PostgresOptions = {},
): Layer.Layer<SqlClient, DatabaseUnavailable | MissingPackage | PgliteError> =>
  Option.isSome(databaseUrl) ? layerPostgres(databaseUrl.value, options) : layerEmbedded(dataDir)

/** The keys in the database. Its tables are created or updated first. */
export const layerMigratedRepository = SqlRepository.layer.pipe(Layer.provide(Migrations.layer()))

export const layerRedis = (url: Redacted.Redacted): Layer.Layer<ApiKeyInvalidation, RedisUnavailable | MissingPackage> => {
  if (!URL.canParse(Redacted.value(url))) return Layer.effectContext(new RedisUnavailable({ reason: "REDIS_URL isn't a URL" }))
  return Layer.unwrap(
    Effect.map(
      loadPackage("REDIS_URL", "redis", () =>
        Promise.all([import("@effect/platform-node/NodeRedis"), import("../../redis/Invalidation.ts")]),
      ),
      ([NodeRedis, RedisInvalidation]) =>
        RedisInvalidation.layerRedis().pipe(
          Layer.provide(NodeRedis.layer({ url: Redacted.value(url) })),
          Layer.catch((error) =>
            Layer.effectContext(new RedisUnavailable({ reason: `What REDIS_URL names can't be reached (${rootMessage(error)})` })),
          ),
        ),
    ),
  )
}
