/** Checks that peppers are configured, and that the keys were made under them (decision 0040). */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Pepper from "../../../hasher/Pepper.ts"
import * as SqlRepository from "../../../sql/SqlRepository.ts"
import { existsSync } from "node:fs"
import { ApiKeyHasher, type ConfiguredPepper } from "../../../ApiKeyHasher.ts"
import { ApiKeyRepository } from "../../../ApiKeyRepository.ts"
import { comparePeppers, unreadableNotes } from "../../record/peppers.ts"
import { type DataDirState, pepperFile } from "../../sql/dataDir.ts"
import { CliFailure, fromError } from "../CliFailure.ts"
import { type DatabaseSettings, layerHasher, layerSql, loadPeppers } from "../database.ts"
import { counted } from "../output.ts"
import { type Finding, ok, warning, error, tagOf, messageOf, capitalise } from "./finding.ts"

export const checkPeppers = Effect.fnUntraced(function* (config: DatabaseSettings, state: DataDirState) {
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

/** Compares the configured peppers with the ones under which the keys were made. */
export const comparePepperValues = (config: DatabaseSettings): Effect.Effect<ReadonlyArray<Finding>, CliFailure> =>
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
