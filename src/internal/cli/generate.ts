import { layerWebCrypto } from "effect/crypto/SecureRandom"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import * as ApiKeyToken from "../../ApiKeyToken.ts"

/** The schema is apart from `Json.ts`, which takes long to load (decision 0017). */
export const Generated = Schema.Struct({ token: Schema.String, prefix: Schema.String, keyId: Schema.String })
const encode = Schema.encodeSync(Generated)

/** Makes tokens that are stored nowhere. */
export const generate = Effect.fnUntraced(function* (
  config: ApiKeyToken.TokenConfig,
  count: number,
): Effect.fn.Return<ReadonlyArray<typeof Generated.Type>, ApiKeyToken.InvalidTokenConfig> {
  const format = yield* Effect.fromResult(ApiKeyToken.make(config))
  const one = Effect.map(format.generate, (parts) => ({
    token: Redacted.value(format.format(parts)),
    prefix: parts.prefix,
    keyId: parts.keyId,
  }))
  return yield* Effect.forEach(Array.from({ length: count }), () => one).pipe(Effect.provide(layerWebCrypto))
})

export const maxCount = 10_000

/** The output of the command, or `undefined` if the configuration is invalid. */
export const generateText = ({
  prefix,
  separator,
  count,
  isJson,
}: Required<ApiKeyToken.TokenConfig> & { readonly count: number; readonly isJson: boolean }): string | undefined =>
  Option.getOrUndefined(
    Option.map(Exit.getSuccess(Effect.runSyncExit(generate({ prefix, separator }, count))), (tokens) =>
      tokens.map((each) => `${isJson ? JSON.stringify(encode(each)) : each.token}\n`).join(""),
    ),
  )
