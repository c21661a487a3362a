import * as Command from "effect/cli/Command"
import * as Effect from "effect/Effect"
import { ApiKeys } from "../../../ApiKeys.ts"
import { changeFlags, key, named, readConfirmedChange, yes } from "../changeFlags.ts"
import { orFailure } from "../CliFailure.ts"
import { confirm, findKey } from "../keyName.ts"
import { printKey } from "../output.ts"

/** Ends a key's previous token. @category commands @since 0.1.0 */
export const endGrace = Command.make(
  "end-grace",
  { key, yes, ...changeFlags },
  Effect.fnUntraced(function* ({ key, ...flags }) {
    const found = yield* findKey(key)
    if (found.previous !== null) yield* confirm(`End the previous token of ${named(found)} at once?`, flags.yes)
    yield* printKey(yield* orFailure((yield* ApiKeys).endGrace(found.id, readConfirmedChange(flags, found))))
  }),
).pipe(
  Command.withDescription("End the token from before a rotation at once"),
  Command.withExamples([{ command: "effect-api-key end-grace 7a74caa3 --yes" }]),
)
