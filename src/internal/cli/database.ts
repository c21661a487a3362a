/** The keys in the configured database. The wiring is the server's, so both see the same keys under one configuration (decision 0058). */
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

/** The folder for the embedded database, if the folder holds no database yet. */
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

/** The peppers under the server's configuration. Beside `DATABASE_URL` a missing pepper is a failure, and none is made. */
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

/** The package for the embedded database. Its absence is a failure with a message of one line. */
export const loadPglite = Effect.mapError(Storage.loadPglite, fromError)

/** The configured database, without migrations. A command has few statements at a time, so two connections are enough. */
export const layerSql = (settings: DatabaseSettings): Layer.Layer<SqlClient, CliFailure> =>
  failing(Storage.layerSql(settings, { maxConnections: 2 }))

/** Argon2id under the peppers of the ring. */
export const layerHasher = (ring: Pepper.PepperRing): Layer.Layer<ApiKeyHasher, CliFailure> =>
  failing(layerArgon2).pipe(Layer.provide(Layer.succeed(Pepper.Peppers, { ring: Effect.succeed(ring) })))

const layerSeals = failing(Seals.layerConfig)

const layerOnce = Layer.succeed(RunsOnce, true)

/** The channel to the servers. A command tells of its changes there, or asks whether the servers have applied one. */
const layerNodes = ({ redisUrl, databaseUrl }: DatabaseSettings, confirms: boolean) => {
  if (Option.isSome(redisUrl)) return layerRedis(redisUrl.value)
  // Triggers in PostgreSQL tell of changes, so only a question needs the channel. An embedded database has no other process.
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
 * The service over the configured database. An embedded database is migrated here. A database at `DATABASE_URL` is left to the command
 * `migrate`. Only with `confirms` can the service tell whether the servers have applied a change. Without `notesPeppers` its start writes
 * nothing.
 */
export const layerService = (config: DatabaseSettings, { confirms = false, notesPeppers = true } = {}) =>
  Layer.unwrap(
    // The pepper is made before the database. An embedded database without a pepper counts as having lost its pepper.
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

/** The service of a new, empty database, in memory. It is for commands that must not make the embedded database. */
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

/**
 * Skips the note of a pepper if keys exist that may need it. The servers note that pepper (decision 0040). The note of a pepper that is mistyped
 * here would keep the servers from starting.
 */
const withoutAssumptions = (repository: ApiKeyRepository["Service"]): ApiKeyRepository["Service"] => {
  const { peppers } = repository
  if (peppers === undefined) return repository
  return { ...repository, peppers: { ...peppers, note: (pepper, at) => (pepper.isAssumed ? Effect.void : peppers.note(pepper, at)) } }
}

const withoutPeppers = ({ peppers: _, ...repository }: ApiKeyRepository["Service"]): ApiKeyRepository["Service"] => repository

/** The default prefix of tokens that are made here. With `API_KEY_PREFIX` the prefix is deliberate, and isn't checked. */
const layerIssuedPrefix = Layer.effect(
  IssuedPrefix,
  Effect.gen(function* () {
    const configured = yield* Effect.orDie(Config.option(Config.String("API_KEY_PREFIX")))
    return Option.isSome(configured) && configured.value !== "" ? undefined : (yield* tokenFormat).prefix
  }),
)

export const layerDatabase = (options: { readonly confirms: boolean }) =>
  Layer.unwrap(Effect.map(readSettings, (config) => Layer.merge(layerService(config, options), layerIssuedPrefix)))
