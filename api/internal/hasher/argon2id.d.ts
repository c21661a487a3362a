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
