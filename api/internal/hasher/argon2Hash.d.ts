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
