import * as Flag from "effect/cli/Flag"
import * as GlobalFlag from "effect/cli/GlobalFlag"
import * as Config from "effect/Config"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type { TokenConfig } from "../../ApiKeyToken.ts"
import { CliFailure } from "./CliFailure.ts"
import { isSeparator, separators } from "./separators.ts"

/** `--json` */
export const Json = GlobalFlag.Setting("effect-api-key/json")({
  flag: Flag.Boolean("json").pipe(
    Flag.withoutNegation,
    Flag.withDescription("Print one JSON object a line, for programs"),
    Flag.withDefault(false),
  ),
})

/** `--no-color` */
export const NoColor = GlobalFlag.Setting("effect-api-key/no-color")({
  flag: Flag.Boolean("no-color").pipe(
    Flag.withoutNegation,
    Flag.withDescription("Don't colour the output of a terminal; nor does NO_COLOR"),
    Flag.withDefault(false),
  ),
})

/** `--url`, a flag of the package's own command line. */
export const Url = GlobalFlag.Setting("effect-api-key/url")({
  flag: Flag.String("url").pipe(
    Flag.withDescription("Work on this server, with the token in EFFECT_API_KEY_TOKEN, instead of a database"),
    Flag.optional,
  ),
})

/** `--allow-plaintext`, a flag of the package's own command line. */
export const AllowPlaintext = GlobalFlag.Setting("effect-api-key/allow-plaintext")({
  flag: Flag.Boolean("allow-plaintext").pipe(
    Flag.withoutNegation,
    Flag.withDescription("With an http: --url of another machine, send tokens in plaintext, over a network that you trust"),
    Flag.withDefault(false),
  ),
})

/**
 * The format of tokens for `generate` and `scan`, unless their flags set another. Default: `API_KEY_PREFIX` and `API_KEY_SEPARATOR`, or else
 * `ak` and `-`.
 * @category services
 * @since 0.1.0
 */
export const TokenFormat: Context.Reference<TokenConfig | undefined> = Context.Reference<TokenConfig | undefined>(
  "effect-api-key/cli/TokenFormat",
  { defaultValue: () => undefined },
)

/** The format of tokens, with its defaults filled in. */
export const tokenFormat: Effect.Effect<Required<TokenConfig>, CliFailure> = Effect.gen(function* () {
  const ofApplication = yield* TokenFormat
  if (ofApplication !== undefined) return { prefix: "ak", separator: "-", ...ofApplication }
  const read = (name: string, otherwise: string) =>
    Effect.map(Effect.orDie(Config.option(Config.String(name))), (text) => Option.getOrElse(text, () => "") || otherwise)
  const prefix = yield* read("API_KEY_PREFIX", "ak")
  const separator = yield* read("API_KEY_SEPARATOR", "-")
  return isSeparator(separator)
    ? { prefix, separator }
    : yield* new CliFailure({ exitCode: 1, tag: "ConfigError", reason: `API_KEY_SEPARATOR must be one of ${separators.join(" ")}` })
})
