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

// internal/hasher/argon2Hash.d.ts
export interface Parameters {
  readonly memory: number
  readonly passes: number
  readonly parallelism: number
}

export interface Argon2Hash {
  readonly algorithm: "argon2id" | "argon2i" | "argon2d"
  readonly parameters: Parameters
  readonly salt: Uint8Array
  readonly tag: Uint8Array
}

// internal/hasher/argon2id.d.ts
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

export interface Options extends Pepper.PepperOptions {
  readonly parameters?: keyof typeof presets | Parameters | undefined
  readonly bounds?: Parameters | undefined
}

export type ComputeTag = (input: {
  readonly secret: Uint8Array
  readonly pepper: Uint8Array
  readonly salt: Uint8Array
  readonly length: number
  readonly parameters: Parameters
}) => Effect.Effect<Uint8Array, HasherError>

export declare const algorithm: (
  computeTag: ComputeTag,
  { parameters: chosen, bounds: configured }: Omit<Options, "pepper">,
) => Keyring.Algorithm<Uint8Array, Argon2Hash>

// internal/hasher/keyring.d.ts
interface Keys<K> {
  readonly ring: Pepper.PepperRing
  readonly currentId: string
  readonly current: K
  readonly byId: ReadonlyMap<string, K>
}

export type Keyring<K> = Effect.Effect<Keys<K>, HasherError>

export interface Algorithm<K, Parsed> {
  readonly prepare: (pepper: Uint8Array) => K
  readonly scheme: string
  readonly supports: (hash: string) => boolean
  readonly threads?: number
  readonly hash: (secret: Redacted.Redacted, key: K) => Effect.Effect<string, HasherError>
  readonly parse: (hash: string) => Result.Result<Parsed, HasherError>
  readonly verify: (secret: Redacted.Redacted, parsed: Parsed, key: K) => Effect.Effect<boolean, HasherError>
}

export declare const layer: <K, Parsed>(
  algorithm: Algorithm<K, Parsed>,
  options: Pepper.PepperOptions,
) => Layer.Layer<ApiKeyHasher, Pepper.PepperTooShort>

export declare const layerPeppers: <K, Parsed>(
  algorithm: Algorithm<K, Parsed>,
) => Layer.Layer<ApiKeyHasher, Pepper.PepperError, Pepper.Peppers>

export declare const fromPeppers: <K>(prepare: (pepper: Uint8Array) => K) => Effect.Effect<Keyring<K>, Pepper.PepperError, Pepper.Peppers>
