/** Judges a token that a scan found, and ends it on request. */
import * as Effect from "effect/Effect"
import type { ApiKey } from "../../ApiKey.ts"
import { type InvalidKey, isRefusal, isUnknownPolicy } from "../../ApiKeyError.ts"
import type { ApiKeys } from "../../ApiKeys.ts"
import type { Find } from "../../scan/Scanner.ts"
import { type CliFailure, fromError } from "./CliFailure.ts"

export interface FoundToken {
  /** `ended`: the token worked, and was ended now. */
  readonly status: "works" | "ended" | "inactive" | "expired" | "unknown"
  /** The token's key. The judgement doesn't count as a use of the key. */
  readonly apiKey: ApiKey | null
}

/** Asks the store about the token. With `ends`, the same step ends a token that works. */
export const judgeFound = (
  apiKeys: ApiKeys["Service"],
  { token, keyId }: Find,
  { ends }: { readonly ends: boolean },
): Effect.Effect<FoundToken, CliFailure> => {
  const judged = ends
    ? Effect.map(apiKeys.revoke(token, { reason: "leaked" }), ({ apiKey }): FoundToken => ({ status: "ended", apiKey }))
    : Effect.map(apiKeys.verify(token, { maxAge: 0, countsAsUse: false }), ({ apiKey }): FoundToken => ({ status: "works", apiKey }))
  return judged.pipe(
    // Policies are read after the secret was verified, so the token works.
    Effect.catchIf(isUnknownPolicy, () => describeWorking(apiKeys, keyId)),
    Effect.catchIf(isRefusal, (refusal) => describeRefused(apiKeys, keyId, refusal)),
    // The key was deleted meanwhile.
    Effect.catchTag("ApiKeyNotFound", () => Effect.succeed<FoundToken>({ status: "unknown", apiKey: null })),
    Effect.mapError((error) => fromError(error)),
  )
}

const describeWorking = (apiKeys: ApiKeys["Service"], keyId: string) =>
  apiKeys.getByKeyId(keyId).pipe(
    Effect.map((apiKey): FoundToken => ({ status: "works", apiKey })),
    Effect.catchTag("NotFound", () => Effect.succeed<FoundToken>({ status: "works", apiKey: null })),
  )

const describeRefused = (apiKeys: ApiKeys["Service"], keyId: string, refusal: InvalidKey) => {
  const status = statusOf(refusal)
  // A key with this key id may exist, but the token isn't its token. So nothing is told of that key.
  if (status === "unknown") return Effect.succeed<FoundToken>({ status, apiKey: null })
  return apiKeys.getByKeyId(keyId).pipe(
    Effect.map((apiKey): FoundToken => ({ status, apiKey })),
    Effect.catchTag("NotFound", () => Effect.succeed<FoundToken>({ status, apiKey: null })),
  )
}

const statusOf = ({ _tag }: InvalidKey): FoundToken["status"] => {
  switch (_tag) {
    case "Inactive":
      return "inactive"
    case "Expired":
      return "expired"
    case "MalformedToken":
    case "NotFound":
    case "InvalidSecret":
      return "unknown"
    // The secret is right, and the token works for other scopes, or at another time or place.
    case "InsufficientScope":
    case "IpNotAllowed":
    case "PolicyRefused":
    case "RateLimited":
    case "QuotaExceeded":
      return "works"
  }
}
