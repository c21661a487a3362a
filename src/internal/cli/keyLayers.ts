/** The keys of the package's own command line: in the configured database, or on a server. */
import { TerminalCapabilities } from "effect/cli/TerminalCapabilities"
import * as Config from "effect/Config"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import { checkServerUrl, type InvalidServerUrl } from "../http/serverUrl.ts"
import { fromError, usage } from "./CliFailure.ts"
import { readSecret } from "./keyName.ts"
import { note } from "./output.ts"
import * as Settings from "./settings.ts"

const refusals: Readonly<Record<InvalidServerUrl["reason"], string>> = {
  Malformed: "needs an http or https URL",
  Credentials: "has a user or a password in it, which your shell's history has now too: leave them out",
  QueryOrFragment: "needs a URL without ? and #",
  Plaintext: "would send tokens over the network in plaintext: use https, or add --allow-plaintext if you trust the network",
}

const layerServer = Effect.fnUntraced(function* (url: string) {
  const plaintext = (yield* Settings.AllowPlaintext) ? "anywhere" : "loopback"
  yield* Effect.mapError(checkServerUrl(url, plaintext), ({ reason }) => usage(`--url ${refusals[reason]}`))
  const configured = yield* Effect.orDie(Config.option(Config.Redacted("EFFECT_API_KEY_TOKEN")))
  const token = Option.isSome(configured) ? configured.value : yield* askForToken
  const { readCredentialOptions } = yield* Effect.promise(() => import("../server/credentialOptions.ts"))
  const { accept } = yield* readCredentialOptions
  const { layerFetch } = yield* Effect.promise(() => import("../../http/client.ts"))
  const tokenFormat = yield* Settings.tokenFormat
  const tokenName = Option.isSome(configured) ? "the token in EFFECT_API_KEY_TOKEN" : "the token"
  return Layer.catch(layerFetch({ url, plaintext, token, tokenName, tokenFormat, place: accept?.[0] }), (error) =>
    Layer.effectContext(Effect.fail(fromError(error))),
  )
})

// The command may read standard input itself, so only a terminal is asked for the token.
const askForToken = Effect.flatMap(TerminalCapabilities, ({ canPrompt }) =>
  canPrompt ? readSecret("the token for the server") : Effect.fail(usage("--url needs a token in EFFECT_API_KEY_TOKEN")),
)

/** Announces a new embedded database, as making one takes seconds. A missing package is a failure before that. */
export const announceNew = Effect.gen(function* () {
  const { isNew, loadPglite } = yield* Effect.promise(() => import("./database.ts"))
  const made = yield* isNew
  if (Option.isNone(made)) return
  yield* loadPglite
  yield* note(`Making a database in ${made.value}`)
})

export const noteMisspelt = Effect.gen(function* () {
  const { misspelt } = yield* Effect.promise(() => import("../wiring/variables.ts"))
  for (const warning of misspelt()) yield* note(warning)
})

interface KeyOptions {
  /** Whether the command may ask the servers if they have applied its change. Default: no. */
  readonly confirms?: boolean | undefined
  /** Whether a missing embedded database is made. Default: yes. */
  readonly makes?: boolean | undefined
}

/** The service `ApiKeys` of the commands. */
export const layerKeys = ({ confirms = false, makes = true }: KeyOptions = {}) =>
  Layer.unwrap(
    Effect.gen(function* () {
      const url = yield* Settings.Url
      yield* noteMisspelt
      if (Option.isSome(url)) return yield* layerServer(url.value)
      const { isNew, layerDatabase, layerUnmade } = yield* Effect.promise(() => import("./database.ts"))
      if (!makes && Option.isSome(yield* isNew)) return layerUnmade
      yield* announceNew
      return layerDatabase({ confirms })
    }),
  )

/** Refuses `--url` for a command that works on the database itself. */
export const onDatabase = (command: string) =>
  Effect.flatMap(Settings.Url, (url) =>
    Option.isSome(url) ? Effect.fail(usage(`${command} works on the database itself: leave --url out`)) : Effect.void,
  )
