/** Reasons why the hash of another system can't be checked. */
import * as Result from "effect/Result"
import { HasherError, InvalidInput } from "../../ApiKeyError.ts"

/** @category models @since 0.1.0 */
export type Refusal = "UnsupportedHash" | "MalformedHash" | "ParametersOutOfBounds"

/** The failure for a stored hash. */
export const toHasherError = (reason: Refusal): HasherError => new HasherError({ reason })

const explanations = {
  UnsupportedHash: "It isn't a hash of a kind that can be checked here",
  MalformedHash: "It is a broken hash",
  ParametersOutOfBounds: "The hash asks for more work than is allowed",
} as const satisfies Record<Refusal, string>

/** The failure for a hash in a row, which is thrown as in all reading of rows. */
export const orRefuse = <A>(judged: Result.Result<A, Refusal>, field: string): A =>
  Result.getOrThrowWith(judged, (reason) => new InvalidInput({ field, reason: explanations[reason] }))
