import type * as Config from "effect/Config"
import * as Layer from "effect/Layer"
import type { ApiKeyHasher } from "../ApiKeyHasher.ts"
import * as Pepper from "./Pepper.ts"
export interface Options extends Pepper.PepperOptions {
  readonly cost?: number | undefined
  readonly maximumCost?: number | undefined
}
export declare const layer: (options?: Options) => Layer.Layer<ApiKeyHasher, Pepper.PepperTooShort>
export declare const layerPeppers: (options?: Omit<Options, "pepper">) => Layer.Layer<ApiKeyHasher, Pepper.PepperError, Pepper.Peppers>
export declare const layerConfig: (options?: Omit<Options, "pepper">) => Layer.Layer<ApiKeyHasher, Pepper.PepperError | Config.ConfigError>
