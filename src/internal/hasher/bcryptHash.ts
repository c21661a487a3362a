/** bcrypt hashes as strings. */
import * as Result from "effect/Result"

// 22 characters of salt and 31 of hash; the last of each carries fewer than six bits, and the rest of it is zero. The addon calls a hash
// with other bits there wrong, when it is broken.
const pattern = /^\$2[aby]\$(\d\d)\$[./A-Za-z0-9]{21}[.Oeu][./A-Za-z0-9]{30}[.CGKOSWaeimquy26]$/

/** What a stored hash may cost, unless told otherwise. */
export const defaultMaximumCost = 15

/** Judges the whole string before any work is done for it. */
export const parse = (hash: string, maximumCost: number): Result.Result<string, "MalformedHash" | "ParametersOutOfBounds"> => {
  const cost = Number(pattern.exec(hash)?.[1] ?? 0)
  if (cost < 4) return Result.fail("MalformedHash")
  return cost > maximumCost ? Result.fail("ParametersOutOfBounds") : Result.succeed(hash)
}
