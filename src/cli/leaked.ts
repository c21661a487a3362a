/** What is known of a token that was found where it shouldn't be, and what is done about it. */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { type ApiKey, KeyId } from "../ApiKey.ts"
import type { Find } from "../scan/Scanner.ts"
import { type CliFailure, fromError } from "./CliFailure.ts"
import type { KeysBackend } from "./KeysBackend.ts"

export interface Leaked {
  /** `ended`: it worked until now. */
  readonly status: "works" | "ended" | "inactive" | "expired" | "unknown"
  /** Whose it is. That its token was looked at is no use of it. */
  readonly apiKey: ApiKey | null
}

export const lookInto = (backend: KeysBackend["Service"], { token, keyId }: Find, end: boolean): Effect.Effect<Leaked, CliFailure> =>
  Effect.gen(function* () {
    const { items } = yield* backend.search({ keyId: KeyId.make(keyId), limit: 1 })
    const apiKey = items[0] ?? null
    const verdict = yield* backend.verify(token, [], { maxAge: 0, countsAsUse: false })
    if (!verdict.valid) {
      switch (verdict.error._tag) {
        case "Inactive":
          return { status: "inactive", apiKey }
        case "Expired":
          return { status: "expired", apiKey }
        default:
          // The key id may be somebody's all the same: nothing is said of their key for a token that isn't theirs.
          return { status: "unknown", apiKey: null }
      }
    }
    if (!end) return { status: "works", apiKey }
    const { id } = verdict.verified.apiKey
    yield* Option.match(backend.apiKeys, {
      onSome: (apiKeys) => Effect.asVoid(Effect.mapError(apiKeys.revoke(token, { reason: "leaked" }), (error) => fromError(error))),
      onNone: () =>
        Effect.asVoid(verdict.verified.usedToken === "previous" ? backend.endGrace(id, {}) : backend.deactivate(id, { reason: "leaked" })),
    })
    return { status: "ended", apiKey }
  })
