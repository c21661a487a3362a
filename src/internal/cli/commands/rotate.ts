import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { maxGraceSeconds } from "../../../ApiKey.ts"
import { ApiKeys, type Created, type RotateOptions } from "../../../ApiKeys.ts"
import { changeFlags, key, named, readChange, readConfirmedChange, yes } from "../changeFlags.ts"
import { orFailure } from "../CliFailure.ts"
import { checkPrefixOf } from "../issuedPrefix.ts"
import { givenFields, string, toggle } from "../keyFlags.ts"
import { confirm, findKey } from "../keyName.ts"
import { printCreated } from "../output.ts"
import { parseDuration } from "../values.ts"

/** Replaces a key's token. @category commands @since 0.1.0 */
export const rotate = Command.make(
  "rotate",
  {
    key,
    grace: string("grace").pipe(
      Flag.withMetavar("time"),
      Flag.withDescription("How long the token so far works on, 0 to 90d. Default: 24h"),
      Flag.filterMap(parseDuration, () => "Expected a time such as 24h, 7d or 0"),
      Flag.filter(
        (grace) => Duration.toSeconds(grace) <= maxGraceSeconds,
        () => "Expected 90d at most",
      ),
      Flag.optional,
    ),
    fromFirstUse: toggle("from-first-use", "Count the grace from the new token's first use"),
    endPrevious: toggle("end-previous", "End the token from before the last rotation, if it still works"),
    yes,
    ...changeFlags,
  },
  Effect.fnUntraced(function* ({ key, grace, fromFirstUse, endPrevious, ...flags }) {
    const found = yield* findKey(key)
    // A grace below a minute may be a slip in the unit, such as `ms` for `m`.
    const isAtOnce = Option.exists(grace, (each) => Duration.toSeconds(each) < 60)
    if (isAtOnce)
      yield* confirm(
        `End the token of ${named(found)} ${Option.exists(grace, Duration.isZero) ? "at once" : "within a minute"}?`,
        flags.yes,
      )
    else if (endPrevious && found.previous !== null) yield* confirm(`End the previous token of ${named(found)} at once?`, flags.yes)
    yield* checkPrefixOf(found)
    const apiKeys = yield* ApiKeys
    const show = (rotated: Created) => printCreated(rotated, "The token was replaced.")
    const rotated = yield* apiKeys
      .rotate(found.id, {
        ...givenFields<RotateOptions>({ grace }),
        ...(fromFirstUse ? { graceFrom: "firstUse" } : {}),
        ...(endPrevious ? { ifPrevious: "end" } : {}),
        ...(isAtOnce || endPrevious ? readConfirmedChange(flags, found) : readChange(flags)),
      })
      .pipe(
        // The rotation took place, and the error holds the only copy of the new token.
        Effect.tapErrorTag("Unconfirmed", ({ token }) =>
          token === undefined
            ? Effect.void
            : Effect.flatMap(
                Effect.orElseSucceed(apiKeys.get(found.id), () => found),
                (apiKey) => show({ apiKey, token }),
              ),
        ),
        orFailure,
      )
    yield* show(rotated)
  }),
).pipe(
  Command.withDescription("Replace an API key's token. The one so far works on for a while"),
  Command.withExamples([
    { command: "effect-api-key rotate 7a74caa3 --grace 7d" },
    {
      command: "effect-api-key rotate 7a74caa3 --grace 0 --end-previous --yes --confirm-within 5s",
      description: "The token has leaked",
    },
  ]),
)
