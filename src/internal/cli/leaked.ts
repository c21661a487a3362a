/** What is known of a token that was found where it shouldn't be, and what is done about it. */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { type ApiKey, KeyId } from "../../ApiKey.ts"
import type { Find } from "../../scan/Scanner.ts"
import { type CliFailure, fromError } from "./CliFailure.ts"
import type { KeysBackend } from "./KeysBackend.ts"

export interface Leaked {
  /** `ended`: it worked until now. */
  readonly status: "works" | "ended" | "inactive" | "expired" | "unknown"
  /** Whose it is. That its token was looked at is no use of it. */
  readonly apiKey: ApiKey | null
}

/** How often a token is judged again, as each of many writes to its key lets one of them through. */
const maxAttempts = 10

export const lookInto = (
  backend: KeysBackend["Service"],
  find: Find,
  end: boolean,
  attempts = maxAttempts,
): Effect.Effect<Leaked, CliFailure> =>
  Effect.gen(function* () {
    const { token, keyId } = find
    const { items } = yield* backend.search({ keyId: KeyId.make(keyId), limit: 1 })
    const apiKey = items[0] ?? null
    const verdict = yield* backend.verify(token, [], { maxAge: 0, countsAsUse: false })
    if (!verdict.valid) {
      switch (verdict.error._tag) {
        case "Inactive":
          return { status: "inactive", apiKey }
        case "Expired":
          return { status: "expired", apiKey }
        case "MalformedToken":
        case "NotFound":
        case "InvalidSecret":
        case "InsufficientScope":
        case "PolicyRefused":
          // The key id may be somebody's all the same: nothing is said of their key for a token that isn't theirs.
          return { status: "unknown", apiKey: null }
      }
    }
    if (!end) return { status: "works", apiKey }
    const { id, version: ifVersion } = verdict.verified.apiKey
    if (Option.isSome(backend.apiKeys)) {
      yield* Effect.mapError(backend.apiKeys.value.revoke(token, { reason: "leaked" }), (error) => fromError(error))
    } else {
      // Only the state in which the token was judged: it is judged again if the key was rotated meanwhile.
      const ended =
        verdict.verified.usedToken === "previous"
          ? backend.endGrace(id, { ifVersion })
          : backend.deactivate(id, { reason: "leaked", ifVersion })
      const conflict = yield* Effect.as(ended, undefined).pipe(
        Effect.catchIf(
          ({ tag }) => tag === "VersionConflict" && attempts > 0,
          (failure) => Effect.succeed(failure),
        ),
      )
      if (conflict !== undefined) return yield* lookInto(backend, find, end, attempts - 1)
    }
    return { status: "ended", apiKey }
  })
