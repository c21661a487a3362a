/** The keys in the database that is configured, by the server's own wiring: both see the same keys under the same configuration. */
import { randomBytes } from "node:crypto"
import * as Config from "effect/Config"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import type { SqlClient } from "effect/sql/SqlClient"
import * as ApiKeys from "../../ApiKeys.ts"
import type { ApiKeyInvalidation } from "../../ApiKeyInvalidation.ts"
import type { ApiKeyHasher } from "../../ApiKeyHasher.ts"
import { ApiKeyRepository, layerMemory } from "../../ApiKeyRepository.ts"
import * as Pepper from "../../hasher/Pepper.ts"
import * as Seals from "../../hasher/Seals.ts"
import { loadAdapters } from "../wiring/adapters.ts"
import { layerArgon2 } from "../wiring/hasher.ts"
import * as Settings from "../wiring/settings.ts"
import { storageSettings, type StorageSettings } from "../wiring/settings.ts"
import * as Storage from "../wiring/storage.ts"
import { RunsOnce } from "../keys/runsOnce.ts"
import { look } from "../sql/dataDir.ts"
import * as SqlRepository from "../../sql/SqlRepository.ts"
import { CliFailure, fromError } from "./CliFailure.ts"
import { IssuedPrefix } from "./issuedPrefix.ts"
import { tokenFormat } from "./settings.ts"

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

/** The package for the embedded database, which says in one line that it isn't installed. */
export const loadPglite = Effect.mapError(Storage.loadPglite, fromError)

/** The database, as it is. A command has little to ask at a time. */
export const layerSql = (settings: DatabaseSettings): Layer.Layer<SqlClient, CliFailure> =>
  failing(Storage.layerSql(settings, { maxConnections: 2 }))

/** Argon2id under the peppers of the ring. */
export const layerHasher = (ring: Pepper.PepperRing): Layer.Layer<ApiKeyHasher, CliFailure> =>
  failing(layerArgon2).pipe(Layer.provide(Layer.succeed(Pepper.Peppers, { ring: Effect.succeed(ring) })))

const layerSeals = failing(Seals.layerConfig)

const layerOnce = Layer.succeed(RunsOnce, true)

/** The channel to the servers, where a command has to tell them of changes, or to ask whether they have applied one. */
const layerNodes = ({ redisUrl, databaseUrl }: DatabaseSettings, confirms: boolean) => {
  if (Option.isSome(redisUrl)) return layerRedis(redisUrl.value)
  // PostgreSQL tells them by itself; and what a server has embedded it has to itself.
  return confirms && Option.isSome(databaseUrl) ? layerListening(databaseUrl.value) : Layer.empty
}

export const layerRedis = (url: Redacted.Redacted): Layer.Layer<ApiKeyInvalidation, CliFailure> => failing(Storage.layerRedis(url))

export const layerListening = (url: Redacted.Redacted): Layer.Layer<ApiKeyInvalidation, CliFailure> =>
  Layer.unwrap(
    Effect.map(
      Effect.promise(() => import("../../sql/Invalidation.ts")),
      ({ layerPostgres }) => failing(layerPostgres().pipe(Layer.provide(Storage.layerPostgres(url, { maxConnections: 2 })))),
    ),
  )

/**
 * The service on the database that is configured. The embedded one is migrated, as no other command does it; a server's is left to `migrate`.
 * Only one that `confirms` can tell whether the servers have applied a change. One that doesn't note peppers writes nothing at its start.
 */
export const layerService = (config: DatabaseSettings, { confirms = false, notesPeppers = true } = {}) =>
  Layer.unwrap(
    // Before there is a database, as one without a pepper counts as having lost it.
    Effect.gen(function* () {
      const ring = yield* Effect.mapError(Effect.flatMap(loadPeppers(config), Pepper.checkRing), fromError)
      const legacy = yield* Effect.mapError(loadAdapters, fromError)
      const migrated = failing(Option.isSome(config.databaseUrl) ? SqlRepository.layer : Storage.layerMigratedRepository)
      const withPeppers = !notesPeppers ? withoutPeppers : Option.isSome(config.databaseUrl) ? withoutAssumptions : undefined
      const kept =
        withPeppers === undefined
          ? migrated
          : Layer.effect(ApiKeyRepository, Effect.map(ApiKeyRepository, withPeppers)).pipe(Layer.provide(migrated))
      return failing(ApiKeys.layerConfigWith({ legacy })).pipe(
        Layer.provide([layerHasher(ring), layerSeals, kept, layerNodes(config, confirms), layerOnce]),
        Layer.provideMerge(layerSql(config)),
      )
    }),
  )

/** As it would be in a folder that holds no database yet, for a command that is to make none. */
export const layerUnmade = Layer.unwrap(
  Effect.gen(function* () {
    const config = yield* readSettings
    const ring = config.peppers.every(Option.isNone) ? madeUp() : yield* Effect.mapError(loadPeppers(config), fromError)
    const legacy = yield* Effect.mapError(loadAdapters, fromError)
    return failing(ApiKeys.layerConfigWith({ legacy })).pipe(Layer.provide([layerHasher(ring), layerSeals, layerMemory, layerOnce]))
  }),
)

const madeUp = (): Pepper.PepperRing => ({
  current: { id: "", value: Redacted.make(randomBytes(32).toString("base64"), { label: "pepper" }) },
  older: [],
})

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
