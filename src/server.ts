/**
 * A server that manages API keys, ready to run (`npm start`) or to embed ({@link layer}).
 *
 * The keys are in PostgreSQL if `DATABASE_URL` is set, else in PGlite in a folder of its own. Nodes announce changes to each other through
 * PostgreSQL, or through Redis if `REDIS_URL` is set too.
 * @since 0.1.0
 */
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import * as ByteSize from "effect/ByteSize"
import type * as Config from "effect/Config"
import * as Effect from "effect/Effect"
import * as HttpIncomingMessage from "effect/http/HttpIncomingMessage"
import * as HttpRouter from "effect/http/HttpRouter"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import type { MigrationError } from "effect/sql/Migrator"
import type { SqlClient } from "effect/sql/SqlClient"
import type { SqlError } from "effect/sql/SqlError"
import type { ApiKeyInvalidation } from "./ApiKeyInvalidation.ts"
import type { ApiKeyRepository } from "./ApiKeyRepository.ts"
import * as ApiKeys from "./ApiKeys.ts"
import type { KeyPolicy } from "./KeyPolicy.ts"
import * as Pepper from "./hasher/Pepper.ts"
import * as Seals from "./hasher/Seals.ts"
import * as Invalidation from "./sql/Invalidation.ts"
import type { PgliteError } from "./sql/Pglite.ts"
import type { MissingMigrations } from "./sql/SqlRepository.ts"
import { acceptCredentials } from "./internal/http/ApiKeyAuth.ts"
import { layerRedactedHeaders } from "./internal/http/auth.ts"
import { loadAdapters } from "./internal/wiring/adapters.ts"
import { explainAddress } from "./internal/server/address.ts"
import { makeFirstKey, printFirstKey } from "./internal/server/firstKey.ts"
import { readCredentialOptions, readXRateLimit } from "./internal/server/credentialOptions.ts"
import { checkLimits, decideRequests, defaultLimits, layerRequestLimits, type Limits, makeServer } from "./internal/server/limits.ts"
import { readProxyOptions } from "./internal/server/proxyOptions.ts"
import { readLeakOptions } from "./internal/server/leakOptions.ts"
import { ServerApi } from "./internal/server/api.ts"
import { routesWith } from "./internal/server/routes.ts"
import type { DatabaseUnavailable } from "./internal/wiring/databaseUrl.ts"
import type { MissingPackage } from "./internal/wiring/loadPackage.ts"
import { loadPeppers, serverSettings } from "./internal/wiring/settings.ts"
import { layerArgon2 } from "./internal/wiring/hasher.ts"
import { layerEmbedded, layerMigratedRepository, layerPostgres, layerRedis, type RedisUnavailable } from "./internal/wiring/storage.ts"
import { misspelt } from "./internal/wiring/variables.ts"

export { ServerApi } from "./internal/server/api.ts"
export { AdapterOptionMissing } from "./internal/wiring/adapters.ts"
export { AddressUnavailable } from "./internal/server/address.ts"
export { DatabaseUnavailable } from "./internal/wiring/databaseUrl.ts"
export { DataDirError } from "./internal/wiring/embedded.ts"
export { defaultLimits, InvalidLimit, type Limits, TooFewRequests } from "./internal/server/limits.ts"
export { MissingPackage } from "./internal/wiring/loadPackage.ts"
export { RedisUnavailable } from "./internal/wiring/storage.ts"
export { PepperRequired } from "./internal/wiring/settings.ts"
export { SigningKeysUnreadable } from "./internal/server/leakOptions.ts"
export { routes, routesWith, type RoutesOptions } from "./internal/server/routes.ts"

type Settings = Config.Success<typeof serverSettings>

/** @category models @since 0.1.0 */
export interface Options {
  /** See {@link Limits}, with the defaults. */
  readonly limits?: Partial<Limits> | undefined
  /** The kinds of policies that keys may hold: see `KeyPolicy`. A key with another kind is refused. Default: none. */
  readonly policies?: ReadonlyArray<KeyPolicy> | undefined
  /** Takes the administrator's key that is made on an empty table; `url` is the server's. Default: the key is printed, for people. */
  readonly onFirstKey?: ((created: ApiKeys.Created, url: string) => Effect.Effect<void>) | undefined
}

/** The store of the keys, and the channel between the nodes that share the store. */
const layerStorage = ({
  databaseUrl,
  redisUrl,
  dataDir,
}: Settings): Layer.Layer<
  ApiKeyRepository | ApiKeyInvalidation | SqlClient,
  | DatabaseUnavailable
  | SqlError
  | MigrationError
  | MissingMigrations
  | Invalidation.InvalidIdentifier
  | RedisUnavailable
  | MissingPackage
  | PgliteError
> =>
  Option.isSome(databaseUrl)
    ? Layer.mergeAll(
        layerMigratedRepository,
        Option.match(redisUrl, { onNone: () => Invalidation.layerPostgres(), onSome: layerRedis }),
      ).pipe(Layer.provideMerge(layerPostgres(databaseUrl.value)))
    : Layer.mergeAll(layerMigratedRepository, Invalidation.layerPglite()).pipe(Layer.provideMerge(layerEmbedded(dataDir)))

/**
 * The whole server. The peppers that `Pepper.loadConfig` reads, and the sealing keys that `Seals.loadConfig` reads, are read anew each minute.
 * Other variables: `HOST` (127.0.0.1), `PORT` (3000), `DATABASE_URL`, `REDIS_URL`, `API_KEY_DATA_DIR` (`.effect-api-key`),
 * `API_KEY_LEAK_SIGNING_KEYS_FILE`, `API_KEY_LEAKS`, `API_KEY_REVOKE_BY_POSSESSION`, `API_KEY_REVOCATIONS_PER_SECOND`, `API_KEY_CREDENTIALS`,
 * `API_KEY_FOREIGN_AUTHORIZATION`, `API_KEY_X_RATE_LIMIT`, `API_KEY_TRUSTED_PROXIES`, `API_KEY_FORWARDED_HEADER`, and the variables of `ApiKeys.layerConfig`. The server migrates, makes an administrator's key on an empty
 * table, and serves. When its scope closes, requests in flight get up to 10 seconds.
 *
 * Listeners that are provided to the layer (`ApiKeyEvents.layer`) hear of its changes.
 * @category layers
 * @since 0.1.0
 * @example
 * ```ts
 * import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
 * import { Effect, Layer } from "effect"
 * import { layerWith } from "effect-api-key/server"
 *
 * const server = layerWith({
 *   limits: { requests: 200 },
 *   onFirstKey: ({ apiKey }) => Effect.logInfo("An administrator's key was made", apiKey.keyId),
 * })
 * NodeRuntime.runMain(Layer.launch(server))
 * ```
 */
export const layerWith = (options: Options) =>
  Layer.unwrap(
    Effect.gen(function* () {
      const limits = { ...defaultLimits, ...options.limits }
      yield* checkLimits(limits)
      const config = yield* serverSettings
      const credentials = yield* readCredentialOptions
      const xRateLimit = yield* readXRateLimit
      const proxies = yield* readProxyOptions
      for (const warning of misspelt()) yield* Effect.logWarning(warning)
      // Peppers and sealing keys are loaded before a database is made. A first start that fails on them leaves no database behind.
      yield* loadPeppers(config)
      yield* Seals.loadConfig
      // A folder that disappears while the server runs, such as a volume, isn't made again.
      const load = loadPeppers(config, { mayMake: false })
      const hasher = layerArgon2.pipe(Layer.provide(Pepper.layerReloading({ load, every: "1 minute" })))
      const seals = Seals.layerReloading({ load: Seals.loadConfig, every: "1 minute" })
      const services = ApiKeys.layerConfigWith({ legacy: yield* loadAdapters, policies: options.policies }).pipe(
        Layer.provide([hasher, seals]),
        Layer.provideMerge(layerStorage(config)),
      )
      const { host, port } = config
      const server = explainAddress(
        NodeHttpServer.layer(yield* makeServer(limits), { host, port, gracefulShutdownTimeout: "10 seconds" }),
        config,
      )
      const requestLimits = Layer.unwrap(
        Effect.map(decideRequests(options.limits?.requests), (requests) => layerRequestLimits({ ...limits, requests })),
      ).pipe(Layer.provide(hasher))
      return Layer.effectDiscard(makeFirstKey(options.onFirstKey ?? printFirstKey(credentials))).pipe(
        Layer.provideMerge(
          HttpRouter.serve(
            Layer.mergeAll(routesWith({ leaks: yield* readLeakOptions, credentials, xRateLimit, ...proxies }), requestLimits),
            {
              disableLogger: true,
            },
          ),
        ),
        Layer.provide(layerRedactedHeaders(acceptCredentials(credentials)(ServerApi))),
        Layer.provide(Layer.succeed(HttpIncomingMessage.MaxBodySize, ByteSize.bytes(limits.bodyBytes))),
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
