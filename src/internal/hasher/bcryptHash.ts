/** bcrypt hashes as strings. */
import * as Result from "effect/Result"

// The last of the salt's 22 characters carries 2 bits, and the last of the hash's 31 characters carries 4. The other bits are zero. A
// hash with other bits there is malformed, but the addon would call the secret wrong.
const pattern = /^\$2[aby]\$(\d\d)\$[./A-Za-z0-9]{21}[.Oeu][./A-Za-z0-9]{30}[.CGKOSWaeimquy26]$/

/** The highest cost of a stored hash, by default. */
export const defaultMaximumCost = 15

/** Judges the whole string before any hashing is done. */
export const parse = (hash: string, maximumCost: number): Result.Result<string, "MalformedHash" | "ParametersOutOfBounds"> => {
  const cost = Number(pattern.exec(hash)?.[1] ?? 0)
  if (cost < 4) return Result.fail("MalformedHash")
  return cost > maximumCost ? Result.fail("ParametersOutOfBounds") : Result.succeed(hash)
}
