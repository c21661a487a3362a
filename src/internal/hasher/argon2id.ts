/** The common part of the two Argon2 layers: the parameters, and the algorithm over a function that computes a tag. */
import { randomBytes, timingSafeEqual } from "node:crypto"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import { HasherError } from "../../ApiKeyError.ts"
import { type Argon2Hash, base64, defaultBounds, type Parameters, parse } from "./argon2Hash.ts"
import type * as Keyring from "./keyring.ts"
import type * as Pepper from "../../hasher/Pepper.ts"

export type { Parameters } from "./argon2Hash.ts"

/** `owasp`: 19 MiB, 2 passes, 1 lane. `package`: the `argon2` package's own 64 MiB, 3 passes, 4 lanes. */
const presets = {
  owasp: { memory: 19_456, passes: 2, parallelism: 1 },
  package: { memory: 65_536, passes: 3, parallelism: 4 },
} as const satisfies Record<string, Parameters>

/** @category models @since 0.1.0 */
export interface Options extends Pepper.PepperOptions {
  /** For new hashes. Default: `owasp`, after OWASP's Password Storage Cheat Sheet. */
  readonly parameters?: keyof typeof presets | Parameters | undefined
  /**
   * The highest parameters that a stored hash may ask for, lest a row in the table cause unbounded work. Default: 256 MiB, 16 passes, 16
   * lanes. The values of `parameters` are always allowed. Salt and tag may have up to 64 bytes, and the whole string 512 characters.
   */
  readonly bounds?: Parameters | undefined
}

const saltBytes = 16
const tagBytes = 32

/** Computes a raw Argon2id (version 1.3) tag, off the main thread. */
export type ComputeTag = (input: {
  readonly secret: Uint8Array
  readonly pepper: Uint8Array
  readonly salt: Uint8Array
  readonly length: number
  readonly parameters: Parameters
}) => Effect.Effect<Uint8Array, HasherError>

export const algorithm = (
  computeTag: ComputeTag,
  { parameters: chosen = "owasp", bounds: configured = defaultBounds }: Omit<Options, "pepper">,
): Keyring.Algorithm<Uint8Array, Argon2Hash> => {
  const own = typeof chosen === "string" ? presets[chosen] : chosen
  // A hasher that refused its own hashes would lock every new key out.
  const bounds: Parameters = {
    memory: Math.max(configured.memory, own.memory),
    passes: Math.max(configured.passes, own.passes),
    parallelism: Math.max(configured.parallelism, own.parallelism),
  }
  return {
    // The pepper's bytes are Argon2's secret input, unchanged.
    prepare: (pepper) => pepper,
    scheme: schemeOf(own),
    // Each lane is a thread.
    threads: own.parallelism,
    hash: Effect.fnUntraced(function* (secret, pepper) {
      const salt = randomBytes(saltBytes)
      const tag = yield* computeTag({ secret: bytesOf(secret), pepper, salt, length: tagBytes, parameters: own })
      return `${schemeOf(own)}$${base64(salt)}$${base64(tag)}`
    }),
    supports: (hash) => hash.startsWith("$argon2id$"),
    parse: (hash) => Result.mapError(parse(hash, bounds), (reason) => new HasherError({ reason })),
    verify: (secret, { parameters, salt, tag }, pepper) =>
      Effect.map(computeTag({ secret: bytesOf(secret), pepper, salt, length: tag.length, parameters }), (computed) =>
        timingSafeEqual(computed, tag),
      ),
  }
}

const bytesOf = (secret: Redacted.Redacted): Buffer => Buffer.from(Redacted.value(secret), "utf8")

const schemeOf = ({ memory, passes, parallelism }: Parameters): string => `$argon2id$v=19$m=${memory},t=${passes},p=${parallelism}`
