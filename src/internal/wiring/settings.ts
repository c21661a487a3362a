/** The configured places of the keys and their peppers, for the server and for the command line beside it. */
import { join } from "node:path"
import * as Config from "effect/Config"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import * as Pepper from "../../hasher/Pepper.ts"
import * as Variable from "../config/variable.ts"
import { pepperFile } from "../sql/dataDir.ts"
import { DataDirError, findPepper, readOrMakePepper, readPepper } from "./embedded.ts"

/** With `DATABASE_URL`, keys outlive this machine's disk, and so must their pepper. @category errors @since 0.1.0 */
export class PepperRequired extends Schema.TaggedError<PepperRequired>()("PepperRequired", {}) {
  override get message(): string {
    return "API_KEY_PEPPER must be set along with DATABASE_URL, to at least 16 random bytes (openssl rand -base64 32), the same for every node; for a trial, API_KEY_ACCEPT_BUILT_IN_PEPPER=true goes on with the built-in one, which protects nothing"
  }
}

export const storageSettings = {
  databaseUrl: Config.option(Config.Redacted("DATABASE_URL")),
  redisUrl: Config.option(Config.Redacted("REDIS_URL")),
  dataDir: Config.String("API_KEY_DATA_DIR").pipe(Config.withDefault(".effect-api-key")),
  peppers: Config.all([
    Config.option(Config.Redacted("API_KEY_PEPPERS")),
    Config.option(Config.Redacted("API_KEY_PEPPERS_FILE")),
    Config.option(Config.Redacted("API_KEY_PEPPER")),
  ]),
  acceptsBuiltInPepper: Variable.flag("API_KEY_ACCEPT_BUILT_IN_PEPPER").pipe(Config.withDefault(false)),
}
/** The address on which the server listens, and the places of its keys. */
export const serverSettings = Config.all({
  host: Config.String("HOST").pipe(Config.withDefault("127.0.0.1")),
  port: Variable.port("PORT").pipe(Config.withDefault(3000)),
  ...storageSettings,
})
const allStorage = Config.all(storageSettings)
export type StorageSettings = Config.Success<typeof allStorage>

/**
 * The configured peppers. The embedded database keeps a pepper beside its data, which is used alone if none is configured. If there is no
 * data yet, this pepper is made, unless `mayMake` is false. Beside configured peppers it is added as an older one.
 */
export const loadPeppers = Effect.fnUntraced(function* (
  {
    peppers,
    databaseUrl,
    dataDir,
    acceptsBuiltInPepper,
  }: Pick<StorageSettings, "peppers" | "databaseUrl" | "dataDir" | "acceptsBuiltInPepper">,
  { mayMake = true } = {},
) {
  if (peppers.every(Option.isNone)) {
    if (Option.isSome(databaseUrl)) return yield* acceptsBuiltInPepper ? Pepper.loadConfig : new PepperRequired()
    return { current: { id: "", value: yield* mayMake ? readOrMakePepper(dataDir) : readPepper(pepperFile(dataDir)) }, older: [] }
  }
  const ring = yield* Pepper.loadConfig
  const kept = Option.isSome(databaseUrl) ? undefined : yield* findPepper(dataDir)
  if (kept === undefined) return ring
  const unlabelled = [ring.current, ...ring.older].find(({ id }) => id === "")
  if (unlabelled === undefined) return { ...ring, older: [...ring.older, { id: "", value: kept }] }
  // Both would check hashes without a label, and nothing tells which pepper made a hash.
  if (Redacted.value(unlabelled.value) !== Redacted.value(kept)) {
    return yield* new DataDirError({
      reason: `There are two peppers without an id, the one in ${join(dataDir, "pepper")} and a configured one (API_KEY_PEPPER, or built-in), and keys made under one are invalid under the other. If there are keys made before it was configured, give it an id in API_KEY_PEPPERS; if all were made since, or there are none, move the file away; of keys made under both, those of one have to be issued anew`,
    })
  }
  return ring
})
