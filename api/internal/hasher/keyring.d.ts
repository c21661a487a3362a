interface Keys<K> {
  readonly sealing: SealingKeys
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
