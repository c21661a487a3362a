/**
 * Answers of `verify` without an effect to be run, for a caller that is within a fiber: a good token in memory is answered by a call, and
 * whatever else by `verify`.
 */
import type * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import type * as Redacted from "effect/Redacted"
import type { VerifyError } from "../../ApiKeyError.ts"
import type { Verified, VerifyOptions } from "./model.ts"

/** `undefined` says nothing of the token. The options leave `maxAge` out, which makes `verify` ask the store. */
export type Recall = (
  token: string,
  options: Omit<VerifyOptions, "maxAge"> & { readonly maxAge?: never },
  context: Context.Context<never>,
) => Verified | undefined

type Verify = (token: string | Redacted.Redacted, options?: VerifyOptions) => Effect.Effect<Verified, VerifyError>

/** By `verify` itself: an application's own, around it say, has none. */
const recalls = new WeakMap<Verify, Recall>()

export const withRecall = (verify: Verify, recall: Recall): Verify => {
  recalls.set(verify, recall)
  return verify
}

/** That of this very `verify`, or one that leaves all to it. */
export const recallOf = (verify: Verify): Recall => recalls.get(verify) ?? (() => undefined)
