import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Effect from "effect/Effect"
import { DeactivationReason } from "../../../ApiKey.ts"
import { ApiKeys, type Revoked, type RevokeOptions } from "../../../ApiKeys.ts"
import * as Json from "../Json.ts"
import { givenFields, text } from "../keyFlags.ts"
import { describeKey, type Look, print } from "../output.ts"
import { orRefusal, presentedToken, readPresentedToken } from "../presentedToken.ts"

/** Ends a token from standard input. @category commands @since 0.1.0 */
export const revoke = Command.make(
  "revoke",
  {
    reason: Flag.Literals("reason", DeactivationReason.literals).pipe(
      Flag.withDescription("Why, for the record. Default: leaked"),
      Flag.withDefault("leaked" as const),
    ),
    report: text("report", "What tells one report of a leak from all others: sent again, it leaves a key alone that was activated since"),
    ...presentedToken,
  },
  Effect.fnUntraced(function* ({ reason, report }) {
    const token = yield* readPresentedToken
    const revoked = yield* orRefusal((yield* ApiKeys).revoke(token, { reason, ...givenFields<RevokeOptions>({ report }) }))
    yield* print(Json.Revoked, { valid: true, ...revoked }, (look) => describeRevoked(revoked, look))
  }),
).pipe(
  Command.withDescription("End a token that works: deactivate its key, or end its grace. The token comes on standard input"),
  Command.withExamples([{ command: "effect-api-key revoke < found.txt" }]),
)

const describeRevoked = ({ apiKey, usedToken, isEnded }: Revoked, look: Look): string => {
  const what = !isEnded
    ? "The report was carried out before, and the token works again since"
    : usedToken === "previous"
      ? "The previous token is ended; the key's current one works on"
      : "The key is deactivated"
  return `${look.style(isEnded ? "green" : "yellow", what)}\n\n${describeKey(apiKey, look)}`
}
