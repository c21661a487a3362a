/** Argon2 hashes as strings, in the PHC string format: https://github.com/P-H-C/phc-string-format */
import * as Result from "effect/Result"

/** The work that a hash takes. @category models @since 0.1.0 */
export interface Parameters {
  /** Memory in KiB. */
  readonly memory: number
  /** Passes over the memory. */
  readonly passes: number
  /** Lanes. */
  readonly parallelism: number
}

export interface Argon2Hash {
  readonly algorithm: "argon2id" | "argon2i" | "argon2d"
  readonly parameters: Parameters
  readonly salt: Uint8Array
  readonly tag: Uint8Array
}

export const defaultBounds: Parameters = { memory: 262_144, passes: 16, parallelism: 16 }
const maxSaltBytes = 64
const maxTagBytes = 64
const maxHashLength = 512

const pattern =
  /^\$(argon2(?:id|i|d))\$v=19\$m=([1-9]\d{0,9}),t=([1-9]\d{0,9}),p=([1-9]\d{0,9})\$([A-Za-z0-9+/]{11,})\$([A-Za-z0-9+/]{6,})$/

/** Judges the whole string before any hashing is done. */
export const parse = (hash: string, bounds: Parameters): Result.Result<Argon2Hash, "MalformedHash" | "ParametersOutOfBounds"> => {
  if (hash.length > maxHashLength) return Result.fail("ParametersOutOfBounds")
  const [, name, memory, passes, parallelism, saltText, tagText] = pattern.exec(hash) ?? []
  if (saltText === undefined || tagText === undefined) return Result.fail("MalformedHash")
  const parameters = { memory: Number(memory), passes: Number(passes), parallelism: Number(parallelism) }
  const salt = Buffer.from(saltText, "base64")
  const tag = Buffer.from(tagText, "base64")
  // A lenient decoder would take several strings for the same bytes. RFC 9106 §3.1 requires 8 KiB a lane.
  if (base64(salt) !== saltText || base64(tag) !== tagText || parameters.memory < 8 * parameters.parallelism) {
    return Result.fail("MalformedHash")
  }
  if (
    parameters.memory > bounds.memory ||
    parameters.passes > bounds.passes ||
    parameters.parallelism > bounds.parallelism ||
    salt.length > maxSaltBytes ||
    tag.length > maxTagBytes
  ) {
    return Result.fail("ParametersOutOfBounds")
  }
  // RFC 9106 allows tags of 4 bytes, which could be guessed.
  if (tag.length < 16) return Result.fail("MalformedHash")
  return Result.succeed({ algorithm: name === "argon2id" || name === "argon2i" ? name : "argon2d", parameters, salt, tag })
}

/** Without padding, as the PHC format requires. */
export const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString("base64").replace(/=+$/, "")
