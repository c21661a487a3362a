/**
 * The other systems whose tokens the server and the command line take, by configuration. An adapter is loaded only if it is named. Of the
 * options for reading rows, only the owner can be given here. Columns and scopes need an application's code.
 */
import * as Config from "effect/Config"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import * as Variable from "../config/variable.ts"
import type { LegacyTokens } from "../../LegacyTokens.ts"
import { loadPackage, type MissingPackage } from "./loadPackage.ts"

/** The names in `API_KEY_ADAPTERS` and `--from`. */
export const adapterNames = ["better-auth", "django", "fastapi-api-key", "keypal", "prefixed-api-key", "sha256", "unkey"] as const

export type AdapterName = (typeof adapterNames)[number]

/** An adapter that `API_KEY_ADAPTERS` names lacks an option. @category errors @since 0.1.0 */
export class AdapterOptionMissing extends Schema.TaggedError<AdapterOptionMissing>()("AdapterOptionMissing", {
  adapter: Schema.String,
  variable: Schema.String,
  expected: Schema.String,
}) {
  override get message(): string {
    return `${this.variable} isn't set, which the adapter ${this.adapter} needs: ${this.expected}`
  }
}

/** The options of reading rows, as opposed to checking tokens. */
export interface RowOptions {
  /** Replaces the configured prefix. */
  readonly prefix?: string | undefined
  readonly owner?: string | ReadonlyArray<string> | undefined
}

/** The labels of each system's hashes. Several systems share the labels of plain digests. */
export const hashLabels: Readonly<Record<AdapterName, ReadonlyArray<string>>> = {
  "better-auth": ["legacy-sha256"],
  django: ["legacy-django"],
  "fastapi-api-key": ["legacy-fastapi"],
  keypal: ["legacy-sha256", "legacy-sha512"],
  "prefixed-api-key": ["legacy-sha256"],
  sha256: ["legacy-sha256"],
  unkey: ["legacy-sha256"],
}

type Failure = Config.ConfigError | MissingPackage | AdapterOptionMissing

/**
 * Gives one adapter, or several if an adapter takes only one prefix. Without `rows` the adapter checks tokens, and may need more options.
 */
type Make = (rows?: RowOptions) => Effect.Effect<ReadonlyArray<LegacyTokens>, Failure>

const optional = <A>(config: Config.Config<A>): Config.Config<A | undefined> => Config.map(Config.option(config), Option.getOrUndefined)

/** The starts of tokens, with commas between them. */
const prefixes = (variable: string): Config.Config<ReadonlyArray<string> | undefined> =>
  optional(
    Variable.list(
      variable,
      /^[\x21-\x2b\x2d-\x7e]{1,64}$/,
      "the start of the tokens, or several with commas between them, such as shop_ or shop_,old_",
    ),
  )

const chosen = (rows: RowOptions | undefined, prefix: ReadonlyArray<string> | undefined): string | ReadonlyArray<string> | undefined =>
  rows?.prefix ?? (prefix?.length === 1 ? prefix[0] : prefix)

const required = <A>(
  adapter: AdapterName,
  variable: string,
  expected: string,
  value: A | undefined,
): Effect.Effect<A, AdapterOptionMissing> =>
  value === undefined ? Effect.fail(new AdapterOptionMissing({ adapter, variable, expected })) : Effect.succeed(value)

/** The modules are this package's own, so a failure to load one is a defect. */
const load = <A>(run: () => Promise<A>): Effect.Effect<A> => Effect.promise(run)

const adapters: Readonly<Record<AdapterName, Make>> = {
  "better-auth": Effect.fnUntraced(function* (rows) {
    const prefix = yield* prefixes("API_KEY_ADAPTER_BETTER_AUTH_PREFIX")
    const disableKeyHashing = yield* optional(Variable.flag("API_KEY_ADAPTER_BETTER_AUTH_DISABLE_KEY_HASHING"))
    const { make } = yield* load(() => import("../../legacy/BetterAuth.ts"))
    return [make({ ...rows, prefix: chosen(rows, prefix), disableKeyHashing })]
  }),
  django: Effect.fnUntraced(function* (rows) {
    const prefixLength = yield* optional(Variable.whole("API_KEY_ADAPTER_DJANGO_PREFIX_LENGTH", { minimum: 1, maximum: 64 }))
    const { make } = yield* load(() => import("../../legacy/Django.ts"))
    return [make({ owner: rows?.owner, prefixLength })]
  }),
  "fastapi-api-key": Effect.fnUntraced(function* (rows) {
    const given = yield* optional(Config.Redacted("API_KEY_ADAPTER_FASTAPI_API_KEY_PEPPER"))
    const prefix = yield* prefixes("API_KEY_ADAPTER_FASTAPI_API_KEY_PREFIX")
    const separator = yield* optional(Config.String("API_KEY_ADAPTER_FASTAPI_API_KEY_SEPARATOR"))
    const bcrypt = yield* optional(Variable.word("API_KEY_ADAPTER_FASTAPI_API_KEY_BCRYPT", ["either", "hmac", "concatenated", "none"]))
    const pepper =
      rows === undefined
        ? yield* required(
            "fastapi-api-key",
            "API_KEY_ADAPTER_FASTAPI_API_KEY_PEPPER",
            "the pepper of its hasher (super-secret-pepper unless it was given one)",
            given,
          )
        : Redacted.make("")
    if (rows === undefined && bcrypt !== "none") {
      yield* Effect.mapError(
        loadPackage("fastapi-api-key in API_KEY_ADAPTERS", "@node-rs/bcrypt", () => import("@node-rs/bcrypt")),
        (error) => error.orElse("or, if none of its hashes are of bcrypt, API_KEY_ADAPTER_FASTAPI_API_KEY_BCRYPT=none"),
      )
    }
    const { make } = yield* load(() => import("../../legacy/FastapiApiKey.ts"))
    return [make({ owner: rows?.owner, pepper, prefix: chosen(rows, prefix), separator, bcrypt: bcrypt === "none" ? undefined : bcrypt })]
  }),
  keypal: Effect.fnUntraced(function* (rows) {
    const prefix = yield* prefixes("API_KEY_ADAPTER_KEYPAL_PREFIX")
    const salt = yield* optional(Config.Redacted("API_KEY_ADAPTER_KEYPAL_SALT"))
    const algorithm = yield* optional(Variable.word("API_KEY_ADAPTER_KEYPAL_ALGORITHM", ["sha256", "sha512"]))
    const { make } = yield* load(() => import("../../legacy/Keypal.ts"))
    return [make({ owner: rows?.owner, prefix: chosen(rows, prefix), salt, algorithm })]
  }),
  "prefixed-api-key": Effect.fnUntraced(function* (rows) {
    const variable = "API_KEY_ADAPTER_PREFIXED_API_KEY_PREFIX"
    const configured = yield* prefixes(variable)
    const given = rows?.prefix === undefined ? configured : [rows.prefix]
    const all = yield* required("prefixed-api-key", variable, "the package's keyPrefix, without the underscore, such as mycompany", given)
    const { make } = yield* load(() => import("../../legacy/PrefixedApiKey.ts"))
    return all.map((prefix) => make({ owner: rows?.owner, prefix }))
  }),
  sha256: Effect.fnUntraced(function* (rows) {
    const prefix = yield* prefixes("API_KEY_ADAPTER_SHA256_PREFIX")
    const { make } = yield* load(() => import("../../legacy/Sha256.ts"))
    return [make({ owner: rows?.owner, prefix: chosen(rows, prefix) })]
  }),
  unkey: Effect.fnUntraced(function* (rows) {
    const prefix = yield* prefixes("API_KEY_ADAPTER_UNKEY_PREFIX")
    const { make } = yield* load(() => import("../../legacy/Unkey.ts"))
    return [make({ owner: rows?.owner, prefix: chosen(rows, prefix) })]
  }),
}

const isName = (text: string): text is AdapterName => Object.hasOwn(adapters, text)

/** The adapters that `API_KEY_ADAPTERS` names, in its order. */
export const namedAdapters: Effect.Effect<ReadonlyArray<AdapterName>, Config.ConfigError> = Effect.gen(function* () {
  const pattern = new RegExp(`^(?:${adapterNames.join("|")})$`)
  const names = yield* optional(
    Variable.list(
      "API_KEY_ADAPTERS",
      pattern,
      `names with commas between them, such as unkey,sha256, each of them once and out of ${adapterNames.join(", ")}`,
    ),
  )
  return (names ?? []).filter(isName)
})

/** The adapters of the systems that `API_KEY_ADAPTERS` names, for `ApiKeys.Options.legacy`. */
export const loadAdapters: Effect.Effect<ReadonlyArray<LegacyTokens>, Failure> = Effect.flatMap(namedAdapters, (names) =>
  Effect.map(
    Effect.forEach(names, (name) => adapters[name]()),
    (all) => all.flat(),
  ),
)

/** The readers of a system's rows. `API_KEY_ADAPTERS` need not name the system. Its options come from the same variables. */
export const loadRowReaders = (name: AdapterName, rows: RowOptions): Effect.Effect<ReadonlyArray<LegacyTokens>, Failure> =>
  adapters[name](rows)
