/** Checks of the configuration, and of the prefix of tokens in the database. */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import { SqlClient } from "effect/sql/SqlClient"
import { layerEphemeral } from "../../../ApiKeyHasher.ts"
import { layerMemory } from "../../../ApiKeyRepository.ts"
import { layerConfig } from "../../../ApiKeys.ts"
import * as Seals from "../../../hasher/Seals.ts"
import { readKey } from "../../http/leakReports.ts"
import { loadAdapters, namedAdapters } from "../../wiring/adapters.ts"
import { readCredentialOptions } from "../../server/credentialOptions.ts"
import { readLeakOptions } from "../../server/leakOptions.ts"
import { serverSettings } from "../../wiring/settings.ts"
import { fromError } from "../CliFailure.ts"
import { type DatabaseSettings, layerSql } from "../database.ts"
import { counted } from "../output.ts"
import { tokenFormat } from "../settings.ts"
import { type Finding, ok, warning, error, tagOf, messageOf } from "./finding.ts"

const configurationAdvice: Readonly<Record<string, string>> = {
  MissingPackage: "Install the package",
  AdapterOptionMissing: "Set the variable that is named, or take the adapter out of API_KEY_ADAPTERS",
}

/** Tries the server's whole configuration without its database and its network. Each fault is a finding of its own. */
export const checkConfiguration = Effect.fnUntraced(function* ({ databaseUrl, dataDir }: DatabaseSettings) {
  // The configuration may require seals, and seals need a key.
  const seals = Seals.layerRing({ current: { id: "tried", value: Redacted.make("a key that seals no token") }, older: [] })
  const service = layerConfig.pipe(Layer.provide([layerEphemeral, layerMemory, seals]))
  const parts: ReadonlyArray<Effect.Effect<unknown, { readonly _tag: string; readonly message: string }>> = [
    serverSettings,
    Seals.loadConfig,
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

/** Looks for keys with another prefix than the configured one. Their tokens are refused here, except tokens of adapters. */
export const checkPrefixes = (config: DatabaseSettings): Effect.Effect<ReadonlyArray<Finding>> =>
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
    // Other checks report the faults of the database.
    Effect.catchCause(() => Effect.succeed([])),
  )
