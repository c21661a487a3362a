/**
 * A server that manages API keys, ready to run (`npm start`) or to embed ({@link layer}).
 *
 * On PostgreSQL when `DATABASE_URL` is set, else on PGlite in a folder of its own. Nodes hear of each other's changes through PostgreSQL,
 * or through Redis when `REDIS_URL` is set too.
 * @since 0.1.0
 */
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import * as PgClient from "@effect/sql-pg/PgClient"
import * as ByteSize from "effect/ByteSize"
import * as Config from "effect/Config"
import * as Effect from "effect/Effect"
import * as HttpIncomingMessage from "effect/http/HttpIncomingMessage"
import * as HttpRouter from "effect/http/HttpRouter"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import type { MigrationError } from "effect/sql/Migrator"
import type { SqlClient } from "effect/sql/SqlClient"
import type { SqlError } from "effect/sql/SqlError"
import type { ApiKeyInvalidation } from "../ApiKeyInvalidation.ts"
import type { ApiKeyRepository } from "../ApiKeyRepository.ts"
import * as ApiKeys from "../ApiKeys.ts"
import * as Argon2 from "../hasher/Argon2.ts"
import * as Pepper from "../hasher/Pepper.ts"
import * as Invalidation from "../sql/Invalidation.ts"
import * as Migrations from "../sql/Migrations.ts"
import * as Pglite from "../sql/Pglite.ts"
import * as SqlRepository from "../sql/SqlRepository.ts"
import { readOrMakePepper } from "./embedded.ts"
import { printFirstKey } from "./firstKey.ts"
import { defaultLimits, layerRequestLimits, type Limits, makeServer } from "./limits.ts"
import { routes } from "./routes.ts"

export { ServerApi } from "./api.ts"
export { DataDirError } from "./embedded.ts"
export { defaultLimits, type Limits } from "./limits.ts"
export { routes } from "./routes.ts"

/** With `DATABASE_URL`, keys outlive this machine's disk, and so must their pepper. @category errors @since 0.1.0 */
export class PepperRequired extends Schema.TaggedError<PepperRequired>()("PepperRequired", {}) {
  override get message(): string {
    return "API_KEY_PEPPER must be set along with DATABASE_URL, to at least 16 random bytes (openssl rand -base64 32), the same for every node"
  }
}

/** What `REDIS_URL` names can't be reached. @category errors @since 0.1.0 */
export class RedisUnavailable extends Schema.TaggedError<RedisUnavailable>()("RedisUnavailable", { reason: Schema.String }) {
  override get message(): string {
    return `REDIS_URL: ${this.reason}`
  }
}

const settings = Config.all({
  host: Config.String("HOST").pipe(Config.withDefault("127.0.0.1")),
  port: Config.Port("PORT").pipe(Config.withDefault(3000)),
  databaseUrl: Config.option(Config.Redacted("DATABASE_URL")),
  redisUrl: Config.option(Config.Redacted("REDIS_URL")),
  dataDir: Config.String("API_KEY_DATA_DIR").pipe(Config.withDefault(".effect-api-key")),
  pepper: Config.option(Config.Redacted("API_KEY_PEPPER")),
})
type Settings = Config.Success<typeof settings>

/** @category models @since 0.1.0 */
export interface Options {
  /** Where the defaults don't suit: see {@link Limits}. */
  readonly limits?: Partial<Limits> | undefined
}

const layerRepository = SqlRepository.layer.pipe(Layer.provide(Migrations.layer()))

/** The keys, and what connects the nodes that share them. */
const layerStorage = ({
  databaseUrl,
  redisUrl,
  dataDir,
}: Settings): Layer.Layer<
  ApiKeyRepository | ApiKeyInvalidation | SqlClient,
  SqlError | MigrationError | Invalidation.InvalidIdentifier | RedisUnavailable | Pglite.DataDirLocked | Pglite.PgliteUnavailable
> =>
  Option.isSome(databaseUrl)
    ? Layer.mergeAll(layerRepository, Option.match(redisUrl, { onNone: () => Invalidation.layerPostgres(), onSome: layerRedis })).pipe(
        Layer.provideMerge(PgClient.layer({ url: databaseUrl.value, applicationName: "effect-api-key", connectTimeout: "5 seconds" })),
      )
    : Layer.mergeAll(layerRepository, Invalidation.layerPglite()).pipe(Layer.provideMerge(Pglite.layer({ dataDir })))

/** Loaded where it is asked for, as most have no need of the package `redis`. */
const layerRedis = (url: Redacted.Redacted): Layer.Layer<ApiKeyInvalidation, RedisUnavailable> => {
  if (!URL.canParse(Redacted.value(url))) return Layer.effectContext(new RedisUnavailable({ reason: "isn't a URL" }))
  return Layer.unwrap(
    Effect.map(
      Effect.promise(() => Promise.all([import("@effect/platform-node/NodeRedis"), import("../redis/Invalidation.ts")])),
      ([NodeRedis, RedisInvalidation]) =>
        RedisInvalidation.layerRedis().pipe(
          Layer.provide(NodeRedis.layer({ url: Redacted.value(url) })),
          Layer.catch(({ cause }) =>
            Layer.effectContext(new RedisUnavailable({ reason: cause instanceof Error ? cause.message : "can't be reached" })),
          ),
        ),
    ),
  )
}

const readPepper = Effect.fnUntraced(function* ({ pepper, databaseUrl, dataDir }: Settings) {
  if (Option.isSome(pepper)) {
    // Checked before there is a database, lest a first start that fails leave one behind.
    yield* Pepper.toBytes({ pepper: pepper.value })
    return pepper.value
  }
  if (Option.isSome(databaseUrl)) return yield* new PepperRequired()
  return yield* readOrMakePepper(dataDir)
})

/**
 * The whole server, configured by `HOST` (127.0.0.1), `PORT` (3000), `DATABASE_URL`, `REDIS_URL`, `API_KEY_PEPPER`, `API_KEY_DATA_DIR`
 * (`.effect-api-key`) and what `ApiKeys.layerConfig` reads. It migrates, makes an administrator's key on an empty table, and serves. When
 * its scope closes, requests in flight get up to 10 seconds.
 * @category layers
 * @since 0.1.0
 */
export const layerWith = (options: Options) =>
  Layer.unwrap(
    Effect.gen(function* () {
      const limits = { ...defaultLimits, ...options.limits }
      const config = yield* settings
      const pepper = yield* readPepper(config)
      const services = ApiKeys.layerConfig.pipe(Layer.provide(Argon2.layer({ pepper })), Layer.provideMerge(layerStorage(config)))
      const server = NodeHttpServer.layer(yield* makeServer(limits), {
        host: config.host,
        port: config.port,
        gracefulShutdownTimeout: "10 seconds",
      })
      return Layer.effectDiscard(printFirstKey).pipe(
        Layer.provideMerge(HttpRouter.serve(Layer.mergeAll(routes, layerRequestLimits(limits)), { disableLogger: true })),
        Layer.provide(Layer.succeed(HttpIncomingMessage.MaxBodySize, ByteSize.fromInputUnsafe(limits.bodyBytes))),
        Layer.provideMerge(server),
        Layer.provide(services),
      )
    }),
  )

/**
 * {@link layerWith} with the default limits.
 * @category layers
 * @since 0.1.0
 */
export const layer = layerWith({})
