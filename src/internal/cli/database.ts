import * as crypto from "node:crypto"
import * as Config from "effect/Config"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import type { SqlClient } from "effect/sql/SqlClient"
import * as ApiKeys from "../../ApiKeys.ts"
import type { ApiKeyInvalidation } from "../../ApiKeyInvalidation.ts"
import type { ApiKeyHasher } from "../../ApiKeyHasher.ts"
import { ApiKeyRepository } from "../../ApiKeyRepository.ts"
import * as Argon2Node from "../../hasher/Argon2Node.ts"
import * as Pepper from "../../hasher/Pepper.ts"
import { loadAdapters } from "../server/adapters.ts"
import { layerReachable } from "../server/databaseUrl.ts"
import { loadPackage } from "../server/loadPackage.ts"
import * as Settings from "../server/settings.ts"
import { storageSettings, type StorageSettings } from "../server/settings.ts"
import { look } from "../sql/dataDir.ts"
import * as Migrations from "../../sql/Migrations.ts"
import * as SqlRepository from "../../sql/SqlRepository.ts"
import { CliFailure, fromError } from "./CliFailure.ts"
import { IssuedPrefix } from "./issuedPrefix.ts"
import { tokenFormat } from "./settings.ts"

// The wiring is that of `ApiKeyServer`, so that both see the same keys under the same configuration.

export type DatabaseSettings = StorageSettings

export const readSettings: Effect.Effect<DatabaseSettings, CliFailure> = Effect.gen(function* () {
  return yield* Config.all(storageSettings)
}).pipe(Effect.mapError((error) => fromError(error)))

/** The folder of the embedded database, if there is none in it yet. */
export const isNew: Effect.Effect<Option.Option<string>, CliFailure> = Effect.flatMap(readSettings, ({ databaseUrl, dataDir }) =>
  Option.isSome(databaseUrl)
    ? Effect.succeedNone
    : Effect.mapBoth(look(dataDir), {
        onSuccess: (state) => (state === "present" ? Option.none() : Option.some(dataDir)),
        onFailure: fromError,
      }),
)

const failing = <A, E extends { readonly _tag: string; readonly message: string }, R>(
  layer: Layer.Layer<A, E, R>,
): Layer.Layer<A, CliFailure, R> => Layer.catch(layer, (error) => Layer.effectContext(Effect.fail(fromError(error))))

/** A package that isn't installed says so in one line. */
const load = <A>(what: string, packages: string, run: () => Promise<A>): Effect.Effect<A, CliFailure> =>
  Effect.mapError(loadPackage(what, packages, run), fromError)

/** The ring as the server would have it. With a database of its own it makes none up. */
export const loadPeppers = (settings: DatabaseSettings) =>
  Effect.catchTag(Settings.loadPeppers(settings), "PepperRequired", ({ _tag }) =>
    Effect.fail(
      new CliFailure({
        exitCode: 1,
        tag: _tag,
        reason: "API_KEY_PEPPER must be set along with DATABASE_URL, to what the server has",
      }),
    ),
  )

const loadPg = load("DATABASE_URL", "@effect/sql-pg", () => import("@effect/sql-pg/PgClient"))

export const loadPglite = load("The embedded database", "@electric-sql/pglite", () => import("../../sql/Pglite.ts"))

const layerPg = (PgClient: typeof import("@effect/sql-pg/PgClient"), url: Redacted.Redacted) =>
  failing(layerReachable(PgClient.layer({ url, applicationName: "effect-api-key", connectTimeout: "5 seconds", maxConnections: 2 }), url))

/** The database, as it is. */
export const layerSql = ({ databaseUrl, dataDir }: DatabaseSettings): Layer.Layer<SqlClient, CliFailure> =>
  Layer.unwrap(
    Option.isSome(databaseUrl)
      ? Effect.map(loadPg, (PgClient) => layerPg(PgClient, databaseUrl.value))
      : Effect.map(loadPglite, (Pglite) => failing(Pglite.layer({ dataDir }))),
  )

const hasArgon2 = (crypto.argon2 as typeof crypto.argon2 | undefined) !== undefined

/** Argon2id by Node itself where it has it, else by the package. */
export const layerHasher = (ring: Pepper.PepperRing): Layer.Layer<ApiKeyHasher, CliFailure> => {
  const hasher = hasArgon2
    ? failing(Argon2Node.layerPeppers())
    : Layer.unwrap(
        Effect.map(
          load("Before Node 24.7, hashing", "argon2", () => import("../../hasher/Argon2.ts")),
          (Argon2) => failing(Argon2.layerPeppers()),
        ),
      )
  return Layer.provide(hasher, Layer.succeed(Pepper.Peppers, { ring: Effect.succeed(ring) }))
}

/** What connects the servers, where a command has to tell them of changes, or to ask whether they have applied one. */
const layerNodes = ({ redisUrl, databaseUrl }: DatabaseSettings, confirms: boolean) => {
  if (Option.isSome(redisUrl)) return layerRedis(redisUrl.value)
  // PostgreSQL tells them by itself; and what a server has embedded it has to itself.
  return confirms && Option.isSome(databaseUrl) ? layerListening(databaseUrl.value) : Layer.empty
}

const noRedis = (reason: string) => Layer.effectContext(Effect.fail(new CliFailure({ exitCode: 1, tag: "RedisUnavailable", reason })))

export const layerRedis = (url: Redacted.Redacted): Layer.Layer<ApiKeyInvalidation, CliFailure> => {
  if (!URL.canParse(Redacted.value(url))) return noRedis("REDIS_URL isn't a URL")
  return Layer.unwrap(
    Effect.map(
      load("REDIS_URL", "redis", async () => ({
        NodeRedis: await import("@effect/platform-node/NodeRedis"),
        Invalidation: await import("../../redis/Invalidation.ts"),
      })),
      ({ NodeRedis, Invalidation }) =>
        Layer.catch(Invalidation.layerRedis().pipe(Layer.provide(NodeRedis.layer({ url: Redacted.value(url) }))), () =>
          noRedis("What REDIS_URL names can't be reached"),
        ),
    ),
  )
}

export const layerListening = (url: Redacted.Redacted): Layer.Layer<ApiKeyInvalidation, CliFailure> =>
  Layer.unwrap(
    Effect.gen(function* () {
      const PgClient = yield* loadPg
      const { layerPostgres } = yield* Effect.promise(() => import("../../sql/Invalidation.ts"))
      return failing(layerPostgres()).pipe(Layer.provide(layerPg(PgClient, url)))
    }),
  )

/**
 * The service on the database that is configured. The embedded one is migrated, as nobody else does it; a server's is left to `migrate`.
 * Only one that `confirms` can tell whether the servers have applied a change. One that doesn't note peppers writes nothing at its start.
 */
export const layerService = (config: DatabaseSettings, { confirms = false, notesPeppers = true } = {}) =>
  Layer.unwrap(
    // Before there is a database, as one without a pepper counts as having lost it.
    Effect.gen(function* () {
      const ring = yield* Effect.mapError(Effect.flatMap(loadPeppers(config), Pepper.checkRing), fromError)
      const legacy = yield* Effect.mapError(loadAdapters, fromError)
      const repository = failing(SqlRepository.layer)
      const migrated = Option.isSome(config.databaseUrl) ? repository : Layer.provide(repository, failing(Migrations.layer()))
      const withPeppers = !notesPeppers ? withoutPeppers : Option.isSome(config.databaseUrl) ? withoutAssumptions : undefined
      const kept =
        withPeppers === undefined
          ? migrated
          : Layer.effect(ApiKeyRepository, Effect.map(ApiKeyRepository, withPeppers)).pipe(Layer.provide(migrated))
      return failing(ApiKeys.layerConfigWith({ legacy })).pipe(
        Layer.provide([layerHasher(ring), kept, layerNodes(config, confirms)]),
        Layer.provideMerge(layerSql(config)),
      )
    }),
  )

/** Under which pepper keys were made before there were notes is for the servers to say: one that was mistyped here would keep them from starting again. */
const withoutAssumptions = (repository: ApiKeyRepository["Service"]): ApiKeyRepository["Service"] => {
  const { peppers } = repository
  if (peppers === undefined) return repository
  return { ...repository, peppers: { ...peppers, note: (pepper, at) => (pepper.isAssumed ? Effect.void : peppers.note(pepper, at)) } }
}

const withoutPeppers = ({ peppers: _, ...repository }: ApiKeyRepository["Service"]): ApiKeyRepository["Service"] => repository

/** The prefix of the tokens that are made here, unless `API_KEY_PREFIX` says that it is meant. */
const layerIssuedPrefix = Layer.effect(
  IssuedPrefix,
  Effect.gen(function* () {
    const configured = yield* Effect.orDie(Config.option(Config.String("API_KEY_PREFIX")))
    return Option.isSome(configured) && configured.value !== "" ? undefined : (yield* tokenFormat).prefix
  }),
)

export const layerDatabase = (options: { readonly confirms: boolean }) =>
  Layer.unwrap(Effect.map(readSettings, (config) => Layer.merge(layerService(config, options), layerIssuedPrefix)))
