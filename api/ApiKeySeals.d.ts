import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import type { HasherError } from "./ApiKeyError.ts"
import type { SealingKeys } from "./internal/token/seal.ts"
export type { SealingKey, SealingKeys } from "./internal/token/seal.ts"
declare const ApiKeySeals_base: Context.ServiceClass<
  ApiKeySeals,
  "effect-api-key/ApiKeySeals",
  {
    readonly keys: Effect.Effect<SealingKeys | undefined, HasherError>
    readonly reload?: Effect.Effect<void>
  }
>
export declare class ApiKeySeals extends ApiKeySeals_base {}
