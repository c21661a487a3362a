import type * as Config from "effect/Config"
import * as Layer from "effect/Layer"
import type { ApiKeyHasher } from "../ApiKeyHasher.ts"
import * as Pepper from "./Pepper.ts"
export declare const layer: (options?: Pepper.PepperOptions) => Layer.Layer<ApiKeyHasher, Pepper.PepperTooShort>
export declare const layerPeppers: Layer.Layer<ApiKeyHasher, Pepper.PepperError, Pepper.Peppers>
export declare const layerConfig: Layer.Layer<ApiKeyHasher, Pepper.PepperError | Config.ConfigError>
