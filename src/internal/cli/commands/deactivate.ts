import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Effect from "effect/Effect"
import { DeactivationReason } from "../../../ApiKey.ts"
import { ApiKeys, type DeactivateOptions } from "../../../ApiKeys.ts"
import { changeFlags, key, readChange } from "../changeFlags.ts"
import { orFailure } from "../CliFailure.ts"
import { givenFields } from "../keyFlags.ts"
import { findKey } from "../keyName.ts"
import { printKey } from "../output.ts"

/** Makes a key stop working, until it is activated. @category commands @since 0.1.0 */
export const deactivate = Command.make(
  "deactivate",
  {
    key,
    reason: Flag.Literals("reason", DeactivationReason.literals).pipe(
      Flag.withDescription("Why, for the record. One that is inactive already keeps its own. Default: manual"),
      Flag.optional,
    ),
    ...changeFlags,
  },
  Effect.fnUntraced(function* ({ key, reason, ...flags }) {
    const { id } = yield* findKey(key)
    const options = { ...givenFields<DeactivateOptions>({ reason }), ...readChange(flags) }
    yield* printKey(yield* orFailure((yield* ApiKeys).deactivate(id, options)))
  }),
).pipe(
  Command.withDescription("Make an API key stop working, until it is activated again"),
  Command.withExamples([
    { command: "effect-api-key deactivate 7a74caa3 --reason leaked" },
    { command: "effect-api-key deactivate 7a74caa3 --confirm-within 5s", description: "And be sure that every server knows" },
  ]),
)
