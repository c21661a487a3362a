import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Predicate from "effect/Predicate"
import * as Queue from "effect/Queue"
import * as Redacted from "effect/Redacted"
import { SqlClient } from "effect/sql/SqlClient"
import { existsSync } from "node:fs"
import { ApiKeyInvalidation } from "../../ApiKeyInvalidation.ts"
import { ApiKeyHasher, type ConfiguredPepper, layerEphemeral } from "../../ApiKeyHasher.ts"
import { ApiKeyRepository, layerMemory } from "../../ApiKeyRepository.ts"
import { ApiKeys, type HashUsage, layerConfig } from "../../ApiKeys.ts"
import * as Argon2Hash from "../hasher/argon2Hash.ts"
import * as Pepper from "../../hasher/Pepper.ts"
import { comparePeppers, unreadableNotes } from "../record/peppers.ts"
import { readKey } from "../http/leakReports.ts"
import { type AdapterName, adapterNames, hashLabels, loadAdapters, namedAdapters } from "../wiring/adapters.ts"
import { readCredentialOptions } from "../server/credentialOptions.ts"
import { readLeakOptions } from "../server/leakOptions.ts"
import { serverSettings } from "../wiring/settings.ts"
import { misspelt } from "../wiring/variables.ts"
import { notHeard } from "../nodes/nodes.ts"
import { DamagedDataDir, type DataDirState, look, othersMayWrite, pepperFile } from "../sql/dataDir.ts"
import * as Migrations from "../../sql/Migrations.ts"
import { findMissing, type Missing } from "../sql/repair.ts"
import { readByPrimaryKeys } from "../sql/soundness.ts"
import * as SqlRepository from "../../sql/SqlRepository.ts"
import { findUnmigrated } from "../sql/unmigrated.ts"
import { rootMessage } from "../text/rootMessage.ts"
import { CliFailure, fromError } from "./CliFailure.ts"
import {
  type DatabaseSettings,
  layerHasher,
  layerListening,
  layerRedis,
  layerService,
  layerSql,
  loadPeppers,
  readSettings,
} from "./database.ts"
import type { Finding as FindingSchema } from "./Json.ts"
import { counted } from "./output.ts"
import { tokenFormat } from "./settings.ts"

type Finding = typeof FindingSchema.Type

const ok = (check: Finding["check"], message: string): Finding => ({ check, level: "ok", message, advice: null })
const warning = (check: Finding["check"], message: string, advice: string): Finding => ({ check, level: "warning", message, advice })
const error = (check: Finding["check"], message: string, advice: string): Finding => ({ check, level: "error", message, advice })

/** That of the typed error behind a failure. */
const tagOf = (cause: Cause.Cause<unknown>): string | undefined => {
  const failure = Cause.squash(cause)
  if (failure instanceof CliFailure) return failure.tag
  return Predicate.hasProperty(failure, "_tag") ? String(failure._tag) : undefined
}

const messageOf = (cause: Cause.Cause<unknown>): string => rootMessage(Cause.squash(cause))

const configurationAdvice: Readonly<Record<string, string>> = {
  MissingPackage: "Install the package",
  AdapterOptionMissing: "Set the variable that is named, or take the adapter out of API_KEY_ADAPTERS",
}

/** All that the server is configured with, tried where it costs nothing. Several faults are several findings. */
const checkConfiguration = Effect.fnUntraced(function* ({ databaseUrl, dataDir }: DatabaseSettings) {
  const service = layerConfig.pipe(Layer.provide([layerEphemeral, layerMemory]))
  const parts: ReadonlyArray<Effect.Effect<unknown, { readonly _tag: string; readonly message: string }>> = [
    serverSettings,
    Effect.flatMap(readLeakOptions, ({ signingKeys = [] }) =>
      Effect.forEach(signingKeys, ({ identifier, publicKey }) => readKey(identifier, publicKey)),
    ),
    Effect.scoped(Layer.build(service)),
    readCredentialOptions,
    loadAdapters,
  ]
  const findings: Array<Finding> = []
  for (const part of parts) {
    const tried = yield* Effect.exit(Effect.mapError(part, (error) => fromError(error)))
    if (Exit.isFailure(tried)) {
      const advice = configurationAdvice[tagOf(tried.cause) ?? ""] ?? "Correct the variable that is named"
      findings.push(error("configuration", messageOf(tried.cause), advice))
    }
  }
  if (findings.length > 0) return findings
  const names = yield* Effect.orElseSucceed(namedAdapters, () => [])
  return [
    ok("configuration", Option.isSome(databaseUrl) ? "The database is the one in DATABASE_URL" : `The database is embedded in ${dataDir}`),
    ...(names.length === 0 ? [] : [ok("configuration", `Tokens of other systems are taken too: ${names.join(", ")}`)]),
  ]
})

const checkPeppers = Effect.fnUntraced(function* (config: DatabaseSettings, state: DataDirState) {
  const { peppers, databaseUrl, dataDir } = config
  if (peppers.every(Option.isNone) && Option.isNone(databaseUrl)) {
    const file = pepperFile(dataDir)
    if (existsSync(file)) return ok("peppers", `The pepper is the one in ${file}`)
    return state === "present"
      ? error("peppers", `${dataDir} holds keys, but their pepper is neither in ${file} nor in API_KEY_PEPPER`, "Restore one of them")
      : warning("peppers", "There is no pepper yet", "The first command that needs one makes it; keep a copy of it apart from the data")
  }
  const loaded = yield* Effect.exit(Effect.flatMap(loadPeppers(config), Pepper.checkRing))
  if (Exit.isFailure(loaded)) {
    const advice =
      tagOf(loaded.cause) === "PepperRequired"
        ? "Set API_KEY_PEPPER to what the server has; for a new database, to the output of: openssl rand -base64 32"
        : "Correct API_KEY_PEPPER or API_KEY_PEPPERS, or the file that API_KEY_PEPPERS_FILE names; the server must have the same"
    return error("peppers", messageOf(loaded.cause), advice)
  }
  const { current, older } = loaded.value
  if (Redacted.value(current.value) === Redacted.value(Pepper.builtIn.value)) {
    return (config.acceptsBuiltInPepper ? warning : error)(
      "peppers",
      "New keys are hashed with the built-in pepper, which anybody can read",
      "Put a pepper of your own first, and keep built-in as an older one",
    )
  }
  const name = current.id === "" ? "without a label" : current.id
  return ok("peppers", `${1 + older.length} configured; the current one is ${name}`)
})

const plan = Object.keys(Migrations.migrations()).map((name) => ({ id: Number.parseInt(name), name: name.replace(/^\d+_/, "") }))
const newest = Math.max(...plan.map(({ id }) => id))

/** How far the database has come, and whether what was made is still there. */
const checkMigrations = (
  ids: ReadonlySet<number> | undefined,
  hasTable: boolean,
  unmigrated: Migrations.MissingMigrations | undefined,
): Finding => {
  if (ids === undefined) {
    if (hasTable && unmigrated !== undefined) {
      return error(
        "migrations",
        `The table api_keys is there without the list of its migrations, and lacks what some make. ${unmigrated.message}`,
        "If your application runs them among its own, add those to it; else restore the table effect_api_key_migrations from a backup",
      )
    }
    return hasTable
      ? warning(
          "migrations",
          "The table api_keys is there, but not the list of its migrations",
          "If your application runs them among its own, all is well; else restore the table effect_api_key_migrations from a backup",
        )
      : error("migrations", `0 of ${plan.length} have run`, "Run: effect-api-key migrate")
  }
  const last = Math.max(0, ...ids)
  if (!hasTable && last > 0) {
    return error(
      "migrations",
      "They have run, but the table api_keys isn't there",
      "If it was renamed, rename it back; if it was lost, restore it from a backup. To begin anew: DROP TABLE IF EXISTS api_keys_nodes, api_keys_reports, api_keys_peppers, effect_api_key_migrations; DROP FUNCTION IF EXISTS api_keys_tell; and effect-api-key migrate",
    )
  }
  if (last > newest)
    return warning(
      "migrations",
      `The database is at migration ${last}, and this version knows those up to ${newest}`,
      "Update effect-api-key",
    )
  // Those below the last one are never run.
  const left = plan.filter(({ id }) => id < last && !ids.has(id))
  if (left.length > 0) {
    return error(
      "migrations",
      `The list of those that have run lacks ${left.map(({ id, name }) => `${id} (${name})`).join(" and ")}, though later ones have`,
      `Restore the database from a backup; or, if only the list was changed: INSERT INTO effect_api_key_migrations (migration_id, name) VALUES ${left.map(({ id, name }) => `(${id}, '${name}')`).join(", ")}`,
    )
  }
  // A table beside it is made anew by a repair, and judged by what needs it.
  if (last === newest && unmigrated?.migrations.some(({ columns }) => columns.some((column) => column.startsWith("api_keys.")))) {
    return error("migrations", `All ${plan.length} have run. ${unmigrated.message}`, "Restore the database from a backup")
  }
  return last === newest
    ? ok("migrations", `All ${plan.length} have run`)
    : error("migrations", `${plan.filter(({ id }) => ids.has(id)).length} of ${plan.length} have run`, "Run: effect-api-key migrate")
}

/** How far two clocks are apart, as far as it can be told from here. */
export const checkClock = (before: number, after: number, database: number): Finding => {
  const skew = Math.round(database - (before + after) / 2)
  const bound = 1_000 + (after - before) / 2
  return Math.abs(skew) <= bound
    ? ok("clock", `The database's clock is within ${Math.max(1, Math.ceil(Math.abs(skew) / 1_000))} s of this one`)
    : warning(
        "clock",
        `The database's clock is ${Math.abs(skew)} ms ${skew > 0 ? "ahead of" : "behind"} this one`,
        "Let NTP set both, as expiry is judged by the clock of each node",
      )
}

const checkDatabase = Effect.fnUntraced(function* (hasRedis: boolean, databaseUrl: Option.Option<Redacted.Redacted>) {
  const sql = (yield* SqlClient).withoutTransforms()
  const findings: Array<Finding> = []
  const [version] = yield* sql<{ version: string; encoding: string }>`
    SELECT current_setting('server_version') AS version, current_setting('server_encoding') AS encoding`
  findings.push(ok("database", `PostgreSQL ${version?.version ?? "?"} answers`))
  if (version !== undefined && version.encoding !== "UTF8") {
    findings.push(
      warning(
        "database",
        `Its encoding is ${version.encoding}, so names and other texts with characters that it lacks are refused`,
        "Move the keys to a database made with: CREATE DATABASE … ENCODING 'UTF8' TEMPLATE template0",
      ),
    )
  }

  const [present] = yield* sql<{ log: boolean; keys: boolean }>`
    SELECT to_regclass('effect_api_key_migrations') IS NOT NULL AS log, to_regclass('api_keys') IS NOT NULL AS keys`
  const hasTable = present?.keys ?? false
  const logged =
    present?.log === true ? yield* sql<{ id: number }>`SELECT migration_id::int AS id FROM effect_api_key_migrations` : undefined
  const migrations = checkMigrations(
    logged === undefined ? undefined : new Set(logged.map(({ id }) => id)),
    hasTable,
    yield* findUnmigrated(),
  )
  findings.push(migrations)

  const before = yield* Clock.currentTimeMillis
  const [clock] = yield* sql<{ now: number }>`SELECT (extract(epoch FROM clock_timestamp()) * 1000)::float8 AS now`
  findings.push(checkClock(before, yield* Clock.currentTimeMillis, clock?.now ?? 0))
  // Before all migrations have run, an index that isn't there isn't missing.
  const isWhole = hasTable && migrations.level !== "error"
  if (!isWhole) return { findings, isWhole, nodes: 0 }

  const missing = yield* findMissing()
  findings.push(
    missing.indexes.length === 0
      ? ok("indexes", "All are there")
      : warning("indexes", `Missing or invalid: ${missing.indexes.join(", ")}`, repairAdvice),
  )
  // Nodes register here whatever connects them, but with Redis none listens here.
  const nodes = missing.hasNodes ? yield* countNodes : 0
  if (!missing.hasNodes) {
    findings.push(error("invalidation", "The table api_keys_nodes, in which the nodes register, isn't there", repairAdvice))
  } else if (!hasRedis) findings.push(yield* checkTriggers(missing, nodes, databaseUrl))
  if (!missing.hasReports) {
    findings.push(
      error("leaks", "The table api_keys_reports, without which reports of leaks can't be carried out, isn't there", repairAdvice),
    )
  }
  if (!missing.hasPeppers) {
    findings.push(
      error("peppers", "The table api_keys_peppers, which tells whether the peppers are the right ones, isn't there", repairAdvice),
    )
  }
  return { findings, isWhole, nodes }
})

/** Whether the peppers are those that the keys were made under. */
const comparePepperValues = (config: DatabaseSettings): Effect.Effect<ReadonlyArray<Finding>, CliFailure> =>
  Effect.gen(function* () {
    const ring = yield* Effect.mapError(loadPeppers(config), fromError)
    return yield* Effect.gen(function* () {
      const repository = yield* ApiKeyRepository
      const hasher = yield* ApiKeyHasher
      if (repository.peppers === undefined || hasher.peppers === undefined) return []
      const { other, unknown, assumed, unreadable } = yield* comparePeppers(repository, repository.peppers, yield* hasher.peppers)
      const nameOf = ({ id }: ConfiguredPepper) => (id === "" ? "The pepper without an id" : `The pepper ${id}`)
      const onlyTokens = "Verify a token that should be good: effect-api-key verify"
      return [
        ...(other === undefined ? [] : [error("peppers", other.found, capitalise(other.advice))]),
        ...(unreadable.length === 0 ? [] : [warning("peppers", unreadableNotes(unreadable), onlyTokens)]),
        ...unknown
          .filter(({ count }) => count > 0)
          .map(({ pepper, count }) =>
            warning(
              "peppers",
              `${nameOf(pepper)} isn't vouched for yet: ${counted(count, "key")} from before it was noted may need another one`,
              `${onlyTokens}. The next start of the server or the application notes the pepper`,
            ),
          ),
        ...assumed.map((pepper) =>
          ok(
            "peppers",
            `${nameOf(pepper)} is the one that was noted when there were keys already; only their tokens tell whether it is theirs`,
          ),
        ),
      ]
    }).pipe(
      Effect.mapError(fromError),
      Effect.provide(Layer.mergeAll(layerHasher(ring), Layer.orDie(SqlRepository.layer)), { local: true }),
      Effect.scoped,
      Effect.provide(layerSql(config), { local: true }),
      Effect.scoped,
    )
  })

/** Reads every row. Opening the database has read a part of them. */
const checkRows = ({ dataDir }: DatabaseSettings) =>
  Effect.matchEffect(readByPrimaryKeys("every"), {
    onSuccess: () => Effect.succeed<ReadonlyArray<Finding>>([]),
    onFailure: ({ message, reason }) => {
      const { found, advice } = new DamagedDataDir({ dataDir, reason: reason.message || message })
      return Effect.succeed([error("database", found, capitalise(advice))])
    },
  })

/** Tokens of another prefix than the configured one are refused here, but for those that adapters know. */
const checkPrefixes = (config: DatabaseSettings): Effect.Effect<ReadonlyArray<Finding>> =>
  Effect.gen(function* () {
    const sql = (yield* SqlClient).withoutTransforms()
    const { prefix } = yield* tokenFormat
    const others = yield* sql<{ prefix: string; count: number }>`
      SELECT prefix, count(*)::int AS count FROM api_keys
      WHERE prefix <> ${prefix}::text AND NOT starts_with(hash, '$legacy-') AND key_id ~ '^[0-9a-f]{16}$'
      GROUP BY prefix ORDER BY count DESC, prefix LIMIT 5`
    if (others.length === 0) return []
    const list = others.map((other) => `${counted(other.count, "key")} with ${other.prefix}`).join(", ")
    return [
      warning(
        "configuration",
        `The prefix is ${prefix} here, and ${list} in the database: their tokens are refused here, and new ones may be refused there`,
        "Set API_KEY_PREFIX and API_KEY_SEPARATOR to what the application has; where its prefix was changed on purpose, rotate the keys that have the old one",
      ),
    ]
  }).pipe(
    Effect.provide(layerSql(config), { local: true }),
    Effect.scoped,
    // The other checks find faults of the database.
    Effect.catchCause(() => Effect.succeed([])),
  )

const repairAdvice = "Run: effect-api-key migrate --repair"

const countNodes = Effect.gen(function* () {
  const sql = (yield* SqlClient).withoutTransforms()
  const [nodes] = yield* sql<{ count: number }>`SELECT count(*)::int AS count FROM api_keys_nodes WHERE live_until > now()`
  return nodes?.count ?? 0
})

const checkTriggers = Effect.fnUntraced(function* (
  { triggers, hasTell }: Missing,
  nodes: number,
  databaseUrl: Option.Option<Redacted.Redacted>,
) {
  const sql = (yield* SqlClient).withoutTransforms()
  if (triggers.length > 0 || !hasTell) {
    return error("invalidation", `Changes aren't told to the nodes: missing or disabled are ${triggers.join(", ")}`, repairAdvice)
  }
  const [role] = yield* sql<{ standby: boolean }>`SELECT pg_is_in_recovery() AS standby`
  if (role?.standby === true) {
    return error("invalidation", "This database is a standby, which knows no LISTEN", "Set DATABASE_URL to the primary")
  }
  const listen = listening(nodes)
  // An embedded database has one process, so no trigger stands between nodes.
  if (Option.isNone(databaseUrl)) return ok("invalidation", `Changes are told; ${listen}`)
  return yield* checkHeard(`Changes are told and heard; ${listen}`).pipe(
    Effect.provide(layerListening(databaseUrl.value), { local: true }),
    Effect.catchCause((cause) =>
      Effect.succeed(error("invalidation", messageOf(cause), "See that the database takes two more connections")),
    ),
  )
})

const listening = (count: number): string => `${counted(count, "node")} ${count === 1 ? "listens" : "listen"}`

/** Whether what is said is heard, as a node hears it: by a connection on which nothing else is said. */
const checkHeard = (message: string) =>
  Effect.gen(function* () {
    const { subscribe, publish, advice } = yield* ApiKeyInvalidation
    const heard = yield* subscribe
    // Nodes leave it alone.
    const probe = `?doctor ${crypto.randomUUID()}`
    yield* publish(probe)
    const isHeard = yield* Effect.timeoutOption(Effect.repeat(Queue.take(heard), { until: (text) => text === probe }), "3 seconds")
    if (Option.isSome(isHeard)) return ok("invalidation", message)
    return error("invalidation", notHeard, advice ?? "See that what connects the servers passes on what they tell each other")
  }).pipe(Effect.scoped)

const checkRedis = (url: Redacted.Redacted, nodes: number): Effect.Effect<Finding> =>
  checkHeard(`Redis tells of changes; ${listening(nodes)}`).pipe(
    Effect.provide(layerRedis(url), { local: true }),
    Effect.scoped,
    Effect.timeout("10 seconds"),
    Effect.catchCause((cause) =>
      Effect.succeed(
        error(
          "invalidation",
          messageOf(cause),
          databaseAdvice[tagOf(cause) ?? ""] ?? "See that Redis runs, and that REDIS_URL is right for you and for the servers",
        ),
      ),
    ),
  )

/** Whether the server's hasher, and that of the command line, can check hashes of a kind at all. */
const isChecked = ({ algorithm, parameters }: HashUsage, adapters: ReadonlyArray<AdapterName>): boolean => {
  if (adapters.some((name) => hashLabels[name].includes(algorithm))) return true
  const [, memory, passes, lanes] = /^v=19,m=(\d+),t=(\d+),p=(\d+)$/.exec(parameters) ?? []
  return (
    /^argon2(?:id|i|d)$/.test(algorithm) &&
    lanes !== undefined &&
    Number(memory) <= Argon2Hash.defaultBounds.memory &&
    Number(passes) <= Argon2Hash.defaultBounds.passes &&
    Number(lanes) <= Argon2Hash.defaultBounds.parallelism
  )
}

/** Hashes of which nothing can be said but that they aren't ours, and those of which something can be done. */
export const judgeHashes = (
  report: ReadonlyArray<HashUsage>,
  ring: Pepper.PepperRing,
  adapters: ReadonlyArray<AdapterName> = [],
): ReadonlyArray<Finding> => {
  const isKnown = (usage: HashUsage) => isChecked(usage, adapters)
  const systems = adapterNames.filter((name) => report.some(({ algorithm }) => hashLabels[name].includes(algorithm)))
  const peppers = new Set([ring.current, ...ring.older].map(({ id }) => id))
  const isPeppered = ({ pepper }: HashUsage) => pepper === null || peppers.has(pepper)
  const foreign = report.filter((usage) => !isKnown(usage))
  const lost = report.filter((usage) => isKnown(usage) && !isPeppered(usage))
  const stale = report.filter((usage) => isKnown(usage) && isPeppered(usage) && !usage.isCurrent)
  const list = (usages: ReadonlyArray<HashUsage>) =>
    usages
      .map(({ algorithm, parameters, pepper, count }) =>
        `${count} of ${algorithm || "no known form"} ${parameters}${pepper === null || pepper === "" ? "" : ` under ${pepper}`}`.trim(),
      )
      .join("; ")
  const findings = [
    ...(lost.length === 0
      ? []
      : [
          error(
            "hashes",
            `Their peppers aren't configured, so their keys can't be verified: ${list(lost)}`,
            "Configure every pepper that hashes were made with, as an older one (see docs/guides/pepper.md)",
          ),
        ]),
    ...(foreign.length === 0
      ? []
      : [
          warning(
            "hashes",
            `Neither serve nor this command line can check: ${list(foreign)}`,
            foreign.every(({ algorithm }) => algorithm.startsWith("legacy-"))
              ? `Name the system that they are of in API_KEY_ADAPTERS (${systems.join(" or ")}), for the server too: see docs/guides/moving-in.md`
              : "An application with the hasher or adapter that made them can (ApiKeyHasher.layerSeveral, docs/guides/moving-in.md; adapters also by API_KEY_ADAPTERS); where there is none, rotate or delete their keys",
          ),
        ]),
    ...(stale.length === 0
      ? []
      : [
          warning(
            "hashes",
            `Not of the current kind: ${list(stale)}`,
            "Each is made anew at its key's next use; rotate the keys that aren't used (effect-api-key hash-report)",
          ),
        ]),
  ]
  return findings.length === 0 ? [ok("hashes", "All are of the current kind")] : findings
}

/** Examines the configuration and the database, in the order in which one needs the other. */
export const examine: Effect.Effect<ReadonlyArray<Finding>> = Effect.gen(function* () {
  const configured = yield* Effect.exit(readSettings)
  if (Exit.isFailure(configured)) return [error("configuration", messageOf(configured.cause), "Correct the variable that is named")]
  const config = configured.value
  const isEmbedded = Option.isNone(config.databaseUrl)
  const findings: Array<Finding> = [...(yield* checkConfiguration(config))]
  for (const name of misspelt()) findings.push(warning("configuration", name, "Correct its name, or unset it"))
  const state = isEmbedded ? yield* Effect.exit(Effect.mapError(look(config.dataDir), fromError)) : Exit.succeed("present" as const)
  // The pepper is looked for in the same folder.
  if (Exit.isFailure(state)) return [...findings, error("database", ...splitAdvice(state.cause))]
  findings.push(yield* checkPeppers(config, state.value))
  const others = isEmbedded ? yield* othersMayWrite(config.dataDir) : undefined
  if (others !== undefined) findings.push(warning("database", others, "Make the folder this user's own: chown and chmod 700"))
  if (state.value !== "present") {
    return [
      ...findings,
      warning("database", `There is none in ${config.dataDir} yet`, "The first command that needs it makes it; or set DATABASE_URL"),
    ]
  }
  const examined = yield* Effect.exit(
    checkDatabase(Option.isSome(config.redisUrl), config.databaseUrl).pipe(
      Effect.tap(({ findings }) => (isEmbedded ? Effect.map(checkRows(config), (finding) => findings.push(...finding)) : Effect.void)),
      Effect.provide(layerSql(config), { local: true }),
      Effect.scoped,
      // The embedded one is on this machine, and every row of it is read.
      isEmbedded ? Effect.timeout("5 minutes") : Effect.timeout("10 seconds"),
    ),
  )
  if (Exit.isFailure(examined)) {
    return [...findings, error("database", ...splitAdvice(examined.cause))]
  }
  findings.push(...examined.value.findings)
  if (Option.isSome(config.redisUrl)) findings.push(yield* checkRedis(config.redisUrl.value, examined.value.nodes))
  if (!examined.value.isWhole) return findings
  if (findings.every(({ check, level }) => check !== "peppers" || level !== "error")) {
    const compared = yield* Effect.exit(comparePepperValues(config))
    if (Exit.isSuccess(compared)) findings.push(...compared.value)
    else findings.push(error("peppers", messageOf(compared.cause), "See that the database can be read"))
  }
  // Without these there is no service that could count hashes.
  if (findings.some(({ check, level }) => (check === "configuration" || check === "peppers") && level === "error")) return findings
  const report = yield* Effect.exit(
    // Whatever Redis does, hashes can be counted.
    ApiKeys.use(({ hashReport }) => hashReport).pipe(
      Effect.provide(layerService({ ...config, redisUrl: Option.none() }, { notesPeppers: false }).pipe(Layer.orDie), { local: true }),
      Effect.scoped,
    ),
  )
  if (Exit.isSuccess(report)) findings.push(...(yield* checkPrefixes(config)))
  if (Exit.isSuccess(report)) {
    const names = yield* Effect.orElseSucceed(namedAdapters, () => [])
    return [...findings, ...judgeHashes(report.value, yield* Effect.orDie(loadPeppers(config)), names)]
  }
  return [
    ...findings,
    error(
      "hashes",
      messageOf(report.cause),
      tagOf(report.cause) === "MissingPeppers"
        ? "Configure every pepper that hashes were made with, as an older one (see docs/guides/pepper.md)"
        : "See that the database can be read, and Argon2id computed",
    ),
  ]
})

/** The message of a finding, and its advice. */
const splitAdvice = (cause: Cause.Cause<unknown>): readonly [message: string, advice: string] => {
  const failure = Cause.squash(cause)
  const message = rootMessage(failure)
  return failure instanceof CliFailure && failure.advice !== undefined
    ? [message.replace(`: ${failure.advice}`, ""), capitalise(failure.advice)]
    : [`It can't be used: ${message}`, databaseAdvice[tagOf(cause) ?? ""] ?? "See that it runs, and that its files are whole"]
}

const capitalise = (text: string): string => text.replace(/^./, (letter) => letter.toUpperCase())

const databaseAdvice: Readonly<Record<string, string>> = {
  MissingPackage: "Install the package",
  DataDirLocked: "Ask the server that has it, with --url, or stop it first",
}
