/** Makes new tokens, with a seal where there is a key for it. */
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import type { HasherError } from "../../ApiKeyError.ts"
import type { SealingKeys } from "../../ApiKeyHasher.ts"
import type { TokenFormat, TokenParts } from "../../ApiKeyToken.ts"
import { ownFormats } from "../token/ownFormats.ts"
import { sealOf } from "../token/seal.ts"

export interface Minted {
  readonly parts: TokenParts
  /** The id of the key that sealed the token. */
  readonly sealId: string | null
}

export interface Dependencies {
  readonly format: TokenFormat
  readonly generate: Effect.Effect<TokenParts>
  /** A token of a custom format bears no seal, as the format doesn't tell which characters are free. */
  readonly sealingKeys: Effect.Effect<SealingKeys, HasherError> | undefined
}

export const make = ({ format, generate, sealingKeys }: Dependencies): Effect.Effect<Minted, HasherError> => {
  const own = ownFormats.get(format)
  const unsealed = Effect.map(generate, (parts): TokenParts => ({ ...parts, prefix: format.prefix }))
  if (own === undefined || sealingKeys === undefined) return Effect.map(unsealed, (parts) => ({ parts, sealId: null }))
  return Effect.flatMap(sealingKeys, ({ current }) =>
    Effect.map(unsealed, (parts) => {
      const secret = own.sealSecret(parts.keyId, Redacted.value(parts.secret), (text) => sealOf(text, current))
      return { parts: { ...parts, secret: Redacted.make(secret, { label: "secret" }) }, sealId: current.id }
    }),
  )
}
