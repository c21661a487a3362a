import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import { HasherError } from "./ApiKeyError.ts"
import type { SealingKey, SealingKeys } from "./internal/token/seal.ts"
export type { SealingKey, SealingKeys }
export interface ConfiguredPepper {
  readonly id: string
  readonly start: string
  readonly isCurrent: boolean
  readonly isBuiltIn: boolean
  readonly makeCheck: Effect.Effect<string, HasherError>
  readonly matches: (check: string) => Effect.Effect<boolean, HasherError>
}
declare const ApiKeyHasher_base: Context.ServiceClass<
  ApiKeyHasher,
  "effect-api-key/ApiKeyHasher",
  {
    readonly hash: (secret: Redacted.Redacted) => Effect.Effect<Redacted.Redacted, HasherError>
    readonly verify: (secret: Redacted.Redacted, hash: Redacted.Redacted) => Effect.Effect<boolean, HasherError>
    readonly threads?: number
    readonly currentScheme?: Effect.Effect<string, HasherError>
    readonly missingPepper?: (scheme: string) => Effect.Effect<string | undefined, HasherError>
    readonly peppers?: Effect.Effect<ReadonlyArray<ConfiguredPepper>, HasherError>
    readonly sealingKeys?: Effect.Effect<SealingKeys, HasherError>
  }
>
export declare class ApiKeyHasher extends ApiKeyHasher_base {}
export declare const several: (first: ApiKeyHasher["Service"], ...others: ReadonlyArray<ApiKeyHasher["Service"]>) => ApiKeyHasher["Service"]
export declare const layerSeveral: <
  First extends Layer.Layer<ApiKeyHasher, unknown, unknown>,
  Others extends ReadonlyArray<Layer.Layer<ApiKeyHasher, unknown, unknown>>,
>(
  first: First,
  ...others: Others
) => Layer.Layer<ApiKeyHasher, Layer.Error<First | Others[number]>, Layer.Services<First | Others[number]>>
export declare const layerEphemeral: Layer.Layer<ApiKeyHasher>
export declare const scheme: (hash: string) => string
export declare const parseScheme: (scheme: string) => {
  readonly algorithm: string
  readonly parameters: string
  readonly pepper: string | null
}
export declare const label: (pepper: string, hash: string) => string
export declare const splitLabel: (hash: string) => {
  readonly pepper: string
  readonly inner: string
}
