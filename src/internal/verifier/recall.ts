/**
 * Answers `verify` by a call, without an effect, for a caller within a fiber. A good token in memory is answered so. Any other token is
 * left to `verify`.
 */
import type * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import type * as Redacted from "effect/Redacted"
import type { VerifyError } from "../../ApiKeyError.ts"
import type { Verified, VerifyOptions } from "./model.ts"

/** `undefined` says nothing of the token. The options have no `maxAge`, as it makes `verify` ask the store. */
export type Recall = (
  token: string,
  options: Omit<VerifyOptions, "maxAge"> & { readonly maxAge?: never },
  context: Context.Context<never>,
) => Verified | undefined

type Verify = (token: string | Redacted.Redacted, options?: VerifyOptions) => Effect.Effect<Verified, VerifyError>

/** The `Recall` of each `verify`. An application's own function around `verify` has none. */
const recalls = new WeakMap<Verify, Recall>()

export const withRecall = (verify: Verify, recall: Recall): Verify => {
  recalls.set(verify, recall)
  return verify
}

/** The `Recall` of this very `verify`, or one that leaves every token to `verify`. */
export const recallOf = (verify: Verify): Recall => recalls.get(verify) ?? (() => undefined)
