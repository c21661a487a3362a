import { SecureRandom } from "effect/crypto/SecureRandom"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import { KeyId } from "./ApiKey.ts"
import { MalformedToken } from "./ApiKeyError.ts"
export declare const maxTokenLength = 512
export interface TokenParts {
  readonly prefix: string
  readonly keyId: KeyId
  readonly secret: Redacted.Redacted
}
export interface TokenFormat {
  readonly prefix: string
  readonly parse: (token: string) => Result.Result<TokenParts, MalformedToken>
  readonly keyIdOf?: (token: string) => string | undefined
  readonly format: (parts: TokenParts) => Redacted.Redacted
  readonly generate: Effect.Effect<TokenParts, never, SecureRandom>
  readonly hint: (secret: Redacted.Redacted) => string
}
export interface TokenConfig {
  readonly prefix?: string
  readonly separator?: "-" | "_" | "." | "~" | ":"
}
declare const InvalidTokenConfig_base: Schema.Class<
  InvalidTokenConfig,
  Schema.TaggedStruct<
    "InvalidTokenConfig",
    {
      readonly reason: Schema.String
    }
  >,
  import("effect/Cause").YieldableError
>
export declare class InvalidTokenConfig extends InvalidTokenConfig_base {
  get message(): string
}
export declare const make: (config?: TokenConfig) => Result.Result<TokenFormat, InvalidTokenConfig>
export declare const defaultFormat: TokenFormat
export declare const parse: (token: string, format?: TokenFormat) => Result.Result<TokenParts, MalformedToken>
export declare const schema: (format?: TokenFormat) => Schema.Codec<TokenParts, string>
export declare const regex: (config?: TokenConfig) => Result.Result<RegExp, InvalidTokenConfig>
export declare const checksum: (text: string) => string
export {}
