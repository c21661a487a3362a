import type * as Config from "effect/Config"
import * as Layer from "effect/Layer"
import type { ApiKeyHasher } from "../ApiKeyHasher.ts"
import * as Argon2id from "../internal/hasher/argon2id.ts"
import * as Pepper from "./Pepper.ts"
export type { Options, Parameters } from "../internal/hasher/argon2id.ts"
export declare const layer: (options?: Argon2id.Options) => Layer.Layer<ApiKeyHasher, Pepper.PepperTooShort>
export declare const layerPeppers: (
  options?: Omit<Argon2id.Options, "pepper">,
) => Layer.Layer<ApiKeyHasher, Pepper.PepperError, Pepper.Peppers>
export declare const layerConfig: (
  options?: Omit<Argon2id.Options, "pepper">,
) => Layer.Layer<ApiKeyHasher, Pepper.PepperError | Config.ConfigError>
