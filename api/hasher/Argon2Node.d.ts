import type * as Config from "effect/Config"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import type { ApiKeyHasher } from "../ApiKeyHasher.ts"
import * as Argon2id from "../internal/hasher/argon2id.ts"
import * as Pepper from "./Pepper.ts"
export type { Options, Parameters } from "../internal/hasher/argon2id.ts"
declare const Argon2Unavailable_base: Schema.Class<
  Argon2Unavailable,
  Schema.TaggedStruct<"Argon2Unavailable", {}>,
  import("effect/Cause").YieldableError
>
export declare class Argon2Unavailable extends Argon2Unavailable_base {
  get message(): string
}
export declare const layer: (options?: Argon2id.Options) => Layer.Layer<ApiKeyHasher, Pepper.PepperTooShort | Argon2Unavailable>
export declare const layerPeppers: (
  options?: Omit<Argon2id.Options, "pepper">,
) => Layer.Layer<ApiKeyHasher, Pepper.PepperError | Argon2Unavailable, Pepper.Peppers>
export declare const layerConfig: (
  options?: Omit<Argon2id.Options, "pepper">,
) => Layer.Layer<ApiKeyHasher, Pepper.PepperError | Argon2Unavailable | Config.ConfigError>
