/** Checks the configuration and the database for faults. */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import { ApiKeys } from "../../ApiKeys.ts"
import { readOptions } from "../keys/configuration.ts"
import { namedAdapters } from "../wiring/adapters.ts"
import { misspelt } from "../wiring/variables.ts"
import { look, othersMayWrite } from "../sql/dataDir.ts"
import { fromError } from "./CliFailure.ts"
import { layerService, layerSql, loadPeppers, readSettings } from "./database.ts"
import { type Finding, warning, error, tagOf, messageOf, splitAdvice } from "./doctor/finding.ts"
import { judgeHashes } from "./doctor/hashes.ts"
import { checkConfiguration, checkPrefixes } from "./doctor/configuration.ts"
import { checkPeppers, comparePepperValues } from "./doctor/peppers.ts"
import { checkRedis } from "./doctor/channel.ts"
import { judgeAdapters, judgeSeals } from "./doctor/seals.ts"
import { checkLimits } from "./doctor/limits.ts"
import { checkPolicies } from "./doctor/policies.ts"
import { checkDatabase, checkRows } from "./doctor/database.ts"

/** Runs all checks. A later check may need the result of an earlier one. */
export const examine: Effect.Effect<ReadonlyArray<Finding>> = Effect.gen(function* () {
  const configured = yield* Effect.exit(readSettings)
  if (Exit.isFailure(configured)) return [error("configuration", messageOf(configured.cause), "Correct the variable that is named")]
  const config = configured.value
  const isEmbedded = Option.isNone(config.databaseUrl)
  const findings: Array<Finding> = [...(yield* checkConfiguration(config))]
  for (const name of misspelt()) findings.push(warning("configuration", name, "Correct its name, or unset it"))
  const state = isEmbedded ? yield* Effect.exit(Effect.mapError(look(config.dataDir), fromError)) : Exit.succeed("present" as const)
  // The pepper is in the same folder, so it can't be checked either.
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
      // Every row of an embedded database is read, which takes longer.
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
    // Without the package there is no hasher, and so nothing more to ask.
    else if (tagOf(compared.cause) === "MissingPackage")
      return [...findings, error("hashes", messageOf(compared.cause), "Install the package")]
    else findings.push(error("peppers", messageOf(compared.cause), "See that the database can be read"))
  }
  // The service that counts hashes needs a sound configuration and sound peppers.
  if (findings.some(({ check, level }) => (check === "configuration" || check === "peppers") && level === "error")) return findings
  const report = yield* Effect.exit(
    // The count of hashes doesn't need Redis, which may be down.
    ApiKeys.use(({ hashReport, sealReport }) => Effect.all({ hashes: hashReport, seals: sealReport })).pipe(
      Effect.provide(layerService({ ...config, redisUrl: Option.none() }, { notesPeppers: false }).pipe(Layer.orDie), { local: true }),
      Effect.scoped,
    ),
  )
  if (Exit.isSuccess(report)) findings.push(...(yield* checkPrefixes(config)), ...(yield* checkPolicies(config)))
  if (Exit.isSuccess(report)) {
    const names = yield* Effect.orElseSucceed(namedAdapters, () => [])
    const { hashes, seals } = report.value
    const options = yield* Effect.orDie(readOptions)
    return [
      ...findings,
      ...(yield* checkLimits(config, options)),
      ...judgeAdapters(seals, names),
      ...judgeHashes(hashes, yield* Effect.orDie(loadPeppers(config)), names),
      ...judgeSeals(seals, options.seals),
    ]
  }
  if (tagOf(report.cause) === "UnsealedTokens") {
    return [
      ...findings,
      error("seals", messageOf(report.cause), "See which they are: API_KEY_SEAL_RULE=preferred effect-api-key seal-report"),
    ]
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
