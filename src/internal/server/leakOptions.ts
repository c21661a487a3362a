import { readFile } from "node:fs/promises"
import * as Config from "effect/Config"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import type { LeakOptions } from "../http/leakReports.ts"
import * as Variable from "../config/variable.ts"

/** The file that `API_KEY_LEAK_SIGNING_KEYS_FILE` names can't be read, or doesn't hold signing keys. @category errors @since 0.1.0 */
export class SigningKeysUnreadable extends Schema.TaggedError<SigningKeysUnreadable>()("SigningKeysUnreadable", {
  reason: Schema.String,
}) {
  override get message(): string {
    return `API_KEY_LEAK_SIGNING_KEYS_FILE: ${this.reason}`
  }
}

/** The form in which GitHub publishes its keys at https://api.github.com/meta/public_keys/secret_scanning. */
const SigningKeys = Schema.fromJsonString(
  Schema.Struct({ public_keys: Schema.Array(Schema.Struct({ key_identifier: Schema.String, key: Schema.String })) }),
)
const decodeSigningKeys = Schema.decodeUnknownEffect(SigningKeys)

/** Reads the options for leaked tokens from the configuration. */
export const readLeakOptions: Effect.Effect<LeakOptions, SigningKeysUnreadable | Config.ConfigError> = Effect.gen(function* () {
  const { file, ...options } = yield* Config.all({
    file: Config.option(Config.String("API_KEY_LEAK_SIGNING_KEYS_FILE")),
    onReport: Variable.word("API_KEY_LEAKS", ["end", "log"]).pipe(Config.withDefault("end" as const)),
    revokeByPossession: Variable.flag("API_KEY_REVOKE_BY_POSSESSION").pipe(Config.withDefault(false)),
    revocationsPerSecond: Variable.between("API_KEY_REVOCATIONS_PER_SECOND", 0.1, 10_000).pipe(Config.withDefault(10)),
  })
  if (Option.isNone(file)) return options
  const text = yield* Effect.tryPromise({
    try: () => readFile(file.value, "utf8"),
    catch: (cause) => new SigningKeysUnreadable({ reason: cause instanceof Error ? cause.message : String(cause) }),
  })
  const { public_keys: keys } = yield* Effect.mapError(
    decodeSigningKeys(text),
    () => new SigningKeysUnreadable({ reason: `isn't { "public_keys": [{ "key_identifier": "…", "key": "…" }] }` }),
  )
  const signingKeys = keys.map(({ key_identifier: identifier, key: publicKey }) => ({ identifier, publicKey }))
  return { ...options, signingKeys }
})
