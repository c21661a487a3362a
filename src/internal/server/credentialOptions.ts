import * as Config from "effect/Config"
import * as Schema from "effect/Schema"
import { type CredentialOptions, formatPlace, parsePlaces } from "../http/credentials.ts"
import * as Variable from "../config/variable.ts"

const Place = Schema.Struct({ header: Schema.String, scheme: Schema.UndefinedOr(Schema.String) })

/** Reads the places of keys in requests from the configuration. */
export const readCredentialOptions: Config.Config<CredentialOptions> = Config.all({
  accept: Variable.make(
    "API_KEY_CREDENTIALS",
    Schema.Array(Place),
    "a list of headers that differ, each with its scheme if it has one, such as Authorization: Bearer, X-API-Key",
    (text) => parsePlaces(text.split(",").map((each) => each.trim())),
    (places) => places.map(formatPlace).join(", "),
  ).pipe(
    Config.map((places): ReadonlyArray<string> | undefined => places.map(formatPlace)),
    Config.withDefault(undefined),
  ),
  foreignAuthorization: Variable.word("API_KEY_FOREIGN_AUTHORIZATION", ["ignore", "refuse"]).pipe(Config.withDefault("ignore" as const)),
})

/** Reads whether answers have the older fields of rate limits too. */
export const readXRateLimit: Config.Config<boolean> = Variable.flag("API_KEY_X_RATE_LIMIT").pipe(Config.withDefault(false))
