import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Predicate from "effect/Predicate"
import * as Redacted from "effect/Redacted"
import { SqlClient } from "effect/sql/SqlClient"
import { existsSync } from "node:fs"
import { join } from "node:path"
import { ApiKeyInvalidation } from "../ApiKeyInvalidation.ts"
import { layerEphemeral } from "../ApiKeyHasher.ts"
import { layerMemory } from "../ApiKeyRepository.ts"
import { ApiKeys, layerConfig } from "../ApiKeys.ts"
import * as Pepper from "../hasher/Pepper.ts"
import * as Migrations from "../sql/Migrations.ts"
import { CliFailure, fromError } from "./CliFailure.ts"
import { type DatabaseSettings, layerRedis, layerService, layerSql, loadPeppers, readSettings } from "./database.ts"
import type { Finding as FindingSchema } from "./Json.ts"

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

const messageOf = (cause: Cause.Cause<unknown>): string => {
  const squashed = Cause.squash(cause)
  return (squashed instanceof Error ? squashed.message : String(squashed)).replace(/\s+/g, " ")
}

/** What the service itself is configured with, tried where it costs nothing. */
const checkConfiguration = Effect.fnUntraced(function* ({ databaseUrl, dataDir }: DatabaseSettings) {
  const service = layerConfig.pipe(Layer.provide([layerEphemeral, layerMemory]))
  const built = yield* Effect.exit(Effect.scoped(Layer.build(service)))
  return Exit.isFailure(built)
    ? error("configuration", messageOf(Cause.map(built.cause, fromError)), "Correct the variable that is named")
    : ok("configuration", Option.isSome(databaseUrl) ? "The database is the one in DATABASE_URL" : `The database is embedded in ${dataDir}`)
})

const checkPeppers = Effect.fnUntraced(function* (config: DatabaseSettings) {
  const { peppers, databaseUrl, dataDir } = config
  if (peppers.every(Option.isNone) && Option.isNone(databaseUrl)) {
    return existsSync(join(dataDir, "pepper"))
      ? ok("peppers", `The pepper is the one in ${join(dataDir, "pepper")}`)
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
    return error(
      "peppers",
      "New keys are hashed with the built-in pepper, which anybody can read",
      "Put a pepper of your own first, and keep built-in as an older one",
    )
  }
  // Hashes tell labels alone.
  const name = current.id === "" ? "without a label, so only a token tells whether it is the right one" : current.id
  return ok("peppers", `${1 + older.length} configured; the current one is ${name}`)
})

const tables = ["api_keys", "api_keys_nodes"]
const indexes = [
  "created",
  "name",
  "expires_asc",
  "expires_desc",
  "last_used_asc",
  "last_used_desc",
  "owner",
  "scopes",
  "previous",
  "token",
]

const checkDatabase = Effect.fnUntraced(function* (hasRedis: boolean) {
  const sql = (yield* SqlClient).withoutTransforms()
  const findings: Array<Finding> = []
  const [version] = yield* sql<{ version: string }>`SELECT current_setting('server_version') AS version`
  findings.push(ok("database", `PostgreSQL ${version?.version ?? "?"} answers`))

  const present = yield* sql<{
    name: string
  }>`SELECT name FROM unnest(ARRAY[${sql.literal(["effect_api_key_migrations", ...tables].map((name) => `'${name}'`).join(","))}]) AS name WHERE to_regclass(name) IS NOT NULL`
  const known = Object.keys(Migrations.migrations()).length
  const isLogged = present.some(({ name }) => name === "effect_api_key_migrations")
  const done = isLogged
    ? ((yield* sql<{ last: number | null }>`SELECT max(migration_id)::int AS last FROM effect_api_key_migrations`)[0]?.last ?? 0)
    : 0
  const hasTable = present.some(({ name }) => name === "api_keys")
  if (done === known) findings.push(ok("migrations", `All ${known} have run`))
  else if (done > known) {
    findings.push(warning("migrations", `The database has ${done} migrations, and this version knows ${known}`, "Update effect-api-key"))
  } else if (!isLogged && hasTable) {
    findings.push(
      warning(
        "migrations",
        "The table api_keys is there, but not the list of its migrations",
        "If your application runs them among its own, all is well; else run: effect-api-key migrate",
      ),
    )
  } else findings.push(error("migrations", `${done} of ${known} have run`, "Run: effect-api-key migrate"))

  const before = yield* Clock.currentTimeMillis
  const [clock] = yield* sql<{ now: number }>`SELECT (extract(epoch FROM clock_timestamp()) * 1000)::float8 AS now`
  const after = yield* Clock.currentTimeMillis
  const skew = Math.round((clock?.now ?? 0) - (before + after) / 2)
  const bound = 1_000 + (after - before) / 2
  findings.push(
    Math.abs(skew) <= bound
      ? ok("clock", `The database's clock is within ${Math.max(1, Math.ceil(Math.abs(skew) / 1_000))} s of this one`)
      : warning(
          "clock",
          `The database's clock is ${Math.abs(skew)} ms ${skew > 0 ? "ahead of" : "behind"} this one`,
          "Let NTP set both, as expiry is judged by the clock of each node",
        ),
  )
  if (!hasTable) return { findings, hasTable }

  const rows = yield* sql<{ name: string; valid: boolean }>`
    SELECT c.relname AS name, i.indisvalid AS valid FROM pg_index i
    JOIN pg_class c ON c.oid = i.indexrelid WHERE i.indrelid = 'api_keys'::regclass`
  const sound = new Set(rows.filter(({ valid }) => valid).map(({ name }) => name))
  const missing = ["api_keys_pkey", "api_keys_key_id_key", ...indexes.map((name) => `api_keys_${name}_idx`)].filter(
    (name) => !sound.has(name),
  )
  findings.push(
    missing.length === 0
      ? ok("indexes", "All are there")
      : warning(
          "indexes",
          `Missing or invalid: ${missing.join(", ")}`,
          "Run effect-api-key migrate; what it has made before and was dropped since, make again by hand (see Migrations)",
        ),
  )

  // With Redis nobody listens here.
  if (!hasRedis) findings.push(yield* checkTriggers(present.some(({ name }) => name === "api_keys_nodes")))
  return { findings, hasTable }
})

const checkTriggers = Effect.fnUntraced(function* (hasNodes: boolean) {
  const sql = (yield* SqlClient).withoutTransforms()
  const triggers = yield* sql<{ name: string; enabled: string }>`
    SELECT tgname AS name, tgenabled AS enabled FROM pg_trigger WHERE tgrelid = 'api_keys'::regclass AND NOT tgisinternal`
  const silent = ["update", "write", "truncate"].filter(
    // The others are disabled, or fire for what is replicated alone.
    (event) => !triggers.some(({ name, enabled }) => name === `api_keys_tell_${event}` && (enabled === "A" || enabled === "O")),
  )
  const [nodes] = hasNodes ? yield* sql<{ count: number }>`SELECT count(*)::int AS count FROM api_keys_nodes WHERE live_until > now()` : []
  const [role] = yield* sql<{ standby: boolean }>`SELECT pg_is_in_recovery() AS standby`
  if (silent.length > 0) {
    return error(
      "invalidation",
      `Changes aren't told to the nodes: the triggers for ${silent.join(", ")} are missing or disabled`,
      "Run effect-api-key migrate, or enable them: ALTER TABLE api_keys ENABLE ALWAYS TRIGGER …",
    )
  }
  return role?.standby === true
    ? error("invalidation", "This database is a standby, which knows no LISTEN", "Set DATABASE_URL to the primary")
    : ok("invalidation", `Changes are told; ${nodes?.count ?? 0} nodes listen`)
})

const checkRedis = (url: Redacted.Redacted): Effect.Effect<Finding> =>
  Effect.gen(function* () {
    const { nodes } = yield* ApiKeyInvalidation
    return ok("invalidation", `Redis tells of changes; ${(yield* nodes).length} nodes listen`)
  }).pipe(
    Effect.provide(layerRedis(url), { local: true }),
    Effect.scoped,
    Effect.timeout("10 seconds"),
    Effect.catchCause((cause) =>
      Effect.succeed(
        error("invalidation", messageOf(cause), "See that Redis runs, and that REDIS_URL is right for you and for the servers"),
      ),
    ),
  )

const checkHashes = Effect.gen(function* () {
  const report = yield* (yield* ApiKeys).hashReport
  const stale = report.filter(({ isCurrent }) => !isCurrent)
  if (stale.length === 0) return ok("hashes", "All are of the current kind")
  const each = stale.map(({ algorithm, parameters, pepper, count }) =>
    `${count} of ${algorithm} ${parameters}${pepper === null || pepper === "" ? "" : ` under ${pepper}`}`.trim(),
  )
  return warning(
    "hashes",
    `Not of the current kind: ${each.join("; ")}`,
    "Each is made anew at its key's next use; rotate the keys that aren't used (effect-api-key hash-report)",
  )
})

/** What there is to say of the configuration and the database, in the order in which one needs the other. */
export const examine: Effect.Effect<ReadonlyArray<Finding>> = Effect.gen(function* () {
  const configured = yield* Effect.exit(readSettings)
  if (Exit.isFailure(configured)) return [error("configuration", messageOf(configured.cause), "Correct the variable that is named")]
  const config = configured.value
  const findings: Array<Finding> = [yield* checkConfiguration(config), yield* checkPeppers(config)]
  if (Option.isNone(config.databaseUrl) && !existsSync(join(config.dataDir, "pgdata"))) {
    return [
      ...findings,
      warning("database", `There is none in ${config.dataDir} yet`, "The first command that needs it makes it; or set DATABASE_URL"),
    ]
  }
  const examined = yield* Effect.exit(
    checkDatabase(Option.isSome(config.redisUrl)).pipe(
      Effect.provide(layerSql(config), { local: true }),
      Effect.scoped,
      Effect.timeout("10 seconds"),
    ),
  )
  if (Exit.isFailure(examined)) {
    const failure = Cause.squash(examined.cause)
    return [
      ...findings,
      error(
        "database",
        `It can't be used: ${rootMessage(failure)}`,
        databaseAdvice[tagOf(examined.cause) ?? ""] ?? "See that it runs, and that DATABASE_URL is right",
      ),
    ]
  }
  findings.push(...examined.value.findings)
  if (Option.isSome(config.redisUrl)) findings.push(yield* checkRedis(config.redisUrl.value))
  if (!examined.value.hasTable || findings.some(({ check, level }) => check === "migrations" && level === "error")) return findings
  // Without these there is no service that could count hashes.
  if (findings.some(({ check, level }) => (check === "configuration" || check === "peppers") && level === "error")) return findings
  const hashes = yield* Effect.exit(
    // Whatever Redis does, hashes can be counted.
    checkHashes.pipe(
      Effect.provide(layerService({ ...config, redisUrl: Option.none() }).pipe(Layer.orDie), { local: true }),
      Effect.scoped,
    ),
  )
  return [
    ...findings,
    Exit.isSuccess(hashes)
      ? hashes.value
      : error(
          "hashes",
          messageOf(hashes.cause),
          tagOf(hashes.cause) === "MissingPeppers"
            ? "Configure every pepper that hashes were made with, as an older one (see docs/guides/pepper.md)"
            : "See that the database can be read, and Argon2id computed",
        ),
  ]
})

const databaseAdvice: Readonly<Record<string, string>> = {
  MissingPackage: "Install the package",
  DataDirLocked: "Ask the server that has it, with --url, or stop it first",
}

const rootMessage = (failure: unknown): string => {
  let message = String(failure)
  for (let each: unknown = failure; each instanceof Error; each = each.cause) if (each.message !== "") message = each.message
  return message.replace(/\s+/g, " ")
}
