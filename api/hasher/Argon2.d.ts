import * as Config from "effect/Config"
import * as Layer from "effect/Layer"
import { ApiKeyHasher } from "../ApiKeyHasher.ts"
import * as Pepper from "./Pepper.ts"
interface Parameters {
  readonly memory: number
  readonly passes: number
  readonly parallelism: number
}
declare const presets: {
  readonly owasp: {
    readonly memory: 19456
    readonly passes: 2
    readonly parallelism: 1
  }
  readonly package: {
    readonly memory: 65536
    readonly passes: 3
    readonly parallelism: 4
  }
}
interface Options extends Pepper.PepperOptions {
  readonly parameters?: keyof typeof presets | Parameters | undefined
  readonly bounds?: Parameters | undefined
}
export declare const layer: (options?: Options) => Layer.Layer<ApiKeyHasher, Pepper.PepperTooShort>
export declare const layerPeppers: (options?: Omit<Options, "pepper">) => Layer.Layer<ApiKeyHasher, Pepper.PepperError, Pepper.Peppers>
export declare const layerConfig: (options?: Omit<Options, "pepper">) => Layer.Layer<ApiKeyHasher, Pepper.PepperError | Config.ConfigError>
export type { Options, Parameters }
