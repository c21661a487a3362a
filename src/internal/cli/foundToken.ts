/** Judges a token that was found where it shouldn't be, and ends it. */
import * as Effect from "effect/Effect"
import type { ApiKey } from "../../ApiKey.ts"
import { type InvalidKey, isRefusal, isUnknownPolicy } from "../../ApiKeyError.ts"
import type { ApiKeys } from "../../ApiKeys.ts"
import type { Find } from "../../scan/Scanner.ts"
import { type CliFailure, fromError } from "./CliFailure.ts"

export interface FoundToken {
  /** `ended`: it worked until now. */
  readonly status: "works" | "ended" | "inactive" | "expired" | "unknown"
  /** Whose it is. That its token was looked at is no use of it. */
  readonly apiKey: ApiKey | null
}

/** Asks the store what the token is good for; with `ends` it is ended if it works, in one step with the question. */
export const judgeFound = (
  apiKeys: ApiKeys["Service"],
  { token, keyId }: Find,
  { ends }: { readonly ends: boolean },
): Effect.Effect<FoundToken, CliFailure> => {
  const judged = ends
    ? Effect.map(apiKeys.revoke(token, { reason: "leaked" }), ({ apiKey }): FoundToken => ({ status: "ended", apiKey }))
    : Effect.map(apiKeys.verify(token, { maxAge: 0, countsAsUse: false }), ({ apiKey }): FoundToken => ({ status: "works", apiKey }))
  return judged.pipe(
    // The secret was proven before the policies were read.
    Effect.catchIf(isUnknownPolicy, () => describeWorking(apiKeys, keyId)),
    Effect.catchIf(isRefusal, (refusal) => describeRefused(apiKeys, keyId, refusal)),
    // Deleted between the question and the end.
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
  // The key id may be a key's all the same. Nothing is told of that key for a token that isn't its own.
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
    // The secret is right, and the key works: for other scopes, or at another time or place.
    case "InsufficientScope":
    case "PolicyRefused":
      return "works"
  }
}
