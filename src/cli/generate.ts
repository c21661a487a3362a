import { layerWebCrypto } from "effect/crypto/SecureRandom"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as ApiKeyToken from "../ApiKeyToken.ts"

export interface Generated {
  readonly token: string
  readonly prefix: string
  readonly keyId: string
}

/** Makes tokens that are stored nowhere. */
export const generate = Effect.fnUntraced(function* (
  config: ApiKeyToken.TokenConfig,
  count: number,
): Effect.fn.Return<ReadonlyArray<Generated>, ApiKeyToken.InvalidTokenConfig> {
  const format = yield* Effect.fromResult(ApiKeyToken.make(config))
  const one = Effect.map(format.generate, (parts) => ({
    token: Redacted.value(format.format(parts)),
    prefix: parts.prefix,
    keyId: parts.keyId,
  }))
  return yield* Effect.forEach(Array.from({ length: count }), () => one).pipe(Effect.provide(layerWebCrypto))
})

export const maxCount = 10_000

/** As the command prints them; `undefined` if the configuration makes no tokens. */
export const generateText = ({
  prefix,
  separator,
  count,
  isJson,
}: Required<ApiKeyToken.TokenConfig> & { readonly count: number; readonly isJson: boolean }): string | undefined =>
  Option.getOrUndefined(
    Option.map(Exit.getSuccess(Effect.runSyncExit(generate({ prefix, separator }, count))), (tokens) =>
      tokens.map(({ token, prefix, keyId }) => `${isJson ? JSON.stringify({ token, prefix, keyId }) : token}\n`).join(""),
    ),
  )
