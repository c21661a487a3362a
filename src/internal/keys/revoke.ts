/** Ends tokens that are presented. */
import * as Digest from "effect/crypto/Digest"
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import type * as Redacted from "effect/Redacted"
import type * as Model from "../../ApiKey.ts"
import type { ApiKeyNotFound, VerifyError } from "../../ApiKeyError.ts"
import type { ReportSupport } from "../../ApiKeyRepository.ts"
import type { Verifier } from "../verifier/verifier.ts"
import { again } from "./again.ts"
import type { Revoked, RevokeOptions } from "./model.ts"
import type * as Rotate from "./rotate.ts"
import type * as Update from "./update.ts"

export interface Dependencies {
  readonly prove: Verifier["prove"]
  readonly reports: ReportSupport
  readonly digests: Digest.Digest["Service"]
  readonly endPrevious: ReturnType<typeof Rotate.make>["endPrevious"]
  readonly deactivate: ReturnType<typeof Update.make>["deactivateRecord"]
}

export const make = ({ prove, reports, digests, endPrevious, deactivate }: Dependencies) =>
  Effect.fn("ApiKeys.revoke")(function* (
    token: string | Redacted.Redacted,
    { reason, report }: RevokeOptions,
  ): Effect.fn.Return<Revoked, VerifyError | ApiKeyNotFound> {
    const digest = report === undefined ? undefined : yield* digests.digestHex(Digest.sha256, new TextEncoder().encode(report))
    const nameFor = (keyId: Model.KeyId) => `${digest} ${keyId}`
    const remember = (keyId: Model.KeyId) =>
      digest === undefined ? Effect.void : Effect.flatMap(DateTime.now, (at) => reports.remember(nameFor(keyId), at))
    // A turn ends only the state that was judged: a rotation in between makes the token the previous one.
    const revokeOnce = Effect.gen(function* () {
      const { apiKey, usedToken } = yield* prove(token)
      const { id, version: ifVersion, previous } = apiKey
      const keyId = usedToken === "previous" && previous !== null ? previous.keyId : apiKey.keyId
      // The report is looked for after the key was read: a key that is activated since is at another version.
      if (digest !== undefined && (yield* reports.isKnown(nameFor(keyId)))) return { apiKey, usedToken, isEnded: false }
      const ended = yield* usedToken === "previous" ? endPrevious("revoke", id, { keyId }) : deactivate("revoke", id, { reason, ifVersion })
      yield* remember(keyId)
      return { apiKey: ended, usedToken, isEnded: true }
    })
    // The report is remembered for a token that had ended already, so a repeated report doesn't end the token again.
    return yield* Effect.tapError(again(revokeOnce), (error) =>
      error._tag === "Inactive" || error._tag === "Expired" ? remember(error.keyId) : Effect.void,
    )
  })
